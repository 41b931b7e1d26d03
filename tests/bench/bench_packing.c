/*
 * How well guests are packed: 500 hosts, empty at first, of which the first
 * half of the days is not counted; hosts with guests, over the least that
 * could be (the larger of cores and memory in use, over a host's), both as
 * averages over time, of several workloads.  Each way gets the same guests at
 * the same times.  Nobody is told how long a guest stays, except for the one
 * who says what that would be worth; another takes any host that has room, by
 * chance.
 *
 * Some ways also move guests: every few hours the plan that `xl-vdc rebalance
 * --goal pack --max-moves N` makes is carried out, by the same code.  Moves
 * take no time here; what they cost is shown beside what they gain.
 */
#include "tests/bench/bench_packing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "tests/bench/bench_center.h"

#define HOUR_MS ((int64_t)3600 * 1000)

struct way {
    struct placement_policy policy;
    choose_fn *choose;
    const char *moving; /* how guests are moved, in words */
    int64_t every_ms;   /* 0: they are not */
    uint32_t max_moves; /* each time */
    int64_t cool_down_ms;
};

struct load {
    const char *name;
    double part; /* of the cores, on average */
    bool together;
};

/* What is in use for so long counts for so much. */
struct average {
    double busy, least, ms;
    unsigned long n_come, n_refused;
    unsigned long n_plans, n_moves;
    double moved_gib;
    double plans_s, longest_plan_s;
};

struct run {
    const struct way *way;
    struct center center;
    int64_t from_ms; /* is counted from then on */
    int64_t next_plan_ms;
    struct average *average;
};

/* ---- who needs no policy ---- */

static bool has_room(const struct center *center, uint32_t host,
                     const struct placement_request *request)
{
    const struct placement_use *use = placement_view_use(center->view, host);

    return use->vcpus + request->spec.vcpus <= HOST_CORES &&
           use->memory.kib + request->spec.memory.kib <= MEM_GIB(HOST_GIB).kib;
}

static uint32_t choose_any(struct center *center,
                           const struct placement_request *request,
                           int64_t stay_ms)
{
    (void)stay_ms;
    for (int i = 0; i < 100 * PACKED_HOSTS; i++) {
        uint32_t host =
            (uint32_t)(workload_part(&center->dice) * PACKED_HOSTS);
        if (has_room(center, host, request))
            return host;
    }
    return PLACEMENT_NONE;
}

/* Where it makes a host be in use the least longer; of those the one with the
 * fewest free cores. */
static uint32_t choose_knowing(struct center *center,
                               const struct placement_request *request,
                               int64_t stay_ms)
{
    uint32_t best = PLACEMENT_NONE;
    uint64_t best_vcpus = 0;
    int64_t least_ms = INT64_MAX;

    for (uint32_t i = 0; i < PACKED_HOSTS; i++) {
        const struct placement_use *use = placement_view_use(center->view, i);
        int64_t until_ms = use->n_guests ? center->until_ms[i] : 0;
        int64_t more_ms = center->now_ms + stay_ms - until_ms;
        if (!has_room(center, i, request))
            continue;
        if (more_ms < 0)
            more_ms = 0;
        if (more_ms < least_ms ||
            (more_ms == least_ms && use->vcpus > best_vcpus)) {
            best = i;
            best_vcpus = use->vcpus;
            least_ms = more_ms;
        }
    }
    return best;
}

/* ---- moving guests ---- */

static double cpu_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* When each came where it is, as policyd has it for --cool-down. */
static int64_t *all_since(const struct placement_view *view)
{
    uint32_t n = placement_view_guests_end(view);
    int64_t *since = xzalloc((n + 1) * sizeof(*since));

    for (uint32_t i = 0; i < n; i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        since[i] = guest ? guest->since_ms : INT64_MIN;
    }
    return since;
}

static void rebalance(struct run *run)
{
    struct center *center = &run->center;
    struct average *average = run->average;
    int64_t *since_ms = all_since(center->view);
    const struct placement_rebalance_options options = {
        .goal = PLACEMENT_GOAL_PACK,
        .moving = { .now_ms = center->now_ms,
                    .cool_down_ms = run->way->cool_down_ms,
                    .guest_moved_ms = since_ms,
                    .n_guest_moved = placement_view_guests_end(center->view) },
        .min_gain = 0.01,
        .max_moves = run->way->max_moves,
        .parallel = 4,
    };
    struct placement_plan plan;
    double begun_s = cpu_s();

    if (placement_rebalance(center->view, &options, &plan, NULL)) {
        fprintf(stderr, "bench_placement: no plan\n");
        exit(1);
    }
    double took_s = cpu_s() - begun_s;
    center_move(center, &plan);
    if (center->now_ms >= run->from_ms) {
        average->n_plans++;
        average->n_moves += plan.n_moves;
        average->moved_gib += (double)plan.memory.kib / 1048576;
        average->plans_s += took_s;
        if (took_s > average->longest_plan_s)
            average->longest_plan_s = took_s;
    }
    placement_plan_fini(&plan);
    free(since_ms);
}

/* ---- one workload ---- */

static void wait_until(struct run *run, int64_t to_ms)
{
    struct center *center = &run->center;
    double ms = (double)(to_ms - center->now_ms);

    if (center->now_ms >= run->from_ms) {
        double cores = (double)center->cores / HOST_CORES;
        double gib = (double)center->gib / HOST_GIB;
        run->average->busy += center->n_busy * ms;
        run->average->least += (cores > gib ? cores : gib) * ms;
        run->average->ms += ms;
    }
    center->now_ms = to_ms;
}

