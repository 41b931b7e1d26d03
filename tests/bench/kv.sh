#!/bin/sh
# Commits a second of both stores of the data center, SQLite and a real etcd
# on loopback, and what the disk can do; on the file system of the build
# folder.
# Usage: tests/bench/kv.sh [BUILD-FOLDER [SECONDS [ROUNDS]]]
build=${1:-build}
[ $# -gt 0 ] && shift
command -v etcd >/dev/null || {
    echo "skip: etcd is not installed (Debian: etcd-server)"
    exit 0
}
make -s -C "$build" tests/bench/bench_kv || exit 1
dir=$(mktemp -d "$build/bench-kv.XXXXXX") || exit 1
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid"; wait "$pid" 2>/dev/null; }
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

ports=$(python3 -c '
import socket
a, b = socket.socket(), socket.socket()
a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])') || exit 1
client=http://127.0.0.1:${ports% *}
peer=http://127.0.0.1:${ports#* }
etcd --name bench --data-dir "$dir/etcd" --listen-client-urls "$client" \
    --advertise-client-urls "$client" --listen-peer-urls "$peer" \
    --initial-advertise-peer-urls "$peer" --initial-cluster "bench=$peer" \
    --logger zap >"$dir/log" 2>&1 &
pid=$!
"$build/tests/bench/bench_kv" "$dir" "$client" "$pid" "$@"
