#!/bin/sh
# Images: added, named by definitions, brought from host to host over TLS; who
# may use them; interrupted, killed, damaged, and a disk that is full.
SIM_OPTIONS=memory=4G,dom0_memory=512M,check_files=yes
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-moves.sh"
. "$(dirname "$0")/lib-tls.sh"
. "$(dirname "$0")/lib-migrate.sh"
start_joined
digest_of() { # FILE
    sha256sum "$1" | cut -d' ' -f1
}
store_of() { # HOST
    echo "$WORK/$1-images"
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
file() { # NAME KIB
    head -c "$2"k /dev/urandom >"$WORK/$1"
}
images_cfg() { # FILE NAME KERNEL RAMDISK [LINE]...
    {
        echo "name = \"$2\""
        echo 'type = "pvh"'
        echo 'memory = 64'
        echo "kernel = \"$3\""
        echo "ramdisk = \"$4\""
    } >"$WORK/$1"
    shift 4
    for line in "$@"; do
        echo "$line" >>"$WORK/$1.x"
    done
}
vdc customer-create -q acme --memory 4G --disk 64M || exit 1
vdc customer-create -q other --memory 4G || exit 1

# ---- add, list, show ----
file kernel 900
file initrd 2100
kernel=$(digest_of "$WORK/kernel")
initrd=$(digest_of "$WORK/initrd")
check_output "a dry run" 'could be added; nothing was done' \
    vdc image-add -n web-kernel "$WORK/kernel"
check_equal "adds nothing" '' "$(vdc image-list -o name)"
check_output "an image is added" "^web-kernel: $kernel\$" \
    vdc image-add web-kernel "$WORK/kernel" --os-type linux
check "of acme's, too" vdc image-add -q -C acme web-initrd "$WORK/initrd"
check_output "both are listed" '^web-initrd +acme +2.*ready' vdc image-list
check "alpha has it" has_whole alpha "$kernel"
check_equal "for nobody to write to" 444 "$(mode=$(stat -c %a \
    "$(store_of alpha)/$kernel"); echo "$mode")"
check_equal "in a directory of root's alone" 700 \
    "$(stat -c %a "$(store_of alpha)")"
check_equal "no part is left" 0 "$(find "$(store_of alpha)" -name '*.part' |
    wc -l)"
check_output "added again it is as it was" "^web-kernel: $kernel\$" \
    vdc image-add web-kernel "$WORK/kernel"
check_error "another file of this name" 4 'has something else in it' \
    vdc image-add web-kernel "$WORK/initrd"
check_error "a name that is none" 2 'cannot be an image' \
    vdc image-add ../etc "$WORK/kernel"
check_error "no file" 2 'No such file' vdc image-add x "$WORK/none"
: >"$WORK/nothing"
check_error "an empty file" 2 'is empty' vdc image-add x "$WORK/nothing"
check_output "-o json" "\"digest\": *\"$kernel\"" \
    vdc image-list -o json
check_error "no such image" 3 'no such image: x' vdc image-show x
check_output "it is on record" 'image_add +web-kernel +done' vdc audit

# ---- a guest of images ----
images_cfg web.cfg web image:web-kernel image:web-initrd
echo 'vdc_host = "beta"' >>"$WORK/web.cfg"
check_output "a dry run of a guest that they are not there for" 'nothing' \
    vdc create -n -C acme "$WORK/web.cfg"
check "nor does it bring them" sh -c "! [ -e '$(store_of beta)/$kernel' ]"
check "a guest is created where they are not" \
    vdc create -q -C acme "$WORK/web.cfg"
check "they were brought" has_whole beta "$kernel"
check "both" has_whole beta "$initrd"
check_equal "and it is known who has them" alpha,beta \
    "$(hosts_of web-initrd)"
check_output "from host to host" "has come from host alpha" \
    cat "$WORK/beta.log"
check_output "the definition has name and digest" \
    "image:web-kernel@$kernel" vdc show acme.web
check_output "what uses it" 'acme.web' vdc image-show web-kernel
check "it is started again" vdc reboot -q -w acme.web
check_error "a used image stays" 4 "is used by acme.web" \
    vdc image-remove web-kernel
check_error "a dry run says so, too" 4 "is used by acme.web" \
    vdc image-remove -n -C acme web-initrd
