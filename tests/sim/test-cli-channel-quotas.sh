#!/bin/sh
# Quotas of channels: policyd tells them, channeld holds them, whoever of both
# is away or comes anew; on one host and on two.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-channels.sh"

programs=
beta_pid=
beta_channeld=
finish_quotas() {
    ended=$?
    exec 3>&- 4>&- 5>&- 6>&- 7>&-
    for pid in $programs $beta_channeld $beta_pid; do
        stop_daemon "$pid"
    done
    (exit "$ended")
    finish_channels
}
trap finish_quotas EXIT

echo "pipe @any @any allow" >"$WORK/rules"
start_host
sed -i '/^host_name/a host_report_interval = "300ms"' "$WORK/policyd.conf"
stop_policyd
start_policyd
retry 20 answers || failed "policyd starts"
write_channeld_settings
begin_channeld() {
    start_channeld
    retry 20 vdc channel-list
}
begin_channeld || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
told() { # PATTERN: in what channeld keeps
    grep -qxE "$1" "$WORK/channeld.sequence.quotas"
}
shows() { # CUSTOMER USED LIMIT
    vdc customer-show "$1" | grep -qE "^channels +$2 +$3\$"
}

check "acme" vdc customer-create acme --memory 1G --user 54001 --channels 3
check "its project" vdc customer-create acme_shop --memory 512M --channels 2
check "globex, without a quota" vdc customer-create globex --memory 1G
check_error "a project's above its customer's" 2 \
    'the channels limit 4 is above that of customer acme, which is 3' \
    vdc customer-set acme_shop --channels 4
check "channeld is told" retry 20 told 'acme 3 3'
check "of the project, too" retry 20 told 'acme_shop 2 2'
config web.cfg
start_guests_of acme acme_shop globex

"$BIN/examples/channel/service-echo" serve-all pipe >"$WORK/echo" 2>&1 &
programs="$programs $!"
retry 20 vdc channel-list

# ---- a channel that stays, by a descriptor that keeps it open ----

mkfifo "$WORK/f3" "$WORK/f4" "$WORK/f5" "$WORK/f6" "$WORK/f7"
open_from() { # FD GUEST
    XEN_VDC_CHANNEL_SOCKET=$WORK/$2.sock "$BIN/xl-ext/xl-vdc" \
        channel-send pipe <"$WORK/f$1" >"$WORK/send.$1" 2>&1 &
    programs="$programs $!"
    eval "sender_$1=\$!"
    eval "exec $1>'$WORK/f$1'"
}
open_are() { # NUMBER
    [ "$(vdc channel-list | grep -c ' open ')" = "$1" ]
}
is_offered() {
    ! in_guest globex channel-send pipe </dev/null 2>&1 |
        grep -q 'offers no'
}
check "the service is offered" retry 20 is_offered
retry 20 open_are 0
open_from 3 acme
open_from 4 acme_shop
check "two are open" retry 20 open_are 2
check "used by the customer: its project's, too" retry 20 shows acme 2 3
check "by the project" retry 20 shows acme_shop 1 2
check "and by nobody else" shows globex 0 -
check "JSON has both" sh -c "'$BIN/xl-ext/xl-vdc' customer-show acme -o json |
    tr -d ' \n' | grep -q '\"channels\":2'"
open_from 5 acme_shop
check "three are open" retry 20 open_are 3

# ---- what is refused, and in which words ----

check_error "the project's quota" 5 \
    'project acme_shop has 2 channels \(acme_shop.web 2\), and 1 more would be over its quota of 2 channels' \
    in_guest acme_shop channel-send pipe </dev/null
check_error "what to change" 5 "xl-vdc customer-set acme_shop --channels N" \
    in_guest acme_shop channel-send pipe </dev/null
check_error "the customer's" 5 \
    'customer acme has 3 channels \(acme_shop.web 2, acme.web 1\), and 1 more would be over its quota of 3 channels' \
    in_guest acme channel-send pipe </dev/null
check "the project's is raised" vdc customer-set acme_shop --channels 3
check "channeld is told that" retry 20 told 'acme_shop 3 3'
check_error "then its customer's holds it" 5 \
    'customer acme has 3 channels, and 1 more would be over its quota of 3 channels' \
    in_guest acme_shop channel-send pipe </dev/null
check_equal "which does not say who else has some" 0 "$(
    in_guest acme_shop channel-send pipe </dev/null 2>&1 | grep -c 'acme\.web'
)"
connects() { # GUEST: whatever becomes of it then
    in_guest "$1" channel-send pipe </dev/null >/dev/null 2>"$WORK/err"
    [ $? != 5 ] && ! grep -q quota "$WORK/err"
}
check "globex has no quota" connects globex

# ---- another quota ----

check "a lower one" vdc customer-set acme --channels 1
check "is told" retry 20 told 'acme 1 1'
check "what is open stays" open_are 3
check_error "and nothing is added" 5 'over its quota of 1 channels' \
    in_guest acme channel-send pipe </dev/null
check_output "which is shown" '^channels +3 +1$' vdc customer-show acme
check "a greater one" vdc customer-set acme --channels 4
check "is told, too" retry 20 told 'acme 4 4'
open_from 6 acme
check "and there is one more" retry 20 open_are 4
check_error "no more than that" 5 'over its quota of 4 channels' \
    in_guest acme channel-send pipe </dev/null

# ---- whoever is away ----

