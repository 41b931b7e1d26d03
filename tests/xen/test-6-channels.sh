#!/bin/bash
# Channels by real grants and event channels: dom0 with a PV and a PVH guest,
# either giving; guest with guest; ends that are killed; limits that are hit.
# Only the bed is needed, and libvdc-chan's example in the guests' initramfs.
. "$(dirname "$0")/lib.sh"

ECHO=${ECHO_PROGRAM:-$TOP/build/examples/channel/channel-echo}
IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console

if ! bed exec true >/dev/null 2>&1 </dev/null; then
    bed reset >/dev/null 2>&1
    bed boot || { failed "the bed boots"; exit 1; }
fi

# ---- the example, in dom0 and in the guests ----

# An initramfs may consist of several archives: ours goes behind.  Not packed,
# as libxl unpacks a PVH guest's itself, and knows of one archive only.
make_initramfs() {
    local root=$WORK/root module
    mkdir -p "$root/bin" "$root/lib/modules"
    strip -o "$root/bin/channel-echo" "$ECHO" || return 1
    for module in xen-evtchn xen-gntdev xen-gntalloc; do
        dom0 "cat /lib/modules/*/kernel/drivers/xen/$module.ko" \
            >"$root/lib/modules/$module.ko" || return 1
    done
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) \
        >"$WORK/more" &&
        bed push "$WORK/more" /root/more &&
        bed push "$root/bin/channel-echo" /usr/local/bin/channel-echo &&
        dom0 "zcat $IMAGES/initramfs | cat - /root/more >/root/initramfs-channels"
}
check "the example goes into an initramfs" make_initramfs
dom0 'modprobe -a xen-evtchn xen-gntdev xen-gntalloc'

create() { # NAME TYPE
    dom0 "cat >/root/$1.cfg <<END
name = \"$1\"
type = \"$2\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"/root/initramfs-channels\"
memory = 128
extra = \"console=hvc0\"
END
        rm -f $LOGS/guest-$1.log; xl create -q /root/$1.cfg"
}
console_has() { # NAME PATTERN
    dom0 "grep -aqE '$2' $LOGS/guest-$1.log"
}
# type NAME LINE: into the guest's console.
type_in() {
    dom0 "echo '$2' >\$(xenstore-read /local/domain/\$(xl domid $1)/console/tty)"
}
# up NAME TYPE: a guest with the modules; the emulator may lose one.
up() {
    local _
    for _ in 1 2 3; do
        dom0 "xl destroy $1" >/dev/null 2>&1
        lost_mark
        create "$1" "$2" || return 1
        if retry 120 console_has "$1" 'is up after'; then
            type_in "$1" 'cd /lib/modules; for m in evtchn gntdev gntalloc; do
                insmod xen-$m.ko 2>/dev/null; done; ls /dev/xen; echo ready$((6*7))'
            retry 30 console_has "$1" ready42
            return
        fi
        lost_one || return 1
        echo "the emulator lost $1; started again" >&2
    done
    return 1
}
check "a PV guest" up p pv
check "a PVH guest" up h pvh
p=$(dom0 'xl domid p')
h=$(dom0 'xl domid h')

# ---- two ends ----

offer_of() { # GUEST NUMBER: the number-th offer on its console
    dom0 "grep -a '^offer ' $LOGS/guest-$1.log" | tr -d '\r' |
        sed -n "$2s/offer //p"
}
has_offer() {
    [ -n "$(offer_of "$1" "$2")" ]
}
right='500 of 500 round trips right.*ok'
right_times() { # GUEST TIMES
    [ "$(dom0 "grep -acE '$right' $LOGS/guest-$1.log")" = "$2" ]
}

# dom0 gives.
dom0_gives() { # GUEST DOMID TIMES
    dom0 "rm -f /root/offer; nohup channel-echo give $2 >/root/offer 2>&1 &"
    retry 20 dom0 'grep -q ^offer /root/offer' || return 1
    type_in "$1" "channel-echo join 0 $(dom0 "sed -n 's/^offer //p' /root/offer")"
    retry 120 right_times "$1" "$3" &&
        retry 10 dom0 "grep -q 'echoed 500 .*closed' /root/offer" && return 0
    dom0 "cat /root/offer; tail -n 5 $LOGS/guest-$1.log"
    return 1
}
check "dom0 gives, the PV guest joins" dom0_gives p "$p" 1
check "dom0 gives, the PVH guest joins" dom0_gives h "$h" 1

# A guest gives.
guest_gives() { # GUEST DOMID NUMBER
    type_in "$1" "channel-echo give 0"
    retry 20 has_offer "$1" "$3" || return 1
    dom0 "channel-echo join $2 $(offer_of "$1" "$3")" | tee "$WORK/join" |
        grep -qE "$right" || return 1
    sed 's/^/    /' "$WORK/join"
    retry 20 console_has "$1" 'echoed 500 .*closed'
}
check_said() {
    if guest_gives "${@:2}" >"$WORK/said" 2>&1; then
        passed "$1"
        cat "$WORK/said"
    else
        failed "$1" "$(cat "$WORK/said")"
    fi
}
check_said "the PV guest gives, dom0 joins" p "$p" 1
check_said "the PVH guest gives, dom0 joins" h "$h" 1

type_in p "channel-echo give $h"
check "the PV guest gives to the PVH guest" retry 20 has_offer p 2
type_in h "channel-echo join $p $(offer_of p 2)"
check "guest to guest" retry 120 right_times h 2

# ---- an end that dies ----

type_in p "channel-echo give 0"
retry 20 has_offer p 3
dom0 "cat >/root/dies.sh <<END
channel-echo join $p $(offer_of p 3) &
pid=\\\$!
sleep 0.2
kill -9 \\\$pid
END
    sh /root/dies.sh" >/dev/null 2>&1
ends() { # GUEST TIMES
    [ "$(dom0 "grep -acE 'the end: ' $LOGS/guest-$1.log")" = "$2" ]
}
check "dom0's end is killed: the guest sees it" retry 20 ends p 3
dom0 "rm -f /root/offer; nohup channel-echo give $h >/root/offer 2>&1 &"
retry 20 dom0 'grep -q ^offer /root/offer'
type_in h "channel-echo join 0 $(dom0 "sed -n 's/^offer //p' /root/offer") & sleep 0.3; kill -9 \$!"
check "the guest's end is killed: dom0 sees it" \
    retry 20 dom0 "grep -q 'the end: .*closed' /root/offer"

# ---- offers that lie, and limits ----

check_error "references that are none" 1 'granted|mapped|channel' \
    dom0 "channel-echo join $p 1,70000,70001,70002,70003,70004,70005,70006,70007,70008"
check_error "an event channel that is none" 1 'event channel|mapped|granted' \
    dom0 "channel-echo join $p 999,8,9,10,11,12,13,14,15,16"
dom0 'cp /sys/module/xen_gntalloc/parameters/limit /root/limit
      echo 5 >/sys/module/xen_gntalloc/parameters/limit'
check_error "over gntalloc's limit: its name and value are said" 1 \
    'xen-gntalloc .*limit.*, 5 pages' dom0 "channel-echo give $p"
dom0 'cat /root/limit >/sys/module/xen_gntalloc/parameters/limit
      rmmod xen_gntalloc'
check_error "a module that is not loaded: what to do is said" 1 \
    'modprobe xen-gntalloc' dom0 "channel-echo give $p"
dom0 'modprobe xen-gntalloc; xl destroy p; xl destroy h
      rm -f /root/initramfs-channels /root/more'
