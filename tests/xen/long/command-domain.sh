#!/bin/bash
# policyd in a domain of its own on real Xen (examples/command-domain): what
# resourced and policyd say to each other goes over pages that the domain
# grants. Each end is killed in the middle of a create, and the domain itself
# is destroyed.
. "$(dirname "$0")/../lib.sh"

EXAMPLE=/root/command-domain
LOG=/var/log/xen/console/guest-command.log

bed_up
forget_all

# ---- the move, by the example's own steps ----

make_archive() {
    "$TOP/examples/command-domain/build" -p "$STAGE/usr/sbin" \
        "$WORK/command.cpio" &&
        dom0 "rm -rf $EXAMPLE; mkdir $EXAMPLE" &&
        bed push "$TOP"/examples/command-domain/* "$WORK/command.cpio" $EXAMPLE
}
answers() {
    dom0 'xl-vdc version | grep -q "^hypervisor *Xen"'
}
command_domid() {
    dom0 'xl domid command' 2>/dev/null
}
# The emulator may lose it, as any domain; resourced starts it again then.
comes_up() {
    local _
    for _ in 1 2 3; do
        lost_mark
        retry 600 answers && return 0
        lost_one || return 1
        echo "the emulator lost the command domain" >&2
        dom0 'xl destroy command' 2>/dev/null
    done
    return 1
}
check "its archive" make_archive
check "move" dom0 "$EXAMPLE/move $EXAMPLE/command.cpio"
check "policyd answers from there" comes_up
if [ "$n_failed" -gt 0 ]; then
    dom0 "tail -n 30 $LOG; xl list"
    exit 1
fi
check "and none is in dom0" dom0 '! pidof policyd && ! ls /run/xen-vdc/policyd.sock'
check_output "its domain is a partition of the provider's" \
    '^name +command' dom0 'xl-vdc show command'

# ---- what carries it ----

channel() { # its number
    dom0 'xl-vdc channel-list -o json' | tr -d ' \n' | tr '{' '\n' |
        sed -n 's/^"id":\([0-9]*\),"service":"resource".*/\1/p'
}
new_channel() { # OLD
    local now
    now=$(channel)
    [ -n "$now" ] && [ "$now" != "$1" ]
}
# Pages of that domain that dom0 has mapped to write to, as Xen counts them.
granted() {
    dom0 'xl dmesg -c >/dev/null; xl debug-keys g; sleep 1; xl dmesg' |
        sed -n "/for remote d$1 /,/for remote d[^$1]/p" |
        grep -cE '\] +0 0x[0-9a-f]+ 0x0000000[2-9a-f] '
}
mapped() { # pages of /dev/xen/gntdev in resourced
    local from to n=0
    while IFS='- ' read -r from to _; do
        n=$((n + (16#$to - 16#$from) / 4096))
    done < <(dom0 'grep "rw-s .*/dev/xen/gntdev" /proc/$(pidof resourced)/maps')
    echo $n
}
check_output "the command channel is between the domain and the host" \
    'resource +command +host +open' dom0 'xl-vdc channel-list'
n_mapped=$(mapped)
n_granted=$(granted "$(command_domid)")
echo "resourced has mapped $n_mapped granted pages; Xen says that dom0 has" \
    "$n_granted of the domain"
check "resourced has mapped both rings" [ "$n_mapped" -ge 33 ]
check "Xen says that they are the domain's" [ "$n_granted" -ge 33 ]

# ---- what works over it ----

up() { # GUEST
    dom0 "grep -aq 'is up after' /var/log/xen/console/guest-acme.$1.log"
}
runs() {
    dom0 "xl domid acme.$1" >/dev/null
}
check_equal "list, by an operator" provider.command "$(dom0 'xl-vdc list -o name')"
check "a customer creates a guest" acme 'xl-vdc create -q web.cfg'
check "Xen has it" runs web
check "and it runs" retry_guest 240 web up web
check_output "the customer sees it" '^web ' acme 'xl-vdc list'
check_output "another customer asks" '' globex 'xl-vdc list'
check_equal "and does not" "" "$(globex 'xl-vdc list -o name')"
check_error "nor is a customer an operator" 6 'for operators' \
    acme 'xl-vdc host-list'
check_error "files are those of the host" 2 'no such file' \
    acme 'xl-vdc create web.cfg name=other kernel=/var/lib/xen-vdc/images/x'
console() { # what a customer types, and sees
    acme '(sleep 2; echo; echo "echo sum is \$((40 + 2))"; sleep 4) |
        timeout 20 xl-vdc console web'
}
check_output "a customer's console takes commands" 'sum is 42' console
no_console() {
    ! dom0 'xl-vdc channel-list' | grep -q ' console '
}
check "its channel goes with it" retry 20 no_console
stopped() {
    acme 'xl-vdc list' | grep -qE "^$1 .*stopped"
}
check "shutdown" acme 'xl-vdc shutdown -q web'
check "it has" retry 60 stopped web
check "destroy" acme 'xl-vdc destroy -q web'
check_equal "nothing is left of it" "" "$(acme 'xl-vdc list -o name')"
# A PV guest: the emulator loses one of PVH now and then.
check "a guest that is there all the time" \
    acme 'xl-vdc create -q web-pv.cfg name=stays memory=96'
stays=$(dom0 'xl domid acme.stays')

# ---- each end is killed in the middle of a create ----

# insist KEY NAME: asks until it is answered, with the same key.
insist() {
    acme "for i in \$(seq 100); do
            xl-vdc create -q --key $1 web.cfg name=$2 memory=96 && exit 0
            status=\$?
            case \$status in
            4 | 7 | 8) ;;
            *) exit \$status ;;
            esac
            sleep 1
        done
        exit 99"
}
type_in() { # LINE, in the command domain
    dom0 "echo '$1' >\$(xenstore-read \
        /local/domain/\$(xl domid command)/console/tty)"
}
count() { # GUEST: domains of this name, and guests
    dom0 "xl list | grep -c '^acme.$1 '; xl-vdc list -C acme -o name |
        grep -c '^acme.$1\$'" | tr '\n' ' '
}
# killed NAME TEXT COMMAND...: while a guest NAME is made.
killed() {
    local name=$1 text=$2 before asking
    shift 2
    before=$(channel)
    insist "key-$name-$$" "$name" >"$WORK/$name.out" 2>&1 &
    asking=$!
    sleep 2
    check "$text: in the middle of a create" kill -0 $asking
    "$@"
    check "the channel is made anew" retry 60 new_channel "$before"
    wait $asking
    check_equal "the create is answered" 0 $?
    [ ! -s "$WORK/$name.out" ] || sed 's/^/    /' "$WORK/$name.out"
    check_equal "and has made one guest" "1 1 " "$(count "$name")"
    check "asked again, it is the same" insist "key-$name-$$" "$name"
    check_equal "which is still one" "1 1 " "$(count "$name")"
    check "database, Xen and xenstore agree" dom0 'xl-vdc host-verify'
    acme "xl-vdc destroy -q $name"
}
kill_resourced() {
    dom0 'kill -9 $(pidof resourced)'
}
kill_policyd() {
    type_in 'busybox killall -9 policyd'
}
killed one "kill -9 resourced" kill_resourced
killed two "kill -9 policyd" kill_policyd
killed three "kill -9 resourced again" kill_resourced

# ---- channelds ----

before=$(channel)
pid=$(dom0 'pidof channeld')
check "kill -9 channeld" dom0 "kill -9 $pid"
another() {
    dom0 "now=\$(pidof channeld) && [ \"\$now\" != $pid ]"
}
check "it is started again" retry 30 another
check "policyd is reached" retry 60 answers
# It is listed when both of its ends have told the new channeld of it.
same_channel() {
    [ "$(channel)" = "$before" ]
}
check "and the command channel has gone on" retry 15 same_channel
check "a guest is made over it" acme 'xl-vdc create -q web.cfg memory=96'
check "and ended" acme 'xl-vdc destroy -q web'
type_in 'busybox killall -9 channeld-guest'
sleep 3
check "kill -9 of the domain's channeld: it goes on as well" retry 60 answers
check "with the same channel" retry 15 same_channel

# ---- the domain is destroyed ----

old=$(command_domid)
check "somebody destroys the domain" dom0 'xl destroy command'
journal() {
    dom0 'journalctl --no-pager -u xen-vdc-resourced -n 40' | grep -q "$1"
}
check "resourced says so" retry 20 journal \
    "channel of the command domain 'command' has ended"
check "and that it is gone" retry 20 journal \
    'command: stopped: destroyed outside of xen-vdc'
check_error "nobody answers meanwhile, with words" 7 'cannot reach policyd' \
    dom0 'xl-vdc list'
check_equal "the guests go on" "$stays" "$(dom0 'xl domid acme.stays')"
check "it is started again by resourced" retry 60 journal \
    "'command' does not run: it is started"
check "and policyd answers" comes_up
check "as another domain" [ "$(command_domid)" != "$old" ]
check_output "it knows all" '^stays ' acme 'xl-vdc list'
check "a guest is made" acme 'xl-vdc create -q web.cfg memory=96'
check "and ended" acme 'xl-vdc destroy -q web'
check "all agree" dom0 'xl-vdc host-verify'
check_equal "the guests have gone on" "$stays" "$(dom0 'xl domid acme.stays')"

# ---- and back ----

check "back" dom0 "$EXAMPLE/back"
check "policyd is in dom0" dom0 'pidof policyd && systemctl is-active xen-vdc-policyd'
check_output "with its store" '^stays ' acme 'xl-vdc list'
check_equal "nothing of the domain is left" "" "$(command_domid)"
check "all agree" dom0 'xl-vdc host-verify'
forget_all
dom0 "rm -rf $EXAMPLE /var/lib/xen-vdc/command.img \
    /var/lib/xen-vdc/policyd.moved \
    /var/lib/xen-vdc/images/initramfs-command"
