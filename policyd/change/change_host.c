/*
 * What the host says about a change besides doing it: its own reasons
 * against one that is refused here, so that all of them are told at once, and
 * whether it still knows the guests.  See change.h.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/api/partition.h"
#include "policyd/change/change.h"

/* A refusal waits no longer than this for a guest that is being changed, which
 * the host is told, ... */
#define REASONS_MS 2000
/* ... and for a host that hangs. */
#define ANSWER_MS 3000

/* The host is asked for reasons. */
struct asking {
    struct change *change; /* NULL: it does not wait any more */
    struct event *limit;
};

/* ---- reasons ---- */

/* What was refused by itself is not asked: what the host says of a file or a
 * device that a customer may not name is not for that customer. */
static bool may_ask(const struct change *change, uint32_t i)
{
    const struct change_guest *guest = change->guest_of[i];

    if (!guest || guest->refused || change->refused[i])
        return false;
    for (uint32_t j = 0; j < i; j++)
        if (change->refused[j] && change->guest_of[j] == guest &&
            change->order.operations[j].kind == WIRE_OP_CREATE)
            return false;
    return true;
}

static void choose(const struct change *change, struct wire_transaction *ret)
{
    const struct wire_transaction *order = &change->order;

    *ret = *order;
    ret->key = "";
    ret->dry_run = true;
    if (!ret->timeout_ms || ret->timeout_ms > REASONS_MS)
        ret->timeout_ms = REASONS_MS;
    ret->operations = ARENA_ARRAY(change->request->arena, order->n_operations,
                                  struct wire_operation);
    ret->n_operations = 0;
    for (uint32_t i = 0; i < order->n_operations; i++) {
        struct wire_operation *op = &ret->operations[ret->n_operations];
        if (!may_ask(change, i))
            continue;
        *op = order->operations[i];
        /* that it has no room is said already */
        op->start &= !change->unplaced[i];
        ret->n_operations++;
    }
}

static struct change *stop_waiting(struct asking *asking)
{
    struct change *change = asking->change;

    asking->change = NULL;
    event_free(asking->limit);
    memset(&change->request->call, 0, sizeof(change->request->call));
    return change;
}

static void reasons_given(void *arg, const void *answer,
                          const struct vdc_error *why)
{
    struct asking *asking = arg;
    struct change *change = asking->change ? stop_waiting(asking) : NULL;

    free(asking);
    if (!change)
        return;
    /* that it could not look at it is no reason */
    if (why && !partition_outcome_unknown(why) && why->code != VDC_E_TIMEOUT &&
        why->code != VDC_E_CANCELLED && why->code != VDC_E_NO_DAEMON)
        change_refuse(change, why);
    change->asked(change);
}

/* The host says nothing, in its own time neither: what is known is told. */
static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    struct asking *asking = arg;

    service_cancel(&asking->change->request->call);
    struct change *change = stop_waiting(asking);
    change->asked(change);
}

/* False: it cannot be asked. */
static bool ask(struct change *change, const struct wire_transaction *order)
{
    const struct timeval limit = { ANSWER_MS / 1000,
                                   ANSWER_MS % 1000 * 1000 };
    struct request *request = change->request;
    const struct host *host = hosts_find(request->ops->hosts, change->host);
    struct asking *asking;

    if (!host || !host->up) /* one that is known to hang is connected */
        return false;
    asking = XNEW(struct asking);
    if (service_transaction(host->service, order, reasons_given, NULL, asking,
                            &request->call, NULL)) {
        free(asking);
        return false;
    }
    asking->change = change;
    asking->limit = evtimer_new(request->ops->base, on_limit, asking);
    evtimer_add(asking->limit, &limit);
    return true;
}

void change_ask_reasons(struct change *change,
                        void (*fn)(struct change *change))
{
    struct wire_transaction order;

    change->asked = fn;
    choose(change, &order);
    if (change->lease_refused || order.n_operations == 0 ||
        !ask(change, &order))
        fn(change);
}

/* ---- guests that it does not know ---- */

static void look_for(struct change *change);

static void looked(void *arg, const void *answer, const struct vdc_error *why)
{
    struct change *change = arg;
    const struct change_guest *guest = &change->guests[change->at++];

    if (why && why->code == VDC_E_NOT_FOUND) {
        partition_missing(guest->name, guest->host, &change->why);
        change->asked(change);
    } else {
        look_for(change);
    }
}

static void look_for(struct change *change)
{
    struct service *service;

    for (; change->at < change->n_guests; change->at++) {
        const struct change_guest *guest = &change->guests[change->at];
        if (guest->book == CHANGE_CREATES || !*guest->host)
            continue;
        if (change_service(change, &service, NULL) ||
            service_measure(service, &guest->uuid, looked, change, NULL))
            break;
        return;
    }
    change->asked(change);
}

void change_explain_missing(struct change *change,
                            void (*fn)(struct change *change))
{
    change->asked = fn;
    change->at = 0;
    look_for(change);
}
