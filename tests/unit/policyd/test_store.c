/* Tests of policyd/store.c on SQLite, through policyd/book.c. */
#include "policyd/book.h"

#include <event2/event.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/kv/kv_sqlite.h"
#include "tests/unit/unit.h"

static char folder[64], path[128];
static struct event_base *base;

static void set_up(void)
{
    base = event_base_new();
    strcpy(folder, "/tmp/xen-vdc-store-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/policyd.db", folder);
}

static void tear_down(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    event_base_free(base);
}

static int open_book(struct book **ret, struct vdc_error *err)
{
    struct store *store;
    const struct store_settings settings = { .address = path };
    int rc = store_open(base, &settings, &store, err);

    if (rc)
        return rc;
    rc = book_open(store, ret, err);
    if (rc)
        store_close(store);
    return rc;
}

static void keep(void *arg, const struct vdc_error *why)
{
    *(struct vdc_error *)arg = *why;
}

/* What became of all that was changed. */
static int settle(struct book *book, struct vdc_error *err)
{
    struct vdc_error why = { 0 };

    why.code = 1; /* not told */
    if (!book_wait(book, keep, &why))
        return 0;
    while (why.code == 1)
        event_base_loop(base, EVLOOP_ONCE);
    if (err)
        *err = why;
    return why.code;
}

static void close_book(struct book *book)
{
    CU_ASSERT_EQUAL(settle(book, NULL), 0);
    book_close(book);
}

static int add_customer(struct book *book, const char *name, uint32_t uid,
                        struct vdc_error *err)
{
    struct wire_login login = { .user = "u", .uid = uid };
    struct wire_customer c;
    const struct store_audit audit = {
        1, 0, name, "customer_create", name, 0
    };

    wire_init(&wire_struct_customer, &c);
    c.name = name;
    c.logins = &login;
    c.n_logins = 1;
    c.quota.vcpus = 4;
    return book_customer_add(book, &c, &audit, err);
}

static struct assignment *add_guest(struct book *book, const char *customer,
                                    const char *name)
{
    struct store_assignment row = {
        .customer = customer,
        .name = name,
        .new_name = "",
        .host = "h1",
        .state = ASSIGNMENT_CREATING,
        .counts = { .memory = MEM_MIB(64), .vcpus = 2, .disk = MEM_MIB(10) },
        .macs = "00:16:3e:00:00:01",
        .reason = "because",
        .created_ms = 5,
    };
    struct assignment *a;

    uuid_random(&row.uuid);
    CU_ASSERT_EQUAL_FATAL(book_assignment_add(book, &row, NULL, &a, NULL), 0);
    return a;
}

static void remembers(void)
{
    struct book *book;
    struct wire_usage usage;

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1005, NULL), 0);
    struct assignment *a = add_guest(book, "acme", "web");
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_RENAMING, NULL,
                                         "www", NULL, NULL),
                    0);
    struct vdc_uuid uuid = a->uuid;
    close_book(book);

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
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
    close_book(book);

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer(book, "acme"));
    CU_ASSERT_PTR_NULL(book_customer_by_uid(book, 1005, NULL));
    CU_ASSERT_PTR_NOT_NULL(book_customer(book, "provider"));
    close_book(book);
    tear_down();
}

/* What a guest counts for while that is being changed, and afterwards. */
static void counts_anew(void)
{
    const struct wire_usage more = {
        .memory = MEM_MIB(128), .vcpus = 3, .disk = MEM_MIB(30), .guests = 1
    };
    struct book *book;
    struct wire_usage usage;

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1005, NULL), 0);
    struct assignment *a = add_guest(book, "acme", "web");
    struct vdc_uuid uuid = a->uuid;
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    for (int i = 0; i < 2; i++) /* a second change does not harm */
        CU_ASSERT_EQUAL(book_assignment_count(book, a, ASSIGNMENT_CHANGING,
                                              &more, "00:16:3e:00:00:02", NULL,
                                              NULL),
                        0);
    close_book(book);

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
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
    close_book(book);
    tear_down();
}

