# Sourced after lib.sh by tests over TLS: certificates of a CA that is made
# for the test, a policyd with a tls_address, and xl-vdc from elsewhere.

command -v openssl >/dev/null || {
    skipped "certificates need the program openssl"
    exit 0
}
CERTS=$WORK/certs
mkdir -m 755 "$CERTS"

# Files NAME.key and NAME.crt, of itself.
make_ca() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 30 -subj "/CN=$1" -keyout "$CERTS/$1.key" \
        -out "$CERTS/$1.crt" 2>>"$CERTS/log" || exit 1
}
# make_certificate NAME CA [EXTENSION [FROM TO]]: of a CA, for a month or, as
# YYMMDDHHMMSSZ, between two times.
make_certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "/CN=$1" -keyout "$CERTS/$1.key" -out "$CERTS/$1.csr" \
        2>>"$CERTS/log" || exit 1
    echo "${3:-basicConstraints=CA:FALSE}" >"$CERTS/$1.ext"
    if [ $# -lt 5 ]; then
        openssl x509 -req -in "$CERTS/$1.csr" -CA "$CERTS/$2.crt" \
            -CAkey "$CERTS/$2.key" -CAcreateserial -days 30 \
            -extfile "$CERTS/$1.ext" -out "$CERTS/$1.crt" \
            2>>"$CERTS/log" || exit 1
        return
    fi
    : >"$CERTS/index"
    cat >"$CERTS/ca.conf" <<END
[ca]
default_ca = it
[it]
database = $CERTS/index
new_certs_dir = $CERTS
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
END
    openssl ca -batch -notext -config "$CERTS/ca.conf" -in "$CERTS/$1.csr" \
        -cert "$CERTS/$2.crt" -keyfile "$CERTS/$2.key" -startdate "$4" \
        -enddate "$5" -extfile "$CERTS/$1.ext" -out "$CERTS/$1.crt" \
        2>>"$CERTS/log" || exit 1
}

# As policyd reads it.  Eight ports are this test's.
. "${TOP_SRCDIR:-.}/tests/ports.sh"
TLS_PORT=$(take_ports) || exit 1
tls_settings() { # [LINE]..., which go before those that are usual
    write_settings
    cat >>"$WORK/policyd.conf" <<END
tls_address = "127.0.0.1:$TLS_PORT"
tls_certificate = "$CERTS/policyd.crt"
tls_key = "$CERTS/policyd.key"
END
    for line in "$@"; do
        sed -i "/^${line%% *} =/d" "$WORK/policyd.conf"
        echo "$line" >>"$WORK/policyd.conf"
    done
}
# The same as start_host.
start_tls_host() {
    echo "a kernel" >"$WORK/images/vmlinuz"
    echo "an initramfs" >"$WORK/images/initramfs"
    chmod 644 "$WORK"/images/*
    tls_settings
    start_resourced
    start_policyd
    until retry 10 answers; do
        grep -q "listen on 127.0.0.1:$TLS_PORT" "$WORK/policyd.log" || {
            failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
            exit 1
        }
        wait "$policyd_pid"
        TLS_PORT=$(take_ports) || exit 1
        tls_settings
        : >"$WORK/policyd.log"
        start_policyd
    done
}

# xl-vdc from elsewhere, as whom a certificate says (-: nobody).
remote() { # NAME COMMAND...
    who=$1
    shift
    if [ "$who" = - ]; then
        env -u XEN_VDC_SOCKET XEN_VDC_HOST="${TLS_AT:-127.0.0.1:$TLS_PORT}" \
            XEN_VDC_CA="${TLS_CA:-$CERTS/ca.crt}" \
            "$BIN/xl-ext/xl-vdc" "$@"
    else
        env -u XEN_VDC_SOCKET XEN_VDC_HOST="${TLS_AT:-127.0.0.1:$TLS_PORT}" \
            XEN_VDC_CA="${TLS_CA:-$CERTS/ca.crt}" \
            XEN_VDC_CERTIFICATE="$CERTS/$who.crt" \
            XEN_VDC_KEY="$CERTS/$who.key" "$BIN/xl-ext/xl-vdc" "$@"
    fi
}
