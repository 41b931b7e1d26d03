#!/bin/sh
# Tokens: made, shown once, used instead of an account, ended.  Needs root, to
# be several unix accounts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-users.sh"
boss() {
    as_user 61001 "$@"
}
clerk() {
    as_user 61002 "$@"
}
# An account that is nobody's, with a token.
with() { # TOKEN COMMAND...
    XEN_VDC_TOKEN=$1
    export XEN_VDC_TOKEN
    shift
    as_user 61009 "$@"
    status=$?
    unset XEN_VDC_TOKEN
    return $status
}
id_of() {
    echo "$1" | sed 's/^vdc_//; s/\..*//'
}
start_host
config web.cfg
chmod 644 "$WORK"/*.cfg
vdc customer-create -q acme --user 61001 --user 61002:customer-user || exit 1
vdc customer-create -q acme_shop || exit 1
vdc customer-create -q globex --user 61003 || exit 1
boss create -q "$WORK/web.cfg" || exit 1
as_user 61003 create -q "$WORK/web.cfg" name=theirs || exit 1

token=$(boss token-create -q --note "deploys") || exit 1
check_output "a token is made" '^vdc_[0-9a-f]{16}\.[0-9a-f]{64}$' \
    echo "$token"
check_error "its account alone is nobody" 6 '61009' as_user 61009 list
check_equal "with it the customer's guests are there" acme.web \
    "$(with "$token" list -o name)"
check "guests can be made" with "$token" create -q "$WORK/web.cfg" name=db
check_error "it is a customer-user's" 6 'not for the role customer-user' \
    with "$token" token-create
check "by its whole name, too" with "$token" show acme.web
check_error "another's guest is not there" 3 'no such guest: theirs' \
    with "$token" show theirs
check_error "nor by whose it is" 3 'no such guest' \
    with "$token" show -C globex theirs
check_equal "the database has no secret" 0 \
    "$(cat "$WORK"/policyd.db* | grep -ac "$(echo "$token" | cut -d. -f2)")"
check_equal "the log neither" 0 \
    "$(grep -c "$(echo "$token" | cut -d. -f2)" "$WORK/policyd.log")"
check_equal "nor the list" 0 \
    "$(boss token-list -o json | grep -c "$(echo "$token" | cut -d. -f2)")"
check_output "the list has who made it, and what for" \
    'customer-user .* never +user 61001 \(uid 61001\) +deploys' \
    boss token-list

# ---- what is no good ----
wrong=$(echo "$token" | sed 's/.$/x/; s/x$/0/')
[ "$wrong" = "$token" ] && wrong=$(echo "$token" | sed 's/.$/1/')
check_error "another secret" 6 '^xl-vdc: the token is good for nothing$' \
    with "$wrong" list
cp "$WORK/stderr" "$WORK/refused"
same() {
    cmp -s "$WORK/refused" "$WORK/stderr"
}
check_error "a token that there is not" 6 'good for nothing' \
    with "vdc_0123456789abcdef.00" list
check "is refused in the same words" same
check_error "what is none" 6 'good for nothing' with hello list
check "in the same words" same
check_error "what cannot be one" 2 'XEN_VDC_TOKEN holds no token' \
    with "Hello World" list
check_error "an empty one is not taken for none" 2 \
    'XEN_VDC_TOKEN holds no token' with "" list
short=$(boss token-create -q --expires 1s)
check "one of a second is good" with "$short" list -q
sleep 1.2
check_error "and then not any more" 6 'good for nothing' with "$short" list
check "in the same words" same
check_error "an expiry of nothing" 2 'longer than 0' \
    boss token-create --expires 0s

# ---- from a file ----
echo "$token" >"$WORK/token"
chown 61009 "$WORK/token"
chmod 644 "$WORK/token"
XEN_VDC_TOKEN_FILE=$WORK/token
export XEN_VDC_TOKEN_FILE
check_error "a file for all is not used" 2 'for others to read' as_user 61009 list
chmod 600 "$WORK/token"
check_equal "one for its owner is" "acme.db acme.web" \
    "$(as_user 61009 list -o name | sort | tr '\n' ' ' | sed 's/ $//')"
unset XEN_VDC_TOKEN_FILE

# ---- never more than who made it ----
check_error "a user makes none" 6 'not for the role customer-user' \
    clerk token-create
check_error "an admin none for operators" 2 'is no role of a customer' \
    boss token-create --role operator
check_error "nor for another" 3 'no such customer: globex' \
    boss token-create -C globex
check_error "nor for the provider" 3 'no such customer: provider' \
    boss token-create -C provider
admin=$(boss token-create -q --role customer-admin)
child=$(with "$admin" token-create -q --role customer-admin -C acme_shop)
check_output "a token makes a token" '^vdc_' echo "$child"
check_equal "for a project" acme_shop \
    "$(with "$child" customer-list -o name)"
check_error "which sees its own alone" 3 'no such customer: acme' \
    with "$child" customer-show acme
look=$(boss token-create -q --role read-only)
check "who only looks sees" with "$look" list -q
check_error "and does nothing" 6 'read-only' with "$look" destroy web
check "an admin becomes a user" vdc customer-set -q acme \
    --user 61001:customer-user --user 61002:customer-user
check_error "its admin token is a user's then" 6 'role customer-user' \
    with "$admin" token-list
check "its looking token still looks" with "$look" list -q
vdc customer-set -q acme --user 61002:customer-admin
check_error "when it is no login any more its tokens end" 6 \
    'good for nothing' with "$look" list
check_error "and those made with them" 6 'good for nothing' \
    with "$child" customer-list
vdc customer-set -q acme --user 61001 --user 61002:customer-admin

# ---- operators' ----
op=$(vdc token-create -q)
check_equal "an operator's looks, when nothing is said" read-only \
    "$(vdc token-list -C provider -o json >"$WORK/t.json"
    json "$WORK/t.json" '$.tokens[0].role')"
check "it sees the host" with "$op" host-list
check "and all guests" with "$op" show globex.theirs
check_error "and does nothing" 6 'not for the role read-only' \
    with "$op" customer-create x
check_error "a role that operators do not have" 2 'operator or read-only' \
    vdc token-create --role customer-user
root=$(vdc token-create -q --role operator --expires 1h)
check "an operator's may everything" with "$root" customer-create -q other
check_error "a customer does not see it" 3 'no such token' \
    boss token-revoke "$(id_of "$root")"

# ---- a restart, and the end ----
stop_policyd
start_policyd
retry 20 answers
check "a restart forgets none" with "$token" list -q
with "$token" events --follow >"$WORK/events" 2>&1 &
follower=$!
check_output "a dry run ends nothing" 'nothing was done' \
    boss token-revoke --dry-run "$(id_of "$token")"
check "it is revoked" boss token-revoke -q "$(id_of "$token")"
check_error "and good for nothing" 6 'good for nothing' with "$token" list
check_error "twice is once too much" 3 'no such token' \
    boss token-revoke "$(id_of "$token")"
kill "$follower" 2>/dev/null
wait "$follower" 2>/dev/null
boss destroy -q web db
check "with its customer" vdc customer-delete -q acme_shop
check_error "a project's tokens go" 6 'good for nothing' with "$child" list
vdc customer-create -q acme_shop
check_error "and a namesake does not have them" 6 'good for nothing' \
    with "$child" list

# ---- a customer goes with its tokens, or stays with them ----
tokens_of_doomed() {
    vdc token-list | grep -c ' doomed '
}
is_whole() { # all of it, or nothing
    n=$(tokens_of_doomed)
    if vdc customer-show doomed >/dev/null 2>&1; then
        [ "$n" = 140 ]
    else
        [ "$n" = 0 ]
    fi
}
fill_doomed() {
    vdc customer-show doomed >/dev/null 2>&1 ||
        vdc customer-create -q doomed || return
    n=$(tokens_of_doomed)
    while [ "$n" -lt 140 ]; do
        vdc token-create -q -C doomed >/dev/null || return
        n=$((n + 1))
    done
}
for delay in 0 0.01 0.03; do
    check "140 tokens, more than a commit has room for" fill_doomed
    vdc customer-delete -q doomed 2>/dev/null &
    deleting=$!
    sleep $delay
    stop_daemon "$policyd_pid" KILL
    wait $deleting
    start_policyd
    retry 20 answers || failed "policyd is there again"
    check "killed $delay s after it was asked to delete it" is_whole
done
vdc customer-show doomed >/dev/null 2>&1 && vdc customer-delete -q doomed
check_equal "none is left in the end" 0 "$(tokens_of_doomed)"