vdc customer-create -q acme_web --memory 1G || exit 1
check_error "a project's does not mean its customer's" 3 \
    "customer acme_web has no image 'web-initrd'; acme has" \
    vdc image-remove -C acme_web web-initrd
check "it goes again" vdc customer-delete -q acme_web
check_error "no such image, for a kernel" 3 'kernel: no such image: nope' \
    vdc create -q -C acme "$WORK/web.cfg" name=x kernel=image:nope
check_error "another digest" 2 'another digest' vdc create -q -C acme \
    "$WORK/web.cfg" name=x "kernel=image:web-kernel@$initrd"
check_error "somebody else's" 3 'ramdisk: no such image: web-initrd' \
    vdc create -q -C other "$WORK/web.cfg" name=x
check_error "a shim is none" 2 'pvshim' \
    vdc create -q -C acme "$WORK/web.cfg" name=x pvshim_path=image:web-kernel

# ---- moving ----
check "it is shut down" vdc destroy -q --keep acme.web
rm -f "$(store_of beta)/$kernel"
check "a start brings what is gone" vdc start -q acme.web
check "so that it is there" has_whole beta "$kernel"

# ---- two customers, as accounts ----
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 755 "$WORK"
    vdc customer-set -q acme --user 4711 --disk 64M
    vdc customer-set -q other --user 4712
    chmod 644 "$WORK"/kernel "$WORK"/initrd "$WORK"/*.cfg
    check_output "a customer sees the provider's and its own" \
        '^web-initrd web-kernel $' sh -c "'$BIN/xl-ext/xl-vdc' --help >/dev/null
        setpriv --reuid 4711 --regid 4711 --clear-groups \
        '$BIN/xl-ext/xl-vdc' image-list -o name | sort | tr '\n' ' '"
    check_output "another the provider's alone" '^web-kernel$' \
        as_user 4712 image-list -o name
    check_error "to it there is no other" 3 'no such image: web-initrd' \
        as_user 4712 image-show web-initrd
    check_error "nor can it be removed" 3 'no such image: web-initrd' \
        as_user 4712 image-remove web-initrd
    check_error "nor verified" 3 'no such image: web-initrd' \
        as_user 4712 image-verify web-initrd
    check_error "nor by its customer's name" 3 'no such customer: acme' \
        as_user 4712 image-show -C acme web-initrd
    check_error "the provider's is not removed" 6 "is the provider's" \
        as_user 4712 image-remove web-kernel
    as_user 4712 image-show web-kernel >"$WORK/their" 2>&1
    check_equal "hosts, and others that use it, are not told" 0 \
        "$(grep -cE 'alpha|beta|acme' "$WORK/their")"
    check_output "but what it is" "$kernel" cat "$WORK/their"
    check "another may have the same file" \
        as_user 4712 image-add -q mine "$WORK/initrd"
    check_error "but must have all of it: a name is not enough" 3 \
        'no such image' as_user 4712 create "$WORK/web.cfg" name=x \
        "ramdisk=image:web-initrd@$initrd"
    check "it is removed" as_user 4712 image-remove -q mine
    check "and acme's file stays" has_whole alpha "$initrd"
fi

# ---- quota ----
file large 70000
check_error "over the disk quota" 5 'disk' \
    vdc image-add -C acme large "$WORK/large"
check_output "what is there counts" '2.*[MK]' sh -c \
    "'$BIN/xl-ext/xl-vdc' customer-show acme | grep -i disk"
check_error "a customer with images stays" 4 'image' sh -c \
    "'$BIN/xl-ext/xl-vdc' destroy -q acme.web &&
    '$BIN/xl-ext/xl-vdc' customer-delete acme"
vdc create -q -C acme "$WORK/web.cfg" || failed "web is made again"

# ---- an upload that is interrupted ----
large=$(digest_of "$WORK/large")
upload() {
    "$BIN/xl-ext/xl-vdc" image-add large "$WORK/large" >>"$WORK/out" \
        2>>"$WORK/upload.log" &
    upload_pid=$!
}
some_has_come() { # HOST KIB
    set -- "$1" "$2" $(stat -c %s "$(store_of "$1")"/$large*.part 2>/dev/null)
    [ "${3:-0}" -gt $(($2 * 1024)) ]
}
part_size() { # HOST
    stat -c %s "$(store_of "$1")"/$large*.part
}
upload
check "an upload begins" retry 30 some_has_come alpha 2000
kill -KILL "$upload_pid"
wait "$upload_pid" 2>/dev/null
check_output "its client is killed: that is shown" '^large .*uploading' \
    vdc image-list
check_error "nobody can use it" 4 'not all has come' vdc create -q \
    "$WORK/web.cfg" name=x kernel=image:large
before=$(part_size alpha)
end_host alpha KILL
start_one alpha
check "resourced is killed, and back" retry 30 all_up
stop_policyd KILL
start_policyd
check "so is policyd" retry 30 all_up
vdc image-add large "$WORK/large" >"$WORK/out" 2>"$WORK/again" || failed \
    "it goes on" "$(cat "$WORK/again")"
check_output "from where it was" "goes on at [1-9][0-9]* of 71680000 bytes" \
    cat "$WORK/again"
at=$(sed -n 's/.*goes on at \([0-9]*\) .*/\1/p' "$WORK/again")
check "not from the beginning" [ "${at:-0}" -ge "$before" ]
check "and is whole" has_whole alpha "$large"
vdc image-remove -q large
check "removed, it goes from the host" retry 10 sh -c \
    "! [ -e '$(store_of alpha)/$large' ]"

