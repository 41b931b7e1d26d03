#!/bin/sh
# Several hosts of one data center: dc-init, dc-token, dc-join; what a host
# over TLS can do, who may not command it, and what goes wrong in between.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"

DC_PORT=$TLS_PORT       # where hosts join
BETA_PORT=$((TLS_PORT + 1)) # where policyd reaches beta
GAMMA_PORT=$((TLS_PORT + 2))
DC=$WORK/dc
BETA=$WORK/beta-dc
write_dc_settings() {
    write_settings
    echo "dc_address = \"127.0.0.1:$DC_PORT\"" >>"$WORK/policyd.conf"
}
host_settings() { # NAME PORT
    mkdir -p "$WORK/$1"
    cat >"$WORK/$1/resourced.conf" <<END
database = "$WORK/$1/resourced.db"
sequence = "$WORK/$1/resourced.sequence"
command_address = "unix:$WORK/$1/command.sock"
channel_socket = ""
hypervisor = "sim:state=$WORK/$1/sim.state,memory=6G,dom0_memory=512M"
host_name = "$1"
dump_dir = "$WORK/dump"
restart_min_interval = 0
tls_address = "127.0.0.1:$2"
dc_directory = "$WORK/$1-dc"
END
}
beta_pid=
gamma_pid=
start_beta() {
    "$BIN/resourced/resourced" --config "$WORK/beta/resourced.conf" \
        --foreground >>"$WORK/beta.log" 2>&1 &
    beta_pid=$!
}
start_gamma() {
    "$BIN/resourced/resourced" --config "$WORK/gamma/resourced.conf" \
        --foreground >>"$WORK/gamma.log" 2>&1 &
    gamma_pid=$!
}
trap 'status=$?; stop_daemon "$beta_pid"; stop_daemon "$gamma_pid"
    (exit $status); finish' EXIT
state_is() { # HOST STATE
    vdc host-list | grep -qE "^$1 +$2 "
}
join() { # ADDRESS TOKEN [OPTION]...
    vdc dc-join "$@"
}
mode() { # FILE
    stat -c %a "$1"
}