static void other_quota(void)
{
    const struct wire_login login = { .user = "v", .uid = 7 };
    struct wire_customer to;
    struct book *book;

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 5, NULL), 0);
    struct customer *c = book_customer(book, "acme");
    wire_init(&wire_struct_customer, &to);
    to.quota.guests = 3;
    CU_ASSERT_EQUAL(book_customer_set(book, c, &to, NULL, NULL), 0);
    CU_ASSERT_EQUAL(c->quota.vcpus, -1);
    CU_ASSERT_PTR_EQUAL(book_customer_by_uid(book, 5, NULL), c);
    to.logins = (struct wire_login *)&login;
    to.n_logins = 1;
    CU_ASSERT_EQUAL(book_customer_set(book, c, &to, NULL, NULL), 0);
    close_book(book);

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer_by_uid(book, 5, NULL));
    c = book_customer_by_uid(book, 7, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->quota.guests, 3);
    CU_ASSERT_EQUAL(c->quota.vcpus, -1);
    close_book(book);
    tear_down();
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

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 5, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    answer.owner = "globex";
    answer.size = 0;
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    close_book(book);

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.digest, UINT64_MAX);
    CU_ASSERT_EQUAL(found.message, 71);
    CU_ASSERT_EQUAL(found.size, 2);
    CU_ASSERT_EQUAL(memcmp(found.body, "\0x", 2), 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "globex", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.size, 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "l", arena, &found, NULL),
                    VDC_E_NOT_FOUND);
    /* a namesake later does not get them */
    CU_ASSERT_EQUAL(
        book_customer_remove(book, book_customer(book, "acme"), NULL, NULL),
        0);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "k", arena, &found, NULL),
                    VDC_E_NOT_FOUND);
    answer.key = "later";
    answer.time_ms += answer.keep_ms + 1;
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    CU_ASSERT_EQUAL(book_answer_find(book, "globex", "k", arena, &found, NULL),
                    VDC_E_NOT_FOUND);
    /* one who asks a lot loses its own oldest, and nobody else's */
    for (int i = 0; i < STORE_ANSWERS_MAX + 5; i++) {
        answer.owner = "acme";
        answer.key = arena_printf(arena, "%d", i);
        answer.time_ms++;
        CU_ASSERT_EQUAL_FATAL(book_answer_put(book, &answer, NULL), 0);
    }
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "4", arena, &found, NULL),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "5", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(
        book_answer_find(book, "globex", "later", arena, &found, NULL), 0);
    close_book(book);
    arena_free(arena);
    tear_down();
}

