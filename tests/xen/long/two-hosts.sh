#!/bin/bash
# Two real hosts in one data center: beta joins alpha over TLS, guests run on
# both, are seen and changed from alpha, and move; daemons are killed, and
# beta's power is cut.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-hosts.sh"
began=$SECONDS
IMAGES=/var/lib/xen-vdc/images

hosts_up alpha beta
echo "up after $((SECONDS - began)) s"
check_equal "each has its name" "alpha beta" \
    "$(on alpha hostname) $(on beta hostname)"
check "alpha reaches beta" on alpha 'ping -q -c 1 -W 10 beta'
check "beta reaches alpha" on beta 'ping -q -c 1 -W 10 alpha'

# ---- joining ----

check_error "no token before there is an authority" 4 \
    'no certificate authority' dc_token beta
ca=$(dom0 'xl-vdc dc-init -q')
check_output "dc-init" '^[0-9a-f]{64}$' echo "$ca"
token=$(dc_token beta)
secret=$(echo "$token" | cut -d: -f2)
check_output "dc-token" "^beta:[0-9a-f]{64}:$ca\$" echo "$token"
check_error "a wrong secret" 6 'is not known here' dc_join beta \
    "beta:$(echo "$secret" | tr 0-9a-f a-f0-9):$ca"
check_error "another name" 6 'is not known here' dc_join beta \
    "gamma:$secret:$ca"
check_error "another data center's" 6 'of another CA' dc_join beta \
    "beta:$secret:$(echo "$ca" | tr 0-9a-f a-f0-9)"
shift_clock() { # SECONDS
    on beta "date -s @\$((\$(date +%s) + $1))" >/dev/null
}
shift_clock 86400
check_error "a clock that is a day ahead" 2 \
    'the clock of this machine says .* differ by more than 5 minutes' \
    dc_join beta "$token"
shift_clock -172800
check_error "a clock that is a day behind" 6 'is not valid yet' \
    dc_join beta "$token"
shift_clock 86400
check_equal "none of these is a host" alpha "$(dom0 'xl-vdc host-list -o name')"
check_equal "or has a file" "" \
    "$(on beta 'find /var/lib/xen-vdc/dc -type f 2>/dev/null')"
check "dc-join" dc_join beta "$token"
check "beta is up" retry 30 host_is beta up
check_output "on real Xen" '^beta +up +Xen 4' dom0 'xl-vdc host-list'
check_error "the token is used up" 4 'has joined already' dc_join beta "$token"
check_error "and is nobody else's" 6 'was used already' \
    on alpha "xl-vdc dc-join $DC_ADDRESS $token --directory /root/none \
        --address 10.77.0.1:8444"

# ---- guests on both ----

ensure_customers
check "a guest of acme's that is to be on beta" create_on beta db 31
check "acme creates one" acme 'xl-vdc create -q web.cfg vdc_on_boot=off'
check "its page" serves_on alpha web 10
check "and that of the one on beta" serves_on beta db 31
check_equal "Xen has it on beta, and nowhere else" beta "$(hosts_with db)"
check_equal "and the other where there was none" alpha "$(hosts_with web)"
check "beta serves as well" on beta 'wget -T 9 -qO- http://10.77.0.10/'
check_output "xl list there shows it" '^acme\.db ' on beta 'xl list'
check_equal "acme's list has both" "db web " \
    "$(acme 'xl-vdc list -o name' | sort | tr '\n' ' ')"
check_output "show: its host" '^host +beta' acme 'xl-vdc show db'
check_equal "it is as Xen says" "$(domid_on beta db)" \
    "$(dom0 'xl-vdc show acme.db' | sed -n 's/^domid *//p')"
check_output "events" 'started +acme\.db .* on beta' dom0 'xl-vdc events'
check_equal "another customer sees nothing" "" "$(globex 'xl-vdc list -o name')"
check_error "and reaches nothing" 3 'no such guest: acme.db' \
    globex 'xl-vdc destroy acme.db'
check "acme pauses it" acme 'xl-vdc pause -q db'
check_output "Xen says so" '^acme\.db .*--p---' on beta 'xl list'
check "and lets it go on" acme 'xl-vdc unpause -q db'
check "it serves" serves 31
check_error "its console is on another machine" 2 'on another machine' \
    acme 'xl-vdc console db </dev/null'
check_error "a kernel that is not there" 2 'no such file|cannot' \
    create_on beta none 39 "'kernel=\"/var/lib/xen-vdc/images/none\"'"
check "host-verify of beta" dom0 'xl-vdc host-verify beta'
check "shutdown" acme 'xl-vdc shutdown -q -w db'
check_equal "Xen has it no more" "" "$(hosts_with db)"
check_equal "it is remembered" stopped "$(state_of db)"
check "another of acme's: nobody says where" acme "xl-vdc create -q web.cfg \
    name=lazy memory=96 vdc_on_boot=off 'extra=\"console=hvc0\"'"
check_equal "it is on beta, where none runs" beta "$(hosts_with lazy)"
dom0 "ln $IMAGES/vmlinuz $IMAGES/vmlinuz-alpha"
check "one with a kernel that alpha alone has" acme "xl-vdc create -q --no-start \
    web.cfg name=here 'kernel=\"$IMAGES/vmlinuz-alpha\"'"
