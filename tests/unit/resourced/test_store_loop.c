/*
 * Tests of resourced/store*.c: what is written in the loop itself.  When that
 * is done and when not, that nothing is told before it is durable, and what
 * becomes of a disk that is slow, fails, or is full.
 */
#include "resourced/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resourced/store_impl.h"
#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

/* More than any commit takes by itself, on a busy machine too. */
#define AMPLE_US 2000000
/* Changes until the disk is trusted; see store_thread.c. */
#define CALM STORE_CALM

static unsigned sync_us; /* each sync takes so much longer */
static bool fails;
static _Atomic unsigned n_syncs; /* by the thread, too */

/* SQLite's calls come here: a program goes before a library. */
int fdatasync(int fd)
{
    n_syncs++;
    if (fails) {
        errno = EIO;
        return -1;
    }
    if (sync_us)
        usleep(sync_us);
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static struct place place, other;
static struct arena *arena;
static struct store *store;

static void open_store(uint64_t loop_commit_us)
{
    struct vdc_error err = { 0 };

    place.options.loop_commit_us = loop_commit_us;
    int rc = store_open(&place.options, place.base, &store, &err);
    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void set_up(uint64_t loop_commit_us)
{
    place_make(&place, true);
    place_make(&other, true);
    arena = arena_new();
    open_store(loop_commit_us);
}

static void tear_down(void)
{
    store_close(store);
    arena_free(arena);
    place_remove(&place);
    place_remove(&other);
}

static const char *dump_of(struct store *of, struct place *where)
{
    const char *text = "";
    struct vdc_error err = { 0 };
    int rc = store_dump(of, where->base, arena, &text, &err);

    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
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
    struct store *found = NULL;
    struct vdc_error err = { 0 };

    copy(place.db, other.db);
    copy(place.wal, other.wal);
    copy(place.sequence, other.sequence);
    int rc = store_open(&other.options, other.base, &found, &err);
    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    const char *text = dump_of(found, &other);
    store_close(found);
    return text;
}

static struct {
    unsigned n, syncs; /* when it was told */
    uint32_t number;
    int rc;
} told;

static void done(void *arg, int rc, const struct vdc_error *err,
                 uint64_t first_event)
{
    told.n++;
    told.number = (uint32_t)(uintptr_t)arg;
    told.syncs = n_syncs;
    told.rc = rc;
}

static void submit(uint32_t n)
{
    struct partition_row row;
    const struct partition_row *rows[] = { &row };
    struct wire_event event;
    struct store_change change = {
        .put = rows, .n_put = 1, .events = &event, .n_events = 1
    };

    sample_partition(arena, n, 1, &row);
    sample_event(arena, n, &event);
    store_submit(store, &change, done, (void *)(uintptr_t)n);
}

/* The thread has told what it did a moment before it is idle. */
static void wait_for_thread(void)
{
    for (bool idle = false; !idle; usleep(20)) {
        pthread_mutex_lock(&store->queue_lock);
        idle = store->idle;
        pthread_mutex_unlock(&store->queue_lock);
    }
}

/* One that comes alone. */
static int put(uint32_t n)
{
    unsigned before = told.n;

    wait_for_thread();
    unsigned syncs = n_syncs;
    submit(n);
    CU_ASSERT_EQUAL(told.n, before); /* not from inside */
    while (told.n == before)
        event_base_loop(place.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(told.n, before + 1);
    CU_ASSERT_EQUAL(told.number, n);
    CU_ASSERT(told.rc || told.syncs > syncs);
    return told.rc;
}

static uint32_t put_some(uint32_t n, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_EQUAL(put(n++), 0);
    return n;
}

/* ---- when it is done ---- */

static void alone(void)
{
    set_up(AMPLE_US);
    put_some(1, CALM);
    uint64_t before = store->n_written_in_loop;
    CU_ASSERT_EQUAL(before, 0);
    put_some(CALM + 1, 100);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 100);
    const char *text = dump_of(store, &place);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "guest116"));
    CU_ASSERT_STRING_EQUAL(after_kill(), text);
    tear_down();
}

static void never(void)
{
    set_up(STORE_LOOP_NEVER);
    put_some(1, 100);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 0);
    tear_down();
}

