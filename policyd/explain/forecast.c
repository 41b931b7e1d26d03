/*
 * What would be: how many more guests fit, and what follows when one thing is
 * otherwise.  All of it on copies of the standing view.
 */
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/change/change.h"
#include "policyd/customers/quota.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/capacity.h"
#include "policyd/placement/whatif.h"

/* Guests that are placed before others have their turn: a millisecond or
 * so. */
#define AT_ONCE 256
#define MOST_USUAL 100000
#define MOST 1000000
#define FATES_MAX 4096 /* as wire.def has it */

/* ---- filling a view ---- */

/* Fills views one after the other, in pieces, and then calls `done`. */
struct filling {
    LIST_ENTRY(filling) link;
    struct request *request;
    struct placement_filling *fillings[2]; /* the second may be none */
    unsigned at;
    struct event *timer;
    void (*done)(struct filling *filling);
    void *arg;
    const char *policy;
};

static void end(struct filling *filling)
{
    LIST_REMOVE(filling, link);
    placement_filling_free(filling->fillings[0]);
    placement_filling_free(filling->fillings[1]);
    event_free(filling->timer);
    free(filling);
}

static void again(const struct filling *filling)
{
    const struct timeval at_once = { 0, 0 };

    evtimer_add(filling->timer, &at_once);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct filling *filling = arg;
    struct request *request = filling->request;
    struct vdc_error err = { 0 };

    /* whoever asked may be gone */
    if (!request->session || request_is_cancelled(request, &err)) {
        vdc_error_set(&err, VDC_E_CANCELLED, "nobody waits for it any more");
        request_fail(request, &err);
        end(filling);
        return;
    }
    if (placement_filling_step(filling->fillings[filling->at], AT_ONCE))
        filling->at++;
    if (filling->at < 2 && filling->fillings[filling->at]) {
        again(filling);
        return;
    }
    filling->done(filling);
    end(filling);
}

static int begin(struct request *request, const struct placement_view *before,
                 const struct placement_view *after,
                 const struct placement_request *spec, const char *customer,
                 bool tiered, uint64_t most,
                 void (*done)(struct filling *filling), void *arg,
                 struct vdc_error *err)
{
    const struct placement_policy *policy =
        place_policy(request->ops, customer);
    struct filling *filling = XNEW(struct filling);
    int rc = placement_filling_new(before, spec, policy, tiered, most,
                                   &filling->fillings[0], err);

    if (!rc && after)
        rc = placement_filling_new(after, spec, policy, tiered, most,
                                   &filling->fillings[1], err);
    if (rc) {
        placement_filling_free(filling->fillings[0]);
        free(filling);
        return rc;
    }
    filling->request = request;
    filling->done = done;
    filling->arg = arg;
    filling->policy = policy->name;
    LIST_INSERT_HEAD(&request->ops->fillings, filling, link);
    filling->timer = evtimer_new(request->ops->base, on_timer, filling);
    again(filling);
    return 0;
}

void forecast_stop(struct operations *ops)
{
    struct filling *filling;
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_CLOSED, "policyd is being stopped");
    while ((filling = LIST_FIRST(&ops->fillings))) {
        request_fail(filling->request, &err);
        end(filling);
    }
}

static int take_spec(struct request *request, const char *customer,
                     const struct wire_placement_spec *spec,
                     struct placement_request *ret, struct vdc_error *err)
{
    *ret = (struct placement_request){
        .customer = inventory_name(request->ops->inventory, customer),
        .start = true,
        .now_ms = (int64_t)clock_wall().ms,
    };
    for (uint32_t i = 0; i < spec->n_cpu_features; i++) {
        int rc = cpu_set_add_name(&ret->cpu, spec->cpu_features[i], err);
        if (rc)
            return rc;
    }
    return explain_spec(request->ops, spec, &ret->spec, err);
}

static const char *constraint_name(enum placement_constraint constraint)
{
    return constraint == PLACEMENT_CONSTRAINTS
               ? ""
               : placement_constraint_name(constraint);
}

/* ---- capacity ---- */

static void capacity_done(struct filling *filling)
{
    const struct placement_capacity *c =
        placement_filling_result(filling->fillings[0]);
    const struct placement_view *view =
        placement_filling_view(filling->fillings[0]);
    struct request *request = filling->request;
    struct wire_capacity_reply reply;

    wire_init(&wire_struct_capacity_reply, &reply);
    reply.guests = c->n;
    reply.more = c->more;
    reply.policy = filling->policy;
    reply.n_hosts = placement_view_n_present(view);
    reply.tiers =
        ARENA_ARRAY(request->arena, c->n_tiers, struct wire_capacity_tier);
    for (uint32_t i = 0; i < c->n_tiers; i++) {
        struct wire_capacity_tier *tier = &reply.tiers[reply.n_tiers++];
        wire_init(&wire_struct_capacity_tier, tier);
        explain_spec_out(view, &c->tiers[i].spec, request->arena,
                         &tier->spec);
        tier->guests = c->tiers[i].n;
        tier->ended = constraint_name(c->tiers[i].ended);
        tier->hosts = c->tiers[i].n_excluded;
    }
    explain_error(&c->why, request->arena, &reply.error);
    request_reply(request, WIRE_MSG_placement_capacity_reply, &reply);
}

