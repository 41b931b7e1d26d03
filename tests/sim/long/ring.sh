#!/bin/sh
# An enemy at the other end of a channel: 10^9 operations, and fewer under the
# sanitizers, which take longer (VDC_OPERATIONS: another number); many messages
# between honest ends; and all of the model.  About 20 minutes.
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
check "two threads, a million messages in each run" \
    env VDC_MESSAGES=1000000 "$BUILD/tests/unit/chan/test_ring_threads"
check "the model, with each thing taken away" \
    env VDC_SWEEP=full "$(dirname "$0")/../../model/test-ring-model.sh"
closing_line 0
