#!/bin/sh
# Two customers and a stranger on one host: each sees and can name only what
# is its own.  Needs root, to be several unix accounts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-users.sh"
start_host
config web.cfg 'vif = [ "bridge=xenbr0" ]'
chmod 644 "$WORK/web.cfg"

acme() {
    as_user 61001 "$@"
}
globex() {
    as_user 61002 "$@"
}
stranger() {
    as_user 61003 "$@"
}

vdc customer-create -q acme --user 61001 --memory 256M || exit 1
vdc customer-create -q globex --user 61002 --guests 2 || exit 1
check "acme makes a guest" acme create -q "$WORK/web.cfg"
check_output "and sees it, without a column for what it knows" \
    '^web +[0-9]+ +64 +1 +[rb-]{2}---- +[0-9.]+$' acme list
check_equal "by its plain name" web "$(acme list -o name)"
check_equal "globex sees nothing" "" "$(globex list -o name)"
check "globex may have the same name" globex create -q "$WORK/web.cfg"
check_equal "the operator tells them apart" "acme.web globex.web" \
    "$(vdc list -o name | sort | tr '\n' ' ' | sed 's/ $//')"
uuid=$(vdc list -o json acme.web >"$WORK/list.json"
    json "$WORK/list.json" '$.partitions[0].uuid')
domid=$(json "$WORK/list.json" '$.partitions[0].domid')
check "acme makes another" acme create -q "$WORK/web.cfg" name=db

# ---- another customer's things do not exist ----
for what in show start shutdown reboot destroy console list; do
    check_error "globex: $what db" 3 '^xl-vdc: no such guest: db$' \
        globex $what db
    cp "$WORK/stderr" "$WORK/theirs"
    check_error "globex: $what of what nobody has" 3 'no such guest: xx' \
        globex $what xx
    check_equal "the same words" "$(sed 's/db/xx/g' "$WORK/theirs")" \
        "$(cat "$WORK/stderr")"
    for name in "acme.web" "$uuid" "$domid"; do
        check_error "globex: $what $name" 3 "no such guest: $name" \
            globex $what "$name"
    done
done
check_error "globex: rename db" 3 'no such guest: db' globex rename db x
check_error "globex: create for acme" 3 'acme' globex create -C acme \
    "$WORK/web.cfg" name=x
check_error "globex: customer-show acme" 3 'acme' globex customer-show acme
check_equal "globex sees itself as customer" globex \
    "$(globex customer-list -o name)"
check_equal "events of globex name no guest of acme" "" \
    "$(globex events -o json | grep -c '"customer": *"acme"' | grep -v '^0$')"
check "events of globex tell of its own" sh -c \
    "setpriv --reuid 61002 --regid 61002 --clear-groups \
        '${copy:-$BIN/xl-ext/xl-vdc}' events | grep -q web"

# ---- what is the operator's ----
check_error "a customer may not make customers" 6 '.' \
    acme customer-create x
check_error "nor forget them" 3 'no such customer: globex' \
    acme customer-delete globex
check_error "nor itself" 6 'for operators' acme customer-delete acme
check_error "nor see hosts" 6 "'host-list' is for operators" acme host-list
check "whom to ask is said" grep -q 'ask the provider' "$WORK/stderr"
check_output "--all shows a customer no others" '^web ' acme list --all
check_equal "really none" 2 "$(acme list --all -o name | wc -l)"
check_error "another's file" 2 'no such file' acme create "$WORK/web.cfg" \
    name=x kernel=/etc/passwd
check_error "a bridge that is not for customers" 6 'bridge' acme create \
    "$WORK/web.cfg" name=x 'vif=["bridge=dmz"]'
check_error "over its quota" 5 'memory' acme create "$WORK/web.cfg" \
    name=x memory=200

# ---- a stranger ----
check_error "an account that is nobody's" 6 '61003' stranger list
check "what to do is said" grep -q 'customer-create' "$WORK/stderr"
check_error "may do nothing" 6 '61003' stranger create "$WORK/web.cfg"

check "acme destroys its own" acme destroy -q web db
check_output "globex's is untouched" '^web ' globex list
