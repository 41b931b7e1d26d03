/*
 * A host leaves by itself: who shows its certificate at dc_address.  It must
 * have no guests; if it is asked for, they are moved away first, as
 * host_evacuate does, and the host asks again until there are none.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/dc/dc_impl.h"
#include "policyd/explain/explain.h"
#include "policyd/rebalance/plan.h"
#include "policyd/rebalance/run.h"

const struct host *dc_host_of(const struct request *request)
{
    const char *shown = request->peer.shown;
    const struct host *host;

    if (!*shown)
        return NULL;
    for (host = hosts_first(request->ops->hosts); host;
         host = hosts_next(host))
        if (strcmp(host->record.certificate, shown) == 0 ||
            strcmp(host->record.certificate_next, shown) == 0)
            return host;
    return NULL;
}

static uint32_t guests_of(const struct operations *ops, const char *host)
{
    const struct book_host *there = book_host(ops->book, host);

    return there ? (uint32_t)there->n_assignments : 0;
}

/* `run`: by which its guests are moved; 0: none yet. */
static void reply(struct request *request, const char *host, bool left,
                  uint64_t run)
{
    struct wire_dc_left answer;

    wire_init(&wire_struct_dc_left, &answer);
    answer.host = arena_strdup(request->arena, host);
    answer.left = left;
    answer.guests = guests_of(request->ops, answer.host);
    answer.run = run;
    request_reply(request, WIRE_MSG_dc_leave_reply, &answer);
}

/* ---- it goes ---- */

static int let_go(struct request *request, const char *name,
                  struct vdc_error *err)
{
    struct operations *ops = request->ops;
    const struct store_audit audit = operations_audit(request, "", name, 0);
    int rc = book_host_remove(ops->book, name, &audit, err);

    if (rc)
        return rc;
    log_info("host %s has left", name);
    hosts_remove(ops->hosts, name);
    return 0;
}

/* ---- its guests ---- */

static int drain(struct request *request, const struct host *host,
                 struct vdc_error *err)
{
    struct wire_host_record record = host->record;
    const struct store_audit audit =
        operations_audit(request, "", host->name, 0);

    if (record.state != WIRE_HOST_UP)
        return 0;
    record.state = WIRE_HOST_DRAINING;
    record.reason = "dc-leave";
    int rc = book_host_put(request->ops->book, &record, &audit, err);
    if (!rc)
        hosts_put(request->ops->hosts, &record);
    return rc;
}

static int begin_run(struct request *request, const char *host,
                     const struct wire_move_query *query,
                     struct wire_move_plan *plan, struct vdc_error *err)
{
    const struct store_audit audit = operations_audit(request, "", host, 0);
    struct wire_stored_run run;

    wire_init(&wire_struct_stored_run, &run);
    run.number = run.begun_ms = clock_wall().ms;
    run.message = wire_message_by_number(WIRE_MSG_host_evacuate)->name;
    run.query = *query;
    run.uid = audit.uid;
    run.who = audit.who;
    run.origin = audit.origin;
    run.before = plan->before;
    plan->run = run.number;
    return runs_begin(request->ops->runs, &run, plan, &audit, err);
}

/* What the run that was begun for it could not move is a reason; not what an
 * earlier one could not, which has ended. */
static int check_movable(struct request *request, const char *host,
                         const struct wire_move_plan *plan,
                         struct vdc_error *err)
{
    const struct wire_dc_leave *asked = request->body;
    struct wire_moves_report last;

    runs_report(request->ops->runs, request->arena, &last);
    if (plan->n_moves &&
        !(last.n_failed && asked->run && last.run == asked->run))
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "%u guests of host '%s' could not be moved%s%s",
                  guests_of(request->ops, host), host,
                  plan->n_stuck ? ": " : "",
                  plan->n_stuck ? plan->stuck[0].error.text : "");
    vdc_error_hint(err, "an operator sees why by `xl-vdc moves` and `xl-vdc "
                        "host-evacuate %s --dry-run`; the host stays", host);
    return VDC_E_WRONG_STATE;
}

static void planned(void *arg, struct wire_move_plan *plan,
                    const struct vdc_error *why)
{
    struct request *request = arg;
    const struct wire_dc_leave *asked = request->body;
    const struct wire_move_query *query = request->owner;
    struct vdc_error err = { 0 };
    int rc = 0;

    if (why) {
        request_fail(request, why);
        return;
    }
    /* another run may have begun meanwhile, which is as good */
    if (!runs_check_free(request->ops->runs, NULL)) {
        rc = check_movable(request, query->host, plan, &err);
        if (!rc)
            rc = begin_run(request, query->host, query, plan, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        reply(request, query->host, false,
              plan->run ? plan->run : asked->run);
}

/* Where all are is known. */
static void evacuate(struct request *request)
{
    const struct wire_dc_leave *asked = request->body;
    const struct wire_move_query *query = request->owner;
    const struct host *host = dc_host_of(request);
    const struct plan_question question = {
        .ops = request->ops,
        .query = query,
        .evacuates = true,
        .done = planned,
        .arg = request,
    };
    struct vdc_error err = { 0 };

    if (!host) /* meanwhile */
        reply(request, "", true, 0);
    else if (runs_check_free(request->ops->runs, NULL)) /* it, or another */
        reply(request, query->host, false, asked->run);
    else if (drain(request, host, &err))
        request_fail(request, &err);
    else
        plan_begin(&question, request->arena);
}

static void begin_evacuation(struct request *request, const char *host)
{
    struct wire_move_query *query =
        ARENA_NEW(request->arena, struct wire_move_query);

    wire_init(&wire_struct_move_query, query);
    query->host = arena_strdup(request->arena, host);
    query->parallel = 1;
    request->owner = query;
    explain_when_known(request, evacuate);
}

/* ---- the request ---- */

void dc_serve_leave(struct request *request)
{
    const struct wire_dc_leave *asked = request->body;
    const struct host *host = dc_host_of(request);
    struct vdc_error err = { 0 };

    if (!*request->peer.shown) {
        vdc_error_set(&err, VDC_E_DENIED,
                      "who leaves shows the certificate of a host");
        request_fail(request, &err);
        return;
    }
    if (!host) { /* the answer was lost, or an operator was faster */
        reply(request, "", true, 0);
        return;
    }
    const char *name = arena_strdup(request->arena, host->name);
    int rc = host_check_remove(request->ops, name, &err);
    if (rc && asked->evacuate && !asked->dry_run &&
        guests_of(request->ops, name)) {
        begin_evacuation(request, name);
        return;
    }
    if (rc == VDC_E_WRONG_STATE && guests_of(request->ops, name))
        vdc_error_hint(&err, "--evacuate has them moved away first");
    if (!rc && !asked->dry_run)
        rc = let_go(request, name, &err);
    if (rc)
        request_fail(request, &err);
    else
        reply(request, name, !asked->dry_run, 0);
}
