# Sourced after lib.sh, lib-moves.sh and lib-tls.sh: three simulated hosts that
# have joined over TLS, and who runs where on them.  Whoever runs on two of them
# at once is written to $WORK/twice.

DC_PORT=$TLS_PORT
HERE=127.0.0.1:$DC_PORT

port_of() { # HOST
    case $1 in
    alpha) echo $((TLS_PORT + 1)) ;;
    beta) echo $((TLS_PORT + 2)) ;;
    *) echo $((TLS_PORT + 3)) ;;
    esac
}
joined_settings() { # HOST [SIM-OPTION]
    sed -e "s|$WORK/resourced|$WORK/$1|g; s|$WORK/command|$WORK/$1|; \
        s|$WORK/sim|$WORK/$1|; s|\"alpha\"|\"$1\"|; \
        s|^channel_socket.*|channel_socket = \"\"|" \
        "$WORK/resourced.conf" >"$WORK/$1.conf"
    cat >>"$WORK/$1.conf" <<END
tls_address = "127.0.0.1:$(port_of "$1")"
dc_directory = "$WORK/$1-dc"
END
    [ $# = 1 ] || sed -i "s|^hypervisor = \"\(.*\)\"|hypervisor = \"\1,$2\"|" \
        "$WORK/$1.conf"
}
listed() {
    vdc host-list >"$WORK/hosts" 2>&1
}
join_one() { # HOST
    token=$(vdc dc-token -q "$1") || exit 1
    vdc dc-join -q "$HERE" "$token" --directory "$WORK/$1-dc" \
        --address "127.0.0.1:$(port_of "$1")" >"$WORK/out" || exit 1
}

# On two hosts it may be there at once; only on one may it run.  As in
# lib-moves.sh, who runs on a host before and after another look at all runs
# there all the time between.
running_of() { # FILE
    for host in alpha beta gamma; do
        "$BIN/tests/sim/sim-ctl" "$WORK/$host.state" list 2>/dev/null |
            awk -v h=$host '$1 ~ /[.]/ && $5 !~ /[psd]/ { print $1, h }'
    done | sort -u >"$1"
}
poll() {
    while :; do
        running_of "$WORK/look.1"
        running_of "$WORK/look.2"
        comm -12 "$WORK/look.1" "$WORK/look.2" | cut -d' ' -f1 | uniq -d |
            sed "s/^/$(date +%T) /" >>"$WORK/twice"
        echo >>"$WORK/looked"
        sleep 0.02
    done
}
runs_on() { # XEN-NAME: the hosts where it runs
    running_of "$WORK/runs"
    awk -v n="$1" '$1 == n { printf "%s%s", s, $2; s = " " }' "$WORK/runs"
}
# Nothing of it is left but where it is.
only_on() { # GUEST HOST
    [ "$(domains "acme.$1")" = "$2" ] && [ "$(runs_on "acme.$1")" = "$2" ]
}

start_joined() {
    write_settings
    cat >>"$WORK/policyd.conf" <<END
dc_address = "$HERE"
shared_paths = [ "$WORK/shared" ]
host_report_interval = "1s"
END
    sed -i 's|^command_address.*|command_address = ""|' "$WORK/policyd.conf"
    mkdir "$WORK/shared"
    : >"$WORK/twice"
    : >"$WORK/looked"
    echo "a kernel" >"$WORK/images/vmlinuz"
    echo "an initramfs" >"$WORK/images/initramfs"
    chmod 644 "$WORK"/images/*
    trap 'status=$?; end_three; (exit $status); finish' EXIT
    start_policyd
    retry 20 listed || { cat "$WORK/hosts" "$WORK"/*.log >&2; exit 1; }
    vdc dc-init -q >"$WORK/out" || exit 1
    for host in alpha beta gamma; do
        [ -e "$WORK/$host.conf" ] || joined_settings $host
        start_one $host
        join_one $host
    done
    retry 20 all_up || exit 1
    poll &
    poll_pid=$!
}
domid_on() { # HOST XEN-NAME
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" list |
        awk -v n="$2" '$1 == n { print $2 }'
}
behave() { # HOST XEN-NAME WORDS
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" behave "$(domid_on "$1" "$2")" \
        "$3"
}
