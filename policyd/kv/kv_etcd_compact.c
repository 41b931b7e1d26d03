/*
 * History: etcd keeps each value that a key has ever had, until it is told to
 * give up what is older than a revision.  Unless somebody does, its disk is
 * full one day.  Watches need what has changed during an outage; so each
 * compact_ms, what was history at the last time goes.  That several clients
 * do it does no harm.
 */
#include <event2/event.h>

#include "policyd/kv/kv_etcd_impl.h"

/* An error is no matter: most often another client came first. */
static void on_done(void *arg, const struct http_answer *answer,
                    const struct vdc_error *err)
{
    struct kv_etcd *kv = arg;

    kv->compacting = NULL;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct kv_etcd *kv = arg;
    struct http_notify notify = { .done = on_done, .arg = kv };

    if (kv->link != ETCD_UP || kv->compacting)
        return;
    if (kv->compact_to > kv->compacted) {
        struct json_out *out = json_out_new(false);
        json_out_object(out);
        etcd_put_u64(out, "revision", kv->compact_to);
        json_out_object_end(out);
        kv->compacting = etcd_post(kv, "kv/compaction", out, kv->request_ms,
                                   64 * 1024, &notify);
        kv->compacted = kv->compact_to;
    }
    kv->compact_to = kv->revision;
}

void etcd_compact_init(struct kv_etcd *kv, unsigned compact_ms)
{
    struct timeval tv = { compact_ms / 1000, compact_ms % 1000 * 1000 };

    kv->compact_timer = event_new(kv->base, -1, EV_PERSIST, on_timer, kv);
    if (compact_ms != KV_ETCD_COMPACT_NEVER)
        event_add(kv->compact_timer, &tv);
}

void etcd_compact_fini(struct kv_etcd *kv)
{
    http_cancel(kv->compacting);
    event_free(kv->compact_timer);
}
