/* Events: numbers, the database, and those who follow. */
#include "resourced/event_log.h"

#include <assert.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/text.h"

/* Events read from the database at a time. */
#define FEED_BATCH 64
/* A follower that could take no more is offered again after so long. */
#define FEED_AGAIN_MS 50
/* Old events are dropped when so many more than wanted are kept. */
#define KEEP_SLACK 64

int store_events(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct arena *arena, struct wire_event **ret,
                 size_t *ret_n, struct vdc_error *err);
int store_events_range(struct store *store, uint64_t *ret_first,
                       uint64_t *ret_last, struct vdc_error *err);

struct event_follower {
    TAILQ_ENTRY(event_follower) link;
    struct event_log *log;
    uint64_t since; /* has been given all up to this number */
    bool follow;
    bool told_missed;
    char owner[64];
    const struct event_follower_ops *ops;
    void *arg;
    struct event *timer; /* pending when there is more to give */
};

struct event_log {
    struct host *host;
    uint64_t first, last; /* numbers kept; last 0: there was none */
    TAILQ_HEAD(, event_follower) followers;
};

int event_log_open(struct host *host, struct event_log **ret,
                   struct vdc_error *err)
{
    struct event_log *log = XNEW(struct event_log);
    int rc = store_events_range(host->store, &log->first, &log->last, err);

    if (rc) {
        free(log);
        return rc;
    }
    log->host = host;
    TAILQ_INIT(&log->followers);
    *ret = log;
    return 0;
}

void event_log_close(struct event_log *log)
{
    struct event_follower *follower;

    if (!log)
        return;
    while ((follower = TAILQ_FIRST(&log->followers)))
        event_unfollow(follower);
    free(log);
}

void event_batch_add(struct event_batch *batch, const struct host *host,
                     enum wire_event_kind kind,
                     const struct partition_row *row, const char *format, ...)
{
    assert(batch->n_events < EVENT_BATCH_MAX);
    size_t at = batch->n_events++;
    struct wire_event *event = &batch->events[at];
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    text_tidy(batch->texts[at], sizeof(batch->texts[at]), text);
    wire_init(&wire_struct_event, event);
    event->time_ms = clock_wall().ms;
    event->kind = kind;
    event->uuid = row->uuid;
    event->customer = row->owner;
    event->name = row->name;
    event->host = host->name;
    event->domid = row->domid == HV_DOMID_NONE ? 0 : row->domid;
    event->text = batch->texts[at];
}

void event_log_into(struct event_log *log, const struct event_batch *batch,
                    struct store_change *change)
{
    change->events = batch->events;
    change->n_events = batch->n_events;
    change->event_keep = log->host->settings->event_keep;
}

static void feed_later(struct event_follower *follower, unsigned ms)
{
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    event_add(follower->timer, &tv);
}

void event_log_publish(struct event_log *log, struct event_batch *batch,
                       uint64_t first_event)
{
    struct event_follower *follower;

    for (size_t i = 0; i < batch->n_events; i++) {
        struct wire_event *event = &batch->events[i];
        log->last = event->number = first_event + i;
        if (!log->first)
            log->first = event->number;
        log_info("%s: %s%s%s", event->name,
                 wire_enum_word(&wire_enum_event_kind, (int)event->kind),
                 event->text[0] ? ": " : "", event->text);
    }
    if (log->last > log->first + log->host->settings->event_keep + KEEP_SLACK)
        log->first = log->last - log->host->settings->event_keep;
    if (batch->n_events)
        TAILQ_FOREACH (follower, &log->followers, link)
            if (!event_pending(follower->timer, EV_TIMEOUT, NULL))
                feed_later(follower, 0);
    batch->n_events = 0;
}

/* One who asks from a number that is no longer kept is told so. */
static bool tell_missed(struct event_follower *follower)
{
    struct wire_event missed;

    if (follower->told_missed || follower->since == 0 ||
        follower->since + 1 >= follower->log->first)
        return true;
    wire_init(&wire_struct_event, &missed);
    missed.number = follower->log->first - 1;
    missed.time_ms = clock_wall().ms;
    missed.kind = WIRE_EVENT_MISSED;
    missed.host = follower->log->host->name;
    missed.text = "events before this one are no longer kept";
    follower->told_missed = follower->ops->on_event(follower->arg, &missed);
    return follower->told_missed;
}

static void feed(evutil_socket_t fd, short what, void *arg)
{
    struct event_follower *follower = arg;
    struct event_log *log = follower->log;
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_event *events;
    size_t n = 0, i = 0;

    if (!tell_missed(follower)) {
        feed_later(follower, FEED_AGAIN_MS);
        goto out;
    }
    int rc = store_events(log->host->store, follower->since, follower->owner,
                          FEED_BATCH, arena, &events, &n, &err);
    if (rc) {
        log_error("events cannot be read: %s", err.text);
        follower->ops->on_end(follower->arg, &err);
        goto out;
    }
    for (; i < n && follower->ops->on_event(follower->arg, &events[i]); i++)
        follower->since = events[i].number;
    if (i < n)
        feed_later(follower, FEED_AGAIN_MS);
    else if (n == FEED_BATCH)
        feed_later(follower, 0);
    else if (!follower->follow)
        follower->ops->on_end(follower->arg, NULL);
out:
    arena_free(arena);
}

struct event_follower *event_follow(struct event_log *log,
                                    const struct wire_events_query *query,
                                    const struct event_follower_ops *ops,
                                    void *arg)
{
    struct event_follower *follower = XNEW(struct event_follower);

    follower->log = log;
    /* A number that is still to come means: from now on. */
    follower->since = query->since > log->last ? log->last : query->since;
    follower->follow = query->follow;
    snprintf(follower->owner, sizeof(follower->owner), "%s", query->customer);
    follower->ops = ops;
    follower->arg = arg;
    follower->timer = event_new(log->host->base, -1, 0, feed, follower);
    TAILQ_INSERT_TAIL(&log->followers, follower, link);
    feed_later(follower, 0);
    return follower;
}

void event_unfollow(struct event_follower *follower)
{
    if (!follower)
        return;
    TAILQ_REMOVE(&follower->log->followers, follower, link);
    event_free(follower->timer);
    free(follower);
}
