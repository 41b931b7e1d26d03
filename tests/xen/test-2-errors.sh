#!/bin/bash
# What bad input gets, on real Xen: an error that names the thing and says
# what to do, and nothing left behind.
. "$(dirname "$0")/lib.sh"

bed_up
forget_all
# The first guest makes nodes that then stay for good, such as /libxl itself.
check "a first guest" acme 'xl-vdc create web-pv.cfg name=first'
check "is ended" acme 'xl-vdc destroy first'
sleep 2
before=$(snapshot_xenstore)

config() {
    acme "printf '%b' '$1' > bad.cfg"
}

IMAGES=/var/lib/xen-vdc/images
config 'name="x"\nmemroy=64\n'
check_error "unknown key: named with file and line, and the nearest one" 2 \
    'bad\.cfg:2.*memroy' acme 'xl-vdc create bad.cfg'
check_error "the nearest key is suggested" 2 "memory" \
    acme 'xl-vdc create bad.cfg'
config 'name="x"\nvcpus="two"\n'
check_error "wrong type" 2 'bad\.cfg:2.*vcpus' acme 'xl-vdc create bad.cfg'
config 'name="x"\nmemory=[\n'
check_error "not xl.cfg syntax" 2 'bad\.cfg' acme 'xl-vdc create bad.cfg'
check_error "no such file" 2 'nothing\.cfg' acme 'xl-vdc create nothing.cfg'
check_error "missing kernel" 2 "$IMAGES/none" \
    acme "xl-vdc create web-pv.cfg kernel=$IMAGES/none"
check_error "missing ramdisk" 2 "$IMAGES/none" \
    acme "xl-vdc create web-pv.cfg ramdisk=$IMAGES/none"
check_error "missing disk" 2 "$IMAGES/none" acme \
    "xl-vdc create web-pv.cfg 'disk=[\"$IMAGES/none,raw,xvda,w\"]'"
check_error "a file outside the customer's places: as if it were not there" \
    2 '/etc/shadow' acme 'xl-vdc create web-pv.cfg kernel=/etc/shadow'
check_error "a key for others: hvm" 2 'hvm' \
    acme 'xl-vdc create web-pv.cfg type=hvm'
check_error "over quota: which, used, asked, limit" 5 \
    'memory.*(0|640|2048)' acme 'xl-vdc create web-pv.cfg memory=2048'
check_error "vcpus over quota" 5 'vcpus' acme 'xl-vdc create web-pv.cfg vcpus=9'
check "a guest" acme 'xl-vdc create web-pv.cfg name=taken'
check_error "name taken" 4 'taken' acme 'xl-vdc create web-pv.cfg name=taken'
check_error "starting what runs" 4 'taken' acme 'xl-vdc start taken'
check "destroy it" acme 'xl-vdc destroy taken'
check_error "no such guest" 3 'no such guest: taken' \
    acme 'xl-vdc shutdown taken'
check_error "the host has not the memory: how much is free" 5 \
    'free' dom0 'xl-vdc create /home/acme/web-pv.cfg memory=8192'
check_error "an account that is nobody's" 6 'nobody' \
    dom0 'runuser -u nobody -- xl-vdc list'
check_error "a customer may not make customers" 6 '' \
    acme 'xl-vdc customer-create me'
check_error "unknown command" 2 'creat' acme 'xl-vdc creat2 web-pv.cfg'
check_error "name with forbidden characters" 2 'name' \
    acme 'xl-vdc create web-pv.cfg name=a/b'
check_error "a bridge that is not the customers" 6 'bridge' \
    acme "xl-vdc create web-pv.cfg 'vif=[\"bridge=other\"]'"
check_error "a bridge that is not there: Xen's own words, nothing left" 10 \
    '' dom0 "xl-vdc create /home/acme/web-pv.cfg 'vif=[\"bridge=other\"]'"
check_error "it is not remembered" 3 'no such guest' dom0 'xl-vdc show web'

