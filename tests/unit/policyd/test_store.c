/* Tests of policyd/store/store.c on SQLite, through policyd/store/book.c. */
#include "policyd/store/book.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/policyd/store_bed.h"
#include "tests/unit/unit.h"

static void remembers(void)
{
    struct book *book;
    struct wire_usage usage;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1005, NULL), 0);
    struct assignment *a = store_bed_add_guest(book, "acme", "web");
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_RENAMING, NULL,
                                         "www", NULL, NULL),
                    0);
    struct vdc_uuid uuid = a->uuid;
    store_bed_close(book);

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    struct customer *c = book_customer_by_uid(book, 1005, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_STRING_EQUAL(c->name, "acme");
    CU_ASSERT_EQUAL(c->quota.vcpus, 4);
    CU_ASSERT_EQUAL(c->quota.guests, -1);
    a = book_assignment(book, &uuid);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_EQUAL(book_assignment_by_name(c, "web"), a);
    CU_ASSERT_PTR_EQUAL(book_assignment_by_name(c, "www"), a);
    CU_ASSERT_PTR_EQUAL(book_assignment_by_mac(book, "00:16:3E:00:00:01"), a);
    CU_ASSERT_EQUAL(a->state, ASSIGNMENT_RENAMING);
    CU_ASSERT_STRING_EQUAL(a->reason, "because");
    book_usage(c, &usage);
    CU_ASSERT_EQUAL(usage.memory.kib, 64 * 1024);
    CU_ASSERT_EQUAL(usage.vcpus, 2);
    CU_ASSERT_EQUAL(usage.disk.kib, 10 * 1024);
    CU_ASSERT_EQUAL(usage.guests, 1);
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE,
                                         a->new_name, NULL, NULL, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(a->name, "www");
    CU_ASSERT_STRING_EQUAL(a->new_name, "");
    CU_ASSERT_EQUAL(book_assignment_remove(book, a, NULL, NULL), 0);
    CU_ASSERT_EQUAL(book_customer_remove(book, c, NULL, NULL), 0);
    store_bed_close(book);

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer(book, "acme"));
    CU_ASSERT_PTR_NULL(book_customer_by_uid(book, 1005, NULL));
    CU_ASSERT_PTR_NOT_NULL(book_customer(book, "provider"));
    store_bed_close(book);
    store_bed_tear_down();
}

/* What a guest counts for while that is being changed, and afterwards. */
static void counts_anew(void)
{
    const struct wire_usage more = {
        .memory = MEM_MIB(128), .vcpus = 3, .disk = MEM_MIB(30), .guests = 1
    };
    struct book *book;
    struct wire_usage usage;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1005, NULL), 0);
    struct assignment *a = store_bed_add_guest(book, "acme", "web");
    struct vdc_uuid uuid = a->uuid;
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    for (int i = 0; i < 2; i++) /* a second change does not harm */
        CU_ASSERT_EQUAL(book_assignment_count(book, a, ASSIGNMENT_CHANGING,
                                              &more, "00:16:3e:00:00:02", NULL,
                                              NULL),
                        0);
    store_bed_close(book);

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    a = book_assignment(book, &uuid);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_EQUAL(a->state, ASSIGNMENT_CHANGING);
    book_usage(a->customer, &usage);
    CU_ASSERT_EQUAL(usage.memory.kib, 128 * 1024);
    CU_ASSERT_EQUAL(usage.vcpus, 3);
    CU_ASSERT_EQUAL(usage.disk.kib, 30 * 1024);
    CU_ASSERT_PTR_EQUAL(book_assignment_by_mac(book, "00:16:3e:00:00:02"), a);
    CU_ASSERT_PTR_NULL(book_assignment_by_mac(book, "00:16:3e:00:00:01"));
    CU_ASSERT_EQUAL(book_assignment_count(book, a, ASSIGNMENT_ACTIVE, NULL,
                                          a->macs, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(a->counts.vcpus, 3);
    store_bed_close(book);
    store_bed_tear_down();
}

static void other_quota(void)
{
    const struct wire_login login = { .user = "v", .uid = 7 };
    struct wire_customer to;
    struct book *book;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 5, NULL), 0);
    struct customer *c = book_customer(book, "acme");
    wire_init(&wire_struct_customer, &to);
    to.quota.guests = 3;
    CU_ASSERT_EQUAL(book_customer_set(book, c, &to, NULL, NULL), 0);
    CU_ASSERT_EQUAL(c->quota.vcpus, -1);
    CU_ASSERT_PTR_EQUAL(book_customer_by_uid(book, 5, NULL), c);
    to.logins = (struct wire_login *)&login;
    to.n_logins = 1;
    CU_ASSERT_EQUAL(book_customer_set(book, c, &to, NULL, NULL), 0);
    store_bed_close(book);

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer_by_uid(book, 5, NULL));
    c = book_customer_by_uid(book, 7, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->quota.guests, 3);
    CU_ASSERT_EQUAL(c->quota.vcpus, -1);
    store_bed_close(book);
    store_bed_tear_down();
}

