#!/bin/sh
# What guests are moved through: a directory that the hosts do not both see,
# one that cannot be written to, files that are gone, and a host that has
# forgotten the guest in the middle.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=400,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

start_three
make_one
domid() {
    show one '$.partition.domid'
}
as_it_was() { # TEXT
    check_equal "$1: it runs where it was, and was not suspended" \
        "alpha alpha $first" "$(host_of one) $(domains acme.one) $(domid)"
    check_equal "$1: nothing is left" "" "$(ls -A "$WORK/moves")"
}
first=$(domid)

if other_disk; then
    unseen="guest 'one' cannot be moved: host gamma does not see in"
    check_error "hosts that do not see the same" 2 \
        "$unseen $WORK/moves what host alpha writes there" \
        vdc migrate -q acme.one gamma
    check_error "and what helps" 2 '`move_directory` in policyd.conf' \
        vdc migrate -q acme.one gamma
    as_it_was "not the same"
    check_error "a dry run says it, too" 2 "$unseen" \
        vdc migrate -q -n acme.one gamma
    check "who sees it gets it" vdc migrate -q acme.one beta
    check "and gives it back" vdc migrate -q acme.one alpha
    first=$(domid)
    end_host gamma
    start_one gamma
    retry 20 all_up
else
    skipped "hosts that do not see the same: no user namespaces here"
fi

chmod 770 "$WORK/moves"
check_error "a directory that others can write to" 2 \
    "host alpha cannot write to $WORK/moves, .* to host gamma: .*others than" \
    vdc migrate -q acme.one gamma
as_it_was "others can write"
chmod 700 "$WORK/moves"
mv "$WORK/moves" "$WORK/moves.away"
check_error "a directory that is gone" 2 \
    "host alpha cannot write to $WORK/moves, .* to host gamma: .*No such" \
    vdc migrate -q acme.one gamma
mv "$WORK/moves.away" "$WORK/moves"
as_it_was "gone"

# ---- a file that is gone ----
rm_files() {
    until ls "$WORK"/moves/*.move >/dev/null 2>&1; do
        sleep 0.01
    done
    rm -f "$WORK"/moves/*.move
}
for host in alpha gamma; do
    end_host $host
    start_faulty $host fail:restore:1
done
retry 20 all_up
first=$(domid)
rm_files &
remover=$!
vdc migrate -q acme.one gamma >"$WORK/out" 2>"$WORK/err"
status=$?
kill $remover 2>/dev/null
wait $remover 2>/dev/null
check_equal "without its file it fails" "1" "$([ $status != 0 ] && echo 1)"
check_equal "and says what became of it" 1 \
    "$(grep -c 'what it was doing is lost: .*\.move is not there' \
        "$WORK/err")"
check "that is an end" none_moves
check_equal "no file is named that is not there" 0 "$(vdc moves | grep -c kept)"
check_equal "it is stopped where it was" "alpha stopped" \
    "$(host_of one) $(state_of one)"
check_equal "the same guest" "$before" "$(identity one)"
for host in alpha gamma; do
    end_host $host
    start_one $host
done
retry 20 all_up
check "it boots" vdc start -q acme.one
check "and moves" vdc migrate -q acme.one beta
check "and back" vdc migrate -q acme.one alpha

# ---- a host that forgets it in the middle ----
is_saving() {
    ls "$WORK"/moves/*.partial >/dev/null 2>&1
}
vdc migrate -q acme.one gamma >"$WORK/out" 2>"$WORK/err" &
asked=$!
check "it is being saved" retry 10 is_saving
end_host alpha KILL
rm -f "$WORK"/alpha.db* "$WORK"/alpha.state "$WORK"/alpha.sequence \
    "$WORK"/moves/*.partial
start_one alpha
wait $asked
check "the move ends" retry 30 none_moves
check_equal "and says why" 1 \
    "$(grep -c 'host alpha does not have it any more, and did not save it' \
        "$WORK/err")"
check_equal "no file is named that was never written" 0 \
    "$(vdc moves | grep -c kept)"
check_equal "it is remembered where it was" "alpha stopped" \
    "$(host_of one) $(state_of one)"
check_equal "the same guest" "$before" "$(identity one)"
check "it boots" vdc start -q acme.one
check "and moves" vdc migrate -q acme.one gamma
check_equal "it is there" "gamma gamma" "$(host_of one) $(domains acme.one)"
check_equal "no files are left" "" "$(ls -A "$WORK/moves")"
check_equal "it was never on two hosts" "" "$(cat "$WORK/twice")"
