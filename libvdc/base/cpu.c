/*
 * Features of CPUs: names, numbers, and the forms in which sets are stored
 * and sent; see cpu.h.
 */
#include "base/cpu.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

static const struct {
    const char *name;
    int word, bit;
} features[CPU_FEATURES_MAX] = {
#define CPU_FEATURE(number, name, word, bit) [number] = { name, word, bit },
#include "base/cpu_features.def"
};

static const struct {
    const char *name, *other;
} aliases[] = {
#define CPU_ALIAS(name, other) { name, other },
#include "base/cpu_features.def"
};

/* As CPUID has it, the feature, in the order of those. */
static const char *const vendors[] = { "GenuineIntel", "AuthenticAMD",
                                       "HygonGenuine", "  Shanghai  " };
#define N_VENDORS (sizeof(vendors) / sizeof(vendors[0]))

struct cpu_set cpu_set_vendor(const struct cpu_set *set)
{
    return (struct cpu_set){ { set->words[0] &
                               ((UINT64_C(1) << N_VENDORS) - 1) } };
}

static bool find_name(const char *name, unsigned *ret)
{
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        if (features[i].name && strcmp(features[i].name, name) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

bool cpu_feature_find(const char *name, unsigned *ret)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].name, name) == 0)
            return find_name(aliases[i].other, ret);
    return find_name(name, ret);
}

const char *cpu_feature_name(unsigned feature)
{
    return feature < CPU_FEATURES_MAX ? features[feature].name : NULL;
}

int cpu_set_add_name(struct cpu_set *set, const char *name,
                     struct vdc_error *err)
{
    const char *names[CPU_FEATURES_MAX];
    unsigned feature;

    if (cpu_feature_find(name, &feature)) {
        cpu_set_add(set, feature);
        return 0;
    }
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        names[i] = features[i].name;
    const char *near = suggest_nearest(name, names, CPU_FEATURES_MAX);
    vdc_error_set(err, VDC_E_BAD_VALUE, "there is no CPU feature '%.40s'",
                  name);
    if (near)
        vdc_error_hint(err, "did you mean %s?", near);
    else
        vdc_error_hint(err, "names are as in /proc/cpuinfo: avx2, aes, "
                            "sse4_2; also intel, amd");
    return VDC_E_BAD_VALUE;
}

struct cpu_set cpu_set_of_xen(const uint32_t words[CPU_XEN_WORDS],
                              const char *vendor)
{
    struct cpu_set set = { { 0 } };

    for (unsigned i = 0; i < N_VENDORS; i++)
        if (strcmp(vendor, vendors[i]) == 0)
            cpu_set_add(&set, i);
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        if (features[i].name && features[i].word >= 0 &&
            words[features[i].word] >> features[i].bit & 1)
            cpu_set_add(&set, i);
    return set;
}

const char *cpu_set_names(const struct cpu_set *set, const char *between,
                          char *buf, size_t size)
{
    size_t len = 0;

    *buf = '\0';
    for (unsigned i = 0; i < CPU_FEATURES_MAX && len < size; i++)
        if (features[i].name && cpu_set_has(set, i))
            len += (size_t)snprintf(buf + len, size - len, "%s%s",
                                    len ? between : "", features[i].name);
    return buf;
}

/* ---- forms ---- */

size_t cpu_set_write(const struct cpu_set *set, uint8_t ret[CPU_SET_SIZE])
{
    size_t size = 0;

    for (size_t i = 0; i < CPU_SET_SIZE; i++) {
        ret[i] = (uint8_t)(set->words[i / 8] >> i % 8 * 8);
        if (ret[i])
            size = i + 1;
    }
    return size;
}

struct cpu_set cpu_set_read(const uint8_t *bytes, size_t size)
{
    struct cpu_set set = { { 0 } };

    for (size_t i = 0; i < size && i < CPU_SET_SIZE; i++)
        set.words[i / 8] |= (uint64_t)bytes[i] << i % 8 * 8;
    return set;
}

const char *cpu_set_hex(const struct cpu_set *set, char ret[CPU_SET_HEX_SIZE])
{
    uint8_t bytes[CPU_SET_SIZE];
    size_t size = cpu_set_write(set, bytes);

    *ret = '\0';
    for (size_t i = 0; i < size; i++)
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    return ret;
}

bool cpu_set_from_hex(const char *text, struct cpu_set *ret)
{
    uint8_t bytes[CPU_SET_SIZE];
    size_t len = strlen(text);

    if (len % 2 || len > 2 * CPU_SET_SIZE ||
        strspn(text, "0123456789abcdef") != len)
        return false;
    for (size_t i = 0; i < len / 2; i++) {
        unsigned byte = 0;
        sscanf(text + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    *ret = cpu_set_read(bytes, len / 2);
    return true;
}
