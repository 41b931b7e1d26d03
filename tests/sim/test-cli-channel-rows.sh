#!/bin/sh
# Channels as rows of the resource database: policyd, resourced, channeld and
# the channelds of two guests, all real, on a simulated host.
. "$(dirname "$0")/lib.sh"

. "$(dirname "$0")/lib-channels.sh"

programs=
finish_rows() {
    ended=$?
    for pid in $programs; do
        stop_daemon "$pid"
    done
    (exit "$ended")
    finish_channels
}
trap finish_rows EXIT

start_host
echo "pipe @any @any allow" >"$WORK/rules"
write_channeld_settings
echo 'host_channels = 40' >>"$WORK/channeld.conf"
begin_channeld() {
    start_channeld
    retry 20 vdc channel-list
}
# rows PATTERN WORDS OF resource-list...
rows() {
    pattern=$1
    shift
    vdc resource-list "$@" | grep -cE -- "$pattern"
}
rows_are() { # NUMBER PATTERN WORDS...
    number=$1
    shift
    [ "$(rows "$@")" = "$number" ]
}

check_error "without channeld channels are not known" 7 \
    'which channels there are is not known' vdc resource-list --kind channel
check "but all else is listed" vdc resource-list
check_equal "and there is no total of them" 0 "$(rows '^channel' --totals)"
begin_channeld || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
check_equal "no channels" 0 "$(rows ' channel ' --kind channel)"
check_output "all of them free" '^channel +- +40 +0 +0 +- +- +0 +40' \
    vdc resource-list --totals

check "acme" vdc customer-create acme --memory 1G --user 54001
check "globex" vdc customer-create globex --memory 1G --user 54002
config web.cfg
start_guests_of acme globex

# ---- a channel between guests, and one from the host ----

mkfifo "$WORK/fifo1" "$WORK/fifo2"
in_guest globex channel-recv pipe >"$WORK/got" 2>&1 &
programs="$programs $!"
in_guest acme channel-recv pipe >"$WORK/got2" 2>&1 &
programs="$programs $!"
open_one() { # FIFO PROGRAM...: tries until the other end offers it
    fifo=$1
    shift
    while :; do
        "$@" <"$fifo" >>"$WORK/send.out" 2>&1 && break
        [ ! -e "$WORK/over" ] || break
        sleep 0.1
    done
}
# Until the offers are there nothing is read of the pipes.
exec 3<>"$WORK/fifo1" 4<>"$WORK/fifo2"
open_one "$WORK/fifo1" in_guest acme channel-send pipe --to globex.web &
first=$!
open_one "$WORK/fifo2" vdc channel-send pipe --to acme.web &
second=$!
check "both are rows" retry 20 rows_are 2 ' channel ' --kind channel
check_output "the guest's" \
    '^ *10{12}[0-9]{3} +channel +[0-9]+ +1 +- +web +acme +pipe of globex' \
    vdc resource-list --kind channel
check_output "the host's" ' channel +[0-9]+ +1 +- +- +- +pipe of acme.web' \
    vdc resource-list --kind channel
check_equal "by guest" 1 "$(rows ' channel ' acme.web)"
check_equal "a server has none" 0 "$(rows ' channel ' globex.web)"
check_equal "by customer" 1 "$(rows ' channel ' --customer acme)"
check_equal "among all" 2 "$(rows ' channel ')"
check_output "totals" '^channel +- +40 +2 +0 +- +- +0 +38' \
    vdc resource-list --totals
id=$(vdc channel-list | awk '/acme.web +globex.web/ { print $1 }')
index=$(vdc resource-list acme.web | awk '$2 == "channel" { print $1 }')
check_equal "the index" "$((1000000000000000 + id))" "$index"
vdc resource-show "$index" >"$WORK/shown"
check "it is shown" grep -q 'globex.web' "$WORK/shown"
if command -v sqlite3 >/dev/null; then
    vdc resource-list acme.web --kind channel -o json >"$WORK/out.json"
    check "JSON" json_is_valid "$WORK/out.json"
    check_equal "JSON: index, kind, amount, generation" "$index channel 1 1" \
        "$(for path in index kind amount generation; do
            json "$WORK/out.json" "\$.resources[0].$path"
        done | paste -sd ' ')"
    check_equal "JSON: who serves it" globex.web \
        "$(json "$WORK/out.json" '$.resources[0].backend')"
    since=$(json "$WORK/out.json" '$.resources[0].since_ms')
    check "JSON: since when" \
        [ $(($(date +%s) - since / 1000)) -lt 300 ]
else
    skipped "JSON: sqlite3 is not here"
fi
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$WORK"
    check_output "its customer sees it" "^$index " \
        as_user 54001 resource-list --kind channel
    check_equal "and no other" 2 \
        "$(as_user 54001 resource-list --kind channel | wc -l)"
    check_equal "another sees none" 1 \
        "$(as_user 54002 resource-list --kind channel | wc -l)"
    check_error "nor by its index" 3 'no such resource' \
        as_user 54002 resource-show "$index"
else
    skipped "who sees what: needs root"
fi

# ---- restarts: the same rows ----

before=$(vdc resource-show "$index")
stop_resourced
start_resourced
check "resourced restarts" retry 20 rows_are 2 ' channel ' --kind channel
check_equal "the row is the same" "$before" "$(vdc resource-show "$index")"
stop_daemon "$host_channeld_pid" KILL
check_error "channeld is killed" 7 'which channels there are is not known' \
    vdc resource-show "$index"
begin_channeld
check "and started" retry 20 rows_are 2 ' channel ' --kind channel
check_equal "the row is the same as well" "$before" \
    "$(vdc resource-show "$index")"

# ---- ends ----

: >"$WORK/over"
exec 3>&-
check "closed" vdc channel-close "$id"
check "its row goes" retry 20 rows_are 0 "^$index " --kind channel
check_error "by its index too" 3 'resource' vdc resource-show "$index"
check "the guest is ended" vdc destroy acme.web
check "and its channels" retry 20 rows_are 0 ' channel ' --kind channel
exec 4>&-
wait "$first" "$second"
passed "the programs end"
