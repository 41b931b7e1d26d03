#!/bin/sh
# Durable transactions a second of the resource database, beside SQLite with a
# commit for each write; on the file system of the build folder.
# Usage: tests/bench/store.sh [BUILD-FOLDER [SECONDS [ROUNDS [CLIENTS [SLOWER]]]]]
build=${1:-build}
[ $# -gt 0 ] && shift
make -s -C "$build" tests/bench/bench_store || exit 1
exec "$build/tests/bench/bench_store" "$build" "$@"
