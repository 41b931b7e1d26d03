/*
 * Tests of resourced/store*.c: a process that writes is killed at random
 * moments.  What it said to be durable is there, each change wholly or not at
 * all, and nothing else.
 */
#include "resourced/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

#define ROUNDS 60
#define AT_ONCE 16 /* changes under way; or one, which the loop writes */

static struct place place;
static int at_once;

/* ---- the one who writes ---- */

struct writer {
    struct store *store;
    int fd; /* where each change that is durable is told, as a number */
    uint32_t next;
};

struct change {
    struct writer *writer;
    uint32_t n;
};

static void submit_next(struct writer *writer);

static void durable(void *arg, int rc, const struct vdc_error *err,
                    uint64_t first_event)
{
    struct change *change = arg;
    struct writer *writer = change->writer;

    if (rc || write(writer->fd, &change->n, sizeof(change->n)) < 0)
        _exit(1);
    free(change);
    submit_next(writer);
}

/* Change n: partition n, two resources, one event, and a journal row that the
 * change after it removes. */
static void submit_next(struct writer *writer)
{
    struct arena *arena = arena_new();
    struct partition_row row;
    const struct partition_row *rows[] = { &row };
    struct journal_entry journal;
    struct resource_row resources[2];
    struct wire_event event;
    uint32_t n = writer->next++;

    sample_partition(arena, n, 1, &row);
    sample_journal(arena, n, &journal);
    sample_resource(arena, 2 * n, &resources[0]);
    sample_resource(arena, 2 * n + 1, &resources[1]);
    sample_event(arena, n, &event);
    struct store_change change = {
        .journal_add = &journal,
        .journal_remove = n > 1 ? n - 1 : 0,
        .put = rows,
        .n_put = 1,
        .resources_put = resources,
        .n_resources_put = 2,
        .events = &event,
        .n_events = 1,
    };
    struct change *told = XNEW(struct change);
    *told = (struct change){ writer, n };
    store_submit(writer->store, &change, durable, told);
    arena_free(arena);
}

static void write_for_ever(int fd)
{
    struct event_base *base = event_base_new();
    struct writer writer = { .fd = fd };
    struct vdc_error err;

    if (store_open(&place.options, base, &writer.store, &err)) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    writer.next = store_next_partition(writer.store);
    for (int i = 0; i < at_once; i++)
        submit_next(&writer);
    event_base_dispatch(base);
    _exit(3);
}

/* ---- the one who kills and looks ---- */

/* The highest number that it told; fd ends when it is dead. */
static uint32_t read_told(int fd)
{
    uint32_t n, highest = 0;

    while (read(fd, &n, sizeof(n)) == sizeof(n))
        highest = n > highest ? n : highest;
    return highest;
}

static uint32_t run_and_kill(unsigned us)
{
    int fds[2], status;

    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        write_for_ever(fds[1]);
    }
    close(fds[1]);
    usleep(us);
    kill(pid, SIGKILL);
    uint32_t told = read_told(fds[0]);
    close(fds[0]);
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status));
    return told;
}

static void take_last(void *arg, int rc, const struct vdc_error *err,
                      const struct wire_event *events, size_t n,
                      uint64_t first, uint64_t last)
{
    CU_ASSERT_EQUAL(rc, 0);
    *(uint64_t *)arg = last;
}

/* Change n is there with all its parts, for each n up to the one returned. */
static uint32_t check_whole(struct store *store)
{
    struct arena *arena = arena_new();
    struct partition_row *rows;
    struct resource_row *resources;
    struct journal_entry *journal;
    size_t n_rows, n_resources, n_journal;
    uint64_t last = UINT64_MAX;
    unsigned n_wrong = 0;

    CU_ASSERT_EQUAL(store_partitions(store, arena, &rows, &n_rows, NULL), 0);
    CU_ASSERT_EQUAL(
        store_resources(store, arena, &resources, &n_resources, NULL), 0);
    CU_ASSERT_EQUAL(store_journal(store, arena, &journal, &n_journal, NULL),
                    0);
    store_find_events(store, 0, "", 1, take_last, &last);
    while (last == UINT64_MAX)
        event_base_loop(place.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(n_resources, 2 * n_rows);
    CU_ASSERT_EQUAL(last, n_rows);
    for (size_t i = 0; i < n_rows; i++)
        n_wrong += rows[i].index != i + 1;
    for (size_t i = 0; i < n_resources; i++)
        n_wrong += resources[i].index != i + 2;
    CU_ASSERT_EQUAL(n_wrong, 0);
    if (n_rows) {
        CU_ASSERT_EQUAL(n_journal, 1);
        CU_ASSERT_EQUAL(journal[0].id, n_rows);
    }
    arena_free(arena);
    return (uint32_t)n_rows;
}

static void killed(bool fast, int changes)
{
    uint32_t there = 0;

    place_make(&place, fast);
    /* On a disk that is slow for a moment, too. */
    place.options.loop_commit_us = changes == 1 ? 1000000 : 0;
    at_once = changes;
    srand(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct store *store = NULL;
        struct vdc_error err = { 0 };
        uint32_t told = run_and_kill(
            (500 + (unsigned)rand() % 40000) * unit_time_factor());
        int rc = store_open(&place.options, place.base, &store, &err);
        if (rc)
            printf("%s\n", err.text);
        CU_ASSERT_EQUAL_FATAL(rc, 0);
        uint32_t now = check_whole(store);
        CU_ASSERT(now >= told);
        CU_ASSERT(now >= there);
        there = now;
        store_close(store);
    }
    printf("%u kills, %u changes ", ROUNDS, there);
    /* A disk may be slow, and one at a time has it wait for each. */
    CU_ASSERT(there > (fast || changes > 1 ? ROUNDS : 0));
    place_remove(&place);
}

static void killed_on_disk(void)
{
    killed(false, AT_ONCE);
}

static void killed_in_memory(void)
{
    killed(true, AT_ONCE);
}

static void killed_in_the_loop(void)
{
    killed(true, 1);
    killed(false, 1);
}

static const struct unit_test tests[] = {
    { "killed, on a disk", killed_on_disk },
    { "killed, in memory", killed_in_memory },
    { "killed, one at a time", killed_in_the_loop },
};

UNIT_MAIN("resourced/store, killed", tests)