write_settings
echo "a kernel" >"$WORK/images/vmlinuz"
echo "an initramfs" >"$WORK/images/initramfs"
chmod 644 "$WORK"/images/*
write_dc_settings
start_resourced
start_policyd
retry 20 answers || {
    failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
    exit 1
}

# ---- dc-init ----
check_error "no token without an authority" 4 'no certificate authority yet' \
    vdc dc-token beta
check "that says what to do" grep -q 'dc-init' "$WORK/stderr"
check_output "a dry run" 'nothing was done' vdc dc-init --dry-run
check_equal "makes nothing" 0 "$(find "$DC" 2>/dev/null | wc -l)"
mkdir -m 777 "$DC"
chmod 777 "$DC"
check_error "a directory that others may write to" 6 'others may write' \
    vdc dc-init
# Cut off before the first file: what is there of it is none.
chmod 700 "$DC"
echo garbage >"$DC/ca.pem.new"
ca=$(vdc dc-init -q)
check_output "dc-init prints a fingerprint" '^[0-9a-f]{64}$' echo "$ca"
check_equal "the directory is policyd's alone" 700 "$(mode "$DC")"
check_equal "so is the authority's key" 600 "$(mode "$DC/ca.pem")"
check_equal "and policyd's own" 600 "$(mode "$DC/policyd.pem")"
check_equal "it is that of the certificate" "$ca" \
    "$(openssl x509 -in "$DC/ca.pem" -noout -fingerprint -sha256 |
    sed 's/.*=//; s/://g' | tr A-F a-f)"
check_equal "once more it is the same" "$ca" "$(vdc dc-init -q)"
check_output "and says so" 'as before' sh -c \
    "'$BIN/xl-ext/xl-vdc' dc-init 2>&1"
check_output "it is on record, once" '^1$' \
    sh -c "'$BIN/xl-ext/xl-vdc' audit | grep dc.init | grep -c '$ca'"
# Cut off between the two files: the next start completes it.
rm "$DC/policyd.pem"
stop_policyd
start_policyd
check "what is missing is made when policyd starts" retry 10 \
    test -s "$DC/policyd.pem"
retry 10 answers
check_equal "the authority is the same" "$ca" "$(vdc dc-init -q)"

# ---- dc-token ----
check_error "a name that is none" 2 'host: ' vdc dc-token 'a b'
check_error "an address" 2 'cannot be a host' vdc dc-token 127.0.0.1
check_error "the host of policyd.conf" 4 'needs not join' vdc dc-token alpha
check_error "again, of none" 3 'no such host: beta' vdc dc-token beta --again
check_error "for ever" 2 'at most 7 days' vdc dc-token beta --expires 30d
check_output "a dry run" 'could be made' vdc dc-token --dry-run beta
first=$(vdc dc-token -q beta)
token=$(vdc dc-token -q beta)
check_output "a token has host, secret and fingerprint" \
    "^beta:[0-9a-f]{64}:$ca\$" echo "$token"
secret=$(echo "$token" | cut -d: -f2)
check_equal "the store has it hashed" 0 \
    "$(vdc store-export - | grep -c "$secret")"

# ---- what goes wrong with dc-join ----
host_settings beta "$BETA_PORT"
start_beta
HERE=127.0.0.1:$DC_PORT
nothing_is_left() { # TEXT
    check_equal "$1: no host" alpha "$(vdc host-list -o name)"
    check_equal "$1: no file" 0 "$(find "$BETA" -type f 2>/dev/null | wc -l)"
}
b() { # TOKEN [OPTION]...
    t=$1
    shift
    join "$HERE" "$t" --directory "$BETA" --address "127.0.0.1:$BETA_PORT" "$@"
}
check_error "no token at all" 2 'not a token to join with' b hello
check_error "half a token" 2 'not a token to join with' b "beta:$secret:"
check_error "an earlier token" 6 'is not known here' b "$first"
check_error "a wrong secret" 6 'is not known here' \
    b "beta:$(echo "$secret" | tr 0-9a-f a-f0-9):$ca"
check_error "another host's name" 6 'is not known here' b "gamma:$secret:$ca"
nothing_is_left "wrong tokens"
check_error "another data center's" 6 'of another CA' \
    b "beta:$secret:$(echo "$ca" | tr 0-9a-f a-f0-9)"
check_error "nobody there" 7 "cannot join at .*cannot connect to" \
    join "127.0.0.1:$GAMMA_PORT" "$token" --directory "$BETA"
check_error "no route" 7 "cannot join at .*cannot connect to .*unreachable" \
    join "255.255.255.255:1" "$token" --directory "$BETA"
check_error "no address" 2 'is not HOST:PORT' \
    join nowhere "$token" --directory "$BETA"
check_error "an address for policyd that is a name" 2 'to be a number' \
    b "$token" --address localhost:1
check_error "a directory that cannot be" 2 'cannot make' \
    b "$token" --directory "$WORK/none/dc"
nothing_is_left "wrong addresses"
check_error "nothing else can be asked there" 6 'dc_address a machine can join' \
    "$BIN/xl-ext/xl-vdc" --socket "join:$ca@$HERE" host-list
check_error "nor changed" 6 'dc_address a machine can join' \
    "$BIN/xl-ext/xl-vdc" --socket "join:$ca@$HERE" customer-create stranger
check_equal "and is not on record" 0 "$(vdc audit | grep -c stranger)"
check_output "and it is asked nowhere else" "'dc_join' is no request" \
    "$BIN/tests/sim/dc-say" "$XEN_VDC_SOCKET"

# Garbage: before TLS, in it, and none at all for a while.
for at in "$DC_PORT" "$BETA_PORT"; do
    for i in 1 2 3; do
        head -c 3000 /dev/urandom |
            timeout 2 openssl s_client -quiet -connect "127.0.0.1:$at" \
                >/dev/null 2>&1
    done
done
check "garbage where hosts join ends nobody" answers
check "nor the host that has not joined" kill -0 "$beta_pid"

# ---- dc-join ----
check_output "dc-join, the token from standard input" '^beta$' \
    sh -c "echo '$token' | '$BIN/xl-ext/xl-vdc' dc-join -q $HERE - \
    --directory '$BETA' --address 127.0.0.1:$BETA_PORT"
check_equal "its certificate and key are root's alone" "600" \
    "$(mode "$BETA/host.pem")"
check_equal "so is the directory" 700 "$(mode "$BETA")"
check_equal "and nothing else is there" host.pem "$(ls "$BETA")"
check "policyd reaches it" retry 10 state_is beta up
check_output "its names and its role" \
    'DNS:beta, URI:xen-vdc:role:host' \
    openssl x509 -in "$BETA/host.pem" -noout -ext subjectAltName
sed -n '/BEGIN PRIVATE/,/END PRIVATE/p' "$BETA/host.pem" >"$BETA/host.key"
check_error "joining twice" 4 'has joined already.*CN = beta' b "$token"
check_equal "which takes away the key that a kill had left" host.pem \
    "$(ls "$BETA")"
cp "$DC/ca.pem" "$BETA/host.key"
check_error "and another, that may be wanted" 4 'has joined already' b "$token"
check_equal "it does not" "host.key host.pem" "$(ls "$BETA" | tr '\n' ' ' |
    sed 's/ $//')"
rm "$BETA/host.key"
check_error "a second machine with the same token" 6 'was used already' \
    b "$token" --directory "$WORK/second"
check_equal "has nothing" 0 "$(find "$WORK/second" -type f | wc -l)"
check_error "the same name for another" 4 "there is a host 'beta' already" \
    vdc dc-token beta
token=$(vdc dc-token -q gamma)
check_error "the same address for another" 4 "host 'beta' has the address" \
    b "$token" --directory "$WORK/gamma-dc"
check_output "the record says who came, and from where" \
    'a machine that joins +127\.0\.0\.1 .*dc_join +beta +done' vdc audit
check_equal "who comes with nothing is not on record" 0 \
    "$(vdc audit | grep -c 'is not known here')"
check_error "a host is added over TLS by joining alone" 2 'by joining' \
    vdc host-add delta tls:127.0.0.1:1
check "-o json" sh -c "'$BIN/xl-ext/xl-vdc' host-list -o json |
    grep -q '\"certificate\":'"

# ---- what a host over TLS does ----
vdc customer-create -q acme || exit 1
config web.cfg
on_beta() {
    sed 's/^name.*/name = "'"$1"'"/' "$WORK/web.cfg" >"$WORK/$1.cfg"
    echo 'vdc_host = "beta"' >>"$WORK/$1.cfg"
    vdc create -q -C acme "$WORK/$1.cfg"
}
check "a guest is created there" on_beta db
check_output "and listed" '^db .*acme' vdc list -C acme
check_output "on its host" 'beta' vdc show acme.db
check "changed" vdc mem-set -q acme.db 48
check "paused" vdc pause -q acme.db
check "and goes on" vdc unpause -q acme.db
check_output "there are events" 'db.* on beta$' vdc events
check_output "and resources" 'beta' vdc resource-list --totals
check "its database agrees" vdc host-verify beta
check_error "its console is none of this machine's" 2 'on another machine' \
    vdc console acme.db
