/*
 * The registry of hosts; see hosts.h.
 *
 * A host is up when its resourced is connected and has answered the report
 * before the last: one that hangs gets no new guests.
 */
#include "policyd/hosts.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/events.h"
#include "policyd/inventory.h"
#include "policyd/lease.h"
#include "policyd/names.h"
#include "policyd/operations.h"
#include "policyd/reconcile.h"

/* A report after something has happened on the host; what else happens until
 * then is in it, too. */
#define REPORT_SOON_MS 500
/* hosts_refresh waits no longer. */
#define REFRESH_MS 3000

TAILQ_HEAD(host_list, host);

struct hosts {
    struct operations *ops;
    struct host_list all;
    size_t n;
    LIST_HEAD(, refresh) refreshes;
};

struct refresh {
    LIST_ENTRY(refresh) link;
    unsigned n_waiting;
    struct event *limit;
    hosts_fn *fn; /* NULL: called */
    void *arg;
};

/* A report that was asked for. */
struct asking {
    struct hosts *hosts;
    char *host;
    uint64_t at_ms;
    struct mem placed; /* before: it is in the report */
    struct refresh *refresh;
};

/* ---- looking ---- */

struct host *hosts_find(const struct hosts *hosts, const char *name)
{
    struct host *host;

    TAILQ_FOREACH(host, &hosts->all, link)
    if (strcmp(host->name, name) == 0)
        return host;
    return NULL;
}

struct host *hosts_first(const struct hosts *hosts)
{
    return TAILQ_FIRST(&hosts->all);
}

struct host *hosts_next(const struct host *host)
{
    return TAILQ_NEXT(host, link);
}

size_t hosts_count(const struct hosts *hosts)
{
    return hosts->n;
}

struct operations *hosts_ops(const struct hosts *hosts)
{
    return hosts->ops;
}

struct host *hosts_any(const struct hosts *hosts)
{
    struct host *host, *best = TAILQ_FIRST(&hosts->all);

    TAILQ_FOREACH(host, &hosts->all, link)
    {
        if (host->own)
            return host;
        if (host->up && !best->up)
            best = host;
    }
    return best;
}

int hosts_service(const struct hosts *hosts, const char *name,
                  struct service **ret, struct vdc_error *err)
{
    const struct host *host = hosts_find(hosts, name);

    if (host) {
        *ret = host->service;
        return 0;
    }
    vdc_error_set(err, VDC_E_NO_DAEMON, "host '%s' is not one of the hosts",
                  name);
    vdc_error_hint(err, "`xl-vdc host-list` shows them; operators add it by "
                        "`xl-vdc host-add`");
    return VDC_E_NO_DAEMON;
}

int hosts_check_up(const struct hosts *hosts, const char *name,
                   struct vdc_error *err)
{
    struct service *service;
    int rc = hosts_service(hosts, name, &service, err);

    if (rc || *service_version(service))
        return rc;
    return service_down_error(service, err);
}

void hosts_reconcile_soon(const struct hosts *hosts, const char *name,
                          unsigned ms)
{
    const struct host *host;

    TAILQ_FOREACH(host, &hosts->all, link)
    if (!name || strcmp(host->name, name) == 0)
        reconcile_soon(host->reconcile, ms);
}

/* ---- reports ---- */

/* What placement knows of it. */
static void tell(const struct host *host, bool reported)
{
    inventory_host(host->all->ops->inventory, host, reported);
}

static void set_timer(const struct host *host, uint64_t ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(host->timer, &tv);
}

static void refresh_tell(struct refresh *refresh)
{
    hosts_fn *fn = refresh->fn;

    refresh->fn = NULL;
    if (fn)
        fn(refresh->arg);
}

static void refresh_free(struct refresh *refresh)
{
    refresh_tell(refresh);
    LIST_REMOVE(refresh, link);
    event_free(refresh->limit);
    free(refresh);
}

/* One host less to wait for. */
static void refresh_one(struct refresh *refresh)
{
    if (refresh && --refresh->n_waiting == 0)
        refresh_free(refresh);
}

