#!/bin/sh
# Programs of customers in dom0 and channeld: whose they are, what they may
# take from each other, and what becomes of a login that is taken away.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-channels.sh"

if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
    skipped "programs of customers: needs root and setpriv"
    exit 0
fi

# ---- what is checked before the start ----

cat >"$WORK/rules" <<END
own  @same-customer @same-customer allow
pipe @any @any allow
acme/pub @any @any allow
END
write_channeld_settings
check_channeld() { # OPTION...
    "$CHANNELD" "$@" --config "$WORK/channeld.conf"
}
check_output "settings and rules that are valid" 'the settings are valid' \
    check_channeld --check-config
echo "pipe @any @any denny" >"$WORK/broken"
sed "s,/rules\",/broken\"," "$WORK/channeld.conf" >"$WORK/broken.conf"
check_error "rules that are not" 2 "broken:1: 'denny' stands where allow" \
    "$CHANNELD" --check-config --config "$WORK/broken.conf"
check_output "--guest among other options" 'the settings are valid' \
    check_channeld --check-config --guest

# ---- the host ----

start_host
start_channeld
retry 20 vdc channel-list || {
    failed "channeld starts" "$(cat "$WORK/channeld.log")"
    exit 1
}
check "acme" vdc customer-create acme --memory 1G --user 54001
check "globex" vdc customer-create globex --memory 1G --user 54002
config web.cfg
start_guests_of acme globex

# ---- a request that cannot be text ----

cp "$WORK/rules" "$WORK/good"
printf 'pip\351 @any @any allow\n' >"$WORK/rules"
check_error "rules that are no text are refused, and that is said" 2 \
    'rules:1: ' timeout 20 "$BIN/xl-ext/xl-vdc" channel-reload
printf 'pipe @any @any allow # caf\351\n' >"$WORK/rules"
check "a comment need not be" timeout 20 "$BIN/xl-ext/xl-vdc" channel-reload
cp "$WORK/good" "$WORK/rules"
check "as before" vdc channel-reload

# ---- which guests others have ----

told() { # NAME COMMAND...: its words with the name left out
    name=$1
    shift
    "$@" </dev/null 2>&1 | sed "s/$name/NAME/g"
    echo "status $?"
}
same_words() { # TEXT COMMAND...: with globex.web and globex.nope
    text=$1
    shift
    told globex.web "$@" globex.web >"$WORK/there"
    told globex.nope "$@" globex.nope >"$WORK/nowhere"
    check "$text: as one that is not there" \
        cmp "$WORK/there" "$WORK/nowhere"
    check "$text: an error" grep -q 'NAME' "$WORK/there"
}
same_words "a list" as_user 54001 channel-list -p
same_words "a list, from a guest" in_guest acme channel-list -p
same_words "a rule" as_user 54001 channel-rule-check pipe host
same_words "a rule, from a guest" in_guest acme channel-rule-check pipe web
same_words "no offer" in_guest acme channel-send pipe --to
same_words "no rule" in_guest acme channel-send own --to
check_error "no name of a service" 2 "cannot be a service's name" \
    vdc channel-list -s 'BAD!'

# ---- rules about programs of dom0 ----

check_output "a customer's programs" '^allowed: .*rules:1' \
    vdc channel-rule-check own @acme acme.web
check "those of another" test 6 = "$(
    vdc channel-rule-check own @acme globex.web >/dev/null
    echo $?
)"
check_error "many at once" 2 "'@customer' is many" \
    vdc channel-rule-check own @customer acme.web
check_error "a customer's name: what to write" 3 "'@acme' means the programs" \
    vdc channel-rule-check own acme acme.web
check_error "others' are nobody's business" 3 "no programs of '@globex'" \
    as_user 54001 channel-rule-check own @globex host
check_output "one's own are" '^allowed: .*rules:1' \
    as_user 54001 channel-rule-check own @acme web

# ---- one name, several owners ----

receive() { # UID SERVICE FILE
    as_user "$1" channel-recv "$2" >"$3" 2>"$3.err" &
}
goes() { # UID SERVICE TEXT: until the offer is there
    n=0
    until echo "$3" | as_user "$1" channel-send "$2" 2>"$WORK/send.err"; do
        n=$((n + 1))
        [ $n -lt 50 ] || return 1
        sleep 0.2
    done
}
receive 54001 own "$WORK/acme.got"
acme_recv=$!
sleep 1
check_error "another's offer is as none" 6 \
    "no rule allows 'own' of the host for you" \
    as_user 54002 channel-send own </dev/null
