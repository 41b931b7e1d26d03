#!/bin/bash
# Live moves between two real hosts in beds: `xl-vdc migrate --live` beside
# `xl migrate`, by turns, there and back, of guests that are alike: one that is
# idle, and one that writes to its memory.  How long each move takes, and how
# long the guest is away: by its own clocks (tests/xen/ticks.c), which say less
# or more on the way there by as much as they say more or less on the way back,
# as the clocks of two hosts differ; and by pings from the first host.
# xl's stream goes by socat, without encryption; ours by TLS.
# Usage: STAGE=... tests/bench/migrate.sh [ROUNDS [KIB-WRITTEN-A-SECOND]]
BUILD=$(realpath "${BUILD:-build}")
export STAGE=${STAGE:-$BUILD/stage} TICKS=${TICKS:-$BUILD/tests/xen/ticks}
export BED_NAME=${BED_NAME:-bench}
if [ ! -x "$TICKS" ] || [ ! -d "$STAGE" ]; then
    echo "skipped: there is no $TICKS, or no installation in $STAGE"
    exit 0
fi
ROUNDS=${1:-4}
WRITES=${2:-4096}
ALL_JOIN=yes
. "$(dirname "$0")/../xen/lib.sh"
. "$(dirname "$0")/../xen/lib-hosts.sh"
. "$(dirname "$0")/../xen/lib-ticks.sh"
PORT=8002

hosts_up alpha beta
ensure_customers
check "a guest's initramfs with a program that ticks" make_ticks

# ---- the clocks of both, as near as can be told from here ----

offset_ms() { # HOST: how much it is ahead of us; that of the quickest answer
    local t0 t1 there best=999999 offset=0
    for _ in 1 2 3 4 5 6 7 8; do
        t0=$(date +%s%3N)
        there=$(on "$1" 'date +%s%3N')
        t1=$(date +%s%3N)
        if [ $((t1 - t0)) -lt $best ]; then
            best=$((t1 - t0))
            offset=$((there - (t0 + t1) / 2))
        fi
    done
    echo $offset
}
set_clocks() {
    local host
    for host in $HOSTS; do
        on "$host" "date -s @\$(date +%s.%N | awk -v o=$(offset_ms "$host") \
            '{ printf \"%.3f\", \$1 - o / 1000 }')" >/dev/null
    done
    echo "clocks of alpha and beta are $(offset_ms alpha) and" \
        "$(offset_ms beta) ms ahead"
}

# ---- one move ----

address_of() { # HOST
    [ "$1" = alpha ] && echo 10.77.0.1 || echo 10.77.0.2
}
# The time that a line takes there, in ms, by that host's clock.
timed() { # HOST LINE
    on "$1" "begun=\$(date +%s%3N); { $2; } >/root/move.log 2>&1
        status=\$?; echo \$((\$(date +%s%3N) - begun)); exit \$status"
}
move_xl() { # FROM TO
    on "$2" "socat TCP-LISTEN:$PORT,reuseaddr EXEC:'xl migrate-receive' \
        >/root/receive.log 2>&1 &"
    sleep 1
    timed "$1" "xl migrate -s '' xl.guest \
        'socat - TCP:$(address_of "$2"):$PORT'"
}
move_vdc() { # FROM TO
    timed alpha "xl-vdc migrate -q --live acme.guest $2"
}
xen_name() {
    [ "$1" = xl ] && echo xl.guest || echo acme.guest
}
number_of() {
    [ "$1" = xl ] && echo 41 || echo 42
}
# The longest time, in ms, between two answers.
longest_silence() {
    dom0 'cat /root/pings' | sed -n 's/^\[\([0-9.]*\)\] .*bytes from.*/\1/p' |
        awk 'last && $1 - last > most { most = $1 - last } { last = $1 }
            END { printf "%d\n", most * 1000 }'
}
# The longest of the ticks of both hosts that are after COUNT, by field.
longest_tick() { # XEN-NAME COUNT FIELD
    local host
    for host in $HOSTS; do
        ticks_of "$host" "$1"
    done | awk -v n="$2" -v f="$3" '$2 > n && $f > most { most = $f }
        END { print most + 0 }'
}
one_move() { # WHO FROM TO KIND
    local who=$1 name count took silence pings
    name=$(xen_name "$who")
    forget_ticks "$3" "$name"
    count=$(count_on "$2" "$name")
    dom0 "nohup ping -n -D -i 0.05 10.77.0.$(number_of "$who") \
        >/root/pings 2>&1 & echo \$! >/root/pings.pid"
    sleep 2
    if ! took=$("move_$who" "$2" "$3"); then
        failed "$who: $2 to $3" "$(on "$2" 'tail -n 20 /root/move.log')" \
            "$(on "$3" 'tail -n 20 /root/receive.log')"
        return 1
    fi
    retry 60 ticks_after "$3" "$name" $((count + 1)) ||
        failed "$who: it ticks on $3"
    sleep 3
    dom0 'kill -INT $(cat /root/pings.pid)'
    silence=$(longest_silence)
    passed "$who, $4: $2 to $3: $took ms; away $(longest_tick "$name" \
        "$count" 8) ms by its clock, $(longest_tick "$name" "$count" 6) by the \
one that stands still, $silence by pings"
    echo "$4 $who $took $(longest_tick "$name" "$count" 8) $silence" \
        >>"$WORK/figures"
}

