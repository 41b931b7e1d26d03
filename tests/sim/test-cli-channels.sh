#!/bin/sh
# Channels from the command line: policyd, resourced, channeld and the
# channelds of two guests, all real, on a simulated host.
. "$(dirname "$0")/lib.sh"

. "$(dirname "$0")/lib-channels.sh"

start_host
cat >"$WORK/rules" <<END
pipe  @any   @any   allow size=64K
one   @any   @any   allow channels=1
own   @same-customer @same-customer allow
END
write_channeld_settings
listed() { # PATTERN
    vdc channel-list | grep -qE -- "$1"
}

check_error "channeld does not run: what to do" 7 \
    'cannot reach channeld.*channel.sock|systemctl start xen-vdc-channeld' \
    vdc channel-list
start_channeld
retry 20 vdc channel-list || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
check "acme" vdc customer-create acme --memory 1G --user 54001
check "globex" vdc customer-create globex --memory 1G --user 54002
config web.cfg
start_guests_of acme globex

# ---- rules ----

check_output "the rule that allows" '^allowed: .*rules:1' \
    vdc channel-rule-check pipe host acme.web
check_output "and its text" 'pipe  @any   @any   allow size=64K' \
    vdc channel-rule-check pipe host acme.web
vdc channel-rule-check own acme.web globex.web >"$WORK/out" 2>&1
check_equal "no rule: the exit status" 6 $?
check_equal "and the words" "denied: no rule matches" "$(cat "$WORK/out")"
check_error "a partition that is not there" 3 \
    "no partition 'nobody' is running" \
    vdc channel-rule-check pipe nobody host
check_error "no name of a service" 2 "cannot be a service's name" \
    vdc channel-rule-check Pipe! host host

# ---- pipes ----

head -c 3000000 /dev/urandom >"$WORK/data"
send_recv() { # TEXT RECEIVER... -- SENDER...; pipe's data goes through
    text=$1
    "$2" "$3" channel-recv pipe >"$WORK/got" 2>"$WORK/recv.err" &
    recv=$!
    shift 3
    tries=0
    # until the offer is there
    until "$@" <"$WORK/data" 2>"$WORK/send.err"; do
        tries=$((tries + 1))
        [ $tries -lt 50 ] || break
        sleep 0.1
    done
    wait $recv
    check_equal "$text: the receiver's status" 0 $?
    check "$text: every byte" cmp "$WORK/data" "$WORK/got"
}
host() {
    shift
    vdc "$@"
}
send_recv "host to guest" in_guest acme \
    vdc channel-send pipe --to acme.web
send_recv "guest to host" host - in_guest acme channel-send pipe
send_recv "guest to guest" in_guest globex \
    in_guest acme channel-send pipe --to globex.web --size 4K
send_recv "host to host" host - vdc channel-send pipe --size 32K
check_error "nobody offers it" 3 "the host offers no 'pipe' now" \
    vdc channel-send pipe </dev/null
check_error "no rule" 3 "there is no 'own' at 'globex.web' that you may" \
    in_guest acme channel-send own --to globex.web </dev/null
for size in 0 1K 5K 8M; do
    check_error "no ring's size: $size" 2 \
        "wants a power of two from 4K to 4M, got '$size'" \
        vdc channel-send pipe --size $size </dev/null
done
check_error "too large a ring" 5 'rings of at most 64 KiB' sh -c "
    '$BIN/xl-ext/xl-vdc' channel-recv pipe & recv=\$!
    sleep 0.5
    '$BIN/xl-ext/xl-vdc' channel-send pipe --size 1M </dev/null
    status=\$?
    kill \$recv
    exit \$status"

# ---- a channel that stays ----

mkfifo "$WORK/fifo"
in_guest acme channel-recv one >"$WORK/got" 2>"$WORK/recv.err" &
recv=$!
sleep 0.5
vdc channel-send one --to acme.web <"$WORK/fifo" 2>"$WORK/send.err" &
send=$!
exec 3>"$WORK/fifo"
echo "first line" >&3
check "it is listed" retry 10 listed ' one +host +acme.web +open .*rules:2'
id=$(vdc channel-list | awk '$2 == "one" { print $1 }')
check_output "it is shown" 'service +one' vdc channel-show "$id"
for none in 0 00 +0 -1 '' 1000000000000000000; do
    check_error "no number: '$none' is not shown" 2 \
        'not the number of a channel' vdc channel-show -- "$none"
    check_error "no number: '$none' is not closed" 2 \
        'not the number of a channel' vdc channel-close -- "$none"
