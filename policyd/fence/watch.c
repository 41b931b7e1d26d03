/*
 * The connections to the hosts' watchdogds; see watch.h.
 *
 *   beat: hosts as they are -> each is told the list -> what follows for the
 *         record -> each is judged
 *
 * The list that is told, and what is decided by, is the record that is
 * durable: while one is being written nothing new is told and nobody is
 * declared off.
 */
#include "policyd/fence/watch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/dc/dc.h"
#include "policyd/fence/fence.h"
#include "policyd/fence/list.h"
#include "policyd/hosts/command.h"
#include "wire/fence.h"

#define BEAT_MS 2000

/* A host. */
struct watched {
    TAILQ_ENTRY(watched) link;
    struct watch *watch;
    char *name;
    char *address, *certificate, *next; /* of what it is connected by */
    struct command *command; /* NULL: it has no address */
    struct arena *arena;     /* of the report */
    struct wire_fence_report report;
    bool reported;
    uint64_t at_ms; /* monotonic; when it came */
    uint64_t since_ms; /* the same; is asked since then, or anew */
    bool asked;     /* and has not answered */
    bool seen;      /* scratch */
    struct fence_count count;
    enum fence_verdict verdict;
};

struct watch {
    struct operations *ops;
    struct event *timer;
    TAILQ_HEAD(, watched) hosts;
    struct arena *arena; /* of the list */
    struct wire_stored_fence list; /* durable, when nothing is being written */
    unsigned n_writing;
    bool settled;
    bool stopped;
};

static struct watched *find(const struct watch *watch, const char *name)
{
    struct watched *w;

    TAILQ_FOREACH(w, &watch->hosts, link)
    if (strcmp(w->name, name) == 0)
        break;
    return w;
}

/* ---- the record ---- */

static void take_list(struct watch *watch)
{
    const struct wire_stored_fence *stored = book_fence(watch->ops->book);

    arena_free(watch->arena);
    watch->arena = NULL;
    wire_init(&wire_struct_stored_fence, &watch->list);
    /* cannot fail: it was stored */
    if (stored && wire_struct_keep(&wire_struct_stored_fence, stored,
                                   &watch->arena, &watch->list, NULL))
        abort();
}

static void written(void *arg, const struct vdc_error *why)
{
    struct watch *watch = arg;

    watch->n_writing--;
    if (why->code)
        log_error("who takes part in fencing is not recorded: %s", why->text);
    /* refused or not: the book has what is durable */
    if (!watch->n_writing && !watch->stopped)
        take_list(watch);
}

static void write_list(struct watch *watch,
                       const struct wire_stored_fence *list)
{
    struct vdc_error err = { 0 };

    if (book_fence_put(watch->ops->book, list, &err)) {
        log_error("who takes part in fencing is not recorded: %s", err.text);
        return;
    }
    watch->n_writing++;
    if (!book_wait(watch->ops->book, written, watch))
        written(watch, &err);
}

/* ---- the connections ---- */

static void nothing(void *arg)
{
}

static void went_down(void *arg)
{
    struct watched *w = arg;

    w->reported = false;
}

/* At the usual port of the machine on which its resourced is. */
static char *address_of(const struct host *host)
{
    const char *address = service_address(host->service), *port;

    if (!*host->record.certificate)
        return xstrdup("");
    if (*host->record.fence_address)
        return xasprintf("%s%s", DIAL_PREFIX, host->record.fence_address);
    port = strrchr(address, ':');
    if (!dial_is_address(address) || !port)
        return xstrdup("");
    return xasprintf("%.*s:%d", (int)(port - address), address, FENCE_PORT);
}

static void hang_up(struct watched *w)
{
    command_free(w->command);
    w->command = NULL;
    w->reported = w->asked = false;
    free(w->address);
    free(w->certificate);
    free(w->next);
    w->address = w->certificate = w->next = NULL;
}

static void call(struct watched *w, const struct host *host, char *address)
{
    const struct command_notify notify = { nothing, went_down, w };
    char *whose = xasprintf("watchdogd of host %s: ", w->name);

    w->address = address;
    w->certificate = xstrdup(host->record.certificate);
    w->next = xstrdup(host->record.certificate_next);
    const struct command_to to = {
        .address = w->address,
        .broker = "",
        .program = "watchdogd",
        .whom = { .name = w->name,
                  .certificate = w->certificate,
                  .next = w->next,
                  .dc = w->watch->ops->dc },
    };
    if (*address)
        w->command =
            command_new(w->watch->ops->base, whose, &to, &notify);
    free(whose);
}

