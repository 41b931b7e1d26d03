/* Tests of policyd/placement: what guests and customers are to each other:
 * dedicated hosts, groups, promises. */
#include "tests/unit/policyd/placement_bed.h"
#include "tests/unit/unit.h"

/* ---- dedication ---- */

static void explicit_hosts(void)
{
    struct placement_request ann = bed_ask(10), bob = bed_ask(10);

    bed_begin();
    ann.customer = bed_name("ann");
    bob.customer = bed_name("bob");
    bed_add_host("h1", 1000);
    struct placement_host h2 = bed_host_of("h2", 2000);
    h2.dedicated = bed_name("ann");
    bed_put(&h2);
    CU_ASSERT_EQUAL(bed_chosen(&bob), 0);
    /* hers are for those that ask for it */
    CU_ASSERT_EQUAL(bed_chosen(&ann), 0);
    ann.dedication = bob.dedication = PLACEMENT_EXPLICIT;
    CU_ASSERT_EQUAL(bed_chosen(&ann), 1);
    CU_ASSERT_EQUAL(bed_choose(&bob, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_DEDICATED, 2, 2);
    CU_ASSERT_STRING_EQUAL(bed.error.hint, "dedicate host h1 to bob");
    bed_end();
}

static void alone(void)
{
    struct placement_request ann = bed_ask(10), bob = bed_ask(10), strict,
                             prefers;

    bed_begin();
    ann.customer = bed_name("ann");
    bob.customer = bed_name("bob");
    strict = prefers = ann;
    strict.dedication = PLACEMENT_STRICT;
    prefers.dedication = PLACEMENT_PREFERRED;
    bed_add_host("h1", 1000);
    bed_add_host("h2", 100);
    uint32_t shared = bed_add_guest(0, &bob);
    CU_ASSERT_EQUAL(bed_chosen(&strict), 1);
    CU_ASSERT_EQUAL(bed_chosen(&prefers), 1);
    bed_add_guest(1, &strict);
    CU_ASSERT_EQUAL(bed_chosen(&strict), 1);
    CU_ASSERT_EQUAL(bed_chosen(&prefers), 1);
    /* nobody else, not even of the same customer */
    CU_ASSERT_EQUAL(bed_chosen(&bob), 0);
    CU_ASSERT_EQUAL(bed_chosen(&ann), 0);
    strict.customer = bed_name("bob");
    CU_ASSERT_EQUAL(bed_chosen(&strict), -1);
    bed_assert_excluded(PLACEMENT_MUST_STRICT, 1, 1);
    bed_assert_excluded(PLACEMENT_MUST_ALONE, 1, 1);
    /* who prefers to be alone takes what there is */
    prefers.customer = bed_name("eve");
    CU_ASSERT_EQUAL(bed_chosen(&prefers), 0);
    CU_ASSERT_EQUAL(bed.decision.winner.terms[PLACEMENT_TERM_SHARED],
                    PLACEMENT_ONE);
    placement_view_remove_guest(bed.view, shared);
    CU_ASSERT_EQUAL(bed_chosen(&strict), 0);
    bed_end();
}

/* ---- groups ---- */

static void in_group(struct placement_request *request, const char *group)
{
    *request = bed_ask(10);
    request->groups[request->n_groups++] = bed_name(group);
}

static void groups(void)
{
    struct placement_rule rule;
    struct placement_request web, db;

    bed_begin();
    for (uint32_t i = 0; i < 3; i++) {
        struct placement_host host =
            bed_host_of((const char *[]){ "h1", "h2", "h3" }[i], 1000);
        host.domain = bed_name(i < 2 ? "rack1" : "rack2");
        bed_put(&host);
    }
    in_group(&web, "web");
    in_group(&db, "db");
    rule = (struct placement_rule){ .name = bed_name("apart"),
                                    .group = bed_name("web"),
                                    .other = bed_name("web"),
                                    .anti = true,
                                    .hard = true };
    CU_ASSERT_EQUAL(placement_view_put_rule(bed.view, &rule, NULL), 0);
    bed_add_guest(0, &web);
    CU_ASSERT_EQUAL(bed_chosen(&web), 1);
    CU_ASSERT_EQUAL(bed_chosen(&db), 1);
    rule.scope = PLACEMENT_DOMAINS;
    CU_ASSERT_EQUAL(placement_view_put_rule(bed.view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&web), 2);
    bed_add_guest(2, &web);
    CU_ASSERT_EQUAL(bed_choose(&web, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_ANTI_AFFINITY, 3, 3);
    CU_ASSERT_STRING_EQUAL(
        bed.error.text,
        "no host can take it: anti-affinity: 3 of 3 hosts (nearest: rule "
        "apart: 1 that it must not be with is in the failure domain of host "
        "h1)");
    rule.hard = false;
    CU_ASSERT_EQUAL(placement_view_put_rule(bed.view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&web), 1);
    CU_ASSERT_EQUAL(bed.decision.winner.terms[PLACEMENT_TERM_SOFT],
                    PLACEMENT_ONE);
    placement_view_remove_rule(bed.view, rule.name);
    /* between two groups, seen from either */
    rule = (struct placement_rule){ .name = bed_name("together"),
                                    .group = bed_name("web"),
                                    .other = bed_name("db"),
                                    .hard = true };
    CU_ASSERT_EQUAL(placement_view_put_rule(bed.view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&web), 1); /* there is no db yet */
    placement_view_set_state(bed.view, 0, PLACEMENT_DRAINING);
    CU_ASSERT_EQUAL(bed_chosen(&db), 2);
    placement_view_set_state(bed.view, 2, PLACEMENT_DOWN);
    CU_ASSERT_EQUAL(bed_chosen(&db), -1);
    bed_assert_excluded(PLACEMENT_MUST_AFFINITY, 1, 1);
    CU_ASSERT_STRING_EQUAL(
        bed.error.hint,
        "bring host h1 up; or make the rule together a soft one");
    rule.hard = false;
    CU_ASSERT_EQUAL(placement_view_put_rule(bed.view, &rule, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&db), 1);
    bed_end();
}

/* ---- promises ---- */

static void promises(void)
{
    struct placement_promise promise;
    struct placement_request small = bed_ask(300), large = bed_ask(600);

    bed_begin();
    bed_add_host("h1", 1000);
    bed_add_host("h2", 1000);
    promise = (struct placement_promise){
        .name = bed_name("spare"),
        .n_guests = 2,
        .spec = { .memory = MEM_MIB(600), .vcpus = 1 },
    };
    CU_ASSERT_EQUAL(placement_view_put_promise(bed.view, &promise, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&small), 0);
    bed_add_guest(0, &small);
    CU_ASSERT_EQUAL(bed_chosen(&small), 1);
    bed_add_guest(1, &small);
    CU_ASSERT_EQUAL(bed_choose(&small, "spread"), VDC_E_NO_HOST);
    bed_assert_excluded(PLACEMENT_MUST_PROMISE, 2, 2);
    CU_ASSERT_STRING_EQUAL(
        bed.error.text,
        "no host can take it: promise: 2 of 2 hosts (nearest: on "
        "host h1 it would take room of promise spare, 1 of 2 "
        "guests)");
    CU_ASSERT_STRING_EQUAL(bed.error.hint,
                           "lower promise spare to 1 guests, or add a host");
    /* whom it is for may use it */
    CU_ASSERT_EQUAL(bed_chosen(&large), 0);
    promise.customer = bed_name("ann");
    CU_ASSERT_EQUAL(placement_view_put_promise(bed.view, &promise, NULL), 0);
    CU_ASSERT_EQUAL(bed_chosen(&small), 0);
    large.customer = bed_name("bob");
    CU_ASSERT_EQUAL(bed_chosen(&large), -1);
    placement_view_remove_promise(bed.view, promise.name);
    CU_ASSERT_EQUAL(bed_chosen(&large), 0);
    bed_end();
}

static const struct unit_test tests[] = {
    { "explicit dedication", explicit_hosts },
    { "strict and preferred dedication", alone },
    { "groups", groups },
    { "promises", promises },
};

UNIT_MAIN("policyd/placement: rules", tests)
