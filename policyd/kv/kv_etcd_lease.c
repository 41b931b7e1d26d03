/*
 * Leases: granted, renewed each third of their time, and over when this
 * machine's clock says that they may be: counted from when the last renewal
 * that was answered was sent, so never later than etcd counts.  Who has asked
 * for it is told of doubt then, and hears later whether etcd has it still:
 * without most of its members etcd ends no lease, and one that is new to lead
 * gives each its whole time again.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_impl.h"

/* After a failure: the time until the next try. */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 1000

struct etcd_lease {
    struct kv_lease base;
    TAILQ_ENTRY(etcd_lease) link;
    struct kv_lease_notify notify;
    uint64_t ttl_s; /* asked for; then as granted */
    uint64_t id;    /* 0: not granted yet */
    struct mono sent, until;
    struct http_call *call;
    struct event *timer;     /* the next request */
    struct event *end_timer; /* until */
    bool is_over;
    bool is_doubtful; /* `until` has passed, and etcd has not said so */
    bool has_answer; /* a line of a renewal came */
};

static struct kv_etcd *kv_of(const struct etcd_lease *l)
{
    return (struct kv_etcd *)l->base.kv;
}

/* As the last: may free it. */
static void over(struct etcd_lease *l, const struct vdc_error *why)
{
    http_cancel(l->call);
    l->call = NULL;
    event_del(l->timer);
    event_del(l->end_timer);
    l->is_over = true;
    l->notify.ended(l->notify.arg, why);
}

static uint64_t retry_ms(const struct etcd_lease *l)
{
    uint64_t ms = l->ttl_s * 1000 / 20;

    return ms < RETRY_MIN_MS   ? RETRY_MIN_MS
           : ms > RETRY_MAX_MS ? RETRY_MAX_MS
                               : ms;
}

/* It lives from when the request was sent that was answered now.  As the last:
 * may free it. */
static void prolong(struct etcd_lease *l, uint64_t ttl_s)
{
    bool was_doubtful = l->is_doubtful;

    uint64_t now = clock_mono().ms;

    kv_of(l)->answered.ms = now;
    l->ttl_s = ttl_s;
    l->until.ms = l->sent.ms + ttl_s * 1000;
    etcd_set_timer(l->end_timer, l->until.ms > now ? l->until.ms - now : 0);
    etcd_set_timer(l->timer, ttl_s * 1000 / 3);
    l->is_doubtful = false;
    if (was_doubtful)
        l->notify.sure(l->notify.arg);
}

/* A request that was not answered, or not by what we can take. */
static void failed(struct etcd_lease *l, enum etcd_verdict verdict,
                   const struct vdc_error *why)
{
    if (verdict == ETCD_REFUSED && !(l->id && why->code == VDC_E_DENIED)) {
        over(l, why);
        return;
    }
    etcd_set_timer(l->timer, retry_ms(l));
    if (verdict == ETCD_LOGIN)
        etcd_link_failed(kv_of(l), verdict, why);
    else
        etcd_link_check(kv_of(l));
}

static void on_granted(void *arg, const struct http_answer *answer,
                       const struct vdc_error *transport)
{
    struct etcd_lease *l = arg;
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct vdc_error err = { 0 };
    uint64_t id = 0, ttl_s = 0;

    l->call = NULL;
    enum etcd_verdict verdict =
        etcd_judge(answer, transport, arena, &json, &err);
    if (verdict == ETCD_OK &&
        (!etcd_get_u64(json, "ID", &id) || id == 0 || id > INT64_MAX ||
         !etcd_get_u64(json, "TTL", &ttl_s) || ttl_s == 0 ||
         ttl_s > UINT32_MAX))
        verdict = ETCD_NONSENSE;
    arena_free(arena);
    if (verdict != ETCD_OK) {
        failed(l, verdict, &err);
        return;
    }
    l->id = id;
    prolong(l, ttl_s);
    l->notify.granted(l->notify.arg, id);
}

/* The one line of a renewal; without a time the lease is gone. */
static enum etcd_verdict judge_renewal(struct etcd_lease *l, const char *line,
                                       size_t size, uint64_t *ret_ttl_s,
                                       struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const struct json_value *json;
    uint64_t id, ttl_s;
    enum etcd_verdict verdict = etcd_judge_line(line, size, arena, &json, err);

    if (verdict == ETCD_OK &&
        (!etcd_get_u64(json, "ID", &id) || id != l->id ||
         !etcd_get_u64(json, "TTL", &ttl_s) || ttl_s > UINT32_MAX)) {
        vdc_error_set(err, VDC_E_CLOSED, "the answer is not etcd's");
        verdict = ETCD_NONSENSE;
    }
    if (verdict == ETCD_OK)
        *ret_ttl_s = ttl_s;
    arena_free(arena);
    return verdict;
}

