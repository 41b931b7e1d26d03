#!/bin/sh
# xl-vdc inside guests: it reaches policyd over a channel, as the guest that
# Xen says it is.  All daemons are real, the host is simulated.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-channels.sh"

start_host
cat >"$WORK/rules" <<END
policy  @customer  @host  allow  channels=4  size=64K
policy  provider   @host  allow  channels=4  size=64K
END
write_channeld_settings
start_channeld
retry 20 vdc channel-list || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
check "acme" vdc customer-create acme --memory 256M --vcpus 4 --guests 8
check "globex" vdc customer-create globex --memory 1G
config web.cfg 'maxmem = 128' 'vcpus = 1' 'maxvcpus = 2'
config db.cfg
sed -i 's/"web"/"db"/' "$WORK/db.cfg"
config tool.cfg
sed -i 's/"web"/"tool"/' "$WORK/tool.cfg"
create() { # CUSTOMER FILE NAME
    check "$1.$3" vdc create "$WORK/$2" --customer "$1" --quiet
    start_guest "$1-$3" "$(vdc domid "$1.$3")"
    retry 20 in_guest "$1-$3" channel-list || failed "channeld in $1.$3"
}
create acme web.cfg web
create acme db.cfg db
create globex web.cfg web
create provider tool.cfg tool

# ---- what a guest may ----

web() {
    inside acme-web "$@"
}
check "policyd serves guests" retry 20 web version
check_output "show, without a name" '^name +web' web show
check_output "whose it is" '^customer +acme' web show
check_output "its own name does, too" '^name +web' web show web
check_output "another customer's guest is itself" '^customer +globex' \
    inside globex-web show
check_output "a guest of the provider's" '^name +tool' inside provider-tool show
check_output "it finds the channel by itself" '^name +web' \
    env -u XEN_VDC_SOCKET XEN_VDC_CHANNEL_SOCKET="$WORK/acme-web.sock" \
    "$BIN/xl-ext/xl-vdc" show
names() {
    inside "$1" list -o name | sort | tr '\n' ' '
}
check_equal "list: its customer's guests" "db web " "$(names acme-web)"
check_equal "and the other's" "web " "$(names globex-web)"
check_equal "and the provider's" "tool " "$(names provider-tool)"
check_output "mem-set" '^this guest: has 100 MiB of memory' web mem-set 100
check_equal "it has it" 100 "$(vdc list acme.web | awk 'NR == 2 { print $3 }')"
check_output "vcpu-set" '^this guest: 2 of 2 vCPUs online' web vcpu-set 2
check_output "vcpu-list" '^this guest +[0-9]+ +1 .*online' web vcpu-list
check_output "a dry run" 'this would be' web mem-set -n 64
check_equal "changes nothing" 100 \
    "$(vdc list acme.web | awk 'NR == 2 { print $3 }')"
check_output "its events" 'web' web events
check_equal "and no other's" 0 "$(web events | grep -c db)"
check_output "events of the other, though, are kept" 'db' vdc events -C acme

# ---- the static program of a guest ----

# The time that it has run may go on between the two.
looks_the_same() { # WORD...
    for _ in 1 2 3 4 5; do
        web "$@" >"$WORK/want" 2>&1
        XEN_VDC_SOCKET=channel:$WORK/acme-web.sock \
            "$BIN/xl-ext/xl-vdc-guest" "$@" >"$WORK/got" 2>&1
        cmp "$WORK/want" "$WORK/got" && return 0
    done
    return 1
}
for words in list "list -o json" show vcpu-list block-list events; do
    # shellcheck disable=SC2086
    check "'$words' looks the same in xl-vdc-guest" looks_the_same $words
done

# ---- limits ----

check_error "more memory than it may have" 2 'more than|at most|maximum' \
    web mem-set 200
check_error "more vCPUs than its customer may have" 5 \
    'vcpus quota: 3 used \+ 6 asked > 4 limit' web vcpu-set 8
check_error "more vCPUs than it was defined with" 2 'maxvcpus|at most|maximum' \
    inside globex-web vcpu-set 3
check "a quota for globex" vdc customer-set globex --vcpus 2
check_error "its own quota counts" 5 'globex: vcpus quota' \
    inside globex-web vcpu-set 3

# ---- what it may not ----

check_error "another of its customer's" 6 \
    "asks for itself only, not for 'db'|within its limits" web show db
check_error "nor change it" 6 "asks for itself only, not for 'db'" \
    web mem-set db 80
