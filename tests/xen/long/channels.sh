#!/bin/bash
# Channels by real grants and event channels: dom0 with a PV and a PVH guest,
# either giving; guest with guest; with Xen's libxenvchan at the other end;
# ends and domains that are killed; limits that are hit; channeld, which makes
# channels for programs of dom0 and of guests; 90 channels of three guests.
#
# PROGRAMS: a folder with channeld-guest, xl-vdc and many-channels, linked
# statically; made here from the tree when it is not set.
. "$(dirname "$0")/../lib.sh"

EXAMPLES=${EXAMPLES:-$TOP/build/examples/channel}
IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console
ROUNDS=60

guest_programs

bed_up
forget_all

# ---- the programs, in dom0 and in the guests ----

# An initramfs may consist of several archives: ours goes behind.  Not packed,
# as libxl unpacks a PVH guest's itself, and knows of one archive only.
make_initramfs() {
    local root=$WORK/root module
    mkdir -p "$root/bin" "$root/lib/channels"
    make -C "$TOP/build" examples/channel/{channel,vchan}-echo \
        >"$WORK/examples.log" 2>&1 || { cat "$WORK/examples.log"; return 1; }
    strip -o "$root/bin/channel-echo" "$EXAMPLES/channel-echo" &&
        strip -o "$root/bin/vchan-echo" "$EXAMPLES/vchan-echo" &&
        cp "$PROGRAMS"/{channeld-guest,xl-vdc,many-channels} "$root/bin/" || return 1
    for module in xen-evtchn xen-gntdev xen-gntalloc; do
        dom0 "cat /lib/modules/*/kernel/drivers/xen/$module.ko" \
            >"$root/lib/channels/$module.ko" || return 1
    done
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) \
        >"$WORK/more" &&
        bed push "$WORK/more" /root/more &&
        bed push "$root"/bin/{channel-echo,many-channels} /usr/local/bin/ &&
        dom0 "zcat $IMAGES/initramfs | cat - /root/more \
            >$IMAGES/initramfs-channels"
}
check "the programs go into an initramfs" make_initramfs
[ "$n_failed" = 0 ] || exit 1
dom0 'modprobe -a xen-evtchn xen-gntdev xen-gntalloc
      head -c 200000 /dev/urandom >/root/data'
DATA=$(dom0 'md5sum </root/data')