static void count(struct request *request)
{
    const struct wire_capacity_query *asked = request->body;
    uint64_t most = asked->most ? asked->most : MOST_USUAL;
    struct placement_request spec;
    struct customer *customer;
    struct vdc_error err = { 0 };
    int rc = operations_customer(request, asked->customer, &customer, &err);

    if (!rc)
        rc = take_spec(request, customer->name, &asked->spec, &spec, &err);
    if (!rc)
        rc = begin(request, inventory_view(request->ops->inventory), NULL,
                   &spec, customer->name, asked->tiered,
                   most < MOST ? most : MOST, capacity_done, NULL, &err);
    if (rc)
        request_fail(request, &err);
}

void forecast_capacity(struct request *request)
{
    explain_when_known(request, count);
}

/* ---- what if: a change ---- */

static int no_host(const char *name, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", name);
    vdc_error_hint(err, "'xl-vdc host-list' shows them");
    return VDC_E_NOT_FOUND;
}

/* One that is there is up again; another has what is said of it. */
static int let_come(struct inventory *inventory, const struct wire_what_if *w,
                    struct placement_view *copy, struct vdc_error *err)
{
    const struct placement_host new_host = {
        .name = inventory_name(inventory, w->host),
        .memory = w->memory,
        .pcpus = w->pcpus,
    };
    struct placement_whatif change = {
        .kind = PLACEMENT_IF_STATE,
        .host = inventory_find_host(inventory, w->host),
    };

    if (change.host != PLACEMENT_NONE)
        return placement_whatif_apply(copy, &change, err);
    if (!w->memory.kib || !w->pcpus) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "of a new host its memory and CPUs must be said");
        vdc_error_hint(err, "as in: host NAME comes memory=256G cpus=32");
        return VDC_E_BAD_VALUE;
    }
    change.kind = PLACEMENT_IF_HOST;
    change.new_host = &new_host;
    return placement_whatif_apply(copy, &change, err);
}

static int apply(struct inventory *inventory, const struct wire_what_if *w,
                 struct placement_view *copy, struct vdc_error *err)
{
    struct placement_whatif change = {
        .host = inventory_find_host(inventory, w->host),
        .memory = w->memory,
        .percent = w->percent,
    };

    switch ((enum wire_what_if_kind)w->kind) {
    case WIRE_IF_NOTHING:
    case WIRE_IF_QUOTA:
        return 0;
    case WIRE_IF_COMES:
        return let_come(inventory, w, copy, err);
    case WIRE_IF_DIES:
    case WIRE_IF_DRAINS:
        change.kind = PLACEMENT_IF_STATE;
        change.state = w->kind == WIRE_IF_DIES ? PLACEMENT_DOWN
                                               : PLACEMENT_DRAINING;
        break;
    case WIRE_IF_MEMORY:
        change.kind = PLACEMENT_IF_MEMORY;
        break;
    case WIRE_IF_RATIO:
        change.kind = PLACEMENT_IF_OVERCOMMIT;
        return placement_whatif_apply(copy, &change, err);
    }
    if (change.host == PLACEMENT_NONE)
        return no_host(w->host, err);
    return placement_whatif_apply(copy, &change, err);
}

/* ---- what if: guests that go ---- */

static void tell_fate(struct request *request,
                      const struct placement_view *view,
                      const struct placement_fate *fate,
                      struct wire_placement_fate *ret)
{
    const struct placement_guest *g = placement_view_guest(view, fate->guest);
    const struct assignment *a =
        book_assignment(request->ops->book, &g->uuid);

    wire_init(&wire_struct_placement_fate, ret);
    ret->uuid = g->uuid;
    ret->customer = a ? a->customer->name : "";
    ret->guest = a ? a->name : "";
    ret->memory = g->spec.memory;
    ret->protected = g->protected;
    ret->kept = fate->by_backup;
    if (fate->host != PLACEMENT_NONE)
        ret->host = arena_strdup(
            request->arena,
            placement_view_text(view,
                                placement_view_host(view, fate->host)->name));
    else
        explain_error(&fate->why, request->arena, &ret->error);
}

static void tell_leaving(struct request *request, struct placement_view *copy,
                         struct wire_what_if_reply *reply)
{
    const struct wire_what_if *w = request->body;
    const struct placement_view *now = inventory_view(request->ops->inventory);
    uint32_t host = inventory_find_host(request->ops->inventory, w->host);
    struct placement_fate *fates;
    uint32_t n = placement_whatif_leave(
        copy, host, w->kind == WIRE_IF_DIES,
        place_policy(request->ops, NAMES_PROVIDER), (int64_t)clock_wall().ms,
        &fates);

