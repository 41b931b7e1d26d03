/*
 * Events for clients.  One subscription to the host serves all who follow;
 * each asks for the kept events by itself first.  While those arrive others
 * may happen, so it asks again until it has caught up with what was published
 * meanwhile; numbers rise, so nothing is sent twice and nothing is missed.
 *
 * Only with the event `missed` a number may be lower than one before: the
 * host's database is an older copy, or a new one, and its numbers have begun
 * again from there.  Followers are told so, and go on from there too.
 */
#include "policyd/events.h"

#include <stdlib.h>
#include <string.h>

/* A follower that reads more slowly than this is dropped. */
#define FOLLOWER_PENDING_MAX (1024 * 1024)

struct watcher {
    TAILQ_ENTRY(watcher) link;
    struct events *events;
    struct request *request;               /* its arena holds this */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    struct vdc_uuid guest;  /* only its own; zero: of all */
    uint64_t not_before_ms; /* a namesake's events are not this customer's */
    uint64_t position;      /* highest number that was dealt with */
    uint64_t round_until;
    bool fetching; /* kept events are on their way */
    bool follow;
};

struct events {
    struct operations *ops;
    uint64_t newest; /* highest number published */
    TAILQ_HEAD(, watcher) watchers;
};

struct events *events_new(struct operations *ops)
{
    struct events *events = XNEW(struct events);

    events->ops = ops;
    TAILQ_INIT(&events->watchers);
    return events;
}

void events_free(struct events *events)
{
    free(events);
}

static void watcher_end(struct watcher *watcher)
{
    TAILQ_REMOVE(&watcher->events->watchers, watcher, link);
}

static bool concerns(const struct watcher *watcher,
                     const struct wire_event *event)
{
    if (!*watcher->customer)
        return true;
    if (event->kind == WIRE_EVENT_MISSED)
        return true;
    if (!uuid_is_zero(&watcher->guest) &&
        !uuid_equal(&watcher->guest, &event->uuid))
        return false;
    return names_covers(watcher->customer, event->customer) &&
           event->time_ms >= watcher->not_before_ms;
}

/* Whether the watcher has dealt with it, or with what it tells of. */
static bool is_known(const struct watcher *watcher,
                     const struct wire_event *event)
{
    return event->kind == WIRE_EVENT_MISSED
               ? event->number == watcher->position
               : event->number <= watcher->position;
}

static void deliver(struct watcher *watcher, const struct wire_event *event)
{
    struct wire_event mine = *event;

    if (is_known(watcher, event))
        return;
    watcher->position = event->number;
    if (watcher->round_until > event->number &&
        event->kind == WIRE_EVENT_MISSED)
        watcher->round_until = event->number;
    if (!concerns(watcher, event))
        return;
    if (!*mine.host)
        mine.host = service_host_name(watcher->events->ops->service);
    request_more(watcher->request, WIRE_MSG_event, &mine);
}

void events_publish(struct events *events, const struct wire_event *event)
{
    struct watcher *watcher, *next;
    struct vdc_error err = { 0 };

    if (event->number > events->newest || event->kind == WIRE_EVENT_MISSED)
        events->newest = event->number;
    for (watcher = TAILQ_FIRST(&events->watchers); watcher; watcher = next) {
        next = TAILQ_NEXT(watcher, link);
        if (watcher->fetching) {
            /* What it asked for is told of what was missed by itself. */
            if (event->kind == WIRE_EVENT_MISSED &&
                watcher->round_until > event->number)
                watcher->round_until = event->number;
            continue;
        }
        deliver(watcher, event);
        if (request_pending(watcher->request) > FOLLOWER_PENDING_MAX) {
            struct request *request = watcher->request;
            vdc_error_set(&err, VDC_E_CLOSED,
                          "events are not read as fast as they happen");
            watcher_end(watcher);
            request->on_gone = NULL;
            request_fail(request, &err);
        }
    }
}

/* ---- kept events ---- */

static void fetch(struct watcher *watcher);

static void on_gone(struct request *request)
{
    struct watcher *watcher = request->owner;

    /* while fetching, the answer that comes ends it */
    if (watcher->fetching)
        return;
    watcher_end(watcher);
    request_free(request);
}

static void fetch_more(void *arg, const struct wire_frame *frame)
{
    struct watcher *watcher = arg;

    if (frame->message->number == WIRE_MSG_event)
        deliver(watcher, frame->body);
}

static void fetched(void *arg, const void *answer, const struct vdc_error *err)
{
    struct watcher *watcher = arg;
    struct request *request = watcher->request;

    watcher->fetching = false;
    if (watcher->position < watcher->round_until)
        watcher->position = watcher->round_until;
    if (!err && request->session && watcher->follow) {
        if (watcher->position < watcher->events->newest)
            fetch(watcher);
        return;
    }
    watcher_end(watcher);
    request->on_gone = NULL;
    if (err)
        request_fail(request, err);
    else
        request_ok(request);
}

static void fetch(struct watcher *watcher)
{
    struct vdc_error err = { 0 };

    watcher->fetching = true;
    watcher->round_until = watcher->events->newest;
    if (service_events(watcher->events->ops->service, watcher->position,
                       fetched, fetch_more, watcher, &err))
        fetched(watcher, NULL, &err);
}

void events_query(struct request *request)
{
    const struct wire_events_query *query = request->body;
    struct events *events = request->ops->events;
    struct watcher *watcher = ARENA_NEW(request->arena, struct watcher);
    struct vdc_error err = { 0 };
    struct customer *customer;

    watcher->events = events;
    watcher->request = request;
    watcher->position = query->since;
    watcher->follow = query->follow;
    watcher->guest = request->auth.guest;
    if (*query->customer || request->auth.role != W_OPERATOR) {
        if (operations_customer(request, query->customer, &customer, &err)) {
            request_fail(request, &err);
            return;
        }
        strcpy(watcher->customer, customer->name);
        watcher->not_before_ms = customer->created_ms;
    }
    request->owner = watcher;
    request->on_gone = on_gone;
    TAILQ_INSERT_TAIL(&events->watchers, watcher, link);
    fetch(watcher);
}
