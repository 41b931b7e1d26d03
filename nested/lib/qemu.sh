# Booting and ending a bed: QEMU with Xen, dom0's kernel and initrd.

# Each flag was found by a failure under QEMU 7.2's emulation of Xen 4.17:
# with smap dom0 dies on its way to user space; with rdtscp PVH guests stall
# in the instruction emulator; with avx, xsave and what builds on them
# register contents leak between domains and checksums come out wrong.
tcg_cpu=max,+svm,+npt,-la57,-smap,-smep,-rdtscp,-avx,-avx2,-f16c,-fma,-xsave

# One virtual processor for dom0: with two it booted in 15 s on an idle machine
# and in 57 s, not 23, on a busy one, where a virtual processor that holds a
# lock is often one that does not run.
xen_args='console=com1 com1=115200,8n1 dom0_max_vcpus=1 spec-ctrl=no xpti=no'
# For `xl debug-keys g` of some hundred grants; 16 KiB would hold 250.
xen_args+=' conring_size=128k'
dom0_args='console=hvc0 root=none mitigations=off net.ifnames=0
    systemd.show_status=0 systemd.log_color=0 quiet'

ready_line='bed: dom0 is ready'
# What on the console means that waiting longer is of no use.
fatal_lines='Panic on CPU|Kernel panic|bed: FAILED|no root disk|emergency mode|Could not set up DOM0|FATAL'

# qemu_accel: tcg or kvm, as told or as the probe found.
qemu_accel()
{
    case ${BED_ACCEL:-} in
    tcg|kvm) printf '%s\n' "$BED_ACCEL" ;;
    '')      probe_accel ;;
    *)       die "BED_ACCEL is '$BED_ACCEL', must be tcg or kvm" 2 ;;
    esac
}

# qemu_args: fills the array qemu from the settings of boot_parse, for a bed
# whose run directory is the working directory.
qemu_args()
{
    local accel=$1 image=$2 port=$3 mac cmd wire n=0

    # Different on every bed, the same at each boot of one.
    mac=$(printf '%s' "$bed_name" | md5sum)
    cmd="$dom0_args systemd.hostname=$boot_hostname"
    cmd+=" systemd.machine_id=${mac%% *} bed.addr=$boot_addr"
    cmd=$(printf '%s' "$cmd" | tr -s ' \n' ' ')
    mac=${mac:0:2}:${mac:2:2}:${mac:4:2}

    qemu=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot
        -name "bed-$bed_name" -display none -m "$boot_mem" -smp "$boot_smp"
        -kernel "$image/xen"
        -append "$xen_args dom0_mem=${boot_dom0}M,max:${boot_dom0}M"
        -initrd "${BED_TEST_KERNEL:-$image/vmlinux} $cmd,$image/initrd"
        -serial file:console.log
        -qmp unix:qmp.sock,server=on,wait=off
        -drive "file=overlay.qcow2,if=virtio,format=qcow2,cache=writeback,discard=unmap"
        -netdev "user,id=ctl,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:$port-10.0.2.15:22"
        -device virtio-net-pci,netdev=ctl,mac=52:54:00:12:34:56,romfile=)
    # Datagrams, as they need no order of starting, nor an end that is there.
    for wire in "${boot_wires[@]}"; do
        qemu+=(-netdev "socket,id=wire$n,localaddr=127.0.0.1:${wire%:*},udp=127.0.0.1:${wire#*:}"
            -device "virtio-net-pci,netdev=wire$n,mac=52:55:7$n:$mac,romfile=")
        n=$((n + 1))
    done
    # Owners and modes are in attributes, so QEMU needs not to be root.
    [ -z "$boot_share" ] || qemu+=(
        -fsdev "local,id=share,path=$boot_share,security_model=mapped-xattr"
        -device virtio-9p-pci,fsdev=share,mount_tag=share)
    # dom0's disk and network are virtio and pass the IOMMU by; the device to
    # give away is the last, so that the others keep their places.
    [ "$boot_iommu" = no ] || qemu+=(-machine q35 -device amd-iommu
        -device virtio-rng-pci,addr=1e.0)
    case $accel in
    kvm) qemu+=(-accel kvm -cpu host) ;;
    tcg) qemu+=(-accel tcg,thread=multi -cpu "$tcg_cpu") ;;
    esac
}

# free_port: a port on loopback that nobody has just now, of either protocol.
free_port()
{
    local port i

    for ((i = 0; i < 100; i++)); do
        port=$((20000 + RANDOM % 12000))
        grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X $port) " \
            /proc/net/tcp /proc/net/udp || { printf '%s\n' "$port"; return 0; }
    done
    die 'no free port on loopback'
}