static void look_at_host(struct watch *watch, const struct host *host)
{
    struct watched *w = find(watch, host->name);
    char *address = address_of(host);

    if (!w) {
        w = XNEW(struct watched);
        w->watch = watch;
        w->name = xstrdup(host->name);
        w->since_ms = clock_mono().ms;
        TAILQ_INSERT_TAIL(&watch->hosts, w, link);
    }
    w->seen = true;
    if (w->address && strcmp(w->address, address) == 0 &&
        strcmp(w->certificate, host->record.certificate) == 0 &&
        strcmp(w->next, host->record.certificate_next) == 0) {
        free(address);
        return;
    }
    hang_up(w);
    call(w, host, address);
}

static void drop(struct watched *w)
{
    TAILQ_REMOVE(&w->watch->hosts, w, link);
    hang_up(w);
    arena_free(w->arena);
    free(w->name);
    free(w);
}

static void look_at_hosts(struct watch *watch)
{
    const struct host *host;
    struct watched *w, *next;

    for (host = hosts_first(watch->ops->hosts); host; host = hosts_next(host))
        look_at_host(watch, host);
    for (w = TAILQ_FIRST(&watch->hosts); w; w = next) {
        next = TAILQ_NEXT(w, link);
        if (!w->seen)
            drop(w);
        else
            w->seen = false;
    }
}

static bool tells(const struct watched *w)
{
    return w && w->reported && w->command && command_is_up(w->command) &&
           clock_mono().ms - w->at_ms <= 2 * BEAT_MS;
}

static void record_unarmed(struct watch *watch, const char *name)
{
    struct arena *arena = arena_new();
    struct wire_stored_fence list;

    if (book_fence(watch->ops->book) &&
        fence_list_connected(book_fence(watch->ops->book), name, arena, &list))
        write_list(watch, &list);
    arena_free(arena);
}

void watch_host_up(struct watch *watch, const char *name)
{
    struct watched *w;

    if (!watch || watch->stopped)
        return;
    /* what was said before is of before */
    w = find(watch, name);
    if (w) {
        hang_up(w);
        w->since_ms = clock_mono().ms;
    }
    record_unarmed(watch, name);
}

bool watch_is_recorded(const struct watch *watch, const char *name)
{
    const struct wire_stored_fence_member *m;
    const struct watched *w;

    if (!watch)
        return true;
    if (watch->n_writing)
        return false;
    m = fence_list_member(&watch->list, name);
    w = find(watch, name);
    return !m || !m->armed || (tells(w) && w->report.armed);
}

void watch_record_again(struct watch *watch, const char *name)
{
    if (watch && !watch->stopped && !watch->n_writing &&
        !watch_is_recorded(watch, name))
        record_unarmed(watch, name);
}

/* ---- what they are told, and say ---- */

static void told(void *arg, const struct wire_frame *answer,
                 const struct vdc_error *why)
{
    struct watched *w = arg;
    struct wire_fence_report report;
    struct arena *arena;

    w->asked = false;
    if (why) {
        if (why->code != VDC_E_CLOSED)
            log_limited(VDC_LOG_WARNING, w->name, "watchdogd of host %s: %s",
                        w->name, why->text);
        return;
    }
    if (wire_struct_keep(&wire_struct_fence_report, answer->body, &arena,
                         &report, NULL))
        return;
    arena_free(w->arena);
    w->arena = arena;
    w->report = report;
    w->at_ms = clock_mono().ms;
    w->reported = true;
}

static void tell(struct watched *w, const struct wire_fence_members *members)
{
    const struct wire_stored_fence_member *m =
        fence_list_member(&w->watch->list, w->name);
    struct wire_fence_members body = *members;
    struct wire_empty nothing_more;

    if (!w->command || !command_is_up(w->command) || w->asked)
        return;
    wire_init(&wire_struct_empty, &nothing_more);
    body.watchdog_ms = m ? m->watchdog_ms : 0;
    if (w->reported && w->report.leaving && !body.watchdog_ms &&
        !(m && m->armed))
        w->asked = command_send(w->command, WIRE_MSG_fence_leave,
                                &nothing_more, told, NULL, w, NULL, NULL) == 0;
    else
        w->asked = command_send(w->command, WIRE_MSG_fence_members, &body,
                                told, NULL, w, NULL, NULL) == 0;
}

