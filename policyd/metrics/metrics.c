/*
 * Counts what policyd does; see metrics.h.
 */
#include "policyd/metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "policyd/api/operations.h"
#include "policyd/api/session.h"
#include "policyd/placement/constraint.h"

/* That were refused for something else than a constraint. */
#define REASON_OTHER PLACEMENT_CONSTRAINTS
#define MOVE_ENDS (WIRE_MOVE_NOT_BEGUN + 1)

struct failure {
    uint64_t time_ms;
    char who[128], customer[32], action[64], detail[1024];
    int code;
};

struct metrics {
    size_t n_messages;
    struct metrics_timing *requests; /* by message */
    uint64_t (*results)[METRICS_ERRORS]; /* by message; 0: done */
    uint64_t n_begun, n_ended;
    struct metrics_timing placements;
    uint64_t n_placed;
    uint64_t refused[PLACEMENT_CONSTRAINTS + 1];
    uint64_t moves[MOVE_ENDS];
    struct failure failures[METRICS_FAILURES];
    uint64_t n_failures;
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = XNEW(struct metrics);

    wire_messages(&metrics->n_messages);
    metrics->requests =
        xzalloc(metrics->n_messages * sizeof(*metrics->requests));
    metrics->results =
        xzalloc(metrics->n_messages * sizeof(*metrics->results));
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    free(metrics->requests);
    free(metrics->results);
    free(metrics);
}

/* ---- requests ---- */

static size_t index_of(const struct wire_message *message)
{
    size_t n;

    return (size_t)(message - wire_messages(&n));
}

void metrics_request_begun(struct request *request)
{
    request->begun_us = metrics_now_us();
    if (request->ops->metrics)
        request->ops->metrics->n_begun++;
}

void metrics_request_ended(const struct request *request)
{
    struct metrics *metrics = request->ops ? request->ops->metrics : NULL;
    int number = -request->result;

    if (!metrics || !request->begun_us)
        return;
    size_t at = index_of(request->message);
    metrics->n_ended++;
    metrics_timing_add(&metrics->requests[at], request->begun_us);
    metrics->results[at][number >= 0 && number < METRICS_ERRORS ? number
                                                                : 1]++;
}

static bool is_providers(int code)
{
    switch (code) {
    case VDC_E_INTERNAL:
    case VDC_E_NOMEM:
    case VDC_E_NO_MEMORY:
    case VDC_E_NO_HOST:
    case VDC_E_NO_DAEMON:
    case VDC_E_NO_XEN:
    case VDC_E_TIMEOUT:
    case VDC_E_DISK_FULL:
    case VDC_E_STORE:
    case VDC_E_STORE_NEWER:
    case VDC_E_STORE_CORRUPT:
    case VDC_E_HYPERVISOR:
    case VDC_E_IO:
    case VDC_E_NO_RESOURCE:
    case VDC_E_DIFFERS:
        return true;
    default: /* of all others who asked is the cause */
        return false;
    }
}

void metrics_request_failed(struct request *request,
                            const struct vdc_error *err)
{
    struct metrics *metrics = request->ops ? request->ops->metrics : NULL;

    request->result = err->code;
    if (!metrics || !request->begun_us || !is_providers(err->code))
        return;
    struct failure *f =
        &metrics->failures[metrics->n_failures++ % METRICS_FAILURES];
    f->time_ms = clock_wall().ms;
    f->code = err->code;
    snprintf(f->who, sizeof(f->who), "%s", operations_who(request));
    snprintf(f->customer, sizeof(f->customer), "%s", request->auth.customer);
    snprintf(f->action, sizeof(f->action), "%s", request->message->name);
    snprintf(f->detail, sizeof(f->detail), "%s", err->text);
}

uint64_t metrics_under_way(const struct metrics *metrics)
{
    return metrics ? metrics->n_begun - metrics->n_ended : 0;
}

size_t metrics_failures(const struct metrics *metrics,
                        struct wire_audit ret[METRICS_FAILURES])
{
    uint64_t n = metrics ? metrics->n_failures : 0;
    size_t n_kept = n < METRICS_FAILURES ? (size_t)n : METRICS_FAILURES;