# qemu_start DIR ACCEL IMAGE: starts it in DIR, records who it is, and sees it
# past its first moments. Another process may take the port in between.
qemu_start()
{
    local dir=$1 accel=$2 image=$3 port try

    for try in 1 2 3; do
        port=$(free_port)
        qemu_args "$accel" "$image" "$port"
        : > "$dir/console.log"
        rm -f "$dir/ssh.ctl" "$dir/qmp.sock"
        # A session of its own: Ctrl-C is for us, and we end it.
        (cd "$dir" && exec setsid "${qemu[@]}") \
            < /dev/null > "$dir/qemu.log" 2>&1 {bed_lock}>&- &
        proc_save "$dir/pid" $!
        printf '%s\n' "$port" > "$dir/port"
        printf '%s\n' "$accel" > "$dir/accel"
        sleep 0.2
        proc_alive "$dir/pid" > /dev/null && return 0
        grep -q 'host forwarding' "$dir/qemu.log" || return 1
    done
    return 1
}

# boot_check OPTION VALUE: dies unless it can be one of that option.
boot_check()
{
    case $1 in
    --addr)
        [[ $2 =~ ^[0-9.]+/[0-9]+$ ]] ||
            usage_die "boot: --addr: '$2' is not ADDRESS/BITS" ;;
    --wire)
        [[ $2 =~ ^[0-9]{1,5}:[0-9]{1,5}$ ]] ||
            usage_die "boot: --wire: '$2' is not PORT:PORT" ;;
    --hostname)
        [[ $2 =~ ^[a-z][a-z0-9-]{0,30}$ ]] ||
            usage_die "boot: --hostname: '$2' cannot be a host's name" ;;
    --share)
        [[ -d $2 && $2 != *[,:]* ]] ||
            usage_die "boot: --share: '$2' is no directory, or has , or :" ;;
    *)
        is_number "$2" || usage_die "boot: $1: '$2' is not a number" ;;
    esac
}

