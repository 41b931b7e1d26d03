#!/bin/bash
# xl-vdc inside guests on real Xen: a guest asks policyd for itself over a
# channel of grants, as the guest that Xen says it is.
#
# PROGRAMS: a folder with channeld-guest and xl-vdc, linked statically; made
# here from the tree when it is not set.
. "$(dirname "$0")/../lib.sh"

IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console

guest_programs

bed_up
forget_all

# An initramfs may consist of several archives: ours goes behind.  Not packed,
# as libxl unpacks a PVH guest's itself, and knows of one archive only.
make_initramfs() {
    mkdir -p "$WORK/root/bin"
    cp "$PROGRAMS"/{channeld-guest,xl-vdc} "$WORK/root/bin/" || return 1
    (cd "$WORK/root" && find . | cpio --quiet -o -H newc -R 0:0) \
        >"$WORK/more" &&
        bed push "$WORK/more" /root/more &&
        dom0 "zcat $IMAGES/initramfs | cat - /root/more \
            >$IMAGES/initramfs-guest"
}
check "they go into an initramfs" make_initramfs

create() { # CUSTOMER NAME TYPE
    dom0 "cat >/home/$1/$2.cfg <<END
name = \"$2\"
type = \"$3\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"$IMAGES/initramfs-guest\"
memory = 128
maxmem = 192
vcpus = 1
maxvcpus = 2
extra = \"console=hvc0\"
END
        rm -f $LOGS/guest-$1.$2.log"
    "$1" "xl-vdc create $2.cfg"
}
console_count() { # GUEST PATTERN
    dom0 "grep -acE '$2' $LOGS/guest-$1.log" | tr -d '\r'
}
console_has() {
    [ "$(console_count "$1" "$2")" -gt 0 ] 2>/dev/null
}
type_in() { # GUEST LINE
    dom0 "echo '$2' >\$(xenstore-read \
        /local/domain/\$(xl domid $1)/console/tty)"
}
# in_guest GUEST LINE: what it prints, in the guest; its status is the line's.
in_guest() {
    local mark status
    mark=m$(date +%s%N)
    type_in "$1" "echo $mark-begin; $2; echo $mark-end-\$?"
    retry 40 console_has "$1" "^$mark-end-[0-9]" || {
        dom0 "tail -n 15 $LOGS/guest-$1.log"
        return 99
    }
    dom0 "sed -n '/^$mark-begin/,/^$mark-end-[0-9]/p' $LOGS/guest-$1.log" |
        tr -d '\r' >"$WORK/said"
    status=$(sed -n "s/^$mark-end-\([0-9]*\).*/\1/p" "$WORK/said" | tail -n 1)
    grep -v "$mark" "$WORK/said"
    return "${status:-99}"
}
# up CUSTOMER NAME TYPE: the emulator may lose one.
up() {
    local _
    for _ in 1 2 3; do
        lost_mark
        create "$1" "$2" "$3" || return 1
        retry 120 console_has "$1.$2" 'is up after' && return 0
        lost_one || return 1
        "$1" "xl-vdc destroy $2" >/dev/null 2>&1
        echo "the emulator lost $2; started again" >&2
    done
    return 1
}
asks() { # GUEST: policyd answers it
    in_guest "$1" "xl-vdc show" | grep -q '^customer'
}

check "a PVH guest of acme's" up acme web pvh
check "a PV guest of globex's" up globex web pv
check "it starts its channeld" console_has acme.web 'channels are there'
check "policyd answers the PVH guest" retry 30 asks acme.web
check "and the PV guest" retry 30 asks globex.web
if [ "$n_failed" -gt 0 ]; then
    for guest in acme.web globex.web; do
        in_guest $guest 'cat /run/xen-vdc/channeld.log; ls -l /dev/xen /run/xen-vdc'
    done
fi

check_output "show: whose it is" '^customer +acme' \
    in_guest acme.web 'xl-vdc show'
check_output "the other is its customer's" '^customer +globex' \
    in_guest globex.web 'xl-vdc show'
check_equal "list: its customer's alone" web \
    "$(in_guest acme.web 'xl-vdc list -o name')"
check_output "mem-set" 'this guest: has (99|100)(\.[0-9])? MiB' \
    in_guest acme.web 'xl-vdc mem-set 100'
check_output "Xen says so, too" '^acme\.web +[0-9]+ +(99|100) ' dom0 'xl list'
check_error "more than its most" 2 'maximum' \
    in_guest acme.web 'xl-vdc mem-set 500'
check_error "another customer's" 3 'no such guest: globex.web' \
    in_guest acme.web 'xl-vdc show globex.web'
check_error "what is not for guests" 6 "not for guests" \
    in_guest acme.web 'xl-vdc mem-max 500'
check_output "channels" 'policy|Service|SERVICE|service' \
    in_guest acme.web 'xl-vdc channel-list'
check "policyd is restarted" dom0 'systemctl restart xen-vdc-policyd'
check "it works again" retry 30 asks acme.web
check "channeld is restarted" dom0 'systemctl restart xen-vdc-channeld'
check "it works again" retry 30 asks acme.web

before=$(dom0 'xl domid acme.web')
type_in acme.web 'xl-vdc reboot'
rebooted() {
    local now
    now=$(dom0 'xl domid acme.web') && [ "$now" != "$before" ]
}
check "reboot: its domain is another" retry 60 rebooted
check "which comes up" retry 120 console_has acme.web 'is up after'
check "and asks for itself" retry 60 asks acme.web
type_in acme.web 'xl-vdc shutdown'
stopped() {
    acme 'xl-vdc list' | grep -qE '^web .*stopped'
}
check "shutdown" retry 60 stopped
forget_all
dom0 "rm -f $IMAGES/initramfs-guest /root/more"
