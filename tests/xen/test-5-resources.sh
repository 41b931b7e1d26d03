#!/bin/bash
# What a running guest has is changed, on real Xen: memory, vCPUs, scheduling,
# disks, networks; leases that nobody can take; the list of who has what; the
# comparison of database, Xen and xenstore, and its repair.
. "$(dirname "$0")/lib.sh"

bed_up
forget_all
D=/var/lib/xen-vdc/customers/acme
dom0 "rm -rf $D; mkdir -p $D"

# Runs a line in the guest, through its console as the customer has it.
inside() {
    acme "(sleep 1; echo; echo '$2; echo END\$((40+2))'; sleep ${3:-3}) |
        timeout 20 xl-vdc console $1" | tr -d '\r'
}
xl_column() { # GUEST COLUMN
    dom0 "xl list acme.$1" | awk -v c="$2" 'NR == 2 { print $c }'
}
json_field() { # FIELD: of the first object on standard input that has it
    tr -d ' \n' | sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"
}

check "a guest that may grow" acme 'xl-vdc create web-pv.cfg name=r \
    memory=128 maxmem=192 vcpus=1 maxvcpus=2 \
    extra="console=hvc0 vdc.ip=10.77.0.31/24 vdc.gw=10.77.0.1"'
check "it serves" retry 60 page 10.77.0.31
domid=$(dom0 'xl domid acme.r')
check_equal "domid says what xl says" "$domid" "$(acme 'xl-vdc domid r')"
check_output "uptime" '^r +[0-9]|[0-9]+:[0-9]+|[0-9]+ s' acme 'xl-vdc uptime r'

# ---- memory ----
check "mem-set up" acme 'xl-vdc mem-set r 160'
check_equal "xl sees it" 160 "$(xl_column r 3)"
check "mem-set down" acme 'xl-vdc mem-set r 112'
check_equal "the guest gave it" 112 "$(xl_column r 3)"
check_error "more than it may have" 2 'mem-max' acme 'xl-vdc mem-set r 500'
check_error "less than a guest can live with" 2 '.' acme 'xl-vdc mem-set r 0'
check "mem-max" acme 'xl-vdc mem-max r 224'
# A PV kernel lays out its tables for what it was started with.
check_error "a PV guest grows to what it was started with, and that is said" \
    8 'has 192 MiB' acme 'xl-vdc mem-set --deadline 6s r 200'
check_equal "xl says the same" 192 "$(xl_column r 3)"
check_error "more than the quota" 5 'quota' acme 'xl-vdc mem-max r 4096'
check_output "it is remembered" '"memory_kib": 196608' \
    acme 'xl-vdc show r -o json'
check "for the time being only" acme 'xl-vdc mem-set --live-only r 144'
check_equal "the guest has it" 144 "$(xl_column r 3)"

# A guest whose kernel is not that far gives nothing back: the truth is told,
# at the deadline.
check "a guest that has only just begun" acme 'xl-vdc create web-pv.cfg \
    name=early memory=96'
check_error "does not give memory" 8 'has 96 MiB' \
    acme 'xl-vdc mem-set --deadline 1s early 80'
check_error "nor is the change done in a transaction" 8 '.' \
    acme 'xl-vdc transaction --deadline 1s \
        "network-attach early mac=00:16:3e:00:00:79" "mem-set early 80"'
check_equal "it has what it had" 96 "$(xl_column early 3)"
check "destroy" acme 'xl-vdc destroy early'
check "pause" acme 'xl-vdc pause r'
check_output "xl shows it paused" '^acme.r .*[-b]p---' dom0 'xl list'
check_error "a paused guest does not give memory" 4 'unpause' \
    acme 'xl-vdc mem-set --deadline 4s r 96'
check_equal "it has what it had" 144 "$(xl_column r 3)"
check "unpause" acme 'xl-vdc unpause r'
check "it serves on" retry 20 page 10.77.0.31

# ---- vCPUs ----
# The example guest has no udev, which would take the vCPU that is offered.
check_error "vcpu-set: what the guest really uses is said" 8 'uses 1 vCPU' \
    acme 'xl-vdc vcpu-set --deadline 3s r 2'
check_output "the guest takes it" '^END42' \
    inside r 'echo 1 >/sys/devices/system/cpu/cpu1/online'
two() {
    [ "$(xl_column r 4)" = 2 ]
}
check "Xen has two" retry 20 two
check "again, as it is: done" acme 'xl-vdc vcpu-set r 2'
check "one again" acme 'xl-vdc vcpu-set r 1'
check_error "more than it can have" 2 'maxvcpus|can have|most' \
    acme 'xl-vdc vcpu-set r 3'