check_error "a missing kernel is told" 2 'vmlinux' \
    vdc create -q -C acme "$WORK/db.cfg" name=x "kernel='$WORK/images/vmlinux'"
check "it is shut down" vdc shutdown -q -w acme.db
check "started" vdc start -q acme.db
# Asked, it does not answer, and stays so.
kill -STOP "$beta_pid"
check_error "one that hangs is not waited for for ever" 8 \
    'host beta has not looked at the files within 30 s: nothing was done' \
    vdc pause -q acme.db
kill -CONT "$beta_pid"
check "when it goes on so does all" vdc pause -q acme.db
check "and back" vdc unpause -q acme.db
# The same, and is gone.
kill -STOP "$beta_pid"
(
    sleep 0.5
    kill -KILL "$beta_pid"
) &
check_error "who asked just then is told which host it is" 7 \
    'resourced of host beta went away: nothing was done' vdc pause -q acme.db
stop_daemon "$beta_pid" KILL
check "resourced is killed: that is noticed" retry 10 \
    state_is beta 'resourced does not answer'
start_beta
check "and it is there again" retry 10 state_is beta up
check_output "with its guest" '^db +2 ' vdc list -C acme

# Nobody says where: the best host gets it, and looks at its files.
for i in 1 2 3 4; do
    vdc create -q -C acme "$WORK/web.cfg" "name=any$i" ||
        failed "a guest for any host, $i"
