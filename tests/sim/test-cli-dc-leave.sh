#!/bin/sh
# A host leaves by itself, or is removed, alive or dead: it cannot speak any
# more, and the same name may join again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-dc.sh"

AT=$TLS_PORT
BETA=$((TLS_PORT + 1))
GAMMA=$((TLS_PORT + 2))
trap 'status=$?
for name in beta gamma; do stop_joined $name; done
(exit $status); finish' EXIT
write_settings
images
echo "dc_address = \"127.0.0.1:$AT\"" >>"$WORK/policyd.conf"
joined_host beta "$BETA"
joined_host gamma "$GAMMA"
start_resourced
start_policyd
start_joined beta
start_joined gamma
retry 60 answers || {
    failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
    exit 1
}
vdc dc-init -q >/dev/null
host_joins beta "$BETA" "$AT" >/dev/null
host_joins gamma "$GAMMA" "$AT" >/dev/null
vdc customer-create -q acme || exit 1
check "two hosts have joined" retry 30 state_is beta up
check "and are up" retry 30 state_is gamma up
leave() { # NAME [OPTION]...
    name=$1
    shift
    vdc dc-leave "127.0.0.1:$AT" --directory "$WORK/$name-dc" "$@"
}
connections() { # PORT: established, of whoever is at it
    grep -ci "0100007F:$(printf %04X "$1") .* 01 " /proc/net/tcp
}
config web.cfg
for host in alpha gamma; do
    vdc host-set -q $host --state maintenance
done
vdc create -q -C acme "$WORK/web.cfg" || failed "a guest on beta"
vdc create -q -C acme "$WORK/web.cfg" name=off || failed "another"
vdc shutdown -q -w acme.off
cp -a "$WORK/beta-dc" "$WORK/stolen"

# ---- a host leaves ----
check_error "a machine that is no host" 4 'has not joined a data center' \
    leave nobody
check_error "with guests it cannot" 4 "host 'beta' has 2 guests" leave beta
check "that says what to do" grep -q -- '--evacuate' "$WORK/stderr"
check_error "nor is that tried" 4 "host 'beta' has 2 guests" \
    leave beta --dry-run
check "it is up" state_is beta up
vdc destroy -q acme.off
# Nowhere to go: the others are in maintenance.
check_error "guests that can go nowhere stay, and so does the host" 4 \
    'could not be moved' leave beta --evacuate
check "the guest is there" sh -c "'$BIN/xl-ext/xl-vdc' show acme.web |
    grep -q '^host  *beta'"
vdc host-set -q gamma --state up
# What an earlier try could not move is no reason against the next.
faults=
for i in 1 2 3 4 5 6 7 8; do
    faults="$faults;fail:receive:$i;fail:restore:$i"
done
stop_joined gamma
VDC_SIM_FAULT=${faults#;} start_joined gamma
retry 30 state_is gamma up
check_error "it is told that a guest could not be moved" 4 \
    'could not be moved' leave beta --evacuate
stop_joined gamma
start_joined gamma
retry 30 state_is gamma up
check_output "with --evacuate they go elsewhere first" 'beta: has left' \
    leave beta --evacuate
check_output "where the guest runs" '^host +gamma' vdc show acme.web
check_equal "it is no host any more" 0 "$(vdc host-list -o name | grep -c beta)"
check_equal "its files are removed" 0 \
    "$(find "$WORK/beta-dc" -type f | wc -l)"
check_equal "policyd has hung up" 0 "$(connections "$BETA")"
check "beta notices" retry 20 grep -q 'is gone: nobody commands it' \
    "$WORK/beta.log"
check_output "it is on record, as the host's doing" 'host beta .*dc_leave +beta' \
    vdc audit
check_error "leaving once more" 4 'has not joined' leave beta

# ---- what its certificate is good for, in other hands ----
check_output "it sends no guests" 'no guest is expected from this host now' \
    env DC_SAY_THEN=host_show "$BIN/tests/sim/dc-say" "127.0.0.1:$GAMMA" \
    gamma "$WORK/dc/ca.pem" "$WORK/stolen/host.pem"
check "it may join again by the same name" host_joins beta "$BETA" "$AT"
check "and is up" retry 30 state_is beta up
cp -a "$WORK/stolen" "$WORK/thief-dc"
check_output "the old certificate leaves for nobody" \
    'was no host any more' leave thief
check "the host stays" state_is beta up
stop_joined beta
cp "$WORK/beta-dc/host.pem" "$WORK/good.pem"
cat "$WORK/stolen/host.pem" >"$WORK/beta-dc/host.pem"
start_joined beta
check "nor is it commanded by it" retry 30 told 'good no more'
cat "$WORK/good.pem" >"$WORK/beta-dc/host.pem"
check "with the new one it is" retry 30 state_is beta up

# ---- an operator removes it ----
check_error "with guests it cannot be" 4 "host 'gamma' has 1 guests" \
    vdc host-remove gamma
check "that says what to do" grep -q 'host-evacuate gamma' "$WORK/stderr"
cp -a "$WORK/beta-dc" "$WORK/stolen-2"
check "one that is alive is removed" vdc host-remove -q beta
check "it takes its certificate away itself" retry 20 \
    test ! -e "$WORK/beta-dc/host.pem"
check "says so" retry 10 grep -q 'was removed from its data center' \
    "$WORK/beta.log"
check "and nothing is open" retry 10 sh -c \
    "! grep -qi '0100007F:$(printf %04X "$BETA") .* 01 ' /proc/net/tcp"
check "policyd's log has it" retry 10 \
    grep -q 'host beta, which was removed, has taken' "$WORK/policyd.log"
check "by the same name it joins again" host_joins beta "$BETA" "$AT"
retry 30 state_is beta up
stop_joined beta KILL
cp -a "$WORK/beta-dc" "$WORK/stolen-3"
check "one that is dead is removed" vdc host-remove -q beta
check_equal "at once" 0 "$(vdc host-list -o name | grep -c beta)"
# By then policyd tells it no more.
sleep 11
start_joined beta
retry 20 grep -q 'policyd may command at' "$WORK/beta.log"
sleep 1
check_equal "when it is back nobody commands it" 0 "$(connections "$BETA")"
check_output "and it sends no guests" \
    'no guest is expected from this host now' \
    env DC_SAY_THEN=host_show "$BIN/tests/sim/dc-say" "127.0.0.1:$GAMMA" \
    gamma "$WORK/dc/ca.pem" "$WORK/stolen-3/host.pem"
check_error "it joins again when it has left" 4 'has joined already' \
    host_joins beta "$BETA" "$AT"
check_output "which it can, though it is none" \
    'was no host any more' leave beta
check "and then by the same name" host_joins beta "$BETA" "$AT"
check "it is up" retry 30 state_is beta up
check_output "the guest has run all the time" '^web +[0-9]+ ' vdc list -C acme
