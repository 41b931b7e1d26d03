#!/bin/sh
# policyd over TLS: those who come and mean no good, files that are wrong, and
# ends in the middle.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"
command -v python3 >/dev/null || {
    skipped "strange clients need python3"
    exit 0
}

# strange PORT WHAT [ARGUMENT]...
cat >"$WORK/strange.py" <<'END'
import socket, ssl, struct, sys, time

port, what = int(sys.argv[1]), sys.argv[2]
rest = sys.argv[3:]


def tcp():
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(30)
    return s


def tls(certificate=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if certificate:
        c.load_cert_chain(certificate + ".crt", certificate + ".key")
    return c.wrap_socket(tcp())


def field(number, value):
    return struct.pack("<HI", number, len(value)) + value


def frame(number, body):
    head = struct.pack("<4sHHII", b"VDC1", number, 0, 1, len(body))
    return struct.pack("<I", len(head + body)) + head + body


def answer(s):
    got = b""
    try:
        while len(got) < 100000:
            more = s.recv(65536)
            if not more:
                break
            got += more
            if len(got) > 4 and len(got) >= 4 + int.from_bytes(got[:4],
                                                               "little"):
                break
    except OSError as e:
        got += str(e).encode()
    return "".join(chr(b) if 32 <= b < 127 else " " for b in got)


hello = frame(4, field(1, b"strange") + field(2, b"1") +
              field(3, struct.pack("<I", 1)))
if what == "garbage":
    s = tcp()
    s.sendall(b"GET / HTTP/1.0\r\n\r\n" * 100)
    try:
        while s.recv(4096):
            pass
    except OSError:
        pass
    print("closed")
elif what == "silent":  # how long until it is closed; after half a handshake
    s = tcp()
    s.sendall(b"\x16\x03\x01\x02\x00\x01")
    begun = time.monotonic()
    while s.recv(4096):
        pass
    print("closed after %d s" % (time.monotonic() - begun))
elif what == "no-hello":
    s = tls()
    begun = time.monotonic()
    while s.recv(4096):
        pass
    print("closed after %d s" % (time.monotonic() - begun))
elif what == "idle":  # N connections, until standard input ends
    all = [tcp() for i in range(int(rest[0]))]
    print("ready", flush=True)
    sys.stdin.read()
    gone = 0
    for s in all:
        s.setblocking(False)
        try:
            gone += s.recv(1) == b""
        except OSError as e:
            gone += not isinstance(e, BlockingIOError)
    print("%d of them were closed" % gone)
elif what == "hello":  # with a certificate that xl-vdc would not show
    s = tls(rest[0] if rest else None)
    s.sendall(hello)
    print(answer(s))
elif what == "many":  # N at a time, all with one certificate
    all = [tls(rest[0]) for i in range(int(rest[1]))]
    for s in all:
        s.sendall(hello)
    answers = [answer(s) for s in all]
    print("%d were let in, %d were not" % (
        len([a for a in answers if "policyd" in a]),
        len([a for a in answers if "of this certificate already" in a])))
elif what == "first":  # something else than hello
    s = tls()
    s.sendall(frame(int(rest[0]), b""))
    print(answer(s))
elif what == "frame":  # a size that no frame has, and what is no message
    for bytes in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00",
                  b"\x10\x00\x00\x00" + b"x" * 16):
        s = tls()
        s.sendall(bytes)
        print(answer(s) or "    none")
elif what == "plain-after":  # TLS, and then no TLS any more
    s = tls()
    s.sendall(hello[:10])
    raw = socket.socket(fileno=s.detach())
    raw.settimeout(30)
    raw.sendall(b"not TLS at all, and long enough to be taken for a record")
    try:
        while raw.recv(4096):
            pass
    except OSError:
        pass
    print("closed")
elif what == "flood":  # asks, and reads nothing
    s = tls(rest[0])
    s.sendall(hello)
    answer(s)
    ask = frame(40, b"")  # is refused, at some length
    sent = 0
    s.settimeout(20)
    try:
        while sent < 400000:
            s.sendall(ask * 100)
            sent += 100
        print("all was taken")
    except OSError:
        print("closed")
