/* Tests of watchdogd/vote.c. */
#include "watchdogd/vote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/unit.h"
#include "wire/fence.h"

static struct vote made(uint64_t version, const char *names)
{
    struct vote vote = { .version = version };

    vote.n_members = strlen(names);
    vote.members = xzalloc((vote.n_members + 1) * sizeof(vote.members[0]));
    for (size_t i = 0; i < vote.n_members; i++) {
        vote.members[i].name[0] = names[i];
        strcpy(vote.members[i].address, "127.0.0.1:1");
    }
    vote_sort(&vote);
    return vote;
}

static int check(const struct vote *now, uint64_t version, const char *names)
{
    struct vote next = made(version, names);
    int rc = vote_check(now, &next, NULL);

    vote_fini(&next);
    return rc;
}

static void lists(void)
{
    struct vote now = made(5, "abc"), none = { 0 };

    CU_ASSERT_EQUAL(check(&none, 1, "abc"), 0);
    CU_ASSERT_EQUAL(check(&now, 5, "cba"), 0);
    CU_ASSERT_EQUAL(check(&now, 6, "ab"), 0);
    CU_ASSERT_EQUAL(check(&now, 4, "abc"), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(check(&now, 5, "abcd"), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(check(&now, 5, "abd"), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(check(&now, 6, "aab"), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(check(&now, 6, "a b"), VDC_E_BAD_VALUE);
    struct vote next = made(6, "abc");
    strcpy(next.members[1].address, "host.example:8448");
    CU_ASSERT_EQUAL(vote_check(&now, &next, NULL), VDC_E_BAD_VALUE);
    vote_fini(&next);
    vote_fini(&now);
}

static void who_counts(void)
{
    struct vote two = made(1, "ab"), three = made(1, "abc");

    CU_ASSERT_FALSE(vote_counts(&two, "a"));
    CU_ASSERT_TRUE(vote_counts(&three, "a"));
    CU_ASSERT_FALSE(vote_counts(&three, "x"));
    vote_fini(&two);
    vote_fini(&three);
}

/* Of five two others are needed: until the later but one is too old. */
static void majority(void)
{
    struct vote vote = made(1, "abcde");

    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "a"), 0);
    vote_answered(&vote, &vote.members[1], 1000, 1);
    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "a"), 0);
    vote_answered(&vote, &vote.members[4], 3000, 1);
    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "a"),
                    1000 + FENCE_HEARD_MS);
    vote_answered(&vote, &vote.members[2], 2000, 1);
    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "a"),
                    2000 + FENCE_HEARD_MS);
    CU_ASSERT_EQUAL(vote_heard(&vote, "a", 3000), 4);
    CU_ASSERT_EQUAL(vote_heard(&vote, "a", 2000 + FENCE_HEARD_MS), 2);
    /* an answer that was overtaken */
    vote_answered(&vote, &vote.members[4], 500, 1);
    CU_ASSERT_EQUAL(vote.members[4].asked_ms, 3000);
    vote_fini(&vote);

    vote = made(1, "abcd"); /* of four, too */
    vote_answered(&vote, &vote.members[1], 1000, 1);
    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "a"), 0);
    vote_fini(&vote);
}

static void versions(void)
{
    struct vote vote = made(4, "abc");

    vote_answered(&vote, &vote.members[1], 1000, 6);
    CU_ASSERT_EQUAL(vote.members[1].asked_ms, 0);
    vote_answered(&vote, &vote.members[1], 1000, 5);
    CU_ASSERT_EQUAL(vote.members[1].asked_ms, 1000);
    vote_answered(&vote, &vote.members[2], 1000, 2);
    CU_ASSERT_EQUAL(vote.members[2].asked_ms, 1000);
    vote_fini(&vote);
}

