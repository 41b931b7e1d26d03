#!/bin/sh
# One policyd with many hosts and guests: how soon it answers after a restart
# and what memory it takes; placements a second without and with the store; and
# the daemon at its socket, all hosts reporting, with each kind of store.
# Usage: tests/bench/policyd.sh [BUILD-FOLDER [HOSTS [GUESTS [CUSTOMERS
#                               [SECONDS]]]]]
build=${1:-build}
hosts=${2:-10000}
guests=${3:-150000}
customers=${4:-1000}
seconds=${5:-3}
. "$(dirname "$0")/../etcd.sh"
make -s -C "$build" tests/bench/bench_policyd policyd/policyd || exit 1
build=$(realpath "$build") || exit 1
bench=$build/tests/bench/bench_policyd
dir=$(mktemp -d "$build/bench-policyd.XXXXXX") || exit 1
pids=
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM
ulimit -n "$(ulimit -H -n)"
failed() {
    grep bench_policyd "$dir/log" || tail -n 3 "$dir/log"
    exit 1
}
# api WHAT TEXT COMMAND...: what it can do, all hosts reporting
api() {
    what=$1
    printf '%s\n' "$2"
    shift 2
    "$@" 2>"$dir/log" &
    pid=$!
    pids="$pids $pid"
    "$bench" api "$dir/policyd.sock" "$pid" "$seconds" "$what" \
        2>"$dir/log-api" || { cat "$dir/log-api"; failed; }
    kill "$pid"
    wait "$pid"
}

"$bench" fill "$dir/filled.db" "$dir" "$hosts" "$guests" "$customers" ||
    exit 1
printf '%s hosts, %s guests, %s customers; a store of %s MiB\n' "$hosts" \
    "$guests" "$customers" "$(du -m "$dir/filled.db" | cut -f 1)"
fresh() {
    rm -f "$dir"/policyd.db*
    cp "$dir/filled.db" "$dir/policyd.db"
}
configure() {
    cat <<END
socket = "$dir/policyd.sock"
$1
placement = "$dir/placement.conf"
command_address = ""
channel_socket = ""
host_name = "bench"
END
}
configure "database = \"$dir/policyd.db\"" >"$dir/policyd.conf"
fresh
"$bench" restart "$build/policyd/policyd" "$dir/policyd.conf" \
    "$dir/policyd.sock" 2>"$dir/log" || failed
fresh
"$bench" place "$dir/policyd.db" "$seconds" 2>"$dir/log" || failed

# half of the hosts each, for the number of descriptors
half=$((hosts / 2))
for range in "0 $half" "$half $hosts"; do
    # shellcheck disable=SC2086
    "$bench" hosts "$dir" $range "$hosts" "$guests" 2>"$dir/log-hosts" &
    pids="$pids $!"
done
fresh
api all "policyd on SQLite, all hosts reporting:" \
    "$build/policyd/policyd" --config "$dir/policyd.conf"
fresh
api own "the same code on a store whose commits cost nothing:" \
    "$bench" serve "$dir/policyd.db" "$dir/policyd.sock"

command -v etcd >/dev/null || {
    echo "without etcd: it is not installed (Debian: etcd-server)"
    exit 0
}
start_etcd "$dir/etcd"
pids="$pids $etcd_pid"
sleep 2
fresh
"$build/policyd/policyd" --config "$dir/policyd.conf" \
    --migrate-store "etcd:$etcd_url" 2>"$dir/log" || failed
configure "store = \"etcd:$etcd_url\"" >"$dir/policyd.conf"
printf 'on etcd, '
"$bench" restart "$build/policyd/policyd" "$dir/policyd.conf" \
    "$dir/policyd.sock" 2>"$dir/log" || failed
api creates "policyd on etcd, all hosts reporting:" \
    "$build/policyd/policyd" --config "$dir/policyd.conf"
