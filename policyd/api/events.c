/*
 * Events for clients.  One subscription to each host serves all who follow;
 * each asks for the kept events by itself first.  While those arrive others
 * may happen, so it asks again until it has caught up with what was published
 * meanwhile; numbers of a host rise, so nothing is sent twice and nothing is
 * missed.  Hosts number by themselves: a stream is what a client has of one
 * of them, and streams go on beside each other.
 *
 * Only with the event `missed` a number may be lower than one before: the
 * host's database is an older copy, or a new one, and its numbers have begun
 * again from there.  Followers are told so, and go on from there too.  Who
 * does not follow gets it from policyd in place of the events of a host that
 * cannot be reached.
 */
#include "policyd/api/events.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A follower that reads more slowly than this is dropped. */
#define FOLLOWER_PENDING_MAX (1024 * 1024)

struct stream {
    TAILQ_ENTRY(stream) link;
    struct watcher *watcher; /* its request's arena holds this */
    const char *host;
    uint64_t position; /* highest number that was dealt with */
    uint64_t round_until;
    bool fetching;    /* kept events are on their way */
    const char *owed; /* why the host could not be asked; or NULL */
};

struct watcher {
    TAILQ_ENTRY(watcher) link;
    struct events *events;
    struct request *request;               /* its arena holds this */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    struct vdc_uuid guest;                 /* only its own; zero: of all */
    uint64_t not_before_ms; /* a namesake's events are not this customer's */
    TAILQ_HEAD(, stream) streams;
    unsigned n_fetching;
    bool heard;           /* a host has answered */
    struct vdc_error why; /* the first that one could not be asked */
    bool follow;
};

struct events {
    struct operations *ops;
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

/* Where a client wants to begin with the events of a host. */
static uint64_t since(const struct watcher *watcher, const char *host)
{
    const struct wire_events_query *query = watcher->request->body;

    for (uint32_t i = 0; i < query->n_positions; i++)
        if (strcmp(query->positions[i].host, host) == 0)
            return query->positions[i].since;
    return query->since;
}

static struct stream *stream_of(struct watcher *watcher, const char *host)
{
    struct arena *arena = watcher->request->arena;
    struct stream *stream;

