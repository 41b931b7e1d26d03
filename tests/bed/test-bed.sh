#!/bin/bash
# Tests of the bed itself (nested/): what its commands promise, on real Xen,
# and that the example guest does what it should. Ends with the line
# "N passed, N failed, N skipped". Beds of its own, in a directory of its own;
# only the cached image is shared.
#
# usage: tests/bed/test-bed.sh [--quick]
#   --quick   no second bed and no guest
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
bed=$top/nested/bed
: "${BED_DIR:=$top/.bed}"
export BED_CACHE=${BED_CACHE:-$BED_DIR/cache}
export BED_DIR=$BED_DIR/test.$$
passed=0 failed=0 skipped=0
quick=${1:-}

# check TEXT COMMAND...: passes if the command does.
check()
{
    local text=$1 start=$SECONDS

    shift
    if "$@" > "$BED_DIR/out" 2>&1 < /dev/null; then
        echo "ok    $text ($((SECONDS - start)) s)"
        passed=$((passed + 1))
    else
        echo "FAIL  $text ($((SECONDS - start)) s)"
        tail -n 30 "$BED_DIR/out" | sed 's/^/      /'
        failed=$((failed + 1))
    fi
}

skip()
{
    echo "skip  $1"
    skipped=$((skipped + 1))
}

