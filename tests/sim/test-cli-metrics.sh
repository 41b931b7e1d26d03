#!/bin/sh
# What Prometheus gets of a host and of policyd: read by a strict reader, and
# asked for by clients that mean no good.
. "$(dirname "$0")/lib.sh"
reader=${TOP_SRCDIR:-.}/tests/sim/metrics.py
command -v python3 >/dev/null || exit 77

# A port that nobody has; the next, too.
free_port() {
    python3 -c 'import socket
while True:
    a, b = socket.socket(), socket.socket()
    a.bind(("127.0.0.1", 0))
    try:
        b.bind(("127.0.0.1", a.getsockname()[1] + 1))
    except OSError:
        continue
    print(a.getsockname()[1])
    break'
}
port=$(free_port)
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
    'xen_vdc_guests{state="running"}')"
check_equal "one transaction" 1 "$(metrics value "$port" \
    'xen_vdc_transaction_seconds_count{result="committed"}')"
check_output "commits of the database" '^[1-9][0-9]*$' \
    metrics value "$port" xen_vdc_store_commit_seconds_count
check_output "a dry run" . vdc create --dry-run -C acme "$WORK/web.cfg" name=x
check "is none" values 1 "$port" \
    'xen_vdc_transaction_seconds_count{result="committed"}'
check "it is stopped" vdc destroy -q --keep -C acme web
check "and counted as that" values 1 "$port" 'xen_vdc_guests{state="stopped"}'
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
check "and tells" values 1 "$port" 'xen_vdc_guests{state="running"}'

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
