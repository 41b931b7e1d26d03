/*
 * The registry of hosts, and their connections; see hosts.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/suggest.h"
#include "policyd/api/events.h"
#include "policyd/api/operations.h"
#include "policyd/change/reconcile.h"
#include "policyd/customers/channel_quotas.h"
#include "policyd/fence/fence.h"
#include "policyd/fence/keep.h"
#include "policyd/fence/watch.h"
#include "policyd/hosts/backups.h"
#include "policyd/hosts/dial.h"
#include "policyd/hosts/hosts_impl.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/lease.h"
#include "policyd/hosts/renew.h"
#include "policyd/images/images.h"
#include "policyd/names.h"

#define NAMES_SHOWN 8
#define HINT_MAX 255 /* to be read in a list */
/* That of a host which has joined expires. */
#define CERTIFICATE_WARN_MS (UINT64_C(30) * 86400000)

/* ---- looking ---- */

static bool is_host(const void *item, const void *key)
{
    const struct host *host = item;

    return strcmp(host->name, key) == 0;
}

struct host *hosts_find(const struct hosts *hosts, const char *name)
{
    return table_find(&hosts->by_name, table_hash_text(name, 0), is_host,
                      name);
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

size_t hosts_count_away(const struct hosts *hosts)
{
    return hosts->n_away;
}

struct operations *hosts_ops(const struct hosts *hosts)
{
    return hosts->ops;
}

struct host *hosts_any(const struct hosts *hosts)
{
    struct host *host;

    if (hosts->own)
        return hosts->own;
    TAILQ_FOREACH(host, &hosts->all, link)
    if (host->up)
        return host;
    return TAILQ_FIRST(&hosts->all);
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

int hosts_check_some_up(const struct hosts *hosts, const char *name,
                        struct vdc_error *err)
{
    const struct host *host;

    TAILQ_FOREACH(host, &hosts->all, link)
    if (host->up)
        return 0;
    return hosts_check_up(hosts, name, err);
}

/* The first of them: "alpha, beta and 12 more". */
static const char *some_names(const struct hosts *hosts, struct arena *arena)
{
    const struct host *host;
    const char *text = "";
    size_t n = 0;

    TAILQ_FOREACH(host, &hosts->all, link)
    {
        if (n == NAMES_SHOWN)
            break;
        text = arena_printf(arena, "%s%s%s", text, n++ ? ", " : "",
                            host->name);
    }
    return n < hosts->n
               ? arena_printf(arena, "%s and %zu more", text, hosts->n - n)
               : text;
}

int hosts_check_named(const struct hosts *hosts, const char *name,
                      bool may_know, struct arena *arena,
                      struct vdc_error *err)
{
    const char **names, *near;
    const struct host *host;
    size_t n = 0;