static void take_report(struct host *host, const struct wire_host *report,
                        const struct asking *asking)
{
    struct arena *arena = arena_new();
    struct wire_host copy;
    struct vdc_error err = { 0 };

    if (wire_struct_copy(&wire_struct_host, report, arena, &copy, &err)) {
        log_error("what host %s reports: %s", host->name, err.text);
        arena_free(arena);
        return;
    }
    arena_free(host->report_arena);
    host->report_arena = arena;
    host->report = copy;
    host->reported_ms = asking->at_ms;
    host->placed.kib -= asking->placed.kib < host->placed.kib
                            ? asking->placed.kib
                            : host->placed.kib;
}

static void reported(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct asking *asking = arg;
    struct host *host = hosts_find(asking->hosts, asking->host);

    if (host) {
        host->asked &= asking->refresh != NULL;
        bool news = false;
        if (why && why->code != VDC_E_CLOSED) {
            host->why = *why;
        } else if (answer && asking->at_ms >= host->reported_ms) {
            memset(&host->why, 0, sizeof(host->why));
            take_report(host, answer, asking);
            news = true;
        }
        if (answer && host->silent)
            log_info("host %s answers again", host->name);
        if (answer) {
            host->silent = false;
            host->up = *service_version(host->service) != '\0';
        }
        tell(host, news);
    }
    refresh_one(asking->refresh);
    free(asking->host);
    free(asking);
}

static int ask_report(struct host *host, struct refresh *refresh)
{
    struct asking *asking = XNEW(struct asking);
    int rc;

    asking->hosts = host->all;
    asking->host = xstrdup(host->name);
    asking->at_ms = clock_mono().ms;
    asking->placed = host->placed;
    asking->refresh = refresh;
    rc = service_report(host->service, reported, asking, NULL);
    if (rc) {
        free(asking->host);
        free(asking);
    }
    return rc;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct host *host = arg;

    set_timer(host, host->all->ops->setup->host_report_ms);
    if (host->asked) {
        if (!host->silent)
            log_warning("host %s is connected, and does not answer",
                        host->name);
        host->silent = true;
        host->up = false;
        tell(host, false);
    } else {
        host->asked = ask_report(host, NULL) == 0;
    }
}

/* Something has happened there. */
static void report_soon(struct host *host)
{
    const struct timeval soon = { 0, REPORT_SOON_MS * 1000 };
    struct timeval due, now, wanted;

    if (host->asked || !evtimer_pending(host->timer, &due))
        return;
    evutil_gettimeofday(&now, NULL);
    evutil_timeradd(&now, &soon, &wanted);
    if (evutil_timercmp(&due, &wanted, >))
        set_timer(host, REPORT_SOON_MS);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct refresh *refresh = arg;

    /* those who answer later still count in it */
    if (refresh->n_waiting)
        refresh_tell(refresh);
    else
        refresh_free(refresh);
}

void hosts_refresh(struct hosts *hosts, hosts_fn *fn, void *arg)
{
    struct refresh *refresh = XNEW(struct refresh);
    struct timeval limit = { REFRESH_MS / 1000, 0 };
    struct host *host;

    refresh->fn = fn;
    refresh->arg = arg;
    refresh->limit = evtimer_new(hosts->ops->base, on_limit, refresh);
    LIST_INSERT_HEAD(&hosts->refreshes, refresh, link);
    TAILQ_FOREACH(host, &hosts->all, link)
    if (ask_report(host, refresh) == 0)
        refresh->n_waiting++;
    if (refresh->n_waiting == 0)
        limit.tv_sec = 0;
    evtimer_add(refresh->limit, &limit);
}

void hosts_note_placed(struct host *host, struct mem memory)
{
    host->placed.kib += memory.kib;
}

/* ---- the connection ---- */

static void service_up(void *arg)
{
    struct host *host = arg;
    struct operations *ops = host->all->ops;

    host->up = true;
    host->silent = host->asked = false;
    memset(&host->why, 0, sizeof(host->why));
    set_timer(host, 0);
    leases_up(ops->leases, host);
    reconcile_soon(host->reconcile, 0);
    events_host_up(ops->events, host);
    tell(host, false);
}

static void service_down(void *arg)
{
    struct host *host = arg;

    host->up = false;
    host->asked = false;
    evtimer_del(host->timer);
    leases_down(host->all->ops->leases, host);
    tell(host, false);
}

