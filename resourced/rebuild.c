/* A new database in the place of a damaged one. */
#include "resourced/rebuild.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/lifecycle.h"
#include "resourced/publish.h"
#include "resourced/recovery.h"
#include "resourced/resource.h"
#include "resourced/text.h"

struct rebuild {
    struct host *host;
    verify_done_fn *fn;
    void *arg;
    struct arena *arena;
    struct recovery *recovery;
    struct hv_domain_info *domains;
    size_t n_domains;
    struct store_salvaged old;
    int old_rc;   /* that it could not be read */
    bool had_log; /* beside it, with something in it */
    bool *used; /* of old.partitions */
    struct partition_row *rows;
    size_t n_rows;
    size_t n_new; /* of them not in old.partitions */
    struct wire_verify_reply reply;
    size_t room;
};

/* ---- what is told ---- */

static struct wire_difference *tell(struct rebuild *r, const char *kind,
                                    const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static struct wire_difference *tell(struct rebuild *r, const char *kind,
                                    const char *hint, const char *format, ...)
{
    struct wire_verify_reply *reply = &r->reply;
    char text[1024], *tidy = arena_alloc(r->arena, 256);
    va_list ap;

    assert(reply->n_differences < r->room);
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    struct wire_difference *item =
        &reply->differences[reply->n_differences++];
    wire_init(&wire_struct_difference, item);
    item->kind = kind;
    item->hint = hint;
    item->text = text_tidy(tidy, 256, text);
    log_warning("%s: %s", kind, item->text);
    return item;
}

static void tell_row(struct rebuild *r, const char *kind, const char *hint,
                     const struct partition_row *row, bool taken,
                     const char *text)
{
    struct wire_difference *item =
        tell(r, kind, hint, "%s of %s: %s", row->name,
             row->owner[0] ? row->owner : "the provider", text);

    item->uuid = row->uuid;
    item->customer = row->owner;
    item->name = row->name;
    item->domid = row->domid == HV_DOMID_NONE ? 0 : row->domid;
    item->repaired = taken;
}

/* ---- which rows ---- */

static const struct hv_domain_info *find_domain(const struct rebuild *r,
                                                uint32_t domid)
{
    for (size_t i = 0; i < r->n_domains; i++)
        if (r->domains[i].domid == domid && !r->domains[i].dying)
            return &r->domains[i];
    return NULL;
}

static const struct partition_row *find_old(struct rebuild *r,
                                            const struct vdc_uuid *uuid)
{
    for (size_t i = 0; i < r->old.n_partitions; i++)
        if (uuid_equal(&r->old.partitions[i].uuid, uuid)) {
            r->used[i] = true;
            return &r->old.partitions[i];
        }
    return NULL;
}

/* Another that is taken already has what only one can have. */
static const struct partition_row *rival(const struct rebuild *r,
                                         const struct partition_row *row)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct partition_row *other = &r->rows[i];
        if (uuid_equal(&other->uuid, &row->uuid) ||
            strcmp(other->xen_name, row->xen_name) == 0 ||
            (strcmp(other->owner, row->owner) == 0 &&
             strcmp(other->name, row->name) == 0))
            return other;
    }
    return NULL;
}

static void take(struct rebuild *r, const char *kind,
                 const struct partition_row *row, const char *text)
{
    const struct partition_row *other = rival(r, row);

    if (other) {
        tell_row(r, "lost", "define it anew, under another name", row, false,
                 "another guest, taken in already, has its name");
        return;
    }
    r->rows[r->n_rows++] = *row;
    tell_row(r, kind, "", row, true, text);
}

/* All that Xen itself knows; no kernel, no disks. */
static void row_of_domain(const struct rebuild *r,
                          const struct publish_found *found,
                          const struct hv_domain_info *info,
                          struct partition_row *ret)
{
    char *xen_name = arena_alloc(r->arena, 128);
    char *name = arena_alloc(r->arena, 64);

