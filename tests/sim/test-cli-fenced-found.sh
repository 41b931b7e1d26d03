#!/bin/sh
# policyd's store is put back to one of before a guest was made.  The guest is
# found on its hosts: one of them has it from before it was started elsewhere,
# and does not run it; it is protected as it was, and keeps its place.  And the
# store is full when a host is back.
SIM_OPTIONS=memory=2G,dom0_memory=512M,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

power_cut() { # HOST
    end_host "$1" KILL
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" power-cut
}
up() { # HOST
    vdc host-list 2>/dev/null | grep -qE "^$1 +up "
}
is_down() { # HOST
    ! up "$1"
}
logged() { # PATTERN
    grep -q -- "$1" "$WORK/policyd.log"
}
runs_at() { # GUEST HOST: there, and nowhere else
    [ "$(host_of "$1")" = "$2" ] && [ "$(state_of "$1")" = running ] &&
        [ "$(domains "acme.$1")" = "$2" ]
}
start_three
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
stop_policyd
cp "$WORK/policyd.db" "$WORK/policyd.old"
start_policyd
retry 20 all_up
vdc create -q -C acme "$WORK/web.cfg" name=web vdc_protected=1 \
    'vdc_groups=["apart"]' || exit 1
make_on beta web
check "the guest runs on beta" retry 20 runs_at web beta

# ---- it is started elsewhere, and nobody remembers it ----
vdc host-set -q alpha --state draining
power_cut beta
retry 10 is_down beta
vdc host-fenced beta >/dev/null
check "beta is off, and it runs on gamma" retry 30 runs_at web gamma
stop_policyd
end_host gamma KILL # its domains run on
rm -f "$WORK"/policyd.db*
cp "$WORK/policyd.old" "$WORK/policyd.db"
start_one beta
retry 20 grep -q "is started when policyd says" "$WORK/beta.log"
start_policyd
retry 20 up beta
check "what beta has is not started before gamma was looked at" \
    retry 10 logged "before host gamma was looked at, where it may run"
sleep 2
check_equal "nor taken over" "" "$(host_of web)"
check_equal "it runs where it ran" gamma "$(domains acme.web)"
start_one gamma
retry 20 all_up
check "then it is taken over there" retry 20 runs_at web gamma
sleep 2
check_equal "and beta does not start it" gamma "$(domains acme.web)"

# ---- it is protected as before ----
power_cut gamma
retry 10 is_down gamma
vdc host-fenced gamma --dry-run >"$WORK/plan" 2>&1
check "it would be started elsewhere" \
    grep -q "^acme.web: is started on host alpha" "$WORK/plan"
vdc host-fenced gamma >"$WORK/out" 2>&1
check "and is" retry 30 runs_at web alpha
check_equal "it ran nowhere twice" "" "$(cat "$WORK/twice")"

# ---- a host is back, and the store does not take that ----
start_one gamma
retry 20 all_up
stop_policyd
mkfifo "$WORK/said" # the limit is for the store, not for the log
cat "$WORK/said" >>"$WORK/policyd.log" &
"$BIN/policyd/policyd" --config "$WORK/policyd.conf" --foreground \
    >"$WORK/said" 2>&1 &
policyd_pid=$!
retry 20 all_up
vdc host-set -q alpha --state up
vdc create -q -C acme "$WORK/web.cfg" name=plain
make_on gamma plain
power_cut gamma
retry 10 is_down gamma
check "a host is declared off" vdc host-fenced -q gamma
# A memory channel has a file of 132 KiB; what is written to the store is behind
# that.
n=0
while [ "$(stat -c %s "$WORK/policyd.db-wal")" -lt 200000 ] && [ $n -lt 100 ]; do
    n=$((n + 1))
    vdc customer-create -q "customer$n" || break
done
prlimit --pid "$policyd_pid" --fsize=160000:unlimited
start_one gamma
check "that it is back cannot be recorded, which is said" retry 20 \
    logged "host gamma is back, and that cannot be recorded"
sleep 11
check_equal "once" 1 "$(grep -c 'gamma is back, and' "$WORK/policyd.log")"
check_output "host-list says so" '^gamma +fenced' vdc host-list
vdc dc-status >"$WORK/status" 2>&1
check "and dc-status" \
    grep -q 'gamma: it is back, and the store does not take that' "$WORK/status"
check_error "it gets no orders" 9 'gamma, which was off, is back' \
    vdc pause acme.plain
end_host gamma KILL
retry 10 is_down gamma
prlimit --pid "$policyd_pid" --fsize=unlimited
sleep 6
check "it can be said to be off again" vdc host-fenced -q gamma
start_one gamma
check "when the store takes it, it is back" retry 30 all_up
check "and gets orders" retry 30 vdc pause -q acme.plain
check_equal "nothing ran twice" "" "$(cat "$WORK/twice")"
