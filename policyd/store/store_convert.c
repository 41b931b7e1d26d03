/*
 * Databases of earlier versions, formats 1 and 2, which had a table for each
 * kind of record: read, and written as records.  See kv_sqlite_upgrade.
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "policyd/kv/kv_sqlite.h"
#include "policyd/store/record.h"
#include "policyd/store/store_impl.h"

struct conversion {
    struct kv *kv;
    sqlite3 *db;
};

/* ---- reading ---- */

typedef int row_fn(struct conversion *c, sqlite3_stmt *row,
                   struct arena *arena, struct vdc_error *err);

static const char *text(sqlite3_stmt *row, int column)
{
    const unsigned char *value = sqlite3_column_text(row, column);

    return value ? (const char *)value : "";
}

static uint64_t number(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

/* Each row with an arena of its own. */
static int each(struct conversion *c, const char *sql, row_fn *fn,
                struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE, rc = 0;

    errno = 0;
    if (sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return kv_sqlite_failed(c->kv, "reading", err);
    while (!rc && (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct arena *arena = arena_new();
        rc = fn(c, stmt, arena, err);
        arena_free(arena);
    }
    if (!rc && r != SQLITE_DONE)
        rc = kv_sqlite_failed(c->kv, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

/* ---- writing ---- */

static int put(struct conversion *c, enum store_record record, const char *id,
               const void *body, struct arena *arena, struct vdc_error *err)
{
    uint8_t *data;
    size_t size;
    int rc = wire_struct_encode(store_kinds[record].body, body, arena, &data,
                                &size, err);

    if (!rc)
        return kv_sqlite_put(c->kv, store_key(record, id, arena), data, size,
                             err);
    vdc_error_prefix(err, "the database cannot be converted: %s",
                     store_key(record, id, arena));
    return rc;
}

/* ---- the tables ---- */

enum { LOGINS_MAX = 64 };

static int add_logins(struct conversion *c, struct wire_customer *customer,
                      struct arena *arena, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int r = SQLITE_DONE, rc = 0;

    errno = 0;
    if (sqlite3_prepare_v2(c->db,
                           "SELECT uid, user FROM login WHERE customer = ?1 "
                           "ORDER BY uid",
                           -1, &stmt, NULL) != SQLITE_OK)
        return kv_sqlite_failed(c->kv, "reading", err);
    sqlite3_bind_text(stmt, 1, customer->name, -1, SQLITE_STATIC);
    customer->logins = ARENA_ARRAY(arena, LOGINS_MAX, struct wire_login);
    while (customer->n_logins < LOGINS_MAX &&
           (r = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct wire_login *login = &customer->logins[customer->n_logins++];
        wire_init(&wire_struct_login, login);
        login->uid = (uint32_t)number(stmt, 0);
        login->user = arena_strdup(arena, text(stmt, 1));
    }
    if (r != SQLITE_DONE && r != SQLITE_ROW)
        rc = kv_sqlite_failed(c->kv, "reading", err);
    sqlite3_finalize(stmt);
    return rc;
}

static int customer(struct conversion *c, sqlite3_stmt *row,
                    struct arena *arena, struct vdc_error *err)
{
    struct wire_customer to;

    wire_init(&wire_struct_customer, &to);
    to.name = arena_strdup(arena, text(row, 0));
    to.created_ms = number(row, 1);
    to.quota.memory_kib = (int64_t)number(row, 2);
    to.quota.vcpus = (int64_t)number(row, 3);
    to.quota.disk_kib = (int64_t)number(row, 4);
    to.quota.guests = (int64_t)number(row, 5);
    int rc = add_logins(c, &to, arena, err);
    return rc ? rc : put(c, STORE_CUSTOMER, to.name, &to, arena, err);
}

static int assignment(struct conversion *c, sqlite3_stmt *row,
                      struct arena *arena, struct vdc_error *err)
{
    struct store_assignment a = { .counts.guests = 1 };
    struct wire_stored_partition to;
    char uuid[UUID_TEXT_SIZE];

    if (!uuid_from_text(text(row, 0), &a.uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: '%s' is no UUID",
                             text(row, 0));
    a.customer = text(row, 1);
    a.name = text(row, 2);
    a.new_name = text(row, 3);
    a.host = text(row, 4);
    a.state = (enum assignment_state)number(row, 5);
    a.counts.memory = MEM_KIB(number(row, 6));
    a.counts.vcpus = number(row, 7);
    a.counts.disk = MEM_KIB(number(row, 8));
    a.macs = text(row, 9);
    a.reason = text(row, 10);
    a.created_ms = number(row, 11);
    record_of_assignment(&a, &to);
    return put(c, STORE_PARTITION, uuid_format(&a.uuid, uuid), &to, arena,
               err);
}

static int answer(struct conversion *c, sqlite3_stmt *row, struct arena *arena,
                  struct vdc_error *err)
{
    struct wire_stored_answer to;

    wire_init(&wire_struct_stored_answer, &to);
    to.owner = text(row, 0);
    to.key = text(row, 1);
    to.digest = number(row, 2);
    to.message = (uint32_t)number(row, 3);
    to.time_ms = number(row, 4);
    to.body = sqlite3_column_blob(row, 5);
    to.n_body = (uint32_t)sqlite3_column_bytes(row, 5);
    return put(c, STORE_ANSWER, record_answer_id(to.owner, to.key, arena), &to,
               arena, err);
}

static int audit(struct conversion *c, sqlite3_stmt *row, struct arena *arena,
                 struct vdc_error *err)
{
    struct wire_stored_audit to;

    wire_init(&wire_struct_stored_audit, &to);
    to.time_ms = number(row, 1);
    to.own = sqlite3_column_type(row, 2) == SQLITE_NULL;
    to.uid = (uint32_t)number(row, 2);
    to.customer = text(row, 3);
    to.message = text(row, 4);
    to.object = text(row, 5);
    to.result = (int64_t)number(row, 6);
    return put(c, STORE_AUDIT,
               record_audit_id(to.time_ms, number(row, 0), arena), &to, arena,
               err);
}

static int drop_tables(struct conversion *c, int version,
                       struct vdc_error *err)
{
    errno = 0;
    if (sqlite3_exec(c->db,
                     "DROP TABLE login; DROP TABLE assignment; DROP TABLE "
                     "customer; DROP TABLE audit;",
                     NULL, NULL, NULL) != SQLITE_OK ||
        (version >= 2 && sqlite3_exec(c->db, "DROP TABLE answer", NULL, NULL,
                                      NULL) != SQLITE_OK))
        return kv_sqlite_failed(c->kv, "converting", err);
    return 0;
}

static int run(void *arg, struct kv *kv, struct sqlite3 *db, int version,
               struct vdc_error *err)
{
    struct conversion c = { kv, db };
    int rc = each(&c, "SELECT * FROM customer", customer, err);

    if (!rc)
        rc = each(&c, "SELECT * FROM assignment", assignment, err);
    if (!rc && version >= 2)
        rc = each(&c, "SELECT * FROM answer", answer, err);
    if (!rc)
        rc = each(&c, "SELECT * FROM audit ORDER BY number", audit, err);
    return rc ? rc : drop_tables(&c, version, err);
}

const struct kv_sqlite_upgrade store_convert = { .run = run };