    text_tidy(xen_name, 128, info->name);
    text_tidy(name, 64, found->name[0] ? found->name : info->name);
    *ret = (struct partition_row){
        .uuid = info->uuid,
        .owner = found->owner,
        .name = name,
        .xen_name = xen_name,
        .generation = 1,
        .last_stop = "",
    };
    wire_init(&wire_struct_definition, &ret->definition);
    ret->definition.name = name;
    ret->definition.type = info->type == HV_DOMAIN_PV ? WIRE_PV : WIRE_PVH;
    ret->definition.memory = info->current_memory;
    ret->definition.max_memory = info->max_memory;
    ret->definition.vcpus = info->vcpus_online ? info->vcpus_online : 1;
    ret->definition.max_vcpus = info->vcpus_max;
    ret->live = ret->definition;
}

static void runs_as(const struct rebuild *r, const struct hv_domain_info *info,
                    struct partition_row *row)
{
    row->domid = info->domid;
    row->boot_id = r->host->boot_id;
    row->wanted_running = row->wanted_running || !info->shutdown;
    if (!info->shutdown)
        row->paused = info->paused;
}

/* Nobody has let it run yet: it was being built, or it comes from another
 * host, and whether it is to run here is not for this host to say. */
static void tell_unborn(struct rebuild *r, const struct hv_domain_info *info)
{
    char *name = arena_alloc(r->arena, 128);

    text_tidy(name, 128, info->name);
    tell(r, "lost",
         "`xl destroy` ends it, when the guest is known to run elsewhere",
         "domain %u, %s, stands still, as what was making it is lost: it is "
         "left as it is", info->domid, name);
}

/* What runs is believed; of two records of it, the later. */
static void take_published(struct rebuild *r,
                           const struct publish_found *found,
                           const struct hv_domain_info *info)
{
    const struct partition_row *old = find_old(r, &found->uuid);
    bool newer = found->whole &&
                 (!old || found->row.generation >= old->generation);
    struct partition_row row;

    if (!newer && !old && !found->name[0] && info->paused) {
        tell_unborn(r, info);
        return;
    }
    r->n_new += !old;
    if (newer) {
        row = found->row;
    } else if (old) {
        row = *old;
        if (found->whole)
            row.live = found->row.live;
    } else {
        row_of_domain(r, found, info, &row);
    }
    runs_as(r, info, &row);
    if (newer || old)
        take(r, newer ? "from-xenstore" : "from-database", &row,
             newer ? "it runs, and xenstore has all of it"
                   : "it runs, and the old database has a later row");
    else
        take(r, "from-xen", &row,
             "it runs, and its kernel and disks are not known: to start it "
             "again, define it anew");
}

static int take_running(struct rebuild *r, struct vdc_error *err)
{
    struct publish_found found;
    uint32_t *domids;
    size_t n_domids;
    int rc = publish_list(r->host, r->arena, &domids, &n_domids, err);

    for (size_t i = 0; !rc && i < n_domids; i++) {
        const struct hv_domain_info *info = find_domain(r, domids[i]);
        if (!info)
            continue;
        rc = publish_find(r->host, domids[i], r->arena, &found, err);
        if (!rc && uuid_equal(&found.uuid, &info->uuid))
            take_published(r, &found, info);
        if (rc == VDC_E_NOT_FOUND)
            rc = 0;
    }
    return rc;
}

/* The rest of what can be read of the old database.  One whose domain is gone
 * is found so by recovery. */
static void take_old(struct rebuild *r)
{
    for (size_t i = 0; i < r->old.n_partitions; i++) {
        struct partition_row row = r->old.partitions[i];
        const struct hv_domain_info *info = NULL;
        if (r->used[i])
            continue;
        if (row.domid != HV_DOMID_NONE)
            info = find_domain(r, row.domid);
        if (info && uuid_equal(&info->uuid, &row.uuid))
            runs_as(r, info, &row);
        take(r, "from-database", &row,
             info ? "it runs" : "it does not run");
    }
}

static const char find_missing[] =
    "`xl-vdc list` shows those that policyd remembers; to each: `xl-vdc "
    "destroy` forgets it, then create it anew";