    TAILQ_FOREACH(stream, &watcher->streams, link)
    if (strcmp(stream->host, host) == 0)
        return stream;
    stream = ARENA_NEW(arena, struct stream);
    stream->watcher = watcher;
    stream->host = arena_strdup(arena, host);
    stream->position = since(watcher, host);
    TAILQ_INSERT_TAIL(&watcher->streams, stream, link);
    return stream;
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
static bool is_known(const struct stream *stream,
                     const struct wire_event *event)
{
    return event->kind == WIRE_EVENT_MISSED
               ? event->number == stream->position
               : event->number <= stream->position;
}

static void deliver(struct stream *stream, const struct wire_event *event)
{
    struct wire_event mine = *event;

    if (is_known(stream, event))
        return;
    stream->position = event->number;
    if (stream->round_until > event->number &&
        event->kind == WIRE_EVENT_MISSED)
        stream->round_until = event->number;
    if (!concerns(stream->watcher, event) ||
        operations_check_still(stream->watcher->request, NULL))
        return;
    mine.host = stream->host;
    request_more(stream->watcher->request, WIRE_MSG_event, &mine);
}

/* One that does not read, or may not any more, is told so and ends. */
static void drop_bad(struct watcher *watcher)
{
    struct request *request = watcher->request;
    struct vdc_error err = { 0 };
    int rc = operations_check_still(request, &err);

    if (!rc && request_pending(request) > FOLLOWER_PENDING_MAX)
        rc = vdc_error_set(&err, VDC_E_CLOSED,
                           "events are not read as fast as they happen");
    if (!rc)
        return;
    watcher_end(watcher);
    request->on_gone = NULL;
    request_fail(request, &err);
}

void events_publish(struct events *events, struct host *host,
                    const struct wire_event *event)
{
    struct watcher *watcher, *next;

    if (event->number > host->newest_event || event->kind == WIRE_EVENT_MISSED)
        host->newest_event = event->number;
    for (watcher = TAILQ_FIRST(&events->watchers); watcher; watcher = next) {
        struct stream *stream = stream_of(watcher, host->name);
        next = TAILQ_NEXT(watcher, link);
        if (stream->fetching) {
            /* What it asked for is told of what was missed by itself. */
            if (event->kind == WIRE_EVENT_MISSED &&
                stream->round_until > event->number)
                stream->round_until = event->number;
            continue;
        }
        /* what comes before it is still to be fetched */
        if (stream->owed)
            continue;
        deliver(stream, event);
        /* one that still fetches from others ends when it has */
        if (watcher->n_fetching == 0)
            drop_bad(watcher);
    }
}

/* ---- kept events ---- */

static void fetch(struct stream *stream);

static void on_gone(struct request *request)
{
    struct watcher *watcher = request->owner;

    /* while fetching, the answer that comes ends it */
    if (watcher->n_fetching)
        return;
    watcher_end(watcher);
    request_free(request);
}

static void fetch_more(void *arg, const struct wire_frame *frame)
{
    struct stream *stream = arg;

    if (frame->message->number == WIRE_MSG_event)
        deliver(stream, frame->body);
}

/* In place of the events of a host that could not be asked. */
static void tell_missed(const struct stream *stream)
{
    struct wire_event missed;

    wire_init(&wire_struct_event, &missed);
    missed.kind = WIRE_EVENT_MISSED;
    missed.number = stream->position;
    missed.time_ms = clock_wall().ms;
    missed.host = stream->host;
    missed.text = stream->owed;
    request_more(stream->watcher->request, WIRE_MSG_event, &missed);
}

/* Nothing is on its way any more. */
static void round_done(struct watcher *watcher)
{
    struct request *request = watcher->request;
    const struct stream *stream;

    if (request->session && watcher->follow &&
        (watcher->heard || !watcher->why.code))
        return;
    watcher_end(watcher);
    request->on_gone = NULL;
    if (watcher->why.code && !watcher->heard) {
        request_fail(request, &watcher->why);
        return;
    }
    TAILQ_FOREACH(stream, &watcher->streams, link)
    if (stream->owed)
        tell_missed(stream);
    request_ok(request);
}

/* The host cannot be asked. */
static void owe(struct stream *stream, const struct vdc_error *why)
{
    struct watcher *watcher = stream->watcher;

    stream->owed = arena_printf(watcher->request->arena, "%.255s", why->text);
    if (!watcher->why.code)
        watcher->why = *why;
}

static uint64_t newest(const struct stream *stream)
{
    const struct host *host =
        hosts_find(stream->watcher->events->ops->hosts, stream->host);

    return host ? host->newest_event : 0;
}

static void fetched(void *arg, const void *answer, const struct vdc_error *err)
{
    struct stream *stream = arg;
    struct watcher *watcher = stream->watcher;

    stream->fetching = false;
    watcher->n_fetching--;
    if (err) {
        owe(stream, err);
    } else {
        watcher->heard = true;
        if (stream->position < stream->round_until)
            stream->position = stream->round_until;
        if (watcher->request->session && watcher->follow &&
            stream->position < newest(stream)) {
            fetch(stream);
            return;
        }
    }
    if (watcher->n_fetching == 0)
        round_done(watcher);
}

/* `fetched` comes in any case, maybe during this call. */
static void fetch(struct stream *stream)
{
    struct watcher *watcher = stream->watcher;
    struct service *service;
    struct vdc_error err = { 0 };

    stream->fetching = true;
    stream->owed = NULL;
    watcher->n_fetching++;
    stream->round_until = newest(stream);
    if (hosts_service(watcher->events->ops->hosts, stream->host, &service,
                      &err) ||
        service_events(service, stream->position, fetched, fetch_more, stream,
                       &err))
        fetched(stream, NULL, &err);
}

void events_host_up(struct events *events, const struct host *host)
{
    struct watcher *watcher, *next;
    struct stream *stream;

    for (watcher = TAILQ_FIRST(&events->watchers); watcher; watcher = next) {
        next = TAILQ_NEXT(watcher, link);
        stream = stream_of(watcher, host->name);
        if (stream->owed && watcher->follow)
            fetch(stream);
    }
}

/* Of all hosts at the same time; one more is counted until all are asked. */
static void fetch_all(struct watcher *watcher)
{
    struct hosts *hosts = watcher->events->ops->hosts;

    watcher->n_fetching++;
    for (const struct host *host = hosts_first(hosts); host;
         host = hosts_next(host))
        fetch(stream_of(watcher, host->name));
    if (--watcher->n_fetching == 0)
        round_done(watcher);
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
    watcher->follow = query->follow;
    watcher->guest = request->auth.guest;
    TAILQ_INIT(&watcher->streams);
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
    fetch_all(watcher);
}
