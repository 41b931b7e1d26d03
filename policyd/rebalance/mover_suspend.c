/*
 * A guest is moved through a file; see mover.h.
 *
 *                 ok               ok
 *      LEAVING ------> ARRIVING ------> done
 *       |   | no          | no
 *       |   v             v       ok
 *       | failed      RETURNING ------> failed
 *       |                 | no
 *       | lost            v       ok
 *       +---------> DEFINING ------> kept (failed, when there is no file)
 *                       ^    | no
 *                       +----+
 *
 * Lost is a guest that somebody else had its host forget meanwhile: nobody
 * knows it any more but the record of the move, so it is defined again.
 * LEAVING and RETURNING are about the source, ARRIVING about the target.
 */
#include <string.h>

#include "base/arena.h"
#include "policyd/rebalance/mover.h"

/* ---- whether it can ---- */

static int refuse(struct vdc_error *err, int code, const char *text,
                  const char *hint)
{
    vdc_error_set(err, code, "%s", text);
    if (hint)
        vdc_error_hint(err, "%s", hint);
    return code;
}

static bool is_under(const char *path, const struct setting_list *folders)
{
    for (size_t i = 0; i < folders->n_items; i++) {
        size_t len = strlen(folders->items[i]);
        while (len > 1 && folders->items[i][len - 1] == '/')
            len--;
        if (strncmp(path, folders->items[i], len) == 0 &&
            (path[len] == '/' || len == 1) && !strstr(path, "/../"))
            return true;
    }
    return false;
}

static int check_disks(const struct setup *setup,
                       const struct wire_definition *definition,
                       struct vdc_error *err)
{
    for (uint32_t i = 0; i < definition->n_disks; i++) {
        const struct wire_disk *disk = &definition->disks[i];
        if (!disk->readonly && !disk->cdrom &&
            !is_under(disk->target, &setup->shared_paths)) {
            vdc_error_set(err, VDC_E_UNSUPPORTED,
                          "its disk %s is on its host only: %s", disk->vdev,
                          disk->target);
            vdc_error_hint(err, "`shared_paths` in policyd.conf says which "
                                "directories all hosts see");
            return VDC_E_UNSUPPORTED;
        }
    }
    return 0;
}

static int check_state(const struct wire_partition *p, struct vdc_error *err)
{
    switch (p->state) {
    case WIRE_STOPPED:
    case WIRE_RUNNING:
        return 0;
    case WIRE_PAUSED:
        return refuse(err, VDC_E_WRONG_STATE,
                      "it is paused, and cannot be asked to suspend",
                      "let it run: xl-vdc unpause");
    case WIRE_PRESERVED:
        return refuse(err, VDC_E_WRONG_STATE,
                      "it has stopped, and its domain is kept on its host",
                      "end that domain: xl-vdc destroy --keep");
    case WIRE_STARTING:
    case WIRE_STOPPING:
    case WIRE_UNKNOWN:
    case WIRE_MOVING:
        break;
    }
    vdc_error_set(err, VDC_E_BUSY, "it is %s just now",
                  wire_enum_word(&wire_enum_partition_state, (int)p->state));
    return VDC_E_BUSY;
}

static int check(const struct setup *setup,
                 const struct wire_partition_reply *shown,
                 struct vdc_error *err)
{
    const struct wire_definition *definition = &shown->definition;
    bool runs = shown->partition.state != WIRE_STOPPED;
    int rc = check_state(&shown->partition, err);

    if (rc)
        return rc;
    if (definition->nomigrate)
        return refuse(err, VDC_E_UNSUPPORTED,
                      "its definition says that it may not be moved "
                      "(nomigrate)", NULL);
    if (runs && !*setup->move_directory)
        return refuse(err, VDC_E_UNSUPPORTED,
                      "it runs, and there is no directory that all hosts see "
                      "to save it to",
                      "`move_directory` in policyd.conf names one; or move "
                      "it while it is stopped");
    if (runs && (definition->n_pci || shown->live.n_pci))
        return refuse(err, VDC_E_UNSUPPORTED, "it has devices of its host",
                      "take them away first: xl-vdc pci-detach");
    rc = check_disks(setup, definition, err);
    return !rc && runs ? check_disks(setup, &shown->live, err) : rc;
}

static void plan(const struct setup *setup, struct arena *arena,
                 struct wire_stored_move *move)
{
    char uuid[UUID_TEXT_SIZE];

