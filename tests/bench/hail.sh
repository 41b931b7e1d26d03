#!/bin/sh
# CPU of one placement beside Ganeti's hail, at 100 and 1,000 hosts.
# Usage: tests/bench/hail.sh [BUILD-FOLDER [SECONDS]]; SECONDS of CPU are the
# most that a run of hail gets.
build=${1:-build}
seconds=${2:-60}
for hail in ${HAIL:-} /usr/lib/ganeti/iallocators/hail \
    /usr/lib/ganeti/3.0/usr/bin/hail "$(command -v hail)"; do
    [ -x "$hail" ] && break
done
if [ ! -x "$hail" ]; then
    echo "skipped: hail is not here (package ganeti-htools)"
    exit 0
fi
make -s -C "$build" tests/bench/bench_hail tests/bench/iallocator || exit 1
for hosts in 100 1000; do
    "$build/tests/bench/bench_hail" "$hail" \
        "$build/tests/bench/iallocator" $hosts "$seconds" || exit 1
done
