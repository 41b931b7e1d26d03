/*
 * What is recorded of a change: before its host is asked, so that nobody else
 * gets the same quota, name or MAC and a crash leaves a trace; and when it has
 * answered.  See change.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operation.h"
#include "policyd/api/partition.h"
#include "policyd/change/change.h"
#include "policyd/change/reconcile.h"
#include "policyd/change/recount.h"
#include "policyd/customers/quota.h"
#include "policyd/fence/fence.h"
#include "policyd/hosts/inventory.h"
#include "policyd/hosts/lease.h"

/* ---- the record of who did what ---- */

static struct store_audit audit_of(const struct change *change, uint32_t i)
{
    const struct change_guest *guest = change->guest_of[i];
    struct store_audit audit = operations_audit(
        change->request, guest->customer, guest->name, change->why.code);

    if (!change_is_single(change))
        audit.message = operation_word(&change->order.operations[i]);
    if (change->why.code)
        audit.detail = change->why.text;
    return audit;
}

/* Of the operation that makes, forgets or renames it, to be written with
 * that. */
static struct store_audit audit_guest(struct change *change,
                                      const struct change_guest *guest)
{
    uint32_t i = 0;

    for (; i + 1 < change->order.n_operations; i++) {
        enum wire_operation_kind kind = change->order.operations[i].kind;
        if (change->guest_of[i] == guest &&
            (kind == WIRE_OP_CREATE || kind == WIRE_OP_DESTROY ||
             kind == WIRE_OP_RENAME))
            break;
    }
    change->audited[i] = true;
    return audit_of(change, i);
}

static void audit_rest(struct change *change)
{
    struct store_audit audits[CHANGE_OPERATIONS_MAX];
    struct vdc_error err = { 0 };
    size_t n = 0;

    change->request->audited = true;
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        if (!change->audited[i])
            audits[n++] = audit_of(change, i);
    if (book_audits(change->request->ops->book, audits, n, &err))
        log_error("record of %s: %s", change->request->message->name,
                  err.text);
}

/* ---- before ---- */

/* So that it counts for what runs until its host has answered. */
static void note_starting(struct change_guest *guest, struct assignment *a)
{
    guest->starting = guest->will_run;
    if (guest->starting)
        book_starting(a);
}

static int record_created(struct change *change, struct change_guest *guest,
                          struct vdc_error *err)
{
    struct arena *arena = change->request->arena;
    struct wire_usage counts = guest->growth;
    usage_stop(&counts);
    const struct store_assignment row = {
        .uuid = guest->uuid,
        .customer = guest->customer,
        .name = guest->name,
        .new_name = "",
        .host = guest->host,
        .state = ASSIGNMENT_CREATING,
        .counts = counts,
        .macs = effect_macs(&guest->effect, arena),
        .reason = change->place_reason,
        .created_ms = clock_wall().ms,
        .placing = change_placing(change, guest),
        .images = guest->images,
        .host_busy_ms = inventory_busy_since(change->request->ops->inventory,
                                             guest->host),
    };
    struct assignment *a;
    int rc =
        book_assignment_add(change->request->ops->book, &row, NULL, &a, err);

    if (!rc) {
        a->in_flight = guest->recorded = true;
        note_starting(guest, a);
    }
    return rc;
}

/* The most that it may count for while the outcome is open. */
static int record_counts(struct change *change, struct change_guest *guest,
                         struct assignment *a, struct vdc_error *err)
{
    struct arena *arena = change->request->arena;
    const char *macs = effect_macs(&guest->effect, arena);
    struct wire_usage most = book_counted(a);

    usage_add(&most, &guest->growth);
    usage_stop(&most);
    most.guests = a->counts.guests;
    int rc = book_assignment_count(
        change->request->ops->book, a, ASSIGNMENT_CHANGING, &most,
        arena_printf(arena, "%s %s", a->macs, macs), NULL, err);
    if (!rc) {
        a->n_changing++;
        guest->changing = true;
    }
    return rc;
}

static int record_guest(struct change *change, struct change_guest *guest,
                        struct vdc_error *err)
{
    struct book *book = change->request->ops->book;
    struct assignment *a = book_assignment(book, &guest->uuid);
    int rc = 0;

    if (guest->book == CHANGE_CREATES)
        return record_created(change, guest, err);
    note_starting(guest, a);
    if (guest->counts)
        rc = record_counts(change, guest, a, err);
    if (rc || guest->book == CHANGE_KEEPS)
        return rc;
    if (guest->book == CHANGE_FORGETS)
        rc = book_assignment_move(book, a, ASSIGNMENT_DELETING, NULL, NULL,
                                  NULL, err);
    else
        rc = book_assignment_move(book, a, ASSIGNMENT_RENAMING, NULL,
                                  guest->new_name, NULL, err);
    if (!rc)
        a->in_flight = guest->recorded = true;
    return rc;
}

/* It is not moved while its host does this. */
static void count_order(const struct change *change,
                         struct change_guest *guest, bool begins)
{
    struct assignment *a =
        book_assignment(change->request->ops->book, &guest->uuid);

    if (begins == guest->ordered)
        return;
    guest->ordered = begins;
    if (a && begins)
        a->n_orders++;
    else if (a && a->n_orders)
        a->n_orders--;
}

