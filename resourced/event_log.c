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

/* Events asked of the database at a time. */
#define FEED_BATCH 64
/* A follower that could take no more is offered again after so long. */
#define FEED_AGAIN_MS 50

struct event_follower {
    TAILQ_ENTRY(event_follower) link;
    struct event_log *log;
    uint64_t since; /* has been given all up to this number */
    bool follow;
    bool asking; /* the database; its answer comes to found() */
    bool again;  /* there is more than what was asked for */
    bool gone;   /* nobody wants the answer */
    char owner[64];
    const struct event_follower_ops *ops;
    void *arg;
    struct event *timer; /* pending when there is more to give */
};

struct event_log {
    struct host *host;
    TAILQ_HEAD(, event_follower) followers;
};

int event_log_open(struct host *host, struct event_log **ret,
                   struct vdc_error *err)
{
    struct event_log *log = XNEW(struct event_log);

    log->host = host;
    TAILQ_INIT(&log->followers);
    *ret = log;
    return 0;
}

static void free_follower(struct event_follower *follower)
{
    TAILQ_REMOVE(&follower->log->followers, follower, link);
    event_free(follower->timer);
    free(follower);
}

void event_log_close(struct event_log *log)
{
    struct event_follower *follower;

    if (!log)
        return;
    while ((follower = TAILQ_FIRST(&log->followers)))
        free_follower(follower);
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
        event->number = first_event + i;
        log_info("%s: %s%s%s", event->name,
                 wire_enum_word(&wire_enum_event_kind, (int)event->kind),
                 event->text[0] ? ": " : "", event->text);
    }
    TAILQ_FOREACH (follower, &log->followers, link) {
        if (batch->n_events == 0 || follower->gone)
            continue;
        if (follower->asking)
            follower->again = true;
        else if (!event_pending(follower->timer, EV_TIMEOUT, NULL))
            feed_later(follower, 0);
    }
    batch->n_events = 0;
}

/*
 * One who asks from a number that is no longer kept is told so, and given
 * what is; as is one who asks from a number that never was: the database was
 * made anew, and its numbers have begun again.  false: it cannot be told now.
 */
static bool tell_missed(struct event_follower *follower, uint64_t first,
                        uint64_t last)
{
    uint64_t before = first ? first - 1 : last;
    struct wire_event missed;
    char text[160];

    if (follower->since >= before && follower->since <= last)
        return true;
    if (follower->since) {
        wire_init(&wire_struct_event, &missed);
        missed.number = before;
        missed.time_ms = clock_wall().ms;
        missed.kind = WIRE_EVENT_MISSED;
        missed.host = follower->log->host->name;
        missed.text = "events before this one are no longer kept";
        if (follower->since > last) {
            snprintf(text, sizeof(text),
                     "there is no event of number %llu, the newest is %llu: "
                     "if it was there, the database is another now",
                     (unsigned long long)follower->since,
                     (unsigned long long)last);
            missed.text = text;
        }
        if (!follower->ops->on_event(follower->arg, &missed))
            return false;
    }
    /* What was found is all that there is only below this number. */
    follower->again = follower->again || follower->since > last;
    follower->since = before;
    return true;
}

/* Whether all that was found could be given. */
static bool give(struct event_follower *follower,
                 const struct wire_event *events, size_t n, uint64_t first,
                 uint64_t last)
{
    if (!tell_missed(follower, first, last))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!follower->ops->on_event(follower->arg, &events[i]))
            return false;
        follower->since = events[i].number;
    }
    return true;
}

static void found(void *arg, int rc, const struct vdc_error *err,
                  const struct wire_event *events, size_t n, uint64_t first,
                  uint64_t last)
{
    struct event_follower *follower = arg;

    follower->asking = false;
    if (follower->gone) {
        free_follower(follower);
        return;
    }
    if (rc) {
        log_error("events cannot be read: %s", err->text);
        follower->ops->on_end(follower->arg, err);
        return;
    }
    if (!give(follower, events, n, first, last)) {
        feed_later(follower, FEED_AGAIN_MS);
        return;
    }
    if (n == FEED_BATCH || follower->again) {
        feed_later(follower, 0);
        return;
    }
    follower->since = last; /* those between are of others */
    if (!follower->follow)
        follower->ops->on_end(follower->arg, NULL);
}

static void feed(evutil_socket_t fd, short what, void *arg)
{
    struct event_follower *follower = arg;

    if (follower->asking)
        return;
    follower->asking = true;
    follower->again = false;
    store_find_events(follower->log->host->store, follower->since,
                      follower->owner, FEED_BATCH, found, follower);
}

struct event_follower *event_follow(struct event_log *log,
                                    const struct wire_events_query *query,
                                    const struct event_follower_ops *ops,
                                    void *arg)
{
    struct event_follower *follower = XNEW(struct event_follower);

    follower->log = log;
    follower->since = query->since;
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
    follower->gone = true;
    event_del(follower->timer);
    if (!follower->asking)
        free_follower(follower);
}
