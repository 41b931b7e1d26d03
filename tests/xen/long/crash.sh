#!/bin/bash
# resourced killed at 30 points of real creates and destroys, and 5 power
# cuts: afterwards Xen, xenstore and the database agree, and nothing is left.
# Takes about 15 minutes under emulation; run by ./quickstart long.
. "$(dirname "$0")/../lib.sh"
POINTS=${POINTS:-15}
CUTS=${CUTS:-5}

bed_up --persist
forget_all

main_pid() {
    dom0 "systemctl show -p MainPID --value xen-vdc-resourced"
}
is_back() {
    local now
    now=$(main_pid)
    [ "$now" != 0 ] && [ "$now" != "$killed_pid" ] && daemons_up
}
milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}
agree() {
    dom0 'xl-vdc host-verify' && lists_agree
}
# Open transactions and leases: none may be left.
nothing_open() {
    [ "$(dom0 'sqlite3 -readonly /var/lib/xen-vdc/resourced.db \
        "select (select count(*) from journal where id < 9223372036854775807)
            + (select count(*) from lease)" \
        2>/dev/null || echo 0')" = 0 ]
}
nothing_left() {
    [ "$memory" = "$(snapshot_memory)" ] &&
        [ "$xenstore" = "$(snapshot_xenstore)" ]
}
forget_new() {
    acme 'xl-vdc destroy new' >/dev/null 2>&1
    ! acme 'xl-vdc show new' >/dev/null 2>&1
}

# What stays for good is there after the first rounds.
for _ in 1 2; do
    acme 'xl-vdc create -q web-pv.cfg name=new && xl-vdc destroy new' \
        >/dev/null 2>&1
done
sleep 2
xenstore=$(snapshot_xenstore)
memory=$(snapshot_memory)
check "there is something to compare" [ "$(echo "$xenstore" | wc -l)" -gt 10 ]
began=$(milliseconds)
check "a create that nothing disturbs" acme 'xl-vdc create web-pv.cfg name=new'
create_ms=$(($(milliseconds) - began))
began=$(milliseconds)
check "a destroy" acme 'xl-vdc destroy new'
destroy_ms=$(($(milliseconds) - began))

# at_point WHAT MS COMMAND: killed so long after the command has begun.
n_points=0
n_bad=0
at_point() {
    local what=$1 ms=$2 command=$3 bad=
    killed_pid=$(main_pid)
    acme "$command" >"$WORK/command.log" 2>&1 &
    local running=$!
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    dom0 'systemctl kill -s KILL --kill-who=main xen-vdc-resourced'
    wait $running
    n_points=$((n_points + 1))
    retry 40 is_back || bad="$bad; resourced is not back"
    retry 30 agree || bad="$bad; they do not agree: $(agree 2>&1)"
    retry 10 nothing_open || bad="$bad; something is open"
    retry 20 forget_new || bad="$bad; the guest cannot be forgotten"
    retry 20 nothing_left ||
        bad="$bad; left: $(diff <(echo "$xenstore") <(snapshot_xenstore)) \
            memory $memory, now $(snapshot_memory)"
    if [ -n "$bad" ]; then
        n_bad=$((n_bad + 1))
        failed "killed $ms ms into a $what" "$bad" "$(cat "$WORK/command.log")"
    else
        passed "killed $ms ms into a $what: nothing is left"
    fi
}
for i in $(seq "$POINTS"); do
    at_point create $((create_ms * i / (POINTS + 1))) \
        'xl-vdc create web-pv.cfg name=new'
done
for i in $(seq "$POINTS"); do
    acme 'xl-vdc create -q web-pv.cfg name=new' >/dev/null 2>&1
    at_point destroy $((destroy_ms * i / (POINTS + 1))) 'xl-vdc destroy new'
done
check_equal "killed at $n_points points of creates and destroys: leaks" 0 \
    "$n_bad"

# ---- power cuts ----
# Whatever the moment: when the host is back, the guest runs, or is stopped,
# or never was; and all agree.
for i in $(seq "$CUTS"); do
    acme 'xl-vdc create web-pv.cfg name=new' >"$WORK/command.log" 2>&1 &
    running=$!
    ms=$((create_ms * i / CUTS))
    sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
    bed kill
    wait $running
    check "power cut $ms ms into a create: the host is back" \
        bed boot --persist
    check "its daemons are" retry 90 daemons_up
    check "all agree" retry 60 agree
    check "nothing is open" retry 10 nothing_open
    check "the guest can be forgotten, or never was" retry 60 forget_new
    check "Xen's memory is as before" retry 20 \
        eval '[ "$(snapshot_memory)" -ge $((memory - 1)) ]'
done
forget_all