# q is globex's, the others are acme's.
owner_of() {
    if [ "$1" = q ]; then echo globex; else echo acme; fi
}
log_of() {
    echo "$LOGS/guest-$(owner_of "$1").$1.log"
}
create() { # NAME TYPE
    local owner
    owner=$(owner_of "$1")
    dom0 "cat >/home/$owner/$1.cfg <<END
name = \"$1\"
type = \"$2\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"$IMAGES/initramfs-channels\"
memory = 128
extra = \"console=hvc0\"
END
        rm -f $(log_of "$1")"
    "$owner" "xl-vdc create $1.cfg"
}
# type_in NAME LINE: into the guest's console.
type_in() {
    dom0 "echo '$2' >/root/tty.$1"
}
# in_guest NAME LINE: what it prints there; its status is the line's.
# The mark is another each time, in subshells too.
in_guest() {
    local mark=m${EPOCHREALTIME/[.,]/} line inside status
    line="echo $mark-begin; $2; echo $mark-end-\$?"
    inside=$(dom0 "echo '$line' >/root/tty.$1; log=$(log_of "$1")
        until grep -aq '^$mark-end-[0-9]' \$log; do
            [ \$SECONDS -le 60 ] || { tail -n 15 \$log; exit 1; }
            sleep 0.1
        done
        sed -n '/^$mark-begin/,/^$mark-end-[0-9]/p' \$log" | tr -d '\r')
    status=$(sed -n "s/^$mark-end-\([0-9]*\).*/\1/p" <<<"$inside" |
        tail -n 1)
    grep -v "$mark" <<<"$inside"
    return "${status:-99}"
}
is_up() {
    dom0 "grep -aq 'is up after' $(log_of "$1") && ln -sf \$(xenstore-read \
        /local/domain/\$(xl domid $(owner_of "$1").$1)/console/tty) \
        /root/tty.$1"
}
# up NAME TYPE: a guest with the modules; the emulator may lose one.
up() {
    local _
    for _ in 1 2 3; do
        lost_mark
        create "$1" "$2" || return 1
        if retry 240 is_up "$1"; then
            in_guest "$1" 'for m in evtchn gntdev gntalloc; do
                insmod /lib/channels/xen-$m.ko 2>/dev/null; done
                ls /dev/xen/gntalloc /dev/xen/gntdev /dev/xen/evtchn'
            return
        fi
        lost_one || return 1
        "$(owner_of "$1")" "xl-vdc destroy $1" >/dev/null 2>&1
        echo "the emulator lost $1; started again" >&2
    done
    return 1
}
check "a PV guest" up p pv
check "a PVH guest" up h pvh
[ "$n_failed" = 0 ] || exit 1
p=$(dom0 'xl domid acme.p')
h=$(dom0 'xl domid acme.h')

# ---- what is in use ----

# Grants that somebody has mapped, by Xen; event channels of each domain.
used() {
    dom0 "xl debug-keys g
        xl dmesg | tac | sed '/gnttab_usage_print_all \[/q' |
            grep -c '^(XEN) \[0x' || true
        for d in 0 $p $h; do
            /usr/lib/xen-*/bin/lsevtchn \$d | grep -c 'Interdomain\|Unbound'
        done" | tr '\n' ' '
}
as_before() {
    [ "$(used)" = "$before" ]
}
show_used() {
    echo "before: $before; now: $(used)"
}
before=$(used)
echo "# mapped grants, event channels of dom0, PV, PVH: $before"
nothing_left() { # TEXT
    if retry 15 as_before; then
        passed "$1: grants and event channels are as before"
    else
        failed "$1: grants and event channels are as before" \
            "before: $before; now: $(used)"
    fi
}

# ---- two ends ----

there() { # DOMAIN LINE
    if [ "$1" = 0 ]; then dom0 "$2"; else in_guest "$1" "$2"; fi
}
# In each domain: give prints an offer, which the other joins; what they print
# is in /tmp/NAME there.
give() { # DOMAIN TO NAME
    local line="mkdir -p /tmp; rm -f /tmp/$3"
    line="$line; channel-echo give $2 >/tmp/$3 2>&1 & for n in \$(seq 100)"
    line="$line; do grep ^offer /tmp/$3 && break; sleep 0.1; done"
    there "$1" "$line" | sed -n 's/^offer //p'
}
gave() { # DOMAIN NAME PATTERN
    there "$1" "grep -E \"$3\" /tmp/$2"
}
channel() { # GIVER ITS-DOMID JOINER ITS-DOMID
    local offer
    offer=$(give "$1" "$4" end)
    [ -n "$offer" ] || return 1
    there "$3" "channel-echo join $2 $offer $ROUNDS" \
        >"$WORK/joined" 2>&1 &&
        grep -qE "$ROUNDS of $ROUNDS round trips right.*ok" "$WORK/joined" &&
        retry 15 gave "$1" end "echoed $ROUNDS .*closed" && return 0
    dom0 'xl debug-keys e; xl dmesg | tail -n 80 | grep -v -- "s=6"'
    return 1
}
check_channel() { # TEXT GIVER ITS-DOMID JOINER ITS-DOMID
    : >"$WORK/joined"
    check "$1" channel "${@:2}"
    sed 's/^/    /' "$WORK/joined"
}
check_channel "dom0 gives, the PV guest joins" 0 0 p "$p"
check_channel "dom0 gives, the PVH guest joins" 0 0 h "$h"
check_channel "the PV guest gives, dom0 joins" p "$p" 0 0
check_channel "the PVH guest gives, dom0 joins" h "$h" 0 0
check_channel "the PV guest gives, the PVH guest joins" p "$p" h "$h"
check_channel "the PVH guest gives, the PV guest joins" h "$h" p "$p"
nothing_left "after these"

. "$(dirname "$0")/../channels-death.sh"
. "$(dirname "$0")/../channels-vchan.sh"
. "$(dirname "$0")/../channels-many.sh"
. "$(dirname "$0")/../channels-broker.sh"
