/* A store on SQLite for tests; see store_bed.h. */
#include "tests/unit/policyd/store_bed.h"

#include <event2/event.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char folder[64];
char store_bed_path[128];
struct event_base *store_bed_base;

void store_bed_set_up(void)
{
    store_bed_base = event_base_new();
    strcpy(folder, "/tmp/xen-vdc-store-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(store_bed_path, sizeof(store_bed_path), "%s/policyd.db", folder);
}

void store_bed_tear_down(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    event_base_free(store_bed_base);
}

int store_bed_open(struct book **ret, struct vdc_error *err)
{
    struct store *store;
    const struct store_settings settings = { .address = store_bed_path };
    int rc = store_open(store_bed_base, &settings, &store, err);

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

int store_bed_settle(struct book *book, struct vdc_error *err)
{
    struct vdc_error why = { 0 };

    why.code = 1; /* not told */
    if (!book_wait(book, keep, &why))
        return 0;
    while (why.code == 1)
        event_base_loop(store_bed_base, EVLOOP_ONCE);
    if (err)
        *err = why;
    return why.code;
}

void store_bed_close(struct book *book)
{
    CU_ASSERT_EQUAL(store_bed_settle(book, NULL), 0);
    book_close(book);
}

int store_bed_add_customer(struct book *book, const char *name, uint32_t uid,
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

struct assignment *store_bed_add_guest(struct book *book, const char *customer,
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

void store_bed_sql(const char *sql)
{
    sqlite3 *db;

    CU_ASSERT_EQUAL(sqlite3_open(store_bed_path, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}
