/* Tests of resourced/store*.c: files of older and newer versions, files that
 * are no database, the number of changes, and what is saved of a damaged
 * one. */
#include "resourced/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

static struct place place;
static struct arena *arena;
static struct vdc_error err;

static void set_up(void)
{
    place_make(&place, true);
    arena = arena_new();
    memset(&err, 0, sizeof(err));
}

static void tear_down(struct store *store)
{
    store_close(store);
    arena_free(arena);
    place_remove(&place);
}

static int open_store(struct store **ret)
{
    *ret = NULL;
    return store_open(&place.options, place.base, ret, &err);
}

static struct store *must_open(void)
{
    struct store *store;
    int rc = open_store(&store);

    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return store;
}

static const char *dump_of(struct store *store)
{
    const char *text = "";

    CU_ASSERT_EQUAL_FATAL(
        store_dump(store, place.base, arena, &text, &err), 0);
    return text;
}

static void check_corrupt(const char *word)
{
    struct store *store;

    CU_ASSERT_EQUAL(open_store(&store), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, place.db));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, word));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "keep a copy"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "host-verify --rebuild"));
    store_close(store);
}

static void make(uint32_t n)
{
    struct store *store = must_open();

    CU_ASSERT_EQUAL_FATAL(sample_fill(store, n, NULL), 0);
    store_close(store);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *said = NULL;

    CU_ASSERT_EQUAL(sqlite3_open(place.db, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, &said), SQLITE_OK);
    if (said)
        printf("%s: %s\n", sql, said);
    sqlite3_free(said);
    sqlite3_close(db);
}

static size_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (size_t)st.st_size;
}

/* ---- schema 1 ---- */

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

    set_up();
    make_old(left);
    store = must_open();
    check_old_rows(store);
    check_old_journal(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(dump_of(store), "events 41 to 42\n"));
    store_close(store);
    snprintf(kept, sizeof(kept), "%s.schema-1", place.db);
    snprintf(new_file, sizeof(new_file), "%s.new", place.db);
    CU_ASSERT(size_of(kept) > 0);
    CU_ASSERT_EQUAL(size_of(new_file), 0);
    store = must_open();
    check_old_rows(store);
    check_old_journal(store);
    tear_down(store);
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
    set_up();
    make_old(false);
    run_sql("UPDATE partition SET definition = x'ffff' WHERE idx = 2");
    check_corrupt("cut short");
    CU_ASSERT(size_of(place.db) > 0); /* and stays as it is */
    check_corrupt("cut short");
    tear_down(NULL);
}

static void newer(void)
{
    struct store *store;

    set_up();
    make(3);
    run_sql("PRAGMA user_version = 99; UPDATE meta SET schema = 99");
    CU_ASSERT_EQUAL(open_store(&store), VDC_E_STORE_NEWER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "99"));
    CU_ASSERT(*err.hint);
    run_sql("UPDATE meta SET schema = 3");
    check_corrupt("two versions");
    run_sql("PRAGMA user_version = 2");
    check_corrupt("two versions");
    run_sql("PRAGMA user_version = 1");
    check_corrupt("version");
    run_sql("PRAGMA user_version = 0");
    check_corrupt("version");
    tear_down(NULL);
}

/* ---- what is no database ---- */

static void not_a_database(void)
{
    set_up();
    file_write(place.db, (const uint8_t *)"", 0);
    check_corrupt("empty");
    CU_ASSERT_EQUAL(size_of(place.db), 0);
    file_write(place.db, (const uint8_t *)"this is no database", 19);
    check_corrupt("not a database");
    unlink(place.db);
    run_sql("CREATE TABLE t (x)");
    check_corrupt("not a database of resourced");
    unlink(place.db);
    /* a log without its file */
    file_write(place.wal, (const uint8_t *)"log", 3);
    check_corrupt("gone");
    unlink(place.wal);
    /* what a crash left while it was being made */
    char left[160];
    snprintf(left, sizeof(left), "%s.new", place.db);
    file_write(left, (const uint8_t *)"half", 4);
    make(2);
    CU_ASSERT_EQUAL(size_of(left), 0);
    tear_down(must_open());
}

