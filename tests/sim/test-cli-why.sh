#!/bin/sh
# why, why-not, place, capacity, what-if: decisions explained, made again, and
# what would be.
. "$(dirname "$0")/lib.sh"
start_host
config web.cfg
vdc customer-create -q acme --memory 2G || exit 1

# ---- place ----
check_output "place says where, and why" '^web: would be placed on host alpha' \
    vdc place --dry-run -C acme "$WORK/web.cfg"
check_output "with the score of each host" '^alpha +[0-9.]+ +load' \
    vdc place "$WORK/web.cfg"
check_output "or briefly, as far as that is known" \
    '^web: would be placed on host alpha' vdc place --brief "$WORK/web.cfg"
brief_json=$(vdc place --brief -o json "$WORK/web.cfg")
full_json=$(vdc place -o json "$WORK/web.cfg")
check_equal "with the same score" \
    "$(echo "$full_json" | grep -o '"score": *[-0-9]*' | head -n 1)" \
    "$(echo "$brief_json" | grep -o '"score": *[-0-9]*' | head -n 1)"
check_equal "and without its terms" 0 \
    "$(echo "$brief_json" | grep -c '"terms": *\[[^]]')"
says() { # TEXT STATUS PATTERN COMMAND...: on standard output alone
    check_ends stdout stderr "$@"
}
says "or by what hosts were excluded" 5 '^ +memory: 1 of 1 hosts$' \
    vdc place --brief "$WORK/web.cfg" memory=9000
check_equal "nothing is there then" "" "$(vdc list -o name)"
says "or says that no host can" 5 'no host can take it: memory' \
    vdc place "$WORK/web.cfg" memory=9000
says "and what would help" 5 'less memory: at most [0-9]+ MiB' \
    vdc place "$WORK/web.cfg" memory=9000
check_error "with the status that create has then" 5 'take it: memory' \
    vdc create "$WORK/web.cfg" memory=9000
says "a constraint of the host's" 5 'no host can take it: tags' \
    vdc place "$WORK/web.cfg" 'vdc_host_tags=["gpu"]'
check_error "the same of create" 5 'take it: tags' \
    vdc create "$WORK/web.cfg" 'vdc_host_tags=["gpu"]'
vdc place -o json "$WORK/web.cfg" 'vdc_host_tags=["gpu"]' >"$WORK/place.json"
check_equal "as JSON, too" 5 $?
check_equal "which says why" 1 "$(json "$WORK/place.json" '$.error.text' |
    grep -c 'no host can take it: tags')"
check_error "place for nobody" 3 'no such customer: nobody' \
    vdc place -C nobody "$WORK/web.cfg"
check_error "place of no file" 2 'none.cfg' vdc place "$WORK/none.cfg"

# ---- why ----
check "create" vdc create -q -C acme "$WORK/web.cfg"
check_output "why" '^web: was placed on host alpha' vdc why acme.web
check_output "by what" '^policy +spread' vdc why acme.web
check_output "for what" '^asked +1 CPU, 64 MiB' vdc why acme.web
check_output "decided again, it is the same" 'the same$' \
    vdc why --replay acme.web
vdc why --replay -o json acme.web >"$WORK/why.json"
check "JSON of it" json_is_valid "$WORK/why.json"
check_equal "its host" alpha "$(json "$WORK/why.json" '$.host')"
check_equal "it was the same" 1 "$(json "$WORK/why.json" '$.same')"
check_equal "the host's verdict" 1 "$(json "$WORK/why.json" '$.hosts[0].fits')"
check_equal "the request" 65536 "$(json "$WORK/why.json" '$.spec.memory_kib')"
check_error "why of nothing" 3 'no such guest: none' vdc why none
check_error "a guest that is too large" 5 'memory: host alpha has' \
    vdc create -q "$WORK/web.cfg" name=large memory=9000
check_output "why it was refused" 'large: no host could take it' vdc why large
check_output "which decided again is the same" 'the same$' \
    vdc why --replay large
vdc why -o json large >"$WORK/large.json"
check_equal "what excluded how many" 'memory 1' \
    "$(json "$WORK/large.json" '$.excluded[0].constraint') $(
        json "$WORK/large.json" '$.excluded[0].hosts')"
