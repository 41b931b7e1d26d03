#!/bin/sh
# Placement policies: reading their file, what happens when it is wrong, and
# what the commands show.
. "$(dirname "$0")/lib.sh"
start_host
CONF=$WORK/placement.conf

# ---- without a file ----
check_equal "what is built in" "pack
spread" "$(vdc policy-list -o name)"
check "spread is everybody's" sh -c \
    "'$BIN/xl-ext/xl-vdc' policy-list | grep -Eq '^ *spread +spread +all others'"
check "it is said that there is none" sh -c \
    "'$BIN/xl-ext/xl-vdc' policy-show 2>&1 | grep -q 'no $CONF'"

# ---- a file ----
cat >"$CONF" <<'END'
default = "pack"
vcpus_per_cpu = 4
policies = [
    "name=even, strategy=weighted, load=1, soft=20",
]
customers = [ "customer=acme, policy=even" ]
rules = [ "name=apart, anti_affinity=acme/db" ]
promises = [ "name=large, guests=2, memory=64G, customer=acme" ]
END
check "it would be taken" vdc policy-check -q "$CONF"
check_equal "that changes nothing" "pack
spread" "$(vdc policy-list -o name)"
check "it is taken" vdc policy-reload -q
check_output "which the record has" ' policy_reload .* done' vdc audit
look=$(vdc token-create -q --role read-only)
looks() {
    XEN_VDC_TOKEN=$look "$BIN/xl-ext/xl-vdc" "$@"
}
check "who only looks sees them" looks policy-show -q
check_error "and has none read" 6 'read-only' looks policy-reload
check_equal "what there is now" "pack
spread
even" "$(vdc policy-list -o name)"
vdc policy-show >"$WORK/shown" 2>&1
check "whose policy" grep -Eq '^ *even +weighted +acme +4 +load 1, soft 20' \
    "$WORK/shown"
check "the rule" grep -Eq \
    '^ *apart +anti-affinity +acme/db +hosts +hard +7$' "$WORK/shown"
check "the promise" grep -Eq '^ *large +acme +2 +64 GiB +0 +8$' "$WORK/shown"
check "vCPUs" grep -q 'at most 4 vCPUs for each CPU' "$WORK/shown"
check_equal "as JSON" '"acme/db" 64' "$(vdc policy-show -o json |
    python3 -c 'import json, sys
all = json.load(sys.stdin)
print(json.dumps(all["rules"][0]["group"]),
      all["promises"][0]["memory_kib"] >> 20)')"
check "one policy" sh -c "'$BIN/xl-ext/xl-vdc' policy-show even | wc -l |
    grep -q '^2$'"
check_error "no such policy, the nearest" 3 "did you mean 'even'" \
    vdc policy-show evne
check_error "one policy at a time" 2 'usage|argument|POLICY' vdc policy-show a b

# ---- what is wrong in one ----
sed 's/anti_affinity=acme.db"/&, "name=near, affinity=acme\/db"/' "$CONF" \
    >"$WORK/bad.conf"
check_error "a contradiction: file and line" 2 \
    "bad\.conf:7: rule 'near' .* contradicts rule 'apart' in line 7" \
    vdc policy-check "$WORK/bad.conf"
check_error "no such file" 2 'nothing\.conf' \
    vdc policy-check "$WORK/nothing.conf"
cp "$CONF" "$WORK/good.conf"
cp "$WORK/bad.conf" "$CONF"
check_error "it is not taken" 2 \
    "the placement policies stay as they were: $CONF:7: " vdc policy-reload
check_equal "the old ones are in force" "pack
spread
even" "$(vdc policy-list -o name)"

rm -f "$CONF"
mkfifo "$CONF"
check_error "a pipe is not waited for" 2 'placement\.conf: not a file' \
    timeout 20 "$BIN/xl-ext/xl-vdc" policy-reload
rm -f "$CONF"
cp "$WORK/bad.conf" "$CONF"

# ---- a signal ----
kill -HUP "$policyd_pid"
check "the log says why not" retry 5 grep -q \
    "stay as they were: $CONF:7: rule 'near'" "$WORK/policyd.log"
check_equal "and they are still in force" 1 \
    "$(vdc policy-show -o json | grep -o '"apart"' | wc -l)"
echo 'default = "spread"' >"$CONF"
kill -HUP "$policyd_pid"
names_are() {
    [ "$(vdc policy-list -o name | tr '\n' ' ')" = "$1" ]
}
check "a signal reads it, too" retry 5 names_are "pack spread "

