/*
 * Streams in a port.  A message of the port is a frame: its type says which
 * kind, its first 4 bytes the stream, little-endian.
 *
 *      OPEN    label       ids of the maker are odd, of the taker even, and
 *                          each is larger than those before
 *      DATA    bytes
 *      CREDIT  4 bytes     so many more may be sent
 *      FINISH              nothing more comes
 *      RESET               nothing more comes, nor is wanted
 *
 * An end sends FINISH or RESET, or FINISH and later RESET; a stream is
 * forgotten when both have sent one, so that both ends agree on how many there
 * are.  CREDIT and RESET may then be on their way still, and are passed over.
 * What cannot be sent for want of room is kept as flags of the stream, so it
 * is bounded.
 */
#include "chan/mux.h"

#include <assert.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"

#define ID_SIZE 4u

enum frame {
    FRAME_OPEN = 1,
    FRAME_DATA = 2,
    FRAME_CREDIT = 3,
    FRAME_FINISH = 4,
    FRAME_RESET = 5
};

struct kept { /* a message for a stream that is paused */
    STAILQ_ENTRY(kept) link;
    size_t size;
    uint8_t bytes[];
};

struct mux_stream {
    TAILQ_ENTRY(mux_stream) link;
    struct mux *mux;
    uint32_t id;
    bool own; /* opened by this end */
    const struct mux_stream_ops *ops;
    void *arg;
    uint32_t credit; /* that this end may send */
    uint32_t window; /* that the other end may send */
    uint32_t owed;   /* of what was taken, not given back */
    STAILQ_HEAD(, kept) kept;
    bool paused, wants_room;
    bool detached;          /* mux_reset, or closed: no callbacks */
    bool ending, resetting; /* FINISH or RESET is to be sent */
    bool sent_end, sent_reset;
    bool got_end, told_end; /* the other end's; told: on_finish was called */
    bool got_reset;
};

struct mux {
    struct port *port;
    const struct mux_ops *ops;
    void *arg;
    TAILQ_HEAD(, mux_stream) streams;
    uint32_t next_id;  /* of ours */
    uint32_t least_id; /* that the other end may open */
    unsigned n_own, n_theirs;
    unsigned depth;
    bool dead, closed;
    struct event *turn; /* delivers what was kept */
};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* ---- sending ---- */

static int send_frame(struct mux *mux, enum frame frame, uint32_t id,
                      const void *data, size_t size)
{
    uint32_t total = (uint32_t)(ID_SIZE + size);
    uint8_t *at;
    int rc;

    if (total <= port_piece_max(mux->port)) {
        rc = port_reserve(mux->port, total, &at);
        if (rc)
            return rc;
        put32(at, id);
        if (size)
            memcpy(at + ID_SIZE, data, size);
        port_commit(mux->port, total, frame);
    } else {
        at = xzalloc(total);
        put32(at, id);
        memcpy(at + ID_SIZE, data, size);
        rc = port_queue(mux->port, frame, at, total);
        free(at);
        if (rc)
            return rc;
    }
    port_flush(mux->port);
    return 0;
}

static void send_end(struct mux_stream *s)
{
    enum frame frame = s->resetting ? FRAME_RESET : FRAME_FINISH;

    if (s->resetting ? s->sent_reset : s->sent_end)
        return;
    if (send_frame(s->mux, frame, s->id, NULL, 0))
        return;
    s->sent_end = true;
    s->sent_reset = s->resetting;
}

/* What a stream owes the other end, as far as there is room. */
static void send_owed(struct mux_stream *s)
{
    uint8_t credit[4];

    if (s->mux->dead || s->mux->closed)
        return;
    if (s->owed >= MUX_WINDOW / 2 && !s->got_end && !s->detached) {
        put32(credit, s->owed);
        if (send_frame(s->mux, FRAME_CREDIT, s->id, credit, 4) == 0) {
            s->window += s->owed;
            s->owed = 0;
        }
    }
    if (s->ending)
        send_end(s);
}