# ---- daemons down ----
dom0 'systemctl stop xen-vdc-policyd'
check_error "policyd not running" 7 'policyd' acme 'xl-vdc list'
dom0 'systemctl start xen-vdc-policyd'
retry 30 daemons_up
dom0 'systemctl stop xen-vdc-resourced'
check_error "resourced not running" 7 'resourced' dom0 'xl-vdc list'
check_error "a customer's create then" 7 'resourced' \
    acme 'xl-vdc create web-pv.cfg name=none'
check_output "who has no guests sees none all the same" 'Name' \
    acme 'xl-vdc list'
check "what needs no resourced still works" dom0 'xl-vdc customer-list'
dom0 'systemctl start xen-vdc-resourced'
check "and they find each other again" retry 30 daemons_up

# ---- the daemons' own start ----
check_error "resourced by one who is not root" 6 'root' \
    acme '/usr/sbin/resourced --foreground'
dom0 'systemctl stop xen-vdc-resourced; cd /var/lib/xen-vdc &&
    cp resourced.db keep.db && sqlite3 resourced.db "PRAGMA user_version=9999;
        UPDATE meta SET schema = 9999"'
check_error "a database of a newer version" 9 'newer' \
    dom0 'timeout 20 resourced --foreground'
dom0 'cd /var/lib/xen-vdc && rm -f resourced.db* && echo rubbish rubbish \
    rubbish rubbish > resourced.db'
check_error "a damaged database is said to be one" 124 \
    'damaged.*host-verify --rebuild' dom0 'timeout 5 resourced --foreground'
dom0 'cd /var/lib/xen-vdc && rm -f resourced.db* && mv keep.db resourced.db &&
    systemctl reset-failed xen-vdc-resourced; systemctl start \
    xen-vdc-resourced'
check "with its own database it starts" retry 30 daemons_up

# ---- disk full ----
dom0 'systemctl stop xen-vdc-policyd xen-vdc-resourced;
    mkdir -p /mnt/small && mount -t tmpfs -o size=1M none /mnt/small &&
    cp -a /var/lib/xen-vdc/resourced.db /mnt/small/ &&
    printf "database = \"/mnt/small/resourced.db\"\n" \
        > /etc/xen-vdc/resourced.conf.test &&
    mkdir -p /run/systemd/system/xen-vdc-resourced.service.d &&
    exe=$(systemctl show -p ExecStart --value xen-vdc-resourced |
        sed "s/.*path=\([^ ;]*\).*/\1/") &&
    printf "[Service]\nExecStart=\nExecStart=%s --config /etc/xen-vdc/resourced.conf.test\n" \
        "$exe" > /run/systemd/system/xen-vdc-resourced.service.d/test.conf &&
    systemctl daemon-reload && systemctl start xen-vdc-resourced \
        xen-vdc-policyd'
retry 30 daemons_up
dom0 'dd if=/dev/zero of=/mnt/small/fill bs=1k 2>/dev/null; true'
check_error "disk full: said so, and nothing is created" 9 'no room' \
    acme 'for i in 1 2 3 4; do xl-vdc create web-pv.cfg name=full$i || exit $?; \
        xl-vdc destroy full$i || exit $?; done'
check "the daemons are still there" daemons_up
dom0 'rm /mnt/small/fill'
check "with room again it works" acme 'xl-vdc create web-pv.cfg name=room'
check "and ends" acme 'xl-vdc destroy room'
dom0 'systemctl stop xen-vdc-policyd xen-vdc-resourced;
    rm -rf /run/systemd/system/xen-vdc-resourced.service.d \
        /etc/xen-vdc/resourced.conf.test;
    systemctl daemon-reload; umount /mnt/small;
    systemctl start xen-vdc-resourced xen-vdc-policyd'
# An older copy than the last that was written: said, and taken when told to.
damaged() {
    dom0 'xl-vdc host-list -o json' | grep -q 'remove .*sequence'
}
check "an older copy of the database is not taken for the last" \
    retry 30 damaged
dom0 'rm /run/xen-vdc/resourced.sequence; systemctl restart xen-vdc-resourced'
up_again() {
    dom0 'xl-vdc host-list -o json' | grep -q '"state": *"up"'
}
check "back on its own database" retry 30 up_again
forget_all
check_equal "xenstore is as before" "$before" "$(snapshot_xenstore)"
