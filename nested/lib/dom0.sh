# Into dom0: one ssh connection a bed, made at boot, on which every command is
# only a new session. All of it in the run directory, with the socket named by
# a relative path: a socket's path must be short, and a run directory's need
# not be.

# ssh_options DIR: fills the array sshopt, for a client whose working
# directory is DIR.
ssh_options()
{
    local image

    image=$bed_cache/$(cat "$1/image")
    sshopt=(-F none -o ControlPath=ssh.ctl -o ControlMaster=no
        -o IdentityFile="\"$image/key\"" -o IdentitiesOnly=yes
        -o UserKnownHostsFile="\"$image/known_hosts\""
        -o HostKeyAlias=dom0 -o StrictHostKeyChecking=yes
        -o BatchMode=yes -o ConnectTimeout=20 -o LogLevel=ERROR
        -o GlobalKnownHostsFile=/dev/null -o ForwardX11=no)
}

# ssh_master DIR END: makes the control connection, trying until END (as
# now_ms counts).
ssh_master()
{
    local dir=$1 port

    port=$(cat "$dir/port")
    ssh_options "$dir"
    chmod 0600 "$bed_cache/$(cat "$dir/image")/key"
    while proc_alive "$dir/pid" > /dev/null; do
        rm -f "$dir/ssh.ctl"
        (cd "$dir" && exec setsid ssh "${sshopt[@]}" -M -N \
            -o ControlMaster=yes -p "$port" root@127.0.0.1) \
            < /dev/null > "$dir/ssh.log" 2>&1 {bed_lock}>&- &
        proc_save "$dir/ssh.pid" $!
        while proc_alive "$dir/ssh.pid" > /dev/null; do
            [ ! -S "$dir/ssh.ctl" ] || return 0
            [ "$(now_ms)" -lt "$2" ] || break
            sleep 0.05
        done
        [ "$(now_ms)" -lt "$2" ] || break
        sleep 0.2
    done
    cat "$dir/ssh.log" >&2
    return 1
}

# bed_running: prints the run directory if the bed runs.
bed_running()
{
    local dir

    dir=$(run_dir "$bed_name")
    proc_alive "$dir/pid" > /dev/null || return 1
    printf '%s\n' "$dir"
}

bed_must_run()
{
    dir=$(bed_running) || {
        [ -d "$(run_dir "$bed_name")" ] ||
            die "there is no bed '$bed_name'; run: nested/bed -n $bed_name boot"
        die "$bed_name does not run; run: nested/bed -n $bed_name boot"
    }
}

# quote WORD...: as one line for a POSIX shell.
quote()
{
    local word line=

    for word; do
        line+=" '${word//\'/\'\\\'\'}'"
    done
    printf '%s\n' "${line# }"
}

# dom0_run LINE [SSH OPTION...]: has dom0's shell run LINE; its status.
dom0_run()
{
    local line=$1 status

    shift
    (cd "$dir" && exec ssh "${sshopt[@]}" "$@" -p "$(<port)" \
        root@127.0.0.1 "$line")
    status=$?
    # ssh's own failures end so, too.
    [ $status -ne 255 ] || bed_running > /dev/null ||
        say "$bed_name went away"
    return $status
}

cmd_exec()
{
    local user= stdin=auto line dir

    while [ $# -gt 0 ]; do
        case $1 in
        -u) [ $# -ge 2 ] || usage_die 'exec: -u needs a user'
            user=$2; shift 2 ;;
        -i) stdin=yes; shift ;;
        -n) stdin=no; shift ;;
        --) shift; break ;;
        -*) usage_die "exec: unknown option '$1'" ;;
        *)  break ;;
        esac
    done
    [ $# -ge 1 ] || usage_die 'exec: no command'
    bed_must_run
    ssh_options "$dir"
    # One word is a line for the shell; several are a command as it is.
    if [ $# -eq 1 ]; then line=$1; else line=$(quote "$@"); fi
    [ -z "$user" ] || line=$(dom0_as "$user" "$line")
    if [ $stdin = no ] || { [ $stdin = auto ] && [ -t 0 ]; }; then
        dom0_run "$line" -n
    else
        dom0_run "$line"
    fi
}

# dom0_as USER LINE: prints the line that has USER run LINE.
dom0_as()
{
    [[ $1 =~ ^[a-z_][a-z0-9_-]*$ ]] || usage_die "exec: '$1' is no user name"
    printf 'cd ~%s && exec setpriv --reuid=%s --regid=%s --init-groups ' \
        "$1" "$1" "$1"
    printf 'env -i HOME=~%s USER=%s LOGNAME=%s ' "$1" "$1" "$1"
    printf 'PATH=/usr/local/bin:/usr/bin:/bin sh -c %s\n' "$(quote "$2")"
}

cmd_shell()
{
    local dir

    [ $# -eq 0 ] || usage_die 'shell takes no argument'
    bed_must_run
    ssh_options "$dir"
    dom0_run 'exec bash -l' -t
}

# dom0_copy SRC... DEST: scp; names of dom0 begin with a colon here.
dom0_copy()
{
    local words=() word

    for word; do
        case $word in
        :*) words+=("root@127.0.0.1$word") ;;
        *)  words+=("$(realpath -ms -- "$word")") ;;
        esac
    done
    (cd "$dir" && exec scp "${sshopt[@]}" -rpq -P "$(<port)" -- "${words[@]}")
}

cmd_push()
{
    local dir word words=()

    [ $# -ge 2 ] || usage_die 'push takes SRC... DEST'
    for word in "${@:1:$#-1}"; do
        [ -e "$word" ] || die "push: there is no '$word'"
        words+=("$word")
    done
    bed_must_run
    ssh_options "$dir"
    dom0_copy "${words[@]}" ":${!#}"
}

cmd_pull()
{
    local dir

    [ $# -eq 2 ] || usage_die 'pull takes SRC DEST'
    bed_must_run
    ssh_options "$dir"
    dom0_copy ":$1" "$2"
}

# cmd_install DIR: lays a staged tree over dom0's root. Directories that dom0
# has keep their owner and mode, and links such as /lib stay links. Flushed,
# so that what is installed survives a power cut.
cmd_install()
{
    local dir start

    [ $# -eq 1 ] || usage_die 'install takes DIR'
    [ -d "$1" ] || die "install: '$1' is no directory"
    bed_must_run
    ssh_options "$dir"
    start=$(now_ms)
    tar -C "$1" --owner=0 --group=0 -cf - . | dom0_run 'set -e
        tar -C / --no-overwrite-dir --keep-directory-symlink -xpf -
        ldconfig; sync -f /; systemctl daemon-reload' || exit 1
    say "installed into $bed_name in $(seconds_since "$start") s"
}
