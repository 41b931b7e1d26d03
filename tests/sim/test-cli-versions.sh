#!/bin/sh
# A newer and an older program understand each other, or refuse clearly: xl-vdc
# and policyd, policyd and resourced, each in both directions.
. "$(dirname "$0")/lib.sh"
OTHER=$BIN/tests/sim/other_version
start_host
other_pid=
trap 'status=$?; stop_daemon "$other_pid"; (exit $status); finish' EXIT

# ---- another protocol ----
check_output "an xl-vdc of another protocol is refused by policyd, with both" \
    'error .*other 99.0 speaks protocol 2, policyd [^ ]+ speaks protocol 1; .*same version' \
    "$OTHER" say "$XEN_VDC_SOCKET" 2 nothing
check_output "also when its hello has more than is known here" \
    'error .*other 99.0 speaks protocol 2, policyd [^ ]+ speaks protocol 1' \
    "$OTHER" say "$XEN_VDC_SOCKET" 2+ nothing
"$OTHER" serve "$WORK/other.sock" 2 >"$WORK/other.out" 2>&1 &
other_pid=$!
retry 10 test -S "$WORK/other.sock"
check_error "a policyd of another protocol is refused by xl-vdc, with both" 11 \
    'other 99.0 at .*other.sock speaks protocol 2, xl-vdc [^ ]+ speaks protocol 1' \
    vdc --socket "$WORK/other.sock" list
check "with what to do" grep -q 'same version' "$WORK/stderr"
check "and nothing was asked of it" sh -c "! grep -q list '$WORK/other.out'"
check "a resourced of another protocol may be added" \
    vdc host-add -q beta "unix:$WORK/other.sock"
beta() {
    vdc host-list 2>&1 | grep -qE -- "$1"
}
check "policyd does not command it, and host-list has both" retry 20 \
    beta 'resourced 99.0 speaks protocol 2, policyd [^ ]+ speaks protocol 1'
check_output "dc-status, too" 'speaks protocol 2' \
    sh -c "'$BIN/xl-ext/xl-vdc' dc-status; true"
check "the other hosts are up" beta '^alpha +up'
vdc host-remove -q beta
stop_daemon "$other_pid"
other_pid=

# resourced's own socket is a stream here.
sed -e "s|memory:$WORK/command.sock|unix:$WORK/command-2.sock|; \
    s|$WORK/resourced|$WORK/second|; s|$WORK/sim|$WORK/second|; \
    s|\"alpha\"|\"beta\"|" \
    "$WORK/resourced.conf" >"$WORK/second.conf"
"$BIN/resourced/resourced" --config "$WORK/second.conf" --foreground \
    >>"$WORK/second.log" 2>&1 &
other_pid=$!
retry 20 test -S "$WORK/command-2.sock"
check_output "a policyd of another protocol is refused by resourced" \
    'error .*other 99.0 speaks protocol 2, resourced [^ ]+ speaks protocol 1' \
    "$OTHER" say "$WORK/command-2.sock" 2 nothing

# ---- the same protocol, and more than is known here ----
answers_to() { # SOCKET HELLO WHAT
    "$OTHER" say "$@" | tr '\n' '|'
}
check_output "a hello with more is understood" \
    '^hello of policyd, protocol 1\|version_reply 7' \
    answers_to "$XEN_VDC_SOCKET" 1+ nothing
check_output "a message that policyd does not know is refused by itself" \
    'error 7: .*number that this version does not know; .*same version.*\|version_reply 7' \
    answers_to "$XEN_VDC_SOCKET" 1 message
check_output "so is a field" \
    'error 7: .*field that this version does not know; .*\|version_reply 7' \
    answers_to "$XEN_VDC_SOCKET" 1 field
check_output "one that may be ignored is" \
    'policyd, protocol 1\|version_reply 7\|version_reply 7' \
    answers_to "$XEN_VDC_SOCKET" 1 ignore
check_output "a hello with more is understood by resourced" \
    '^hello of resourced, protocol 1\|error 7: version is not a request' \
    answers_to "$WORK/command-2.sock" 1+ nothing
check_output "a message that resourced does not know is refused by itself" \
    'error 7: .*does not know; .*same version.*\|error 7: version is not a' \
    answers_to "$WORK/command-2.sock" 1 message
check_output "so is a field" \
    'error 7: .*does not know; .*\|error 7: version is not a request' \
    answers_to "$WORK/command-2.sock" 1 field
check "all that was there is" answers