static void who_stays_is_heard(void)
{
    struct vote vote = made(1, "abc"), next = made(2, "acd");

    vote.members[2].asked_ms = 7;
    vote.members[2].came_ms = 8;
    vote_replace(&vote, &next);
    CU_ASSERT_EQUAL(vote.version, 2);
    CU_ASSERT_EQUAL(vote_find(&vote, "c")->asked_ms, 7);
    CU_ASSERT_EQUAL(vote_find(&vote, "c")->came_ms, 8);
    CU_ASSERT_EQUAL(vote_find(&vote, "d")->asked_ms, 0);
    CU_ASSERT_PTR_NULL(vote_find(&vote, "b"));
    CU_ASSERT_EQUAL(next.n_members, 0);
    vote_fini(&vote);
}

static void addresses(void)
{
    struct vote vote = made(1, "abc"), none = { 0 };

    strcpy(vote.members[1].address, "[fe80:0::1]:8448");
    strcpy(vote.members[2].address, "10.0.0.7:8448");
    vote_sort(&vote);
    CU_ASSERT_TRUE(vote_has_address(&vote, "127.0.0.1"));
    CU_ASSERT_TRUE(vote_has_address(&vote, "fe80::1"));
    CU_ASSERT_TRUE(vote_has_address(&vote, "10.0.0.7"));
    CU_ASSERT_TRUE(vote_has_address(&vote, "::ffff:10.0.0.7"));
    CU_ASSERT_FALSE(vote_has_address(&vote, "10.0.0.70"));
    CU_ASSERT_FALSE(vote_has_address(&vote, "10.0.0.8"));
    CU_ASSERT_FALSE(vote_has_address(&vote, ""));
    CU_ASSERT_FALSE(vote_has_address(&none, "127.0.0.1"));
    vote_fini(&vote);
}

static struct vote made_of(uint64_t version, size_t n)
{
    struct vote vote = { .version = version };

    vote.n_members = n;
    vote.members = xzalloc((n + 1) * sizeof(vote.members[0]));
    for (size_t i = 0; i < n; i++) { /* not in order */
        size_t number = i * 7919 % n;
        snprintf(vote.members[i].name, VOTE_NAME_SIZE, "host-%04zu", number);
        snprintf(vote.members[i].address, VOTE_ADDRESS_SIZE,
                 "10.0.%zu.%zu:8448", number / 256, number % 256);
    }
    vote_sort(&vote);
    return vote;
}

/* What a beat does: policyd tells the list, each member asks and answers, some
 * strangers come, and it is looked at who is heard. */
static uint64_t work_of_a_beat(size_t n)
{
    struct vote vote = made_of(3, n);
    uint64_t before = vote_n_compared;
    struct vote next = made_of(4, n);

    CU_ASSERT_EQUAL(vote_check(&vote, &next, NULL), 0);
    vote_replace(&vote, &next);
    for (size_t i = 0; i < n; i++) {
        struct vote_member *member =
            vote_find(&vote, vote.members[(i * 31) % n].name);
        CU_ASSERT_PTR_NOT_NULL_FATAL(member);
        vote_answered(&vote, member, 1000, 4);
        CU_ASSERT_TRUE(vote_has_address(&vote, "10.0.0.1"));
    }
    CU_ASSERT_TRUE(vote_counts(&vote, "host-0001"));
    CU_ASSERT_EQUAL(vote_heard(&vote, "host-0001", 2000), n);
    CU_ASSERT_EQUAL(vote_connected_until_ms(&vote, "host-0001"),
                    1000 + FENCE_HEARD_MS);
    vote_fini(&vote);
    return vote_n_compared - before;
}

static void many(void)
{
    uint64_t few = work_of_a_beat(100), most = work_of_a_beat(1000);

    /* 100 would be all with each, and 1,000 all with each with each */
    CU_ASSERT(most < 20 * few);
    CU_ASSERT(most < 100 * 1000);
}

static const struct unit_test tests[] = {
    { "which list may follow", lists },
    { "who takes part", who_counts },
    { "a majority, and until when", majority },
    { "an answer by a list that is far ahead", versions },
    { "who stays is heard still", who_stays_is_heard },
    { "who has the address of a member", addresses },
    { "1,000 members", many },
};

UNIT_MAIN("watchdogd/vote", tests)
