/*
 * What policyd says of a guest that is to come: expect it; the host that it
 * was on has let go of it; or it stays there.  All three have the same key and
 * the same operations, and may be said again.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "resourced/epoch.h"
#include "resourced/host.h"
#include "resourced/migrate_impl.h"
#include "resourced/server.h"
#include "resourced/transaction.h"
#include "resourced/view.h"

#define EXPECTED_MAX 64
#define TICKET_SIZE 32

/* ---- those that are expected ---- */

void migrate_expected_free(struct expected *expected)
{
    if (!expected)
        return;
    event_free(expected->timer);
    arena_free(expected->arena);
    free(expected);
}

static void take_out(struct expected *expected)
{
    TAILQ_REMOVE(&expected->migrate->expected, expected, link);
    expected->migrate->n_expected--;
    event_del(expected->timer);
}

void migrate_expected_free_all(struct migrate *migrate)
{
    struct expected *expected;

    while ((expected = TAILQ_FIRST(&migrate->expected))) {
        take_out(expected);
        migrate_expected_free(expected);
    }
}

static void has_expired(int fd, short what, void *arg)
{
    struct expected *expected = arg;

    log_info("%s has not come, and is expected no more",
             expected->request.operations[0].definition.name);
    take_out(expected);
    migrate_expected_free(expected);
}

/* In a time that says nothing of where they differ. */
static bool is_ticket(const uint8_t *a, const uint8_t *b)
{
    unsigned differs = 0;

    for (size_t i = 0; i < TICKET_SIZE; i++)
        differs |= (unsigned)(a[i] ^ b[i]);
    return differs == 0;
}

struct expected *migrate_take_expected(struct migrate *migrate,
                                       const uint8_t *ticket, size_t size)
{
    struct expected *expected;

    TAILQ_FOREACH (expected, &migrate->expected, link)
        if (size == TICKET_SIZE &&
            is_ticket(expected->start->ticket, ticket)) {
            take_out(expected);
            return expected;
        }
    return NULL;
}

static void forget(struct migrate *migrate,
                   const struct wire_transaction *request)
{
    struct expected *expected, *next;

    for (expected = TAILQ_FIRST(&migrate->expected); expected;
         expected = next) {
        next = TAILQ_NEXT(expected, link);
        if (strcmp(expected->request.key, request->key) != 0 ||
            strcmp(expected->request.owner, request->owner) != 0)
            continue;
        take_out(expected);
        migrate_expected_free(expected);
    }
}

static int expect(struct host *host, const struct wire_transaction *request,
                  struct vdc_error *err)
{
    struct migrate *migrate = host->migrate;
    struct expected *expected;

    forget(migrate, request);
    if (migrate->n_expected >= EXPECTED_MAX) {
        vdc_error_set(err, VDC_E_BUSY, "too many guests are expected here");
        vdc_error_hint(err, "try again later");
        return VDC_E_BUSY;
    }
    expected = XNEW(struct expected);
    wire_init(&wire_struct_transaction, &expected->request);
    int rc = wire_struct_keep(&wire_struct_transaction, request,
                              &expected->arena, &expected->request, err);
    if (rc) {
        free(expected);
        return rc;
    }
    expected->migrate = migrate;
    expected->start = &expected->request.operations[1];
    expected->timer = migrate_timer(host, has_expired, expected);
    migrate_timer_set(expected->timer,
                      (unsigned)host->settings->migrate_wait_ms);
    TAILQ_INSERT_TAIL(&migrate->expected, expected, link);
    migrate->n_expected++;
    return 0;
}

/* ---- the request ---- */

/* Remembers the guest, and starts it from the stream: nothing else has a
 * stage. */
static int check_shape(const struct wire_transaction *request,
                       struct vdc_error *err)
{
    const struct wire_operation *create = request->operations;
    const struct wire_operation *start = request->operations + 1;

    if (request->n_operations == 2 && request->key[0] && !request->recall &&
        create->kind == WIRE_OP_CREATE && !create->start &&
        start->kind == WIRE_OP_START && start->stream && start->epoch &&
        start->n_ticket == TICKET_SIZE && !uuid_is_zero(&start->uuid) &&
        uuid_equal(&create->definition.uuid, &start->uuid))
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "what has a stage creates a guest and starts it from "
                         "a stream, and has a key");
}

static const struct wire_operation *start_of(const struct request *request)
{
    const struct wire_transaction *asked = request->body;

    return &asked->operations[1];
}

