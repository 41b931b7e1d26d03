/*
 * The queue of reads and commits.  What may begin is said at the head of
 * kv_etcd.h.
 *
 * A request stays in the queue until its callback: waiting (no call), or
 * under way.  When its call failed and it can be made again, it waits again,
 * for what is left of its time.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_check.h"
#include "policyd/kv/kv_etcd_impl.h"

/* Reads side by side. */
#define READING_MAX 8
/* Of one request: not for ever on one that kills each server. */
#define TRIES_MAX 5

void etcd_request_wait(struct etcd_request *r)
{
    struct kv_etcd *kv = r->kv;
    uint64_t now = clock_mono().ms;

    if (kv->queue_due.ms && kv->queue_due.ms <= r->deadline.ms)
        return;
    kv->queue_due = r->deadline;
    etcd_set_timer(kv->queue_timer,
                   r->deadline.ms > now ? r->deadline.ms - now : 0);
}

void etcd_request_finish(struct etcd_request *r, uint64_t revision,
                         const struct vdc_error *err)
{
    struct kv_etcd *kv = r->kv;
    struct vdc_error copy = { 0 };

    if (err)
        copy = *err;
    TAILQ_REMOVE(&kv->requests, r, link);
    kv_done_fn *done = r->done;
    void *arg = r->arg;
    free(r->text);
    free(r->prefix);
    free(r->after);
    free(r);
    etcd_requests_run(kv);
    done(arg, revision, &copy);
}

/* ---- answers ---- */

void etcd_request_again(struct etcd_request *r, enum etcd_verdict verdict,
                        const struct vdc_error *why)
{
    struct kv_etcd *kv = r->kv;
    struct vdc_error err = *why;

    etcd_link_failed(kv, verdict, why);
    if (r->n_tries < TRIES_MAX) {
        etcd_request_wait(r);
        return;
    }
    if (err.code == VDC_E_CLOSED)
        err.code = VDC_E_STORE;
    etcd_request_finish(r, 0, &err);
}

static void on_commit(void *arg, const struct http_answer *answer,
                      const struct vdc_error *transport)
{
    struct etcd_request *r = arg;
    struct kv_etcd *kv = r->kv;
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct vdc_error err = { 0 };
    uint64_t revision = 0;
    bool done = false;

    r->call = NULL;
    enum etcd_verdict verdict =
        etcd_judge(answer, transport, arena, &json, &err);
    if (verdict == ETCD_OK) {
        kv->answered = clock_mono();
        const struct json_value *succeeded = json_get(json, "succeeded");
        done = etcd_get_bool(json, "succeeded");
        if (!etcd_get_revision(json, &revision) ||
            (succeeded && succeeded->type != JSON_BOOL)) {
            vdc_error_set(&err, VDC_E_CLOSED,
                          "the answer to a commit is not etcd's");
            verdict = ETCD_NONSENSE;
        } else if (!done) {
            vdc_error_set(&err, VDC_E_CONFLICT,
                          "what the commit depends on has changed");
        }
    }
    arena_free(arena);
    if (verdict == ETCD_OK)
        etcd_saw(kv, revision);
    switch (verdict) {
    case ETCD_OK:
    case ETCD_REFUSED:
    case ETCD_NONSENSE:
        etcd_request_finish(r, revision, &err);
        return;
    case ETCD_UNKNOWN:
        etcd_link_failed(kv, verdict, &err);
        etcd_request_finish(r, 0, &err);
        return;
    case ETCD_UNAVAILABLE:
    case ETCD_LOGIN:
        etcd_request_again(r, verdict, &err);
        return;
    }
}

/* ---- beginning ---- */

unsigned etcd_request_left(const struct etcd_request *r)
{
    uint64_t now = clock_mono().ms;

    return r->deadline.ms > now ? (unsigned)(r->deadline.ms - now) : 1;
}

static void begin_commit(struct etcd_request *r)
{
    struct kv_etcd *kv = r->kv;
    struct http_notify notify = { .done = on_commit, .arg = r };

    r->call = etcd_post_text(kv, "kv/txn", r->text, strlen(r->text),
                             etcd_request_left(r), ETCD_ANSWER_MAX, &notify);
}