int mux_send(struct mux_stream *s, const void *data, size_t size)
{
    if (size > MUX_MESSAGE_MAX)
        return VDC_E_BAD_VALUE;
    if (s->ending || s->mux->closed)
        return VDC_E_CLOSED;
    int rc = VDC_E_BUSY;
    if (s->credit >= size + MUX_OVERHEAD)
        rc = send_frame(s->mux, FRAME_DATA, s->id, data, size);
    if (rc == VDC_E_BUSY)
        s->wants_room = true;
    if (!rc)
        s->credit -= (uint32_t)size + MUX_OVERHEAD;
    return rc == VDC_E_PROTOCOL ? VDC_E_CLOSED : rc;
}

/* ---- streams ---- */

static struct mux_stream *stream_new(struct mux *mux, uint32_t id, bool own)
{
    struct mux_stream *s = XNEW(struct mux_stream);

    s->mux = mux;
    s->id = id;
    s->own = own;
    s->credit = s->window = MUX_WINDOW;
    STAILQ_INIT(&s->kept);
    TAILQ_INSERT_TAIL(&mux->streams, s, link);
    *(own ? &mux->n_own : &mux->n_theirs) += 1;
    return s;
}

static void drop_kept(struct mux_stream *s)
{
    struct kept *kept;

    while ((kept = STAILQ_FIRST(&s->kept))) {
        STAILQ_REMOVE_HEAD(&s->kept, link);
        free(kept);
    }
}

static void stream_free(struct mux_stream *s)
{
    TAILQ_REMOVE(&s->mux->streams, s, link);
    *(s->own ? &s->mux->n_own : &s->mux->n_theirs) -= 1;
    drop_kept(s);
    free(s);
}

/* Whether there once was such a stream. */
static bool was_open(const struct mux *mux, uint32_t id)
{
    bool own = (id & 1) == (mux->next_id & 1);

    return id > 0 && id < (own ? mux->next_id : mux->least_id);
}

static struct mux_stream *find(struct mux *mux, uint32_t id)
{
    struct mux_stream *s;

    TAILQ_FOREACH(s, &mux->streams, link)
    if (s->id == id)
        return s;
    return NULL;
}

static void free_now(struct mux *mux)
{
    struct mux_stream *s;

    while ((s = TAILQ_FIRST(&mux->streams)))
        stream_free(s);
    event_free(mux->turn);
    free(mux);
}

/* Streams that both ends have ended, and whose user knows. */
static void reap(struct mux *mux)
{
    struct mux_stream *s, *next;

    for (s = TAILQ_FIRST(&mux->streams); s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (s->sent_end && s->got_end && s->detached)
            stream_free(s);
    }
}

static void enter(struct mux *mux)
{
    mux->depth++;
}

static void leave(struct mux *mux)
{
    if (--mux->depth)
        return;
    if (mux->dead)
        free_now(mux);
    else
        reap(mux);
}

static void again(struct mux *mux)
{
    event_add(mux->turn, &(struct timeval){ 0 });
}

static void close_stream(struct mux_stream *s, const struct vdc_error *err)
{
    if (s->detached)
        return;
    s->detached = true;
    drop_kept(s);
    if (s->ops)
        s->ops->on_close(s->arg, err);
}

static void close_all(struct mux *mux, const struct vdc_error *err)
{
    struct mux_stream *s;

    if (mux->closed)
        return;
    mux->closed = true;
    TAILQ_FOREACH(s, &mux->streams, link)
    {
        if (mux->dead)
            return;
        close_stream(s, err);
    }
    if (!mux->dead)
        mux->ops->on_close(mux->arg, err);
}

static void violation(struct mux *mux, const char *what)
{
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_PROTOCOL,
                  "the other end broke the rules of "
                  "streams: %s",
                  what);
    port_pause(mux->port);
    close_all(mux, &err);
}

/* ---- delivering ---- */

static void taken(struct mux_stream *s, size_t size)
{
    s->owed += (uint32_t)size + MUX_OVERHEAD;
    send_owed(s);
}

/* The end of the other direction, once all before it was delivered. */
static void deliver_end(struct mux_stream *s)
{
    struct vdc_error err;

    if (!s->got_end || s->detached || !STAILQ_EMPTY(&s->kept) || s->paused)
        return;
    if (!s->told_end) {
        s->told_end = true;
        if (s->ops && s->ops->on_finish)
            s->ops->on_finish(s->arg);
    }
    if (s->sent_end && !s->detached && !s->mux->dead) {
        vdc_error_set(&err, VDC_E_CLOSED, "both ends have finished it");
        close_stream(s, &err);
    }
}