check_error "what was only tried is not kept" 3 'no such guest: tried' \
    sh -c "'$BIN/xl-ext/xl-vdc' create -q -n '$WORK/web.cfg' name=tried \
        >/dev/null; '$BIN/xl-ext/xl-vdc' why tried"
check "many of them" sh -c "for i in 1 2 3 4 5 6; do
    '$BIN/xl-ext/xl-vdc' create -q --no-start '$WORK/web.cfg' name=g\$i ||
        exit 1; done"
for i in 1 2 3 4 5 6; do
    check_output "g$i, made again" 'the same$' vdc why --replay g$i
done

stop_policyd
start_policyd
check "policyd is there again" retry 20 answers
for guest in acme.web g3 large; do
    check_output "$guest, made again after a restart" 'the same$' \
        vdc why --replay $guest
done
check "another" vdc create -q --no-start "$WORK/web.cfg" name=g7
check_output "and why" 'the same$' vdc why --replay g7
check "destroy it" vdc destroy -q g7

# ---- why-not ----
check_error "why-not where it is" 2 "is on host alpha" \
    vdc why-not acme.web alpha
check_error "why-not on no host" 3 'no such host: beta' \
    vdc why-not acme.web beta
check_error "why-not of nothing" 3 'no such guest: none' vdc why-not none alpha
check_error "why-not without a host" 2 'why-not' vdc why-not acme.web

# ---- capacity ----
free=$(vdc host-list -o json >"$WORK/hosts.json" &&
    json "$WORK/hosts.json" '$.hosts[0].available_memory_kib')
vdc capacity --spec 1cpu,256M -o json >"$WORK/capacity.json"
check "JSON of capacity" json_is_valid "$WORK/capacity.json"
check_equal "as many as there is memory for" $((free / 262144)) \
    "$(json "$WORK/capacity.json" '$.guests')"
check_equal "then memory runs out" memory \
    "$(json "$WORK/capacity.json" '$.tiers[0].ended')"
vdc capacity --spec 1cpu,2560M --tiered -o json >"$WORK/tiers.json"
check_equal "tiered: one of these" 1 \
    "$(json "$WORK/tiers.json" '$.tiers[0].guests')"
rest=$(((free - 2560 * 1024) / 65536 * 65536))
check_equal "and one of what is left" "1 $rest" \
    "$(json "$WORK/tiers.json" '$.tiers[1].guests') $(
        json "$WORK/tiers.json" '$.tiers[1].spec.memory_kib')"
check_output "as text" '^1 more guests? fit' \
    vdc capacity --spec 1cpu,2560M
check_output "none" '^0 more guests fit' vdc capacity --spec 4cpu,64G
check_output "and why" 'because +no host can take it' \
    vdc capacity --spec 4cpu,64G
check_output "no more than asked for" '^at least 3 more' \
    vdc capacity --spec 64M --most 3
for spec in 4x , 0cpu 99999cpu 1cpu,,1G ''; do
    check_error "a bad spec: '$spec'" 2 'spec' vdc capacity --spec "$spec"
done

# ---- what-if ----
check_output "a host dies" '^1 guest dies with host alpha; for 1 of them' \
    vdc what-if host alpha dies
check_output "those that do not run stay" '^6 guests that do not run' \
    vdc what-if host alpha dies
check "web stops" vdc shutdown -q -w acme.web
nobody_dies() {
    vdc what-if host alpha dies | grep -q '^0 guests die'
}
check "nobody would die with the host then" retry 5 nobody_dies
check "web starts" vdc start -q acme.web
"$BIN/tests/sim/sim-ctl" "$WORK/sim.state" destroy "$(vdc domid acme.web)"
check "nor when others ended its domain" retry 5 nobody_dies
check "web starts" vdc start -q acme.web
check_output "one drains" '^1 guest leaves host alpha' \
    vdc what-if host alpha drains