done
check "and nothing was closed" listed ' one +host +acme.web +open '
check "what it sent is counted" retry 10 listed ' open +11 '
check_error "the rule's limit" 5 \
    "would be over the limit of 1 \(one   @any   @any   allow channels=1\)" \
    vdc channel-send one --to acme.web </dev/null
check_output "who is busy" "^ *$id +one" \
    vdc channel-top --interval 1 --count 1
if command -v sqlite3 >/dev/null; then
    vdc channel-list -o json >"$WORK/out.json"
    check "JSON" json_is_valid "$WORK/out.json"
    check_equal "JSON: the client's domid" 0 \
        "$(json "$WORK/out.json" '$.channels[0].client.domid')"
    check_equal "JSON: the server's owner" acme \
        "$(json "$WORK/out.json" '$.channels[0].server.owner')"
    vdc channel-top --interval 1 --count 1 -o json >"$WORK/out.json"
    check "JSON of top" json_is_valid "$WORK/out.json"
else
    skipped "JSON: sqlite3 is not here"
fi

# ---- who and what is not there ----

check_error "a customer that is not there" 3 'nobody' \
    vdc channel-list --customer nobody
check "one that has no channels" vdc channel-list --customer globex
check_error "no name of a service" 2 "'BAD!' cannot be a service's name" \
    vdc channel-list --service 'BAD!'
check "a service that nobody uses" vdc channel-list --service backup
turn=$(printf '\342\200\256') # U+202E, and two of its kind
check_error "what turns the direction of writing is not printed" 2 \
    "'a\?b\?c\?' cannot be a service's name" \
    vdc channel-list --service "a${turn}b$(printf '\342\201\246')c$(
        printf '\302\233')"
check_error "no path of a socket" 2 'is empty' \
    vdc channel-list --channel-socket ''
touch "$WORK/plain"
check_error "a file that is no socket" 2 "plain is no socket of channeld's" \
    vdc channel-list --channel-socket "$WORK/plain"
check_error "policyd's socket" 2 "policyd.sock is no socket of channeld's" \
    vdc channel-list --channel-socket "$WORK/policyd.sock"

# ---- nobody reads it ----

unread() { # COMMAND...: with an output that is closed; sets $status
    mkfifo "$WORK/unread"
    sleep 1 <"$WORK/unread" &
    "$@" 2>"$WORK/unread.err" >"$WORK/unread" &
    writer=$!
    wait $writer
    status=$?
    rm "$WORK/unread"
}
slow_list() {
    sleep 2
    exec "$BIN/xl-ext/xl-vdc" channel-list
}
unread slow_list
check_equal "a list that nobody reads: as by SIGPIPE" 141 "$status"
check_equal "and no words" "" "$(cat "$WORK/unread.err")"

# ---- who sees what ----

if [ "$(id -u)" = 0 ]; then
    chmod 755 "$WORK"
    check_output "its customer sees it" ' one +host +acme.web' \
        as_user 54001 channel-list
    check_equal "another does not" 1 "$(as_user 54002 channel-list | wc -l)"
    check_error "nor can it show it" 3 "there is no channel $id" \
        as_user 54002 channel-show "$id"
    check_error "nor close it" 3 "there is no channel $id" \
        as_user 54002 channel-close "$id"
    check_error "nor read the rules again" 6 'operators read' \
        as_user 54002 channel-reload
    check_error "who is nobody's login" 6 \
        'uid 54003 is neither an operator nor a login' \
        as_user 54003 channel-list
else
    skipped "who sees what: needs root"
fi
check_equal "a guest of another sees nothing" 1 \
    "$(in_guest globex channel-list | wc -l)"
check_output "its own guest does" ' one ' in_guest acme channel-list

# ---- ends ----

check_output "a dry run" "$id: 'one' from host to acme.web would be closed" \
    vdc channel-close "$id" --dry-run
check "it closes nothing" listed " one +host"
check_output "closed" "$id: 'one' from host to acme.web closed" \
    vdc channel-close "$id" --reason "out of hours"
# Its input is still open: nothing else ends it.
wait $send
check_equal "the sender's status" 7 $?
exec 3>&-
check "and what it is told" grep -q 'out of hours' "$WORK/send.err"
wait $recv
check_equal "the receiver's status" 7 $?
check_equal "what was written has come" "first line" "$(cat "$WORK/got")"
check_error "it is gone" 3 "there is no channel $id" vdc channel-show "$id"

