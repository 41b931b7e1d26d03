# Sourced by quickstart: every test, and one line that sums them up.

TEST_LOGS=$BUILD/test-logs

# one NAME TEXT COMMAND...: counts as one test, whatever the command prints.
one() {
    local name=$1 text=$2 began
    shift 2
    began=$(date +%s)
    say "$text ..."
    if "$@" >"$LOG_DIR/$name.log" 2>&1 </dev/null; then
        echo "1 passed, 0 failed" >"$TEST_LOGS/$name.log"
        grep -E '^(FAIL:|again,)' "$LOG_DIR/$name.log" | sed 's/^/    /'
        say "$text: passed, $(($(date +%s) - began)) s"
    else
        tail -n 40 "$LOG_DIR/$name.log" | sed 's/^/    /'
        echo "0 passed, 1 failed" >"$TEST_LOGS/$name.log"
        say "$text: FAILED; log in $LOG_DIR/$name.log"
    fi
}

# suite NAME TEXT COMMAND...: its output holds a closing line of its own.
suite() {
    local name=$1 text=$2 began
    shift 2
    began=$(date +%s)
    say "$text ..."
    "$@" 2>&1 </dev/null | tee "$TEST_LOGS/$name.log" |
        grep --line-buffered -E '^(not ok|FAIL|ok|skip)|passed, .*failed' |
        sed -u "s/^/    ${name#test-}: /"
    say "$text: $(($(date +%s) - began)) s"
}

# check_in BUILD: make check.  Tests wait more than they compute, so many run at a
# time.  What failed beside others is run once more
# with nothing beside it, and counts as that says; both are shown.
check_in() {
    make -C "$1" check -j9 VERBOSE=1 && return 0
    echo "again, alone: what failed"
    make -C "$1" recheck -j1 VERBOSE=1
}

# The logs of `make check`: one a test program, each with its closing line.
unit_tests() {
    local log
    say "tests without Xen (make check) ..."
    check_in "$BUILD" >"$LOG_DIR/check.log" 2>&1 </dev/null
    grep -E '^(FAIL|ERROR|again)|error:' "$LOG_DIR/check.log"
    find "$BUILD/tests" "$BUILD/build-aux" -name '*.log' |
        while read -r log; do
            [ -e "${log%.log}.trs" ] || continue
            cp "$log" "$TEST_LOGS/$(echo "${log#"$BUILD"/}" | tr / -)"
        done
    say "tests without Xen: $(find "$TEST_LOGS" -name '*.log' | wc -l) programs"
}

# What reads definitions differently without Xen's headers, the road through
# all daemons, and what looks at the files of the distribution.
DIST_TESTS='build-aux/check-layers build-aux/check-tree
    tests/unit/base/test_cfg tests/unit/base/test_cfg_disk
    tests/unit/base/test_settings tests/unit/xl-ext/test_xlcfg
    tests/unit/xl-ext/test_xlcfg_vif tests/unit/xl-ext/test-examples.sh
    tests/sim/test_resourced_resources tests/sim/test-cli-road.sh
    tests/sim/test-cli-errors.sh tests/sim/test-cli-resources.sh'

# The archive that a user unpacks: it builds without Xen's headers and where
# nothing may be written, installs and leaves nothing behind.
distcheck() {
    make -C "$BUILD" -j4 distcheck TESTS="$(echo $DIST_TESTS)" \
        DISTCHECK_CONFIGURE_FLAGS='--with-xen=no --enable-werror'
}

# From that archive, so that a file that is missing in it is missed by a test.
check_archive() {
    local from=$BUILD/archive
    rm -rf "$from"
    mkdir -p "$from" "$BUILD/clang" &&
        tar -C "$from" --strip-components=1 -xf "$BUILD"/xen-vdc-*.tar.xz ||
        return 1
    if [ ! -e "$BUILD/clang/Makefile" ]; then
        (cd "$BUILD/clang" && "$from/configure" "$@") || return 1
        keep_order "$BUILD/clang"
    fi
    # With sanitizers all takes several times as long.
    make -C "$BUILD/clang" -j"$(nproc)" &&
        VDC_TIME_FACTOR=4 check_in "$BUILD/clang"
}

# The longest first, so that the two workers end together.
BED_SCRIPTS="tests/xen/test-0-hv.sh tests/xen/test-1-road.sh \
    tests/xen/test-5-resources.sh tests/bed/test-*.sh tests/xen/test-4-*.sh \
    tests/xen/test-*.sh"

# bed_test BED SCRIPT [TEXT]
bed_test() {
    local name
    name=$(basename "$2" .sh)
    suite "$name" "in the bed: $name${3:-}" \
        env BED_NAME="$1" STAGE="$STAGE" KEEP_BED=1 "$2"
}

# bed_worker BED: in a bed of its own, whatever no other worker has taken.
bed_worker() {
    local script
    for script in $BED_SCRIPTS; do
        mkdir "$LOG_DIR/taken/$(basename "$script")" 2>/dev/null || continue
        bed_test "$1" "$script"
    done
    nested/bed -n "$1" kill >/dev/null 2>&1
}

# As in check_in: what failed beside another bed is run once more alone, and
# counts as that says.
bed_again() {
    local taken script log
    for taken in "$LOG_DIR"/taken/*; do
        log=$TEST_LOGS/$(basename "$taken" .sh).log
        build-aux/sum-tests "$log" >/dev/null 2>&1 && continue
        mv "$log" "$LOG_DIR/first-$(basename "$log")"
        script=$(ls -d tests/*/"$(basename "$taken")")
        bed_test test "$script" ', again, alone'
    done
    nested/bed -n test kill >/dev/null 2>&1
}

