/* The host's memory as starts see it. */
#include "resourced/memory.h"

#include <string.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/transaction.h"

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t still_to_take(const struct operation *op,
                              const struct hv_domain_info *domains,
                              size_t n_domains)
{
    uint64_t has = 0;

    /* Of one that grows, need is what is missing. */
    if (op->kind == WIRE_OP_MEMORY_SET)
        return op->need.kib;
    for (size_t i = 0; i < n_domains; i++)
        if (uuid_equal(&domains[i].uuid, &op->partition->row.uuid))
            has += domains[i].current_memory.kib;
    return less(op->need.kib, has);
}

/* What the operations before it will have freed when its turn comes. */
static uint64_t still_to_come(const struct operation *op)
{
    uint64_t sum = 0;

    for (const struct operation *o = op->t->operations; o < op; o++)
        sum += o->gives.kib;
    return sum;
}

/* What other transactions may yet take back. */
static uint64_t kept_by_others(const struct operation *op)
{
    const struct transaction *t;
    uint64_t sum = 0;

    TAILQ_FOREACH (t, &op->host->transactions, link)
        for (size_t i = 0; t != op->t && i < t->n_operations; i++)
            sum += t->operations[i].kept.kib;
    return sum;
}

/* What others were promised and their domains have not taken yet. */
static int promised_to_others(const struct operation *op, struct mem *ret,
                              struct vdc_error *err)
{
    struct host *host = op->host;
    const struct transaction *t;
    struct arena *arena = arena_new();
    struct hv_domain_info *domains;
    size_t n_domains;
    struct mem sum = { 0 };
    int rc = host->hv->domain->list(host->hv, arena, &domains, &n_domains,
                                    err);
    if (rc)
        goto out;
    TAILQ_FOREACH (t, &host->transactions, link)
        for (size_t i = 0; i < t->n_operations; i++)
            if (&t->operations[i] != op && t->operations[i].promised)
                sum.kib += still_to_take(&t->operations[i], domains,
                                         n_domains);
    sum.kib += kept_by_others(op);
    *ret = sum;
out:
    arena_free(arena);
    return rc;
}

static int no_memory(const struct operation *op, struct mem available,
                     struct mem dom0_spare, struct vdc_error *err)
{
    char need[32], free_text[32], reserve[32], spare[32];
    struct mem stays = op->request.host_reserve;

    units_mem_format(op->need, need, sizeof(need));
    units_mem_format(available, free_text, sizeof(free_text));
    units_mem_format(stays, reserve, sizeof(reserve));
    units_mem_format(dom0_spare, spare, sizeof(spare));
    if (op->request.dom0_keep.kib)
        vdc_error_set(err, VDC_E_NO_MEMORY,
                      "%s needs %s, host %s has %s free (%s stay free by "
                      "policy) and dom0 can give %s",
                      op->row->name, need, op->host->name, free_text,
                      reserve, spare);
    else
        vdc_error_set(err, VDC_E_NO_MEMORY,
                      "%s needs %s, host %s has %s free (%s stay free by "
                      "policy)",
                      op->row->name, need, op->host->name, free_text,
                      reserve);
    vdc_error_hint(err, "shut down another guest, give this one less memory, "
                        "or use another host");
    return VDC_E_NO_MEMORY;
}

int memory_check(struct operation *op, struct mem *ret_from_dom0,
                 struct vdc_error *err)
{
    struct host *host = op->host;
    const struct memory_account *account = &host->memory;
    struct arena *arena = arena_new();
    struct hv_host_info info;
    struct mem promised;
    int rc = host->hv->domain->host_info(host->hv, arena, &info, err);

    if (!rc)
        rc = promised_to_others(op, &promised, err);
    if (rc)
        goto out;

    uint64_t free_kib = info.free_memory.kib + still_to_come(op);
    uint64_t dom0_kib = info.dom0_memory.kib;
    if (account->n_takers && !op->from_dom0.kib) {
        /* What dom0 was asked for and has not given yet is promised: it
         * counts as if it were free already. */
        uint64_t given = less(account->dom0_before.kib, dom0_kib);
        free_kib += less(account->taken.kib, given);
        dom0_kib = less(account->dom0_before.kib, account->taken.kib);
    }
    uint64_t kept = promised.kib + op->request.host_reserve.kib;
    struct mem available = MEM_KIB(less(free_kib, kept));
    struct mem spare = { 0 };
    if (op->request.dom0_keep.kib)
        spare = MEM_KIB(less(dom0_kib, op->request.dom0_keep.kib));
    uint64_t shortage = less(op->need.kib + kept, free_kib);
    if (shortage > spare.kib)
        rc = no_memory(op, available, spare, err);
    else
        *ret_from_dom0 = MEM_KIB(shortage);
out:
    arena_free(arena);
    return rc;
}

static int set_dom0_target(struct host *host, struct vdc_error *err)
{
    const struct memory_account *account = &host->memory;

    return host->hv->domain->set_memory_target(
        host->hv, 0,
        MEM_KIB(less(account->dom0_before.kib, account->taken.kib)), err);
}

int memory_take(struct operation *op, struct mem amount,
                struct vdc_error *err)
{
    struct memory_account *account = &op->host->memory;
    struct memory_account before = *account;

    if (account->n_takers == 0) {
        struct arena *arena = arena_new();
        struct hv_host_info info;
        int rc = op->host->hv->domain->host_info(op->host->hv, arena, &info,
                                                err);
        arena_free(arena);
        if (rc)
            return rc;
        account->dom0_before = info.dom0_memory;
        account->taken = MEM_KIB(0);
    }
    account->n_takers++;
    account->taken.kib += amount.kib;
    int rc = set_dom0_target(op->host, err);
    if (rc)
        *account = before;
    else
        op->from_dom0 = amount;
    return rc;
}

void memory_keep(struct operation *op)
{
    if (!op->from_dom0.kib)
        return;
    op->from_dom0 = MEM_KIB(0);
    op->host->memory.n_takers--;
}

void memory_give_back(struct operation *op)
{
    struct vdc_error err;

    if (!op->from_dom0.kib)
        return;
    op->host->memory.taken.kib -= op->from_dom0.kib;
    if (set_dom0_target(op->host, &err))
        log_warning("dom0 does not get back the memory that it gave for %s: "
                    "%s", op->row->name, err.text);
    memory_keep(op);
}
