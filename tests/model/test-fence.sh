#!/bin/sh
# The model of fencing holds, and fails when something that it needs is taken
# away; with VDC_SWEEP=full more goes wrong.
top=${TOP_SRCDIR:-$(dirname "$0")/../..}
model=$(cd "$top" && pwd)/tests/model/fence.pml
. "$top/tests/check.sh"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

compiler=${CC:-cc} # may have arguments
for program in spin "${compiler%% *}"; do
    if ! command -v "$program" >/dev/null; then
        skipped "the model: $program is not installed"
        closing_line 0
        exit
    fi
done

# explore DEFINES...: all states; what spin says is in $dir/out.
# shellcheck disable=SC2086 # options are words
explore() {
    rm -f pan* ./*.trail out
    spin -a "$@" "$model" >spin.out 2>&1 &&
        $compiler $optimize -DSAFETY -w -o pan pan.c &&
        timeout 200 ./pan -m100000 >out 2>&1
}

# holds N DEFINES...: in no less than N states, else it went nowhere.
holds() {
    least=$1
    shift
    optimize=-O1
    explore "$@" && grep -q 'errors: 0$' out &&
        ! grep -qE 'max search depth|out of memory' out &&
        [ "$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)" -ge "$least" ]
}

# Nothing that somebody can do is left out.
reaches_all() {
    ! sed -n '/^unreached in/,$p' out | grep -E '^[^(]*state [0-9]+' |
        grep -v -- '"-end-"'
}

fails() { # DEFINES...
    optimize=-O0 # most of the time is the compiler's
    explore "$@"
    grep -q '^pan:1: assertion violated' out
}

bad=2
[ "$VDC_SWEEP" != full ] || bad=5
check "a guest that was started elsewhere runs nowhere else" \
    holds 100000 -DBAD=$bad
grep 'states, stored' out
check "and every step is taken in some run" reaches_all
while read -r mutation; do
    check "with $mutation it would run twice" fails "-D$mutation"
done <<'END'
NO_HALF
SHORT_WAIT
NEVER_IS_OLD
ONE_REPORT
ALWAYS_CONNECTED
FROM_ANSWER
PET_AT_START
LEAVES_ALONE
BOOT_BEFORE_WORD
BOOT_STILL_ARMED
UNARMED_TOO
COUNT_KEPT
END

check "two majorities share a member while the list changes" \
    holds 10000 -DLISTS
check "and every step is taken in some run" reaches_all
while read -r mutation; do
    check "with $mutation they would not" fails -DLISTS "-D$mutation"
done <<'END'
ANY_VERSION
TWO_AT_ONCE
UNCONFIRMED
END
closing_line 0
