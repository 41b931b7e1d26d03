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
. "$(dirname "$0")/../etcd.sh"
make -s -C "$build" tests/bench/bench_kv || exit 1
dir=$(mktemp -d "$build/bench-kv.XXXXXX") || exit 1
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid"; wait "$pid" 2>/dev/null; }
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

start_etcd "$dir/etcd"
pid=$etcd_pid
"$build/tests/bench/bench_kv" "$dir" "$etcd_url" "$pid" "$@"
