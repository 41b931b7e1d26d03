/*
 * Files of moves, as hosts see them; see move_impl.h.
 *
 *   a file is put there by the old host -> looked at by the new one ->
 *   removed by the old one
 *
 * Its name and whose it says it is are drawn anew each time: no name that a
 * host has looked at before and keeps the answer to, as NFS does.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/rebalance/move_impl.h"

/* A question, and who is told the answer. */
struct probe {
    struct move *move;
    struct arena *arena; /* holds this */
    struct wire_file_probe body;
    const char *folder, *from, *to;
    struct vdc_error why;
    move_probed_fn *fn;
};

static void end(struct probe *p)
{
    const struct vdc_error why = p->why;
    struct move *move = p->move;
    move_probed_fn *fn = p->fn;

    arena_free(p->arena);
    if (!move->moves->stopped)
        fn(move, why.code ? &why : NULL);
}

static struct probe *probe_new(struct move *move,
                               const struct wire_stored_move *record,
                               move_probed_fn *fn)
{
    struct arena *arena = arena_new();
    struct probe *p = ARENA_NEW(arena, struct probe);

    p->move = move;
    p->arena = arena;
    p->fn = fn;
    p->from = arena_strdup(arena, record->from);
    p->to = arena_strdup(arena, record->to);
    wire_init(&wire_struct_file_probe, &p->body);
    return p;
}

static int ask(struct probe *p, const char *host,
               enum wire_file_probe_action action, service_done_fn *done,
               struct vdc_error *err)
{
    struct service *service;
    int rc = hosts_service(p->move->moves->ops->hosts, host, &service, err);

    p->body.action = action;
    return rc ? rc
              : service_ask(service, WIRE_MSG_file_probe, &p->body, done, NULL,
                            p, NULL, err);
}

/* ---- whether two hosts see the same ---- */

/* It says no, not that it cannot be asked. */
static bool is_answer(const struct vdc_error *why)
{
    return why->code == VDC_E_NO_FILE || why->code == VDC_E_BAD_VALUE ||
           why->code == VDC_E_DENIED || why->code == VDC_E_IO;
}

static void say_what_helps(struct probe *p)
{
    vdc_error_hint(&p->why,
                   "mount the same file system there on both, for root to "
                   "write to, or name a directory that both have: "
                   "`move_directory` in policyd.conf; or move it while it is "
                   "stopped");
}

static void not_put(struct probe *p, const struct vdc_error *why)
{
    p->why = *why;
    if (!is_answer(why)) {
        vdc_error_prefix(&p->why, "host %s", p->from);
        return;
    }
    vdc_error_set(&p->why, VDC_E_UNSUPPORTED,
                  "host %s cannot write to %s, through which it would go to "
                  "host %s: %s", p->from, p->folder, p->to, why->text);
    say_what_helps(p);
}

static void not_seen(struct probe *p, const struct vdc_error *why)
{
    p->why = *why;
    if (!is_answer(why)) {
        vdc_error_prefix(&p->why, "host %s", p->to);
        return;
    }
    if (why->code == VDC_E_NO_FILE)
        vdc_error_set(&p->why, VDC_E_UNSUPPORTED,
                      "host %s does not see in %s what host %s writes there",
                      p->to, p->folder, p->from);
    else
        vdc_error_set(&p->why, VDC_E_UNSUPPORTED,
                      "host %s does not use what host %s writes to %s: %s",
                      p->to, p->from, p->folder, why->text);
    say_what_helps(p);
}

static void removed(void *arg, const void *answer, const struct vdc_error *why)
{
    struct probe *p = arg;

    if (why)
        log_warning("host %s: %s stays: %s", p->from, p->body.file, why->text);
    end(p);
}

/* That has died meanwhile; the other host may see it. */
static void not_removed(void *arg, const void *answer,
                        const struct vdc_error *why)
{
    struct probe *p = arg;
    struct vdc_error err = { 0 };

    if (!why || p->move->moves->stopped ||
        ask(p, p->to, WIRE_PROBE_REMOVE, removed, &err))
        removed(p, NULL, why);
}

static void seen(void *arg, const void *answer, const struct vdc_error *why)
{
    struct probe *p = arg;
    struct vdc_error err = { 0 };

    if (why)
        not_seen(p, why);
    if (ask(p, p->from, WIRE_PROBE_REMOVE, not_removed, &err))
        not_removed(p, NULL, &err);
}

static void put(void *arg, const void *answer, const struct vdc_error *why)
{
    struct probe *p = arg;
    struct vdc_error err = { 0 };

    if (why) {
        not_put(p, why);
        end(p);
    } else if (ask(p, p->to, WIRE_PROBE_LOOK, seen, &err)) {
        seen(p, NULL, &err);
    }
}

int move_prove(struct move *move, const struct wire_stored_move *record,
               move_probed_fn *fn, struct vdc_error *err)
{
    struct probe *p = probe_new(move, record, fn);
    const char *slash = strrchr(record->file, '/');
    size_t len = slash ? (size_t)(slash - record->file) : 0;
    char uuid[UUID_TEXT_SIZE];

    p->folder = arena_printf(p->arena, "%.*s", (int)len, record->file);
    uuid_random(&p->body.uuid);
    p->body.file = arena_printf(p->arena, "%s/%s.probe", p->folder,
                                uuid_format(&p->body.uuid, uuid));
    int rc = ask(p, p->from, WIRE_PROBE_PUT, put, err);
    if (rc)
        arena_free(p->arena);
    return rc;
}

/* ---- whether the guest's file is there ---- */

/* A host that does not see the directory just now says that the file is not
 * there; the other one is asked, too.  Who is no host any more has none. */
static void looked(void *arg, const void *answer, const struct vdc_error *why)
{
    struct probe *p = arg;
    struct vdc_error err = { 0 };
    bool is_second = p->why.code;

    if (why && is_second && why->code == VDC_E_NOT_FOUND)
        why = NULL; /* it stays as the first said */
    else if (is_second)
        p->why = (struct vdc_error){ 0 };
    if (why)
        p->why = *why;
    if (why && !is_second && why->code == VDC_E_NO_FILE &&
        !p->move->moves->stopped) {
        if (!ask(p, p->to, WIRE_PROBE_LOOK, looked, &err))
            return;
        if (err.code != VDC_E_NOT_FOUND)
            p->why = err;
    }
    end(p);
}

int move_look_file(struct move *move, const struct wire_stored_move *record,
                   move_probed_fn *fn)
{
    struct probe *p = probe_new(move, record, fn);

    p->body.file = arena_strdup(p->arena, record->file);
    p->body.uuid = record->uuid;
    int rc = ask(p, p->from, WIRE_PROBE_LOOK, looked, NULL);
    if (rc)
        arena_free(p->arena);
    return rc;
}
