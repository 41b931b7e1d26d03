#!/bin/sh
# Images again: a second name of what is there, one that no host has any more,
# an answer that was lost, the last one of a content; and how many there may be.
SIM_OPTIONS=memory=4G,dom0_memory=512M,check_files=yes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
start_three
vdc customer-create -q acme --memory 4G --disk 64M || exit 1
store_of() { # HOST
    echo "$WORK/$1-images"
}
digest_of() { # FILE
    sha256sum <"$1" | cut -d' ' -f1
}
has() { # HOST DIGEST
    [ -f "$(store_of "$1")/$2" ]
}
has_whole() { # HOST DIGEST
    has "$1" "$2" && [ "$(digest_of "$(store_of "$1")/$2")" = "$2" ]
}
hosts_of() { # IMAGE: that have it by the book
    vdc image-show -o json "$1" >"$WORK/show.json" &&
        json "$WORK/show.json" '$.images[0].hosts' | tr -d '[]"'
}
restart() { # policyd
    stop_policyd
    start_policyd
    retry 30 all_up
}
head -c 3000k /dev/urandom >"$WORK/kernel"
head -c 40000k /dev/urandom >"$WORK/large"
head -c 40001k /dev/urandom >"$WORK/larger"
kernel=$(digest_of "$WORK/kernel")
large=$(digest_of "$WORK/large")
cat >"$WORK/web.cfg" <<END
name = "web"
type = "pvh"
memory = 64
kernel = "image:kernel"
END
create() { # NAME HOST
    vdc create -q -C acme "$WORK/web.cfg" name="$1" "vdc_host=\"$2\""
}

# ---- a second name ----
check "an image is added" vdc image-add -q kernel "$WORK/kernel"
check "and brought to another host" create web beta
check "what is in it is added again, by a name before it" \
    vdc image-add -q a-kernel "$WORK/kernel"
check_equal "the first is where it was" alpha,beta "$(hosts_of kernel)"
check_equal "and so is the second" alpha,beta "$(hosts_of a-kernel)"
rm -f "$(store_of alpha)/$kernel"
check "from each of them it comes" create second gamma
check "and is there" has_whole gamma "$kernel"

# ---- one that no host has any more ----
for host in alpha beta gamma; do
    rm -f "$(store_of $host)/$kernel"
done
check_error "it is found nowhere" 13 "image-add kernel FILE.*brings it back" \
    sh -c "'$BIN/xl-ext/xl-vdc' image-verify kernel >/dev/null"
check_error "it cannot be brought" 3 \
    "image $(echo "$kernel" | cut -c1-12) for .*no host has the image" \
    create third gamma
check_equal "and that is known" '' "$(hosts_of kernel)"
check_error "with something else in it it is not added" 4 \
    'not what was in it' vdc image-add kernel "$WORK/large"
check_error "which says what to do" 4 'image-remove kernel. first' \
    vdc image-add kernel "$WORK/large"
check_error "a guest uses it" 4 'is used by acme' vdc image-remove kernel
check_output "with the same in it it could be" 'could be added' \
    vdc image-add -n kernel "$WORK/kernel"
check "which does nothing" sh -c "! [ -e '$(store_of alpha)/$kernel' ]"
check "it is brought back" vdc image-add -q kernel "$WORK/kernel"
check "and is there" has_whole alpha "$kernel"
check_equal "by both names" alpha,alpha \
    "$(hosts_of kernel),$(hosts_of a-kernel)"
check "a guest has it again" create third gamma
for g in web second third; do
    vdc destroy -q acme.$g
done

# ---- the same, interrupted ----
some_has_come() { # HOST KIB
    set -- "$2" $(stat -c %s "$(store_of "$1")"/$large.*.part 2>/dev/null)
    [ "${2:-0}" -gt $(($1 * 1024)) ]
}
begin() { # [OPTION]... NAME FILE: some of it comes
    "$BIN/xl-ext/xl-vdc" image-add -q "$@" >>"$WORK/out" 2>&1 &
    upload_pid=$!
    retry 30 some_has_come alpha 1000
    kill -KILL "$upload_pid"
    wait "$upload_pid" 2>/dev/null
}
vdc image-add -q big "$WORK/large" >"$WORK/out" || failed "a large one is added"
rm -f "$(store_of alpha)/$large"
vdc image-verify big >/dev/null 2>&1
begin big "$WORK/large"
check_output "while it is brought back it is one" '^big .*ready' \
    vdc image-list
