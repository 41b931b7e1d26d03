#!/bin/sh
# Two policyd share an etcd; a host is emptied while whoever leads is killed
# again and again, and the other goes on.
SIM_OPTIONS=memory=4G,dom0_memory=512M,save_ms=150,create_ms=50
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
. "$(dirname "$0")/../etcd.sh"
if ! command -v etcd >/dev/null; then
    skipped "the leader dies: there is no etcd"
    exit 0
fi
start_hosts
start_etcd "$WORK/etcd"

# As systemd does it: whoever ends is started again.
stand() { # WHICH
    while [ ! -e "$WORK/enough" ]; do
        "$BIN/policyd/policyd" --config "$WORK/$1.conf" --foreground \
            >>"$WORK/policyd-$1.log" 2>&1 &
        echo $! >"$WORK/$1.pid"
        wait $!
        sleep 0.2
    done
}
for which in a b; do
    sed -e "s|^socket = .*|socket = \"$WORK/$which.sock\"|" \
        -e "s|^host_name = .*|host_name = \"$which\"|" \
        -e "s|^command_address = .*|command_address = \"\"|" \
        "$WORK/policyd.conf" >"$WORK/$which.conf"
    cat >>"$WORK/$which.conf" <<END
store = "etcd:$etcd_url"
store_lease = "1s"
END
    stand $which &
    eval "stand_$which=$!"
done
end_all() {
    touch "$WORK/enough"
    for which in a b; do
        kill "$(cat "$WORK/$which.pid")" 2>/dev/null
    done
    wait "$stand_a" "$stand_b" 2>/dev/null
    end_three
    stop_daemon "$etcd_pid"
}
trap 'status=$?; end_all; (exit $status); finish' EXIT
leader=
one_leads() {
    for which in a b; do
        XEN_VDC_SOCKET=$WORK/$which.sock
        leader=$which
        vdc host-list >/dev/null 2>&1 && return 0
    done
    return 1
}
check "one of two leads" retry 30 one_leads
one_leads
for host in alpha beta gamma; do
    vdc host-add -q $host "memory:$WORK/$host.sock" || exit 1
done
retry 20 all_up || exit 1
config web.cfg
vdc customer-create -q acme --memory 16G --guests 40 || exit 1
for i in 1 2 3 4 5 6 7 8; do
    make_on alpha "g$i"
done
all() {
    for i in 1 2 3 4 5 6 7 8; do
        identity "g$i"
    done
}
before=$(all)
quota=$(usage)
check "a host is to be emptied" vdc host-evacuate --no-wait -p 2 alpha
n_killed=0
for _ in 1 2 3; do
    sleep 0.4
    one_leads || continue
    vdc moves | grep -q 'under way$' && n_killed=$((n_killed + 1))
    kill -9 "$(cat "$WORK/$leader.pid")"
    retry 30 one_leads
    one_leads
done
check "leaders were killed in the middle of it ($n_killed)" [ $n_killed -gt 0 ]
one_leads
retry 20 all_up
check "it ends" retry 60 none_under_way
check_equal "the host is empty" 0 "$(on_host alpha)"
check_output "and in maintenance" '^alpha +maintenance' vdc host-list
check_equal "each went once" 8 "$(vdc audit -C acme |
    grep -cE 'host_evacuate +g[0-9] ')"
check_equal "the guests are what they were" "$before" "$(all)"
check_equal "quotas, too" "$quota" "$(usage)"
check_equal "no files are left" "" "$(ls "$WORK/moves")"
check "the lists were looked at" [ "$(looks)" -gt 20 ]
check_equal "no guest was ever on two hosts" "" "$(cat "$WORK/twice")"
