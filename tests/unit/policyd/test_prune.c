/*
 * What the store has of the past: old records go, young ones stay, and tokens
 * go with their customer, whenever policyd ends; in SQLite and in etcd.
 */
#include "policyd/customers/prune.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/etcd_server.h"
#include "tests/unit/unit.h"

#define DAY UINT64_C(86400000)
/* Longer than a test takes: until then it is young, wherever pieces end. */
#define MARGIN UINT64_C(300000)
#define N_TOKENS 300 /* more than a commit has room for */

struct bed {
    struct event_base *base;
    struct etcd_server *etcd; /* NULL: SQLite */
    char address[160];
    struct book *book;
};

static void open_book(struct bed *bed)
{
    const struct store_settings settings = { .address = bed->address,
                                             .prefix = "test/" };
    struct store *store;

    CU_ASSERT_EQUAL_FATAL(store_open(bed->base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &bed->book, NULL), 0);
}

static void bed_init(struct bed *bed, bool etcd)
{
    bed->base = event_base_new();
    bed->etcd = etcd ? etcd_server_new(1, NULL) : NULL;
    if (etcd) {
        snprintf(bed->address, sizeof(bed->address), "etcd:%s",
                 etcd_server_endpoints(bed->etcd)[0]);
    } else {
        strcpy(bed->address, "/tmp/test_prune.XXXXXX");
        close(mkstemp(bed->address));
        unlink(bed->address);
    }
    open_book(bed);
}

static void bed_fini(struct bed *bed)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[200];

    book_close(bed->book);
    if (bed->etcd)
        etcd_server_free(bed->etcd);
    event_base_free(bed->base);
    for (size_t i = 0; !bed->etcd && i < sizeof(ends) / sizeof(*ends); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->address, ends[i]);
        unlink(path);
    }
}

static void settled(void *arg, const struct vdc_error *why)
{
    CU_ASSERT_EQUAL(why->code, 0);
    *(bool *)arg = true;
}

static void settle(struct bed *bed)
{
    bool done = false;

    if (!book_wait(bed->book, settled, &done))
        return;
    while (!done)
        event_base_loop(bed->base, EVLOOP_ONCE);
}

/* ---- what is there ---- */

struct seen {
    bool done; /* first: settled has it */
    unsigned n;
    char first[64], last[64];
};

static void see(void *arg, const char *id, const void *body)
{
    struct seen *seen = arg;

    snprintf(seen->n++ ? seen->last : seen->first, sizeof(seen->last), "%s",
             id);
}

static struct seen all(struct bed *bed, enum store_record record)
{
    struct seen seen = { .n = 0 };

    book_read(bed->book, record, "", see, settled, &seen);
    while (!seen.done)
        event_base_loop(bed->base, EVLOOP_ONCE);
    return seen;
}

static void add_audit(struct bed *bed, uint64_t at_ms)
{
    const struct store_audit audit = { .time_ms = at_ms,
                                       .customer = "acme",
                                       .message = "something",
                                       .object = "web",
                                       .who = "user alice",
                                       .origin = "here" };

    CU_ASSERT_EQUAL(book_audits(bed->book, &audit, 1, NULL), 0);
}

static bool is_done(void *arg)
{
    return prune_is_done(arg);
}

static void run_until(struct bed *bed, bool (*fn)(void *), void *arg)
{
    const struct timeval turn = { 0, 10000 };
    uint64_t end = clock_mono().ms + 120000;

    while (!fn(arg) && clock_mono().ms < end) {
        event_base_loopexit(bed->base, &turn);
        event_base_dispatch(bed->base);
    }
    CU_ASSERT_TRUE(fn(arg));
}

/* ---- old records ---- */