/* Guests leave, and are moved, until then. */
static void pass_to(struct run *run, int64_t to_ms)
{
    for (;;) {
        int64_t leaves_ms = center_next_ms(&run->center);
        if (run->next_plan_ms < to_ms && run->next_plan_ms <= leaves_ms) {
            wait_until(run, run->next_plan_ms);
            rebalance(run);
            run->next_plan_ms += run->way->every_ms;
        } else if (leaves_ms < to_ms) {
            wait_until(run, leaves_ms);
            center_leave(&run->center);
        } else {
            wait_until(run, to_ms);
            return;
        }
    }
}

static void pack(const struct way *way, const struct load *load, int days,
                 uint64_t seed, struct average *ret)
{
    const int64_t end_ms = days * 24 * HOUR_MS;
    double cores = load->part * PACKED_HOSTS * HOST_CORES;
    /* deployments have 6.0 guests on average */
    double per_hour = center_rate(cores) / (load->together ? 6 : 1);
    struct run run = { .way = way,
                       .from_ms = end_ms / 2,
                       .next_plan_ms =
                           way->every_ms ? way->every_ms : INT64_MAX,
                       .average = ret };
    struct center *center = &run.center;
    unsigned long n_before = 0;

    center_init(center, PACKED_HOSTS, &way->policy, seed);
    center->choose = way->choose;
    while (center->now_ms < end_ms) {
        uint32_t n = load->together ? workload_together(&center->seed) : 1;
        if (center->now_ms < run.from_ms)
            n_before = center->n_come;
        pass_to(&run,
                center->now_ms + workload_gap_ms(&center->seed, per_hour));
        const struct workload_type *type = workload_type(&center->seed);
        int64_t stay_ms = workload_stay_ms(&center->seed);
        while (n-- > 0)
            center_come(center, type, stay_ms);
    }
    ret->n_come += center->n_come - n_before;
    ret->n_refused += center->n_refused;
    center_fini(center);
}

/* ---- all of them ---- */

static void add(const struct average *one, struct average *all)
{
    all->busy += one->busy;
    all->least += one->least;
    all->ms += one->ms;
    all->n_come += one->n_come;
    all->n_refused += one->n_refused;
    all->n_plans += one->n_plans;
    all->n_moves += one->n_moves;
    all->moved_gib += one->moved_gib;
    all->plans_s += one->plans_s;
    if (one->longest_plan_s > all->longest_plan_s)
        all->longest_plan_s = one->longest_plan_s;
}

/* Of all workloads together, and how far apart they are. */
static void measure_way(const struct way *way, const struct load *load,
                        int days, int n_seeds)
{
    struct average all = { 0 };
    double least = 0, most = 0;

    for (int seed = 1; seed <= n_seeds; seed++) {
        struct average one = { 0 };
        pack(way, load, days, (uint64_t)seed, &one);
        double ratio = one.busy / one.least;
        least = seed == 1 || ratio < least ? ratio : least;
        most = ratio > most ? ratio : most;
        add(&one, &all);
    }
    double n_days = all.ms / (double)(24 * HOUR_MS);
    printf("  %-9s %-12s %6.4f %6.4f %6.4f  %5.1f %3lu", way->policy.name,
           way->moving ? way->moving : "", all.busy / all.least, least, most,
           all.busy / all.ms, all.n_refused);
    if (way->every_ms)
        printf(
            "  %5.1f %5.2f %6.0f  %4.0f %4.0f", (double)all.n_moves / n_days,
            1000 * (double)all.n_moves / (double)all.n_come,
            all.moved_gib / n_days, 1000 * all.plans_s / (double)all.n_plans,
            1000 * all.longest_plan_s);
    printf("\n");
    fflush(stdout);
}

void bench_packing(int days, int n_seeds)
{
    /* no weights: the first host; that of free cores, the fullest */
    const struct placement_policy pack_policy = *placement_policy_find("pack");
    const struct way ways[] = {
        { .policy = { "by chance", { 0 } }, .choose = choose_any },
        { .policy = { "first-fit", { 0 } } },
        { .policy = { "best-fit",
                      { [PLACEMENT_TERM_VCPUS] = 1000,
                        [PLACEMENT_TERM_EMPTY] = 100000 } } },
        { .policy = pack_policy },
        { pack_policy, NULL, "1 a day", 24 * HOUR_MS, 1, 0 },
        { pack_policy, NULL, "5 a day", 24 * HOUR_MS, 5, 0 },
        { pack_policy, NULL, "10 a day", 24 * HOUR_MS, 10, 0 },
        { pack_policy, NULL, "20 a day", 24 * HOUR_MS, 20, 0 },
        { pack_policy, NULL, "5 every 6 h", 6 * HOUR_MS, 5, 0 },
        { pack_policy, NULL, "20 every 6 h", 6 * HOUR_MS, 20, 0 },
        { .policy = { "knowing", { 0 } }, .choose = choose_knowing },
    };
    const struct load loads[] = {
        { "one by one, 39 %", 0.39, false },
        { "one by one, 50.5 %", 0.505, false },
        { "one by one, 78 %", 0.78, false },
        { "deployments, 39 %", 0.39, true },
    };

    printf("\nHosts in use over the least possible: of all, lowest, highest; "
           "hosts in use; refused;\nwhere guests are moved: moves a day, for "
           "1,000 guests that come, GiB a day,\nCPU of a plan on average and "
           "at most, ms\n%d hosts, %d days, %d workloads\n",
           PACKED_HOSTS, days, n_seeds);
    for (size_t j = 0; j < sizeof(loads) / sizeof(loads[0]); j++) {
        printf("%s\n", loads[j].name);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
            measure_way(&ways[i], &loads[j], days, n_seeds);
    }
}
