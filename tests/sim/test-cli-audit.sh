#!/bin/sh
# Who did what, also of what was refused, and what customers used, over
# restarts and kills of policyd.  Needs root, to be several unix accounts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-users.sh"
boss() {
    as_user 61001 "$@"
}
guard() {
    as_user 61002 "$@"
}
globex() {
    as_user 61003 "$@"
}
rows() { # FILE SQL-CONDITION: how many rows of an audit list
    sqlite3 :memory: "SELECT count(*) FROM json_each(CAST(readfile('$1')
        AS TEXT), '\$.audits') WHERE $2"
}
field() { # NAME
    echo "json_extract(value, '\$.$1')"
}
start_host
config web.cfg
chmod 644 "$WORK"/*.cfg
stop_policyd
echo 'usage_period = "2s"' >>"$WORK/policyd.conf"
start_policyd
retry 20 answers
vdc customer-create -q acme --user 61001 --user 61002:read-only \
    --memory 256M || exit 1
vdc customer-create -q globex --user 61003 || exit 1

# ---- who did what ----
check "a guest is made" boss create -q "$WORK/web.cfg"
token=$(boss token-create -q)
XEN_VDC_TOKEN=$token as_user 61009 destroy -q --keep web
check_error "a quota refuses" 5 'memory quota' boss create "$WORK/web.cfg" \
    name=big memory=512
check_error "a role refuses" 6 'read-only' guard destroy web
check_error "another's is not there" 3 'no such guest' \
    globex destroy acme.web
check_error "a stranger is refused" 6 '61008' as_user 61008 destroy web
check_error "a dry run is no try" 5 'memory quota' \
    boss create --dry-run "$WORK/web.cfg" name=dry memory=512
boss audit -o json >"$WORK/a.json"
check "JSON is valid" json_is_valid "$WORK/a.json"
check_equal "what was made, by whom, from where" 1 "$(rows "$WORK/a.json" "
    $(field action) = 'partition_create' AND $(field object) = 'web' AND
    $(field who) = 'user 61001 (uid 61001)' AND
    $(field origin) LIKE 'uid 61001, process %' AND $(field error) = ''")"
check_equal "what was done with a token" 1 "$(rows "$WORK/a.json" "
    $(field action) = 'partition_destroy' AND
    $(field who) LIKE 'token %' AND $(field origin) LIKE 'uid 61009, %'")"
check_equal "what the quota refused, and why" 1 "$(rows "$WORK/a.json" "
    $(field object) = 'big' AND $(field error) = 'QUOTA' AND
    $(field detail) LIKE '%memory quota%'")"
check_equal "what the role refused" 1 "$(rows "$WORK/a.json" "
    $(field object) = 'web' AND $(field error) = 'DENIED' AND
    $(field who) LIKE '%61002%'")"
check_equal "no dry run" 0 "$(rows "$WORK/a.json" "$(field object) = 'dry'")"
check_equal "nothing of another" 0 \
    "$(rows "$WORK/a.json" "$(field customer) <> 'acme'")"
globex audit -o json >"$WORK/g.json"
check_equal "who tried is told of its own try" 1 "$(rows "$WORK/g.json" "
    $(field object) = 'acme.web' AND $(field error) = 'NOT_FOUND'")"
check_equal "and of nothing else of acme" 0 \
    "$(rows "$WORK/g.json" "$(field customer) <> 'globex'")"
vdc audit -o json >"$WORK/o.json"
check_equal "operators see all, strangers too" 1 "$(rows "$WORK/o.json" "
    $(field origin) LIKE 'uid 61008,%' AND $(field customer) = ''")"
check_error "another's record is not there" 3 'no such customer' \
    globex audit -C acme
check_equal "by object" 1 "$(boss audit --object big | grep -c QUOTA)"
check_equal "failures alone" 0 "$(boss audit --failed | grep -c ' done')"
check_equal "none from the future on" 0 \
    "$(boss audit --since 2099-01-01 -o json >"$WORK/a.json"
    rows "$WORK/a.json" 1)"
check_error "what is no moment" 2 'is no moment' boss audit --since soon
check "who only looks sees the record" guard audit
# 200 tries are in two minutes at most, unless the machine stands still
i=0
while [ $i -lt 200 ]; do
    as_user 61002 destroy web 2>/dev/null
    i=$((i + 1))
done
check_equal "who is refused for ever does not fill it" 1 \
    "$(boss audit --failed -o json >"$WORK/a.json"
    [ "$(rows "$WORK/a.json" "$(field who) LIKE '%61002%'")" -le 122 ] &&
    echo 1)"

# ---- what was used ----
use() { # COLUMN of CSV, summed up; of acme
    vdc usage -C acme --from 10m --csv | awk -F, -v column="$1" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { sum += $at[column] } END { printf "%.6f\n", sum * 3600 }'
}
between() { # VALUE LOW HIGH
    awk -v v="$1" -v l="$2" -v h="$3" 'BEGIN { exit !(v >= l && v <= h) }'
}
less() { # VALUE VALUE: the difference
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.6f", a - b }'
}
now() {
    date +%s.%N
}
before=$(use running_hours)
t0=$(now)
boss start -q web
sleep 1
boss destroy -q --keep web
t1=$(now)
ran=$(use running_hours)
check "a second of running is a second ($before $ran)" between \
    "$(less "$ran" "$before")" 1.0 "$(less "$t1" "$t0")"
sleep 1
check_equal "a stopped guest runs no more" "$ran" "$(use running_hours)"
boss start -q web
sleep 0.5
t0=$(now)
r0=$(use running_hours)
stop_daemon "$policyd_pid" KILL
sleep 2
start_policyd
retry 20 answers
r1=$(use running_hours)
t1=$(now)
check "what ran while policyd was killed counts ($r0 $r1)" between \
    "$(less "$r1" "$r0")" 2.0 "$(less "$t1" "$t0")"
check "memory is that of the guest" between \
    "$(use running_memory_mib_hours | awk -v r="$(use running_hours)" \
        '{ print $1 / r }')" 63 65
# A guest that stops while policyd is away ran until then, not until policyd
# is back.
vdc list -o json acme.web >"$WORK/list.json"
domid=$(json "$WORK/list.json" '$.partitions[0].domid')
t0=$(now)
r0=$(use running_hours)
stop_policyd
sleep 0.5
"$BIN/tests/sim/sim-ctl" "$WORK/sim.state" poweroff "$domid"
sleep 1
t1=$(now)
sleep 2
start_policyd
retry 20 answers
stands() { # it is known that it does not run
    first=$(use running_hours)
    sleep 0.3
    [ "$first" = "$(use running_hours)" ]
}
check "a stopped guest runs no more, though nobody saw it stop" \
    retry 20 stands
r1=$(use running_hours)
check "what stopped meanwhile ran until it stopped ($r0 $r1)" between \
    "$(less "$r1" "$r0")" 0.4 "$(less "$t1" "$t0")"
vdc usage -C acme --from 10m -o json >"$WORK/u.json"
check "usage is valid JSON" json_is_valid "$WORK/u.json"
check_equal "periods are as the setting says" 2000 \
    "$(json "$WORK/u.json" '$.uses[0].length_ms')"
check_equal "no period has more than its length of one guest" 0 \
    "$(sqlite3 :memory: "SELECT count(*) FROM json_each(CAST(readfile(
    '$WORK/u.json') AS TEXT), '\$.uses') WHERE
    $(field running_ms) > 2000 OR $(field guest_ms) > 2000")"
check_output "a table for people" '^20.* acme +0\.' boss usage
check_equal "globex used nothing" 1 "$(globex usage --csv | wc -l)"
check_error "and sees nothing of acme" 3 'no such customer' \
    globex usage -C acme
check_error "not before it begins" 2 'no time' vdc usage --from 1h --to 2h
boss destroy -q web
check_output "what is gone was used" '^acme,' \
    vdc usage -C acme --from 10m --csv
