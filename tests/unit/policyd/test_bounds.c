/* Tests of policyd/customers/bounds.c. */
#include "policyd/customers/bounds.h"

#include <event2/event.h>
#include <string.h>

#include "policyd/names.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/xen-vdc-test-bounds-XXXXXX";

static struct wire_bound bound(enum wire_bound_kind kind, int64_t min,
                               int64_t max)
{
    struct wire_bound b;

    wire_init(&wire_struct_bound, &b);
    b.kind = kind;
    b.min = min;
    b.max = max;
    b.min_by = b.max_by = "acme";
    return b;
}

static struct wire_definition guest(uint64_t mib, uint32_t vcpus)
{
    struct wire_definition d;

    wire_init(&wire_struct_definition, &d);
    d.name = "web";
    d.memory = d.max_memory = MEM_MIB(mib);
    d.vcpus = d.max_vcpus = vcpus;
    return d;
}

static void each_bound(void)
{
    const struct wire_bound all[] = {
        bound(WIRE_BOUND_MEMORY, 65536, 131072),
        bound(WIRE_BOUND_VCPUS, 1, 4),
        bound(WIRE_BOUND_DISK, 1024, 2048),
        bound(WIRE_BOUND_DISKS, 1, 2),
        bound(WIRE_BOUND_NICS, 1, 1),
    };
    struct wire_disk disks[3];
    struct wire_nic nics[2];
    struct wire_definition d = guest(64, 4);
    struct reasons reasons = { 0 };

    for (int i = 0; i < 3; i++) {
        wire_init(&wire_struct_disk, &disks[i]);
        disks[i].vdev = i == 0 ? "xvda" : i == 1 ? "xvdb" : "xvdc";
        disks[i].size = MEM_KIB(1024);
    }
    wire_init(&wire_struct_nic, &nics[0]);
    wire_init(&wire_struct_nic, &nics[1]);
    disks[2].readonly = true; /* counts for nothing */
    disks[2].size = MEM_KIB(1);
    d.disks = disks;
    d.n_disks = 3;
    d.nics = nics;
    d.n_nics = 1;
    CU_ASSERT_FALSE(bounds_check(all, 5, "web", NULL, &d, &reasons));
    d.max_memory = MEM_KIB(131073);
    d.max_vcpus = 5;
    disks[1].size = MEM_KIB(2049);
    disks[2].readonly = false;
    d.n_nics = 2;
    CU_ASSERT(bounds_check(all, 5, "web", NULL, &d, &reasons));
    /* memory, vcpus, the numbers of disks and nics, two disks' sizes */
    CU_ASSERT_EQUAL(reasons.n_errors, 6);
    CU_ASSERT_STRING_EQUAL(reasons.errors[1].text,
                           "guest 'web': vcpus 5 is above the bound 4, set "
                           "for acme");
    CU_ASSERT_STRING_EQUAL(
        reasons.errors[5].text,
        "guest 'web': disk xvdc of 1 KiB is below the bound "
        "1 MiB, set for acme");
    CU_ASSERT_EQUAL(reasons.errors[0].code, VDC_E_QUOTA);
}

/* What was outside before may stay, and come nearer, but not go further. */
static void changes(void)
{
    const struct wire_bound b = bound(WIRE_BOUND_VCPUS, 2, 4);
    struct wire_definition before = guest(64, 8), after = guest(128, 8);
    struct reasons reasons = { 0 };

    CU_ASSERT_FALSE(bounds_check(&b, 1, "web", &before, &after, &reasons));
    after.max_vcpus = 6;
    CU_ASSERT_FALSE(bounds_check(&b, 1, "web", &before, &after, &reasons));
    after.max_vcpus = 9;
    CU_ASSERT(bounds_check(&b, 1, "web", &before, &after, &reasons));
    after.max_vcpus = 1;
    CU_ASSERT(bounds_check(&b, 1, "web", &before, &after, &reasons));
    before.max_vcpus = 1;
    CU_ASSERT_FALSE(bounds_check(&b, 1, "web", &before, &after, &reasons));
}

