/* Tests of resourced/store*.c: events, answers, leases and resources. */
#include "resourced/store.h"

#include <string.h>

#include "tests/unit/resourced/store_case.h"
#include "tests/unit/unit.h"

static struct store *set_up(void)
{
    store_case_begin();
    return store_case_open();
}

struct events_told {
    bool told;
    size_t n;
    uint64_t first, last, number[200];
};

static void take_events(void *arg, int rc, const struct vdc_error *err,
                        const struct wire_event *events, size_t n,
                        uint64_t first, uint64_t last)
{
    struct events_told *to = arg;

    CU_ASSERT_EQUAL(rc, 0);
    to->told = true;
    to->n = n;
    to->first = first;
    to->last = last;
    for (size_t i = 0; i < n && i < 200; i++)
        to->number[i] = events[i].number;
}

static void find(struct store *store, uint64_t since, const char *owner,
                 size_t most, struct events_told *ret)
{
    memset(ret, 0, sizeof(*ret));
    store_find_events(store, since, owner, most, take_events, ret);
    CU_ASSERT_FALSE(ret->told);
    while (!ret->told)
        event_base_loop(place.base, EVLOOP_ONCE);
}

static void events_are_kept(void)
{
    struct store *store = set_up();
    struct events_told found;
    struct wire_event event;

    find(store, 0, "", 10, &found);
    CU_ASSERT(found.n == 0 && found.first == 0 && found.last == 0);
    for (uint32_t i = 1; i <= 300; i++) {
        sample_event(arena, i, &event);
        struct store_change change = { .events = &event,
                                       .n_events = 1,
                                       .event_keep = 100 };
        uint64_t first;
        CU_ASSERT_EQUAL(store_apply(store, &change, &first, NULL), 0);
        CU_ASSERT_EQUAL(first, i);
    }
    find(store, 0, "", 10, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT(found.first > 100 && found.first <= 201);
    CU_ASSERT_EQUAL(found.number[0], found.first);
    CU_ASSERT_EQUAL(found.last, 300);
    find(store, 290, "", 100, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT_EQUAL(found.number[9], 300);
    find(store, 250, "customer3", 100, &found);
    CU_ASSERT_EQUAL(found.n, 10);
    CU_ASSERT_EQUAL(found.number[0], 253);
    find(store, 250, "customer3", 4, &found);
    CU_ASSERT_EQUAL(found.n, 4);
    find(store, UINT64_MAX, "", 4, &found);
    CU_ASSERT(found.n == 0 && found.last == 300);
    uint64_t first = found.first;
    store_close(store);
    store = store_case_open();
    find(store, 0, "", 1, &found);
    CU_ASSERT(found.first == first && found.last == 300);
    store_case_end(store);
}

struct answer_told {
    bool told, found;
    int rc, code;
    uint64_t digest, id;
};

static void take_answer(void *arg, int rc, const struct vdc_error *err,
                        const struct stored_answer *answer)
{
    struct answer_told *to = arg;

    to->told = true;
    to->rc = rc;
    to->found = answer != NULL;
    if (answer) {
        to->code = answer->code;
        to->digest = answer->digest;
        to->id = answer->reply.id;
    }
}

static struct answer_told answer_of(struct store *store, const char *owner,
                                    const char *key)
{
    struct answer_told to = { 0 };

    store_find_answer(store, owner, key, take_answer, &to);
    while (!to.told)
        event_base_loop(place.base, EVLOOP_ONCE);
    return to;
}

static void answers_are_kept(void)
{
    struct store *store = set_up();
    struct stored_answer answer;

    for (uint32_t i = 1; i <= 20; i++) {
        sample_answer(arena, i, &answer);
        struct store_change change = { .answer = &answer };
        CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    }
    struct answer_told to = answer_of(store, "customer1", "key-7");
    CU_ASSERT(to.found && to.rc == 0 && to.code == 0 && to.id == 7);
    CU_ASSERT_EQUAL(to.digest, UINT64_C(0xdeadbeef00000007));
    to = answer_of(store, "customer1", "key-6");
    CU_ASSERT(to.found && to.code == VDC_E_NO_MEMORY);
    CU_ASSERT_FALSE(answer_of(store, "customer2", "key-7").found);
    /* old ones go, and their keys are free again */
    sample_answer(arena, 100, &answer);
    answer.key = "key-3";
    struct store_change change = { .answer = &answer,
                                   .answers_before_ms = 1790000004000 + 11 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    CU_ASSERT_FALSE(answer_of(store, "customer1", "key-10").found);
    CU_ASSERT_TRUE(answer_of(store, "customer1", "key-11").found);
    CU_ASSERT_EQUAL(answer_of(store, "customer1", "key-3").id, 100);
    store_case_end(store);
}

static void leases_and_resources(void)
{
    struct store *store = set_up();
    struct wire_lease lease, *leases;
    struct resource_row resource, *resources;
    size_t n;

    for (uint32_t i = 1; i <= 4; i++) {
        sample_lease(arena, i, &lease);
        sample_resource(arena, i, &resource);
        struct store_change change = { .lease_put = &lease,
                                       .resources_put = &resource,
                                       .n_resources_put = 1 };
        CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    }
    uint64_t remove[] = { 1, 4 };
    lease.expires_ms = 5; /* renewed */
    resource.index = 2;
    resource.generation = 2;
    struct vdc_uuid dropped;
    sample_lease(arena, 1, &lease);
    dropped = lease.id;
    sample_lease(arena, 4, &lease);
    lease.expires_ms = 5;
    struct store_change change = { .lease_put = &lease,
                                   .lease_remove = &dropped,
                                   .resources_put = &resource,
                                   .n_resources_put = 1,
                                   .resources_remove = remove,
                                   .n_resources_remove = 2 };
    CU_ASSERT_EQUAL(store_apply(store, &change, NULL, NULL), 0);
    store_close(store);
    store = store_case_open();
    CU_ASSERT_EQUAL_FATAL(store_leases(store, arena, &leases, &n, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_EQUAL(leases[2].expires_ms, 5);
    CU_ASSERT_STRING_EQUAL(leases[0].owner, "customer2");
    CU_ASSERT_EQUAL_FATAL(store_resources(store, arena, &resources, &n, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(n, 2);
    CU_ASSERT_EQUAL(resources[0].index, 2);
    CU_ASSERT_EQUAL(resources[0].generation, 2);
    CU_ASSERT_EQUAL(resources[1].index, 3);
    /* though row 4 is gone */
    CU_ASSERT_EQUAL(store_next_resource(store), 5);
    store_case_end(store);
}

static const struct unit_test tests[] = {
    { "events", events_are_kept },
    { "answers", answers_are_kept },
    { "leases and resources", leases_and_resources },
};

UNIT_MAIN("resourced/store, what is kept", tests)
