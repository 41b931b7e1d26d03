/*
 * How many of this are there: counters by two numbers and a kind, in a hash
 * table from which what is zero vanishes.
 */
#ifndef POLICYD_PLACEMENT_COUNTS_H
#define POLICYD_PLACEMENT_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* The two numbers are names or indices below 2^30. */
enum placement_count {
    PLACEMENT_COUNT_GROUP_HOST,   /* guests of a group on a host */
    PLACEMENT_COUNT_GROUP_DOMAIN, /* in a failure domain */
    PLACEMENT_COUNT_GROUP,        /* anywhere; the second is 0 */
    PLACEMENT_COUNT_BACKUP,       /* KiB of guests on the second host that
                                     the first keeps room for */
    PLACEMENT_COUNT_CUSTOMER_HOST /* STRICT and PREFERRED ones of a customer */
};

struct placement_counts {
    struct placement_counter *slots; /* of value 0: free */
    uint32_t n_slots;                /* a power of 2, or 0 */
    uint32_t n_used;
};

/* All zero is an empty table. */
void placement_counts_fini(struct placement_counts *counts);
void placement_counts_copy(struct placement_counts *to,
                           const struct placement_counts *from);
uint64_t placement_counts_get(const struct placement_counts *counts,
                              enum placement_count kind, uint32_t a,
                              uint32_t b);
/* The result must not be below 0. */
void placement_counts_add(struct placement_counts *counts,
                          enum placement_count kind, uint32_t a, uint32_t b,
                          int64_t n);
size_t placement_counts_size(const struct placement_counts *counts);

#endif
