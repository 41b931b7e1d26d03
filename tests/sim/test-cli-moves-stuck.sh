#!/bin/sh
# The new host of a guest fails in the middle: to take back what it began, and
# after the guest has run.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=100,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

start_three
make_one

end_host gamma
start_faulty gamma "fail:unpause:1$(printf ';fail:destroy:%s' 1 2 3 4 5 6 7)"
retry 20 all_up
vdc migrate -q acme.one gamma >"$WORK/out" 2>&1 &
asked=$!
check "it cannot take it back" \
    retry 20 grep -q 'comes to no end' "$WORK/gamma.log"
sleep 1
check_equal "as long, nobody else has it" "gamma" "$(domains acme.one)"
check_output "it is still arriving" 'arriving' vdc moves
check_output "and why is told" \
    'arriving +host gamma is asked again, as it said: not done, and not undone' \
    vdc moves
restart_hard gamma
wait $asked
check "the move ends" retry 30 none_moves
check_equal "on one host" "$(host_of one)" "$(domains acme.one)"
check_equal "the same guest" "$before" "$(identity one)"
check_equal "no file is left" "" "$(ls "$WORK/moves")"
check_equal "it was never on two hosts" "" "$(cat "$WORK/twice")"

# ---- what has run is not restored again ----
make_on alpha one
end_host beta
start_faulty beta crash-after:unpause:1
retry 20 all_up
vdc migrate -q acme.one beta >"$WORK/out" 2>&1 &
asked=$!
wait $beta_pid 2>/dev/null
"$BIN/tests/sim/sim-ctl" "$WORK/beta.state" list >"$WORK/ran"
start_one beta
wait $asked
check "the move ends" retry 30 none_moves
check_equal "it is there" "beta beta" "$(host_of one) $(domains acme.one)"
"$BIN/tests/sim/sim-ctl" "$WORK/beta.state" list >"$WORK/runs"
check_equal "in the domain that ran when the daemon died" \
    "$(awk '/acme/ { print $2 }' "$WORK/ran")" \
    "$(awk '/acme/ { print $2 }' "$WORK/runs")"
check_equal "its file is gone" "" "$(ls "$WORK/moves")"

# ---- one that its host is about to start ----
for guest in two three; do
    make_on alpha $guest
done
end_host alpha
sed -i 's/create_ms=50/create_ms=1500/' "$WORK/alpha.conf"
echo 'start_parallel = 1' >>"$WORK/alpha.conf"
"$BIN/tests/sim/sim-ctl" "$WORK/alpha.state" power-cut
start_one alpha
retry 20 all_up
guest=two
[ "$(state_of two)" = stopped ] || guest=three
check_error "does not go as one that is stopped" 4 'is about to be started' \
    vdc migrate -q acme.$guest beta
runs() {
    [ "$(state_of two) $(state_of three)" = "running running" ]
}
check "it is started" retry 20 runs
