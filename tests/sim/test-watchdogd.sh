#!/bin/sh
# Three real watchdogds, each on a simulated host of its own, over TLS, with a
# relay on each way between two of them, and a policyd that is played.
top=${TOP_SRCDIR:-$(dirname "$0")/../..}
top=$(cd "$top" && pwd)
build=$(cd "${TOP_BUILDDIR:-$top}" && pwd)
. "$top/tests/check.sh"
for program in openssl python3; do
    command -v "$program" >/dev/null || {
        skipped "watchdogd: $program is not installed"
        closing_line 0
        exit
    }
done
W=$(mktemp -d) || exit 1
mkdir "$W/relay"
factor=${VDC_TIME_FACTOR:-1}
# Ports of this test, below those that the kernel gives to who asks for any.
port=$((10000 + $$ % 800 * 12)) # below those of ports.sh
pids=
end() {
    # shellcheck disable=SC2086 # numbers
    [ -z "$pids" ] || kill -9 $pids 2>/dev/null
    [ "$n_failed" = 0 ] && rm -rf "$W" || echo "logs are in $W"
}
trap end EXIT

retry() { # SECONDS COMMAND...
    until=$(($(date +%s) + $1 * factor))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $until ] || return 1
        sleep 0.2
    done
}

# ---- certificates ----
make_ca() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 30 -subj "/CN=$1" -keyout "$W/$1.key" -out "$W/$1.crt" \
        2>>"$W/openssl.log" || exit 1
}
make_pem() { # FILE CN CA [ROLE]
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "/CN=$2" -keyout "$W/own.key" -out "$W/own.csr" \
        2>>"$W/openssl.log" || exit 1
    echo "subjectAltName=DNS:$2${4:+,URI:xen-vdc:role:$4}" >"$W/own.ext"
    openssl x509 -req -in "$W/own.csr" -CA "$W/$3.crt" -CAkey "$W/$3.key" \
        -CAcreateserial -days 30 -extfile "$W/own.ext" -out "$W/own.crt" \
        2>>"$W/openssl.log" || exit 1
    cat "$W/own.crt" "$W/own.key" "$W/$3.crt" >"$1"
    chmod 600 "$1"
}
make_ca ca
make_ca other
make_pem "$W/policyd.pem" policyd ca policyd
make_pem "$W/stranger.pem" policyd other policyd
make_pem "$W/customer.pem" alice ca

# ---- daemons ----
number() {
    case $1 in a) echo 0 ;; b) echo 1 ;; c) echo 2 ;; esac
}
own_port() {
    echo $((port + $(number "$1")))
}
way() { # FROM TO: the port of the relay between
    echo $((port + 3 + 3 * $(number "$1") + $(number "$2")))
}
settings() { # HOST [LINE]...
    host=$1
    shift
    cat >"$W/$host.conf" <<END
fence_address = "127.0.0.1:$(own_port "$host")"
dc_directory = "$W/$host"
socket = "$W/$host.sock"
state_file = "$W/$host.state"
slot_file = "$W/$host.slot"
shutdown_file = "$W/$host.shutdown"
hypervisor = "sim:state=$W/$host.sim"
watchdog_time = 10
beat = "500ms"
END
    for line in "$@"; do
        sed -i "/^${line%% *} =/d" "$W/$host.conf"
        echo "$line" >>"$W/$host.conf"
    done
}
begin() { # HOST
    "$build/watchdogd/watchdogd" --config "$W/$1.conf" --foreground \
        >>"$W/$1.log" 2>&1 &
    eval "pid_$1=$!"
    pids="$pids $!"
}
pid() {
    eval "echo \$pid_$1"
}
lives() { # HOST
    kill -0 "$(pid "$1")" 2>/dev/null
}
dead() { # it may not have been waited for yet
    ! lives "$1" || grep -q '^State:.Z' "/proc/$(pid "$1")/status"
}
# check_end TEXT STATUS HOST: 137 when it was killed with its host.
check_end() {
    wait "$(pid "$3")" 2>/dev/null
    check_equal "$1" "$2" $?
}
sim() { # HOST COMMAND...
    host=$1
    shift
    "$build/tests/sim/sim-ctl" "$W/$host.sim" "$@"
}
guests() {
    echo $(($(sim "$1" list | wc -l) - 1))
}