static void tell_lost(struct rebuild *r)
{
    const char *kept = r->reply.kept;
    int rc = r->old_rc;
    size_t n = r->old.n_damaged > r->n_new ? r->old.n_damaged - r->n_new : 0;

    if (rc || r->old.n_partitions == 0)
        tell(r, "lost", find_missing,
             "nothing can be read of the old database, and Xen knows no guest "
             "that does not run: all those are missing%s%.120s%s",
             kept[0] ? " (kept: " : "", kept, kept[0] ? ")" : "");
    else if (n)
        tell(r, "lost", find_missing,
             "%zu guests that do not run may be missing: their rows in the "
             "old database are damaged", n);
    else if (r->had_log)
        tell(r, "lost", find_missing,
             "if it was the log that is damaged, what was written last is not "
             "in it: guests that do not run may be missing, or as they were "
             "before");
    tell(r, "lost", "make leases anew",
         "leases, events and the answers that are kept for keys are not in "
         "the new database");
}

static int find_rows(struct rebuild *r, struct vdc_error *err)
{
    struct host *host = r->host;
    const char *log =
        arena_printf(r->arena, "%s-wal", host->settings->database);
    struct stat st;

    r->had_log = stat(log, &st) == 0 && st.st_size > 0;
    r->old_rc = store_salvage(host->settings->database, r->arena, &r->old,
                              NULL);
    int rc = host->hv->domain->list(host->hv, r->arena, &r->domains,
                                    &r->n_domains, err);

    if (rc)
        return rc;
    if (r->old_rc)
        memset(&r->old, 0, sizeof(r->old));
    r->used = ARENA_ARRAY(r->arena, r->old.n_partitions, bool);
    r->rows = ARENA_ARRAY(r->arena, r->old.n_partitions + r->n_domains,
                          struct partition_row);
    r->room = r->old.n_partitions + r->n_domains + 2;
    r->reply.differences =
        ARENA_ARRAY(r->arena, r->room, struct wire_difference);
    rc = take_running(r, err);
    if (rc)
        return rc;
    take_old(r);
    r->reply.partitions = (uint32_t)r->n_rows;
    r->reply.domains = (uint32_t)r->n_domains;
    return 0;
}

/* ---- the file ---- */

static const char *beside(struct arena *arena, const char *path,
                          const char *suffix)
{
    return arena_printf(arena, "%s.new%s", path, suffix);
}

static bool index_is_taken(const struct rebuild *r, size_t of)
{
    for (size_t i = 0; i < of; i++)
        if (r->rows[i].index == r->rows[of].index)
            return true;
    return r->rows[of].index == 0;
}

static int write_rows(struct rebuild *r, struct store *store,
                      struct vdc_error *err)
{
    const struct partition_row **put =
        ARENA_ARRAY(r->arena, r->n_rows, const struct partition_row *);
    struct stored_epoch *epochs =
        ARENA_ARRAY(r->arena, r->n_rows, struct stored_epoch);
    struct store_change change = {
        .put = put,
        .n_put = r->n_rows,
        .epochs = epochs, /* of no move that is known: see epoch.h */
        .n_epochs = r->n_rows,
    };
    uint32_t highest = 0;

    for (size_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].index > highest)
            highest = r->rows[i].index;
    for (size_t i = 0; i < r->n_rows; i++) {
        if (index_is_taken(r, i))
            r->rows[i].index = ++highest;
        put[i] = &r->rows[i];
        epochs[i].uuid = r->rows[i].uuid;
    }
    return store_apply(store, &change, NULL, err);
}

static int make_new(struct rebuild *r, struct vdc_error *err)
{
    const char *path = r->host->settings->database;
    struct store_options options = { .path = beside(r->arena, path, "") };
    struct store *store = NULL;

    unlink(options.path);
    unlink(beside(r->arena, path, "-wal"));
    unlink(beside(r->arena, path, "-shm"));
    int rc = store_open(&options, NULL, &store, err);
    if (!rc)
        rc = write_rows(r, store, err);
    store_close(store);
    /* Whole without a log: a log found later is the damaged one's. */
    if (!rc && access(beside(r->arena, path, "-wal"), F_OK) == 0)
        rc = vdc_error_set(err, VDC_E_STORE,
                           "the new database %s cannot be written out",
                           options.path);
    return rc;
}

static void sync_folder(const char *path)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(copy);
}

