#!/bin/sh
# Requests in xenstore: of scripts in dom0, and of guests about themselves; and
# the state of partitions there.  All daemons are real, the host is simulated.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-automation.sh"

start_host
make_tools
check "acme" vdc customer-create acme --memory 512M --vcpus 4 --guests 8
config web.cfg 'maxmem = 128' 'vcpus = 1' 'maxvcpus = 2' 'vdc_self_service = 1'
config db.cfg 'maxmem = 128'
sed -i 's/"web"/"db"/' "$WORK/db.cfg"
write_automation_settings 'keep = 8' 'operator_guests = [ "provider.tool" ]' \
    'requests = 12'
start_automationd

# ---- the state of partitions ----

check "a guest" vdc create "$WORK/web.cfg" -C acme -q
retry 10 is "$(state_of acme web)/state" running
web=$(state_of acme web)
domid=$(vdc domid acme.web)
check_equal "whose state it is" \
    "$(vdc show acme.web | awk '$1 == "uuid" { print $2; exit }')" "${web##*/}"
check_equal "its domid" "$domid" "$(node "$web/domid")"
check_equal "its memory, KiB" 65536 "$(node "$web/memory")"
check_equal "it may grow" 131072 "$(node "$web/max-memory")"
check_equal "vCPUs" "1 of 2" "$(node "$web/vcpus") of $(node "$web/max-vcpus")"
check_equal "it may ask for itself" 1 "$(node "$web/self-service")"
generation=$(node "$web/generation")
effects=$("$CTL" "$WORK/sim.state" effects)
check "memory is changed" vdc mem-set acme.web 96
check "the state follows" retry 10 is "$web/memory" 98304
check "as does the generation" test "$(node "$web/generation")" -gt \
    "$generation"
check "pause" vdc pause acme.web
check "is shown" retry 10 is "$web/state" paused
check "unpause" vdc unpause acme.web
check "is, too" retry 10 is "$web/state" running
check "rename" vdc rename acme.web www
check "is a change of one guest" retry 10 is "$web/name" www
check "back" vdc rename acme.www web
check "a read" vdc list -q
retry 10 is "$web/name" web
effects=$("$CTL" "$WORK/sim.state" effects)
vdc list -q >/dev/null
vdc show acme.web >/dev/null
check_equal "reading changes nothing" "$effects" \
    "$("$CTL" "$WORK/sim.state" effects)"
# what is not right in xenstore when resourced starts is mended
stop_resourced KILL
xenstore-write "$web/memory" 1 "$STATES/nonsense" x \
    "$STATES/11111111-2222-4333-8444-555555555555/name" ghost
xenstore-rm "$web/owner"
start_resourced
check "resourced mends its nodes" retry 20 is "$web/memory" 98304
check "those that are missing as well" retry 10 is "$web/owner" acme
check_equal "and removes others" "${web##*/}" "$(xenstore-list $STATES)"
retry 20 answers

# ---- requests of dom0 ----

check "create by request" ask r1 "create -C acme $WORK/db.cfg"
check_equal "is done" "done 0" \
    "$(node $REQUESTS/r1/state) $(node $REQUESTS/r1/exit-status)"
check_equal "with an empty error" "" "$(node $REQUESTS/r1/error)"
check "with a key" test -n "$(node $REQUESTS/r1/key)"
check_output "the guest is there" '^db' vdc list -C acme db
check "list" ask r2 "list -o name -C acme"
check_equal "its result" "acme.db acme.web" \
    "$(node $REQUESTS/r2/result | sort | xargs)"
check "mem-set" ask r3 "mem-set acme.db 96"
check_equal "is done" done "$(node $REQUESTS/r3/state)"
check "shutdown, waiting" ask r4 "shutdown -w acme.db"
check_equal "is done" done "$(node $REQUESTS/r4/state)"
db=$(state_of acme db)
check_equal "the state says so" stopped "$(node "$db/state")"
check_equal "and that it has no domain" "" "$(node "$db/domid")"
check "start" ask r5 "start acme.db"
check "several as one" ask r6 \
    "transaction 'mem-set acme.db 80' 'mem-set acme.web 64'"
check_equal "is done" done "$(node $REQUESTS/r6/state)"
check_equal "the second" 65536 "$(node "$web/memory")"
check "destroy" ask r7 "destroy acme.db"
check "its state goes with it" retry 10 test ! -n "$(state_of acme db)"

