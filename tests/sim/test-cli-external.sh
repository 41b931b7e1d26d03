#!/bin/sh
# Placement by a program that speaks Ganeti's iallocator protocol: hail itself
# where it is installed, and programs that hang, crash, or answer nonsense.
. "$(dirname "$0")/lib.sh"
start_host
HAIL=/usr/lib/ganeti/iallocators/hail
CONF=$WORK/placement.conf
vdc customer-create -q acme --memory 8G --vcpus 64 --guests 32 --disk 1G ||
    exit 1
config web.cfg

# Programs: program NAME, of what comes on standard input.
program() {
    {
        echo '#!/bin/sh'
        cat
    } >"$WORK/$1"
    chmod 755 "$WORK/$1"
}

timeout=1s
# The policy of all: use PROGRAM [KEY=VALUE...]
use() {
    program=$1
    shift
    more=
    for word in "$@"; do
        more="$more, $word"
    done
    cat >"$CONF" <<END
default = "ext"
policies = [
    "name=ext, strategy=external, program=$program, timeout=$timeout$more",
]
END
    vdc policy-reload -q
}

create() { # NAME [SETTING...]
    name=$1
    shift
    vdc create -C acme -o json "$WORK/web.cfg" "name=$name" "$@"
}
reason_of() { # NAME...: of a guest that is made now
    create "$@" >"$WORK/created" || return
    json "$WORK/created" '$.reason'
}
# check_reason TEXT PATTERN NAME...
check_reason() {
    text=$1
    pattern=$2
    shift 2
    reason=$(reason_of "$@" 2>&1)
    if echo "$reason" | grep -Eq -- "$pattern"; then
        passed "$text"
    else
        failed "$text" "reason: $reason"
    fi
}

# ---- programs that answer ----
program named <<'EOF2'
cp "$1" "$(dirname "$0")/input"
echo '{"success": true, "info": "I like it", "result": ["alpha"]}'
EOF2
use "$WORK/named"
check_reason "a program names the host" \
    "^host alpha: .*named by $WORK/named: I like it" one
check "it was told of the host" grep -q '"nodes":{"alpha":' "$WORK/input"
check "and of the guest" grep -q \
    '"request":{"type":"allocate","name":"one"' "$WORK/input"
create two -q >"$WORK/created"
check_equal "the next is told of the first" 1 \
    "$(python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))["instances"]))' "$WORK/input")"
rm -f "$WORK/input"
check_error "what nobody can take is not asked" 5 'memory' \
    vdc create -C acme "$WORK/web.cfg" name=big memory=5000
check "no" [ ! -e "$WORK/input" ]

program no <<'EOF2'
echo '{"success": false, "info": "not today", "result": []}'
EOF2
use "$WORK/no" fallback=spread
check_error "a program that says no decides" 5 \
    "no, which decides by policy 'ext', names no host: not today" \
    vdc create -C acme "$WORK/web.cfg" name=refused

# ---- programs that do not ----
program hang <<'EOF2'
sleep 1000
EOF2
program crash <<'EOF2'
kill -SEGV $$
EOF2
program status <<'EOF2'
echo "cannot find my feet" >&2
exit 3
EOF2
program nonsense <<'EOF2'
echo "host alpha, please"
EOF2
program stranger <<'EOF2'
echo '{"success": true, "info": "", "result": ["omega"]}'
EOF2
program flood <<'EOF2'
while :; do echo '{"success": true, "info": "", "result": ["alpha"]}'; done
EOF2

each() { # NAME WHAT: with a fallback, and without
    use "$WORK/$1" fallback=pack
    check_reason "$1: the fallback decides" \
        "^host alpha: .*$WORK/$1 did not decide: .*$2" "g$1"
    check "$1: the log says so" grep -Eq \
        "$WORK/$1: has not placed a guest: .*$2.*; policy 'pack' does" \
        "$WORK/policyd.log"
    use "$WORK/$1"
    check_error "$1: without a fallback it is refused" 5 \
        "$1, which decides by policy 'ext', did not: .*$2" \
        vdc create -C acme "$WORK/web.cfg" name=never
}
each hang 'it did not answer within 1 s'
each crash 'it was ended by signal 11'
each status 'it ended with status 3: cannot find my feet'
each nonsense 'it is no answer of an iallocator'
each stranger "it named host 'omega', which is not there"
each flood 'it wrote more than 65536 bytes'
check_equal "nothing of them is left" "" \
    "$(pgrep -f "$WORK/(hang|crash|flood)" | tr '\n' ' ')"

