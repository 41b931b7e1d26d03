/*
 * channel-send, channel-recv: a channel as a pipe of the shell.
 *
 * The sender says that it is done, and waits until the receiver has said that
 * it has written everything: so that the exit status of each says what came
 * of it.  The receiver says so when channeld knows of no end of the channel: a
 * channel that was closed before is never one that went well, whatever else
 * came at the same time.
 *
 * All that is done before others have their turn is bounded, so that an other
 * end that never stops sending can be stopped by channeld.
 */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan/ring.h"
#include "xl-ext/channel_list.h"

#define TYPE_DATA 0
#define TYPE_TAKEN 1 /* the receiver has all */
#define CHUNK 65536u
#define TURN_MS 500 /* channeld's messages wait no longer */
#define TURN_MESSAGES 256u /* taken before channeld's have their turn */
#define ANSWER_S 5 /* channeld is waited for no longer */
#define FRAME_LEAST 8u /* bytes that a message has in a ring */
#define SIZE_KIB 64u
#define SIZE_LEAST_KIB 4u
#define SIZE_MOST_KIB 4096u

struct pipe_end {
    struct channel_session session;
    bool sends;
    bool connected; /* or refused: error */
    bool ended;     /* by channeld, or the other end */
    bool answered;  /* by channeld, which was asked */
    struct vdc_error error;
    struct broker_channel *channel;
    struct link *link;
    struct ring ring;
    uint32_t fits; /* messages that there can be in the ring at once */
    struct broker_counts counts;
    uint8_t chunk[CHUNK]; /* read, and not sent yet */
    uint32_t n_chunk, sent;
    bool finished; /* standard input has ended, and that is said */
};

/* ---- making it ---- */

static int take_memory(struct pipe_end *end, struct broker_channel *channel,
                       struct vdc_error *err)
{
    const struct wire_channel *info = channel->info;
    uint32_t up = (uint32_t)info->to_server.kib * 1024;
    uint32_t down = (uint32_t)info->to_client.kib * 1024;
    bool to_server = channel->is_client == channel->memory->maker;
    uint32_t out = to_server ? up : down, in = to_server ? down : up;
    struct link_end memory = {
        .kind = channel->memory->grant ? LINK_GRANT : LINK_MEMORY,
        .n_pages = (uint32_t)(ring_memory(up, down) / LINK_PAGE),
        .port = channel->memory->port,
    };

    if (channel->n_fds != LINK_FDS)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld gave %u descriptors", channel->n_fds);
    for (unsigned i = 0; i < LINK_FDS; i++) {
        memory.fds[i] = channel->fds[i];
        channel->fds[i] = -1;
    }
    int rc = link_import(&memory, &end->link, err);
    if (rc)
        return rc;
    end->fits = in / FRAME_LEAST;
    rc = channel->memory->maker ? ring_make(&end->ring, end->link->memory,
                                            end->link->size, out, in, err)
                                : ring_take(&end->ring, end->link->memory,
                                            end->link->size, out, in, err);
    if (rc) {
        link_close(end->link);
        end->link = NULL;
    }
    return rc;
}

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    return take_memory(arg, channel, err);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    struct pipe_end *end = arg;

    end->connected = true;
    end->channel = channel;
    if (err)
        end->error = *err;
}

static const struct broker_connect_ops connect_ops = { on_memory, on_done };

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    struct pipe_end *end = arg;

    if (end->connected)
        return vdc_error_set(err, VDC_E_BUSY, "it takes one client");
    int rc = take_memory(end, channel, err);
    if (rc)
        return rc;
    end->connected = true;
    end->channel = channel;
    return 0;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    struct pipe_end *end = arg;

    end->connected = true;
    end->error = *err;
}

/* Whatever was written before it can still be read. */
static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct pipe_end *end = arg;

    end->ended = true;
    end->channel = NULL;
    vdc_error_set(&end->error, VDC_E_CLOSED, "the channel was ended: %s",
                  reason);
}

static const struct broker_ops ops = { .on_refused = on_refused,
                                       .on_incoming = on_incoming,
                                       .on_closed = on_closed };

/* ---- moving bytes ---- */

static void notify_if(struct pipe_end *end, bool wanted)
{
    if (!wanted)
        return;
    link_notify(end->link);
    end->counts.notifications++;
}

/* Bytes of the next message. */
static uint32_t next_size(const struct pipe_end *end)
{
    uint32_t left = end->n_chunk - end->sent, most = ring_most(&end->ring);

    return left < most ? left : most;
}

