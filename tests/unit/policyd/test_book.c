/*
 * What the working set is looked through by: names and MACs are found as a
 * look at all of it finds them, whatever comes, goes and is changed.
 */
#include "policyd/store/book.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define CUSTOMERS 7
#define NAMES 40
#define STEPS 4000

struct bed {
    struct event_base *base;
    char database[64];
    struct book *book;
};

static void bed_init(struct bed *bed)
{
    struct store *store;

    bed->base = event_base_new();
    strcpy(bed->database, "/tmp/test_book.XXXXXX");
    close(mkstemp(bed->database));
    unlink(bed->database);
    const struct store_settings settings = { .address = bed->database };
    CU_ASSERT_EQUAL_FATAL(store_open(bed->base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &bed->book, NULL), 0);
}

static void bed_fini(struct bed *bed)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[80];

    book_close(bed->book);
    event_base_free(bed->base);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->database, ends[i]);
        unlink(path);
    }
}

static struct customer *add_customer(struct bed *bed, unsigned number)
{
    struct wire_customer c;
    char name[16];

    snprintf(name, sizeof(name), "c%u", number);
    wire_init(&wire_struct_customer, &c);
    c.name = name;
    CU_ASSERT_EQUAL_FATAL(book_customer_add(bed->book, &c, NULL, NULL), 0);
    return book_customer(bed->book, name);
}

static const char *random_name(char text[16])
{
    snprintf(text, 16, "g%d", rand() % NAMES);
    return text;
}

/* None, one, or two; sometimes the same twice. */
static const char *random_macs(char text[40])
{
    int n = rand() % 3;

    text[0] = '\0';
    for (int i = 0; i < n; i++)
        snprintf(text + strlen(text), 40 - strlen(text),
                 "%s00:16:3%c:00:00:%02x", i ? " " : "",
                 rand() % 2 ? 'e' : 'E', (unsigned)rand() % NAMES);
    return text;
}

static void add_guest(struct bed *bed, const struct customer *c)
{
    char name[16], macs[40];
    struct store_assignment row = {
        .customer = c->name,
        .name = random_name(name),
        .new_name = "",
        .host = "h",
        .state = ASSIGNMENT_CREATING,
        .macs = random_macs(macs),
        .reason = "",
    };
    struct assignment *a;

    uuid_random(&row.uuid);
    if (book_assignment_by_name(c, name))
        return;
    CU_ASSERT_EQUAL_FATAL(book_assignment_add(bed->book, &row, NULL, &a, NULL),
                          0);
    book_assignment_move(bed->book, a, ASSIGNMENT_ACTIVE, NULL, NULL, NULL,
                         NULL);
}

static void change_guest(struct bed *bed, struct assignment *a)
{
    char name[16], macs[40];
    int what = rand() % 3;

    random_name(name);
    if (what == 0) {
        book_assignment_remove(bed->book, a, NULL, NULL);
    } else if (what == 1 || a->state == ASSIGNMENT_RENAMING) {
        bool is_named = a->state == ASSIGNMENT_RENAMING;
        if (is_named)
            strcpy(name, rand() % 2 ? a->new_name : a->name);
        else if (book_assignment_by_name(a->customer, name))
            return;
        book_assignment_move(
            bed->book, a, is_named ? ASSIGNMENT_ACTIVE : ASSIGNMENT_RENAMING,
            is_named ? name : NULL, is_named ? NULL : name, NULL, NULL);
    } else {
        book_assignment_count(bed->book, a, ASSIGNMENT_ACTIVE, NULL,
                              random_macs(macs), NULL, NULL);
    }
}

static void check_name(const struct customer *c, const char *name)
{
    const struct assignment *a, *want = NULL;

    TAILQ_FOREACH(a, &c->assignments, link)
    if (strcmp(a->name, name) == 0 || strcmp(a->new_name, name) == 0)
        want = a;
    CU_ASSERT_PTR_EQUAL_FATAL(book_assignment_by_name(c, name), want);
}

/* Several may have it: then any of them. */
static void check_mac(const struct bed *bed, const char *mac)
{
    const struct assignment *a = book_assignment_by_mac(bed->book, mac);
    const struct assignment *other;
    const struct customer *c;

    if (a) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(strcasestr(a->macs, mac));
        return;
    }
    TAILQ_FOREACH(c, book_customers(bed->book), link)
    TAILQ_FOREACH(other, &c->assignments, link)
    CU_ASSERT_PTR_NULL_FATAL(strcasestr(other->macs, mac));
}

static void check_all(const struct bed *bed)
{
    const struct customer *c;
    char text[40];

    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(text, sizeof(text), "g%u", i);
        TAILQ_FOREACH(c, book_customers(bed->book), link)
        check_name(c, text);
        snprintf(text, sizeof(text), "00:16:3e:00:00:%02X", i);
        check_mac(bed, text);
    }
}