static void service_event(void *arg, const struct wire_event *event)
{
    struct host *host = arg;
    struct operations *ops = host->all->ops;

    if (event->kind == WIRE_EVENT_MISSED)
        reconcile_soon(host->reconcile, 0);
    else
        reconcile_event(host->reconcile, event);
    report_soon(host);
    events_publish(ops->events, host, event);
}

static void connect_host(struct host *host)
{
    const struct service_notify notify = { service_up, service_down,
                                           service_event, host };
    const struct setup *setup = host->all->ops->setup;
    const struct service_host whose = {
        .name = host->name,
        .address = *host->record.address ? host->record.address
                                         : setup->command_address,
        .own = host->own,
    };

    host->service = service_new(host->all->ops->base, setup, &whose, &notify);
}

/* ---- the registry ---- */

static void take_record(struct host *host,
                        const struct wire_host_record *record)
{
    struct arena *arena = arena_new();
    struct wire_host_record copy;
    struct vdc_error err = { 0 };

    /* cannot fail: it was checked */
    if (wire_struct_copy(&wire_struct_host_record, record, arena, &copy, &err))
        abort();
    arena_free(host->record_arena);
    host->record_arena = arena;
    host->record = copy;
    host->name = copy.name;
}

static struct host *add(struct hosts *hosts,
                        const struct wire_host_record *record, bool own)
{
    struct host *host = XNEW(struct host), *next;

    host->all = hosts;
    host->own = own;
    wire_init(&wire_struct_host, &host->report);
    take_record(host, record);
    host->timer = evtimer_new(hosts->ops->base, on_timer, host);
    host->reconcile = reconcile_new(hosts->ops, host);
    TAILQ_FOREACH(next, &hosts->all, link)
    if (strcmp(next->name, host->name) > 0)
        break;
    if (next)
        TAILQ_INSERT_BEFORE(next, host, link);
    else
        TAILQ_INSERT_TAIL(&hosts->all, host, link);
    hosts->n++;
    connect_host(host);
    tell(host, false);
    return host;
}

static void drop(struct host *host)
{
    TAILQ_REMOVE(&host->all->all, host, link);
    host->all->n--;
    service_stop(host->service);
    reconcile_stop(host->reconcile);
    service_free(host->service);
    reconcile_free(host->reconcile);
    event_free(host->timer);
    arena_free(host->record_arena);
    arena_free(host->report_arena);
    free(host);
}

void hosts_put(struct hosts *hosts, const struct wire_host_record *record)
{
    const struct setup *setup = hosts->ops->setup;
    struct host *host = hosts_find(hosts, record->name);

    if (!host) {
        add(hosts, record,
            *setup->command_address &&
                strcmp(record->name, setup->host_name) == 0);
        return;
    }
    bool moves = strcmp(host->record.address, record->address) != 0;
    take_record(host, record);
    tell(host, false);
    if (!moves)
        return;
    if (host->up)
        service_down(host);
    service_stop(host->service);
    service_free(host->service);
    connect_host(host);
}

void hosts_remove(struct hosts *hosts, const char *name)
{
    struct host *host = hosts_find(hosts, name);

    if (!host)
        return;
    leases_forget_host(hosts->ops->leases, name);
    inventory_remove_host(hosts->ops->inventory, name);
    drop(host);
}

static void put_stored(struct hosts *hosts)
{
    const struct book *book = hosts->ops->book;
    const struct book_host *stored;
    struct arena *arena = arena_new();
    size_t n = 0;

    /* what ends with a connection may be an assignment, and a host with it,
     * but none that has a record */
    for (stored = book_hosts(book); stored; stored = book_host_next(stored))
        n += stored->record != NULL;
    const struct wire_host_record **records =
        ARENA_ARRAY(arena, n + 1, const struct wire_host_record *);
    n = 0;
    for (stored = book_hosts(book); stored; stored = book_host_next(stored))
        if (stored->record)
            records[n++] = stored->record;
    for (size_t i = 0; i < n; i++)
        hosts_put(hosts, records[i]);
    arena_free(arena);
}

static void own_record(const struct hosts *hosts, struct wire_host_record *ret)
{
    wire_init(&wire_struct_host_record, ret);
    ret->name = hosts->ops->setup->host_name;
}

