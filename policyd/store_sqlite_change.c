/* Changes of the data center's store, written into SQLite. */
#include <string.h>

#include "policyd/store_sqlite.h"

/* Of one text. */
static int run_with(struct sqlite_store *s, const char *sql, const char *text,
                    struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(s, &stmt, err, sql, "t", text);

    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int logins_add(struct sqlite_store *s, const struct wire_customer *c,
                      struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = 0;

    for (uint32_t i = 0; !rc && i < c->n_logins; i++) {
        rc = store_sqlite_prepare(
            s, &stmt, err, "INSERT INTO login VALUES (?,?,?)", "itt",
            (int64_t)c->logins[i].uid, c->name, c->logins[i].user);
        if (!rc)
            rc = store_sqlite_finish(s, stmt, err);
    }
    return rc;
}

static int record_put(struct sqlite_store *s,
                      const struct store_record *record, struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err, "INSERT OR REPLACE INTO record VALUES (?,?)", "tb",
        record->key, (const void *)record->body, record->size);

    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int record_remove(struct sqlite_store *s, const char *key,
                         struct vdc_error *err)
{
    return run_with(s, "DELETE FROM record WHERE key = ?", key, err);
}

/* All of it, for what the tables have no columns for. */
static int customer_record(struct sqlite_store *s,
                           const struct wire_customer *c,
                           struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct store_record record = {
        .key = arena_printf(arena, STORE_CUSTOMER_KEY "%s", c->name)
    };
    uint8_t *body;
    int rc = wire_struct_encode(&wire_struct_customer, c, arena, &body,
                                &record.size, err);

    record.body = body;
    if (!rc)
        rc = record_put(s, &record, err);
    arena_free(arena);
    return rc;
}

static int customer_add(struct sqlite_store *s, const struct wire_customer *c,
                        struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err, "INSERT INTO customer VALUES (?,?,?,?,?,?)", "tiiiii",
        c->name, (int64_t)c->created_ms, c->quota.memory_kib, c->quota.vcpus,
        c->quota.disk_kib, c->quota.guests);
    if (!rc)
        rc = store_sqlite_finish(s, stmt, err);
    if (!rc)
        rc = logins_add(s, c, err);
    return rc ? rc : customer_record(s, c, err);
}

static int customer_set(struct sqlite_store *s, const struct wire_customer *c,
                        struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "UPDATE customer SET memory_kib = ?, vcpus = ?, disk_kib "
        "= ?, guests = ? WHERE name = ?",
        "iiiit", c->quota.memory_kib, c->quota.vcpus, c->quota.disk_kib,
        c->quota.guests, c->name);
    if (!rc)
        rc = store_sqlite_finish(s, stmt, err);
    if (!rc && c->n_logins)
        rc = run_with(s, "DELETE FROM login WHERE customer = ?", c->name, err);
    if (!rc)
        rc = logins_add(s, c, err);
    return rc ? rc : customer_record(s, c, err);
}

static int customer_remove(struct sqlite_store *s, const char *name,
                           struct vdc_error *err)
{
    int rc = run_with(s, "DELETE FROM answer WHERE owner = ?", name, err);

    if (!rc)
        rc = run_with(s,
                      "DELETE FROM record WHERE key = '" STORE_CUSTOMER_KEY
                      "' || ?",
                      name, err);
    return rc ? rc
              : run_with(s, "DELETE FROM customer WHERE name = ?", name, err);
}

