/* Tests of resourced/store*.c: what is written is there, wholly or not. */
#include "resourced/store.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/unit/resourced/store_case.h"
#include "tests/unit/unit.h"

static struct store *set_up(void)
{
    store_case_begin();
    return store_case_open();
}

/* ---- what was done is told ---- */

struct told {
    unsigned n, n_failed;
    int last_rc, rc[1000];
    uintptr_t order[1000];
    uint64_t first_event[1000];
};

static struct told told;

static void done(void *arg, int rc, const struct vdc_error *err,
                 uint64_t first_event)
{
    CU_ASSERT((rc == 0) == (err == NULL));
    told.order[told.n] = (uintptr_t)arg;
    told.rc[told.n] = rc;
    told.first_event[told.n++] = first_event;
    told.n_failed += rc != 0;
    told.last_rc = rc;
}

static void wait_for(unsigned n)
{
    while (told.n < n)
        event_base_loop(place.base, EVLOOP_ONCE);
}

static void put_one(struct store *store, const struct partition_row *row,
                    uintptr_t number)
{
    struct wire_event event;
    struct store_change change = {
        .put = &row, .n_put = 1, .events = &event, .n_events = 1
    };

    sample_event(arena, (uint32_t)number, &event);
    store_submit(store, &change, done, (void *)number);
}

static void remembers(void)
{
    struct store *store = set_up();
    const char *before = "";

    CU_ASSERT_EQUAL_FATAL(sample_fill(store, 40, NULL), 0);
    before = store_case_dump(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "next 41 82 41\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "events 1 to 80\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "'customer3.guest38'"));
    store_close(store);
    store = store_case_open();
    CU_ASSERT_STRING_EQUAL(store_case_dump(store), before);
    store_case_end(store);
}

