# What every part of nested/bed uses: where things are, messages, locks, and
# the identity of processes. Sourced by nested/bed.
#
#   $bed_dir/cache/HASH/   an image, made once, never changed (see image.sh)
#   $bed_dir/cache/accel   what `bed probe` found
#   $bed_dir/run/NAME/     everything that belongs to the bed NAME:
#     overlay.qcow2  what dom0 wrote       image      the HASH it belongs to
#     pid            "PID START" of QEMU   port       of the control network
#     console.log    serial console        qemu.log   what QEMU said
#     ssh.ctl        control connection    options    of the last boot
#
# Every one of them may be removed while no bed runs.

bed_src=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bed_top=$(dirname "$bed_src")
bed_dir=${BED_DIR:-$bed_top/.bed}
bed_cache=${BED_CACHE:-$bed_dir/cache}

say()
{
    printf 'bed: %s\n' "$*" >&2
}

# die TEXT [STATUS]: for what the user or the machine got wrong.
die()
{
    printf 'bed: %s\n' "$1" >&2
    exit "${2:-1}"
}

# usage_die TEXT: for a wrong command line.
usage_die()
{
    die "$1 (nested/bed --help tells more)" 2
}

# seconds_since START: tenths included; START is from now_ms.
now_ms()
{
    local t=${EPOCHREALTIME/[.,]/}

    printf '%s\n' "${t%???}"
}

seconds_since()
{
    local ms=$(($(now_ms) - $1))

    printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# need COMMAND...: dies unless they are there.
need()
{
    local c

    for c; do
        command -v "$c" > /dev/null ||
            die "$c is not installed (packages: $bed_src/packages.host)"
    done
}

is_number()
{
    [[ $1 =~ ^[0-9]{1,9}$ ]]
}

# run_dir NAME: where that bed lives.
run_dir()
{
    printf '%s/run/%s\n' "$bed_dir" "$1"
}

# proc_start PID: when it was started, in the kernel's ticks; with the pid it
# names a process for ever. Nothing if there is no such process, or a dead one.
proc_start()
{
    local stat

    { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
    # The name, in parentheses, may hold anything.
    stat=${stat##*) }
    set -- $stat
    [ "$1" != Z ] || return 1
    printf '%s\n' "${20}"
}

# proc_save FILE PID: records who PID is. proc_alive FILE: prints the pid if
# that same process still runs.
proc_save()
{
    local start

    start=$(proc_start "$2") || return 1
    printf '%s %s\n' "$2" "$start" > "$1.new"
    mv "$1.new" "$1"
}

proc_alive()
{
    local pid start

    { read -r pid start < "$1"; } 2>/dev/null || return 1
    [ "$(proc_start "$pid")" = "$start" ] || return 1
    printf '%s\n' "$pid"
}

# proc_kill FILE SIGNAL: only if it is still the one that we started.
proc_kill()
{
    local pid

    pid=$(proc_alive "$1") || return 0
    kill "-$2" "$pid" 2>/dev/null || true
}

# proc_gone FILE SECONDS: waits until it has ended; 1 if it has not.
proc_gone()
{
    local end=$(($(now_ms) + $2 * 1000))

    while proc_alive "$1" > /dev/null; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.05
    done
}
