/*
 * What would be; see whatif.h.
 */
#include "policyd/placement/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/spare.h"
#include "policyd/placement/step.h"
#include "policyd/placement/where.h"

/* ---- one change ---- */

static bool has_host(const struct placement_view *view, uint32_t host)
{
    return host < placement_view_n_hosts(view) &&
           placement_view_host(view, host)->name;
}

static int find(const struct placement_view *view,
                const struct placement_whatif *change, struct vdc_error *err)
{
    bool host = change->kind == PLACEMENT_IF_STATE ||
                change->kind == PLACEMENT_IF_MEMORY ||
                change->kind == PLACEMENT_IF_MOVED;
    bool guest = change->kind == PLACEMENT_IF_MOVED ||
                 change->kind == PLACEMENT_IF_GONE;

    if (host && !has_host(view, change->host))
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such host");
    if (guest && !placement_view_guest(view, change->guest))
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such guest");
    return 0;
}

int placement_whatif_apply(struct placement_view *view,
                           const struct placement_whatif *change,
                           struct vdc_error *err)
{
    int rc = find(view, change, err);

    if (rc)
        return rc;
    switch (change->kind) {
    case PLACEMENT_IF_STATE:
        placement_view_set_state(view, change->host, change->state);
        return 0;
    case PLACEMENT_IF_HOST:
        return placement_view_put_host(view, change->new_host, NULL, err);
    case PLACEMENT_IF_MEMORY: {
        struct placement_host host = *placement_view_host(view, change->host);
        host.memory = change->memory;
        return placement_view_put_host(view, &host, NULL, err);
    }
    case PLACEMENT_IF_OVERCOMMIT:
        placement_view_set_overcommit(view, change->percent);
        return 0;
    case PLACEMENT_IF_MOVED:
        placement_view_move_guest(view, change->guest, change->host,
                                  change->now_ms);
        return 0;
    case PLACEMENT_IF_GONE:
        placement_view_remove_guest(view, change->guest);
        return 0;
    case PLACEMENT_IF_PROMISE:
        return placement_view_put_promise(view, change->promise, err);
    case PLACEMENT_IF_NO_PROMISE:
        placement_view_remove_promise(view, change->name);
        return 0;
    }
    return 0;
}

/* ---- the guests of a host ---- */

void placement_whatif_request(const struct placement_view *view,
                              uint32_t guest, int64_t now_ms,
                              struct placement_request *ret)
{
    const struct placement_guest *g = placement_view_guest(view, guest);

    *ret = (struct placement_request){
        .uuid = g->uuid,
        .customer = g->customer,
        .spec = g->spec,
        .start = g->runs,
        .cpu = g->cpu,
        .dedication = g->dedication,
        .protected = g->protected,
        .n_groups = g->n_groups,
        .now_ms = now_ms,
    };
    memcpy(ret->groups, g->groups, sizeof(ret->groups));
    placement_where_ask(view, g->where, ret);
}

struct leaving {
    uint32_t guest;
    bool backed; /* to where room was kept */
    bool protected;
    uint64_t kib;
};

static int by_turn(const void *a, const void *b)
{
    const struct leaving *x = a, *y = b;

    if (x->backed != y->backed)
        return x->backed ? -1 : 1;
    if (x->protected != y->protected)
        return x->protected ? -1 : 1;
    if (x->kib != y->kib)
        return x->kib > y->kib ? -1 : 1;
    return x->guest < y->guest ? -1 : x->guest > y->guest;
}

static uint32_t list(const struct placement_view *view, uint32_t host,
                     bool dies, struct leaving *leaving)
{
    uint32_t n = 0;

    for (uint32_t i = placement_view_use(view, host)->first_guest;
         i != PLACEMENT_NONE; i = placement_view_guest(view, i)->next) {
        const struct placement_guest *g = placement_view_guest(view, i);
        if (!g->runs)
            continue;
        leaving[n++] = (struct leaving){
            .guest = i,
            .backed = dies && g->protected && placement_spare_holds(view, i),
            .protected = g->protected,
            .kib = g->spec.memory.kib,
        };
    }
    if (n)
        qsort(leaving, n, sizeof(*leaving), by_turn);
    return n;
}

/* The request is made while the guest is not in the way of itself. */
static void place(struct placement_view *view, uint32_t guest, bool dies,
                  const struct placement_policy *policy, int64_t now_ms,
                  struct placement_fate *fate)
{
    struct placement_request request;
    uint32_t old = placement_view_guest(view, guest)->backup;

    placement_view_set_backup(view, guest, PLACEMENT_NONE);
    placement_whatif_request(view, guest, now_ms, &request);
    if (!dies)
        request.cpu = placement_step_cpu(view, guest);
    if (placement_choose(view, &request, policy, &fate->decision,
                         &fate->why)) {
        placement_view_set_backup(view, guest, old);
        return;
    }
    fate->host = fate->decision.winner.host;
    placement_view_move_guest(view, guest, fate->host, now_ms);
    placement_view_set_backup(view, guest, fate->decision.backup);
}

uint32_t placement_whatif_leave(struct placement_view *view, uint32_t host,
                                bool dies,
                                const struct placement_policy *policy,
                                int64_t now_ms, struct placement_fate **ret)
{
    uint32_t n_guests = placement_view_use(view, host)->n_guests;
    struct leaving *leaving = xzalloc((n_guests + 1) * sizeof(*leaving));
    uint32_t n = list(view, host, dies, leaving);
    struct placement_fate *fates = xzalloc((n + 1) * sizeof(*fates));

    for (uint32_t i = 0; i < n; i++) {
        uint32_t guest = leaving[i].guest;
        fates[i].guest = guest;
        fates[i].host = PLACEMENT_NONE;
        if (leaving[i].backed) {
            fates[i].by_backup = true;
            fates[i].host = placement_view_guest(view, guest)->backup;
            placement_view_set_backup(view, guest, PLACEMENT_NONE);
            placement_view_move_guest(view, guest, fates[i].host, now_ms);
        } else {
            place(view, guest, dies, policy, now_ms, &fates[i]);
        }
    }
    free(leaving);
    *ret = fates;
    return n;
}
