# Sourced after lib.sh and lib-tls.sh by tests of several policyds that share an
# etcd, each with files of its own, and of hosts that join them.

# policyd_conf NAME PORT: one whose name that is, where machines join at PORT;
# it has no host of its own.
policyd_conf() {
    sed -e "s|^socket = .*|socket = \"$WORK/$1.sock\"|" \
        -e "s|^host_name = .*|host_name = \"$1\"|" \
        -e "s|^dc_directory = .*|dc_directory = \"$WORK/dc-$1\"|" \
        -e "s|^command_address = .*|command_address = \"\"|" \
        "$WORK/policyd.conf" >"$WORK/$1.conf"
    cat >>"$WORK/$1.conf" <<END
store = "etcd:$etcd_url"
store_lease = "2s"
dc_address = "127.0.0.1:$2"
END
}
# As systemd does it: whoever ends is started again, until end_stand; with
# which status it ended is a line of NAME.ended.
stand() { # NAME
    rm -f "$WORK/$1.enough"
    while [ ! -e "$WORK/$1.enough" ]; do
        "$BIN/policyd/policyd" --config "$WORK/$1.conf" --foreground \
            >>"$WORK/policyd-$1.log" 2>&1 &
        echo $! >"$WORK/$1.pid"
        wait $!
        echo $? >>"$WORK/$1.ended"
        sleep 0.3
    done
}
begin_stand() { # NAME
    stand "$1" &
    echo $! >"$WORK/$1.stand"
}
end_stand() { # NAME [SIGNAL]
    [ -e "$WORK/$1.stand" ] || return 0
    touch "$WORK/$1.enough"
    kill -"${2:-TERM}" "$(cat "$WORK/$1.pid")" 2>/dev/null
    wait "$(cat "$WORK/$1.stand")" 2>/dev/null
    rm -f "$WORK/$1.stand"
}
leads() { # NAME
    XEN_VDC_SOCKET=$WORK/$1.sock
    vdc host-list >/dev/null 2>&1
}

# joined_host NAME PORT: its settings; start_joined NAME and stop_joined NAME.
joined_host() {
    mkdir -p "$WORK/$1"
    cat >"$WORK/$1/resourced.conf" <<END
database = "$WORK/$1/resourced.db"
sequence = "$WORK/$1/resourced.sequence"
command_address = "unix:$WORK/$1/command.sock"
channel_socket = ""
hypervisor = "sim:state=$WORK/$1/sim.state,memory=6G,dom0_memory=512M,save_ms=150"
host_name = "$1"
dump_dir = "$WORK/dump"
restart_min_interval = 0
tls_address = "127.0.0.1:$2"
dc_directory = "$WORK/$1-dc"
END
}
start_joined() { # NAME
    "$BIN/resourced/resourced" --config "$WORK/$1/resourced.conf" \
        --foreground >>"$WORK/$1.log" 2>&1 &
    echo $! >"$WORK/$1/pid"
}
stop_joined() { # NAME [SIGNAL]
    [ ! -e "$WORK/$1/pid" ] || stop_daemon "$(cat "$WORK/$1/pid")" "${2:-TERM}"
    rm -f "$WORK/$1/pid"
}
host_joins() { # NAME PORT-OF-ITS-OWN PORT-OF-POLICYD [OPTION]...
    name=$1 own=$2 at=$3
    shift 3
    vdc dc-join -q "127.0.0.1:$at" "$(vdc dc-token -q "$name")" \
        --directory "$WORK/$name-dc" --address "127.0.0.1:$own" "$@"
}
state_is() { # HOST STATE
    vdc host-list | grep -qE "^$1 +$2 "
}
told() { # PATTERN
    vdc host-list 2>&1 | grep -q -- "$1"
}
fingerprint() { # FILE
    openssl x509 -in "$1" -noout -fingerprint -sha256 2>/dev/null |
        sed 's/.*=//; s/://g' | tr A-F a-f
}
images() {
    echo "a kernel" >"$WORK/images/vmlinuz"
    echo "an initramfs" >"$WORK/images/initramfs"
    chmod 644 "$WORK"/images/*
}
