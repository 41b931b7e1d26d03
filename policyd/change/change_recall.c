/*
 * A key that was noted before, and nobody knows what came of its request: one
 * of the daemons died meanwhile, or the connection between them.  The host is
 * asked, which waits there for what is still under way; then the book is
 * compared with the host, so that neither the answer nor what is done now
 * finds guests in a state that nobody brings to an end.  See change.h.
 */
#include <string.h>

#include "policyd/api/partition.h"
#include "policyd/change/change.h"
#include "policyd/change/reconcile.h"

/* Whether the host has said what came of it, as opposed to nothing. */
static bool is_outcome(const struct change *change,
                       const struct vdc_error *why)
{
    return !partition_outcome_unknown(why) && why->code != VDC_E_NO_DAEMON &&
           !request_is_cancelled(change->request, NULL);
}

static void compared(void *arg, const struct vdc_error *why)
{
    struct change *change = arg;

    if (why)
        change_fail(change, why);
    else
        change->recalled(change);
}

static void recalled(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct change *change = arg;
    struct request *request = change->request;
    struct vdc_error err = { 0 };
    int rc = 0;

    memset(&request->call, 0, sizeof(request->call));
    change->known = !why;
    if (why && why->code != VDC_E_NOT_FOUND) {
        err = *why;
        rc = is_outcome(change, why) ? keys_check_same(change->keyed, &err)
                                     : why->code;
        change_fail(change, rc ? &err : why);
        return;
    }
    if (change->known)
        rc = keys_check_same(change->keyed, &err);
    if (!rc && change->known)
        rc = wire_struct_copy(&wire_struct_transaction_reply, answer,
                              request->arena, &change->reply, &err);
    struct host *host = hosts_find(request->ops->hosts, change->host);
    if (!rc && !host)
        rc = hosts_check_up(request->ops->hosts, change->host, &err);
    if (rc)
        change_fail(change, &err);
    else
        reconcile_then(host->reconcile, compared, change);
}

void change_recall(struct change *change, void (*fn)(struct change *change))
{
    struct request *request = change->request;
    const struct host *any = hosts_any(request->ops->hosts);
    struct wire_transaction order;
    struct service *service;
    struct vdc_error err = { 0 };

    change->recalled = fn;
    change->host = keys_host(change->keyed);
    if (!*change->host && any)
        change->host = arena_strdup(request->arena, any->name);
    wire_init(&wire_struct_transaction, &order);
    order.key = change->order.key;
    order.owner = change->owner;
    order.recall = true;
    if (change_service(change, &service, &err) ||
        service_ask(service, WIRE_MSG_transaction, &order, recalled, NULL,
                    change, &request->call, &err))
        change_fail(change, &err);
}
