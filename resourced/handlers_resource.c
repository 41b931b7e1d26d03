/* Requests about resources, leases, devices, and whether all agree. */
#include <string.h>

#include "resourced/channel_rows.h"
#include "resourced/handlers.h"
#include "resourced/host.h"
#include "resourced/lease.h"
#include "resourced/live.h"
#include "resourced/rebuild.h"
#include "resourced/resource.h"
#include "resourced/resource_rows.h"
#include "resourced/verify.h"
#include "resourced/verify_pages.h"
#include "resourced/view.h"

/* ---- resources ---- */

static void answer_list(struct request *request,
                        const struct channel_rows *channels)
{
    struct wire_resource_list reply;
    struct vdc_error err;

    if (resources_list(request->host, request->body, channels, request->arena,
                       &reply, &err))
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_resource_list_reply, &reply);
}

/* Channels that are asked for must be known; in a list of all, those of a
 * host without channeld are left out, and have no total. */
static void list_with(void *arg, const struct channel_rows *channels,
                      const struct vdc_error *err)
{
    struct request *request = arg;
    const struct wire_resource_query *query = request->body;

    if (err && (query->kind == WIRE_RESOURCE_CHANNEL || query->index))
        request_fail(request, err);
    else
        answer_list(request, channels);
}

static void list_resources(void *arg, int rc, const struct vdc_error *err)
{
    struct request *request = arg;
    const struct wire_resource_query *query = request->body;
    bool other_kind = query->kind && query->kind != WIRE_RESOURCE_CHANNEL;
    bool other_row = query->index && query->index <= CHANNEL_INDEX_BASE;

    if (rc)
        request_fail(request, err);
    else if (other_kind || other_row)
        answer_list(request, NULL);
    else
        channel_rows_read(request->host->channels, list_with, request);
}

static void handle_resource_list(struct request *request)
{
    live_read(request->host->live, list_resources, request);
}

/* ---- quotas of channels ---- */

static void limits_told(void *arg, const struct wire_channel_uses *uses,
                        const struct vdc_error *err)
{
    struct request *request = arg;

    if (err)
        request_fail(request, err);
    else
        request_answer(request, WIRE_MSG_channel_uses, uses);
}

static void handle_channel_limits(struct request *request)
{
    channel_limits_tell(request->host->channels, request->body, limits_told,
                        request);
}

/* ---- leases ---- */

static void answer_lease(struct request *request, const struct lease *lease)
{
    struct wire_lease_list reply;
    struct wire_lease item = lease->wire;
    uint64_t now = clock_mono().ms;

    item.expires_ms = lease->expires_at_ms > now ? lease->expires_at_ms - now
                                                 : 0;
    wire_init(&wire_struct_lease_list, &reply);
    reply.leases = &item;
    reply.n_leases = 1;
    request_answer(request, WIRE_MSG_lease_list_reply, &reply);
}

static void handle_lease_create(struct request *request)
{
    struct lease *lease;
    struct vdc_error err;

    if (lease_create(request->host, request->body, request->connection,
                     &lease, &err))
        request_fail(request, &err);
    else
        answer_lease(request, lease);
}

/* NULL when there is none, or none of that owner. */
static struct lease *find_lease(struct request *request,
                                struct vdc_error *err)
{
    const struct wire_lease_ref *ref = request->body;
    struct lease *lease = lease_find(request->host, &ref->id);
    char id[UUID_TEXT_SIZE];

    if (lease &&
        (!ref->owner[0] || strcmp(ref->owner, lease->wire.owner) == 0))
        return lease;
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such lease: %s",
                  uuid_format(&ref->id, id));
    vdc_error_hint(err, "it may have expired");
    return NULL;
}

static void handle_lease_renew(struct request *request)
{
    const struct wire_lease_ref *ref = request->body;
    struct vdc_error err;
    struct lease *lease = find_lease(request, &err);

    if (!lease || lease_renew(request->host, lease, ref->expires_ms, &err))
        request_fail(request, &err);
    else
        answer_lease(request, lease);
}

static void handle_lease_drop(struct request *request)
{
    struct vdc_error err;
    struct wire_empty nothing;
    struct lease *lease = find_lease(request, &err);

    if (!lease) {
        request_fail(request, &err);
        return;
    }
    lease_drop(request->host, lease);
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}

static void handle_lease_list(struct request *request)
{
    const struct wire_lease_ref *ref = request->body;
    struct wire_lease_list reply;
    struct vdc_error err;

    if (leases_page(request->host, ref->owner, ref->from, request->arena,
                    &reply, &err))
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_lease_list_reply, &reply);
}

/* ---- devices: about now, so Xen is asked ---- */

static enum wire_resource_kind kind_of(enum hv_device_kind kind)
{
    switch (kind) {
    case HV_DEVICE_DISK:
        return WIRE_RESOURCE_DISK;
    case HV_DEVICE_NIC:
        return WIRE_RESOURCE_VIF;
    case HV_DEVICE_PCI:
        break;
    }
    return WIRE_RESOURCE_PCI;
}

