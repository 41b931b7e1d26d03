/*
 * The queue of commits; see store.h.
 *
 * One commit of the kv is under way at a time and holds as many of ours as fit
 * into it; those that come meanwhile are for the next.  Each puts the key
 * "writer" to a new value and compares the one before: so a commit that is
 * made again happens once, whoever else writes is noticed before anything is
 * changed, and what a policyd sends that does not know yet that another has
 * taken over comes to nothing.
 */
#include "policyd/store/store.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/metrics.h"
#include "policyd/kv/kv.h"
#include "policyd/store/store_impl.h"

/* How long after a commit of unknown outcome it is made again. */
#define AGAIN_MS 300
/* Left free in a commit for the writer's key. */
#define OWN_BYTES 256

struct commit {
    TAILQ_ENTRY(commit) link;
    struct arena *arena; /* holds it */
    uint64_t number;
    uint64_t queued_us; /* monotonic */
    struct kv_change *changes;
    size_t n_changes;
    size_t n_bytes;
};

struct waiter {
    TAILQ_ENTRY(waiter) link;
    uint64_t number;
    store_wait_fn *fn;
    void *arg;
};

struct store {
    struct event_base *base;
    struct kv *kv;
    struct store_notify notify;
    struct event *turn;  /* something is queued */
    struct event *again; /* the outcome is not known */
    TAILQ_HEAD(, commit) queue;
    TAILQ_HEAD(, waiter) waiters;
    uint64_t last, durable; /* numbers of commits */
    char id[UUID_TEXT_SIZE];
    uint64_t n_written;
    uint64_t under_way; /* commits up to this one are; 0: none is */
    bool unsure;        /* and may have happened */
    bool busy;          /* the kv has been asked something about it */
    bool lost;
    bool shared;
    bool in_doubt; /* whether this policyd leads */
    struct metrics_timing commits; /* that are durable */
    uint64_t n_refused;
};

/* ---- what is under way ---- */