# ---- closed as the input ends, and while both are busy ----

receiver() { # >OUTPUT
    in_guest acme channel-recv one 2>"$WORK/recv.err"
}
sender() { # until the offer is there
    while :; do
        vdc channel-send one --to acme.web 2>"$WORK/send.err"
        sent=$?
        [ $sent = 3 ] || return $sent
        sleep 0.1
    done
}
opened() { # sets $id
    id=$(vdc channel-list | awk '$2 == "one" { print $1 }')
    [ -n "$id" ]
}
both_fail() { # TEXT
    wait $send
    check_equal "$1: the sender's status" 7 $?
    wait $recv
    check_equal "$1: the receiver's" 7 $?
}
for n in 1 2 3 4 5; do
    receiver >"$WORK/got" &
    recv=$!
    sender <"$WORK/fifo" &
    send=$!
    exec 3>"$WORK/fifo"
    retry 10 opened
    check "closed, and then the input ends ($n)" \
        vdc channel-close "$id" --quiet
    exec 3>&-
    both_fail "which comes too late ($n)"
done

mkfifo "$WORK/taken"
receiver >"$WORK/taken" &
recv=$!
head -c 100000 "$WORK/data" >"$WORK/less"
sender <"$WORK/less" &
send=$!
exec 4<"$WORK/taken"
check "all is sent, and not taken" retry 10 listed ' one .* open +97.7K'
opened
check "closed before it is" vdc channel-close "$id" --quiet
cat <&4 >"$WORK/got"
exec 4<&-
both_fail "the input had ended"
check "what was in the ring has come" cmp "$WORK/less" "$WORK/got"

receiver >/dev/null &
recv=$!
yes | sender &
send=$!
check "what never ends is counted as it goes" \
    retry 20 listed ' one .* open +[0-9.]+[KMGT] +0 '
opened
# Sent/s, Received/s, Msgs/s, Notif/s, Stalls of the channel's line of top
figures() {
    vdc channel-top --interval 6 --count 1 | awk -v id="$id" '$1 == id {
        print $(NF - 4), $(NF - 3), $(NF - 2), $(NF - 1), $NF }'
}
figures=$(figures)
echo "    of an endless sender, a second: $figures"
check "top: bytes, messages and notifications a second, and stalls" \
    grep -qE '^[0-9.]+[KMG] 0 [1-9][0-9]* [1-9][0-9]* [1-9][0-9]*$' <<END
$figures
END
# It sleeps when there is no room: a message waits once for it.
check "a stall is no more than a message that had to wait" \
    [ "$(echo "$figures" | awk '{ print ($5 <= 8 * $3) }')" = 1 ]
if command -v sqlite3 >/dev/null; then
    sent() {
        vdc channel-show "$id" -o json >"$WORK/out.json"
        json "$WORK/out.json" '$.sent'
    }
    before=$(sent)
    vdc channel-top --interval 6 --count 1 -o json >"$WORK/top.json"
    after=$(sent)
    rate=$(json "$WORK/top.json" '$[0].sent_per_s')
    # counts come every two seconds, so the time is from 4 to 8 of them
    check "top: the rate is that of the bytes" \
        [ "$(((after - before) / 9 <= rate && rate <= (after - before) / 3))" \
        = 1 ]
else
    skipped "top: the rate: sqlite3 is not here"
fi
check "it can be closed" vdc channel-close "$id" --quiet
both_fail "both ends of it"

echo "pipe @any @any denny" >"$WORK/rules"
check_error "broken rules are refused" 2 \
    "the rules stay as they were: .*rules:1: 'denny' stands where" \
    vdc channel-reload
echo "pipe @any @any deny" >"$WORK/rules"
check "rules are read again" vdc channel-reload
check_error "and count" 6 "'pipe' of acme.web is denied by .*rules:1" \
    vdc channel-send pipe --to acme.web </dev/null

# ---- a channeld that is stopped ----

# `kill -STOP` of one that somebody traces would not do
kill -STOP "$host_channeld_pid"
began=$(date +%s)
check_error "channeld is stopped: not waited for for ever" 8 \
    'channeld at .*channel.sock does not answer' vdc channel-list
kill -CONT "$host_channeld_pid"
echo "    said after $(($(date +%s) - began)) s"
check "it goes on" retry 10 vdc channel-list