# ---- at the start ----
stop_policyd
cp "$WORK/bad.conf" "$CONF"
check_error "policyd does not start with it" 2 "$CONF:7: rule 'near'" \
    "$BIN/policyd/policyd" --config "$WORK/policyd.conf" --foreground
check_error "--check-config says so" 2 "$CONF:7: rule 'near'" \
    "$BIN/policyd/policyd" --config "$WORK/policyd.conf" --check-config
cp "$WORK/good.conf" "$CONF"
start_policyd
check "with a good one it does" retry 10 names_are "pack spread even "

# ---- groups of guests, on two hosts ----
start_beta
both_up() {
    [ "$(vdc host-list | grep -c '^[a-z]*  *up')" = 2 ]
}
check "another host" vdc host-add -q beta "memory:$WORK/beta.sock"
check "both are up" retry 10 both_up
echo 'default = "pack"
rules = [ "name=apart, anti_affinity=acme/db" ]' >"$CONF"
vdc policy-reload -q
config web.cfg
vdc customer-create -q acme --memory 4G || exit 1
host_of() {
    vdc show "$1" -o json | grep -o '"host": *"[a-z]*"' | head -n 1 |
        grep -o 'alpha\|beta'
}
vdc create -q -C acme "$WORK/web.cfg" name=db1 'vdc_groups=["db"]'
vdc create -q -C acme "$WORK/web.cfg" name=db2 'vdc_groups=["acme/db"]'
check_equal "two of a group that is kept apart" "alpha beta " \
    "$( (host_of acme.db1; host_of acme.db2) | sort | tr '\n' ' ')"
check_error "a third finds no host" 5 'anti-affinity' \
    vdc create -C acme "$WORK/web.cfg" name=db3 'vdc_groups=["db"]'
stop_policyd
start_policyd
check "policyd is back" retry 10 both_up
check_error "nor after a restart" 5 'anti-affinity' \
    vdc create -C acme "$WORK/web.cfg" name=db3 'vdc_groups=["db"]'
check "another group of that name does" \
    vdc create -q "$WORK/web.cfg" name=own 'vdc_groups=["db"]'
for host in alpha beta; do
    check "pinned to $host" vdc create -q "$WORK/web.cfg" name=on$host \
        "vdc_host=$host"
    check_equal "it is there" $host "$(host_of on$host)"
done
groups() { # FIRST: four of them
    echo "vdc_groups=[\"n$1\",\"n$(($1 + 1))\",\"n$(($1 + 2))\",\"n$(($1 + 3))\"]"
}
vdc customer-create -q many
n=0
while [ $n -lt 256 ]; do
    vdc create -q -C many --no-start "$WORK/web.cfg" "name=m$n" \
        "$(groups $n)" || break
    n=$((n + 4))
done
check_equal "as many groups as may be" 256 $n
check_error "and no more" 5 'the guests of many are in 256 groups' \
    vdc create -C many --no-start "$WORK/web.cfg" name=over \
    'vdc_groups=["another"]'
check "but one of those" vdc create -q -C many --no-start "$WORK/web.cfg" \
    name=same 'vdc_groups=["n7"]'
check "groups of a guest that goes" vdc destroy -q many.m0
check "are room for others" vdc create -q -C many --no-start \
    "$WORK/web.cfg" name=other 'vdc_groups=["another"]'
check_error "pinned to no host" 3 'no such host: gamma' \
    vdc create "$WORK/web.cfg" name=nowhere vdc_host=gamma
check_error "with one that is near" 3 'did you mean alpha' \
    vdc create "$WORK/web.cfg" name=nowhere vdc_host=alhpa
check_error "also where it would be" 3 'no such host: alhpa' \
    vdc place "$WORK/web.cfg" vdc_host=alhpa
check_error "no host has the tag" 5 'tags' \
    vdc create "$WORK/web.cfg" name=tagged 'vdc_host_tags=["gpu"]'
check "none has the one that is not wanted" vdc create -q "$WORK/web.cfg" \
    name=untagged 'vdc_host_tags=["!gpu"]'
check "room elsewhere" vdc create -q "$WORK/web.cfg" name=safe vdc_protected=1
check_error "no such dedication" 2 "'vdc_dedicated' wants shared" \
    vdc create "$WORK/web.cfg" name=mine vdc_dedicated=mine
check_error "no such group" 2 "'vdc_groups': 'a/b/c' cannot be a group" \
    vdc create "$WORK/web.cfg" name=odd 'vdc_groups=["a/b/c"]'
stop_daemon $beta_pid
