#!/bin/bash
# Rounds of create and destroy leave xenstore, Xen's memory and our databases
# exactly as they were.  Eight of them here, and more in long/rounds.sh: what
# leaks, leaks in each.
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-8}

bed_up
forget_all

round() {
    local cfg=web.cfg
    [ $(($1 % 2)) = 0 ] || cfg=web-pv.cfg
    acme "xl-vdc create -q $cfg name=round && xl-vdc destroy round"
}

# The first rounds make what then stays for good, such as /libxl itself.
round 0 >/dev/null 2>&1
round 1 >/dev/null 2>&1
sleep 2
xenstore=$(snapshot_xenstore)
memory=$(snapshot_memory)
database=$(snapshot_database)
check "there is something to compare" [ "$(echo "$xenstore" | wc -l)" -gt 10 ]

good=0
for i in $(seq "$ROUNDS"); do
    round "$i" >"$WORK/round.log" 2>&1 && good=$((good + 1)) ||
        failed "round $i" "$(cat "$WORK/round.log")"
done
check_equal "$ROUNDS rounds of create and destroy" "$ROUNDS" "$good"

as_before() {
    [ "$memory" = "$(snapshot_memory)" ]
}
check "Xen's free memory is as before ($memory MiB)" retry 20 as_before
after=$(snapshot_xenstore)
if [ "$xenstore" = "$after" ]; then
    passed "xenstore is as before ($(echo "$after" | wc -l) nodes)"
else
    failed "xenstore is as before" "$(diff <(echo "$xenstore") <(echo "$after"))"
fi
now=$(snapshot_database)
if [ "$database" = "$now" ]; then
    passed "our databases are as before ($(echo "$now" | wc -l) rows)"
else
    failed "our databases are as before" \
        "$(diff <(echo "$database") <(echo "$now"))"
fi
check "xl and xl-vdc agree" lists_agree
