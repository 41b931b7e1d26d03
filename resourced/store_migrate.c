/*
 * From schema 1, which had one operation for each open transaction, no
 * resources and no checksums.  A partition's live definition is its
 * definition: nothing could be changed while it ran.
 */
#include <string.h>

#include "resourced/store_impl.h"

/* Transactions that schema 1 went forward with after a crash, whatever they
 * had done: their domain is to be ended. */
static bool goes_forward(enum wire_operation_kind kind)
{
    return kind == WIRE_OP_DESTROY || kind == WIRE_OP_STOP ||
           kind == WIRE_OP_RESTART;
}

static const char *text_at(sqlite3_stmt *stmt, int at)
{
    const char *text = (const char *)sqlite3_column_text(stmt, at);

    return text ? text : "";
}

static uint64_t u64_at(sqlite3_stmt *stmt, int at)
{
    return (uint64_t)sqlite3_column_int64(stmt, at);
}

static int uuid_at(const struct store *from, sqlite3_stmt *stmt, int at,
                   struct vdc_uuid *ret, struct vdc_error *err)
{
    if (sqlite3_column_bytes(stmt, at) != sizeof(ret->bytes))
        return store_fail_corrupt(from, err, "a row has no uuid");
    memcpy(ret->bytes, sqlite3_column_blob(stmt, at), sizeof(ret->bytes));
    return 0;
}

static int body_at(const struct store *from, sqlite3_stmt *stmt, int at,
                   const struct wire_struct *s, struct arena *arena, void *ret,
                   struct vdc_error *err)
{
    static const uint8_t nothing[1];
    struct vdc_error why = { 0 };
    const void *data = sqlite3_column_blob(stmt, at);

    wire_init(s, ret);
    if (wire_struct_decode(s, data ? data : nothing,
                           (size_t)sqlite3_column_bytes(stmt, at), arena, ret,
                           &why))
        return store_fail_corrupt(from, err, "%s", why.text);
    return 0;
}

int store_migrate_partition_1(const struct store *from, sqlite3_stmt *stmt,
                              struct arena *arena, struct partition_row *ret,
                              struct vdc_error *err)
{
    int rc = uuid_at(from, stmt, 1, &ret->uuid, err);

    if (!rc)
        rc = body_at(from, stmt, 5, &wire_struct_definition, arena,
                     &ret->definition, err);
    if (rc)
        return rc;
    ret->index = (uint32_t)u64_at(stmt, 0);
    ret->owner = arena_strdup(arena, text_at(stmt, 2));
    ret->name = arena_strdup(arena, text_at(stmt, 3));
    ret->xen_name = arena_strdup(arena, text_at(stmt, 4));
    ret->live = ret->definition;
    ret->paused = false;
    ret->generation = 1;
    ret->wanted_running = u64_at(stmt, 6) != 0;
    ret->preserved = u64_at(stmt, 7) != 0;
    ret->domid = HV_DOMID_NONE;
    if (sqlite3_column_type(stmt, 8) != SQLITE_NULL)
        ret->domid = (uint32_t)u64_at(stmt, 8);
    ret->boot_id = u64_at(stmt, 9);
    ret->created_ms = u64_at(stmt, 10);
    ret->started_ms = u64_at(stmt, 11);
    ret->stopped_ms = u64_at(stmt, 12);
    ret->last_stop = arena_strdup(arena, text_at(stmt, 13));
    ret->restarts = (uint32_t)u64_at(stmt, 14);
    ret->host_reserve = MEM_KIB(u64_at(stmt, 15));
    ret->dom0_keep = MEM_KIB(u64_at(stmt, 16));
    return 0;
}

/* "uuid, kind, payload, reason": what it was asked for, as an operation. */
static int read_operation(const struct store *from, sqlite3_stmt *stmt,
                          struct arena *arena, struct wire_operation *ret,
                          struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = body_at(from, stmt, 3, &wire_struct_partition_ref, arena, &ref,
                     err);

    wire_init(&wire_struct_operation, ret);
    if (!rc)
        rc = uuid_at(from, stmt, 1, &ret->uuid, err);
    if (rc)
        return rc;
    ret->kind = (enum wire_operation_kind)u64_at(stmt, 2);
    ret->customer = ref.customer;
    ret->name = ref.name;
    ret->paused = ref.paused;
    ret->keep = ref.keep;
    ret->new_name = ref.new_name;
    ret->new_xen_name = ref.new_xen_name;
    ret->host_reserve = ref.host_reserve;
    ret->dom0_keep = ref.dom0_keep;
    ret->reason = arena_strdup(arena, text_at(stmt, 4));
    return 0;
}

static int read_journal(const struct store *from, sqlite3_stmt *stmt,
                        struct arena *arena, struct store_change *ret,
                        struct vdc_error *err)
{
    struct journal_entry *entry = ARENA_NEW(arena, struct journal_entry);
    struct wire_operation *op = ARENA_NEW(arena, struct wire_operation);
    int rc = read_operation(from, stmt, arena, op, err);

