#!/bin/sh
# Two policyds share an etcd, each with a directory of its own: how the one that
# stands by gets the authority's key, what it does when the leader dies, and how
# it is removed again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-dc.sh"
. "$(dirname "$0")/../etcd.sh"
command -v etcd >/dev/null || {
    skipped "several policyds need an etcd"
    exit 0
}
A=$TLS_PORT
B=$((TLS_PORT + 1))
BETA=$((TLS_PORT + 2))
GAMMA=$((TLS_PORT + 3))
start_etcd "$WORK/etcd" --log-level error --unsafe-no-fsync
trap 'status=$?
for name in a b; do end_stand $name; done
for name in beta gamma; do stop_joined $name; done
stop_daemon "$etcd_pid"
(exit $status); finish' EXIT
write_settings
images
policyd_conf a "$A"
policyd_conf b "$B"
joined_host beta "$BETA"
joined_host gamma "$GAMMA"
start_joined beta
start_joined gamma
begin_stand a
check "the first leads" retry 60 leads a
XEN_VDC_SOCKET=$WORK/a.sock
ca=$(vdc dc-init -q)
begin_stand b
check "the second stands by" retry 60 grep -q 'standing by' \
    "$WORK/policyd-b.log"
check_output "beta joins" '^beta$' host_joins beta "$BETA" "$A"
vdc customer-create -q acme || exit 1
config web.cfg
retry 30 state_is beta up
check "a guest runs there" vdc create -q -C acme "$WORK/web.cfg"

# ---- who has the key ----
check_output "who made the authority has it" '^a +leads ' vdc dc-policyds
check_equal "nobody else has" a "$(vdc dc-policyds -o name)"
check_error "the one that leads needs no token" 4 'leads, and has' \
    vdc dc-token --policyd a
check_error "nor is there one again of one that has it not" 3 \
    "no policyd of 'b'" vdc dc-token --policyd b --again
check_error "an address is none" 2 'policyd: ' vdc dc-token --policyd 'b c'
check_output "a dry run" 'could be made' vdc dc-token --dry-run --policyd b
first=$(vdc dc-token -q --policyd b)
token=$(vdc dc-token -q --policyd b)
check_output "its token" "^policyd/b:[0-9a-f]{64}:$ca\$" echo "$token"

share() { # TOKEN [OPTION]...
    t=$1
    shift
    vdc dc-join --policyd "127.0.0.1:$A" "$t" --directory "$WORK/dc-b" "$@"
}
host_token=$(vdc dc-token -q gamma)
check_error "an earlier token" 6 'is not known here' share "$first"
check_error "a host's token" 2 'for a host, not for a policyd' \
    share "$host_token"
check_error "the same, by who says that it is a policyd's" 6 \
    'is not known here' share "policyd/$host_token"
check_error "a policyd's token for a host" 2 'for a policyd, not for a host' \
    vdc dc-join "127.0.0.1:$A" "$token" --directory "$WORK/x-dc" \
    --address 127.0.0.1:99
check_error "a wrong secret" 6 'is not known here' \
    share "$(echo "$token" | sed 's/:[0-9a-f]\{8\}/:00000000/')"
check_error "another data center" 6 'of another CA' \
    share "$(echo "$token" | sed 's/[0-9a-f]\{8\}$/00000000/')"
check_equal "none of them has it" 0 \
    "$(grep -l 'PRIVATE' "$WORK"/dc-b/ca.pem 2>/dev/null | wc -l)"
check_equal "nor is a host made of it" 0 "$(vdc host-list -o name | grep -c b$)"
# The answer to a first try was lost.
check "the key is had with the token" share "$token" -q
check_equal "it is the authority's" "$ca" "$(fingerprint "$WORK/dc-b/ca.pem")"
check_equal "for policyd alone" "600 700" \
    "$(stat -c %a "$WORK/dc-b/ca.pem" "$WORK/dc-b" | tr '\n' ' ' |
    sed 's/ $//')"
check_equal "nothing else is left" ca.pem "$(ls "$WORK/dc-b")"
check_error "once more" 4 'is there already, and is this' share "$token"
check_error "another machine with the same token" 6 'was used already' \
    vdc dc-join --policyd "127.0.0.1:$A" "$token" --directory "$WORK/dc-y"
check_equal "has nothing" 0 "$(find "$WORK/dc-y" -name ca.pem 2>/dev/null |
    wc -l)"
check_output "it is on record, with the address" \
    '127\.0\.0\.1 .*dc_share +b +done' vdc audit
check_output "both have it" '^b +yes +.* 127\.0\.0\.1 ' vdc dc-policyds
check_error "another token for it is not made by mistake" 4 'already' \
    vdc dc-token --policyd b
vdc store-export "$WORK/export" >/dev/null
check_equal "the store has no key" 0 "$(grep -c 'PRIVATE KEY' "$WORK/export")"
check_output "it has who holds it" 1 grep -c "policyd.*\"name\":\"b\"" \
    "$WORK/export"