static void changes_rows(void)
{
    struct store *store = set_up();
    struct partition_row row, other;
    const struct partition_row *rows[] = { &row, &other };
    struct partition_row *found;
    size_t n;

    CU_ASSERT_EQUAL_FATAL(sample_fill(store, 5, NULL), 0);
    /* two swap their names */
    sample_partition(arena, 2, 2, &row);
    sample_partition(arena, 3, 2, &other);
    row.owner = other.owner = "one";
    row.name = "guest3";
    other.name = "guest2";
    row.xen_name = "one.guest3";
    other.xen_name = "one.guest2";
    struct store_change change = { .put = rows, .n_put = 2 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    row.name = "guest2";
    row.xen_name = "one.guest2";
    row.generation = other.generation = 3;
    other.name = "guest3";
    other.xen_name = "one.guest3";
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    /* one goes, and another takes its name */
    struct vdc_uuid gone = row.uuid;
    sample_partition(arena, 9, 1, &row);
    row.owner = "one";
    row.name = "guest2";
    row.xen_name = "one.guest2";
    change = (struct store_change){
        .put = rows, .n_put = 1, .forget = &gone, .n_forget = 1
    };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);

    store = store_case_open();
    CU_ASSERT_EQUAL_FATAL(store_partitions(store, arena, &found, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 5);
    CU_ASSERT_EQUAL(found[1].index, 3);
    CU_ASSERT_STRING_EQUAL(found[1].name, "guest3");
    CU_ASSERT_EQUAL(found[1].generation, 3);
    CU_ASSERT_EQUAL(found[1].live.memory.kib, (256 + 3 + 2) * 1024);
    CU_ASSERT_EQUAL(found[1].definition.memory.kib, (256 + 3) * 1024);
    CU_ASSERT_EQUAL(found[4].index, 9);
    CU_ASSERT_STRING_EQUAL(found[4].xen_name, "one.guest2");
    CU_ASSERT_EQUAL(store_next_partition(store), 10);
    CU_ASSERT_EQUAL(store_next_partition(store), 11);
    store_case_end(store);
}

static void journal_of_transactions(void)
{
    struct store *store = set_up();
    struct journal_entry entry, *entries;
    size_t n;

    for (uint64_t id = 1; id <= 3; id++) {
        sample_journal(arena, id, &entry);
        struct store_change add = { .journal_add = &entry };
        CU_ASSERT_EQUAL(store_apply(store, &add, NULL, NULL), 0);
    }
    struct store_change change = { .journal_pass = 2, .journal_remove = 3 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    /* one that is not there is passed in silence: it has ended */
    change = (struct store_change){ .journal_pass = 77 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);
    store = store_case_open();
    CU_ASSERT_EQUAL_FATAL(store_journal(store, arena, &entries, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(entries[0].id, 1);
    CU_ASSERT_FALSE(entries[0].passed);
    CU_ASSERT_EQUAL(entries[1].id, 2);
    CU_ASSERT_TRUE(entries[1].passed);
    CU_ASSERT_EQUAL(entries[1].request.n_operations, 1);
    CU_ASSERT_EQUAL(entries[1].request.operations->kind, WIRE_OP_MEMORY_SET);
    CU_ASSERT_STRING_EQUAL(entries[1].request.key, "key-2");
    /* the number of one that has ended is not given again */
    CU_ASSERT_EQUAL(store_next_transaction(store), 4);
    store_case_end(store);
}

static void many_at_once(void)
{
    struct store *store = set_up();
    struct partition_row row, *found;
    size_t n;

    memset(&told, 0, sizeof(told));
    for (uint32_t i = 1; i <= 500; i++) {
        sample_partition(arena, i, 1, &row);
        put_one(store, &row, i);
        row.name = row.owner = NULL; /* it is copied */
    }
    CU_ASSERT_EQUAL(told.n, 0); /* from the loop, never from inside */
    wait_for(500);
    CU_ASSERT_EQUAL(told.n_failed, 0);
    for (unsigned i = 0; i < 500; i++) {
        CU_ASSERT_EQUAL(told.order[i], i + 1);
        CU_ASSERT_EQUAL(told.first_event[i], i + 1);
    }
    CU_ASSERT_EQUAL(store_partitions(store, arena, &found, &n, NULL), 0);
    CU_ASSERT_EQUAL(n, 500);
    store_case_end(store);
}

static void one_fails_alone(void)
{
    struct store *store = set_up();
    struct partition_row row;
    char text[8] = { 'a', 1, 0 };

    memset(&told, 0, sizeof(told));
    for (uint32_t i = 1; i <= 100; i++) {
        sample_partition(arena, i, 1, &row);
        if (i % 10 == 5)
            row.xen_name = "customer1.guest1"; /* another has it */
        if (i % 10 == 7)
            row.definition.kernel = text; /* cannot be encoded */
        put_one(store, &row, i);
    }
    wait_for(100);
    CU_ASSERT_EQUAL(told.n_failed, 20);
    CU_ASSERT_EQUAL(told.n, 100);
    struct partition_row *found;
    size_t n;
    CU_ASSERT_EQUAL(store_partitions(store, arena, &found, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 80);
    for (size_t i = 0; i < n; i++)
        CU_ASSERT(found[i].index % 10 != 5 && found[i].index % 10 != 7);
    /* those that failed used up no number of an event */
    CU_ASSERT_PTR_NOT_NULL(strstr(store_case_dump(store), "events 1 to 80\n"));

    memset(&told, 0, sizeof(told));
    sample_partition(arena, 200, 1, &row);
    row.definition.kernel = text;
    put_one(store, &row, 200);
    CU_ASSERT_EQUAL(told.n, 0);
    wait_for(1);
    CU_ASSERT_EQUAL(told.last_rc, VDC_E_BAD_VALUE);
    store_case_end(store);
}

static void apply_and_submit(void)
{
    struct store *store = set_up();
    struct partition_row row;
    struct wire_event event;
    uint64_t first = 0;

    memset(&told, 0, sizeof(told));
    for (uint32_t i = 1; i <= 200; i++) {
        sample_partition(arena, i, 1, &row);
        put_one(store, &row, i);
        if (i % 20)
            continue;
        sample_event(arena, i, &event);
        struct store_change change = { .events = &event, .n_events = 1 };
        CU_ASSERT_EQUAL(store_apply(store, &change, &first, NULL), 0);
        CU_ASSERT_EQUAL(first, i + i / 20);
    }
    CU_ASSERT_EQUAL(told.n, 0);
    wait_for(200);
    CU_ASSERT_EQUAL(told.n_failed, 0);
    CU_ASSERT_EQUAL(told.order[199], 200);
    /* closing writes what waits */
    memset(&told, 0, sizeof(told));
    sample_partition(arena, 300, 1, &row);
    put_one(store, &row, 300);
    store_close(store);
    event_base_loop(place.base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(told.n, 0);
    store = store_case_open();
    CU_ASSERT_PTR_NOT_NULL(strstr(store_case_dump(store), "'guest300'"));
    store_case_end(store);
}

/* ---- who may open it ---- */

static void one_at_a_time(void)
{
    struct store *store = set_up(), *other = NULL;
    struct vdc_error err = { 0 };
    struct stat st;

    CU_ASSERT_EQUAL(sample_fill(store, 2, NULL), 0);
    CU_ASSERT_EQUAL(store_open(&place.options, NULL, &other, &err),
                    VDC_E_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
    CU_ASSERT_EQUAL(stat(place.db, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(stat(place.wal, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    /* the lock is still ours */
    CU_ASSERT_EQUAL(store_open(&place.options, NULL, &other, &err),
                    VDC_E_BUSY);
    store_case_end(store);
}

static void no_folder(void)
{
    struct store_options options = { .path = "/nonexistent/a/r.db" };
    struct store *store = NULL;
    struct vdc_error err = { 0 };

    CU_ASSERT_NOT_EQUAL(store_open(&options, NULL, &store, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/a"));
    CU_ASSERT_PTR_NULL(store);
}

static void without_loop(void)
{
    struct store *store = NULL;

    place_make(&place, true);
    arena = arena_new();
    CU_ASSERT_EQUAL_FATAL(store_open(&place.options, NULL, &store, NULL), 0);
    CU_ASSERT_EQUAL(sample_fill(store, 3, NULL), 0);
    struct partition_row row;
    sample_partition(arena, 4, 1, &row);
    put_one(store, &row, 4); /* written when it is closed */
    store_close(store);
    store = store_case_open();
    CU_ASSERT_PTR_NOT_NULL(strstr(store_case_dump(store), "'guest4'"));
    store_case_end(store);
}

/* ---- a disk that is full in the middle ---- */

/* Rows 1001 to 1100, with so much room for the log to grow.  Those that were
 * said to be written are there, and no others; then they go. */
static unsigned fill_disk(struct store *store, rlim_t room)
{
    struct rlimit old, small;
    struct partition_row row, *found;
    struct vdc_uuid uuids[100];
    struct stat st;
    size_t n, n_written = 0;

    memset(&told, 0, sizeof(told));
    CU_ASSERT_EQUAL(stat(place.wal, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)st.st_size + room;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (uint32_t i = 1; i <= 100; i++) {
        sample_partition(arena, 1000 + i, 1, &row);
        put_one(store, &row, 1000 + i);
    }
    wait_for(100);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(store_partitions(store, arena, &found, &n, NULL), 0);
    for (unsigned i = 0; i < 100; i++) {
        if (told.rc[i]) {
            CU_ASSERT_EQUAL(told.rc[i], VDC_E_DISK_FULL);
            continue;
        }
        CU_ASSERT_FATAL(10 + n_written < n);
        CU_ASSERT_EQUAL(found[10 + n_written].index, told.order[i]);
        uuids[n_written] = found[10 + n_written].uuid;
        n_written++;
    }
    CU_ASSERT_EQUAL(n, 10 + n_written);
    /* there is room again */
    struct store_change change = { .forget = uuids, .n_forget = n_written };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    return told.n_failed;
}

static void disk_full(void)
{
    struct store *store = set_up();
    unsigned n_failed = 0;
    char *rows, *after;

    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(sample_fill(store, 10, NULL), 0);
    rows = strchr(store_case_dump(store), '\n');
    for (rlim_t room = 0; room <= 40000; room += 500)
        n_failed += fill_disk(store, room);
    CU_ASSERT(n_failed > 100);
    printf("%u changes failed on a full disk ", n_failed);
    store_close(store);
    store = store_case_open();
    after = strchr(store_case_dump(store), '\n');
    rows = arena_strndup(arena, rows, (size_t)(strstr(rows, "events") - rows));
    CU_ASSERT_EQUAL(strncmp(after, rows, strlen(rows)), 0);
    store_case_end(store);
}

static const struct unit_test tests[] = {
    { "remembers", remembers },
    { "rows are changed, also their names", changes_rows },
    { "journal", journal_of_transactions },
    { "many at once, in order", many_at_once },
    { "one that fails takes no other along", one_fails_alone },
    { "apply between submits, and close", apply_and_submit },
    { "one resourced at a time", one_at_a_time },
    { "no such folder", no_folder },
    { "without a loop", without_loop },
    { "disk full", disk_full },
};

UNIT_MAIN("resourced/store", tests)
