/*
 * What CPUs can do: sets of features, by the names that Linux and xl have for
 * them (cpu_features.def), and who made them, which is written the same way.
 *
 * A set is small and of fixed size, so that thousands of hosts and guests can
 * have one and comparing two is a few instructions.
 */
#ifndef VDC_BASE_CPU_H
#define VDC_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Numbers of features are below this. */
#define CPU_FEATURES_MAX 128
/* Of Xen's words, those that have something with a name here. */
#define CPU_XEN_WORDS 11
/* As bytes, and as text in hexadecimal digits with its end. */
#define CPU_SET_SIZE (CPU_FEATURES_MAX / 8)
#define CPU_SET_HEX_SIZE (2 * CPU_SET_SIZE + 1)

/* All zero is the empty set. */
struct cpu_set {
    uint64_t words[CPU_FEATURES_MAX / 64];
};

static inline bool cpu_set_has(const struct cpu_set *set, unsigned feature)
{
    return set->words[feature / 64] >> feature % 64 & 1;
}

static inline void cpu_set_add(struct cpu_set *set, unsigned feature)
{
    set->words[feature / 64] |= UINT64_C(1) << feature % 64;
}

static inline bool cpu_set_is_empty(const struct cpu_set *set)
{
    return !(set->words[0] | set->words[1]);
}

static inline void cpu_set_join(struct cpu_set *set,
                                const struct cpu_set *more)
{
    set->words[0] |= more->words[0];
    set->words[1] |= more->words[1];
}

/* What of `wanted` is not in `set`. */
static inline struct cpu_set cpu_set_lacks(const struct cpu_set *set,
                                           const struct cpu_set *wanted)
{
    return (struct cpu_set){ { wanted->words[0] & ~set->words[0],
                               wanted->words[1] & ~set->words[1] } };
}

static inline unsigned cpu_set_count(const struct cpu_set *set)
{
    return (unsigned)(__builtin_popcountll(set->words[0]) +
                      __builtin_popcountll(set->words[1]));
}

/* Those of the set that say who made the CPU. */
struct cpu_set cpu_set_vendor(const struct cpu_set *set);

/* The number of a feature, by its name or another one; false: there is none
 * of this name. */
bool cpu_feature_find(const char *name, unsigned *ret);
/* NULL when there is none of this number. */
const char *cpu_feature_name(unsigned feature);

/* Adds the feature of this name. Errors: VDC_E_BAD_VALUE, there is none; the
 * hint has the nearest that there is. */
int cpu_set_add_name(struct cpu_set *set, const char *name,
                     struct vdc_error *err);
/* What of these words of Xen has a name here, and who made the CPU, by what
 * CPUID has of it ("GenuineIntel"; "" or another: nothing). */
struct cpu_set cpu_set_of_xen(const uint32_t words[CPU_XEN_WORDS],
                              const char *vendor);

/* The names with `between` between them, in the order of their numbers, cut
 * to size; returns buf. Features without a name here are left out. */
const char *cpu_set_names(const struct cpu_set *set, const char *between,
                          char *buf, size_t size);

/* As bytes, feature 0 being the lowest bit of the first; returns how many are
 * needed, up to the last that is not 0. */
size_t cpu_set_write(const struct cpu_set *set, uint8_t ret[CPU_SET_SIZE]);
/* More bytes than there are features for are left out. */
struct cpu_set cpu_set_read(const uint8_t *bytes, size_t size);
/* The same bytes in hexadecimal digits; returns ret. */
const char *cpu_set_hex(const struct cpu_set *set, char ret[CPU_SET_HEX_SIZE]);
/* False when it is not such a text. */
bool cpu_set_from_hex(const char *text, struct cpu_set *ret);

#endif