static void deliver_kept(struct mux_stream *s)
{
    struct kept *kept;

    while (!s->paused && !s->detached && !s->mux->dead &&
           (kept = STAILQ_FIRST(&s->kept))) {
        STAILQ_REMOVE_HEAD(&s->kept, link);
        s->ops->on_message(s->arg, kept->bytes, kept->size);
        taken(s, kept->size);
        free(kept);
    }
    if (!s->mux->dead)
        deliver_end(s);
}

static void got_data(struct mux_stream *s, const uint8_t *data, size_t size)
{
    if (s->got_end || s->window < size + MUX_OVERHEAD ||
        size > MUX_MESSAGE_MAX) {
        violation(s->mux, s->got_end ? "data after the end of a stream"
                                     : "more data than there was credit for");
        return;
    }
    s->window -= (uint32_t)size + MUX_OVERHEAD;
    if (s->detached)
        return;
    if (!s->paused && STAILQ_EMPTY(&s->kept)) {
        s->ops->on_message(s->arg, data, size);
        if (!s->mux->dead)
            taken(s, size);
        return;
    }
    struct kept *kept = xzalloc(sizeof(*kept) + size);
    kept->size = size;
    memcpy(kept->bytes, data, size);
    STAILQ_INSERT_TAIL(&s->kept, kept, link);
}

static void got_credit(struct mux_stream *s, const uint8_t *data, size_t size)
{
    uint32_t more = size == 4 ? get32(data) : 0;

    if (more == 0 || more > MUX_WINDOW - s->credit) {
        violation(s->mux, "credit for more than a window");
        return;
    }
    s->credit += more;
    if (!s->wants_room || s->detached)
        return;
    s->wants_room = false;
    if (s->ops->on_room)
        s->ops->on_room(s->arg);
}

static void got_end(struct mux_stream *s, bool reset, size_t size)
{
    struct vdc_error err;

    if (size || s->got_reset || (s->got_end && !reset)) {
        violation(s->mux, "a stream ended twice");
        return;
    }
    s->got_end = true;
    s->got_reset = reset;
    if (!reset) {
        deliver_end(s);
        return;
    }
    s->ending = s->resetting = true;
    send_owed(s);
    vdc_error_set(&err, VDC_E_CLOSED, "the other end has reset the stream");
    close_stream(s, &err);
}

static void got_open(struct mux *mux, uint32_t id, const uint8_t *label,
                     size_t size)
{
    if (id < mux->least_id || (id & 1) != (mux->least_id & 1) ||
        size > MUX_LABEL_MAX || mux->n_theirs >= MUX_STREAMS_MAX) {
        violation(mux, mux->n_theirs >= MUX_STREAMS_MAX
                           ? "too many streams"
                           : "a stream that cannot be opened");
        return;
    }
    mux->least_id = id + 2 > id ? id + 2 : UINT32_MAX;
    struct mux_stream *s = stream_new(mux, id, false);
    mux->ops->on_open(mux->arg, s, label, size);
    assert(mux->dead || s->ops || s->detached);
}

static void on_message(void *arg, uint16_t type, const uint8_t *data,
                       size_t size)
{
    struct mux *mux = arg;

    if (mux->closed)
        return;
    enter(mux);
    uint32_t id = size >= ID_SIZE ? get32(data) : 0;
    struct mux_stream *s = find(mux, id);
    const uint8_t *rest = data + ID_SIZE;
    size_t left = size - ID_SIZE;
    bool late =
        (type == FRAME_CREDIT || type == FRAME_RESET) && was_open(mux, id);
    if (!s && late)
        ; /* sent before it knew */
    else if (size < ID_SIZE || (!s && type != FRAME_OPEN))
        violation(mux, "a stream that is not open");
    else if (type == FRAME_OPEN)
        got_open(mux, id, rest, left);
    else if (type == FRAME_DATA)
        got_data(s, rest, left);
    else if (type == FRAME_CREDIT)
        got_credit(s, rest, left);
    else if (type == FRAME_FINISH || type == FRAME_RESET)
        got_end(s, type == FRAME_RESET, left);
    else
        violation(mux, "a frame of no known kind");
    leave(mux);
}

