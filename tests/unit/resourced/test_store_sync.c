/*
 * Tests of resourced/store*.c on a disk whose fsync fails: what was said to
 * have failed does not come back, whenever the process is killed, and what
 * comes after it is kept.
 */
#include "resourced/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

static bool fails;
static unsigned n_failed;

/* SQLite's calls come here: a program goes before a library. */
int fdatasync(int fd)
{
    if (!fails)
        return (int)syscall(SYS_fdatasync, fd);
    n_failed++;
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static struct place place, other;
static struct arena *arena;

static const char *dump_of(struct store *store, struct place *where)
{
    const char *text = "";
    struct vdc_error err = { 0 };
    int rc = store_dump(store, where->base, arena, &text, &err);

    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    /* without the numbers that are next, which failed ones used up */
    return strchr(text, '\n');
}

static void copy(const char *from, const char *to)
{
    size_t size;
    uint8_t *data = file_read(from, &size);

    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    file_write(to, data, size);
    free(data);
}

/* What one who is killed now would find at its next start. */
static const char *after_kill(void)
{
    struct store *store = NULL;
    struct vdc_error err = { 0 };

    copy(place.db, other.db);
    copy(place.wal, other.wal);
    copy(place.sequence, other.sequence);
    int rc = store_open(&other.options, other.base, &store, &err);
    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    const char *text = dump_of(store, &other);
    store_close(store);
    return text;
}

static int put(struct store *store, uint32_t n)
{
    struct partition_row row;
    const struct partition_row *rows[] = { &row };
    struct wire_event event;
    struct store_change change = {
        .put = rows, .n_put = 1, .events = &event, .n_events = 1
    };

    sample_partition(arena, n, 1, &row);
    sample_event(arena, n, &event);
    return store_apply(store, &change, NULL, NULL);
}

static void fail_and_go_on(struct store *store, uint32_t n)
{
    const char *before = dump_of(store, &place);

    fails = true;
    CU_ASSERT_EQUAL(put(store, n), VDC_E_STORE);
    fails = false;
    CU_ASSERT_STRING_EQUAL(dump_of(store, &place), before);
    CU_ASSERT_STRING_EQUAL(after_kill(), before);
    CU_ASSERT_EQUAL(put(store, n), 0);
    const char *now = dump_of(store, &place);
    CU_ASSERT_STRING_NOT_EQUAL(now, before);
    CU_ASSERT_STRING_EQUAL(after_kill(), now);
}

static void rested(void *arg, int rc, const struct vdc_error *err,
                   uint64_t first_event)
{
    *(bool *)arg = rc == 0;
}

/* The thread moves a long log into the file when nothing else is to do. */
static void let_it_rest(struct store *store)
{
    struct store_change nothing = { .n_put = 0 };
    bool done = false;

    store_submit(store, &nothing, rested, &done);
    while (!done)
        event_base_loop(place.base, EVLOOP_ONCE);
    usleep(300 * 1000);
}

static void sync_fails(void)
{
    struct store *store = NULL;
    unsigned n_rounds = unit_on_valgrind() ? 1 : 6;
    uint32_t n = 1000;

    place_make(&place, true);
    place_make(&other, true);
    arena = arena_new();
    n_failed = 0;
    CU_ASSERT_EQUAL_FATAL(store_open(&place.options, place.base, &store, NULL),
                          0);
    /* the first batch of all begins the log */
    fail_and_go_on(store, n++);
    for (unsigned round = 0; round < n_rounds; round++) {
        for (unsigned i = 0; i < 20; i++) {
            CU_ASSERT_EQUAL(put(store, n++), 0);
            fail_and_go_on(store, n++);
            fail_and_go_on(store, n++);
        }
        /* the log begins again from the front: so many that it was moved,
         * or closed and opened */
        if (round % 2) {
            store_close(store);
            CU_ASSERT_EQUAL_FATAL(
                store_open(&place.options, place.base, &store, NULL), 0);
        } else {
            for (unsigned i = 0; i < 60; i++)
                CU_ASSERT_EQUAL(put(store, n++), 0);
            let_it_rest(store);
        }
        fail_and_go_on(store, n++);
    }
    printf("%u syncs failed ", n_failed);
    CU_ASSERT(n_failed > 33 * n_rounds);
    store_close(store);
    arena_free(arena);
    place_remove(&place);
    place_remove(&other);
}

static const struct unit_test tests[] = {
    { "a sync that fails", sync_fails },
};

UNIT_MAIN("resourced/store, sync", tests)
