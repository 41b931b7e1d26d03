#!/bin/sh
# policyd in a domain of its own, on a simulated host: it commands resourced,
# and is reached by everybody, over channels alone.  Each end, and each
# channeld, is killed again and again under load: channels are made anew, and no
# request is lost or done twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-channels.sh"

WORKERS=3
ROUNDS=10
KILLS=6

start_host
cat >"$WORK/rules" <<END
policy  @customer  @host  allow  channels=8  size=64K
END
write_channeld_settings
start_channeld
check "channeld" retry 50 vdc channel-list
check "acme" vdc customer-create acme --memory 2G --user 65533
mkdir -p "$WORK/customers/acme"
cp "$WORK/images/vmlinuz" "$WORK/customers/acme/kernel"
config web.cfg
config command.cfg 'vdc_on_boot = "start"'
sed -i 's/"web"/"command"/' "$WORK/command.cfg"

# ---- moving ----

check "the command domain is a partition like others" \
    vdc create -q "$WORK/command.cfg"
domid=$(vdc domid command)
stop_policyd
cp "$WORK/resourced.conf" "$WORK/resourced.conf.before"
sed -i 's/^command_address.*/command_address = "channel:resource"/
    $a command_domain = "command"' "$WORK/resourced.conf"
cat >"$WORK/rules" <<END
resource  provider.command  @host  allow  channels=2  size=64K
policy    @customer  @host  allow  at=provider.command  channels=8  size=64K
console   provider.command  @host  allow  channels=32  size=64K
policy    @host      @host  allow  at=provider.command  channels=64
policy    provider   @host  allow  at=provider.command
resource  @any       @host  allow
console   @any       @host  allow
END
cp "$WORK/policyd.conf" "$WORK/policyd.conf.before"
# Of what dom0 has, the domain has nothing but its store.
sed -i 's/^command_address.*/command_address = "channel:resource@host"/
    s,^channel_socket.*,channel_socket = "'"$WORK"'/cmd.sock",
    s,^socket.*,socket = "'"$WORK"'/inside.sock",
    s/^operators.*/operators = [ ]/' "$WORK/policyd.conf"
sed -i 's,^policyd_socket.*,policyd_socket = "channel:policy",' \
    "$WORK/channeld.conf"
stop_daemon "$host_channeld_pid"
start_channeld
stop_resourced
start_resourced
start_guest cmd "$domid"
command_channeld_pid=$!
XEN_VDC_SOCKET=channel:policy
start_policyd
check "policyd commands over a channel" retry 100 answers
check_output "there is that channel, to the host" 'resource' \
    vdc channel-list
check "policyd has mapped it" grep -q vdc-channel "/proc/$policyd_pid/maps"
check "so has resourced" grep -q vdc-channel "/proc/$resourced_pid/maps"
check_equal "and nothing listens in dom0" "" \
    "$(find "$WORK" -name policyd.sock)"

# ---- what works over it ----

check "a guest of acme's" vdc create -q -C acme "$WORK/web.cfg"
check_output "it runs" 'web .*running|running.*web|web +[0-9]+' \
    vdc list -C acme
check_error "files are those of the host" 2 'no such file' \
    vdc create -C acme "$WORK/web.cfg" name=other kernel=/nonexistent/k
truncate -s 1M "$WORK/customers/acme/disk"
check "a disk of the host" vdc block-attach acme.web \
    "$WORK/customers/acme/disk,raw,xvdb,w"
check_output "has the size that the host says" 'disk.*1(\.0)? MiB' \
    vdc customer-show acme
truncate -s 3M "$WORK/customers/acme/disk"
check "a stop and a start" vdc destroy -q --keep acme.web
check "after which it is measured anew" vdc start -q acme.web
check_output "by the host" 'disk.*3(\.0)? MiB' vdc customer-show acme
disk_used() {
    vdc customer-list -o json >"$WORK/customers.json"
    json "$WORK/customers.json" '$.customers[0].usage.disk_kib'
}
disk_before=$(disk_used)
check "save" vdc save acme.web "$WORK/customers/acme/saved"
saved_counts() {
    [ "$(disk_used)" -gt "$disk_before" ]
}
check "what is saved counts" retry 20 saved_counts
check "restore" vdc restore acme.web "$WORK/customers/acme/saved"
rm -f "$WORK/customers/acme/saved"
check_output "events" 'web' vdc events

# ---- consoles ----

