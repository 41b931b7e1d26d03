#!/bin/bash
# Daemons killed and power cut, on real Xen: a guest that runs is untouched,
# and afterwards Xen and our databases agree.
. "$(dirname "$0")/lib.sh"

bed_up --persist
forget_all

main_pid() {
    dom0 "systemctl show -p MainPID --value xen-vdc-$1"
}
kill9() {
    killed_pid=$(main_pid "$1")
    dom0 "systemctl kill -s KILL --kill-who=main xen-vdc-$1"
}
# Another process of that daemon runs than the one that was killed.
is_back() {
    local now
    now=$(main_pid "$1")
    [ "$now" != 0 ] && [ "$now" != "$killed_pid" ] && daemons_up
}

uptime_of() {
    dom0 "xl-vdc list acme.$1 -o json >/dev/null; xl list acme.$1" |
        awk 'NR == 2 { print $2 }'
}

check "a guest" acme 'xl-vdc create web-pv.cfg name=stay \
    extra="console=hvc0 vdc.ip=10.77.0.21/24 vdc.gw=10.77.0.1"'
check "serves" retry 60 page 10.77.0.21
domid=$(dom0 'xl domid acme.stay')

# ---- each daemon while a guest runs ----
for daemon in resourced policyd channeld; do
    kill9 $daemon
    check "$daemon killed: the guest serves on" page 10.77.0.21
    check "$daemon is back" retry 40 is_back $daemon
    check_equal "$daemon killed: the guest is the same domain" "$domid" \
        "$(dom0 'xl domid acme.stay')"
    check "$daemon killed: xl and xl-vdc agree" lists_agree
done

# ---- each daemon while a guest is being created ----
# Whatever the moment: either the guest is there and known, or it is neither.
# More moments: KILL_AFTER='0.1 0.3 0.6 ...', and long/crash.sh.
new_known_to_both() {
    local listed
    listed=$(acme 'xl-vdc list -o name' | grep -c '^new$')
    if [ "$listed" = 1 ]; then
        acme 'xl-vdc list new' | grep -qE 'stopped' && return 0
        dom0 'xl list acme.new' >/dev/null 2>&1
    else
        ! dom0 'xl list acme.new' >/dev/null 2>&1
    fi
}
points=0
for daemon in resourced policyd channeld; do
    case $daemon in
    resourced) delays='0.1 0.6 1.2 2.6' ;;
    policyd) delays='0.6 1.8 3.6' ;;
    channeld) delays=1.2 ;;
    esac
    delays=${KILL_AFTER:-$delays}
    for delay in $delays; do
        acme 'xl-vdc create web-pv.cfg name=new' >"$WORK/create.log" 2>&1 &
        creating=$!
        sleep $delay
        kill9 $daemon
        wait $creating
        points=$((points + 1))
        if retry 40 is_back $daemon && retry 30 lists_agree &&
            retry 10 new_known_to_both; then
            passed "$daemon killed $delay s into a create: all agree"
        else
            failed "$daemon killed $delay s into a create" "$(lists_agree)" \
                "$(acme 'xl-vdc list')" "$(cat "$WORK/create.log")"
        fi
        acme 'xl-vdc destroy new' >/dev/null 2>&1
        check_error "and it can be destroyed or was never there" 3 \
            'no such guest' acme 'xl-vdc show new'
    done
done
check_equal "the guest beside it never noticed" "$domid" \
    "$(dom0 'xl domid acme.stay')"
check "and serves" page 10.77.0.21
echo "killed at $points points of a create"

# ---- power cut ----
check "a guest that is not to start at boot" acme \
    'xl-vdc create web-pv.cfg name=lazy vdc_on_boot=off'
check "a stopped one that is" acme \
    'xl-vdc create --no-start web-pv.cfg name=eager vdc_on_boot=start memory=96'
bed kill
check "power cut; the bed boots again on its disk" bed boot --persist
check "the daemons start by themselves" retry 60 daemons_up
check "the guest is started, as it ran when the power went" \
    retry 90 page 10.77.0.21
check_output "the one that is not to start is remembered" 'lazy .*stopped' \
    acme 'xl-vdc list'
eager_runs() {
    dom0 'xl list acme.eager'
}
check "the one that is to start at boot runs" retry 60 eager_runs
check "xl and xl-vdc agree" retry 20 lists_agree
forget_all
check "all can be destroyed" lists_agree
