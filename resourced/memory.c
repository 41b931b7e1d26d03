/* The host's memory as those see it who need some. */
#include "resourced/memory.h"

#include <stdio.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/transaction.h"

#define PATH "/tool/xen-vdc/dom0-memory" /* doc/xenstore-paths.md */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What Xen has, and who is to have it; KiB. */
struct figures {
    uint64_t free, dom0;
    uint64_t promised; /* to operations under way, and not taken yet */
    uint64_t leased;   /* kept for others */
};

/* ---- promised and leased ---- */

static uint64_t still_to_take(const struct operation *op,
                              const struct hv_domain_info *domains,
                              size_t n_domains)
{
    uint64_t has = 0;

    if (!op->promised)
        return 0;
    for (size_t i = 0; i < n_domains; i++)
        if (uuid_equal(&domains[i].uuid, &op->partition->row.uuid))
            has += domains[i].current_memory.kib;
    return less(op->need.kib, less(has, op->had.kib));
}

/* What t is to have still: what its operations were promised, and what is
 * left of the lease that it uses up, which are two views of the same. */
static void add_transaction(struct figures *figures,
                            const struct transaction *t,
                            const struct operation *asks,
                            const struct hv_domain_info *domains,
                            size_t n_domains)
{
    uint64_t to_take = 0, taken = 0;

    for (size_t i = 0; i < t->n_operations; i++) {
        const struct operation *op = &t->operations[i];
        uint64_t left = still_to_take(op, domains, n_domains);
        if (op == asks)
            continue;
        to_take += left;
        taken += less(op->need.kib, left);
    }
    figures->promised += to_take;
    if (t->lease && (!asks || asks->t != t))
        figures->leased +=
            less(less(t->lease->wire.memory.kib, taken), to_take);
}

/* What the operations before it will have freed when its turn comes. */
static uint64_t still_to_come(const struct operation *op)
{
    uint64_t sum = 0;

    for (const struct operation *o = op->t->operations; o < op; o++)
        sum += o->gives.kib;
    return sum;
}

/* What guests gave to t, which may be undone: then they take it back. */
static uint64_t kept_for(const struct transaction *t)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < t->n_operations; i++)
        sum += t->operations[i].kept.kib;
    return sum;
}

static bool is_any_promised(const struct host *host)
{
    const struct transaction *t;

    TAILQ_FOREACH (t, &host->transactions, link)
        for (size_t i = 0; i < t->n_operations; i++)
            if (t->operations[i].promised)
                return true;
    return false;
}

/* asks: whose own is not counted; NULL: nobody's. */
static int find_figures(struct host *host, const struct operation *asks,
                        struct figures *ret, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct hv_domain_info *domains = NULL;
    struct hv_host_info info;
    const struct transaction *t;
    size_t n_domains = 0;
    int rc = host->hv->domain->host_info(host->hv, arena, &info, err);

    if (!rc && is_any_promised(host))
        rc = host->hv->domain->list(host->hv, arena, &domains, &n_domains,
                                    err);
    if (rc)
        goto out;
    /* What Xen keeps for leases of ours is counted as leased, not here. */
    *ret = (struct figures){
        .free = info.free_memory.kib + info.reserved_memory.kib,
        .dom0 = info.dom0_memory.kib,
        .leased = leases_memory_idle(host).kib,
    };
    TAILQ_FOREACH (t, &host->transactions, link) {
        add_transaction(ret, t, asks, domains, n_domains);
        if (!asks || asks->t != t)
            ret->promised += kept_for(t);
    }
    if (asks)
        ret->free += still_to_come(asks);
out:
    arena_free(arena);
    return rc;
}

/* ---- the answer ---- */

static const char *kept_text(const struct figures *figures,
                             struct mem host_reserve, char *buf, size_t size)
{
    char reserve[32], leased[32];

    units_mem_format(host_reserve, reserve, sizeof(reserve));
    units_mem_format(MEM_KIB(figures->leased), leased, sizeof(leased));
    if (figures->leased)
        snprintf(buf, size, "%s stay free by policy, leases keep %s", reserve,
                 leased);
    else
        snprintf(buf, size, "%s stay free by policy", reserve);
    return buf;
}

