/*
 * Which mover carries a guest, and what they share; see mover.h.
 */
#include "policyd/rebalance/mover.h"

#include <string.h>

#include "base/arena.h"
#include "policyd/hosts/dial.h"

#define FINGERPRINT_SIZE 32

/* ---- which ---- */

static bool has_joined(const char *address, const char *certificate)
{
    return dial_is_address(address) && *certificate;
}

static bool by_stream(const struct mover_ask *ask)
{
    return has_joined(ask->from_address, ask->from_certificate) &&
           has_joined(ask->to_address, ask->to_certificate);
}

const struct mover *mover_choose(const struct mover_ask *ask)
{
    return ask->shown->partition.state != WIRE_STOPPED && by_stream(ask)
               ? &mover_live
               : &mover_suspend;
}

const struct mover *mover_of(const struct wire_stored_move *move)
{
    if (move->restart)
        return &mover_restart;
    return move->stream ? &mover_live : &mover_suspend;
}

bool mover_needs_certificate(const struct wire_stored_move *move,
                             const char *host)
{
    return move->stream &&
           (move->state == WIRE_MOVE_PREPARING ||
            move->state == WIRE_MOVE_LEAVING) &&
           (strcmp(move->from, host) == 0 || strcmp(move->to, host) == 0);
}

int mover_check_live(const struct mover_ask *ask, struct vdc_error *err)
{
    if (ask->shown->partition.state == WIRE_STOPPED) {
        vdc_error_set(err, VDC_E_WRONG_STATE, "it does not run");
        vdc_error_hint(err, "without --live it is moved as it is");
        return VDC_E_WRONG_STATE;
    }
    if (!by_stream(ask)) {
        vdc_error_set(err, VDC_E_UNSUPPORTED,
                      "it cannot run on meanwhile: not both hosts have joined "
                      "over TLS");
        vdc_error_hint(err, "xl-vdc dc-token and dc-join have a host join; "
                            "without --live it stands still until it is "
                            "there");
        return VDC_E_UNSUPPORTED;
    }
    if (ask->shown->definition.type != WIRE_PVH) {
        vdc_error_set(err, VDC_E_UNSUPPORTED,
                      "it cannot run on meanwhile: Xen copies the memory of a "
                      "PV guest while it stands still");
        vdc_error_hint(err, "without --live it is moved so");
        return VDC_E_UNSUPPORTED;
    }
    return 0;
}

/* ---- whether it can ---- */

static void refuse(struct reasons *reasons, int code, const char *text,
                   const char *hint)
{
    struct vdc_error err;

    vdc_error_set(&err, code, "%s", text);
    if (hint)
        vdc_error_hint(&err, "%s", hint);
    reasons_add(reasons, &err);
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

static void check_disks(const struct setup *setup,
                        const struct wire_definition *definition,
                        struct reasons *reasons)
{
    struct vdc_error err;

    for (uint32_t i = 0; i < definition->n_disks; i++) {
        const struct wire_disk *disk = &definition->disks[i];
        if (disk->readonly || disk->cdrom ||
            is_under(disk->target, &setup->shared_paths))
            continue;
        vdc_error_set(&err, VDC_E_UNSUPPORTED,
                      "its disk %s is on its host only: %s", disk->vdev,
                      disk->target);
        vdc_error_hint(&err, "`shared_paths` in policyd.conf says which "
                             "directories all hosts see");
        reasons_add(reasons, &err);
    }
}

static void check_state(const struct wire_partition *p,
                        struct reasons *reasons)
{
    struct vdc_error err;

    switch (p->state) {
    case WIRE_STOPPED:
    case WIRE_RUNNING:
        return;
    case WIRE_PAUSED:
        refuse(reasons, VDC_E_WRONG_STATE,
               "it is paused, and cannot be asked to suspend",
               "let it run: xl-vdc unpause");
        return;
    case WIRE_PRESERVED:
        refuse(reasons, VDC_E_WRONG_STATE,
               "it has stopped, and its domain is kept on its host",
               "end that domain: xl-vdc destroy --keep");
        return;
    case WIRE_STARTING:
    case WIRE_STOPPING:
    case WIRE_UNKNOWN:
    case WIRE_MOVING:
        break;
    }
    vdc_error_set(&err, VDC_E_BUSY, "it is %s just now",
                  wire_enum_word(&wire_enum_partition_state, (int)p->state));
    reasons_add(reasons, &err);
}

void mover_check_definition(const struct setup *setup,
                            const struct wire_definition *definition,
                            struct reasons *reasons)
{
    if (definition->nomigrate)
        refuse(reasons, VDC_E_UNSUPPORTED,
               "its definition says that it may not be moved (nomigrate)",
               NULL);
    if (definition->n_pci)
        refuse(reasons, VDC_E_UNSUPPORTED, "it has devices of its host", NULL);
    check_disks(setup, definition, reasons);
}

void mover_check_guest(const struct mover_ask *ask, struct reasons *reasons)
{
    const struct wire_partition_reply *shown = ask->shown;
    bool runs = shown->partition.state != WIRE_STOPPED;

    check_state(&shown->partition, reasons);
    if (shown->definition.nomigrate)
        refuse(reasons, VDC_E_UNSUPPORTED,
               "its definition says that it may not be moved (nomigrate)",
               NULL);
    if (runs && (shown->definition.n_pci || shown->live.n_pci))
        refuse(reasons, VDC_E_UNSUPPORTED, "it has devices of its host",
               "take them away first: xl-vdc pci-detach");
    check_disks(ask->setup, &shown->definition, reasons);
    if (runs)
        check_disks(ask->setup, &shown->live, reasons);
}

/* ---- orders ---- */

const char *mover_key(const struct wire_stored_move *move, const char *word,
                      struct arena *arena)
{
    char uuid[UUID_TEXT_SIZE];

    return arena_printf(arena, "%s-%llu-%s", uuid_format(&move->uuid, uuid),
                        (unsigned long long)move->number, word);
}

void mover_operation(const struct wire_stored_move *move,
                     enum wire_operation_kind kind, struct wire_operation *ret)
{
    wire_init(&wire_struct_operation, ret);
    ret->kind = kind;
    ret->uuid = move->uuid;
    ret->name = move->definition.name;
}

void mover_define(const struct wire_stored_move *move, const char *reason,
                  struct wire_operation *ret)
{
    mover_operation(move, WIRE_OP_CREATE, ret);
    ret->definition = move->definition;
    ret->definition.uuid = move->uuid;
    ret->owner = move->owner;
    ret->xen_name = move->xen_name;
    /* Orders of moves before it are refused then. */
    ret->epoch = move->epoch;
    ret->reason = reason;
}

static uint8_t digit(char c)
{
    return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

uint8_t *mover_fingerprint(const char *hex, struct arena *arena,
                           uint32_t *ret_n)
{
    uint8_t *bytes = arena_alloc(arena, FINGERPRINT_SIZE);

    *ret_n = 0;
    if (strlen(hex) != 2 * FINGERPRINT_SIZE)
        return bytes;
    for (size_t i = 0; i < FINGERPRINT_SIZE; i++)
        bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    *ret_n = FINGERPRINT_SIZE;
    return bytes;
}
