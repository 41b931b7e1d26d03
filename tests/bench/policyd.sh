#!/bin/sh
# One policyd with many hosts and guests: how soon it answers after a restart
# and what memory it takes; placements a second without and with the store.
# Usage: tests/bench/policyd.sh [BUILD-FOLDER [HOSTS [GUESTS [CUSTOMERS
#                               [SECONDS]]]]]
build=${1:-build}
hosts=${2:-10000}
guests=${3:-150000}
customers=${4:-1000}
seconds=${5:-3}
make -s -C "$build" tests/bench/bench_policyd policyd/policyd || exit 1
build=$(realpath "$build") || exit 1
bench=$build/tests/bench/bench_policyd
dir=$(mktemp -d "$build/bench-policyd.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

"$bench" fill "$dir/policyd.db" "$hosts" "$guests" "$customers" || exit 1
printf '%s hosts, %s guests, %s customers; a store of %s MiB\n' "$hosts" \
    "$guests" "$customers" "$(du -m "$dir/policyd.db" | cut -f 1)"
cat >"$dir/policyd.conf" <<END
socket = "$dir/policyd.sock"
database = "$dir/policyd.db"
placement = "$dir/placement.conf"
command_address = ""
channel_socket = ""
host_name = "bench"
END
"$bench" restart "$build/policyd/policyd" "$dir/policyd.conf" \
    "$dir/policyd.sock" 2>"$dir/log" || {
    grep bench_policyd "$dir/log" || tail -n 3 "$dir/log"
    exit 1
}
"$bench" place "$dir/policyd.db" "$dir/policyd.sock" "$seconds" 2>"$dir/log" ||
    { grep bench_policyd "$dir/log"; exit 1; }
