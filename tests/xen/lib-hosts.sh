# Sourced after lib.sh by tests of several real hosts: beds that are joined by
# a network on loopback (nested/beds), the first of which has policyd.
#
#   hosts_up alpha beta       they run, with our programs, and nothing of before
#   host_joins beta           it joins alpha's data center
#   on HOST 'LINE'            a shell line in that dom0, as root
#   create_on HOST NAME N     the example guest, of acme's, at 10.77.0.N
#   serves N [SECONDS]        waits for its page
#   domid_on HOST NAME        its number there; fails when it is not there
#
# With ALL_JOIN=yes before hosts_up the first host is one that joins, as the
# others are, so that guests are sent from it and to it; all have joined then.
#
# dom0, acme and globex are those of the host in AT, or of the first.  The beds
# are named after BED_NAME.

BEDS=$BED_NAME
HOSTS=
ALL_JOIN=${ALL_JOIN:-no}
SHARE=${BED_DIR:-$TOP/.bed}/share.$BEDS
MOVES=/srv/share/moves
DC_ADDRESS=10.77.0.1:8445
PROGRAM_UNITS='xen-vdc-resourced xen-vdc-policyd xen-vdc-channeld'

beds() {
    "$TOP/nested/beds" -n "$BEDS" "$@"
}
on() {
    local host=$1
    shift
    "$TOP/nested/bed" -n "$BEDS-$host" exec "$@" </dev/null
}
bed() {
    "$TOP/nested/bed" -n "$BEDS-${AT:-${HOSTS%% *}}" "$@"
}
end_beds() {
    beds kill $HOSTS
}
tell_why() {
    local host
    for host in $HOSTS; do
        echo "---- $host"
        on "$host" 'journalctl --no-pager -n 40 -u "xen-vdc-*"; xl list'
    done
}

# ---- up ----

