/* Tests of policyd/store/store.c on SQLite: no room, damage, and others at the
 * same file. */
#include <event2/event.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/policyd/store_bed.h"
#include "tests/unit/unit.h"

/* ---- changes that are refused later ---- */

static size_t n_taken_back;

static void on_refused(void *arg, size_t n, const struct vdc_error *why)
{
    CU_ASSERT_EQUAL(why->code, VDC_E_DISK_FULL);
    n_taken_back += n;
}

/* Every kind of change at once, and none of them is kept. */
static void change_all(struct book *book, struct assignment *web,
                       struct assignment *db)
{
    static char rubbish[300 * 1024];
    struct store_answer answer = { .owner = "acme",
                                   .key = "big",
                                   .keep_ms = 1000,
                                   .time_ms = 10,
                                   .body = (const uint8_t *)rubbish,
                                   .size = sizeof(rubbish) };
    const struct wire_usage more = { .vcpus = 9 };
    struct wire_customer to;

    wire_init(&wire_struct_customer, &to);
    to.quota.guests = 77;
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "new", 20, NULL), 0);
    CU_ASSERT_EQUAL(
        book_customer_set(book, book_customer(book, "acme"), &to, NULL, NULL),
        0);
    CU_ASSERT_EQUAL(
        book_customer_remove(book, book_customer(book, "old"), NULL, NULL), 0);
    store_bed_add_guest(book, "new", "www");
    CU_ASSERT_EQUAL(book_assignment_move(book, web, ASSIGNMENT_RENAMING, NULL,
                                         "other", NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_assignment_move(book, web, ASSIGNMENT_CHANGING,
                                         "other", NULL, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_assignment_count(book, web, ASSIGNMENT_CHANGING,
                                          &more, "", NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_assignment_remove(book, db, NULL, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    answer.key = "k";
    answer.size = 0;
    answer.time_ms += 1000;
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
}

static void check_unchanged(struct book *book, const struct vdc_uuid *web,
                            const struct vdc_uuid *db)
{
    struct arena *arena = arena_new();
    struct store_answer found;
    struct assignment *a = book_assignment(book, web);

    CU_ASSERT_PTR_NULL(book_customer(book, "new"));
    CU_ASSERT_PTR_NOT_NULL(book_customer_by_uid(book, 2, NULL));
    CU_ASSERT_EQUAL(book_customer(book, "acme")->quota.guests, -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_STRING_EQUAL(a->name, "web");
    CU_ASSERT_STRING_EQUAL(a->new_name, "");
    CU_ASSERT_EQUAL(a->state, ASSIGNMENT_ACTIVE);
    CU_ASSERT_EQUAL(a->counts.vcpus, 2);
    CU_ASSERT_STRING_EQUAL(a->macs, "00:16:3e:00:00:01");
    a = book_assignment(book, db);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_STRING_EQUAL(a->name, "db");
    CU_ASSERT_EQUAL(a->customer->n_assignments, 2);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.size, 1);
    CU_ASSERT_EQUAL(book_answer_find(book, "old", "o", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "big", arena, &found, NULL),
                    VDC_E_NOT_FOUND);
    arena_free(arena);
}

static void taken_back(void)
{
    const struct book_notify notify = { .refused = on_refused };
    struct store_answer answer = { .owner = "acme",
                                   .key = "k",
                                   .keep_ms = 1000,
                                   .time_ms = 5,
                                   .body = (const uint8_t *)"x",
                                   .size = 1 };
    struct vdc_error err = { 0 };
    struct rlimit old, small;
    struct vdc_uuid web, db;
    struct book *book;

    store_bed_set_up();
    signal(SIGXFSZ, SIG_IGN);
    n_taken_back = 0;
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    book_set_notify(book, &notify);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "old", 2, NULL), 0);
    struct assignment *a = store_bed_add_guest(book, "acme", "web");
    struct assignment *b = store_bed_add_guest(book, "acme", "db");
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    answer.owner = "old";
    answer.key = "o";
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_settle(book, NULL), 0);
    web = a->uuid;
    db = b->uuid;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 200 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    change_all(book, a, b);
    CU_ASSERT_EQUAL(store_bed_settle(book, &err), VDC_E_DISK_FULL);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(n_taken_back, 10);
    check_unchanged(book, &web, &db);
    store_bed_close(book);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    check_unchanged(book, &web, &db);
    /* and the same with room */
    change_all(book, book_assignment(book, &web), book_assignment(book, &db));
    CU_ASSERT_EQUAL(store_bed_settle(book, &err), 0);
    store_bed_close(book);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer(book, "old"));
    CU_ASSERT_PTR_NULL(book_assignment(book, &db));
    CU_ASSERT_STRING_EQUAL(book_assignment(book, &web)->name, "other");
    store_bed_close(book);
    store_bed_tear_down();
}