/* Room in the channel: first what is owed, then each stream that waits, the
 * one after those served last time first. */
static void on_room(void *arg)
{
    struct mux *mux = arg;
    struct mux_stream *s;
    unsigned n = mux->n_own + mux->n_theirs;

    enter(mux);
    TAILQ_FOREACH(s, &mux->streams, link)
    send_owed(s);
    while (n-- && !mux->dead && (s = TAILQ_FIRST(&mux->streams))) {
        TAILQ_REMOVE(&mux->streams, s, link);
        TAILQ_INSERT_TAIL(&mux->streams, s, link);
        if (!s->wants_room || s->detached || s->credit <= MUX_OVERHEAD)
            continue;
        s->wants_room = false;
        if (s->ops->on_room)
            s->ops->on_room(s->arg);
    }
    leave(mux);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct mux *mux = arg;

    enter(mux);
    close_all(mux, err);
    leave(mux);
}

static const struct port_ops port_ops = { on_message, on_room, on_close };

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct mux *mux = arg;
    struct mux_stream *s;

    enter(mux);
    TAILQ_FOREACH(s, &mux->streams, link)
    {
        if (mux->dead || mux->closed)
            break;
        deliver_kept(s);
    }
    leave(mux);
}

/* ---- for its user ---- */

struct mux *mux_new(struct port *port, enum ring_side side,
                    struct event_base *base, const struct mux_ops *ops,
                    void *arg)
{
    struct mux *mux = XNEW(struct mux);

    mux->port = port;
    mux->ops = ops;
    mux->arg = arg;
    mux->next_id = side == RING_MAKER ? 1 : 2;
    mux->least_id = side == RING_MAKER ? 2 : 1;
    TAILQ_INIT(&mux->streams);
    mux->turn = evtimer_new(base, on_turn, mux);
    if (!mux->turn)
        abort(); /* out of memory */
    port_watch(port, base, &port_ops, mux);
    return mux;
}

void mux_destroy(struct mux *mux)
{
    if (!mux || mux->dead)
        return;
    mux->dead = true;
    event_del(mux->turn);
    port_destroy(mux->port);
    mux->port = NULL;
    if (mux->depth == 0)
        free_now(mux);
}

int mux_open(struct mux *mux, const void *label, size_t size,
             const struct mux_stream_ops *ops, void *arg,
             struct mux_stream **ret)
{
    if (mux->closed)
        return VDC_E_CLOSED;
    if (size > MUX_LABEL_MAX)
        return VDC_E_BAD_VALUE;
    if (mux->n_own >= MUX_STREAMS_MAX || mux->next_id > UINT32_MAX - 2)
        return VDC_E_QUOTA;
    int rc = send_frame(mux, FRAME_OPEN, mux->next_id, label, size);
    if (rc)
        return rc == VDC_E_PROTOCOL ? VDC_E_CLOSED : rc;
    struct mux_stream *s = stream_new(mux, mux->next_id, true);
    mux->next_id += 2;
    mux_accept(s, ops, arg);
    *ret = s;
    return 0;
}

void mux_accept(struct mux_stream *s, const struct mux_stream_ops *ops,
                void *arg)
{
    assert(ops->on_message && ops->on_close);
    s->ops = ops;
    s->arg = arg;
}

void mux_pause(struct mux_stream *s)
{
    s->paused = true;
}

void mux_resume(struct mux_stream *s)
{
    if (s->paused)
        again(s->mux);
    s->paused = false;
}

void mux_finish(struct mux_stream *s)
{
    if (s->ending)
        return;
    s->ending = true;
    send_owed(s);
    again(s->mux); /* on_close, if the other end had finished */
}

void mux_reset(struct mux_stream *s)
{
    struct mux *mux = s->mux;

    s->detached = true;
    drop_kept(s);
    if (!s->sent_end || !s->got_end)
        s->resetting = true;
    s->ending = true;
    send_owed(s);
    if (mux->depth == 0)
        reap(mux);
}
