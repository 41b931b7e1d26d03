#!/bin/sh
# Fencing with all its programs: policyd, and on each of three simulated hosts
# that have joined a resourced and a watchdogd.  One host's watchdogd stands
# still: its simulated watchdog stops the host, policyd declares it off, and
# its protected guest runs elsewhere, never on two.
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
    cat >"$WORK/$1-dog.conf" <<END
fence_address = "127.0.0.1:$(fence_port "$1")"
dc_directory = "$WORK/$1-dc"
socket = "$WORK/$1-dog.sock"
state_file = "$WORK/$1-dog.state"
slot_file = "$WORK/$1-dog.slot"
shutdown_file = "$WORK/$1-dog.shutdown"
hypervisor = "sim:state=$WORK/$1.state"
watchdog_time = 20
END
    "$BIN/watchdogd/watchdogd" --config "$WORK/$1-dog.conf" --foreground \
        >>"$WORK/$1-dog.log" 2>&1 &
    eval "$1_dog=$!"
}
dog_of() { # HOST
    eval "echo \$$1_dog"
}
end_dogs() {
    for host in alpha beta gamma; do
        stop_daemon "$(dog_of $host)" KILL
    done
    end_three
}
armed() { # N
    [ "$(vdc store-export 2>/dev/null | grep '"kind":"fence"' |
        grep -o '"armed":true' | wc -l)" = "$1" ]
}
is_fenced() { # HOST
    vdc host-list 2>/dev/null | grep -qE "^$1 +fenced"
}
runs_away() { # GUEST HOST
    at=$(host_of "$1")
    [ -n "$at" ] && [ "$at" != "$2" ] && [ "$(domains "acme.$1")" = "$at" ]
}
dead() { # PID: it may not have been waited for yet
    ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status"
}

start_joined
trap 'status=$?; end_dogs; (exit $status); finish' EXIT
for host in alpha beta gamma; do
    vdc host-set -q $host --fence-address "127.0.0.1:$(fence_port $host)" ||
        exit 1
    start_dog $host
done
check "all three take part, and are armed" retry 60 armed 3
config web.cfg vdc_protected=1
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
vdc create -q -C acme "$WORK/web.cfg" name=one || exit 1
make_on beta one

# ---- what fences nobody ----
kill -9 "$beta_dog"
wait "$beta_dog" 2>/dev/null
start_dog beta
stop_policyd KILL
sleep 25
start_policyd
check "a watchdogd that is killed, and no policyd for long" retry 30 all_up
check "nobody was stopped" [ "$(host_of one)" = beta ]
check "all three are armed" retry 60 armed 3

# ---- one that stands still ----
kill -STOP "$beta_dog"
check "its host stops" retry 30 dead "$beta_pid"
check "it is declared off" retry 90 is_fenced beta
check "its guest runs elsewhere" retry 60 runs_away one beta
kill -9 "$beta_dog"
wait "$beta_dog" 2>/dev/null
start_one beta
start_dog beta
check "it is back" retry 60 all_up
check "and takes part again" retry 90 armed 3
check "the guest stays where it is" runs_away one beta
check_equal "nobody ran twice" "" "$(cat "$WORK/twice")"
check "and it was looked" [ "$(wc -l <"$WORK/looked")" -gt 10 ]
