# Sourced by long/channels.sh: three guests of two customers with 30 channels
# each, all asked for at once, with xenstored as it comes; rules that change
# meanwhile; who may not know of what.

RULES=/etc/xen-vdc/channel.rules
MANY=30          # that each guest asks for
N=$((3 * MANY))  # of 3 pages each: the smallest rings
XENSTORED_LOG=/root/xenstored.log

check "a third guest, of another customer" up q pv
[ "$n_failed" = 0 ] || exit 1
q=$(dom0 'xl domid globex.q')
dom0 "cp $RULES /root/rules
    echo 'many  @any  @any  allow' >>$RULES
    echo 'own   @same-customer  @customer  allow' >>$RULES"
check "the rules are read again" dom0 'xl-vdc channel-reload'

# With xenstored's own limits, nothing of which the bed has changed.
check_output "xenstored's default quotas" \
    'nodes *: *1000 .*watches *: *128 .*transactions *: *10 ' \
    dom0 'xenstore-control quota | tr "\n" " "; echo'

# ---- opening ----

kill_channeld() { # GUEST: it had control channels of its own
    in_guest "$1" 'kill -9 $(pidof channeld-guest); true'
}
begin_channeld() { # GUEST
    in_guest "$1" 'mkdir -p /run/xen-vdc /tmp
        channeld-guest >/tmp/channeld.log 2>&1 & true'
}
reached() { # GUEST
    retry 20 in_guest "$1" 'xl-vdc channel-list'
}
begin_many() { # DOMAIN SERVICE TO=N...
    local line="many-channels ${*:2} >/tmp/many 2>&1 & for n in"
    line="$line \$(seq 100); do grep ready /tmp/many && break; sleep 0.1; done"
    there "$1" "rm -f /tmp/many; $line"
}
many_says() { # DOMAIN PATTERN
    there "$1" "grep \"$2\" /tmp/many"
}
mapped() {
    dom0 "xl debug-keys g
        xl dmesg | tac | sed '/gnttab_usage_print_all \[/q' |
            grep -c '^(XEN) \[0x' || true"
}
ports() { # DOMID: event channels with another end
    dom0 "/usr/lib/xen-*/bin/lsevtchn $1 | grep -c 'Interdomain'"
}
transactions() {
    dom0 "grep -c '^IN .* TRANSACTION_START ' $XENSTORED_LOG"
}
dom0 "rm -f $XENSTORED_LOG; xenstore-control logfile $XENSTORED_LOG
    xenstore-control log on" >/dev/null
for guest in p h q; do kill_channeld "$guest"; done >/dev/null 2>&1
for guest in p h q; do
    begin_channeld "$guest" >/dev/null
    check "$guest's new channeld reaches the host's" reached "$guest"
done
check "a program of dom0 offers" begin_many 0 many
check "and of the first guest" begin_many p many host=10 acme.h=10 globex.q=10
check "of the second guest" begin_many h many host=10 acme.p=10 globex.q=10
check "of the third guest" begin_many q many host=10 acme.p=10 acme.h=10
before_mapped=$(mapped)
before_ports=$(ports 0)
for guest in p h q; do
    type_in "$guest" 'kill -USR1 $(pidof many-channels)' &
done
wait
for guest in p h q; do
    all="asked for $MANY: $MANY opened, $MANY right, 0 refused"
    if retry 60 many_says "$guest" "$all"; then
        passed "$guest has $MANY channels, and a message went through each"
    else
        failed "$guest has $MANY channels, and a message went through each" \
            "$(in_guest "$guest" 'tail -n 5 /tmp/many')"
    fi
done
dom0 'xenstore-control log off' >/dev/null

# ---- all are there ----

n_open() {
    dom0 'xl-vdc channel-list --service many' | grep -c ' open '
}
check_equal "channeld has them all" "$N" "$(n_open)"
check_equal "Xen has their pages mapped" $((before_mapped + 3 * N)) \
    "$(mapped)"
check_equal "and dom0 an event channel for each of its own" \
    $((before_ports + MANY)) "$(ports 0)"
# 1 for 32 channels would be 2; the control channels are made anew meanwhile.
check_output "three rendezvous in the log of xenstored" '^[3-9]$' \
    dom0 "grep -c '^IN .* WRITE (data/vdc/channel ' $XENSTORED_LOG"
n=$(transactions)
echo "# $n transactions of xenstore for $N channels"
check "at most one transaction of xenstore for 32 channels" \
    test "$((n * 32))" -le "$N"
dom0 'xenstore-control log on
    xenstore-write /tool/one 1 /tool/two 2
    xenstore-control log off; xenstore-rm /tool/one; xenstore-rm /tool/two' \
    >/dev/null
check_equal "one that is made would have been counted" $((n + 1)) \
    "$(transactions)"
