#!/bin/sh
# Programs with the library's endpoint: services by name between the host and
# two guests, waiting and with libevent, over real channelds on a simulated
# host; what happens to them when channeld is killed, a rule refuses, an
# operator ends a channel; and the library as it is installed.
. "$(dirname "$0")/lib.sh"

. "$(dirname "$0")/lib-channels.sh"

ECHO=$(cd "$BIN" && pwd)/examples/channel/service-echo
ended_pids=
finish_endpoint() {
    status=$?
    for pid in $ended_pids; do
        kill -9 "$pid" 2>/dev/null
    done
    (exit $status)
    finish_channels
}
trap finish_endpoint EXIT

start_host
cat >"$WORK/rules" <<END
echo    @any       @any  allow channels=30
private @same-customer @same-customer allow
END
write_channeld_settings
echo 'answer_timeout = 3' >>"$WORK/channeld.conf"
export XEN_VDC_CHANNEL_SOCKET
socket_of() { # WHERE: host or a guest
    if [ "$1" = host ]; then
        echo "$WORK/channel.sock"
    else
        echo "$WORK/$1.sock"
    fi
}
at() { # WHERE COMMAND...
    where=$(socket_of "$1")
    shift
    XEN_VDC_CHANNEL_SOCKET=$where "$@"
}
# serve WHERE HOW SERVICE: in the background; its pid is $server.
serve() {
    XEN_VDC_CHANNEL_SOCKET=$(socket_of "$1") "$ECHO" "$2" "$3" \
        >"$WORK/serve-$1-$3.log" 2>&1 &
    server=$!
    ended_pids="$ended_pids $!"
}
# One round trip, as soon as it is offered.
served() { # WHERE SERVICE TO
    retry 20 at "$1" "$ECHO" ask "$2" "$3" 1
}
end_server() {
    kill -9 "$server"
    wait "$server" 2>/dev/null || :
}

start_channeld
retry 20 vdc channel-list || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
check "acme" vdc customer-create acme --memory 1G --user 54001
check "globex" vdc customer-create globex --memory 1G --user 54002
config web.cfg
for owner in acme globex; do
    check "a guest of $owner" \
        vdc create "$WORK/web.cfg" --customer "$owner" --quiet
    start_guest "$owner" "$(vdc domid "$owner.web")"
    retry 20 in_guest "$owner" channel-list || failed "channeld in $owner.web"
done

# ---- who serves whom, in both ways ----

for how in serve serve-all; do
    serve host $how echo
    check "$how: the host serves a guest" served acme echo host
    check_output "$how: every answer is right" '^500 of 500 .*: ok' \
        at acme "$ECHO" ask echo
    check_output "$how: the host serves itself" '^500 of 500 .*: ok' \
        at host "$ECHO" ask echo
    check "$how: it knows who came, from Xen" \
        grep -q 'a channel with web, of acme' "$WORK/serve-host-echo.log"
    check "$how: and that it was the host" \
        grep -q 'a channel with the host, of the provider' \
        "$WORK/serve-host-echo.log"
    end_server
    serve globex $how echo
    check "$how: a guest serves a guest" served acme echo globex.web
    check_output "$how: and the host" '^500 of 500 .*: ok' \
        at host "$ECHO" ask echo globex.web
    end_server
done

# ---- many at once ----

serve host serve-all echo
served acme echo host
clients=
for i in 1 2 3 4 5 6 7 8 9 10; do
    at acme "$ECHO" ask echo host 300 >"$WORK/many.$i" 2>&1 &
    clients="$clients $!"
done
for pid in $clients; do
    wait "$pid"
done
check_equal "ten clients at once: all of all right" 10 \
    "$(cat "$WORK"/many.* | grep -c '^300 of 300 .*: ok')"

# ---- what is refused ----

check_error "nobody offers it" 1 "offers no 'echo' now" \
    at host "$ECHO" ask echo acme.web 1