/* Many at once are for the thread, and share a sync. */
static void many(void)
{
    set_up(AMPLE_US);
    uint32_t n = put_some(1, CALM + 1);
    uint64_t in_loop = store->n_written_in_loop;
    unsigned syncs = n_syncs, before = told.n;

    CU_ASSERT_EQUAL(in_loop, 1);
    for (unsigned i = 0; i < 300; i++)
        submit(n++);
    while (told.n < before + 300)
        event_base_loop(place.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(told.number, n - 1);
    /* a last few, when the thread was quicker than the submitting */
    CU_ASSERT(store->n_written_in_loop - in_loop <= 2);
    CU_ASSERT(n_syncs - syncs < 100);
    tear_down();
}

/* A few at once share one, too. */
static void few(void)
{
    set_up(AMPLE_US);
    uint32_t n = put_some(1, CALM + 1);
    unsigned syncs = n_syncs, before = told.n;

    for (unsigned i = 0; i < 5; i++)
        submit(n++);
    while (told.n < before + 5)
        event_base_loop(place.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 2);
    CU_ASSERT_EQUAL(n_syncs - syncs, 1);
    CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    tear_down();
}

/* One that is long does not stop the loop. */
static void large(void)
{
    struct resource_row rows[200];
    struct store_change change = { .resources_put = rows,
                                   .n_resources_put = 200 };

    set_up(AMPLE_US);
    put_some(1, CALM + 1);
    unsigned before = told.n;
    for (unsigned i = 0; i < 200; i++)
        sample_resource(arena, i + 1, &rows[i]);
    store_submit(store, &change, done, NULL);
    while (told.n == before)
        event_base_loop(place.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(told.rc, 0);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 1);
    tear_down();
}

/* The thread moves the log into the file, though it does not write. */
static void long_log(void)
{
    struct stat st;

    set_up(AMPLE_US);
    put_some(1, 3000);
    CU_ASSERT(store->n_written_in_loop > 2900);
    CU_ASSERT(store->n_written_in_loop < 3000 - CALM);
    CU_ASSERT_EQUAL(stat(place.wal, &st), 0);
    CU_ASSERT(st.st_size < 4200 * (4096 + 24));
    CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    tear_down();
}

/* ---- a disk that is slow ---- */

static void slow(void)
{
    set_up(100000);
    uint32_t n = put_some(1, CALM + 1);

    CU_ASSERT_EQUAL(store->n_written_in_loop, 1);
    sync_us = 150000;
    n = put_some(n, 4);
    /* The first of them, as it could not be known. */
    CU_ASSERT_EQUAL(store->n_written_in_loop, 2);
    sync_us = 0;
    n = put_some(n, CALM);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 2);
    n = put_some(n, 1);
    CU_ASSERT_EQUAL(store->n_written_in_loop, 3);
    CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    tear_down();
}

/* One that was long calm is calm again soon, but not when it is slow again. */
static void slow_once(void)
{
    set_up(100000);
    uint32_t n = put_some(1, STORE_LONG_CALM);

    sync_us = 150000;
    n = put_some(n, 1);
    sync_us = 0;
    uint64_t in_loop = store->n_written_in_loop;
    n = put_some(n, STORE_CALM_AGAIN);
    CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop);
    n = put_some(n, 1);
    CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 1);
    sync_us = 150000;
    n = put_some(n, 1);
    sync_us = 0;
    CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 2);
    n = put_some(n, CALM);
    CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 2);
    put_some(n, 1);
    CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 3);
    CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    tear_down();
}

/* ---- a disk that fails ---- */

static void sync_fails(void)
{
    set_up(AMPLE_US);
    uint32_t n = put_some(1, CALM + 1);

    for (unsigned i = 0; i < 5; i++) {
        const char *before = dump_of(store, &place);
        uint64_t in_loop = store->n_written_in_loop;
        fails = true;
        CU_ASSERT_EQUAL(put(n), VDC_E_STORE);
        fails = false;
        CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 1);
        CU_ASSERT_STRING_EQUAL(dump_of(store, &place), before);
        CU_ASSERT_STRING_EQUAL(after_kill(), before);
        n = put_some(n, CALM + 1);
        CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    }
    tear_down();
}

/* So much room for the log to grow; then there is more again. */
static int fill_disk(uint32_t n, rlim_t room)
{
    struct rlimit old, small;

    pthread_mutex_lock(&store->db_lock);
    rlim_t used = 32 + (rlim_t)store->wal_frames * (4096 + 24);
    pthread_mutex_unlock(&store->db_lock);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = used + room;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    int rc = put(n);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    return rc;
}

static void disk_full(void)
{
    signal(SIGXFSZ, SIG_IGN);
    set_up(AMPLE_US);
    uint32_t n = put_some(1, CALM + 1);
    unsigned n_failed = 0;

    for (rlim_t room = 0; room <= 40000; room += 1000) {
        const char *before = dump_of(store, &place);
        uint64_t in_loop = store->n_written_in_loop;
        int rc = fill_disk(n, room);
        CU_ASSERT_EQUAL(store->n_written_in_loop, in_loop + 1);
        if (rc) {
            CU_ASSERT_EQUAL(rc, VDC_E_DISK_FULL);
            CU_ASSERT_STRING_EQUAL(dump_of(store, &place), before);
            CU_ASSERT_STRING_EQUAL(after_kill(), before);
            n_failed++;
        } else {
            n++;
        }
        n = put_some(n, CALM + 1);
        CU_ASSERT_STRING_EQUAL(after_kill(), dump_of(store, &place));
    }
    printf("%u of 41 changes failed on a full disk ", n_failed);
    CU_ASSERT(n_failed > 5 && n_failed < 41);
    tear_down();
}

static const struct unit_test tests[] = {
    { "one that comes alone is written in the loop", alone },
    { "unless that is not wanted", never },
    { "many are not", many },
    { "a few are, together", few },
    { "one that is large is not", large },
    { "the log does not grow for ever", long_log },
    { "a disk that becomes slow, and fast again", slow },
    { "one slow commit", slow_once },
    { "a sync that fails", sync_fails },
    { "disk full", disk_full },
};

UNIT_MAIN("resourced/store, in the loop", tests)
