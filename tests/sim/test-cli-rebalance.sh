#!/bin/sh
# rebalance, host-evacuate: plans of moves over two hosts; nothing is moved,
# as the hosts see no directory together.
. "$(dirname "$0")/lib.sh"
start_host
config web.cfg
vdc customer-create -q acme --memory 8G || exit 1

check_output "nothing to move" '^no moves$' vdc rebalance --dry-run
for i in 1 2 3 4 5 6; do
    vdc create -q -C acme "$WORK/web.cfg" "name=g$i" || exit 1
done
check_output "one host: nothing to move" '^no moves$' vdc rebalance --dry-run
check_output "nor anywhere to go" '^acme.g1 cannot go: there is no other host' \
    vdc host-evacuate alpha --dry-run

# ---- another host comes ----
start_beta
vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
beta_is() {
    vdc host-list | grep -q "^beta  *$1"
}
check "beta is up" retry 10 beta_is up
vdc rebalance -n --parallel 2 --mib-per-second 64 -o json >"$WORK/plan.json"
check "JSON of a plan" json_is_valid "$WORK/plan.json"
plan() {
    json "$WORK/plan.json" "\$.$1"
}
check_equal "half of them go" 3 "$(plan of_moves)"
check_equal "from the one to the other" "alpha beta" \
    "$(plan 'moves[0].from') $(plan 'moves[0].to')"
check_equal "one host, then two, of two" "1 2 2" \
    "$(plan used_before) $(plan used_after) $(plan of_hosts)"
check_equal "two at a time" 2 "$(plan waves)"
check_equal "64 MiB each" 65536 "$(plan 'moves[0].memory_kib')"
check_equal "a second each" 1000 "$(plan 'moves[0].time_ms')"
check "the score falls" [ "$(plan after)" -lt "$(plan before)" ]
check "by the moves" [ "$(plan 'moves[0].gain')" -gt 0 ]
check_output "as text" '^3 moves in 3 waves, 192 MiB to copy$' \
    vdc rebalance --dry-run
check_output "with scores" '^score [0-9]+\.[0-9]{8}, then [0-9]+\.[0-9]{8}; 1 of' \
    vdc rebalance --dry-run
check_output "and reasons" 'alpha has 6 guests and [0-9]+% of its memory free' \
    vdc rebalance --dry-run
check_output "no more than asked for" '^1 move in 1 wave' \
    vdc rebalance -n --max-moves 1
check_output "nothing that gains less" '^no moves$' \
    vdc rebalance -n --min-gain 1000
check_output "who came lately stays" '^no moves$' \
    vdc rebalance -n --cool-down 1h
check_output "packed it is already" '^no moves$' \
    vdc rebalance -n --goal pack

# ---- a host is emptied ----
check_output "all go to the other" '^6 moves in 6 waves' \
    vdc host-evacuate alpha --dry-run
check_output "because" 'alpha is not to have guests' \
    vdc host-evacuate alpha --dry-run
check_output "of none there is nothing to do" '^no moves$' \
    vdc host-evacuate beta --dry-run
vdc host-evacuate alpha -n -o json >"$WORK/plan.json"
check_equal "as JSON" "6 0 6" \
    "$(plan of_moves) $(plan of_stuck) $(plan waves)"
check "beta drains" vdc host-set -q beta --state draining
vdc host-evacuate alpha -n -o json >"$WORK/plan.json"
check_equal "then nobody can go" "0 6" "$(plan of_moves) $(plan of_stuck)"
check_equal "because of that" 1 "$(plan 'stuck[0].error.text' |
    grep -c 'no host can take it: .*host beta is draining')"
check_equal "and what helps is not the host itself" 'bring host beta up' \
    "$(plan 'stuck[0].error.hint')"
check "beta is up again" vdc host-set -q beta --state up

# ---- what is refused ----
fails_to_move() { # COMMAND...
    "$@" >"$WORK/out" 2>&1
    [ $? = 2 ] && grep -q 'no directory that all hosts see' "$WORK/out"
}
check "moving without a directory that both see" fails_to_move vdc rebalance
check "emptying, too" fails_to_move vdc host-evacuate alpha
check_output "it stays draining" '^alpha +draining' vdc host-list
check_output "which can be seen later" '^acme.g1 .* failed ' vdc moves
vdc host-set -q alpha --state up
check_output "a plan without moves" '^no moves$' \
    vdc rebalance --min-gain 1000
check_equal "is the last then" "rebalance: the plan had no moves" \
    "$(vdc moves | grep -v '^score ')"
vdc moves -o json >"$WORK/moves.json"
check_equal "as JSON" "rebalance 0 0" \
    "$(json "$WORK/moves.json" '$.message') \
$(json "$WORK/moves.json" '$.of_moves') $(grep -c guest "$WORK/moves.json")"
check_output "of an empty host, too" \
    '^host-evacuate beta: the plan had no moves$' vdc host-evacuate beta
check_output "and afterwards" \
    '^host-evacuate beta: the plan had no moves$' vdc moves
vdc host-set -q beta --state up
check_error "no such host" 3 "no such host: gamma" \
    vdc host-evacuate gamma --dry-run
check_error "no host at all" 2 'host-evacuate' vdc host-evacuate --dry-run
check_error "a goal of its own" 2 "not 'fun'" vdc rebalance -n --goal fun
check_error "a gain of nothing" 2 "'much' is not a number" \
    vdc rebalance -n --min-gain much
check_error "no guests at a time" 2 'parallel' vdc rebalance -n --parallel 0
check_error "a time" 2 'cool-down' vdc rebalance -n --cool-down soon
check_equal "everything is where it was" 6 "$(vdc list -o json \
    >"$WORK/list.json" && grep -o '"host": *"alpha"' "$WORK/list.json" |
    grep -c .)"

# ---- what guests asked of their host ----
vdc host-set -q alpha --tags ssd
vdc create -q -C acme "$WORK/web.cfg" name=pin 'vdc_host="alpha"' || exit 1
vdc create -q "$WORK/web.cfg" name=ssd 'vdc_host_tags=["ssd"]' || exit 1
who_stays() {
    vdc host-evacuate alpha --dry-run -o json >"$WORK/plan.json"
    check_equal "$1: the others go" "6 2" "$(plan of_moves) $(plan of_stuck)"
    check_output "$1: one may be there alone" \
        '^acme.pin cannot go: .*host beta is not host alpha' \
        vdc host-evacuate alpha --dry-run
    check_output "$1: one wants its tag" \
        '^provider.ssd cannot go: .*host beta has not the tag ssd' vdc host-evacuate alpha --dry-run
    check_output "$1: they would be lost with it" '^acme.pin .*no host can take it: pinned' \
        vdc what-if host alpha dies
    vdc rebalance -n -o json >"$WORK/plan.json"
    check_equal "$1: no plan moves them" 0 \
        "$(grep -cE '"guest": *"(acme.pin|provider.ssd)"' "$WORK/plan.json")"
}
who_stays "now"
stop_policyd
start_policyd
check "beta is up after that" retry 10 beta_is up
who_stays "after a restart"
kill "$beta_pid"
wait "$beta_pid" 2>/dev/null