fails() { # TEXT ID REQUEST STATUS PATTERN
    ask "$2" "$3"
    check_equal "$1: failed" "failed $4" \
        "$(node $REQUESTS/$2/state) $(node $REQUESTS/$2/exit-status)"
    check_output "$1: why" "$5" node "$REQUESTS/$2/error"
    xenstore-rm "$REQUESTS/$2"
}
fails "no such guest" f1 "start acme.none" 3 'no such guest: acme.none'
fails "no such command" f2 "strat acme.web" 2 "is 'start' meant"
fails "what to do" f2 "console acme.web" 2 "automationd\(8\) lists"
fails "over the quota" f3 "create -C acme $WORK/db.cfg memory=900 maxmem=900" \
    5 quota
fails "a wrong option" f4 "start --wrong acme.web" 2 wrong
fails "a key in the words" f5 "start --key=x acme.web" 2 'node key'
fails "several guests, one key" f6 "start acme.web acme.db" 2 'one guest'
fails "a quote" f7 "start 'acme.web" 2 'quote'

# a definition in xenstore
xenstore-write $REQUESTS/d1/input "$(sed 's/"db"/"text"/' "$WORK/db.cfg")" \
    $REQUESTS/d1 "create -C acme /dev/stdin"
check "a definition beside the request" ended d1
check_output "the guest is there" '^text' vdc list -C acme text
check "it goes" vdc destroy acme.text

# a key of the script's own: once
xenstore-write $REQUESTS/k1/key mine $REQUESTS/k1 "mem-set acme.web 80"
ended k1
check "another value" vdc mem-set acme.web 64
xenstore-write $REQUESTS/k2/key mine $REQUESTS/k2 "mem-set acme.web 80"
ended k2
check_output "the same key is the same request" 'again|before|was done' \
    sh -c "xenstore-read $REQUESTS/k2/result; xenstore-read $REQUESTS/k2/error"
check_equal "and is not done again" 64 \
    "$(vdc list acme.web | awk 'NR == 2 { print $3 }')"

# an answered node is left alone, and too many are refused
xenstore-write $REQUESTS/k2 "mem-set acme.web 100"
sleep 1
check_equal "an answer is not asked again" 64 \
    "$(vdc list acme.web | awk 'NR == 2 { print $3 }')"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    xenstore-write $REQUESTS/m$i "version"
done
ended m12
check_output "too many are refused" 'xenstore-rm' node $REQUESTS/m12/error
gone() {
    [ -z "$(xenstore-list $REQUESTS)" ]
}
check "answers go after a while" retry 40 gone

# ---- requests of guests ----

guest=/local/domain/$domid/data/vdc
web_asks() { # TEXT
    xenstore-rm "$guest/state"
    xenstore-write "$guest/request" "$1"
    retry 60 has_ended "$guest"
}
check "a guest asks for memory" web_asks "mem-set 100"
check_equal "and has it" "done 102400" \
    "$(node "$guest/state") $(node "$web/memory")"
check_equal "its request was taken away" "" "$(node "$guest/request")"
check_equal "nothing stays of it" "" \
    "$(xenstore-list /tool/xen-vdc/guest-request)"
check_output "it is recorded as the guest's" 'guest web' vdc audit --since 1h
check "a vCPU" web_asks "vcpu-set 2"
check_equal "and has it" 2 "$(node "$web/vcpus")"
check "show" web_asks show
check_output "is about itself" '^name +web' node "$guest/result"
refused() { # TEXT REQUEST STATUS PATTERN
    web_asks "$2"
    check_equal "$1: failed" "failed $3" \
        "$(node "$guest/state") $(node "$guest/exit-status")"
    check_output "$1: why" "$4" node "$guest/error"
}
refused "more than its maxmem" "mem-set 200" 2 'more than|at most|maximum'
refused "more than the quota" "vcpu-set 9" 5 'quota'
refused "another guest" "mem-set db 64" 3 'no such guest: db'
refused "destroy" "destroy" 6 'not for guests'
refused "an option" "reboot -C globex" 2 'no options'
refused "no command" "rm -rf /" 2 'cannot be asked'
refused "too long" "mem-set $(printf '%0300d' 1)" 2 '256'
refused "no text" "$(printf 'mem-set \001')" 2 'character'
check_equal "and the guest is as it was" "102400 2" \
    "$(node "$web/memory") $(node "$web/vcpus")"