    move->state = WIRE_MOVE_LEAVING;
    move->file = "";
    if (move->runs)
        move->file = arena_printf(arena, "%s/%s-%llu.move",
                                  setup->move_directory,
                                  uuid_format(&move->uuid, uuid),
                                  (unsigned long long)move->number);
}

/* ---- what is asked ---- */

static void leave(const struct wire_stored_move *move, struct arena *arena,
                  struct wire_operation *op)
{
    op->kind = move->runs ? WIRE_OP_SAVE : WIRE_OP_DESTROY;
    op->file = move->file;
    op->forget = true;
    /* It is what is going to be defined, or nothing happens. */
    op->if_generation = move->generation;
    op->reason = arena_printf(arena, "goes to host %s", move->to);
}

static void define(const struct wire_stored_move *move, const char *reason,
                   struct wire_operation *op)
{
    op->kind = WIRE_OP_CREATE;
    op->definition = move->definition;
    op->definition.uuid = move->uuid;
    op->owner = move->owner;
    op->xen_name = move->xen_name;
    op->reason = reason;
}

static void order(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret)
{
    struct wire_operation *ops = ARENA_ARRAY(arena, 2, struct wire_operation);
    bool leaves = move->state == WIRE_MOVE_LEAVING;
    bool arrives = move->state == WIRE_MOVE_ARRIVING;
    char uuid[UUID_TEXT_SIZE];

    wire_init(&wire_struct_transaction, ret);
    ret->operations = ops;
    ret->n_operations = 1;
    for (int i = 0; i < 2; i++) {
        wire_init(&wire_struct_operation, &ops[i]);
        ops[i].uuid = move->uuid;
        ops[i].name = move->definition.name;
    }
    if (leaves)
        leave(move, arena, &ops[0]);
    else
        define(move,
               arrives ? arena_printf(arena, "comes from host %s", move->from)
                       : arena_printf(arena, "could not go to host %s",
                                      move->to),
               &ops[0]);
    if (!leaves && move->runs && move->state != WIRE_MOVE_DEFINING) {
        ops[1].kind = WIRE_OP_START;
        ops[1].file = move->file;
        ops[1].consume = true;
        ret->n_operations = 2;
    }
    /* That the same is asked twice, be it by one who does not know yet that
     * another leads, is no harm then. */
    ret->key = arena_printf(arena, "%s-%llu-%d-%u",
                            uuid_format(&move->uuid, uuid),
                            (unsigned long long)move->number,
                            (int)move->state, move->attempt);
    *ret_host = arrives ? move->to : move->from;
}

/* ---- what follows ---- */

static enum wire_move_state next(const struct wire_stored_move *move,
                                 enum mover_answer answer)
{
    bool ok = answer == MOVER_YES;

    switch (move->state) {
    case WIRE_MOVE_LEAVING:
        if (answer == MOVER_LOST)
            return WIRE_MOVE_DEFINING;
        return ok ? WIRE_MOVE_ARRIVING : WIRE_MOVE_FAILED;
    case WIRE_MOVE_ARRIVING:
        return ok ? WIRE_MOVE_DONE : WIRE_MOVE_RETURNING;
    case WIRE_MOVE_RETURNING:
        return ok ? WIRE_MOVE_FAILED : WIRE_MOVE_DEFINING;
    case WIRE_MOVE_DEFINING:
        if (answer == MOVER_NO)
            return WIRE_MOVE_DEFINING;
        return ok && move->runs ? WIRE_MOVE_KEPT : WIRE_MOVE_FAILED;
    case WIRE_MOVE_WAITING:
    case WIRE_MOVE_KEPT:
    case WIRE_MOVE_DONE:
    case WIRE_MOVE_FAILED:
    case WIRE_MOVE_NOT_BEGUN:
    case WIRE_MOVE_PREPARING:
    case WIRE_MOVE_ABANDONING:
        break;
    }
    return move->state;
}

static const char *owner(const struct wire_stored_move *move,
                         enum wire_move_state state)
{
    return state == WIRE_MOVE_ARRIVING || state == WIRE_MOVE_DONE
               ? move->to
               : move->from;
}

const struct mover mover_suspend = {
    .what = "is suspended for as long as it takes to write its memory to a "
            "file and to read it",
    .check = check,
    .plan = plan,
    .order = order,
    .next = next,
    .owner = owner,
};
