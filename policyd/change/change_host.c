/*
 * What the host says about a change besides doing it: its own reasons
 * against one that is refused here, so that all of them are told at once, and
 * whether it still knows the guests.  See change.h.
 */
#include <string.h>

#include "policyd/api/partition.h"
#include "policyd/change/change.h"

/* A refusal waits no longer than this for a guest that is being changed. */
#define REASONS_MS 2000

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

static void reasons_given(void *arg, const void *answer,
                          const struct vdc_error *why)
{
    struct change *change = arg;

    memset(&change->request->call, 0, sizeof(change->request->call));
    /* that it could not look at it is no reason */
    if (why && !partition_outcome_unknown(why) && why->code != VDC_E_TIMEOUT &&
        why->code != VDC_E_CANCELLED && why->code != VDC_E_NO_DAEMON)
        change_refuse(change, why);
    change->asked(change);
}

void change_ask_reasons(struct change *change,
                        void (*fn)(struct change *change))
{
    struct request *request = change->request;
    struct wire_transaction order;
    struct service *service;

    change->asked = fn;
    choose(change, &order);
    if (change->lease_refused || order.n_operations == 0 ||
        change_service(change, &service, NULL) ||
        service_transaction(service, &order, reasons_given, NULL, change,
                            &request->call, NULL))
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
