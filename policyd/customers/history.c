/*
 * Reading what happened; see history.h.
 */
#include "policyd/customers/history.h"

#include "base/clock.h"

/* There was no policyd before. */
#define BEGIN_MS UINT64_C(1700000000000)

struct history {
    struct request *request; /* its arena holds this */
    enum store_record record;
    uint64_t at_ms; /* the piece of time */
    history_fn *fn;
    store_wait_fn *done;
    void *arg;
    bool enough;
};

static void read_piece(struct history *h);

static void one(void *arg, const char *id, const void *body)
{
    struct history *h = arg;

    if (!h->enough)
        h->enough = !h->fn(h->arg, id, body);
}

static void piece_done(void *arg, const struct vdc_error *why)
{
    struct history *h = arg;

    h->at_ms += RECORD_TIME_STEP;
    if (why->code || h->enough || h->at_ms > clock_wall().ms)
        h->done(h->arg, why);
    else
        read_piece(h);
}

static void read_piece(struct history *h)
{
    book_read(h->request->ops->book, h->record,
              record_time_prefix(h->at_ms, h->request->arena), one, piece_done,
              h);
}

static void settled(void *arg, const struct vdc_error *why)
{
    read_piece(arg);
}

void history_read(struct request *request, enum store_record record,
                  uint64_t from_ms, history_fn *fn, store_wait_fn *done,
                  void *arg)
{
    struct history *h = ARENA_NEW(request->arena, struct history);

    *h = (struct history){ .request = request,
                           .record = record,
                           .fn = fn,
                           .done = done,
                           .arg = arg };
    h->at_ms = from_ms > BEGIN_MS ? from_ms : BEGIN_MS;
    h->at_ms -= h->at_ms % RECORD_TIME_STEP;
    if (!book_wait(request->ops->book, settled, h))
        read_piece(h);
}
