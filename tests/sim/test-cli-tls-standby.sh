#!/bin/sh
# policyd over TLS where another leads: it says so, and takes over.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/../etcd.sh"
command -v etcd >/dev/null || {
    skipped "several policyds need an etcd"
    exit 0
}

make_ca ca
make_certificate policyd ca subjectAltName=IP:127.0.0.1
make_certificate alice ca
# a store that others can have, too
start_etcd "$WORK/etcd" --log-level error --unsafe-no-fsync
store="store = \"etcd:$etcd_url\""
second_pid=
trap 'end=$?
stop_daemon "$second_pid"
stop_daemon "$etcd_pid"
(exit "$end")
finish' EXIT
echo "a kernel" >"$WORK/images/vmlinuz"
chmod 644 "$WORK/images/vmlinuz"
tls_settings "$store" 'store_lease = "1s"'
start_resourced
start_policyd
retry 30 answers || {
    failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
    exit 1
}
vdc certificate-add -q "$CERTS/alice.crt" provider >/dev/null

sed "s|policyd.sock|second.sock|; s|:$TLS_PORT|:$((TLS_PORT + 3))|" \
    "$WORK/policyd.conf" >"$WORK/second.conf"
echo "metrics_address = \"$((TLS_PORT + 6))\"" >>"$WORK/second.conf"
leads() { # NUMBER
    [ "$("${TOP_SRCDIR:-.}/tests/sim/metrics.py" value $((TLS_PORT + 6)) \
        xen_vdc_leader)" = "$1" ]
}
second() {
    "$BIN/policyd/policyd" --config "$WORK/second.conf" --foreground \
        >>"$WORK/second.log" 2>&1 &
    second_pid=$!
}
second
check "another stands by" retry 20 grep -q 'standing by' "$WORK/second.log"
check "Prometheus is told which of both it is" leads 0
check "the one that leads serves" remote alice list -q
TLS_AT=127.0.0.1:$((TLS_PORT + 3))
check_error "the other says that it does not" 7 \
    'this policyd stands by: policyd of host alpha .*leads' remote alice list
check_error "to everybody" 7 'stands by' remote - list
stop_policyd
check "it ends when nobody leads" \
    retry 30 grep -q 'ending, to take over' "$WORK/second.log"
wait "$second_pid"
second
check "and takes over, with the certificates" retry 30 remote alice list -q
check "and that it leads now" leads 1
stop_daemon "$second_pid"
second_pid=
