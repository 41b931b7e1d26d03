#!/bin/sh
# policyd over TLS: clients by certificate and by token, and who is refused.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"

SERVER=subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost
make_ca ca
make_ca other
make_certificate policyd ca $SERVER
for who in boss alice clerk looker stranger; do
    make_certificate "$who" ca
done
make_certificate foreign other
make_certificate old ca basicConstraints=CA:FALSE 200101000000Z 200201000000Z
make_certificate early ca basicConstraints=CA:FALSE 480101000000Z \
    490101000000Z
start_tls_host
config web.cfg
vdc customer-create -q acme || exit 1
vdc customer-create -q acme_shop || exit 1
vdc customer-create -q globex || exit 1
vdc create -q -C globex "$WORK/web.cfg" name=theirs || exit 1

# ---- who may come ----
check_error "nobody in particular" 6 \
    'neither a certificate nor a token' remote - list
check_error "a certificate that is not registered" 6 \
    "the certificate of 'CN = alice' is not registered" remote alice list
print=$(openssl x509 -in "$CERTS/alice.crt" -noout -fingerprint -sha256 |
    sed 's/.*=//; s/://g' | tr A-F a-f)
check "what to ask the operator for is said" \
    grep -q "certificate-add FILE CUSTOMER; its fingerprint is $print" \
    "$WORK/stderr"
check_equal "a dry run registers nothing" 0 \
    "$(vdc certificate-add --dry-run "$CERTS/alice.crt" acme >/dev/null
    vdc certificate-list -o name | wc -l)"
check_output "it is registered" "^$(echo "$print" | cut -c1-16)$" \
    vdc certificate-add -q --role customer-admin --note ops \
    "$CERTS/alice.crt" acme
check_error "once" 4 'registered already' \
    vdc certificate-add "$CERTS/alice.crt" globex
check_output "the list says whose it is" \
    'acme +customer-admin +CN = alice .*uid .* ops' vdc certificate-list
check_equal "with its fingerprint" "$print" \
    "$(vdc certificate-list -o json >"$WORK/l.json"
    json "$WORK/l.json" '$.certificates[0].fingerprint')"
check_equal "it is no token" 0 "$(vdc token-list -o name | wc -l)"
id=$(echo "$print" | cut -c1-16)
check_error "nor to be ended as one" 3 "no such token: $id is a certificate" \
    vdc token-revoke "$id"
check_error "what ends it is said" 3 "certificate-remove $id" \
    vdc token-revoke "$id"
theirs=$(vdc token-create -q -C globex --role customer-admin)
of_globex() {
    XEN_VDC_TOKEN=$theirs "$BIN/xl-ext/xl-vdc" "$@"
}
check_error "but not to another customer" 3 "no such token: $id\$" \
    of_globex token-revoke "$id"
vdc token-revoke -q "$(vdc token-list -o name)"
check_error "by its fingerprint, too" 2 "certificate-remove $print" \
    vdc token-revoke "$print"
token=$(vdc token-create -q -C acme)
check_error "nor a token as a certificate" 3 \
    'no such certificate: [0-9a-f]+ is a token' \
    vdc certificate-remove "$(vdc token-list -o name)"
check_error "but by the other command" 3 "token-revoke $(vdc token-list \
    -o name)" vdc certificate-remove "$(vdc token-list -o name)"
check_error "also of a whole token" 2 "token-revoke $(vdc token-list -o name)" \
    vdc certificate-remove "$token"
check "which works" vdc token-revoke -q "$(vdc token-list -o name)"
check_output "it may list" '^$' remote alice list -o name
check "and create" remote alice create -q "$WORK/web.cfg"
check_equal "what is the customer's" acme.web "$(remote alice list -o name)"
check_error "another's is not there" 3 'no such guest' \
    remote alice show theirs
check_error "nor the operator's commands" 6 'for operators' \
    remote alice customer-create x
check_output "the record says who, and from where" \
    'certificate CN = alice .*127\.0\.0\.1' vdc audit -C acme
vdc audit -C acme -o json >"$WORK/audit.json"
check_equal "not as an account of this host" 0 \
    "$(grep '"who"' "$WORK/audit.json" | grep -c 4294967295)"