sit() { # [OPTION], at the console of acme.web; what is written to 7 is typed
    rm -f "$WORK/keys" "$WORK/left"
    mkfifo "$WORK/keys"
    {
        vdc console "$@" acme.web <"$WORK/keys" >"$WORK/screen" \
            2>"$WORK/screen.err"
        echo $? >"$WORK/left"
    } &
    exec 7>"$WORK/keys"
}
type_in() { # LINE; alone, as there may be nobody to read it
    (printf '%s\r' "$1" >&7)
}
shows() {
    grep -q -- "$1" "$WORK/screen"
}
leave() {
    exec 7>&-
}
left() { # and not by an error
    retry 10 test -s "$WORK/left" && [ "$(cat "$WORK/left")" = 0 ]
}
sit
check "a console shows what its guest prints" \
    retry 10 shows 'simulated guest acme.web'
type_in "said hello"
check "and takes what is typed" retry 10 shows 'said hello'
check_output "over a channel of its own" 'console +command +host +open' \
    vdc channel-list
check_error "nobody else has it meanwhile" 4 'attached already' \
    vdc console acme.web </dev/null
type_in 'after that'
check "who has it keeps it" retry 10 shows 'after that'
leave
check "its user leaves" left
i=0
while [ $i -lt 5 ]; do
    sit
    type_in "again $i"
    retry 10 shows "again $i" || break
    leave
    left || break
    i=$((i + 1))
done
check_equal "and comes back, again and again" 5 $i
no_console() {
    ! vdc channel-list | grep -q '  *console  '
}
check "no channel is left of that" retry 10 no_console
sit
type_in 'last words'
check "a console of a guest that ends" retry 10 shows 'last words'
check "which does" vdc destroy -q --keep acme.web
check "ends with it" left
leave
check "as it says" grep -q 'was closed' "$WORK/screen.err"
check_error "a guest that does not run has none" 4 'is not running' \
    vdc console acme.web </dev/null
check "it starts" vdc start -q acme.web
for signal in KILL TERM; do
    sit
    check "a console after a start" retry 10 shows 'simulated guest acme.web'
    stop_daemon "$resourced_pid" $signal
    check "ends when resourced does, by SIG$signal" left
    leave
    start_resourced
    check "which comes back" retry 100 answers
    sit --read-only
    check "with the console" retry 10 shows 'simulated guest acme.web'
    stop_daemon "$policyd_pid" $signal
    check "which ends when policyd does, by SIG$signal" left
    leave
    start_policyd
    check "which comes back, too" retry 100 answers
    check "the guest starts anew" vdc destroy -q --keep acme.web
    check "and runs" vdc start -q acme.web
done
sit
type_in "still there"
check "consoles are, too" retry 10 shows 'still there'
leave
check "one more time" left
head -c 5000 /dev/zero | in_guest cmd channel-send console >"$WORK/out" 2>&1
check "what is no question is told so" \
    grep -aq 'does not begin with' "$WORK/out"
sit
type_in 'in order'
check "and harms nobody" retry 10 shows 'in order'
leave
check "as long as its user wants" left

# ---- who asks ----

if [ "$(id -u)" = 0 ]; then
    chmod 755 "$WORK"
    check_output "a login of acme's is acme" '^web' \
        as_user 65533 list
    check_error "and no operator" 6 'for operators' \
        as_user 65533 host-list
    check_error "nobody's account is nobody" 6 \
        'neither an operator nor a login' as_user 65532 list
    check "a login has the consoles of its customer's guests" \
        as_user 65533 console -q web </dev/null
    check_error "and no others" 3 'no such guest' \
        as_user 65533 console command </dev/null
fi
start_guest acme-web "$(vdc domid acme.web)"
check "its guest asks for itself" retry 50 inside acme-web show
check_output "and is acme's" '^customer +acme' inside acme-web show

# ---- who may command ----

config tool.cfg
sed -i 's/"web"/"tool"/' "$WORK/tool.cfg"
check "another partition of the provider's" vdc create -q "$WORK/tool.cfg"
start_guest tool "$(vdc domid tool)"
check "has channels" retry 50 in_guest tool channel-list
for guest in tool acme-web; do
    check_error "$guest may not command, though the rules let it" 6 \
        'from its command domain alone' \
        in_guest $guest channel-send resource </dev/null
    check_error "nor have consoles" 6 'from its command domain alone' \
        in_guest $guest channel-send console </dev/null
done
check_error "nor may a program of the host" 6 'from its command domain alone' \
    vdc channel-send resource </dev/null
check "resourced has said so" \
    grep -q "'tool' of '', is not the command domain 'command'" \
    "$WORK/resourced.log"
check "the others are gone again" vdc destroy -q tool

# ---- restarts, under load ----