static int no_memory(const struct operation *op, const struct figures *figures,
                     struct mem available, struct mem dom0_spare,
                     struct vdc_error *err)
{
    char need[32], free_text[32], kept[128], spare[32];

    units_mem_format(op->need, need, sizeof(need));
    units_mem_format(available, free_text, sizeof(free_text));
    kept_text(figures, op->request.host_reserve, kept, sizeof(kept));
    units_mem_format(dom0_spare, spare, sizeof(spare));
    if (op->request.dom0_keep.kib)
        vdc_error_set(err, VDC_E_NO_MEMORY,
                      "%s needs %s, host %s has %s free (%s) and dom0 can "
                      "give %s",
                      op->row->name, need, op->host->name, free_text, kept,
                      spare);
    else
        vdc_error_set(err, VDC_E_NO_MEMORY,
                      "%s needs %s, host %s has %s free (%s)",
                      op->row->name, need, op->host->name, free_text, kept);
    vdc_error_hint(err, "shut down another guest, give this one less memory, "
                        "or use another host");
    return VDC_E_NO_MEMORY;
}

int memory_check(struct operation *op, struct mem *ret_from_dom0,
                 struct vdc_error *err)
{
    const struct memory_account *account = &op->host->memory;
    struct figures figures;
    int rc = find_figures(op->host, op, &figures, err);

    if (rc)
        return rc;
    if (account->n_takers && !op->from_dom0.kib) {
        /* What dom0 was asked for and has not given yet is promised: it
         * counts as if it were free already. */
        uint64_t given = less(account->dom0_before.kib, figures.dom0);
        figures.free += less(account->taken.kib, given);
        figures.dom0 = less(account->dom0_before.kib, account->taken.kib);
    }
    uint64_t kept = figures.promised + figures.leased +
                    op->request.host_reserve.kib;
    struct mem available = MEM_KIB(less(figures.free, kept));
    struct mem spare = { 0 };
    if (op->request.dom0_keep.kib)
        spare = MEM_KIB(less(figures.dom0, op->request.dom0_keep.kib));
    uint64_t shortage = less(op->need.kib + kept, figures.free);
    if (shortage > spare.kib)
        return no_memory(op, &figures, available, spare, err);
    *ret_from_dom0 = MEM_KIB(shortage);
    return 0;
}

int memory_check_lease(struct host *host, struct mem amount,
                       struct mem host_reserve, struct vdc_error *err)
{
    char wants[32], has[32], kept[128];
    struct figures figures;
    int rc = find_figures(host, NULL, &figures, err);

    if (rc)
        return rc;
    uint64_t taken = figures.promised + figures.leased + host_reserve.kib;
    uint64_t available = less(figures.free, taken);
    if (amount.kib <= available)
        return 0;
    vdc_error_set(err, VDC_E_NO_MEMORY,
                  "%s are asked for, host %s has %s free (%s)",
                  units_mem_format(amount, wants, sizeof(wants)), host->name,
                  units_mem_format(MEM_KIB(available), has, sizeof(has)),
                  kept_text(&figures, host_reserve, kept, sizeof(kept)));
    vdc_error_hint(err, "ask for less, wait until another lease ends, or use "
                        "another host");
    return VDC_E_NO_MEMORY;
}

void memory_unlock(struct operation *op)
{
    if (op->t->lease)
        lease_yield_memory(op->t->lease, op->host);
}

/* ---- dom0 ---- */

static int set_dom0_target(struct host *host, struct vdc_error *err)
{
    const struct memory_account *account = &host->memory;

    return host->hv->domain->set_memory_target(
        host->hv, 0,
        MEM_KIB(less(account->dom0_before.kib, account->taken.kib)), err);
}

/*
 * The account as text, "BEFORE TAKEN ID=AMOUNT ...", in KiB and with the
 * transactions that may be undone still: for the case that this process is
 * killed.  Where dom0's balloon is, which a boot sets right as well.
 */
