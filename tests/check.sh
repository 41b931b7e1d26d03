# Sourced by the test scripts of tests/sim and tests/xen: counts, what a test
# says, and the closing line.  POSIX sh.

n_passed=0
n_failed=0
n_skipped=0

passed() {
    n_passed=$((n_passed + 1))
    echo "ok - $1"
}

# failed TEXT [DETAIL]...
failed() {
    n_failed=$((n_failed + 1))
    echo "not ok - $1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/    /'
}

# skipped TEXT, which ends in why.
skipped() {
    n_skipped=$((n_skipped + 1))
    echo "skip - $1"
}

# check TEXT COMMAND...: passes when the command does.
check() {
    text=$1
    shift
    if output=$("$@" 2>&1); then
        passed "$text"
    else
        failed "$text" "status $?: $*" "$output"
    fi
}

# check_output TEXT PATTERN COMMAND...: succeeds and prints what matches.
check_output() {
    text=$1
    pattern=$2
    shift 2
    output=$("$@" 2>&1)
    status=$?
    if [ "$status" = 0 ] && printf '%s\n' "$output" | grep -qE -- "$pattern"
    then
        passed "$text"
    else
        failed "$text" "status $status, wanted /$pattern/: $*" "$output"
    fi
}

check_equal() { # TEXT WANTED GOT
    if [ "$2" = "$3" ]; then
        passed "$1"
    else
        failed "$1" "wanted: $2" "got:    $3"
    fi
}

# retry SECONDS COMMAND...: until it succeeds.
retry() {
    tries=$(($1 * 5))
    until=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] && [ "$(date +%s)" -le "$until" ] || return 1
        sleep 0.2
    done
}

# closing_line STATUS: prints it, and returns the script's exit status. A
# script that tested nothing, or ended by an error, has failed.
closing_line() {
    [ $((n_passed + n_failed + n_skipped)) -gt 0 ] || n_failed=1
    [ "$1" = 0 ] || [ "$n_failed" -gt 0 ] || n_failed=1
    if [ "$n_skipped" -gt 0 ]; then
        echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
    else
        echo "$n_passed passed, $n_failed failed"
    fi
    [ "$n_failed" = 0 ]
}
