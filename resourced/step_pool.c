/* The step that changes how much of a named pool a partition has.  A pool is
 * a number of the host's that only we know of: there is nothing to apply. */
#include <stdio.h>
#include <string.h>

#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/resource.h"
#include "resourced/step_change.h"

#define POOLS_MAX 16 /* of a definition, in wire.def */

static uint64_t amount_of(const struct wire_definition *definition,
                          const char *pool)
{
    for (uint32_t i = 0; i < definition->n_pools; i++)
        if (strcmp(definition->pools[i].name, pool) == 0)
            return definition->pools[i].amount;
    return 0;
}

static uint64_t amount_in(const struct partition_row *row, const char *pool)
{
    bool has_live = row->domid != HV_DOMID_NONE && row->live.name &&
                    row->live.name[0];

    return amount_of(has_live ? &row->live : &row->definition, pool);
}

/* What all partitions but this one have, as the operations before this one
 * and other transactions leave it, whichever is more of these. */
static uint64_t others_have(const struct operation *op, const char *pool)
{
    const struct partition *other;
    uint64_t sum = 0;

    TAILQ_FOREACH (other, &op->host->partitions.all, in_all) {
        const struct partition_row *to_come = step_row_to_come(op, other);
        if (other == op->partition)
            continue;
        uint64_t has = amount_in(step_row_of(op, other), pool);
        uint64_t will = to_come ? amount_in(to_come, pool) : 0;
        sum += will > has ? will : has;
    }
    return sum;
}

/* What leases keep, without the one that this transaction uses up. */
static uint64_t leased(const struct operation *op, const char *pool)
{
    const struct lease *lease = op->t->lease;
    uint64_t sum = resources_sum(op->host->resources, WIRE_RESOURCE_POOL, pool,
                                 true);

    for (uint32_t i = 0; lease && i < lease->wire.n_pools; i++)
        if (strcmp(lease->wire.pools[i].name, pool) == 0)
            sum -= lease->wire.pools[i].amount;
    return sum;
}

static void format(const struct resource_pool *pool, uint64_t amount,
                   char *buf, size_t size)
{
    if (pool->unit[0])
        units_mem_format(MEM_KIB(amount), buf, size);
    else
        snprintf(buf, size, "%llu", (unsigned long long)amount);
}

static void check_amount(const struct operation *op,
                         const struct resource_pool *pool, uint64_t amount,
                         struct reasons *reasons)
{
    char asked[32], total[32], rest[32];
    uint64_t taken = others_have(op, pool->name) + leased(op, pool->name);
    uint64_t free_amount = pool->total > taken ? pool->total - taken : 0;

    if (amount <= free_amount)
        return;
    format(pool, amount, asked, sizeof(asked));
    format(pool, pool->total, total, sizeof(total));
    format(pool, free_amount, rest, sizeof(rest));
    step_refuse(reasons, VDC_E_NO_RESOURCE,
                "xl-vdc resource-list shows who has the rest",
                "%s cannot have %s of %s: the host has %s, and of that it can "
                "have %s", op->row->name, asked, pool->name, total, rest);
}

static void check_place(const struct operation *op,
                        const struct wire_definition *definition,
                        struct reasons *reasons)
{
    if (definition && op->request.amount &&
        !amount_of(definition, op->request.pool) &&
        definition->n_pools >= POOLS_MAX)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s has of %u pools, and cannot have of more",
                    op->row->name, definition->n_pools);
}

static void check_pool(const struct operation *op, const char *name,
                       uint64_t amount, struct reasons *reasons)
{
    const struct resource_pool *pool =
        resources_pool(op->host->resources, name);

    if (pool)
        check_amount(op, pool, amount, reasons);
    else
        step_refuse(reasons, VDC_E_NOT_FOUND,
                    "pools are made by the setting \"pools\" of resourced",
                    "host %s has no pool \"%s\"", op->host->name, name);
}

void step_check_pools(struct operation *op, struct reasons *reasons)
{
    const struct wire_definition *definition = &op->row->definition;

    for (uint32_t i = 0; i < definition->n_pools; i++) {
        const struct wire_pool_amount *pool = &definition->pools[i];
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(definition->pools[j].name, pool->name) == 0)
                step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                            "%s has the pool %s twice", op->row->name,
                            pool->name);
        check_pool(op, pool->name, pool->amount, reasons);
    }
}

static void pool_check(struct operation *op, struct reasons *reasons)
{
    if (!step_check_change(op, reasons))
        return;
    if (!resources_pool(op->host->resources, op->request.pool)) {
        check_pool(op, op->request.pool, 0, reasons);
        return;
    }
    check_pool(op, op->request.pool, op->request.amount, reasons);
    check_place(op, step_live(op), reasons);
    check_place(op, step_remembered(op), reasons);
}

static void set_amount(const struct operation *op,
                       struct wire_definition *definition)
{
    if (!definition)
        return;
    struct wire_pool_amount *pools = ARENA_ARRAY(
        op->t->arena, definition->n_pools + 1, struct wire_pool_amount);
    uint32_t n = 0;
    for (uint32_t i = 0; i < definition->n_pools; i++)
        if (strcmp(definition->pools[i].name, op->request.pool) != 0)
            pools[n++] = definition->pools[i];
    if (op->request.amount) {
        wire_init(&wire_struct_pool_amount, &pools[n]);
        pools[n].name = op->request.pool;
        pools[n++].amount = op->request.amount;
    }
    definition->pools = pools;
    definition->n_pools = n;
}

static void pool_record(struct operation *op)
{
    set_amount(op, step_live(op));
    set_amount(op, step_remembered(op));
}

static bool pool_plan(const struct operation *op, char *buf, size_t size)
{
    const struct resource_pool *pool =
        resources_pool(op->host->resources, op->request.pool);
    char amount[32] = "";

    if (pool)
        format(pool, op->request.amount, amount, sizeof(amount));
    snprintf(buf, size, "let %s have %s of %s%s", op->row->name, amount,
             op->request.pool, step_when(op));
    return true;
}

const struct step step_pool_set = {
    .name = "pool-set",
    .doing = "noting what it has of the pool",
    .check = pool_check,
    .record = pool_record,
    .plan = pool_plan,
};
