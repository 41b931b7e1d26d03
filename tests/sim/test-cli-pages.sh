#!/bin/sh
# Lists that are longer than a message are one table and one JSON document.
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || {
    skipped "sqlite3 is not here"
    exit 0
}
SIM_OPTIONS=memory=64G,dom0_memory=512M,create_ms=0,destroy_ms=0,op_ms=0
start_host
N=90
i=0
while [ $i -lt $N ]; do
    config "guest.cfg" "vcpus = 1" "maxvcpus = 125"
    sed "s/^name = .*/name = \"guest-$i\"/" "$WORK/guest.cfg" \
        >"$WORK/guest-$i.cfg"
    vdc create -q --no-start "$WORK/guest-$i.cfg" || break
    i=$((i + 1))
done
check_equal "guests" $N $i

vdc resource-list >"$WORK/table" 2>"$WORK/stderr"
check_equal "resource-list succeeds" 0 $?
rows=$(($(wc -l <"$WORK/table") - 1))
echo "    $rows rows"
check "more than 10,000 rows" test $rows -gt 10000
check_equal "one line of titles" 1 "$(grep -c '^ *Index ' "$WORK/table")"
check_equal "each index once" $rows \
    "$(awk 'NR > 1 { print $1 }' "$WORK/table" | sort -u | wc -l)"
check_equal "by guest" "$(awk 'NR > 1 && $2 == "memory" { print $6 }' \
    "$WORK/table" | LC_ALL=C sort)" \
    "$(awk 'NR > 1 && $2 == "memory" { print $6 }' "$WORK/table")"
vdc resource-list -o json >"$WORK/out.json" 2>"$WORK/stderr"
check_equal "-o json succeeds" 0 $?
check "it is one value" json_is_valid "$WORK/out.json"
check_equal "with every row" $rows "$(grep -c '"index":' "$WORK/out.json")"
check_equal "and no place" 0 "$(grep -c '"next"' "$WORK/out.json")"
check_output "totals" '^memory ' vdc resource-list --totals
check_equal "of one guest" 125 \
    "$(vdc resource-list --kind vcpu guest-7 | tail -n +2 | wc -l)"
