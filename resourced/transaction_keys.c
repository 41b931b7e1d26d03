/* Requests with a key: the same again gets the first answer; and what that
 * answer is. */
#include <string.h>

#include "base/clock.h"
#include "resourced/host.h"
#include "resourced/outcome.h"
#include "resourced/step.h"
#include "resourced/transaction_impl.h"
#include "resourced/view.h"

/* That of no request. */
#define ANY_DIGEST UINT64_C(0)
/* So much longer than others answers about moves are kept, and that there
 * will be none: 90 days. */
#define MOVE_KEPT_MS UINT64_C(7776000000)

/* FNV-1a of the request as it would be sent; what is said about one later is
 * about the same. */
uint64_t transaction_digest(const struct wire_transaction *asked)
{
    struct wire_transaction stageless = *asked;
    const struct wire_transaction *request = &stageless;
    struct arena *arena = arena_new();
    uint64_t digest = UINT64_C(14695981039346656037);
    uint8_t *data;
    size_t size = 0;

    stageless.stage = WIRE_STAGE_NOW;
    if (wire_struct_encode(&wire_struct_transaction, request, arena, &data,
                           &size, NULL))
        size = 0;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ data[i]) * UINT64_C(1099511628211);
    arena_free(arena);
    return digest != ANY_DIGEST ? digest : 1;
}

static void take_answer(struct transaction *t,
                        const struct stored_answer *answer)
{
    struct wire_transaction_reply *reply =
        ARENA_NEW(t->arena, struct wire_transaction_reply);

    /* Who asks for the answer has compared the requests itself. */
    if (answer->digest != ANY_DIGEST && answer->digest != t->digest &&
        !t->request.recall) {
        vdc_error_set(&t->err, VDC_E_CONFLICT,
                      "the key %s was used before, for another request",
                      t->request.key);
        vdc_error_hint(&t->err, "use a key of its own for each request");
        return;
    }
    if (answer->code) {
        vdc_error_set(&t->err, answer->code, "%s", answer->text);
        if (answer->hint && answer->hint[0])
            vdc_error_hint(&t->err, "%s", answer->hint);
        return;
    }
    wire_init(&wire_struct_transaction_reply, reply);
    if (wire_struct_copy(&wire_struct_transaction_reply, &answer->reply,
                         t->arena, reply, &t->err))
        return;
    reply->again = true;
    t->answer = reply;
}

static void closed(void *arg, int rc, const struct vdc_error *err,
                   uint64_t first_event)
{
    struct transaction *t = arg;

    t->asks_store = false;
    t->was_closed = rc == 0;
    if (rc)
        t->err = *err;
    transaction_end_untouched(t, t->err.code);
}

/* One like this may be on its way still, of somebody who has been away. */
static void close_key(struct transaction *t)
{
    struct stored_answer *answer = ARENA_NEW(t->arena, struct stored_answer);
    struct store_change change = { .answer = answer };

    answer->owner = t->request.owner;
    answer->key = t->request.key;
    answer->digest = ANY_DIGEST;
    answer->time_ms = clock_wall().ms + MOVE_KEPT_MS;
    wire_init(&wire_struct_transaction_reply, &answer->reply);
    answer->code = VDC_E_CONFLICT;
    answer->text = "it comes too late: nothing is changed";
    answer->hint = "";
    t->asks_store = true;
    store_submit(t->host->store, &change, closed, t);
}

static void found(void *arg, int rc, const struct vdc_error *err,
                  const struct stored_answer *answer)
{
    struct transaction *t = arg;

    t->asks_store = false;
    t->was_answered = !rc && answer;
    if (rc)
        t->err = *err;
    else if (answer)
        take_answer(t, answer);
    else if (t->stop)
        transaction_say_stop(t);
    else if (t->request.recall)
        vdc_error_set(&t->err, VDC_E_NOT_FOUND,
                      "there is no answer to the key %s", t->request.key);
    if (!rc && !answer && !t->stop && t->request.recall && t->request.close)
        close_key(t);
    else if (rc || answer || t->stop || t->request.recall)
        transaction_end_untouched(t, t->err.code);
    else
        t->soon_fn(t);
}

