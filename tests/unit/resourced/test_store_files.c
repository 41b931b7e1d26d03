/* Tests of resourced/store*.c: files of newer versions, files that are no
 * database, the number of changes, and what is saved of a damaged one. */
#include "resourced/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/resourced/store_case.h"
#include "tests/unit/unit.h"

static int open_store(struct store **ret)
{
    *ret = NULL;
    return store_open(&place.options, place.base, ret, &last_error);
}

static void make(uint32_t n)
{
    struct store *store = store_case_open();

    CU_ASSERT_EQUAL_FATAL(sample_fill(store, n, NULL), 0);
    store_close(store);
}

static void newer(void)
{
    struct store *store;

    store_case_begin();
    make(3);
    store_case_sql("PRAGMA user_version = 99; UPDATE meta SET schema = 99");
    CU_ASSERT_EQUAL(open_store(&store), VDC_E_STORE_NEWER);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.text, "99"));
    CU_ASSERT(*last_error.hint);
    store_case_sql("UPDATE meta SET schema = 4");
    store_case_corrupt("two versions");
    store_case_sql("PRAGMA user_version = 2");
    store_case_corrupt("two versions");
    store_case_sql("PRAGMA user_version = 1");
    store_case_corrupt("version");
    store_case_sql("PRAGMA user_version = 0");
    store_case_corrupt("version");
    store_case_end(NULL);
}

/* ---- what is no database ---- */

static void not_a_database(void)
{
    store_case_begin();
    file_write(place.db, (const uint8_t *)"", 0);
    store_case_corrupt("empty");
    CU_ASSERT_EQUAL(store_case_size(place.db), 0);
    file_write(place.db, (const uint8_t *)"this is no database", 19);
    store_case_corrupt("not a database");
    unlink(place.db);
    store_case_sql("CREATE TABLE t (x)");
    store_case_corrupt("not a database of resourced");
    unlink(place.db);
    /* a log without its file */
    file_write(place.wal, (const uint8_t *)"log", 3);
    store_case_corrupt("gone");
    unlink(place.wal);
    /* what a crash left while it was being made */
    char left[160];
    snprintf(left, sizeof(left), "%s.new", place.db);
    file_write(left, (const uint8_t *)"half", 4);
    make(2);
    CU_ASSERT_EQUAL(store_case_size(left), 0);
    store_case_end(store_case_open());
}

static void other_tables(void)
{
    store_case_begin();
    make(3);
    store_case_sql("ALTER TABLE lease RENAME COLUMN body TO text");
    store_case_corrupt("tables");
    store_case_sql("ALTER TABLE lease RENAME COLUMN text TO body");
    store_case_end(store_case_open());
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
        store_case_begin();
        make(4);
        store_case_sql(changes[i]);
        int rc = open_store(&store);
        if (!rc)
            rc = store_dump(store, place.base, arena, &content, &last_error);
        CU_ASSERT_EQUAL(rc, VDC_E_STORE_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(last_error.text, "table"));
        store_case_end(store);
    }
}

/* ---- the number of changes ---- */

static void sequence(void)
{
    size_t old_size, size;

    store_case_begin();
    make(3);
    uint8_t *old = file_read(place.db, &old_size);
    make(0);
    store_case_sql("SELECT 1");
    struct store *store = store_case_open();
    struct wire_lease lease;
    sample_lease(arena, 9, &lease);
    struct store_change change = { .lease_put = &lease };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);
    /* an older copy */
    file_write(place.db, old, old_size);
    store_case_corrupt("2 changes are missing");
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.hint, place.sequence));
    /* which somebody has put there: they delete the file */
    unlink(place.sequence);
    store_close(store_case_open());
    /* one that is not ours, or cut short, is no proof of anything */
    file_write(place.sequence, (const uint8_t *)"rubbish\n", 8);
    store_close(store_case_open());
    uint8_t *text = file_read(place.sequence, &size);
    CU_ASSERT_EQUAL(size, 66);
    file_write(place.sequence, text, 30);
    store_close(store_case_open());
    /* all of it is gone: not silently a new one ... */
    unlink(place.db);
    CU_ASSERT_EQUAL(open_store(&store), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.text, "it is gone"));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.hint, "host-verify --rebuild"));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.hint, place.sequence));
    CU_ASSERT_NOT_EQUAL(access(place.db, F_OK), 0);
    /* ... unless its operator says so */
    unlink(place.sequence);
    store = store_case_open();
    CU_ASSERT_EQUAL(store_next_partition(store), 1);
    store_close(store);
    /* no room for it is no reason not to run */
    place.options.sequence_path = "/nonexistent/r.sequence";
    store_close(store_case_open());
    place.options.sequence_path = "";
    free(old);
    free(text);
    store_case_end(store_case_open());
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

    store_case_begin();
    make(60);
    uint8_t *whole = file_read(place.db, &before);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 60);
    CU_ASSERT_EQUAL(saved.n_damaged, 0);
    damage_page_of(30);
    store_case_corrupt(place.db);
    uint8_t *damaged = file_read(place.db, &after);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
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
    store_case_corrupt("not a database");
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 60);
    /* a part of it is gone */
    file_write(place.db, whole, before * 3 / 4);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
    printf("%zu of 60 in three quarters ", saved.n_partitions);
    CU_ASSERT(saved.n_partitions > 10 && saved.n_damaged > 10);
    CU_ASSERT_EQUAL(saved.n_partitions + saved.n_damaged, 60);
    free(whole);
    /* nothing is left */
    file_write(place.db, (const uint8_t *)"", 0);
    CU_ASSERT_EQUAL(store_salvage(place.db, arena, &saved, &last_error), 0);
    CU_ASSERT_EQUAL(saved.n_partitions, 0);
    unlink(place.db);
    CU_ASSERT_NOT_EQUAL(store_salvage(place.db, arena, &saved, &last_error),
                        0);
    store_case_end(NULL);
}

static void set_aside(void)
{
    const char *kept, *kept_again;
    struct store *store;

    store_case_begin();
    make(10);
    file_write(place.wal, (const uint8_t *)"log", 3);
    CU_ASSERT_EQUAL(store_set_aside(&place.options, arena, &kept, &last_error),
                    0);
    CU_ASSERT_PTR_NOT_NULL(strstr(kept, ".damaged-"));
    CU_ASSERT_EQUAL(store_case_size(place.db), 0);
    CU_ASSERT(store_case_size(kept) > 0);
    CU_ASSERT_EQUAL(store_case_size(arena_printf(arena, "%s-wal", kept)), 3);
    store = store_case_open();
    CU_ASSERT_EQUAL(store_next_partition(store), 1);
    store_close(store);
    /* twice in one second, and when a crash left half of it done */
    CU_ASSERT_EQUAL(
        store_set_aside(&place.options, arena, &kept_again, &last_error), 0);
    CU_ASSERT_STRING_NOT_EQUAL(kept, kept_again);
    file_write(place.wal, (const uint8_t *)"log", 3);
    store_case_corrupt("gone");
    CU_ASSERT_EQUAL(store_set_aside(&place.options, arena, &kept, &last_error),
                    0);
    store_case_end(store_case_open());
}

static const struct unit_test tests[] = {
    { "of a newer version", newer },
    { "what is no database", not_a_database },
    { "other tables", other_tables },
    { "changed rows", changed_rows },
    { "number of changes", sequence },
    { "salvage", salvages },
    { "set aside", set_aside },
};

UNIT_MAIN("resourced/store, files", tests)
