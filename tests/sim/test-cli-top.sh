#!/bin/sh
# top: guests of several hosts, whose they are, and the terminal afterwards.
. "$(dirname "$0")/lib.sh"
terminal=${TOP_SRCDIR:-.}/tests/sim/terminal.py
command -v python3 >/dev/null || exit 77
start_host
beta_pid=
trap 'status=$?; stop_daemon "$beta_pid"; (exit $status); finish' EXIT
start_beta
vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
up() { [ "$(vdc host-list | grep -cE '^(alpha|beta) +up')" = 2 ]; }
retry 20 up || exit 1
vdc customer-create -q acme || exit 1
vdc customer-create -q other || exit 1
config web.cfg
guest() { # CUSTOMER NAME HOST [SETTING]...
    customer=$1
    name=$2
    host=$3
    shift 3
    vdc create -q -C "$customer" "$WORK/web.cfg" "name=\"$name\"" \
        "vdc_host=\"$host\"" "$@"
}
check "a guest" guest acme web alpha
check "on another host, and larger" guest acme db beta memory=128
check "another customer's" guest other mail beta memory=96 vcpus=2
check "one that is paused" vdc pause -q acme.db

# ---- batch ----

vdc top -b -i 2 -d 1 >"$WORK/top" 2>"$WORK/stderr"
check_equal "two samples" 2 "$(grep -c 'guests, CPU' "$WORK/top")"
check_output "of all hosts" '^acme\.db +beta +--p---' cat "$WORK/top"
check_output "of all customers" '^other\.mail +beta .* 96 +2$' cat "$WORK/top"
use() { # NAME: CPU in the last sample
    awk -v name="$1" '$1 == name { use = $4 } END { print use }' "$WORK/top"
}
check_equal "one that is paused uses nothing" 0.0 "$(use acme.db)"
# a simulated guest has 10 ms of CPU time a second
rate=$(awk '/CPU_NS_PER_MS/ && /define/ { print $3 / 10000 }' \
    "${TOP_SRCDIR:-.}"/libvdc/hv/sim/*.[ch] | head -1)
check_equal "the others what simulated guests do" "$rate" \
    "$(use acme.web | awk '{ printf "%g", $1 }')"
# two use the same, but for what is too small to be shown
check_equal "by use" "acme.db" \
    "$(awk '/^[a-z]+\./ { print $1 }' "$WORK/top" | tail -1)"
order() { # KEY
    vdc top -b -i 1 -d 1 -s "$1" | awk '/^[a-z]+\./ { print $1 }' | xargs
}
check_equal "by memory" "acme.db other.mail acme.web" "$(order memory)"
check_equal "by vCPUs" "other.mail acme.db acme.web" "$(order vcpus)"
check_equal "by name" "acme.db acme.web other.mail" "$(order name)"
check_equal "by host" "acme.web acme.db other.mail" "$(order host)"
check_equal "of one customer" "other.mail" "$(
    vdc top -b -i 1 -d 1 -C other | awk '/^[a-z]+\./ { print $1 }')"
vdc destroy -q --keep acme.db
check_equal "those that do not run are left out" "acme.web other.mail" \
    "$(order name)"
check_output "unless they are asked for" '^acme\.db +beta +stopped +- ' \
    vdc top -b -i 1 -d 1 -a
vdc start -q acme.db

vdc top -i 2 -d 1 -s name -o json >"$WORK/top.json"
check_equal "as JSON, a line each" 2 "$(wc -l <"$WORK/top.json")"
tail -1 "$WORK/top.json" >"$WORK/last.json"
check "which can be read" json_is_valid "$WORK/last.json"
check_equal "with all of a guest" db \
    "$(json "$WORK/last.json" '$.guests[0].partition.name')"
check_equal "and its use" "$rate" "$(
    json "$WORK/last.json" '$.guests[0].cpu_percent' |
        awk '{ printf "%g", $1 }')"

# ---- whose ----

token=$(vdc token-create -q -C acme --role read-only)
XEN_VDC_TOKEN=$token
export XEN_VDC_TOKEN
vdc top -b -i 1 -d 1 >"$WORK/mine"
check_output "a customer sees its own" '^acme\.web ' cat "$WORK/mine"
check "and nobody else's" sh -c "! grep -q other '$WORK/mine'"
check_error "whoever it asks for" 3 "no such customer: other" \
    vdc top -b -i 1 -d 1 -C other
unset XEN_VDC_TOKEN

# ---- a host goes ----

stop_daemon "$beta_pid"
check_output "guests of a host that is down" '^acme\.db +beta +unknown +- ' \
    vdc top -b -i 1 -d 1 -a
start_beta
retry 20 up

# ---- a terminal ----

"$terminal" 'mq' "$BIN/xl-ext/xl-vdc" top -d 1 >"$WORK/screen"
check_output "q ends it, and the terminal is as before" \
    '^ended 0 terminal same left yes$' tail -1 "$WORK/screen"
check_output "guests are shown" 'acme\.web' cat "$WORK/screen"
check_equal "m orders by memory" "acme.db" "$(
    sed 's/ESC\[[0-9;?]*[a-zA-Z]//g' "$WORK/screen" |
        awk '/^Name/ { getline; first = $1 } END { print first }')"
"$terminal" '.^C' "$BIN/xl-ext/xl-vdc" top -d 1 >"$WORK/screen"
check_output "so does Ctrl-C" '^ended signal 2 terminal same left yes$' \
    tail -1 "$WORK/screen"
"$terminal" '...' "$BIN/xl-ext/xl-vdc" top -d 1 -i 2 >"$WORK/screen"
check_output "so many samples end it, too" \
    '^ended 0 terminal same left yes$' tail -1 "$WORK/screen"
check_error "without a terminal" 2 'this is no terminal: --batch' \
    vdc top -d 1 </dev/null
check_error "no number" 2 '--delay wants a number from 1' vdc top -b -d 0
check_error "no order" 2 '--sort wants cpu, memory' vdc top -b -s size
stop_policyd
check_error "without policyd" 7 policyd vdc top -b -i 1