# ---- guests that are alike ----

make_xl() { # WORDS
    forget_ticks alpha xl.guest
    dom0 "cat >/root/xl.cfg <<END
name = \"xl.guest\"
type = \"pvh\"
kernel = \"$IMAGES/vmlinuz\"
ramdisk = \"$IMAGES/initramfs-ticks\"
memory = 128
vcpus = 1
vif = [ \"bridge=xenbr0\" ]
extra = \"$(ticks_extra 41 "$1")\"
END
        xl create -q /root/xl.cfg" &&
        retry 180 ticks_after alpha xl.guest 2
}
stand_still() { # WHO HOST
    if [ "$1" = xl ]; then
        on "$2" 'xl pause xl.guest'
    else
        dom0 'xl-vdc pause -q acme.guest'
    fi
}
go_on() { # WHO HOST
    if [ "$1" = xl ]; then
        on "$2" 'xl unpause xl.guest'
    else
        dom0 'xl-vdc unpause -q acme.guest'
    fi
}
# The one that is not moved stands still meanwhile.
round() { # KIND FROM TO
    stand_still vdc "$2"
    one_move xl "$2" "$3" "$1"
    stand_still xl "$3"
    go_on vdc "$2"
    one_move vdc "$2" "$3" "$1"
    go_on xl "$3"
}
rounds() { # KIND WORDS
    local i
    TICKS_WORDS=$2
    check "$1: a guest of xl's" make_xl "$2"
    check "$1: a guest of ours" ticking alpha guest 42
    for ((i = 0; i < ROUNDS; i++)); do
        if [ $((i % 2)) = 0 ]; then
            round "$1" alpha beta
        else
            round "$1" beta alpha
        fi
    done
    check_equal "$1: memory is as it was" "" "$(bad_ticks guest)"
    for host in $HOSTS; do
        on "$host" 'xl destroy xl.guest 2>/dev/null; true'
    done
    dom0 'xl-vdc destroy -q acme.guest'
}
summary() {
    awk '{ k = $1 " " $2; n[k]++; took[k] += $3; gap[k] += $4; ping[k] += $5
            kinds[$1] = 1 }
        END { for (kind in kinds) {
            x = kind " xl"; v = kind " vdc"
            if (!n[x] || !n[v]) continue
            printf "%s: mean of %d and %d moves\n", kind, n[x], n[v]
            printf "  total   xl %6d ms, ours %6d ms: %.2f of it\n",
                took[x] / n[x], took[v] / n[v], took[v] / n[v] / (took[x] / n[x])
            printf "  away    xl %6d ms, ours %6d ms: %.2f of it (clock)\n",
                gap[x] / n[x], gap[v] / n[v], gap[v] / n[v] / (gap[x] / n[x])
            printf "  away    xl %6d ms, ours %6d ms: %.2f of it (pings)\n",
                ping[x] / n[x], ping[v] / n[v],
                ping[v] / n[v] / (ping[x] / n[x])
        } }' "$WORK/figures"
}

set_clocks
: >"$WORK/figures"
rounds idle 'ticks.hold=16'
rounds writing "ticks.hold=32 ticks.write=$WRITES"
summary
