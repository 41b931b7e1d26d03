/*
 * rebalance, host_evacuate: plans of moves, shown or begun; and what is asked
 * of those that are under way.
 */
#include <string.h>

#include "base/clock.h"
#include "policyd/api/lookup.h"
#include "policyd/explain/explain.h"
#include "policyd/rebalance/plan.h"
#include "policyd/rebalance/run.h"

static bool is_evacuation(const struct request *request)
{
    return request->message->number == WIRE_MSG_host_evacuate;
}

/* ---- plans ---- */

static void reply(struct request *request, const struct wire_move_plan *plan)
{
    request_reply(request,
                  is_evacuation(request) ? WIRE_MSG_host_evacuate_reply
                                         : WIRE_MSG_rebalance_reply,
                  plan);
}

/* A rebalance that has nothing to move has ended; host-evacuate still changes
 * the host's state. */
static int begin(struct request *request, struct wire_move_plan *plan,
                 struct vdc_error *err)
{
    const struct wire_move_query *query = request->body;
    const struct store_audit audit =
        operations_audit(request, "", query->host, 0);
    struct wire_stored_run run;

    wire_init(&wire_struct_stored_run, &run);
    run.number = run.begun_ms = clock_wall().ms;
    run.message = request->message->name;
    run.query = *query;
    run.uid = audit.uid;
    run.who = audit.who;
    run.origin = audit.origin;
    run.before = plan->before;
    if (!plan->n_moves && !is_evacuation(request)) {
        runs_note_empty(request->ops->runs, &run);
        return 0;
    }
    plan->run = run.number;
    return runs_begin(request->ops->runs, &run, plan, &audit, err);
}

/* It gets no guests any more. */
static int drain(struct request *request, struct vdc_error *err)
{
    const struct wire_move_query *query = request->body;
    struct operations *ops = request->ops;
    const struct host *host = hosts_find(ops->hosts, query->host);

    if (!host) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", query->host);
        vdc_error_hint(err, "'xl-vdc host-list' shows them");
        return VDC_E_NOT_FOUND;
    }
    if (host->record.state != WIRE_HOST_UP)
        return 0;
    struct wire_host_record record = host->record;
    struct store_audit audit = operations_audit(request, "", host->name, 0);
    record.state = WIRE_HOST_DRAINING;
    record.reason = "host-evacuate";
    audit.message = "host_set";
    audit.detail = "draining: it is to be emptied";
    int rc = book_host_put(ops->book, &record, &audit, err);
    if (!rc)
        hosts_put(ops->hosts, &record);
    return rc;
}

/* What was asked before took time. */
static int check_may_begin(const struct request *request,
                           struct vdc_error *err)
{
    const struct wire_move_query *query = request->body;
    int rc = 0;

    if (!query->dry_run)
        rc = operations_check_still(request, err);
    if (!rc && !query->dry_run)
        rc = runs_check_free(request->ops->runs, err);
    return rc;
}

static void planned(void *arg, struct wire_move_plan *made,
                    const struct vdc_error *why)
{
    struct request *request = arg;
    const struct wire_move_query *query = request->body;
    struct vdc_error err = { 0 };
    int rc = 0;

    if (why) {
        request_fail(request, why);
        return;
    }
    rc = check_may_begin(request, &err);
    if (!rc && !query->dry_run)
        rc = begin(request, made, &err);
    if (rc)
        request_fail(request, &err);
    else
        reply(request, made);
}

/* Whoever only looks may be gone; a cancel ends it for all. */
static bool is_unwanted(void *arg)
{
    const struct request *request = arg;
    const struct wire_move_query *query = request->body;

    return (query->dry_run && !request->session) ||
           request_is_cancelled(request, NULL);
}

static void plan(struct request *request)
{
    const struct wire_move_query *query = request->body;
    const struct plan_question question = {
        .ops = request->ops,
        .query = query,
        .evacuates = is_evacuation(request),
        .is_unwanted = is_unwanted,
        .done = planned,
        .arg = request,
    };
    struct vdc_error err = { 0 };
    int rc = check_may_begin(request, &err);

    if (!rc && !query->dry_run && is_evacuation(request))
        rc = drain(request, &err);
    if (rc)
        request_fail(request, &err);
    else
        plan_begin(&question, request->arena);
}

