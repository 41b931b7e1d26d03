/* Rows of the resource database: writing several as one, reading them. */
#include <string.h>

#include "resourced/store.h"
#include "resourced/store_sql.h"

static int put_journal(struct store *store, const struct journal_entry *entry,
                       struct arena *arena, struct vdc_error *err)
{
    uint8_t *payload;
    size_t size;
    int rc = wire_struct_encode(&wire_struct_partition_ref, &entry->request,
                                arena, &payload, &size, err);
    if (rc)
        return rc;

    sqlite3_stmt *stmt = store_statement(store, STORE_JOURNAL_REMOVE);
    store_bind_uuid(stmt, 1, entry->uuid.bytes);
    rc = store_run(store, STORE_JOURNAL_REMOVE, err);
    if (rc)
        return rc;

    stmt = store_statement(store, STORE_JOURNAL_ADD);
    store_bind_uuid(stmt, 1, entry->uuid.bytes);
    sqlite3_bind_int64(stmt, 2, entry->kind);
    sqlite3_bind_int64(stmt, 3, entry->step);
    sqlite3_bind_blob64(stmt, 4, payload, size, SQLITE_TRANSIENT);
    store_bind_text(stmt, 5, entry->reason);
    sqlite3_bind_int64(stmt, 6, (int64_t)entry->begun_ms);
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
}

static int put_partition(struct store *store, const struct partition_row *row,
                         struct arena *arena, uint32_t *ret_index,
                         struct vdc_error *err)
{
    enum store_statement which =
        row->index ? STORE_PARTITION_UPDATE : STORE_PARTITION_ADD;
    uint8_t *definition;
    size_t size;
    int rc = wire_struct_encode(&wire_struct_definition, &row->definition,
                                arena, &definition, &size, err);
    if (rc)
        return rc;
    bind_row(store_statement(store, which), row, definition, size);
    rc = store_run(store, which, err);
    if (rc)
        return rc;
    *ret_index = row->index;
    if (!row->index)
        *ret_index = (uint32_t)sqlite3_last_insert_rowid(store->db);
    return 0;
}

static int put_event(struct store *store, const struct wire_event *event,
                     struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_ADD);

    sqlite3_bind_int64(stmt, 1, (int64_t)event->number);
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

static int write_all(struct store *store, const struct store_change *change,
                     struct arena *arena, uint32_t *ret_index,
                     struct vdc_error *err)
{
    int rc = 0;

    if (change->journal_add)
        rc = put_journal(store, change->journal_add, arena, err);
    if (!rc && change->journal_remove)
        rc = run_for_uuid(store, STORE_JOURNAL_REMOVE,
                          change->journal_remove, err);
    if (!rc && change->put)
        rc = put_partition(store, change->put, arena, ret_index, err);
    if (!rc && change->forget)
        rc = run_for_uuid(store, STORE_PARTITION_FORGET, change->forget, err);
    for (size_t i = 0; !rc && i < change->n_events; i++)
        rc = put_event(store, &change->events[i], err);
    if (!rc && change->events_before) {
        sqlite3_stmt *stmt = store_statement(store, STORE_EVENT_DROP);
        sqlite3_bind_int64(stmt, 1, (int64_t)change->events_before);
        rc = store_run(store, STORE_EVENT_DROP, err);
    }
    return rc;
}

int store_apply(struct store *store, const struct store_change *change,
                uint32_t *ret_index, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    uint32_t index = 0;

    store_statement(store, STORE_BEGIN);
    int rc = store_run(store, STORE_BEGIN, err);
    if (rc)
        goto out;
    rc = write_all(store, change, arena, &index, err);
    if (!rc) {
        store_statement(store, STORE_COMMIT);
        rc = store_run(store, STORE_COMMIT, err);
    }
    if (rc) {
        /* After some errors SQLite has rolled back by itself. */
        if (!sqlite3_get_autocommit(store->db))
            sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    } else if (ret_index) {
        *ret_index = index;
    }
out:
    arena_free(arena);
    return rc;
}

int store_journal_step(struct store *store, const struct vdc_uuid *uuid,
                       uint32_t step, struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_JOURNAL_STEP);

    store_bind_uuid(stmt, 1, uuid->bytes);
    sqlite3_bind_int64(stmt, 2, step);
    return store_run(store, STORE_JOURNAL_STEP, err);
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
    return 0;
}

static int read_journal(struct store *store, sqlite3_stmt *stmt,
                        struct arena *arena, void *ret_item,
                        struct vdc_error *err)
{
    struct journal_entry *entry = ret_item;
    int rc = uuid_at(store, stmt, 0, &entry->uuid, err);

    if (!rc)
        rc = body_at(store, stmt, 3, &wire_struct_partition_ref, arena,
                     &entry->request, err);
    if (rc)
        return rc;
    entry->kind = (uint32_t)u64_at(stmt, 1);
    entry->step = (uint32_t)u64_at(stmt, 2);
    entry->reason = text_at(stmt, 4, arena);
    entry->begun_ms = u64_at(stmt, 5);
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