    reply->leave = n;
    reply->stopped = placement_view_use(now, host)->n_guests - n;
    reply->guests = ARENA_ARRAY(request->arena, n, struct wire_placement_fate);
    for (int nowhere = 1; nowhere >= 0; nowhere--)
        for (uint32_t i = 0; i < n; i++) {
            if ((fates[i].host == PLACEMENT_NONE) != nowhere)
                continue;
            reply->nowhere += (uint32_t)nowhere;
            reply->unprotected +=
                nowhere &&
                placement_view_guest(copy, fates[i].guest)->protected;
            if (reply->n_guests < FATES_MAX)
                tell_fate(request, copy, &fates[i],
                          &reply->guests[reply->n_guests++]);
        }
    free(fates);
}

/* ---- what if: another quota ---- */

static void tell_limits(const struct operations *ops,
                        const struct customer *c,
                        const struct wire_quota *then, bool own,
                        struct wire_what_if_reply *reply)
{
    struct wire_usage used;

    operations_usage(ops, c, &used);
    for (size_t i = 0; i < quota_n_kinds; i++) {
        const struct quota_kind *kind = &quota_kinds[i];
        if (!own && quota_limit(&c->quota, kind) < 0)
            continue;
        struct wire_quota_fate *fate = &reply->limits[reply->n_limits++];
        wire_init(&wire_struct_quota_fate, fate);
        fate->customer = c->name;
        fate->what = kind->option;
        fate->unit = kind->kib ? "KiB" : "";
        fate->used = quota_used(&used, kind);
        fate->limit = quota_limit(&c->quota, kind);
        fate->then = quota_limit(then, kind);
        fate->over = fate->then >= 0 && fate->used > (uint64_t)fate->then;
    }
}

/* All of its own, and of a project those of its customer that are there. */
static int tell_quota(struct request *request,
                      struct wire_what_if_reply *reply, struct vdc_error *err)
{
    const struct wire_what_if *w = request->body;
    struct customer *c;
    int rc = operations_customer(request, w->customer, &c, err);

    if (!rc)
        rc = quota_check_values(&w->quota, err);
    if (!rc && c->parent)
        rc = quota_check_within(c->name, &w->quota, c->parent->name,
                                &c->parent->quota, err);
    if (rc)
        return rc;
    reply->limits = ARENA_ARRAY(request->arena, 2 * quota_n_kinds,
                                struct wire_quota_fate);
    tell_limits(request->ops, c, &w->quota, true, reply);
    if (c->parent)
        tell_limits(request->ops, c->parent, &c->parent->quota, false, reply);
    return 0;
}

/* ---- what if ---- */

static void what_if_done(struct filling *filling)
{
    struct wire_what_if_reply *reply = filling->arg;
    const struct placement_capacity *after =
        placement_filling_result(filling->fillings[1]);

    reply->before = placement_filling_result(filling->fillings[0])->n;
    reply->after = after->n;
    if (after->n_tiers)
        reply->ended = constraint_name(after->tiers[0].ended);
    request_reply(filling->request, WIRE_MSG_placement_what_if_reply, reply);
}

static bool asks_for_something(const struct wire_placement_spec *spec)
{
    return spec->memory.kib || spec->vcpus || spec->n_disks;
}

static void suppose(struct request *request)
{
    const struct wire_what_if *w = request->body;
    struct operations *ops = request->ops;
    const struct placement_view *now = inventory_view(ops->inventory);
    struct placement_view *copy = placement_view_copy(now);
    struct wire_what_if_reply *reply =
        ARENA_NEW(request->arena, struct wire_what_if_reply);
    struct placement_request spec;
    struct vdc_error err = { 0 };
    int rc = apply(ops->inventory, w, copy, &err);

    wire_init(&wire_struct_what_if_reply, reply);
    if (!rc && w->kind == WIRE_IF_QUOTA)
        rc = tell_quota(request, reply, &err);
    if (!rc && (w->kind == WIRE_IF_DIES || w->kind == WIRE_IF_DRAINS))
        tell_leaving(request, copy, reply);
    bool counts = asks_for_something(&w->spec);
    if (!rc && counts)
        rc = take_spec(request, NAMES_PROVIDER, &w->spec, &spec, &err);
    if (!rc && counts)
        rc = begin(request, now, copy, &spec, NAMES_PROVIDER, false,
                   MOST_USUAL, what_if_done, reply, &err);
    placement_view_free(copy);
    if (rc)
        request_fail(request, &err);
    else if (!counts)
        request_reply(request, WIRE_MSG_placement_what_if_reply, reply);
}

void forecast_what_if(struct request *request)
{
    explain_when_known(request, suppose);
}