static void prune_on(bool etcd)
{
    const struct prune_keep keep = { .audit_ms = 10 * DAY };
    struct bed bed;
    uint64_t now = clock_wall().ms;

    bed_init(&bed, etcd);
    add_audit(&bed, now - 300 * DAY);
    for (int i = 0; i < 200; i++)
        add_audit(&bed, now - 12 * DAY + (uint64_t)i * 300000);
    add_audit(&bed, now - 10 * DAY - 2000000);
    add_audit(&bed, now - 10 * DAY + MARGIN);
    add_audit(&bed, now);
    settle(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 204);
    struct prune *prune = prune_new(bed.base, bed.book, &keep);
    CU_ASSERT_FALSE(prune_is_done(prune));
    prune_now(prune);
    run_until(&bed, is_done, prune);
    struct seen seen = all(&bed, STORE_AUDIT);
    CU_ASSERT_EQUAL(seen.n, 2);
    CU_ASSERT_EQUAL(strtoull(seen.first, NULL, 10), now - 10 * DAY + MARGIN);
    CU_ASSERT_EQUAL(strtoull(seen.last, NULL, 10), now);
    book_close(bed.book);
    prune_free(prune);
    /* what is gone is gone after a start, too */
    open_book(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 2);
    bed_fini(&bed);
}

static void in_sqlite(void)
{
    prune_on(false);
}

static void in_etcd(void)
{
    const char *missing = etcd_server_missing();

    if (missing)
        printf("skipped: %s ", missing);
    else
        prune_on(true);
}

static void turn(struct bed *bed)
{
    const struct timeval while_ms = { 0, 300000 };

    event_base_loopexit(bed->base, &while_ms);
    event_base_dispatch(bed->base);
}

/* Whoever sets it wrong has a day to set it right. */
static void clock_leaps(void)
{
    const struct prune_keep keep = { .audit_ms = 10 * DAY };
    struct mono mono = clock_mono();
    struct wall wall = clock_wall();
    struct bed bed;

    bed_init(&bed, false);
    add_audit(&bed, wall.ms);
    settle(&bed);
    struct prune *prune = prune_new(bed.base, bed.book, &keep);
    prune_now(prune);
    run_until(&bed, is_done, prune);
    clock_test_set(mono, (struct wall){ wall.ms + 30 * DAY });
    prune_now(prune);
    turn(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 1);
    clock_test_advance(DAY - 1);
    prune_now(prune);
    turn(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 1);
    /* back, and a day later: it is young */
    clock_test_set(mono, (struct wall){ wall.ms + DAY });
    clock_test_advance(DAY);
    prune_now(prune);
    run_until(&bed, is_done, prune);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 1);
    /* again, and it was right */
    clock_test_set(clock_mono(), (struct wall){ wall.ms + 30 * DAY });
    prune_now(prune);
    turn(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 1);
    clock_test_advance(DAY);
    prune_now(prune);
    run_until(&bed, is_done, prune);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 0);
    clock_test_release();
    book_close(bed.book);
    prune_free(prune);
    open_book(&bed);
    bed_fini(&bed);
}

/* Use goes by itself, and audits stay for ever. */
static void use_alone(void)
{
    const struct prune_keep keep = { .usage_ms = DAY };
    const struct prune_keep for_ever = { 0 };
    struct wire_customer c;
    struct store_assignment row = { .state = ASSIGNMENT_CREATING,
                                    .name = "web",
                                    .customer = "acme",
                                    .host = "alpha",
                                    .new_name = "",
                                    .macs = "",
                                    .reason = "",
                                    .placing = "" };
    struct assignment *a;
    struct bed bed;

    bed_init(&bed, false);
    CU_ASSERT_PTR_NULL(prune_new(bed.base, bed.book, &for_ever));
    wire_init(&wire_struct_customer, &c);
    c.name = "acme";
    CU_ASSERT_EQUAL(book_customer_add(bed.book, &c, NULL, NULL), 0);
    uuid_random(&row.uuid);
    wire_init(&wire_struct_usage, &row.counts);
    row.counts.vcpus = 1;
    CU_ASSERT_EQUAL(book_assignment_add(bed.book, &row, NULL, &a, NULL), 0);
    CU_ASSERT_EQUAL(
        book_assignment_move(bed.book, a, ASSIGNMENT_ACTIVE, NULL, NULL, NULL,
                             NULL),
        0);
    usleep(5000);
    row.counts.vcpus = 2;
    CU_ASSERT_EQUAL(book_assignment_count(bed.book, a, ASSIGNMENT_ACTIVE,
                                          &row.counts, NULL, NULL, NULL),
                    0);
    add_audit(&bed, clock_wall().ms - 300 * DAY);
    settle(&bed);
    CU_ASSERT_EQUAL(all(&bed, STORE_USE).n, 1);
    struct prune *prune = prune_new(bed.base, bed.book, &keep);
    prune_now(prune);
    run_until(&bed, is_done, prune);
    CU_ASSERT_EQUAL(all(&bed, STORE_USE).n, 1);
    CU_ASSERT_EQUAL(all(&bed, STORE_AUDIT).n, 1);
    book_close(bed.book);
    prune_free(prune);
    open_book(&bed);
    bed_fini(&bed);
}

