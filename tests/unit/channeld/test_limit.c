/*
 * The registry's rows and sums, and the limits that stand on them.
 */
#include "channeld/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define A_PEER ((struct peer *)1)

static struct party party(uint32_t domid, const char *owner, const char *name)
{
    struct party p = { .domid = domid };

    PARTY_COPY(p.owner, owner);
    PARTY_COPY(p.name, name);
    p.partition.bytes[0] = (uint8_t)domid;
    return p;
}

static struct channel *add(struct registry *r, const struct party *client,
                           const struct party *server, const char *service,
                           uint32_t pages, enum registry_giver giver)
{
    struct channel *c = registry_add(r, 0);

    c->party[REGISTRY_CLIENT] = *client;
    c->party[REGISTRY_SERVER] = *server;
    c->peer[REGISTRY_CLIENT] = c->peer[REGISTRY_SERVER] = A_PEER;
    PARTY_COPY(c->service, service);
    c->pages = pages;
    c->giver = giver;
    return c;
}

static void test_rows(void)
{
    struct registry r;

    registry_init(&r);
    struct channel *one = registry_add(&r, 0), *two = registry_add(&r, 0);
    CU_ASSERT_EQUAL(one->id, 1);
    CU_ASSERT_EQUAL(two->id, 2);
    CU_ASSERT_PTR_NULL(registry_add(&r, 2));
    struct channel *nine = registry_add(&r, 9), *five = registry_add(&r, 5);
    CU_ASSERT_PTR_EQUAL(registry_after(&r, 2), five);
    CU_ASSERT_PTR_EQUAL(registry_after(&r, 5), nine);
    CU_ASSERT_PTR_NULL(registry_after(&r, 9));
    CU_ASSERT_PTR_EQUAL(registry_find(&r, 9), nine);
    CU_ASSERT_PTR_NULL(registry_find(&r, 3));
    CU_ASSERT_PTR_NULL(registry_find(&r, 0));
    registry_remove(&r, nine);
    /* never used again */
    CU_ASSERT_EQUAL(registry_add(&r, 0)->id, 10);
    registry_clear(&r);
    CU_ASSERT_TRUE(TAILQ_EMPTY(&r.rows));
}

static void test_pages(void)
{
    CU_ASSERT_EQUAL(registry_pages(MEM_KIB(4), MEM_KIB(4)), 3);
    CU_ASSERT_EQUAL(registry_pages(MEM_KIB(64), MEM_KIB(64)), 33);
    CU_ASSERT_EQUAL(registry_pages(MEM_MIB(4), MEM_MIB(4)), 2049);
    CU_ASSERT_EQUAL(registry_pages(MEM_KIB(0), MEM_KIB(64)), 0);
    CU_ASSERT_EQUAL(registry_pages(MEM_KIB(12), MEM_KIB(64)), 0);
    CU_ASSERT_EQUAL(registry_pages(MEM_MIB(8), MEM_KIB(64)), 0);
}

static void test_sums(void)
{
    struct registry r;
    struct party web = party(1, "acme", "web"), db = party(2, "acme", "db"),
                 host = party(0, "", "");
    struct registry_filter acme = { .customer = "acme" };
    struct registry_filter of_web = { .client = &web };

    registry_init(&r);
    add(&r, &web, &db, "s", 3, REGISTRY_GIVER_CLIENT);
    struct channel *c =
        add(&r, &web, &host, "policy", 33, REGISTRY_GIVER_CLIENT);
    add(&r, &host, &db, "s", 5, REGISTRY_GIVER_SERVER);
    add(&r, &db, &db, "s", 9, REGISTRY_GIVER_BROKER);
    struct registry_use use = registry_sum(&r, &acme);
    CU_ASSERT_EQUAL(use.channels, 3);
    CU_ASSERT_EQUAL(use.pages, 45);
    CU_ASSERT_EQUAL(use.grants, 36);
    CU_ASSERT_EQUAL(registry_sum(&r, &of_web).pages, 36);
    CU_ASSERT_EQUAL(registry_grants(&r, &web), 36);
    CU_ASSERT_EQUAL(registry_grants(&r, &db), 5);
    CU_ASSERT_EQUAL(registry_grants(&r, &host), 0);
    /* one that is away for a while has what it has */
    c->peer[REGISTRY_CLIENT] = NULL;
    CU_ASSERT_EQUAL(registry_sum(&r, &of_web).pages, 36);
    CU_ASSERT_EQUAL(registry_grants(&r, &web), 36);
    /* what another claims costs it nothing */
    c->is_claim = true;
    CU_ASSERT_EQUAL(registry_sum(&r, &of_web).pages, 3);
    CU_ASSERT_EQUAL(registry_grants(&r, &web), 3);
    struct registry_filter of_host = { .server = &host };
    CU_ASSERT_EQUAL(registry_sum(&r, &of_host).channels, 1);
    c->peer[REGISTRY_SERVER] = NULL;
    CU_ASSERT_EQUAL(registry_sum(&r, &of_host).channels, 0);
    registry_clear(&r);
}

