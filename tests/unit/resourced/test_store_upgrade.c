/* Tests of resourced/store_schema.c: a database of schema 2 or 3 is opened. */
#include "resourced/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resourced/store_impl.h"
#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

#define N_PARTITIONS 5

static struct place place, other;
static unsigned version; /* of the old one */
static struct arena *arena;
static struct vdc_error err;

static struct store *must_open(struct place *where)
{
    struct store *store = NULL;
    int rc = store_open(&where->options, where->base, &store, &err);

    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return store;
}

static const char *dump_of(struct store *store, struct place *where)
{
    const char *text = "";

    CU_ASSERT_EQUAL_FATAL(
        store_dump(store, where->base, arena, &text, &err), 0);
    return text;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    CU_ASSERT_EQUAL_FATAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t ask(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db;
    int64_t n = -1;

    CU_ASSERT_EQUAL(sqlite3_open(place.db, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void copy(const char *from, const char *to)
{
    size_t size;
    uint8_t *data = file_read(from, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    file_write(to, data, size);
    free(data);
}

/* The row of `meta` as schema 2 had it: with the numbers of now; those of
 * schema 3 are of when it was made. */
static void write_meta_old(sqlite3 *db, const struct vdc_uuid *id,
                           const struct store_numbers *numbers)
{
    struct store_value values[STORE_COLUMNS_MAX];
    struct store_row row;
    sqlite3_stmt *stmt;

    store_row_init(&row, STORE_TABLE_META, values);
    store_row_number(&row, 1);
    store_row_uuid(&row, id);
    store_row_number(&row, version);
    store_row_number(&row, numbers->changes);
    store_row_number(&row, numbers->last_partition);
    store_row_number(&row, numbers->last_resource);
    store_row_number(&row, numbers->last_transaction);
    store_row_number(&row, numbers->last_event);
    store_row_seal(&row);
    CU_ASSERT_EQUAL_FATAL(
        sqlite3_prepare_v2(db,
                           "INSERT OR REPLACE INTO meta"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                           -1, &stmt, NULL),
        SQLITE_OK);
    store_row_bind(stmt, &row);
    CU_ASSERT_EQUAL(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
}

/* One of an old schema, with rows; returns what is in it.  left: as one leaves
 * it who is killed, all in the log. */
static const char *make_old(bool left, struct store_numbers *ret)
{
    static const struct store_numbers none;
    struct store *store = must_open(&place);

    CU_ASSERT_EQUAL_FATAL(sample_fill(store, N_PARTITIONS, NULL), 0);
    const char *text = dump_of(store, &place);
    struct vdc_uuid id = store->id;
    *ret = store->numbers;
    store_close(store);

    sqlite3 *db;
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(place.db, &db), SQLITE_OK);
    run_sql(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                "BEGIN; DROP TABLE epoch");
    run_sql(db, version == 2 ? "PRAGMA user_version = 2"
                             : "PRAGMA user_version = 3");
    if (version == 2)
        run_sql(db,
                "DELETE FROM journal WHERE id = " STORE_NUMBERS_ID_SQL);
    write_meta_old(db, &id, version == 2 ? ret : &none);
    run_sql(db, "COMMIT");
    if (left) {
        copy(place.db, other.db);
        copy(place.wal, other.wal);
    }
    sqlite3_close(db);
    if (left) {
        copy(other.db, place.db);
        copy(other.wal, place.wal);
    }
    return text;
}

static void set_up(void)
{
    arena = arena_new();
    place_make(&place, true);
    place_make(&other, true);
}

static void tear_down(void)
{
    place_remove(&place);
    place_remove(&other);
    arena_free(arena);
}

static void put_one(struct store *store)
{
    struct partition_row row;
    const struct partition_row *put = &row;
    struct store_change change = { .put = &put, .n_put = 1 };

    sample_partition(arena, store_next_partition(store), 1, &row);
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, &err), 0);
}

static void check_opens(bool left)
{
    struct store_numbers was;

    set_up();
    const char *text = make_old(left, &was);
    struct store *store = must_open(&place);
    CU_ASSERT_EQUAL(memcmp(&store->numbers, &was, sizeof(was)), 0);
    CU_ASSERT_EQUAL(was.last_partition, N_PARTITIONS);
    CU_ASSERT_STRING_EQUAL(strchr(dump_of(store, &place), '\n'),
                           strchr(text, '\n'));
    put_one(store);
    struct store_numbers now = store->numbers;
    CU_ASSERT(now.changes > was.changes);
    text = dump_of(store, &place);
    store_close(store);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), STORE_SCHEMA);
    CU_ASSERT_EQUAL(ask("SELECT schema FROM meta"), STORE_SCHEMA);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM meta"), 1);
    store = must_open(&place);
    CU_ASSERT_EQUAL(memcmp(&store->numbers, &now, sizeof(now)), 0);
    CU_ASSERT_STRING_EQUAL(strchr(dump_of(store, &place), '\n'),
                           strchr(text, '\n'));
    store_close(store);
    tear_down();
}

static void closed(void)
{
    for (version = 2; version <= 3; version++)
        check_opens(false);
}

static void killed(void)
{
    for (version = 2; version <= 3; version++)
        check_opens(true);
}

/* What schema 4 has besides. */
static void epochs_and_prepared(void)
{
    struct stored_epoch put = { .epoch = 7, .gone = true }, *epochs;
    struct journal_entry *entries, entry;
    struct store_numbers was;
    size_t n = 0;

    version = 3;
    set_up();
    make_old(false, &was);
    struct store *store = must_open(&place);
    CU_ASSERT_EQUAL(store_epochs(store, arena, &epochs, &n, &err), 0);
    CU_ASSERT_EQUAL(n, 0);
    memset(&put.uuid, 0x33, sizeof(put.uuid));
    for (int i = 0; i < 2; i++) {
        sample_journal(arena, 900 + (uint64_t)i, &entry);
        struct store_change change = { .journal_add = &entry,
                                       .epochs = &put, .n_epochs = 1 };
        CU_ASSERT_EQUAL(store_apply(store, &change, NULL, &err), 0);
        put.epoch++;
    }
    struct store_change prepare = { .journal_prepare = 900 };
    CU_ASSERT_EQUAL(store_apply(store, &prepare, NULL, &err), 0);
    store_close(store);
    store = must_open(&place);
    CU_ASSERT_EQUAL(store_epochs(store, arena, &epochs, &n, &err), 0);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT(epochs[0].epoch == 8 && epochs[0].gone);
    CU_ASSERT(uuid_equal(&epochs[0].uuid, &put.uuid));
    CU_ASSERT_EQUAL(store_journal(store, arena, &entries, &n, &err), 0);
    CU_ASSERT_FATAL(n >= 2);
    CU_ASSERT(entries[n - 2].prepared && !entries[n - 2].passed);
    CU_ASSERT(!entries[n - 1].prepared && !entries[n - 1].passed);
    struct store_change pass = { .journal_pass = 900 };
    CU_ASSERT_EQUAL(store_apply(store, &pass, NULL, &err), 0);
    CU_ASSERT_EQUAL(store_journal(store, arena, &entries, &n, &err), 0);
    CU_ASSERT(!entries[n - 2].prepared && entries[n - 2].passed);
    store_close(store);
    tear_down();
}

/* The upgrade is in the log alone, and the file's head says schema 2. */
static void killed_after(void)
{
    struct store_numbers was;

    version = 2;
    set_up();
    const char *text = make_old(false, &was);
    copy(place.db, other.db);
    struct store *store = must_open(&place);
    struct vdc_uuid id = store->id;
    store_close(store);
    /* Again, and it ends with what it had written in the log. */
    struct store by_hand = { .path = place.db, .id = id, .numbers = was,
                             .is_old = true };
    copy(other.db, place.db);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(place.db, &by_hand.db), SQLITE_OK);
    run_sql(by_hand.db, "PRAGMA locking_mode = EXCLUSIVE;"
                        "PRAGMA journal_mode = WAL");
    CU_ASSERT_EQUAL_FATAL(store_prepare(&by_hand, &err), 0);
    CU_ASSERT_EQUAL(store_upgrade(&by_hand, &err), 0);
    copy(place.db, other.db);
    copy(place.wal, other.wal);
    store_close_file(&by_hand);
    unlink(place.db);
    unlink(place.wal);

    store = must_open(&other);
    CU_ASSERT_EQUAL(memcmp(&store->numbers, &was, sizeof(was)), 0);
    CU_ASSERT_STRING_EQUAL(strchr(dump_of(store, &other), '\n'),
                           strchr(text, '\n'));
    store_close(store);
    tear_down();
}

