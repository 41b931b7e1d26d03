/*
 * Creating a guest:
 *
 *   name free? -> the host looks at the definition (files, policy) -> the
 *   host says what it has -> [quota, placement, UUID and MACs, recorded as
 *   "creating"] -> the host creates it -> recorded as "active", or forgotten
 *
 * What is in brackets happens in one go, so two requests at a time cannot
 * both take the last of a quota.  A crash leaves a "creating" row, which is
 * compared with what the host has (reconcile.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/operations.h"
#include "policyd/partition.h"
#include "policyd/placement.h"
#include "policyd/policy.h"
#include "policyd/quota.h"
#include "policyd/reconcile.h"

struct create {
    struct request *request; /* its arena holds this */
    struct wire_partition_create order;
    struct placement_choice choice;
};

/* ---- UUID and MACs ---- */

static int choose_uuid(struct create *create, struct vdc_error *err)
{
    const struct book *book = create->request->ops->book;
    struct vdc_uuid *uuid = &create->order.definition.uuid;
    char text[UUID_TEXT_SIZE];

    if (!uuid_is_zero(uuid)) {
        if (!book_assignment(book, uuid))
            return 0;
        return vdc_error_set(err, VDC_E_EXISTS, "the UUID %s is in use",
                             uuid_format(uuid, text));
    }
    do
        uuid_random(uuid);
    while (book_assignment(book, uuid));
    return 0;
}

static bool mac_taken(const struct create *create, const char *mac,
                      uint32_t n_before)
{
    const struct wire_definition *d = &create->order.definition;

    for (uint32_t i = 0; i < n_before; i++)
        if (strcasecmp(d->nics[i].mac, mac) == 0)
            return true;
    return book_assignment_by_mac(create->request->ops->book, mac) != NULL;
}

/* 00:16:3e is the range for Xen's guests. */
static const char *random_mac(struct create *create, uint32_t n_before)
{
    uint8_t r[3];
    char mac[18];

    do {
        if (getrandom(r, sizeof(r), 0) != sizeof(r))
            abort(); /* the kernel always has three bytes */
        snprintf(mac, sizeof(mac), "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f,
                 r[1], r[2]);
    } while (mac_taken(create, mac, n_before));
    return arena_strdup(create->request->arena, mac);
}

static int choose_macs(struct create *create, struct vdc_error *err)
{
    struct wire_definition *d = &create->order.definition;

    /* those that were asked for first, so that none of them is drawn */
    for (uint32_t i = 0; i < d->n_nics; i++)
        if (*d->nics[i].mac && mac_taken(create, d->nics[i].mac, i))
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "the MAC address %s is in use",
                                 d->nics[i].mac);
    for (uint32_t i = 0; i < d->n_nics; i++)
        if (!*d->nics[i].mac)
            d->nics[i].mac = random_mac(create, d->n_nics);
    return 0;
}

const char *partition_macs(const struct wire_definition *d,
                           struct arena *arena)
{
    const char *text = "";

    for (uint32_t i = 0; i < d->n_nics; i++)
        text =
            arena_printf(arena, "%s%s%s", text, i ? " " : "", d->nics[i].mac);
    return text;
}

/* ---- the end ---- */

static void create_failed(struct create *create, const struct vdc_error *why)
{
    struct request *request = create->request;
    struct operations *ops = request->ops;
    struct assignment *a =
        book_assignment(ops->book, &create->order.definition.uuid);
    struct vdc_error err = { 0 };

    if (a && a->in_flight && !create->order.dry_run) {
        struct store_audit audit =
            operations_audit(request, a->customer->name, a->name, why->code);
        a->in_flight = false;
        if (partition_outcome_unknown(why) ||
            book_assignment_remove(ops->book, a, &audit, &err))
            reconcile_soon(ops->reconcile, RECONCILE_RETRY_MS);
    }
    request_fail(request, why);
}

static void create_more(void *arg, const struct wire_frame *frame)
{
    const struct create *create = arg;

    partition_more(create->request, frame);
}

static void create_done(void *arg, const void *answer,
                        const struct vdc_error *why)
{
    struct create *create = arg;
    struct request *request = create->request;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };

    if (why) {
        create_failed(create, why);
        return;
    }
    struct wire_partition_reply reply =
        *(const struct wire_partition_reply *)answer;
    struct assignment *a =
        book_assignment(ops->book, &create->order.definition.uuid);
    if (a && a->in_flight && !create->order.dry_run) {
        struct store_audit audit =
            operations_audit(request, a->customer->name, a->name, 0);
        a->in_flight = false;
        if (book_assignment_move(ops->book, a, ASSIGNMENT_ACTIVE, NULL, NULL,
                                 &audit, &err)) {
            log_error("guest '%s' is there, but: %s", a->name, err.text);
            reconcile_soon(ops->reconcile, RECONCILE_RETRY_MS);
        }
    }
    partition_present(ops, &reply.partition);
    reply.reason = create->choice.reason;
    request_reply(request, WIRE_MSG_partition_reply, &reply);
}