static void tell_all(struct watch *watch)
{
    struct arena *arena = arena_new();
    struct wire_fence_members body;
    struct watched *w;

    wire_init(&wire_struct_fence_members, &body);
    body.version = watch->list.version;
    body.members = ARENA_ARRAY(arena, watch->list.n_members + 1,
                               struct wire_fence_member);
    for (uint32_t i = 0; i < watch->list.n_members; i++) {
        struct wire_fence_member *m = &body.members[body.n_members++];
        wire_init(&wire_struct_fence_member, m);
        m->name = watch->list.members[i].name;
        w = find(watch, m->name);
        if (w && w->address && *w->address)
            m->address = w->address + strlen(DIAL_PREFIX);
    }
    TAILQ_FOREACH(w, &watch->hosts, link)
    tell(w, &body);
    arena_free(arena);
}

static int by_name(const void *a, const void *b)
{
    const struct fence_host *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static struct fence_host *take_hosts(const struct watch *watch,
                                     struct arena *arena, uint32_t *ret_n)
{
    const struct watched *w;
    uint32_t n = 0;

    TAILQ_FOREACH(w, &watch->hosts, link)
    n++;
    struct fence_host *hosts = ARENA_ARRAY(arena, n + 1, struct fence_host);
    n = 0;
    TAILQ_FOREACH(w, &watch->hosts, link)
    hosts[n++] = (struct fence_host){
        .name = w->name,
        .may = w->address && *w->address,
        .report = tells(w) ? &w->report : NULL,
    };
    qsort(hosts, n, sizeof(*hosts), by_name);
    *ret_n = n;
    return hosts;
}

/* ---- who is off ---- */

static void fill(const struct watch *watch, uint32_t i,
                 const uint32_t *order, struct fence_seen *seen, bool *heard,
                 uint64_t *beat_ms)
{
    const struct wire_stored_fence_member *m = &watch->list.members[i];
    const struct host *host = hosts_find(watch->ops->hosts, m->name);
    const struct watched *w = find(watch, m->name);

    seen->answers = host && host->up;
    seen->armed = m->armed;
    seen->watchdog_ms = m->sure_ms;
    if (!tells(w))
        return;
    seen->answers = true;
    /* one that goes by an older list hears others all the same */
    seen->tells = w->report.version == watch->list.version;
    fence_list_heard(&watch->list, order, &w->report,
                     &heard[(size_t)i * watch->list.n_members]);
    if (w->report.beat_ms > *beat_ms)
        *beat_ms = w->report.beat_ms;
}

static void judge(struct watch *watch, struct fence_view *view)
{
    for (uint32_t i = 0; i < view->n; i++) {
        const char *name = watch->list.members[i].name;
        const struct host *host = hosts_find(watch->ops->hosts, name);
        const struct store_audit audit = { .time_ms = clock_wall().ms,
                                           .uid = STORE_UID_NONE,
                                           .customer = "",
                                           .message = "host_fenced",
                                           .object = name };
        struct watched *w = find(watch, name);
        struct vdc_error err = { 0 };
        if (!w)
            continue;
        enum fence_verdict before = w->verdict;
        w->verdict = fence_judge(view, i, &w->count);
        if (w->verdict == FENCE_WAITING && before != FENCE_WAITING)
            log_warning("host %s: %s; it is off in %llu s", name,
                        fence_verdict_text(w->verdict),
                        (unsigned long long)fence_wait_ms(view, i) / 1000);
        if (w->verdict != FENCE_OFF || !host ||
            (host->record.fenced_ms && !host->fence_back))
            continue;
        if (fence_declare(watch->ops, name, fence_verdict_text(FENCE_OFF),
                          &audit, &err))
            log_error("that host %s is off is not recorded: %s", name,
                      err.text);
    }
}

static void look_for_dead(struct watch *watch)
{
    struct arena *arena = arena_new();
    uint32_t n = watch->list.n_members;
    const uint32_t *order = fence_list_order(&watch->list, arena);
    struct fence_seen *seen = ARENA_ARRAY(arena, n + 1, struct fence_seen);
    bool *heard = ARENA_ARRAY(arena, (size_t)n * n + 1, bool);
    struct fence_view view = { .n = n,
                               .members = seen,
                               .heard = heard,
                               .settled = watch->settled &&
                                          !watch->n_writing,
                               .now_ms = clock_mono().ms,
                               .beat_ms = BEAT_MS };

    for (uint32_t i = 0; i < n; i++)
        fill(watch, i, order, &seen[i], heard, &view.beat_ms);
    judge(watch, &view);
    arena_free(arena);
}

/* ---- the beat ---- */

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval beat = { BEAT_MS / 1000, BEAT_MS % 1000 * 1000 };
    struct watch *watch = arg;
    struct arena *arena = arena_new();
    struct wire_stored_fence next;
    struct fence_host *hosts;
    uint32_t n;

    evtimer_add(watch->timer, &beat);
    look_at_hosts(watch);
    hosts = take_hosts(watch, arena, &n);
    watch->settled = fence_list_is_settled(&watch->list, hosts, n);
    if (!watch->n_writing &&
        fence_list_next(&watch->list, hosts, n, arena, &next))
        write_list(watch, &next);
    look_for_dead(watch);
    if (!watch->n_writing)
        tell_all(watch);
    arena_free(arena);
}