/* One that is refused stays as it was found. */
static void refused(void)
{
    struct store_numbers was;
    struct store *store = NULL;
    size_t size, size_now;

    version = 2;
    set_up();
    make_old(false, &was);
    uint8_t *file = file_read(place.db, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    uint8_t *ahead = file_read(place.sequence, &size_now);
    CU_ASSERT_EQUAL_FATAL(size_now, STORE_SEQUENCE_SIZE);
    ahead[STORE_SEQUENCE_SIZE - 8] = '1'; /* millions of changes */
    file_write(place.sequence, ahead, size_now);
    free(ahead);
    CU_ASSERT_EQUAL(store_open(&place.options, place.base, &store, &err),
                    VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "changes are missing"));
    uint8_t *now = file_read(place.db, &size_now);
    CU_ASSERT_EQUAL_FATAL(size_now, size);
    CU_ASSERT_EQUAL(memcmp(file, now, size), 0);
    CU_ASSERT_EQUAL(ask("PRAGMA user_version"), 2);
    free(file);
    free(now);
    tear_down();
}

static const struct unit_test tests[] = {
    { "closed", closed },
    { "killed", killed },
    { "killed after the upgrade", killed_after },
    { "refused", refused },
    { "epochs, and what is prepared", epochs_and_prepared },
};

UNIT_MAIN("resourced/store, schemas 2 and 3", tests)
