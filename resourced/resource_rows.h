/*
 * Which rows a partition or a lease has, as a function of what is known of
 * it; and the setting `pools`.  Pure: no I/O, no clock.
 */
#ifndef RESOURCED_RESOURCE_ROWS_H
#define RESOURCED_RESOURCE_ROWS_H

#include "base/settings.h"
#include "resourced/resource.h"

/* Without index, generation and time; in the arena, with strings that may be
 * the partition's; ordered as resource_row_compare has it.  Of a partition
 * with a domain what that has, else what it will get. */
void resource_rows_of(const struct partition_row *row, struct arena *arena,
                      struct resource_row **ret, size_t *ret_n);
void resource_rows_of_lease(const struct wire_lease *lease,
                            struct arena *arena, struct resource_row **ret,
                            size_t *ret_n);

/* By kind, then name, numbers in it by their value. */
int resource_row_compare(const void *a, const void *b);
/* Whether they say the same, index, generation and time apart. */
bool resource_row_same(const struct resource_row *a,
                       const struct resource_row *b);

/* The most that the domain may have, which is what it is assigned. */
struct mem resource_memory_of(const struct wire_definition *definition);
uint32_t resource_vcpus_of(const struct wire_definition *definition);
/* What counts now: see resource_rows_of. */
const struct wire_definition *
resource_definition_of(const struct partition_row *row);

/* Errors: VDC_E_BAD_CONFIG, all of them at once. */
int resource_pools_parse(const struct setting_list *list, struct arena *arena,
                         struct resource_pool **ret, size_t *ret_n,
                         struct vdc_error *err);

#endif
