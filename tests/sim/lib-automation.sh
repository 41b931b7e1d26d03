# Sourced after lib.sh: automationd on the simulated host, and xenstore's tools
# in $WORK/bin, with the simulator behind them.

CTL=$(cd "$BIN" && pwd)/tests/sim/sim-ctl
automationd_pid=
REQUESTS=/tool/xen-vdc/request
STATES=/tool/xen-vdc/state

# In a guest's place (SIM_DOMID) paths may be relative to its folder.
make_tools() {
    mkdir -p "$WORK/bin"
    cat >"$WORK/bin/xenstore-tool" <<END
#!/bin/sh
tool=\${0##*-}
full() {
    case \$1 in
    /*) echo "\$1" ;;
    *) echo "/local/domain/\${SIM_DOMID:?}/\$1" ;;
    esac
}
ctl() {
    "$CTL" "$WORK/sim.state" "\$@"
}
case \$tool in
read) ctl read "\$(full "\$1")" ;;
write)
    while [ \$# -gt 1 ]; do
        ctl write "\$(full "\$1")" "\$2" || exit 1
        shift 2
    done ;;
rm) ctl remove "\$(full "\$1")" ;;
list) ctl names "\$(full "\$1")" ;;
exists) ctl read "\$(full "\$1")" >/dev/null 2>&1 ;;
watch) # -n 2 PATH: when it is set, and at a change
    shift 2
    before=\$(ctl xenstore | grep "^\$1")
    echo "\$1"
    while [ "\$before" = "\$(ctl xenstore | grep "^\$1")" ]; do
        sleep 0.1
    done
    echo "\$1" ;;
esac
END
    chmod +x "$WORK/bin/xenstore-tool"
    for name in read write rm list exists watch; do
        ln -sf xenstore-tool "$WORK/bin/xenstore-$name"
    done
    PATH=$WORK/bin:$PATH
}

write_automation_settings() { # [LINE]...
    {
        echo "hypervisor = \"sim:beside=yes,state=$WORK/sim.state,memory=4G,dom0_memory=512M\""
        echo "xl_vdc = \"$(cd "$BIN" && pwd)/xl-ext/xl-vdc\""
        echo "policyd_socket = \"$WORK/policyd.sock\""
        for line in "$@"; do
            echo "$line"
        done
    } >"$WORK/automation.conf"
}
start_automationd() {
    "$BIN/automation/automationd" --config "$WORK/automation.conf" \
        --foreground >>"$WORK/automationd.log" 2>&1 &
    automationd_pid=$!
    retry 20 xenstore-exists /tool/xen-vdc/automation/pid || {
        failed "automationd starts" "$(cat "$WORK/automationd.log")"
        exit 1
    }
}
stop_automationd() { # [SIGNAL]
    stop_daemon "$automationd_pid" "$@"
    automationd_pid=
    xenstore-rm /tool/xen-vdc/automation
}
finish_automation() {
    status=$?
    [ -z "$automationd_pid" ] || stop_daemon "$automationd_pid"
    (exit $status)
    finish
}
trap finish_automation EXIT

# What a node has; nothing when it is not there.
node() {
    xenstore-read "$1" 2>/dev/null
}
# ask ID TEXT: writes the request and waits for its end.
ask() {
    xenstore-write "$REQUESTS/$1" "$2"
    ended "$1"
}
ended() { # ID
    retry 60 has_ended "$REQUESTS/$1"
}
has_ended() { # FOLDER
    case $(node "$1/state") in
    done | failed) return 0 ;;
    esac
    return 1
}
is() { # NODE VALUE
    [ "$(node "$1")" = "$2" ]
}
# Where the state of a guest is.
state_of() { # CUSTOMER NAME
    for uuid in $(xenstore-list $STATES); do
        [ "$(node "$STATES/$uuid/owner").$(node \
            "$STATES/$uuid/name")" != "$1.$2" ] || echo "$STATES/$uuid"
    done
}
