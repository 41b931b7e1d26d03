#!/bin/sh
# A guest moves, and the daemon of its old or its new host is killed before and
# after each change of its domain there.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=100,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

start_three
make_one

n_ended=0
n_died=0
n_moved=0
look() { # HOST POINT FROM TO
    [ -z "$dead" ] || n_died=$((n_died + 1))
    at=none
    retry 30 none_moves && at=$(host_of one)
    case $at in
    "$3" | "$4") ;;
    *) failed "$1 dies at $2: on one of the two" "$at" ;;
    esac
    [ "$at" != "$4" ] || n_moved=$((n_moved + 1))
    if [ "$at" = "$(domains acme.one)" ] && [ "$before" = "$(identity one)" ] &&
        [ -z "$(ls "$WORK/moves")" ]; then
        n_ended=$((n_ended + 1))
    else
        failed "$1 dies at $2: runs as it was, there and nowhere else" \
            "assigned to $at, domains on: $(domains acme.one)" \
            "$(ls "$WORK/moves")" "$(cat "$WORK/out")"
    fi
}
n_points=0
for point in from:before:save from:after:save from:before:destroy \
    from:after:destroy to:before:restore to:after:restore to:before:unpause \
    to:after:unpause; do
    from=$(host_of one)
    to=$(other_than "$from")
    [ "${point%%:*}" = from ] && who=$from || who=$to
    die_at "$who" "crash-${point#*:}:1" "$to"
    look "$who" "crash-${point#*:}:1" "$from" "$to"
    n_points=$((n_points + 1))
done
check_equal "each of $n_points moves ends well" $n_points $n_ended
check_equal "a daemon died in each" $n_points $n_died
check "the guest was moved in some ($n_moved)" [ $n_moved -gt 2 ]
check_equal "and was never on two hosts" "" "$(cat "$WORK/twice")"
