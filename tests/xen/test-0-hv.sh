#!/bin/bash
# The hypervisor interface by itself, on libxl, without our daemons: what is
# Xen's own (test_hv_xen), and the suite that the simulator must pass, too.
. "$(dirname "$0")/lib.sh"

PROGRAM=${TEST_HV_XEN:-$TOP/build/tests/xen/hv/test_hv_xen}
CONFORM=${TEST_CONFORM:-$TOP/build/tests/hv/test_conform}

# run_in_bed PROGRAM ARGUMENT...: adds what it counts to our own sums.
run_in_bed() {
    local program=$1 name summary
    shift
    name=$(basename "$program")
    [ -x "$program" ] || { failed "there is $program"; return; }
    bed push "$program" "/root/$name"
    dom0 "/root/$name $*" >"$WORK/$name.log" 2>&1
    cat "$WORK/$name.log"
    summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$WORK/$name.log" |
        tail -1)
    if [ -n "$summary" ]; then
        # shellcheck disable=SC2086 # words of the line
        set -- $summary
        n_passed=$((n_passed + $1))
        n_failed=$((n_failed + $3))
        n_skipped=$((n_skipped + ${5:-0}))
    else
        failed "$name came to its end"
    fi
    dom0 "rm /root/$name"
}

bed_up
dom0 'systemctl stop xen-vdc-policyd xen-vdc-resourced'
run_in_bed "$PROGRAM"
# Of guests that are sent one, for time; all are in long/conform.sh.
for part in ${SENDS-send:.PVH}; do
    run_in_bed "$PROGRAM" "'$(echo "$part" | tr . " ")'"
done
# Parts of the suite, for time; the whole is in long/conform.sh.
for part in ${PARTS-cpu: memory:.a device:.d save:.and}; do
    run_in_bed "$CONFORM" xen "'$(echo "$part" | tr . " ")'"
done
dom0 'systemctl start xen-vdc-resourced xen-vdc-policyd'
check "the daemons start after it" retry 40 daemons_up