# ---- policyd ----
members() { # FOR VERSION WATCHDOG_MS MEMBER...
    whom=$1 version=$2 recorded=$3 list=
    shift 3
    for member in "$@"; do
        list="$list${list:+,}{\"name\":\"$member\",\"address\":\"127.0.0.1:"
        if [ "$member" = "$whom" ]; then
            list="$list$(own_port "$member")\"}"
        else
            list="$list$(way "$whom" "$member")\"}"
        fi
    done
    printf '{"version":%s,"watchdog_ms":%s,"members":[%s]}' "$version" \
        "$recorded" "$list"
}
say_as() { # PEM CA HOST MESSAGE [JSON]
    pem=$1 ca=$2 to=$3
    shift 3
    timeout 60 "$build/tests/sim/fence-say" "127.0.0.1:$(own_port "$to")" \
        "$to" "$W/$ca.crt" "$W/$pem" "$@"
}
tell() { # HOST VERSION WATCHDOG_MS MEMBER...
    to=$1
    json=$(members "$@")
    say_as policyd.pem ca "$to" fence_members "$json"
}
status() { # HOST
    timeout 60 "$build/tests/sim/fence-say" "$W/$1.sock" fence_status
}
says() { # HOST WORDS
    status "$1" | grep -qF -- "$2"
}
age() { # OF BY: as BY reports it, in ms
    status "$2" | python3 -c '
import json, sys
for heard in json.load(sys.stdin)["heard"]:
    if heard["name"] == sys.argv[1]:
        print(heard["age_ms"])' "$1"
}

words=
for from in a b c; do
    mkdir -m 700 "$W/$from"
    make_pem "$W/$from/host.pem" "$from" ca host
    settings "$from"
    for to in a b c; do
        [ $from = $to ] || words="$words $(way $from $to):$(own_port $to)"
    done
done
# shellcheck disable=SC2086 # words
"$top/tests/sim/relay.py" "$W/relay" $words >"$W/relay.log" 2>&1 &
pids="$pids $!"
retry 20 grep -q relays "$W/relay.log" || failed "the relays" "$(cat "$W/relay.log")"
for host in a b c; do
    begin $host
done
for host in a b c; do
    retry 30 status $host || {
        failed "watchdogd of $host answers" "$(tail "$W/$host.log")"
        closing_line 0
        exit 1
    }
done

# ---- who may say what ----
check "without a list it is not armed" says a '"armed":false'
output=$(say_as stranger.pem ca a fence_status)
check_equal "a certificate of another authority is refused" 0 \
    "$(echo "$output" | grep -c '"name"')"
output=$(say_as customer.pem ca a fence_status)
check_equal "so is one without a role" 0 "$(echo "$output" | grep -c '"name"')"
check "that is in the log" \
    grep -q "'CN = alice' is neither that of a host nor that of policyd" \
    "$W/a.log"
refused() { # TEXT WORDS PEM MESSAGE [JSON]
    text=$1 wanted=$2 pem=$3
    shift 3
    output=$(say_as "$pem" ca a "$@")
    case $output in
    *"$wanted"*) passed "$text" ;;
    *) failed "$text" "$output" ;;
    esac
}
list=$(members a 9 0 a b c)
refused "a host may not tell the list" "fence_members is not for a host" \
    b/host.pem fence_members "$list"
refused "nor let another go" "fence_leave is not for a host" \
    b/host.pem fence_leave
refused "policyd is no voter" "fence_ping is not for policyd" \
    policyd.pem fence_ping '{"number":1,"version":1}'
refused "a name that is there twice" "is one twice" policyd.pem \
    fence_members '{"version":1,"members":[{"name":"a","address":"127.0.0.1:1"},{"name":"a","address":"127.0.0.1:1"}]}'
refused "members need a version" "has a version" policyd.pem fence_members \
    '{"version":0,"members":[{"name":"a","address":"127.0.0.1:1"}]}'
check_output "without members it is told what there is" '"version":0' tell a 0 0
refused "who has not asked to leave stays" "has not asked to leave" \
    policyd.pem fence_leave

# ---- armed ----
check_output "two members: they hear nobody yet" '"version":1' tell a 1 0 a b
check_output "and so for the other" '"version":1' tell b 1 0 a b
sleep 2
check "nobody is armed by two" says a '"armed":false'
for host in a b c; do
    sim $host create guest 64M >/dev/null
    check_output "three members: $host has them on its disk" '"version":2' \
        tell $host 2 0 a b c
done
for host in a b c; do
    check "$host is armed, and connected" retry 30 says $host \
        '"armed":true,"slot":1,"watchdog_ms":10000,"wanted_ms":10000,"connected":true'
done
refused "an older list is refused" "this host has version 2" policyd.pem \
    fence_members "$(members a 1 0 a b)"
refused "so is the same version with other members" "but other members" \
    policyd.pem fence_members "$(members a 2 0 a b)"