    for (size_t i = 0; i < n_kept; i++) {
        const struct failure *f =
            &metrics->failures[(n - 1 - i) % METRICS_FAILURES];
        wire_init(&wire_struct_audit, &ret[i]);
        ret[i].time_ms = f->time_ms;
        ret[i].who = f->who;
        ret[i].customer = f->customer;
        ret[i].action = f->action;
        ret[i].error = vdc_error_name(f->code);
        ret[i].detail = f->detail;
    }
    return n_kept;
}

/* ---- decisions and moves ---- */

/* The constraint that excluded most hosts. */
static int reason_of(const struct placement_decision *decision)
{
    int reason = REASON_OTHER;
    uint32_t most = 0;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
        if (decision->excluded[i].n_hosts <= most)
            continue;
        most = decision->excluded[i].n_hosts;
        reason = i;
    }
    return reason;
}

void metrics_placed(struct metrics *metrics, uint64_t begun_us, int rc,
                    const struct placement_decision *decision)
{
    if (!metrics)
        return;
    metrics_timing_add(&metrics->placements, begun_us);
    if (!rc)
        metrics->n_placed++;
    else if (rc == VDC_E_NO_HOST || rc == VDC_E_NO_MEMORY)
        metrics->refused[reason_of(decision)]++;
    else
        metrics->refused[REASON_OTHER]++;
}

void metrics_moved(struct metrics *metrics, enum wire_move_state end)
{
    if (metrics && (unsigned)end < MOVE_ENDS)
        metrics->moves[end]++;
}

/* ---- the page ---- */

static void write_requests(const struct metrics *metrics, struct evbuffer *out)
{
    static const char total[] = "xen_vdc_requests_total";
    static const char seconds[] = "xen_vdc_request_seconds";
    size_t n;
    const struct wire_message *messages = wire_messages(&n);

    metrics_family(out, total, METRICS_COUNTER,
                   "Requests that were answered, by message, and by how: OK, "
                   "or the name of an error.");
    for (size_t i = 0; i < n; i++)
        for (int code = 0; code < METRICS_ERRORS; code++)
            if (metrics->results[i][code])
                metrics_value(out, total, (double)metrics->results[i][code],
                              "message", messages[i].name, "result",
                              vdc_error_name(-code), NULL);
    metrics_family(out, seconds, METRICS_SUMMARY,
                   "How long requests took until their answer; those that "
                   "follow something take as long as somebody looks.");
    for (size_t i = 0; i < n; i++)
        if (metrics->requests[i].n)
            metrics_timing(out, seconds, &metrics->requests[i], "message",
                           messages[i].name, NULL);
    metrics_one(out, "xen_vdc_requests_open", METRICS_GAUGE,
                "Requests that were not answered yet.",
                (double)metrics_under_way(metrics));
}

static void write_placements(const struct metrics *metrics,
                             struct evbuffer *out)
{
    static const char refused[] = "xen_vdc_placements_refused_total";
    static const char seconds[] = "xen_vdc_placement_seconds";

    metrics_one(out, "xen_vdc_placements_total", METRICS_COUNTER,
                "Times that a host was chosen for new guests.",
                (double)metrics->n_placed);
    metrics_family(out, refused, METRICS_COUNTER,
                   "Times that no host could take new guests, by the "
                   "constraint that excluded most hosts; other: something "
                   "else was in the way.");
    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        metrics_value(out, refused, (double)metrics->refused[i], "reason",
                      placement_constraint_name((enum placement_constraint)i),
                      NULL);
    metrics_value(out, refused, (double)metrics->refused[REASON_OTHER],
                  "reason", "other", NULL);
    metrics_family(out, seconds, METRICS_SUMMARY,
                   "How long these choices took.");
    metrics_timing(out, seconds, &metrics->placements, NULL);
}

void metrics_write_counts(const struct metrics *metrics, struct evbuffer *out)
{
    static const char moves[] = "xen_vdc_moves_total";

    write_requests(metrics, out);
    write_placements(metrics, out);
    metrics_family(out, moves, METRICS_COUNTER,
                   "Moves of guests that have ended, by how.");
    for (int i = WIRE_MOVE_KEPT; i < MOVE_ENDS; i++)
        metrics_value(out, moves, (double)metrics->moves[i], "result",
                      wire_enum_word(&wire_enum_move_state, i), NULL);
}
