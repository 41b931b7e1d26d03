/* One database for a test; see store_case.h. */
#include "tests/unit/resourced/store_case.h"

#include <CUnit/CUnit.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct place place;
struct arena *arena;
struct vdc_error last_error;

void store_case_begin(void)
{
    place_make(&place, true);
    arena = arena_new();
    memset(&last_error, 0, sizeof(last_error));
}

void store_case_end(struct store *store)
{
    store_close(store);
    arena_free(arena);
    place_remove(&place);
}

struct store *store_case_open(void)
{
    struct store *store = NULL;
    int rc = store_open(&place.options, place.base, &store, &last_error);

    if (rc)
        printf("%s (%s)\n", last_error.text, last_error.hint);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return store;
}

const char *store_case_dump(struct store *store)
{
    const char *text = "";

    CU_ASSERT_EQUAL_FATAL(
        store_dump(store, place.base, arena, &text, &last_error), 0);
    return text;
}

void store_case_corrupt(const char *word)
{
    struct store *store = NULL;

    CU_ASSERT_EQUAL(
        store_open(&place.options, place.base, &store, &last_error),
        VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.text, place.db));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.text, word));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.hint, "keep a copy"));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_error.hint, "host-verify --rebuild"));
    store_close(store);
}

void store_case_sql(const char *sql)
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

size_t store_case_size(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (size_t)st.st_size;
}