# Two at a time: a bed seldom keeps more than one processor busy.
bed_tests() {
    local name
    step stage "stage the installation" stage
    step image "make the bed's image (kept for next time)" \
        make_image
    rm -rf "$LOG_DIR/taken"
    mkdir "$LOG_DIR/taken"
    trap 'trap "" INT TERM; kill -TERM 0; stop_beds; exit 130' INT TERM
    for name in test test2; do
        bed_worker "$name" &
    done
    wait
    bed_again
    trap - INT TERM
}

stop_beds() {
    local name
    wait
    for name in test test2; do
        nested/bed -n "$name" kill >/dev/null 2>&1
    done
}

# Sums up the logs and ends.
sum_up() {
    local total status
    say "all tests ended; logs in $TEST_LOGS"
    total=$(build-aux/sum-tests "$TEST_LOGS"/*.log)
    status=$?
    echo "$total"
    exit $status
}

long_tests() {
    local script
    prepare
    rm -rf "$TEST_LOGS"
    mkdir -p "$TEST_LOGS"
    make -C "$BUILD" -j"$(nproc)" check TESTS= >"$LOG_DIR/check.log" 2>&1
    for script in tests/sim/long/*.sh; do
        suite "$(basename "$script" .sh)" "long: $script" \
            env BUILD="$BUILD" "$script"
    done
    step stage "stage the installation" stage
    step image "make the bed's image (kept for next time)" make_image
    for script in tests/xen/long/*.sh; do
        suite "$(basename "$script" .sh)" "long, in the bed: $script" \
            env STAGE="$STAGE" KEEP_BED=1 "$script"
    done
    nested/bed -n test kill >/dev/null 2>&1
    nested/beds -n test kill alpha beta >/dev/null 2>&1
    sum_up
}

benchmarks() {
    local script status=0
    prepare
    make -C "$BUILD" -j"$(nproc)" check TESTS= >"$LOG_DIR/check.log" 2>&1
    for script in tests/bench/*.sh; do
        say "benchmark $script"
        env BUILD="$BUILD" "$script" || status=1
    done
    exit $status
}

all_tests() {
    local with_bed=1
    case "${1:-}" in
    --no-bed) with_bed= ;;
    '') ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    prepare
    rm -rf "$TEST_LOGS"
    mkdir -p "$TEST_LOGS"
    unit_tests
    one distcheck "make distcheck, without Xen's headers" distcheck
    one clang "clang, AddressSanitizer and UBSan: build and make check" \
        check_archive CC=clang --enable-werror --enable-sanitize
    if [ -n "$with_bed" ]; then
        bed_tests
    fi
    sum_up
}