/* Those kept too long, and the oldest of an owner that has too many. */
static int answers_drop(struct sqlite_store *s, const struct store_answer *a,
                        struct vdc_error *err)
{
    const uint64_t kept = a->keep_ms;
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "DELETE FROM answer WHERE time_ms < ?1 OR (owner = ?2 AND time_ms <= "
        "(SELECT time_ms FROM answer WHERE owner = ?2 ORDER BY time_ms DESC "
        "LIMIT 1 OFFSET ?3))",
        "iti", (int64_t)(a->time_ms > kept ? a->time_ms - kept : 0), a->owner,
        (int64_t)STORE_ANSWERS_MAX - 1);
    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int answer_put(struct sqlite_store *s, const struct store_answer *a,
                      struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = answers_drop(s, a, err);

    if (!rc)
        rc = store_sqlite_prepare(
            s, &stmt, err,
            "INSERT OR REPLACE INTO answer VALUES (?,?,?,?,?,?)", "ttiiib",
            a->owner, a->key, (int64_t)a->digest, (int64_t)a->message,
            (int64_t)a->time_ms, a->size ? (const void *)a->body : "",
            a->size);
    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int assignment_put(struct sqlite_store *s,
                          const struct store_assignment *a,
                          struct vdc_error *err)
{
    char uuid[UUID_TEXT_SIZE];
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "INSERT INTO assignment VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT "
        "(uuid) DO UPDATE SET name = excluded.name, new_name = "
        "excluded.new_name, host = excluded.host, state = excluded.state, "
        "memory_kib = excluded.memory_kib, vcpus = excluded.vcpus, disk_kib = "
        "excluded.disk_kib, macs = excluded.macs, reason = excluded.reason",
        "tttttiiiitti", uuid_format(&a->uuid, uuid), a->customer, a->name,
        a->new_name, a->host, (int64_t)a->state, (int64_t)a->counts.memory.kib,
        (int64_t)a->counts.vcpus, (int64_t)a->counts.disk.kib, a->macs,
        a->reason, (int64_t)a->created_ms);
    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int assignment_remove(struct sqlite_store *s,
                             const struct vdc_uuid *uuid,
                             struct vdc_error *err)
{
    char text[UUID_TEXT_SIZE];

    return run_with(s, "DELETE FROM assignment WHERE uuid = ?",
                    uuid_format(uuid, text), err);
}

static int audit(struct sqlite_store *s, const struct store_audit *a,
                 struct vdc_error *err)
{
    sqlite3_stmt *stmt;
    int rc = store_sqlite_prepare(
        s, &stmt, err,
        "INSERT INTO audit (time_ms, uid, customer, message, object, result, "
        "who, origin, detail) VALUES (?, nullif(?, 4294967295), ?, ?, ?, ?, "
        "?, ?, ?)",
        "iitttittt", (int64_t)a->time_ms, (int64_t)a->uid, a->customer,
        a->message, a->object, (int64_t)a->result, a->who ? a->who : "",
        a->origin ? a->origin : "", a->detail ? a->detail : "");
    return rc ? rc : store_sqlite_finish(s, stmt, err);
}

static int apply(struct sqlite_store *s, const struct store_change *change,
                 struct vdc_error *err)
{
    switch (change->kind) {
    case STORE_CUSTOMER_ADD:
        return customer_add(s, change->customer, err);
    case STORE_CUSTOMER_SET:
        return customer_set(s, change->customer, err);
    case STORE_CUSTOMER_REMOVE:
        return customer_remove(s, change->name, err);
    case STORE_ASSIGNMENT_PUT:
        return assignment_put(s, change->assignment, err);
    case STORE_ASSIGNMENT_REMOVE:
        return assignment_remove(s, change->uuid, err);
    case STORE_ANSWER_PUT:
        return answer_put(s, change->answer, err);
    case STORE_AUDIT:
        return audit(s, change->audit, err);
    case STORE_RECORD_PUT:
        return record_put(s, change->record, err);
    case STORE_RECORD_REMOVE:
        return record_remove(s, change->name, err);
    }
    return VDC_E_INTERNAL;
}

int store_sqlite_commit(struct store *store,
                        const struct store_change *changes, size_t n_changes,
                        struct vdc_error *err)
{
    struct sqlite_store *s = store_sqlite_of(store);
    int rc = store_sqlite_run(s, "BEGIN IMMEDIATE", err);

    for (size_t i = 0; !rc && i < n_changes; i++)
        rc = apply(s, &changes[i], err);
    if (!rc)
        rc = store_sqlite_run(s, "COMMIT", err);
    /* after some failures SQLite has rolled back by itself */
    if (rc && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
