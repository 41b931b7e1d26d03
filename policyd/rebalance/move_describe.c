/*
 * Moves for people; see move.h.
 */
#include "policyd/explain/explain.h"
#include "policyd/rebalance/move_impl.h"

const char *move_guest_name(const struct operations *ops,
                            const struct vdc_uuid *uuid, struct arena *arena)
{
    const struct assignment *a = book_assignment(ops->book, uuid);

    return a ? arena_printf(arena, "%s.%s", a->customer->name, a->name) : "";
}

void move_hint_kept(const struct operations *ops,
                    const struct wire_stored_move *move,
                    struct vdc_error *err)
{
    const struct assignment *a = book_assignment(ops->book, &move->uuid);

    vdc_error_hint(err, "it is stopped on host %s; `xl-vdc restore %s.%s %s` "
                        "lets it run on there, `xl-vdc start %s.%s` boots it",
                   move->from, a ? a->customer->name : "", a ? a->name : "",
                   move->file, a ? a->customer->name : "", a ? a->name : "");
}

/* What its host says against going on, for as long as it is asked again. */
static void add_said(const struct move *move,
                     const struct wire_stored_move *record,
                     struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct wire_transaction order;
    const char *host;

    *err = move->said;
    move->mover->order(record, arena, &host, &order);
    vdc_error_prefix(err, "host %s is asked again, as it said", host);
    arena_free(arena);
}

void move_describe(const struct operations *ops,
                   const struct wire_stored_move *move, struct arena *arena,
                   struct wire_move_status *ret)
{
    const struct move *on_its_way =
        ops->moves ? move_find(ops->moves, &move->uuid) : NULL;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_move_status, ret);
    ret->guest = move_guest_name(ops, &move->uuid, arena);
    ret->uuid = move->uuid;
    ret->from = arena_strdup(arena, move->from);
    ret->to = arena_strdup(arena, move->to);
    ret->state = move->state;
    ret->begun_ms = move->begun_ms;
    ret->reason = arena_strdup(arena, move->reason);
    ret->stream = move->stream;
    ret->live = move->live;
    if (on_its_way && move->state == WIRE_MOVE_LEAVING) {
        ret->sent_kib = on_its_way->sent_kib;
        ret->of_kib = on_its_way->of_kib;
    }
    if (move->error.code)
        vdc_error_set(&err, -(int)move->error.code, "%s", move->error.text);
    if (on_its_way && on_its_way->said.code)
        add_said(on_its_way, move, &err);
    if (move->state == WIRE_MOVE_KEPT) {
        ret->file = arena_strdup(arena, move->file);
        move_hint_kept(ops, move, &err);
    }
    if (err.code)
        explain_error(&err, arena, &ret->error);
}