check_output "-H names policyd, too" '^acme.web$' \
    env -u XEN_VDC_SOCKET XEN_VDC_CA="$CERTS/ca.crt" \
    XEN_VDC_CERTIFICATE="$CERTS/alice.crt" XEN_VDC_KEY="$CERTS/alice.key" \
    "$BIN/xl-ext/xl-vdc" -H "localhost:$TLS_PORT" list -o name

# ---- what a certificate may give ----
check "an admin registers a user's" remote alice certificate-add -q \
    "$CERTS/clerk.crt"
check "and one that looks, for a project" remote alice certificate-add -q \
    -r read-only "$CERTS/looker.crt" acme_shop
check_error "none for another" 3 'no such customer: globex' \
    remote alice certificate-add "$CERTS/stranger.crt" globex
check_error "and none that may more" 2 'is no role of a customer' \
    remote alice certificate-add -r operator "$CERTS/stranger.crt"
check_error "a user registers none" 6 'not for the role customer-user' \
    remote clerk certificate-add "$CERTS/stranger.crt"
check_equal "the project sees itself" acme_shop \
    "$(remote looker customer-list -o name)"
check_error "and only looks" 6 'read-only' \
    remote looker create "$WORK/web.cfg"
check "an operator's is one" vdc certificate-add -q -r operator \
    "$CERTS/boss.crt"
check "from elsewhere, too" remote boss customer-create -q fromafar
check_error "a key is no certificate" 2 'no certificate in PEM' \
    vdc certificate-add "$CERTS/alice.key" acme
check_error "nor is nothing" 2 'No such file' \
    vdc certificate-add "$CERTS/none" acme
check_error "an expired one is not registered" 2 \
    "'CN = old' expired at 2020-02-01" vdc certificate-add "$CERTS/old.crt"
check_error "and not shown" 2 'old.crt expired at 2020' remote old list

# ---- tokens ----
token=$(remote alice token-create -q --note "over TLS")
XEN_VDC_TOKEN=$token
export XEN_VDC_TOKEN
check_equal "a token is enough" acme.web "$(remote - list -o name)"
check_equal "and goes before a certificate" acme.web \
    "$(remote stranger list -o name)"
check_error "it is a customer-user's" 6 'not for the role customer-user' \
    remote alice token-create
XEN_VDC_TOKEN=vdc_0123456789abcdef.00
check_error "one that is no good is not passed over" 6 'good for nothing' \
    remote alice list
unset XEN_VDC_TOKEN

# ---- streams ----
check_output "a console" 'hello' \
    sh -c "(echo hello; sleep 1) | env -u XEN_VDC_SOCKET \
    XEN_VDC_HOST=127.0.0.1:$TLS_PORT XEN_VDC_CA='$CERTS/ca.crt' \
    XEN_VDC_CERTIFICATE='$CERTS/alice.crt' XEN_VDC_KEY='$CERTS/alice.key' \
    '$BIN/xl-ext/xl-vdc' console acme.web"
remote alice events --follow >"$WORK/events" 2>"$WORK/events.err" &
follower=$!
sleep 0.5
remote clerk pause -q web && remote clerk unpause -q web
check "events, as they come" retry 5 grep -q paused "$WORK/events"

# ---- the end of a certificate ----
check "it is removed, by its whole fingerprint" \
    vdc certificate-remove -q "$print"
check_error "and good for nothing" 6 'is not registered' remote alice list
check_error "as what was registered with it" 6 'may not act' \
    remote clerk list
vdc pause -q acme.web && vdc unpause -q acme.web
wait "$follower"
check_equal "on an open connection, too" 6 $?
check_output "with the reason" 'not registered any more' \
    cat "$WORK/events.err"
vdc certificate-add -q -r customer-admin -e 2s "$CERTS/alice.crt" acme \
    >/dev/null
check "one of two seconds is good" remote alice list -q
sleep 2.2
check_error "and then not any more" 6 'registered until now only' \
    remote alice list
vdc certificate-remove -q "$print"
vdc certificate-add -q -r customer-admin "$CERTS/alice.crt" acme >/dev/null
check_error "what was registered with it before does not come back" 6 \
    'may not act' remote clerk list
XEN_VDC_TOKEN=$token
export XEN_VDC_TOKEN
check_error "nor do tokens" 6 'good for nothing' remote - list
unset XEN_VDC_TOKEN
stop_policyd
start_policyd
retry 20 answers
check "a restart forgets none" remote alice list -q
stop_policyd
check "the store is written as JSON" "$BIN/policyd/policyd" --foreground \
    --config "$WORK/policyd.conf" --export-store="$WORK/store.json"