refused() {
    in_guest acme channel-send pipe </dev/null 2>&1 |
        grep -q 'over its quota of 4 channels'
}
stop_policyd
check "without policyd what was told holds" refused
stop_daemon "$host_channeld_pid" KILL
begin_channeld || failed "channeld starts again"
check "also in a channeld that came anew meanwhile" retry 20 refused
check "its programs have their channels" retry 20 open_are 4
start_policyd
retry 20 answers || failed "policyd is there again"
check "policyd finds what is used" retry 20 shows acme 4 4
stop_daemon "$host_channeld_pid"
rm "$WORK/channeld.sequence.quotas"
begin_channeld || failed "channeld starts without its file"
check "it is told anew" retry 20 told 'acme 4 4'
check "and has its channels" retry 20 open_are 4
check "and refuses more" retry 20 refused
stop_daemon "$host_channeld_pid"
stop_policyd
sed -i -e '/^acme /!d' "$WORK/channeld.sequence.quotas"
begin_channeld || failed "channeld starts with a file that is cut off"
check "it says so" grep -q 'is damaged: those of 1 customers can be read' \
    "$WORK/channeld.log"
check "what can be read of it holds without policyd" retry 20 refused
start_policyd
retry 20 answers || failed "policyd is there again"
check "it is told the rest anew" retry 20 told 'acme_shop 3 3'
check "and its file is whole" retry 20 told '# end 2 [0-9a-f]{16}'
stop_daemon "$host_channeld_pid"
echo "acme lots" >"$WORK/channeld.sequence.quotas"
begin_channeld || failed "channeld starts with a file that is damaged"
check "it says so" grep -q 'is damaged: those of 0 customers can be read' \
    "$WORK/channeld.log"
check "and is told anew" retry 20 told 'acme 4 4'
check "it has its channels" retry 20 open_are 4

# ---- no quota any more ----

check "none" vdc customer-set acme --channels none
not_told() {
    ! grep -q "^$1 " "$WORK/channeld.sequence.quotas"
}
check "channeld forgets it" retry 20 not_told acme
check "and lets it connect" connects acme
check "a customer that goes" vdc customer-create short --channels 5
check "was told" retry 20 told 'short 5 5'
check "is deleted" vdc customer-delete short
check "and forgotten" retry 20 not_told short

# ---- two hosts ----

mkdir "$WORK/beta"
cat >"$WORK/beta/resourced.conf" <<END
database = "$WORK/beta/resourced.db"
sequence = "$WORK/beta/resourced.sequence"
command_address = "unix:$WORK/beta/command.sock"
channel_socket = "$WORK/beta/channel.sock"
hypervisor = "sim:state=$WORK/beta/sim.state,memory=4G,dom0_memory=512M"
host_name = "beta"
dump_dir = "$WORK/dump"
restart_min_interval = 0
END
"$BIN/resourced/resourced" --config "$WORK/beta/resourced.conf" --foreground \
    >>"$WORK/beta.log" 2>&1 &
beta_pid=$!
sed "s,$WORK/\(channel\|guests\|sim\),$WORK/beta/\1,g" "$WORK/channeld.conf" \
    >"$WORK/beta/channeld.conf"
retry 20 test -S "$WORK/beta/command.sock"
"$CHANNELD" --config "$WORK/beta/channeld.conf" >>"$WORK/beta.log" 2>&1 &
beta_channeld=$!
check "a second host" vdc host-add -q beta "unix:$WORK/beta/command.sock"
check "acme may have 6 on both" vdc customer-set acme --channels 6
told_beta() {
    grep -qxE "$1" "$WORK/beta/channeld.sequence.quotas"
}
shares() { # A B: of acme's, on alpha and beta
    told "acme $1 6" && told_beta "acme $2 6"
}
check "all for the host where it has guests" retry 30 shares 6 0
check_output "what both have is shown" '^channels +4 +6$' \
    vdc customer-show acme
config there.cfg 'vdc_host = "beta"'
sed -i 's/^name.*/name = "there"/' "$WORK/there.cfg"
check "a guest on the other" vdc create -q "$WORK/there.cfg" --customer acme
check "has a part of what is left" retry 30 shares 5 1
cat >"$WORK/there.conf" <<END
socket = "$WORK/there.sock"
control = "sim:$(vdc domid acme.there):$WORK/beta/guests.sock"
END
"$CHANNELD" --guest --config "$WORK/there.conf" >>"$WORK/channeld.log" 2>&1 &
channeld_pids="$channeld_pids $!"
retry 20 in_guest there channel-list ||
    failed "channeld in acme.there" "$(tail -n 5 "$WORK/beta.log")"
XEN_VDC_CHANNEL_SOCKET=$WORK/beta/channel.sock \
    "$BIN/examples/channel/service-echo" serve-all pipe >>"$WORK/echo" 2>&1 &
programs="$programs $!"
beta_list() {
    XEN_VDC_CHANNEL_SOCKET=$WORK/beta/channel.sock vdc channel-list
}
beta_open() {
    [ "$(beta_list | grep -c ' open ')" = "$1" ]
}
open_from 7 there
check "one channel there" retry 20 beta_open 1
check "both hosts' count" retry 30 shows acme 5 6
there_refused() {
    in_guest there channel-send pipe </dev/null 2>&1 | grep -qE "$1"
}
check "the share is named" there_refused \
    'its quota of 6 channels, of which [12] are for this host'
check "who wants the last gets it" retry 30 shares 4 2
stop_daemon "$sender_3"
stop_daemon "$sender_4"
check "channels of the one host end" retry 20 open_are 2
open_from 3 there
check "and are there for the other" retry 20 beta_open 2
check "what is left is for both" retry 30 shares 3 3
check_equal "and never more than the quota together" "" "$(
    awk '$1 == "acme" { n += $2 } END { if (n > 6) print n }' \
        "$WORK/channeld.sequence.quotas" \
        "$WORK/beta/channeld.sequence.quotas"
)"
