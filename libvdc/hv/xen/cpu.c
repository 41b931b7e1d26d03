/*
 * What the host's CPUs can do for guests.
 *
 * libxl says what there is (hw_cap), which is more than guests get: Xen keeps
 * from them what it cannot virtualise, and what depends on that.  So Xen is
 * asked by libxenguest, as xen-cpuid does.  A PV guest gets less than one in
 * a hardware container; what it gets less is for kernels.
 */
#include "hv/xen/cpu.h"

#include <string.h>
#include <xenctrl.h>
#include <xenguest.h>

#if defined(__x86_64__) || defined(__i386__)
#define IS_X86
#include <cpuid.h>
#endif

/* XEN_SYSCTL_cpu_featureset_pv and _hvm, which headers for x86 alone have. */
#define PV_FEATURES 2
#define HVM_FEATURES 3
/* More words than any Xen has. */
#define WORDS_MAX 64

/* Who made the CPUs nobody else says.  dom0 is told the truth about that. */
static void read_vendor(char ret[13])
{
    ret[0] = '\0';
#ifdef IS_X86
    unsigned eax, ebx, ecx, edx;

    if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx))
        return;
    memcpy(ret, &ebx, 4);
    memcpy(ret + 4, &edx, 4);
    memcpy(ret + 8, &ecx, 4);
    ret[12] = '\0';
#endif
}

/* False when Xen was built without guests of this kind, or the like. */
static bool add_words(struct hv_xen *self, uint32_t index,
                      uint32_t ret[CPU_XEN_WORDS])
{
#ifdef IS_X86
    uint32_t words[WORDS_MAX] = { 0 }, n = WORDS_MAX;

    if (xc_get_cpu_featureset(self->xch, index, &n, words))
        return false;
    for (uint32_t i = 0; i < CPU_XEN_WORDS; i++)
        ret[i] |= words[i];
    return true;
#else
    return false;
#endif
}

struct cpu_set cpu_of_host(struct hv_xen *self, const uint32_t *hw_cap)
{
    uint32_t words[CPU_XEN_WORDS] = { 0 };
    char vendor[13];
    bool pv = add_words(self, PV_FEATURES, words);
    bool hvm = add_words(self, HVM_FEATURES, words);

    if (!pv && !hvm)
        memcpy(words, hw_cap, sizeof(libxl_hwcap));
    read_vendor(vendor);
    return cpu_set_of_xen(words, vendor);
}
