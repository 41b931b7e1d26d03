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
# a shell without job control starts what is in the background deaf to
# SIGINT, so it is sent by timeout, to its own child
timeout --preserve-status -s INT 1 "$BIN/xl-ext/xl-vdc" shutdown -w \
    acme.deaf >"$WORK/stdout" 2>"$WORK/stderr"
check_equal "interrupted: status" 130 $?
check "interrupted: says that it goes on, and how to look" \
    grep -q 'goes on' "$WORK/stderr"
check "destroy it" vdc destroy -q acme.deaf

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

# ---- somebody else at the socket ----
echo "no socket" >"$WORK/file"
check_error "a file that is no socket" 7 'cannot reach policyd' \
    vdc --socket "$WORK/file" list
