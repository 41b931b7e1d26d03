/*
 * Leases of the store in SQLite.  It is always at hand, so that a lease ends
 * by itself only when this process did not run for as long as it lives: what
 * was stopped for that long must not go on as if nothing had been.
 */
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "policyd/kv/kv_sqlite_impl.h"

static void again_in(struct kv_sqlite_lease *l, uint64_t ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000 * 1000) };

    evtimer_add(l->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct kv_sqlite_lease *l = arg;
    struct vdc_error why = { 0 };
    uint64_t now = clock_mono().ms;

    if (l->granted && now - l->renewed_ms >= l->ttl_ms) {
        l->over = true;
        kv_sqlite_end_lease((struct kv_sqlite *)l->head.kv, l->id);
        vdc_error_set(&why, VDC_E_TIMEOUT,
                      "the lease was not renewed for %llu ms",
                      (unsigned long long)(now - l->renewed_ms));
        if (l->notify.ended)
            l->notify.ended(l->notify.arg, &why);
        return; /* it may be freed */
    }
    again_in(l, l->ttl_ms / 3);
    l->renewed_ms = now;
    if (l->granted)
        return;
    l->granted = true;
    if (l->notify.granted)
        l->notify.granted(l->notify.arg, l->id);
}

struct kv_lease *kv_sqlite_lease_new(struct kv *kv, uint64_t ttl_ms,
                                     const struct kv_lease_notify *notify)
{
    struct kv_sqlite *s = (struct kv_sqlite *)kv;
    struct kv_sqlite_lease *l = XNEW(struct kv_sqlite_lease);

    l->head.kv = kv;
    l->notify = *notify;
    l->ttl_ms = (ttl_ms + 999) / 1000 * 1000;
    l->id = ++s->last_lease;
    l->timer = evtimer_new(s->base, on_timer, l);
    TAILQ_INSERT_TAIL(&s->leases, l, link);
    again_in(l, 0);
    return &l->head;
}

void kv_sqlite_lease_free(struct kv_lease *lease)
{
    struct kv_sqlite_lease *l = (struct kv_sqlite_lease *)lease;
    struct kv_sqlite *s = (struct kv_sqlite *)lease->kv;

    if (l->granted && !l->over)
        kv_sqlite_end_lease(s, l->id);
    TAILQ_REMOVE(&s->leases, l, link);
    event_free(l->timer);
    free(l);
}

bool kv_sqlite_lease_is_good(const struct kv_sqlite *s, uint64_t id)
{
    const struct kv_sqlite_lease *l;

    TAILQ_FOREACH(l, &s->leases, link)
    if (l->id == id)
        return l->granted && !l->over;
    return false;
}