# Nothing of ours runs: QEMU has its bed's overlay open, ssh its directory as
# the working directory.
nothing_runs()
{
    local link left=0

    for link in /proc/[0-9]*/cwd; do
        [[ "$(readlink "$link")" != "$BED_DIR"/* ]] || {
            echo "still runs: $link"
            left=1
        }
    done
    return $left
}

b()
{
    "$bed" "$@"
}

build_is_cached()
{
    local start=$SECONDS

    b build && b build && [ $((SECONDS - start)) -lt 600 ] || return 1
    start=$SECONDS
    b build && [ $((SECONDS - start)) -le 2 ]
}

# INT to the whole group, as from a terminal.
interrupted_build_leaves_nothing()
{
    BED_CACHE=$BED_DIR/cache timeout -s INT 8 "$bed" build
    [ $? -ne 0 ] && nothing_runs && ls "$BED_DIR/cache" &&
        [ "$(ls "$BED_DIR/cache" | tr '\n' ' ')" = 'build.log lock ' ]
}

arguments_are_checked()
{
    b nonsense; [ $? -eq 2 ] || return 1
    b; [ $? -eq 2 ] || return 1
    b -n 'a/b' status; [ $? -eq 2 ] || return 1
    b boot --mem lots; [ $? -eq 2 ] || return 1
    b exec; [ $? -eq 2 ] || return 1
    b -n nobody exec true; [ $? -eq 1 ] || return 1
    b -n nobody exec true 2>&1 | grep -q "no bed 'nobody'" || return 1
    b push /nonexistent / 2>&1 | grep -q "no '/nonexistent'" || return 1
    BED_ACCEL=magic b boot; [ $? -ne 0 ] || return 1
    b --help | grep -q 'power cut'
}

# A kernel that is none: Xen says so and the bed tells, long before the limit.
wrong_kernel_is_reported()
{
    local start=$SECONDS rc

    BED_TEST_KERNEL=/bin/true b -n bad boot --timeout 60 2> "$BED_DIR/bad"
    rc=$?
    cat "$BED_DIR/bad"
    [ $rc -eq 1 ] && [ $((SECONDS - start)) -lt 60 ] &&
        grep -q 'did not boot' "$BED_DIR/bad" &&
        grep -q '(XEN)' "$BED_DIR/bad" && nothing_runs
}

# A boot that is given too little time is one that hangs.
hanging_boot_is_reported()
{
    local rc

    b -n bad boot --timeout 5 2> "$BED_DIR/bad"
    rc=$?
    cat "$BED_DIR/bad"
    [ $rc -eq 1 ] && grep -q 'within 5 s' "$BED_DIR/bad" &&
        grep -q '(XEN)' "$BED_DIR/bad" && nothing_runs
}

# INT as Ctrl-C gives it: bash ignores it in background jobs, hence setsid's
# own session and env's default signals.
interrupted_boot_leaves_nothing()
{
    local pid rc

    env --default-signal=INT "$bed" -n bad boot &
    pid=$!
    sleep 3
    b -n bad status | grep -q 'bad *running' || return 1
    kill -INT $pid
    wait $pid
    rc=$?
    [ $rc -eq 130 ] && nothing_runs
}

exec_gives_status_and_outputs()
{
    b exec 'echo out; echo err >&2; exit 7' > "$BED_DIR/o" 2> "$BED_DIR/e"
    [ $? -eq 7 ] && [ "$(cat "$BED_DIR/o")" = out ] &&
        [ "$(cat "$BED_DIR/e")" = err ]
}

exec_passes_words()
{
    [ "$(b exec printf '%s|' 'a  b' "it's" '$HOME' '')" = "a  b|it's|\$HOME||" ]
}

exec_passes_input()
{
    [ "$(seq 1000 | b exec cat | md5sum)" = "$(seq 1000 | md5sum)" ] &&
        [ -z "$(echo no | b exec -n cat)" ]
}

exec_as_user()
{
    [ "$(b exec -u acme 'id -u; pwd')" = $'2001\n/home/acme' ] &&
        [ "$(b exec -u globex id -u)" = 2002 ]
}

# Each waits for what the other does.
exec_two_at_once()
{
    local wait='for i in $(seq 100); do [ -e /tmp/%s ] && exit 0; sleep 0.1; done; exit 1'
    local one two

    b exec "touch /tmp/a; $(printf "$wait" b)" & one=$!
    b exec "touch /tmp/b; $(printf "$wait" a)" & two=$!
    wait $one && wait $two
}

exec_cost()
{
    local i start=${EPOCHREALTIME/./}

    for i in 1 2 3 4 5 6 7 8 9 10; do
        b exec true || return 1
    done
    figure="$(((${EPOCHREALTIME/./} - start) / 10000)) ms each"
}

copies_come_back()
{
    mkdir -p "$BED_DIR/tree/sub dir"
    head -c 1000000 /dev/urandom > "$BED_DIR/tree/data"
    echo x > "$BED_DIR/tree/sub dir/x"
    chmod 0750 "$BED_DIR/tree/sub dir/x"
    b push "$BED_DIR/tree" /root/tree && b pull /root/tree "$BED_DIR/back" &&
        diff -r "$BED_DIR/tree" "$BED_DIR/back" &&
        [ "$(stat -c %a "$BED_DIR/back/sub dir/x")" = 750 ]
}

install_lays_a_tree()
{
    local s=$BED_DIR/stage

    mkdir -p "$s/lib/systemd/system" "$s/usr/local/bin"
    printf '#!/bin/sh\necho installed\n' > "$s/usr/local/bin/bed-test"
    chmod 0755 "$s/usr/local/bin/bed-test"
    printf '[Service]\nType=oneshot\nExecStart=/usr/local/bin/bed-test\n' \
        > "$s/lib/systemd/system/bed-test.service"
    b install "$s" && b exec 'set -e; test -L /lib; bed-test
        systemctl start bed-test; journalctl -u bed-test | grep installed'
}

xen_is_whole()
{
    b exec 'set -e; xl list; xl info | grep xen_version
        readlink /proc/$(cat /run/xenstore.pid)/exe | grep "/xenstored$"
        xenstore-write /tool/bed-test 1; xenstore-rm /tool/bed-test
        ip -br addr show xenbr0 | grep 10.77.0.1/24
        test "$(systemctl is-system-running --wait)" = running'
}

# What was flushed outlives a power cut; and the bed keeps it only if asked.
power_cut_keeps_what_was_flushed()
{
    b exec 'echo kept > /root/kept; sync /root/kept /root' && b kill &&
        nothing_runs && b boot --persist &&
        [ "$(b exec cat /root/kept)" = kept ]
}

stop_leaves_nothing()
{
    b stop && nothing_runs && b status | grep -q 'h1 *stopped'
}

fresh_boot_forgets()
{
    b boot && ! b exec test -e /root/kept
}

reset_forgets()
{
    b reset && [ ! -e "$BED_DIR/run/h1" ] && nothing_runs
}

two_side_by_side()
{
    b -n h2 boot --addr 10.77.0.2/24 && [ "$(b exec hostname)" = h1 ] &&
        [ "$(b -n h2 exec hostname)" = h2 ] && b -n h2 reset &&
        b exec true
}

# guest_config TYPE LAST EXTRA: pushes a guest's configuration.
guest_config()
{
    cat > "$BED_DIR/$1.cfg" <<EOF
name = "$1"
type = "$1"
kernel = "/var/lib/xen-vdc/images/vmlinuz"
ramdisk = "/var/lib/xen-vdc/images/initramfs"
memory = 96
vif = [ "bridge=xenbr0" ]
disk = [ "/root/disk.img,raw,xvda,w" ]
extra = 'console=hvc0 vdc.ip=10.77.0.$2/24 vdc.page="page of $1" $3'
EOF
    b push "$BED_DIR/$1.cfg" /root/
}

# page LAST: the guest's page, waited for.
page()
{
    b exec "for i in \$(seq 120); do
        wget -q -T 1 -t 1 -O - http://10.77.0.$1/ && exit 0; sleep 0.3
        done; exit 1"
}

gone()
{
    b exec "for i in \$(seq 100); do xl domid $1 >/dev/null 2>&1 || exit 0
        sleep 0.2; done; xl list; exit 1"
}

guest_lives()
{
    local type=$1 last=$2 id

    b exec 'truncate -s 16M /root/disk.img; mke2fs -Fqt ext4 /root/disk.img'
    guest_config "$type" "$last" '' && b exec xl create "/root/$type.cfg" &&
        page "$last" > "$BED_DIR/page" || return 1
    cat "$BED_DIR/page"
    grep -q "page of $type" "$BED_DIR/page" || return 1
    b exec "grep 'xvda is on /data' /var/log/xen/console/guest-$type.log" ||
        return 1
    id=$(b exec xl domid "$type")
    b exec xl reboot "$type" && b exec "for i in \$(seq 100); do
        n=\$(xl domid $type 2>/dev/null) && [ \$n != $id ] && exit 0
        sleep 0.2; done; exit 1" && page "$last" > /dev/null &&
        b exec xl shutdown -w "$type" && gone "$type"
}

guest_ends_by_itself()
{
    guest_config pv 12 "vdc.poweroff=1" && b exec xl create /root/pv.cfg &&
        gone pv || return 1
    guest_config pvh 13 "vdc.crash=1" &&
        b exec 'xl create /root/pvh.cfg on_crash=\"preserve\"' || return 1
    # The state of a crashed domain has a c.
    b exec 'for i in $(seq 60); do
        xl list pvh | awk "\$5 ~ /c/" | grep -q pvh && exec xl destroy pvh
        sleep 0.2; done; xl list; exit 1'
}

finish()
{
    trap - EXIT
    for name in h1 h2 bad; do
        b -n $name reset 2> /dev/null
    done
    rm -rf "$BED_DIR"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed -eq 0 ]
    exit
}

mkdir -p "$BED_DIR"
trap finish EXIT
trap 'exit 130' INT TERM
figure=
check 'a build that was made is not made again' build_is_cached
if [ "$(id -u)" -eq 0 ]; then
    check 'an interrupted build leaves nothing' \
        interrupted_build_leaves_nothing
else
    skip 'an interrupted build leaves nothing (needs root)'
fi
check 'arguments are checked' arguments_are_checked
check 'a boot that cannot work is reported' wrong_kernel_is_reported
check 'a boot that hangs is reported' hanging_boot_is_reported
check 'Ctrl-C while it boots leaves nothing' interrupted_boot_leaves_nothing
check 'boot' b boot
check 'Xen, the C xenstored, the bridge, all units' xen_is_whole
check 'exec: status, output and errors' exec_gives_status_and_outputs
check 'exec: words arrive as they are' exec_passes_words
check 'exec: standard input' exec_passes_input
check 'exec: as a user' exec_as_user
check 'exec: two at once' exec_two_at_once
check 'exec: ten times' exec_cost
echo "      $figure"
check 'push and pull' copies_come_back
check 'install' install_lays_a_tree
if [ "$quick" = --quick ]; then
    skip 'guests'
    skip 'two beds side by side'
else
    check 'a PV guest: page, disk, reboot, shutdown' guest_lives pv 10
    check 'a PVH guest: page, disk, reboot, shutdown' guest_lives pvh 11
    check 'guests that end by themselves' guest_ends_by_itself
    if [ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" \
        -gt 3000 ]; then
        check 'two beds side by side' two_side_by_side
    else
        skip 'two beds side by side (3000 MiB of memory must be free)'
    fi
fi
check 'a power cut keeps what was flushed' power_cut_keeps_what_was_flushed
check 'stop leaves nothing' stop_leaves_nothing
check 'a fresh boot forgets' fresh_boot_forgets
check 'reset forgets' reset_forgets
exit 0