# ---- strangers, who say nothing ----
# One connection from the address of the members, then many from another.
strangers() {
    python3 - "$(own_port a)" <<'END'
import socket, sys, time

def connect(source):
    s = socket.socket()
    s.bind((source, 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.setblocking(False)
    return s

def is_open(s):
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False

member = connect("127.0.0.1")
others = [connect("127.0.0.2") for i in range(60)]
third = connect("127.0.0.3")
more = [connect("127.0.0.2") for i in range(60)]
until = time.monotonic() + 8
while sum(map(is_open, others + more)) > 31 and time.monotonic() < until:
    time.sleep(0.2)
print("a member's address:", is_open(member))
print("another's one:", is_open(third))
print("of many:", sum(map(is_open, others + more)))
END
}
strangers >"$W/strangers" 2>&1
check "strangers keep nobody out who comes from a member's address" \
    grep -qx "a member's address: True" "$W/strangers"
check "nor who comes from an address of his own" \
    grep -qx "another's one: True" "$W/strangers"
check_equal "those of one address are in their own way" "of many: 31" \
    "$(tail -n 1 "$W/strangers")"
check "that is in the log" grep -q 'have not shown a certificate' "$W/a.log"

# ---- the program ends, the watchdog does not ----
kill -9 "$(pid b)"
wait "$(pid b)" 2>/dev/null
begin b
settings c 'watchdog_time = 20'
kill -HUP "$(pid c)"
check "killed, it goes on with the same slot" retry 30 says b \
    '"armed":true,"slot":1,'
check "and says so" grep -q 'of an earlier watchdogd runs' "$W/b.log"
check "begun anew in the same process, too" retry 30 says c \
    '"armed":true,"slot":1,'
check "a longer time does not count before policyd has recorded it" says c \
    '"watchdog_ms":10000,"wanted_ms":20000'
check_output "and does then" '"watchdog_ms":20000' tell c 2 20000 a b c
echo 'watchdog_time = "long"' >>"$W/c.conf"
kill -HUP "$(pid c)"
check "settings with an error are not taken" retry 20 \
    grep -q 'it goes on as it is' "$W/c.log"

# ---- policyd is gone, and nobody cares ----
sleep 12
for host in a b c; do
    check "$host runs on without policyd" lives $host
    check_equal "and its guest" 1 "$(guests $host)"
    check "and is connected" says $host '"connected":true'
done

# ---- one direction ----
# What b and c ask of a does not come; a's own questions are answered.
: >"$W/relay/$(way b a).to"
: >"$W/relay/$(way c a).to"
sleep 14
check "who is not reached, but reaches the others, stays" says a \
    '"connected":true'
heard=$(age a b)
check "and they know that it does" [ "${heard:-99999}" -lt 5000 ]
rm "$W/relay/"*.to

# The answers to a do not come: it cannot know that it is heard.
: >"$W/relay/$(way a b).back"
: >"$W/relay/$(way a c).back"
begun=$(date +%s)
check "who hears no answer says how long it has" retry 25 \
    grep -q 'hears 1 of 3 hosts, itself counted: it stops in' "$W/a.log"
check "and stops" retry 30 dead a
took=$(($(date +%s) - begun))
check_end "with its host" 137 a
check "no sooner than it must, in $took s" [ $took -ge 13 ]
check "no later than promised" [ $took -le $((21 * factor)) ]
check_equal "and its guest" 0 "$(guests a)"
check "the majority stays" lives b
check "and is connected" says b '"connected":true'
sleep 11
heard=$(age a b)
check "b has not heard a for long" [ "${heard:-99999}" -gt 10000 ]
rm "$W/relay/"*.back

# ---- it comes back for a moment ----
begin a
check "after a boot it is not armed by what is on its disk" retry 20 says a \
    '"armed":false'
check "though it hears the others" retry 20 says a '"connected":true'
check_output "policyd tells it the list" '"version":2' tell a 2 10000 a b c
check "it is armed" retry 20 says a '"armed":true,"slot":1'
: >"$W/relay/$(way a b).back"
: >"$W/relay/$(way a c).back"
check "cut off" retry 25 says a '"connected":false'
rm "$W/relay/"*.back
check "and back before the end" retry 20 says a '"connected":true'
sleep 6
check "it lives" lives a

# ---- leaving ----
kill -TERM "$(pid c)"
check "told to end it asks to be let go" retry 10 says c '"leaving":true'
sleep 6
check "and stays armed meanwhile" says c '"armed":true'
check_output "policyd lets it go" '"armed":false' \
    say_as policyd.pem ca c fence_leave
check "it ends" retry 10 dead c
check_end "well" 0 c
sleep 11
check_equal "and its host stays" 1 "$(guests c)"

# ---- the whole system is shut down, policyd is not there ----
: >"$W/b.shutdown"
kill -TERM "$(pid b)"
check "with a guest watchdogd ends, too" retry 30 dead b
check "and the watchdog runs on" grep -q 'the watchdog runs on' "$W/b.log"
check_equal "so that the host stops" 0 "$(retry 12 eval '[ $(guests b) = 0 ]'; guests b)"
begin b
check "b is back" retry 20 says b '"armed":false'
retry 20 says a '"connected":true'
tell b 2 10000 a b c >/dev/null
check "b is armed" retry 20 says b '"armed":true'
kill -TERM "$(pid b)"
check "without a guest it disarms" retry 30 \
    grep -q 'no guest is left' "$W/b.log"
check "and ends" retry 10 dead b
closing_line 0
