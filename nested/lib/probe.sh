# Whether KVM can carry Xen here. That /dev/kvm is there and makes virtual
# machines says nothing: on some machines Xen dies in it all the same. So Xen
# is booted on it once, with no disk and no dom0 of use, and the answer kept
# until the machine itself is booted again or is another.

probe_timeout=30

probe_key()
{
    printf '%s %s\n' "$(cat /proc/sys/kernel/random/boot_id)" "$(id -u)"
}

# probe_accel: prints kvm or tcg; tries only if nothing is known.
probe_accel()
{
    local accel key

    if { read -r accel key < "$bed_cache/accel"; } 2>/dev/null &&
        [ "$key" = "$(probe_key)" ]; then
        printf '%s\n' "$accel"
        return 0
    fi
    probe_try
    printf '%s\n' "$probe_result"
}

# probe_try: sets probe_result and probe_why, and remembers the result.
probe_try()
{
    local hash

    probe_result=tcg
    if [ ! -e /dev/kvm ]; then
        probe_why='there is no /dev/kvm'
    elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
        probe_why='/dev/kvm is not ours to use'
    elif ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
        probe_why='the processor shows neither vmx nor svm'
    else
        hash=$(image_hash)
        image_ready "$hash" || die 'there is no image; run: nested/bed build'
        probe_boot "$bed_cache/$hash"
    fi
    mkdir -p "$bed_cache"
    printf '%s %s\n' "$probe_result" "$(probe_key)" > "$bed_cache/accel.$$"
    mv "$bed_cache/accel.$$" "$bed_cache/accel"
}

# probe_boot IMAGE: boots Xen and dom0's kernel on KVM up to the initrd, which
# finds no disk and powers off: that far, every part has worked.
probe_boot()
{
    local image=$1 dir=$bed_cache/probe.$$ start

    start=$(now_ms)
    mkdir -p "$dir"
    timeout -k 1 "$probe_timeout" qemu-system-x86_64 -nodefaults \
        -no-user-config -no-reboot -display none -m 1024 -smp 1 \
        -accel kvm -cpu host -kernel "$image/xen" \
        -append "$xen_args dom0_mem=512M,max:512M" \
        -initrd "$image/vmlinux console=hvc0 bed.probe quiet,$image/initrd" \
        -serial "file:$dir/console.log" < /dev/null > "$dir/qemu.log" 2>&1
    if grep -aq 'bed: dom0 has no root disk' "$dir/console.log" 2>/dev/null
    then
        probe_result=kvm
        probe_why="Xen booted on it in $(seconds_since "$start") s"
    else
        probe_why="Xen does not boot on it ($(seconds_since "$start") s)"
        probe_why+=": $(cat "$dir/qemu.log" "$dir/console.log" 2>/dev/null |
            grep -a . | tail -n 1 | tr -d '\r' | cut -c 1-70)"
    fi
    rm -rf "$dir"
}

cmd_probe()
{
    [ $# -eq 0 ] || usage_die 'probe takes no argument'
    probe_try
    printf '%s: %s\n' "$probe_result" "$probe_why"
}