static int write_account(struct host *host, struct vdc_error *err)
{
    const struct memory_account *account = &host->memory;
    const struct transaction *t;

    if (!account->n_takers)
        return host->hv->store->remove(host->hv, PATH, err);
    struct arena *arena = arena_new();
    const char *text = arena_printf(
        arena, "%llu %llu", (unsigned long long)account->dom0_before.kib,
        (unsigned long long)account->taken.kib);
    TAILQ_FOREACH (t, &host->transactions, link)
        for (size_t i = 0; i < t->n_operations; i++)
            if (t->operations[i].from_dom0.kib)
                text = arena_printf(
                    arena, "%s %llu=%llu", text, (unsigned long long)t->id,
                    (unsigned long long)t->operations[i].from_dom0.kib);
    int rc = host->hv->store->write(host->hv, PATH, text, err);
    arena_free(arena);
    return rc;
}

static int begin_account(struct host *host, struct vdc_error *err)
{
    struct memory_account *account = &host->memory;
    struct arena *arena = arena_new();
    struct hv_host_info info;
    int rc = host->hv->domain->host_info(host->hv, arena, &info, err);

    arena_free(arena);
    if (rc)
        return rc;
    account->dom0_before = info.dom0_memory;
    account->taken = MEM_KIB(0);
    return 0;
}

int memory_take(struct operation *op, struct mem amount,
                struct vdc_error *err)
{
    struct memory_account *account = &op->host->memory;
    struct memory_account before = *account;
    struct vdc_error why;
    int rc = account->n_takers ? 0 : begin_account(op->host, err);

    if (rc)
        return rc;
    account->n_takers++;
    account->taken.kib += amount.kib;
    op->from_dom0 = amount;
    rc = write_account(op->host, err);
    if (!rc)
        rc = set_dom0_target(op->host, err);
    if (!rc)
        return 0;
    *account = before;
    op->from_dom0 = MEM_KIB(0);
    if (write_account(op->host, &why))
        log_warning("what dom0 is to get back cannot be noted: %s", why.text);
    return rc;
}

void memory_keep(struct operation *op)
{
    struct vdc_error err;

    if (!op->from_dom0.kib)
        return;
    op->from_dom0 = MEM_KIB(0);
    op->host->memory.n_takers--;
    if (write_account(op->host, &err))
        log_warning("what dom0 is to get back cannot be noted: %s", err.text);
}

int memory_give_back(struct operation *op, struct vdc_error *err)
{
    struct memory_account *account = &op->host->memory;

    if (!op->from_dom0.kib)
        return 0;
    account->taken.kib -= op->from_dom0.kib;
    int rc = set_dom0_target(op->host, err);
    if (rc)
        account->taken.kib += op->from_dom0.kib;
    else
        memory_keep(op);
    return rc;
}

/* ---- after a crash ---- */

static struct transaction *open_transaction(struct host *host, uint64_t id)
{
    struct transaction *t;

    TAILQ_FOREACH (t, &host->transactions, link)
        if (t->id == id && t->n_operations)
            return t;
    return NULL;
}

/* What one that has ended took stays taken. */
static void read_account(struct host *host, const char *text)
{
    struct memory_account *account = &host->memory;
    unsigned long long before, taken, id, amount;
    int n = 0;

    if (sscanf(text, "%llu %llu%n", &before, &taken, &n) != 2 ||
        taken > before)
        return;
    account->dom0_before = MEM_KIB(before);
    account->taken = MEM_KIB(taken);
    for (text += n; sscanf(text, " %llu=%llu%n", &id, &amount, &n) == 2;
         text += n) {
        struct transaction *t = open_transaction(host, id);
        if (!t || amount > taken)
            continue;
        struct operation *op = &t->operations[0];
        account->n_takers += !op->from_dom0.kib;
        op->from_dom0.kib += amount;
    }
}

int memory_recover(struct host *host, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const char *text;
    int rc = host->hv->store->read(host->hv, PATH, arena, &text, err);

    if (!rc) {
        read_account(host, text);
        rc = write_account(host, err);
    }
    arena_free(arena);
    return rc == VDC_E_NOT_FOUND ? 0 : rc;
}
