# Sourced by the tests that run the real daemons on a simulated host.
#
# No root is needed: who runs the test is an operator.  Everything is in one
# temporary directory, $WORK, and is gone at the end.

set -u
BIN=${TOP_BUILDDIR:-.}
. "${TOP_SRCDIR:-.}/tests/check.sh"
WORK=$(mktemp -d) || exit 1
chmod 755 "$WORK"
mkdir -m 755 "$WORK/images" "$WORK/customers"
XEN_VDC_SOCKET=$WORK/policyd.sock
export XEN_VDC_SOCKET
# What a developer may have set must not change what is printed.
LC_ALL=C.UTF-8
export LC_ALL
unset VDC_SIM_FAULT XEN_VDC_HOST XEN_VDC_GUEST
resourced_pid=
policyd_pid=

# ---- the host ----

write_settings() {
    cat >"$WORK/resourced.conf" <<END
database = "$WORK/resourced.db"
sequence = "$WORK/resourced.sequence"
command_address = "memory:$WORK/command.sock"
hypervisor = "sim:state=$WORK/sim.state,${SIM_OPTIONS:-memory=4G,dom0_memory=512M}"
channel_socket = "$WORK/channel.sock"
host_name = "alpha"
dump_dir = "$WORK/dump"
image_dir = "$WORK/resourced-images"
restart_min_interval = 0
END
    mkdir -p "$WORK/dump"
    cat >"$WORK/policyd.conf" <<END
socket = "$WORK/policyd.sock"
database = "$WORK/policyd.db"
placement = "$WORK/placement.conf"
command_address = "memory:$WORK/command.sock"
channel_socket = "$WORK/channel.sock"
host_name = "alpha"
dc_directory = "$WORK/dc"
customer_paths = [ "$WORK/images", "$WORK/customers/%c" ]
operators = [ "$(id -u)" ]
END
}

# Daemons are started as children of this shell, and ended by their number.
start_resourced() {
    "$BIN/resourced/resourced" --config "$WORK/resourced.conf" --foreground \
        >>"$WORK/resourced.log" 2>&1 &
    resourced_pid=$!
}
start_policyd() {
    "$BIN/policyd/policyd" --config "$WORK/policyd.conf" --foreground \
        >>"$WORK/policyd.log" 2>&1 &
    policyd_pid=$!
}
stop_daemon() { # PID [SIGNAL]
    [ -n "$1" ] || return 0
    kill -"${2:-TERM}" "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
stop_resourced() { # [SIGNAL]
    stop_daemon "$resourced_pid" "$@"
    resourced_pid=
}
stop_policyd() { # [SIGNAL]
    stop_daemon "$policyd_pid" "$@"
    policyd_pid=
}

answers() {
    vdc version | grep -q '^hypervisor *[^n ]'
}

# Both daemons on a new simulated host, with a kernel that guests can name.
start_host() {
    write_settings
    echo "a kernel" >"$WORK/images/vmlinuz"
    echo "an initramfs" >"$WORK/images/initramfs"
    chmod 644 "$WORK"/images/*
    start_resourced
    start_policyd
    retry 20 answers || {
        failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
        exit 1
    }
}

# Another host's resourced, for host-add of memory:$WORK/beta.sock.
start_beta() { # [MEMORY]
    sed -e "s|$WORK/resourced|$WORK/beta|g; s|$WORK/command|$WORK/beta|; \
        s|$WORK/sim|$WORK/beta|; s|\"alpha\"|\"beta\"|; \
        s|memory=4G|memory=${1:-4G}|" "$WORK/resourced.conf" >"$WORK/beta.conf"
    "$BIN/resourced/resourced" --config "$WORK/beta.conf" --foreground \
        >>"$WORK/beta.log" 2>&1 &
    beta_pid=$!
}

# A domain file: config FILE [LINE]...
config() {
    file=$1
    shift
    {
        echo 'name = "web"'
        echo 'type = "pvh"'
        echo "kernel = \"$WORK/images/vmlinuz\""
        echo "ramdisk = \"$WORK/images/initramfs\""
        echo 'memory = 64'
        for line in "$@"; do
            echo "$line"
        done
    } >"$WORK/$file"
}

# ---- the command ----

vdc() {
    "$BIN/xl-ext/xl-vdc" "$@"
}
# As another unix account, by number; for root only.
as_user() {
    uid=$1
    shift
    setpriv --reuid "$uid" --regid "$uid" --clear-groups \
        "$BIN/xl-ext/xl-vdc" "$@"
}

# Customers but the provider's own, which is always there.
customers() {
    vdc customer-list -o name | grep -v '^provider$' | tr '\n' ' '
}

# What a JSON file has at a path, as sqlite understands it.
json() { # FILE PATH
    sqlite3 :memory: \
        "SELECT json_extract(CAST(readfile('$1') AS TEXT), '$2')"
}
json_is_valid() {
    [ "$(sqlite3 :memory: \
        "SELECT json_valid(CAST(readfile('$1') AS TEXT))")" = 1 ]
}

# ---- what tests say ----

# check_error TEXT STATUS PATTERN COMMAND...: fails with just this status,
# says something that matches on standard error, and nothing on the other.
check_error() {
    check_ends stderr stdout "$@"
}
# The same, of the one that it is said on and the one that has nothing.
check_ends() { # stdout|stderr stderr|stdout TEXT STATUS PATTERN COMMAND...
    said=$WORK/$1
    empty=$WORK/$2
    text=$3
    want=$4
    pattern=$5
    shift 5
    "$@" >"$WORK/stdout" 2>"$WORK/stderr"
    status=$?
    if [ "$status" = "$want" ] && grep -qE -- "$pattern" "$said" &&
        [ ! -s "$empty" ]; then
        passed "$text"
    else
        failed "$text" "status $status, wanted $want and /$pattern/: $*" \
            "$(cat "$WORK/stderr" "$WORK/stdout")"
    fi
}

# Asks until it is answered; what has a key is the same request each time.
# Exit status 7 is "not reached, or the answer was lost", 8 a time-out, 4 that
# the first try is still being looked into.  A guest whose destroy had lost its
# answer is found to be gone.
insist() { # LOG COMMAND...
    log=$1
    shift
    again=
    while :; do
        "$BIN/xl-ext/xl-vdc" "$@" >"$log.out" 2>&1
        status=$?
        case $status$again$1 in
        0*) return 0 ;;
        7* | 8*) ;;
        4*) grep -qE 'just now|under way' "$log.out" || break ;;
        3againdestroy) return 0 ;;
        *) break ;;
        esac
        again=again
        sleep 0.05
    done
    echo "$*: status $status: $(cat "$log.out")" >>"$log"
    return 1
}

finish() {
    status=$?
    trap - EXIT INT TERM
    stop_policyd
    stop_resourced
    if [ "$n_failed" -gt 0 ]; then
        for log in "$WORK"/*.log; do
            echo "    $log:"
            tail -n 15 "$log" | sed 's/^/        /'
        done
    fi
    rm -rf "$WORK"
    closing_line "$status" || exit 1
    [ "$n_passed" -gt 0 ] || exit 77
    exit 0
}
trap finish EXIT
trap 'exit 1' INT TERM
