/*
 * Which guests a change is about, and what becomes of each; see change.h.
 */
#include <string.h>

#include "policyd/api/lookup.h"
#include "policyd/api/partition.h"
#include "policyd/change/change.h"
#include "policyd/store/identity.h"

static struct change_guest *add_guest(struct change *change,
                                      const struct vdc_uuid *uuid,
                                      const char *customer, const char *name,
                                      const char *host)
{
    struct arena *arena = change->request->arena;
    struct change_guest *guest = &change->guests[change->n_guests++];

    guest->uuid = *uuid;
    guest->customer = arena_strdup(arena, customer);
    guest->name = arena_strdup(arena, name);
    guest->host = arena_strdup(arena, host);
    guest->new_name = "";
    return guest;
}

/* A guest is made, forgotten or renamed once in a change. */
static void set_book(struct change *change, struct change_guest *guest,
                     enum change_book book)
{
    struct vdc_error err = { 0 };

    if (guest->book == CHANGE_KEEPS) {
        guest->book = book;
        return;
    }
    vdc_error_set(&err, VDC_E_BAD_VALUE,
                  "guest '%s': only one of create, rename and destroy is "
                  "possible in a transaction",
                  guest->name);
    change_refuse_operation(change, change->at, &err);
}

static void take_guest(struct change *change, struct change_guest *guest)
{
    struct wire_operation *op = &change->order.operations[change->at];

    change->guest_of[change->at] = guest;
    op->uuid = guest->uuid;
    op->name = guest->name;
    op->customer = "";
    guest->counts |= effect_counts(op->kind);
    guest->starts |= op->kind == WIRE_OP_START;
    guest->will_run |= op->kind == WIRE_OP_START;
    if (op->kind == WIRE_OP_DESTROY && !op->keep)
        set_book(change, guest, CHANGE_FORGETS);
    if (op->kind == WIRE_OP_RENAME) {
        set_book(change, guest, CHANGE_RENAMES);
        guest->new_name = op->new_name;
    }
}

/* The guest that the same key made before, when nobody could note the
 * answer: the host knows it. */
static bool was_made(struct change *change, const struct customer *customer,
                     const struct wire_operation *op)
{
    const struct assignment *a =
        book_assignment_by_name(customer, op->definition.name);
    struct vdc_uuid uuid;

    if (!a || !change->keyed)
        return false;
    identity_of_key(change->owner, change->order.key, change->at, &uuid);
    return uuid_equal(&a->uuid, &uuid);
}

static void look_at_create(struct change *change)
{
    struct request *request = change->request;
    struct wire_operation *op = &change->order.operations[change->at];
    struct vdc_uuid *uuid = &op->definition.uuid;
    char xen_name[NAMES_XEN_MAX + 1];
    struct vdc_error err = { 0 };
    struct customer *customer;

    if (operations_customer(request, op->customer, &customer, &err) ||
        names_check_guest(op->definition.name, &err)) {
        change_refuse_operation(change, change->at, &err);
        return;
    }
    bool again = was_made(change, customer, op);
    if (!again && partition_check_name_free(request->ops, customer,
                                            op->definition.name, &err))
        change_refuse_operation(change, change->at, &err);
    if (change->keyed && uuid_is_zero(uuid)) {
        identity_of_key(change->owner, change->order.key, change->at, uuid);
        /* made by this key long ago, and called otherwise now */
        if (!again && book_assignment(request->ops->book, uuid))
            memset(uuid, 0, sizeof(*uuid));
    }
    if (!again && identity_uuid(request->ops->book, uuid, &err)) {
        change_hint_whose(change, book_assignment(request->ops->book, uuid),
                          &err);
        change_refuse_operation(change, change->at, &err);
    }
    if (!again && *op->definition.host &&
        hosts_check_named(request->ops->hosts, op->definition.host,
                          request->auth.role == W_OPERATOR, request->arena,
                          &err))
        change_refuse_operation(change, change->at, &err);
    if (!again && change_check_groups(customer, &op->definition,
                                      request->arena, &err))
        change_refuse_operation(change, change->at, &err);
    const struct assignment *there =
        again ? book_assignment(request->ops->book, uuid) : NULL;
    struct change_guest *guest =
        add_guest(change, uuid, customer->name, op->definition.name,
                  there ? there->host : "");
    if (change_resolve_images(change, customer, &op->definition, guest, &err))
        change_refuse_operation(change, change->at, &err);
    guest->book = again ? CHANGE_KEEPS : CHANGE_CREATES;
    guest->counts = !again;
    guest->will_run = op->start;
    change->guest_of[change->at] = guest;
    op->customer = op->owner = guest->customer;
    op->uuid = *uuid;
    op->xen_name = arena_strdup(
        request->arena, names_xen(guest->customer, guest->name, xen_name));
}

static void look_up(struct change *change);

static void looked_up(void *arg, struct assignment *a,
                      const struct vdc_error *why)
{
    struct change *change = arg;
    struct change_guest *guest = NULL;

    if (!a && why->code != VDC_E_NOT_FOUND) {
        change_fail(change, why);
        return;
    }
    if (a) {
        for (uint32_t i = 0; i < change->n_guests; i++)
            if (uuid_equal(&change->guests[i].uuid, &a->uuid))
                guest = &change->guests[i];
        if (!guest)
            guest = add_guest(change, &a->uuid, a->customer->name, a->name,
                              a->host);
        take_guest(change, guest);
    } else {
        change_refuse_operation(change, change->at, why);
    }
    change->at++;
    look_up(change);
}

/* One that an operation before this makes. */
static struct change_guest *find_made(struct change *change,
                                      const struct wire_operation *op)
{
    struct customer *customer;

    if (operations_customer(change->request, op->customer, &customer, NULL))
        return NULL;
    for (uint32_t i = 0; i < change->n_guests; i++) {
        struct change_guest *guest = &change->guests[i];
        if (guest->book == CHANGE_CREATES &&
            strcmp(guest->customer, customer->name) == 0 &&
            strcmp(guest->name, op->name) == 0)
            return guest;
    }
    return NULL;
}

static void look_up(struct change *change)
{
    struct request *request = change->request;

    for (; change->at < change->order.n_operations; change->at++) {
        struct wire_operation *op = &change->order.operations[change->at];
        struct change_guest *made = find_made(change, op);
        if (op->kind == WIRE_OP_CREATE) {
            look_at_create(change);
        } else if (made) {
            take_guest(change, made);
        } else {
            struct wire_partition_ref *ref =
                ARENA_NEW(request->arena, struct wire_partition_ref);
            wire_init(&wire_struct_partition_ref, ref);
            ref->customer = op->customer;
            ref->name = op->name;
            ref->uuid = op->uuid;
            lookup_assignment(request, ref, looked_up, change);
            return;
        }
    }
    change->found(change);
}

void change_find(struct change *change, void (*fn)(struct change *change))
{
    change->found = fn;
    look_up(change);
}
