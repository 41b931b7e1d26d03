/*
 * Tests of resourced/store*.c on damaged files: each byte of the database and
 * of its log is changed, and both are cut short, in thousands of places.  The
 * store must say that it is damaged, or show exactly what was there before.
 *
 * DENSITY=N in the environment: every N-th byte only.  SEED as for rand(3).
 */
#include "resourced/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

static struct place place;

/* Another content that is right too, or NULL. */
static char *also;

/* The files as a killed process left them. */
static struct {
    uint8_t *db, *wal, *sequence;
    size_t db_size, wal_size, sequence_size;
    char *content;
} kept;

static unsigned from_environment(const char *name, unsigned fallback)
{
    const char *text = getenv(name);

    return text && *text ? (unsigned)strtoul(text, NULL, 10) : fallback;
}

static void restore(void)
{
    file_write(place.db, kept.db, kept.db_size);
    if (kept.wal_size)
        file_write(place.wal, kept.wal, kept.wal_size);
    else
        unlink(place.wal);
    file_write(place.sequence, kept.sequence, kept.sequence_size);
}

static void keep_files(void)
{
    kept.db = file_read(place.db, &kept.db_size);
    kept.wal = file_read(place.wal, &kept.wal_size);
    kept.sequence = file_read(place.sequence, &kept.sequence_size);
    CU_ASSERT_FATAL(kept.db && kept.wal && kept.sequence);
}

enum outcome { SAME, REFUSED, BAD };

/* Opens what is there and reads all of it. */
static enum outcome look(const char *where, size_t at)
{
    struct arena *arena = arena_new();
    struct store *store = NULL;
    struct vdc_error err = { 0 };
    const char *content = "";
    int rc = store_open(&place.options, place.base, &store, &err);

    if (!rc)
        rc = store_dump(store, place.base, arena, &content, &err);
    store_close(store);
    enum outcome outcome = SAME;
    if (rc)
        outcome = rc == VDC_E_STORE_CORRUPT &&
                          strstr(err.hint, "--rebuild") &&
                          !strchr(err.text, '\n')
                      ? REFUSED
                      : BAD;
    else if (strcmp(content, kept.content) != 0 &&
             (!also || strcmp(content, also) != 0))
        outcome = BAD;
    if (outcome == BAD)
        printf("\n%s, byte %zu: %s", where, at,
               rc ? err.text : "silently different");
    arena_free(arena);
    return outcome;
}

static unsigned n_tried, n_refused, n_bad;

/* What was refused is refused again: it was not changed by looking. */
static void count(const char *where, size_t at)
{
    enum outcome outcome = look(where, at);

    if (outcome == REFUSED && n_tried % 5 == 0 && look(where, at) != REFUSED) {
        printf("\n%s, byte %zu: not the second time", where, at);
        outcome = BAD;
    }
    n_tried++;
    n_refused += outcome == REFUSED;
    n_bad += outcome == BAD;
}

static void say(const char *what)
{
    printf("%s: %u places, %u refused, %u as before, %u wrong ", what, n_tried,
           n_refused, n_tried - n_refused - n_bad, n_bad);
    CU_ASSERT(n_tried > 20);
    CU_ASSERT_EQUAL(n_bad, 0);
    n_tried = n_refused = n_bad = 0;
}

static void flip_all(uint8_t *data, size_t size, const char *what)
{
    unsigned step = from_environment("DENSITY", 97);

    for (size_t at = (unsigned)rand() % step; at < size; at += step) {
        uint8_t was = data[at];
        data[at] ^= (uint8_t)(1 + rand() % 255);
        restore();
        count(what, at);
        data[at] = was;
    }
    say(what);
}

/* Each bit of SQLite's head, whose fields have errors of their own. */
static void flip_head(void)
{
    for (size_t at = 0; at < 100; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            kept.db[at] ^= (uint8_t)(1u << bit);
            restore();
            count("head changed", at);
            kept.db[at] ^= (uint8_t)(1u << bit);
        }
    }
    say("head changed");
}