# ---- the file is another in between ----
part_of_large() {
    find "$(store_of alpha)" -name "$large*.part"
}
# A busy machine may see it only when it is whole.
for try in 1 2 3 4 5 6; do
    upload
    retry 30 some_has_come alpha 1000
    kill -KILL "$upload_pid"
    wait "$upload_pid" 2>/dev/null
    [ -z "$(part_of_large)" ] || break
    vdc image-remove -q large
done
# what is there of it is damaged
printf X | dd of="$(part_of_large)" bs=1 seek=5 \
    conv=notrunc 2>/dev/null
end_host alpha KILL
start_one alpha
retry 30 all_up
check_error "a wrong hash is found at the end" 2 'was thrown away' \
    vdc image-add -q large "$WORK/large"
check "and is not there" sh -c "! [ -e '$(store_of alpha)/$large' ]"
check "begun again, it is right" vdc image-add -q large "$WORK/large"
check "all of it" has_whole alpha "$large"

# ---- bringing, with either end killed ----
echo 'image_kib_per_s = 20000' >>"$WORK/policyd.conf"
stop_policyd
start_policyd
retry 30 all_up
images_cfg slow.cfg slow image:large image:web-initrd
echo 'vdc_host = "gamma"' >>"$WORK/slow.cfg"
create_slow() { # NAME
    "$BIN/xl-ext/xl-vdc" create -C acme "$WORK/slow.cfg" name="$1" \
        >"$WORK/create.$1" 2>&1 &
    eval "$1_pid=\$!"
}
create_slow slow
create_slow slow2
check "a large one is brought" retry 30 some_has_come gamma 1000
before=$(part_size gamma)
restart_hard gamma
check "the host that it comes to is killed; it goes on" \
    retry 30 some_has_come gamma $((before / 1024 + 1000))
before=$(part_size gamma)
restart_hard alpha
check "so is the one that it comes from" \
    retry 60 some_has_come gamma $((before / 1024 + 1000))
wait "$slow_pid" || failed "the guest is created" "$(cat "$WORK/create.slow")"
wait "$slow2_pid" || failed "and the other" "$(cat "$WORK/create.slow2")"
check "it is whole" has_whole gamma "$large"
check_equal "both guests waited for one" 1 \
    "$(grep -c "image $large has come" "$WORK/gamma.log")"
check_output "the guest runs there" '^host +gamma' vdc show acme.slow

# ---- moved ----
sed '/vdc_host/d' "$WORK/slow.cfg" >"$WORK/roam.cfg"
check "a guest for any host" vdc create -q -C acme "$WORK/roam.cfg" name=roam
to=$(other_than "$(host_of roam)")
rm -f "$(store_of "$to")/$large"
check "one that is moved has its images brought" \
    vdc migrate -q acme.roam "$to"
check "before" has_whole "$to" "$large"
vdc destroy -q acme.roam
rm -f "$(store_of beta)/$large"

