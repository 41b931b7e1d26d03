/* Tests of policyd/store/identity.c. */
#include "policyd/store/identity.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/policies/policy.h"
#include "tests/unit/unit.h"

static char folder[64];
static struct event_base *base;
static struct book *book;
static struct arena *arena;

static void set_up(void)
{
    struct store *store;
    char path[128];

    arena = arena_new();
    base = event_base_new();
    strcpy(folder, "/tmp/xen-vdc-identity-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/db", folder);
    const struct store_settings settings = { .address = path };
    CU_ASSERT_EQUAL_FATAL(store_open(base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &book, NULL), 0);
}

static void tear_down(void)
{
    char command[128];

    book_close(book);
    event_base_free(base);
    arena_free(arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void add(const struct vdc_uuid *uuid, const char *macs)
{
    const struct store_assignment row = { .uuid = *uuid,
                                          .customer = NAMES_PROVIDER,
                                          .name = "g",
                                          .new_name = "",
                                          .host = "h",
                                          .state = ASSIGNMENT_CREATING,
                                          .macs = macs,
                                          .reason = "" };
    struct assignment *a;

    CU_ASSERT_EQUAL_FATAL(book_assignment_add(book, &row, NULL, &a, NULL), 0);
}

static void of_keys(void)
{
    struct vdc_uuid a, b;

    identity_of_key("acme", "k", 0, &a);
    identity_of_key("acme", "k", 0, &b);
    CU_ASSERT(uuid_equal(&a, &b));
    identity_of_key("acme", "k", 1, &b);
    CU_ASSERT_FALSE(uuid_equal(&a, &b));
    identity_of_key("globex", "k", 0, &b);
    CU_ASSERT_FALSE(uuid_equal(&a, &b));
    identity_of_key("acmek", "", 0, &b);
    CU_ASSERT_FALSE(uuid_equal(&a, &b));
    CU_ASSERT_EQUAL(a.bytes[6] >> 4, 4);
    CU_ASSERT_EQUAL(a.bytes[8] >> 6, 2);
}

static void uuids(void)
{
    struct vdc_uuid uuid = { { 0 } };
    struct vdc_error err = { 0 };

    set_up();
    CU_ASSERT_EQUAL(identity_uuid(book, &uuid, NULL), 0);
    CU_ASSERT_FALSE(uuid_is_zero(&uuid));
    CU_ASSERT_EQUAL(identity_uuid(book, &uuid, NULL), 0);
    add(&uuid, "");
    CU_ASSERT_EQUAL(identity_uuid(book, &uuid, &err), VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "UUID"));
    tear_down();
}

static void macs(void)
{
    const struct vdc_uuid one = { { 1 } }, two = { { 2 } };
    struct vdc_error err = { 0 };

    set_up();
    add(&one, "00:16:3e:00:00:01");
    struct identity_macs m = { book, arena, "" };
    /* another's; its own; twice in one transaction */
    CU_ASSERT_EQUAL(identity_take_mac(&m, &two, "00:16:3E:00:00:01", &err),
                    VDC_E_EXISTS);
    CU_ASSERT_EQUAL(identity_take_mac(&m, &one, "00:16:3e:00:00:01", &err), 0);
    CU_ASSERT_EQUAL(identity_take_mac(&m, &one, "00:16:3e:00:00:01", &err),
                    VDC_E_EXISTS);
    const char *first = identity_draw_mac(&m, &two, false);
    const char *second = identity_draw_mac(&m, &two, false);
    CU_ASSERT(policy_mac_valid(first));
    CU_ASSERT_EQUAL(strncmp(first, "00:16:3e:", 9), 0);
    CU_ASSERT_STRING_NOT_EQUAL(first, second);
    /* the same again for the same guest, unless it has it already */
    m.taken = "";
    CU_ASSERT_STRING_EQUAL(identity_draw_mac(&m, &two, false), first);
    m.taken = "";
    const struct assignment *a = book_assignment(book, &one);
    CU_ASSERT_EQUAL(
        book_assignment_remove(book, (struct assignment *)a, NULL, NULL), 0);
    add(&two, first);
    CU_ASSERT_STRING_NOT_EQUAL(identity_draw_mac(&m, &two, false), first);
    m.taken = "";
    CU_ASSERT_STRING_EQUAL(identity_draw_mac(&m, &two, true), first);
    tear_down();
}

static const struct unit_test tests[] = {
    { "UUIDs of keys", of_keys },
    { "UUIDs", uuids },
    { "MAC addresses", macs },
};

UNIT_MAIN("policyd/identity", tests)
