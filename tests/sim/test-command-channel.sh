#!/bin/sh
# The command channel under load, while each of its ends is killed again and
# again: the channel is made anew, and no request is lost or done twice.
. "$(dirname "$0")/lib.sh"

WORKERS=3
ROUNDS=16
KILLS=8

start_host
check "the channel is memory" grep -q 'command_address = "memory:' \
    "$WORK/policyd.conf"
check "policyd has mapped it" grep -q vdc-channel "/proc/$policyd_pid/maps"
check "so has resourced" grep -q vdc-channel "/proc/$resourced_pid/maps"
vdc customer-create -q acme || exit 1
config web.cfg

worker() { # NUMBER
    log=$WORK/worker$1
    : >"$log"
    i=0
    while [ $i -lt $ROUNDS ]; do
        guest=w$1g$i
        insist "$log" create -q -C acme --key "c$guest" "$WORK/web.cfg" \
            name=$guest &&
            insist "$log" pause -q --key "p$guest" acme.$guest &&
            if [ $((i % 2)) = 0 ]; then
                insist "$log" destroy -q --key "d$guest" acme.$guest
            fi && echo done >>"$WORK/rounds$1"
        i=$((i + 1))
    done
}

workers=
w=0
while [ $w -lt $WORKERS ]; do
    worker $w &
    workers="$workers $!"
    w=$((w + 1))
done

i=0
while [ $i -lt $KILLS ]; do
    sleep 0.3
    stop_daemon "$resourced_pid" KILL
    start_resourced
    sleep 0.3
    stop_daemon "$policyd_pid" KILL
    start_policyd
    i=$((i + 1))
done
n_alive=0
for pid in $workers; do
    kill -0 "$pid" 2>/dev/null && n_alive=$((n_alive + 1))
done
echo "killed $i times each, $n_alive of $WORKERS workers still at work"
for pid in $workers; do
    wait "$pid"
done

check_equal "nothing failed for good" "" \
    "$(cat "$WORK"/worker0 "$WORK"/worker1 "$WORK"/worker2)"
check_equal "all rounds were done" $((WORKERS * ROUNDS)) \
    "$(cat "$WORK"/rounds* | wc -l)"
expected() {
    w=0
    while [ $w -lt $WORKERS ]; do
        i=1
        while [ $i -lt $ROUNDS ]; do
            echo "acme.w${w}g$i"
            i=$((i + 2))
        done
        w=$((w + 1))
    done | sort
}
check "both are there" retry 20 answers
check_equal "the guests are just those that were made and kept" \
    "$(expected)" "$(vdc list -o name | sort)"
check "database, simulator and xenstore agree" vdc host-verify