check_equal "a guest has one node for all its channels" 1 \
    "$(dom0 "xenstore-ls -f /local/domain/$h/data/vdc | wc -l")"

# ---- limits of the kernel ----

in_guest p 'echo 40 >/sys/module/xen_gntalloc/parameters/limit
    kill -USR1 $(pidof many-channels)' >/dev/null
check "over gntalloc's limit they are refused" \
    retry 30 many_says p "asked for $MANY: .* $MANY refused"
check_output "its name and value are said, and what to do" \
    'xen-gntalloc .*`limit`, 40 pages.*write a larger number to' \
    in_guest p 'grep -A1 refused: /tmp/many | tail -n 2 | tr "\n" " "; echo'
in_guest p 'echo 1024 >/sys/module/xen_gntalloc/parameters/limit' >/dev/null
check_equal "those that are open stay" "$N" "$(n_open)"

# ---- rules that change ----

dom0 "sed -i 's/^many.*/many @any @any deny/' $RULES"
check "rules that deny what is open are read" dom0 'xl-vdc channel-reload'
check_equal "channels that are open stay" "$N" "$(n_open)"
in_guest q 'kill -USR1 $(pidof many-channels)' >/dev/null
check "new ones are refused" \
    retry 30 many_says q "asked for $MANY: .* $MANY refused"
check_output "with the rule that denies them" \
    "denied by $RULES:[0-9]*: many @any @any deny" \
    in_guest q 'grep refused: /tmp/many'
check_output "no channel has ended meanwhile" '^0$' \
    in_guest q 'grep -c ended /tmp/many; true'
dom0 "echo 'many @any is wrong' >>$RULES"
check_error "rules with an error are not taken: the line is said" 2 \
    "$RULES:[0-9]+" dom0 'xl-vdc channel-reload'
check_output "those before stay" 'deny' \
    dom0 'xl-vdc channel-rule-check many host acme.p; true'

# ---- who may know of what ----

id=$(dom0 'xl-vdc channel-list --service many' |
    awk '/acme.h.*acme.p/ { print $1; exit }')
check_error "another customer's channel is not there" 3 \
    "no channel $id" globex "xl-vdc channel-show $id"
check_error "nor can it be closed" 3 "no channel $id" \
    globex "xl-vdc channel-close $id"
check_error "nor by that customer's guest" 3 "no channel $id" \
    in_guest q "xl-vdc channel-close $id"
check_equal "a customer's list has what its own are an end of" \
    $((MANY + 20)) \
    "$(globex 'xl-vdc channel-list --service many' | grep -c ' open ')"
uuid=$(acme 'xl-vdc show h -o json' | tr -d ' \n' |
    sed 's/.*"uuid":"\([^"]*\)".*/\1/')
check_output "who the ends are is as Xen and resourced know" \
    "\"client\":{[^}]*\"domid\":$h,[^}]*\"$uuid\"" \
    sh -c "'$TOP/nested/bed' -n $BED_NAME exec 'xl-vdc channel-show $id \
        -o json' </dev/null | tr -d ' \n'"
in_guest p '(xl-vdc channel-recv own >/tmp/own; echo status $? >>/tmp/own) \
    >/dev/null 2>&1 & sleep 2' >/dev/null
nobody="there is no .own. at .acme.p. that you may connect to"
check_error "another customer's login is told of no such service" 3 \
    "$nobody" globex 'echo no | xl-vdc channel-send own --to acme.p'
check_error "nor its guest" 3 "$nobody" \
    in_guest q 'echo no | xl-vdc channel-send own --to acme.p'
check_error "with the same words as of a guest that is none" 3 \
    "there is no .own. at .acme.x. that you may connect to" \
    globex 'echo no | xl-vdc channel-send own --to acme.x'
check "its own customer's guest connects" \
    in_guest h 'echo mine | xl-vdc channel-send own --to p'
check_output "and is heard" 'mine status 0' \
    in_guest p 'sleep 1; cat /tmp/own | tr "\n" " "; echo'
check_error "a guest does not offer what is the host's" 6 "no rule allows" \
    in_guest q 'xl-vdc channel-recv policy'

# ---- and closing ----

for guest in p h q 0; do
    there "$guest" 'kill $(pidof many-channels)'
done >/dev/null 2>&1
none_open() {
    [ "$(n_open)" = 0 ]
}
check "they are gone from the list when their programs end" \
    retry 15 none_open
as_many_before() {
    [ "$(mapped)" = "$before_mapped" ] && [ "$(ports 0)" = "$before_ports" ]
}
check "and their grants and event channels" retry 15 as_many_before
dom0 "cp /root/rules $RULES; xl-vdc channel-reload"
globex 'xl-vdc destroy q' >/dev/null 2>&1
