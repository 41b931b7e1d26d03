#!/bin/sh
# Projects of a customer, quotas of what is defined and of what runs, bounds of
# sizes, and roles.  Needs root, to be several unix accounts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-users.sh"
boss() {
    as_user 61001 "$@"
}
clerk() {
    as_user 61002 "$@"
}
guard() {
    as_user 61003 "$@"
}
shop() {
    as_user 61004 "$@"
}
globex() {
    as_user 61005 "$@"
}
start_host
config web.cfg
config net.cfg 'vif = [ "bridge=xenbr0" ]'
chmod 644 "$WORK"/*.cfg

vdc customer-create -q acme --user 61001 --user 61002:customer-user \
    --user 61003:read-only --memory 1G --vcpus 8 --running-guests 3 \
    --networks 2 || exit 1
vdc customer-create -q globex --user 61005 || exit 1

# ---- projects ----
check "an admin makes a project" boss customer-create -q acme_shop \
    --memory 256M --user 61004
check_error "not one of another" 6 'for operators' \
    boss customer-create globex_shop
check_error "nor one of nobody" 6 'for operators' \
    boss customer-create nobody_shop
check_error "nor one of a project" 2 'cannot be a customer' \
    boss customer-create acme_shop_x
check_error "nor one with more than the customer has" 2 \
    'the memory limit 2 GiB is above that of customer acme, which is 1 GiB' \
    boss customer-create acme_big --memory 2G
check_error "operators are told when there is no customer" 3 \
    'no such customer: nobody' vdc customer-create nobody_shop
check_error "a project has no projects" 6 'for operators' \
    shop customer-create acme_shop
check_equal "acme sees both" "acme acme_shop" \
    "$(boss customer-list -o name | tr '\n' ' ' | sed 's/ $//')"
check_equal "the project sees itself alone" acme_shop \
    "$(shop customer-list -o name)"
check_error "globex does not see it" 3 'no such customer: acme_shop' \
    globex customer-show acme_shop
check_error "an account of another is not told whose it is" 4 \
    'in use otherwise' boss customer-set acme_shop --user 61005

check "the project makes a guest" shop create -q "$WORK/web.cfg"
check "of the same name as one of its customer" \
    boss create -q "$WORK/web.cfg"
check "its customer makes one for it" \
    boss create -q -C acme_shop "$WORK/web.cfg" name=db
check_equal "the project sees its own" "db web" \
    "$(shop list -o name | sort | tr '\n' ' ' | sed 's/ $//')"
check_equal "in Xen they have the project's name" \
    "acme.web acme_shop.db acme_shop.web" \
    "$(vdc list --customer acme -o json >"$WORK/list.json"
    sqlite3 :memory: "SELECT group_concat(n, ' ') FROM (SELECT
        json_extract(value, '\$.xen_name') AS n FROM
        json_each(CAST(readfile('$WORK/list.json') AS TEXT), '\$.partitions')
        ORDER BY n)")"
check_error "the project does not see its customer's" 3 'no such guest' \
    shop show -C acme web
check_error "nor may it name it" 3 'no such guest' shop show acme.web
check "its customer names the project's" boss show acme_shop.db
check_error "globex does not" 3 'no such guest: acme_shop.db' \
    globex show acme_shop.db

# ---- what others have ----
id=11111111-2222-4333-8444-555555555555
mac=00:16:3e:01:02:03
vdc create -q -C acme_shop --no-start "$WORK/net.cfg" name=taken uuid=$id \
    "vif=[\"mac=$mac,bridge=xenbr0\"]" || failed "a guest with both"
whose() { # COMMAND...: how often it is said whose it is
    "$@" 2>&1 | grep -c 'acme'
}
for what in "uuid=$id" "vif=[\"mac=$mac,bridge=xenbr0\"]"; do
    check_error "in use: $what" 4 'in use' \
        globex create --no-start "$WORK/web.cfg" name=x "$what"
    check_equal "another is not told whose" 0 \
        "$(whose globex create --no-start "$WORK/web.cfg" name=x "$what")"
    check_error "the customer of a project is" 4 \
        'guest taken of acme_shop has it' \
        boss create --no-start "$WORK/web.cfg" name=x "$what"
    check_error "and operators are" 4 'guest taken of acme_shop has it' \
        vdc create -C globex --no-start "$WORK/web.cfg" name=x "$what"
done
check "it goes" vdc destroy -q acme_shop.taken

# ---- limits ----
check_error "the project's own limit" 5 \
    'project acme_shop: memory quota: 128 MiB used \+ 192 MiB asked > 256' \
    shop create "$WORK/web.cfg" name=big memory=192
check_error "its customer's" 5 \
    'customer acme: memory quota: 192 MiB used \+ 896 MiB asked > 1024' \
    boss create "$WORK/web.cfg" name=big memory=896
vdc customer-set -q acme --memory 256M
check_error "the sum bounds the project, too; both are said" 5 \
    '3 reasons: project acme_shop: memory.*; customer acme: memory' \
    shop create "$WORK/web.cfg" name=big memory=192
vdc customer-set -q acme --memory 1G
check_error "three may run" 5 \
    'customer acme: running guests quota: 3 used \+ 1 asked > 3' \
    boss create "$WORK/web.cfg" name=four
check "a fourth may be defined" boss create -q --no-start "$WORK/web.cfg" \
    name=four
check_error "and not be started" 5 'running guests quota' boss start four
stop_policyd
start_policyd
retry 20 answers
check_error "nor when policyd was started again" 5 'running guests quota' \
    boss start four
check "one is stopped" boss destroy -q --keep web
check "now it may" boss start -q four
check_error "and the other not" 5 'running guests quota' boss start web
check "two interfaces" boss create -q --no-start "$WORK/net.cfg" name=n1 \
    'vif=["bridge=xenbr0","bridge=xenbr0"]'
check_error "are all that acme may have" 5 \
    'customer acme: networks quota: 2 used \+ 1 asked > 2 limit' \
    shop create --no-start "$WORK/net.cfg" name=n2
boss customer-show acme >"$WORK/show"
check_output "all is shown" '^networks +2 +2 +0 +-' cat "$WORK/show"
check_output "with what runs" '^guests +5 +- +3 +3' cat "$WORK/show"
vdc customer-list -o json >"$WORK/c.json"
check "JSON is valid" json_is_valid "$WORK/c.json"
check_equal "and has it, too" 3 \
    "$(json "$WORK/c.json" '$.customers[0].usage.running_guests')"

# ---- bounds ----
vdc customer-set -q provider --max-vcpus 4 --min-memory 32M
check_error "the provider's bounds hold for all" 5 \
    "guest 'x': vcpus 5 is above the bound 4, set for provider" \
    globex create --no-start "$WORK/web.cfg" name=x vcpus=5
check_error "the least, too" 5 'memory 16 MiB is below the bound 32 MiB' \
    globex create --no-start "$WORK/web.cfg" name=x memory=16
vdc customer-set -q acme --max-vcpus 6 --vcpus 16
check "a customer's own take their place" boss create -q --no-start \
    "$WORK/web.cfg" name=six vcpus=6 memory=32
boss destroy -q six
check "a project's are narrower" boss customer-set -q acme_shop --max-vcpus 2
check_error "and held" 5 'vcpus 3 is above the bound 2, set for acme_shop' \
    shop create --no-start "$WORK/web.cfg" name=x vcpus=3 memory=32
check_error "never wider" 2 'is outside of what is set for acme' \
    boss customer-set acme_shop --max-vcpus 7
check_error "a project does not set its own" 6 'not for its own users' \
    shop customer-set acme_shop --max-vcpus 6
vdc customer-set -q provider --max-memory 64M
check_error "a guest that is there does not grow out of them" 5 \
    'memory 128 MiB is above the bound 64 MiB, set for provider' \
    boss mem-max four 128M
vdc customer-set -q provider --max-memory none --max-vcpus none \
    --min-memory none

# ---- roles ----
check_error "who only looks makes no guest" 6 'not for the role read-only' \
    guard create "$WORK/web.cfg" name=x
for what in start shutdown destroy reboot; do
    check_error "nor may it $what one" 6 'not for the role read-only' \
        guard $what web
done
check "it sees them" guard show web
check_output "and the quota" 'running' guard customer-show
check_error "a user makes no projects" 6 'not for the role customer-user' \
    clerk customer-create acme_x
check_error "nor changes users" 6 'not for the role customer-user' \
    clerk customer-set acme --user 61002
check "but guests" clerk create -q --no-start "$WORK/web.cfg" name=mine \
    memory=32
check "and destroys them" clerk destroy -q mine
check_error "an admin does not raise its own limits" 6 \
    'not for its own users to change' boss customer-set acme --memory 2G
check_error "a role that there is not" 2 "'king' is no role" \
    boss customer-set acme --user 61001:king
check_error "nobody becomes an operator" 2 "'operator' is no role" \
    boss customer-set acme --user 61001:operator
check "an admin changes users" boss customer-set -q acme --user 61001 \
    --user 61003:customer-user
check_error "who is none any more may nothing" 6 '61002' clerk list
check "and who may more now does" guard create -q --no-start "$WORK/web.cfg" \
    name=guards memory=32
stop_policyd
start_policyd
retry 20 answers
vdc customer-show acme -o json >"$WORK/c.json"
check_equal "a restart forgets no role" "customer-admin customer-user" \
    "$(echo "$(json "$WORK/c.json" '$.customers[0].logins[0].role')" \
        "$(json "$WORK/c.json" '$.customers[0].logins[1].role')")"

# ---- the end ----
check_error "a customer with projects stays" 4 'still has 1 project' \
    vdc customer-delete acme
check_error "a project with guests, too" 4 'still has 2 guests' \
    boss customer-delete acme_shop
check "its guests go" boss destroy -q acme_shop.web acme_shop.db
vdc host-set -q alpha --dedicated acme_shop || exit 1
check_error "nor one that has a host of its own" 4 \
    '1 host is dedicated to customer acme_shop$' \
    boss customer-delete acme_shop
check_error "of which it is told no more" 4 '^  ask an operator$' \
    boss customer-delete acme_shop
vdc host-set -q alpha --dedicated "" || exit 1
check "then it goes" boss customer-delete -q acme_shop
check_error "who was its user may nothing" 6 '61004' shop list
