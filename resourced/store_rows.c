/* Rows of the resource database: writing several as one, reading them. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resourced/store.h"
#include "resourced/store_sql.h"

static int put_journal(struct store *store, const struct journal_entry *entry,
                       struct arena *arena, struct vdc_error *err)
{
    uint8_t *payload;
    size_t size;
    int rc = wire_struct_encode(&wire_struct_transaction, &entry->request,
                                arena, &payload, &size, err);
    if (rc)
        return rc;

    sqlite3_stmt *stmt = store_statement(store, STORE_JOURNAL_ADD);
    sqlite3_bind_int64(stmt, 1, (int64_t)entry->id);
    sqlite3_bind_int64(stmt, 2, entry->passed);
    sqlite3_bind_blob64(stmt, 3, payload, size, SQLITE_TRANSIENT);
    sqlite3_bind_int64(stmt, 4, (int64_t)entry->begun_ms);
    return store_run(store, STORE_JOURNAL_ADD, err);
}

static void bind_row(sqlite3_stmt *stmt, const struct partition_row *row,
                     const uint8_t *definition, size_t size)
{
    store_bind_uuid(stmt, 1, row->uuid.bytes);
    store_bind_text(stmt, 2, row->owner);
    store_bind_text(stmt, 3, row->name);
    store_bind_text(stmt, 4, row->xen_name);
    sqlite3_bind_blob64(stmt, 5, definition, size, SQLITE_TRANSIENT);
    sqlite3_bind_int(stmt, 6, row->wanted_running);
    sqlite3_bind_int(stmt, 7, row->preserved);
    if (row->domid != HV_DOMID_NONE)
        sqlite3_bind_int64(stmt, 8, row->domid);
    sqlite3_bind_int64(stmt, 9, (int64_t)row->boot_id);
    sqlite3_bind_int64(stmt, 10, (int64_t)row->created_ms);
    sqlite3_bind_int64(stmt, 11, (int64_t)row->started_ms);
    sqlite3_bind_int64(stmt, 12, (int64_t)row->stopped_ms);
    store_bind_text(stmt, 13, row->last_stop);
    sqlite3_bind_int64(stmt, 14, row->restarts);
    sqlite3_bind_int64(stmt, 15, (int64_t)row->host_reserve.kib);
    sqlite3_bind_int64(stmt, 16, (int64_t)row->dom0_keep.kib);
    sqlite3_bind_int64(stmt, 17, row->index);
}

static int put_partition(struct store *store, const struct partition_row *row,
                         struct arena *arena, struct vdc_error *err)
{
    uint8_t *definition;
    size_t size;
    int rc = wire_struct_encode(&wire_struct_definition, &row->definition,
                                arena, &definition, &size, err);
    if (rc)
        return rc;
    bind_row(store_statement(store, STORE_PARTITION_ADD), row, definition,
             size);
    return store_run(store, STORE_PARTITION_ADD, err);
}

static int put_event(struct store *store, const struct wire_event *event,
                     uint64_t number, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_ADD);

    sqlite3_bind_int64(stmt, 1, (int64_t)number);
    sqlite3_bind_int64(stmt, 2, (int64_t)event->time_ms);
    sqlite3_bind_int(stmt, 3, (int)event->kind);
    store_bind_uuid(stmt, 4, event->uuid.bytes);
    store_bind_text(stmt, 5, event->customer);
    store_bind_text(stmt, 6, event->name);
    store_bind_text(stmt, 7, event->host);
    sqlite3_bind_int64(stmt, 8, event->domid);
    store_bind_text(stmt, 9, event->text);
    return store_run(store, STORE_EVENT_ADD, err);
}

static int run_for_uuid(struct store *store, enum store_statement which,
                        const struct vdc_uuid *uuid, struct vdc_error *err)
{
    store_bind_uuid(store_statement(store, which), 1, uuid->bytes);
    return store_run(store, which, err);
}

static int run_for_number(struct store *store, enum store_statement which,
                          uint64_t number, struct vdc_error *err)
{
    sqlite3_bind_int64(store_statement(store, which), 1, (int64_t)number);
    return store_run(store, which, err);
}

static int write_all(struct store *store, const struct store_change *change,
                     struct arena *arena, struct vdc_error *err)
{
    int rc = 0;

    if (change->journal_add)
        rc = put_journal(store, change->journal_add, arena, err);
    if (!rc && change->journal_pass)
        rc = run_for_number(store, STORE_JOURNAL_PASS, change->journal_pass,
                            err);
    if (!rc && change->journal_remove)
        rc = run_for_number(store, STORE_JOURNAL_REMOVE,
                            change->journal_remove, err);
    for (size_t i = 0; !rc && i < change->n_forget; i++)
        rc = run_for_uuid(store, STORE_PARTITION_FORGET, &change->forget[i],
                          err);
    for (size_t i = 0; !rc && i < change->n_put; i++)
        rc = put_partition(store, change->put[i], arena, err);
    for (size_t i = 0; !rc && i < change->n_events; i++)
        rc = put_event(store, &change->events[i], store->last_event + 1 + i,
                       err);
    if (!rc && change->event_keep && store->last_event > change->event_keep)
        rc = run_for_number(store, STORE_EVENT_DROP,
                            store->last_event - change->event_keep, err);
    return rc;
}

int store_apply(struct store *store, const struct store_change *change,
                uint64_t *ret_first_event, struct vdc_error *err)
{
    struct arena *arena = arena_new();

    store_statement(store, STORE_BEGIN);
    int rc = store_run(store, STORE_BEGIN, err);
    if (rc)
        goto out;
    rc = write_all(store, change, arena, err);
    if (!rc) {
        store_statement(store, STORE_COMMIT);
        rc = store_run(store, STORE_COMMIT, err);
    }
    if (rc) {
        /* After some errors SQLite has rolled back by itself. */
        if (!sqlite3_get_autocommit(store->db))
            sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        goto out;
    }
    if (ret_first_event)
        *ret_first_event = store->last_event + 1;
    store->last_event += change->n_events;
    if (change->answer) {
        struct kept_answer *kept = XNEW(struct kept_answer);
        kept->arena = arena_new();
        kept->answer = *change->answer;
        kept->answer.owner = arena_strdup(kept->arena, kept->answer.owner);
        kept->answer.key = arena_strdup(kept->arena, kept->answer.key);
        kept->answer.text = arena_strdup(kept->arena, kept->answer.text);
        kept->answer.hint = arena_strdup(kept->arena, kept->answer.hint);
        wire_init(&wire_struct_transaction_reply, &kept->answer.reply);
        wire_struct_copy(&wire_struct_transaction_reply,
                         &change->answer->reply, kept->arena,
                         &kept->answer.reply, NULL);
        TAILQ_INSERT_TAIL(&store->answers, kept, link);
    }
