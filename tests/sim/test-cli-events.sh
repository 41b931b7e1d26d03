#!/bin/sh
# events --follow of several hosts, of which one goes away and comes back, and
# one is added: nothing is lost, and nothing comes twice.
. "$(dirname "$0")/lib.sh"
start_host
beta_pid='' follower=
trap 'status=$?; stop_daemon "$beta_pid"; stop_daemon "$follower"
(exit $status); finish' EXIT
vdc customer-create -q acme || exit 1
config web.cfg
guest() { # NAME HOST
    vdc create -q -C acme "$WORK/web.cfg" "name=\"$1\"" "vdc_host=\"$2\""
}
follow() { # FILE [OPTION]...
    file=$WORK/$1
    shift
    "$BIN/xl-ext/xl-vdc" events --follow "$@" >"$file" 2>>"$WORK/follow.log" &
    follower=$!
}
# Of a host, its numbers in the order in which they came.
numbers() { # FILE HOST
    awk -v host="$2" '$NF == host && $(NF - 1) == "on" { print $1 }' \
        "$WORK/$1" | xargs
}
up() { vdc host-list | grep -qE "^$1 +up"; }
has() { # FILE HOST COUNT
    [ "$(numbers "$1" "$2" | wc -w)" = "$3" ]
}

check "a guest before anybody follows" guest early alpha
follow one
check "what was kept comes first" retry 10 has one alpha 2
start_beta
vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
check "another host is added" retry 20 up beta
check "a guest there" guest db beta
check "is told of, too" retry 10 has one beta 2

# ---- it goes, and comes back ----

stop_daemon "$beta_pid" KILL
gone() { ! up beta; }
check "a host goes away" retry 20 gone
check "the other goes on" vdc reboot -q -w acme.early
check "and is told of" retry 10 has one alpha 3
follow two
check "who begins to follow then has what there is" retry 10 has two alpha 3
second=$follower
start_beta
check "it comes back" retry 20 up beta
check "something happens there" vdc destroy -q acme.db
check "who followed all the time sees it" retry 10 has one beta 3
check "who came meanwhile has all of it" retry 10 has two beta 3
check_equal "once each, and in order" "1 2 3" "$(numbers one beta)"
check_equal "so has the other" "1 2 3" "$(numbers two beta)"
check_equal "those of the other host, too" "1 2 3" "$(numbers one alpha)"

# ---- what happens between a kill and the next look ----

i=0
while [ $i -lt 4 ]; do
    guest "g$i" beta || exit 1
    stop_daemon "$beta_pid" KILL
    start_beta
    retry 20 up beta || exit 1
    i=$((i + 1))
done
check "killed after each of four" retry 20 has one beta 11
check_equal "all are there, once" "1 2 3 4 5 6 7 8 9 10 11" \
    "$(numbers one beta)"

# ---- policyd goes ----

stop_policyd
wait "$follower" 2>/dev/null
wait "$second" 2>/dev/null
follower=
check_output "who follows is told when policyd ends" 'xl-vdc: ' \
    cat "$WORK/follow.log"
start_policyd
retry 20 up beta || exit 1
check "one more" guest last beta
follow three --since \
    "alpha=$(numbers one alpha | wc -w),beta=$(numbers one beta | wc -w)"
check "who goes on from where it was has the rest" retry 10 has three beta 2
check_equal "and nothing again" "12 13 " \
    "$(numbers three beta) $(numbers three alpha)"