check_error "nor stop it" 6 "asks for itself only, not for 'db'" \
    web shutdown db
for name in globex.web nobody "$(vdc domid globex.web)" provider.tool; do
    check_error "'$name' is not there for it" 3 "no such guest: $name" \
        web show "$name"
done
uuid=$(vdc show globex.web | awk '$1 == "uuid" { print $2; exit }')
check_error "by UUID neither" 3 "no such guest: $uuid" web show "$uuid"
check_error "another customer" 3 "no such (guest|customer)" \
    web show -C globex web
check_error "its list" 3 "no such customer: globex" web list -C globex
check_error "its events" 3 "no such customer: globex" web events -C globex
check_error "mem-max" 6 "'mem-max' is not for guests" web mem-max 512
check_error "destroy" 6 "'destroy' is not for guests" web destroy
check_error "create" 6 "'create' is not for guests" \
    web create "$WORK/web.cfg" name=more
check_error "save" 6 "'save' is not for guests" web save web "$WORK/file"
check_error "customers" 6 "'customer-list' is not for guests" \
    web customer-list
check_error "hosts" 6 "'host-list' is not for guests" web host-list
check_error "leases" 6 "'lease-list' is not for guests" web lease-list
check_error "console" 6 "'console-attach' is not for guests" web console web
check_error "programs of the host have no channel to policyd" 6 \
    "no rule allows 'policy'" \
    vdc --socket "channel:$WORK/channel.sock" list
echo "policy  @any  @host  allow" >>"$WORK/rules"
check "even when the rules let them" vdc channel-reload
check_error "policyd does not" 6 "for guests that ask for themselves" \
    vdc --socket "channel:$WORK/channel.sock" list

# ---- restarts ----

mkfifo "$WORK/pipe"
web events --follow >"$WORK/followed" 2>"$WORK/followed.err" &
follower=$!
check "a guest that follows" retry 20 grep -q web "$WORK/followed"
counted() {
    vdc channel-list --service policy |
        grep -qE ' policy +acme.web +host +open +[1-9][0-9]* +[1-9][0-9]* '
}
kill -STOP $follower # what is told of its channel now, policyd tells
check "policyd counts what goes through its channel" retry 20 counted
kill -CONT $follower
stop_daemon "$policyd_pid" KILL
wait $follower
check_equal "policyd's death ends its channel" 7 $?
check "with words" grep -q 'policyd closed the connection' \
    "$WORK/followed.err"
check_error "while it is away" 3 "offers no 'policy'" web show
start_policyd
check "and when it is back, it works" retry 20 web show
web events --follow >"$WORK/followed" 2>"$WORK/followed.err" &
follower=$!
check "it follows again" retry 20 grep -q web "$WORK/followed"
stop_daemon "$host_channeld_pid" KILL
check_error "without channeld no new channel" 7 "cannot reach policyd" web show
check "what is there goes on" kill -0 $follower
vdc vcpu-set acme.web 1 >/dev/null
check "and carries events" retry 20 grep -q vcpu "$WORK/followed"
start_channeld
check "channeld is back, it works" retry 50 web show
check "the old channel, too" kill -0 $follower
kill $follower
wait $follower 2>/dev/null

# ---- a hostile guest ----

"$BIN/tests/sim/hostile_guest" "$WORK/acme-db.sock" >"$WORK/out" 2>&1
check_equal "garbage to policyd: it loses its own channels" 0 $?
sed 's/^/    /' "$WORK/out"
check_output "others are served" '^name +web' inside globex-web show
check "policyd lives" kill -0 "$policyd_pid"
loud=$(grep -c 'guest db (domain' "$WORK/policyd.log")
check "and does not write a line for each" [ "$((loud > 0 && loud <= 30))" = 1 ]
check_output "and so is the guest itself" '^name +db' inside acme-db show

# ---- at last ----

before=$(vdc domid acme.web)
check_output "reboot" '^this guest: ' web reboot
rebooted() {
    now=$(vdc domid acme.web) && [ "$now" != "$before" ]
}
check "its domain is another" retry 50 rebooted
check_error "who has the old one is nobody" 7 . web show
start_guest acme-new "$(vdc domid acme.web)"
check "the new one is acme.web" retry 50 inside acme-new show
check_output "by what Xen says" '^name +web' inside acme-new show
check "shutdown" inside acme-new shutdown
stopped() {
    vdc list acme.web | grep -q stopped
}
check "it is" retry 50 stopped
