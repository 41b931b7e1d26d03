/*
 * resourced on two simulated hosts: what a move finds that was not made by
 * it, or finds no more: a domain that somebody ended by hand while it waited,
 * one that cannot be published after a crash, a guest that is there already.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/sim/rd_host.h"
#include "tests/sim/rd_pair.h"
#include "tests/unit/unit.h"

static struct rd_pair *new_pair(void)
{
    struct rd_pair *pair = rd_pair_new("send_ms=20", "send_ms=20");

    rd_pair_create(pair, "");
    rd_pair_next(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    return pair;
}

static bool says(const struct rd_pair *pair, const char *words)
{
    bool found = strstr(pair->err.text, words) ||
                 strstr(pair->err.hint, words);

    if (!found)
        printf("\n  %s; %s", pair->err.text, pair->err.hint);
    return found;
}

static void end_by_hand(struct rd_pair *pair)
{
    struct hv_domain_info info = rd_pair_domain(pair, pair->b);

    CU_ASSERT(info.domid && info.paused);
    CU_ASSERT_EQUAL(hv_sim_foreign_destroy(rd_host(pair->b), info.domid,
                                           NULL), 0);
}

static void check_nothing_on_b(struct rd_pair *pair, uint64_t free_b)
{
    CU_ASSERT_EQUAL(rd_domains(pair->b), 0);
    CU_ASSERT_PTR_NULL(rd_show(pair->b, "web"));
    CU_ASSERT_EQUAL(rd_free_kib(pair->b), free_b);
    rd_check_agrees(pair->b);
}

/* ---- ended by hand ---- */

static void test_ended(void)
{
    struct rd_pair *pair = new_pair();
    uint64_t free_b = rd_free_kib(pair->b);

    rd_pair_wait_on_b(pair, true);
    end_by_hand(pair);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                        VDC_E_NOT_FOUND);
        CU_ASSERT(says(pair, "which waited here to take over web"));
        check_nothing_on_b(pair, free_b);
    }
    CU_ASSERT_EQUAL(rd_pair_settle(pair), RD_PAIR_RETURNED);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    rd_pair_go(pair);
    rd_pair_free(pair);
}

static void test_ended_stays(void)
{
    struct rd_pair *pair = new_pair();
    uint64_t free_b = rd_free_kib(pair->b);

    rd_pair_wait_on_b(pair, false);
    end_by_hand(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    check_nothing_on_b(pair, free_b);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    rd_pair_go(pair);
    rd_pair_free(pair);
}

/* After it was taken over, and before it could run: it is here for good, and
 * begins anew. */
static void test_ended_late(void)
{
    struct rd_pair *pair = new_pair();
    struct hv_domain_info before;
    struct rd *b = pair->b;

    rd_kill(b);
    hv_sim_fault(rd_host(b), NULL, NULL);
    b->fault = "fail:unpause:1";
    CU_ASSERT_FATAL(rd_start(b));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    CU_ASSERT_EQUAL(rd_pair_send(pair), 0);
    for (int i = 0; i < 400 && !rd_logged(b, "take-over"); i++)
        rd_sleep(10);
    rd_sleep(100);
    before = rd_pair_domain(pair, b);
    end_by_hand(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_wait_state(b, "web", WIRE_RUNNING, 8000));
    CU_ASSERT(rd_pair_runs(pair, b));
    CU_ASSERT(rd_pair_domain(pair, b).domid != before.domid);
    CU_ASSERT_EQUAL(rd_events(b, WIRE_EVENT_STARTED, "web",
                              "its domain was ended as it came"), 1);
    CU_ASSERT_PTR_NULL(rd_show(pair->a, "web"));
    rd_check_agrees(b);
    rd_pair_free(pair);
}

/* ---- killed, and then it cannot be published ---- */

/* b waits; it was killed, and after its start nothing can be watched. */
static void make_unpublished(struct rd_pair *pair, bool released)
{
    struct rd *b = pair->b;

    rd_pair_wait_on_b(pair, released);
    rd_kill(b);
    hv_sim_fault(rd_host(b), NULL, NULL);
    b->fault = "refuse:watch:1;refuse:watch:2;refuse:watch:3;refuse:watch:4;"
               "refuse:watch:5;refuse:watch:6;refuse:watch:7;refuse:watch:8;"
               "refuse:watch:9;refuse:watch:10;refuse:watch:11";
    CU_ASSERT_FATAL(rd_start(b));
    for (int i = 0; i < 1000 && !rd_logged(b, "comes to no end"); i++)
        rd_sleep(10);
    CU_ASSERT(rd_logged(b, "comes to no end"));
    CU_ASSERT(rd_pair_domain(pair, b).paused);
}

static void test_unpublished_ended(void)
{
    struct rd_pair *pair = new_pair();
    uint64_t free_b = rd_free_kib(pair->b);

    make_unpublished(pair, true);
    end_by_hand(pair);
    uint64_t begun = clock_mono().ms;
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                    VDC_E_NOT_FOUND);
    CU_ASSERT(clock_mono().ms - begun < 5000 * unit_time_factor());
    check_nothing_on_b(pair, free_b);
    CU_ASSERT_EQUAL(rd_pair_settle(pair), RD_PAIR_RETURNED);
    rd_pair_free(pair);
}