# one after the other, not all that are written
before=$(date +%s)
for i in 70 71 72 73 74 75 76 77 78; do
    xenstore-write "$guest/request" "mem-set $i"
done
quiet() {
    [ -z "$(node "$guest/request")" ] && has_ended "$guest"
}
retry 60 quiet
check "the last that it wrote is done" retry 20 is "$web/memory" 79872
n=$(vdc audit --since 1h | grep -c 'guest web.*mem-set\|mem-set.*guest web')
check "and not each of them ($n)" test "$n" -lt 9

# nor more often than once a second
begun=$(date +%s%3N)
for _ in 1 2 3 4; do
    web_asks nothing
done
took=$(($(date +%s%3N) - begun))
check "four take 3 s at least ($took ms)" test $took -ge 3000

# who does not say vdc_self_service is not heard
check "db" vdc create "$WORK/db.cfg" -C acme -q
db_folder=/local/domain/$(vdc domid acme.db)/data/vdc
xenstore-write "$db_folder/request" "mem-set 100"
# who is heard is trusted with what it may alone; an operator's with all
sed 's/"db"/"tool"/' "$WORK/db.cfg" >"$WORK/tool.cfg"
check "a guest of the provider's" vdc create "$WORK/tool.cfg" -q
tool=/local/domain/$(vdc domid provider.tool)/data/vdc
retry 10 is "$(state_of provider tool)/state" running
xenstore-write "$tool/request" "mem-set acme.db 80"
retry 60 has_ended "$tool"
check_equal "one that operator_guests names may all" "done 81920" \
    "$(node "$tool/state") $(node "$(state_of acme db)/memory")"
check_equal "the other is not heard" "mem-set 100 " \
    "$(node "$db_folder/request") $(node "$db_folder/state")"

# the answer of a guest that is gone makes no folder
reboots() {
    [ "$(vdc domid acme.web)" != "$domid" ]
}
xenstore-write "$guest/request" reboot
check "it reboots itself" retry 40 reboots
check_equal "nothing is where it was" "" \
    "$(xenstore-list "/local/domain/$domid" 2>/dev/null)"

# ---- asking as a guest ----

uuid=${web##*/}
check_output "an operator asks as a guest" '^name +web' \
    env XEN_VDC_GUEST="$uuid" "$BIN/xl-ext/xl-vdc" show
check_error "and may no more" 6 "not for guests" \
    env XEN_VDC_GUEST="$uuid" "$BIN/xl-ext/xl-vdc" destroy web
check_error "no UUID is an error" 2 'wants the UUID' \
    env XEN_VDC_GUEST=web "$BIN/xl-ext/xl-vdc" show
check_error "nor is nothing an operator" 2 'wants the UUID' \
    env XEN_VDC_GUEST= "$BIN/xl-ext/xl-vdc" list
check_error "a guest that is not there" 6 'assigned to nobody' \
    env XEN_VDC_GUEST=11111111-2222-4333-8444-555555555555 \
    "$BIN/xl-ext/xl-vdc" show
token=$(vdc token-create -q -C acme --role customer-admin --expires 1h)
check_error "customers do not" 6 'only operators' \
    env XEN_VDC_TOKEN="$token" XEN_VDC_GUEST="$uuid" \
    "$BIN/xl-ext/xl-vdc" show

# ---- what cannot be noted is not begun ----

stop_automationd
memory=$(node "$(state_of acme db)/memory")
for k in 1 2; do # its key, its state
    VDC_SIM_FAULT=fail:store_write:$k start_automationd
    "$CTL" "$WORK/sim.state" reset-counts
    ask n$k "mem-set acme.db 96"
    check_equal "write $k of a request is refused: failed" failed \
        "$(node $REQUESTS/n$k/state)"
    check_equal "and nothing was done" "$memory" \
        "$(node "$(state_of acme db)/memory")"
    stop_automationd
done
start_automationd
check "database, simulator and xenstore agree" vdc host-verify
stop_automationd
check_equal "automationd says that it is gone" "" \
    "$(node /tool/xen-vdc/automation/pid)"
