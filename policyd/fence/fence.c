/*
 * Hosts that are off for sure; see fence.h.  And host_fenced, by which an
 * operator says that one is.
 */
#include "policyd/fence/fence.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/change/reconcile.h"
#include "policyd/fence/restart.h"
#include "policyd/fence/watch.h"

/* That a host is back is tried to be recorded again. */
#define AGAIN_MS 5000
#define AGAIN_MAX_MS 60000

/* ---- declared ---- */

bool fence_is_off(const struct operations *ops, const char *name)
{
    const struct host *host = hosts_find(ops->hosts, name);

    return host && host->record.fenced_ms && !host->fence_back &&
           !*service_version(host->service);
}

const char *fence_why(const struct operations *ops, const char *name)
{
    const struct host *host = hosts_find(ops->hosts, name);

    return host && host->record.fenced_ms ? host->record.fenced_why : "";
}

static int no_host(const char *name, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", name);
    vdc_error_hint(err, "'xl-vdc host-list' shows them");
    return VDC_E_NOT_FOUND;
}

int fence_declare(struct operations *ops, const char *name, const char *why,
                  const struct store_audit *audit, struct vdc_error *err)
{
    struct host *host = hosts_find(ops->hosts, name);
    struct wire_host_record record;

    if (!host)
        return no_host(name, err);
    record = host->record;
    record.fenced_ms = clock_wall().ms;
    record.fenced_why = why;
    int rc = book_host_put(ops->book, &record, audit, err);
    if (rc)
        return rc;
    log_warning("host %s is off (%s): its protected guests are started "
                "elsewhere", name, why);
    hosts_put(ops->hosts, &record);
    host->fence_back = host->fence_told = false;
    /* what was asked of it is over */
    hosts_hang_up(host);
    restarts_soon(ops->restarts);
    return 0;
}

/* ---- back ---- */

struct back {
    struct operations *ops;
    char host[256];
};

/* Once: it is tried again, less and less often, until the store takes it. */
static void say_not_recorded(struct host *host, const char *why)
{
    if (!host->fence_told)
        log_error("host %s is back, and that cannot be recorded: %s; it "
                  "starts none of its protected guests and gets no orders "
                  "before, and they are not started elsewhere: `xl-vdc "
                  "dc-status` tells of the store, and `xl-vdc host-fenced "
                  "%s` says that it is off again", host->name, why,
                  host->name);
    host->fence_told = true;
    host->fence_wait_ms *= 2;
    if (host->fence_wait_ms < AGAIN_MS)
        host->fence_wait_ms = AGAIN_MS;
    if (host->fence_wait_ms > AGAIN_MAX_MS)
        host->fence_wait_ms = AGAIN_MAX_MS;
    host->fence_again_ms = clock_mono().ms + host->fence_wait_ms;
}

static void cleared(void *arg, const struct vdc_error *why)
{
    struct back *back = arg;
    struct hosts *hosts = back->ops->hosts;
    struct host *host = hosts ? hosts_find(hosts, back->host) : NULL;
    const struct book_host *stored = book_host(back->ops->book, back->host);

    if (host) {
        host->fence_clearing = false;
        if (why->code) {
            if (host->fence_back) /* not declared off again meanwhile */
                say_not_recorded(host, why->text);
        } else if (stored && stored->record && !stored->record->fenced_ms) {
            log_info("host %s, which was off, is back", host->name);
            host->fence_told = false;
            host->fence_wait_ms = 0;
            hosts_put(hosts, stored->record);
            reconcile_soon(host->reconcile, 0);
        }
    }
    free(back);
}

bool fence_is_back(const struct host *host)
{
    return !host->record.fenced_ms && !host->fence_clearing;
}

/* What is recorded after the clearing is refused with it. */
int fence_check_back(const struct operations *ops, const char *name,
                     struct vdc_error *err)
{
    const struct host *host = hosts_find(ops->hosts, name);