static void other_tables(void)
{
    set_up();
    make(3);
    run_sql("ALTER TABLE lease RENAME COLUMN body TO text");
    check_corrupt("tables");
    run_sql("ALTER TABLE lease RENAME COLUMN text TO body");
    tear_down(must_open());
}

static void changed_rows(void)
{
    static const char *const changes[] = {
        "UPDATE partition SET name = 'x' WHERE idx = 2",
        "UPDATE partition SET domid = 5 WHERE idx = 3",
        "UPDATE partition SET idx = 77 WHERE idx = 3",
        "UPDATE resource SET amount = amount + 1 WHERE idx = 3",
        "UPDATE journal SET passed = 1",
        "UPDATE event SET number = 70 WHERE number = 6",
        "UPDATE event SET text = 'y' WHERE number = 2",
        "UPDATE lease SET uuid = zeroblob(16)",
        "UPDATE answer SET digest = 4 WHERE key = 'key-3'",
        "UPDATE answer SET time_ms = '1' WHERE key = 'key-3'",
        "UPDATE meta SET last_event = 5",
        "DELETE FROM meta",
        "DELETE FROM journal WHERE id > 1000",
        "UPDATE journal SET passed = passed - 1 WHERE id > 1000",
        "UPDATE journal SET request = zeroblob(24) WHERE id > 1000",
    };
    struct store *store;
    const char *content;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        set_up();
        make(4);
        run_sql(changes[i]);
        int rc = open_store(&store);
        if (!rc)
            rc = store_dump(store, place.base, arena, &content, &err);
        CU_ASSERT_EQUAL(rc, VDC_E_STORE_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "table"));
        tear_down(store);
    }
}

/* ---- the number of changes ---- */

static void sequence(void)
{
    size_t old_size, size;

    set_up();
    make(3);
    uint8_t *old = file_read(place.db, &old_size);
    make(0);
    run_sql("SELECT 1");
    struct store *store = must_open();
    struct wire_lease lease;
    sample_lease(arena, 9, &lease);
    struct store_change change = { .lease_put = &lease };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);
    /* an older copy */
    file_write(place.db, old, old_size);
    check_corrupt("2 changes are missing");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, place.sequence));
    /* which somebody has put there: they delete the file */
    unlink(place.sequence);
    store_close(must_open());
    /* one that is not ours, or cut short, is no proof of anything */
    file_write(place.sequence, (const uint8_t *)"rubbish\n", 8);
    store_close(must_open());
    uint8_t *text = file_read(place.sequence, &size);
    CU_ASSERT_EQUAL(size, 66);
    file_write(place.sequence, text, 30);
    store_close(must_open());
    /* all of it is gone: not silently a new one ... */
    unlink(place.db);
    CU_ASSERT_EQUAL(open_store(&store), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "it is gone"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "host-verify --rebuild"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, place.sequence));
    CU_ASSERT_NOT_EQUAL(access(place.db, F_OK), 0);
    /* ... unless its operator says so */
    unlink(place.sequence);
    store = must_open();
    CU_ASSERT_EQUAL(store_next_partition(store), 1);
    store_close(store);
    /* no room for it is no reason not to run */
    place.options.sequence_path = "/nonexistent/r.sequence";
    store_close(must_open());
    place.options.sequence_path = "";
    free(old);
    free(text);
    tear_down(must_open());
}

/* ---- what is saved ---- */

