/*
 * What one placement costs, and how well guests are packed, on a workload
 * like that of a public cloud (bench_workload.h): hosts of 64 cores and
 * 512 GiB, no overcommitment.
 *
 *   bench_placement [PLACEMENTS [DAYS [SEEDS]]]
 *
 * Cost: at 100, 1,000 and 10,000 hosts, 70 % of the cores in use, guests
 * coming and going; CPU of choosing a host with the index and putting the
 * guest there, PLACEMENTS times (20,000; 0: not measured), then the same by
 * the plain scan of all hosts, fewer times, with the answer held against the
 * index's.
 *
 * Packing: see bench_packing.c; DAYS (300; 0: not measured) of each of SEEDS
 * (2) workloads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "tests/bench/bench_center.h"
#include "tests/bench/bench_packing.h"

static void die(const char *what)
{
    fprintf(stderr, "bench_placement: %s\n", what);
    exit(1);
}

static void stays_a_while(struct center *center, uint32_t guest)
{
    int64_t stay_ms = workload_stay_ms(&center->seed);

    center_count(center, guest, 1);
    center_leave_at(center, guest, center->now_ms + stay_ms);
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

struct cost {
    double p50_us, p99_us, mean_us;
};

static struct cost cost_of(uint64_t *ns, size_t n)
{
    uint64_t sum = 0;

    qsort(ns, n, sizeof(*ns), by_size);
    for (size_t i = 0; i < n; i++)
        sum += ns[i];
    return (struct cost){ (double)ns[n / 2] / 1000,
                          (double)ns[n - 1 - n / 100] / 1000,
                          (double)sum / 1000 / (double)n };
}

/* What it costs to look at the clock. */
static struct cost clock_cost(void)
{
    static uint64_t ns[1000];

    for (size_t i = 0; i < 1000; i++) {
        uint64_t begun = cpu_ns();
        ns[i] = cpu_ns() - begun;
    }
    return cost_of(ns, 1000);
}

/* The next comes, after those that leave before. */
static const struct workload_type *wait_next(struct center *center,
                                             double per_hour)
{
    int64_t next_ms =
        center->now_ms + workload_gap_ms(&center->seed, per_hour);

    while (center_next_ms(center) < next_ms)
        center_leave(center);
    center->now_ms = next_ms;
    return workload_type(&center->seed);
}

static struct cost measure_index(struct center *center, double per_hour,
                                 size_t n)
{
    uint64_t *ns = xzalloc(n * sizeof(*ns));

    for (size_t i = 0; i < n; i++) {
        struct placement_request request;
        struct placement_decision decision;
        uint32_t guest = PLACEMENT_NONE;
        center_request(center, wait_next(center, per_hour), &request);
        uint64_t begun = cpu_ns();
        int rc = placement_index_choose(center->index, center->view, &request,
                                        &center->policy, &decision, NULL);
        if (!rc)
            guest = center_put(center, &request, decision.winner.host);
        ns[i] = cpu_ns() - begun;
        if (rc)
            die("a guest found no host");
        stays_a_while(center, guest);
    }
    struct cost cost = cost_of(ns, n);
    free(ns);
    return cost;
}

static struct cost measure_scan(struct center *center, double per_hour,
                                size_t n)
{
    uint64_t *ns = xzalloc(n * sizeof(*ns));

    for (size_t i = 0; i < n; i++) {
        struct placement_request request;
        struct placement_decision decision, indexed;
        uint32_t guest;
        center_request(center, wait_next(center, per_hour), &request);
        if (placement_index_choose(center->index, center->view, &request,
                                   &center->policy, &indexed, NULL))
            die("a guest found no host");
        uint64_t begun = cpu_ns();
        placement_choose(center->view, &request, &center->policy, &decision,
                         NULL);
        guest = center_put(center, &request, decision.winner.host);
        ns[i] = cpu_ns() - begun;
        if (decision.winner.host != indexed.winner.host ||
            decision.winner.score != indexed.winner.score ||
            decision.runner_up.host != indexed.runner_up.host)
            die("index and scan do not agree");
        stays_a_while(center, guest);
    }
    struct cost cost = cost_of(ns, n);
    free(ns);
    return cost;
}

static void measure_cost(size_t n)
{
    const uint32_t sizes[] = { 100, 1000, 10000 };
    struct cost clock = clock_cost();

    printf("CPU of one placement, us (the clock itself is %.2f of it)\n",
           clock.p50_us);
    printf("%7s %8s  %20s  %22s  %s\n", "", "", "index", "plain scan",
           "scan / index");
    printf("%7s %8s  %6s %6s %6s  %8s %6s %6s  %6s %6s  %s\n", "hosts",
           "guests", "p50", "p99", "mean", "p50", "p99", "mean", "p50", "p99",
           "MiB");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct center center;
        uint64_t cores = (uint64_t)sizes[i] * HOST_CORES * 7 / 10;
        double per_hour = center_rate((double)cores);
        center_init(&center, sizes[i], placement_policy_find("pack"), 1);
        center_settle(&center, cores);
        measure_index(&center, per_hour, n / 4); /* to get warm */
        struct cost index = measure_index(&center, per_hour, n);
        struct cost scan =
            measure_scan(&center, per_hour, n > 2000 ? 1000 : n / 2 + 1);
        printf("%7u %8u  %6.2f %6.2f %6.2f  %8.1f %6.0f %6.0f  %6.1f %6.1f  "
               "%.1f\n",
               sizes[i], placement_view_n_guests(center.view), index.p50_us,
               index.p99_us, index.mean_us, scan.p50_us, scan.p99_us,
               scan.mean_us, scan.p50_us / index.p50_us,
               scan.p99_us / index.p99_us,
               (double)(placement_view_size(center.view) +
                        placement_names_size(center.names) +
                        placement_index_size(center.index)) /
                   1048576);
        fflush(stdout);
        center_fini(&center);
    }
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
    long days = argc > 2 ? strtol(argv[2], NULL, 10) : 300;
    long seeds = argc > 3 ? strtol(argv[3], NULL, 10) : 2;

    if ((n && n < 100) || n < 0 || n > 10000000 || days < 0 || days > 3650 ||
        seeds < 1 || seeds > PACKED_SEEDS_MAX)
        die("usage: bench_placement [PLACEMENTS [DAYS [SEEDS]]]");
    if (n)
        measure_cost((size_t)n);
    if (days)
        bench_packing((int)days, (int)seeds);
    return 0;
}