static void fill_devices(const struct hv_device *devices, size_t n,
                         struct arena *arena, struct wire_device_list *ret)
{
    ret->devices = ARENA_ARRAY(arena, n, struct wire_device);
    for (size_t i = 0; i < n; i++) {
        struct wire_device *item = &ret->devices[ret->n_devices++];
        wire_init(&wire_struct_device, item);
        item->kind = kind_of(devices[i].kind);
        item->name = devices[i].name;
        item->devid = devices[i].devid;
        item->backend_domid = devices[i].backend_domid;
        item->state = devices[i].state;
        item->target = devices[i].target;
        item->backend_path = devices[i].backend_path;
        item->readonly = devices[i].readonly;
        item->event_channel = devices[i].event_channel;
    }
}

static void fill_vcpus(const struct hv_vcpu *vcpus, size_t n,
                       struct arena *arena, struct wire_device_list *ret)
{
    ret->vcpus = ARENA_ARRAY(arena, n, struct wire_vcpu);
    for (size_t i = 0; i < n; i++) {
        struct wire_vcpu *item = &ret->vcpus[ret->n_vcpus++];
        wire_init(&wire_struct_vcpu, item);
        item->number = vcpus[i].number;
        item->online = vcpus[i].online;
        item->cpu = vcpus[i].cpu;
        item->time_ns = vcpus[i].time_ns;
        item->cpus = vcpus[i].cpus;
        item->cpus_soft = vcpus[i].cpus_soft;
    }
}

static int find_devices(struct request *request,
                        const struct partition *partition,
                        struct wire_device_list *ret, struct vdc_error *err)
{
    struct hv *hv = request->host->hv;
    struct arena *arena = request->arena;
    uint32_t domid = partition->row.domid;
    const char *pool = resource_definition_of(&partition->row)->pool;
    struct hv_device *devices;
    struct hv_vcpu *vcpus;
    struct hv_sched sched;
    size_t n_devices, n_vcpus;
    int rc = hv->domain->devices(hv, domid, arena, &devices, &n_devices, err);

    if (!rc)
        rc = hv->domain->vcpus(hv, domid, arena, &vcpus, &n_vcpus, err);
    if (!rc)
        rc = hv->domain->sched(hv, domid, &sched, err);
    if (!rc)
        rc = view_partition(request->host, partition, arena, &ret->partition,
                            err);
    if (rc)
        return rc;
    fill_devices(devices, n_devices, arena, ret);
    fill_vcpus(vcpus, n_vcpus, arena, ret);
    ret->weight = sched.weight;
    ret->cap = sched.cap;
    ret->pool = pool[0] ? pool : "Pool-0";
    return 0;
}

static void handle_device_list(struct request *request)
{
    struct wire_device_list reply;
    struct vdc_error err;
    const struct partition *partition =
        handler_partition(request->host, request->body, &err);
    int rc = partition ? 0 : VDC_E_NOT_FOUND;

    wire_init(&wire_struct_device_list, &reply);
    if (!rc && !partition_has_domain(partition)) {
        rc = vdc_error_set(&err, VDC_E_WRONG_STATE, "%s is not running",
                           partition->row.name);
        vdc_error_hint(&err, "what it will have: xl-vdc show");
    }
    if (!rc)
        rc = find_devices(request, partition, &reply, &err);
    if (rc)
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_device_list_reply, &reply);
}

/* ---- whether all agree ---- */

static void verified(void *arg, int rc, const struct vdc_error *err,
                     const struct wire_verify_reply *reply)
{
    struct request *request = arg;
    struct wire_verify_reply page;

    if (rc) {
        request_fail(request, err);
        return;
    }
    verify_first_page(request->host, reply, request->arena, &page);
    request_answer(request, WIRE_MSG_host_verify_reply, &page);
}

static void answer_next_page(struct request *request, const char *from)
{
    struct wire_verify_reply page;
    struct vdc_error err;

    if (verify_next_page(request->host, from, request->arena, &page, &err))
        request_fail(request, &err);
    else
        request_answer(request, WIRE_MSG_host_verify_reply, &page);
}

static void handle_host_verify(struct request *request)
{
    const struct wire_verify *verify = request->body;

    if (verify->from[0])
        answer_next_page(request, verify->from);
    else if (verify->rebuild)
        rebuild_begin(request->host, verified, request);
    else if (request->host->damage.code)
        request_fail(request, &request->host->damage);
    else
        verify_begin(request->host, verify, verified, request);
}

static const struct {
    enum wire_message_number number;
    request_fn *handler;
} handlers[] = {
    { WIRE_MSG_channel_limits, handle_channel_limits },
    { WIRE_MSG_resource_list, handle_resource_list },
    { WIRE_MSG_lease_create, handle_lease_create },
    { WIRE_MSG_lease_renew, handle_lease_renew },
    { WIRE_MSG_lease_drop, handle_lease_drop },
    { WIRE_MSG_lease_list, handle_lease_list },
    { WIRE_MSG_device_list, handle_device_list },
    { WIRE_MSG_host_verify, handle_host_verify },
};

request_fn *handler_of_resources(unsigned message_number)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
        if ((unsigned)handlers[i].number == message_number)
            return handlers[i].handler;
    return NULL;
}
