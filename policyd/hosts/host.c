/*
 * Hosts, versions, and whether a host's database agrees with what is there.
 */
#include <string.h>

#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/api/partition.h"
#include "policyd/change/reconcile.h"
#include "policyd/hosts/lease.h"

static void hosts_known(void *arg)
{
    struct request *request = arg;
    const struct hosts *hosts = request->ops->hosts;
    struct wire_host_list list = { 0 };
    const struct host *host;

    list.hosts =
        ARENA_ARRAY(request->arena, hosts_count(hosts) + 1, struct wire_host);
    for (host = hosts_first(hosts); host; host = hosts_next(host))
        hosts_describe(host, request->arena, &list.hosts[list.n_hosts++]);
    request_reply(request, WIRE_MSG_host_list_reply, &list);
}

void host_list(struct request *request)
{
    hosts_refresh(request->ops->hosts, hosts_known, request);
}

static void version_done(void *arg, const void *answer,
                         const struct vdc_error *err)
{
    struct request *request = arg;
    const struct host *any = hosts_any(request->ops->hosts);
    const struct wire_host *host = answer;
    const struct wire_version version = {
        .policyd = PACKAGE_VERSION,
        .resourced = any ? service_version(any->service) : "",
        .hypervisor = host ? host->hypervisor : "",
        .protocol = WIRE_PROTOCOL,
    };
    request_reply(request, WIRE_MSG_version_reply, &version);
}

void host_version(struct request *request)
{
    const struct host *any = hosts_any(request->ops->hosts);
    struct vdc_error err = { 0 };

    if (!any || service_report(any->service, version_done, request, &err))
        version_done(request, NULL, &err);
}

/* ---- verify ---- */

static void present(const struct operations *ops, struct wire_difference *d)
{
    const struct assignment *a = book_assignment(ops->book, &d->uuid);

    if (!a)
        return;
    d->customer = a->customer->name;
    if (a->state != ASSIGNMENT_RENAMING)
        d->name = a->name;
}

static void verified(void *arg, const void *answer,
                     const struct vdc_error *err)
{
    struct request *request = arg;
    struct operations *ops = request->ops;
    const struct wire_verify *asked = request->body;
    struct host *host = hosts_find(ops->hosts, request->owner);

    if (err) {
        request_fail(request, err);
        return;
    }
    struct wire_verify_reply reply = *(const struct wire_verify_reply *)answer;
    reply.host = request->owner;
    for (uint32_t i = 0; i < reply.n_differences; i++)
        present(ops, &reply.differences[i]);
    if (host && (asked->repair || asked->rebuild) && !*asked->from) {
        const struct store_audit audit = operations_audit(
            request, "", asked->rebuild ? "rebuild" : "repair", 0);
        struct vdc_error why = { 0 };
        if (book_audits(ops->book, &audit, 1, &why))
            log_error("record of host_verify: %s", why.text);
        /* what was mended may be otherwise than it was recorded */
        service_resume(host->service);
        leases_up(ops->leases, host);
        reconcile_soon(host->reconcile, 0);
    }
    request_reply(request, WIRE_MSG_host_verify_reply, &reply);
}

void host_verify(struct request *request)
{
    const struct wire_verify *asked = request->body;
    const struct hosts *hosts = request->ops->hosts;
    const struct host *host =
        *asked->host ? hosts_find(hosts, asked->host) : hosts_any(hosts);
    struct vdc_error err = { 0 };
    int rc = 0;

    if (!host)
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "no such host: %s",
                           asked->host);
    else
        request->owner = arena_strdup(request->arena, host->name);
    if (!rc)
        rc = service_ask(host->service, WIRE_MSG_host_verify, asked, verified,
                         partition_more, request, &request->call, &err);
    if (rc)
        request_fail(request, &err);
}