done
check_equal "guests for any host are on both" "2 alpha 2 beta " \
    "$(for i in 1 2 3 4; do vdc show "acme.any$i"; done |
    sed -n 's/^host *//p' | sort | uniq -c | tr -s ' \n' ' ' | sed 's/^ //')"
check_error "a kernel that no host has" 2 'vmlinux' \
    vdc create -q -C acme "$WORK/web.cfg" name=x "kernel='$WORK/images/vmlinux'"
for i in 1 2 3 4; do
    vdc destroy -q "acme.any$i"
done

stop_policyd
start_policyd
check "policyd is started again, and reaches it" retry 10 state_is beta up
check "the guest is destroyed" vdc destroy -q acme.db
check_equal "and gone" '' "$(vdc list -C acme -o name)"

# ---- who may not command it ----
say() { # CERTIFICATE|-: what resourced answers to a hello
    "$BIN/tests/sim/dc-say" "127.0.0.1:$BETA_PORT" beta "$DC/ca.pem" "$1"
}
sed -n '/BEGIN PRIVATE/,/END PRIVATE/p' "$DC/ca.pem" >"$CERTS/dc.key"
openssl x509 -in "$DC/ca.pem" -out "$CERTS/dc.crt"
ROLE=subjectAltName=URI:xen-vdc:role:policyd
make_ca other
make_certificate foreign other $ROLE
make_certificate customer dc
make_certificate old dc $ROLE 200101000000Z 200201000000Z
make_certificate early dc $ROLE 480101000000Z 490101000000Z
make_certificate two dc $ROLE,URI:xen-vdc:role:host
check_output "policyd's own may" '^hello from resourced$' \
    say "$DC/policyd.pem"
check_output "nobody in particular" 'wants a certificate, and none was shown' \
    say -
check_output "one of another CA" 'of a CA that is not trusted there' \
    say "$CERTS/foreign"
check_output "one that has expired" 'by its clock, .* has expired' \
    say "$CERTS/old"
check_output "one that is not valid yet" 'by its clock is not valid yet' \
    say "$CERTS/early"
check_output "a customer's" "'CN = customer' has not the role of policyd" \
    say "$CERTS/customer"
then_say() { # MESSAGE: what it answers another host after hello
    DC_SAY_THEN=$1 say "$BETA/host.pem"
}
check_output "another host's, to show this one" \
    '^no guest is expected from this host now' then_say host_show
check_output "or to change something" \
    '^no guest is expected from this host now' then_say transaction
check_output "or to destroy" \
    '^no guest is expected from this host now' \
    then_say partition_destroy
check_output "or to send a guest that nobody expects" \
    '^no guest is expected from this host now' then_say migrate_open
check_output "or to have an image that nobody has allowed it" \
    '^no guest is expected from this host now' then_say image_get
check_output "or the end of one" \
    '^no guest is expected from this host now' then_say migrate_release
mkfifo "$WORK/silence"
(
    openssl s_client -quiet -connect "127.0.0.1:$BETA_PORT" \
        -cert "$CERTS/customer.crt" -key "$CERTS/customer.key" \
        <"$WORK/silence" >/dev/null 2>&1
    touch "$WORK/cut"
) &
exec 9>"$WORK/silence"
check_output "one of two roles" "'CN = two' has not the role of policyd" \
    say "$CERTS/two"
for i in 1 2 3; do
    head -c 3000 /dev/urandom |
        timeout 2 openssl s_client -quiet -connect "127.0.0.1:$BETA_PORT" \
            -cert "$CERTS/customer.crt" -key "$CERTS/customer.key" \
            >/dev/null 2>&1
done
check "a customer's garbage" state_is beta up
check_output "its log says who, too" '127.0.0.1.*no certificate was shown' \
    cat "$WORK/beta.log"
check_equal "all of which changes nothing" 'up' \
    "$(vdc host-list | awk '$1 == "beta" { print $2 }')"

check "who says nothing is not kept" retry 15 test -e "$WORK/cut"
exec 9>&-

