/* Answers while another policyd leads; see standby.h. */
#include "policyd/standby.h"

#include <stdlib.h>

#include "base/stream.h"
#include "wire/wire.h"

struct standby {
    struct event_base *base;
    struct stream_listener *listener;
    char *leader;
};

/* One message, and the end: nothing is read, so nobody can keep it busy. */
static void accepted(void *arg, int fd, const struct stream_peer *peer)
{
    static const struct stream_ops silent = { 0 };
    const struct standby *standby = arg;
    struct stream *stream = stream_new(standby->base, fd, &silent, NULL);
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_error body;
    uint8_t *frame;
    size_t size;

    vdc_error_set(&err, VDC_E_NO_DAEMON,
                  "this policyd stands by: policyd of %s leads",
                  standby->leader);
    vdc_error_hint(&err, "ask there; if it ends, this one takes over within "
                         "the time of `store_lease`");
    wire_error_fill(&body, &err);
    if (!wire_encode(WIRE_MSG_error, 0, &body, arena, &frame, &size, NULL))
        stream_send(stream, frame, size);
    stream_finish(stream);
    arena_free(arena);
}

int standby_new(struct event_base *base, const char *socket,
                const char *leader, struct standby **ret,
                struct vdc_error *err)
{
    struct standby *standby = XNEW(struct standby);
    int rc = stream_listen_unix(base, socket, 0666, accepted, standby,
                                &standby->listener, err);

    if (rc) {
        free(standby);
        return rc;
    }
    standby->base = base;
    standby->leader = xstrdup(leader);
    *ret = standby;
    return 0;
}

void standby_free(struct standby *standby)
{
    if (!standby)
        return;
    stream_listener_destroy(standby->listener);
    free(standby->leader);
    free(standby);
}
