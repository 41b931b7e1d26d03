#!/bin/sh
# CPU of one placement, by the index and by a scan of all hosts, at 100 to
# 10,000 hosts; and how well guests are packed beside first-fit and best-fit,
# by placement alone and with the plans of rebalance --goal pack carried out.
# Usage: tests/bench/placement.sh [BUILD-FOLDER [PLACEMENTS [DAYS [SEEDS]]]]
build=${1:-build}
[ $# -gt 0 ] && shift
make -s -C "$build" tests/bench/bench_placement || exit 1
exec "$build/tests/bench/bench_placement" "$@"