END
strange() {
    timeout 60 python3 "$WORK/strange.py" "$TLS_PORT" "$@"
}

make_ca ca
make_ca other
make_certificate policyd ca subjectAltName=IP:127.0.0.1
make_certificate alice ca
make_certificate foreign other
make_certificate old ca basicConstraints=CA:FALSE 200101000000Z 200201000000Z
make_certificate early ca basicConstraints=CA:FALSE 480101000000Z \
    490101000000Z
start_tls_host
config web.cfg
vdc customer-create -q acme || exit 1
vdc certificate-add -q "$CERTS/alice.crt" acme >/dev/null || exit 1
served() {
    timeout 5 "$BIN/xl-ext/xl-vdc" -H "127.0.0.1:$TLS_PORT" list -q
}
XEN_VDC_CA=$CERTS/ca.crt
XEN_VDC_CERTIFICATE=$CERTS/alice.crt
XEN_VDC_KEY=$CERTS/alice.key
export XEN_VDC_CA XEN_VDC_CERTIFICATE XEN_VDC_KEY
check "somebody is served" served

# ---- those who say nothing go by themselves; others are served meanwhile ----
mkfifo "$WORK/stop"
strange idle 200 <"$WORK/stop" >"$WORK/idle" 2>&1 &
idle=$!
exec 8>"$WORK/stop"
check "200 connect, and say nothing" retry 10 grep -q ready "$WORK/idle"
check "somebody is served all the same" served
check "and again" served
descriptors() {
    find "/proc/$policyd_pid/fd" -type l 2>/dev/null | wc -l
}
n=$(descriptors)
if [ "$n" -lt 180 ]; then
    passed "they have not more than their part of the descriptors ($n in all)"
else
    failed "they have not more than their part of the descriptors" "$n"
fi
exec 8>&-
wait "$idle"
check_output "the oldest had to go" '(7[2-9]|8[0-9]) of them were closed' \
    cat "$WORK/idle"

# ---- those who say something wrong ----
strange silent >"$WORK/silent" 2>&1 &
silent=$!
strange no-hello >"$WORK/no-hello" 2>&1 &
no_hello=$!
check_output "what is no TLS" closed strange garbage
check_output "TLS that ends to be it" closed strange plain-after
check_equal "sizes that no greeting has, and what is no message" \
    "none none VDC1" "$(echo $(strange frame | cut -c5-8))"
check_output "nobody in particular is told so" \
    'neither a certificate nor a token was shown' strange hello
check_output "and may ask nothing before" 'first message must be hello' \
    strange first 26
check_output "a certificate that has expired" \
    "the certificate of 'CN = old' expired at 2020-02-01" \
    strange hello "$CERTS/old"
check_output "one that is not valid yet" \
    "the certificate of 'CN = early' is not valid before 2048-01-01" \
    strange hello "$CERTS/early"
check_output "one that nobody knows" "of 'CN = foreign' is not registered" \
    strange hello "$CERTS/foreign"
check_output "one certificate has not more than its part" \
    '^64 were let in, 6 were not$' strange many "$CERTS/alice" 70
check_output "who asks much and reads nothing is dropped" closed \
    strange flood "$CERTS/alice"
check "somebody is served all the same" served
wait "$silent"
check_output "who was silent in the handshake went after 10 s" \
    'closed after (9|10|11) s' cat "$WORK/silent"
wait "$no_hello"
check_output "as who was silent after it" 'closed after (9|10|11) s' \
    cat "$WORK/no-hello"
few() {
    [ "$(descriptors)" -lt 40 ]
}
check "they have left no descriptors" retry 5 few

# ---- files that are wrong ----
refuses() { # TEXT PATTERN LINE...
    text=$1
    pattern=$2
    shift 2
    tls_settings "$@"
    check_error "$text" 2 "$pattern" "$BIN/policyd/policyd" --foreground \
        --config "$WORK/policyd.conf"
}
stop_policyd
refuses "policyd has no certificate" "cannot read $CERTS/none: No such file" \
    "tls_certificate = \"$CERTS/none\""
