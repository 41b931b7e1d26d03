#!/bin/sh
# Every scenario of the crash test, at every point; many minutes.
BUILD=${BUILD:-build}
export TOP_BUILDDIR="$BUILD" VDC_SWEEP=full
exec "$BUILD/tests/sim/test_resourced_crash"
