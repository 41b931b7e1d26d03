/*
 * Sending simulated guests, and receiving them.
 */
#include "hv/sim/sim_stream.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

#include "hv/sim/sim_op.h"
#include "hv/sim/sim_save.h"
#include "hv/socket.h"

#define PIECES 8u /* in which its memory is sent */
#define BUF_SIZE 65536u
#define POINT '.'
#define UNUSED '\0' /* every other run of so many: */
#define RUN_SIZE 6000u

struct sim_stream {
    char line[SIM_SAVE_LINE_SIZE];
    size_t len; /* of line */
    /* sending */
    bool live;
    size_t at;          /* what of line has been sent */
    uint64_t piece_len; /* points of a piece */
    uint64_t points;    /* of this piece that are left */
    uint32_t pieces;    /* that were begun */
    /* receiving */
    enum { IN_FIRST, IN_POINTS, IN_LAST, IN_NOTHING } where;
};

/* ---- the socket ---- */

static int closed(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_CLOSED,
                         "the other end of the stream was closed");
}

static bool is_not_yet(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* *len becomes what was taken; SIM_AGAIN when nothing was. */
static int put(struct sim *sim, struct sim_op *op, const char *bytes,
               size_t *len, struct vdc_error *err)
{
    ssize_t r;

    do
        r = send(op->fd, bytes, *len, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    if (r >= 0) {
        *len = (size_t)r;
        return 0;
    }
    if (is_not_yet())
        return sim_op_wait(sim, op, op->fd, EV_WRITE, err);
    if (errno == EPIPE || errno == ECONNRESET)
        return closed(err);
    return vdc_error_errno(err, VDC_E_IO, errno,
                           "the stream cannot be written");
}

/* As put; VDC_E_CLOSED at the end.  flags: MSG_PEEK or 0. */
static int get(struct sim *sim, struct sim_op *op, char *bytes, size_t *len,
               int flags, struct vdc_error *err)
{
    ssize_t r;

    do
        r = recv(op->fd, bytes, *len, MSG_DONTWAIT | flags);
    while (r < 0 && errno == EINTR);
    if (r > 0) {
        *len = (size_t)r;
        return 0;
    }
    if (r < 0 && is_not_yet())
        return sim_op_wait(sim, op, op->fd, EV_READ, err);
    if (r == 0 || errno == ECONNRESET)
        return closed(err);
    return vdc_error_errno(err, VDC_E_IO, errno, "the stream cannot be read");
}

/* ---- send ---- */

/* In this order. */
enum { SEND_FIRST, SEND_LIVE, SEND_ASK, SEND_SUSPEND, SEND_REST, SEND_LAST };

/* What is to be sent by now. */
static int flush(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    static char points[BUF_SIZE];
    struct sim_stream *stream = op->stream;
    int rc = 0;

    while (rc == 0 && stream->at < stream->len) {
        size_t n = stream->len - stream->at;
        rc = put(sim, op, stream->line + stream->at, &n, err);
        if (rc == 0)
            stream->at += n;
    }
    memset(points, POINT, sizeof(points));
    for (size_t at = RUN_SIZE; at + RUN_SIZE < BUF_SIZE; at += 2 * RUN_SIZE)
        memset(points + at, UNUSED, RUN_SIZE);
    while (rc == 0 && stream->points > 0) {
        size_t n =
            stream->points < BUF_SIZE ? (size_t)stream->points : BUF_SIZE;
        rc = put(sim, op, points, &n, err);
        if (rc == 0)
            stream->points -= n;
    }
    return rc;
}

static int send_first(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    struct sim_stream *stream = op->stream;
    struct sim_slot guest;
    int rc = sim_save_copy(sim, op, false, &guest, err);

    if (rc == VDC_E_NOT_FOUND)
        return rc;
    if (rc || guest.paused || op->domid == 0)
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "domain %u does not run and cannot be sent",
                             op->domid);
    uint64_t points =
        guest.memory_kib * 1024 / 100 * sim->options.stream / PIECES;
    stream->piece_len = points > 0 ? points : 1;
    stream->len = sim_save_format(&guest, stream->line);
    op->step++;
    return SIM_AGAIN;
}

/* So many pieces of its memory, each in its time. */
static int send_pieces(struct sim *sim, struct sim_op *op, uint32_t until,
                       struct vdc_error *err)
{
    struct sim_stream *stream = op->stream;
    struct sim_slot guest;
    int rc = flush(sim, op, err);

    if (rc == 0)
        rc = sim_save_copy(sim, op, op->step == SEND_REST, &guest, err);
    if (rc)
        return rc;
    if (stream->pieces >= until) {
        op->step++;
        return SIM_AGAIN;
    }
    if (op->fault == SIM_FAULT_FAIL && stream->pieces == PIECES / 2)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "simulated fault: %s fails",
                             sim_fault_call_name(op->call));
    stream->pieces++;
    stream->points = stream->piece_len;
    op->due_ms += op->latency_ms / PIECES;
    return SIM_AGAIN;
}

