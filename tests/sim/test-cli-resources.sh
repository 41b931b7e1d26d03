#!/bin/sh
# Changes of guests that run, by the command: each seen in the guest, in what
# is remembered of it, and in the resources of the host.
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || {
    skipped "sqlite3 is not here"
    exit 0
}
start_host
vdc customer-create -q acme --memory 2G --vcpus 16 --guests 5 --disk 2G ||
    exit 1
config web.cfg 'maxmem = 512' 'vcpus = 2' 'maxvcpus = 4'
truncate -s 64M "$WORK/images/one.img" "$WORK/images/two.img"
chmod 666 "$WORK"/images/*.img
vdc create -q -C acme "$WORK/web.cfg" || exit 1
vdc create -q -C acme "$WORK/web.cfg" name=db || exit 1

# shown PATH: of `show`
shown() {
    vdc show -o json "${2:-acme.web}" >"$WORK/show.json" &&
        json "$WORK/show.json" "\$.$1"
}
# devices COMMAND: how many `block-list` or another has
devices() {
    vdc "$1" -o json acme.web >"$WORK/list.json" &&
        sqlite3 :memory: "SELECT json_array_length(CAST(readfile(
            '$WORK/list.json') AS TEXT), '\$.guests[0].devices')"
}
sim() {
    "$BIN/tests/sim/sim-ctl" "$WORK/sim.state" "$@"
}

# ---- memory ----
check_output "mem-set up" '^acme.web: has 256 MiB of memory' \
    vdc mem-set acme.web 256
check_equal "it has it" 262144 "$(shown partition.memory_kib)"
check_equal "and will at its next start" 262144 \
    "$(shown definition.memory_kib)"
check_output "mem-set down, in KiB" 'has 128 MiB' \
    vdc mem-set acme.web 131072k
check_output "for this run only" 'has 192 MiB' \
    vdc mem-set --live-only acme.web 192m
check_equal "what is remembered stays" 131072 \
    "$(shown definition.memory_kib)"
check_output "mem-set says what it would do" 'nothing was done' \
    vdc mem-set -n acme.web 64
check_equal "and does nothing" 196608 "$(shown partition.memory_kib)"
check_error "more than it may have" 2 'acme.web|web' \
    vdc mem-set acme.web 1g
check_output "mem-max" 'may grow to 1 GiB' vdc mem-max acme.web 1g
check_equal "mem-max is remembered" 1048576 \
    "$(shown definition.max_memory_kib)"
check_error "mem-max over the quota" 5 'memory' vdc mem-max acme.web 8g

check "a guest that gives nothing back" vdc create -q -C acme \
    "$WORK/web.cfg" name=mean memory=256 extra=sim.balloon=none
vdc mem-set --deadline 2s acme.mean 64 >"$WORK/stdout" 2>"$WORK/stderr"
check_equal "mem-set of it: status" 8 $?
check "what it has is printed" grep -q 'acme.mean: has 256 MiB' \
    "$WORK/stdout"
check "and what to do" grep -q '^  ' "$WORK/stderr"
check_error "in a transaction it is all or nothing" 8 . \
    vdc transaction --deadline 2s 'mem-set acme.mean 64'
check_equal "nothing has changed" 262144 \
    "$(shown definition.memory_kib acme.mean)"

# ---- Ctrl-C ----
"$BIN/xl-ext/xl-vdc" mem-set --deadline 1m acme.mean 64 \
    >"$WORK/stdout" 2>"$WORK/stderr" &
client=$!
sleep 1
kill -TERM "$client"
wait "$client"
check_equal "mem-set cancelled: status" 12 $?
check "it says so" grep -q 'cancelling' "$WORK/stderr"
check_equal "the guest has what it had" 262144 \
    "$(shown partition.memory_kib acme.mean)"
check "destroy it" vdc destroy -q acme.mean

# ---- vCPUs ----
check_output "vcpu-set" '4 of 4 vCPUs online' vdc vcpu-set acme.web 4
check_output "vcpu-list" '^acme.web +[0-9]+ +3 +[0-9]+ +online' \
    vdc vcpu-list acme.web
check_error "more than maxvcpus" 2 'web' vdc vcpu-set acme.web 5
check_output "vcpu-pin" 'vCPU 1 on CPUs 0' vdc vcpu-pin acme.web 1 0
check_output "it is pinned" ' 0 / ' vdc vcpu-list acme.web
check_output "sched-credit2" 'weight 512, cap 50' \
    vdc sched-credit2 -d acme.web -w 512 -c 50
check_output "it has them" '^acme.web +[0-9]+ +512 +50' \
    vdc sched-credit2 -d acme.web
check_output "sched-credit2 of all" 'db +[0-9]+ +256' vdc sched-credit2

# ---- disks ----
check_output "block-attach" 'disk xvdb attached' \
    vdc block-attach acme.web "$WORK/images/one.img,raw,xvdb,w"
check_output "block-list" '^51728 .* xvdb +w ' vdc block-list acme.web
check_equal "it is remembered" xvdb "$(shown definition.disks[0].vdev)"
check_error "the same name again" 4 'xvdb' \
    vdc block-attach acme.web "$WORK/images/two.img,raw,xvdb,w"
check_error "a file that is not there" 2 "$WORK/images/none" \
    vdc block-attach acme.web "$WORK/images/none,raw,xvdc,w"
check_output "block-detach by number" 'disk xvdb detached' \
    vdc block-detach acme.web 51728
check_equal "none is left" 0 "$(devices block-list)"
check_error "detach what is not there" 3 'xvdb' \
    vdc block-detach acme.web xvdb

# ---- interfaces ----
check_output "network-attach chooses an address" \
    'interface 00:16:3e:[0-9a-f:]+ attached' \
    vdc network-attach acme.web bridge=xenbr0
check_equal "network-list" 1 "$(devices network-list)"
check_output "network-detach by number" 'detached' \
    vdc network-detach acme.web 0
check_equal "none is left" 0 "$(devices network-list)"

# ---- transactions ----
check_output "two things as one" 'acme.db: 1 of 4' vdc transaction \
    'mem-set acme.web 256' 'vcpu-set acme.db 1'
check_error "one of them cannot be" 2 'web' vdc transaction \
    'mem-set acme.db 128' 'vcpu-set acme.web 5'
check_equal "so neither is" 65536 "$(shown definition.memory_kib acme.db)"
vdc transaction 'vcpu-set acme.web 5' 'block-detach acme.db xvdz' \
    2>"$WORK/stderr"
check "all reasons at once" grep -q '2 reasons' "$WORK/stderr"
check_output "a key" 'has 300 MiB' vdc mem-set --key k1 acme.web 300
check_output "something else" 'has 200 MiB' vdc mem-set acme.web 200
vdc mem-set --key k1 acme.web 300 >"$WORK/stdout" 2>"$WORK/stderr"
check "the key again: it was done before" grep -q 'done before' \
    "$WORK/stderr"
check_equal "and is not done again" 204800 "$(shown partition.memory_kib)"
generation=$(shown partition.generation)
check "with the generation that it has" vdc mem-set -q \
    --if-generation "$generation" acme.web 210
check_error "with one that it had" 4 'web' \
    vdc mem-set --if-generation "$generation" acme.web 220

# ---- standing still ----
check_output "pause" 'acme.web: paused' vdc pause acme.web
check_output "unpause" 'acme.web: running' vdc unpause acme.web
domid=$(vdc domid acme.web)
check_equal "domname of domid" web "$(vdc domname "$domid")"
check_output "uptime" "^web +$domid +0:" vdc uptime acme.web
check_output "save" 'saved to' vdc save acme.web "$WORK/images/web.save"
check_error "it has no domain then" 4 'web' vdc domid acme.web
check_output "vcpu-set of a guest that is stopped" \
    'acme.web: will have 4 of 4 vCPUs online' vdc vcpu-set acme.web 4
check_output "restore: the file says whose it is" 'running as domain' \
    vdc restore "$WORK/images/web.save"
echo "a letter" >"$WORK/images/letter"
check_error "save does not write over a file that is something else" 4 \
    'letter' vdc save acme.web "$WORK/images/letter"
check_equal "which is as it was" "a letter" "$(cat "$WORK/images/letter")"
check_output "save over its own older state" 'saved to' \
    vdc save acme.web "$WORK/images/web.save"
check_output "and restore" 'running as domain' \
    vdc restore "$WORK/images/web.save"
memory=$(shown partition.memory_kib)
vdc save -q acme.web "$WORK/images/told.save" || exit 1
check_output "mem-set of a saved guest" 'will have 222 MiB' \
    vdc mem-set acme.web 222
check "and vcpu-set" vdc vcpu-set -q acme.web 2
check "restore" vdc restore -q "$WORK/images/told.save"
check_output "it was told" 'all agrees' vdc host-verify
check "back" vdc mem-set -q acme.web "${memory}k"
check_output "save and run on" 'runs on' \
    vdc save -c acme.web "$WORK/images/later.save"
check "it runs" vdc domid acme.web
check_error "restore of another" 2 'web.save|guest' \
    vdc restore acme.db "$WORK/images/web.save"

mkfifo "$WORK/images/pipe"
check_error "restore of a pipe waits for nobody" 2 'pipe' \
    timeout 10 "$BIN/xl-ext/xl-vdc" restore "$WORK/images/pipe"

# ---- resources and leases ----
check_output "resource-list" ' memory .* 210 MiB ' \
    vdc resource-list acme.web
check_output "resource-list of a kind" ' vcpu ' \
    vdc resource-list --kind vcpu acme.web
check_output "totals: the host's, and what is assigned" \
    '^memory +- +4 GiB +1.5 GiB +0 KiB ' vdc resource-list --totals
index=$(vdc resource-list -o json acme.web >"$WORK/list.json" &&
    json "$WORK/list.json" '$.resources[0].index')
check_output "resource-show INDEX" "^index +$index\$" \
    vdc resource-show "$index"
check_error "resource-show of nothing" 3 '999999' vdc resource-show 999999
lease=$(vdc lease-create -C acme --memory 128 --vcpus 1 --expires 1m -o name)
check_output "lease-list" "^$lease .* 128 MiB " vdc lease-list
check_output "totals count it" '^memory +- +4 GiB +1.5 GiB +128 MiB ' \
    vdc resource-list --totals
check_output "lease-renew" "^$lease " vdc lease-renew "$lease" --expires 2m
check "create from a lease" vdc create -q --lease "$lease" -C acme \
    "$WORK/web.cfg" name=leased memory=128 maxmem=128
check_equal "which is used up" "" "$(vdc lease-list -o name)"
lease=$(vdc lease-create --memory 128 --expires 1m -o name)
check_output "lease-drop" 'dropped' vdc lease-drop "$lease"
check_equal "it is gone" "" "$(vdc lease-list -o name)"
check "a lease that expires" vdc lease-create -q --memory 64 --expires 1s
no_lease() {
    [ -z "$(vdc lease-list -o name)" ]
}
check "it expires" retry 5 no_lease

# ---- the whole ----
check_output "customer-set" 'is changed' vdc customer-set acme --memory 3G
check_output "the others stay" 'vcpus .* 16' vdc customer-show acme
check_output "host-verify: all agrees" 'all agrees' vdc host-verify
sim destroy "$(vdc domid acme.db)"
stopped() {
    [ "$(shown partition.state acme.db)" = stopped ]
}
check "a domain that others destroyed is noticed" retry 5 stopped
check "destroy all" vdc destroy -q acme.web acme.db acme.leased
check_output "nothing is assigned then" '^memory +- +4 GiB +0' \
    vdc resource-list --totals
