#!/bin/sh
# policyd and the watchdogds of three hosts that have joined (each a program
# that says what a file tells it to): who takes part, and who is declared off
# by policyd itself.  policyd is killed meanwhile, and hosts come back.
SIM_OPTIONS=memory=2G,dom0_memory=512M,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-migrate.sh"

alpha_dog=
beta_dog=
gamma_dog=
fence_port() { # HOST
    echo $(($(port_of "$1") + 100))
}
start_dog() { # HOST
    "$BIN/tests/sim/fence-fake" "127.0.0.1:$(fence_port "$1")" "$1" \
        "$WORK/$1-dc/host.pem" "$WORK/$1.says" >>"$WORK/$1-dog.log" 2>&1 &
    eval "$1_dog=$!"
}
end_dog() { # HOST
    eval "stop_daemon \"\$$1_dog\" KILL"
    eval "$1_dog="
}
end_dogs() {
    for host in alpha beta gamma; do
        end_dog $host
    done
    end_three
}
says() { # HOST WORDS
    echo "$2" >"$WORK/$1.says"
}
power_cut() { # HOST
    end_host "$1" KILL
    end_dog "$1"
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" power-cut
}
told() { # HOST FIELD: 1 version, 2 watchdog time
    cut -d' ' -f"$2" "$WORK/$1.says.told" 2>/dev/null
}
all_armed() {
    for host in alpha beta gamma; do
        [ "$(told $host 2)" = 10000 ] || return 1
    done
    [ "$(stored '"armed":true')" = 3 ]
}
fewer_armed() {
    [ "$(stored '"armed":true')" -lt 3 ]
}
# How often the stored list has this.
stored() { # PATTERN
    vdc store-export 2>/dev/null | grep '"kind":"fence"' | grep -o "$1" | wc -l
}
is_fenced() { # HOST
    vdc host-list 2>/dev/null | grep -qE "^$1 +fenced"
}
runs_away() { # GUEST HOST
    at=$(host_of "$1")
    [ -n "$at" ] && [ "$at" != "$2" ] && [ "$(domains "acme.$1")" = "$at" ]
}

for host in alpha beta gamma; do
    says $host ""
done
start_joined
trap 'status=$?; end_dogs; (exit $status); finish' EXIT
for host in alpha beta gamma; do
    vdc host-set -q $host --fence-address "127.0.0.1:$(fence_port $host)" ||
        exit 1
    start_dog $host
done
check_error "a fence address is one" 2 "number" \
    vdc host-set alpha --fence-address "somewhere:1"
check "all three take part, and are armed" retry 60 all_armed
check "each knows all" grep -q 'alpha.*beta.*gamma\|beta.*\|gamma.*' \
    "$WORK/alpha.says.told"
check_equal "one was added after the other" 3 "$(told alpha 1)"

config web.cfg vdc_protected=1
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
vdc create -q -C acme "$WORK/web.cfg" name=one || exit 1
make_on beta one
sleep 1

# ---- a host that others hear is left alone ----
end_host beta KILL
end_dog beta
sleep 30
check "one that policyd alone does not hear is left alone" \
    [ "$(grep -c 'host beta is off' "$WORK/policyd.log")" = 0 ]
check_error "nor can an operator say it" 4 "hears it" vdc host-fenced beta
start_one beta
start_dog beta
check "it takes part again" retry 60 all_armed

# ---- one that nobody hears ----
power_cut beta
says alpha deaf:beta
says gamma deaf:beta
began=$(date +%s)
sleep 10
stop_policyd KILL
start_policyd
again=$(date +%s)
check "it is declared off" retry 90 is_fenced beta
took=$(($(date +%s) - again))
check "after its watchdog time, from the start of this policyd ($took s)" \
    [ $took -ge 24 ]
check "its guest runs elsewhere" retry 60 runs_away one beta
check_equal "nowhere twice" "" "$(cat "$WORK/twice")"
says alpha ""
says gamma ""
start_one beta
start_dog beta
check "it is back" retry 60 all_up
check "and takes part again" retry 60 all_armed
check "the guest stays where it is" runs_away one beta
check_equal "nowhere twice" "" "$(cat "$WORK/twice")"

# ---- without a majority nobody is declared off ----
at=$(host_of one)
power_cut "$at"
for host in alpha beta gamma; do
    says $host "deaf:$at"
done
[ "$at" = alpha ] && other=gamma || other=alpha
end_dog "$other"
sleep 32
check "with one of three that tells nobody is off" \
    sh -c "! '$BIN/xl-ext/xl-vdc' host-list | grep -q fenced"
says "$other" "deaf:$at"
start_dog "$other"
check "with two it is" retry 90 is_fenced "$at"
check "and its guest runs elsewhere" retry 60 runs_away one "$at"
for host in alpha beta gamma; do
    says $host ""
done
start_one "$at"
start_dog "$at"
check "it is back, too" retry 60 all_up
check "all take part again" retry 60 all_armed

# ---- one leaves ----
check_error "one that is armed and up is not removed" 4 \
    "watchdog of host '$at' is armed" vdc host-remove -q "$at"
check "that says what to do" grep -q 'stop xen-vdc-watchdogd' "$WORK/stderr"
check "it is still a host" all_up
# It may have booted, so it is recorded as not armed until it says so.
end_host "$at" KILL
start_one "$at"
retry 20 all_up
check_error "nor one that was just connected to" 4 \
    "watchdog of host '$at' is armed" vdc host-remove -q "$at"
end_host "$at" KILL
retry 20 sh -c "! '$BIN/xl-ext/xl-vdc' host-list | grep -qE '^$at +up '"
check_error "nor one whose watchdogd alone answers" 4 \
    "watchdog of host '$at' is armed" vdc host-remove -q "$at"
start_one "$at"
retry 20 all_up
check "all take part again after that" retry 60 all_armed
says "$other" leave
check "it is let go when that is on record" \
    retry 30 grep -q "let go" "$WORK/$other-dog.log"
# Whether it is taken from the list, so that the two others disarm, or stays in
# it unarmed, is a matter of which beat was first (doc/design/016).
check "its own record says that it is not armed" retry 30 fewer_armed
vdc dc-status >"$WORK/status" 2>&1
check "dc-status says so" grep -q 'fencing' "$WORK/status"
check_equal "nobody ran twice" "" "$(cat "$WORK/twice")"
