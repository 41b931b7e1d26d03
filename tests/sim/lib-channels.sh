# Sourced after lib.sh by tests with channels: channeld of the simulated host,
# and channelds of its guests.

CHANNELD=$(cd "$BIN" && pwd)/channeld/channeld
channeld_pids= # of all that were started
host_channeld_pid=
XEN_VDC_CHANNEL_SOCKET=$WORK/channel.sock
export XEN_VDC_CHANNEL_SOCKET

finish_channels() {
    # what it was is for finish to say
    status=$?
    for pid in $channeld_pids; do
        stop_daemon "$pid"
    done
    (exit $status)
    finish
}
trap finish_channels EXIT

write_channeld_settings() { # the rules are $WORK/rules
    cat >"$WORK/channeld.conf" <<END
socket = "$WORK/channel.sock"
rules = "$WORK/rules"
sequence = "$WORK/channeld.sequence"
policyd_socket = "$WORK/policyd.sock"
hypervisor = "sim:state=$WORK/sim.state,beside=yes,memory=4G,dom0_memory=512M"
simulated_guests = "$WORK/guests.sock"
operators = [ "$(id -u)" ]
END
}
start_channeld() {
    "$CHANNELD" --config "$WORK/channeld.conf" >>"$WORK/channeld.log" 2>&1 &
    host_channeld_pid=$!
    channeld_pids="$channeld_pids $!"
}
start_guest() { # NAME DOMID
    cat >"$WORK/$1.conf" <<END
socket = "$WORK/$1.sock"
control = "sim:$2:$WORK/guests.sock"
END
    "$CHANNELD" --guest --config "$WORK/$1.conf" >>"$WORK/channeld.log" 2>&1 &
    channeld_pids="$channeld_pids $!"
}
# A guest "web" of each of two customers, with its channeld: needs web.cfg.
start_guests_of() { # CUSTOMER...
    for owner in "$@"; do
        check "a guest of $owner" \
            vdc create "$WORK/web.cfg" --customer "$owner" --quiet
        start_guest "$owner" "$(vdc domid "$owner.web")"
        retry 20 in_guest "$owner" channel-list ||
            failed "channeld in $owner.web"
    done
}
# With the channels of a guest: its programs would find them by themselves.
in_guest() { # NAME COMMAND...
    guest=$1
    shift
    XEN_VDC_CHANNEL_SOCKET=$WORK/$guest.sock vdc "$@"
}
# As somebody in that guest: policyd, too, is reached over a channel only.
inside() { # NAME COMMAND...
    guest=$1
    shift
    XEN_VDC_SOCKET=channel:$WORK/$guest.sock vdc "$@"
}