check_error "a service of others" 1 "no 'private' at 'globex.web'" \
    at acme "$ECHO" ask private globex.web 1
check_error "an offer that no rule allows" 1 'private|rule' \
    at host "$ECHO" serve private
check_error "the same with libevent" 1 'private|rule' \
    at host "$ECHO" serve-all private
check_error "no name of a service" 1 "cannot be a service's name" \
    at host "$ECHO" ask 'Echo!' host 1

# ---- channeld is killed ----

at acme "$ECHO" ask echo host 60000 >"$WORK/long.log" 2>&1 &
long=$!
listed() {
    vdc channel-list | grep -qE ' echo +acme.web +host +open '
}
check "a long conversation is listed" retry 10 listed
kill -9 "$host_channeld_pid"
wait "$host_channeld_pid" 2>/dev/null
start_channeld
wait $long
check_equal "channeld was killed meanwhile: its client ends well" 0 $?
check_output "and all was right" '^60000 of 60000 .*: ok' cat "$WORK/long.log"
check "the offer is there again" served acme echo host
end_server

# ---- who does not answer ----

serve globex serve echo
served host echo globex.web
kill -STOP "$server"
at acme "$ECHO" ask echo globex.web 1 >"$WORK/ended.log" 2>&1 &
waits=$!
wait $waits
check_equal "who answers no client: its client is told in time" 1 $?
check_output "and why" 'did not answer|time' cat "$WORK/ended.log"
kill -CONT "$server"
check "it serves again" served host echo globex.web
end_server

# ---- an operator ends it ----

serve host serve-all echo
served acme echo host
at acme "$ECHO" ask echo host 100000000 >"$WORK/ended.log" 2>&1 &
talks=$!
check "a conversation is listed" retry 10 listed
id=$(vdc channel-list | awk '$2 == "echo" { print $1 }')
counted() {
    vdc channel-show "$id" | grep -qE '^(sent|messages) .*[1-9]'
}
check "what went through it is counted" retry 10 counted
check "an operator ends it" vdc channel-close "$id" --reason 'out of hours'
wait $talks
check_equal "the client ends" 1 $?
check_output "it was told" 'of 100000000 round trips right: .*(closed|gone|end)' \
    cat "$WORK/ended.log"
told() {
    grep -qE 'the end: .*(out of hours|closed)' "$WORK/serve-host-echo.log"
}
check "the server, too" retry 10 told
check "and goes on" served acme echo host
end_server

# ---- no channeld ----

check_error "no channeld: said in time, and what to do" 1 'channeld|no.such' \
    env XEN_VDC_CHANNEL_SOCKET=/nonexistent/no.such "$ECHO" ask echo host 1

# ---- as it is installed ----

compiles() {
    env -u MAKEFLAGS make -s -C "$BIN" DESTDIR="$WORK/inst" install-vdcchanlibDATA \
        install-vdcchanHEADERS install-vdcbaseHEADERS \
        install-pkgconfigDATA >"$WORK/install.log" 2>&1 ||
        { cat "$WORK/install.log"; return 1; }
    pc=$(find "$WORK/inst" -name vdc-chan.pc)
    flags=$(PKG_CONFIG_PATH=$(dirname "$pc") \
        pkg-config --define-variable=prefix="$WORK/inst$1" --static \
        --cflags --libs vdc-chan) || return 1
    # shellcheck disable=SC2086 # words
    ${CC:-cc} -o "$WORK/mine" "${TOP_SRCDIR:-.}/examples/channel/service-echo.c" $flags
}
prefix=$(sed -n 's/^prefix *= *//p' "$BIN/Makefile")
if grep -q '^SAN_CFLAGS = .*-f' "$BIN/Makefile"; then
    skipped "the installed library: this build has sanitizers in it"
else
    check "the example compiles with what pkg-config says" compiles "$prefix"
    serve host serve echo
    check "and works" retry 20 at acme "$WORK/mine" ask echo host 1
    end_server
fi
