/*
 * xl's lists of physical CPUs: "all", "0-3,5,^1", "nodes:0-1,^node:1".
 * Needs no Xen header: the simulator reads them, too.
 */
#ifndef VDC_HV_CPULIST_H
#define VDC_HV_CPULIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define CPULIST_NO_NODE UINT32_MAX

/* The host's CPUs: for each its NUMA node, CPULIST_NO_NODE for a number that
 * has no CPU behind it. */
struct cpulist_host {
    size_t n_cpus;
    const uint32_t *nodes;
};

/*
 * Reads a list from left to right: an item adds its CPUs, one with "^" takes
 * them away.  Blanks around items are allowed.
 *   cpus  host->n_cpus flags; all are written on success, none on failure
 * Errors: VDC_E_BAD_VALUE: syntax, a CPU or node that the host has not, or a
 * list that ends up empty.
 */
int cpulist_parse(const char *text, const struct cpulist_host *host,
                  bool *cpus, struct vdc_error *err);

/* The shortest list for the flags, in the arena: "all" when they are all that
 * the host has, "0-3,5", "" when none is set. */
const char *cpulist_format(const bool *cpus, const struct cpulist_host *host,
                           struct arena *arena);

#endif