static void refuses_doubles(void)
{
    struct book *book;

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1, NULL), 0);
    /* nothing of the refused change stays */
    CU_ASSERT_EQUAL(add_customer(book, "globex", 1, NULL), VDC_E_EXISTS);
    CU_ASSERT_PTR_NULL(book_customer(book, "globex"));
    CU_ASSERT_EQUAL(add_customer(book, "globex", 2, NULL), 0);
    close_book(book);
    tear_down();
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A database as version 1 made it. */
static void older(void)
{
    const struct wire_usage more = { .memory = MEM_KIB(2), .vcpus = 2 };
    struct book *book;

    set_up();
    run_sql(
        "PRAGMA application_id = 1482051652; PRAGMA user_version = 1;"
        "CREATE TABLE customer (name TEXT PRIMARY KEY, created_ms INTEGER NOT "
        "NULL, memory_kib INTEGER NOT NULL, vcpus INTEGER NOT NULL, disk_kib "
        "INTEGER NOT NULL, guests INTEGER NOT NULL) STRICT;"
        "CREATE TABLE login (uid INTEGER PRIMARY KEY, customer TEXT NOT NULL "
        "REFERENCES customer(name) ON DELETE CASCADE, user TEXT NOT NULL) "
        "STRICT;"
        "CREATE TABLE assignment (uuid TEXT PRIMARY KEY, customer TEXT NOT "
        "NULL REFERENCES customer(name), name TEXT NOT NULL, new_name TEXT "
        "NOT NULL, host TEXT NOT NULL, state INTEGER NOT NULL CHECK (state "
        "BETWEEN 1 AND 4), memory_kib INTEGER NOT NULL, vcpus INTEGER NOT "
        "NULL, disk_kib INTEGER NOT NULL, macs TEXT NOT NULL, reason TEXT NOT "
        "NULL, created_ms INTEGER NOT NULL, UNIQUE (customer, name)) STRICT;"
        "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, "
        "time_ms INTEGER NOT NULL, uid INTEGER, customer TEXT NOT NULL, "
        "message TEXT NOT NULL, object TEXT NOT NULL, result INTEGER NOT "
        "NULL) STRICT;"
        "INSERT INTO customer VALUES ('acme',1,-1,4,-1,-1);"
        "INSERT INTO login VALUES (5,'acme','u');"
        "INSERT INTO assignment VALUES "
        "('00000000-0000-4000-8000-000000000001','acme','x','','h',2,1,1,7,"
        "'','',1)");
    for (int i = 0; i < 2; i++) { /* the second time it is of this version */
        CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
        struct customer *c = book_customer_by_uid(book, 5, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_EQUAL(c->quota.vcpus, 4);
        struct assignment *a = book_assignment_by_name(c, "x");
        CU_ASSERT_PTR_NOT_NULL_FATAL(a);
        CU_ASSERT_EQUAL(a->counts.disk.kib, i ? 0 : 7);
        CU_ASSERT_EQUAL(book_assignment_count(book, a, ASSIGNMENT_CHANGING,
                                              &more, NULL, NULL, NULL),
                        0);
        close_book(book);
    }
    tear_down();
}

#define VERSION_2                                                             \
    "PRAGMA application_id = 1482051652; PRAGMA user_version = 2;"            \
    "CREATE TABLE customer (name TEXT PRIMARY KEY, created_ms INTEGER NOT "   \
    "NULL, memory_kib INTEGER NOT NULL, vcpus INTEGER NOT NULL, disk_kib "    \
    "INTEGER NOT NULL, guests INTEGER NOT NULL) STRICT;"                      \
    "CREATE TABLE login (uid INTEGER PRIMARY KEY, customer TEXT NOT NULL "    \
    "REFERENCES customer(name) ON DELETE CASCADE, user TEXT NOT NULL) "       \
    "STRICT;"                                                                 \
    "CREATE TABLE assignment (uuid TEXT PRIMARY KEY, customer TEXT NOT NULL " \
    "REFERENCES customer(name), name TEXT NOT NULL, new_name TEXT NOT NULL, " \
    "host TEXT NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 1 AND "  \
    "5), memory_kib INTEGER NOT NULL, vcpus INTEGER NOT NULL, disk_kib "      \
    "INTEGER NOT NULL, macs TEXT NOT NULL, reason TEXT NOT NULL, created_ms " \
    "INTEGER NOT NULL, UNIQUE (customer, name)) STRICT;"                      \
    "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms "  \
    "INTEGER NOT NULL, uid INTEGER, customer TEXT NOT NULL, message TEXT "    \
    "NOT NULL, object TEXT NOT NULL, result INTEGER NOT NULL) STRICT;"        \
    "CREATE TABLE answer (owner TEXT NOT NULL, key TEXT NOT NULL, digest "    \
    "INTEGER NOT NULL, message INTEGER NOT NULL, time_ms INTEGER NOT NULL, "  \
    "body BLOB NOT NULL, PRIMARY KEY (owner, key)) STRICT;"                   \
    "CREATE INDEX answer_time ON answer (time_ms);"                           \
    "CREATE INDEX answer_owner ON answer (owner, time_ms);"                   \
    "INSERT INTO customer VALUES ('acme',7,-1,4,-1,-1),('provider',0,-1,-1,"  \
    "-1,-1);"                                                                 \
    "INSERT INTO login VALUES (5,'acme','u'),(6,'acme','v');"                 \
    "INSERT INTO assignment VALUES "                                          \
    "('00000000-0000-4000-8000-000000000001','acme','x','y','h',4,8,2,9,"     \
    "'00:16:3e:00:00:01','so',11);"                                           \
    "INSERT INTO audit VALUES (1,1000,NULL,'acme','found','x',0),"            \
    "(2,1001,5,'acme','partition_create','x',-11);"                           \
    "INSERT INTO answer VALUES ('acme','k',-1,71,1000,x'0078')"

static void collect(void *arg, const struct kv_pair *pair)
{
    struct wire_stored_audit *to = arg;
    struct arena *arena = arena_new();

    while (*to->message)
        to++;
    CU_ASSERT_EQUAL(wire_struct_decode(&wire_struct_stored_audit, pair->value,
                                       pair->size, arena, to, NULL),
                    0);
    to->message = "read";
    to->customer = to->object = "";
    arena_free(arena);
}

static void collected(void *arg, uint64_t revision,
                      const struct vdc_error *err)
{
    CU_ASSERT_EQUAL(err->code, 0);
}

/* All that a database of version 2 has. */
static void converted(void)
{
    struct wire_stored_audit audits[3] = { 0 };
    struct store_answer found = { 0 };
    struct arena *arena = arena_new();
    char aside[160];
    struct book *book;
    struct kv *kv;

    set_up();
    run_sql(VERSION_2);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    struct customer *c = book_customer_by_uid(book, 6, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_EQUAL(c->created_ms, 7);
    CU_ASSERT_PTR_EQUAL(book_customer_by_uid(book, 5, NULL), c);
    struct assignment *a = book_assignment_by_name(c, "y");
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_EQUAL(a->state, ASSIGNMENT_RENAMING);
    CU_ASSERT_EQUAL(a->counts.disk.kib, 9);
    CU_ASSERT_EQUAL(a->created_ms, 11);
    CU_ASSERT_STRING_EQUAL(a->reason, "so");
    CU_ASSERT_EQUAL(book_answer_find(book, "acme", "k", arena, &found, NULL),
                    0);
    CU_ASSERT_EQUAL(found.digest, UINT64_MAX);
    CU_ASSERT_EQUAL(found.size, 2);
    close_book(book);

    /* the record of changes, which is not in memory */
    for (int i = 0; i < 3; i++)
        audits[i].message = "";
    CU_ASSERT_EQUAL_FATAL(kv_sqlite_open(base, path, NULL, &kv, NULL), 0);
    kv_read(kv, "audit/", collect, collected, audits);
    kv_drain(kv);
    kv_close(kv);
    CU_ASSERT(audits[0].own);
    CU_ASSERT_FALSE(audits[1].own);
    CU_ASSERT_EQUAL(audits[1].uid, 5);
    CU_ASSERT_EQUAL(audits[1].result, VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(audits[2].message, "");

    /* as it was, it is still there */
    snprintf(aside, sizeof(aside), "%s.version-2", path);
    CU_ASSERT_EQUAL(rename(aside, path), 0);
    run_sql("DELETE FROM assignment WHERE name = 'x' AND state = 4");
    arena_free(arena);
    tear_down();
}

/* One that cannot be converted stays what it is. */
static void not_converted(void)
{
    struct vdc_error err = { 0 };
    struct book *book;

    set_up();
    run_sql(VERSION_2);
    run_sql("INSERT INTO assignment VALUES "
            "('zzz','acme','z','','h',2,8,2,9,'','',11)");
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "zzz"));
    }
    run_sql("DELETE FROM assignment WHERE uuid = 'zzz'");
    CU_ASSERT_EQUAL_FATAL(open_book(&book, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(book_customer_by_uid(book, 6, NULL));
    close_book(book);
    tear_down();
}

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
    CU_ASSERT_EQUAL(add_customer(book, "new", 20, NULL), 0);
    CU_ASSERT_EQUAL(
        book_customer_set(book, book_customer(book, "acme"), &to, NULL, NULL),
        0);
    CU_ASSERT_EQUAL(
        book_customer_remove(book, book_customer(book, "old"), NULL, NULL), 0);
    add_guest(book, "new", "www");
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

    set_up();
    signal(SIGXFSZ, SIG_IGN);
    n_taken_back = 0;
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    book_set_notify(book, &notify);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "old", 2, NULL), 0);
    struct assignment *a = add_guest(book, "acme", "web");
    struct assignment *b = add_guest(book, "acme", "db");
    CU_ASSERT_EQUAL(book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL,
                                         NULL, NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    answer.owner = "old";
    answer.key = "o";
    CU_ASSERT_EQUAL(book_answer_put(book, &answer, NULL), 0);
    CU_ASSERT_EQUAL(settle(book, NULL), 0);
    web = a->uuid;
    db = b->uuid;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 200 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    change_all(book, a, b);
    CU_ASSERT_EQUAL(settle(book, &err), VDC_E_DISK_FULL);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(n_taken_back, 10);
    check_unchanged(book, &web, &db);
    close_book(book);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    check_unchanged(book, &web, &db);
    /* and the same with room */
    change_all(book, book_assignment(book, &web), book_assignment(book, &db));
    CU_ASSERT_EQUAL(settle(book, &err), 0);
    close_book(book);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_PTR_NULL(book_customer(book, "old"));
    CU_ASSERT_PTR_NULL(book_assignment(book, &db));
    CU_ASSERT_STRING_EQUAL(book_assignment(book, &web)->name, "other");
    close_book(book);
    tear_down();
}

