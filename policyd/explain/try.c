/*
 * Where a guest would be placed now, for operators: with what every host comes
 * to, for a person who asks; or briefly, for a program that asks thousands of
 * times, which costs what placing a guest does.
 */
#include <string.h>

#include "base/clock.h"
#include "policyd/change/change.h"
#include "policyd/explain/explain.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/brief.h"

static int prepare(const struct request *request, struct placement_record *ret,
                   struct customer **ret_customer, struct vdc_error *err)
{
    const struct wire_partition_create *asked = request->body;
    struct operations *ops = request->ops;
    int rc = operations_customer(request, asked->customer, ret_customer, err);

    if (!rc && *asked->definition.host)
        rc = hosts_check_named(ops->hosts, asked->definition.host, true,
                               request->arena, err);
    if (rc)
        return rc;
    const char *customer = (*ret_customer)->name;
    ret->policy = *place_policy(ops, customer);
    place_request(ops, customer, &asked->definition, asked->start,
                  &ret->request);
    return 0;
}

static void answer(struct request *request, const struct customer *customer,
                   struct wire_placement_decision *ret)
{
    const struct wire_partition_create *asked = request->body;

    ret->customer = customer->name;
    ret->guest = asked->definition.name;
    request_reply(request, WIRE_MSG_placement_reply, ret);
}

/* ---- with all hosts ---- */

static void try_all(struct request *request)
{
    const struct placement_view *view =
        inventory_view(request->ops->inventory);
    struct wire_placement_decision ret;
    struct placement_record record;
    struct customer *customer;
    struct vdc_error err = { 0 };
    int rc = prepare(request, &record, &customer, &err);

    wire_init(&wire_struct_placement_decision, &ret);
    if (!rc)
        rc = placement_choose(view, &record.request, &record.policy,
                              &record.decision, &err);
    if (rc == VDC_E_NO_HOST || rc == VDC_E_NO_MEMORY)
        rc = 0;
    if (!rc)
        rc = explain_decision(request, view, &record, &ret, &err);
    if (rc)
        request_fail(request, &err);
    else
        answer(request, customer, &ret);
}

/* ---- briefly ---- */

/* Texts are the view's, which does not change before they are sent. */
static const char *host_text(const struct placement_view *view, uint32_t host)
{
    return host == PLACEMENT_NONE
               ? ""
               : placement_view_text(view,
                                     placement_view_host(view, host)->name);
}

static void tell_candidate(const struct placement_view *view,
                           const struct placement_candidate *candidate,
                           struct wire_placement_decision *ret)
{
    if (candidate->host == PLACEMENT_NONE)
        return;
    struct wire_placement_verdict *v = &ret->hosts[ret->n_hosts++];
    wire_init(&wire_struct_placement_verdict, v);
    v->host = host_text(view, candidate->host);
    v->fits = true;
    v->score = candidate->score;
}

static void tell_excluded(const struct placement_decision *decision,
                          struct wire_placement_decision *ret)
{
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        if (!decision->excluded[i].n_hosts)
            continue;
        struct wire_placement_exclusion *e = &ret->excluded[ret->n_excluded++];
        wire_init(&wire_struct_placement_exclusion, e);
        e->constraint =
            placement_constraint_name((enum placement_constraint)i);
        e->hosts = decision->excluded[i].n_hosts;
    }
}

static void tell_briefly(const struct request *request,
                         const struct placement_view *view,
                         const struct placement_record *record,
                         struct wire_placement_decision *ret)
{
    const struct placement_decision *d = &record->decision;
    struct arena *arena = request->arena;
    char *reason = arena_alloc(arena, PLACEMENT_REASON_MAX + 1);
    struct vdc_error why = { 0 };

    ret->uuid = record->request.uuid;
    ret->version = d->version;
    ret->policy = record->policy.name;
    ret->of_hosts = d->n_hosts;
    ret->host = host_text(view, d->winner.host);
    ret->runner_up = host_text(view, d->runner_up.host);
    ret->backup = host_text(view, d->backup);
    explain_spec_out(view, &record->request.spec, arena, &ret->spec);
    ret->reason = placement_reason(view, &record->request, &record->policy, d,
                                   reason, PLACEMENT_REASON_MAX + 1);
    if (d->rc) {
        placement_brief_refusal(&record->request, d, &why);
        vdc_error_hint(&why, "the whole answer, without brief, says what "
                             "would help");
        explain_error(&why, arena, &ret->error);
    }
    ret->hosts = ARENA_ARRAY(arena, 2, struct wire_placement_verdict);
    tell_candidate(view, &d->winner, ret);
    tell_candidate(view, &d->runner_up, ret);
    ret->excluded = ARENA_ARRAY(arena, PLACEMENT_CONSTRAINTS,
                                struct wire_placement_exclusion);
    tell_excluded(d, ret);
}

/* On what is known, as a guest is placed: nobody is asked anew. */
static void try_briefly(struct request *request)
{
    struct inventory *inventory = request->ops->inventory;
    struct wire_placement_decision ret;
    struct placement_record record;
    struct customer *customer;
    struct vdc_error err = { 0 };
    int rc = prepare(request, &record, &customer, &err);

    wire_init(&wire_struct_placement_decision, &ret);
    if (!rc)
        rc = placement_index_count(inventory_index(inventory), &record.request,
                                   &record.policy, &record.decision, &err);
    if (rc && rc != VDC_E_NO_HOST && rc != VDC_E_NO_MEMORY) {
        request_fail(request, &err);
        return;
    }
    tell_briefly(request, inventory_view(inventory), &record, &ret);
    answer(request, customer, &ret);
}

void explain_try(struct request *request)
{
    const struct wire_partition_create *asked = request->body;

    if (asked->brief)
        try_briefly(request);
    else
        explain_when_known(request, try_all);
}
