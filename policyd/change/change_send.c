/*
 * The order of a change to its host, and what came of it.  See change.h.
 */
#include <string.h>

#include "policyd/api/partition.h"
#include "policyd/change/change.h"

static void done(void *arg, const void *answer, const struct vdc_error *err)
{
    struct change *change = arg;
    struct request *request = change->request;
    int rc = 0;

    memset(&request->call, 0, sizeof(request->call));
    if (err)
        change->why = *err;
    else if (!change->as_transaction)
        rc = wire_struct_copy(&wire_struct_partition_reply, answer,
                              request->arena, &change->single, &change->why);
    else
        rc = wire_struct_copy(&wire_struct_transaction_reply, answer,
                              request->arena, &change->reply, &change->why);
    if (rc) /* what was done is not known */
        change->why.code = VDC_E_INTERNAL;
    change->sent(change);
}

static void more(void *arg, const struct wire_frame *frame)
{
    const struct change *change = arg;

    partition_more(change->request, frame);
}

static int forward_create(struct change *change, struct service *service,
                          struct vdc_error *err)
{
    struct request *request = change->request;
    const struct wire_operation *op = &change->order.operations[0];
    struct wire_partition_create order =
        *(const struct wire_partition_create *)request->body;

    order.key = ""; /* one with a key goes as a transaction */
    order.customer = op->customer;
    order.definition = op->definition;
    order.owner = op->owner;
    order.xen_name = op->xen_name;
    return service_create(service, &order, done, more, change, &request->call,
                          err);
}

static int forward_ref(struct change *change, struct service *service,
                       struct vdc_error *err)
{
    struct request *request = change->request;
    const struct wire_operation *op = &change->order.operations[0];
    struct wire_partition_ref ref =
        *(const struct wire_partition_ref *)request->body;

    ref.customer = "";
    ref.name = op->name;
    ref.uuid = op->uuid;
    ref.new_xen_name = op->new_xen_name;
    ref.key = change->order.key;
    ref.owner = change->owner;
    return service_act(service, request->message->number, &ref, done, more,
                       change, &request->call, err);
}

static int send(struct change *change)
{
    struct request *request = change->request;
    struct service *service;
    int rc = change_service(change, &service, &change->why);

    if (rc)
        return rc;
    /* with a key, as what is recalled is the answer to a transaction; these
     * wait for the guest, which transactions do not */
    change->as_transaction =
        !change_is_single(change) ||
        (change->keyed &&
         change->order.operations[0].kind != WIRE_OP_SHUTDOWN &&
         change->order.operations[0].kind != WIRE_OP_REBOOT);
    if (change->as_transaction)
        return service_transaction(service, &change->order, done, more, change,
                                   &request->call, &change->why);
    if (request->message->number == WIRE_MSG_partition_create)
        return forward_create(change, service, &change->why);
    return forward_ref(change, service, &change->why);
}

void change_send(struct change *change, void (*fn)(struct change *change))
{
    change->sent = fn;
    if (send(change))
        fn(change);
}
