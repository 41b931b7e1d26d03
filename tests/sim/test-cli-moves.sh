#!/bin/sh
# migrate, rebalance, host-evacuate, moves: guests move between three hosts,
# while things fail and daemons die.  Domain lists of all simulators are
# looked at all the time: no guest is ever on two of them.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=150,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
start_three
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1

# ---- one guest ----
vdc create -q -C acme "$WORK/web.cfg" name=one vdc_host=alpha || exit 1
vdc create -q -C acme "$WORK/web.cfg" name=free || exit 1
check_error "a guest that is pinned" 5 'it may be on host alpha only' \
    vdc migrate -q acme.one beta
vdc destroy -q acme.one || exit 1
make_on alpha one
before=$(identity one)
check_output "a dry run" '^acme.one: would be moved from host alpha to beta' \
    vdc migrate -n acme.one beta
check_equal "moves nothing" "alpha" "$(host_of one)"
check_output "migrate" '^acme.one: moved from host alpha to beta$' \
    vdc migrate -q acme.one beta
check_equal "it is there" "beta" "$(host_of one)"
check_equal "the same guest, with the same memory" "$before" "$(identity one)"
check_equal "it runs there, and there alone" "beta" "$(domains acme.one)"
check_equal "its file is gone" "" "$(ls "$WORK/moves")"
check_error "not to where it is" 4 'is on host beta already' \
    vdc migrate -q acme.one beta
check_error "nor to nowhere" 3 'no such host: omega' \
    vdc migrate -q acme.one omega
check_error "nor live, over no TLS" 2 'not both hosts have joined over TLS' \
    vdc migrate -q --live acme.one alpha
check_error "no such guest" 3 'no such guest: two' vdc migrate -q two beta
check_output "it says first that it stands still" 'stands still until' \
    vdc migrate acme.one gamma
check_output "who did it is recorded" 'partition_migrate.*one' vdc audit
vdc migrate -q acme.one gamma -o json >"$WORK/err.json" 2>&1
vdc shutdown -q -w acme.one || vdc destroy -q --keep acme.one
vdc migrate -n -o json acme.one alpha >"$WORK/dry.json"
check_equal "a stopped one is not suspended" "does not run" \
    "$(json "$WORK/dry.json" '$.moves[0].reason')"
check "one that is stopped" vdc migrate -q acme.one alpha
check_equal "is remembered there" "alpha" "$(host_of one)"
check "and starts there" vdc start -q acme.one
check_equal "nowhere else" "alpha" "$(domains acme.one)"
vdc pause -q acme.one
check_error "a paused one cannot suspend" 4 'it is paused' \
    vdc migrate -q acme.one beta
vdc unpause -q acme.one
check "draining hosts get none" vdc host-set -q beta --state draining
check_error "not by this either" 5 \
    'cannot go to host beta now: host beta is draining' \
    vdc migrate -q acme.one beta
check_error "and what helps is said of that host alone" 5 \
    '^  bring host beta up' vdc migrate -q acme.one beta
vdc host-set -q beta --state up
echo disk >"$WORK/disk.img"
vdc create -q -C acme "$WORK/web.cfg" name=local \
    "disk=[ '$WORK/disk.img,raw,xvda,rw' ]" || exit 1
check_error "a disk on its host only" 2 'its disk xvda is on its host only' \
    vdc migrate -q acme.local "$(other_than "$(host_of local)")"
vdc destroy -q acme.local

# ---- a customer may not ----
if [ "$(id -u)" = 0 ]; then
    uid=$(free_uid)
    vdc customer-set -q acme --memory 16G --guests 40 --user "$uid"
    chmod 755 "$WORK"
    for command in "migrate one beta" rebalance "host-evacuate alpha" \
        moves "moves --stop"; do
        # shellcheck disable=SC2086
        check_error "a customer: $command" 6 \
            "'${command%% *}' is for operators" \
            as_user "$uid" $command -q
    done
else
    skipped "a customer may not: needs root"
fi

# ---- what is refused without a directory ----
stop_policyd
sed -i 's|^move_directory.*|move_directory = ""|' "$WORK/policyd.conf"
start_policyd
retry 20 all_up
check_error "no directory, no move" 2 'no directory that all hosts see' \
    vdc migrate -q acme.one beta
vdc destroy -q --keep acme.one
check "but of a stopped one" vdc migrate -q acme.one beta
vdc start -q acme.one
stop_policyd
sed -i "s|^move_directory.*|move_directory = \"$WORK/moves\"|" \
    "$WORK/policyd.conf"
