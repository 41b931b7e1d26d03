/*
 * Deciding a change in one go, when everything was found out: names, UUIDs
 * and MACs, quotas; see change.h.  Placement is in change_place.c.
 */
#include <string.h>

#include "policyd/change.h"
#include "policyd/identity.h"
#include "policyd/lease.h"
#include "policyd/lookup.h"
#include "policyd/partition.h"
#include "policyd/quota.h"

/* ---- names ---- */

static void check_created(struct change *change, struct change_guest *guest)
{
    struct operations *ops = change->request->ops;
    const struct customer *customer =
        book_customer(ops->book, guest->customer);
    struct vdc_error err = { 0 };

    if (!customer)
        vdc_error_set(&err, VDC_E_NOT_FOUND, "no such customer: %s",
                      guest->customer);
    else if (!partition_check_name_free(ops, customer, guest->name, &err) &&
             book_assignment(ops->book, &guest->uuid))
        vdc_error_set(&err, VDC_E_EXISTS, "the UUID of '%s' is in use",
                      guest->name);
    /* two of them may be asked for in one transaction */
    for (const struct change_guest *other = change->guests; other < guest;
         other++)
        if (other->book == CHANGE_CREATES &&
            strcmp(other->customer, guest->customer) == 0 &&
            strcmp(other->name, guest->name) == 0)
            vdc_error_set(&err, VDC_E_EXISTS, "two guests '%s' were asked for",
                          guest->name);
    if (!err.code)
        return;
    guest->refused = true;
    change_refuse(change, &err);
}

static void check_there(struct change *change, struct change_guest *guest)
{
    struct operations *ops = change->request->ops;
    const struct assignment *a = book_assignment(ops->book, &guest->uuid);
    struct vdc_error err = { 0 };
    int rc;

    if (!a)
        rc = lookup_no_guest(guest->name, &err);
    else
        rc = lookup_check_idle(a, &err);
    guest->refused |= rc != 0;
    if (rc)
        change_refuse(change, &err);
    if (!a || guest->book != CHANGE_RENAMES)
        return;
    rc = names_check_guest(guest->new_name, &err);
    if (!rc)
        rc =
            partition_check_name_free(ops, a->customer, guest->new_name, &err);
    if (rc)
        change_refuse(change, &err);
}

static void name_domains(struct change *change)
{
    struct arena *arena = change->request->arena;
    char xen_name[NAMES_XEN_MAX + 1];

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        struct wire_operation *op = &change->order.operations[i];
        const struct change_guest *guest = change->guest_of[i];
        if (guest && op->kind == WIRE_OP_RENAME)
            op->new_xen_name = arena_strdup(
                arena, names_xen(guest->customer, op->new_name, xen_name));
    }
}

/* ---- MACs ---- */

static uint32_t nics_of(struct wire_operation *op, struct wire_nic **ret)
{
    if (op->kind == WIRE_OP_CREATE) {
        *ret = op->definition.nics;
        return op->definition.n_nics;
    }
    *ret = &op->nic;
    return op->kind == WIRE_OP_NIC_ATTACH ? 1 : 0;
}

/* Those that were asked for first, so that none of them is drawn. */
static void choose_macs(struct change *change)
{
    struct identity_macs macs = { change->request->ops->book,
                                  change->request->arena, "" };
    struct vdc_error err = { 0 };

    for (int drawn = 0; drawn < 2; drawn++) {
        for (uint32_t i = 0; i < change->order.n_operations; i++) {
            struct wire_operation *op = &change->order.operations[i];
            const struct change_guest *guest = change->guest_of[i];
            struct wire_nic *nics;
            uint32_t n = guest ? nics_of(op, &nics) : 0;
            bool again = guest && op->kind == WIRE_OP_CREATE &&
                         guest->book != CHANGE_CREATES;
            for (uint32_t j = 0; j < n; j++) {
                if (drawn && !*nics[j].mac)
                    nics[j].mac =
                        identity_draw_mac(&macs, &guest->uuid, again);
                else if (!drawn && *nics[j].mac &&
                         identity_take_mac(&macs, &guest->uuid, nics[j].mac,
                                           &err))
                    change_refuse_operation(change, i, &err);
            }
        }
    }
}

/* ---- quotas ---- */

static uint64_t over(uint64_t after, uint64_t before)
{
    return after > before ? after - before : 0;
}

static struct wire_usage growth_of(const struct wire_usage *after,
                                   const struct wire_usage *before)
{
    return (struct wire_usage){
        .memory = MEM_KIB(over(after->memory.kib, before->memory.kib)),
        .vcpus = over(after->vcpus, before->vcpus),
        .disk = MEM_KIB(over(after->disk.kib, before->disk.kib)),
        .guests = over(after->guests, before->guests),
    };
}

static bool is_none(const struct wire_usage *usage)
{
    return !usage->memory.kib && !usage->vcpus && !usage->disk.kib &&
           !usage->guests;
}

/* An operator may save a guest elsewhere than in its customer's folders. */
static bool is_for_quota(const struct change *change,
                         const struct wire_operation *op)
{
    return op->kind != WIRE_OP_SAVE ||
           change->request->auth.role != W_OPERATOR;
}

