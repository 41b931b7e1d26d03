#!/bin/sh
# Daemons that are not there, that come back, or that cannot start.
. "$(dirname "$0")/lib.sh"

check_error "policyd not running" 7 "cannot reach policyd at $WORK" vdc list
check "what to do is said" grep -q 'systemctl' "$WORK/stderr"
check_error "another socket" 7 "cannot reach policyd at /nonexistent/s" \
    vdc --socket /nonexistent/s list
vdc list -o json 2>"$WORK/error.json"
check_equal "the same as JSON" NO_DAEMON \
    "$(json "$WORK/error.json" '$.error.name')"
check_output "help needs none" 'usage' vdc help
check_output "--version needs none" '^xl-vdc ' vdc --version
config web.cfg
check_output "config-check needs none" '^name +web' \
    vdc config-check "$WORK/web.cfg"

start_host
vdc customer-create -q acme || exit 1
check "a guest" vdc create -q -C acme "$WORK/web.cfg"
domid() {
    vdc list -o json acme.web >"$WORK/list.json" &&
        json "$WORK/list.json" '$.partitions[0].domid'
}
before=$(domid)

# ---- resourced ----
stop_resourced
check_error "resourced not running" 7 'resourced' vdc list
check_output "what needs no resourced still works" '^acme' vdc customer-list
check_error "create then" 7 'resourced' vdc create -C acme "$WORK/web.cfg" \
    name=two
start_resourced
check "resourced is back" retry 20 answers
check_equal "the guest is the same domain" "$before" "$(domid)"
check_equal "and alone" "acme.web" "$(vdc list -o name)"

# ---- policyd ----
stop_policyd
check_error "policyd not running" 7 'cannot reach policyd' vdc list
start_policyd
check "policyd is back" retry 20 answers
check_equal "the guest is the same domain still" "$before" "$(domid)"
stop_daemon "$policyd_pid" KILL
start_policyd
check "policyd is back after a kill" retry 20 answers
stop_daemon "$resourced_pid" KILL
start_resourced
check "resourced is back after a kill" retry 20 answers
check_equal "the guest never noticed" "$before" "$(domid)"
check "destroy it" vdc destroy -q acme.web

# ---- Ctrl-C while a change is under way ----
check "a guest that ignores requests" vdc create -q -C acme \
    "$WORK/web.cfg" name=deaf extra=sim.ignore_shutdown
# A shell without job control starts what is in the background deaf to SIGINT.
begin() { # COMMAND...: in the background, as from a terminal
    env --default-signal=INT "$BIN/xl-ext/xl-vdc" "$@" >"$WORK/stdout" \
        2>"$WORK/stderr" &
    client=$!
}
# A guest that ignored the one before is called stopping still.
catches_signals() {
    mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$client/status") &&
        [ $((0x$mask & 0x4002)) = $((0x4002)) ]
}
under_way() { # GUEST STATE
    vdc list -o json "$1" >"$WORK/list.json" 2>/dev/null &&
        [ "$(json "$WORK/list.json" '$.partitions[0].state')" = "$2" ]
}
interrupt() { # TEXT SIGNAL: the status is that of one that was cancelled
    kill -"$2" "$client"
    wait "$client"
    check_equal "$1: status" 12 $?
    check "$1: says that it is cancelling" \
        grep -q 'cancelling' "$WORK/stderr"
    check "$1: and that it was" grep -q 'cancelled' "$WORK/stderr"
    check_equal "$1: and prints no result" "" "$(cat "$WORK/stdout")"
}
for signal in INT TERM; do
    begin shutdown -w acme.deaf
    check "a change is under way" retry 5 catches_signals
    check "asked to shut down" retry 5 under_way acme.deaf stopping
    interrupt "shutdown -w, $signal" $signal
done
check "the guest lives" vdc domid acme.deaf
check "destroy it" vdc destroy -q acme.deaf

# ---- in the middle of a create ----
# Building a domain takes four seconds from now on.
stop_resourced
SIM_OPTIONS=memory=4G,dom0_memory=512M,create_ms=4000
write_settings
start_resourced
check "a slow host" retry 20 answers
for signal in INT TERM; do
    begin create -C acme "$WORK/web.cfg" name=slow
    check "the domain is being built" retry 5 under_way acme.slow starting
    interrupt "create, $signal" $signal
    check_error "nothing is left of it" 3 'no such guest' \
        vdc list acme.slow
    check_equal "and Xen has no domain" "Domain-0" "$(vdc list -a -o name)"
    check_equal "nor has anybody its memory" "" \
        "$(vdc resource-list --kind memory | tail -n +2)"
done
begin create -C acme "$WORK/web.cfg" name=slow
check "the domain is being built" retry 5 under_way acme.slow starting
kill -INT "$client"
sleep 0.2
kill -INT "$client"
wait "$client"
check_equal "interrupted twice: status" 130 $?
check "says that nothing is known, and how to look" \
    grep -q 'not known' "$WORK/stderr"
gone() {
    ! vdc list acme.slow >/dev/null 2>&1
}
check "and it is undone nevertheless" retry 10 gone

# ---- databases ----
stop_policyd
stop_resourced
for daemon in policyd resourced; do
    cp "$WORK/$daemon.db" "$WORK/$daemon.db.kept"
    sqlite3 "$WORK/$daemon.db" 'PRAGMA user_version = 999' >/dev/null
    [ "$daemon" = policyd ] ||
        sqlite3 "$WORK/$daemon.db" 'UPDATE meta SET schema = 999'
    rm -f "$WORK/$daemon.db-wal" "$WORK/$daemon.db-shm"
    "$BIN/$daemon/$daemon" --config "$WORK/$daemon.conf" --foreground \
        >"$WORK/newer.log" 2>&1
    check_equal "$daemon: database of a newer version" 9 $?
    check "it says so, and which file" \
        grep -q "$daemon\.db.*newer" "$WORK/newer.log"
    mv "$WORK/$daemon.db.kept" "$WORK/$daemon.db"
done

# Its hint, which names a file, is a long one.
rm "$WORK/resourced.db"
start_resourced
start_policyd
told() {
    vdc host-list >"$WORK/listed" 2>&1 && grep -q "database damaged" \
        "$WORK/listed" && grep -q "restart resourced$" "$WORK/listed"
}
check "a database that is gone: host-list says so, and what to do" retry 10 told

# ---- somebody else at the socket ----
echo "no socket" >"$WORK/file"
check_error "a file that is no socket" 7 'cannot reach policyd' \
    vdc --socket "$WORK/file" list