static void on_line(void *arg, const char *line, size_t size)
{
    struct etcd_lease *l = arg;
    struct vdc_error err;
    uint64_t ttl_s = 0;
    enum etcd_verdict verdict = judge_renewal(l, line, size, &ttl_s, &err);

    if (verdict == ETCD_OK && ttl_s == 0) {
        vdc_error_set(&err, VDC_E_STORE, "etcd has ended the lease");
        over(l, &err);
        return;
    }
    if (verdict == ETCD_OK) {
        l->has_answer = true;
        prolong(l, ttl_s);
        return;
    }
    http_cancel(l->call);
    l->call = NULL;
    failed(l, verdict, &err);
}

static void on_renewed(void *arg, const struct http_answer *answer,
                       const struct vdc_error *transport)
{
    struct etcd_lease *l = arg;
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct vdc_error err = { 0 };

    l->call = NULL;
    if (!l->has_answer) {
        enum etcd_verdict verdict =
            etcd_judge(answer, transport, arena, &json, &err);
        if (verdict == ETCD_OK) {
            vdc_error_set(&err, VDC_E_CLOSED, "an answer without a line");
            verdict = ETCD_NONSENSE;
        }
        failed(l, verdict, &err);
    }
    arena_free(arena);
}

/* ---- requests ---- */

static void ask(struct etcd_lease *l)
{
    struct kv_etcd *kv = kv_of(l);
    struct json_out *out = json_out_new(false);
    struct http_notify notify = { .arg = l };
    uint64_t now = clock_mono().ms;
    unsigned timeout_ms = kv->request_ms;

    /* Renewals that hang must leave time for another. */
    if (l->id && timeout_ms > l->ttl_s * 1000 / 3)
        timeout_ms = (unsigned)(l->ttl_s * 1000 / 3);
    http_cancel(l->call);
    event_del(l->timer);
    l->sent.ms = now;
    l->has_answer = false;
    json_out_object(out);
    if (l->id) {
        etcd_put_u64(out, "ID", l->id);
        notify.line = on_line;
        notify.done = on_renewed;
    } else {
        etcd_put_u64(out, "TTL", l->ttl_s);
        notify.done = on_granted;
    }
    json_out_object_end(out);
    l->call = etcd_post(kv, l->id ? "lease/keepalive" : "lease/grant", out,
                        timeout_ms, 64 * 1024, &notify);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct etcd_lease *l = arg;

    if (kv_of(l)->link == ETCD_UP)
        ask(l);
    else /* etcd_leases_renew comes first */
        etcd_set_timer(l->timer, retry_ms(l));
}

static void on_end_timer(evutil_socket_t fd, short what, void *arg)
{
    struct etcd_lease *l = arg;
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_TIMEOUT,
                  "etcd has not renewed the lease within its %u s",
                  (unsigned)l->ttl_s);
    if (!l->notify.doubtful) {
        over(l, &err);
        return;
    }
    l->is_doubtful = true;
    /* its next try is by its own timer, or when the link is up again */
    l->notify.doubtful(l->notify.arg, &err);
}

void etcd_leases_renew(struct kv_etcd *kv)
{
    struct etcd_lease *l;

    TAILQ_FOREACH(l, &kv->leases, link)
    if (!l->is_over)
        ask(l);
}

struct kv_lease *etcd_lease_new(struct kv *base, uint64_t ttl_ms,
                                const struct kv_lease_notify *notify)
{
    struct kv_etcd *kv = (struct kv_etcd *)base;
    struct etcd_lease *l = XNEW(struct etcd_lease);

    l->base.kv = base;
    l->notify = *notify;
    l->ttl_s = ttl_ms < 1000      ? 1
               : ttl_ms > 3600000 ? 3600
                                  : (ttl_ms + 999) / 1000;
    l->timer = evtimer_new(kv->base, on_timer, l);
    l->end_timer = evtimer_new(kv->base, on_end_timer, l);
    TAILQ_INSERT_TAIL(&kv->leases, l, link);
    if (kv->link == ETCD_UP)
        ask(l);
    return &l->base;
}

/* Nobody waits for it; if it fails, the lease ends by itself. */
static void ignore(void *arg, const struct http_answer *answer,
                   const struct vdc_error *err)
{
}

static void revoke(struct kv_etcd *kv, uint64_t id)
{
    struct json_out *out = json_out_new(false);
    struct http_notify notify = { .done = ignore };

    json_out_object(out);
    etcd_put_u64(out, "ID", id);
    json_out_object_end(out);
    etcd_post(kv, "lease/revoke", out, kv->request_ms, 64 * 1024, &notify);
}

void etcd_lease_free(struct kv_lease *lease)
{
    struct etcd_lease *l = (struct etcd_lease *)lease;

    TAILQ_REMOVE(&kv_of(l)->leases, l, link);
    http_cancel(l->call);
    if (l->id && !l->is_over && !kv_of(l)->closed)
        revoke(kv_of(l), l->id);
    event_free(l->timer);
    event_free(l->end_timer);
    free(l);
}
