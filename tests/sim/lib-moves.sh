# Sourced after lib.sh: three simulated hosts that see a directory, and who is
# where on them.  Whoever is on two of them at once is written to $WORK/twice.

alpha_pid=
beta_pid=
gamma_pid=
poll_pid=

settings_of() { # HOST
    sed -e "s|$WORK/resourced|$WORK/$1|g; s|$WORK/command|$WORK/$1|; \
        s|$WORK/sim|$WORK/$1|; s|\"alpha\"|\"$1\"|" \
        "$WORK/resourced.conf" >"$WORK/$1.conf"
}
start_one() { # HOST
    "$BIN/resourced/resourced" --config "$WORK/$1.conf" --foreground \
        >>"$WORK/$1.log" 2>&1 &
    eval "$1_pid=$!"
}
start_faulty() { # HOST FAULT
    "$BIN/tests/sim/sim-ctl" "$WORK/$1.state" reset-counts
    VDC_SIM_FAULT=$2 start_one "$1"
}
end_host() { # HOST [SIGNAL]
    eval "stop_daemon \"\$$1_pid\" ${2:-TERM}"
    eval "$1_pid="
}
restart_hard() { # HOST
    end_host "$1" KILL
    start_one "$1"
}
all_up() {
    [ "$(vdc host-list 2>/dev/null | grep -cE '^(alpha|beta|gamma) +up ')" = 3 ]
}

# A guest that is in a list before and after another look at all is there all
# the time between.
domains_of() { # FILE
    for host in alpha beta gamma; do
        "$BIN/tests/sim/sim-ctl" "$WORK/$host.state" list 2>/dev/null |
            awk -v h=$host '$1 ~ /[.]/ { print $1, h }
                $2 ~ /[.]/ { print $2, h }'
    done | sort -u >"$1"
}
poll() {
    while :; do
        domains_of "$WORK/look.1"
        domains_of "$WORK/look.2"
        comm -12 "$WORK/look.1" "$WORK/look.2" | cut -d' ' -f1 | uniq -d |
            sed "s/^/$(date +%T) /" >>"$WORK/twice"
        echo >>"$WORK/looked"
        sleep 0.05
    done
}
looks() {
    wc -l <"$WORK/looked"
}

