/*
 * What hosts report, and when they are asked to; see hosts.h.
 *
 * A host is up when its resourced is connected and has answered the report
 * before the last: one that hangs gets no new guests.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/channel_quotas.h"
#include "policyd/hosts/backups.h"
#include "policyd/hosts/hosts_impl.h"
#include "policyd/hosts/inventory.h"

/* A report after something has happened on the host; what else happens until
 * then is in it, too. */
#define REPORT_SOON_MS 500
/* hosts_refresh waits no longer. */
#define REFRESH_MS 3000

/*
 * One at a time: who comes while hosts are being asked is served by the next,
 * with all who came meanwhile, so that many who ask at once do not ask
 * thousands of hosts many times.
 */
struct refresh {
    LIST_ENTRY(refresh) link;
    struct hosts *hosts;
    unsigned n_waiting; /* hosts */
    struct event *limit;
    struct refresh_calls calls;
    bool told;
};

struct refresh_call {
    STAILQ_ENTRY(refresh_call) link;
    hosts_fn *fn;
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

void hosts_tell(const struct host *host, bool reported)
{
    inventory_host(host->all->ops->inventory, host, reported);
    backups_soon(host->all->ops->backups);
}

void hosts_report_in(const struct host *host, uint64_t ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000) * 1000 };

    evtimer_add(host->timer, &tv);
}

static void refresh_begin(struct hosts *hosts);

static void call_all(struct refresh_calls *calls)
{
    struct refresh_call *call;

    while ((call = STAILQ_FIRST(calls))) {
        STAILQ_REMOVE_HEAD(calls, link);
        call->fn(call->arg);
        free(call);
    }
}

static void refresh_tell(struct refresh *refresh)
{
    struct hosts *hosts = refresh->hosts;

    if (refresh->told)
        return;
    refresh->told = true;
    hosts->refreshing = false;
    /* before, as who is called may ask again */
    if (!STAILQ_EMPTY(&hosts->refresh_calls))
        refresh_begin(hosts);
    call_all(&refresh->calls);
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

void hosts_set_why(struct host *host, const struct vdc_error *why)
{
    free(host->why.text);
    host->why.code = why ? why->code : 0;
    host->why.text = why ? xstrdup(why->text) : NULL;
    if (why)
        hosts_forget_boot(host);
}

/* ---- the same machine, entered twice, would give all it has twice ---- */

static uint32_t hash_boot(const struct host *host)
{
    return table_hash(&host->report.boot_id, sizeof(host->report.boot_id), 0);
}

static bool has_boot(const void *item, const void *key)
{
    const struct host *host = item;
    const uint64_t *boot_id = key;

    return host->report.boot_id == *boot_id;
}

void hosts_forget_boot(struct host *host)
{
    if (host->by_boot)
        table_remove(&host->all->by_boot, hash_boot(host), host);
    host->by_boot = false;
}

/* It has reported, and is not found by its boot_id. */
static void look_for_twin(struct host *host)
{
    struct table *table = &host->all->by_boot;
    const struct host *other = table_find(table, hash_boot(host), has_boot,
                                          &host->report.boot_id);
    struct vdc_error err = { 0 };

    if (other && !host->own) {
        vdc_error_set(&err, VDC_E_EXISTS,
                      "this is host %s, under another name", other->name);
        hosts_set_why(host, &err);
        return;
    }
    table_add(table, hash_boot(host), host);
    host->by_boot = true;
}

/* ---- reports ---- */

static void take_report(struct host *host, const struct wire_host *report,
                        const struct asking *asking)
{
    struct arena *arena;
    struct wire_host copy;
    struct vdc_error err = { 0 };

    if (wire_struct_keep(&wire_struct_host, report, &arena, &copy, &err)) {
        log_error("what host %s reports: %s", host->name, err.text);
        return;
    }
    hosts_forget_boot(host);
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
            hosts_set_why(host, why);
        } else if (answer && asking->at_ms >= host->reported_ms) {
            hosts_set_why(host, NULL);
            take_report(host, answer, asking);
            hosts_forget_boot(host);
            look_for_twin(host);
            news = true;
        }
        if (answer && host->silent)
            log_info("host %s answers again", host->name);
        if (answer) {
            host->silent = false;
            host->up = *service_version(host->service) != '\0';
        }
        hosts_tell(host, news);
        if (news)
            channel_quotas_look(host->all->ops->channel_quotas, host->name);
    }
    refresh_one(asking->refresh);
    free(asking->host);
    free(asking);
}

static int ask_report(struct host *host, struct refresh *refresh)
{
    struct asking *asking;
    int rc;

    /* whoever waits for all of them asks thousands */
    if (!*service_version(host->service))
        return VDC_E_NO_DAEMON;
    asking = XNEW(struct asking);
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

void hosts_report_due(evutil_socket_t fd, short what, void *arg)
{
    struct host *host = arg;

    hosts_report_in(host, host->all->ops->setup->host_report_ms);
    if (host->asked) {
        if (!host->silent)
            log_warning("host %s is connected, and does not answer",
                        host->name);
        host->silent = true;
        host->up = false;
        hosts_tell(host, false);
    } else {
        host->asked = ask_report(host, NULL) == 0;
    }
}

/* Something has happened there. */
void hosts_report_soon(struct host *host)
{
    const struct timeval soon = { 0, REPORT_SOON_MS * 1000 };
    struct timeval due, now, wanted;

    if (host->asked || !evtimer_pending(host->timer, &due))
        return;
    evutil_gettimeofday(&now, NULL);
    evutil_timeradd(&now, &soon, &wanted);
    if (evutil_timercmp(&due, &wanted, >))
        hosts_report_in(host, REPORT_SOON_MS);
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

/* For all who have come. */
static void refresh_begin(struct hosts *hosts)
{
    struct refresh *refresh = XNEW(struct refresh);
    struct timeval limit = { REFRESH_MS / 1000, 0 };
    struct host *host;

    refresh->hosts = hosts;
    STAILQ_INIT(&refresh->calls);
    STAILQ_CONCAT(&refresh->calls, &hosts->refresh_calls);
    hosts->refreshing = true;
    refresh->limit = evtimer_new(hosts->ops->base, on_limit, refresh);
    LIST_INSERT_HEAD(&hosts->refreshes, refresh, link);
    /* one that is silent was asked before, and counts when it answers that */
    TAILQ_FOREACH(host, &hosts->all, link)
    if (!host->silent && ask_report(host, refresh) == 0)
        refresh->n_waiting++;
    if (refresh->n_waiting == 0)
        limit.tv_sec = 0;
    evtimer_add(refresh->limit, &limit);
}

void hosts_refresh(struct hosts *hosts, hosts_fn *fn, void *arg)
{
    struct refresh_call *call = XNEW(struct refresh_call);

    call->fn = fn;
    call->arg = arg;
    STAILQ_INSERT_TAIL(&hosts->refresh_calls, call, link);
    if (!hosts->refreshing)
        refresh_begin(hosts);
}

void hosts_note_placed(struct host *host, struct mem memory)
{
    host->placed.kib += memory.kib;
}

void hosts_refresh_end(struct hosts *hosts)
{
    /* what is asked from now on finds no host that answers */
    while (!LIST_EMPTY(&hosts->refreshes))
        refresh_free(LIST_FIRST(&hosts->refreshes));
}