# ---- a new certificate ----
before=$(openssl x509 -in "$BETA/host.pem" -noout -serial)
cp "$BETA/host.pem" "$WORK/old.pem"
token=$(vdc dc-token -q beta --again)
beta_token=$token
check "again" b "$token" --again -q
check_equal "it is another" differs "$([ "$before" = \
    "$(openssl x509 -in "$BETA/host.pem" -noout -serial)" ] || echo differs)"
check "and in force" retry 10 state_is beta up
cp "$BETA/host.pem" "$WORK/new.pem"
cat "$WORK/old.pem" >"$BETA/host.pem"
stop_daemon "$beta_pid"
start_beta
check "with the old one it is not up" retry 10 \
    state_is beta 'resourced does not answer'
told() { # WORDS
    vdc host-list 2>&1 >/dev/null | grep -q -- "$1"
}
check "which is told" retry 10 told 'good no more: another was made since'
check_error "to who wants a guest there, too" 7 'another was made since' \
    on_beta late
make_certificate expired dc \
    subjectAltName=DNS:beta,URI:xen-vdc:role:host 200101000000Z 200201000000Z
cat "$CERTS/expired.crt" "$CERTS/dc.crt" "$CERTS/expired.key" >"$BETA/host.pem"
check "one that has expired is told" retry 10 \
    told "the certificate of 'beta' has expired"
make_certificate beta other $ROLE
cat "$CERTS/beta.crt" "$CERTS/other.crt" "$CERTS/beta.key" >"$BETA/host.pem"
check "one of another CA, too" retry 10 told 'of a CA that is not trusted here'
cat "$WORK/new.pem" >"$BETA/host.pem"
check "a file that is put back is read by itself" retry 10 state_is beta up
stop_daemon "$beta_pid"
chmod 644 "$BETA/host.pem"
start_beta
check "one that all may read is not used" retry 10 \
    grep -q 'host.pem.*everybody\|everybody.*host.pem' "$WORK/beta.log"
chmod 600 "$BETA/host.pem"
check "until that is mended" retry 10 state_is beta up

# ---- another machine at its address ----
stop_daemon "$beta_pid"
token=$(vdc dc-token -q gamma)
host_settings gamma "$GAMMA_PORT"
start_gamma
check "gamma joins" join -q "$HERE" "$token" --directory "$WORK/gamma-dc" \
    --address "127.0.0.1:$GAMMA_PORT"
check "and is up" retry 10 state_is gamma up
check "beta is said to be at gamma's" vdc host-set -q beta \
    --address "tls:127.0.0.1:$GAMMA_PORT"
check "who answers is not beta" retry 10 told "is not for 'beta'"
check "back" vdc host-set -q beta --address "tls:127.0.0.1:$BETA_PORT"
start_beta
check "beta is up" retry 10 state_is beta up

# ---- a host that would be policyd ----
token=$(vdc dc-token -q policyd)
check "a host may be called so" join -q "$HERE" "$token" \
    --directory "$WORK/false-dc" --address 127.0.0.1:97
FALSE_PORT=$((TLS_PORT + 3))
openssl s_server -accept "127.0.0.1:$FALSE_PORT" -quiet \
    -cert "$WORK/false-dc/host.pem" -key "$WORK/false-dc/host.pem" \
    -cert_chain "$WORK/false-dc/host.pem" >"$WORK/false.log" 2>&1 </dev/null &
false_pid=$!
token=$(vdc dc-token -q mine)
is_there() {
    openssl s_client -connect "127.0.0.1:$FALSE_PORT" </dev/null \
        >/dev/null 2>&1
}
retry 10 is_there
check_error "but nobody joins there" 6 'but not its policyd' \
    join "127.0.0.1:$FALSE_PORT" "$token" --directory "$WORK/mine-dc"
stop_daemon "$false_pid"
check "and the token is as good as before" join -q "$HERE" "$token" \
    --directory "$WORK/mine-dc" --address 127.0.0.1:96