static void test_unpublished_abandoned(void)
{
    struct rd_pair *pair = new_pair();
    uint64_t free_b = rd_free_kib(pair->b);

    make_unpublished(pair, false);
    uint64_t begun = clock_mono().ms;
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    CU_ASSERT(clock_mono().ms - begun < 5000 * unit_time_factor());
    check_nothing_on_b(pair, free_b);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    rd_pair_free(pair);
}

/* It is killed once more, and then all is well again. */
static void test_unpublished_killed(void)
{
    struct rd_pair *pair = new_pair();

    make_unpublished(pair, true);
    rd_kill(pair->b);
    pair->b->fault = NULL;
    hv_sim_fault(rd_host(pair->b), NULL, NULL);
    CU_ASSERT_FATAL(rd_start(pair->b));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_check_agrees(pair->b);
    rd_pair_free(pair);
}

/* ---- it is there, and not by this move ---- */

static void test_there(void)
{
    struct rd_pair *pair = rd_pair_new("send_ms=20", "send_ms=20");

    rd_pair_create(pair, "");
    CU_ASSERT_EQUAL(rd_create(pair->b, &pair->definition, false, NULL), 0);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED),
                        VDC_E_WRONG_STATE);
        CU_ASSERT(says(pair, "web is here, and not by this move"));
    }
    CU_ASSERT_PTR_NOT_NULL(rd_show(pair->b, "web"));
    CU_ASSERT_EQUAL(rd_destroy(pair->b, "web", false), 0);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    rd_pair_free(pair);
}

/* ---- the database is made anew ---- */

static void make_anew(struct rd *rd)
{
    struct wire_verify verify;

    rd_kill(rd);
    CU_ASSERT_EQUAL(truncate(rd_path(rd, "db"), 0), 0);
    unlink(rd_path(rd, "db-wal"));
    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_verify, &verify);
    verify.rebuild = true;
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, WIRE_MSG_host_verify, &verify, NULL, NULL), 0);
}

/* What waits is neither taken for a guest of this host, nor for nothing. */
static void test_anew_waiting(void)
{
    for (int released = 0; released < 2; released++) {
        struct rd_pair *pair = new_pair();
        rd_pair_wait_on_b(pair, released);
        make_anew(pair->b);
        CU_ASSERT_PTR_NULL(rd_show(pair->b, "web"));
        CU_ASSERT(rd_pair_domain(pair, pair->b).paused);
        for (int i = 0; i < 2; i++) {
            CU_ASSERT_EQUAL(
                rd_pair_stage(pair, released ? WIRE_STAGE_RELEASED
                                             : WIRE_STAGE_ABANDONED),
                VDC_E_WRONG_STATE);
            CU_ASSERT(says(pair, "of which the database knows nothing"));
        }
        end_by_hand(pair);
        CU_ASSERT_EQUAL(rd_pair_settle(pair), released ? RD_PAIR_RETURNED
                                                       : RD_PAIR_STAYED);
        CU_ASSERT(rd_pair_runs(pair, pair->a));
        rd_pair_free(pair);
    }
}

/* What came, and runs: it is of this host, and the answer is lost. */
static void test_anew_there(void)
{
    struct rd_pair *pair = rd_pair_new("send_ms=20", "send_ms=20");

    rd_pair_create(pair, "");
    rd_pair_go(pair);
    make_anew(pair->b);
    CU_ASSERT_EQUAL(rd_show(pair->b, "web")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED),
                    VDC_E_WRONG_STATE);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_pair_swap(pair);
    rd_pair_go(pair);
    rd_pair_free(pair);
}

static const struct unit_test tests[] = {
    { "ended by hand while it waits", test_ended },
    { "ended by hand, and it stays", test_ended_stays },
    { "ended by hand when it is ours", test_ended_late },
    { "not published, and ended", test_unpublished_ended },
    { "not published, and given up", test_unpublished_abandoned },
    { "not published, and killed", test_unpublished_killed },
    { "it is there already", test_there },
    { "made anew while it waits", test_anew_waiting },
    { "made anew when it is there", test_anew_there },
};

UNIT_MAIN("resourced: what a move finds", tests)