    if (hosts_find(hosts, name))
        return 0;
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", name);
    if (!may_know)
        return VDC_E_NOT_FOUND;
    names = ARENA_ARRAY(arena, hosts->n, const char *);
    TAILQ_FOREACH(host, &hosts->all, link)
    names[n++] = host->name;
    near = suggest_nearest(name, names, n);
    if (near)
        vdc_error_hint(err, "did you mean %s?", near);
    else
        vdc_error_hint(err, "there are %s", some_names(hosts, arena));
    return VDC_E_NOT_FOUND;
}

void hosts_reconcile_soon(const struct hosts *hosts, const char *name,
                          unsigned ms)
{
    const struct host *host;

    TAILQ_FOREACH(host, &hosts->all, link)
    if (!name)
        reconcile_anew(host->reconcile, ms);
    else if (strcmp(host->name, name) == 0)
        reconcile_soon(host->reconcile, ms);
}

/* ---- the connection ---- */

static void service_up(void *arg)
{
    struct host *host = arg;
    struct operations *ops = host->all->ops;

    host->up = true;
    host->silent = host->asked = false;
    hosts_set_why(host, NULL);
    hosts_report_in(host, 0);
    leases_up(ops->leases, host);
    watch_host_up(ops->watch, host->name);
    fence_host_up(ops, host);
    reconcile_soon(host->reconcile, 0);
    events_host_up(ops->events, host);
    renew_soon(ops->renew);
    images_host_up(ops->images, host);
    hosts_tell(host, false);
}

static void service_down(void *arg)
{
    struct host *host = arg;

    host->up = false;
    host->asked = false;
    evtimer_del(host->timer);
    leases_down(host->all->ops->leases, host);
    hosts_tell(host, false);
}

static void service_event(void *arg, const struct wire_event *event)
{
    struct host *host = arg;
    struct operations *ops = host->all->ops;
    const struct assignment *a = book_assignment(ops->book, &event->uuid);

    if (event->kind == WIRE_EVENT_MISSED)
        reconcile_soon(host->reconcile, 0);
    else
        reconcile_event(host->reconcile, event);
    hosts_report_soon(host);
    /* who moves has its room on both hosts, whatever it does there */
    if (!a || (!book_moves(a) && strcmp(a->host, host->name) == 0))
        inventory_event(ops->inventory, event);
    events_publish(ops->events, host, event);
}

static int check_may(void *arg, struct vdc_error *err)
{
    const struct host *host = arg;

    return store_check_leads(book_store(host->all->ops->book), err);
}

static void connect_host(struct host *host)
{
    const struct service_notify notify = { service_up, service_down,
                                           service_event, check_may, host };
    const struct setup *setup = host->all->ops->setup;
    const struct service_host whose = {
        .name = host->name,
        .address = *host->record.address ? host->record.address
                                         : setup->command_address,
        .own = host->own,
        .certificate = host->record.certificate,
        .certificate_next = host->record.certificate_next,
        .dc = host->all->ops->dc,
    };

    host->service = service_new(host->all->ops->base, setup, &whose, &notify);
    host->all->n_away += service_is_away(host->service);
}

/* ---- the registry ---- */

static void take_record(struct host *host,
                        const struct wire_host_record *record)
{
    struct wire_host_record copy;
    struct arena *arena;

    /* cannot fail: it was checked */
    if (wire_struct_keep(&wire_struct_host_record, record, &arena, &copy,
                         NULL))
        abort();
    arena_free(host->record_arena);
    host->record_arena = arena;
    host->record = copy;
    host->name = copy.name;
}

static struct host *add(struct hosts *hosts,
                        const struct wire_host_record *record, bool own)
{
    struct host *host = XNEW(struct host), *before;

    host->all = hosts;
    host->own = own;
    if (own)
        hosts->own = host;
    wire_init(&wire_struct_host, &host->report);
    take_record(host, record);
    host->timer = evtimer_new(hosts->ops->base, hosts_report_due, host);
    host->reconcile = reconcile_new(hosts->ops, host);
    /* from the end, as they may come in this order */
    TAILQ_FOREACH_REVERSE(before, &hosts->all, host_list, link)
    if (strcmp(before->name, host->name) < 0)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&hosts->all, before, host, link);
    else
        TAILQ_INSERT_HEAD(&hosts->all, host, link);
    table_add(&hosts->by_name, table_hash_text(host->name, 0), host);
    hosts->n++;
    connect_host(host);
    hosts_tell(host, false);
    return host;
}

static void drop(struct host *host)
{
    table_remove(&host->all->by_name, table_hash_text(host->name, 0), host);
    hosts_forget_boot(host);
    TAILQ_REMOVE(&host->all->all, host, link);
    host->all->n--;
    host->all->n_away -= service_is_away(host->service);
    if (host->own)
        host->all->own = NULL;
    service_stop(host->service);
    reconcile_stop(host->reconcile);
    service_free(host->service);
    reconcile_free(host->reconcile);
    event_free(host->timer);
    arena_free(host->record_arena);
    arena_free(host->report_arena);
    hosts_set_why(host, NULL);
    free(host);
}

/* Or its next: who is connected is good still. */
static bool is_same_certificate(const struct wire_host_record *before,
                                const struct wire_host_record *after)
{
    return strcmp(before->certificate, after->certificate) == 0 ||
        (*before->certificate_next &&
         strcmp(before->certificate_next, after->certificate) == 0);
}

void hosts_hang_up(struct host *host)
{
    struct hosts *hosts = host->all;

    if (host->up)
        service_down(host);
    hosts->n_away -= service_is_away(host->service);
    service_stop(host->service);
    service_free(host->service);
    connect_host(host);
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
    bool moves = strcmp(host->record.address, record->address) != 0 ||
        !is_same_certificate(&host->record, record);
    take_record(host, record);
    hosts_tell(host, false);
    if (!moves) {
        service_set_certificates(host->service, host->record.certificate,
                                 host->record.certificate_next);
        return;
    }
    hosts_hang_up(host);
}

void hosts_remove(struct hosts *hosts, const char *name)
{
    struct host *host = hosts_find(hosts, name);

    if (!host)
        return;
    leases_forget_host(hosts->ops->leases, name);
    inventory_remove_host(hosts->ops->inventory, name);
    backups_soon(hosts->ops->backups);
    channel_quotas_forget(hosts->ops->channel_quotas, name);
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
    STAILQ_INIT(&hosts->refresh_calls);
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
    hosts_refresh_end(hosts);
}

void hosts_free(struct hosts *hosts)
{
    if (!hosts)
        return;
    hosts_stop(hosts);
    while (!TAILQ_EMPTY(&hosts->all))
        drop(TAILQ_FIRST(&hosts->all));
    table_fini(&hosts->by_name);
    table_fini(&hosts->by_boot);
    free(hosts);
}

/* ---- as clients see it ---- */

static bool has_protected(const struct host *host)
{
    const struct book_host *there =
        book_host(host->all->ops->book, host->name);
    const struct assignment *a;

    if (there)
        TAILQ_FOREACH(a, &there->assignments, link_there)
            if (a->runs && keep_is_protected(a))
                return true;
    return false;
}

static void describe_down(const struct host *host, struct arena *arena,
                          struct wire_host *ret)
{
    ret->state = "resourced does not answer";
    ret->hint = "is it running? `systemctl status xen-vdc-resourced`";
    if (!host->own)
        ret->hint = arena_printf(arena,
                                 "nothing answers at %s; does resourced run "
                                 "there, and listen at that?",
                                 host->record.address);
    if (dial_is_address(host->record.address) || /* more can be wrong */
        service_why_code(host->service) == VDC_E_PROTOCOL)
        ret->hint = arena_printf(arena, "%s: %s",
                                 service_address(host->service),
                                 service_why_down(host->service));
    if (!host->own && has_protected(host))
        ret->hint = arena_printf(
            arena, "%s; its protected guests are not started elsewhere (%s): "
                   "when you know that it is off, `xl-vdc host-fenced %s`",
            ret->hint,
            fence_verdict_text(watch_verdict(host->all->ops->watch,
                                             host->name)),
            host->name);
    if (host->record.fenced_ms) {
        ret->state = "fenced";
        ret->hint = arena_printf(
            arena, "it is off (%s), and its protected guests are started "
                   "elsewhere; when it is back it forgets those",
            host->record.fenced_why);
    }
    if (host->why.code == VDC_E_EXISTS) {
        ret->state = "another name of a host";
        ret->hint = host->why.text;
    }
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

/* Long enough before to be read. */
static void warn_of_certificate(const struct host *host, struct arena *arena,
                                struct wire_host *ret)
{
    uint64_t to_ms = host->record.certificate_to_ms;
    char buf[32];

