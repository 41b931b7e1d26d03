/*
 * A workload like that of a public cloud: what guests ask for, how long they
 * stay, how many are wanted at once.
 *
 * The figures are read off those that are published with the Azure public
 * data set of 2019 (AzurePublicDataset), to half a per cent; how long the
 * few stay that stay longer than four days is an assumption.
 */
#ifndef TESTS_BENCH_WORKLOAD_H
#define TESTS_BENCH_WORKLOAD_H

#include <stdint.h>

struct workload_type {
    uint32_t vcpus;
    uint32_t memory_gib;
};

/* splitmix64; the same seed gives the same workload everywhere. */
uint64_t workload_random(uint64_t *seed);
/* From 0 to just below 1. */
double workload_part(uint64_t *seed);
const struct workload_type *workload_type(uint64_t *seed);
/* At least 1 ms. */
int64_t workload_stay_ms(uint64_t *seed);
/* Guests that are wanted at once: 1 to 100. */
uint32_t workload_together(uint64_t *seed);
/* Until the next come, when so many come an hour on average. */
int64_t workload_gap_ms(uint64_t *seed, double per_hour);

#endif