out:
    arena_free(arena);
    return rc;
}

/* ---- what is told from the loop ---- */

static void tell_all(int fd, short what, void *arg)
{
    struct store *store = arg;
    struct store_later *later;

    while ((later = TAILQ_FIRST(&store->done))) {
        TAILQ_REMOVE(&store->done, later, link);
        if (later->done) {
            later->done(later->arg, later->rc, &later->err,
                        later->first_event);
        } else if (later->answer_fn) {
            struct kept_answer *kept;
            TAILQ_FOREACH (kept, &store->answers, link)
                if (strcmp(kept->answer.owner, later->owner) == 0 &&
                    strcmp(kept->answer.key, later->key) == 0)
                    break;
            later->answer_fn(later->arg, 0, NULL,
                             kept ? &kept->answer : NULL);
        }
        free(later);
    }
}

static void tell_later(struct store *store, struct store_later *later)
{
    TAILQ_INSERT_TAIL(&store->done, later, link);
    event_active(store->soon, EV_TIMEOUT, 1);
}

void store_submit(struct store *store, const struct store_change *change,
                  store_done_fn *done, void *arg)
{
    struct store_later *later = XNEW(struct store_later);

    later->done = done;
    later->arg = arg;
    later->rc =
        store_apply(store, change, &later->first_event, &later->err);
    tell_later(store, later);
}

void store_find_answer(struct store *store, const char *owner,
                       const char *key, store_answer_fn *fn, void *arg)
{
    struct store_later *later = XNEW(struct store_later);

    snprintf(later->owner, sizeof(later->owner), "%s", owner);
    snprintf(later->key, sizeof(later->key), "%s", key);
    later->answer_fn = fn;
    later->arg = arg;
    tell_later(store, later);
}

uint32_t store_next_partition(struct store *store)
{
    return (uint32_t)++store->last_partition;
}

uint64_t store_next_transaction(struct store *store)
{
    return ++store->last_transaction;
}

/* ---- reading ---- */

static const char *text_at(sqlite3_stmt *stmt, int at, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);

    return arena_strdup(arena, text ? text : "");
}

static uint64_t u64_at(sqlite3_stmt *stmt, int at)
{
    return (uint64_t)sqlite3_column_int64(stmt, at);
}

