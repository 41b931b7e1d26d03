#!/bin/sh
# What bad input gets: an error that names the thing and says what to do, a
# status that means something, and nothing left behind.
. "$(dirname "$0")/lib.sh"
start_host
vdc customer-create -q acme --memory 256M --vcpus 4 --guests 2 --disk 1G ||
    exit 1
config web.cfg

nothing_left() {
    check_equal "$1: nothing is left behind" "" "$(vdc list -o name)"
}

# ---- files ----
config bad.cfg 'memroy = 64'
check_error "unknown key: file, line, nearest" 2 \
    "bad\.cfg:6: unknown key 'memroy'" vdc create -C acme "$WORK/bad.cfg"
check_equal "the hint is on a line of its own" "  did you mean 'memory'?" \
    "$(tail -n 1 "$WORK/stderr")"
config bad.cfg 'vcpus = "two"'
check_error "wrong type" 2 \
    "bad\.cfg:6: 'vcpus' wants a number from 1 to 512, got \"two\"" \
    vdc create -C acme "$WORK/bad.cfg"
config bad.cfg 'vcpus = 0' 'pci = [ "01.0" ]' 'memroy = 1'
check_error "several: each on its line" 2 "^xl-vdc: .*bad\.cfg:7: 'pci'" \
    vdc create -C acme "$WORK/bad.cfg"
check_equal "three of them" 3 "$(grep -c '^xl-vdc: ' "$WORK/stderr")"
config bad.cfg 'vif = [ "bridge'
check_error "not xl.cfg syntax" 2 'bad\.cfg:6' \
    vdc create -C acme "$WORK/bad.cfg"
check_error "no such domain file" 2 'nothing\.cfg' \
    vdc create -C acme "$WORK/nothing.cfg"
check_error "HVM" 2 'HVM' vdc create -C acme "$WORK/web.cfg" type=hvm
check_error "a setting that is none" 2 'memory=\[' \
    vdc create -C acme "$WORK/web.cfg" 'memory=['
check_error "two files" 2 'two domain files' \
    vdc create -C acme "$WORK/web.cfg" "$WORK/bad.cfg"
check_error "no file" 2 'a domain file is missing' vdc create -C acme
check_error "missing kernel" 2 "$WORK/none" \
    vdc create -C acme "$WORK/web.cfg" "kernel=$WORK/none"
check_error "missing ramdisk" 2 "$WORK/none" \
    vdc create -C acme "$WORK/web.cfg" "ramdisk=$WORK/none"
check_error "missing disk" 2 "$WORK/none" vdc create -C acme \
    "$WORK/web.cfg" "disk=[\"$WORK/none,raw,xvda,w\"]"
nothing_left "files"

# ---- quota and memory ----
check_error "memory over quota: which, used, asked, limit" 5 \
    'memory.*(256|512|0).*' vdc create -C acme "$WORK/web.cfg" memory=512
for amount in 512 256; do
    check "the error has $amount" grep -q "$amount" "$WORK/stderr"
done
check_error "vcpus over quota" 5 'vcpus|vCPU' \
    vdc create -C acme "$WORK/web.cfg" vcpus=5
truncate -s 2G "$WORK/images/big"
check_error "disk over quota" 5 'disk' vdc create -C acme \
    "$WORK/web.cfg" "disk=[\"$WORK/images/big,raw,xvda,w\"]"
nothing_left "quota"
check "one guest" vdc create -q -C acme "$WORK/web.cfg"
check "two guests" vdc create -q -C acme "$WORK/web.cfg" name=two
check_error "guests over quota" 5 'guests' \
    vdc create -C acme "$WORK/web.cfg" name=three
check "destroy one" vdc destroy -q acme.two
check_error "the host has not the memory: how much is free" 5 \
    'free|available' vdc create "$WORK/web.cfg" memory=8192

# ---- names and states ----
check_error "name taken" 4 'web' vdc create -C acme "$WORK/web.cfg"
check_error "no such guest" 3 'no such guest: acme.nobody' \
    vdc start acme.nobody
check_error "no such customer" 3 'nobody' vdc create -C nobody \
    "$WORK/web.cfg"
check_error "start what runs" 4 'web' vdc start acme.web
check "stop it" vdc shutdown -q -w acme.web
check_error "shut down what is stopped" 4 'web' vdc shutdown acme.web
check_error "console of what is stopped" 4 'web' vdc console acme.web
check_error "a customer with guests is not forgotten" 4 'acme' \
    vdc customer-delete acme
check_error "customer name taken" 4 'acme' vdc customer-create acme
check_error "customer name not allowed" 2 'Acme' vdc customer-create Acme
check_error "guest name not allowed" 2 "'name'" \
    vdc create -C acme "$WORK/web.cfg" name=a/b
check_error "rename to a name not allowed" 2 'a/b' \
    vdc rename acme.web a/b
check "another" vdc create -q --no-start -C acme "$WORK/web.cfg" name=two
check_error "rename to a name taken" 4 'two' vdc rename acme.web two
check_error "quota that is no amount" 2 '--memory' \
    vdc customer-create x --memory lots
check_error "quota that is no number" 2 '--vcpus' \
    vdc customer-create x --vcpus -1
check_error "one of several guests is not there" 3 'acme.nobody' \
    vdc destroy -q acme.web acme.nobody acme.two
check_equal "the others were done" "" "$(vdc list -o name)"

# ---- a guest that does not answer ----
check "a guest that ignores requests" vdc create -q -C acme \
    "$WORK/web.cfg" name=deaf extra=sim.ignore_shutdown
check_error "shutdown with a timeout" 8 'deaf' \
    vdc shutdown -w --timeout 500ms acme.deaf
check "destroy ends it" vdc destroy -q acme.deaf

# ---- command lines ----
check_error "unknown command" 2 "unknown command 'creat2'" vdc creat2 web.cfg
check_error "ambiguous command" 2 'shutdown show' vdc sh web
check_error "unknown option" 2 "no option '--frce'" vdc destroy --frce web
check_error "argument missing" 2 'GUEST' vdc start
check_error "argument too many" 2 "'x'" vdc host-list x
check_error "no command" 2 'command is missing' vdc
check_error "options alone" 2 'command is missing' vdc -q -o json
check_output "but help is one" '^usage: ' vdc -q --help
check_error "timeout without wait" 2 '--wait' \
    vdc shutdown --timeout 5 web
check_error "since what is no number" 2 'since' vdc events --since x

# ---- errors as JSON ----
vdc show -o json acme.nobody >"$WORK/stdout" 2>"$WORK/error.json"
check_equal "status" 3 $?
check_equal "name" NOT_FOUND "$(json "$WORK/error.json" '$.error.name')"
check_equal "code" 7 "$(json "$WORK/error.json" '$.error.code')"
check_equal "text" "no such guest: acme.nobody" \
    "$(json "$WORK/error.json" '$.error.text')"
check_equal "retry" 0 "$(json "$WORK/error.json" '$.error.retry')"
check_equal "nothing on standard output" "" "$(cat "$WORK/stdout")"
nothing_left "in the end"

# ---- output that cannot be written ----
if [ -w /dev/full ]; then
    vdc help >/dev/full 2>"$WORK/stderr"
    check_equal "standard output is full" 9 $?
    check "it says so" grep -q 'could not be written' "$WORK/stderr"
fi