vdc what-if host alpha dies -o json >"$WORK/dies.json"
check_equal "who goes nowhere" "web " \
    "$(json "$WORK/dies.json" '$.guests[0].guest') $(
        json "$WORK/dies.json" '$.guests[0].host')"
check_equal "nothing has died" 3 \
    "$(vdc list -o json >"$WORK/list.json" &&
        json "$WORK/list.json" '$.partitions[0].domid')"
vdc what-if host beta comes memory=4G cpus=8 --spec 1cpu,1G -o json \
    >"$WORK/comes.json"
check_equal "another host: four more" 4 "$(($(
    json "$WORK/comes.json" '$.after') - $(
    json "$WORK/comes.json" '$.before')))"
check_output "a ratio" 'then runs out: vcpus' \
    vdc what-if ratio 0.5 --spec 1cpu,64M
check_output "more memory" 'fit now, ' vdc what-if host alpha memory=64G
check_output "a quota" '^acme +memory .* 64 MiB +2 GiB +32 MiB +exceeded' \
    vdc what-if quota acme memory=32M
check_equal "in a sentence: whose, which, from what to what, and then" \
    "customer acme: the quota memory would be 32 MiB instead of 2 GiB: with \
64 MiB used it is exceeded, what there is stays, and nothing new is allowed" \
    "$(vdc what-if quota acme memory=32M | head -n 1)"
check_equal "what more is allowed" \
    "customer acme: the quota memory would be 1 GiB instead of 2 GiB: with \
64 MiB used 960 MiB more would be allowed" \
    "$(vdc what-if quota acme memory=1G | head -n 1)"
check_equal "one for each" \
    "customer acme: the quota memory would be none instead of 2 GiB: nothing \
limits the 64 MiB used
customer acme: the quota guests would be 3 instead of none: with 1 used 2 \
more would be allowed" \
    "$(vdc what-if quota acme memory=none guests=3 | head -n 2)"
check_equal "or that it is so" \
    "customer acme: the quota is so already, nothing would change" \
    "$(vdc what-if quota acme memory=2G | head -n 1)"
check_error "what if nothing" 2 'what-if' vdc what-if
check_error "what if something" 2 'not clear' vdc what-if something
check_error "what if a host" 2 'not clear' vdc what-if host alpha
check_error "what if no host dies" 3 'no such host: beta' \
    vdc what-if host beta dies
check_error "other CPUs of a host that is there" 2 'is not clear' \
    vdc what-if host alpha memory=8G cpus=4
check_error "a word of nothing" 2 'a host dies, drains, comes' \
    vdc what-if host alpha explodes
check_error "a new host of nothing" 2 'memory and CPUs must be said' \
    vdc what-if host beta comes
check_error "a ratio of none" 2 'ratio' vdc what-if ratio 0
check_error "a quota of nobody" 3 'no such customer: nobody' \
    vdc what-if quota nobody memory=1G
check_error "a limit of something" 2 "'pears=3' is not a limit" \
    vdc what-if quota acme pears=3

# ---- two hosts ----
start_beta 2G
vdc host-add -q beta "memory:$WORK/beta.sock" --tags ssd || exit 1
beta_is() {
    vdc host-list | grep -q "^beta  *$1"
}
check "beta is up" retry 10 beta_is up
check_output "place: the emptier one, by its score" \
    '^web: would be placed on host (alpha|beta)$' vdc place "$WORK/web.cfg"
check_output "place: both hosts" '^beta +[0-9.]+ +load' \
    vdc place "$WORK/web.cfg"
check_output "why-not: it could" \
    'host beta (could take it|would be chosen now)' vdc why-not acme.web beta
check "something large on one" \
    vdc create -q "$WORK/web.cfg" name=fill memory=1400
check_output "why: the other host, too" '^(alpha|beta) +[0-9.]+ +load' \
    vdc why fill
vdc why -o json fill >"$WORK/fill.json"
check_equal "it says of both" 2 "$(json "$WORK/fill.json" '$.of_hosts')"
check_output "and comes out the same" 'the same$' vdc why --replay fill
check "beta drains" vdc host-set -q beta --state draining --reason disks
check_output "why-not there: why" 'cannot take it: state: host beta is dr' \
    vdc why-not acme.web beta
