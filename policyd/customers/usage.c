/*
 * Sums of use; see usage.h.
 */
#include "policyd/customers/usage.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct sum {
    TAILQ_ENTRY(sum) link;
    uint64_t start_ms;
    char customer[64];
    uint64_t guest_ms, vcpu_ms, network_ms, running_ms, running_vcpu_ms;
    /* KiB x ms: a PiB for a month is 2^72, which no customer has; what one
     * may have at most (MEM_MAX_KIB) for an hour fits */
    uint64_t memory_kib_ms, disk_kib_ms, running_memory_kib_ms;
};

struct usage {
    uint64_t period_ms, from_ms, to_ms;
    void *by_key; /* tsearch(3) tree */
    TAILQ_HEAD(, sum) sums;
    uint32_t n_sums;
};

static int compare_key(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;

    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    return strcmp(x->customer, y->customer);
}

struct usage *usage_new(uint64_t period_ms, uint64_t from_ms, uint64_t to_ms)
{
    struct usage *usage = XNEW(struct usage);

    usage->period_ms = period_ms;
    usage->from_ms = from_ms;
    usage->to_ms = to_ms;
    TAILQ_INIT(&usage->sums);
    return usage;
}

void usage_free(struct usage *usage)
{
    struct sum *sum;

    if (!usage)
        return;
    while ((sum = TAILQ_FIRST(&usage->sums))) {
        tdelete(sum, &usage->by_key, compare_key);
        TAILQ_REMOVE(&usage->sums, sum, link);
        free(sum);
    }
    free(usage);
}

static struct sum *sum_of(struct usage *usage, uint64_t start_ms,
                          const char *customer)
{
    struct sum *sum = XNEW(struct sum);

    sum->start_ms = start_ms;
    strncpy(sum->customer, customer, sizeof(sum->customer) - 1);
    struct sum **found = tsearch(sum, &usage->by_key, compare_key);
    if (!found)
        abort(); /* no memory: as everywhere */
    if (*found != sum) {
        free(sum);
        return *found;
    }
    TAILQ_INSERT_TAIL(&usage->sums, sum, link);
    usage->n_sums++;
    return sum;
}

static void add(struct sum *sum, const struct wire_stored_use *use,
                uint64_t ms)
{
    const struct wire_usage *has = &use->counts;

    sum->guest_ms += ms;
    sum->memory_kib_ms += has->memory.kib * ms;
    sum->vcpu_ms += has->vcpus * ms;
    sum->disk_kib_ms += has->disk.kib * ms;
    sum->network_ms += has->networks * ms;
    if (!use->runs)
        return;
    sum->running_ms += ms;
    sum->running_memory_kib_ms += has->memory.kib * ms;
    sum->running_vcpu_ms += has->vcpus * ms;
}

void usage_count(struct usage *usage, const struct wire_stored_use *use)
{
    uint64_t at = use->from_ms, end = use->to_ms;

    if (at < usage->from_ms)
        at = usage->from_ms;
    if (end > usage->to_ms)
        end = usage->to_ms;
    while (at < end) {
        uint64_t start = at - at % usage->period_ms;
        uint64_t until = start + usage->period_ms;
        if (until > end)
            until = end;
        add(sum_of(usage, start, use->customer), use, until - at);
        at = until;
    }
}

static void describe(const struct usage *usage, const struct sum *sum,
                     struct arena *arena, struct wire_use *ret)
{
    wire_init(&wire_struct_use, ret);
    ret->customer = arena_strdup(arena, sum->customer);
    ret->start_ms = sum->start_ms;
    ret->length_ms = usage->period_ms;
    ret->guest_ms = sum->guest_ms;
    ret->memory_mib_ms = sum->memory_kib_ms / 1024;
    ret->vcpu_ms = sum->vcpu_ms;
    ret->disk_mib_ms = sum->disk_kib_ms / 1024;
    ret->network_ms = sum->network_ms;
    ret->running_ms = sum->running_ms;
    ret->running_memory_mib_ms = sum->running_memory_kib_ms / 1024;
    ret->running_vcpu_ms = sum->running_vcpu_ms;
    ret->open = sum->start_ms + usage->period_ms > usage->to_ms;
}

static int compare_use(const void *a, const void *b)
{
    const struct wire_use *x = a, *y = b;

    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    return strcmp(x->customer, y->customer);
}

void usage_list(const struct usage *usage, struct arena *arena,
                struct wire_use **ret, uint32_t *ret_n)
{
    struct wire_use *all =
        ARENA_ARRAY(arena, usage->n_sums + 1, struct wire_use);
    const struct sum *sum;
    uint32_t n = 0;

    TAILQ_FOREACH(sum, &usage->sums, link)
    describe(usage, sum, arena, &all[n++]);
    qsort(all, n, sizeof(*all), compare_use);
    *ret = all;
    *ret_n = n;
}