static struct assignment *random_guest(const struct customer *c)
{
    struct assignment *a = TAILQ_FIRST(&c->assignments);

    for (int i = rand() % NAMES; a && i > 0 && TAILQ_NEXT(a, link); i--)
        a = TAILQ_NEXT(a, link);
    return a;
}

static void as_all_says(void)
{
    struct customer *customers[CUSTOMERS];
    struct bed bed;

    bed_init(&bed);
    srand(5);
    for (unsigned i = 0; i < CUSTOMERS; i++)
        customers[i] = add_customer(&bed, i);
    for (int i = 0; i < STEPS; i++) {
        const struct customer *c = customers[rand() % CUSTOMERS];
        struct assignment *a = random_guest(c);
        if (!a || rand() % 2)
            add_guest(&bed, c);
        else
            change_guest(&bed, a);
        if (i % 100 == 0)
            check_all(&bed);
    }
    check_all(&bed);
    book_drain(bed.book);
    bed_fini(&bed);
}

static void customers_by_name(void)
{
    static const unsigned order[] = { 5, 1, 9, 3, 7, 2, 8, 4, 6 };
    const struct customer *c, *last = NULL;
    struct bed bed;

    bed_init(&bed);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        add_customer(&bed, order[i]);
    CU_ASSERT_EQUAL(book_customer_remove(
                        bed.book, book_customer(bed.book, "c3"), NULL, NULL),
                    0);
    CU_ASSERT_PTR_NULL(book_customer(bed.book, "c3"));
    CU_ASSERT_PTR_NULL(book_customer(bed.book, ""));
    CU_ASSERT_PTR_NULL(book_customer(
        bed.book, "a name that is longer than one of a customer may be"));
    CU_ASSERT_PTR_NOT_NULL(book_customer(bed.book, NAMES_PROVIDER));
    TAILQ_FOREACH(c, book_customers(bed.book), link)
    {
        CU_ASSERT(!last || strcmp(last->name, c->name) < 0);
        CU_ASSERT_PTR_EQUAL(book_customer(bed.book, c->name), c);
        last = c;
    }
    book_drain(bed.book);
    bed_fini(&bed);
}

/* ---- by login ---- */

#define UIDS 60

static struct customer *by_looking(const struct bed *bed, uint32_t uid)
{
    struct customer *c;

    TAILQ_FOREACH(c, book_customers(bed->book), link)
    for (uint32_t i = 0; i < c->n_logins; i++)
        if (c->logins[i].uid == uid)
            return c;
    return NULL;
}

/* Of logins that nobody else has. */
static uint32_t free_logins(const struct bed *bed, const struct customer *own,
                            struct wire_login *ret)
{
    uint32_t n = 0;

    for (uint32_t uid = 0; uid < UIDS && n < 5; uid++) {
        const struct customer *c = by_looking(bed, uid);
        if (rand() % 4 || (c && c != own))
            continue;
        wire_init(&wire_struct_login, &ret[n]);
        ret[n].uid = uid;
        ret[n++].user = "somebody";
    }
    return n;
}

static void change_logins(struct bed *bed, unsigned number)
{
    struct wire_login logins[5];
    struct wire_customer from;
    char name[16];

    snprintf(name, sizeof(name), "c%u", number);
    struct customer *c = book_customer(bed->book, name);
    wire_init(&wire_struct_customer, &from);
    from.name = name;
    from.logins = logins;
    from.n_logins = free_logins(bed, c, logins);
    int rc;
    if (!c)
        rc = book_customer_add(bed->book, &from, NULL, NULL);
    else if (rand() % 4 == 0)
        rc = book_customer_remove(bed->book, c, NULL, NULL);
    else
        rc = book_customer_set(bed->book, c, &from, NULL, NULL);
    CU_ASSERT_EQUAL(rc, 0);
}

static void by_login(void)
{
    const struct wire_login *login;
    struct bed bed;
    unsigned n_wrong = 0, n_found = 0;

    srand(3);
    bed_init(&bed);
    for (int step = 0; step < 1000; step++) {
        change_logins(&bed, (unsigned)rand() % CUSTOMERS);
        for (uint32_t uid = 0; uid < UIDS; uid++) {
            const struct customer *c =
                book_customer_by_uid(bed.book, uid, &login);
            n_wrong += c != by_looking(&bed, uid) || (c && login->uid != uid);
            n_found += c != NULL;
        }
    }
    CU_ASSERT_EQUAL(n_wrong, 0);
    CU_ASSERT(n_found > 1000);
    bed_fini(&bed);
}

static const struct unit_test tests[] = {
    { "found as a look at all says", as_all_says },
    { "customers in order", customers_by_name },
    { "customers by their logins", by_login },
};

UNIT_MAIN("policyd/book", tests)
