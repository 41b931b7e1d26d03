#!/bin/sh
# A host loses power, and an operator says so: its protected guests run on
# other hosts, by priority; it comes back, and does not run them.  A host that
# has booted starts protected guests only when policyd says so.  policyd is
# killed meanwhile.
SIM_OPTIONS=memory=2G,dom0_memory=512M,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"

power_cut() { # HOST
    end_host "$1" KILL
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" power-cut
}
is_down() { # HOST
    ! vdc host-list 2>/dev/null | grep -qE "^$1 +up "
}
of_host() { # HOST FIELD: a number that host-list has of it; "": none
    vdc host-list -o json >"$WORK/hosts.json" 2>/dev/null || return 1
    for i in 0 1 2; do
        [ "$(json "$WORK/hosts.json" "\$.hosts[$i].name")" != "$1" ] ||
            json "$WORK/hosts.json" "\$.hosts[$i].$2"
    done
}
fenced_ms() { # HOST
    of_host "$1" record.fenced_ms
}
guest() { # HOST NAME [LINE]...
    to=$1
    name=$2
    shift 2
    vdc create -q -C acme "$WORK/web.cfg" "name=$name" "$@" || exit 1
    make_on "$to" "$name"
}
runs_at() { # GUEST HOST: there, and nowhere else
    [ "$(host_of "$1")" = "$2" ] && [ "$(state_of "$1")" = running ] &&
        [ "$(domains "acme.$1")" = "$2" ]
}
runs_away() { # GUEST HOST: runs, but not there
    at=$(host_of "$1")
    [ -n "$at" ] && [ "$at" != "$2" ] && runs_at "$1" "$at"
}
# How many guests the host's own database has.
has() { # HOST N
    [ "$(of_host "$1" partitions)" = "$2" ]
}
# Also of a host that does not answer.
assigned() { # GUEST
    vdc list -o json | tr -d ' \n' | sed 's/{"uuid"/\n&/g' |
        sed -n "s/.*\"name\":\"$1\".*\"host\":\"\([a-z]*\)\".*/\1/p"
}
none_fenced() {
    [ "$(fenced_ms beta)" = 0 ]
}

start_three
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
guest beta low vdc_protected=1 vdc_restart_priority=1
guest beta high vdc_protected=1 vdc_restart_priority=90
guest beta plain
guest alpha other vdc_protected=1
vdc create -q -C acme "$WORK/web.cfg" name=off vdc_protected=1 || exit 1
make_on beta off
vdc shutdown -q -w acme.off >/dev/null || exit 1
sleep 1

check_error "one that answers is not off" 4 "answers" vdc host-fenced beta
check_error "nor is that of policyd" 4 "policyd runs on" vdc host-fenced alpha
check_error "there must be such a host" 3 "no such host" vdc host-fenced none

# ---- it dies ----
power_cut beta
check "policyd sees that it does not answer" retry 10 is_down beta
vdc host-fenced beta --dry-run >"$WORK/plan" 2>&1
check "the plan names a host for the first" \
    grep -qE '^acme\.high: is started on host (alpha|gamma)' "$WORK/plan"
check_equal "in the order of priorities" "acme.high acme.low acme.plain" \
    "$(sed -n 's/^\(acme\.[a-z]*\): .*/\1/p' "$WORK/plan" | tr '\n' ' ' |
        sed 's/ $//')"
check "not one that is not protected" \
    grep -q '^acme\.plain: is not started: it is not protected' "$WORK/plan"
check "and says how many" \
    grep -q '2 of 3 guests that ran there would be started' "$WORK/plan"
sleep 1
check_equal "nothing was done" "beta" "$(assigned high)"
check_equal "nor noted" 0 "$(fenced_ms beta)"

vdc host-fenced beta >"$WORK/done" 2>&1
check "two are started" grep -q '2 of 3 guests that ran there are' "$WORK/done"
check "the first runs elsewhere" retry 30 runs_away high beta
check "the second, too" retry 30 runs_away low beta
check_equal "that of high priority was first" "high low" \
    "$(sed -n "s/.*guest '\([a-z]*\)' of customer acme is started.*/\1/p" \
        "$WORK/policyd.log" | tr '\n' ' ' | sed 's/ $//')"
check_equal "that which is not protected waits" "beta" "$(assigned plain)"
check_equal "and that which did not run" "beta" "$(assigned off)"
check "it is noted" [ "$(fenced_ms beta)" -gt 1000 ]
check "host-list says it" sh -c "$BIN/xl-ext/xl-vdc host-list | grep -q fenced"
check "it is on record who said so" sh -c \
    "$BIN/xl-ext/xl-vdc audit | grep -q 'host_fenced.*beta'"
check "and what became of a guest" sh -c \
    "$BIN/xl-ext/xl-vdc audit | grep -q 'host_fenced.*high'"
check_error "it is known already" 4 "known to be off" vdc host-fenced beta

# ---- it is back ----
start_one beta
retry 20 all_up
check "what waited runs there" retry 20 runs_at plain beta
check "that it was off is over" retry 10 none_fenced
check "it has forgotten both, and not what is its own" retry 10 has beta 2
check "the first runs where it was started" runs_away high beta
check_equal "they ran nowhere twice" "" "$(cat "$WORK/twice")"

# ---- one that is destroyed before its old host is back stays so ----
at=$(host_of high)
[ "$at" = gamma ] || vdc migrate -q acme.high gamma >/dev/null
power_cut gamma
retry 10 is_down gamma
vdc host-fenced gamma >/dev/null
check "it is started again elsewhere" retry 30 runs_away high gamma
vdc destroy -q acme.high
start_one gamma
retry 20 all_up
check "its old host forgets it" retry 10 has gamma 0
sleep 1
check_equal "and it is not there again" "" "$(host_of high)"

# ---- a boot without anybody saying that it was off ----
vdc migrate -q acme.low beta >/dev/null 2>&1
check "a guest is back" retry 20 runs_at low beta
power_cut beta
retry 10 is_down beta
start_one beta
retry 20 all_up
check "a host that has only booted runs its protected guest" \
    retry 20 runs_at low beta
stop_policyd
power_cut beta
start_one beta
retry 20 grep -q "is started when policyd says" "$WORK/beta.log"
sleep 2
check_equal "not before policyd has said so" "" "$(domains acme.low)"
check_equal "one that is not protected needs nobody" beta "$(domains acme.plain)"
start_policyd
retry 20 all_up
check "policyd says so" retry 20 runs_at low beta

# ---- the other host gets the images that it is made from first ----
head -c 300k /dev/urandom >"$WORK/kernel"
digest=$(sha256sum "$WORK/kernel" | cut -d' ' -f1)
check "an image is stored" vdc image-add -q -C acme web-kernel "$WORK/kernel"
vdc host-set -q alpha --state draining
check "a guest is made from it" vdc create -q -C acme "$WORK/web.cfg" \
    name=imaged vdc_protected=1 kernel=image:web-kernel
from=$(host_of imaged)
to=gamma
[ "$from" = beta ] || to=beta
check "the host that it can go to has none" [ ! -e "$WORK/$to-images/$digest" ]
power_cut "$from"
retry 10 is_down "$from"
vdc host-fenced "$from" >/dev/null
check "it is started there" retry 30 runs_at imaged $to
check "with its image" [ -f "$WORK/$to-images/$digest" ]
vdc host-set -q alpha --state up
start_one "$from"
retry 20 all_up
check_equal "nothing ran twice" "" "$(cat "$WORK/twice")"
