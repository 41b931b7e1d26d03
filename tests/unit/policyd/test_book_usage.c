/*
 * Tests of policyd/store/book_usage.c: what is kept as the sum over a
 * customer's guests is what a walk over them finds, whatever comes, goes,
 * starts, moves and is taken back.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "policyd/customers/quota.h"
#include "tests/unit/policyd/store_bed.h"
#include "tests/unit/unit.h"

#define STEPS 3000

static void check(const struct customer *c)
{
    const struct assignment *a;
    struct wire_usage sum, kept;

    wire_init(&wire_struct_usage, &sum);
    TAILQ_FOREACH(a, &c->assignments, link)
    {
        struct wire_usage one = book_counted(a);
        one.guests = 1;
        if (book_runs(a))
            usage_run(&one);
        usage_add(&sum, &one);
    }
    book_usage(c, &kept);
    for (size_t i = 0; i < quota_n_kinds; i++)
        CU_ASSERT_EQUAL_FATAL(quota_used(&kept, &quota_kinds[i]),
                              quota_used(&sum, &quota_kinds[i]));
}

static struct assignment *random_guest(const struct customer *c)
{
    struct assignment *a = TAILQ_FIRST(&c->assignments);

    for (int i = rand() % 30; a && i > 0 && TAILQ_NEXT(a, link); i--)
        a = TAILQ_NEXT(a, link);
    return a;
}

static void count_anew(struct book *book, struct assignment *a)
{
    const struct wire_usage counts = {
        .memory = MEM_MIB((uint64_t)rand() % 99),
        .vcpus = (uint64_t)rand() % 9,
        .disk = MEM_MIB((uint64_t)rand() % 77),
        .networks = (uint64_t)rand() % 3,
    };

    CU_ASSERT_EQUAL(book_assignment_count(book, a,
                                          a->state == ASSIGNMENT_CREATING
                                              ? ASSIGNMENT_ACTIVE
                                              : a->state,
                                          &counts, NULL, NULL, NULL),
                    0);
}

static void move(struct book *book, struct assignment *a)
{
    const struct book_place place = { .host = rand() % 2 ? "h1" : "h2",
                                      .reason = "because" };
    struct wire_stored_move record;

    wire_init(&wire_struct_stored_move, &record);
    record.uuid = a->uuid;
    record.runs = rand() % 2;
    record.state = rand() % 3 ? WIRE_MOVE_DEFINING : WIRE_MOVE_KEPT;
    int rc = a->move && rand() % 2
                 ? book_move_remove(book, &record.uuid, &place, NULL, NULL)
                 : book_move_put(book, a, &record, &place, NULL);
    CU_ASSERT_EQUAL(rc, 0);
}

static void step(struct book *book, const struct customer *c)
{
    struct assignment *a = random_guest(c);
    char name[24];
    static int n;

    snprintf(name, sizeof(name), "g%d", n++);
    switch (a ? rand() % 8 : 0) {
    case 0:
        store_bed_add_guest(book, c->name, name);
        break;
    case 1:
        if (rand() % 2)
            CU_ASSERT_EQUAL(book_assignment_remove(book, a, NULL, NULL), 0);
        break;
    case 2:
    case 3:
        CU_ASSERT_EQUAL(book_assignment_runs(book, a, !a->runs, 0, NULL), 0);
        break;
    case 4:
        book_starting(a);
        break;
    case 5:
        book_started(a); /* also one that was not said to start */
        break;
    case 6:
        move(book, a);
        break;
    default:
        count_anew(book, a);
    }
}

static struct book *open_book(void)
{
    struct book *book;

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    return book;
}

static void as_a_walk(void)
{
    store_bed_set_up();
    srand(7);
    struct book *book = open_book();
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 5, NULL), 0);
    for (int i = 0; i < STEPS; i++) {
        const struct customer *c = book_customer(book, "acme");
        step(book, c);
        check(c);
        if (i % 100 == 0)
            CU_ASSERT_EQUAL(store_bed_settle(book, NULL), 0);
    }
    CU_ASSERT(book_customer(book, "acme")->n_assignments > 20);
    store_bed_close(book);
    book = open_book();
    CU_ASSERT(book_customer(book, "acme")->n_assignments > 20);
    check(book_customer(book, "acme"));
    store_bed_close(book);
    store_bed_tear_down();
}

/* The store has no room any more. */
static void taken_back(void)
{
    static char rubbish[300 * 1024];
    const struct store_answer answer = { .owner = "acme",
                                         .key = "big",
                                         .keep_ms = 1000,
                                         .time_ms = 10,
                                         .body = (const uint8_t *)rubbish,
                                         .size = sizeof(rubbish) };
    struct wire_usage before, after;
    struct rlimit old, small;

    store_bed_set_up();
    signal(SIGXFSZ, SIG_IGN);
    srand(8);
    struct book *book = open_book();
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 5, NULL), 0);
    struct customer *c = book_customer(book, "acme");
    for (int i = 0; i < 200; i++)
        step(book, c);
    CU_ASSERT_EQUAL(store_bed_settle(book, NULL), 0);
    /* what is not stored is not taken back */
    struct assignment *a;
    TAILQ_FOREACH(a, &c->assignments, link)
    while (a->n_starting)
        book_started(a);
    book_usage(c, &before);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 200 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    TAILQ_FOREACH(a, &c->assignments, link)
    count_anew(book, a);
    book_starting(store_bed_add_guest(book, "acme", "new"));
    check(c);
    CU_ASSERT_EQUAL(store_bed_settle(book, NULL), VDC_E_DISK_FULL);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    check(c);
    book_usage(c, &after);
    CU_ASSERT_EQUAL(after.memory.kib, before.memory.kib);
    CU_ASSERT_EQUAL(after.running_guests, before.running_guests);
    CU_ASSERT_EQUAL(after.guests, before.guests);
    store_bed_close(book);
    store_bed_tear_down();
}

static const struct unit_test tests[] = {
    { "the sum is what a walk finds", as_a_walk },
    { "and when changes are taken back", taken_back },
};

UNIT_MAIN("policyd/book_usage", tests)