static int uuid_at(struct store *store, sqlite3_stmt *stmt, int at,
                   struct vdc_uuid *ret, struct vdc_error *err)
{
    const void *data = sqlite3_column_blob(stmt, at);

    if (sqlite3_column_bytes(stmt, at) != sizeof(ret->bytes))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the resource database %s is damaged: a row has "
                             "no uuid", store->path);
    memcpy(ret->bytes, data, sizeof(ret->bytes));
    return 0;
}

static int body_at(struct store *store, sqlite3_stmt *stmt, int at,
                   const struct wire_struct *s, struct arena *arena,
                   void *ret, struct vdc_error *err)
{
    static const uint8_t nothing[1];
    const void *data = sqlite3_column_blob(stmt, at);
    size_t size = (size_t)sqlite3_column_bytes(stmt, at);

    wire_init(s, ret);
    if (wire_struct_decode(s, data ? data : nothing, size, arena, ret, err)) {
        struct vdc_error why = { 0 };
        if (err)
            why = *err;
        vdc_error_set(err, VDC_E_STORE_CORRUPT,
                      "the resource database %s is damaged: %s",
                      store->path, why.text);
        vdc_error_hint(err, "restore the file from a backup");
        return VDC_E_STORE_CORRUPT;
    }
    return 0;
}

static int read_partition(struct store *store, sqlite3_stmt *stmt,
                          struct arena *arena, void *ret_item,
                          struct vdc_error *err)
{
    struct partition_row *row = ret_item;
    int rc = uuid_at(store, stmt, 1, &row->uuid, err);

    if (!rc)
        rc = body_at(store, stmt, 5, &wire_struct_definition, arena,
                     &row->definition, err);
    if (rc)
        return rc;
    row->index = (uint32_t)u64_at(stmt, 0);
    row->owner = text_at(stmt, 2, arena);
    row->name = text_at(stmt, 3, arena);
    row->xen_name = text_at(stmt, 4, arena);
    row->wanted_running = u64_at(stmt, 6) != 0;
    row->preserved = u64_at(stmt, 7) != 0;
    row->domid = HV_DOMID_NONE;
    if (sqlite3_column_type(stmt, 8) != SQLITE_NULL)
        row->domid = (uint32_t)u64_at(stmt, 8);
    row->boot_id = u64_at(stmt, 9);
    row->created_ms = u64_at(stmt, 10);
    row->started_ms = u64_at(stmt, 11);
    row->stopped_ms = u64_at(stmt, 12);
    row->last_stop = text_at(stmt, 13, arena);
    row->restarts = (uint32_t)u64_at(stmt, 14);
    row->host_reserve = MEM_KIB(u64_at(stmt, 15));
    row->dom0_keep = MEM_KIB(u64_at(stmt, 16));
    row->live = row->definition;
    row->generation = 1;
    return 0;
}

static int read_journal(struct store *store, sqlite3_stmt *stmt,
                        struct arena *arena, void *ret_item,
                        struct vdc_error *err)
{
    struct journal_entry *entry = ret_item;
    int rc = body_at(store, stmt, 2, &wire_struct_transaction, arena,
                     &entry->request, err);
    if (rc)
        return rc;
    entry->id = u64_at(stmt, 0);
    entry->passed = u64_at(stmt, 1) != 0;
    entry->begun_ms = u64_at(stmt, 3);
    return 0;
}

static int read_event(struct store *store, sqlite3_stmt *stmt,
                      struct arena *arena, void *ret_item,
                      struct vdc_error *err)
{
    struct wire_event *event = ret_item;

    wire_init(&wire_struct_event, event);
    int rc = uuid_at(store, stmt, 3, &event->uuid, err);
    if (rc)
        return rc;
    event->number = u64_at(stmt, 0);
    event->time_ms = u64_at(stmt, 1);
    event->kind = (enum wire_event_kind)u64_at(stmt, 2);
    event->customer = text_at(stmt, 4, arena);
    event->name = text_at(stmt, 5, arena);
    event->host = text_at(stmt, 6, arena);
    event->domid = (uint32_t)u64_at(stmt, 7);
    event->text = text_at(stmt, 8, arena);
    return 0;
}

typedef int read_fn(struct store *store, sqlite3_stmt *stmt,
                    struct arena *arena, void *ret_item,
                    struct vdc_error *err);