check "nobody is named" test 0 = "$(
    as_user 54002 channel-send own </dev/null 2>&1 | grep -c acme
)"
receive 54002 own "$WORK/globex.got"
globex_recv=$!
check "to one's own" goes 54002 own "of globex"
check "and to the other's own" goes 54001 own "of acme"
wait $acme_recv
wait $globex_recv
check_equal "what acme got" "of acme" "$(cat "$WORK/acme.got")"
check_equal "what globex got" "of globex" "$(cat "$WORK/globex.got")"

receive 54002 pipe "$WORK/globex.got"
globex_recv=$!
sleep 1
check_error "a word leads to no other customer" 3 "the host offers no 'pipe'" \
    as_user 54001 channel-send pipe </dev/null
receive 0 pipe "$WORK/host.got"
host_recv=$!
check "but to the provider's program" goes 54001 pipe "for the host"
wait $host_recv
check_equal "which has it" "for the host" "$(cat "$WORK/host.got")"
kill $globex_recv
wait $globex_recv
check_error "nor can it offer in another's name" 6 \
    "no rule allows a program of globex on the host to offer 'acme/pub'" \
    as_user 54002 channel-recv acme/pub
receive 54001 acme/pub "$WORK/acme.got"
acme_recv=$!
check "CUSTOMER/WORD leads to it" goes 54002 acme/pub "from globex"
wait $acme_recv
check_equal "which has that, too" "from globex" "$(cat "$WORK/acme.got")"

# ---- a login that only looks ----

check "a read-only login" vdc customer-set acme --user 54001 \
    --user 54008:read-only
receive 54001 own "$WORK/acme.got"
acme_recv=$!
sleep 1
check_output "sees channels" 'Service' as_user 54008 channel-list
check_error "opens none" 6 'not for the role read-only' \
    as_user 54008 channel-send own </dev/null
check_error "and offers nothing" 6 'not for the role read-only' \
    as_user 54008 channel-recv acme/pub
check "as opposed to another" goes 54001 own "of acme"
wait $acme_recv
receive 54001 own "$WORK/acme.got"
acme_recv=$!
sleep 1
check "who becomes one" vdc customer-set acme --user 54001:read-only \
    --user 54008:customer-user
sleep 6
check_error "offers nothing any more" 7 'its login was taken away' \
    as_user 54008 channel-send own </dev/null
kill $acme_recv 2>/dev/null
wait $acme_recv
check "as before" vdc customer-set acme --user 54001:customer-admin

# ---- more customers than a page has ----

users=
n=0
while [ $n -lt 64 ]; do
    users="$users --user $((100000 + n))"
    n=$((n + 1))
done
n=100
made=0
while [ $n -lt 310 ]; do
    # other logins for each; the first number is of the customer
    vdc customer-create -q "many-$n" \
        $(echo "$users" | sed "s/ 100/ $n/g") && made=$((made + 1))
    n=$((n + 1))
done
check_equal "many customers with many logins" 210 $made
check "the last" vdc customer-create zulu --user 54777
check_output "is known" 'Service' as_user 54777 channel-list
check_error "and who is none's is not" 6 'uid 54003 is neither' \
    as_user 54003 channel-list

# ---- a login that is taken away ----

receive 54001 own "$WORK/acme.got"
acme_recv=$!
offered() {
    as_user 54001 channel-send own </dev/null
}
sleep 1
check "acme's login is another" vdc customer-set acme --user 54009
sleep 6
check_error "what the old one offers is gone" 7 'its login was taken away' \
    as_user 54009 channel-send own </dev/null
wait $acme_recv
check "its program fails" [ $? != 0 ]
check "and the log says why" grep -q 'uid 54001: not served: .* is neither' \
    "$WORK/channeld.log"
receive 54009 own "$WORK/acme.got"
acme_recv=$!
check "the new one offers it" retry 20 sh -c "! grep -q . '$WORK/acme.got.err'"
sleep 6
stop_policyd
check "a policyd that is away takes nobody's login: from a guest" \
    sh -c "echo there | XEN_VDC_CHANNEL_SOCKET='$WORK/acme.sock' \
        '$BIN/xl-ext/xl-vdc' channel-send own"
wait $acme_recv
check_equal "which has come" "there" "$(cat "$WORK/acme.got")"

# ---- who is nobody, often ----

start_policyd
retry 20 answers || failed "policyd is there again"
n=0
while [ $n -lt 30 ]; do
    as_user 54003 channel-list >/dev/null 2>&1
    n=$((n + 1))
done
lines=$(grep -c 'uid 54003' "$WORK/channeld.log")
check "it does not fill the log: $lines lines" [ "$lines" -le 10 ]
