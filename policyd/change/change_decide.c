/*
 * Deciding a change in one go, when everything was found out: names, UUIDs
 * and MACs, quotas; see change.h.  Placement is in change_place.c.
 */
#include <string.h>

#include "policyd/api/lookup.h"
#include "policyd/api/partition.h"
#include "policyd/change/change.h"
#include "policyd/customers/bounds.h"
#include "policyd/customers/quota.h"
#include "policyd/hosts/lease.h"
#include "policyd/store/identity.h"

/* ---- names ---- */

void change_hint_whose(const struct change *change, const struct assignment *a,
                       struct vdc_error *err)
{
    const struct auth *auth = &change->request->auth;

    if (a && (auth->role == W_OPERATOR ||
              (auth->role == W_CUSTOMER &&
               names_covers(auth->customer, a->customer->name))))
        vdc_error_hint(err, "guest %s of %s has it", a->name,
                       a->customer->name);
}

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
             book_assignment(ops->book, &guest->uuid)) {
        vdc_error_set(&err, VDC_E_EXISTS, "the UUID of '%s' is in use",
                      guest->name);
        change_hint_whose(change, book_assignment(ops->book, &guest->uuid),
                          &err);
    }
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
    /* which was found before the host was asked what it has */
    if (a && !rc && strcmp(a->host, guest->host) != 0)
        rc = vdc_error_set(&err, VDC_E_BUSY,
                           "guest '%s' was moved to another host just now",
                           guest->name);
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
                                           &err)) {
                    change_hint_whose(
                        change, book_assignment_by_mac(macs.book, nics[j].mac),
                        &err);
                    change_refuse_operation(change, i, &err);
                }
            }
        }
    }
}

/* ---- quotas ---- */

static uint64_t over(uint64_t after, uint64_t before)
{
    return after > before ? after - before : 0;
}

/* An operator may save a guest elsewhere than in its customer's folders. */
static bool is_for_quota(const struct change *change,
                         const struct wire_operation *op)
{
    return op->kind != WIRE_OP_SAVE ||
           change->request->auth.role != W_OPERATOR;
}

/* Its disks, too: those of the other may be moved. */
static struct wire_definition copy_of(const struct wire_definition *d,
                                      struct arena *arena)
{
    struct wire_definition copy = *d;

    if (d->n_disks)
        copy.disks =
            arena_memdup(arena, d->disks, d->n_disks * sizeof(*d->disks));
    return copy;
}

/* Sizes of one guest; `before` NULL: it is new. */
static void check_bounds(struct change *change, struct change_guest *guest,
                         const struct effect *before)
{
    const struct effect *after = &guest->effect;
    const struct book *book = change->request->ops->book;
    const struct customer *c = book_customer(book, guest->customer);
    struct wire_bound *bounds;
    uint32_t n;

    if (!c || c->builtin)
        return;
    bounds_of(book, c, change->request->arena, &bounds, &n);
    bounds_check(bounds, n, guest->name, before ? &before->definition : NULL,
                 &after->definition, change->reasons);
    if (before && after->runs)
        bounds_check(bounds, n, guest->name, &before->live, &after->live,
                     change->reasons);
}

/* What it counts for among those that run: all of it when it is started, and
 * when it runs already what it gets more. */
static void run_growth(const struct change *change, struct change_guest *guest,
                       const struct wire_usage *after)
{
    const struct assignment *a =
        book_assignment(change->request->ops->book, &guest->uuid);

    if (a && book_runs(a)) {
        usage_run(&guest->growth);
    } else if (guest->will_run) {
        struct wire_usage all = *after;
        usage_run(&all);
        guest->growth.running_memory = all.memory;
        guest->growth.running_vcpus = all.vcpus;
        guest->growth.running_disk = all.disk;
        guest->growth.running_guests = all.guests;
        guest->growth.running_networks = all.networks;
    }
}