static void ask_for_answer(struct request *request, bool close,
                           const struct transaction_ops *ops)
{
    const struct wire_transaction *asked = request->body;
    struct wire_transaction recall;

    wire_init(&wire_struct_transaction, &recall);
    recall.key = asked->key;
    recall.owner = asked->owner;
    recall.recall = true;
    recall.close = close;
    request->transaction = transaction_begin(request->host, &recall, ops,
                                             request);
}

static void answer_empty(struct request *request, bool again)
{
    struct wire_transaction_reply reply;

    wire_init(&wire_struct_transaction_reply, &reply);
    reply.again = again;
    request_answer(request, WIRE_MSG_transaction_reply, &reply);
}

static void answer_done(struct request *request, struct transaction *t)
{
    struct wire_transaction_reply reply;

    transaction_reply(t, request->arena, &reply);
    request_answer(request, WIRE_MSG_transaction_reply, &reply);
}

/* ---- expect ---- */

static void could_be(void *arg, struct transaction *t, int rc,
                     const struct vdc_error *err)
{
    struct request *request = arg;
    const struct wire_transaction *asked = request->body;
    struct vdc_error why;

    request->transaction = NULL;
    if (rc) {
        request_fail(request, err);
        return;
    }
    if (!asked->dry_run && expect(request->host, asked, &why)) {
        request_fail(request, &why);
        return;
    }
    answer_done(request, t);
}

static void is_new(void *arg, struct transaction *t, int rc,
                   const struct vdc_error *err)
{
    static const struct transaction_ops ops = { .on_done = could_be };
    struct request *request = arg;
    struct wire_transaction dry = *(const struct wire_transaction *)
                                       request->body;
    struct vdc_error why;

    request->transaction = NULL;
    if (t->was_answered) {
        vdc_error_set(&why, VDC_E_CONFLICT,
                      "%s has come, or is not to come any more: %s",
                      dry.operations[0].definition.name,
                      rc ? err->text : "it is here");
        request_fail(request, &why);
        return;
    }
    if (rc != VDC_E_NOT_FOUND) {
        request_fail(request, err);
        return;
    }
    dry.dry_run = true;
    request->transaction = transaction_begin(request->host, &dry, &ops,
                                             request);
}

static void begin_expect(struct request *request)
{
    static const struct transaction_ops ops = { .on_done = is_new };
    const struct wire_transaction *asked = request->body;
    struct vdc_error err;

    if (!transaction_of_key(request->host, asked->owner, asked->key)) {
        ask_for_answer(request, false, &ops);
        return;
    }
    vdc_error_set(&err, VDC_E_CONFLICT, "%s is coming already",
                  asked->operations[0].definition.name);
    request_fail(request, &err);
}

bool migrate_expects_from(const struct migrate *migrate,
                          const uint8_t fingerprint[TLS_FINGERPRINT_SIZE])
{
    const struct expected *expected;

    TAILQ_FOREACH (expected, &migrate->expected, link)
        if (expected->start->n_fingerprint == TLS_FINGERPRINT_SIZE &&
            memcmp(expected->start->fingerprint, fingerprint,
                   TLS_FINGERPRINT_SIZE) == 0)
            return true;
    return false;
}

/* ---- the decision ---- */

/* This move has left nothing here: has anything else that guest?  A database
 * that was made anew may have it as it was found. */
static int check_row(const struct request *request, struct vdc_error *err)
{
    const struct partition *partition = registry_by_uuid(
        &request->host->partitions, &start_of(request)->uuid);

    if (!partition || partition->pending)
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "%s is here, and not by this move: it was found when the "
                  "database was made anew, or was defined by somebody else",
                  partition->row.name);
    vdc_error_hint(err, "`xl-vdc destroy` on this host has it forgotten here, "
                        "once it is known to run elsewhere");
    return VDC_E_WRONG_STATE;
}

/* The database knows nothing of it: is anything of it in Xen? */
static int check_xen(struct request *request, struct vdc_error *err)
{
    const struct vdc_uuid *uuid = &start_of(request)->uuid;
    struct hv *hv = request->host->hv;
    struct hv_domain_info *domains;
    size_t n;
    int rc = 0;

    if (registry_by_uuid(&request->host->partitions, uuid))
        return 0;
    rc = hv->domain->list(hv, request->arena, &domains, &n, err);
    for (size_t i = 0; !rc && i < n; i++)
        if (!domains[i].dying && uuid_equal(&domains[i].uuid, uuid)) {
            rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                               "Xen has a domain %u of this guest here, of "
                               "which the database knows nothing",
                               domains[i].domid);
            vdc_error_hint(err, "xl-vdc host-verify shows it; end it only "
                                "when the guest runs elsewhere");
        }
    return rc;
}

/* Whether a move as new as this has ended here: its answer may have been
 * dropped, and the row says it as well. */
