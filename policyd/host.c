/*
 * Hosts, versions, and whether a host's database agrees with what is there.
 */
#include <string.h>

#include "base/log.h"
#include "policyd/lease.h"
#include "policyd/operations.h"
#include "policyd/partition.h"
#include "policyd/reconcile.h"

static void host_done(void *arg, const void *answer,
                      const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_host_list list = { .n_hosts = 1 };
    struct wire_host host;

    if (answer) {
        host = *(const struct wire_host *)answer;
    } else {
        /* a host that is down is still one of the hosts */
        wire_init(&wire_struct_host, &host);
        host.name = service_host_name(request->ops->service);
        host.state = "resourced does not answer";
        host.hint = "is it running? `systemctl status xen-vdc-resourced`";
        if (err->code == VDC_E_STORE_CORRUPT) {
            host.state = "database damaged";
            host.hint = "`xl-vdc host-verify --rebuild` makes a new one from "
                        "what can be read of it and from Xen";
        }
    }
    list.hosts = &host;
    request_reply(request, WIRE_MSG_host_list_reply, &list);
}

void host_list(struct request *request)
{
    struct vdc_error err = { 0 };

    if (service_host(request->ops->service, host_done, request, &err))
        host_done(request, NULL, &err);
}

static void version_done(void *arg, const void *answer,
                         const struct vdc_error *err)
{
    struct request *request = arg;
    const struct wire_host *host = answer;
    const struct wire_version version = {
        .policyd = PACKAGE_VERSION,
        .resourced = service_version(request->ops->service),
        .hypervisor = host ? host->hypervisor : "",
        .protocol = WIRE_PROTOCOL,
    };
    request_reply(request, WIRE_MSG_version_reply, &version);
}

void host_version(struct request *request)
{
    struct vdc_error err = { 0 };

    if (service_host(request->ops->service, version_done, request, &err))
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

    if (err) {
        request_fail(request, err);
        return;
    }
    struct wire_verify_reply reply = *(const struct wire_verify_reply *)answer;
    reply.host = service_host_name(ops->service);
    for (uint32_t i = 0; i < reply.n_differences; i++)
        present(ops, &reply.differences[i]);
    if ((asked->repair || asked->rebuild) && !*asked->from) {
        const struct store_audit audit = operations_audit(
            request, "", asked->rebuild ? "rebuild" : "repair", 0);
        struct vdc_error why = { 0 };
        if (book_audits(ops->book, &audit, 1, &why))
            log_error("record of host_verify: %s", why.text);
        /* what was mended may be otherwise than it was recorded */
        service_resume(ops->service);
        leases_up(ops->leases);
        reconcile_soon(ops->reconcile, 0);
    }
    request_reply(request, WIRE_MSG_host_verify_reply, &reply);
}

void host_verify(struct request *request)
{
    const struct wire_verify *asked = request->body;
    struct operations *ops = request->ops;
    const char *name = service_host_name(ops->service);
    struct vdc_error err = { 0 };
    int rc = 0;

    if (*asked->host && strcmp(asked->host, name) != 0)
        rc = vdc_error_set(&err, VDC_E_NOT_FOUND, "no such host: %s",
                           asked->host);
    if (!rc)
        rc = service_ask(ops->service, WIRE_MSG_host_verify, asked, verified,
                         partition_more, request, &request->call, &err);
    if (rc)
        request_fail(request, &err);
}