    if (!to_ms || to_ms > clock_wall().ms + CERTIFICATE_WARN_MS)
        return;
    ret->hint = arena_printf(
        arena, "its certificate is good until %s, and could not be renewed: "
               "`xl-vdc dc-token %s --again` and dc-join --again there do "
               "it%s%s",
        clock_wall_format((struct wall){ to_ms }, buf, sizeof(buf)),
        host->name, *ret->hint ? "; " : "", ret->hint);
}

/* What is longer is no hint. */
static void cut_hint(struct arena *arena, struct wire_host *ret)
{
    size_t len = HINT_MAX - 3;

    if (strlen(ret->hint) <= HINT_MAX)
        return;
    /* not in the middle of a character */
    while (len && (ret->hint[len] & 0xc0) == 0x80)
        len--;
    ret->hint = arena_printf(arena, "%.*s...", (int)len, ret->hint);
}

void hosts_describe(const struct host *host, struct arena *arena,
                    struct wire_host *ret)
{
    if (host->up && !host->why.code && *host->report.name) {
        *ret = host->report;
        ret->n_totals = 0; /* resource_list has them */
        if (host->fence_told) {
            ret->state = "fenced";
            ret->hint = "it is back, and that cannot be recorded, so that it "
                        "starts none of its protected guests and gets no "
                        "orders: `xl-vdc dc-status` tells of the store";
        }
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
        if (host->record.state != WIRE_HOST_UP)
            ret->hint = arena_printf(
                arena, "%s%s%s; %s",
                wire_enum_word(&wire_enum_host_state, (int)host->record.state),
                *host->record.reason ? ": " : "", host->record.reason,
                ret->hint);
    }
    warn_of_certificate(host, arena, ret);
    cut_hint(arena, ret);
    ret->name = host->name;
    ret->record = host->record;
    ret->without_backup = inventory_without_backup(
        host->all->ops->inventory, host->name);
}