# ---- the leader dies ----
end_stand a KILL
check "the leader is killed: the other takes over" retry 60 leads b
XEN_VDC_SOCKET=$WORK/b.sock
check "and reaches beta" retry 30 state_is beta up
check_output "where the guest is" '^web +[0-9]+ ' vdc list -C acme
check_output "which it commands" '' vdc mem-set -q acme.web 48
check_equal "the authority is the same" "$ca" "$(vdc dc-init -q)"
check_output "another host joins there" '^gamma$' \
    host_joins gamma "$GAMMA" "$B"
check "and is up" retry 30 state_is gamma up
check_output "dc-policyds says who leads" '^b +leads ' vdc dc-policyds

# ---- it renews ----
if ${CC:-cc} -shared -fPIC -o "$WORK/shift.so" \
    "$(dirname "$0")/clock_shift.c" -ldl 2>"$WORK/cc.log"; then
    before=$(fingerprint "$WORK/beta-dc/host.pem")
    end_stand b
    stop_joined beta
    (
        CLOCK_SHIFT=29808000 LD_PRELOAD=$WORK/shift.so
        export CLOCK_SHIFT LD_PRELOAD
        "$BIN/resourced/resourced" --config "$WORK/beta/resourced.conf" \
            --foreground >>"$WORK/beta.log" 2>&1 &
        echo $! >"$WORK/beta/pid"
    )
    (
        CLOCK_SHIFT=29808000 LD_PRELOAD=$WORK/shift.so
        export CLOCK_SHIFT LD_PRELOAD
        "$BIN/policyd/policyd" --config "$WORK/b.conf" --foreground \
            >>"$WORK/policyd-b.log" 2>&1 &
        echo $! >"$WORK/b.pid"
    )
    renewed() {
        now=$(fingerprint "$WORK/beta-dc/host.pem")
        [ -n "$now" ] && [ "$now" != "$before" ]
    }
    check "345 days later it renews beta's certificate" retry 60 renewed
    check "and beta is up with it" retry 30 state_is beta up
    kill "$(cat "$WORK/b.pid")" "$(cat "$WORK/beta/pid")"
    retry 20 sh -c "! kill -0 $(cat "$WORK/b.pid") 2>/dev/null"
    retry 20 sh -c "! kill -0 $(cat "$WORK/beta/pid") 2>/dev/null"
    rm -f "$WORK/beta/pid"
else
    skipped "time that goes by needs a compiler"
fi

# ---- one is removed ----
begin_stand b
check "b leads again" retry 60 leads b
XEN_VDC_SOCKET=$WORK/b.sock
begin_stand a
check "a stands by" retry 60 sh -c "tail -n 3 '$WORK/policyd-a.log' |
    grep -q 'standing by'"
check_error "the one that leads cannot be removed" 4 "of 'b' leads" \
    vdc dc-policyd-remove b
check_error "nor one that has it not" 3 "no policyd of 'x'" \
    vdc dc-policyd-remove x
check_output "a dry run" 'would be removed' vdc dc-policyd-remove a --dry-run
check_output "does nothing" '^a +yes' vdc dc-policyds
ended=$(wc -l <"$WORK/a.ended")
check "the other is removed" vdc dc-policyd-remove -q a
check_output "which is on record" 'dc_policyd_remove +a +done' vdc audit
check_output "and in the list" '^a +no, removed ' vdc dc-policyds
check "it notices while it stands by, and says why" retry 20 \
    grep -q 'policyd of a was removed from those that may lead' \
    "$WORK/policyd-a.log"
check "and what to do" grep -q 'dc-token --policyd a' "$WORK/policyd-a.log"
retry 20 sh -c "[ \$(wc -l <'$WORK/a.ended') -gt $ended ]"
check_equal "it ends as one that is started when it was removed" 6 \
    "$(sed -n "$((ended + 1))p" "$WORK/a.ended")"
end_stand b KILL
sleep 3
check_equal "its files are removed" 0 \
    "$(find "$WORK/dc-a" -name '*.pem' | wc -l)"
XEN_VDC_SOCKET=$WORK/a.sock
check "nobody is there" sh -c "! '$BIN/xl-ext/xl-vdc' host-list"
begin_stand b
check "b is started, and leads" retry 60 leads b
XEN_VDC_SOCKET=$WORK/b.sock
token=$(vdc dc-token -q --policyd a)
check "a may be let in again" vdc dc-join -q --policyd "127.0.0.1:$B" \
    "$token" --directory "$WORK/dc-a"
check_output "as the list says" '^a +yes' vdc dc-policyds
check "a stands by" retry 60 sh -c "tail -n 3 '$WORK/policyd-a.log' |
    grep -q 'standing by'"
end_stand b KILL
check "and takes over" retry 60 leads a
XEN_VDC_SOCKET=$WORK/a.sock
check "gamma is up" retry 30 state_is gamma up

# ---- a copy, as before ----
end_stand a
rm -rf "$WORK/dc-b"
cp -a "$WORK/dc-a" "$WORK/dc-c"
policyd_conf c "$B"
begin_stand c
check "a third leads with a copy of the files" retry 60 leads c
XEN_VDC_SOCKET=$WORK/c.sock
check_output "and is in the list from then on" '^c +leads .* - ' \
    vdc dc-policyds
end_stand c