static void make_and_close(void)
{
    struct book *book;

    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1, NULL), 0);
    store_bed_close(book);
}

static void newer(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    store_bed_set_up();
    make_and_close();
    store_bed_sql("PRAGMA user_version = 99");
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_NEWER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "99"));
    CU_ASSERT(*err.hint);
    store_bed_tear_down();
}

static void corrupt(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    store_bed_set_up();
    FILE *f = fopen(store_bed_path, "w");
    for (int i = 0; i < 500; i++)
        fprintf(f, "this is no database, line %d\n", i);
    fclose(f);
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "backup"));
    unlink(store_bed_path);

    /* rubbish in the middle of a good one */
    make_and_close();
    f = fopen(store_bed_path, "r+");
    fseek(f, 4096, SEEK_SET);
    for (int i = 0; i < 4096 * 3; i++)
        fputc(0x5a, f);
    fclose(f);
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT(*err.hint);
    unlink(store_bed_path);

    /* another program's */
    store_bed_sql("CREATE TABLE t (x)");
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE);
    store_bed_tear_down();
}

static void inconsistent(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    store_bed_set_up();
    make_and_close();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    store_bed_add_guest(book, "acme", "web");
    store_bed_close(book);
    store_bed_sql("DELETE FROM pair WHERE key = 'customer/acme'");
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "acme"));
    store_bed_sql(
        "UPDATE pair SET value = x'0102' WHERE key LIKE 'partition/%'");
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "partition/"));
    store_bed_tear_down();
}

static void disk_full(void)
{
    struct book *book;
    struct vdc_error err = { 0 };
    struct rlimit old, small;
    struct stat st;
    char wal[160], name[16];
    int n = 0, rc = 0;

    store_bed_set_up();
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    snprintf(wal, sizeof(wal), "%s-wal", store_bed_path);
    CU_ASSERT_EQUAL(stat(wal, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)st.st_size + 100 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (n = 0; !rc && n < 1000; n++) {
        snprintf(name, sizeof(name), "c%d", n);
        CU_ASSERT_EQUAL(
            store_bed_add_customer(book, name, 10000 + (uint32_t)n, NULL), 0);
        CU_ASSERT_PTR_NOT_NULL(book_customer(book, name));
        rc = store_bed_settle(book, &err);
    }
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(rc, VDC_E_DISK_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "full"));
    CU_ASSERT(*err.hint);
    CU_ASSERT_PTR_NULL(book_customer(book, name));
    /* room again: it goes on; and after a restart all is there */
    CU_ASSERT_EQUAL(store_bed_add_customer(book, name, 1, NULL), 0);
    store_bed_close(book);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        CU_ASSERT_PTR_NOT_NULL(book_customer(book, name));
    }
    store_bed_close(book);
    store_bed_tear_down();
}

static void no_folder(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    store_bed_base = event_base_new();
    strcpy(store_bed_path, "/nonexistent/policyd.db");
    CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE);
    event_base_free(store_bed_base);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/policyd.db"));
    CU_ASSERT(*err.hint);
}

static void owner_only(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    struct book *book;
    struct stat st;
    char file[160];

    store_bed_set_up();
    mode_t mask = umask(022);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1001, NULL), 0);
    CU_ASSERT_EQUAL(umask(mask), 022);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", store_bed_path, suffixes[i]);
        CU_ASSERT_EQUAL(stat(file, &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    }
    store_bed_close(book);
    store_bed_tear_down();
}

static void one_at_a_time(void)
{
    struct book *book, *other = NULL;
    struct vdc_error err = { 0 };
    sqlite3 *db;

    store_bed_set_up();
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_EQUAL(store_bed_open(&other, &err), VDC_E_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
    if (other)
        book_close(other);
    /* a backup can be made all the same */
    CU_ASSERT_EQUAL(sqlite3_open(store_bed_path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "SELECT * FROM pair", NULL, NULL, NULL),
                    SQLITE_OK);
    sqlite3_close(db);
    CU_ASSERT_EQUAL(store_bed_add_customer(book, "acme", 1001, NULL), 0);
    store_bed_close(book);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(book_customer(book, "acme"));
    store_bed_close(book);
    store_bed_tear_down();
}

static const struct unit_test tests[] = {
    { "taken back", taken_back },
    { "made by a newer version", newer },
    { "damaged", corrupt },
    { "inconsistent", inconsistent },
    { "disk full", disk_full },
    { "no such folder", no_folder },
    { "for its owner only", owner_only },
    { "one policyd at a time", one_at_a_time },
};

UNIT_MAIN("policyd/store: faults", tests)
