/* Tests of resourced/store*.c: what is written is there, wholly or not. */
#include "resourced/store.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"
#include "tests/unit/unit.h"

static struct place place;
static struct arena *arena;

static struct store *open_store(void)
{
    struct store *store = NULL;
    struct vdc_error err = { 0 };
    int rc = store_open(&place.options, place.base, &store, &err);

    if (rc)
        printf("%s (%s)\n", err.text, err.hint);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return store;
}

static struct store *set_up(void)
{
    place_make(&place, true);
    arena = arena_new();
    return open_store();
}

static void tear_down(struct store *store)
{
    store_close(store);
    arena_free(arena);
    place_remove(&place);
}

static const char *dump_of(struct store *store)
{
    const char *text = "";
    struct vdc_error err = { 0 };
    int rc = store_dump(store, place.base, arena, &text, &err);

    if (rc)
        printf("%s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return text;
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
    before = dump_of(store);
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "next 41 82 41\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "events 1 to 80\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(before, "'customer3.guest38'"));
    store_close(store);
    store = open_store();
    CU_ASSERT_STRING_EQUAL(dump_of(store), before);
    tear_down(store);
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

    store = open_store();
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
    tear_down(store);
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
    store = open_store();
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
    tear_down(store);
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
    tear_down(store);
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
    CU_ASSERT_PTR_NOT_NULL(strstr(dump_of(store), "events 1 to 80\n"));

    memset(&told, 0, sizeof(told));
    sample_partition(arena, 200, 1, &row);
    row.definition.kernel = text;
    put_one(store, &row, 200);
    CU_ASSERT_EQUAL(told.n, 0);
    wait_for(1);
    CU_ASSERT_EQUAL(told.last_rc, VDC_E_BAD_VALUE);
    tear_down(store);
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
    store = open_store();
    CU_ASSERT_PTR_NOT_NULL(strstr(dump_of(store), "'guest300'"));
    tear_down(store);
}

/* ---- events, answers, leases, resources ---- */

struct events_told {
    bool told;
    size_t n;
    uint64_t first, last, number[200];
};

static void take_events(void *arg, int rc, const struct vdc_error *err,
                        const struct wire_event *events, size_t n,
                        uint64_t first, uint64_t last)
{
    struct events_told *to = arg;

    CU_ASSERT_EQUAL(rc, 0);
    to->told = true;
    to->n = n;
    to->first = first;
    to->last = last;
    for (size_t i = 0; i < n && i < 200; i++)
        to->number[i] = events[i].number;
}

static void find(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct events_told *ret)
{
    memset(ret, 0, sizeof(*ret));
    store_find_events(store, since, owner, most, take_events, ret);
    CU_ASSERT_FALSE(ret->told);
    while (!ret->told)
        event_base_loop(place.base, EVLOOP_ONCE);
}

