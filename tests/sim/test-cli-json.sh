#!/bin/sh
# -o json of every command is one JSON value (of events, one a line), and has
# what it is asked for.
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || {
    skipped "sqlite3 is not here"
    exit 0
}
start_host
config web.cfg

# valid COMMAND...: with -o json
valid() {
    if vdc "$@" -o json >"$WORK/out.json" 2>"$WORK/stderr" &&
        json_is_valid "$WORK/out.json"; then
        passed "valid: $*"
    else
        failed "valid: $*" "$(cat "$WORK/out.json" "$WORK/stderr")"
    fi
}
has() {
    check_equal "$1 is $2" "$2" "$(json "$WORK/out.json" "$1")"
}

valid version
has '$.daemons.protocol' 1
valid dc-status
has '$.hosts[0].state' up
valid customer-create acme --memory 1G --user 61001
has '$.customers[0].name' acme
has '$.customers[0].quota.memory_kib' 1048576
has '$.customers[0].quota.vcpus' -1
valid customer-create globex --dry-run
valid customer-list
has '$.customers[0].logins[0].uid' 61001
check_equal "globex was not made" "acme " "$(customers)"
valid customer-show acme
valid create -C acme "$WORK/web.cfg" --dry-run
valid create -C acme "$WORK/web.cfg"
has '$.partition.name' web
has '$.partition.state' running
has '$.partition.memory_kib' 65536
has '$.partition.customer' acme
valid list
has '$.partitions[0].name' web
valid list acme.web
has '$.partitions[0].managed' 1
valid list --all
valid list --long
has '$[0].config.name' web
valid show acme.web
has '$.definition.memory_kib' 65536
has '$.definition.on_reboot' restart
valid config-check "$WORK/web.cfg"
has '$.on_boot' last
valid rename acme.web www
has '$.partition.name' www
valid shutdown -w acme.www
has '$.results[0].partition.state' stopped
valid start acme.www
has '$.results[0].partition.state' running
valid reboot -w acme.www
valid destroy --keep acme.www
valid destroy acme.www
has '$.results[0].partition.name' www
valid customer-delete acme -n
has '$.deleted' 0
valid customer-delete acme
has '$.deleted' 1
valid host-list
has '$.hosts[0].simulated' 1
valid host-show alpha
has '$.cpu_features[0]' intel

vdc events -o json >"$WORK/events.json"
n=0
bad=0
while read -r line; do
    n=$((n + 1))
    printf '%s\n' "$line" >"$WORK/line.json"
    json_is_valid "$WORK/line.json" || bad=$((bad + 1))
done <"$WORK/events.json"
check_equal "events: $n lines, each an object" 0 "$bad"
check "events: some" [ "$n" -gt 3 ]

vdc start -o json acme.a acme.b >"$WORK/out.json" 2>"$WORK/errors"
check_equal "status when all fail" 3 $?
check "the results are JSON still" json_is_valid "$WORK/out.json"
has '$.results[1].error.name' NOT_FOUND
check_equal "each error is on standard error too" 2 \
    "$(wc -l <"$WORK/errors")"