static void cut_all(size_t *size, const char *what)
{
    size_t whole = *size;

    for (size_t at = 0; at < whole; at += 1 + (unsigned)rand() % 500) {
        *size = at;
        restore();
        count(what, at);
    }
    *size = whole;
    say(what);
}

/* Files of a store that was not closed; with everything in the log, or with
 * half of it in the file. */
static void make_files(bool moved)
{
    struct store *store = NULL;
    struct arena *arena = arena_new();
    const char *content = "";
    uint32_t n = moved ? 24 : 12;

    place_make(&place, true);
    srand(from_environment("SEED", 1));
    CU_ASSERT_EQUAL_FATAL(store_open(&place.options, place.base, &store, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(sample_fill(store, moved ? 12 : n, NULL), 0);
    if (moved) {
        store_close(store);
        CU_ASSERT_EQUAL_FATAL(
            store_open(&place.options, place.base, &store, NULL), 0);
        for (uint32_t i = 13; i <= n; i++) {
            struct partition_row row;
            const struct partition_row *rows[] = { &row };
            sample_partition(arena, i, 1, &row);
            struct store_change change = { .put = rows, .n_put = 1 };
            CU_ASSERT_EQUAL_FATAL(store_apply(store, &change, NULL, NULL), 0);
        }
    }
    keep_files();
    store_close(store);
    restore();
    /* What a killed one left is all there. */
    CU_ASSERT_EQUAL_FATAL(store_open(&place.options, place.base, &store, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        store_dump(store, place.base, arena, &content, NULL), 0);
    kept.content = xstrdup(content);
    store_close(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(content, moved ? "guest24" : "guest12"));
    arena_free(arena);
}

static void drop_files(void)
{
    free(kept.db);
    free(kept.wal);
    free(kept.sequence);
    free(kept.content);
    memset(&kept, 0, sizeof(kept));
    place_remove(&place);
}

static void file_flipped(void)
{
    make_files(true);
    flip_head();
    flip_all(kept.db, kept.db_size, "file changed");
    drop_files();
}

static void log_flipped(void)
{
    make_files(true);
    flip_all(kept.wal, kept.wal_size, "log changed");
    drop_files();
}

/*
 * After a boot there is no number of changes to compare with.  Damage to the
 * last batch is not to be told from one that a power cut has torn, so that
 * the state before it is right, too.
 */
static void log_flipped_after_boot(void)
{
    struct store *store = NULL;
    struct arena *arena = arena_new();
    const char *content = "";
    size_t whole;

    make_files(true);
    place.options.sequence_path = "";
    /* without the last frame there is no last batch */
    whole = kept.wal_size;
    kept.wal_size -= 24 + 4096;
    restore();
    CU_ASSERT_EQUAL_FATAL(store_open(&place.options, place.base, &store, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        store_dump(store, place.base, arena, &content, NULL), 0);
    store_close(store);
    CU_ASSERT_STRING_NOT_EQUAL(content, kept.content);
    also = xstrdup(content);
    kept.wal_size = whole;
    flip_all(kept.wal, kept.wal_size, "log changed, after a boot");
    free(also);
    also = NULL;
    arena_free(arena);
    drop_files();
}

static void file_cut(void)
{
    make_files(true);
    cut_all(&kept.db_size, "file cut short");
    drop_files();
}

static void log_cut(void)
{
    make_files(true);
    cut_all(&kept.wal_size, "log cut short");
    drop_files();
}

/* After a close there is no log, and the file is all. */
static void closed_file(void)
{
    make_files(false);
    free(kept.db);
    kept.db = file_read(place.db, &kept.db_size);
    kept.wal_size = 0;
    flip_head();
    flip_all(kept.db, kept.db_size, "closed file changed");
    cut_all(&kept.db_size, "closed file cut short");
    drop_files();
}

static const struct unit_test tests[] = {
    { "file changed", file_flipped },
    { "log changed", log_flipped },
    { "log changed, after a boot", log_flipped_after_boot },
    { "file cut short", file_cut },
    { "log cut short", log_cut },
    { "closed file", closed_file },
};

UNIT_MAIN("resourced/store, damaged", tests)