static void make_and_close(void)
{
    struct book *book;

    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1, NULL), 0);
    close_book(book);
}

static void newer(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    set_up();
    make_and_close();
    run_sql("PRAGMA user_version = 99");
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_NEWER);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "99"));
    CU_ASSERT(*err.hint);
    tear_down();
}

static void corrupt(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    set_up();
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 500; i++)
        fprintf(f, "this is no database, line %d\n", i);
    fclose(f);
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "backup"));
    unlink(path);

    /* rubbish in the middle of a good one */
    make_and_close();
    f = fopen(path, "r+");
    fseek(f, 4096, SEEK_SET);
    for (int i = 0; i < 4096 * 3; i++)
        fputc(0x5a, f);
    fclose(f);
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT(*err.hint);
    unlink(path);

    /* another program's */
    run_sql("CREATE TABLE t (x)");
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE);
    tear_down();
}

static void inconsistent(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    set_up();
    make_and_close();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    add_guest(book, "acme", "web");
    close_book(book);
    run_sql("DELETE FROM pair WHERE key = 'customer/acme'");
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "acme"));
    run_sql("UPDATE pair SET value = x'0102' WHERE key LIKE 'partition/%'");
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "partition/"));
    tear_down();
}

static void disk_full(void)
{
    struct book *book;
    struct vdc_error err = { 0 };
    struct rlimit old, small;
    struct stat st;
    char wal[160], name[16];
    int n = 0, rc = 0;

    set_up();
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    CU_ASSERT_EQUAL(stat(wal, &st), 0);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)st.st_size + 100 * 1024;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (n = 0; !rc && n < 1000; n++) {
        snprintf(name, sizeof(name), "c%d", n);
        CU_ASSERT_EQUAL(add_customer(book, name, 10000 + (uint32_t)n, NULL),
                        0);
        CU_ASSERT_PTR_NOT_NULL(book_customer(book, name));
        rc = settle(book, &err);
    }
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(rc, VDC_E_DISK_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "full"));
    CU_ASSERT(*err.hint);
    CU_ASSERT_PTR_NULL(book_customer(book, name));
    /* room again: it goes on; and after a restart all is there */
    CU_ASSERT_EQUAL(add_customer(book, name, 1, NULL), 0);
    close_book(book);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        CU_ASSERT_PTR_NOT_NULL(book_customer(book, name));
    }
    close_book(book);
    tear_down();
}