    if (!host || !host->record.fenced_ms || !host->fence_back ||
        host->fence_clearing)
        return 0;
    vdc_error_set(err, VDC_E_STORE,
                  "host %s, which was off, is back, and that cannot be "
                  "recorded: nothing was done", name);
    vdc_error_hint(err, "`xl-vdc dc-status` tells of the store; try again");
    return VDC_E_STORE;
}

void fence_host_up(struct operations *ops, struct host *host)
{
    struct wire_host_record record = host->record;
    const struct store_audit audit = { .time_ms = clock_wall().ms,
                                       .uid = STORE_UID_NONE,
                                       .customer = "",
                                       .message = "host_back",
                                       .object = host->name };
    struct vdc_error err = { 0 };
    struct back *back;

    if (!record.fenced_ms || host->fence_clearing)
        return;
    host->fence_back = true; /* whatever becomes of the record */
    record.fenced_ms = 0;
    record.fenced_why = "";
    if (book_host_put(ops->book, &record, &audit, &err)) {
        say_not_recorded(host, err.text);
        return;
    }
    host->fence_clearing = true;
    /* what else is recorded of it meanwhile does not say fenced again; when
     * this is refused, the book puts it back */
    hosts_put(ops->hosts, &record);
    back = XNEW(struct back);
    back->ops = ops;
    snprintf(back->host, sizeof(back->host), "%s", host->name);
    if (!book_wait(ops->book, cleared, back))
        cleared(back, &err);
}

void fence_tend(struct operations *ops)
{
    struct host *host;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host))
        if (host->record.fenced_ms && *service_version(host->service) &&
            clock_mono().ms >= host->fence_again_ms)
            fence_host_up(ops, host);
}

/* ---- host_fenced ---- */

static int check(const struct operations *ops, const struct host *host,
                 struct vdc_error *err)
{
    if (host->own) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "host %s is the one that policyd runs on: it is not off",
                      host->name);
        return VDC_E_WRONG_STATE;
    }
    if (host->up || *service_version(host->service)) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "host %s answers: it is not off", host->name);
        vdc_error_hint(err, "`xl-vdc host-evacuate %s` moves its guests",
                       host->name);
        return VDC_E_WRONG_STATE;
    }
    if (watch_heard_by(ops->watch, host->name)) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "host %s is not off: watchdogd of host %s hears it",
                      host->name, watch_heard_by(ops->watch, host->name));
        vdc_error_hint(err, "it cannot be reached by policyd alone; is its "
                            "resourced running?");
        return VDC_E_WRONG_STATE;
    }
    if (host->record.fenced_ms && !host->fence_back)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "host %s is known to be off already: %s",
                             host->name, host->record.fenced_why);
    return 0;
}

static void serve(struct request *request)
{
    const struct wire_fence_order *order = request->body;
    struct operations *ops = request->ops;
    const struct host *host = hosts_find(ops->hosts, order->host);
    struct wire_fence_plan plan;
    struct vdc_error err = { 0 };
    int rc = host ? check(ops, host, &err) : no_host(order->host, &err);

    if (!rc && !order->dry_run)
        rc = operations_check_still(request, &err);
    wire_init(&wire_struct_fence_plan, &plan);
    if (!rc) {
        plan.host = arena_strdup(request->arena, order->host);
        plan.dry_run = order->dry_run;
        restarts_describe(ops, order->host, request->arena, &plan);
    }
    if (!rc && !order->dry_run) {
        struct store_audit audit =
            operations_audit(request, "", plan.host, 0);
        const char *why = arena_printf(request->arena, "%s said so",
                                       operations_who(request));
        audit.detail = why;
        rc = fence_declare(ops, plan.host, why, &audit, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        request_reply(request, WIRE_MSG_host_fenced_reply, &plan);
}

static void hosts_known(void *arg)
{
    serve(arg);
}

/* What the others have room for is asked before. */
void fence_serve(struct request *request)
{
    hosts_refresh(request->ops->hosts, hosts_known, request);
}
