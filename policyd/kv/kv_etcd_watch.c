/*
 * Watches: each is a request whose answer does not end, a line for each batch
 * of changes.
 *
 * A line may hold several revisions, and with fragments the changes of one
 * revision come in several lines; so what may go on in the next line is kept
 * until it is known to be whole.  When a stream ends, another begins after
 * the last revision that was told, or that etcd said has been seen.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_check.h"
#include "policyd/kv/kv_etcd_impl.h"

#define BACK_OFF_MIN_MS 100
#define BACK_OFF_MAX_MS 2000

struct etcd_watch {
    struct kv_watch base;
    TAILQ_ENTRY(etcd_watch) link;
    char *prefix;
    struct kv_watcher watcher;
    uint64_t next;       /* the first revision that was not told */
    uint64_t next_asked; /* when etcd was asked for its own */
    struct http_call *call;
    struct event *timer; /* begins again, or tells that it is lost */
    uint64_t back_off_ms;
    bool is_lost, lost_told;

    struct arena *arena; /* of: */
    struct kv_pair *pairs;
    size_t n_pairs, room;

    bool busy;  /* in a callback */
    bool freed; /* in it */
};

static struct kv_etcd *kv_of(const struct etcd_watch *w)
{
    return (struct kv_etcd *)w->base.kv;
}

static void drop_pairs(struct etcd_watch *w)
{
    arena_free(w->arena);
    w->arena = NULL;
    w->n_pairs = 0;
}

static void stop(struct etcd_watch *w)
{
    http_cancel(w->call);
    w->call = NULL;
    drop_pairs(w);
}

static void free_now(struct etcd_watch *w)
{
    stop(w);
    event_free(w->timer);
    free(w->pairs);
    free(w->prefix);
    free(w);
}

/* Calls nobody: that is the timer's. */
static void lose(struct etcd_watch *w)
{
    stop(w);
    w->is_lost = true;
    etcd_set_timer(w->timer, 0);
}

static void begin_later(struct etcd_watch *w)
{
    stop(w);
    etcd_set_timer(w->timer, w->back_off_ms);
    w->back_off_ms *= 2;
    if (w->back_off_ms > BACK_OFF_MAX_MS)
        w->back_off_ms = BACK_OFF_MAX_MS;
}

/* ---- what comes ---- */

/* `n` pairs, the first that are kept, all of one revision; false: over. */
static bool tell_revision(struct etcd_watch *w, size_t from, size_t to)
{
    uint64_t revision = w->pairs[from].modified;

    w->next = revision + 1;
    etcd_saw(kv_of(w), revision);
    for (size_t i = from; i < to; i++) {
        w->watcher.pair(w->watcher.arg, &w->pairs[i]);
        if (w->freed || kv_of(w)->closed)
            return false;
    }
    w->watcher.done(w->watcher.arg, revision);
    return !w->freed && !kv_of(w)->closed;
}

/* What is left after `from` goes into an arena of its own, as the revision
 * may have many fragments. */
static void keep_rest(struct etcd_watch *w, size_t from)
{
    struct arena *arena = arena_new();
    size_t n = w->n_pairs - from;

    for (size_t i = 0; i < n; i++) {
        struct kv_pair *pair = &w->pairs[i];
        *pair = w->pairs[from + i];
        pair->key = arena_strdup(arena, pair->key);
        if (pair->value)
            pair->value = arena_memdup(arena, pair->value, pair->size);
    }
    arena_free(w->arena);
    w->arena = arena;
    w->n_pairs = n;
}

/* Tells the revisions that are whole.  False: over. */
static bool tell_whole(struct etcd_watch *w, bool goes_on)
{
    size_t from = 0;

    while (from < w->n_pairs) {
        size_t to = from;
        while (to < w->n_pairs &&
               w->pairs[to].modified == w->pairs[from].modified)
            to++;
        if (to == w->n_pairs && goes_on)
            break;
        if (!tell_revision(w, from, to))
            return false;
        from = to;
    }
    if (from == w->n_pairs)
        drop_pairs(w);
    else if (from > 0)
        keep_rest(w, from);
    return true;
}

static bool keep_event(struct etcd_watch *w, const struct json_value *event)
{
    const struct json_value *type = json_get(event, "type");
    uint64_t least = w->n_pairs ? w->pairs[w->n_pairs - 1].modified : w->next;
    struct kv_pair pair;

    if (!etcd_get_pair(json_get(event, "kv"), kv_of(w)->prefix, w->arena,
                       &pair) ||
        strncmp(pair.key, w->prefix, strlen(w->prefix)) ||
        pair.modified < least)
        return false;
    if (type && type->type == JSON_STRING &&
        strcmp(type->text, "DELETE") == 0) {
        pair.value = NULL;
        pair.size = 0;
    }
    if (w->n_pairs == w->room) {
        w->room = w->room ? w->room * 2 : 8;
        w->pairs = xrealloc(w->pairs, w->room * sizeof(w->pairs[0]));
    }
    w->pairs[w->n_pairs++] = pair;
    return true;
}

static bool keep_events(struct etcd_watch *w, const struct json_value *events)
{
    if (events->type != JSON_ARRAY)
        return false;
    if (!w->arena)
        w->arena = arena_new();
    for (size_t i = 0; i < events->n_items; i++)
        if (!keep_event(w, &events->items[i]))
            return false;
    return true;
}

static void cancelled(struct etcd_watch *w, const struct json_value *result)
{
    const struct json_value *reason = json_get(result, "cancel_reason");
    uint64_t compacted;
    struct vdc_error err;

    if (etcd_get_u64(result, "compact_revision", &compacted) && compacted) {
        lose(w);
        return;
    }
    begin_later(w);
    if (!reason || reason->type != JSON_STRING)
        return;
    enum etcd_verdict verdict = etcd_judge_words(reason->text, &err);
    if (verdict == ETCD_LOGIN)
        etcd_link_failed(kv_of(w), verdict, &err);
}

