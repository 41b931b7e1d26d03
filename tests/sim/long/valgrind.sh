#!/bin/bash
# valgrind.sh [NAME]...: the unit tests under valgrind's memcheck, and the
# tests on the simulator with the daemons and the command under it: what reads
# or uses what it must not, what is lost, and which descriptors a daemon has
# left at an orderly end.  With names, only the programs with one of them in
# their path.
#
# The tests find the programs in a folder whose programs are valgrind on the
# real ones.  Most daemons are killed by their tests; so what counts is not how
# they end, but that valgrind had nothing to write about them.
set -u
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 1
TOP_SRCDIR=$(cd "$(dirname "$0")/../../.." && pwd)
export TOP_SRCDIR
. "$TOP_SRCDIR/tests/check.sh"
WORK=$(mktemp -d "$BUILD/valgrind.XXXXXX") || exit 1
trap 'rm -rf "$WORK"' EXIT
chmod 755 "$WORK" # some tests act as other users
FOUND=$WORK/found
MEMCHECK="valgrind -q --child-silent-after-fork=yes --leak-check=full --num-callers=30
 --show-leak-kinds=definite,indirect --log-file=$FOUND/%p
 --suppressions=$TOP_SRCDIR/tests/sim/long/valgrind.supp"
# Time limits of tests are for programs that run at their own speed.
export VDC_VALGRIND=1 VDC_TIME_FACTOR=10
# What others do thousands of times.
export VDC_TRANSACTIONS=${VDC_TRANSACTIONS:-200}
export VDC_SWEEP=${VDC_SWEEP:-9} DENSITY=${DENSITY:-2000}

# A build folder with what the tests need of it.
make_programs() {
    local program options
    mkdir -p "$WORK"/bin/{resourced,policyd,channeld,xl-ext,tests/sim} \
        "$FOUND" &&
        ln -s "$BUILD"/tests/sim/{sim-ctl,hostile_guest} \
            "$WORK/bin/tests/sim/" &&
        ln -s "$BUILD/xl-ext/xl-vdc-guest" "$WORK/bin/xl-ext/" &&
        ln -s "$BUILD/automation" "$WORK/bin/" || return 1
    # automationd runs without it: valgrind 3.19 has no pidfd_open.
    for program in resourced/resourced policyd/policyd channeld/channeld \
        xl-ext/xl-vdc; do
        options=--track-fds=yes
        [ "$program" != xl-ext/xl-vdc ] || options=
        printf '#!/bin/sh\nexec %s "%s" "$@"\n' \
            "${MEMCHECK//$'\n'/} $options" "$BUILD/$program" \
            >"$WORK/bin/$program"
        chmod +x "$WORK/bin/$program"
    done
}

# Errors that valgrind wrote, each once, and descriptors that were not there
# from the start: not of a process that was ended by an injected crash, which
# one sees by its loop being still there.
findings() {
    local log
    for log in "$FOUND"/*; do
        [ -s "$log" ] || continue
        sed 's/^==[0-9]*== \{0,1\}//' "$log" | awk -v RS= '
            /^(FILE DESCRIPTORS: [^\n]*\n)?Open [^\n]*\n *<inherited/ { next }
            /^(FILE DESCRIPTORS: [^\n]*\n)?Open [^\n]*\n  / {
                if (/epoll_create/)
                    crashed = 1
                open = open "\n" $0
                next
            }
            /^FILE DESCRIPTORS: [^\n]*$/ { next }
            { print }
            END { if (!crashed && open) print open }'
    done | awk '!seen[$0]++' | head -n 100
}

# run_test PROGRAM [WORDS BEFORE IT]...
run_test() {
    local test=$1 log=$WORK/log began=$SECONDS name status found n
    name=tests/${test#*/tests/}
    shift
    rm -rf "$FOUND"
    mkdir -m 1777 "$FOUND"
    (cd "$WORK" && TOP_BUILDDIR=$WORK/bin timeout -k 10 3600 \
        "$@" "$test") >"$log" 2>&1 </dev/null
    status=$?
    found=$(findings)
    if [ -n "$found" ]; then
        failed "$name: clean" "$found"
    elif [ "$status" = 77 ]; then
        skipped "$name: $(tail -n 1 "$log")"
    elif [ "$status" != 0 ]; then
        failed "$name: passes" "status $status" \
            "$(tail -n 30 "$log")"
    else
        n=$(find "$FOUND" -type f | wc -l)
        passed "$name: clean, $n processes, $((SECONDS - began)) s"
    fi
}

# What is looked for is found: else all that follows says nothing.
check_control() {
    local found what
    cat >"$WORK/control.c" <<'END'
#include <fcntl.h>
#include <stdlib.h>
int main(void)
{
    volatile char *lost = malloc(10);
    open("/dev/null", O_RDONLY);
    lost[0] = lost[10];
    lost = NULL;
    return 0;
}
END
    "${CC:-cc}" -g -o "$WORK/control" "$WORK/control.c" || return
    # shellcheck disable=SC2086 # a list of words
    $MEMCHECK --track-fds=yes "$WORK/control" </dev/null
    found=$(findings)
    for what in "Invalid read" "definitely lost" "Open file descriptor"; do
        check "it is found: $what" grep "$what" <<<"$found"
    done
    rm -rf "$FOUND"
}

# wanted PATH [NAME]...
wanted() {
    local path=$1 name
    shift
    [ $# -gt 0 ] || return 0
    for name in "$@"; do
        [[ $path != *$name* ]] || return 0
    done
    return 1
}

command -v valgrind >/dev/null || {
    skipped "valgrind: it is not installed"
    closing_line 0
    exit
}
make_programs || exit 1
check_control
for test in "$BUILD"/tests/unit/*/test_* "$BUILD"/tests/hv/test_*; do
    [ -x "$test" ] && [ ! -d "$test" ] && [[ $test != *.* ]] || continue
    wanted "$test" "$@" || continue
    # shellcheck disable=SC2086 # a list of words
    run_test "$test" $MEMCHECK
done
for test in "$BUILD"/tests/sim/test_* "$TOP_SRCDIR"/tests/sim/test-*.sh; do
    [ -x "$test" ] && [[ $test != *.o && $test != *.log ]] || continue
    wanted "$test" "$@" || continue
    run_test "$test"
done
closing_line 0
