#!/bin/sh
# What CPUs can do: hosts that differ in it, guests that ask for it.
SIM_OPTIONS=memory=4G,dom0_memory=512M,cpu=intel+sse2+avx+avx2
. "$(dirname "$0")/lib.sh"
start_host
config web.cfg
config wide.cfg 'vdc_cpu_features = [ "avx512f", "sse2" ]'
config narrow.cfg 'vdc_cpu_features = [ "avx2" ]'
config both.cfg 'vdc_cpu_features = [ "avx2", "avx512f", "aes" ]'
config intel.cfg 'vdc_cpu_features = [ "intel" ]'
vdc customer-create -q acme --memory 8G || exit 1

# ---- what a host says ----
check_output "host-show has the host" '^name +alpha$' vdc host-show alpha
check_output "and its CPUs" '^cpu_features +intel sse2 avx avx2$' \
    vdc host-show alpha
vdc host-show alpha -o json >"$WORK/alpha.json"
check "JSON of it" json_is_valid "$WORK/alpha.json"
check_equal "features by name" "intel avx2" \
    "$(json "$WORK/alpha.json" '$.cpu_features[0]') $(
        json "$WORK/alpha.json" '$.cpu_features[3]')"
vdc host-list -o json >"$WORK/list.json"
same() { # FIELD
    check_equal "$1 is the same in host-list" \
        "$(json "$WORK/alpha.json" "\$.$1")" \
        "$(json "$WORK/list.json" "\$.hosts[0].$1")"
    check "$1 is something" [ -n "$(json "$WORK/list.json" "\$.hosts[0].$1")" ]
}
same cpu
same cpu_features
same boot_id
check_equal "boot_id is text: no reader of JSON rounds it" 1 \
    "$(grep -cE '"boot_id": "[0-9]+"' "$WORK/list.json")"
check_output "with no more and no less digits than for a person" \
    "^boot_id +$(json "$WORK/list.json" '$.hosts[0].boot_id')\$" \
    vdc host-show alpha
check_error "no such host" 3 "no such host: alfa" vdc host-show alfa
check_error "did you mean" 3 "did you mean alpha" vdc host-show alfa

# ---- one host ----
check_error "what it lacks is named" 5 \
    'the CPUs of host alpha have not avx512f' vdc create -q "$WORK/wide.cfg"
check_error "and what would help" 5 'do without the CPU feature avx512f' \
    vdc create -q "$WORK/wide.cfg"
check_error "all that is lacking" 5 \
    'do without the CPU features aes, avx512f' vdc create -q "$WORK/both.cfg"
check_error "a name that there is not" 2 "there is no CPU feature 'avx3'" \
    vdc create -q "$WORK/web.cfg" 'vdc_cpu_features=["avx3"]'
check_error "with the nearest" 2 'did you mean avx' \
    vdc create -q "$WORK/web.cfg" 'vdc_cpu_features=["avx3"]'
check_error "twice" 2 'twice' \
    vdc create -q "$WORK/web.cfg" 'vdc_cpu_features=["aes","aes"]'
check "a guest of what it has" vdc create -q -C acme "$WORK/narrow.cfg"
check_output "which why shows" '^asked +1 CPU, 64 MiB, features=avx2$' \
    vdc why acme.web
check_output "decided again, it is the same" 'the same$' \
    vdc why --replay acme.web
check_error "refused, for why" 5 'avx512f' \
    vdc create -q "$WORK/wide.cfg" name=wide
check_output "decided again, the same" 'the same$' vdc why --replay wide
check_output "no room by that" '^0 more guests fit' \
    vdc capacity --spec 1cpu,64M,features=avx512f
check_output "because" 'cpu features' \
    vdc capacity --spec 1cpu,64M,features=avx512f
check_error "capacity for nothing known" 2 "CPU feature 'avx9'" \
    vdc capacity --spec 1cpu,features=avx9

# ---- another host, of another maker ----
sed -e "s|$WORK/resourced|$WORK/beta|g; s|$WORK/command|$WORK/beta|; \
    s|$WORK/sim|$WORK/beta|; s|\"alpha\"|\"beta\"|; \
    s|cpu=intel+sse2+avx+avx2|cpu=amd+sse2+avx+avx2+avx512f|" \
    "$WORK/resourced.conf" >"$WORK/beta.conf"
"$BIN/resourced/resourced" --config "$WORK/beta.conf" --foreground \
    >>"$WORK/beta.log" 2>&1 &
beta_pid=$!
vdc host-add -q beta "memory:$WORK/beta.sock" || exit 1
beta_is() {
    vdc host-list | grep -q "^beta  *$1"
}
check "beta is up" retry 10 beta_is up
check_output "it is another" '^cpu_features +amd sse2 avx avx2 avx512f$' \
    vdc host-show beta
check "now it can be created" vdc create -q -C acme "$WORK/wide.cfg" name=wide
check_output "there" '^wide: was placed on host beta|^acme.wide: was placed on host beta' \
    vdc why acme.wide
check_output "alpha is none for it" \
    'host alpha cannot take it: cpu features: the CPUs of host alpha have not avx512f' \
    vdc why-not acme.wide alpha
check_output "as many as there is room for on beta alone" \
    '^[1-9][0-9]* more guests fit' \
    vdc capacity --spec 1cpu,64M,features=avx512f+amd
check_output "none of both" '^0 more guests fit' \
    vdc capacity --spec 1cpu,64M,features=avx512f+intel
check "one that stays with a maker" \
    vdc create -q -C acme "$WORK/intel.cfg" name=intel
check_output "is where that is" 'placed on host alpha' vdc why acme.intel

# ---- where they could go ----
check_output "who runs does not go to another maker's CPUs" \
    'acme.web cannot go: .*the CPUs of host beta are not of intel' \
    vdc host-evacuate alpha --dry-run
check_output "nor where a feature is missing" 'acme.wide cannot go' \
    vdc host-evacuate beta --dry-run
check_output "begun anew it could be there" 'web.* beta' \
    vdc what-if host alpha dies
check_output "but not without the feature" 'avx512f' \
    vdc what-if host beta dies
vdc shutdown -q -w acme.web
check_output "nor does one that does not run care who made them" \
    'acme.web.* beta' vdc host-evacuate alpha --dry-run

# ---- it is remembered ----
stop_policyd
start_policyd
check "policyd is there again" retry 20 answers
check "and beta" retry 10 beta_is up
check_output "wide still needs it" \
    'the CPUs of host alpha have not avx512f' vdc why-not acme.wide alpha
check_output "made again after a restart" 'the same$' \
    vdc why --replay acme.wide
kill "$beta_pid"
wait "$beta_pid" 2>/dev/null