/* Runs a SELECT whose values are bound, into an array in the arena. */
static int read_all(struct store *store, sqlite3_stmt *stmt, read_fn *read,
                    size_t item_size, struct arena *arena, void **ret,
                    size_t *ret_n, struct vdc_error *err)
{
    size_t n = 0, room = 0;
    char *items = NULL;
    int rc = 0, r;

    while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (n == room) {
            size_t more = room ? room * 2 : 16;
            char *grown = arena_array(arena, more, item_size);
            if (n)
                memcpy(grown, items, n * item_size);
            items = grown;
            room = more;
        }
        rc = read(store, stmt, arena, items + n * item_size, err);
        if (rc)
            break;
        n++;
    }
    if (!rc && r != SQLITE_DONE)
        rc = store_fail(store, r, "reading", err);
    sqlite3_reset(stmt);
    if (rc)
        return rc;
    *ret = items;
    *ret_n = n;
    return 0;
}

int store_partitions(struct store *store, struct arena *arena,
                     struct partition_row **ret, size_t *ret_n,
                     struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, store_statement(store, STORE_PARTITION_ALL),
                      read_partition, sizeof(**ret), arena, &items, ret_n,
                      err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_journal(struct store *store, struct arena *arena,
                  struct journal_entry **ret, size_t *ret_n,
                  struct vdc_error *err)
{
    void *items;
    int rc = read_all(store, store_statement(store, STORE_JOURNAL_ALL),
                      read_journal, sizeof(**ret), arena, &items, ret_n,
                      err);

    if (!rc)
        *ret = items;
    return rc;
}

int store_events(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct arena *arena, struct wire_event **ret,
                 size_t *ret_n, struct vdc_error *err);
int store_events(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct arena *arena, struct wire_event **ret,
                 size_t *ret_n, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_SINCE);

    sqlite3_bind_int64(stmt, 1,
                       since > INT64_MAX ? INT64_MAX : (int64_t)since);
    store_bind_text(stmt, 2, owner);
    sqlite3_bind_int64(stmt, 3, (int64_t)most);
    void *items;
    int rc = read_all(store, stmt, read_event, sizeof(**ret), arena, &items,
                      ret_n, err);

    if (!rc)
        *ret = items;
    return rc;
}

static int read_number(struct store *store, enum store_statement which,
                       uint64_t *ret, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, which);
    int r = sqlite3_step(stmt);
    int rc = 0;

    if (r == SQLITE_ROW)
        *ret = u64_at(stmt, 0);
    else
        rc = store_fail(store, r, "reading", err);
    sqlite3_reset(stmt);
    return rc;
}

int store_events_range(struct store *store, uint64_t *ret_first,
                       uint64_t *ret_last, struct vdc_error *err);
int store_events_range(struct store *store, uint64_t *ret_first,
                       uint64_t *ret_last, struct vdc_error *err)
{
    uint64_t first, last;
    int rc = read_number(store, STORE_EVENT_FIRST, &first, err);

    if (!rc)
        rc = read_number(store, STORE_EVENT_LAST, &last, err);
    if (rc)
        return rc;
    *ret_first = first;
    *ret_last = last;
    return 0;
}

int store_begin(struct store *store, struct vdc_error *err)
{
    int rc = read_number(store, STORE_EVENT_LAST, &store->last_event, err);

    if (!rc)
        rc = read_number(store, STORE_JOURNAL_LAST, &store->last_transaction,
                         err);
    if (!rc)
        rc = read_number(store, STORE_PARTITION_LAST, &store->last_partition,
                         err);
    store->soon = event_new(store->base, -1, 0, tell_all, store);
    return rc;
}

void store_end(struct store *store)
{
    struct store_later *later;
    struct kept_answer *kept;

    while ((later = TAILQ_FIRST(&store->done))) {
        TAILQ_REMOVE(&store->done, later, link);
        free(later);
    }
    while ((kept = TAILQ_FIRST(&store->answers))) {
        TAILQ_REMOVE(&store->answers, kept, link);
        arena_free(kept->arena);
        free(kept);
    }
    if (store->soon)
        event_free(store->soon);
}

uint64_t store_next_resource(struct store *store)
{
    return ++store->last_resource;
}

int store_resources(struct store *store, struct arena *arena,
                    struct resource_row **ret, size_t *ret_n,
                    struct vdc_error *err)
{
    *ret = NULL;
    *ret_n = 0;
    return 0;
}

int store_leases(struct store *store, struct arena *arena,
                 struct wire_lease **ret, size_t *ret_n,
                 struct vdc_error *err)
{
    *ret = NULL;
    *ret_n = 0;
    return 0;
}
