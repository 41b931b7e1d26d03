#!/bin/bash
# Channels beside Debian's libxenvchan on real Xen in the bed: dom0 with a PV
# guest and with a PVH guest, and those two; ratios and notifications.
# Usage: STAGE=... tests/bench/channels-bed.sh [MILLISECONDS [PAIRS]]
BUILD=$(realpath "${BUILD:-build}")
export STAGE=${STAGE:-$BUILD/stage}
export BED_NAME=${BED_NAME:-bench}
program=$BUILD/tests/bench/bench_chan_bed
if [ ! -x "$program" ] || [ ! -d "$STAGE" ]; then
    echo "skipped: there is no $program, or no installation in $STAGE"
    exit 0
fi
. "$(dirname "$0")/../xen/lib.sh"

IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console

bed_up
forget_all

# Behind the archive that is there: an initramfs may be several.
make_initramfs() {
    local root=$WORK/root module
    mkdir -p "$root/bin" "$root/lib/channels"
    strip -o "$root/bin/bench_chan_bed" "$program" || return 1
    for module in xen-evtchn xen-gntdev xen-gntalloc; do
        dom0 "cat /lib/modules/*/kernel/drivers/xen/$module.ko" \
            >"$root/lib/channels/$module.ko" || return 1
    done
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$WORK/more" &&
        bed push "$WORK/more" /root/more &&
        bed push "$root/bin/bench_chan_bed" /usr/local/bin/bench_chan_bed &&
        dom0 "zcat $IMAGES/initramfs | cat - /root/more \
            >$IMAGES/initramfs-bench
            modprobe -a xen-evtchn xen-gntdev xen-gntalloc"
}
check "the program goes into an initramfs" make_initramfs

console_has() { # NAME PATTERN
    dom0 "grep -aqE '$2' $LOGS/guest-acme.$1.log"
}
type_in() { # NAME LINE
    dom0 "echo '$2' >\$(xenstore-read \
        /local/domain/\$(xl domid acme.$1)/console/tty)"
}
up() { # NAME TYPE
    dom0 "cat >/home/acme/$1.cfg <<END
name = \"$1\"
type = \"$2\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"$IMAGES/initramfs-bench\"
memory = 128
extra = \"console=hvc0\"
END
        rm -f $LOGS/guest-acme.$1.log"
    acme "xl-vdc create $1.cfg" && retry 120 console_has "$1" 'is up after' &&
        type_in "$1" 'for m in evtchn gntdev gntalloc; do
            insmod /lib/channels/xen-$m.ko; done; echo modules-$?' &&
        retry 30 console_has "$1" '^modules-'
}
for guest in p:pv h:pvh; do
    lost_mark
    check "a ${guest#*:} guest" up "${guest%:*}" "${guest#*:}" ||
        dom0 "tail -n 20 $LOGS/guest-acme.${guest%:*}.log"
done

# serve NAME PEER: in the guest, until the other end goes.
serve() {
    marks=$((${marks:-0} + 1))
    type_in "$1" "echo begin-$marks-; bench_chan_bed serve $2; echo end-$marks-"
    retry 30 served "$1"
}
served() {
    dom0 "sed -n '/^begin-$marks-/,\$p' $LOGS/guest-acme.$1.log |
        grep -q '^served'"
}
said() { # NAME: what the program said there, when it has ended
    retry 15 console_has "$1" "^end-$marks-" || return 1
    dom0 "sed -n '/^begin-$marks-/,/^end-$marks-/p' \
        $LOGS/guest-acme.$1.log" | tr -d '\r' | sed '1d;$d'
}
right() {
    grep -q '^all messages were right' "$WORK/out" &&
        said "$1" | grep '^all messages were right'
}
with_dom0() { # NAME
    serve "$1" 0 &&
        dom0 "timeout 300 bench_chan_bed join $(dom0 "xl domid acme.$1") \
            ${ARGS[*]}" >"$WORK/out" 2>&1
    sed 's/^/    /' "$WORK/out"
    right "$1"
}
measured() { # TEXT COMMAND...
    local text=$1
    shift
    echo "$text:"
    if "$@"; then passed "$text"; else failed "$text"; fi
}
ARGS=("$@")
measured "dom0 and the PV guest" with_dom0 p
measured "dom0 and the PVH guest" with_dom0 h

two_guests() {
    serve p "$(dom0 'xl domid acme.h')" || return 1
    type_in h "echo join-; bench_chan_bed join $(dom0 'xl domid acme.p') \
        ${ARGS[*]}; echo joined-"
    retry 300 console_has h '^joined-'
    dom0 "sed -n '/^join-/,/^joined-/p' $LOGS/guest-acme.h.log" |
        tr -d '\r' | sed '1d;$d' >"$WORK/out"
    sed 's/^/    /' "$WORK/out"
    right p
}
measured "the PV guest and the PVH guest" two_guests