check "and read again" "$BIN/policyd/policyd" --foreground \
    --config "$WORK/policyd.conf" --replace-store="$WORK/store.json"
start_policyd
retry 20 answers
check "with its certificates" remote alice list -q

# ---- servers that are not policyd, and the other way about ----
TLS_CA=$CERTS/other.crt
check_error "a server of another CA" 6 'of a CA that is not trusted here' \
    remote alice list
check "it is said what to look at" grep -q 'is \$XEN_VDC_CA the CA' \
    "$WORK/stderr"
TLS_CA=$CERTS/none
check_error "a CA that is not there" 2 "cannot read $CERTS/none" \
    remote alice list
TLS_CA=$CERTS/alice.key
check_error "a CA that is none" 2 "alice.key has no certificates of a CA" \
    remote alice list
TLS_CA=
TLS_AT=[::1]:$TLS_PORT
check_error "where nobody listens" 7 'Connection refused|cannot connect' \
    remote alice list
TLS_AT=nowhere
check_error "what is no address" 2 "'nowhere' is not HOST:PORT" \
    remote alice list
TLS_AT=127.0.0.2:$TLS_PORT
sed "s/127.0.0.1:/127.0.0.2:/" "$WORK/policyd.conf" >"$WORK/c"
stop_policyd
cp "$WORK/c" "$WORK/policyd.conf"
start_policyd
retry 20 answers
check_error "a name that is not the certificate's" 6 \
    "shown there is not for '127.0.0.2'" remote alice list
TLS_AT=
stop_policyd
tls_settings
cp "$CERTS/alice.crt" "$CERTS/mixed.crt"
cp "$CERTS/clerk.key" "$CERTS/mixed.key"
start_policyd
retry 20 answers
check_error "a client's key of another certificate" 2 \
    'mixed.key is not that of the certificate in .*mixed.crt' \
    remote mixed list
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    mkdir -m 755 "$WORK/bin"
    cp "$BIN/xl-ext/xl-vdc" "$WORK/bin/"
    check_error "a client's key that is another's" 6 \
        'cannot read .*alice.key: Permission denied' \
        env XEN_VDC_CA="$CERTS/ca.crt" XEN_VDC_KEY="$CERTS/alice.key" \
        XEN_VDC_CERTIFICATE="$CERTS/alice.crt" setpriv --reuid 61009 \
        --regid 61009 --clear-groups "$WORK/bin/xl-vdc" \
        -H "127.0.0.1:$TLS_PORT" list
else
    skipped "a client's key that is another's: this needs root, and setpriv"
fi
rm "$CERTS/mixed.key"
check_error "a client's key that is not there" 2 \
    "cannot read .*mixed.key" remote mixed list
check_error "a certificate without a key" 2 \
    'XEN_VDC_CERTIFICATE is set, and XEN_VDC_KEY is not' \
    env XEN_VDC_CERTIFICATE="$CERTS/alice.crt" \
    XEN_VDC_HOST="127.0.0.1:$TLS_PORT" "$BIN/xl-ext/xl-vdc" list

if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
    stop_policyd
    tls_settings "tls_address = \"[::1]:$TLS_PORT\""
    start_policyd
    retry 20 answers
    TLS_AT=[::1]:$TLS_PORT
    check_output "IPv6" '^acme.web$' remote alice list -o name
    remote alice pause -q web && remote alice unpause -q web
    check_output "the record has it" 'CN = alice .* ::1 ' vdc audit -C acme
    TLS_AT=
    stop_policyd
    tls_settings
    start_policyd
    retry 20 answers
else
    skipped "IPv6: this host has none"
fi

# ---- TLS itself ----
s_client() {
    sleep 0.3 | timeout 10 openssl s_client -connect "127.0.0.1:$TLS_PORT" \
        -CAfile "$CERTS/ca.crt" "$@" 2>&1
}
check_output "TLS 1.3 it is" 'TLSv1.3' s_client
check_equal "there are no tickets" 0 "$(s_client |
    grep -c 'Post-Handshake New Session Ticket')"
check_equal "TLS 1.2 is refused" 1 \
    "$(s_client -tls1_2 | grep -c 'alert protocol version')"
check "others are served" remote alice list -q