# A program that is gone since it was named.
use "$WORK/named" fallback=pack
mv "$WORK/named" "$WORK/away"
check_reason "a program that is gone" \
    "did not decide: it could not be run: No such file" gone
mv "$WORK/away" "$WORK/named"

# A host that is full by the time that the answer comes: another create takes
# what is left while the program thinks.
program slow <<'EOF2'
touch "$(dirname "$0")/asked"
while [ ! -e "$(dirname "$0")/go" ]; do sleep 0.05; done
echo '{"success": true, "info": "", "result": ["alpha"]}'
EOF2
cat >"$CONF" <<END
policies = [
    "name=ext, strategy=external, program=$WORK/slow, timeout=20s",
]
customers = [ "customer=acme, policy=ext" ]
END
check "a slow program" vdc policy-reload -q
free=$(vdc host-list -o json |
    python3 -c 'import json, sys
print(json.load(sys.stdin)["hosts"][0]["available_memory_kib"] // 1024)')
vdc create -C acme "$WORK/web.cfg" name=late "memory=$((free - 100))" \
    >"$WORK/late" 2>&1 &
late=$!
check "it is asked" retry 10 [ -e "$WORK/asked" ]
check "others are served meanwhile" vdc list -o name
check "and placed" vdc create -q "$WORK/web.cfg" name=quick memory=512
touch "$WORK/go"
wait "$late"
check_equal "the late one is refused" 5 $?
check "as the answer does not hold any more" grep -q \
    "it named host 'alpha', which cannot take the guest (memory)\|memory" \
    "$WORK/late"
check "nothing was begun" sh -c \
    "! '$BIN/xl-ext/xl-vdc' list -o name | grep -q late"

# ---- policyd is stopped while one thinks ----
rm -f "$WORK/go" "$WORK/asked"
vdc create -C acme "$WORK/web.cfg" name=stopped >"$WORK/late" 2>&1 &
late=$!
check "one is asked" retry 10 [ -e "$WORK/asked" ]
stop_policyd
wait "$late"
check "who asked is told" [ $? != 0 ]
check_equal "nothing is left of it" "" "$(pgrep -f "$WORK/slow")"
rm -f "$CONF"
start_policyd
retry 20 answers || failed "policyd starts again" "$(cat "$WORK/policyd.log")"

# ---- hail, with two hosts ----
if [ ! -x $HAIL ]; then
    passed "hail: skipped, it is not here (package ganeti-htools)"
    exit
fi
timeout=60s
use "$HAIL"
check_error "hail refuses: one host would be lost with all its guests" 5 \
    "hail, .*names no host: Request failed: .*FailN1" \
    vdc create -C acme "$WORK/web.cfg" name=alone
start_beta 3G
vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
beta_is_up() {
    vdc host-list | grep -q '^beta  *up'
}
check "another host" retry 10 beta_is_up
use "$HAIL" arguments=--no-capacity-checks
check_reason "hail places a guest on the emptier host" \
    "^host beta: .*named by $HAIL: Request successful" byhail
check_equal "it is there" beta "$(vdc show acme.byhail -o json |
    grep -o '"host": *"[a-z]*"' | head -n 1 | grep -o 'beta\|alpha')"
check "why: decided again, it is the same" sh -c \
    "'$BIN/xl-ext/xl-vdc' why --replay acme.byhail | grep -q 'the same$'"
# Several at once: each answer is held against what there is when it comes.
makers=
for i in 1 2 3 4 5 6; do
    vdc create -q -C acme "$WORK/web.cfg" name=at$i &
    makers="$makers $!"
done
made=0
for maker in $makers; do
    wait "$maker" && made=$((made + 1))
done
check_equal "six at once" 6 $made
stop_daemon $beta_pid
