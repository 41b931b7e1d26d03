/* Asks channeld for the rows of channels; see channel_rows.h.  A connection
 * is made for each read: nothing is to be watched between them. */
#include "resourced/channel_rows.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "chan/broker.h"
#include "resourced/host.h"
#include "wire/wire.h"

#define READ_S 2
#define BACKEND_MAX 79 /* of the wire's resource */

struct read {
    LIST_ENTRY(read) link;
    struct arena *arena;
    struct broker *broker;
    struct event *end; /* when it is over, or has taken too long */
    bool is_over;
    size_t n_room;
    struct channel_rows rows;
    struct vdc_error err;
    channel_rows_fn *fn; /* or, when limits are told: */
    channel_uses_fn *uses_fn; /* NULL: called */
    const struct wire_channel_limits *limits;
    void *arg;
};

struct channel_reads {
    struct host *host;
    LIST_HEAD(, read) reads;
};

static void read_free(struct read *read)
{
    LIST_REMOVE(read, link);
    broker_free(read->broker);
    event_free(read->end);
    arena_free(read->arena);
    free(read);
}

/* The broker calls, so that it is not freed yet. */
static void read_over(struct read *read, const struct vdc_error *err)
{
    if (read->is_over)
        return;
    if (err)
        read->err = *err;
    read->is_over = true;
    event_active(read->end, EV_TIMEOUT, 0);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    struct read *read = arg;

    if (!read->is_over)
        vdc_error_set(&read->err, VDC_E_TIMEOUT,
                      "channeld has not answered for %d s", READ_S);
    if (read->err.code)
        vdc_error_prefix(&read->err, "which channels there are is not known");
    if (read->fn)
        read->fn(read->arg, read->err.code ? NULL : &read->rows,
                 read->err.code ? &read->err : NULL);
    else if (read->uses_fn)
        read->uses_fn(read->arg, NULL, &read->err);
    read_free(read);
}

/* ---- rows ---- */

static const char *name_of(struct read *read,
                           const struct wire_channel_end *end)
{
    if (!end->domid)
        return *end->owner
                   ? arena_printf(read->arena, "%s on the host", end->owner)
                   : "host";
    return *end->owner ? arena_printf(read->arena, "%s.%s", end->owner,
                                      end->name)
                       : arena_strdup(read->arena, end->name);
}

static const char *ring(struct read *read, struct mem size)
{
    return arena_printf(read->arena, "%" PRIu64 "K", size.kib);
}

static void add_row(struct read *read, const struct wire_channel *channel)
{
    struct channel_rows *rows = &read->rows;

    if (rows->n_rows == read->n_room) {
        size_t n = read->n_room ? 2 * read->n_room : 64;
        struct resource_row *more =
            ARENA_ARRAY(read->arena, n, struct resource_row);
        if (rows->n_rows)
            memcpy(more, rows->rows, rows->n_rows * sizeof(*more));
        rows->rows = more;
        read->n_room = n;
    }
    const char *server = name_of(read, &channel->server);
    struct resource_row *row = &rows->rows[rows->n_rows++];
    *row = (struct resource_row){
        .index = CHANNEL_INDEX_BASE + channel->id,
        .kind = WIRE_RESOURCE_CHANNEL,
        .name = arena_printf(read->arena, "%" PRIu64, channel->id),
        .uuid = channel->client.partition,
        .owner = arena_strdup(read->arena, channel->client.owner),
        .amount = 1,
        .backend = arena_printf(read->arena, "%.*s", BACKEND_MAX, server),
        .detail = arena_printf(read->arena, "%s of %.120s, rings %s and %s",
                               channel->service, server,
                               ring(read, channel->to_server),
                               ring(read, channel->to_client)),
        .generation = 1, /* nothing of it ever changes */
        .since_ms = channel->opened_ms,
    };
}

/* ---- asking ---- */

static void ask(struct read *read, uint64_t after);

static void on_list(void *arg, const struct wire_frame *frame,
                    const struct vdc_error *err)
{
    struct read *read = arg;
    struct vdc_error none;

    if (err) {
        read_over(read, err);
        return;
    }
    const struct wire_channel_list *list = frame->body;
    if (!list->limit) {
        vdc_error_set(&none, VDC_E_DENIED,
                      "resourced's user is no operator to channeld");
        read_over(read, &none);
        return;
    }
    read->rows.limit = list->limit;
    for (uint32_t i = 0; i < list->n_channels; i++)
        if (list->channels[i].state != WIRE_CHANNEL_ASKED)
            add_row(read, &list->channels[i]);
    if (list->more && list->n_channels)
        ask(read, list->channels[list->n_channels - 1].id);
    else
        read_over(read, NULL);
}

static void ask(struct read *read, uint64_t after)
{
    struct wire_channel_query query;

    wire_init(&wire_struct_channel_query, &query);
    query.after = after;
    broker_ask(read->broker, WIRE_MSG_channel_list, &query, on_list, read);
}

static void on_uses(void *arg, const struct wire_frame *frame,
                    const struct vdc_error *err)
{
    struct read *read = arg;

    if (!err && !read->is_over) {
        read->uses_fn(read->arg, frame->body, NULL);
        read->uses_fn = NULL;
    }
    read_over(read, err);
}

static void on_ready(void *arg)
{
    struct read *read = arg;

    if (read->limits)
        broker_ask(read->broker, WIRE_MSG_channel_limits, read->limits,
                   on_uses, read);
    else
        ask(read, 0);
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    read_over(arg, err);
}

static const struct broker_ops ops = { .on_ready = on_ready,
                                       .on_lost = on_lost };

static struct read *read_new(struct channel_reads *reads, void *arg)
{
    struct read *read = XNEW(struct read);

    read->arena = arena_new();
    read->arg = arg;
    read->end = evtimer_new(reads->host->base, on_end, read);
    LIST_INSERT_HEAD(&reads->reads, read, link);
    return read;
}

static void begin(struct host *host, struct read *read)
{
    const struct timeval most = { READ_S, 0 };
    const char *path = host->settings->channel_socket;

    if (*path) {
        evtimer_add(read->end, &most);
        read->broker = broker_new(host->base, path, &ops, read);
    } else {
        struct vdc_error err;
        vdc_error_set(&err, VDC_E_NO_DAEMON,
                      "resourced's setting channel_socket is empty");
        read_over(read, &err);
    }
}

void channel_rows_read(struct channel_reads *reads, channel_rows_fn *fn,
                       void *arg)
{
    struct read *read = read_new(reads, arg);

    read->fn = fn;
    begin(reads->host, read);
}

void channel_limits_tell(struct channel_reads *reads,
                         const struct wire_channel_limits *limits,
                         channel_uses_fn *fn, void *arg)
{
    struct read *read = read_new(reads, arg);

    read->uses_fn = fn;
    read->limits = limits;
    begin(reads->host, read);
}

struct channel_reads *channel_reads_new(struct host *host)
{
    struct channel_reads *reads = XNEW(struct channel_reads);

    reads->host = host;
    LIST_INIT(&reads->reads);
    return reads;
}

void channel_reads_free(struct channel_reads *reads)
{
    if (!reads)
        return;
    while (!LIST_EMPTY(&reads->reads))
        read_free(LIST_FIRST(&reads->reads));
    free(reads);
}