static void damage_page_of(uint32_t partition)
{
    char name[32];
    size_t size;
    uint8_t *data = file_read(place.db, &size);

    snprintf(name, sizeof(name), "customer%u.guest%u", partition % 5,
             partition);
    uint8_t *at = memmem(data, size, name, strlen(name));
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    /* the page with the row, not that of the index */
    uint8_t *row = memmem(at, size - (size_t)(at - data), "/srv/disks", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(row);
    memset(data + (row - data) / 4096 * 4096, 0x5a, 200);
    file_write(place.db, data, size);
    free(data);
}

static void salvages(void)
{
    struct store_salvaged saved = { 0 };
    size_t before, after;

    set_up();
    make(60);
    uint8_t *whole = file_read(place.db, &before);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 60);
    CU_ASSERT_EQUAL(saved.n_damaged, 0);
    damage_page_of(30);
    check_corrupt(place.db);
    uint8_t *damaged = file_read(place.db, &after);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    printf("%zu saved, %zu damaged ", saved.n_partitions, saved.n_damaged);
    CU_ASSERT(saved.n_partitions >= 50 && saved.n_partitions < 60);
    CU_ASSERT_EQUAL(saved.n_partitions + saved.n_damaged, 60);
    CU_ASSERT_EQUAL(saved.partitions[saved.n_partitions - 1].index, 60);
    CU_ASSERT_STRING_EQUAL(saved.partitions[saved.n_partitions - 1].name,
                           "guest60");
    /* nothing was changed */
    uint8_t *again = file_read(place.db, &after);
    CU_ASSERT_EQUAL(after, before);
    CU_ASSERT_EQUAL(memcmp(again, damaged, after), 0);
    free(again);
    free(damaged);
    /* its head is damaged */
    memset(whole, 0xff, 30);
    file_write(place.db, whole, before);
    check_corrupt("not a database");
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 60);
    /* a part of it is gone */
    file_write(place.db, whole, before * 3 / 4);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    printf("%zu of 60 in three quarters ", saved.n_partitions);
    CU_ASSERT(saved.n_partitions > 10 && saved.n_damaged > 10);
    CU_ASSERT_EQUAL(saved.n_partitions + saved.n_damaged, 60);
    free(whole);
    /* nothing is left */
    file_write(place.db, (const uint8_t *)"", 0);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 0);
    unlink(place.db);
    CU_ASSERT_NOT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    tear_down(NULL);
}

static void salvages_old(void)
{
    struct store_salvaged saved = { 0 };

    set_up();
    make_old(true);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &err), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 4);
    CU_ASSERT_EQUAL(saved.n_damaged, 0);
    CU_ASSERT_STRING_EQUAL(saved.partitions[3].name, "guest4");
    tear_down(NULL);
}

static void set_aside(void)
{
    const char *kept, *kept_again;
    struct store *store;

    set_up();
    make(10);
    file_write(place.wal, (const uint8_t *)"log", 3);
    CU_ASSERT_EQUAL(store_set_aside(&place.options, arena, &kept, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(kept, ".damaged-"));
    CU_ASSERT_EQUAL(size_of(place.db), 0);
    CU_ASSERT(size_of(kept) > 0);
    CU_ASSERT_EQUAL(size_of(arena_printf(arena, "%s-wal", kept)), 3);
    store = must_open();
    CU_ASSERT_EQUAL(store_next_partition(store), 1);
    store_close(store);
    /* twice in one second, and when a crash left half of it done */
    CU_ASSERT_EQUAL(store_set_aside(&place.options, arena, &kept_again, &err),
                    0);
    CU_ASSERT_STRING_NOT_EQUAL(kept, kept_again);
    file_write(place.wal, (const uint8_t *)"log", 3);
    check_corrupt("gone");
    CU_ASSERT_EQUAL(store_set_aside(&place.options, arena, &kept, &err), 0);
    tear_down(must_open());
}

static const struct unit_test tests[] = {
    { "of schema 1, closed", older_closed },
    { "of schema 1, killed", older_killed },
    { "of schema 1, damaged", older_damaged },
    { "of a newer version", newer },
    { "what is no database", not_a_database },
    { "other tables", other_tables },
    { "changed rows", changed_rows },
    { "number of changes", sequence },
    { "salvage", salvages },
    { "salvage of schema 1", salvages_old },
    { "set aside", set_aside },
};

UNIT_MAIN("resourced/store, files", tests)