static void no_folder(void)
{
    struct book *book;
    struct vdc_error err = { 0 };

    base = event_base_new();
    strcpy(path, "/nonexistent/policyd.db");
    CU_ASSERT_EQUAL(open_book(&book, &err), VDC_E_STORE);
    event_base_free(base);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/policyd.db"));
    CU_ASSERT(*err.hint);
}

static void owner_only(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    struct book *book;
    struct stat st;
    char file[160];

    set_up();
    mode_t mask = umask(022);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1001, NULL), 0);
    CU_ASSERT_EQUAL(umask(mask), 022);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        CU_ASSERT_EQUAL(stat(file, &st), 0);
        CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    }
    close_book(book);
    tear_down();
}

static void one_at_a_time(void)
{
    struct book *book, *other = NULL;
    struct vdc_error err = { 0 };
    sqlite3 *db;

    set_up();
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_EQUAL(open_book(&other, &err), VDC_E_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "in use"));
    if (other)
        book_close(other);
    /* a backup can be made all the same */
    CU_ASSERT_EQUAL(sqlite3_open(path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "SELECT * FROM pair", NULL, NULL, NULL),
                    SQLITE_OK);
    sqlite3_close(db);
    CU_ASSERT_EQUAL(add_customer(book, "acme", 1001, NULL), 0);
    close_book(book);
    CU_ASSERT_EQUAL_FATAL(open_book(&book, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(book_customer(book, "acme"));
    close_book(book);
    tear_down();
}

static const struct unit_test tests[] = {
    { "remembers", remembers },
    { "refuses doubles", refuses_doubles },
    { "counts anew", counts_anew },
    { "another quota", other_quota },
    { "answers to keys", answers },
    { "made by an older version", older },
    { "converted from version 2", converted },
    { "not converted", not_converted },
    { "taken back", taken_back },
    { "made by a newer version", newer },
    { "damaged", corrupt },
    { "inconsistent", inconsistent },
    { "disk full", disk_full },
    { "no such folder", no_folder },
    { "for its owner only", owner_only },
    { "one policyd at a time", one_at_a_time },
};

UNIT_MAIN("policyd/store", tests)