check_error "and no other" 4 'not what was in it' \
    vdc image-add big "$WORK/kernel"
vdc image-add big "$WORK/large" >"$WORK/out" 2>"$WORK/again"
check_output "it goes on" "goes on at [1-9][0-9]* of 40960000 bytes" \
    cat "$WORK/again"
check "and is there" has_whole alpha "$large"
rm -f "$(store_of alpha)/$large"
vdc image-verify big >/dev/null 2>&1
begin big "$WORK/large"
echo 'image_upload_keep = "1s"' >>"$WORK/policyd.conf"
restart
check "nobody goes on with it: what has come goes" retry 30 sh -c \
    "! ls '$(store_of alpha)' | grep -q part"
check_output "and the image stays" '^big .*ready' vdc image-list
sed -i '/^image_upload_keep/d' "$WORK/policyd.conf"
restart
check "it is removed" vdc image-remove -q big

# ---- the last answer is lost ----
begin big "$WORK/large"
stop_policyd
cp "$WORK/policyd.db" "$WORK/before.db"
start_policyd
retry 30 all_up
check "an upload ends" vdc image-add -q big "$WORK/large"
inode=$(stat -c %i "$(store_of alpha)/$large")
stop_policyd
cp "$WORK/before.db" "$WORK/policyd.db"
rm -f "$WORK"/policyd.db-*
start_policyd
retry 30 all_up
check_output "policyd has not heard of it" '^big .*uploading' vdc image-list
vdc image-add big "$WORK/large" >"$WORK/out" 2>"$WORK/again"
check_equal "asked again, it is there" "big: $large" "$(cat "$WORK/out")"
check_equal "and was not sent again" "$inode" \
    "$(stat -c %i "$(store_of alpha)/$large")"
check_output "it can be used" '^big .*ready' vdc image-list
check "it is removed" vdc image-remove -q big

# ---- what is replaced ----
begin -C acme big "$WORK/large"
check "what comes instead of an upload may be as large" \
    vdc image-add -q -C acme big "$WORK/larger"
check_error "one more is too much" 5 'disk' \
    vdc image-add -C acme more "$WORK/large"
check "it is removed" vdc image-remove -q -C acme big

# ---- removed while it is added by another name ----
vdc image-add -q big "$WORK/large" >"$WORK/out" || failed "a large one is added"
begin other "$WORK/large"
check "one of both is removed" vdc image-remove -q big
sleep 1
check "what may be whole by now is not" has_whole alpha "$large"
check "the other goes on" vdc image-add -q other "$WORK/large"
check "and is there" has_whole alpha "$large"
check "it is removed" vdc image-remove -q other
check "and gone" retry 10 sh -c "! [ -e '$(store_of alpha)/$large' ]"

# ---- how many ----
echo 'images_max = 3' >>"$WORK/policyd.conf"
restart
begin third "$WORK/large"
check_error "there may be three" 5 'as many images of all customers' \
    vdc image-add -C acme fourth "$WORK/kernel"
check "one of them goes on" vdc image-add -q third "$WORK/large"
check "one that is there is there" vdc image-add -q kernel "$WORK/kernel"
check "one goes" vdc image-remove -q third
check "another comes" vdc image-add -q -C acme fourth "$WORK/kernel"
check "and goes" vdc image-remove -q -C acme fourth

# ---- the last of all, and a host that was down ----
check "another host has it" create web gamma
vdc destroy -q acme.web
check "and keeps it" has gamma "$kernel"
end_host gamma
check "all images are removed" vdc image-remove -q kernel a-kernel
check "they go where a host is up" retry 10 sh -c \
    "! [ -e '$(store_of alpha)/$kernel' ]"
check "not where it is down" has gamma "$kernel"
echo 'image_part_keep = 15' >>"$WORK/gamma.conf"
start_one gamma
retry 30 all_up
check "it is not taken at once from who comes back" has gamma "$kernel"
check "but when it is old" retry 60 sh -c \
    "! [ -e '$(store_of gamma)/$kernel' ]"
