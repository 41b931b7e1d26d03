#!/bin/sh
# Requests in xenstore when automationd, policyd or resourced are killed: each
# is done once, and answered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-automation.sh"

SIM_OPTIONS=memory=4G,dom0_memory=512M,create_ms=1500,balloon=8M
start_host
make_tools
check "acme" vdc customer-create acme --memory 2G
config web.cfg 'maxmem = 512' 'vdc_self_service = 1'
config db.cfg
sed -i 's/"web"/"db"/' "$WORK/db.cfg"
write_automation_settings
start_automationd
check "web" vdc create "$WORK/web.cfg" -C acme -q
web=$(state_of acme web)
guest=/local/domain/$(vdc domid acme.web)/data/vdc

started() { # how often a guest of this name was created
    vdc events --since 0 | grep -c "created.*$1\|$1.*created"
}
running() {
    is "$REQUESTS/$1/state" running
}

# ---- automationd ----

i=0
for delay in 0 0.1 0.3 0.7 1.2; do
    i=$((i + 1))
    xenstore-write $REQUESTS/c$i "create -C acme $WORK/db.cfg name=db$i"
    [ $delay = 0 ] || retry 10 running c$i
    sleep $delay
    stop_automationd KILL
    start_automationd
    check "killed after $delay s: its request ends" ended c$i
    check_equal "done" "done" "$(node $REQUESTS/c$i/state)"
    check_equal "once" 1 "$(started "db$i")"
    check "away with it" vdc destroy "acme.db$i"
done

# a request that waits when it is killed, and one that was written meanwhile
stop_automationd KILL
xenstore-write $REQUESTS/w1 "create -C acme $WORK/db.cfg name=w1"
start_automationd
check "what was written meanwhile is taken" ended w1
check_equal "and done" 1 "$(started w1)"
# an orderly end leaves what runs, too
xenstore-write $REQUESTS/w2 "create -C acme $WORK/db.cfg name=w2"
retry 10 running w2
stop_automationd
check_equal "it still runs" running "$(node $REQUESTS/w2/state)"
start_automationd
check "and is answered" ended w2
check_equal "done" done "$(node $REQUESTS/w2/state)"
check_equal "once" 1 "$(started w2)"
# what has no key is not asked again
stop_automationd KILL
xenstore-write $REQUESTS/w3/state running $REQUESTS/w3 "migrate acme.web beta"
start_automationd
ended w3
check_output "a move is not tried twice" 'not asked for twice' \
    node $REQUESTS/w3/error

# ---- a guest's ----

xenstore-write "$guest/request" "mem-set 96"
retry 10 is "$guest/state" running
stop_automationd KILL
start_automationd
check "a guest's request ends" retry 60 has_ended "$guest"
check_equal "done" "done 98304" "$(node "$guest/state") $(node "$web/memory")"
check_equal "nothing stays of it" "" \
    "$(xenstore-list /tool/xen-vdc/guest-request)"
# killed between the note and the answer: the reboot is not asked for twice
stop_automationd KILL
key=$(cat /proc/sys/kernel/random/uuid)
xenstore-write "/tool/xen-vdc/guest-request/${web##*/}" \
    "xs-$key mem-set 80" "$guest/request" "mem-set 80" "$guest/state" x
start_automationd
retry 60 has_ended "$guest"
check_equal "what was taken is taken once" "done 81920 " \
    "$(node "$guest/state") $(node "$web/memory") $(node "$guest/request")"
xenstore-write /tool/xen-vdc/guest-request/none "xs-1 show"
stop_automationd KILL
start_automationd
gone() {
    ! xenstore-exists /tool/xen-vdc/guest-request/none
}
check "notes of guests that are gone go" retry 20 gone

# ---- the others ----

xenstore-write $REQUESTS/p1 "create -C acme $WORK/db.cfg name=p1"
retry 10 running p1
sleep 0.3
stop_policyd KILL
retry 20 xenstore-exists $REQUESTS/p1/trouble
check_output "policyd is gone: said" 'policyd' node $REQUESTS/p1/trouble
start_policyd
check "policyd is back: answered" ended p1
check_equal "done" done "$(node $REQUESTS/p1/state)"
check_equal "once" 1 "$(started p1)"
xenstore-write $REQUESTS/p2 "create -C acme $WORK/db.cfg name=p2"
retry 10 running p2
sleep 0.3
stop_resourced KILL
start_resourced
ended p2
check_equal "resourced was killed: an answer, and once at most" 1 \
    "$([ "$(started p2)" -le 1 ] && echo 1)"
retry 20 answers

# ---- taken back ----

xenstore-write $REQUESTS/t1 "create -C acme $WORK/db.cfg name=t1"
retry 10 running t1
sleep 0.3
xenstore-rm $REQUESTS/t1
undone() {
    ! vdc list -C acme -o name | grep -q t1
}
sleep 1
check "a request that is removed is undone" retry 20 undone
check "and does not come back" test -z "$(node $REQUESTS/t1/state)"
check "database, simulator and xenstore agree" retry 10 vdc host-verify
