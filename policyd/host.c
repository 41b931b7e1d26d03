/*
 * Hosts, and versions.
 */
#include <string.h>

#include "policyd/operations.h"

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
