/*
 * Rebalancing beside Ganeti's hbal, and filling beside its hspace, on the same
 * files; tests/bench/rebalance.sh runs both sides.
 *
 *   generate NODES INSTANCES-PER-NODE SEED >FILE    an unbalanced cluster
 *   balance FILE RESULT                             our plan, carried out
 *   fill FILE MEMORY-MIB VCPUS standard|tiered      how many fit
 *   cpu COMMAND...                                  seconds of CPU, to stderr
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "policyd/placement/capacity.h"
#include "policyd/placement/rebalance.h"
#include "policyd/rebalance/ganeti.h"

#define FILE_MAX (64u << 20)

static uint64_t random_of(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int fail(const char *what)
{
    fprintf(stderr, "bench_rebalance: %s\n", what);
    return 1;
}

static struct ganeti *read_cluster(const char *path)
{
    struct ganeti *ganeti = NULL;
    struct vdc_error err = { 0 };
    char *text = xzalloc(FILE_MAX);
    FILE *file = fopen(path, "r");

    if (!file)
        exit(fail(path));
    size_t size = fread(text, 1, FILE_MAX, file);
    fclose(file);
    if (ganeti_read(text, size, &ganeti, &err))
        exit(fail(err.text));
    free(text);
    return ganeti;
}

/* ---- generate ---- */

#define NODE_MIB 131072u
#define NODE_OWN_MIB 1024u

struct shape {
    uint32_t mib;
    uint32_t vcpus;
};

/* The first nodes get most, as when guests were placed on the first that has
 * room and many have gone since. */
static uint32_t some_node(uint64_t *seed, uint32_t n)
{
    uint64_t least = random_of(seed) % n;

    for (int i = 0; i < 2; i++) {
        uint64_t other = random_of(seed) % n;
        least = other < least ? other : least;
    }
    return (uint32_t)least;
}

static int generate(uint32_t n, uint32_t per_node, uint64_t seed)
{
    static const struct shape shapes[] = {
        { 1024, 1 }, { 2048, 1 }, { 4096, 2 }, { 8192, 4 }, { 16384, 4 }
    };
    uint32_t *free_mib = xzalloc(n * sizeof(*free_mib));
    uint32_t n_guests = n * per_node;
    uint32_t *nodes = xzalloc(n_guests * sizeof(*nodes));
    uint32_t *kinds = xzalloc(n_guests * sizeof(*kinds));

    for (uint32_t i = 0; i < n; i++)
        free_mib[i] = NODE_MIB - NODE_OWN_MIB;
    for (uint32_t i = 0; i < n_guests; i++) {
        kinds[i] = (uint32_t)(random_of(&seed) % 5);
        nodes[i] = some_node(&seed, n);
        while (free_mib[nodes[i]] < shapes[kinds[i]].mib + 2048)
            nodes[i] = (uint32_t)(random_of(&seed) % n);
        free_mib[nodes[i]] -= shapes[kinds[i]].mib;
    }
    printf("group|uuid-group|preferred||\n\n");
    for (uint32_t i = 0; i < n; i++)
        printf("node%u|%u|%u|%u|4000000|4000000|32|N|uuid-group|1\n", i,
               NODE_MIB, NODE_OWN_MIB, free_mib[i]);
    printf("\n");
    for (uint32_t i = 0; i < n_guests; i++)
        printf("inst%u|%u|20480|%u|running|Y|node%u||ext||1\n", i,
               shapes[kinds[i]].mib, shapes[kinds[i]].vcpus, nodes[i]);
    printf("\n\n|128,1,1024,1,1,1|128,1,1024,1,1,1;32768,8,1048576,16,8,12|"
           "diskless,ext|4.0|32.0\n");
    free(free_mib);
    free(nodes);
    free(kinds);
    return 0;
}

/* ---- balance ---- */

static int balance(const char *from, const char *to)
{
    struct ganeti *ganeti = read_cluster(from);
    struct placement_rebalance_options options = {
        .parallel = 4,
        .wholes = ganeti->wholes,
        .moving = { .complete = ganeti_complete,
                    .is_held = ganeti_is_held,
                    .arg = ganeti },
    };
    struct placement_plan plan, again;
    double begin = cpu_s();

    if (placement_rebalance(ganeti->view, &options, &plan, NULL))
        return fail("no plan");
    double took = cpu_s() - begin;
    struct placement_view *view = placement_view_copy(ganeti->view);
    for (uint32_t i = 0; i < plan.n_moves; i++)
        placement_step_do(view, plan.moves[i].guest, plan.moves[i].to,
                          plan.moves[i].backup, 0);
    char *text = ganeti_write(ganeti, view);
    FILE *file = fopen(to, "w");
    if (!file || fputs(text, file) < 0 || fclose(file))
        return fail(to);
    double all = cpu_s();
    if (placement_rebalance(view, &options, &again, NULL))
        return fail("no second plan");
    printf("%.8f %.8f %u %.6f %.6f %u\n", plan.before, plan.after,
           plan.n_moves, took, all, again.n_moves);
    placement_plan_fini(&plan);
    placement_plan_fini(&again);
    placement_view_free(view);
    free(text);
    ganeti_free(ganeti);
    return 0;
}

/* ---- fill ---- */

/* Standard: guests of one spec; tiered: then smaller ones, too.  Disks are on
 * shared storage, as hspace has them there. */
static int fill(const char *path, uint64_t mib, uint32_t vcpus, bool tiered)
{
    struct ganeti *ganeti = read_cluster(path);
    const struct placement_policy *policy = placement_policy_find("spread");
    const struct placement_request request = {
        .customer = 1,
        .spec = { .memory = MEM_MIB(mib), .vcpus = vcpus },
        .start = true,
    };
    struct placement_filling *filling;
    double begin = cpu_s();

    if (placement_filling_new(ganeti->view, &request, policy, tiered, 1000000,
                              &filling, NULL))
        return fail("nothing to fill it with");
    while (!placement_filling_step(filling, 1000))
        continue;
    const struct placement_capacity *result =
        placement_filling_result(filling);
    printf("%llu %.6f", (unsigned long long)result->n, cpu_s() - begin);
    for (uint32_t i = 0; i < result->n_tiers; i++)
        printf(" %llu,%u=%llu",
               (unsigned long long)result->tiers[i].spec.memory.kib / 1024,
               result->tiers[i].spec.vcpus,
               (unsigned long long)result->tiers[i].n);
    printf("\n");
    placement_filling_free(filling);
    ganeti_free(ganeti);
    return 0;
}

/* ---- cpu ---- */

static int run(char **argv)
{
    struct rusage usage;
    pid_t child = fork();
    int status;

    if (child == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        return fail("no child");
    fprintf(stderr, "cpu %.6f\n",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
                    1e6);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "generate") == 0)
        return generate((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]),
                        (uint64_t)atoll(argv[4]));
    if (argc == 4 && strcmp(argv[1], "balance") == 0)
        return balance(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2], (uint64_t)atoll(argv[3]), (uint32_t)atoi(argv[4]),
                    strcmp(argv[5], "tiered") == 0);
    if (argc > 2 && strcmp(argv[1], "cpu") == 0)
        return run(argv + 2);
    return fail("usage: see the source");
}
