/* The comparison of database, Xen and xenstore: one partition a turn of the
 * loop, then what belongs to none; each difference mended before the next
 * partition is looked at. */
#include "resourced/verify.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "resourced/live.h"
#include "resourced/text.h"
#include "resourced/verify_impl.h"

static void turn_again(struct verify *v)
{
    event_active(v->turn, EV_TIMEOUT, 1);
}

/* ---- differences ---- */

static struct wire_difference *new_difference(struct verify *v)
{
    struct wire_verify_reply *reply = &v->reply;

    if (reply->n_differences == v->room) {
        size_t room = v->room ? v->room * 2 : 16;
        struct wire_difference *all =
            ARENA_ARRAY(v->arena, room, struct wire_difference);
        if (v->room)
            memcpy(all, reply->differences, v->room * sizeof(*all));
        reply->differences = all;
        v->room = room;
    }
    struct wire_difference *item =
        &reply->differences[reply->n_differences++];
    wire_init(&wire_struct_difference, item);
    return item;
}

static const char *tidy(struct verify *v, const char *text)
{
    char *buf = arena_alloc(v->arena, 256);

    text_tidy(buf, 256, text);
    return buf;
}

struct fix *verify_found(struct verify *v, const struct partition *partition,
                         const char *kind, fix_fn *fn, const char *hint,
                         const char *format, ...)
{
    struct wire_difference *item = new_difference(v);
    struct fix *fix = ARENA_NEW(v->arena, struct fix);
    char text[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    item->kind = kind;
    item->text = tidy(v, text);
    item->hint = hint;
    if (partition) {
        const struct partition_row *row = &partition->row;
        item->uuid = fix->uuid = row->uuid;
        item->customer = arena_strdup(v->arena, row->owner);
        item->name = arena_strdup(v->arena, row->name);
        item->domid = row->domid == HV_DOMID_NONE ? 0 : row->domid;
        fix->domid = row->domid;
    }
    fix->at = v->reply.n_differences - 1;
    fix->fn = fn;
    if (fn && v->repair)
        TAILQ_INSERT_TAIL(&v->fixes, fix, link);
    log_warning("%s%s%s: %s", item->name, item->name[0] ? ": " : "", kind,
                item->text);
    return fix;
}

/* ---- the end ---- */

static void verify_free(struct verify *v)
{
    v->host->verify = NULL;
    if (v->locked)
        lock_release(&v->host->locks, &v->locks);
    event_free(v->turn);
    arena_free(v->arena);
    free(v);
}

static void end(struct verify *v, int rc, const struct vdc_error *err)
{
    live_changed(v->host->live);
    v->fn(v->arg, rc, err, rc ? NULL : &v->reply);
    verify_free(v);
}

void verify_abandon(struct host *host)
{
    if (host->verify)
        verify_free(host->verify);
}

/* ---- mending ---- */

static void note_fixed(struct verify *v, int rc, const struct vdc_error *err)
{
    struct fix *fix = TAILQ_FIRST(&v->fixes);
    struct wire_difference *item = &v->reply.differences[fix->at];

    TAILQ_REMOVE(&v->fixes, fix, link);
    item->repaired = rc == 0;
    if (rc)
        item->hint =
            tidy(v, arena_printf(v->arena, "it could not be mended: %s",
                                 err->text));
    else
        log_info("%s%s%s: mended", item->name, item->name[0] ? ": " : "",
                 item->kind);
}

void verify_fixed(void *arg, int rc, const struct vdc_error *err)
{
    struct verify *v = arg;

    v->later = false;
    note_fixed(v, rc, err);
    turn_again(v);
}

/* false: one answers later. */
static bool mend(struct verify *v)
{
    struct fix *fix;
    struct vdc_error err;

    while ((fix = TAILQ_FIRST(&v->fixes))) {
        int rc = fix->fn(v, fix, &err);
        v->later = rc == STEP_LATER;
        if (v->later)
            return false;
        note_fixed(v, rc, &err);
    }
    return true;
}

/* ---- looking ---- */

/* Its domain, as Xen has it now; what is dying is as good as gone. */
static int find_domain(struct verify *v, const struct partition *partition,
                       bool *ret_there, struct hv_domain_info *ret,
                       struct vdc_error *err)
{
    struct hv *hv = v->host->hv;
    int rc = hv->domain->info(hv, partition->row.domid, v->arena, ret, err);

    *ret_there = rc == 0 && !ret->dying &&
                 uuid_equal(&ret->uuid, &partition->row.uuid);
    return rc == VDC_E_NOT_FOUND ? 0 : rc;
}

/* Another of its uuid. */
static const struct hv_domain_info *
other_domain(const struct verify *v, const struct partition *partition)
{
    for (size_t i = 0; i < v->n_domains; i++)
        if (uuid_equal(&v->domains[i].uuid, &partition->row.uuid) &&
            v->domains[i].domid != partition->row.domid &&
            !v->domains[i].dying)
            return &v->domains[i];
    return NULL;
}

static int look_at_domain(struct verify *v, struct partition *partition,
                          struct vdc_error *err)
{
    struct hv_domain_info info;
    bool there = false;
    int rc = find_domain(v, partition, &there, &info, err);

    if (rc)
        return rc;
    if (!there) {
        verify_found(v, partition, "no-domain", verify_fix_gone,
                     "repair notes that it has stopped",
                     "the database says domain %u, and Xen has no such domain",
                     partition->row.domid);
        return 0;
    }
    /* One that has shut down is about to be acted on. */
    if (info.shutdown && !partition->row.preserved)
        return 0;
    return verify_domain(v, partition, &info, err);
}

static int look_at(struct verify *v, struct partition *partition,
                   struct vdc_error *err)
{
    const struct hv_domain_info *other = other_domain(v, partition);
    int rc = 0;

    v->reply.partitions++;
    verify_resources(v, partition);
    if (partition_has_domain(partition))
        rc = look_at_domain(v, partition, err);
    if (!rc && other)
        rc = verify_unknown_domain(v, partition, other, err);
    return rc == VDC_E_NOT_FOUND ? 0 : rc; /* it has gone while we looked */
}

static bool lock(struct verify *v, const struct partition *partition)
{
    char uuid[UUID_TEXT_SIZE];

    memset(&v->locks, 0, sizeof(v->locks));
    locks_add(&v->locks, v->arena, "partition %s",
              uuid_format(&partition->row.uuid, uuid));
    v->locked = lock_request(&v->host->locks, &v->locks);
    if (!v->locked)
        lock_release(&v->host->locks, &v->locks);
    return v->locked;
}

static int next_partition(struct verify *v, struct vdc_error *err)
{
    while (v->at < v->n_uuids) {
        struct partition *partition =
            registry_by_uuid(&v->host->partitions, &v->uuids[v->at++]);
        if (partition && !partition->pending && !partition->transaction &&
            !partition->has_event && lock(v, partition))
            return look_at(v, partition, err);
    }
    v->phase = VERIFY_DOMAINS;
    return 0;
}

static int next_thing(struct verify *v, struct vdc_error *err)
{
    int rc = 0;

    switch (v->phase) {
    case VERIFY_PARTITIONS:
        return next_partition(v, err);
    case VERIFY_DOMAINS:
        v->phase = VERIFY_ROWS;
        return verify_published(v, err);
    case VERIFY_ROWS:
        v->phase = VERIFY_END;
        rc = verify_holders(v, err);
        if (!rc)
            rc = verify_leases(v, err);
        if (!rc)
            rc = verify_journal(v, err);
        return rc;
    case VERIFY_END:
        break;
    }
    return 0;
}

/* What repair noted in the database is durable, too; who has only looked needs
 * no room on its disk. */
static void durable(void *arg, int rc, const struct vdc_error *err,
                    uint64_t first_event)
{
    end(arg, rc, err);
}

static void end_durable(struct verify *v)
{
    struct store_change nothing = { 0 };

    store_submit(v->host->store, &nothing, durable, v);
}

static void on_turn(int fd, short what, void *arg)
{
    struct verify *v = arg;
    struct vdc_error err;

    if (!mend(v))
        return;
    if (v->locked)
        lock_release(&v->host->locks, &v->locks);
    v->locked = false;
    if (v->phase == VERIFY_END && v->repair) {
        end_durable(v);
        return;
    }
    if (v->phase == VERIFY_END) {
        end(v, 0, NULL);
        return;
    }
    int rc = next_thing(v, &err);
    if (rc)
        end(v, rc, &err);
    else
        turn_again(v);
}

/* ---- the beginning ---- */

static void note_partitions(struct verify *v)
{
    const struct partition *partition;

    v->uuids = ARENA_ARRAY(v->arena, v->host->partitions.n_partitions,
                           struct vdc_uuid);
    TAILQ_FOREACH (partition, &v->host->partitions.all, in_all)
        v->uuids[v->n_uuids++] = partition->row.uuid;
}

void verify_begin(struct host *host, const struct wire_verify *request,
                  verify_done_fn *fn, void *arg)
{
    struct verify *v;
    struct vdc_error err;

    if (host->verify) {
        vdc_error_set(&err, VDC_E_BUSY,
                      "host %s is being verified by another", host->name);
        fn(arg, err.code, &err, NULL);
        return;
    }
    v = host->verify = XNEW(struct verify);
    v->host = host;
    v->repair = request->repair;
    v->fn = fn;
    v->arg = arg;
    v->arena = arena_new();
    v->turn = event_new(host->base, -1, 0, on_turn, v);
    TAILQ_INIT(&v->fixes);
    wire_init(&wire_struct_verify_reply, &v->reply);
    v->reply.host = host->name;
    turn_again(v);
    int rc = host->hv->domain->list(host->hv, v->arena, &v->domains,
                                    &v->n_domains, &err);
    if (rc) {
        end(v, rc, &err);
        return;
    }
    v->reply.domains = (uint32_t)v->n_domains;
    note_partitions(v);
}
