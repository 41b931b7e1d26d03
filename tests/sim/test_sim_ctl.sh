#!/bin/sh
# sim-ctl on a state file of its own: what each command says and does.
ctl="${TOP_BUILDDIR:-.}/tests/sim/sim-ctl"
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

expect() { # what is expected, what was got
    if [ "$1" = "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'want: %s\n got: %s\n' "$1" "$2"
    fi
}

expect "sim-ctl: there is no simulated host $dir/none" \
    "$("$ctl" "$dir/none" list 2>&1)"
: >"$dir/host" # an empty file is a host that was never switched on
before=$("$ctl" "$dir/host" xenstore)
free=$("$ctl" "$dir/host" memory)
expect "Domain-0 0 1024 8 r-----" "$("$ctl" "$dir/host" list)"
expect 1 "$("$ctl" "$dir/host" create one 64M)"
expect 2 "$("$ctl" "$dir/host" create two 64M vdc.crash=5)"
"$ctl" "$dir/host" create two 64M 2>"$dir/err" && failed=$((failed + 1))
expect 'sim-ctl: libxl: Domain with name "two" already exists.' \
    "$(cat "$dir/err")"
"$ctl" "$dir/host" poweroff 1
"$ctl" "$dir/host" advance 5000
expect "one 1 64 1 ---s-- two 2 64 1 ---sc-" \
    "$("$ctl" "$dir/host" list | tail -n 2 | xargs)"
"$ctl" "$dir/host" destroy 1
"$ctl" "$dir/host" destroy 2
"$ctl" "$dir/host" destroy 2 2>"$dir/err" && failed=$((failed + 1))
expect "sim-ctl: there is no domain 2" "$(cat "$dir/err")"
expect "$before" "$("$ctl" "$dir/host" xenstore)"
expect "$free" "$("$ctl" "$dir/host" memory)"
expect 3 "$("$ctl" "$dir/host" create three 64M)"
expect "memory 65536 target 65536 maximum 65536 vcpus 1 vcpus_max 1 \
weight 256 cap 0" "$("$ctl" "$dir/host" show 3 | xargs)"
expect "" "$("$ctl" "$dir/host" devices 3)"
"$ctl" "$dir/host" behave 3 "vdc.poweroff=90 sim.balloon=none"
"$ctl" "$dir/host" advance 30000
expect "three 3 64 1 -b----" "$("$ctl" "$dir/host" list | tail -n 1)"
"$ctl" "$dir/host" advance 60000
expect "three 3 64 1 ---s--" "$("$ctl" "$dir/host" list | tail -n 1)"
expect "claimed 0" "$("$ctl" "$dir/host" memory | tail -n 1)"
"$ctl" "$dir/host" behave 9 sim.balloon=none 2>"$dir/err" &&
    failed=$((failed + 1))
expect "sim-ctl: there is no domain 9" "$(cat "$dir/err")"
"$ctl" "$dir/host" power-cut
expect "Domain-0 0 1024 8 r-----" "$("$ctl" "$dir/host" list)"
expect 1 "$("$ctl" "$dir/host" create four 64M)"
expect 0 "$("$ctl" "$dir/host" effects)"
"$ctl" "$dir/host" nonsense 2>/dev/null
expect 2 $?
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