check "vcpu-pin" dom0 'xl-vdc vcpu-pin acme.r all 0'
check_output "xl vcpu-list shows it" ' 0 / all|acme.r .* 0 +/' \
    dom0 'xl vcpu-list acme.r'
check_error "a CPU that is not there" 2 '.' dom0 'xl-vdc vcpu-pin acme.r 0 77'
check_error "a customer may not" 6 'operator' acme 'xl-vdc vcpu-pin r all 0'
check "weight and cap" dom0 'xl-vdc sched-credit2 -d acme.r -w 512 -c 50'
check_output "xl shows them" ' 512 +50' dom0 'xl sched-credit2 -d acme.r'

# ---- disks ----
dom0 "truncate -s 16M $D/d1.img $D/d2.img"
check "block-attach" acme "xl-vdc block-attach r $D/d1.img,raw,xvdb,rw"
check_output "xl block-list shows it" '^51728 ' dom0 'xl block-list acme.r'
check_output "block-list shows it" '51728|xvdb' acme 'xl-vdc block-list r'
check_output "the guest writes to it" '^END42' \
    inside r 'sleep 1; echo written >/dev/xvdb; sync' 4
check_output "and the file has it" '^written' dom0 "head -c 8 $D/d1.img"
check_error "the name is taken" 4 'xvdb' \
    acme "xl-vdc block-attach r $D/d2.img,raw,xvdb,rw"
check_error "a file that is not there" 2 'nosuch' \
    acme "xl-vdc block-attach r $D/nosuch.img,raw,xvdc,rw"
check_error "a create with a disk that another guest has" 5 'r has it as xvdb' \
    acme "xl-vdc create web-pv.cfg name=thief \
        'disk=[\"$D/d1.img,raw,xvda,w\"]'"
check "block-detach" acme 'xl-vdc block-detach --force r xvdb'
check_error "a disk that it has not" 3 'xvdb' acme 'xl-vdc block-detach r xvdb'
check_equal "xl knows of no disk" "" \
    "$(dom0 'xl block-list acme.r' | grep 51728)"

# ---- networks ----
check "network-attach" acme 'xl-vdc network-attach r mac=00:16:3e:00:00:77'
check_output "xl network-list shows it" '00:16:3e:00:00:77' \
    dom0 'xl network-list acme.r'
check_output "the guest has it" 'eth1' inside r 'ls /sys/class/net'
check "network-detach" acme 'xl-vdc network-detach r 00:16:3e:00:00:77'
check_equal "xl knows it no more" "" \
    "$(dom0 'xl network-list acme.r' | grep 00:77)"

# ---- several at once: wholly or not at all ----
check "a transaction of three" acme 'xl-vdc transaction "mem-set r 160" \
    "network-attach r mac=00:16:3e:00:00:7a" "block-attach r '$D'/d2.img,raw,xvdc,rw"'
check_equal "memory" 160 "$(xl_column r 3)"
check_output "disk" '51744' dom0 'xl block-list acme.r'
check_error "one that cannot: all reasons" 2 'reasons: .*; ' \
    acme 'xl-vdc transaction "mem-set r 128" "mem-max r 4096" \
        "block-attach r '$D'/nosuch.img,raw,xvdd,rw"'
check_equal "and nothing was done" 160 "$(xl_column r 3)"
check_error "one that fails on the way is undone" 8 '.' \
    acme 'xl-vdc transaction --deadline 8s \
        "network-attach r mac=00:16:3e:00:00:78" "mem-set r 200"'
check_equal "the interface is gone again" "" \
    "$(dom0 'xl network-list acme.r' | grep 00:78)"
check_equal "memory is as before" 160 "$(xl_column r 3)"
check "the same key twice" acme 'xl-vdc mem-set --key k1 r 150 &&
    xl-vdc mem-set r 160 && xl-vdc mem-set --key k1 r 150'
check_equal "is done once" 160 "$(xl_column r 3)"
generation=$(acme 'xl-vdc show r -o json' | json_field generation)
check "if it is as I saw it" acme \
    "xl-vdc mem-set --if-generation $generation r 152"
check_error "if it is not" 4 'changed' acme \
    "xl-vdc mem-set --if-generation $generation r 144"

# ---- save, restore ----
check "save" acme "xl-vdc save r $D/r.save"
check_output "it is stopped, and remembered" 'r .*stopped' acme 'xl-vdc list'
check "restore" acme "xl-vdc restore r $D/r.save"
check "it serves on" retry 30 page 10.77.0.31
check_output "it is the same boot" '^END42' inside r 'uptime'
check "saved over its older state" acme "xl-vdc save r $D/r.save"
check "less memory while it is saved" acme \
    'xl-vdc mem-set r 136 && xl-vdc mem-max r 140'
