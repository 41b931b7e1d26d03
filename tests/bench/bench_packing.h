/* How well guests are packed; see bench_packing.c. */
#ifndef TESTS_BENCH_PACKING_H
#define TESTS_BENCH_PACKING_H

#define PACKED_SEEDS_MAX 20

/* Prints it for each load; `days` as many as are simulated of each of
 * `n_seeds` workloads. */
void bench_packing(int days, int n_seeds);

#endif
