# Sourced by long/channels.sh: channeld in dom0 and in both guests, pipes
# between their programs; restarts, deaths, limits, time-outs.

dom0 "cp $RULES /root/rules
    echo 'flow  @any  @any  allow  channels=2  size=64K' >>$RULES
    echo 'flock @any  @any  allow' >>$RULES
    cp /etc/xen-vdc/channeld.conf /root/channeld.conf
    echo 'answer_timeout = 3
customer_channels = 2' >>/etc/xen-vdc/channeld.conf
    systemctl restart xen-vdc-channeld"
check "the PV guest's channeld comes back to the host's" reached p
check "the PVH guest's, too" reached h
with_control=$(used)
echo "# with control channels: $with_control"
check_output "a rendezvous is one node" '^1$' \
    dom0 "xenstore-ls -f /local/domain/$p/data/vdc | wc -l"

# ---- pipes ----

# receive DOMAIN NAME: until it is offered.
receive() {
    there "$1" "rm -f /tmp/$2; (xl-vdc channel-recv flow >/tmp/$2 \
        2>/tmp/$2.err; echo status \$? >>/tmp/$2.err) >/dev/null 2>&1 &
        sleep 1"
}
all_came() { # DOMAIN NAME
    [ "$(there "$1" "md5sum </tmp/$2")" = "$DATA" ]
}
received() { # DOMAIN NAME
    retry 20 there "$1" "grep \"status 0\" /tmp/$2.err" && all_came "$1" "$2"
}
pipe() { # FROM TO NAME-OF-TO
    local source="cat /root/data"
    receive "$2" got
    [ "$1" = 0 ] || source="cat /tmp/data"
    there "$1" "$source | timeout 50 xl-vdc channel-send flow --to $3" &&
        received "$2" got
}
pipe_in_dom0() {
    receive 0 got
    dom0 'timeout 50 xl-vdc channel-send flow </root/data' && received 0 got
}
check "from dom0 to the PV guest" pipe 0 p acme.p
check "from dom0 to the PVH guest" pipe 0 h acme.h
dom0 'rm -f /tmp/data'
in_guest p 'cp /tmp/got /tmp/data' >/dev/null
in_guest h 'cp /tmp/got /tmp/data' >/dev/null
check "from the PV guest to dom0" pipe p 0 host
check "from the PVH guest to the PV guest" pipe h p acme.p
check "from the PV guest to the PVH guest" pipe p h acme.h
check "between two programs of the PV guest" pipe p p acme.p
check "between two programs of dom0" pipe_in_dom0

# ---- channeld restarts while data flow ----

# Sends a half, waits for /tmp/go, and sends the other.
slow_send() { # TO
    dom0 "rm -f /tmp/go /tmp/sent; ((head -c 100000 /root/data
        n=0; while [ ! -e /tmp/go ] && [ \$n -lt 600 ]; do
            sleep 0.1; n=\$((n + 1)); done
        tail -c +100001 /root/data) |
        (xl-vdc channel-send flow --to $1 2>/tmp/sent.err
         echo status \$? >/tmp/sent)) >/dev/null 2>&1 &"
}
flows() {
    dom0 'xl-vdc channel-list' | grep -E " flow .* open .*"
}
outlives() {
    receive h got
    slow_send acme.h
    retry 15 flows || return 1
    dom0 'systemctl kill -s KILL xen-vdc-channeld' || return 1
    retry 20 flows || { echo "it is not listed again"; return 1; }
    dom0 'touch /tmp/go'
    retry 20 dom0 'grep -q "status 0" /tmp/sent' && received h got
}
check "a channel outlives channeld, which knows it again" outlives
check "new ones can be made" retry 30 pipe 0 p acme.p

# ---- limits, time-outs ----

dom0 'systemctl reset-failed xen-vdc-channeld'
over_limit() {
    receive p one
    receive h two
    slow_send acme.p
    dom0 '(sleep 100 | xl-vdc channel-send flow --to acme.h) \
        >/dev/null 2>&1 & sleep 2'
    local output status
    output=$(dom0 'echo no | timeout 20 xl-vdc channel-send flow --to acme.p \
        2>&1')
    status=$?
    tr '\n' ' ' <<<"$output"
    return $status
}
check_error "a third channel: limit, value, holders, what to change" 5 \
    'has 2 channels \(flow 2\), and 1 more would be over the limit of 2 \(flow .*channels=2.*line [0-9]+' \
    over_limit