int rebuild_finish(const char *path, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const char *made = beside(arena, path, "");
    int rc = 0;

    if (access(path, F_OK) == 0 || access(made, F_OK) != 0)
        goto out;
    /* SQLite would play it back into the new one. */
    rename(arena_printf(arena, "%s-wal", path),
           arena_printf(arena, "%s.damaged-wal", path));
    if (rename(made, path))
        rc = vdc_error_errno(err, VDC_E_STORE, errno,
                             "the new database %s cannot be put in its place",
                             made);
    else
        sync_folder(path);
out:
    arena_free(arena);
    return rc;
}

static int put_in_place(struct rebuild *r, struct vdc_error *err)
{
    const struct resourced_settings *settings = r->host->settings;
    struct store_options options = {
        .path = settings->database,
        .sequence_path = settings->sequence,
    };
    int rc = 0;

    if (access(options.path, F_OK) == 0 ||
        access(arena_printf(r->arena, "%s-wal", options.path), F_OK) == 0)
        rc = store_set_aside(&options, r->arena, &r->reply.kept, err);
    if (!rc)
        rc = rebuild_finish(options.path, err);
    return rc;
}

/* ---- the rest is as after a start ---- */

static void note_written(void *arg, int rc, const struct vdc_error *err,
                         uint64_t first_event)
{
    if (rc)
        log_error("rows of resources are not in the database: %s", err->text);
}

static void write_resources(struct host *host)
{
    const struct partition *partition;

    TAILQ_FOREACH (partition, &host->partitions.all, in_all) {
        struct arena *arena = arena_new();
        struct resource_change resources = { 0 };
        struct store_change change = { 0 };
        resources_plan(host->resources, &partition->row.uuid, &partition->row,
                       arena, &resources);
        resources_into(&resources, &change);
        resources_take(host->resources, &resources);
        store_submit(host->store, &change, note_written, NULL);
        arena_free(arena);
    }
}

static void rebuild_free(struct rebuild *r)
{
    r->host->rebuild = NULL;
    recovery_free(r->recovery);
    arena_free(r->arena);
    free(r);
}

static void end(struct rebuild *r, int rc, const struct vdc_error *err)
{
    r->fn(r->arg, rc, err, rc ? NULL : &r->reply);
    rebuild_free(r);
}

static void recovered(void *arg, int rc, const struct vdc_error *err)
{
    struct rebuild *r = arg;

    if (!rc) {
        log_info("the database is made anew: %u partitions; ready for "
                 "commands", r->host->partitions.n_partitions);
        memset(&r->host->damage, 0, sizeof(r->host->damage));
    }
    end(r, rc, err);
}

static int rebuild(struct rebuild *r, struct vdc_error *err)
{
    int rc = find_rows(r, err);

    if (!rc)
        rc = make_new(r, err);
    if (!rc)
        rc = put_in_place(r, err);
    if (!rc)
        tell_lost(r);
    if (!rc)
        rc = host_load(r->host, err);
    return rc;
}

void rebuild_begin(struct host *host, verify_done_fn *fn, void *arg)
{
    struct rebuild *r;
    struct vdc_error err;

    if (!host->damage.code || host->rebuild) {
        vdc_error_set(&err, VDC_E_WRONG_STATE,
                      host->rebuild
                          ? "the database of host %s is being made anew"
                          : "the database of host %s is not damaged",
                      host->name);
        vdc_error_hint(&err, "compare it with Xen: xl-vdc host-verify");
        fn(arg, err.code, &err, NULL);
        return;
    }
    r = host->rebuild = XNEW(struct rebuild);
    r->host = host;
    r->fn = fn;
    r->arg = arg;
    r->arena = arena_new();
    wire_init(&wire_struct_verify_reply, &r->reply);
    r->reply.host = host->name;
    int rc = rebuild(r, &err);
    if (rc) {
        end(r, rc, &err);
        return;
    }
    write_resources(host);
    lifecycle_begin(host);
    r->recovery = recovery_start(host, recovered, r);
}

void rebuild_abandon(struct host *host)
{
    if (host->rebuild)
        rebuild_free(host->rebuild);
}
