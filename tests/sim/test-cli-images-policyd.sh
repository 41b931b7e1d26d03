#!/bin/sh
# Images between hosts that have not joined: by way of policyd, which is killed
# meanwhile.
SIM_OPTIONS=memory=4G,dom0_memory=512M,check_files=yes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
start_three
vdc customer-create -q acme --memory 4G || exit 1
store_of() { # HOST
    echo "$WORK/$1-images"
}
has_whole() { # HOST DIGEST
    [ "$(sha256sum <"$(store_of "$1")/$2" | cut -d' ' -f1)" = "$2" ]
}
head -c 20000k /dev/urandom >"$WORK/kernel"
digest=$(sha256sum <"$WORK/kernel" | cut -d' ' -f1)
some_has_come() { # KIB
    set -- "$1" $(stat -c %s "$(store_of beta)/$digest.part" 2>/dev/null)
    [ "${2:-0}" -gt $(($1 * 1024)) ]
}
cat >"$WORK/web.cfg" <<END
name = "web"
type = "pvh"
memory = 64
kernel = "image:kernel"
vdc_host = "beta"
END

check "an image is added" vdc image-add -q kernel "$WORK/kernel"
check "to policyd's own host" has_whole alpha "$digest"
echo 'image_kib_per_s = 4000' >>"$WORK/policyd.conf"
stop_policyd
start_policyd
retry 30 all_up
"$BIN/xl-ext/xl-vdc" create -q -C acme "$WORK/web.cfg" >"$WORK/out" 2>&1 &
create_pid=$!
check "it is brought to another" retry 30 some_has_come 1000
stop_policyd KILL
wait "$create_pid"
check_equal "policyd is killed: its client is told" 7 "$?"
before=$(stat -c %s "$(store_of beta)/$digest.part")
start_policyd
retry 30 all_up
check "the guest that was to be is gone" retry 20 sh -c \
    "! '$BIN/xl-ext/xl-vdc' show acme.web >/dev/null 2>&1"
check "what has come is not" some_has_come $((before / 1024 - 1))
check "the same once more" vdc create -q -C acme "$WORK/web.cfg"
check "has it whole" has_whole beta "$digest"
check_output "its progress is told" 'bringing image kernel: [0-9]+ of 20000' \
    python3 "${TOP_SRCDIR:-.}/tests/sim/terminal.py" .................... \
    "$BIN/xl-ext/xl-vdc" create -C acme "$WORK/web.cfg" name=second \
    'vdc_host="gamma"'
check "the guest is there" retry 20 vdc show acme.second

# ---- a host that hangs ----
rm -f "$(store_of beta)/$digest"
vdc destroy -q acme.web
{
    "$BIN/xl-ext/xl-vdc" create -q -C acme "$WORK/web.cfg" name=third \
        >"$WORK/out" 2>"$WORK/third"
    echo $? >"$WORK/ended"
} &
create_pid=$!
check "it is brought once more" retry 30 some_has_come 1000
kill -STOP "$beta_pid"
check "the host hangs: nobody waits for ever" retry 90 test -s "$WORK/ended"
kill -CONT "$beta_pid"
wait "$create_pid"
check "with an error" test "$(cat "$WORK/ended")" != 0
check_output "that says so" 'image kernel .*host beta does not answer' \
    cat "$WORK/third"
retry 30 all_up
check "later it goes on" vdc create -q -C acme "$WORK/web.cfg"
check "and has it whole" has_whole beta "$digest"
for g in web second; do
    vdc destroy -q acme.$g
done
check "and it is removed" vdc image-remove -q kernel
check "everywhere" retry 10 sh -c "! [ -e '$(store_of alpha)/$digest' ] &&
    ! [ -e '$(store_of beta)/$digest' ] && ! [ -e '$(store_of gamma)/$digest' ]"