start_policyd
retry 20 all_up

# ---- failures ----
one_fails() { # TEXT FAULTED-HOST FAULT STATUS PATTERN
    end_host "$2"
    start_faulty "$2" "$3"
    retry 20 all_up
    check_error "$1" "$4" "$5" vdc migrate -q acme.one gamma
    end_host "$2"
    start_one "$2"
    retry 20 all_up
}
make_on beta one
one_fails "restoring fails there" gamma fail:restore:1 10 \
    'acme.one stays on host beta'
check_equal "it goes on where it was" "beta beta" \
    "$(host_of one) $(domains acme.one)"
check_equal "the same guest" "$before" "$(identity one)"
check_equal "no file is left" "" "$(ls "$WORK/moves")"
one_fails "saving fails" beta fail:save:1 10 'acme.one stays on host beta'
check_equal "it goes on" "beta beta" "$(host_of one) $(domains acme.one)"
if small_disk; then
    check_error "no room for the file" 9 'saving one needs up to' \
        vdc migrate -q acme.one gamma
    for host in beta gamma; do
        end_host $host
        start_one $host
    done
    retry 20 all_up
    check_equal "it goes on, too" "beta beta" \
        "$(host_of one) $(domains acme.one)"
else
    skipped "a full disk: no user namespaces here"
fi
end_host beta
start_faulty beta fail:restore:1
end_host gamma
start_faulty gamma fail:restore:1
retry 20 all_up
check_error "neither there nor here" 10 'could neither go nor stay' \
    vdc migrate -q acme.one gamma
check_equal "it is stopped where it was" "beta stopped" \
    "$(host_of one) $(state_of one)"
check_output "and says where its memory is" "restore acme.one $WORK/moves/" \
    vdc moves
check_error "it is not moved away from it" 4 'is in a file' \
    vdc migrate -q acme.one gamma