# ---- deaths ----

kill_in() { # GUEST PROGRAM: kill -9
    in_guest "$1" "kill -9 \$(pidof $2); true"
}
check "the PV guest's receiver is killed" kill_in p xl-vdc
check "dom0's sender ends, with status 7" \
    retry 15 dom0 'touch /tmp/go; grep "status 7" /tmp/sent'
check "the channel is listed no more" \
    retry 15 dom0 '! xl-vdc channel-list | grep -q acme.p.*open'
in_guest h "kill -9 \$(pidof xl-vdc)" >/dev/null

check "the PV guest's channeld is killed" kill_in p channeld-guest
begin_again() {
    in_guest p 'channeld-guest >/tmp/channeld.log 2>&1 & true' && reached p
}
check "another one is met" begin_again
check "and makes channels" pipe 0 p acme.p

silent() {
    receive p silent
    in_guest p "kill -STOP \$(pidof xl-vdc)" >/dev/null
    dom0 'echo no | timeout 20 xl-vdc channel-send flow --to acme.p'
}
check_error "nobody answers: a time-out says so" 8 \
    "'flow' of acme.p did not answer in 3000 ms" silent
in_guest p "kill -9 \$(pidof xl-vdc)" >/dev/null
as_with_control() {
    [ "$(used)" = "$with_control" ]
}
check "only the control channels are left" retry 15 as_with_control
echo "# now: $(used)"

# Of the whole customer's partitions, by a setting.
check "a program of the PV guest offers" begin_many p flock
check "one of the PVH guest wants three channels" begin_many h flock acme.p=3
in_guest h 'kill -USR1 $(pidof many-channels)' >/dev/null
check "it gets two" \
    retry 20 many_says h 'asked for 3: 2 opened, 2 right, 1 refused'
check_output "limit, value, holders, what to change" \
    'acme has 2 channels \(acme.h 2\), and 1 more .* limit of 2 \(customer_channels\).*operator raise customer_channels in channeld.conf' \
    in_guest h 'grep -A1 refused: /tmp/many | head -n 2 | tr "\n" " "; echo'
receive p one
check_error "rings over the rule's size" 5 \
    "'flow' has rings of at most 64 KiB .*size=64K.* 128 and 4 KiB" \
    in_guest h 'echo no | xl-vdc channel-send flow --size 128K --to acme.p'

# A domain that is destroyed clears no byte: channeld tells the other ends.
slow_send acme.p
retry 15 flows >/dev/null
check_output "three channels to the PV guest" '^3$' \
    dom0 'xl-vdc channel-list | grep -c acme.p.*open'
dom0 "xl destroy $p"
check "its domain is destroyed: dom0's end is told" \
    retry 15 dom0 'touch /tmp/go; grep "status 7" /tmp/sent'
check_output "and why" 'the domain has ended' dom0 'cat /tmp/sent.err'
check_output "and the PVH guest's" '^2$' \
    in_guest h 'sleep 1; grep -c "ended: the domain has ended" /tmp/many'
check "no channel is left" retry 15 dom0 \
    '! xl-vdc channel-list | grep -q acme.p'
forget_all
check "nothing of the guests is left in xenstore" retry 30 dom0 \
    "! xenstore-ls -f / | grep -E '/(domain|partition|libxl)/($p|$h|$q)[/ ]'"
left() {
    dom0 "/usr/lib/xen-*/bin/lsevtchn 0 |
        grep -E 'Remote Domain ($p|$h|$q)[, ]'; true"
}
none_left() {
    [ -z "$(left)" ]
}
check "no event channel of dom0 to them either" retry 15 none_left
dom0 "cp /root/rules $RULES; cp /root/channeld.conf /etc/xen-vdc/
    rm -f $IMAGES/initramfs-channels /root/more
    systemctl restart xen-vdc-channeld"