/* What was read, as far as there is room.  VDC_E_BUSY: not all of it. */
static int send_chunk(struct pipe_end *end)
{
    bool any = false;
    int rc = 0;

    while (end->sent < end->n_chunk && rc == 0) {
        uint32_t size = next_size(end);
        uint8_t *to;
        rc = ring_reserve(&end->ring, size, &to);
        if (rc)
            break;
        memcpy(to, end->chunk + end->sent, size);
        ring_commit(&end->ring, size, TYPE_DATA, false);
        end->sent += size;
        end->counts.sent += size;
        end->counts.messages++;
        any = true;
    }
    if (any)
        notify_if(end, ring_publish(&end->ring));
    if (rc == VDC_E_BUSY)
        end->counts.stalls++;
    return rc;
}

static int read_input(struct pipe_end *end, struct vdc_error *err)
{
    ssize_t r = read(STDIN_FILENO, end->chunk, sizeof(end->chunk));

    if (r < 0 && errno != EINTR && errno != EAGAIN)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "cannot read standard input");
    end->sent = 0;
    end->n_chunk = r > 0 ? (uint32_t)r : 0;
    if (r == 0) {
        end->finished = true;
        notify_if(end, ring_finish(&end->ring));
    }
    return 0;
}

static int write_output(const uint8_t *data, size_t size,
                        struct vdc_error *err)
{
    while (size) {
        ssize_t r = write(STDOUT_FILENO, data, size);
        /* nobody reads it any more: no words for that */
        if (r < 0 && errno == EPIPE && err)
            *err = (struct vdc_error){ .code = VDC_E_IO };
        if (r < 0 && errno == EPIPE)
            return VDC_E_IO;
        if (r < 0 && errno != EINTR)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "cannot write standard output");
        data += r > 0 ? r : 0;
        size -= r > 0 ? (size_t)r : 0;
    }
    return 0;
}

/* Messages that are there, up to so many.  *ret_end: there come no more.  What
 * is shared is copied before it is used. */
static int take_messages(struct pipe_end *end, uint32_t most, bool *ret_taken,
                         bool *ret_end, struct vdc_error *err)
{
    static uint8_t copy[4 * 1024 * 1024];
    struct ring_message message;
    bool any = false;
    int rc = 0, written = 0;

    while (written == 0 && most-- &&
           (rc = ring_peek(&end->ring, &message)) == 0) {
        memcpy(copy, message.data, message.size);
        ring_release(&end->ring);
        any = true;
        if (message.type == TYPE_TAKEN)
            *ret_taken = true;
        else
            written = write_output(copy, message.size, err);
        end->counts.received += message.size;
        end->counts.messages++;
    }
    if (any)
        notify_if(end, ring_give_back(&end->ring));
    if (written)
        return written;
    *ret_end = rc == VDC_E_CLOSED;
    if (rc == VDC_E_PROTOCOL)
        return vdc_error_set(err, rc, "the other end broke the channel");
    return 0;
}

/* channeld's turn; before it, when there is nothing to do here, a wait until
 * there may be. */