enum fence_verdict watch_verdict(const struct watch *watch, const char *name)
{
    const struct watched *w = watch ? find(watch, name) : NULL;

    return w && fence_list_member(&watch->list, name) ? w->verdict
                                                      : FENCE_UNARMED;
}

static bool has_heard(const struct watched *by, const char *name)
{
    for (uint32_t i = 0; i < by->report.n_heard; i++) {
        const struct wire_fence_heard *h = &by->report.heard[i];
        if (strcmp(h->name, name) == 0)
            return h->age_ms <= FENCE_HEARD_MS;
    }
    return false;
}

const char *watch_heard_by(const struct watch *watch, const char *name)
{
    const struct watched *w;

    if (watch)
        TAILQ_FOREACH(w, &watch->hosts, link)
            if (tells(w) && (strcmp(w->name, name) == 0 ||
                             has_heard(w, name)))
                return w->name;
    return NULL;
}

bool watch_would_stop(const struct watch *watch, const char *name)
{
    const struct wire_stored_fence *list;
    const struct watched *w;
    const struct host *host;
    struct arena *arena;
    uint32_t n;

    /* what is being written counts: it may be told at any moment */
    if (!watch || !(list = book_fence(watch->ops->book)))
        return false;
    w = find(watch, name);
    host = hosts_find(watch->ops->hosts, name);
    const struct fence_going going = {
        .name = name,
        .up = host && host->up,
        .fresh = !w || clock_mono().ms - w->since_ms < FENCE_HEARD_MS,
    };
    arena = arena_new();
    const struct fence_host *hosts = take_hosts(watch, arena, &n);
    bool would = fence_list_would_stop(list, &going, hosts, n);
    arena_free(arena);
    return would;
}

void watch_count(const struct watch *watch, struct watch_counts *ret)
{
    *ret = (struct watch_counts){ .n_members = watch->list.n_members,
                                  .settled = watch->settled };
    for (uint32_t i = 0; i < watch->list.n_members; i++) {
        ret->n_armed += watch->list.members[i].armed;
        ret->n_telling += tells(find(watch, watch->list.members[i].name));
    }
}

struct watch *watch_new(struct operations *ops)
{
    const struct timeval now = { 0, 0 };
    struct watch *watch = XNEW(struct watch);

    watch->ops = ops;
    TAILQ_INIT(&watch->hosts);
    take_list(watch);
    watch->timer = evtimer_new(ops->base, on_beat, watch);
    evtimer_add(watch->timer, &now);
    return watch;
}

void watch_stop(struct watch *watch)
{
    if (!watch)
        return;
    watch->stopped = true;
    evtimer_del(watch->timer);
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    while (!TAILQ_EMPTY(&watch->hosts))
        drop(TAILQ_FIRST(&watch->hosts));
    event_free(watch->timer);
    arena_free(watch->arena);
    free(watch);
}