check_output "place: excluded, and what would help" 'state: 1 of 2 hosts' \
    vdc place "$WORK/web.cfg"
check_output "it comes back" 'would(;|$)' vdc what-if host beta comes
check "beta is up" vdc host-set -q beta --state up
check_output "alpha dies: web goes to beta" '^acme.web +64 MiB +beta' \
    vdc what-if host alpha dies
check_output "what fits on both" 'more guests fit on 2 hosts' \
    vdc capacity --spec 1cpu,1G
says "no host can: each constraint counts its hosts" 5 \
    'memory: 2 of 2 hosts \(nearest: host' \
    vdc place "$WORK/web.cfg" memory=9000
check_error "to create, too" 5 'memory: 2 of 2 hosts .nearest: host' \
    vdc create -q "$WORK/web.cfg" name=none memory=9000
kill "$beta_pid"
wait "$beta_pid" 2>/dev/null

# ---- customers ----
customers() {
    if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
        skipped "acting as other accounts needs root and setpriv"
        return
    fi
    mkdir -m 755 -p "$WORK/bin/xl-ext"
    cp "$BIN/xl-ext/xl-vdc" "$WORK/bin/xl-ext/"
    built=$BIN
    BIN=$WORK/bin
    chmod 644 "$WORK/web.cfg"
    vdc create -q "$WORK/web.cfg" name=fill2 memory=1000
    vdc customer-set -q acme --user 61001
    vdc customer-create -q globex --user 61002
    check_output "acme asks why of its own" '^web: was placed on host alpha' \
        as_user 61001 why web
    as_user 61001 why -o json web >"$WORK/own.json"
    check_equal "and sees no hosts" 0 \
        "$(json "$WORK/own.json" 'json_array_length($.hosts)' 2>/dev/null ||
            grep -c '"fits"' "$WORK/own.json")"
    check_output "the reason names no other host" \
        '^because +host alpha: by spread of 1 host$' as_user 61001 why web
    check_error "what acme is refused: how many hosts, and what helps" 5 \
        'no host can take it: (state: 1 of 2 hosts; )?memory: 1 of [12] hosts?$' \
        as_user 61001 create -q "$WORK/web.cfg" name=huge memory=1900
    check_error "and nothing of what they have" 5 \
        '^  ask for less memory: at most [0-9]+ MiB$' \
        as_user 61001 create -q "$WORK/web.cfg" name=huge memory=1900
    check_output "why it was refused" 'memory: 1 of [12] hosts?$' \
        as_user 61001 why huge
    check_error "globex: no such guest" 3 '^xl-vdc: no such guest: web$' \
        as_user 61002 why web
    check_error "nor by the operator's name of it" 3 'no such guest' \
        as_user 61002 why acme.web
    check_error "nor what was refused others" 3 'no such guest: large' \
        as_user 61002 why large
    for what in "why-not web alpha" "place $WORK/web.cfg" capacity \
        "what-if ratio 2"; do
        # shellcheck disable=SC2086
        check_error "acme: ${what%% *} is for operators" 6 'operator' \
            as_user 61001 $what
    done
    BIN=$built
}
customers

# ---- few are kept ----
stop_policyd
echo 'decisions_kept = 1' >>"$WORK/policyd.conf"
start_policyd
check "policyd keeps one" retry 20 answers
check "another" vdc create -q --no-start "$WORK/web.cfg" name=g8
check_output "which is kept" 'the same$' vdc why --replay g8
check_output "g3 is known from the book alone" \
    '^g3: was placed on host alpha' vdc why g3
check_error "and cannot be made again" 3 "'g3' is not kept" \
    vdc why --replay g3
check "destroy it" vdc destroy -q g8

# ---- without a host ----
stop_resourced
unreached() {
    ! vdc version | grep -q '^hypervisor *sim'
}
check "resourced is gone" retry 5 unreached
says "place: it does not answer" 5 'no host can take it: state' \
    vdc place "$WORK/web.cfg"
check_output "why works all the same" '^web: was placed on' vdc why acme.web
check_output "capacity is none" '^0 more' vdc capacity