/* The member "result" of a line. */
static void take_result(struct etcd_watch *w, const struct json_value *result)
{
    const struct json_value *events = json_get(result, "events");
    bool goes_on = etcd_get_bool(result, "fragment");
    uint64_t revision;

    if (etcd_get_bool(result, "canceled")) {
        cancelled(w, result);
        return;
    }
    w->back_off_ms = BACK_OFF_MIN_MS;
    if (events) {
        if (!keep_events(w, events))
            begin_later(w);
        else
            tell_whole(w, goes_on);
        return;
    }
    /* Nothing but a header, and not the first: all until then was sent. */
    if (!etcd_get_bool(result, "created") && w->n_pairs == 0 &&
        etcd_get_revision(result, &revision) && revision >= w->next)
        w->next = revision + 1;
}

static void take_line(struct etcd_watch *w, const char *line, size_t size)
{
    struct arena *arena = arena_new();
    const struct json_value *result;
    struct vdc_error err;
    enum etcd_verdict verdict =
        etcd_judge_line(line, size, arena, &result, &err);

    if (verdict == ETCD_OK) {
        kv_of(w)->answered = clock_mono();
        take_result(w, result);
    } else {
        begin_later(w);
        if (verdict == ETCD_LOGIN)
            etcd_link_failed(kv_of(w), verdict, &err);
        else
            etcd_link_check(kv_of(w));
    }
    arena_free(arena);
}

static void on_line(void *arg, const char *line, size_t size)
{
    struct etcd_watch *w = arg;
    struct kv_etcd *kv = kv_of(w);

    etcd_enter(kv);
    w->busy = true;
    take_line(w, line, size);
    w->busy = false;
    if (w->freed)
        free_now(w);
    etcd_leave(kv);
}

static void on_end(void *arg, const struct http_answer *answer,
                   const struct vdc_error *transport)
{
    struct etcd_watch *w = arg;
    struct kv_etcd *kv = kv_of(w);
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct vdc_error err = { 0 };

    w->call = NULL;
    enum etcd_verdict verdict = ETCD_UNKNOWN;
    if (transport->code || answer->status != 200)
        verdict = etcd_judge(answer, transport, arena, &json, &err);
    arena_free(arena);
    /* A line that we cannot take would come again each time. */
    if (transport->code == VDC_E_BAD_VALUE) {
        lose(w);
        return;
    }
    begin_later(w);
    if (verdict == ETCD_LOGIN)
        etcd_link_failed(kv, verdict, &err);
    else
        etcd_link_check(kv);
}

/* ---- beginning and end ---- */

static void begin(struct etcd_watch *w)
{
    struct kv_etcd *kv = kv_of(w);
    struct json_out *out = json_out_new(false);
    struct http_notify notify = { .line = on_line, .done = on_end, .arg = w };

    stop(w);
    event_del(w->timer);
    json_out_object(out);
    json_out_key(out, "create_request");
    json_out_object(out);
    etcd_put_prefix(out, kv->prefix, w->prefix);
    etcd_put_u64(out, "start_revision", w->next);
    json_out_key(out, "progress_notify");
    json_out_bool(out, true);
    json_out_key(out, "fragment");
    json_out_bool(out, true);
    json_out_object_end(out);
    json_out_object_end(out);
    w->call = etcd_post(kv, "watch", out, 0, ETCD_ANSWER_MAX, &notify);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct etcd_watch *w = arg;

    if (w->is_lost) {
        if (w->lost_told)
            return;
        w->lost_told = true;
        w->watcher.lost(w->watcher.arg);
    } else if (kv_of(w)->link == ETCD_UP) {
        begin(w);
    } /* else when it is up again */
}

void etcd_watches_ask(struct kv_etcd *kv)
{
    struct etcd_watch *w;

    TAILQ_FOREACH(w, &kv->watches, link)
    w->next_asked = w->next;
}

void etcd_watches_check(struct kv_etcd *kv, uint64_t revision)
{
    struct etcd_watch *w;

    /* What we have seen is not there: it is another etcd, or one from a
     * backup. */
    TAILQ_FOREACH(w, &kv->watches, link)
    if (!w->is_lost && w->next_asked > revision + 1)
        lose(w);
}

void etcd_watches_restart(struct kv_etcd *kv)
{
    struct etcd_watch *w;

    TAILQ_FOREACH(w, &kv->watches, link)
    if (!w->is_lost)
        begin(w);
}

struct kv_watch *etcd_watch_new(struct kv *base, const char *prefix,
                                uint64_t after,
                                const struct kv_watcher *watcher)
{
    struct kv_etcd *kv = (struct kv_etcd *)base;
    struct etcd_watch *w = XNEW(struct etcd_watch);

    w->base.kv = base;
    w->prefix = xstrdup(prefix);
    w->watcher = *watcher;
    w->next = after + 1;
    w->back_off_ms = BACK_OFF_MIN_MS;
    w->timer = evtimer_new(kv->base, on_timer, w);
    TAILQ_INSERT_TAIL(&kv->watches, w, link);
    if (kv_check_prefix(prefix, NULL))
        lose(w);
    else if (kv->link == ETCD_UP)
        begin(w);
    return &w->base;
}

void etcd_watch_free(struct kv_watch *watch)
{
    struct etcd_watch *w = (struct etcd_watch *)watch;

    TAILQ_REMOVE(&kv_of(w)->watches, w, link);
    w->freed = true;
    if (!w->busy)
        free_now(w);
}