start_hosts() {
    write_settings
    cat >>"$WORK/policyd.conf" <<END
move_directory = "$WORK/moves"
shared_paths = [ "$WORK/shared" ]
host_report_interval = "1s"
END
    mkdir -m 700 "$WORK/moves"
    mkdir "$WORK/shared"
    : >"$WORK/twice"
    : >"$WORK/looked"
    echo "a kernel" >"$WORK/images/vmlinuz"
    echo "an initramfs" >"$WORK/images/initramfs"
    chmod 644 "$WORK"/images/*
    trap 'status=$?; end_three; (exit $status); finish' EXIT
    for host in alpha beta gamma; do
        settings_of $host
        start_one $host
    done
    poll &
    poll_pid=$!
}
start_three() {
    start_hosts
    sed -i "s|$WORK/command|$WORK/alpha|" "$WORK/policyd.conf"
    start_policyd
    retry 20 answers || exit 1
    vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
    vdc host-add -q gamma "memory:$WORK/gamma.sock" || exit 1
    retry 20 all_up || exit 1
}
end_three() {
    stop_daemon "$poll_pid"
    for host in alpha beta gamma; do
        end_host $host
    done
}

# ---- who is where ----

show() { # GUEST PATH
    vdc show -o json "acme.$1" >"$WORK/show.json" 2>/dev/null &&
        json "$WORK/show.json" "$2"
}
usage() {
    vdc customer-list -o json | tr -d ' \n' | sed 's/.*"acme"//'
}
score() { # FILE: the score afterwards, in tenths
    echo $(($(json "$WORK/$1.json" '$.after') / 10000000))
}
host_of() {
    show "$1" '$.partition.host'
}
state_of() {
    show "$1" '$.partition.state'
}
identity() { # all that a move keeps
    show "$1" '$.partition.uuid' && json "$WORK/show.json" \
        '$.partition.customer' && json "$WORK/show.json" \
        '$.partition.name' && json "$WORK/show.json" \
        '$.partition.memory_kib' && json "$WORK/show.json" \
        '$.partition.max_memory_kib' && json "$WORK/show.json" '$.definition'
}
domains() { # XEN-NAME: the hosts that have such a domain
    domains_of "$WORK/look"
    awk -v n="$1" '$1 == n { printf "%s%s", s, $2; s = " " }' "$WORK/look"
}
on_host() { # HOST: how many guests
    vdc list -o json >"$WORK/list.json"
    grep -c "\"host\": *\"$1\"" "$WORK/list.json"
}
other_than() { # HOST
    case $1 in
    alpha) echo beta ;;
    beta) echo gamma ;;
    *) echo alpha ;;
    esac
}
none_under_way() {
    vdc moves -o json >"$WORK/moves.json" 2>/dev/null &&
        ! grep -qE '"under_way": *true' "$WORK/moves.json" && none_moves
}
none_moves() {
    vdc moves -o json >"$WORK/moves.json" 2>/dev/null &&
        ! grep -qE '"state": *"(preparing|leaving|arriving|abandoning|returning|defining)"' \
            "$WORK/moves.json"
}

# A guest of acme on this host, wherever placement would have put it.
make_on() { # HOST GUEST
    if [ -z "$(show "$2" '$.partition.name')" ]; then
        vdc create -q -C acme "$WORK/web.cfg" "name=$2" || exit 1
    fi
    [ "$(host_of "$2")" = "$1" ] || vdc migrate -q "acme.$2" "$1" >"$WORK/made" || exit 1
}

# Who may have guests, and guest one on alpha; what is to stay of it is
# $before.
make_one() {
    config web.cfg
    vdc customer-create -q acme --memory 16G --guests 40 || exit 1
    make_on alpha one
    before=$(identity one)
}

# ---- who dies in the middle ----

# Guest one is moved, and so much later a daemon is killed and started anew.
# Returns when who asked was answered; $from, $to.
die_during() { # policyd|from|to SECONDS
    from=$(host_of one)
    to=$(other_than "$from")
    vdc migrate -q acme.one "$to" >"$WORK/out" 2>&1 &
    asked=$!
    sleep "$2"
    case $1 in
    policyd)
        kill -9 "$policyd_pid"
        wait "$policyd_pid" 2>/dev/null
        start_policyd
        ;;
    from) restart_hard "$from" ;;
    to) restart_hard "$to" ;;
    esac
    wait "$asked"
}
# Guest one is moved while a host has a fault, of which its daemon dies, or does
# not; then it is started anew, after COMMAND if it did die.  Returns when who
# asked was answered; $dead when it did.
die_at() { # HOST FAULT TO [COMMAND...]
    at_host=$1
    fault=$2
    to=$3
    shift 3
    end_host "$at_host"
    start_faulty "$at_host" "$fault"
    retry 20 all_up
    vdc migrate -q acme.one "$to" >"$WORK/out" 2>&1 &
    asked=$!
    eval "pid=\$${at_host}_pid"
    dead=
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || dead=yes
        kill -0 $asked 2>/dev/null && [ -z "$dead" ] || break
        sleep 0.05
    done
    end_host "$at_host" KILL
    [ $# = 0 ] || [ -z "$dead" ] || "$@"
    start_one "$at_host"
    wait $asked
    retry 20 all_up
}

free_uid() {
    uid=40000
    while getent passwd $uid >/dev/null; do
        uid=$((uid + 1))
    done
    echo $uid
}

# Beta and gamma see another, small file system where the directory is; or
# gamma alone one with room.
sees_other() {
    grep -q "$WORK/moves" "/proc/$1/mounts" 2>/dev/null
}
start_apart() { # HOST SIZE
    unshare -rm sh -c "mount -t tmpfs -o size=$2,mode=700 none \
        '$WORK/moves' && exec '$BIN/resourced/resourced' \
        --config '$WORK/$1.conf' --foreground" >>"$WORK/$1.log" 2>&1 &
    eval "$1_pid=$!"
}
small_disk() {
    unshare -rm true 2>/dev/null || return 1
    end_host beta
    end_host gamma
    start_apart beta 16m
    retry 10 sees_other $beta_pid || return 1
    nsenter -t $beta_pid -U -m --preserve-credentials \
        "$(realpath "$BIN")/resourced/resourced" \
        --config "$WORK/gamma.conf" --foreground >>"$WORK/gamma.log" 2>&1 &
    gamma_pid=$!
    retry 10 all_up
}
other_disk() {
    unshare -rm true 2>/dev/null || return 1
    end_host gamma
    start_apart gamma 1g
    retry 10 all_up
}