# ---- killed in between ----
# xl-vdc is killed, or interrupted, at any time: the same command completes it.
for i in 1 2 3 4 5 6 7 8; do
    token=$(vdc dc-token -q "k$i")
    (
        exec "$BIN/xl-ext/xl-vdc" dc-join -q "$HERE" "$token" \
            --directory "$WORK/k$i-dc" --address "127.0.0.1:$((i + 100))"
    ) >/dev/null 2>&1 &
    killed=$!
    sleep "0.00$i"
    [ $((i % 3)) = 0 ] && signal=TERM || signal=KILL
    kill "-$signal" "$killed" 2>/dev/null
    wait "$killed" 2>/dev/null
    vdc dc-join -q "$HERE" "$token" --directory "$WORK/k$i-dc" \
        --address "127.0.0.1:$((i + 100))" >/dev/null 2>"$WORK/stderr" ||
        grep -q 'has joined already' "$WORK/stderr" ||
        failed "joining again after kill -9, $i" "$(cat "$WORK/stderr")"
    [ "$(ls "$WORK/k$i-dc")" = host.pem ] ||
        failed "what is left, $i" "$(ls "$WORK/k$i-dc")"
done
check_equal "8 that were killed are hosts" 8 \
    "$(vdc host-list -o name | grep -c '^k')"
check "why one cannot be reached is told" retry 5 \
    told 'k1: tls:127.0.0.1:101: .*refused'
# The certificate was given, and cannot be kept: the key that waits is the one
# that policyd knows.
token=$(vdc dc-token -q --expires 3s lost)
mkdir -m 700 "$WORK/lost-dc"
mkdir "$WORK/lost-dc/host.pem.new"
l() {
    join -q "$HERE" "$token" --directory "$WORK/lost-dc" --address 127.0.0.1:99
}
check_error "a certificate that cannot be kept" 9 'cannot write' l
check "is told how to be had" grep -q 'once more, completes it' "$WORK/stderr"
check "policyd has let it in" sh -c \
    "'$BIN/xl-ext/xl-vdc' host-list -o name | grep -q '^lost$'"
rmdir "$WORK/lost-dc/host.pem.new"
stop_policyd KILL
start_policyd
retry 10 answers
sleep 3
check_output "and it is had by the same command, however late" '^lost$' l
check_equal "which is the one in the book" \
    "$(openssl x509 -in "$WORK/lost-dc/host.pem" -noout -fingerprint -sha256 |
    sed 's/.*=//; s/://g' | tr A-F a-f)" \
    "$(vdc host-list -o json >"$WORK/h.json"
    json "$WORK/h.json" "\$.hosts[$(vdc host-list -o name | grep -n '^lost$' |
        cut -d: -f1 | awk '{ print $1 - 1 }')].record.certificate")"

# ---- the clock ----
# xl-vdc with a clock that is a day off, by a library that says so.
token=$(vdc dc-token -q late)
if ${CC:-cc} -shared -fPIC -o "$WORK/shift.so" \
    "$(dirname "$0")/clock_shift.c" -ldl 2>"$WORK/cc.log"; then
    shifted() { # SECONDS
        env CLOCK_SHIFT="$1" LD_PRELOAD="$WORK/shift.so" \
            "$BIN/xl-ext/xl-vdc" dc-join -q "$HERE" "$token" \
            --directory "$WORK/late-dc" --address 127.0.0.1:98
    }
    check_error "a clock that is a day behind" 6 \
        "by the clock here, .* is not valid yet" shifted -86400
    check "says what to do" grep -q 'set the clock' "$WORK/stderr"
    check_error "a clock that is a day ahead" 2 \
        "the clock of this machine says .* differ by more than 5 minutes" \
        shifted 86400
    check_equal "nothing is left of it" 0 \
        "$(find "$WORK/late-dc" -type f 2>/dev/null | wc -l)"
    check "with the right time the same token is good" shifted 0
else
    skipped "a clock that is off needs a compiler"
fi
token=$(vdc dc-token -q --expires 1s soon)
sleep 1.2
check_error "a token that has expired" 6 'the token expired at' \
    join "$HERE" "$token" --directory "$WORK/soon-dc"
check_equal "leaves nothing" 0 "$(find "$WORK/soon-dc" -type f | wc -l)"

# ---- versions ----
check_output "another protocol is refused clearly, by resourced" \
    'speaks protocol 2, resourced .* speaks protocol 1' \
    env DC_SAY_PROTOCOL=2 "$BIN/tests/sim/dc-say" "127.0.0.1:$BETA_PORT" \
    beta "$DC/ca.pem" "$DC/policyd.pem"