# What a run before has left, of guests and of data.
clean_host() { # HOST
    on "$1" "systemctl stop xen-vdc.target $PROGRAM_UNITS 2>/dev/null
        for id in \$(xl list | awk 'NR > 1 && \$2 > 0 { print \$2 }'); do
            xl destroy \$id
        done
        rm -rf /run/xen-vdc/* /var/lib/xen-vdc/*.db* /var/lib/xen-vdc/dc \
            $MOVES/* /var/log/xen/console/guest-acme.*
        xenstore-rm /tool/xen-vdc 2>/dev/null; true"
}
# Settings as they are delivered, but for these lines.
set_up_host() { # HOST ADDRESS
    local host=$1 address=$2
    "$TOP/nested/bed" -n "$BEDS-$host" install "$STAGE" || return 1
    if [ "$host" != "${HOSTS%% *}" ] || [ "$ALL_JOIN" = yes ]; then
        on "$host" "echo 'tls_address = \"$address:8444\"' \
            >>/etc/xen-vdc/resourced.conf" || return 1
    fi
    if [ "$host" = "${HOSTS%% *}" ]; then
        on "$host" "mkdir -p -m 700 $MOVES
            cat >>/etc/xen-vdc/policyd.conf <<END
dc_address = \"$DC_ADDRESS\"
move_directory = \"$MOVES\"
shared_paths = [ \"/var/lib/xen-vdc/images\" ]
END
            [ $ALL_JOIN = no ] ||
                echo 'command_address = \"\"' >>/etc/xen-vdc/policyd.conf
            systemctl enable -q --now xen-vdc.target" &&
            bed push "$TOP"/examples/*.cfg /home/acme/
    else
        # No policyd: that of the first host commands it.
        on "$host" "systemctl mask -q xen-vdc-policyd
            systemctl enable -q --now xen-vdc.target"
    fi && on "$host" sync
}
host_runs() { # HOST
    on "$1" 'systemctl is-active xen-vdc-resourced'
}
# hosts_up HOST...: exits when they do not come up.
hosts_up() {
    local host pid pids=() failed=0 n=0
    HOSTS=$*
    mkdir -p "$SHARE"
    for host; do
        on "$host" true >/dev/null 2>&1 || failed=1
    done
    if [ $failed = 0 ]; then
        for host; do
            clean_host "$host"
        done
    else
        beds reset "$@" >/dev/null 2>&1
        beds boot --timeout "${BOOT_TIMEOUT:-180}" --share "$SHARE" "$@" ||
            { failed "the hosts boot"; exit 1; }
    fi
    failed=0
    for host; do
        n=$((n + 1))
        set_up_host "$host" "10.77.0.$n" >"$WORK/$host.log" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    for host; do
        retry 60 host_runs "$host" || failed=1
    done
    if [ $failed = 0 ] && [ "$ALL_JOIN" = yes ]; then
        all_join || failed=1
    fi
    [ $failed = 0 ] && retry 60 daemons_up ||
        { failed "xen-vdc starts on all" "$(tail -n 20 "$WORK"/*.log)"; exit 1; }
}
policyd_answers() {
    dom0 'xl-vdc host-list'
}
all_join() {
    local host
    retry 60 policyd_answers || return 1
    for host in $HOSTS; do
        host_joins "$host" || { dom0 'xl-vdc host-list'; return 1; }
    done
}

# ---- hosts of a data center ----

dc_token() { # HOST
    dom0 "xl-vdc dc-token -q $*"
}
dc_join() { # HOST TOKEN [OPTION]...
    local host=$1
    shift
    on "$host" "xl-vdc dc-join $DC_ADDRESS $*"
}
host_joins() { # HOST
    local token
    dom0 'xl-vdc dc-init -q' && token=$(dc_token "$1") &&
        dc_join "$1" "$token" && retry 30 host_is "$1" up
}
# What host-list says of it.
host_is() { # HOST STATE
    dom0 'xl-vdc host-list' | grep -qE "^$1 +$2 "
}

# ---- guests ----

# create_on HOST NAME N [SETTING]...: by an operator, who may name a host.
create_on() {
    local host=$1 name=$2 n=$3
    shift 3
    dom0 "cd /home/acme && xl-vdc create -q -C acme web.cfg name=$name \
        'vdc_host=\"$host\"' 'extra=\"console=hvc0 vdc.ip=10.77.0.$n/24 \
vdc.page=$name\"' $*"
}
serves() { # N [SECONDS]
    retry "${2:-120}" page "10.77.0.$1"
}
# As serves; a guest on HOST that the emulator lost is started again.
serves_on() { # HOST NAME N
    AT=$1 lost_mark
    for _ in 1 2 3; do
        serves "$3" 300 && return 0
        AT=$1 lost_one || return 1
        AT=$1 lost_mark
        echo "the emulator lost $2; started again" >&2
        dom0 "xl-vdc start acme.$2"
    done
    return 1
}
domid_on() { # HOST NAME
    on "$1" "xl domid acme.$2 2>/dev/null"
}
# Where Xen has a guest of this name.
hosts_with() { # NAME
    local host some=
    for host in $HOSTS; do
        ! domid_on "$host" "$1" >/dev/null || some="$some $host"
    done
    echo "${some# }"
}
state_of() { # NAME
    dom0 "xl-vdc show acme.$1" | sed -n 's/^state  *//p'
}
is_in_state() { # NAME STATE
    [ "$(state_of "$1")" = "$2" ]
}
# How often it has booted on a host, as its console says.
boots_on() { # HOST NAME
    on "$1" "grep -ac 'Linux version' \
        /var/log/xen/console/guest-acme.$2.log 2>/dev/null || true"
}

# ---- daemons ----

pid_on() { # HOST DAEMON
    on "$1" "systemctl show -p MainPID --value xen-vdc-$2"
}
# kill_on HOST DAEMON: returns when systemd has started another.
kill_on() {
    local old
    old=$(pid_on "$1" "$2")
    on "$1" "kill -9 $old" && retry 60 is_another "$1" "$2" "$old"
}
is_another() { # HOST DAEMON PID
    local now
    now=$(pid_on "$1" "$2") && [ "$now" != 0 ] && [ "$now" != "$3" ]
}