void etcd_requests_run(struct kv_etcd *kv)
{
    struct etcd_request *r;
    bool settled = true; /* all before it have had their effect */

    if (kv->link != ETCD_UP || kv->closed)
        return;
    TAILQ_FOREACH(r, &kv->requests, link)
    {
        if (r->failed.code)
            continue;
        if (r->is_read ? !r->call && kv->n_reading >= READING_MAX : !settled)
            return;
        if (!r->call) {
            r->n_tries++;
            if (r->is_read)
                etcd_page_begin(r);
            else
                begin_commit(r);
        }
        if (!r->is_read)
            return;
        settled = settled && r->revision != 0;
    }
}

static void set_why(const struct etcd_request *r, struct vdc_error *ret)
{
    if (r->failed.code)
        *ret = r->failed;
    else if (r->kv->link == ETCD_UP)
        vdc_error_set(ret, VDC_E_STORE, "etcd has not come to it within %u ms",
                      r->kv->request_ms);
    else
        etcd_link_why(r->kv, ret);
}

/* The first whose time is over ends; the next by the timer again. */
static void on_queue_timer(evutil_socket_t fd, short what, void *arg)
{
    struct kv_etcd *kv = arg;
    uint64_t now = clock_mono().ms;
    struct etcd_request *r, *over = NULL;
    struct vdc_error err;

    kv->queue_due.ms = 0;
    TAILQ_FOREACH(r, &kv->requests, link)
    {
        if (r->call)
            continue;
        if (over || r->deadline.ms > now)
            etcd_request_wait(r);
        else
            over = r;
        if (kv->queue_due.ms && kv->queue_due.ms <= now)
            break;
    }
    if (!over)
        return;
    set_why(over, &err);
    etcd_request_finish(over, 0, &err);
}

static struct etcd_request *new_request(struct kv_etcd *kv, kv_done_fn *done,
                                        void *arg)
{
    struct etcd_request *r = XNEW(struct etcd_request);

    r->kv = kv;
    r->done = done;
    r->arg = arg;
    r->deadline.ms = clock_mono().ms + etcd_link_patience(kv);
    TAILQ_INSERT_TAIL(&kv->requests, r, link);
    return r;
}

void etcd_read(struct kv *base, const char *prefix, kv_pair_fn *pair,
               kv_done_fn *done, void *arg)
{
    struct kv_etcd *kv = (struct kv_etcd *)base;
    struct etcd_request *r = new_request(kv, done, arg);

    r->is_read = true;
    r->page = ETCD_PAGE_FIRST;
    r->pair = pair;
    r->prefix = xstrdup(prefix);
    if (kv_check_prefix(prefix, &r->failed))
        r->deadline = clock_mono();
    etcd_request_wait(r);
    etcd_requests_run(kv);
}

void etcd_commit(struct kv *base, const struct kv_compare *compares,
                 size_t n_compares, const struct kv_change *changes,
                 size_t n_changes, kv_done_fn *done, void *arg)
{
    struct kv_etcd *kv = (struct kv_etcd *)base;
    struct etcd_request *r = new_request(kv, done, arg);

    if (kv_check_commit(compares, n_compares, changes, n_changes,
                        &r->failed)) {
        r->deadline = clock_mono();
    } else {
        struct json_out *out = json_out_new(false);
        etcd_put_commit(out, kv->prefix, compares, n_compares, changes,
                        n_changes);
        r->text = xstrdup(json_out_text(out, NULL));
        json_out_free(out);
    }
    etcd_request_wait(r);
    etcd_requests_run(kv);
}

void etcd_requests_init(struct kv_etcd *kv)
{
    TAILQ_INIT(&kv->requests);
    kv->queue_timer = evtimer_new(kv->base, on_queue_timer, kv);
}

void etcd_requests_fini(struct kv_etcd *kv)
{
    struct etcd_request *r;

    while ((r = TAILQ_FIRST(&kv->requests))) {
        TAILQ_REMOVE(&kv->requests, r, link);
        http_cancel(r->call);
        free(r->text);
        free(r->prefix);
        free(r->after);
        free(r);
    }
    event_free(kv->queue_timer);
}
