#!/bin/sh
# The scripts of examples/automation, as they are, with the simulator behind
# xenstore's tools.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-automation.sh"

EXAMPLES=$(cd "${TOP_SRCDIR:-.}/examples/automation" && pwd)
start_host
make_tools
config web.cfg 'maxmem = 256' 'vdc_self_service = 1' 'on_crash = "destroy"'
for name in db mail; do
    sed "s/\"web\"/\"$name\"/" "$WORK/web.cfg" >"$WORK/$name.cfg"
done
write_automation_settings
check_error "without automationd" 7 'systemctl start' "$EXAMPLES/request" list
start_automationd
check "acme" vdc customer-create acme --memory 1G

check_output "request prints what comes of it" '^web: |web' \
    "$EXAMPLES/request" create -C acme "$WORK/web.cfg"
check_equal "and removes it" "" "$(xenstore-list $REQUESTS)"
check_error "its errors and status" 3 'no such guest' \
    "$EXAMPLES/request" start acme.none
"$EXAMPLES/request" show -o json acme.web >"$WORK/long"
vdc show -o json acme.web >"$WORK/direct"
check "a long result ($(wc -c <"$WORK/long") bytes)" \
    test "$(wc -c <"$WORK/long")" -gt 2000
check "is whole" json_is_valid "$WORK/long"
check_equal "line by line" "$(wc -l <"$WORK/direct")" "$(wc -l <"$WORK/long")"
"$EXAMPLES/request" shutdown -w acme.web >/dev/null

# ---- in order ----

for name in db mail; do
    check "$name" vdc create --no-start -C acme -q "$WORK/$name.cfg"
done
check "guests in their order" \
    "$EXAMPLES/start-in-order" acme.db acme.web acme.mail
check_equal "that they started in" "db web mail" \
    "$(vdc events --since 0 | grep started |
        grep -oE '\b(db|web|mail)\b' | tail -n 3 | xargs)"
check_output "those that run are left" 'acme.db: runs already' \
    "$EXAMPLES/start-in-order" acme.db
check_error "one that fails ends it" 3 'no such guest' \
    "$EXAMPLES/start-in-order" acme.none acme.db

# ---- memory ----

web=$(state_of acme web)
domid=$(node "$web/domid")
free=/local/domain/$domid/data/meminfo_free
xenstore-write "$free" 1000
check "a guest that has little left" "$EXAMPLES/autoscale" acme.web 0
check_equal "gets more" 131072 "$(node "$web/memory")"
xenstore-write "$free" 'a$(touch /tmp/x)'
check "what is no number" "$EXAMPLES/autoscale" acme.web 0
check_equal "changes nothing" 131072 "$(node "$web/memory")"
xenstore-write "$free" 900000
check "one that has much" "$EXAMPLES/autoscale" acme.web 0
check_equal "gives some back" 65536 "$(node "$web/memory")"

# ---- inside a guest ----

in_web() {
    env SIM_DOMID="$domid" "$EXAMPLES/ask" "$@"
}
check "a guest asks" in_web mem-set 96
check_equal "and has it" 98304 "$(node "$web/memory")"
check_error "what it may not" 6 'not for guests' in_web destroy
check_output "about itself" '^name +web' in_web show
stop_automationd
check_error "when nobody listens" 7 'nobody takes it' \
    env ASK_SECONDS=2 SIM_DOMID="$domid" "$EXAMPLES/ask" show
start_automationd

# ---- crashes ----

"$EXAMPLES/on-crash" "$EXAMPLES/request" start >"$WORK/on-crash.log" 2>&1 &
watcher=$!
sleep 1
"$CTL" "$WORK/sim.state" crash "$domid"
again() {
    is "$web/state" running && ! is "$web/domid" "$domid" &&
        ! is "$web/domid" ""
}
check "a guest that crashed is started again" retry 60 again
domid=$(node "$web/domid")
"$CTL" "$WORK/sim.state" crash "$domid"
check "not when it crashes again at once" \
    retry 40 grep -q 'crashed again' "$WORK/on-crash.log"
check_equal "it stays down" stopped "$(node "$web/state")"
kill "$watcher"
wait "$watcher" 2>/dev/null
check "database, simulator and xenstore agree" vdc host-verify