static int find_answer(struct book *book, const char *owner, const char *key)
{
    struct store_answer found = { 0 };
    struct arena *arena = arena_new();
    int rc = book_answer_find(book, owner, key, arena, &found, NULL);

    arena_free(arena);
    return rc;
}

/* One who asks a lot loses its own oldest, and nobody else's. */
static void answer_a_lot(struct book *book, struct store_answer *answer)
{
    char key[16];

    for (int i = 0; i < STORE_ANSWERS_MAX + 5; i++) {
        snprintf(key, sizeof(key), "%d", i);
        answer->owner = "acme";
        answer->key = key;
        answer->time_ms++;
        CU_ASSERT_EQUAL_FATAL(book_answer_put(book, answer, NULL), 0);
    }
    CU_ASSERT_EQUAL(find_answer(book, "acme", "4"), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(find_answer(book, "acme", "5"), 0);
    CU_ASSERT_EQUAL(find_answer(book, "globex", "later"), 0);
}

static void answers(void)
{
    struct store_answer answer = { .owner = "acme",
                                   .key = "k",
                                   .size = 2,
                                   .digest = UINT64_MAX,
                                   .message = 71,
                                   .keep_ms = 86400000,
                                   .time_ms = 1000,
                                   .body = (const uint8_t *)"\0x" };
    struct store_answer found = { 0 };
    struct arena *arena = arena_new();
    struct book *book;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 5, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    answer.owner = "globex";
    answer.size = 0;
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    store_bed_close(book);

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.digest, UINT64_MAX);
    CU_ASSERT_EQUAL(found.message, 71);
    CU_ASSERT_EQUAL(found.size, 2);
    CU_ASSERT_EQUAL(memcmp(found.body, "\0x", 2), 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "globex", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.size, 0);
    CU_ASSERT_EQUAL(find_answer(book, "acme", "l"), VDC_E_NOT_FOUND);
    /* a namesake later does not get them */
    CU_ASSERT_EQUAL(
        book_customer_remove(book, book_customer(book, "acme"), NULL, NULL),
        0);
    CU_ASSERT_EQUAL(find_answer(book, "acme", "k"), VDC_E_NOT_FOUND);
    answer.key = "later";
    answer.time_ms += answer.keep_ms + 1;
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    CU_ASSERT_EQUAL(find_answer(book, "globex", "k"), VDC_E_NOT_FOUND);
    answer_a_lot(book, &answer);
    store_bed_close(book);
    arena_free(arena);
    store_bed_tear_down();
}

static void refuses_doubles(void)
{
    struct book *book;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1, NULL), 0);
    /* nothing of the refused change stays */
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "globex", 1, NULL),
                    VDC_E_EXISTS);
    CU_ASSERT_PTR_NULL(book_customer(book, "globex"));
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "globex", 2, NULL), 0);
    store_bed_close(book);
    store_bed_tear_down();
}

static const struct unit_test tests[] = {
    { "remembers", remembers },     { "refuses doubles", refuses_doubles },
    { "counts anew", counts_anew }, { "another quota", other_quota },
    { "answers to keys", answers },
};

UNIT_MAIN("policyd/store", tests)