check_error "it cannot be built with what it had" 4 'mem-max' \
    acme "xl-vdc restore r $D/r.save"
check "but with a limit above that" acme \
    "xl-vdc mem-max r 224 && xl-vdc restore r $D/r.save"
gave() {
    [ "$(xl_column r 3)" = 136 ]
}
check "and gives the rest" retry 30 gave
check "all agree" dom0 'xl-vdc host-verify'
check_error "what is not saved" 2 'save' acme "xl-vdc restore r $D/d1.img"

# ---- who has what ----
check_output "resource-list of a customer" 'memory' acme 'xl-vdc resource-list'
check_output "of a partition, as JSON" '"kind": *"vif"' \
    acme 'xl-vdc resource-list r -o json'
check_output "totals of the host" 'memory .*' dom0 'xl-vdc resource-list --totals'
check_equal "another customer sees nothing" "" \
    "$(globex 'xl-vdc resource-list -o json' | tr -d ' \n' |
        grep -o '"partition":"r"')"

# ---- leases: nobody can take what they keep ----
free_mib=$(dom0 'xl info' | sed -n 's/^free_memory *: //p')
kept=$((free_mib - 60))
check "a lease of nearly all memory" dom0 \
    "xl-vdc lease-create --memory ${kept}M --expires 5m"
id=$(dom0 'xl-vdc lease-list -o json' | json_field id)
check_error "a guest does not fit any more" 5 'memory|lease' \
    dom0 'xl-vdc create /home/acme/web-pv.cfg name=toobig memory=128'
check_error "nor does one of xl's" 1 '.' \
    dom0 'sed "s/^name.*/name=\"other\"/" /home/acme/web-pv.cfg >/root/o.cfg
        xl create /root/o.cfg 2>&1 && exit 0; exit 1'
dom0 'xl destroy other' >/dev/null 2>&1
check "the lease is used by a create" dom0 \
    "xl-vdc create --lease $id /home/acme/web-pv.cfg name=leased memory=128"
check_error "and is no more" 3 'lease' dom0 "xl-vdc lease-drop $id"
check "destroy" dom0 'xl-vdc destroy leased'
check "a short lease" dom0 'xl-vdc lease-create --memory 64M --expires 1s'
none_left() {
    [ -z "$(dom0 'xl-vdc lease-list -o json' | json_field id)" ]
}
check "expires" retry 10 none_left
settled() {
    local now
    now=$(dom0 'xl info' | sed -n 's/^free_memory *: //p')
    [ "$now" -ge $((free_mib - 1)) ] && [ "$now" -le $((free_mib + 1)) ]
}
check "Xen has its memory back" retry 20 settled

# ---- verify ----
check "host-verify finds all in agreement" dom0 'xl-vdc host-verify'
dom0 'xl sched-credit2 -d acme.r -w 100; xl mem-max acme.r 300
      xl rename acme.r elsewhere; xenstore-rm /tool/xen-vdc/partition'
check_error "what others changed is found" 1 '.' dom0 \
    'xl-vdc host-verify >/root/v.txt; s=$?; cat /root/v.txt
     grep -c . /root/v.txt; [ $s -ne 0 ] && exit 1'
check "and mended" dom0 'xl-vdc host-verify --repair'
check_output "the name is back" '^acme.r ' dom0 'xl list'
check_output "the weight is back" ' 512 ' dom0 'xl sched-credit2 -d acme.r'
check "all agree again" dom0 'xl-vdc host-verify'

# ---- a damaged database ----
dom0 'systemctl stop xen-vdc-resourced
      dd if=/dev/urandom of=/var/lib/xen-vdc/resourced.db bs=4096 seek=1 \
          count=8 conv=notrunc 2>/dev/null
      systemctl start xen-vdc-resourced'
damaged() {
    dom0 'xl-vdc host-verify 2>&1' | grep -q -- --rebuild
}
check "a damaged database is refused, with what to do" retry 30 damaged
check_error "rebuilt from Xen; what is lost is said" 13 "from-xenstore.*" dom0 'xl-vdc host-verify --rebuild'
check_output "the guest is known" 'r .*running|r .*-b----|r .*r-----' \
    acme 'xl-vdc list'
check_equal "and was not touched" "$(acme 'xl-vdc domid r')" \
    "$(dom0 'xl domid acme.r')"
check "it serves" page 10.77.0.31
check "all agree" dom0 'xl-vdc host-verify'
forget_all
check "xl and xl-vdc agree at the end" lists_agree
