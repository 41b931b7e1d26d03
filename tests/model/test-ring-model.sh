#!/bin/sh
# The model of the ring holds, and fails when something that it needs is taken
# away: a thing of each kind, and all of them with VDC_SWEEP=full.
top=${TOP_SRCDIR:-$(dirname "$0")/../..}
model=$(cd "$top" && pwd)/tests/model/ring.pml
. "$top/tests/check.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

if ! command -v spin >/dev/null; then
    skipped "the model: spin is not installed"
    closing_line 0
    exit
fi

# explore DEFINES...: all states; what spin says is in $dir/out.
explore() {
    rm -f pan* ./*.trail out
    spin -a "$@" "$model" >spin.out 2>&1 &&
        ${CC:-cc} "$optimize" -DSAFETY -w -o pan pan.c &&
        timeout 100 ./pan -m100000 >out 2>&1
}

holds() {
    optimize=-O1
    explore "$@" && grep -q 'errors: 0$' out &&
        ! grep -qE 'max search depth|out of memory' out &&
        # Else it went nowhere.
        [ "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)" -gt 10000 ]
}

# fails WHAT DEFINES...: the search finds an error of this kind.
fails() {
    what=$1
    shift
    optimize=-O0 # found at once: most of the time is the compiler's
    explore "$@"
    grep -q "^pan:1: $what" out
}

check "no wake-up is lost, nothing is overwritten" holds
grep 'states, stored' out
check "nor when either end dies at any step, or both" \
    holds -DDEATH -DN_FRAMES=3
grep 'states, stored' out

sleeps=NO_FENCE_WRITER overwrites="NO_ROOM_CHECK CLAIM_UNREAD"
if [ "$VDC_SWEEP" = full ]; then
    sleeps="$sleeps NO_FENCE_READER NO_FENCE_SLEEPER NO_RECHECK
        ACKNOWLEDGE_LATE OFF_BY_ONE"
    overwrites="$overwrites GIVE_BACK_EARLY"
fi
for mutation in $sleeps; do
    check "with $mutation a side sleeps for ever" \
        fails 'invalid end state' "-D$mutation"
done
for mutation in $overwrites; do
    check "with $mutation a frame is overwritten" \
        fails 'assertion violated (memory' "-D$mutation"
done
check "with NO_SECOND_LOOK what was sent before the end is not read" \
    fails 'assertion violated (tail==published)' -DNO_SECOND_LOOK
if [ "$VDC_SWEEP" = full ]; then
    check "with NO_SECOND_LOOK nor what was sent before death" \
        fails 'assertion violated (tail==published)' -DDEATH -DN_FRAMES=3 \
        -DNO_SECOND_LOOK
fi
check "with NO_DEATH_EVENT death is not noticed" \
    fails 'invalid end state' -DDEATH -DN_FRAMES=3 -DNO_DEATH_EVENT
closing_line 0