/* What a guest counts for more, when the change has been made. */
static void work_out(struct change *change, struct change_guest *guest)
{
    struct arena *arena = change->request->arena;
    struct wire_usage before, after;

    wire_init(&wire_struct_usage, &before);
    wire_init(&wire_struct_usage, &guest->growth);
    if (!guest->counts)
        return;
    if (guest->book != CHANGE_CREATES)
        effect_usage(&guest->effect, &before);
    const char *macs = effect_macs(&guest->effect, arena);
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        if (change->guest_of[i] == guest &&
            is_for_quota(change, &change->order.operations[i]))
            effect_apply(&guest->effect, &change->order.operations[i], arena);
    effect_usage(&guest->effect, &after);
    guest->growth = growth_of(&after, &before);
    struct wire_usage less = growth_of(&before, &after);
    /* vCPUs that come and go within the most that it may have */
    if (is_none(&guest->growth) && is_none(&less) &&
        strcmp(macs, effect_macs(&guest->effect, arena)) == 0)
        guest->counts = false;
}

/* Disks that grew while the guest ran or was stopped are looked at when it
 * starts: until then nobody could say no. */
static void check_grown(struct change *change, struct change_guest *guest)
{
    struct operations *ops = change->request->ops;
    const struct assignment *a = book_assignment(ops->book, &guest->uuid);
    struct wire_usage used, now, asked;
    struct vdc_error err = { 0 };

    if (!a || !guest->starts || !guest->grown)
        return;
    effect_usage(&guest->effect, &now);
    wire_init(&wire_struct_usage, &asked);
    asked.disk = now.disk;
    operations_usage(ops, a->customer, &used);
    used.disk = MEM_KIB(over(used.disk.kib, a->counts.disk.kib));
    if (!a->customer->builtin &&
        quota_check(a->customer->name, &a->customer->quota, &used, &asked,
                    &err)) {
        vdc_error_prefix(&err, "the disks of guest '%s' have grown",
                         guest->name);
        change_refuse(change, &err);
    }
    if (now.disk.kib > a->counts.disk.kib) {
        guest->counts = true;
        guest->growth.disk.kib += now.disk.kib - a->counts.disk.kib;
    }
}

/* The sum over all guests of this customer in the change. */
static void sum_growth(const struct change *change, const char *customer,
                       struct wire_usage *ret)
{
    wire_init(&wire_struct_usage, ret);
    for (uint32_t i = 0; i < change->n_guests; i++) {
        const struct change_guest *guest = &change->guests[i];
        if (strcmp(guest->customer, customer) != 0)
            continue;
        ret->memory.kib += guest->growth.memory.kib;
        ret->vcpus += guest->growth.vcpus;
        ret->disk.kib += guest->growth.disk.kib;
        ret->guests += guest->growth.guests;
    }
}

static bool is_first_of_customer(const struct change *change, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (strcmp(change->guests[j].customer, change->guests[i].customer) ==
            0)
            return false;
    return true;
}

static void check_quotas(struct change *change)
{
    struct operations *ops = change->request->ops;
    const struct wire_usage *lease = &change->lease;

    for (uint32_t i = 0; i < change->n_guests; i++) {
        const struct customer *c =
            book_customer(ops->book, change->guests[i].customer);
        struct wire_usage used, asked;
        struct vdc_error err = { 0 };
        if (!c || c->builtin || !is_first_of_customer(change, i))
            continue;
        operations_usage(ops, c, &used);
        sum_growth(change, c->name, &asked);
        if (strcmp(c->name, change->guests[0].customer) == 0) {
            /* what the lease keeps for it is used already */
            used.memory = MEM_KIB(over(used.memory.kib, lease->memory.kib));
            used.vcpus = over(used.vcpus, lease->vcpus);
        }
        if (quota_check(c->name, &c->quota, &used, &asked, &err))
            change_refuse(change, &err);
    }
}

/* Whose guests it is for; all of them must be of one customer. */
static void check_lease(struct change *change)
{
    struct operations *ops = change->request->ops;
    const char *owner =
        change->n_guests ? change->guests[0].customer : change->owner;
    struct wire_usage all, growth;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_usage, &change->lease);
    if (uuid_is_zero(&change->order.lease))
        return;
    if (leases_find(ops->leases, &change->order.lease, owner, &all, &err)) {
        change->lease_refused = true;
        change_refuse(change, &err);
        return;
    }
    sum_growth(change, owner, &growth);
    change->lease.memory.kib = all.memory.kib < growth.memory.kib
                                   ? all.memory.kib
                                   : growth.memory.kib;
    change->lease.vcpus = all.vcpus < growth.vcpus ? all.vcpus : growth.vcpus;
    for (uint32_t i = 1; i < change->n_guests; i++) {
        if (strcmp(change->guests[i].customer, owner) == 0)
            continue;
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "a lease is for guests of one customer");
        change->lease_refused = true;
        change_refuse(change, &err);
    }
}

void change_decide(struct change *change)
{
    for (uint32_t i = 0; i < change->n_guests; i++) {
        if (change->guests[i].book == CHANGE_CREATES)
            check_created(change, &change->guests[i]);
        else
            check_there(change, &change->guests[i]);
    }
    name_domains(change);
    choose_macs(change);
    for (uint32_t i = 0; i < change->n_guests; i++)
        work_out(change, &change->guests[i]);
    check_lease(change);
    check_quotas(change);
    for (uint32_t i = 0; i < change->n_guests; i++)
        check_grown(change, &change->guests[i]);
    change_place(change);
}
