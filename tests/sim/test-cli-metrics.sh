#!/bin/sh
# What Prometheus gets of a host and of policyd: read by a strict reader, and
# asked for by clients that mean no good.
. "$(dirname "$0")/lib.sh"
reader=${TOP_SRCDIR:-.}/tests/sim/metrics.py
command -v python3 >/dev/null || exit 77
. "${TOP_SRCDIR:-.}/tests/ports.sh"
port=$(take_ports) || exit 1
metrics() {
    "$reader" "$@"
}
value() { # PORT SAMPLE
    sleep 1.1 # a page is kept for a second
    metrics value "$@"
}
values() { # WANTED PORT SAMPLE
    [ "$(value "$2" "$3")" = "$1" ]
}

# What Prometheus' own reader says of a page, where it is installed.
promtool_likes() { # TEXT FILE
    if command -v promtool >/dev/null; then
        check_equal "$1" "" "$(promtool check metrics <"$2" 2>&1)"
    else
        skipped "$1: there is no promtool"
    fi
}

start_host
stop_resourced
echo "metrics_address = \"$port\"" >>"$WORK/resourced.conf"
start_resourced
retry 20 answers || exit 1

# ---- a host ----

check "a host's page is good" metrics page "$port"
metrics page "$port" >"$WORK/empty.page"
check_equal "memory" "$((4096 * 1048576))" \
    "$(metrics value "$port" 'xen_vdc_host_memory_bytes{kind="total"}')"
check_output "what runs" \
    '^xen_vdc_build_info\{program="resourced",version="[0-9.]+"\} 1$' \
    cat "$WORK/empty.page"
vdc customer-create -q acme || exit 1
config web.cfg
sed 's/^name.*/name = "db"/; s/^memory.*/memory = 8000/' "$WORK/web.cfg" \
    >"$WORK/db.cfg"
check "a guest" vdc create -q -C acme "$WORK/web.cfg"
uuid=$(vdc list -C acme -o json >"$WORK/list.json" &&
    json "$WORK/list.json" '$.partitions[0].uuid')
labels="{customer=\"acme\",guest=\"web\",uuid=\"$uuid\"}"
check "its memory" values 67108864 "$port" "xen_vdc_guest_memory_bytes$labels"
check_equal "its vCPUs" 1 "$(metrics value "$port" \
    "xen_vdc_guest_vcpus$labels")"
check_equal "by state" 1 "$(metrics value "$port" \
    'xen_vdc_host_guests{state="running"}')"
check_equal "one transaction" 1 "$(metrics value "$port" \
    'xen_vdc_transaction_seconds_count{result="committed"}')"
check_output "commits of the database" '^[1-9][0-9]*$' \
    metrics value "$port" xen_vdc_database_commit_seconds_count
check_output "a dry run" . vdc create --dry-run -C acme "$WORK/web.cfg" name=x
check "is none" values 1 "$port" \
    'xen_vdc_transaction_seconds_count{result="committed"}'
metrics page "$port" >"$WORK/host.page"
promtool_likes "promtool likes it" "$WORK/host.page"
check "it is stopped" vdc destroy -q --keep -C acme web
check "and counted as that" values 1 "$port" 'xen_vdc_host_guests{state="stopped"}'
check_equal "without figures of a domain" none "$(metrics value "$port" \
    "xen_vdc_guest_memory_bytes$labels")"
check "the page is good still" metrics page "$port"

# ---- what others may try ----

check_equal "another path" 404 "$(metrics status "$port" 'GET / HTTP/1.1')"
check_equal "a path above" 404 \
    "$(metrics status "$port" 'GET /metrics/../../etc/passwd HTTP/1.1')"
check_equal "another method" 405 \
    "$(metrics status "$port" 'DELETE /metrics HTTP/1.1')"
check_equal "no HTTP" 400 "$(metrics status "$port" 'hello')"
check_equal "a huge request" 431 "$(metrics large "$port" 500000)"
check_equal "1,000 that say nothing, and one that asks" 200 \
    "$(metrics crowd "$port" 1000)"
check_equal "the daemon has closed them" yes "$(
    ls "/proc/$resourced_pid/fd" | wc -l |
        { read -r n; [ "$n" -lt 80 ] && echo yes || echo "$n"; })"
check_output "one that is slow is ended" '^(9|10|11|12)$' \
    metrics slow "$port" 20
check "the daemon goes on" vdc start -q -C acme web
check "and tells" values 1 "$port" 'xen_vdc_host_guests{state="running"}'

