#!/bin/sh
# An etcd of three members: one is killed, or stands still, then two, then they
# are back; and policyd dies meanwhile.  What works in each state is in
# doc/design/010.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../etcd.sh"
for program in etcd curl; do
    command -v $program >/dev/null || {
        skipped "three members of etcd: there is no $program"
        exit 0
    }
done
start_etcd_three "$WORK/etcd" --log-level error --unsafe-no-fsync
write_settings
cat >>"$WORK/policyd.conf" <<END
store = "etcd:$etcd_urls"
store_lease = "3s"
END
echo "a kernel" >"$WORK/images/vmlinuz"
echo "an initramfs" >"$WORK/images/initramfs"
chmod 644 "$WORK"/images/*

# As systemd does it: policyd is started again whenever it ends.
stand() {
    while [ ! -e "$WORK/enough" ]; do
        "$BIN/policyd/policyd" --config "$WORK/policyd.conf" --foreground \
            >>"$WORK/policyd.log" 2>&1 &
        echo $! >"$WORK/policyd.pid"
        wait $!
        sleep 0.2
    done
}
pid() {
    cat "$WORK/policyd.pid"
}
end_all() {
    touch "$WORK/enough"
    kill "$(pid)" 2>/dev/null
    wait "$stand_pid" 2>/dev/null
    end_etcd_three
}
trap 'status=$?; end_all; (exit $status); finish' EXIT
start_resourced
stand &
stand_pid=$!
retry 60 answers || {
    failed "the daemons start" "$(tail -n 20 "$WORK"/*.log)"
    exit 1
}

# Changes one after another, for so long.  $longest is the longest in ms,
# $refused how many were not taken; $number what was said last, taken.
now_ms() {
    echo $(($(date +%s%N) / 1000000))
}
number=1
changes() { # SECONDS
    end=$(($(now_ms) + $1 * 1000))
    longest=0 refused=0 done=0
    while before=$(now_ms) && [ "$before" -lt "$end" ]; do
        if vdc customer-set -q acme --guests $((number + 1)) \
            2>>"$WORK/refused.log"; then
            number=$((number + 1))
            done=$((done + 1))
        else
            refused=$((refused + 1))
        fi
        took=$(($(now_ms) - before))
        [ $took -le $longest ] || longest=$took
    done
}
kept() {
    vdc customer-show acme -o json >"$WORK/customer.json"
    json "$WORK/customer.json" '$.customers[0].quota.guests'
}
guest() { # what Xen has
    vdc list -C acme -o json | grep -oE '"(domid|uuid|state)": *[^,}]*' |
        tr '\n' ' '
}
in_order() { # TEXT
    check_equal "$1: no change was refused ($done were made, the longest took \
$longest ms)" "0 refused" "$refused refused"
    check "$1: some were made" [ $done -gt 0 ]
    check_equal "$1: the guest is what it was" "$web" "$(guest)"
    check_equal "$1: policyd is the same process" "$first" "$(pid)"
}
refuses() {
    ! vdc customer-set -q acme --guests 5000 2>"$WORK/said" &&
        grep -q 'store cannot be reached' "$WORK/said"
}
check "with all three a customer is made" vdc customer-create -q acme \
    --guests 1
config web.cfg
check "and a guest" vdc create -q -C acme "$WORK/web.cfg"
web=$(guest)
first=$(pid)
check_output "dc-status names all three" \
    "$(etcd_of 1),$(etcd_of 2),$(etcd_of 3)" vdc dc-status
changes 2
in_order "all three are there"

# ---- one of three ----
etcd_signal KILL 1
changes 4
in_order "the one that policyd uses is killed"
check "all that was changed is there" [ "$(kept)" = $number ]
etcd_begin 1
retry 20 curl -sf "$(etcd_of 1)/health" >/dev/null
leader=$(etcd_leader)
etcd_signal KILL "$leader"
changes 6
in_order "the one that leads (m$leader) is killed"
etcd_begin "$leader"
retry 20 curl -sf "$(etcd_of "$leader")/health" >/dev/null
leader=$(etcd_leader)
etcd_signal STOP "$leader"
changes 10
etcd_signal CONT "$leader"
in_order "the one that leads (m$leader) stands still"
check "all that was changed is there" [ "$(kept)" = $number ]

# ---- two of three ----
etcd_signal KILL 1 3
check "two are killed: changes are refused, with the reason" retry 30 refuses
check "which says what goes on" grep -q 'what only looks goes on' "$WORK/said"
check_output "what only looks goes on: list" '^web ' vdc list -C acme
# Another may lead by then, that hosts are to obey.
in_doubt() {
    grep -q 'whether this policyd leads still is not known' \
        "$WORK"/policyd*.log
}
check "the lease runs out" retry 40 in_doubt
check_error "then no host is asked to change anything" 7 \
    'another policyd may lead: no host is asked' \
    vdc host-verify --repair
check_equal "customer-show" $number "$(kept)"
check_output "host-list" '^alpha +up' vdc host-list
check_output "dc-status says it first, as a problem (status 14)" 14 sh -c \
    "'$BIN/xl-ext/xl-vdc' dc-status >'$WORK/status'; echo \$?"
check "with the member that did not answer" \
    grep -qE 'store.*(cannot be reached|cannot be used)' "$WORK/status"
check "longer than the lease: whether it leads is not known, it says" \
    retry 20 grep -q 'whether this policyd leads still is not known' \
    "$WORK/policyd.log"
sleep 4
check_equal "and it is there all the same" "$first" "$(pid)"
check_equal "and answers: the guest is what it was" "$web" "$(guest)"
before=$(now_ms)
check_error "a guest is not created" 9 'store cannot be reached' \
    vdc create -q -C acme "$WORK/web.cfg" name=new
check "which is said at once ($(($(now_ms) - before)) ms)" \
    [ $(($(now_ms) - before)) -lt 3000 ]
check_error "nor destroyed" 9 'store cannot be reached' vdc destroy acme.web
check_equal "and the guest is what it was" "$web" "$(guest)"

# ---- back ----
etcd_begin 1 3
taken() {
    vdc customer-set -q acme --guests $((number + 1))
}
check "two are back: changes are taken again, by itself" retry 40 taken
number=$((number + 1))
check "and it has led all the time" retry 10 \
    grep -q 'has led all the time' "$WORK/policyd.log"
check_equal "the same process" "$first" "$(pid)"
check_equal "nothing is lost" $number "$(kept)"
check_equal "nothing was done that was refused" "acme.web " \
    "$(vdc list -C acme -o name | tr '\n' ' ')"
check_equal "and the guest is what it was" "$web" "$(guest)"

# ---- policyd dies at the same time ----
etcd_signal KILL 2 3
kill -KILL "$first"
check "policyd is killed together with two: it starts when they are back, \
and says so until then" retry 30 \
    grep -q 'etcd cannot be used' "$WORK/policyd.log"
check "nobody answers" sh -c "! '$BIN/xl-ext/xl-vdc' list -C acme"
check "the guest does not notice: its host is there" \
    kill -0 "$resourced_pid"
etcd_begin 2 3
check "they are back: policyd answers" retry 40 answers
check_equal "nothing is lost" $number "$(kept)"
check "changes are taken" retry 10 taken
number=$((number + 1))
check_equal "the guest is what it was" "$web" "$(guest)"
first=$(pid)
# Of one that is killed together with policyd nobody hears.
leader=$(etcd_leader)
etcd_signal KILL "$leader"
kill -KILL "$first"
check "policyd is killed together with the one that leads: it is there again" \
    retry 40 answers
check_equal "nothing is lost" $number "$(kept)"
check "changes are taken" retry 20 taken
check_equal "the guest is what it was" "$web" "$(guest)"