void store_format_writer(const struct store *s, uint64_t n, char *ret,
                         size_t size)
{
    snprintf(ret, size, "%s %llu", s->id, (unsigned long long)n);
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

struct batch {
    struct kv_change changes[KV_COMMIT_MAX];
    size_t n;
    size_t n_bytes;
};

/* Whether one commit of the kv could not do both. */
static bool overlaps(const struct kv_change *a, const struct kv_change *b)
{
    return (a->kind == KV_DELETE_PREFIX && begins_with(b->key, a->key)) ||
           (b->kind == KV_DELETE_PREFIX && begins_with(a->key, b->key));
}

static bool fits(const struct batch *batch, const struct commit *c)
{
    if (batch->n + c->n_changes > STORE_CHANGES_MAX ||
        batch->n_bytes + c->n_bytes > KV_COMMIT_BYTES_MAX - OWN_BYTES)
        return false;
    for (size_t i = 0; i < c->n_changes; i++)
        for (size_t j = 0; j < batch->n; j++)
            if (overlaps(&c->changes[i], &batch->changes[j]))
                return false;
    return true;
}

/* A later change of the same key stands for both. */
static void take(struct batch *batch, const struct kv_change *change)
{
    size_t i = 0;

    while (i < batch->n && strcmp(batch->changes[i].key, change->key) != 0)
        i++;
    batch->changes[i] = *change;
    if (i == batch->n)
        batch->n++;
}

static void fill(struct store *s, struct batch *batch)
{
    const struct commit *c;

    TAILQ_FOREACH(c, &s->queue, link)
    {
        /* the same again, when it was asked for before */
        if (s->under_way ? c->number > s->under_way
                         : batch->n && !fits(batch, c))
            break;
        for (size_t i = 0; i < c->n_changes; i++)
            take(batch, &c->changes[i]);
        batch->n_bytes += c->n_bytes;
    }
    s->under_way = c ? c->number - 1 : s->last;
}

static void committed(void *arg, uint64_t revision,
                      const struct vdc_error *err);

static void send_queued(struct store *s)
{
    char before[64], after[64];
    struct batch batch = { .n = 0 };
    struct kv_compare compare = { .kind = KV_VALUE_IS, .key = STORE_WRITER };

    if (s->busy || s->lost || TAILQ_EMPTY(&s->queue))
        return;
    fill(s, &batch);
    store_format_writer(s, s->n_written, before, sizeof(before));
    store_format_writer(s, s->n_written + 1, after, sizeof(after));
    compare.value = (const uint8_t *)before;
    compare.size = strlen(before);
    batch.changes[batch.n++] =
        (struct kv_change){ .kind = KV_PUT,
                            .key = STORE_WRITER,
                            .value = (const uint8_t *)after,
                            .size = strlen(after) };
    s->busy = true;
    kv_commit(s->kv, &compare, 1, batch.changes, batch.n, committed, s);
}

/* ---- how it ended ---- */

static void drop_first(struct store *s)
{
    struct commit *c = TAILQ_FIRST(&s->queue);

    TAILQ_REMOVE(&s->queue, c, link);
    arena_free(c->arena);
}

static void wake_waiters(struct store *s, uint64_t number,
                         const struct vdc_error *why)
{
    struct waiter *w;

    while ((w = TAILQ_FIRST(&s->waiters)) && w->number <= number) {
        TAILQ_REMOVE(&s->waiters, w, link);
        w->fn(w->arg, why);
        free(w);
    }
}

static void happened(struct store *s)
{
    const struct vdc_error none = { 0 };

    while (!TAILQ_EMPTY(&s->queue) &&
           TAILQ_FIRST(&s->queue)->number <= s->under_way) {
        metrics_timing_add(&s->commits, TAILQ_FIRST(&s->queue)->queued_us);
        drop_first(s);
    }
    s->n_written++;
    s->durable = s->under_way;
    s->under_way = 0;
    s->unsure = false;
    if (s->notify.durable)
        s->notify.durable(s->notify.arg, s->durable);
    send_queued(s);
    wake_waiters(s, s->durable, &none);
}

/* What waits is told when all is taken back, as it may commit again. */
static void refuse_all(struct store *s, const struct vdc_error *why)
{
    uint64_t last = s->last;

    while (!TAILQ_EMPTY(&s->queue)) {
        s->n_refused++;
        drop_first(s);
    }
    s->durable = last;
    s->under_way = 0;
    s->unsure = false;
    if (s->notify.refused)
        s->notify.refused(s->notify.arg, why);
    wake_waiters(s, last, why);
}

static void lose(struct store *s)
{
    struct vdc_error why = { 0 };

    vdc_error_set(&why, VDC_E_STORE,
                  "%s: another policyd has taken over; nothing was changed",
                  kv_name(s->kv));
    vdc_error_hint(&why, "only one policyd at a time may change it: ask the "
                         "other, or stop it");
    s->lost = true;
    refuse_all(s, &why);
    if (s->notify.lost)
        s->notify.lost(s->notify.arg, &why);
}

static void try_again(struct store *s)
{
    const struct timeval soon = { 0, AGAIN_MS * 1000 };

    evtimer_add(s->again, &soon);
}

/* Whose the value is: ours of this attempt, or another's. */
static void writer_found(void *arg, const struct kv_pair *pair)
{
    struct store *s = arg;
    char ours[64];

    store_format_writer(s, s->n_written + 1, ours, sizeof(ours));
    if (pair->size == strlen(ours) &&
        memcmp(pair->value, ours, pair->size) == 0 &&
        strcmp(pair->key, STORE_WRITER) == 0)
        s->unsure = false; /* it has happened */
}

static void writer_read(void *arg, uint64_t revision,
                        const struct vdc_error *err)
{
    struct store *s = arg;

    s->busy = false;
    if (err->code)
        try_again(s);
    else if (!s->unsure)
        happened(s);
    else
        lose(s);
}

static void committed(void *arg, uint64_t revision,
                      const struct vdc_error *err)
{
    struct store *s = arg;

    s->busy = false;
    if (!err->code) {
        happened(s);
    } else if (err->code == VDC_E_CONFLICT) {
        s->busy = s->unsure = true;
        kv_read(s->kv, STORE_WRITER, writer_found, writer_read, s);
    } else if (err->code == VDC_E_CLOSED || s->unsure) {
        if (!s->unsure)
            log_warning("%s: whether a change was made is not known: %s",
                        kv_name(s->kv), err->text);
        s->unsure = true;
        try_again(s);
    } else {
        refuse_all(s, err);
    }
}

/* ---- queueing ---- */

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    send_queued(arg);
}

static int check_up(const struct store *s, struct vdc_error *err)
{
    struct vdc_error why = { 0 };

    if (s->lost)
        return vdc_error_set(err, VDC_E_STORE,
                             "%s: another policyd has taken over",
                             kv_name(s->kv));
    if (kv_up(s->kv, &why))
        return 0;
    vdc_error_set(err, VDC_E_STORE,
                  "the data center's store cannot be reached: %s; nothing was "
                  "changed",
                  why.text);
    vdc_error_hint(err, "what only looks goes on; changes are taken again "
                        "when the store is back");
    return VDC_E_STORE;
}

static int add_change(struct commit *c, const struct store_change *from,
                      struct vdc_error *err)
{
    struct kv_change *to = &c->changes[c->n_changes++];
    uint8_t *value = NULL;
    size_t size = 0;
    int rc = 0;

