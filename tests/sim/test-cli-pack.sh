#!/bin/sh
# The example that packs guests every night, as its unit has it.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=50,create_ms=20
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

units=$TOP_SRCDIR/examples/rebalance
start_three
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
make_on alpha one
make_on alpha two
make_on beta three
for i in one two three; do
    identity $i
done >"$WORK/before"
command=$(sed -n 's/^ExecStart=xl-vdc //p' "$units/xen-vdc-pack.service")
# shellcheck disable=SC2086 # a line of words
at_night() {
    vdc $command
}
check "the unit has a command of ours" \
    expr "$command" : 'rebalance --goal pack '
check_output "who came today is left alone" '^no moves$' at_night
command=$(echo "$command" | sed 's/ --cool-down 1d/ --cool-down 0s/')
check_output "later they are moved together" '^rebalance: 1 moved, 0 not' \
    at_night
check_equal "on one host" "alpha alpha alpha" \
    "$(echo $(host_of one) $(host_of two) $(host_of three))"
check_output "the night after there is nothing to do" '^no moves$' at_night
for i in one two three; do
    identity $i
done >"$WORK/after"
check "they are what they were" cmp "$WORK/before" "$WORK/after"
mkdir "$WORK/units"
for unit in "$units"/xen-vdc-pack.*; do
    sed "s|^ExecStart=xl-vdc|ExecStart=$(command -v true)|" \
        "$unit" >"$WORK/units/${unit##*/}"
done
printf '[Service]\nExecStart=%s\n' "$(command -v true)" \
    >"$WORK/units/plain.service"
complaints() { # UNIT...
    (cd "$WORK/units" && systemd-analyze verify --man=no "$@" 2>&1 ||
        echo "failed")
}
if [ -z "$(complaints plain.service)" ]; then
    check_equal "systemd takes the units" "" \
        "$(complaints xen-vdc-pack.timer xen-vdc-pack.service)"
else
    skipped "systemd takes the units: it takes none here"
fi