void hosts_take_book(struct hosts *hosts)
{
    struct wire_host_record own;
    struct host *host, *next;

    put_stored(hosts);
    for (host = TAILQ_FIRST(&hosts->all); host; host = next) {
        const struct book_host *stored =
            book_host(hosts->ops->book, host->name);
        next = TAILQ_NEXT(host, link);
        if (stored && stored->record)
            continue;
        own_record(hosts, &own);
        if (host->own)
            hosts_put(hosts, &own);
        else
            hosts_remove(hosts, host->name);
    }
}

struct hosts *hosts_new(struct operations *ops)
{
    struct hosts *hosts = XNEW(struct hosts);
    const struct setup *setup = ops->setup;
    struct wire_host_record own;

    hosts->ops = ops;
    TAILQ_INIT(&hosts->all);
    LIST_INIT(&hosts->refreshes);
    ops->hosts = hosts;
    put_stored(hosts);
    if (*setup->command_address && !hosts_find(hosts, setup->host_name)) {
        own_record(hosts, &own);
        add(hosts, &own, true);
    }
    return hosts;
}

void hosts_stop(struct hosts *hosts)
{
    struct host *host;

    TAILQ_FOREACH(host, &hosts->all, link)
    {
        evtimer_del(host->timer);
        service_stop(host->service);
        reconcile_stop(host->reconcile);
    }
    while (!LIST_EMPTY(&hosts->refreshes))
        refresh_free(LIST_FIRST(&hosts->refreshes));
}

void hosts_free(struct hosts *hosts)
{
    if (!hosts)
        return;
    hosts_stop(hosts);
    while (!TAILQ_EMPTY(&hosts->all))
        drop(TAILQ_FIRST(&hosts->all));
    free(hosts);
}

/* ---- as clients see it ---- */

static void describe_down(const struct host *host, struct arena *arena,
                          struct wire_host *ret)
{
    ret->state = "resourced does not answer";
    ret->hint = "is it running? `systemctl status xen-vdc-resourced`";
    if (host->why.code == VDC_E_STORE_CORRUPT) {
        ret->state = "database damaged";
        ret->hint = host->own
                        ? "`xl-vdc host-verify --rebuild` makes a new one "
                          "from what can be read of it and from Xen"
                        : arena_printf(arena,
                                       "`xl-vdc host-verify --rebuild %s` "
                                       "makes a new one from what can be read "
                                       "of it and from Xen",
                                       host->name);
    }
}

void hosts_describe(const struct host *host, struct arena *arena,
                    struct wire_host *ret)
{
    if (host->up && !host->why.code && *host->report.name) {
        *ret = host->report;
        if (host->record.state != WIRE_HOST_UP &&
            strcmp(ret->state, "up") == 0) {
            ret->state =
                wire_enum_word(&wire_enum_host_state, (int)host->record.state);
            ret->hint = arena_printf(
                arena, "%s%s`xl-vdc host-set %s --state up` ends that",
                host->record.reason, *host->record.reason ? ": " : "",
                host->name);
        }
    } else {
        /* a host that is down is still one of the hosts */
        wire_init(&wire_struct_host, ret);
        describe_down(host, arena, ret);
    }
    ret->name = host->name;
    ret->record = host->record;
}

/* ---- what may be entered ---- */

static int check_word(const char *what, const char *word,
                      struct vdc_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.:/=";

    if (*word && word[strspn(word, allowed)] == '\0')
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "%s '%s': letters, digits and -_.:/= make one", what,
                         word);
}

static int check_address(const char *address, struct vdc_error *err)
{
    static const char *const kinds[] = { "memory:/", "unix:/", "channel:" };

    if (!*address)
        return 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(address, kinds[i], strlen(kinds[i])) == 0 &&
            address[strlen(kinds[i])])
            return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "address '%s': memory:PATH, unix:PATH or "
                         "channel:SERVICE@PARTITION is one",
                         address);
}

int hosts_check_record(const struct wire_host_record *record,
                       struct vdc_error *err)
{
    int rc = names_check_guest(record->name, err);

    if (rc)
        vdc_error_prefix(err, "host");
    if (!rc)
        rc = check_address(record->address, err);
    if (!rc && *record->domain)
        rc = check_word("failure domain", record->domain, err);
    for (uint32_t i = 0; !rc && i < record->n_tags; i++)
        rc = check_word("tag", record->tags[i], err);
    return rc;
}
