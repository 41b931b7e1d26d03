#!/bin/bash
# What the CPUs can do: what Xen says of them, and guests that ask for it.
. "$(dirname "$0")/lib.sh"

bed_up
forget_all
host=$(dom0 'xl-vdc host-list -o name' | head -1)
shown=$(dom0 "xl-vdc host-show $host" | sed -n 's/^cpu_features  *//p')
flags=$(dom0 "sed -n 's/^flags[^:]*: //p' /proc/cpuinfo" | head -1)
check_output "host-show says what they can do" ' sse2 ' echo "$shown "

# dom0 sees the same CPUs, less what Xen keeps from it.
has() {
    case " $1 " in
    *" $2 "*) ;;
    *) return 1 ;;
    esac
}
# vaes needs avx; an emulated CPU may have it alone.
if ! has "$shown" avx; then
    check_error "what guests do not get is not there" 1 '' \
        has "$shown" vaes
fi
for feature in sse2 ssse3 sse4_1 sse4_2 popcnt aes avx avx2 avx512f sha_ni; do
    if has "$flags" "$feature"; then
        check "dom0 has $feature, and so has the host" has "$shown" "$feature"
    fi
done
case $(dom0 "sed -n 's/^vendor_id[^:]*: //p' /proc/cpuinfo" | head -1) in
GenuineIntel) vendor=intel ;;
AuthenticAMD) vendor=amd ;;
*) vendor= ;;
esac
[ -z "$vendor" ] || check "and who made them" has "$shown" "$vendor"

check "a guest that asks for what they have" acme \
    "xl-vdc create web-pv.cfg name=has 'vdc_cpu_features=[\"sse2\",\"sse4_2\"]'"
check_output "runs" '^acme\.has ' dom0 'xl list'
check_output "why says what was asked" 'features=sse2\+sse4_2' \
    dom0 'xl-vdc why acme.has'
for lacks in avx512f avx512er tbm 3dnow; do
    has "$shown" "$lacks" || break
done
check_error "one that asks for what they lack is refused" 5 \
    "the CPUs of host $host have not $lacks" \
    dom0 "xl-vdc create /home/acme/web-pv.cfg name=lacks \
        'vdc_cpu_features=[\"sse2\",\"$lacks\"]'"
check_error "a customer is told what would help" 5 \
    'do without some of the CPU features' acme \
    "xl-vdc create web-pv.cfg name=lacks 'vdc_cpu_features=[\"$lacks\"]'"
check_error "a name that there is not" 2 "there is no CPU feature 'avx3'" \
    acme "xl-vdc create web-pv.cfg name=lacks 'vdc_cpu_features=[\"avx3\"]'"
check "nothing of it is there" lists_agree
forget_all