file=$(echo "$WORK"/moves/*.move)
check "which it is restored from" vdc restore -q acme.one "$file"
check_equal "it runs" "beta" "$(domains acme.one)"
check_equal "nothing is kept any more" 0 "$(vdc moves | grep -c kept)"
vdc destroy -q --keep acme.one
check_equal "nor when it stops: its disks are newer" 0 \
    "$(vdc moves | grep -c kept)"
check "so it may go" vdc migrate -q acme.one alpha
vdc start -q acme.one
rm -f "$file"
check "and moves" vdc migrate -q acme.one gamma

# ---- a host dies, policyd dies ----
ends() { # TEXT
    retry 20 all_up
    check "$1: the move ends" retry 30 none_moves
    at=$(host_of one)
    check_equal "$1: on one host" "$at" "$(domains acme.one)"
    check_equal "$1: the same guest" "$before" "$(identity one)"
    check_equal "$1: no file" "" "$(ls "$WORK/moves")"
}
for after in 0.02 0.06 0.1 0.15 0.2 0.25 0.3; do
    die_during policyd $after
    ends "policyd killed after $after s"
done
for after in 0.05 0.15 0.25; do
    die_during from $after
    ends "source killed after $after s"
    die_during to $after
    ends "target killed after $after s"
done

# The new host goes while the guest is being saved, and does not come back.
from=$(host_of one)
to=$(other_than "$from")
vdc migrate -q acme.one "$to" >"$WORK/out" 2>&1 &
asked=$!
sleep 0.1
end_host "$to" KILL
wait $asked
check_equal "a host that is gone gets nobody" 7 $?
check "the guest goes on" retry 10 none_moves
check_equal "where it was" "$from $from" "$(host_of one) $(domains acme.one)"
check_equal "as it was" "$before" "$(identity one)"
start_one "$to"
retry 20 all_up

# ---- an owner asks in between ----
from=$(host_of one)
vdc migrate -q acme.one "$(other_than "$from")" >/dev/null 2>&1 &
asked=$!
sleep 0.12
check_equal "it is in lists" 1 "$(vdc list -C acme | grep -c ' *one ')"
check_error "destroying it has to wait" 4 'is being moved to another host' \
    vdc destroy -q acme.one
wait $asked
check_output "then it can be" 'one' vdc rename acme.one uno
vdc rename -q acme.uno one

# ---- rebalance ----
for i in 1 2 3 4 5 6 7 8 9; do
    make_on alpha "g$i"
done
quota=$(usage)
ids=$(for i in 1 2 3 4 5 6 7 8 9; do identity "g$i"; done)
vdc rebalance -n -o json >"$WORK/plan.json"
planned=$(json "$WORK/plan.json" '$.of_moves')
check "there is something to do" [ "$planned" -gt 2 ]
check_output "rebalance runs to its end" "^rebalance: $planned moved, 0 not" \
    vdc rebalance --parallel 2
vdc moves -o json >"$WORK/moves.json"
check_equal "to the score that was planned, but for Xen's own memory" \
    "$(score plan)" "$(score moves)"
check_output "a second one has nothing to do" '^no moves$' vdc rebalance
check_output "nor when guests that came lately stay" '^no moves$' \
    vdc rebalance --min-gain 0 --cool-down 1h
check_equal "which moves says, too, and nothing of the plan before" \
    "rebalance: the plan had no moves" "$(vdc moves | grep -v '^score ')"
check_equal "guests are what they were" "$ids" \
    "$(for i in 1 2 3 4 5 6 7 8 9; do identity "g$i"; done)"
check_equal "quotas, too" "$quota" \
    "$(usage)"
check_equal "each move is recorded" "$planned" \
    "$(vdc audit -C acme | grep -c 'rebalance.*g[0-9]')"

# ---- a host is emptied ----
had=$(on_host alpha)
check "it has guests" [ "$had" -gt 2 ]
check_output "host-evacuate" "^host-evacuate alpha: $had moved, 0 not, 0 not" \
    vdc host-evacuate alpha --parallel 2
check_equal "it is empty" 0 "$(on_host alpha)"
check_output "and in maintenance" '^alpha +maintenance' vdc host-list
check_equal "each went once" "$had" \
    "$(vdc audit -C acme | grep -cE 'host_evacuate +(g[0-9]|one|free) ')"
check_equal "all are what they were" "$ids" \
    "$(for i in 1 2 3 4 5 6 7 8 9; do identity "g$i"; done)"
check "it comes back" vdc host-set -q alpha --state up
check_output "and gets its share" '^rebalance: [1-9]' vdc rebalance -p 3

# ---- who has nowhere to go ----
for host in beta gamma; do
    vdc host-set -q $host --state draining
done
vdc host-evacuate -q alpha >/dev/null 2>"$WORK/stderr"
check_equal "a host that is not empty afterwards" \
    "5 xl-vdc: host alpha is not empty" "$? $(cat "$WORK/stderr")"
for host in alpha beta gamma; do
    vdc host-set -q $host --state up
done

# ---- stopped, and killed in the middle ----
vdc host-evacuate --no-wait alpha >/dev/null || exit 1
check_error "one plan at a time" 4 'moves are under way' vdc rebalance
check_output "stop" 'host-evacuate alpha: ' vdc moves --stop
check "it comes to an end" retry 30 none_under_way
check_equal "some were not begun" 1 "$(vdc moves -o json >"$WORK/moves.json" &&
    [ "$(on_host alpha)" -gt 0 ] && echo 1)"
check_equal "each of them is told of as that" \
    "$(json "$WORK/moves.json" '$.n_waiting')" \
    "$(grep -c '"state": *"not-begun"' "$WORK/moves.json")"
check_output "in words, too" '^acme\.[^ ]+ +alpha +[a-z]+ +not begun ' vdc moves
check_equal "and none as waiting, or failed" 0 \
    "$(vdc moves | grep -cE ' (waiting|failed) ')"
check "again" vdc host-evacuate --no-wait alpha
for i in 1 2 3; do
    sleep 0.3
    kill -9 "$policyd_pid"
    wait "$policyd_pid" 2>/dev/null
    start_policyd
    retry 20 answers
done
check "killed three times, it ends" retry 60 none_under_way
check_equal "alpha is empty" 0 "$(on_host alpha)"
check_output "and in maintenance" '^alpha +maintenance' vdc host-list
check_equal "guests are what they were, still" "$ids" \
    "$(for i in 1 2 3 4 5 6 7 8 9; do identity "g$i"; done)"
check_equal "quotas, still" "$quota" \
    "$(usage)"
check_equal "no files are left" "" "$(ls "$WORK/moves")"

check "the lists were looked at" [ "$(looks)" -gt 20 ]
check_equal "no guest was ever on two hosts" "" "$(cat "$WORK/twice")"
