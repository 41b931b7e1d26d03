#!/bin/sh
# Plans of moves beside Ganeti's hbal, and filling a cluster beside its hspace:
# the same files, CPU by getrusage, and hbal says of both results how good
# they are.
# Usage: tests/bench/rebalance.sh [BUILD-FOLDER [NODES [SEEDS]]]
#   NODES  of the clusters that hbal balances, 40; it takes a minute there, and
#          its time grows faster than with the third power
build=${1:-build}
nodes=${2:-40}
seeds=${3:-"1 2 3"}
bench=$build/tests/bench/bench_rebalance
make -s -C "$build" tests/bench/bench_rebalance || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# "CPU-SECONDS" of a command; its output goes to a file
cpu() {
    out=$1
    shift
    "$bench" cpu "$@" >"$out" 2>"$work/cpu" || return 1
    sed -n 's/^cpu //p' "$work/cpu"
}

# what hbal calls a file's score
score() {
    hbal -t "$1" -v -v -l 1 |
        sed -n -e 's/^Initial coefficients: overall \([0-9.]*\).*/\1/p' \
            -e 's/^Cluster is already well balanced (initial score \([0-9.]*\).*/\1/p' |
        head -n 1
}

alone() {
    "$bench" generate "$1" 10 1 >"$work/large"
    all=$(cpu "$work/line" "$bench" balance "$work/large" "$work/large.out")
    read -r before after moves plan _ again <"$work/line"
    printf '%s nodes: score %s to %s by %s moves, %s s of CPU' \
        "$1" "$before" "$after" "$moves" "$plan"
    printf ' (%s s with files and a second run, which makes %s moves)\n' \
        "$all" "$again"
}

if ! command -v hbal >/dev/null || ! command -v hspace >/dev/null; then
    echo "skipped: hbal and hspace (Debian: ganeti-htools) are not here"
    alone 1000
    exit 0
fi

for seed in $seeds; do
    "$bench" generate "$nodes" 10 "$seed" >"$work/file"
    ours=$(cpu "$work/line" "$bench" balance "$work/file" "$work/ours")
    read -r before after moves plan one_shot again <"$work/line"
    theirs=$(cpu "$work/hbal" hbal -t "$work/file" -S "$work/theirs")
    n=$(sed -n 's/^Solution length=//p' "$work/hbal")
    printf '%s nodes, seed %s: scores by hbal: before %s (we say %s)\n' \
        "$nodes" "$seed" "$(score "$work/file")" "$before"
    printf '    hbal: %s by %s moves, %s s of CPU\n' \
        "$(sed -n 's/^Cluster score improved from [0-9.]* to //p' \
            "$work/hbal")" "$n" "$theirs"
    printf '    ours: %s (we say %s) by %s moves, then %s; %s s, ' \
        "$(score "$work/ours")" "$after" "$moves" "$again" "$plan"
    printf '%s s with reading and writing\n' "$one_shot"
    awk -v t="$theirs" -v p="$plan" -v s="$one_shot" \
        'BEGIN { printf "    hbal / ours: %.0f, whole program %.0f\n",
                 t / p, t / s }'
done
alone 1000

# hspace leaves more than nothing of a node's memory, so ours has a MiB less
{
    printf 'g|u|preferred||\n\n'
    i=0
    while [ $i -lt 100 ]; do
        printf 'n%d|65536|0|65535|1000000|1000000|16|N|u|1||N|0|1|1.0\n' $i
        i=$((i + 1))
    done
    printf '\n\n\n|1,1,1,1,1,1|1,1,1,1,1,1;1,1,1,1,1,1|ext|4.0|32.0\n'
} >"$work/empty"
value() {
    sed -n "s/^$1='*\([^']*\).*/\1/p" "$2"
}
for shape in "4096 2" "3000 1" "20480 4"; do
    # shellcheck disable=SC2086
    set -- $shape
    # its checks of N+1 would be another thing, and take minutes
    theirs=$(cpu "$work/hspace" hspace --no-capacity-checks \
        --simulate p,100,1000G,64g,16,1 --machine-readable=yes \
        --standard-alloc "8192,$1,$2" --tiered-alloc "8192,$1,$2")
    printf '100 nodes of 64 GiB filled with %s MiB, %s vCPUs:\n' "$1" "$2"
    printf '    hspace --no-capacity-checks: %s guests, tiered %s, %s s\n' \
        "$(value HTS_ALLOC_INSTANCES "$work/hspace")" \
        "$(value HTS_TSPEC "$work/hspace")" "$theirs"
    "$bench" fill "$work/empty" "$1" "$2" standard >"$work/standard" || exit 1
    "$bench" fill "$work/empty" "$1" "$2" tiered >"$work/tiered" || exit 1
    read -r n seconds _ <"$work/standard"
    read -r _ tiered tiers <"$work/tiered"
    printf '    ours: %s guests, tiered %s' "$n" "$tiers"
    awk -v t="$theirs" -v a="$seconds" -v b="$tiered" 'BEGIN {
        printf ", %.6f s for both; hspace / ours: %.0f\n",
            a + b, t / (a + b) }'
done