worker() { # NUMBER
    log=$WORK/worker$1
    : >"$log"
    i=0
    while [ $i -lt $ROUNDS ] || [ -e "$WORK/killing" ]; do
        guest=w$1g$i
        insist "$log" create -q -C acme --key "c$guest" "$WORK/web.cfg" \
            name=$guest memory=16 &&
            insist "$log" pause -q --key "p$guest" acme.$guest &&
            if [ $((i % 8)) = 7 ]; then
                echo "acme.$guest" >>"$WORK/kept"
            else
                insist "$log" destroy -q --key "d$guest" acme.$guest
            fi && echo done >>"$WORK/rounds"
        i=$((i + 1))
    done
}
workers=
w=0
: >"$WORK/killing"
while [ $w -lt $WORKERS ]; do
    worker $w &
    workers="$workers $!"
    w=$((w + 1))
done
i=0
while [ $i -lt $KILLS ]; do
    sleep 0.4
    stop_daemon "$resourced_pid" KILL
    start_resourced
    sleep 0.4
    stop_daemon "$policyd_pid" KILL
    start_policyd
    sleep 0.4
    stop_daemon "$host_channeld_pid" KILL
    start_channeld
    sleep 0.2
    stop_daemon "$command_channeld_pid" KILL
    start_guest cmd "$domid"
    command_channeld_pid=$!
    i=$((i + 1))
done
rm "$WORK/killing"
for pid in $workers; do
    wait "$pid"
done
check_equal "nothing failed for good" "" \
    "$(cat "$WORK"/worker0 "$WORK"/worker1 "$WORK"/worker2)"
n_rounds=$(wc -l <"$WORK/rounds")
echo "killed $i times each, in $n_rounds rounds"
check "each worker did its rounds" [ "$n_rounds" -ge $((WORKERS * ROUNDS)) ]
expected() {
    printf 'acme.web\nprovider.command\n'
    cat "$WORK/kept"
}
check "all are there" retry 100 answers
check_equal "the guests are just those that were made and kept" \
    "$(expected | sort)" \
    "$(vdc list -o name | sed 's/^command$/provider.command/' | sort)"
check "database, simulator and xenstore agree" vdc host-verify

# ---- channeld alone ----

before=$(vdc channel-list -o json | tr -d ' \n' | tr '{' '\n' |
    grep -A1 -B1 '"resource"' | grep -o '"id":[0-9]*' | head -n 1)
check "the command channel has a number" test -n "$before"
stop_daemon "$host_channeld_pid" KILL
start_channeld
told() {
    vdc channel-list | grep -q resource
}
check "a channeld that was restarted is told of it" retry 100 told
check_equal "and it is the same channel" "$before" \
    "$(vdc channel-list -o json | tr -d ' \n' | tr '{' '\n' |
        grep -A1 -B1 '"resource"' | grep -o '"id":[0-9]*' | head -n 1)"

# ---- the domain's death ----

n_before=$(vdc list -o name | wc -l)
stop_daemon "$policyd_pid" KILL
stop_daemon "$command_channeld_pid" KILL
kill_domain() {
    "$BIN/tests/sim/sim-ctl" "$WORK/sim.state" destroy "$domid"
}
check "somebody destroys it" kill_domain
said() {
    grep -q "$1" "$WORK/resourced.log"
}
check "resourced says that the channel has ended, and guests go on" \
    retry 50 said "channel of the command domain 'command' has ended"
check "and starts it" retry 200 said \
    "command domain 'command' does not run: it is started"
domid_now() {
    "$BIN/tests/sim/sim-ctl" "$WORK/sim.state" list |
        awk '$1 ~ /command$/ { print $2 }'
}
new_domid() {
    [ -n "$(domid_now)" ] && [ "$(domid_now)" != "$domid" ]
}
check "it runs again" retry 100 new_domid
start_guest cmd "$(domid_now)"
start_policyd
check "all works" retry 100 answers
check_equal "nobody was lost" "$n_before" "$(vdc list -o name | wc -l)"

# ---- and back ----

stop_policyd
stop_resourced
cp "$WORK/resourced.conf.before" "$WORK/resourced.conf"
cp "$WORK/policyd.conf.before" "$WORK/policyd.conf"
start_resourced
start_policyd
XEN_VDC_SOCKET=$WORK/policyd.sock
check "policyd is in dom0 again" retry 100 answers
check "and the domain can go" vdc destroy -q command
check "all agree" vdc host-verify
sed -i '$a command_domain = "command"' "$WORK/resourced.conf"
stop_resourced
"$BIN/resourced/resourced" --config "$WORK/resourced.conf" --foreground \
    >"$WORK/out" 2>&1
check_equal "half a configuration is none" 2 $?
check "and says what is missing" grep -q 'needs three settings' "$WORK/out"