static void give_turn(struct pipe_end *end, bool idle, bool input)
{
    struct pollfd fds[2] = {
        { .fd = end->link->wake_fd, .events = POLLIN },
        { .fd = input ? STDIN_FILENO : -1, .events = POLLIN },
    };

    poll(fds, 2, idle ? TURN_MS : 0);
    if (fds[0].revents)
        link_acknowledge(end->link);
    if (end->channel)
        broker_count(end->session.broker, end->channel, &end->counts);
    event_base_loop(end->session.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void on_answer(void *arg, const struct wire_frame *answer,
                      const struct vdc_error *err)
{
    struct pipe_end *end = arg;

    end->answered = true;
}

/* As of now, and not as of what channeld's messages said that have come: what
 * it says of an end comes before its answer.  One that is not there, or gives
 * no answer, has ended nothing. */
static bool is_ended(struct pipe_end *end)
{
    const struct timeval limit = { ANSWER_S, 0 };
    struct event_base *base = end->session.base;
    struct wire_channel_query query;

    if (!end->channel)
        return end->ended;
    wire_init(&wire_struct_channel_query, &query);
    query.id = end->channel->id;
    broker_ask(end->session.broker, WIRE_MSG_channel_list, &query, on_answer,
               end);
    event_base_loopexit(base, &limit);
    do
        event_base_loop(base, EVLOOP_ONCE);
    while (!end->answered && !event_base_got_exit(base));
    return end->ended;
}

static int died(struct pipe_end *end, struct vdc_error *err)
{
    if (end->error.code && err) {
        *err = end->error;
        return err->code;
    }
    return vdc_error_set(err, VDC_E_CLOSED,
                         "the other end has gone before all was sent");
}

/* Takes what has come.  *ret_last: nothing comes after it, as the other end or
 * the channel is gone; what was written before that is taken first. */
static int take_turn(struct pipe_end *end, bool *ret_taken, bool *ret_end,
                     bool *ret_last, struct vdc_error *err)
{
    *ret_last = end->ended || link_other_gone(end->link);
    return take_messages(end, *ret_last ? end->fits : TURN_MESSAGES, ret_taken,
                         ret_end, err);
}

static int run_sender(struct pipe_end *end, struct vdc_error *err)
{
    bool taken = false, over = false, last;
    int rc = 0;

    while (rc == 0 && !taken) {
        rc = take_turn(end, &taken, &over, &last, err);
        if (rc || taken)
            break;
        if (over || last)
            return died(end, err);
        int full = end->sent < end->n_chunk ? send_chunk(end) : 0;
        if (full && full != VDC_E_BUSY)
            return died(end, err);
        bool wants = !full && !end->finished;
        bool busy = (full && ring_want_room(&end->ring, next_size(end))) ||
                    ring_want_message(&end->ring);
        give_turn(end, !busy, wants);
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        if (wants && poll(&input, 1, 0) > 0)
            rc = read_input(end, err);
    }
    return rc;
}

static int run_receiver(struct pipe_end *end, struct vdc_error *err)
{
    bool taken, over = false, last;
    uint8_t *to;

    for (;;) {
        int rc = take_turn(end, &taken, &over, &last, err);
        if (rc)
            return rc;
        if (over)
            break;
        if (last)
            return died(end, err);
        give_turn(end, !ring_want_message(&end->ring), false);
    }
    if (ring_other(&end->ring) != RING_OTHER_FINISHED || is_ended(end))
        return died(end, err);
    if (ring_reserve(&end->ring, 0, &to) == 0) {
        ring_commit(&end->ring, 0, TYPE_TAKEN, false);
        notify_if(end, ring_publish(&end->ring));
    }
    return 0;
}

/* ---- the commands ---- */

static int take_size(const struct command_args *args, struct mem *ret,
                     struct vdc_error *err)
{
    const char *value = command_value(args, "size");

    *ret = MEM_KIB(SIZE_KIB);
    int rc = value ? units_mem_parse(value, 1, ret, err) : 0;
    if (rc)
        return rc;
    if (ret->kib < SIZE_LEAST_KIB || ret->kib > SIZE_MOST_KIB ||
        (ret->kib & (ret->kib - 1)))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--size wants a power of two from 4K to 4M, got "
                             "'%s'",
                             value);
    return 0;
}

static int make(struct pipe_end *end, const struct command_args *args,
                struct vdc_error *err)
{
    struct wire_channel_connect connect;

    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = args->arguments[0];
    if (!end->sends) {
        broker_offer(end->session.broker, connect.service, 1);
    } else {
        const char *to = command_value(args, "to");
        int rc = take_size(args, &connect.to_server, err);
        if (rc)
            return rc;
        connect.to = to ? to : "";
        connect.to_client = MEM_KIB(4);
        broker_connect(end->session.broker, &connect, &connect_ops, end);
    }
    int rc = channel_wait(&end->session, &end->connected, err);
    if (rc == 0 && !end->channel) {
        if (err)
            *err = end->error;
        rc = end->error.code;
    }
    return rc;
}

static int run(const struct command_args *args, bool sends,
               struct vdc_error *err)
{
    struct pipe_end *end = XNEW(struct pipe_end);
    int rc = channel_open(args, &ops, end, &end->session, err);

    end->sends = sends;
    if (rc) {
        free(end);
        return rc;
    }
    rc = make(end, args, err);
    if (rc == 0)
        rc = sends ? run_sender(end, err) : run_receiver(end, err);
    if (end->link) {
        notify_if(end, ring_close(&end->ring));
        link_close(end->link);
    }
    channel_close(&end->session);
    free(end);
    return rc;
}

int channel_run_send(const struct command_args *args, struct vdc_error *err)
{
    return run(args, true, err);
}

int channel_run_recv(const struct command_args *args, struct vdc_error *err)
{
    return run(args, false, err);
}

const struct command_option channel_send_options[] = {
    CHANNEL_SOCKET_OPTION,
    { 't', "to", "GUEST", COMPLETE_GUESTS,
      "Who offers the service; the host when it is not said" },
    { 0, "size", "SIZE", COMPLETE_NOTHING,
      "Of the ring, from 4K to 4M; 64K when it is not said" },
    { 0 }
};

const struct command_option channel_recv_options[] = { CHANNEL_SOCKET_OPTION,
                                                       { 0 } };

const struct command_example channel_send_examples[] = {
    { "tar c etc | xl-vdc channel-send backup --to web",
      "To whatever offers 'backup' in the guest web." },
    { NULL, NULL }
};
const struct command_example channel_recv_examples[] = {
    { "xl-vdc channel-recv backup >etc.tar", "The other side of it." },
    { NULL, NULL }
};
