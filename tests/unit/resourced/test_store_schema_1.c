/* Tests of resourced/store_schema.c: a database of schema 1 is opened, or
 * salvaged. */
#include "resourced/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/resourced/store_case.h"
#include "tests/unit/unit.h"

/* As the version that made it had it. */
static const char schema_1[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE partition ("
    " idx INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),"
    " owner TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " xen_name TEXT NOT NULL UNIQUE,"
    " definition BLOB NOT NULL,"
    " wanted_running INTEGER NOT NULL,"
    " preserved INTEGER NOT NULL,"
    " domid INTEGER,"
    " boot_id INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL,"
    " stopped_ms INTEGER NOT NULL,"
    " last_stop TEXT NOT NULL,"
    " restarts INTEGER NOT NULL,"
    " host_reserve_kib INTEGER NOT NULL,"
    " dom0_keep_kib INTEGER NOT NULL,"
    " UNIQUE (owner, name));"
    "CREATE TABLE journal ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),"
    " kind INTEGER NOT NULL,"
    " step INTEGER NOT NULL,"
    " payload BLOB NOT NULL,"
    " reason TEXT NOT NULL,"
    " begun_ms INTEGER NOT NULL);"
    "CREATE TABLE event ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time_ms INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " uuid BLOB NOT NULL,"
    " owner TEXT NOT NULL,"
    " name TEXT NOT NULL,"
    " host TEXT NOT NULL,"
    " domid INTEGER NOT NULL,"
    " text TEXT NOT NULL);"
    "PRAGMA application_id = 0x78766472;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static const char *hex_of(const struct wire_struct *s, const void *body)
{
    uint8_t *data;
    size_t size;

    CU_ASSERT_EQUAL(wire_struct_encode(s, body, arena, &data, &size, NULL), 0);
    char *hex = arena_alloc(arena, size * 2 + 1);
    for (size_t i = 0; i < size; i++)
        sprintf(hex + 2 * i, "%02x", data[i]);
    return hex;
}

static const char *uuid_hex(const struct vdc_uuid *uuid)
{
    char *hex = arena_alloc(arena, 33);

    for (int i = 0; i < 16; i++)
        sprintf(hex + 2 * i, "%02x", uuid->bytes[i]);
    return hex;
}

static void old_partition(sqlite3 *db, uint32_t n)
{
    struct partition_row row;

    sample_partition(arena, n, 1, &row);
    const char *sql = arena_printf(
        arena,
        "INSERT INTO partition VALUES (%u, x'%s', '%s', '%s', '%s', x'%s',"
        " %d, %d, %s, %lld, %llu, %llu, %llu, '%s', %u, %llu, %llu)",
        row.index, uuid_hex(&row.uuid), row.owner, row.name, row.xen_name,
        hex_of(&wire_struct_definition, &row.definition), row.wanted_running,
        row.preserved,
        row.domid == HV_DOMID_NONE ? "NULL"
                                   : arena_printf(arena, "%u", row.domid),
        (long long)row.boot_id, (unsigned long long)row.created_ms,
        (unsigned long long)row.started_ms, (unsigned long long)row.stopped_ms,
        row.last_stop, row.restarts, (unsigned long long)row.host_reserve.kib,
        (unsigned long long)row.dom0_keep.kib);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void old_journal(sqlite3 *db, uint32_t n, int kind)
{
    struct wire_partition_ref ref;
    struct partition_row row;

    sample_partition(arena, n, 1, &row);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "customer1";
    ref.name = row.name;
    ref.uuid = row.uuid;
    ref.keep = true;
    ref.new_name = "other";
    ref.new_xen_name = "customer1.other";
    ref.host_reserve = MEM_MIB(9);
    const char *sql = arena_printf(
        arena,
        "INSERT INTO journal (uuid, kind, step, payload, reason, begun_ms)"
        " VALUES (x'%s', %d, 1, x'%s', 'why', %u)",
        uuid_hex(&row.uuid), kind, hex_of(&wire_struct_partition_ref, &ref),
        7000 + n);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* left: as after a kill, all of it still in the log. */
static void make_old(bool left)
{
    sqlite3 *db;
    size_t db_size, wal_size;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(place.db, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db,
                                 "PRAGMA locking_mode = EXCLUSIVE;"
                                 "PRAGMA journal_mode = WAL;",
                                 NULL, NULL, NULL),
                    SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, schema_1, NULL, NULL, NULL), SQLITE_OK);
    for (uint32_t i = 1; i <= 5; i++)
        old_partition(db, i);
    for (int kind = 1; kind <= 8; kind++)
        old_journal(db, (uint32_t)kind, kind);
    CU_ASSERT_EQUAL(
        sqlite3_exec(db,
                     "INSERT INTO event VALUES (41, 5, 1, zeroblob(16), 'o',"
                     " 'n', 'h', 3, 'text'), (42, 6, 2, zeroblob(16), 'o',"
                     " 'n', 'h', 0, '');"
                     "INSERT INTO journal VALUES (99, zeroblob(16), 1, 0, x'',"
                     " '', 0); DELETE FROM journal WHERE id = 99;"
                     "DELETE FROM partition WHERE idx = 5",
                     NULL, NULL, NULL),
        SQLITE_OK);
    uint8_t *file = file_read(place.db, &db_size);
    uint8_t *log = file_read(place.wal, &wal_size);
    sqlite3_close(db);
    if (left) {
        file_write(place.db, file, db_size);
        file_write(place.wal, log, wal_size);
    }
    free(file);
    free(log);
}

static void check_old_rows(struct store *store)
{
    struct partition_row *rows, like;
    size_t n = 0;

    CU_ASSERT_EQUAL(store_partitions(store, arena, &rows, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 4);
    for (size_t i = 0; i < n; i++) {
        sample_partition(arena, (uint32_t)i + 1, 1, &like);
        CU_ASSERT_EQUAL(rows[i].index, i + 1);
        CU_ASSERT_EQUAL(rows[i].generation, 1);
        CU_ASSERT_FALSE(rows[i].paused);
        CU_ASSERT_STRING_EQUAL(rows[i].xen_name, like.xen_name);
        CU_ASSERT_EQUAL(rows[i].domid, like.domid);
        CU_ASSERT_EQUAL(rows[i].boot_id, like.boot_id);
        CU_ASSERT_STRING_EQUAL(rows[i].last_stop, like.last_stop);
        CU_ASSERT_EQUAL(rows[i].dom0_keep.kib, like.dom0_keep.kib);
        CU_ASSERT_STRING_EQUAL(
            hex_of(&wire_struct_definition, &rows[i].definition),
            hex_of(&wire_struct_definition, &like.definition));
        CU_ASSERT_STRING_EQUAL(
            hex_of(&wire_struct_definition, &rows[i].live),
            hex_of(&wire_struct_definition, &like.definition));
    }
    /* numbers of rows that are gone are not given again */
    CU_ASSERT_EQUAL(store_next_partition(store), 6);
    CU_ASSERT_EQUAL(store_next_transaction(store), 100);
    CU_ASSERT_EQUAL(store_next_resource(store), 1);
}

static void check_old_journal(struct store *store)
{
    struct journal_entry *entries;
    struct partition_row like;
    size_t n = 0;

    CU_ASSERT_EQUAL(store_journal(store, arena, &entries, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 8);
    for (size_t i = 0; i < n; i++) {
        const struct wire_operation *op = entries[i].request.operations;
        int kind = (int)i + 1;
        sample_partition(arena, (uint32_t)kind, 1, &like);
        CU_ASSERT_EQUAL(entries[i].id, i + 1);
        CU_ASSERT_EQUAL(entries[i].begun_ms, 7001 + i);
        CU_ASSERT_EQUAL_FATAL(entries[i].request.n_operations, 1);
        CU_ASSERT_EQUAL((int)op->kind, kind);
        CU_ASSERT_TRUE(uuid_equal(&op->uuid, &like.uuid));
        CU_ASSERT_STRING_EQUAL(op->name, like.name);
        CU_ASSERT_STRING_EQUAL(op->customer, "customer1");
        CU_ASSERT_STRING_EQUAL(op->new_xen_name, "customer1.other");
        CU_ASSERT_STRING_EQUAL(op->reason, "why");
        CU_ASSERT_TRUE(op->keep);
        CU_ASSERT_EQUAL(op->host_reserve.kib, 9 * 1024);
        CU_ASSERT_EQUAL(entries[i].passed, op->kind == WIRE_OP_DESTROY ||
                                               op->kind == WIRE_OP_STOP ||
                                               op->kind == WIRE_OP_RESTART);
    }
}

static void older(bool left)
{
    char kept[160], new_file[160];
    struct store *store;

    store_case_begin();
    make_old(left);
    store = store_case_open();
    check_old_rows(store);
    check_old_journal(store);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(store_case_dump(store), "events 41 to 42\n"));
    store_close(store);
    snprintf(kept, sizeof(kept), "%s.schema-1", place.db);
    snprintf(new_file, sizeof(new_file), "%s.new", place.db);
    CU_ASSERT(store_case_size(kept) > 0);
    CU_ASSERT_EQUAL(store_case_size(new_file), 0);
    store = store_case_open();
    check_old_rows(store);
    check_old_journal(store);
    store_case_end(store);
}

static void older_closed(void)
{
    older(false);
}

static void older_killed(void)
{
    older(true);
}

static void older_damaged(void)
{
    store_case_begin();
    make_old(false);
    store_case_sql("UPDATE partition SET definition = x'ffff' WHERE idx = 2");
    store_case_corrupt("cut short");
    CU_ASSERT(store_case_size(place.db) > 0); /* and stays as it is */
    store_case_corrupt("cut short");
    store_case_end(NULL);
}

static void salvages_old(void)
{
    struct store_salvaged saved = { 0 };

    store_case_begin();
    make_old(true);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 4);
    CU_ASSERT_EQUAL(saved.n_damaged, 0);
    CU_ASSERT_STRING_EQUAL(saved.partitions[3].name, "guest4");
    store_case_end(NULL);
}

static const struct unit_test tests[] = {
    { "closed", older_closed },
    { "killed", older_killed },
    { "damaged", older_damaged },
    { "salvaged", salvages_old },
};

UNIT_MAIN("resourced/store, schema 1", tests)
