#!/bin/sh
# An enemy at the other end of a channel: 10^9 operations, and fewer under the
# sanitizers, which take longer; about 20 minutes.  VDC_OPERATIONS: another
# number.
BUILD=${BUILD:-build}
n=${VDC_OPERATIONS:-1000000000}
# shellcheck source=tests/check.sh
. "$(dirname "$0")/../../check.sh"

attack() { # TEXT PROGRAM OPERATIONS
    if [ -x "$2" ]; then
        check "$1, $3 operations" "$2" "$3" "$(date +%s)"
        printf '%s\n' "$output"
    else
        skipped "$1: this compiler has not the sanitizer"
    fi
}

attack "an enemy" "$BUILD/tests/fuzz/attack_ring" "$n"
attack "an enemy, AddressSanitizer and UBSan" \
    "$BUILD/tests/fuzz/attack_ring_asan" $((n / 4))
attack "an enemy, ThreadSanitizer" \
    "$BUILD/tests/fuzz/attack_ring_tsan" $((n / 20))
closing_line 0