# ---- settings ----

check_equal "nobody else can reach a port alone" 127.0.0.1 "$(
    awk -v port="$(printf '%04X' "$port")" '$2 ~ ":" port "$" && $4 == "0A" {
        print $2 == "0100007F:" port ? "127.0.0.1" : $2 }' /proc/net/tcp)"
sed "s|$WORK/resourced|$WORK/other|g; s|$WORK/sim|$WORK/other|; \
    s|$WORK/command|$WORK/other|" "$WORK/resourced.conf" >"$WORK/other.conf"
"$BIN/resourced/resourced" --config "$WORK/other.conf" --foreground \
    >"$WORK/other.log" 2>&1 &
other=$!
check "who finds the port taken" retry 10 \
    grep -q 'there are no metrics: metrics_address: cannot listen' \
    "$WORK/other.log"
check "works without" retry 10 grep -q 'ready for commands' "$WORK/other.log"
stop_daemon "$other"
sed 's/^metrics_address.*/metrics_address = "here"/' "$WORK/other.conf" \
    >"$WORK/bad.conf"
check_error "no address" 2 "metrics_address: 'here' is not HOST:PORT" \
    "$BIN/resourced/resourced" --config "$WORK/bad.conf" --foreground

# ---- policyd ----

next=$((port + 1))
check_equal "it is nowhere unless it is asked for" refused "$(
    metrics status "$next" 'GET /metrics HTTP/1.1' 2>/dev/null ||
        echo refused)"
stop_policyd
echo "metrics_address = \"127.0.0.1:$next\"" >>"$WORK/policyd.conf"
start_policyd
retry 20 answers || exit 1
check "policyd's page is good" metrics page "$next"
check_equal "it leads" 1 "$(metrics value "$next" xen_vdc_leader)"
check "its host is up" retry 10 values 1 "$next" 'xen_vdc_hosts{state="up"}'
check_equal "the guest runs" 1 "$(metrics value "$next" \
    'xen_vdc_guests{state="running"}')"
check_equal "what its customer uses" 67108864 "$(metrics value "$next" \
    'xen_vdc_customer_memory_bytes{customer="acme"}')"
check_equal "who has no limit has none" none "$(metrics value "$next" \
    'xen_vdc_customer_memory_quota_bytes{customer="acme"}')"
check "a limit" vdc customer-set -q acme --memory 1G
check "is told" values 1073741824 "$next" \
    'xen_vdc_customer_memory_quota_bytes{customer="acme"}'
check_error "no host has the memory" 5 'memory' \
    vdc create "$WORK/db.cfg"
check "that is counted, with the reason" values 1 "$next" \
    'xen_vdc_placements_refused_total{reason="memory"}'
check_equal "as the answer to a request" 1 "$(metrics value "$next" \
    'xen_vdc_requests_total{message="partition_create",result="NO_MEMORY"}')"
sed 's/^name.*/name = "small"/' "$WORK/web.cfg" >"$WORK/small.cfg"
check "a guest that has room" vdc create -q -C acme "$WORK/small.cfg"
check "is counted" values 1 "$next" xen_vdc_placements_total
check_equal "and answered" 1 "$(metrics value "$next" \
    'xen_vdc_requests_total{message="partition_create",result="OK"}')"
check_output "the store was asked" '^[1-9][0-9]*$' \
    metrics value "$next" xen_vdc_store_commit_seconds_count
check_equal "and takes changes" 1 "$(metrics value "$next" xen_vdc_store_up)"
check_equal "a huge request" 431 "$(metrics large "$next" 500000)"
check_equal "1,000 that say nothing, and one that asks" 200 \
    "$(metrics crowd "$next" 1000)"
check "an authority" vdc dc-init -q
check_output "until when its certificate is good" '^[0-9.]{10,}$' \
    value "$next" \
    'xen_vdc_certificate_expiry_timestamp_seconds{certificate="authority"}'
check_output "and policyd's" '^[0-9.]{10,}$' value "$next" \
    'xen_vdc_certificate_expiry_timestamp_seconds{certificate="policyd"}'
metrics page "$next" >"$WORK/full.page"
promtool_likes "promtool likes policyd's" "$WORK/full.page"
token=$(vdc token-create -q -C acme --role read-only)
sleep 1.1
metrics page "$next" >"$WORK/page"
check "with tokens the page is good" test -s "$WORK/page"
check "and has none of them" sh -c "! grep -qF '$token' '$WORK/page' &&
    ! grep -qF '${token%%.*}' '$WORK/page' && [ -n '$token' ]"

