#!/bin/bash
# The hypervisor interface by itself, on libxl, without our daemons.
. "$(dirname "$0")/lib.sh"

PROGRAM=${TEST_HV_XEN:-$TOP/build/tests/xen/hv/test_hv_xen}
bed_up
[ -x "$PROGRAM" ] || { failed "there is $PROGRAM"; exit 1; }
dom0 'systemctl stop xen-vdc-policyd xen-vdc-resourced'
bed push "$PROGRAM" /root/test_hv_xen
dom0 '/root/test_hv_xen' >"$WORK/hv.log" 2>&1
cat "$WORK/hv.log"
summary=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$WORK/hv.log" | tail -1)
if [ -n "$summary" ]; then
    # shellcheck disable=SC2086 # words of the line
    set -- $summary
    n_passed=$((n_passed + $1))
    n_failed=$((n_failed + $3))
else
    failed "test_hv_xen came to its end"
fi
dom0 'systemctl start xen-vdc-resourced xen-vdc-policyd; rm /root/test_hv_xen'
check "the daemons start after it" retry 40 daemons_up
