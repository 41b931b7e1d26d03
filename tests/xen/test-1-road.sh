#!/bin/bash
# The whole road on real Xen: what a customer and an operator do with a guest,
# and what Xen's own tools see of it.
. "$(dirname "$0")/lib.sh"

bed_up
forget_all
check_output "xl info works" 'free_memory' dom0 'xl info'

test_life() {
    local cfg=$1 type=$2 address=$3

    lost_mark
    check "$type: create" acme "xl-vdc create $cfg name=$type"
    check "$type: its page is served over its own vif" retry_guest 60 "$type" page "$address"
    check_output "$type: the customer's list shows it" "^$type " \
        acme 'xl-vdc list'
    check_output "$type: xl list shows it" "^acme\.$type " dom0 'xl list'
    check "$type: xl and xl-vdc agree" lists_agree
    check_output "$type: show" "$type" acme "xl-vdc show $type"
    check_output "$type: xl console shows its boot" 'Linux|login|/ #' \
        dom0 "timeout 5 script -qc 'xl console acme.$type' /dev/null \
            </dev/null; cat /var/log/xen/console/guest-acme.$type.log"
    check "$type: reboot" acme "xl-vdc reboot -w $type"
    check "$type: it serves again after the reboot" retry_guest 60 "$type" page "$address"
    check "$type: shutdown" acme "xl-vdc shutdown -w $type"
    check_output "$type: remembered as stopped" "^$type .*stopped" \
        acme 'xl-vdc list'
    check_error "$type: Xen has no such domain any more" 1 '' \
        dom0 "xl list acme.$type >/dev/null 2>&1 || exit 1"
    check "$type: start again" acme "xl-vdc start $type"
    check "$type: it serves again" retry_guest 60 "$type" page "$address"
    check "$type: rename while it runs" acme "xl-vdc rename $type new-$type"
    check_output "$type: xl has the new name" "^acme\.new-$type " \
        dom0 'xl list'
    check "$type: destroy" acme "xl-vdc destroy new-$type"
    check_error "$type: forgotten" 3 'no such guest' \
        acme "xl-vdc show new-$type"
    check "$type: xl and xl-vdc agree at the end" lists_agree
}

test_life web.cfg pvh 10.77.0.10
test_life web-pv.cfg pv 10.77.0.11

# ---- the console, by a customer who is not root ----
check "a guest for the console" acme 'xl-vdc create web-pv.cfg name=con'
retry 60 page 10.77.0.11
check_output "a customer's console takes commands" 'sum is 42' \
    acme '(sleep 2; echo; echo "echo sum is \$((6*7))"; sleep 3) |
        timeout 20 xl-vdc console con'
check_error "another customer cannot reach it" 3 'no such guest: con' \
    globex 'xl-vdc console con </dev/null'
check_error "nor see that it is there" 3 'no such guest: con' \
    globex 'xl-vdc show con'
check_error "a name that nobody has gets the same words" 3 \
    'no such guest: con2' globex 'xl-vdc show con2'
check_equal "its list is empty" "" \
    "$(globex 'xl-vdc list -o name')"
check "and may have a guest of the same name" \
    globex 'xl-vdc create web-pv.cfg name=con'
check "xl and xl-vdc agree on both" lists_agree
check "destroy both" dom0 'xl-vdc destroy acme.con && xl-vdc destroy globex.con'

# ---- what is not ours ----
dom0 'printf "name=\"foreign\"\ntype=\"pv\"\nkernel=\"%s/vmlinuz\"\nramdisk=\"%s/initramfs\"\nmemory=96\nextra=\"console=hvc0\"\n" /var/lib/xen-vdc/images /var/lib/xen-vdc/images > /root/foreign.cfg'
check "a domain made by xl create" dom0 'xl create /root/foreign.cfg'
check_output "is listed as not ours" '^foreign .*(not ours|foreign|-)' \
    dom0 'xl-vdc list --all'
for verb in shutdown destroy reboot; do
    check_error "$verb does not touch it" 3 'foreign' \
        dom0 "xl-vdc $verb foreign"
done
foreign_id=$(dom0 'xl domid foreign')
dom0 'systemctl restart xen-vdc-resourced xen-vdc-policyd'
retry 30 daemons_up
check_equal "it is there after a restart of our daemons" "$foreign_id" \
    "$(dom0 'xl domid foreign')"
check_error "its name is taken" 4 'foreign' \
    dom0 'xl-vdc create /home/acme/web-pv.cfg name=foreign'
check "xl ends it" dom0 'xl destroy foreign'

# ---- on_poweroff, on_reboot, on_crash ----
# stopped_within SECONDS NAME
is_stopped() {
    acme "xl-vdc list $1" | grep -q stopped
}
domid_of() {
    acme "xl-vdc list $1 -o json" | tr -d ' \n' |
        sed 's/.*"domid":\([0-9]*\).*/\1/'
}
another_domid() {
    local now
    now=$(domid_of "$1")
    [ "$now" != "$2" ] && [ "$now" != 0 ]
}
check "a guest that powers off by itself" \
    acme 'xl-vdc create web-pv.cfg name=off extra="console=hvc0 vdc.poweroff=3"'
check "is remembered as stopped" retry 60 is_stopped off
check "a guest that crashes, on_crash=destroy" acme 'xl-vdc create web-pv.cfg \
    name=crash on_crash=destroy extra="console=hvc0 vdc.crash=3"'
check "is remembered as stopped" retry 60 is_stopped crash
check_output "events tell of the crash" 'crash' acme 'xl-vdc events'
check "a guest that crashes after 15 s, on_crash=restart" acme \
    'xl-vdc create web-pv.cfg name=again on_crash=restart \
        extra="console=hvc0 vdc.crash=15"'
again_id=$(domid_of again)
check "is built anew" retry 90 another_domid again "$again_id"
check "on_crash=preserve" acme 'xl-vdc create web-pv.cfg name=keep \
    on_crash=preserve extra="console=hvc0 vdc.crash=2"'
check "is kept for inspection" retry 60 \
    eval "acme 'xl-vdc list keep' | grep -q preserved"
check_output "Xen has it still" 'acme\.keep' dom0 'xl list'
check "reboot by the guest itself, on_reboot=destroy" acme \
    'xl-vdc create web-pv.cfg name=reb on_reboot=destroy \
        extra="console=hvc0 vdc.reboot=3"'
check "stays down" retry 60 is_stopped reb
forget_all
check "nothing is left" lists_agree
