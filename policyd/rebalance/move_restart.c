/*
 * The beginning of a move whose host is off for sure; see move.h.
 *
 *   record -> durable -> the target has the guest's images -> its order
 *
 * Nobody is asked before.  A target that cannot get the images has had no
 * order: the guest is the old host's again.  A policyd that was started
 * meanwhile sends the order as it finds the record; a target without the
 * images says no.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/hosts/inventory.h"
#include "policyd/images/images.h"
#include "policyd/rebalance/move_impl.h"

struct pending {
    struct moves *moves;
    struct vdc_uuid uuid;
};

static struct move *take(struct pending *pending)
{
    struct move *move = move_find(pending->moves, &pending->uuid);

    free(pending);
    return move && !move->moves->stopped ? move : NULL;
}

static void brought(void *arg, const struct vdc_error *why)
{
    struct move *move = take(arg);

    if (!move || !move_record(move))
        return;
    if (why) {
        move->why = *why;
        move_next(move, MOVER_NO);
        return;
    }
    move->under_way = false;
    move_go_on(move);
}

static void durable(void *arg, const struct vdc_error *why)
{
    struct move *move = take(arg);

    if (!move)
        return;
    struct operations *ops = move->moves->ops;
    const struct assignment *a = book_assignment(ops->book, &move->uuid);
    if (why->code) {
        move->under_way = false;
        move->why = *why;
        move_end(move, WIRE_MOVE_WAITING);
    } else if (a && a->move && *a->images) {
        struct pending *pending = XNEW(struct pending);
        *pending = (struct pending){ move->moves, move->uuid };
        images_bring(ops->images, a->images, a->move->to, brought, NULL,
                     pending);
    } else {
        move->under_way = false;
        move_go_on(move);
    }
}

static void describe(const struct move_restart *what,
                     const struct assignment *a, struct wire_stored_move *ret)
{
    wire_init(&wire_struct_stored_move, ret);
    ret->uuid = a->uuid;
    /* it rises, whatever clocks do */
    ret->number = clock_wall().ms;
    if (ret->number <= a->moved_ms)
        ret->number = a->moved_ms + 1;
    ret->epoch = ret->number;
    ret->state = WIRE_MOVE_ARRIVING;
    ret->restart = ret->runs = true;
    ret->from = a->host;
    ret->to = what->to;
    ret->file = "";
    ret->xen_name = what->kept->xen_name;
    ret->owner = what->kept->owner;
    ret->definition = what->kept->definition;
    ret->definition.uuid = a->uuid;
    ret->definition.name = a->name;
    ret->generation = what->kept->generation;
    ret->reason = what->reason;
    ret->message = "host_fenced";
    ret->uid = STORE_UID_NONE;
    ret->who = "";
    ret->origin = "";
    ret->begun_ms = clock_wall().ms;
}

int move_restart(struct moves *moves, const struct move_restart *what,
                 move_done_fn *fn, void *arg, struct vdc_error *err)
{
    struct operations *ops = moves->ops;
    struct assignment *a = book_assignment(ops->book, &what->kept->uuid);
    struct vdc_error none = { 0 };
    struct wire_stored_move record;

    if (move_find(moves, &what->kept->uuid))
        return vdc_error_set(err, VDC_E_BUSY, "it is being moved already");
    const struct book_place place = {
        .host = what->to,
        .reason = what->reason,
        .host_busy_ms = inventory_busy_since(ops->inventory, what->to),
    };
    describe(what, a, &record);
    int rc = book_move_put(ops->book, a, &record, &place, err);
    if (rc)
        return rc;
    struct move *move = XNEW(struct move);
    *move = (struct move){ .moves = moves,
                           .uuid = what->kept->uuid,
                           .mover = &mover_restart,
                           .under_way = true,
                           .fn = fn,
                           .arg = arg };
    LIST_INSERT_HEAD(&moves->all, move, link);
    struct pending *pending = XNEW(struct pending);
    *pending = (struct pending){ moves, move->uuid };
    if (!book_wait(ops->book, durable, pending))
        durable(pending, &none);
    return 0;
}

void move_target_is_off(struct moves *moves, const char *host)
{
    struct move *move, *next;

    for (move = LIST_FIRST(&moves->all); move; move = next) {
        const struct wire_stored_move *record = move_record(move);
        next = LIST_NEXT(move, link);
        if (!record || move->beginning || !record->restart ||
            strcmp(record->to, host) != 0)
            continue;
        /* what is on its way ends with the connection; then it is asked
         * for again */
        if (move->under_way)
            continue;
        memset(&move->why, 0, sizeof(move->why));
        move->under_way = true;
        move_next(move, MOVER_YES);
    }
}
