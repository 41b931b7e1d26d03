#!/bin/sh
# Every scenario of the crash tests, at every point; many minutes.
BUILD=${BUILD:-build}
export TOP_BUILDDIR="$BUILD" VDC_SWEEP=full MIGRATE_STEP=1
failed=0
for test in "$BUILD/tests/sim/test_resourced_crash" \
    "$BUILD/tests/sim/test_resourced_migrate_crash" \
    "$(dirname "$0")/../test-cli-migrate-crash.sh"; do
    "$test" || failed=1
done
exit "$failed"
