#!/bin/sh
# Each kind of quota, of what is defined and of what runs, where guests come to
# have more: made, changed, started, restored.  And what-if of all of them.
. "$(dirname "$0")/lib.sh"
start_host
config web.cfg 'vif = [ "bridge=xenbr0" ]'
config bare.cfg
sed -i 's/^name.*/name = "bare"/' "$WORK/bare.cfg"

vdc customer-create -q acme --networks 3 --running-networks 2 || exit 1
defined='customer acme: networks quota: 3 used \+ 1 asked > 3 limit'
running='customer acme: running networks quota: 2 used \+ 1 asked > 2 limit'

# ---- network interfaces that are defined ----

check_error "create: more than all" 5 \
    'networks quota: 0 used \+ 4 asked > 3 limit' \
    vdc create -C acme --no-start "$WORK/web.cfg" \
    'vif=["bridge=xenbr0","bridge=xenbr0","bridge=xenbr0","bridge=xenbr0"]'
check "one of three" vdc create -q -C acme "$WORK/web.cfg"
check "one without" vdc create -q -C acme "$WORK/bare.cfg"
check "attached to one that is stopped" vdc create -q -C acme --no-start \
    "$WORK/bare.cfg" name=off
check "two more" vdc network-attach -q acme.off bridge=xenbr0
check "as many as may be" vdc network-attach -q acme.bare bridge=xenbr0
check_error "attach: to one that runs" 5 "$defined" \
    vdc network-attach acme.bare bridge=xenbr0
check_error "attach: to one that is stopped" 5 "$defined" \
    vdc network-attach acme.off bridge=xenbr0
check_error "create" 5 "$defined" \
    vdc create -C acme --no-start "$WORK/web.cfg" name=more
check_output "used" '^networks +3 +3 +2 +2$' vdc customer-show acme

# ---- that run ----

check_error "start" 5 "$running" vdc start acme.off
check "more may be defined" vdc customer-set -q acme --networks 5
check_error "attach: of what runs" 5 "$running" \
    vdc network-attach acme.bare bridge=xenbr0
check_error "create: it is to run" 5 "$running" \
    vdc create -C acme "$WORK/web.cfg" name=more
check "saved" vdc save -q acme.web "$WORK/web.save"
check_output "does not run" '^networks +3 +5 +1 +2$' vdc customer-show acme
check "another runs" vdc start -q acme.off
check_error "restore" 5 "$running" vdc restore "$WORK/web.save"
check "one less" vdc destroy -q --keep acme.off
check "restored" vdc restore -q "$WORK/web.save"
check_output "runs again" '^networks +3 +5 +2 +2$' vdc customer-show acme
mac=$(vdc network-list acme.bare | awk 'NR == 2 { print $3 }')
check "detached" vdc network-detach -q acme.bare "${mac:-0}"
check_output "counts no more" '^networks +2 +5 +1 +2$' vdc customer-show acme

# ---- what if ----

vdc customer-create -q acme_shop --networks 1 || exit 1
check_output "networks" '^acme +networks +2 +5 +1 +exceeded' \
    vdc what-if quota acme networks=1
check_output "channels" '^acme +channels +0 +none +7' \
    vdc what-if quota acme channels=7
check_output "of what runs" '^acme +running-networks +1 +2 +none' \
    vdc what-if quota acme running-networks=none
check_output "an amount" '^acme +running-memory +128 MiB +none +64 MiB +exceeded' \
    vdc what-if quota acme running-memory=64M
check_output "what is not named stays" '^acme +running-networks +1 +2 +2' \
    vdc what-if quota acme channels=7
vdc what-if quota acme channels=7 >"$WORK/all"
check_equal "all of them" \
    "memory vcpus disk guests networks channels running-memory running-vcpus running-disk running-guests running-networks" \
    "$(awk '$1 == "acme" { print $2 }' "$WORK/all" | tr '\n' ' ' |
        sed 's/ $//')"
for option in $(awk '$1 == "acme" { print $2 }' "$WORK/all"); do
    check "customer-set takes --$option" \
        vdc customer-set --dry-run acme "--$option" 9999
done
check_output "of a project" '^acme_shop +networks +0 +1 +3' \
    vdc what-if quota acme_shop networks=3
check_output "with its customer's" '^acme +running-networks +1 +2 +2' \
    vdc what-if quota acme_shop networks=3
check_error "which it cannot be above" 2 \
    'the networks limit 6 is above that of customer acme, which is 5' \
    vdc what-if quota acme_shop networks=6
check_error "an amount that is none" 2 'running-vcpus wants a number' \
    vdc what-if quota acme running-vcpus=many
check_error "a word that is near" 2 'did you mean running-vcpus=' \
    vdc what-if quota acme runing-vcpus=4
check_error "no value" 2 "'networks' is not a limit" \
    vdc what-if quota acme networks