/* Finding a row costs the height of a tree, however the rows came. */
static void test_looks(void)
{
    enum { ROWS = 4096, LOOKS_MOST = 2 * 13 };
    struct registry r, other;
    uint64_t id = 1;

    registry_init(&r);
    registry_init(&other);
    for (unsigned i = 0; i < ROWS; i++, id = id * 5 % 65537)
        CU_ASSERT_PTR_NOT_NULL(registry_add(&r, id));
    CU_ASSERT_TRUE(r.n_looks <= ROWS * LOOKS_MOST);
    uint64_t before = r.n_looks, last = 0;
    struct channel *c, *next;
    TAILQ_FOREACH(c, &r.rows, link)
    {
        CU_ASSERT_TRUE(c->id > last);
        last = c->id;
        CU_ASSERT_PTR_EQUAL(registry_find(&r, c->id), c);
        CU_ASSERT_PTR_EQUAL(registry_after(&r, c->id), TAILQ_NEXT(c, link));
    }
    CU_ASSERT_TRUE(r.n_looks > before);
    CU_ASSERT_TRUE(r.n_looks - before <= 2 * ROWS * LOOKS_MOST);
    /* every other goes, and is found where it went */
    for (c = TAILQ_FIRST(&r.rows); c; c = next) {
        next = TAILQ_NEXT(c, link);
        id = c->id;
        registry_move(&r, &other, c);
        CU_ASSERT_PTR_NULL(registry_find(&r, id));
        CU_ASSERT_PTR_EQUAL(registry_find(&other, id), c);
        CU_ASSERT_PTR_EQUAL(registry_after(&r, id), next);
        next = next ? TAILQ_NEXT(next, link) : NULL;
    }
    registry_clear(&r);
    registry_clear(&other);
}

/* What one end claims counts for it, and not for the host. */
static void test_claims(void)
{
    struct registry r, claims;
    struct rule_table *table = NULL;
    struct vdc_error err = { 0 };
    struct party web = party(1, "acme", "web"), host = party(0, "", ""),
                 app = party(3, "globex", "app");
    static const char rule[] = "policy @any @any allow";

    CU_ASSERT_EQUAL_FATAL(
        rule_table_parse("r", rule, strlen(rule), &table, &err), 0);
    registry_init(&r);
    registry_init(&claims);
    struct channel *c =
        add(&claims, &web, &app, "policy", 33, REGISTRY_GIVER_CLIENT);
    c->is_claim = true;
    c->peer[REGISTRY_SERVER] = NULL;
    struct limit_request request = {
        .service = "policy",
        .client = &web,
        .server = &host,
        .rule = &table->rules[0],
        .to_server = MEM_KIB(64),
        .to_client = MEM_KIB(64),
        .pages = 33,
        .giver = REGISTRY_GIVER_CLIENT,
        .claims = &claims,
    };
    CU_ASSERT_EQUAL(limit_check(&r, &(struct limits){ .host_channels = 1 },
                                &request, &err),
                    0);
    struct limits one = { .customer_channels = 1 };
    CU_ASSERT_EQUAL(limit_check(&r, &one, &request, &err), VDC_E_QUOTA);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "(acme.web 1)"));
    struct limits pages = { .partition_grants = 60 };
    CU_ASSERT_EQUAL(limit_check(&r, &pages, &request, &err), VDC_E_QUOTA);
    /* of the other end only its teller says that it is one */
    request.client = &app;
    CU_ASSERT_EQUAL(limit_check(&r, &one, &request, &err), 0);
    registry_clear(&r);
    registry_clear(&claims);
    rule_table_free(table);
}

static void test_counts(void)
{
    struct registry r;
    struct party web = party(1, "acme", "web"), host = party(0, "", "");
    struct wire_channel wire;

    registry_init(&r);
    struct channel *c = add(&r, &web, &host, "s", 3, REGISTRY_GIVER_CLIENT);
    c->counts[REGISTRY_SERVER] =
        (struct registry_counts){ true, 10, 20, 3, 4, 1 };
    registry_to_wire(c, &wire);
    CU_ASSERT_EQUAL(wire.sent, 20);
    CU_ASSERT_EQUAL(wire.received, 10);
    c->counts[REGISTRY_CLIENT] =
        (struct registry_counts){ true, 25, 9, 5, 6, 2 };
    registry_to_wire(c, &wire);
    CU_ASSERT_EQUAL(wire.sent, 25);
    CU_ASSERT_EQUAL(wire.received, 10);
    CU_ASSERT_EQUAL(wire.messages, 5);
    CU_ASSERT_EQUAL(wire.notifications, 10);
    CU_ASSERT_EQUAL(wire.stalls, 3);
    CU_ASSERT_STRING_EQUAL(wire.client.owner, "acme");
    registry_clear(&r);
}

