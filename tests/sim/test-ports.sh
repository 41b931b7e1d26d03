#!/bin/sh
# Ports for tests (tests/ports.sh): many shells ask at a time, and no two get
# the same.
. "$(dirname "$0")/lib.sh"
. "${TOP_SRCDIR:-.}/tests/ports.sh"
PORTS_TAKEN=$WORK/ports
PORTS_BLOCKS=12
PORTS_FIRST=19000 # other tests that run take theirs

for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
    sh -c '. "$1"; PORTS_TAKEN=$2 PORTS_BLOCKS=12 PORTS_FIRST=19000
        { take_ports 2>/dev/null || echo none; } >"$3.new"
        mv "$3.new" "$3"
        while [ ! -e "$2/over" ]; do sleep 0.2; done' \
        - "${TOP_SRCDIR:-.}/tests/ports.sh" "$PORTS_TAKEN" "$WORK/got.$i" &
done
have_all() {
    [ "$(find "$WORK" -name 'got.[0-9]' -o -name 'got.[0-9][0-9]' |
        wc -l)" = 13 ]
}
check "each is answered" retry 60 have_all
cat "$WORK"/got.* >"$WORK/all"
check_equal "one that is too late gets none" 1 "$(grep -c none "$WORK/all")"
check_equal "the others each another" 12 \
    "$(grep -v none "$WORK/all" | sort -u | wc -l)"
touch "$PORTS_TAKEN/over"
wait
take_ports >"$WORK/port"
check_equal "who has ended has none" 1 \
    "$(find "$PORTS_TAKEN" -name '[0-9]*' | wc -l)"
port=$(cat "$WORK/port")
check "they are eight of those" [ $(((port - PORTS_FIRST) % 8)) = 0 ]
check "and not those that programs get who ask for any" [ "$port" -lt 32768 ]
if command -v python3 >/dev/null; then
    rm -f "$PORTS_TAKEN"/[0-9]*
    python3 -c 'import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1]) + 3))
s.listen()
print("listens", flush=True)
time.sleep(60)' "$port" >"$WORK/listens" &
    listener=$!
    check "somebody listens" retry 20 grep -q listens "$WORK/listens"
    check_equal "not where somebody listens" different "$(
        [ "$(take_ports)" = "$port" ] || echo different)"
    kill $listener
else
    skipped "where somebody listens: needs python3"
fi
