#!/bin/sh
# A guest is sent to another host, and the daemon of its old or its new host is
# killed after a change that it makes to its host; or the host loses its power
# before it.  Every ninth change, or less where all is slow; MIGRATE_STEP=1:
# every one (long/sweep.sh).
SIM_OPTIONS=memory=4G,dom0_memory=512M,send_ms=80,create_ms=20
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-migrate.sh"

start_joined
make_one

STEP=${MIGRATE_STEP:-$((9 * ${VDC_TIME_FACTOR:-1}))}
n_ended=0
n_moved=0
n_lost=0
n_anew=0
power_cut() { # HOST: all that runs there is gone
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" power-cut
}
# It is where the book says, as it was, and nowhere is anything left of it.
is_whole() {
    at=$(host_of one)
    [ "$before" = "$(identity one)" ] || return 1
    if [ "$(state_of one)" = stopped ]; then
        [ -z "$(domains acme.one)" ]
    else
        only_on one "$at"
    fi
}
look() { # TEXT FROM TO
    at=none
    retry 30 none_moves && at=$(host_of one)
    case $at in
    "$2" | "$3") ;;
    *) failed "$1: on one of the two" "$at" "$(cat "$WORK/out")" ;;
    esac
    [ "$at" != "$3" ] || n_moved=$((n_moved + 1))
    if retry 10 is_whole; then
        n_ended=$((n_ended + 1))
    else
        failed "$1: as it was, there and nowhere else" \
            "assigned to $at, $(state_of one), domains on: $(domains acme.one)" \
            "$(cat "$WORK/out")"
    fi
    grep -q 'it was started anew' "$WORK/out" && n_anew=$((n_anew + 1))
    if [ "$(state_of one)" = stopped ]; then
        n_lost=$((n_lost + 1))
        vdc start -q acme.one || failed "$1: it starts again"
    fi
}
# Change after change, until the move needs no more of them.
sweep() { # WHO FAULT [power]
    k=$((1 - STEP))
    dead=yes
    while [ -n "$dead" ] && [ $k -lt 30 ]; do
        k=$((k + STEP))
        from=$(host_of one)
        to=$(other_than "$from")
        [ "$1" = from ] && who=$from || who=$to
        die_at "$who" "$2:*:$k" "$to" ${3:+power_cut "$who"}
        n_points=$((n_points + 1))
        look "$1 $2 $k ${3:-}" "$from" "$to"
    done
    check "${3:-killed}: up to change $k of the host that it goes $1" \
        [ $k -gt 2 ]
}
n_points=0
sweep from crash-after
sweep to crash-after
check_equal "killed: it was never without its memory" 0 $n_lost
sweep from crash-before power
sweep to crash-before power
check_equal "each of $n_points moves ends well" $n_points $n_ended
check "the guest was moved in some ($n_moved; started anew in $n_anew)" [ $n_moved -gt 2 ]
for host in alpha beta gamma; do
    check "databases agree: $host" vdc host-verify $host
done
check_equal "and it never ran on two hosts" "" "$(cat "$WORK/twice")"
