#!/bin/sh
# The model of a guest's way to another host holds, and fails when something
# that it needs is taken away; with VDC_SWEEP=full more goes wrong, and all
# that a mutation violates is looked for.
top=${TOP_SRCDIR:-$(dirname "$0")/../..}
model=$(cd "$top" && pwd)/tests/model/handover.pml
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
        $compiler $optimize -w -o pan pan.c &&
        timeout 200 ./pan -m100000 $option >out 2>&1
}

n_states() {
    sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out
}

# holds N DEFINES...: in no less than N states.
holds() {
    least=$1
    shift
    optimize="-O1 -DSAFETY" option=
    [ "$least" -ge 100000 ] || optimize="-O0 -DSAFETY"
    explore "$@" && grep -q 'errors: 0$' out &&
        ! grep -qE 'max search depth|out of memory' out &&
        # Else it went nowhere.
        [ "$(n_states)" -ge "$least" ]
}

# Nothing that an actor can do is left out.
reaches_all() {
    ! sed -n '/^unreached in/,$p' out | grep -E '^[^(]*state [0-9]+' |
        grep -v -- '"-end-"'
}

ends() {
    optimize="-O1 -DNP" option=-l
    explore "$@" && grep -q 'errors: 0$' out &&
        ! grep -qE 'max search depth|out of memory' out
}

# fails PROPERTY DEFINES...: that one is violated, in some run.
fails() {
    property=$1
    shift
    optimize="-O0 -DSAFETY" option= # most of the time is the compiler's
    explore "-DONLY=$property" "$@"
    grep -q '^pan:1: assertion violated' out
}

if [ "$VDC_SWEEP" = full ]; then
    check "all of it holds when twelve things go wrong" \
        holds 1000000 -DBAD=12
    grep 'states, stored' out
fi
check "all of it holds when four things go wrong" holds 100000 -DBAD=4
grep 'states, stored' out
check "and every step of each actor is taken in some run" reaches_all
check "no run goes round for ever" ends -DBAD=3

# one PROPERTY TEXT: it alone, and whatever else would be wrong with it.
one() {
    check "$2" holds 40000 -DBAD=3 "-DONLY=$1"
}
one TWICE "it never runs on both hosts, and one row owns it"
one RESUMED "the source does not let it run once it is released"
one OLD "the target never runs what is older than the disks"
one LOST "its memory is lost only with a host's power"
one AGAIN "nothing is done twice"
one END "in the end it is on one host, and nobody waits"

check "epochs are not needed where answers are kept for good" \
    holds 100000 -DANSWERS_KEPT -DNO_EPOCH

while read -r mutation properties; do
    for property in $properties; do
        check "with $mutation $property is violated" \
            fails "$property" "-D$mutation"
        [ "$VDC_SWEEP" = full ] || break
    done
done <<'END'
PREPARED_NOT_DURABLE LOST
PREPARED_NOT_HELD LOST
PASSED_NOT_DURABLE TWICE OLD
RESUME_AFTER_RELEASE TWICE RESUMED
RELEASE_NOT_AWAITED TWICE
RELEASED_UNHEARD TWICE
RELEASED_NOT_CONFIRMED TWICE
SEND_NOT_CONFIRMED END
ALIKE_IS_CONFIRMED END
ABANDONED_EARLY END
UNSENT_IS_NO TWICE
SHOWN_IS_YES END
RECALL_WAITS END
KEYS_NOT_CLOSED END
CLOSED_DROPPED END
RETURNED_UNKEYED AGAIN
ANSWERS_DROPPED TWICE LOST
NO_EPOCH TWICE END
EPOCH_IN_ROWS TWICE END
COMMIT_UNDONE LOST
UNDO_NOT_WRITTEN TWICE END
RECOVERY_WAITS END
BOOT_BEFORE_RECOVERY RESUMED
END
closing_line 0