check_output "is on alpha" '^host +alpha' acme 'xl-vdc show here'
check "and ends" acme 'xl-vdc destroy -q here'
dom0 "rm $IMAGES/vmlinuz-alpha"
check "start" acme 'xl-vdc start -q db'
check "the guest that was shut down serves again" serves_on beta db 31

# ---- daemons die ----

web=$(domid_on alpha web)
db=$(domid_on beta db)
check "kill -9 resourced on beta: another is started" kill_on beta resourced
check "the guest serves on" serves 31
check "beta is up" retry 60 host_is beta up
check_equal "the guest is the same" "$db running" \
    "$(domid_on beta db) $(state_of db)"
check "and can be changed" acme 'xl-vdc pause -q db && xl-vdc unpause -q db'
check "kill -9 policyd: another is started" kill_on alpha policyd
check "beta is up for it" retry 60 host_is beta up
check_equal "guests are the same" "$web $db" \
    "$(domid_on alpha web) $(domid_on beta db)"
check_equal "and known" "running running" "$(state_of web) $(state_of db)"

# ---- a guest moves ----

log_of_web=/var/log/xen/console/guest-acme.web.log
on beta "rm -f $log_of_web"
start=$SECONDS
check "migrate, by a file in a directory that both see" \
    dom0 'xl-vdc migrate -q acme.web beta'
echo "moved in $((SECONDS - start)) s"
check_equal "it is on beta alone" beta "$(hosts_with web)"
check "and serves" serves 10
check_equal "it did not boot there" 0 "$(boots_on beta web)"
check_equal "its file is gone" "" "$(dom0 "ls $MOVES")"

# ---- beta's power is cut ----

check "a guest on alpha" create_on alpha front 33 memory=96
check "serves" serves_on alpha front 33
front=$(domid_on alpha front)
check "beta's power is cut" beds kill beta
check "host-list says so" retry 60 host_is beta '(down|resourced does not answer)'
check "why, too" retry 30 on alpha \
    "xl-vdc host-list 2>&1 >/dev/null | grep 'beta: tls:10.77.0.2'"
check_equal "alpha's guest is the same" "$front" "$(domid_on alpha front)"
check "and serves" serves 33
check_output "what was on beta is not known" '^db .*unknown' \
    acme 'xl-vdc list'
check_error "and cannot be had, with words" 7 'beta|host' \
    acme 'timeout 60 xl-vdc pause -q db'
check_error "nor is it moved" 7 'beta' dom0 'xl-vdc migrate -q acme.web alpha'
check "nothing new goes there" create_on alpha more 34 \
    'memory=64 --no-start'
check_error "not even when it is asked for" 7 'beta' \
    create_on beta other 35
check "beta boots" beds again beta
check "and is up" retry 90 host_is beta up
check "what ran there and is to run does so" serves_on beta db 31
check_equal "the others are stopped, and it is said" "stopped stopped" \
    "$(state_of lazy) $(state_of web)"
check_equal "as Xen says" "beta " "$(hosts_with db) $(hosts_with lazy)"
check "host-verify of beta" dom0 'xl-vdc host-verify beta'
check_equal "alpha's guest has gone on" "$front" "$(domid_on alpha front)"

# ---- beta is emptied, and leaves ----

check_error "a host with guests is not removed" 4 'beta' \
    dom0 'xl-vdc host-remove -q beta'
check "its pinned guests end" \
    dom0 'xl-vdc destroy -q acme.db && xl-vdc destroy -q acme.lazy'
check_equal "Xen has none there" 1 "$(on beta 'xl list' | grep -vc '^Name')"
check "start the other there" acme 'xl-vdc start -q web'
check "it serves" serves_on beta web 10
on alpha "rm -f $log_of_web"
start=$SECONDS
check "host-evacuate" dom0 'xl-vdc host-evacuate -q beta'
echo "emptied in $((SECONDS - start)) s"
check_equal "its guest is on alpha" alpha "$(hosts_with web)"
check "and serves" serves 10
check_equal "it did not boot there" 0 "$(boots_on alpha web)"
check_output "moves: the plan has ended" \
    'host-evacuate beta: 1 moved, 0 not, 0 not begun; ended' dom0 'xl-vdc moves'
check "host-remove" dom0 'xl-vdc host-remove -q beta'
check_equal "it is no host" alpha "$(dom0 'xl-vdc host-list -o name')"
connected() {
    on beta "grep -i ':20FC .* 01 ' /proc/net/tcp"
}
check_equal "and nobody is connected" "" "$(connected)"
check_error "what it had does not let it in" 6 'is not known here' \
    dc_join beta "$token" --again
check_error "nor its address" 2 'by joining' \
    dom0 'xl-vdc host-add beta tls:10.77.0.2:8444'
check "with another token it joins again" \
    dc_join beta "$(dc_token beta)" --again
check "and is up" retry 30 host_is beta up
forget_all
echo "$((SECONDS - began)) s"
