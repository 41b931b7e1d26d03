#!/bin/bash
# Guests that go from one real host to the other while they run: there and
# back, given up, with daemons killed and the power cut in mid-copy.  A guest
# counts and checks its memory all the while, and Xen's lists are looked at: it
# never runs on both.
ALL_JOIN=yes
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-hosts.sh"
. "$(dirname "$0")/../lib-ticks.sh"
began=$SECONDS

hosts_up alpha beta
echo "up after $((SECONDS - began)) s"
check_output "the first host has joined, too" '^alpha +up +Xen 4' \
    dom0 'xl-vdc host-list'
check_output "and the other" '^beta +up +Xen 4' dom0 'xl-vdc host-list'
ensure_customers
check "a guest's initramfs with a program that ticks" make_ticks

# ---- who runs where ----

# Not paused, shut down or dying.  Who runs on a host in two looks at it, with
# a look at the other between them, ran there at that time.
running_of() { # FILE
    local host
    for host in $HOSTS; do
        on "$host" 'xl list' 2>/dev/null | awk -v h="$host" \
            '$1 ~ /^acme[.]/ && $5 !~ /[psd]/ { print $1, h }'
    done | sort -u >"$1"
}
poll() {
    while [ -d "$WORK" ]; do
        running_of "$WORK/look.1"
        running_of "$WORK/look.2"
        comm -12 "$WORK/look.1" "$WORK/look.2" | cut -d' ' -f1 | uniq -d |
            sed "s/^/$(date +%T) /" >>"$WORK/twice"
        echo >>"$WORK/looked"
        sleep 3
    done 2>/dev/null
}
# In the list of that host, and of no other, and nothing half made.
only_on() { # NAME HOST
    [ "$(hosts_with "$1")" = "$2" ] &&
        [ "$(on "$(other_host "$2")" 'xl list' | wc -l)" = 2 ]
}
runs_once() { # TEXT NAME HOST: it goes on there, and there alone
    local count
    count=$(count_on "$3" "acme.$2")
    check "$1: it is on $3 alone" retry 30 only_on "$2" "$3"
    check "$1: and ticks" retry 60 ticks_after "$3" "acme.$2" "$count"
    check_equal "$1: its memory is as it was" "" "$(bad_ticks "$2")"
}
no_moves() {
    dom0 'xl-vdc moves' | grep -qx 'no moves'
}
both_up() {
    host_is alpha up && host_is beta up
}

# In the background; its answer is in $WORK/out, its status that of `wait`.
begin_move() { # NAME HOST
    dom0 "echo \$\$ >/root/asked
        exec xl-vdc migrate -q --live acme.$1 $2" >"$WORK/out" 2>&1 &
    asked=$!
}
in_mid_copy() {
    dom0 "timeout 120 sh -c 'until xl-vdc moves | \
        grep -qE \"leaving, [0-9]{2,} of\"; do sleep 0.3; done'"
}
settled() { # TEXT
    check "$1: both hosts are up" retry 60 both_up
    check "$1: the move ends" retry 200 no_moves
}

: >"$WORK/twice"
: >"$WORK/looked"
TICKS_WORDS='ticks.hold=16 ticks.write=256'
check "a guest on alpha" ticking alpha roam 20
check "serves" serves 20
poll &

# ---- there and back ----

live_move() { # NAME HOST
    local from start count host
    from=$(other_host "$2")
    forget_ticks "$2" "acme.$1"
    count=$(count_on "$from" "acme.$1")
    start=$SECONDS
    check "live to $2" dom0 "xl-vdc migrate -q --live acme.$1 $2"
    echo "moved in $((SECONDS - start)) s"
    check "it counts on" retry 60 ticks_after "$2" "acme.$1" "$count"
    check_equal "it did not boot there" 0 "$(boots_on "$2" "$1")"
    runs_once "live to $2" "$1" "$2"
    check "it serves" serves 20
    for host in $HOSTS; do
        ticks_of "$host" "acme.$1"
    done | awk -v n="$count" '$2 > n && $8 > most { most = $8 }
        END { print "stood still for at most " most " ms, by its own clock" }'
}
check_output "what it will notice" 'it runs on while its 128 MiB' \
    dom0 'xl-vdc migrate -n acme.roam beta'
live_move roam beta
check_output "events" 'acme\.roam .*beta' dom0 'xl-vdc events'
live_move roam alpha

# ---- given up ----

begin_move roam beta
check "a move, in mid-copy" in_mid_copy
check_output "beta has it, standing still" 'acme\.roam.* --p--' \
    on beta 'xl list'
check_error "a guest on its way is not changed" 4 'is being moved' \
    dom0 'xl-vdc pause -q acme.roam'
dom0 'kill -INT $(cat /root/asked)'
wait "$asked"
check_equal "Ctrl-C has it stay" 12 $?
settled "Ctrl-C"
runs_once "Ctrl-C" roam alpha

# ---- daemons die in mid-copy ----

begin_move roam beta
check "another move" in_mid_copy
check "kill -9 resourced at the source" kill_on alpha resourced
wait "$asked"
settled "source killed"
runs_once "source killed" roam alpha

begin_move roam beta
check "another move" in_mid_copy
check "kill -9 resourced at the target" kill_on beta resourced
wait "$asked"
settled "target killed"
runs_once "target killed" roam alpha

begin_move roam beta
check "another move" in_mid_copy
check "kill -9 policyd" kill_on alpha policyd
wait "$asked"
settled "policyd killed"
at=$(hosts_with roam)
echo "it is on $at"
runs_once "policyd killed" roam "$at"
[ "$at" = alpha ] || check "back to alpha" \
    dom0 'xl-vdc migrate -q --live acme.roam alpha'

# ---- the target's power is cut in mid-copy ----

begin_move roam beta
check "another move" in_mid_copy
count=$(count_on alpha acme.roam)
check "beta's power is cut" beds kill beta
check "it runs on, while nobody knows" \
    retry 30 ticks_after alpha acme.roam $((count + 3))
check "beta boots" beds again beta
wait "$asked"
check "the move did not succeed" [ $? -ne 0 ]
settled "power cut"
runs_once "power cut" roam alpha
check_equal "it is known to run there" running "$(state_of roam)"
live_move roam beta

# ---- a PV guest stands still ----

check "its end" dom0 'xl-vdc destroy -q acme.roam'
check "a PV guest on alpha" ticking alpha old 21 "'type=\"pv\"'"
check_error "does not go live" 2 \
    'cannot run on meanwhile: Xen copies the memory of a PV guest' \
    dom0 'xl-vdc migrate -q --live acme.old beta'
check_output "but it is said that it can stand still" \
    'it stands still until it is there' dom0 'xl-vdc migrate -n acme.old beta'
runs_once "PV guest" old alpha
count=$(count_on alpha acme.old)
start=$SECONDS
check "and does" dom0 'xl-vdc migrate -q acme.old beta'
echo "moved in $((SECONDS - start)) s"
check "it counts on" retry 60 ticks_after beta acme.old "$count"
runs_once "PV guest moved" old beta

# ---- what is left ----

for host in alpha beta; do
    check "databases agree: $host" dom0 "xl-vdc host-verify $host"
done
check "the lists were looked at" [ "$(wc -l <"$WORK/looked")" -gt 20 ]
check_equal "no guest ever ran on two hosts" "" "$(cat "$WORK/twice")"
forget_all
echo "$((SECONDS - began)) s"