void transaction_find_answer(struct transaction *t,
                             void (*fn)(struct transaction *t))
{
    if (!t->request.key[0] || t->request.dry_run || t->recovered) {
        fn(t);
        return;
    }
    t->soon_fn = fn;
    t->asks_store = true;
    store_find_answer(t->host->store, t->request.owner, t->request.key, found,
                      t);
}

/* ---- what it comes to ---- */

static void fill_plan(const struct transaction *t, struct arena *arena,
                      struct wire_transaction_reply *ret)
{
    ret->plan = ARENA_ARRAY(arena, t->n_steps, const char *);
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct step *step = t->steps[i].step;
        char *text = arena_alloc(arena, 256);
        if (step->plan && !step->plan(t->steps[i].op, text, 256))
            continue;
        ret->plan[ret->n_plan++] = step->plan ? text : step->doing;
    }
}

/* The partition as it is with its row as the outcome will have it; or as it
 * is, after that and in a dry run. */
static void fill_result(const struct operation *op, struct arena *arena,
                        struct wire_operation_result *ret)
{
    const struct outcome *outcome = op->t->outcome;
    struct partition shown = *op->partition;

    wire_init(&wire_struct_operation_result, ret);
    shown.transaction = NULL;
    if (outcome && op->forgets)
        shown.row = *op->row;
    for (size_t i = 0; op->t->state == TRANSACTION_COMMITTING &&
                       i < outcome->n_put; i++)
        if (outcome->put[i] == op->partition)
            shown.row = outcome->rows[i];
    ret->partial = op->partial;
    ret->text = op->text;
    ret->hint = op->hint;
    ret->device = op->device;
    /* What is done is not undone by a question that Xen does not answer. */
    if (view_partition(op->host, &shown, arena, &ret->partition, NULL))
        view_partition_read(op->host, &shown, arena, &ret->partition);
}

void transaction_reply(const struct transaction *t, struct arena *arena,
                       struct wire_transaction_reply *ret)
{
    if (t->answer) {
        *ret = *t->answer;
        return;
    }
    wire_init(&wire_struct_transaction_reply, ret);
    ret->id = t->id;
    ret->results =
        ARENA_ARRAY(arena, t->n_operations, struct wire_operation_result);
    for (size_t i = 0; i < t->n_operations; i++)
        fill_result(&t->operations[i], arena,
                    &ret->results[ret->n_results++]);
    if (t->request.dry_run)
        fill_plan(t, arena, ret);
}

const struct stored_answer *transaction_answer(struct transaction *t, int rc)
{
    struct stored_answer *answer = ARENA_NEW(t->arena, struct stored_answer);

    /* Who was undone because of a crash may try again with the same key. */
    if (!t->request.key[0] || (t->recovered && rc))
        return NULL;
    answer->owner = t->request.owner;
    answer->key = t->request.key;
    /* What a crash has left of the request is not the request as it came. */
    answer->digest = t->recovered ? ANY_DIGEST : t->digest;
    answer->time_ms = clock_wall().ms;
    /* Whoever asks what came of a move may have been away for long. */
    for (size_t i = 0; i < t->n_operations; i++)
        if (t->operations[i].request.epoch)
            answer->time_ms = clock_wall().ms + MOVE_KEPT_MS;
    wire_init(&wire_struct_transaction_reply, &answer->reply);
    answer->text = answer->hint = "";
    if (!rc)
        transaction_reply(t, t->arena, &answer->reply);
    answer->code = rc;
    if (rc) {
        answer->text = t->err.text;
        answer->hint = t->err.hint;
    }
    return answer;
}
