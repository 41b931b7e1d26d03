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
 * Packing: 500 hosts, empty at first, DAYS (300) of which the first half is
 * not counted; hosts with guests, over the least that could be (the larger of
 * cores and memory in use, over a host's), both as averages over time, of
 * SEEDS (2) workloads.  Each policy gets the same guests at the same times.
 * Two more say what the figures are worth: any host that has room, by chance;
 * and one who knows how long each guest stays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "policyd/placement/index.h"
#include "tests/bench/bench_workload.h"

#define HOST_CORES 64
#define HOST_GIB 512
#define PACKED_HOSTS 500
#define PACKED_SEEDS_MAX 20
/* The mean of the catalogue: cores of a guest. */
#define GUEST_CORES 3.98

static void die(const char *what)
{
    fprintf(stderr, "bench_placement: %s\n", what);
    exit(1);
}

/* ---- a data center whose guests come and go ---- */

struct departure {
    int64_t at_ms;
    uint32_t guest;
};

struct center;

/* A host for a guest that stays so long, or PLACEMENT_NONE. */
typedef uint32_t choose_fn(struct center *center,
                           const struct placement_request *request,
                           int64_t stay_ms);

struct center {
    choose_fn *choose; /* NULL: by the policy */
    uint64_t dice;
    int64_t until_ms[PACKED_HOSTS]; /* when the last of a host's goes */
    struct placement_names *names;
    struct placement_view *view;
    struct placement_index *index;
    struct placement_policy policy;
    struct departure *departures; /* a heap */
    uint32_t n_departures;
    uint32_t departures_max;
    uint64_t seed;
    int64_t now_ms;
    uint64_t cores; /* in use */
    uint64_t gib;
    uint32_t n_busy; /* hosts with guests */
    unsigned long n_refused;
};

static void center_init(struct center *center, uint32_t n_hosts,
                        const struct placement_policy *policy, uint64_t seed)
{
    char text[32];

    memset(center, 0, sizeof(*center));
    center->seed = center->dice = seed;
    center->policy = *policy;
    center->names = placement_names_new();
    center->view = placement_view_new(center->names);
    for (uint32_t i = 0; i < n_hosts; i++) {
        snprintf(text, sizeof(text), "host%u", i);
        struct placement_host host = {
            .name = placement_names_add(center->names, text),
            .memory = MEM_GIB(HOST_GIB),
            .pcpus = HOST_CORES,
        };
        placement_view_put_host(center->view, &host, NULL, NULL);
    }
    placement_view_set_overcommit(center->view, 100);
    center->index = placement_index_new(center->view);
}

static void center_fini(struct center *center)
{
    placement_index_free(center->index);
    placement_view_free(center->view);
    placement_names_free(center->names);
    free(center->departures);
}

static void push(struct center *center, struct departure departure)
{
    struct departure *all;

    if (center->n_departures == center->departures_max) {
        center->departures_max = center->departures_max * 2 + 1024;
        center->departures =
            xrealloc(center->departures,
                     center->departures_max * sizeof(*center->departures));
    }
    all = center->departures;
    uint32_t at = center->n_departures++;
    while (at > 0 && all[(at - 1) / 2].at_ms > departure.at_ms) {
        all[at] = all[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    all[at] = departure;
}

static struct departure pop(struct center *center)
{
    struct departure *all = center->departures, first = all[0];
    struct departure last = all[--center->n_departures];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= center->n_departures)
            break;
        if (child + 1 < center->n_departures &&
            all[child + 1].at_ms < all[child].at_ms)
            child++;
        if (all[child].at_ms >= last.at_ms)
            break;
        all[at] = all[child];
        at = child;
    }
    all[at] = last;
    return first;
}

static void request_of(const struct center *center,
                       const struct workload_type *type,
                       struct placement_request *ret)
{
    *ret = (struct placement_request){
        .customer = 1,
        .spec = { .memory = MEM_GIB(type->memory_gib), .vcpus = type->vcpus },
        .start = true,
        .now_ms = center->now_ms,
    };
}

static uint32_t put(struct center *center,
                    const struct placement_request *request, uint32_t host)
{
    const struct placement_guest guest = {
        .customer = request->customer,
        .host = host,
        .spec = request->spec,
        .runs = true,
        .since_ms = request->now_ms,
    };
    uint32_t at;

    if (placement_view_add_guest(center->view, &guest, &at, NULL))
        die("the view does not take a guest");
    return at;
}

static void count(struct center *center, uint32_t guest, int sign)
{
    const struct placement_guest *g =
        placement_view_guest(center->view, guest);

    center->cores += (uint64_t)(sign * (int)g->spec.vcpus);
    center->gib += (uint64_t)(sign * (int)(g->spec.memory.kib >> 20));
    if (placement_view_use(center->view, g->host)->n_guests == 1)
        center->n_busy += (uint32_t)sign;
}

static void leave(struct center *center)
{
    struct departure departure = pop(center);

    center->now_ms = departure.at_ms;
    count(center, departure.guest, -1);
    placement_view_remove_guest(center->view, departure.guest);
}

/* ---- who needs no policy ---- */

static bool has_room(const struct center *center, uint32_t host,
                     const struct placement_request *request)
{
    const struct placement_use *use = placement_view_use(center->view, host);

    return use->vcpus + request->spec.vcpus <= HOST_CORES &&
           use->memory.kib + request->spec.memory.kib <=
               MEM_GIB(HOST_GIB).kib;
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

/* One guest comes and stays for so long. */
static void come(struct center *center, const struct workload_type *type,
                 int64_t stay_ms)
{
    int64_t until_ms = center->now_ms + stay_ms;
    struct placement_request request;
    struct placement_decision decision;
    uint32_t host = PLACEMENT_NONE;

    request_of(center, type, &request);
    if (center->choose)
        host = center->choose(center, &request, stay_ms);
    else if (!placement_index_choose(center->index, center->view, &request,
                                     &center->policy, &decision, NULL))
        host = decision.winner.host;
    if (host == PLACEMENT_NONE) {
        center->n_refused++;
        return;
    }
    uint32_t guest = put(center, &request, host);
    count(center, guest, 1);
    if (host < PACKED_HOSTS &&
        (placement_view_use(center->view, host)->n_guests == 1 ||
         until_ms > center->until_ms[host]))
        center->until_ms[host] = until_ms;
    push(center, (struct departure){ until_ms, guest });
}

/* As many guests as there are on average, each somewhere in its stay: those
 * that stay longer are more often seen. */
static void settle(struct center *center, uint64_t cores)
{
    const int64_t longest_ms = (int64_t)2160 * 3600 * 1000;

    while (center->cores < cores) {
        int64_t stay_ms = workload_stay_ms(&center->seed);
        if (workload_part(&center->seed) * (double)longest_ms >
            (double)stay_ms)
            continue;
        come(center, workload_type(&center->seed),
             1 + (int64_t)(workload_part(&center->seed) * (double)stay_ms));
    }
}

/* How many come an hour, so that on average so many cores are in use. */
static double rate_of(double cores)
{
    uint64_t seed = 1;
    double hours = 0;
    const int n = 1000000;

    for (int i = 0; i < n; i++)
        hours += (double)workload_stay_ms(&seed) / 3600000 / n;
    return cores / GUEST_CORES / hours;
}

/* ---- cost ---- */

static void stays_a_while(struct center *center, uint32_t guest)
{
    int64_t stay_ms = workload_stay_ms(&center->seed);

    count(center, guest, 1);
    push(center, (struct departure){ center->now_ms + stay_ms, guest });
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

    while (center->n_departures && center->departures[0].at_ms < next_ms)
        leave(center);
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
        request_of(center, wait_next(center, per_hour), &request);
        uint64_t begun = cpu_ns();
        int rc = placement_index_choose(center->index, center->view, &request,
                                        &center->policy, &decision, NULL);
        if (!rc)
            guest = put(center, &request, decision.winner.host);
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
        request_of(center, wait_next(center, per_hour), &request);
        if (placement_index_choose(center->index, center->view, &request,
                                   &center->policy, &indexed, NULL))
            die("a guest found no host");
        uint64_t begun = cpu_ns();
        placement_choose(center->view, &request, &center->policy, &decision,
                         NULL);
        guest = put(center, &request, decision.winner.host);
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
        double per_hour = rate_of((double)cores);
        center_init(&center, sizes[i], placement_policy_find("pack"), 1);
        settle(&center, cores);
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

/* ---- packing ---- */

/* What is in use for so long counts for so much. */
struct average {
    double busy, least, ms;
    unsigned long n_refused;
};

static void pass_to(struct center *center, int64_t to_ms, int64_t from_ms,
                    struct average *average)
{
    while (center->n_departures && center->departures[0].at_ms < to_ms) {
        int64_t begun_ms = center->now_ms;
        double busy = center->n_busy;
        double cores = (double)center->cores / HOST_CORES;
        double gib = (double)center->gib / HOST_GIB;
        leave(center);
        double ms = (double)(center->now_ms - begun_ms);
        if (begun_ms < from_ms)
            continue;
        average->busy += busy * ms;
        average->least += (cores > gib ? cores : gib) * ms;
        average->ms += ms;
    }
    center->now_ms = to_ms;
}

struct way {
    struct placement_policy policy;
    choose_fn *choose;
};

struct load {
    const char *name;
    double part; /* of the cores, on average */
    bool together;
};

static void pack(const struct way *way, const struct load *load, int days,
                 uint64_t seed, struct average *ret)
{
    struct center center;
    const int64_t day_ms = 24 * 3600 * 1000;
    double cores = load->part * PACKED_HOSTS * HOST_CORES;
    /* deployments have 6.0 guests on average */
    double per_hour = rate_of(cores) / (load->together ? 6 : 1);

    center_init(&center, PACKED_HOSTS, &way->policy, seed);
    center.choose = way->choose;
    while (center.now_ms < days * day_ms) {
        uint32_t n = load->together ? workload_together(&center.seed) : 1;
        pass_to(&center,
                center.now_ms + workload_gap_ms(&center.seed, per_hour),
                days * day_ms / 2, ret);
        const struct workload_type *type = workload_type(&center.seed);
        int64_t stay_ms = workload_stay_ms(&center.seed);
        while (n-- > 0)
            come(&center, type, stay_ms);
    }
    ret->n_refused += center.n_refused;
    center_fini(&center);
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
        all.busy += one.busy;
        all.least += one.least;
        all.ms += one.ms;
        all.n_refused += one.n_refused;
    }
    printf("  %6.4f %6.4f %6.4f  %5.1f %3lu", all.busy / all.least, least,
           most, all.busy / all.ms, all.n_refused);
    fflush(stdout);
}

static void measure_packing(int days, int n_seeds)
{
    /* no weights: the first host; that of free cores, the fullest */
    const struct way ways[] = {
        { { "by chance", { 0 } }, choose_any },
        { { "first-fit", { 0 } }, NULL },
        { { "best-fit",
            { [PLACEMENT_TERM_VCPUS] = 1000,
              [PLACEMENT_TERM_EMPTY] = 100000 } },
          NULL },
        { *placement_policy_find("pack"), NULL },
        { { "knowing", { 0 } }, choose_knowing },
    };
    const struct load loads[] = {
        { "one by one, 39 %", 0.39, false },
        { "one by one, 50.5 %", 0.505, false },
        { "one by one, 78 %", 0.78, false },
        { "deployments, 39 %", 0.39, true },
    };

    printf("\nHosts in use over the least possible: of all, lowest, highest; "
           "hosts in use; refused\n%d hosts, %d days, %d workloads\n",
           PACKED_HOSTS, days, n_seeds);
    for (size_t j = 0; j < sizeof(loads) / sizeof(loads[0]); j++) {
        printf("%s\n", loads[j].name);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
            printf("  %-9s", ways[i].policy.name);
            measure_way(&ways[i], &loads[j], days, n_seeds);
            printf("\n");
        }
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
        measure_packing((int)days, (int)seeds);
    return 0;
}
