/* Tests of policyd/store/store_convert.c: databases of older versions. */
#include <stdio.h>
#include <string.h>

#include "policyd/kv/kv_sqlite.h"
#include "tests/unit/policyd/store_bed.h"
#include "tests/unit/unit.h"

/* A database as version 1 made it. */
static void older(void)
{
    const struct wire_usage more = { .memory = MEM_KIB(2), .vcpus = 2 };
    struct book *book;

    store_bed_set_up();
    store_bed_sql(
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
        CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
        struct customer *c = book_customer_by_uid(book, 5, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(c);
        CU_ASSERT_EQUAL(c->quota.vcpus, 4);
        struct assignment *a = book_assignment_by_name(c, "x");
        CU_ASSERT_PTR_NOT_NULL_FATAL(a);
        CU_ASSERT_EQUAL(a->counts.disk.kib, i ? 0 : 7);
        CU_ASSERT_EQUAL(book_assignment_count(book, a, ASSIGNMENT_CHANGING,
                                              &more, NULL, NULL, NULL),
                        0);
        store_bed_close(book);
    }
    store_bed_tear_down();
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

    store_bed_set_up();
    store_bed_sql(VERSION_2);
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, NULL), 0);
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
    store_bed_close(book);

    /* the record of changes, which is not in memory */
    for (int i = 0; i < 3; i++)
        audits[i].message = "";
    CU_ASSERT_EQUAL_FATAL(
        kv_sqlite_open(store_bed_base, store_bed_path, NULL, &kv, NULL), 0);
    kv_read(kv, "audit/", collect, collected, audits);
    kv_drain(kv);
    kv_close(kv);
    CU_ASSERT(audits[0].own);
    CU_ASSERT_FALSE(audits[1].own);
    CU_ASSERT_EQUAL(audits[1].uid, 5);
    CU_ASSERT_EQUAL(audits[1].result, VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(audits[2].message, "");

    /* as it was, it is still there */
    snprintf(aside, sizeof(aside), "%s.version-2", store_bed_path);
    CU_ASSERT_EQUAL(rename(aside, store_bed_path), 0);
    store_bed_sql("DELETE FROM assignment WHERE name = 'x' AND state = 4");
    arena_free(arena);
    store_bed_tear_down();
}

/* One that cannot be converted stays what it is. */
static void not_converted(void)
{
    struct vdc_error err = { 0 };
    struct book *book;

    store_bed_set_up();
    store_bed_sql(VERSION_2);
    store_bed_sql("INSERT INTO assignment VALUES "
                  "('zzz','acme','z','','h',2,8,2,9,'','',11)");
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(store_bed_open(&book, &err), VDC_E_STORE_CORRUPT);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "zzz"));
    }
    store_bed_sql("DELETE FROM assignment WHERE uuid = 'zzz'");
    CU_ASSERT_EQUAL_FATAL(store_bed_open(&book, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(book_customer_by_uid(book, 6, NULL));
    store_bed_close(book);
    store_bed_tear_down();
}

static const struct unit_test tests[] = {
    { "made by an older version", older },
    { "converted from version 2", converted },
    { "not converted", not_converted },
};

UNIT_MAIN("policyd/store: older versions", tests)