int change_record(struct change *change, struct vdc_error *err)
{
    int rc = 0;

    if (change->order.dry_run)
        return 0;
    rc = fence_check_back(change->request->ops, change->host, err);
    if (!rc && change->keyed)
        rc = keys_note(change->keyed, change->host, err);
    for (uint32_t i = 0; !rc && i < change->n_guests; i++)
        rc = record_guest(change, &change->guests[i], err);
    for (uint32_t i = 0; !rc && i < change->n_guests; i++)
        count_order(change, &change->guests[i], true);
    if (!rc && !uuid_is_zero(&change->order.lease)) {
        leases_put_aside(change->request->ops->leases, &change->order.lease,
                         &change->lease);
        change->leased = true;
    }
    return rc;
}

static bool is_recorded(const struct change_guest *guest,
                        const struct assignment *a)
{
    if (guest->book == CHANGE_FORGETS)
        return a->state == ASSIGNMENT_DELETING;
    if (guest->book == CHANGE_RENAMES)
        return a->state == ASSIGNMENT_RENAMING;
    return guest->book == CHANGE_CREATES || a->state == ASSIGNMENT_CHANGING;
}

void change_unrecord(struct change *change)
{
    struct book *book = change->request->ops->book;

    for (uint32_t i = 0; i < change->n_guests; i++) {
        struct change_guest *guest = &change->guests[i];
        struct assignment *a = book_assignment(book, &guest->uuid);
        if (a && is_recorded(guest, a))
            continue; /* it was durable when another was refused */
        if (a && guest->recorded) {
            a->in_flight = false;
            a->touched = true;
        }
        if (a && guest->changing && a->n_changing)
            a->n_changing--;
        guest->recorded = guest->changing = false;
    }
}

/* ---- after ---- */

/* What a guest that is still there goes on as. */
static enum assignment_state state_after(const struct assignment *a,
                                         const struct change_guest *guest)
{
    return guest->changing || a->n_changing || a->uncounted
               ? ASSIGNMENT_CHANGING
               : ASSIGNMENT_ACTIVE;
}

static int settle_recorded(struct change *change, struct change_guest *guest,
                           struct assignment *a, struct vdc_error *err)
{
    struct book *book = change->request->ops->book;
    const struct store_audit audit = audit_guest(change, guest);
    bool ok = change->why.code == 0;
    enum assignment_state state = state_after(a, guest);

    a->in_flight = false;
    a->touched = true;
    if (!ok && partition_outcome_unknown(&change->why))
        return change->why.code;
    if (guest->book == (ok ? CHANGE_FORGETS : CHANGE_CREATES))
        return book_assignment_remove(book, a, &audit, err);
    if (guest->book == CHANGE_CREATES)
        state = ASSIGNMENT_ACTIVE;
    return book_assignment_move(
        book, a, state,
        ok && guest->book == CHANGE_RENAMES ? a->new_name : NULL, NULL, &audit,
        err);
}

static void settle_guest(struct change *change, struct change_guest *guest)
{
    struct operations *ops = change->request->ops;
    struct assignment *a = book_assignment(ops->book, &guest->uuid);
    struct vdc_error err = { 0 };

    count_order(change, guest, false);
    if (!a)
        return;
    if (guest->changing && a->n_changing) /* it may have been taken back */
        a->n_changing--;
    if (guest->starting)
        book_started(a);
    if (guest->recorded && settle_recorded(change, guest, a, &err)) {
        if (err.code)
            log_error("guest '%s': %s", guest->name, err.text);
        hosts_reconcile_soon(ops->hosts, a->host, RECONCILE_RETRY_MS);
    }
}

/* Guests whose counts are to be found out, one after the other. */
static void recount_next(void *arg)
{
    struct change *change = arg;
    struct operations *ops = change->request->ops;

    while (change->at < change->n_guests) {
        const struct change_guest *guest = &change->guests[change->at++];
        struct assignment *a = book_assignment(ops->book, &guest->uuid);
        if (!a || a->n_changing)
            continue;
        if (a->state == ASSIGNMENT_CHANGING) {
            recount_guest(ops, &guest->uuid, recount_next, change);
            return;
        }
        a->uncounted |= guest->changing && a->state != ASSIGNMENT_ACTIVE;
    }
    change->settled(change);
}

/* Whether they run, as their host said in its answer; events of later times
 * come after it. */
static void take_states(const struct change *change)
{
    const struct wire_transaction_reply *reply = &change->reply;
    const struct wire_partition *one = &change->single.partition;

    if (change->why.code || change->order.dry_run)
        return;
    for (uint32_t i = 0; i < reply->n_results; i++)
        partition_note_state(change->request->ops,
                             &reply->results[i].partition);
    if (!reply->n_results)
        partition_note_state(change->request->ops, one);
}

void change_settle(struct change *change, void (*fn)(struct change *change))
{
    struct operations *ops = change->request->ops;
    bool unknown = change->why.code && partition_outcome_unknown(&change->why);

    change->settled = fn;
    if (change->order.dry_run) {
        fn(change);
        return;
    }
    take_states(change);
    for (uint32_t i = 0; i < change->n_guests; i++)
        settle_guest(change, &change->guests[i]);
    if (change->why.code)
        change_unplace(change);
    if (change->leased)
        leases_settle(ops->leases, &change->order.lease,
                      change->why.code == 0);
    audit_rest(change);
    if (unknown) {
        hosts_reconcile_soon(ops->hosts, change->host, RECONCILE_RETRY_MS);
        fn(change);
        return;
    }
    change->at = 0;
    recount_next(change);
}