static void events_are_kept(void)
{
    struct store *store = set_up();
    struct events_told found;
    struct wire_event event;

    find(store, 0, "", 10, &found);
    CU_ASSERT(found.n == 0 && found.first == 0 && found.last == 0);
    for (uint32_t i = 1; i <= 300; i++) {
        sample_event(arena, i, &event);
        struct store_change change = { .events = &event,
                                       .n_events = 1,
                                       .event_keep = 100 };
        uint64_t first;
        CU_ASSERT_EQUAL(store_apply(store, &change, &first, NULL), 0);
        CU_ASSERT_EQUAL(first, i);
    }
    find(store, 0, "", 10, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT(found.first > 100 && found.first <= 201);
    CU_ASSERT_EQUAL(found.number[0], found.first);
    CU_ASSERT_EQUAL(found.last, 300);
    find(store, 290, "", 100, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT_EQUAL(found.number[9], 300);
    find(store, 250, "customer3", 100, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT_EQUAL(found.number[0], 253);
    find(store, 250, "customer3", 4, &found);
    CU_ASSERT_EQUAL(found.n, 4);
    find(store, UINT64_MAX, "", 4, &found);
    CU_ASSERT(found.n == 0 && found.last == 300);
    uint64_t first = found.first;
    store_close(store);
    store = open_store();
    find(store, 0, "", 1, &found);
    CU_ASSERT(found.first == first && found.last == 300);
    tear_down(store);
}

struct answer_told {
    bool told, found;
    int rc, code;
    uint64_t digest, id;
};

static void take_answer(void *arg, int rc, const struct vdc_error *err,
                        const struct stored_answer *answer)
{
    struct answer_told *to = arg;

    to->told = true;
    to->rc = rc;
    to->found = answer != NULL;
    if (answer) {
        to->code = answer->code;
        to->digest = answer->digest;
        to->id = answer->reply.id;
    }
}

static struct answer_told answer_of(struct store *store, const char *owner,
                                    const char *key)
{
    struct answer_told to = { 0 };

    store_find_answer(store, owner, key, take_answer, &to);
    while (!to.told)
        event_base_loop(place.base, EVLOOP_ONCE);
    return to;
}

static void answers_are_kept(void)
{
    struct store *store = set_up();
    struct stored_answer answer;

    for (uint32_t i = 1; i <= 20; i++) {
        sample_answer(arena, i, &answer);
        struct store_change change = { .answer = &answer };
        CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    }
    struct answer_told to = answer_of(store, "customer1", "key-7");
    CU_ASSERT(to.found && to.rc == 0 && to.code == 0 && to.id == 7);
    CU_ASSERT_EQUAL(to.digest, UINT64_C(0xdeadbeef00000007));
    to = answer_of(store, "customer1", "key-6");
    CU_ASSERT(to.found && to.code == VDC_E_NO_MEMORY);
    CU_ASSERT_FALSE(answer_of(store, "customer2", "key-7").found);
    /* old ones go, and their keys are free again */
    sample_answer(arena, 100, &answer);
    answer.key = "key-3";
    struct store_change change = { .answer = &answer,
                                   .answers_before_ms = 1790000004000 + 11 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    CU_ASSERT_FALSE(answer_of(store, "customer1", "key-10").found);
    CU_ASSERT_TRUE(answer_of(store, "customer1", "key-11").found);
    CU_ASSERT_EQUAL(answer_of(store, "customer1", "key-3").id, 100);
    tear_down(store);
}

static void leases_and_resources(void)
{
    struct store *store = set_up();
    struct wire_lease lease, *leases;
    struct resource_row resource, *resources;
    size_t n;

    for (uint32_t i = 1; i <= 4; i++) {
        sample_lease(arena, i, &lease);
        sample_resource(arena, i, &resource);
        struct store_change change = { .lease_put = &lease,
                                       .resources_put = &resource,
                                       .n_resources_put = 1 };
        CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    }
    uint64_t remove[] = { 1, 4 };
    lease.expires_ms = 5; /* renewed */
    resource.index = 2;
    resource.generation = 2;
    struct vdc_uuid dropped;
    sample_lease(arena, 1, &lease);
    dropped = lease.id;
    sample_lease(arena, 4, &lease);
    lease.expires_ms = 5;
    struct store_change change = { .lease_put = &lease,
                                   .lease_remove = &dropped,
                                   .resources_put = &resource,
                                   .n_resources_put = 1,
                                   .resources_remove = remove,
                                   .n_resources_remove = 2 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);
    store = open_store();
    CU_ASSERT_EQUAL_FATAL(store_leases(store, arena, &leases, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_EQUAL(leases[2].expires_ms, 5);
    CU_ASSERT_STRING_EQUAL(leases[0].owner, "customer2");
    CU_ASSERT_EQUAL_FATAL(store_resources(store, arena, &resources, &n, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(resources[0].index, 2);
    CU_ASSERT_EQUAL(resources[0].generation, 2);
    CU_ASSERT_EQUAL(resources[1].index, 3);
    /* though row 4 is gone */
    CU_ASSERT_EQUAL(store_next_resource(store), 5);
    tear_down(store);
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
    tear_down(store);
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
    store = open_store();
    CU_ASSERT_PTR_NOT_NULL(strstr(dump_of(store), "'guest4'"));
    tear_down(store);
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
    rows = strchr(dump_of(store), '\n');
    for (rlim_t room = 0; room <= 40000; room += 500)
        n_failed += fill_disk(store, room);
    CU_ASSERT(n_failed > 100);
    printf("%u changes failed on a full disk ", n_failed);
    store_close(store);
    store = open_store();
    after = strchr(dump_of(store), '\n');
    rows = arena_strndup(arena, rows, (size_t)(strstr(rows, "events") - rows));
    CU_ASSERT_EQUAL(strncmp(after, rows, strlen(rows)), 0);
    tear_down(store);
}

static const struct unit_test tests[] = {
    { "remembers", remembers },
    { "rows are changed, also their names", changes_rows },
    { "journal", journal_of_transactions },
    { "many at once, in order", many_at_once },
    { "one that fails takes no other along", one_fails_alone },
    { "apply between submits, and close", apply_and_submit },
    { "events", events_are_kept },
    { "answers", answers_are_kept },
    { "leases and resources", leases_and_resources },
    { "one resourced at a time", one_at_a_time },
    { "no such folder", no_folder },
    { "without a loop", without_loop },
    { "disk full", disk_full },
};

UNIT_MAIN("resourced/store", tests)