static bool has_come(const struct request *request)
{
    const struct wire_operation *start = start_of(request);

    return epoch_of(request->host, &start->uuid) >= start->epoch;
}

static void released(void *arg, struct transaction *t, int rc,
                     const struct vdc_error *err)
{
    struct request *request = arg;
    struct vdc_error why;

    request->transaction = NULL;
    if (!rc) {
        answer_done(request, t);
    } else if (has_come(request)) {
        answer_empty(request, true);
    } else if (!t->was_answered && !t->was_closed) {
        request_fail(request, err);
    } else if (check_xen(request, &why)) {
        request_fail(request, &why);
    } else {
        why = *err;
        if (t->was_closed)
            vdc_error_set(&why, VDC_E_NOT_FOUND,
                          "%s is not here, and does not come any more",
                          ((const struct wire_transaction *)request->body)
                              ->operations[0].definition.name);
        request_fail(request, &why);
    }
}

static void abandoned(void *arg, struct transaction *t, int rc,
                      const struct vdc_error *err)
{
    struct request *request = arg;
    struct vdc_error why;

    request->transaction = NULL;
    if (!rc || has_come(request)) {
        vdc_error_set(&why, VDC_E_CONFLICT,
                      "it was released, and has come here");
        request_fail(request, &why);
    } else if (!t->was_answered && !t->was_closed) {
        request_fail(request, err);
    } else if (check_row(request, &why) || check_xen(request, &why)) {
        request_fail(request, &why);
    } else {
        answer_empty(request, t->was_answered);
    }
}

/* The one that is under way, if there is one, hears the decision; then its
 * end is waited for, and when there is none, there will be none. */
static void decide(struct request *request, enum transaction_decision decision,
                   const struct transaction_ops *ops)
{
    const struct wire_transaction *asked = request->body;
    struct transaction *t =
        transaction_of_key(request->host, asked->owner, asked->key);
    const struct wire_operation *start = start_of(request);
    struct vdc_error err;

    if (t && t->operations[t->n_operations - 1].request.epoch !=
                 start->epoch) {
        vdc_error_set(&err, VDC_E_CONFLICT,
                      "the key %s is of another move", asked->key);
        request_fail(request, &err);
        return;
    }
    if (t && decision == DECISION_RELEASED && !t->prepared && !t->passed &&
        t->state <= TRANSACTION_APPLYING && t->decision == DECISION_NONE) {
        vdc_error_set(&err, VDC_E_WRONG_STATE,
                      "it is coming still: it cannot have been released");
        request_fail(request, &err);
        return;
    }
    forget(request->host->migrate, asked);
    if (t)
        transaction_decide(t, decision);
    ask_for_answer(request, true, ops);
}

void migrate_stage(struct request *request)
{
    static const struct transaction_ops on_released = { .on_done = released };
    static const struct transaction_ops on_abandoned = {
        .on_done = abandoned
    };
    const struct wire_transaction *asked = request->body;
    struct vdc_error err;

    if (check_shape(asked, &err)) {
        request_fail(request, &err);
        return;
    }
    switch (asked->stage) {
    case WIRE_STAGE_NOW:
        break;
    case WIRE_STAGE_EXPECT:
        begin_expect(request);
        return;
    case WIRE_STAGE_RELEASED:
        decide(request, DECISION_RELEASED, &on_released);
        return;
    case WIRE_STAGE_ABANDONED:
        decide(request, DECISION_ABANDONED, &on_abandoned);
        return;
    }
}

bool migrate_waits(struct request *request)
{
    const struct wire_transaction *asked = request->body;
    const struct transaction *t =
        transaction_of_key(request->host, asked->owner, asked->key);
    struct vdc_error err;

    if (!asked->recall || !t || !t->prepared ||
        t->decision != DECISION_NONE)
        return false;
    vdc_error_set(&err, VDC_E_BUSY, "it waits for host %s to release it",
                  t->operations[t->n_operations - 1].request.host);
    request_fail(request, &err);
    return true;
}

/* ---- the host that it leaves ---- */

bool migrate_has_gone(struct request *request)
{
    const struct wire_transaction *asked = request->body;
    const struct wire_operation *send = asked->operations;
    const struct host *host = request->host;

    if (asked->n_operations != 1 || send->kind != WIRE_OP_SEND ||
        asked->dry_run || !send->epoch ||
        registry_by_uuid(&host->partitions, &send->uuid) ||
        epoch_of(host, &send->uuid) != send->epoch ||
        !epoch_is_gone(host, &send->uuid))
        return false;
    answer_empty(request, true);
    return true;
}