# boot_parse ARGS: into boot_*.
boot_parse()
{
    boot_persist=no boot_timeout=90 boot_mem=2048 boot_smp=2 boot_dom0=1024
    boot_addr=10.77.0.1/24 boot_iommu=no boot_share= boot_hostname=$bed_name
    boot_wires=()
    while [ $# -gt 0 ]; do
        case $1 in
        --persist) boot_persist=yes; shift; continue ;;
        --iommu) boot_iommu=yes; shift; continue ;;
        --timeout|--mem|--smp|--dom0-mem|--addr|--wire|--share|--hostname)
            [ $# -ge 2 ] || usage_die "boot: $1 needs a value" ;;
        --again) usage_die 'boot: --again stands alone' ;;
        *) usage_die "boot: unknown argument '$1'" ;;
        esac
        boot_check "$1" "$2"
        case $1 in
        --timeout)  boot_timeout=$2 ;;
        --mem)      boot_mem=$2 ;;
        --smp)      boot_smp=$2 ;;
        --dom0-mem) boot_dom0=$2 ;;
        --addr)     boot_addr=$2 ;;
        --wire)     boot_wires+=("$2") ;;
        --share)    boot_share=$(realpath "$2") ;;
        --hostname) boot_hostname=$2 ;;
        esac
        shift 2
    done
    [ "$boot_dom0" -lt "$boot_mem" ] ||
        usage_die "boot: --mem $boot_mem leaves nothing beside dom0's $boot_dom0"
    [ "$boot_smp" -ge 1 ] || usage_die 'boot: --smp must be 1 or more'
    [ ${#boot_wires[@]} -le 8 ] || usage_die 'boot: at most 8 --wire'
}

# boot_overlay DIR: makes or keeps the overlay; prints the image directory.
boot_overlay()
{
    local dir=$1 hash

    hash=$(image_hash)
    if [ "$boot_persist" = yes ] && [ -f "$dir/overlay.qcow2" ]; then
        [ "$(cat "$dir/image")" = "$hash" ] ||
            say "$bed_name keeps its disk, which is of an older image"
        hash=$(cat "$dir/image")
        image_ready "$hash" ||
            die "the image of $bed_name's disk is gone; run: nested/bed -n $bed_name reset"
    else
        image_ready "$hash" || die 'there is no image; run: nested/bed build'
        rm -f "$dir/overlay.qcow2"
        qemu-img create -q -f qcow2 -F raw \
            -b "$(realpath "$bed_cache/$hash/dom0.img")" \
            "$dir/overlay.qcow2" || die "cannot make the disk of $bed_name"
        printf '%s\n' "$hash" > "$dir/image"
    fi
    printf '%s\n' "$bed_cache/$hash"
}

# boot_wait DIR SECONDS START: until dom0 says that it is ready. On failure
# prints why and returns 1.
boot_wait()
{
    local dir=$1 start=$3 end=$(($3 + $2 * 1000)) line

    until grep -aq "$ready_line" "$dir/console.log"; do
        line=$(grep -aEm 1 "$fatal_lines" "$dir/console.log") && {
            say "$bed_name did not boot: $line"
            sleep 0.3 # for the rest of the message
            return 1
        }
        proc_alive "$dir/pid" > /dev/null || {
            say "$bed_name did not boot: QEMU ended"
            cat "$dir/qemu.log" >&2
            return 1
        }
        [ "$(now_ms)" -lt "$end" ] || {
            say "$bed_name did not boot within $2 s"
            return 1
        }
        sleep 0.1
    done
    ssh_master "$dir" "$end" || {
        say "$bed_name booted, but dom0 does not answer"
        return 1
    }
}

boot_failed()
{
    local dir=$1

    say "the end of its console ($dir/console.log):"
    tail -n 25 "$dir/console.log" | tr -d '\r' | sed 's/^/    /' >&2
    bed_end "$dir"
}

# bed_end DIR: the bed's processes end now; its disk stays.
bed_end()
{
    proc_kill "$1/pid" KILL
    proc_gone "$1/pid" 10
    proc_kill "$1/ssh.pid" TERM
    proc_gone "$1/ssh.pid" 2 || proc_kill "$1/ssh.pid" KILL
    rm -f "$1/pid" "$1/port" "$1/accel" "$1"/ssh.* "$1/qmp.sock"
}

# One command at a time boots or ends a bed; bed_lock is the lock's descriptor.
bed_take()
{
    mkdir -p "$1" || die "cannot make $1"
    exec {bed_lock}> "$1/lock"
    flock -n "$bed_lock" ||
        die "another nested/bed is booting or ending $bed_name"
}

cmd_boot()
{
    local dir start image accel image_lock again=()

    dir=$(run_dir "$bed_name")
    if [ "$*" = --again ]; then
        [ -f "$dir/options" ] ||
            die "$bed_name was not booted before; run: nested/bed -n $bed_name boot"
        mapfile -t again < "$dir/options"
        set -- "${again[@]}" --persist
    fi
    boot_parse "$@"
    need qemu-system-x86_64 qemu-img ssh setsid flock
    bed_take "$dir"
    proc_alive "$dir/pid" > /dev/null && die "$bed_name runs already"
    accel=$(qemu_accel) || exit 1
    image=$(boot_overlay "$dir") || exit 1
    { [ $# -eq 0 ] || printf '%s\n' "$@"; } > "$dir/options"
    # QEMU inherits it: as long as it runs, `bed prune` spares the image.
    exec {image_lock}< "$image/xen"
    flock -sn "$image_lock" || die 'the image is being removed'
    start=$(now_ms)
    trap 'trap "" INT TERM HUP; bed_end "$(run_dir "$bed_name")"' EXIT
    trap 'say "interrupted"; exit 130' INT
    trap 'exit 143' TERM HUP
    if ! qemu_start "$dir" "$accel" "$image"; then
        say "QEMU does not start:"
        cat "$dir/qemu.log" >&2
        exit 1
    fi
    boot_wait "$dir" "$boot_timeout" "$start" ||
        { boot_failed "$dir"; exit 1; }
    trap - EXIT INT TERM HUP
    say "$bed_name is up after $(seconds_since "$start") s ($accel)"
}

# cmd_stop [SECONDS]: a clean shutdown of dom0, by force after SECONDS.
cmd_stop()
{
    local dir seconds=${1:-40} start

    [ $# -le 1 ] || usage_die 'stop takes one argument: SECONDS'
    is_number "$seconds" || usage_die "stop: '$seconds' is not a number"
    dir=$(run_dir "$bed_name")
    bed_running > /dev/null || { say "$bed_name does not run"; return 0; }
    bed_take "$dir"
    start=$(now_ms)
    timeout 10 "$bed_src/bed" -n "$bed_name" exec -- systemctl poweroff \
        < /dev/null > /dev/null 2>&1 {bed_lock}>&-
    proc_gone "$dir/pid" "$seconds" ||
        say "$bed_name does not shut down within $seconds s: killed"
    bed_end "$dir"
    say "$bed_name stopped after $(seconds_since "$start") s"
}

# cmd_kill: a power cut. What dom0 had not flushed to its disk is lost.
cmd_kill()
{
    [ $# -eq 0 ] || usage_die 'kill takes no argument'
    bed_running > /dev/null || { say "$bed_name does not run"; return 0; }
    bed_take "$(run_dir "$bed_name")"
    bed_end "$(run_dir "$bed_name")"
}

# cmd_reset: forgets all that the bed ever wrote.
cmd_reset()
{
    [ $# -eq 0 ] || usage_die 'reset takes no argument'
    bed_running > /dev/null && cmd_kill
    rm -rf "$(run_dir "$bed_name")"
}

cmd_wait()
{
    local seconds=${1:-999999}

    [ $# -le 1 ] || usage_die 'wait takes one argument: SECONDS'
    is_number "$seconds" || usage_die "wait: '$seconds' is not a number"
    proc_gone "$(run_dir "$bed_name")/pid" "$seconds" ||
        die "$bed_name still runs after $seconds s"
    bed_end "$(run_dir "$bed_name")"
}
