#!/bin/bash
# Three real hosts, one of which dies: by a power cut, and cut off from the
# others.  Xen's watchdog stops the one that is cut off; its protected guest
# runs elsewhere only after that.  The guest's console, to which it writes all
# the time, is in a directory that all hosts share: it is the log that shows
# that no two of it ran.  And what must fence nobody does not.
ALL_JOIN=yes
WATCHDOG_TIME=${WATCHDOG_TIME:-60}
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib-hosts.sh"
. "$(dirname "$0")/../lib-ticks.sh"
began=$SECONDS
RESERVE=60 # of policyd, and of the emulator

# ---- Xen's own watchdog ----

# What is armed of a run before would not be let go by this one's policyd.
HOSTS="alpha beta gamma"
beds reset $HOSTS >/dev/null 2>&1
hosts_up $HOSTS
echo "up after $((SECONDS - began)) s"
bed push "$TOP/build/tests/xen/hv/test_watchdog" /root/
on alpha 'systemctl stop xen-vdc-watchdogd; chmod +x /root/test_watchdog'
check_output "it is set anew, and taken back" '^[0-9]+ passed, 0 failed' \
    on alpha /root/test_watchdog

# ---- all take part ----

# Consoles are written to a directory that outlives the host.
share_consoles() { # HOST
    on "$1" "mountpoint -q $LOGS ||
        mount --bind /srv/share/console.$1 $LOGS"
}
set_up_fence() { # HOST ADDRESS
    mkdir -p "$SHARE/console.$1"
    rm -f "$SHARE/console.$1"/*
    share_consoles "$1" && on "$1" "cat >>/etc/xen-vdc/watchdogd.conf <<END
fence_address = \"$2:8448\"
watchdog_time = $WATCHDOG_TIME
END
        systemctl restart xen-vdc-watchdogd"
}
n=0
for host in $HOSTS; do
    n=$((n + 1))
    check "watchdogd on $host" set_up_fence "$host" 10.77.0.$n
done
armed() { # N
    [ "$(dom0 'xl-vdc store-export' | grep '"kind":"fence"' |
        grep -o '"armed":true' | wc -l)" = "$1" ]
}
check "all three are armed" retry 180 armed 3
ensure_customers
check "a guest's initramfs with a program that ticks" make_ticks
is_fenced() { # HOST
    dom0 'xl-vdc host-list' | grep -qE "^$1 +fenced"
}
none_fenced() {
    ! dom0 'xl-vdc host-list' | grep -qE "^[a-z]+ +fenced" &&
        [ "$(dom0 'xl-vdc host-list' | grep -cE '^[a-z]+ +(up|draining) ')" = 3 ]
}
drained() { # HOST: it is the one that takes no guests
    local host state
    for host in $HOSTS; do
        state=up
        [ "$host" != "$1" ] || state=draining
        dom0 "xl-vdc host-set -q $host --state $state" || return 1
    done
}

# ---- what it wrote, on which host, and when ----

log_on() { # HOST
    echo "$SHARE/console.$1/guest-acme.roam.log"
}
# "SECONDS HOST BYTES" for each change of a log, by this machine's clock.
watch_logs() {
    local host size
    declare -A last
    while [ -d "$WORK" ]; do
        for host in $HOSTS; do
            size=$(stat -c %s "$(log_on "$host")" 2>/dev/null || echo 0)
            [ "$size" = "${last[$host]:-0}" ] ||
                echo "$(date +%s.%N | cut -c1-14) $host $size"
            last[$host]=$size
        done
        sleep 0.1
    done >>"$WORK/wrote" 2>/dev/null
}
last_of() { # HOST
    awk -v h="$1" '$2 == h { t = $1 } END { print t ? t : 0 }' "$WORK/wrote"
}
first_of() { # HOST AFTER
    awk -v h="$1" -v a="$2" '$2 == h && $1 > a && $3 { print $1; exit }' \
        "$WORK/wrote"
}
wrote_after() { # HOST TIME
    [ -n "$(first_of "$1" "$2")" ]
}
earlier() { # TIME TIME
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > 0 && b > 0 && a < b) }'
}
seconds() { # FROM TO
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", b - a }'
}
now() {
    date +%s.%N | cut -c1-14
}

# fenced_and_moved HOST TO CUT: the host was cut at that time.
fenced_and_moved() {
    local host=$1 to=$2 cut=$3 fenced ran last first
    check "$host is declared off" \
        retry $((WATCHDOG_TIME + RESERVE)) is_fenced "$host"
    fenced=$(now)
    check "its guest runs on $to" retry 120 domid_on "$to" roam
    ran=$(now)
    check "and writes there" retry 180 wrote_after "$to" "$cut"
    last=$(last_of "$host")
    first=$(first_of "$to" "$cut")
    check "after it had stopped to write on $host" earlier "$last" "$first"
    check "not before $host was surely off" [ \
        "$(seconds "$cut" "$fenced")" -ge "$WATCHDOG_TIME" ]
    echo "$host: last written there $(seconds "$cut" "$last") s after the cut;" \
        "declared off after $(seconds "$cut" "$fenced") s, domain on $to after" \
        "$(seconds "$cut" "$ran") s, first written there after" \
        "$(seconds "$cut" "$first") s"
}

# A protected guest needs another host that could take it over, so two are up.
check "alpha takes no guests" drained alpha
check "a protected guest" dom0 "cd /home/acme && xl-vdc create -q \
    -C acme web.cfg name=roam vdc_protected=1 \
    'ramdisk=\"$IMAGES/initramfs-ticks\"' \
    'extra=\"$(ticks_extra 20 ticks.hold=16 ticks.write=256)\"'"
one=$(hosts_with roam)
[ "$one" = beta ] && two=gamma || two=beta
check "is on $one" [ "$one" = beta -o "$one" = gamma ]
watch_logs &
watcher=$!
check "it writes" retry 120 wrote_after "$one" 0

# ---- what fences nobody ----

check "kill -9 watchdogd on $one: another is started" kill_on "$one" watchdogd
check "kill -9 policyd: another is started" kill_on alpha policyd
check "all three are armed" retry 180 armed 3
on alpha 'systemctl stop xen-vdc-policyd'
sleep $((WATCHDOG_TIME + 30))
on alpha 'systemctl start xen-vdc-policyd'
check "without policyd for longer than the watchdog's time nobody stops" \
    retry 120 none_fenced
check_equal "the guest is where it was" "$one" "$(hosts_with roam)"
check "upgraded: watchdogd is told to run anew" \
    on "$one" 'systemctl reload xen-vdc-watchdogd'
check "all three are armed" retry 180 armed 3

# ---- the power of its host is cut ----

cut=$(now)
check "the power of $one is cut" beds kill "$one"
fenced_and_moved "$one" "$two" "$cut"
check "$one boots" beds again "$one"
check "with its consoles in the directory" share_consoles "$one"
check "and is up" retry 180 host_is "$one" up
check_equal "the guest is where it is" "$two" "$(hosts_with roam)"
check "all three are armed" retry 240 armed 3
# Of two hosts that are left of three, both stop when they do not hear each
# other.
[ "$n_failed" = 0 ] || exit 1

# ---- its host is cut off ----

# Nothing is wrong with it but its network, and its guest runs on.
wire_of() { # HOST
    on "$1" 'ip -o link show master xenbr0' | sed -n \
        's/^[0-9]*: \(e[^:@ ]*\).*/\1/p' | head -n 1
}
bed_ends() { # HOST
    ! on "$1" true
}
wire=$(wire_of "$two")
check "the wire of $two is $wire" [ -n "$wire" ]
cut=$(now)
check "the network of $two is cut" on "$two" "ip link set $wire down"
check "its guest writes on" retry 20 wrote_after "$two" \
    "$(awk -v c="$cut" 'BEGIN { printf "%.3f", c + 3 }')"
check "$two stops itself" retry $((WATCHDOG_TIME + 30)) bed_ends "$two"
echo "$two stopped $(seconds "$cut" "$(now)") s after its network"
check "it was Xen's watchdog" grep -aq \
    'Watchdog timer fired for domain 0' \
    "${BED_DIR:-$TOP/.bed}/run/$BEDS-$two/console.log"
fenced_and_moved "$two" "$one" "$cut"
check "$two boots" beds again "$two"
check "and is up" retry 180 host_is "$two" up
check_equal "the guest is where it is" "$one" "$(hosts_with roam)"
kill "$watcher"
forget_all
echo "$((SECONDS - began)) s"
