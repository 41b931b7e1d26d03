#!/bin/sh
# Channels beside Debian's libxenvchan, without Xen; needs two processors.
# Usage: tests/bench/channels.sh [MILLISECONDS [PAIRS [WORDS]]]; WORDS: only the
# comparisons whose headings have them
BUILD=${BUILD:-build}
program=$BUILD/tests/bench/bench_chan
[ -x "$program" ] || make -s -C "$BUILD" tests/bench/bench_chan 2>/dev/null || {
    echo "skipped: there is no libxenvchan.a (Debian: libxen-dev)"
    exit 0
}
exec "$program" "$@"