refuses "none in the file" 'alice.key has no certificate that can be used' \
    "tls_certificate = \"$CERTS/alice.key\""
cp "$CERTS/alice.crt" "$CERTS/empty.key"
chmod 600 "$CERTS/empty.key"
refuses "no key in the file" 'empty.key has no key' \
    "tls_key = \"$CERTS/empty.key\""
refuses "another's key" 'alice.key is not that of the certificate in' \
    "tls_key = \"$CERTS/alice.key\""
refuses "a file that is to be given, too" 'needs tls_certificate and tls_key' \
    'tls_key = ""'
refuses "a CA that is not there" "cannot read $CERTS/none" \
    "tls_ca = \"$CERTS/none\""
refuses "an address that is none" "'here' is not HOST:PORT" \
    'tls_address = "here"'
refuses "a host by its name" "'localhost' is not the number of a host" \
    'tls_address = "localhost:8443"'
cp "$CERTS/policyd.key" "$CERTS/open.key"
chmod 644 "$CERTS/open.key"
refuses "a key that everybody may read" 'everybody may read the key in' \
    "tls_key = \"$CERTS/open.key\""
openssl pkcs8 -topk8 -in "$CERTS/policyd.key" -passout pass:secret \
    -out "$CERTS/locked.key" 2>>"$CERTS/log"
chmod 600 "$CERTS/locked.key"
refuses "a key with a passphrase" 'locked.key has a passphrase' \
    "tls_key = \"$CERTS/locked.key\""
check_error "--check-config sees it, too" 2 'locked.key has a passphrase' \
    "$BIN/policyd/policyd" --check-config --config "$WORK/policyd.conf"

# ---- read again ----
tls_settings "tls_ca = \"$CERTS/trusted.crt\""
cp "$CERTS/ca.crt" "$CERTS/trusted.crt"
start_policyd
retry 20 answers
vdc certificate-add -q "$CERTS/foreign.crt" acme >/dev/null
check "with a tls_ca those of it are served" served
check_output "others are not, registered or not" \
    "no CA that policyd trusts vouches for the certificate of 'CN = foreign'" \
    strange hello "$CERTS/foreign"
"$BIN/xl-ext/xl-vdc" -H "127.0.0.1:$TLS_PORT" events --follow \
    >"$WORK/events" 2>&1 &
follower=$!
cat "$CERTS/other.crt" >>"$CERTS/trusted.crt"
kill -HUP "$policyd_pid"
trusted() {
    strange hello "$CERTS/foreign" | grep -q 'policyd *[0-9]'
}
check "until their CA is trusted, too" retry 5 trusted
vdc create -q -C acme "$WORK/web.cfg"
check "who was there before is there still" \
    retry 5 grep -q created "$WORK/events"
echo nonsense >"$CERTS/trusted.crt"
kill -HUP "$policyd_pid"
check "a file that is spoiled is told of" \
    retry 5 grep -q 'trusted.crt has no certificates of a CA' \
    "$WORK/policyd.log"
check "what was there before holds" trusted
check "for all" served

# ---- policyd ends in the middle ----
stop_daemon "$policyd_pid" KILL
wait "$follower"
check_equal "who follows events is told" 7 $?
check_output "in words" 'policyd closed the connection' cat "$WORK/events"
check_error "nobody is there then" 7 'Connection refused' \
    "$BIN/xl-ext/xl-vdc" -H "127.0.0.1:$TLS_PORT" list
cp "$CERTS/ca.crt" "$CERTS/trusted.crt"
start_policyd
retry 20 answers
check "and soon again" served
kill -STOP "$resourced_pid"
"$BIN/xl-ext/xl-vdc" -H "127.0.0.1:$TLS_PORT" create "$WORK/web.cfg" \
    name=half >"$WORK/half" 2>&1 &
half=$!
sleep 0.5
stop_daemon "$policyd_pid" KILL
kill -CONT "$resourced_pid"
wait "$half"
check_equal "in the middle of a request" 7 $?
check_output "it is said what to look at" "'xl-vdc list' shows" \
    cat "$WORK/half"
policyd_pid=
start_policyd
retry 20 answers
check "it goes on then" served