static void values(void)
{
    const struct wire_bound outer = bound(WIRE_BOUND_VCPUS, 2, 8);
    struct wire_bound b[2] = { bound(WIRE_BOUND_VCPUS, 2, 8),
                               bound(WIRE_BOUND_NICS, -1, -1) };
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(bounds_check_values(b, 2, &outer, 1, &err), 0);
    b[0].max = 9;
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, NULL, 0, &err), 0);
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, &outer, 1, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(err.text, "vcpus: a most of 9 is outside of what "
                                     "is set for acme: 8");
    b[0] = bound(WIRE_BOUND_VCPUS, 1, -1);
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, &outer, 1, &err),
                    VDC_E_BAD_VALUE);
    b[0] = bound(WIRE_BOUND_VCPUS, 9, -1); /* no number would be left */
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, &outer, 1, &err),
                    VDC_E_BAD_VALUE);
    b[0] = bound(WIRE_BOUND_VCPUS, -1, 1);
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, &outer, 1, &err),
                    VDC_E_BAD_VALUE);
    b[0] = bound(WIRE_BOUND_VCPUS, 5, 4);
    CU_ASSERT_EQUAL(bounds_check_values(b, 1, NULL, 0, &err), VDC_E_BAD_VALUE);
    b[0] = b[1];
    CU_ASSERT_EQUAL(bounds_check_values(b, 2, NULL, 0, &err), VDC_E_BAD_VALUE);
    b[0].kind = 0;
    CU_ASSERT_EQUAL(bounds_check_values(b, 1, NULL, 0, &err), VDC_E_BAD_VALUE);
    CU_ASSERT(bounds_same(&b[1], 1, NULL, 0));
    CU_ASSERT_FALSE(bounds_same(&outer, 1, NULL, 0));
}

static struct customer *add(struct book *book, const char *name,
                            struct wire_bound *bounds, uint32_t n)
{
    struct wire_customer c;

    wire_init(&wire_struct_customer, &c);
    c.name = name;
    c.bounds = bounds;
    c.n_bounds = n;
    CU_ASSERT_EQUAL(book_customer_add(book, &c, NULL, NULL), 0);
    return book_customer(book, name);
}

/* The provider's for who has none; a project's within its customer's. */
static void inherited(void)
{
    struct wire_bound of_provider = bound(WIRE_BOUND_VCPUS, 1, 16);
    struct wire_bound of_acme = bound(WIRE_BOUND_VCPUS, -1, 32);
    struct wire_bound of_web[] = { bound(WIRE_BOUND_VCPUS, 2, 64),
                                   bound(WIRE_BOUND_NICS, -1, 1) };
    struct event_base *base = event_base_new();
    struct arena *arena = arena_new();
    struct wire_customer provider;
    struct wire_bound *b;
    struct store *store;
    struct book *book;
    uint32_t n;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    const char *path = arena_printf(arena, "%s/p.db", folder);
    const struct store_settings settings = { .address = path };
    CU_ASSERT_EQUAL_FATAL(store_open(base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &book, NULL), 0);
    const struct customer *acme = add(book, "acme", &of_acme, 1);
    const struct customer *web = add(book, "acme_web", of_web, 2);
    const struct customer *globex = add(book, "globex", NULL, 0);
    bounds_of(book, globex, arena, &b, &n);
    CU_ASSERT_EQUAL(n, 0);
    wire_init(&wire_struct_customer, &provider);
    provider.bounds = &of_provider;
    provider.n_bounds = 1;
    CU_ASSERT_EQUAL(book_customer_set(book, book_customer(book, "provider"),
                                      &provider, NULL, NULL),
                    0);
    bounds_of(book, globex, arena, &b, &n);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT(b[0].max == 16 && strcmp(b[0].max_by, "provider") == 0);
    bounds_of(book, acme, arena, &b, &n);
    CU_ASSERT_EQUAL_FATAL(n, 1);
    CU_ASSERT(b[0].min == 1 && strcmp(b[0].min_by, "provider") == 0);
    CU_ASSERT(b[0].max == 32 && strcmp(b[0].max_by, "acme") == 0);
    bounds_of(book, web, arena, &b, &n);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT(b[0].min == 2 && strcmp(b[0].min_by, "acme_web") == 0);
    CU_ASSERT(b[0].max == 32 && strcmp(b[0].max_by, "acme") == 0);
    CU_ASSERT(b[1].max == 1 && strcmp(b[1].max_by, "acme_web") == 0);
    book_drain(book);
    book_close(book);
    /* and after a restart */
    CU_ASSERT_EQUAL_FATAL(store_open(base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &book, NULL), 0);
    bounds_of(book, book_customer(book, "acme_web"), arena, &b, &n);
    CU_ASSERT(n == 2 && b[0].min == 2 && b[0].max == 32);
    book_close(book);
    CU_ASSERT_EQUAL(system(arena_printf(arena, "rm -r %s", folder)), 0);
    arena_free(arena);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "each bound", each_bound },
    { "changes of guests that are outside", changes },
    { "which bounds are possible", values },
    { "whose bounds hold", inherited },
};

UNIT_MAIN("policyd/bounds", tests)
