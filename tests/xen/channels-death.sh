# Sourced by long/channels.sh: ends that are killed, offers that lie, and
# the limits of the kernel's modules.

# joins JOINER GIVERS-DOMID OFFER: returns when it has.
joins() {
    local line="rm -f /tmp/joins; channel-echo join $2 $3 100000 >/tmp/joins"
    line="$line 2>&1 & for n in \$(seq 100); do grep joined /tmp/joins"
    there "$1" "$line && break; sleep 0.1; done"
}
kill_echo() {
    there "$1" "kill -9 \$(pidof channel-echo)"
}

# The joiner is killed while it asks; the giver ends.
killed() { # GIVER ITS-DOMID JOINER ITS-DOMID
    local offer
    offer=$(give "$1" "$4" dies)
    [ -n "$offer" ] && joins "$3" "$2" "$offer" && kill_echo "$3" || return 1
    retry 15 gave "$1" dies 'the end: .*closed'
}
check "dom0's joiner is killed: the PV guest sees it" killed p "$p" 0 0
check "dom0's joiner is killed: the PVH guest sees it" killed h "$h" 0 0
check "the PV guest's joiner is killed: dom0 sees it" killed 0 0 p "$p"
check "the PVH guest's joiner is killed: the PV guest sees it" \
    killed p "$p" h "$h"

# The giver is killed while it is asked; the joiner ends.
giver_killed() { # GIVER ITS-DOMID JOINER ITS-DOMID
    local offer
    offer=$(give "$1" "$4" dies)
    [ -n "$offer" ] && joins "$3" "$2" "$offer" && kill_echo "$1" || return 1
    retry 15 gave "$3" joins 'round trips right.*closed'
}
check "the PV guest's giver is killed: dom0 sees it" giver_killed p "$p" 0 0
check "the PVH guest's giver is killed: dom0 sees it" giver_killed h "$h" 0 0
check "dom0's giver is killed: the PVH guest sees it" giver_killed 0 0 h "$h"
nothing_left "after deaths"

# ---- offers that lie, and limits ----

check_error "references that are none" 1 'granted|mapped|channel' \
    dom0 "channel-echo join $p 1,70000,70001,70002,70003,70004,70005,70006,70007,70008"
check_error "an event channel that is none" 1 'event channel|mapped|granted' \
    dom0 "channel-echo join $p 999,8,9,10,11,12,13,14,15,16"
dom0 'cat /sys/module/xen_gntalloc/parameters/limit >/root/limit
      echo 5 >/sys/module/xen_gntalloc/parameters/limit'
check_error "over gntalloc's limit: its name and value are said" 1 \
    'xen-gntalloc .*limit.*, 5 pages' dom0 "channel-echo give $p"
# A channel of the example has 9 pages: one more left anywhere, and it fails.
dom0 'echo 9 >/sys/module/xen_gntalloc/parameters/limit'
check "no page is granted any more" dom0 "timeout 1 channel-echo give $p |
    grep -q ^offer"
dom0 'cat /root/limit >/sys/module/xen_gntalloc/parameters/limit'
over_gntdev() {
    local offer
    offer=$(give p 0 dies)
    dom0 "echo 8 >/sys/module/xen_gntdev/parameters/limit
        channel-echo join $p $offer"
}
check_error "over gntdev's limit: its name and value are said" 1 \
    'xen-gntdev .*limit.*, 8 pages' over_gntdev
dom0 'echo 65536 >/sys/module/xen_gntdev/parameters/limit'
kill_echo p
# channeld-guest has a channel with channeld there, of pages of its own.
check "nor in the PVH guest" in_guest h \
    "kill \$(pidof channeld-guest)
    echo 9 >/sys/module/xen_gntalloc/parameters/limit
    for i in 1 2 3 4 5; do sleep 1; s=0
        timeout 1 channel-echo give 0 | grep ^offer && break; s=1; done
    echo 1024 >/sys/module/xen_gntalloc/parameters/limit
    channeld-guest >/dev/null 2>&1 &
    [ \$s = 0 ]"
nothing_left "after errors"
if retry 5 dom0 'rmmod xen_gntalloc'; then
    check_error "a module that is not loaded: what to do is said" 1 \
        'modprobe xen-gntalloc' dom0 "channel-echo give $p"
else
    failed "the module is in use by nobody" "$(dom0 'lsmod | grep xen_gnt')"
fi
dom0 'modprobe xen-gntalloc'
