#!/bin/sh
# Operators enter hosts: host-add, host-set, host-list, host-remove; and what
# commands say of guests on several hosts.
. "$(dirname "$0")/lib.sh"
start_host

# A second host: resourced with settings of its own.
mkdir "$WORK/beta"
cat >"$WORK/beta/resourced.conf" <<END
database = "$WORK/beta/resourced.db"
sequence = "$WORK/beta/resourced.sequence"
command_address = "unix:$WORK/beta/command.sock"
channel_socket = ""
hypervisor = "sim:state=$WORK/beta/sim.state,memory=6G,dom0_memory=512M"
host_name = "beta"
dump_dir = "$WORK/dump"
restart_min_interval = 0
END
beta_pid=
start_beta() {
    "$BIN/resourced/resourced" --config "$WORK/beta/resourced.conf" \
        --foreground >>"$WORK/beta.log" 2>&1 &
    beta_pid=$!
}
end_beta() {
    stop_daemon "$beta_pid" "$@"
    beta_pid=
}
trap 'status=$?; end_beta; (exit $status); finish' EXIT
start_beta
state_is() { # HOST STATE
    vdc host-list | grep -qE "^$1 +$2 "
}

# ---- what may be entered ----

check_output "a dry run" '^beta +not connected yet' \
    vdc host-add --dry-run beta "unix:$WORK/beta/command.sock"
check_equal "adds nothing" "alpha" "$(vdc host-list -o name)"
check "host-add" vdc host-add -q beta "unix:$WORK/beta/command.sock" \
    --tags ssd,gpu --domain rack-2
check "it is reached" retry 10 state_is beta up
check_output "with its tags and failure domain" '^beta .* ssd,gpu +rack-2 +-' \
    vdc host-list
vdc host-list -o json >"$WORK/hosts.json"
check "as JSON" json_is_valid "$WORK/hosts.json"
check_equal "its tag" "gpu" \
    "$(json "$WORK/hosts.json" '$.hosts[1].record.tags[1]')"
check_equal "its address" "unix:$WORK/beta/command.sock" \
    "$(json "$WORK/hosts.json" '$.hosts[1].record.address')"
check_error "twice" 4 "there is a host 'beta' already" \
    vdc host-add beta unix:/elsewhere
check_error "at another's address" 4 "host 'beta' has the address" \
    vdc host-add gamma "unix:$WORK/beta/command.sock"
check_error "at no address" 2 "memory:PATH, unix:PATH or" \
    vdc host-add gamma tcp:1.2.3.4
check_error "a name that is none" 2 "host: " vdc host-add 'a b' unix:/x
check_error "a tag that is none" 2 "tag 'a b'" vdc host-set beta --tags 'a b'
check_error "no state" 2 "up, draining or maintenance" \
    vdc host-set beta --state off
check_error "for nobody" 3 "no such customer: nobody" \
    vdc host-set beta --dedicated nobody
check_error "nothing to set" 2 "nothing to set" vdc host-set beta
check_error "of no host" 3 "no such host: gamma" \
    vdc host-set gamma --state draining

# ---- guests ----

vdc customer-create -q acme || exit 1
config web.cfg
sed 's/^name.*/name = "db"/' "$WORK/web.cfg" >"$WORK/db.cfg"
check "a guest" vdc create -q -C acme "$WORK/web.cfg"
check "another" vdc create -q -C acme "$WORK/db.cfg"
vdc list -o json >"$WORK/list.json"
hosts=$(sqlite3 :memory: "SELECT group_concat(h, ' ') FROM (SELECT DISTINCT
    json_extract(value, '\$.host') AS h FROM
    json_each(CAST(readfile('$WORK/list.json') AS TEXT), '\$.partitions')
    ORDER BY h)")
check_equal "they are on both hosts" "alpha beta" "$hosts"
check_output "events say where" ' on beta$' vdc events
check_output "host-verify of a host" 'beta: ' vdc host-verify beta
check_error "a host with guests" 4 "host 'beta' has 1 guests" \
    vdc host-remove beta
check_output "draining" '^beta +draining' \
    vdc host-set beta --state draining --reason 'new disks'
check_output "why" 'new disks' vdc host-list
sed 's/^name.*/name = "more"/' "$WORK/web.cfg" >"$WORK/more.cfg"
check "a guest more" vdc create -q -C acme "$WORK/more.cfg"
check_output "is on the other" '"host": "alpha"' vdc show -C acme -o json more

# ---- a host that is gone ----

end_beta KILL
check "it is seen" retry 10 state_is beta 'resourced does not answer'
check_output "its guest is listed" 'unknown' vdc list -o json
lost=$(vdc list -o json | grep -B30 '"unknown"' | grep '"name"' | tail -n 1 |
    sed 's/.*: "\(.*\)".*/\1/')
[ -n "$lost" ] || exit 1
check_error "and cannot be asked" 7 "host beta: resourced does not answer" \
    vdc show -C acme "$lost"
start_beta
check "it comes back" retry 10 state_is beta draining
check "with its guest" vdc destroy -q -C acme "$lost"

# ---- one host under two names ----

ln -s "$WORK/beta" "$WORK/gamma"
check "by another way" vdc host-add -q gamma "unix:$WORK/gamma/command.sock"
is_refused() {
    [ "$(vdc host-list | grep -c 'another name of a host')" = 1 ]
}
check "it is noticed" retry 10 is_refused
check_output "and said" 'is host (beta|gamma), under another name' \
    vdc host-list
check "host-remove of it" vdc host-remove -q gamma
check "the other is right again" retry 10 state_is beta draining

# ---- dedicated to who is to go ----

vdc customer-create -q leaving || exit 1
check "a host of its own" vdc host-set -q beta --dedicated leaving
check_error "whoever has one stays" 4 \
    '1 host is dedicated to customer leaving: beta$' \
    vdc customer-delete -q leaving
check_error "and what helps is said" 4 'xl-vdc host-set beta --dedicated ""' \
    vdc customer-delete -q leaving
check_error "by a dry run, too" 4 'is dedicated' \
    vdc customer-delete -n leaving
vdc host-set -q alpha --dedicated leaving
check_error "one of several" 4 '2 hosts are dedicated .*: alpha, beta$' \
    vdc customer-delete -q leaving
vdc host-set -q alpha --dedicated ""
check "that done" vdc host-set -q beta --dedicated ""
check "it goes" vdc customer-delete -q leaving

# ---- removed ----

check_output "a dry run" 'beta: would be removed' \
    vdc host-remove --dry-run beta
check "host-remove" vdc host-remove -q beta
check_equal "it is gone" "alpha" "$(vdc host-list -o name)"
check_error "policyd's own" 4 "is that of policyd.conf" vdc host-remove alpha
check_output "which the record has" ' host_remove +alpha +WRONG_STATE' \
    vdc audit --failed
stop_policyd
start_policyd
retry 20 answers
check_equal "for good" "alpha" "$(vdc host-list -o name)"