void moves_rebalance(struct request *request)
{
    explain_when_known(request, plan);
}

void moves_evacuate(struct request *request)
{
    explain_when_known(request, plan);
}

/* ---- what is under way ---- */

void moves_list(struct request *request)
{
    struct wire_moves_report report;

    runs_report(request->ops->runs, request->arena, &report);
    request_reply(request, WIRE_MSG_moves_reply, &report);
}

void moves_follow(struct request *request)
{
    runs_follow(request->ops->runs, request);
}

void moves_end(struct request *request)
{
    const struct store_audit audit = operations_audit(request, "", "", 0);
    struct runs *runs = request->ops->runs;
    struct wire_moves_report report;
    struct vdc_error err = { 0 };
    int rc = runs_end(runs, &err);

    if (!rc)
        rc = book_audits(request->ops->book, &audit, 1, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    runs_report(runs, request->arena, &report);
    request_reply(request, WIRE_MSG_moves_reply, &report);
}

/* ---- one guest ---- */

struct migration {
    struct request *request; /* its arena holds this */
    struct wire_move_status status;
    struct vdc_uuid uuid;
    bool begun;
};

static void migrated(void *arg, const struct vdc_uuid *uuid,
                     enum wire_move_state end, const struct vdc_error *why)
{
    struct migration *m = arg;
    struct request *request = m->request;
    struct wire_moves_report report;
    struct vdc_error err = *why;

    request->on_cancel = NULL;
    if (why->code) {
        if (end == WIRE_MOVE_FAILED)
            vdc_error_prefix(&err, "%s stays on host %s", m->status.guest,
                             m->status.from);
        else if (end == WIRE_MOVE_KEPT)
            vdc_error_prefix(&err, "%s could neither go nor stay",
                             m->status.guest);
        const struct assignment *a =
            book_assignment(request->ops->book, uuid);
        if (end == WIRE_MOVE_KEPT && a && a->move)
            move_hint_kept(request->ops, a->move, &err);
        request->audited |= end != WIRE_MOVE_WAITING;
        request_fail(request, &err);
        return;
    }
    request->audited = true;
    m->status.state = end;
    wire_init(&wire_struct_moves_report, &report);
    report.moves = &m->status;
    report.n_moves = 1;
    report.n_done = end == WIRE_MOVE_DONE;
    request_reply(request, WIRE_MSG_moves_reply, &report);
}

static void cancelled(struct request *request)
{
    const struct migration *m = request->owner;

    move_cancel(request->ops->moves, &m->uuid);
}

/* What it means for the guest is said before it begins, and with the
 * answer. */
static void told(void *arg, const struct wire_progress *progress)
{
    struct migration *m = arg;

    if (!progress->n_steps)
        m->status.reason = arena_strdup(m->request->arena, progress->text);
    request_more(m->request, WIRE_MSG_progress, progress);
}

static void migrate(struct request *request, struct assignment *a)
{
    const struct wire_migrate *asked = request->body;
    struct migration *m = ARENA_NEW(request->arena, struct migration);
    struct move_order order = {
        .uuid = a->uuid,
        .to = asked->host,
        .reason = "it was moved here by an operator",
        .by = { request->message->name, request->auth.uid,
                operations_who(request), operations_origin(request) },
        .dry_run = asked->dry_run,
        .live = asked->live,
        .kib_per_s = asked->kib_per_s,
        .tell = told,
    };

    m->request = request;
    m->uuid = a->uuid;
    wire_init(&wire_struct_move_status, &m->status);
    m->status.guest = move_guest_name(request->ops, &a->uuid, request->arena);
    m->status.uuid = a->uuid;
    m->status.from = arena_strdup(request->arena, a->host);
    m->status.to = asked->host;
    m->status.begun_ms = clock_wall().ms;
    request->owner = m;
    request->on_cancel = cancelled;
    move_begin(request->ops->moves, &order, migrated, m);
}

void moves_migrate(struct request *request)
{
    const struct wire_migrate *asked = request->body;
    struct wire_partition_ref *ref =
        ARENA_NEW(request->arena, struct wire_partition_ref);

    wire_init(&wire_struct_partition_ref, ref);
    ref->customer = asked->customer;
    ref->name = asked->name;
    ref->uuid = asked->uuid;
    lookup_guest(request, ref, migrate);
}