/* What a guest counts for more, when the change has been made. */
static void work_out(struct change *change, struct change_guest *guest)
{
    struct arena *arena = change->request->arena;
    struct effect was = guest->effect;
    struct wire_usage before, after;

    wire_init(&wire_struct_usage, &before);
    wire_init(&wire_struct_usage, &guest->growth);
    if (!guest->counts && !guest->starts)
        return;
    if (guest->book != CHANGE_CREATES)
        effect_usage(&guest->effect, &before);
    if (!guest->counts) {
        run_growth(change, guest, &before);
        return;
    }
    const char *macs = effect_macs(&guest->effect, arena);
    was.definition = copy_of(&was.definition, arena);
    was.live = copy_of(&was.live, arena);
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        if (change->guest_of[i] == guest &&
            is_for_quota(change, &change->order.operations[i]))
            effect_apply(&guest->effect, &change->order.operations[i], arena);
    effect_usage(&guest->effect, &after);
    guest->growth = usage_over(&after, &before);
    struct wire_usage less = usage_over(&before, &after);
    bool same = usage_is_none(&guest->growth) && usage_is_none(&less);
    run_growth(change, guest, &after);
    check_bounds(change, guest, guest->book == CHANGE_CREATES ? NULL : &was);
    /* vCPUs that come and go within the most that it may have */
    if (same && strcmp(macs, effect_macs(&guest->effect, arena)) == 0)
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
    for (const struct customer *c = a->customer; c && !c->builtin;
         c = c->parent) {
        operations_usage(ops, c, &used);
        used.disk = MEM_KIB(over(used.disk.kib, a->counts.disk.kib));
        if (!quota_check(c->name, &c->quota, &used, &asked, &err))
            continue;
        vdc_error_prefix(&err, "the disks of guest '%s' have grown",
                         guest->name);
        change_refuse(change, &err);
    }
    if (now.disk.kib > a->counts.disk.kib) {
        guest->counts = true;
        guest->growth.disk.kib += now.disk.kib - a->counts.disk.kib;
    }
}

/* The sum over all guests of this customer and its projects in the change. */
static void sum_growth(const struct change *change, const char *customer,
                       struct wire_usage *ret)
{
    wire_init(&wire_struct_usage, ret);
    for (uint32_t i = 0; i < change->n_guests; i++) {
        const struct change_guest *guest = &change->guests[i];
        if (names_covers(customer, guest->customer))
            usage_add(ret, &guest->growth);
    }
}

static bool is_first_of_customer(const struct change *change, uint32_t i,
                                 const char *customer)
{
    for (uint32_t j = 0; j < i; j++)
        if (names_covers(customer, change->guests[j].customer))
            return false;
    return true;
}

static void check_quota(struct change *change, const struct customer *c)
{
    const struct wire_usage *lease = &change->lease;
    struct wire_usage used, asked;
    struct vdc_error err = { 0 };

    operations_usage(change->request->ops, c, &used);
    sum_growth(change, c->name, &asked);
    if (names_covers(c->name, change->guests[0].customer)) {
        /* what the lease keeps for it is used already */
        used.memory = MEM_KIB(over(used.memory.kib, lease->memory.kib));
        used.vcpus = over(used.vcpus, lease->vcpus);
    }
    if (quota_check(c->name, &c->quota, &used, &asked, &err))
        change_refuse(change, &err);
}

/* Of each project that has guests here, and of its customer. */
static void check_quotas(struct change *change)
{
    const struct book *book = change->request->ops->book;

    for (uint32_t i = 0; i < change->n_guests; i++) {
        const struct customer *c =
            book_customer(book, change->guests[i].customer);
        for (; c && !c->builtin; c = c->parent)
            if (is_first_of_customer(change, i, c->name))
                check_quota(change, c);
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
    change_check_images(change);
    check_lease(change);
    check_quotas(change);
    for (uint32_t i = 0; i < change->n_guests; i++)
        check_grown(change, &change->guests[i]);
    change_place(change);
}