# ---- a host is removed ----
cp "$BETA/host.pem" "$WORK/removed.pem"
check "host-remove" vdc host-remove -q beta
check_equal "it is none any more" 0 "$(vdc host-list -o name | grep -c beta)"
check "policyd has hung up" retry 15 sh -c \
    "! grep -qi '0100007F:$(printf %04X "$BETA_PORT") .* 01 ' /proc/net/tcp"
check_output "its certificate commands nobody" \
    'no guest is expected from this host now' \
    env DC_SAY_THEN=host_show "$BIN/tests/sim/dc-say" "127.0.0.1:$GAMMA_PORT" gamma "$DC/ca.pem" \
    "$WORK/removed.pem"
check_error "it cannot be added back by its address" 2 'by joining' \
    vdc host-add beta "tls:127.0.0.1:$BETA_PORT"
check_error "nor by the token that it had" 6 'is not known here' \
    b "$beta_token" --again
token=$(vdc dc-token -q beta)
check "it may join anew" b "$token" --again -q
check "and is up" retry 10 state_is beta up
cat "$WORK/removed.pem" >"$BETA/host.pem"
stop_daemon "$beta_pid"
start_beta
check "with what it had before it was removed it is not" retry 10 \
    told 'good no more'

# ---- a host leaves ----
rm "$WORK/gamma-dc/host.pem"
check "a certificate that is taken away ends what is open" retry 10 \
    state_is gamma 'resourced does not answer'
check "which the log says" grep -q 'is gone: nobody commands it' \
    "$WORK/gamma.log"
token=$(vdc dc-token -q gamma --again)
check "it joins again" join -q "$HERE" "$token" --directory "$WORK/gamma-dc" \
    --address "127.0.0.1:$GAMMA_PORT"
check "and is up" retry 10 state_is gamma up

# ---- the authority is not there ----
stop_policyd
mv "$DC" "$WORK/away"
start_policyd
check "policyd serves all the same" retry 10 state_is alpha up
check "and says what it lacks" told \
    'gamma: tls:.*this data center has no certificate authority'
check_error "another is not made by mistake" 4 \
    'hosts have joined under an authority whose files' vdc dc-init
check_error "nor tried" 4 'hosts have joined' vdc dc-init --dry-run
check_equal "nothing is there" 0 "$(find "$DC" 2>/dev/null | wc -l)"
mkdir -m 700 "$DC"
echo garbage >"$DC/ca.pem"
chmod 600 "$DC/ca.pem"
stop_policyd
start_policyd
check "with files that are damaged it serves, too" retry 10 state_is alpha up
check_error "and leaves them as they are" 2 'ca.pem: there is no certificate' \
    vdc dc-init --again
check_equal "whatever is said" garbage "$(cat "$DC/ca.pem")"
rm "$DC/ca.pem"
check_error "nor is another made when they are taken away" 4 \
    'hosts have joined under an authority whose files' vdc dc-init
stop_policyd
start_policyd
retry 10 answers
check "one is made when it is meant" vdc dc-init -q --again
check "which gamma is not of" retry 10 \
    told "gamma: .*of a CA that is not trusted here"
stop_policyd
rm -r "$DC"
mv "$WORK/away" "$DC"
start_policyd
check "with its files back gamma is up" retry 10 state_is gamma up

# A copy of the authority's key that is for everybody.
stop_policyd
chmod 644 "$DC/ca.pem"
start_policyd
retry 10 answers
check "a key that others may use is not used" retry 10 \
    told 'gamma: .*others may use .*ca.pem'
check_error "and that is said" 2 'others may use .*ca.pem' \
    vdc dc-token delta
check "with what to do" grep -q 'chmod 600' "$WORK/stderr"
chmod 600 "$DC/ca.pem"
check_equal "that done, it is the same" "$ca" "$(vdc dc-init -q)"
check "and gamma is up" retry 15 state_is gamma up

