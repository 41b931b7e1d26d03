#!/bin/sh
# A host has booted, and its database is damaged, and made anew from a copy in
# which a guest is that has gone to another host since: that guest is not
# started there, and those that are to run there are.
SIM_OPTIONS=memory=4G,dom0_memory=512M,send_ms=50,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-migrate.sh"
start_joined
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
for guest in goes stays; do
    vdc create -q -C acme "$WORK/web.cfg" name=$guest || exit 1
    make_on alpha $guest
done

# ---- a copy of before the move, damaged ----
end_host alpha
cp "$WORK/alpha.db" "$WORK/before.db"
start_one alpha
retry 20 all_up
check "one goes to beta" vdc migrate -q acme.goes beta
end_host alpha
rm -f "$WORK/alpha.db-wal" "$WORK/alpha.db-shm"
cp "$WORK/before.db" "$WORK/alpha.db"
printf '?' | dd of="$WORK/alpha.db" bs=1 seek=3 conv=notrunc 2>/dev/null
"$BIN/tests/sim/sim-ctl" "$WORK/alpha.state" power-cut
start_one alpha
damaged() {
    vdc host-list | grep -q '^alpha .*damaged'
}
check "the database is damaged" retry 20 damaged
vdc host-verify --rebuild alpha >"$WORK/anew" 2>&1
check_equal "it is made anew, with what was lost told" 13 $?
check "the one that has gone is in it, too" \
    grep -qE '^from-database +acme.goes .*it does not run' "$WORK/anew"
told() {
    grep -q 'host alpha is told that 1 guest is to run there' \
        "$WORK/policyd.log"
}
check "policyd says which of them is to run there" retry 20 told
check "that one is started" retry 20 only_on stays alpha
sleep 1
check "the one that has gone runs on beta alone" only_on goes beta

# ---- the host boots again ----
end_host alpha
"$BIN/tests/sim/sim-ctl" "$WORK/alpha.state" power-cut
start_one alpha
retry 20 all_up
check "what is to run there is started" retry 20 only_on stays alpha
sleep 1
check "what has gone is not" only_on goes beta
check_equal "no guest ever ran on two hosts" "" "$(cat "$WORK/twice")"
