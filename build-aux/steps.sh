# Sourced by quickstart and the long test tiers: announce each step with its
# time, keep its output in a log, and on failure say what failed and where.
#
# Needs LOG_DIR. Gives: step, say, elapsed, fail.

steps_begin=$(date +%s)
mkdir -p "$LOG_DIR"

if [ -t 1 ]; then
    bold=$(printf '\033[1m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
    bold='' red='' plain=''
fi

elapsed() {
    echo $(($(date +%s) - steps_begin))
}

say() {
    printf '%s[%4d s] %s%s\n' "$bold" "$(elapsed)" "$*" "$plain"
}

# fail TEXT [LOG]: the last words of a run that cannot go on.
fail() {
    printf '%s[%4d s] FAILED: %s%s\n' "$red" "$(elapsed)" "$1" "$plain" >&2
    if [ -n "${2:-}" ] && [ -s "$2" ]; then
        echo "the last lines of its log, $2:" >&2
        tail -n 25 "$2" | sed 's/^/    /' >&2
    fi
    exit 1
}

# step NAME TEXT COMMAND...: runs it with its output in LOG_DIR/NAME.log.
step() {
    local name=$1 text=$2 log="$LOG_DIR/$1.log" began
    shift 2
    began=$(date +%s)
    say "$text ..."
    if ! "$@" >"$log" 2>&1 </dev/null; then
        fail "$text (after $(($(date +%s) - began)) s)" "$log"
    fi
    say "$text: $(($(date +%s) - began)) s"
}

# show COMMAND...: a command as the person at the terminal would type it, and
# what it prints.
show() {
    printf '    $ %s\n' "$1"
    shift
    "$@" 2>&1 | sed 's/^/    /'
    return "${PIPESTATUS[0]}"
}
