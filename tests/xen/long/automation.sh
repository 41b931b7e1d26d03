#!/bin/bash
# Requests in xenstore on real Xen, with xenstore's own tools: of dom0, of a
# guest that writes through its own xenbus, and the state of partitions.
. "$(dirname "$0")/../lib.sh"

IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console
REQUESTS=/tool/xen-vdc/request
STATES=/tool/xen-vdc/state

bed_up
forget_all
check "automationd runs" retry 60 dom0 \
    'xenstore-exists /tool/xen-vdc/automation/pid'
check "the examples go there" dom0 'mkdir -p /root/automation'
bed push "$TOP"/examples/automation/* /root/automation/
dom0 'chmod +x /root/automation/*'

config() { # NAME
    dom0 "cat >/home/acme/$1.cfg <<END
name = \"$1\"
type = \"pv\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"$IMAGES/initramfs\"
memory = 96
maxmem = 160
vcpus = 1
maxvcpus = 2
on_crash = \"destroy\"
vdc_self_service = 1
extra = \"console=hvc0\"
END"
}
config web
config db
node() {
    dom0 "xenstore-read $1 2>/dev/null" | tr -d '\r'
}
is() {
    [ "$(node "$1")" = "$2" ]
}
state_of() { # NAME
    dom0 "for u in \$(xenstore-list $STATES); do
        [ \"\$(xenstore-read $STATES/\$u/name)\" != $1 ] || echo $STATES/\$u
    done" | tr -d '\r'
}
request() {
    dom0 "/root/automation/request $*"
}

# ---- dom0 ----

check "create by request" request create -C acme /home/acme/web.cfg
web=$(state_of web)
check "its state is in xenstore" retry 10 is "$web/state" running
domid=$(node "$web/domid")
check_equal "with the domid of xl" "$(dom0 'xl domid acme.web' | tr -d '\r')" \
    "$domid"
check_output "list" '^web' request list -C acme -o name
check "mem-set" request mem-set acme.web 128
check_equal "is in the state" 131072 "$(node "$web/memory")"
check_error "over the quota" 5 quota \
    request create -C acme /home/acme/db.cfg memory=900 maxmem=900
check_error "no such command" 2 "is 'start' meant" request strat acme.web
check_error "no such guest" 3 'no such guest' request start acme.none
check_equal "nothing is left of them" "" "$(dom0 "xenstore-list $REQUESTS")"
definition() {
    dom0 "xenstore-write $REQUESTS/d/input \"\$(cat /home/acme/db.cfg)\" \
        $REQUESTS/d 'create -C acme /dev/stdin'"
    retry 60 is "$REQUESTS/d/state" 'done'
}
check "a definition in xenstore, in one transaction" definition
dom0 "xenstore-rm $REQUESTS/d"
check_output "runs" '^acme\.db ' dom0 'xl list'

# ---- killed in between ----

check "shutdown" request shutdown -w --timeout 2m acme.db
dom0 "xenstore-write $REQUESTS/k 'start acme.db'
    systemctl kill -s KILL xen-vdc-automation"
check "automationd is killed: the request is done" \
    retry 90 is "$REQUESTS/k/state" 'done'
check_equal "once" 1 "$(dom0 'xl list' | grep -c '^acme\.db ')"
dom0 "xenstore-rm $REQUESTS/k; systemctl reset-failed xen-vdc-automation"

# ---- a guest ----

folder=/local/domain/$domid/data/vdc
type_in() { # LINE: at the guest's console
    dom0 "echo '$1' >\$(xenstore-read /local/domain/$domid/console/tty)"
}
booted() {
    dom0 "grep -qa 'guest: ' $LOGS/guest-acme.web.log"
}
check "web has booted" retry_guest 90 web booted
# One WRITE (type 11) to its own xenbus: 16 bytes of header, path, value.
web_asks() { # TEXT
    local path=data/vdc/request size
    size=$((${#path} + 1 + ${#1}))
    type_in "printf \"\\\\013\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\0\\\\$(printf %03o $size)\\\\0\\\\0\\\\0$path\\\\0$1\" >/dev/xen/xenbus"
    retry 60 taken
}
taken() {
    [ -z "$(node "$folder/request")" ] || return 1
    case $(node "$folder/state") in
    done | failed) return 0 ;;
    esac
    return 1
}
check "the guest asks for less memory" web_asks "mem-set 112"
check_equal "and has it" "done 114688" \
    "$(node "$folder/state") $(node "$web/memory")"
dom0 "xenstore-rm $folder/state"
check "for too much" web_asks "mem-set 800"
check_output "is told why not" 'more than|at most|maximum' \
    node "$folder/error"
dom0 "xenstore-rm $folder/state"
check "for what is not its own" web_asks "destroy db"
check_output "is refused" 'not for guests' node "$folder/error"
check_output "db runs" '^acme\.db ' dom0 'xl list'

# ---- examples ----

check_output "start-in-order leaves what runs" 'acme.db: runs already' \
    dom0 '/root/automation/start-in-order acme.db acme.web'
dom0 "xenstore-write /local/domain/$domid/data/meminfo_free 1000"
check "autoscale" dom0 '/root/automation/autoscale acme.web 0'
check_equal "gives more, as far as it may" 163840 "$(node "$web/memory")"
dom0 '(setsid /root/automation/on-crash /root/automation/request start \
    >/root/on-crash.log 2>&1 & echo $! >/root/on-crash.pid)'
sleep 2
type_in 'echo c >/proc/sysrq-trigger'
again() {
    is "$web/state" running && ! is "$web/domid" "$domid" &&
        ! is "$web/domid" ""
}
check "on-crash starts it again" retry_guest 120 web again
dom0 'kill $(cat /root/on-crash.pid)'
check "lists agree" lists_agree
forget_all
check_equal "no state is left" "" "$(dom0 "xenstore-list $STATES")"
