/*
 * The whole store for an operator, while policyd works on it: what it is at
 * one moment is read, and sent piece by piece as the client takes it.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "policyd/api/operations.h"
#include "policyd/store/transfer_text.h"

/* Of a piece; a record may be as long again. */
#define PIECE_BYTES (64 * 1024)
/* So much waits for the client at most, but for one piece. */
#define PENDING_MAX (1024 * 1024)
/* And then it is looked again so much later. */
#define AGAIN_MS 10

struct exporting {
    struct request *request; /* NULL: the client is gone */
    struct transfer transfer;
    const struct transfer_record *at; /* the next */
    bool begun;
    struct event *timer;
};

static void end(struct exporting *e)
{
    event_free(e->timer);
    transfer_fini(&e->transfer);
    free(e);
}

static void fail(struct exporting *e, const struct vdc_error *err)
{
    e->request->on_gone = NULL;
    request_fail(e->request, err);
    end(e);
}

static int fill_piece(struct exporting *e, FILE *f, struct vdc_error *err)
{
    int rc = 0;

    if (!e->begun)
        transfer_write_head(f);
    e->begun = true;
    while (!rc && e->at && ftell(f) < PIECE_BYTES) {
        rc = transfer_write_record(e->at, f, err);
        e->at = STAILQ_NEXT(e->at, link);
    }
    if (!e->at)
        transfer_write_tail(f);
    return rc;
}

/* False: it has ended. */
static bool send_piece(struct exporting *e)
{
    struct wire_store_text piece;
    struct vdc_error err = { 0 };
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    bool is_last;

    if (!f)
        abort(); /* no memory: as everywhere */
    int rc = fill_piece(e, f, &err);
    fclose(f);
    wire_init(&wire_struct_store_text, &piece);
    piece.text = (const uint8_t *)text;
    piece.n_text = (uint32_t)size;
    is_last = !e->at;
    if (rc) {
        fail(e, &err);
    } else if (is_last) {
        piece.records = e->transfer.n;
        e->request->on_gone = NULL;
        request_reply(e->request, WIRE_MSG_store_exported, &piece);
        end(e);
    } else {
        request_more(e->request, WIRE_MSG_store_exported, &piece);
    }
    free(text);
    return !rc && !is_last;
}

static void go_on(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval again = { 0, AGAIN_MS * 1000 };
    struct exporting *e = arg;

    while (e->request && request_pending(e->request) < PENDING_MAX)
        if (!send_piece(e))
            return;
    evtimer_add(e->timer, &again);
}

static int found(void *arg, enum store_record record, const char *id,
                 const uint8_t *value, size_t size, struct vdc_error *err)
{
    struct exporting *e = arg;

    transfer_add(&e->transfer, record, id, value, size, 0);
    return 0;
}

static void all_found(void *arg, const struct vdc_error *why)
{
    struct exporting *e = arg;

    if (!e->request) {
        end(e);
    } else if (why->code) {
        fail(e, why);
    } else {
        e->at = STAILQ_FIRST(&e->transfer.records);
        go_on(-1, 0, e);
    }
}

static void gone(struct request *request)
{
    struct exporting *e = request->owner;
    bool reading = !e->begun;

    request_free(request);
    e->request = NULL;
    if (!reading)
        end(e);
}

void store_export(struct request *request)
{
    struct exporting *e = XNEW(struct exporting);

    e->request = request;
    request->owner = e;
    request->on_gone = gone;
    transfer_init(&e->transfer);
    e->timer = evtimer_new(request->ops->base, go_on, e);
    store_read_all_later(book_store(request->ops->book), found, all_found, e);
}