# ---- cancelled ----
vdc destroy -q acme.slow2
sed 's/gamma/beta/' "$WORK/slow.cfg" >"$WORK/s.cfg"
"$BIN/xl-ext/xl-vdc" create -C acme "$WORK/s.cfg" name=never \
    >"$WORK/create.never" 2>&1 &
never_pid=$!
retry 30 some_has_come beta 1000
kill -TERM "$never_pid"
wait "$never_pid"
check_equal "interrupted, the create is undone" 12 "$?"
check_equal "and nothing is left of the guest" '' \
    "$(vdc list -o name | grep never)"
check "but what has come" some_has_come beta 1000

# ---- one that has it no more ----
rm -f "$(store_of alpha)/$initrd" "$(store_of gamma)/$initrd"
check "what is not there is brought from another that has it" \
    vdc create -q -C acme "$WORK/web.cfg" name=third 'vdc_host="gamma"'
check "and is there" has_whole gamma "$initrd"
check_output "alpha is known to have it no more" '^beta,gamma$' \
    hosts_of web-initrd

# ---- damage ----
chmod 644 "$(store_of beta)/$kernel"
printf X | dd of="$(store_of beta)/$kernel" bs=1 seek=100 conv=notrunc \
    2>/dev/null
check_error "damage is found" 13 'is whole on [0-9] of' \
    sh -c "'$BIN/xl-ext/xl-vdc' image-verify web-kernel >/dev/null"
check_output "and put aside" damaged ls "$(store_of beta)"
check "so that it is not used" sh -c "! [ -e '$(store_of beta)/$kernel' ]"
check "a guest has it brought anew" vdc create -q -C acme "$WORK/web.cfg" \
    name=fourth
check "and right" has_whole beta "$kernel"
check "all is well then" sh -c \
    "'$BIN/xl-ext/xl-vdc' image-verify web-kernel >/dev/null"
chmod 644 "$(store_of beta)/$kernel"
printf Y | dd of="$(store_of beta)/$kernel" bs=1 seek=100 conv=notrunc \
    2>/dev/null
check "damage that nobody has found yet is not used either" \
    vdc create -q -C acme "$WORK/web.cfg" name=fifth
check "but mended" has_whole beta "$kernel"

# ---- hosts that were not told ----
for g in web slow third fourth fifth; do
    vdc destroy -q acme.$g
done
end_host gamma
check "an image is removed while a host is down" vdc image-remove -q large
start_one gamma
retry 30 all_up
check "it is not taken at once from who comes back" has gamma "$large"
end_host gamma
echo 'image_part_keep = 1' >>"$WORK/gamma.conf"
start_one gamma
check "but when it is old" retry 20 sh -c \
    "! [ -e '$(store_of gamma)/$large' ]"

# ---- one that nobody goes on with ----
upload
retry 30 some_has_come alpha 1000
kill -KILL "$upload_pid"
wait "$upload_pid" 2>/dev/null
check_output "an upload is left" '^large .*uploading' vdc image-list
echo 'image_upload_keep = "1s"' >>"$WORK/policyd.conf"
stop_policyd
start_policyd
retry 30 all_up
check "it is forgotten after a while" retry 20 sh -c \
    "! '$BIN/xl-ext/xl-vdc' image-show large >/dev/null 2>&1"
check "and what has come of it goes" retry 20 sh -c \
    "! ls '$(store_of alpha)/' | grep -q part"
sed -i '/^image_upload_keep/d' "$WORK/policyd.conf"
stop_policyd
start_policyd
retry 30 all_up

# ---- a full disk ----
if unshare -rm true 2>/dev/null && [ "$(id -u)" = 0 ]; then
    end_host gamma
    mkdir -p "$(store_of gamma)"
    mount -t tmpfs -o size=16m,mode=700 none "$(store_of gamma)" &&
        mounted=yes
    start_one gamma
    retry 30 all_up
    if [ "${mounted:-}" ]; then
        vdc image-add -q large "$WORK/large" || failed "large is added again"
        check_error "a full disk is told" 9 'No space left|disk is full' \
            vdc create -q -C acme "$WORK/slow.cfg"
        check_equal "and nothing is left of the guest" '' \
            "$(vdc list -C acme -o name)"
        end_host gamma
        umount "$(store_of gamma)"
    fi
fi