/* ---- tokens ---- */

static void add_tokens(struct bed *bed, const char *customer, unsigned n,
                       uint64_t at_ms)
{
    struct wire_stored_token t;
    char id[17];

    for (unsigned i = 0; i < n; i++) {
        wire_init(&wire_struct_stored_token, &t);
        snprintf(id, sizeof(id), "%-6.6s%010u", customer, i);
        for (char *space = id; *space; space++)
            if (*space == ' ')
                *space = '0';
        t.token.id = id;
        t.token.customer = customer;
        t.token.created_ms = at_ms;
        CU_ASSERT_EQUAL(book_token_put(bed->book, &t, NULL, NULL), 0);
    }
    settle(bed);
}

static unsigned count_tokens(const struct bed *bed)
{
    const struct wire_stored_token *t;
    unsigned n = 0;

    for (t = book_token_after(bed->book, ""); t;
         t = book_token_after(bed->book, t->token.id))
        n++;
    return n;
}

static void add_customer(struct bed *bed, const char *name, uint64_t at_ms)
{
    struct wire_customer c;

    wire_init(&wire_struct_customer, &c);
    c.name = name;
    c.created_ms = at_ms;
    CU_ASSERT_EQUAL(book_customer_add(bed->book, &c, NULL, NULL), 0);
}

static void with_their_customer(void)
{
    struct bed bed;

    bed_init(&bed, false);
    add_customer(&bed, "acme", 1000);
    add_customer(&bed, "globex", 1000);
    add_tokens(&bed, "acme", N_TOKENS, 2000);
    add_tokens(&bed, "globex", 3, 2000);
    CU_ASSERT_EQUAL(book_customer_remove(bed.book,
                                         book_customer(bed.book, "acme"), NULL,
                                         NULL),
                    0);
    CU_ASSERT_EQUAL(count_tokens(&bed), 3);
    settle(&bed);
    book_close(bed.book);
    open_book(&bed);
    CU_ASSERT_PTR_NULL(book_customer(bed.book, "acme"));
    CU_ASSERT_EQUAL(count_tokens(&bed), 3);
    bed_fini(&bed);
}

/* What a policyd that was killed between two commits left. */
static void left_behind(void)
{
    struct bed bed;

    bed_init(&bed, false);
    add_customer(&bed, "globex", 5000);
    add_tokens(&bed, "acme", N_TOKENS, 2000);
    add_tokens(&bed, "globex", 2, 4999);
    settle(&bed);
    CU_ASSERT_EQUAL(count_tokens(&bed), N_TOKENS + 2);
    book_close(bed.book);
    open_book(&bed);
    CU_ASSERT_EQUAL(count_tokens(&bed), 0);
    add_tokens(&bed, "globex", 2, 5000);
    settle(&bed);
    book_close(bed.book);
    open_book(&bed);
    CU_ASSERT_EQUAL(count_tokens(&bed), 2);
    bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "old records in SQLite", in_sqlite },
    { "old records in etcd", in_etcd },
    { "a clock that leaps", clock_leaps },
    { "use alone", use_alone },
    { "tokens go with their customer", with_their_customer },
    { "tokens that were left behind", left_behind },
};

UNIT_MAIN("policyd/prune", tests)