static int send_last(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    struct sim_stream *stream = op->stream;
    struct sim_slot guest;

    if (op->step == SEND_LAST) {
        int rc = sim_save_copy(sim, op, true, &guest, err);
        if (rc)
            return rc;
        stream->len = sim_save_format(&guest, stream->line);
        stream->at = 0;
        op->step++;
    }
    return flush(sim, op, err);
}

static int send_step(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    switch (op->step) {
    case SEND_FIRST:
        return send_first(sim, op, err);
    case SEND_LIVE:
        return send_pieces(sim, op, op->stream->live ? PIECES - 1 : 0, err);
    case SEND_ASK:
        return sim_save_ask(sim, op, err);
    case SEND_SUSPEND:
        return sim_save_suspend(sim, op, err);
    case SEND_REST:
        return send_pieces(sim, op, PIECES, err);
    default:
        return send_last(sim, op, err);
    }
}

static int send_run(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    int rc = send_step(sim, op, err);

    if (rc < 0 && op->step > SEND_SUSPEND)
        sim_save_run_on(sim, op);
    return rc;
}

/* As Debian's Xen, which has no shadow paging. */
static int check_live(struct sim *sim, uint32_t domid, struct vdc_error *err)
{
    sim_host_begin(sim);
    const struct sim_slot *slot = sim_state_find(sim->state, domid);
    bool is_pv = slot && slot->type == HV_DOMAIN_PV;
    sim_host_end(sim);
    if (!is_pv)
        return 0;
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "domain %u is a PV guest, and this Xen cannot copy "
                         "the memory of such while it runs",
                         domid);
}

int sim_stream_send(struct hv *hv, uint32_t domid, int fd, bool live,
                    hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_op *op;
    int rc = socket_check(fd, err);

    if (rc == 0 && live)
        rc = check_live(sim, domid, err);
    if (rc == 0)
        rc = sim_op_start_steps(hv, SIM_CALL_send, domid, sim->options.send_ms,
                                send_run, done, arg, &op, err);
    if (rc)
        return rc;
    op->fd = fd;
    op->fails_halfway = true;
    op->stream = ARENA_NEW(op->arena, struct sim_stream);
    op->stream->live = live;
    return 0;
}

/* ---- receive ---- */

static int no_guest(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "the stream is not that of a domain");
}

static int receive_line(struct sim *sim, struct sim_op *op,
                        struct vdc_error *err)
{
    static const char head[] = SIM_SAVE_HEAD;
    struct sim_stream *stream = op->stream;

    for (;;) {
        char *c = &stream->line[stream->len];
        size_t n = 1;
        int rc = get(sim, op, c, &n, 0, err);
        if (rc)
            return rc;
        if (*c == '\n')
            break;
        if (stream->len < strlen(head) && *c != head[stream->len])
            return no_guest(err);
        if (++stream->len == sizeof(stream->line))
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "libxl: the guest's line has no end");
    }
    stream->line[stream->len] = '\0';
    return sim_save_parse(stream->line, stream->len, &op->saved, err);
}

static int receive_points(struct sim *sim, struct sim_op *op,
                          struct vdc_error *err)
{
    static char buf[BUF_SIZE];

    for (;;) {
        size_t n = sizeof(buf), n_points = 0;
        int rc = get(sim, op, buf, &n, MSG_PEEK, err);
        if (rc)
            return rc;
        while (n_points < n &&
               (buf[n_points] == POINT || buf[n_points] == UNUSED))
            n_points++;
        if (n_points == 0)
            return 0;
        rc = get(sim, op, buf, &n_points, 0, err);
        if (rc)
            return rc;
    }
}

int sim_stream_receive(struct sim *sim, struct sim_op *op, bool all,
                       struct vdc_error *err)
{
    struct sim_stream *stream = op->stream;
    int rc = 0;

    if (!stream)
        stream = op->stream = ARENA_NEW(op->arena, struct sim_stream);
    while (rc == 0 && stream->where < (all ? IN_NOTHING : IN_POINTS)) {
        rc = stream->where == IN_POINTS ? receive_points(sim, op, err)
                                        : receive_line(sim, op, err);
        if (rc == 0) {
            stream->where++;
            stream->len = 0;
        }
    }
    return rc;
}