/* One channel to policy stands; which limit keeps the second from being? */
static void expect(const struct limits *limits, const char *rule_text,
                   uint32_t offer_most, uint64_t xen, const char *text,
                   const char *hint)
{
    struct registry r;
    struct rule_table *table = NULL;
    struct vdc_error err = { 0 };
    struct party web = party(1, "acme", "web"), host = party(0, "", "");

    CU_ASSERT_EQUAL_FATAL(
        rule_table_parse("r", rule_text, strlen(rule_text), &table, &err), 0);
    registry_init(&r);
    add(&r, &web, &host, "policy", 33, REGISTRY_GIVER_CLIENT);
    struct limit_request request = {
        .service = "policy",
        .client = &web,
        .server = &host,
        .rule = &table->rules[0],
        .to_server = MEM_KIB(64),
        .to_client = MEM_KIB(64),
        .pages = 33,
        .giver = REGISTRY_GIVER_CLIENT,
        .offer_most = offer_most,
        .xen_grants = xen,
    };
    int rc = limit_check(&r, limits, &request, &err);
    if (!text) {
        CU_ASSERT_EQUAL(rc, 0);
    } else {
        CU_ASSERT_EQUAL(rc, VDC_E_QUOTA);
        if (!strstr(err.text, text) || !strstr(err.hint, hint))
            printf("    want '%s'\n     got '%s'\n         '%s'\n", text,
                   err.text, err.hint);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, hint));
    }
    registry_clear(&r);
    rule_table_free(table);
}

#define FREE "policy @any @any allow"

static void test_settings(void)
{
    expect(&(struct limits){ 0 }, FREE, 0, 0, NULL, NULL);
    expect(&(struct limits){ .partition_channels = 2 }, FREE, 0, 0, NULL,
           NULL);
    expect(&(struct limits){ .partition_channels = 1 }, FREE, 0, 0,
           "acme.web has 1 channels (policy 1), and 1 more would be over the "
           "limit of 1 (partition_channels)",
           "raise partition_channels in channeld.conf");
    expect(&(struct limits){ .partition_pages = 65 }, FREE, 0, 0,
           "acme.web has 33 pages of memory (policy 33), and 33 more would "
           "be over the limit of 65 (partition_pages)",
           "raise partition_pages");
    expect(&(struct limits){ .customer_channels = 1 }, FREE, 0, 0,
           "acme has 1 channels (acme.web 1)", "raise customer_channels");
    expect(&(struct limits){ .customer_pages = 60 }, FREE, 0, 0,
           "over the limit of 60 (customer_pages)", "raise customer_pages");
    expect(&(struct limits){ .customer_grants = 60 }, FREE, 0, 0,
           "over the limit of 60 (customer_grants)", "raise customer_grants");
    expect(&(struct limits){ .partition_grants = 60 }, FREE, 0, 0,
           "acme.web has granted 33 pages to channels, and 33 more would be "
           "over the limit of 60 (partition_grants)",
           "raise partition_grants");
    /* whose channels fill the host is not the customer's business */
    expect(&(struct limits){ .host_channels = 1 }, FREE, 0, 0,
           "the host has 1 channels, and 1 more would be over the limit of 1 "
           "(host_channels)",
           "raise host_channels");
    expect(&(struct limits){ .service_channels = 1 }, FREE, 0, 0,
           "the host has 1 channels, and 1 more would be over the limit of 1 "
           "(service_channels)",
           "raise service_channels");
}

static void test_rule_limits(void)
{
    struct limits none = { 0 };

    expect(&none, FREE " channels=2", 0, 0, NULL, NULL);
    expect(&none, FREE " channels=1", 0, 0, "(" FREE " channels=1)",
           "have the rule in line 1 allow more");
    expect(&none, FREE " grants=65", 0, 0,
           "33 granted pages (policy 33), and 33 more would be over the limit "
           "of 65 (" FREE " grants=65)",
           "the rule in line 1");
    expect(&none, FREE " size=32K", 0, 0,
           "a channel to 'policy' has rings of at most 32 KiB",
           "ask for smaller rings");
    expect(&none, FREE " size=64K", 0, 0, NULL, NULL);
}

static void test_offer_and_xen(void)
{
    struct limits none = { 0 };

    expect(&none, FREE, 2, 0, NULL, NULL);
    expect(&none, FREE, 1, 0,
           "'policy' of the host serves 1 channels at once, and has so many",
           "when one is closed");
    expect(&none, FREE, 0, 66, NULL, NULL);
    expect(&none, FREE, 0, 65, "three quarters of what Xen allows",
           "max_grant_frames");
    expect(&(struct limits){ .partition_grants = 1000 }, FREE, 0, 65,
           "limit of 65 (three quarters", "max_grant_frames");
}

static const struct unit_test tests[] = {
    { "rows", test_rows },
    { "pages", test_pages },
    { "sums", test_sums },
    { "work to find a row", test_looks },
    { "claims", test_claims },
    { "counts of both ends", test_counts },
    { "limits of the settings", test_settings },
    { "limits of a rule", test_rule_limits },
    { "limits of the offerer and of Xen", test_offer_and_xen },
};
UNIT_MAIN("limit", tests)