    if (rc)
        return rc;
    entry->id = u64_at(stmt, 0);
    entry->passed = goes_forward(op->kind);
    entry->begun_ms = u64_at(stmt, 5);
    wire_init(&wire_struct_transaction, &entry->request);
    entry->request.operations = op;
    entry->request.n_operations = 1;
    ret->journal_add = entry;
    return 0;
}

static int read_partition(const struct store *from, sqlite3_stmt *stmt,
                          struct arena *arena, struct store_change *ret,
                          struct vdc_error *err)
{
    struct partition_row *row = ARENA_NEW(arena, struct partition_row);
    const struct partition_row **rows =
        ARENA_NEW(arena, const struct partition_row *);
    int rc = store_migrate_partition_1(from, stmt, arena, row, err);

    *rows = row;
    ret->put = rows;
    ret->n_put = 1;
    return rc;
}

static int read_event(const struct store *from, sqlite3_stmt *stmt,
                      struct arena *arena, struct store_change *ret,
                      struct vdc_error *err)
{
    struct wire_event *event = ARENA_NEW(arena, struct wire_event);

    wire_init(&wire_struct_event, event);
    event->number = u64_at(stmt, 0);
    event->time_ms = u64_at(stmt, 1);
    event->kind = (enum wire_event_kind)u64_at(stmt, 2);
    event->customer = arena_strdup(arena, text_at(stmt, 4));
    event->name = arena_strdup(arena, text_at(stmt, 5));
    event->host = arena_strdup(arena, text_at(stmt, 6));
    event->domid = (uint32_t)u64_at(stmt, 7);
    event->text = arena_strdup(arena, text_at(stmt, 8));
    ret->events = event;
    ret->n_events = 1;
    return uuid_at(from, stmt, 3, &event->uuid, err);
}

typedef int read_fn(const struct store *from, sqlite3_stmt *stmt,
                    struct arena *arena, struct store_change *ret,
                    struct vdc_error *err);

/* Each row becomes a change, and its statements are run as they are. */
static int copy_row(const struct store *from, sqlite3_stmt *stmt,
                    read_fn *read, struct store *to, struct vdc_error *err)
{
    struct store_item item = { .arena = arena_new() };
    struct store_change change = { 0 };
    struct store_op *op;
    int rc = read(from, stmt, item.arena, &change, err);

    if (!rc)
        rc = store_encode(&item, &change, err);
    STAILQ_FOREACH (op, &item.ops, link) {
        if (rc)
            break;
        if (op->kind == STORE_OP_PARTITION)
            op->statement = STORE_PARTITION_ADD;
        if (op->kind == STORE_OP_EVENT)
            op->row.values[0].number = (int64_t)change.events->number;
        store_row_bind(store_statement(to, op->statement), &op->row);
        rc = store_run(to, op->statement, err);
    }
    arena_free(item.arena);
    return rc;
}

static int copy_table(const struct store *from, const char *sql, read_fn *read,
                      struct store *to, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = sqlite3_prepare_v2(from->db, sql, -1, &stmt, NULL);
    int rc = 0;

    if (r == SQLITE_OK)
        while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW)
            rc = copy_row(from, stmt, read, to, err);
    if (!rc && r != SQLITE_DONE)
        rc = store_fail(from, r, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

/* The highest number that a table has ever given, by SQLite's own record. */
static int last_number(const struct store *from, const char *table,
                       uint64_t *ret, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = sqlite3_prepare_v2(from->db,
                               "SELECT coalesce(max(seq), 0)"
                               " FROM sqlite_sequence WHERE name = ?1",
                               -1, &stmt, NULL);
    int rc = 0;

    if (r == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
        r = sqlite3_step(stmt);
    }
    if (r == SQLITE_ROW)
        *ret = u64_at(stmt, 0);
    else
        rc = store_fail(from, r, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

int store_migrate_1(struct store *from, struct store *to,
                    struct vdc_error *err)
{
    struct store_numbers numbers = { .changes = 0 };
    int rc = copy_table(from, STORE_PARTITION_1, read_partition, to, err);

    if (!rc)
        rc = copy_table(from,
                        "SELECT id, uuid, kind, payload, reason, begun_ms"
                        " FROM journal ORDER BY id",
                        read_journal, to, err);
    if (!rc)
        rc = copy_table(from,
                        "SELECT number, time_ms, kind, uuid, owner, name,"
                        " host, domid, text FROM event ORDER BY number",
                        read_event, to, err);
    if (!rc)
        rc = last_number(from, "partition", &numbers.last_partition, err);
    if (!rc)
        rc = last_number(from, "journal", &numbers.last_transaction, err);
    if (!rc)
        rc = last_number(from, "event", &numbers.last_event, err);
    return rc ? rc : store_write_meta(to, &numbers, err);
}