    to->key = store_key(from->record, from->id, c->arena);
    switch (from->kind) {
    case STORE_PUT:
        to->kind = KV_PUT;
        rc = wire_struct_encode(store_kinds[from->record].body, from->body,
                                c->arena, &value, &size, err);
        break;
    case STORE_REMOVE:
        to->kind = KV_DELETE;
        break;
    case STORE_REMOVE_ALL:
        to->kind = KV_DELETE_PREFIX;
        break;
    }
    to->value = value;
    to->size = size;
    c->n_bytes += size + strlen(to->key);
    if (!rc && (strlen(to->key) > KV_KEY_MAX ||
                c->n_bytes > KV_COMMIT_BYTES_MAX - OWN_BYTES))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "too large for the data center's store: %.60s",
                           to->key);
    if (rc)
        vdc_error_prefix(err, "nothing was changed");
    return rc;
}

int store_commit(struct store *s, const struct store_change *changes,
                 size_t n_changes, uint64_t *ret_number, struct vdc_error *err)
{
    struct arena *arena;
    struct commit *c;
    int rc = check_up(s, err);

    if (rc)
        return rc;
    if (n_changes > STORE_CHANGES_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "more than %d changes at once",
                             STORE_CHANGES_MAX);
    arena = arena_new();
    c = ARENA_NEW(arena, struct commit);
    c->arena = arena;
    c->changes = ARENA_ARRAY(arena, n_changes, struct kv_change);
    for (size_t i = 0; !rc && i < n_changes; i++)
        rc = add_change(c, &changes[i], err);
    if (rc) {
        arena_free(arena);
        return rc;
    }
    c->number = ++s->last;
    c->queued_us = metrics_now_us();
    TAILQ_INSERT_TAIL(&s->queue, c, link);
    event_active(s->turn, EV_TIMEOUT, 0);
    if (ret_number)
        *ret_number = c->number;
    return 0;
}

bool store_up(const struct store *s, struct vdc_error *why)
{
    return check_up(s, why) == 0;
}

void store_commits(const struct store *s, struct metrics_timing *ret,
                   uint64_t *ret_refused)
{
    *ret = s->commits;
    *ret_refused = s->n_refused;
}

bool store_wait(struct store *s, store_wait_fn *fn, void *arg)
{
    struct waiter *w;

    if (s->durable == s->last)
        return false;
    w = XNEW(struct waiter);
    *w = (struct waiter){ .number = s->last, .fn = fn, .arg = arg };
    TAILQ_INSERT_TAIL(&s->waiters, w, link);
    return true;
}

void store_drain(struct store *s)
{
    struct vdc_error why = { 0 };
    uint64_t before;

    do {
        before = s->durable;
        send_queued(s);
        kv_drain(s->kv);
    } while (!TAILQ_EMPTY(&s->queue) && s->durable != before);
    vdc_error_set(&why, VDC_E_CLOSED,
                  "policyd is being stopped: whether this was changed is not "
                  "known");
    wake_waiters(s, s->last, &why);
}

/* ---- beginning and end ---- */

void store_set_notify(struct store *s, const struct store_notify *notify)
{
    s->notify = *notify;
}

const char *store_name(const struct store *s)
{
    return kv_name(s->kv);
}

struct store *store_new(struct event_base *base, struct kv *kv, bool shared)
{
    struct store *s = XNEW(struct store);
    struct vdc_uuid id;

    s->base = base;
    s->kv = kv;
    s->shared = shared;
    uuid_random(&id);
    uuid_format(&id, s->id);
    TAILQ_INIT(&s->queue);
    TAILQ_INIT(&s->waiters);
    s->turn = event_new(base, -1, 0, on_turn, s);
    s->again = evtimer_new(base, on_turn, s);
    return s;
}

struct kv *store_kv(const struct store *s)
{
    return s->kv;
}

bool store_is_shared(const struct store *s)
{
    return s->shared;
}

void store_set_doubt(struct store *s, bool in_doubt)
{
    s->in_doubt = in_doubt;
}

int store_check_leads(const struct store *s, struct vdc_error *err)
{
    if (!s->in_doubt)
        return 0;
    return vdc_error_set(err, VDC_E_NO_DAEMON,
                         "etcd does not answer, so that another policyd may "
                         "lead: no host is asked to change anything");
}

struct event_base *store_base(const struct store *s)
{
    return s->base;
}

void store_close(struct store *s)
{
    struct waiter *w;

    if (!s)
        return;
    kv_close(s->kv);
    while (!TAILQ_EMPTY(&s->queue))
        drop_first(s);
    while ((w = TAILQ_FIRST(&s->waiters))) {
        TAILQ_REMOVE(&s->waiters, w, link);
        free(w);
    }
    event_free(s->turn);
    event_free(s->again);
    free(s);
}