# ---- time goes by ----
# 345 days later, on all: policyd has renewed its own, and gamma's.
fingerprint() { # FILE
    openssl x509 -in "$1" -noout -fingerprint -sha256 2>/dev/null |
        sed 's/.*=//; s/://g' | tr A-F a-f
}
book_has() { # HOST FIELD: as the book has it
    vdc host-list -o json >"$WORK/h.json"
    json "$WORK/h.json" "\$.hosts[$(vdc host-list -o name | grep -nx "$1" |
        cut -d: -f1 | awk '{ print $1 - 1 }')].record.$2"
}
is_renewed() { # UNLIKE: the book has another of gamma's, as gamma itself
    now=$(fingerprint "$WORK/gamma-dc/host.pem")
    [ -n "$now" ] && [ "$now" != "$1" ] &&
        [ "$(book_has gamma certificate)" = "$now" ] &&
        [ -z "$(book_has gamma certificate_next)" ]
}
shift_clock() { # SECONDS: of both, from their next start on
    stop_daemon "$gamma_pid"
    stop_policyd
    CLOCK_SHIFT=$1
    LD_PRELOAD=$WORK/shift.so
    export CLOCK_SHIFT LD_PRELOAD
    start_gamma
}
if [ -e "$WORK/shift.so" ]; then
    own=$(openssl x509 -in "$DC/policyd.pem" -noout -serial)
    gammas=$(fingerprint "$WORK/gamma-dc/host.pem")
    shift_clock 29808000
    start_policyd
    unset CLOCK_SHIFT LD_PRELOAD
    check "gamma is up, as the certificate is good still" retry 10 \
        state_is gamma up
    check_equal "policyd's is another" differs "$([ "$own" = \
        "$(openssl x509 -in "$DC/policyd.pem" -noout -serial)" ] ||
        echo differs)"
    check "gamma's is renewed, with nobody there" retry 20 is_renewed "$gammas"
    check "its key, too" sh -c "[ ! -e '$WORK/gamma-dc/host.key' ]"
    check_equal "for itself alone" 600 "$(mode "$WORK/gamma-dc/host.pem")"
    check "gamma reads it" retry 10 sh -c "sed '1,/has renewed/d' \
        '$WORK/gamma.log' | grep -q 'certificate of this host was read'"
    check "and is up with it" retry 15 state_is gamma up
    check "it is on record" sh -c \
        "'$BIN/xl-ext/xl-vdc' audit | grep -q 'dc.renew.*gamma'"
    check "that k1's will expire is told, as nobody can ask k1" told \
        'k1: its certificate is good until .*dc-token k1 --again'
    check "a long reason besides" vdc host-set -q k1 --state maintenance \
        --reason "$(printf '%0127d' 0)"
    check "is cut, and the list is there" told \
        'k1: its certificate .*maintenance: 0*\.\.\.$'

    # Killed at any moment of it: good for as long as it takes, and whole in
    # the end.
    days=345
    for after in 1.0 1.05 1.1 1.15 1.2 1.3; do
        days=$((days + 290))
        gammas=$(fingerprint "$WORK/gamma-dc/host.pem")
        shift_clock $((days * 86400))
        start_policyd
        sleep "$after"
        stop_policyd KILL
        start_policyd
        unset CLOCK_SHIFT LD_PRELOAD
        check "killed after $after s: renewed" retry 20 is_renewed "$gammas"
        check "killed after $after s: up" retry 15 state_is gamma up
    done
    # It cannot be kept there: the one before is good, and the next is tried.
    days=$((days + 290))
    gammas=$(fingerprint "$WORK/gamma-dc/host.pem")
    mkdir "$WORK/gamma-dc/host.pem.new"
    shift_clock $((days * 86400))
    start_policyd
    check "one that cannot be kept is told of" retry 20 \
        grep -q 'certificate of host gamma is not renewed: .*host.pem' \
        "$WORK/policyd.log"
    check_equal "the host has the one before" "$gammas" \
        "$(fingerprint "$WORK/gamma-dc/host.pem")"
    check "and is up" retry 10 state_is gamma up
    stop_policyd
    stop_daemon "$gamma_pid"
    start_gamma
    start_policyd
    check "as it is after both were restarted" retry 10 state_is gamma up
    rmdir "$WORK/gamma-dc/host.pem.new"
    stop_policyd
    start_policyd
    check "with room for it, it is renewed" retry 20 is_renewed "$gammas"
    unset CLOCK_SHIFT LD_PRELOAD
fi
