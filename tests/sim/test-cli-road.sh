#!/bin/sh
# The whole road on a simulated host, by the command: a customer, its guest,
# and everything that is done with a guest.
. "$(dirname "$0")/lib.sh"
start_host

# ---- a customer ----
check_output "version: of all that answers" 'hypervisor .*[Ss]imul' vdc version
check_output "a customer" 'acme' vdc customer-create acme --user 61001 \
    --memory 1G --vcpus 8 --guests 3
check_output "its quota" 'acme .*1 GiB' vdc customer-list
check_output "customer-show" '61001' vdc customer-show acme
check_output "a customer may have no limits" 'free' vdc customer-create free
check_equal "customer-list -o name" "acme free " "$(customers)"

# ---- create ----
config web.cfg
check_output "dry run says what would be done" 'nothing was done' \
    vdc create --dry-run -C acme "$WORK/web.cfg"
check_equal "and does nothing" "" "$(vdc list -o name)"
check_output "create" 'web: running as domain [0-9]+ on host alpha' \
    vdc create -C acme "$WORK/web.cfg"
check_output "list has xl's columns" \
    '^Name +ID +Mem +VCPUs +State +Time\(s\)' vdc list
check_output "and the guest, with xl's letters and its customer" \
    '^web +[1-9][0-9]* +64 +1 +[rb-]{2}---- +[0-9.]+ +acme$' vdc list
check_output "list GUEST" '^web ' vdc list acme.web
check_equal "list -o name" "acme.web" "$(vdc list -o name)"
check_output "customer-show counts it" 'memory +64 MiB +1 GiB' \
    vdc customer-show acme
check_output "create from settings alone, defined and not started" \
    'two: stopped' vdc create --no-start -C acme name=two memory=32 \
    type=pvh "kernel=$WORK/images/vmlinuz"
check_output "a stopped guest has no domain" '^two +- +32 +1 +stopped' \
    vdc list
check_output "create with other values than the file's, paused" \
    'three: paused' vdc create -p -C free "$WORK/web.cfg" name=three \
    'vcpus=2; memory=96' 'vif=["bridge=xenbr0"]'
check_output "list shows it paused" '^three .* [rb-]{2}p--- .*free$' vdc list

# ---- names for an operator ----
domid=$(vdc list -o json acme.web >"$WORK/list.json"
    json "$WORK/list.json" '$.partitions[0].domid')
uuid=$(json "$WORK/list.json" '$.partitions[0].uuid')
for name in acme.web "$domid" "$uuid"; do
    check_output "show $name" '^name +web$' vdc show "$name"
done
check_output "show -C acme web" '^uuid +'"$uuid" vdc show -C acme web
check_output "show has the definition" 'kernel +/.*/images/vmlinuz' \
    vdc show acme.web

# ---- console ----
pause=${VDC_VALGRIND:+6} # until the command has begun
pause=${pause:-1}
check_output "console in a pipe: what is typed comes back" 'hello' \
    sh -c "(echo hello; sleep $pause) | '$BIN/xl-ext/xl-vdc' console acme.web"
if command -v script >/dev/null; then
    before=$(stty -a 2>/dev/null)
    check_output "console on a terminal: Ctrl-] leaves" 'Ctrl-\]' \
        sh -c "(sleep $pause; printf 'typed\r'; sleep 1; printf '\035'; sleep 1) |
            timeout 20 script -qec \
            '$BIN/xl-ext/xl-vdc console acme.web; stty -a | grep icanon' \
            /dev/null"
    check_output "and the terminal is as it was" ' icanon' \
        sh -c "(sleep $pause; printf '\035'; sleep $pause) | timeout 20 script -qec \
            '$BIN/xl-ext/xl-vdc console acme.web; stty -a' /dev/null"
    check_output "also when it is ended from outside" ' icanon' \
        sh -c "(sleep $((pause + 3))) | timeout 20 script -qec \
            'timeout --foreground $pause $BIN/xl-ext/xl-vdc console acme.web; stty -a' \
            /dev/null"
    check_equal "this terminal too" "$before" "$(stty -a 2>/dev/null)"
else
    skipped "console on a terminal: script(1) is not here"
fi

# ---- shutdown, start, reboot ----
check_output "shutdown --dry-run" 'nothing was done' \
    vdc shutdown -n acme.web
check_output "shutdown and wait" 'acme.web: stopped' vdc shutdown -w acme.web
check_output "it is remembered" '^web +- .*stopped' vdc list
check_output "start it again" 'acme.web: running as domain' \
    vdc start acme.web
new_domid=$(vdc list -o json acme.web >"$WORK/list.json"
    json "$WORK/list.json" '$.partitions[0].domid')
check_equal "as another domain" no \
    "$([ "$new_domid" = "$domid" ] && echo yes || echo no)"
check_output "reboot and wait" 'acme.web: running as domain' \
    vdc reboot -w acme.web
check_output "several at once" 'two: running' vdc start acme.two
check_output "several at once" '^acme.two: stopped' \
    vdc shutdown -w --timeout 10s acme.web acme.two
check_output "events tell" 'web .*' vdc events
check_output "events --since" '.' vdc events --since 1
newest=$(vdc events | awk 'END { print $1 }')
check_equal "events after the last" "" "$(vdc events --since "$newest")"
check_output "events after one that never was" \
    'missed .*there is no event of number 999999, the newest is' \
    vdc events --since 999999
vdc events --follow >"$WORK/events" 2>&1 &
follower=$!

# ---- rename, destroy ----
check_output "rename" 'is www now' vdc rename acme.web www
check_output "the new name" '^name +www$' vdc show acme.www
check_error "the old one is free" 3 'no such guest: acme.web' \
    vdc show acme.web
check_output "destroy --dry-run" 'nothing was done' \
    vdc destroy --dry-run acme.www
check_output "nothing was done" '^name +www$' vdc show acme.www
check "start it" vdc start acme.www
check_output "destroy --keep ends its domain" 'acme.www: stopped' \
    vdc destroy --keep acme.www
check_output "and keeps it" '^www .*stopped' vdc list
check_output "destroy several" 'acme.two: destroyed' \
    vdc destroy acme.www acme.two free.three
check_equal "nothing is left" "" "$(vdc list -o name)"
check_output "customer-delete --dry-run" 'nothing was done' \
    vdc customer-delete -n acme
check_output "customer-delete" 'forgotten' vdc customer-delete acme
check "and the other" vdc customer-delete -q free
check_equal "no customers" "" "$(customers)"
saw_destroyed() {
    grep -q 'destroyed' "$WORK/events"
}
check "events --follow saw it as it happened" retry 5 saw_destroyed
kill "$follower"
wait "$follower" 2>/dev/null

check_output "host-list" '^alpha +up ' vdc host-list
check_output "it says that the host is simulated" 'nothing on it is real' \
    vdc host-list
check_output "help" 'customer-create' vdc help
check_output "help lists the options of all commands" 'socket PATH' vdc help
check_equal "the provider's customer was made at no time" 0 \
    "$(vdc customer-show provider | grep -c '^since')"
check_output "a name may be shortened" '^alpha' vdc host-l