# ---- dc-status ----

check_output "all is well" '^all is well$' vdc dc-status
check_output "who leads" '^Leader +alpha \(policyd ' vdc dc-status
check_output "what hosts there are" '^Hosts +1: 1 up$' vdc dc-status
check_output "what guests" '^Guests +2: 2 running$' vdc dc-status
check_output "the authority's certificate" '^ *authority: good until 20' \
    vdc dc-status
check_output "what failed last" 'partition_create  .*memory' vdc dc-status
check_equal "in one screen" yes "$(
    [ "$(vdc dc-status | wc -l)" -le 24 ] && echo yes)"
XEN_VDC_TOKEN=$token
export XEN_VDC_TOKEN
check_error "it is not for customers" 6 "'dc-status' is for operators" \
    vdc dc-status
unset XEN_VDC_TOKEN
stop_resourced
down() {
    vdc dc-status -o json >"$WORK/status.json" 2>"$WORK/stderr"
    status=$?
    [ "$status" = 14 ] && [ ! -s "$WORK/stderr" ]
}
check "a host is down: exit status 14" retry 20 down
check "as JSON" json_is_valid "$WORK/status.json"
check_equal "it is said which" "host alpha" "$(
    json "$WORK/status.json" \
        '$.problems[0].kind') $(json "$WORK/status.json" '$.problems[0].name')"
check_equal "and that not all is well" 0 "$(
    json "$WORK/status.json" '$.well')"
check_ends stdout stderr "in words, first" 14 '^1 problem:$' vdc dc-status
check_ends stdout stderr "with what to do" 14 'is it running\?' vdc dc-status
check_equal "nothing is said when it is not to be" "" "$(vdc dc-status -q)"
check_ends stdout stderr "its guests are not known about" 14 \
    '^Guests +2: 2 unknown$' vdc dc-status
check "Prometheus is told, too" values 1 "$next" 'xen_vdc_hosts{state="down"}'
vdc host-set -q alpha --state maintenance || exit 1
check_output "one in maintenance may be down" '^all is well$' vdc dc-status
vdc host-set -q alpha --state up || exit 1
start_resourced
well() { vdc dc-status -q; }
check "when it is back all is well" retry 20 well
stop_policyd
check_error "without policyd" 7 'policyd' vdc dc-status

# ---- many ----

# more guests than are counted in one go, on hosts that do not answer
mkdir "$WORK/many"
"$BIN/tests/bench/bench_policyd" fill "$WORK/many/policyd.db" "$WORK/many" \
    300 5000 40 >"$WORK/many.log" 2>&1
sed "s|$WORK/policyd.db|$WORK/many/policyd.db|; /command_address/d" \
    "$WORK/policyd.conf" >"$WORK/many.conf"
echo 'command_address = ""' >>"$WORK/many.conf"
"$BIN/policyd/policyd" --config "$WORK/many.conf" --foreground \
    >>"$WORK/many.log" 2>&1 &
policyd_pid=$!
there() { metrics page "$next" >"$WORK/many.page" 2>/dev/null; }
check "a page of 5,000 guests" retry 20 there
check_output "each is counted once" \
    '^xen_vdc_guests\{state="unknown"\} 5000$' cat "$WORK/many.page"
check_output "each of a customer, too" \
    '^xen_vdc_customer_guests\{customer="c0007"\} 125$' cat "$WORK/many.page"
vdc dc-status -o json >"$WORK/many.json" 2>/dev/null
check_equal "all hosts are problems" 300 \
    "$(json "$WORK/many.json" '$.of_problems')"
check_equal "of which 128 are told" 128 "$(sqlite3 :memory: "SELECT
    json_array_length(CAST(readfile('$WORK/many.json') AS TEXT),
    '\$.problems')")"
check_equal "and a person sees 20" 20 "$(vdc dc-status | grep -c '^  host ')"
# those who wait for it are told when it ends
asking=
for i in 1 2 3 4 5; do
    vdc dc-status >/dev/null 2>&1 &
    asking="$asking $!"
done
kill "$policyd_pid"
wait "$policyd_pid"
check_equal "policyd ends in the middle of it" 0 $?
policyd_pid=
others=
for pid in $asking; do
    wait "$pid"
    status=$?
    [ $status = 7 ] || [ $status = 14 ] || others="$others $status"
done
check_equal "who waited is told" "" "$others"