/* ---- deciding ---- */

static int place(struct create *create, const struct wire_host *host,
                 struct vdc_error *err)
{
    const struct placement_host hosts[] = {
        { host->name, host->state, host->available_memory },
    };
    const struct placement_view view = { hosts, 1 };
    const struct placement_request request = { create->order.definition.memory,
                                               create->order.start };
    const struct placement_policy policy = { PLACEMENT_SPREAD };

    return placement_choose(&view, &request, &policy, &create->choice, err);
}

static int check_quota(const struct create *create, const struct customer *c,
                       struct vdc_error *err)
{
    struct wire_usage used, asked;

    if (c->builtin)
        return 0;
    book_usage(c, &used);
    quota_of_definition(&create->order.definition, &asked);
    return quota_check(c->name, &c->quota, &used, &asked, err);
}

static int record(struct create *create, const char *host,
                  struct vdc_error *err)
{
    struct request *request = create->request;
    const struct wire_definition *d = &create->order.definition;
    struct store_assignment row = {
        .uuid = d->uuid,
        .customer = create->order.customer,
        .name = d->name,
        .new_name = "",
        .host = host,
        .state = ASSIGNMENT_CREATING,
        .macs = partition_macs(d, request->arena),
        .reason = create->choice.reason,
        .created_ms = clock_wall().ms,
    };
    struct assignment *a;

    quota_of_definition(d, &row.counts);
    int rc = book_assignment_add(request->ops->book, &row, NULL, &a, err);
    if (!rc)
        a->in_flight = true;
    return rc;
}

/* Everything was found out; the customer may have changed meanwhile. */
static int decide(struct create *create, const struct wire_host *host,
                  struct vdc_error *err)
{
    struct request *request = create->request;
    struct operations *ops = request->ops;
    struct customer *customer =
        book_customer(ops->book, create->order.customer);

    if (!customer)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %s",
                             create->order.customer);
    int rc = partition_check_name_free(ops, customer,
                                       create->order.definition.name, err);
    if (!rc)
        rc = check_quota(create, customer, err);
    if (!rc)
        rc = place(create, host, err);
    if (!rc)
        rc = choose_uuid(create, err);
    if (!rc)
        rc = choose_macs(create, err);
    if (!rc && !create->order.dry_run)
        rc = record(create, host->name, err);
    return rc;
}

static void host_known(void *arg, const void *answer,
                       const struct vdc_error *why)
{
    struct create *create = arg;
    struct request *request = create->request;
    struct vdc_error err = { 0 };

    if (why) {
        request_fail(request, why); /* nothing was recorded yet */
        return;
    }
    if (decide(create, answer, &err)) {
        request_fail(request, &err);
        return;
    }
    if (service_create(request->ops->service, &create->order, create_done,
                       create_more, create, &err))
        create_failed(create, &err);
}

static void examined(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct create *create = arg;
    struct request *request = create->request;
    const struct wire_partition_reply *reply = answer;
    struct vdc_error err = { 0 };
    int rc;

    if (why) {
        request_fail(request, why);
        return;
    }
    rc = wire_struct_copy(&wire_struct_definition, &reply->definition,
                          request->arena, &create->order.definition, &err);
    if (!rc)
        rc = service_host(request->ops->service, host_known, create, &err);
    if (rc)
        request_fail(request, &err);
}

void create_partition(struct request *request)
{
    const struct wire_partition_create *asked = request->body;
    struct operations *ops = request->ops;
    struct create *create = ARENA_NEW(request->arena, struct create);
    struct vdc_error err = { 0 };
    struct customer *customer;
    char xen_name[NAMES_XEN_MAX + 1];

    create->request = request;
    create->order = *asked;
    request->owner = create;
    int rc = operations_customer(request, asked->customer, &customer, &err);
    if (!rc)
        rc = names_check_guest(asked->definition.name, &err);
    if (!rc)
        rc = partition_check_name_free(ops, customer, asked->definition.name,
                                       &err);
    if (!rc && !*service_version(ops->service))
        rc = service_down_error(ops->service, &err);
    if (!rc) {
        create->order.customer = arena_strdup(request->arena, customer->name);
        create->order.owner = create->order.customer;
        create->order.xen_name = arena_strdup(
            request->arena,
            names_xen(customer->name, asked->definition.name, xen_name));
        rc = service_examine(ops->service, &create->order,
                             request->auth.role == W_CUSTOMER, examined,
                             create, &err);
    }
    if (rc)
        request_fail(request, &err);
}
