#!/bin/sh
# policyd is killed at many points after a host was said to be off; hosts that
# guests are started on die, or refuse them; one comes back in between.  Every
# protected guest runs, on one host, and nowhere twice.
SIM_OPTIONS=memory=1G,dom0_memory=256M,create_ms=150
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

power_cut() { # HOST
    end_host "$1" KILL
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" power-cut
}
is_down() { # HOST
    ! vdc host-list 2>/dev/null | grep -qE "^$1 +up "
}
all_run() { # each guest on one host, and it is that which it is assigned to
    for g in $GUESTS; do
        at=$(host_of $g)
        [ -n "$at" ] && [ "$(domains "acme.$g")" = "$at" ] || return 1
    done
}
none_on() { # HOST
    for g in $GUESTS; do
        [ "$(host_of $g)" != "$1" ] || return 1
    done
}
run_away() { # HOST
    all_run && none_on "$1"
}
others_up() {
    [ "$(vdc host-list 2>/dev/null | grep -cE '^(alpha|beta|gamma) +up ')" = 2 ]
}
settled() {
    all_up && all_run && none_moves
}
brought() { # GUEST
    [ "$(host_of "$1")" = beta ] || vdc migrate -q "acme.$1" beta
}
# A host that has not forgotten a guest yet refuses it.
bring() {
    for g in $GUESTS; do
        retry 20 brought $g || failed "$g is brought to beta"
    done
}
GUESTS="one two three four"

start_three
config web.cfg vdc_protected=1
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
n_rounds=0
n_good=0
n_back=0
for g in $GUESTS; do
    vdc create -q -C acme "$WORK/web.cfg" name=$g || exit 1
done

# The same host each time: guests are brought there before.
round() { # SECONDS-BEFORE-KILL [beta comes back: back | stays away: away]
    bring
    retry 20 settled || failed "all run before" "$(vdc list --all)"
    sleep 0.5
    power_cut beta
    retry 10 is_down beta
    vdc host-fenced beta >"$WORK/fenced" 2>&1
    sleep "$1"
    stop_policyd KILL
    [ "$2" = away ] || start_one beta
    start_policyd
    retry 20 others_up || all_up
    n_rounds=$((n_rounds + 1))
    if [ "$2" = away ]; then
        retry 60 run_away beta && n_good=$((n_good + 1)) ||
            failed "killed after $1 s: all run elsewhere" \
                "$(cat "$WORK/fenced")" "$(vdc list --all)"
        start_one beta
        retry 20 all_up
    fi
    retry 60 settled || failed "killed after $1 s, $2: all run" \
        "$(vdc list --all)" "$(tail -n 30 "$WORK/policyd.log")"
    [ "$2" = away ] || n_back=$((n_back + 1))
}
for after in 0 0.12 0.25 0.5; do
    round $after away
done
check_equal "each of $n_rounds times all ran elsewhere" $n_rounds $n_good
for after in 0 0.25; do
    round $after back
done
check_equal "and where it came back meanwhile somewhere" 2 $n_back
check_equal "nobody ran twice" "" "$(cat "$WORK/twice")"

# ---- the host that they are started on dies, too ----
bring
retry 20 settled
sleep 0.5
power_cut beta
retry 10 is_down beta
vdc host-fenced beta >/dev/null
sleep 0.1
power_cut gamma
retry 10 is_down gamma
vdc host-fenced gamma >"$WORK/gamma-fenced" 2>&1
check "all run on the one that is left" retry 60 eval \
    'all_run && none_on beta && none_on gamma'
start_one beta
start_one gamma
check "and go on there when the others are back" retry 30 settled
sleep 2
check "still" settled
check_equal "nobody ran twice" "" "$(cat "$WORK/twice")"

# ---- there is no room ----
bring
retry 20 settled
for host in alpha gamma beta; do
    power_cut $host
    retry 10 is_down $host
done
vdc host-fenced beta >"$WORK/out" 2>&1
check "where no host is left nobody is started" \
    grep -q '0 of 4 guests' "$WORK/out"
vdc dc-status >"$WORK/status" 2>&1
check "dc-status says who is not, and why" \
    grep -q 'acme.one.*is not started elsewhere' "$WORK/status"
start_one gamma
check "when there is room they are" retry 40 run_away beta
start_one alpha
start_one beta
retry 20 settled
check_equal "nobody ran twice" "" "$(cat "$WORK/twice")"
