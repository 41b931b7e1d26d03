/*
 * resourced on two simulated hosts: a guest that was to go from one to the
 * other, and something comes in between: a cancel, a deadline, the guest
 * itself, nobody who comes; and one that waits on the other host for the
 * decision, for as long as it takes.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/process.h"
#include "tests/sim/rd_change.h"
#include "tests/sim/rd_host.h"
#include "tests/sim/rd_pair.h"
#include "tests/sim/rd_proxy.h"
#include "tests/unit/unit.h"

static struct rd_pair *new_pair(const char *options, const char *cmdline)
{
    struct rd_pair *pair = rd_pair_new(options, options);

    rd_pair_create(pair, cmdline);
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

/* In a while nothing of it is on b. */
static bool is_gone_from(struct rd *rd)
{
    for (int i = 0; i < 400; i++) {
        if (rd_domains(rd) == 0 && !rd_show(rd, "web"))
            return true;
        rd_sleep(10);
    }
    return false;
}

static bool is_untouched(struct rd_pair *pair)
{
    return rd_pair_runs(pair, pair->a) &&
           rd_show(pair->a, "web")->state == WIRE_RUNNING &&
           is_gone_from(pair->b);
}

static uint32_t begin_send(struct rd_pair *pair, uint64_t timeout_ms)
{
    struct rd_transaction t;

    rd_pair_fill_send(pair, &t);
    t.t.timeout_ms = timeout_ms;
    return rd_send_transaction(pair->a, &t);
}

/* ---- cancel, deadline ---- */

static void test_cancel(void)
{
    static const unsigned after_ms[] = { 0, 1, 3, 10, 100, 300 };

    for (size_t i = 0; i < sizeof(after_ms) / sizeof(after_ms[0]); i++) {
        struct rd_pair *pair = new_pair("send_ms=600", "");
        pair->live = i % 2;
        uint32_t id = begin_send(pair, 0);
        rd_sleep(after_ms[i]);
        rd_cancel(pair->a, id);
        CU_ASSERT_EQUAL(rd_answer(pair->a, id, NULL, &pair->err),
                        VDC_E_CANCELLED);
        CU_ASSERT(is_untouched(pair));
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
        if (i == 5)
            rd_pair_go(pair);
        rd_pair_free(pair);
    }
}

static void test_deadline(void)
{
    struct rd_pair *pair = new_pair("send_ms=1000", "");
    struct rd_transaction t;
    uint32_t id = begin_send(pair, 200);

    CU_ASSERT_EQUAL(rd_answer(pair->a, id, NULL, &pair->err), VDC_E_TIMEOUT);
    CU_ASSERT(is_untouched(pair));
    /* Of the other host's transaction: the reason is told here. */
    rd_pair_next(pair);
    rd_pair_fill_target(pair, WIRE_STAGE_EXPECT, &t);
    t.t.timeout_ms = 200;
    CU_ASSERT_EQUAL(rd_transact(pair->b, &t, NULL, &pair->err), 0);
    CU_ASSERT(rd_pair_send(pair) != 0);
    CU_ASSERT(says(pair, "was not done within"));
    CU_ASSERT(is_untouched(pair));
    rd_pair_free(pair);
}

/* Given up by policyd while it comes. */
static void test_abandoned(void)
{
    struct rd_pair *pair = new_pair("send_ms=600", "");
    uint32_t id = begin_send(pair, 0);

    rd_sleep(100);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                    VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_CONFLICT);
    CU_ASSERT(says(pair, "is coming already"));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    CU_ASSERT_EQUAL(rd_domains(pair->b), 0);
    CU_ASSERT(rd_answer(pair->a, id, NULL, &pair->err) != 0);
    CU_ASSERT(says(pair, "web does not go to beta"));
    CU_ASSERT(is_untouched(pair));
    /* For ever. */
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_CONFLICT);
    CU_ASSERT(rd_pair_stage(pair, WIRE_STAGE_RELEASED) != 0);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    rd_pair_free(pair);
}

/* ---- the guest ---- */

static void test_stops(void)
{
    static const enum hv_shutdown_reason reasons[] = {
        HV_SHUTDOWN_POWEROFF, HV_SHUTDOWN_CRASH, HV_SHUTDOWN_REBOOT
    };

    for (size_t i = 0; i < 3; i++) {
        struct rd_pair *pair = new_pair("send_ms=600", "");
        uint32_t id = begin_send(pair, 0);
        rd_sleep(100);
        struct hv_domain_info info = rd_pair_domain(pair, pair->a);
        CU_ASSERT_EQUAL(hv_sim_guest_stop(rd_host(pair->a), info.domid,
                                          reasons[i], NULL), 0);
        CU_ASSERT(rd_answer(pair->a, id, NULL, &pair->err) != 0);
        CU_ASSERT(says(pair, "web"));
        /* What follows is as ever. */
        CU_ASSERT(rd_wait_state(pair->a, "web",
                                reasons[i] == HV_SHUTDOWN_REBOOT
                                    ? WIRE_RUNNING
                                    : WIRE_STOPPED, 4000));
        CU_ASSERT(is_gone_from(pair->b));
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
        rd_pair_free(pair);
    }
}

static void test_does_not_suspend(void)
{
    struct rd_pair *pair = new_pair("send_ms=20,suspend_ms=200",
                                    "sim.suspend=ignore");

    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_TIMEOUT);
    CU_ASSERT(says(pair, "web does not suspend"));
    CU_ASSERT(is_untouched(pair));
    rd_pair_free(pair);
}

/* What cannot go at all is said before anything is touched. */
static void test_cannot(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");

    CU_ASSERT_EQUAL(rd_do(pair->a, WIRE_MSG_partition_shutdown, "web", NULL),
                    0);
    CU_ASSERT(rd_wait_state(pair->a, "web", WIRE_STOPPED, 4000));
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_WRONG_STATE);
    CU_ASSERT(says(pair, "is not running"));
    rd_destroy(pair->a, "web", false);
    pair->definition.type = WIRE_PV;
    CU_ASSERT_EQUAL(rd_create(pair->a, &pair->definition, true, NULL), 0);
    rd_pair_next(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_UNSUPPORTED);
    CU_ASSERT(is_untouched(pair));
    pair->live = false;
    rd_pair_go(pair);
    rd_pair_free(pair);
}

/* ---- nobody comes; nothing goes on ---- */

static void short_wait(struct rd_pair *pair)
{
    struct rd *both[] = { pair->a, pair->b };

    for (int i = 0; i < 2; i++) {
        rd_kill(both[i]);
        strcat((char *)both[i]->settings, "migrate_wait = \"300ms\"\n");
        CU_ASSERT_FATAL(rd_start(both[i]));
    }
}

static void test_expires(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");

    short_wait(pair); /* which forgets whom it expected, as well */
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_DENIED);
    rd_pair_next(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    rd_sleep(600);
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_DENIED);
    CU_ASSERT(rd_logged(pair->b, "is expected no more"));
    CU_ASSERT(is_untouched(pair));
    rd_pair_go(pair);
    rd_pair_free(pair);
}

/* The connection hangs, at each record. */
static void test_hangs(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");
    unsigned k = 0, n_late = 0;
    bool hit = true;

    short_wait(pair);
    while (hit && k < 100) {
        rd_pair_next(pair);
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
        struct rd_proxy *proxy = rd_proxy_new(pair->port_b, ++k,
                                              RD_PROXY_HANG, 0);
        pair->send_to = (uint16_t)rd_proxy_port(proxy);
        int rc = k > 5 ? rd_pair_send(pair) : VDC_E_TIMEOUT;
        hit = k <= 5 || rd_proxy_end(proxy, NULL);
        if (k <= 5) /* the handshake has its own 15 s */
            rd_proxy_end(proxy, NULL);
        pair->send_to = 0;
        if (rc == 0)
            break;
        CU_ASSERT(rd_pair_runs(pair, pair->a));
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
        CU_ASSERT(is_untouched(pair));
        if (rc == VDC_E_DENIED && n_late++ < 50) {
            k--; /* it is slow here: the guest was expected no more */
            hit = true;
        }
    }
    CU_ASSERT(k > 8);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_pair_free(pair);
}

/* ---- prepared ---- */

/* A plain question for the answer does not wait for it. */
static int recall(struct rd_pair *pair)
{
    struct rd_transaction t;

    rd_begin(&t);
    t.t.key = pair->key_b;
    t.t.recall = t.t.close = true;
    return rd_transact(pair->b, &t, NULL, &pair->err);
}

static void check_waits(struct rd_pair *pair)
{
    struct hv_domain_info info = rd_pair_domain(pair, pair->b);

    const struct wire_partition *p = rd_show(pair->b, "web");

    CU_ASSERT(info.domid && info.paused);
    CU_ASSERT_FATAL(p != NULL);
    CU_ASSERT_EQUAL(p->state, WIRE_STARTING);
    CU_ASSERT_EQUAL(recall(pair), VDC_E_BUSY);
    CU_ASSERT(says(pair, "waits for host alpha to release it"));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_CONFLICT);
    pair->epoch++;
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED),
                    VDC_E_CONFLICT);
    pair->epoch--;
    rd_check_agrees(pair->b);
}

static void test_stays(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");
    uint64_t free_b = rd_free_kib(pair->b);

    rd_pair_wait_on_b(pair, false);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    check_waits(pair);
    for (int i = 0; i < 2; i++) {
        rd_kill(pair->b);
        CU_ASSERT_FATAL(rd_start(pair->b));
        check_waits(pair);
    }
    CU_ASSERT_EQUAL(rd_create_simple(pair->b, "other", ""), 0);
    CU_ASSERT_EQUAL(rd_destroy(pair->b, "other", false), 0);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    CU_ASSERT_EQUAL(rd_domains(pair->b), 0);
    CU_ASSERT_EQUAL(rd_free_kib(pair->b), free_b);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
    CU_ASSERT(rd_pair_stage(pair, WIRE_STAGE_RELEASED) != 0);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_CONFLICT);
    CU_ASSERT(is_untouched(pair));
    rd_check_agrees(pair->b);
    rd_pair_go(pair);
    rd_pair_free(pair);
}

static void drop_answers(struct rd *rd)
{
    rd_kill(rd);
    rd_sql(rd, "DELETE FROM answer");
    CU_ASSERT_FATAL(rd_start(rd));
}

static void test_goes_on(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");

    rd_pair_wait_on_b(pair, true);
    unsigned n_started = rd_events(pair->b, WIRE_EVENT_STARTED, "web", "");
    CU_ASSERT_PTR_NULL(rd_show(pair->a, "web"));
    check_waits(pair);
    rd_kill(pair->b);
    CU_ASSERT_FATAL(rd_start(pair->b));
    check_waits(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    CU_ASSERT_EQUAL(rd_show(pair->b, "web")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_events(pair->b, WIRE_EVENT_STARTED, "web", ""),
                    n_started + 1);
    rd_check_agrees(pair->b);
    /* Asked again, also when the answers are not kept any more. */
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED),
                        VDC_E_CONFLICT);
        CU_ASSERT_EQUAL(rd_pair_send(pair), 0);
        drop_answers(pair->a);
        drop_answers(pair->b);
    }
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    CU_ASSERT(rd_pair_stage(pair, WIRE_STAGE_EXPECT) != 0);
    rd_pair_free(pair);
}

static void test_late(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");

    pair->timeout_ms = 1500;
    rd_pair_wait_on_b(pair, true);
    rd_sleep(1600);
    check_waits(pair);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_pair_free(pair);
}

/* Its host loses power while it waits: nothing is left to decide. */
static void test_lost(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");

    rd_pair_wait_on_b(pair, true);
    rd_kill(pair->b);
    hv_sim_power_cut(rd_host(pair->b));
    CU_ASSERT_FATAL(rd_start(pair->b));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_domains(pair->b), 0);
    CU_ASSERT_PTR_NULL(rd_show(pair->b, "web"));
    CU_ASSERT_EQUAL(rd_pair_settle(pair), RD_PAIR_RETURNED);
    CU_ASSERT(rd_pair_runs(pair, pair->a));
    rd_pair_go(pair);
    rd_pair_free(pair);
}

/* The database is another, and Xen has its domain. */
static void test_forgotten(void)
{
    struct rd_pair *pair = new_pair("send_ms=20", "");
    struct rd *b = pair->b;

    rd_pair_wait_on_b(pair, true);
    rd_kill(b);
    CU_ASSERT(rd_journal_rows(b) == 1);
    rd_sql(b, "DELETE FROM journal WHERE id < 9223372036854775807");
    CU_ASSERT_FATAL(rd_start(b));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED),
                    VDC_E_WRONG_STATE);
    CU_ASSERT(says(pair, "of which the database knows nothing"));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED),
                    VDC_E_WRONG_STATE);
    rd_pair_free(pair);
}

/* ---- how fast, and how much is kept ---- */

static void test_large(void)
{
    struct rd_pair *pair = new_pair("send_ms=20,stream=100", "");
    uint64_t rss_a = rd_status_kib(pair->a, "VmHWM");
    uint64_t rss_b = rd_status_kib(pair->b, "VmHWM");

    /* 64 MiB, at 32 MiB a second; each second it is told how far it is. */
    pair->kib_per_s = 32768;
    uint64_t begun = clock_mono().ms;
    CU_ASSERT_EQUAL(rd_pair_send(pair), 0);
    uint64_t took = clock_mono().ms - begun;
    CU_ASSERT(took > 1600 && took < 9000 * unit_time_factor());
    CU_ASSERT(pair->a->n_progress > 4);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    rss_a = rd_status_kib(pair->a, "VmHWM") - rss_a;
    rss_b = rd_status_kib(pair->b, "VmHWM") - rss_b;
    printf("\n    64 MiB took %u ms; %u and %u KiB of memory more, ",
           (unsigned)took, (unsigned)rss_a, (unsigned)rss_b);
    CU_ASSERT(WITH_SANITIZER || (rss_a < 20 * 1024 && rss_b < 20 * 1024));
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_pair_free(pair);
}

static const struct unit_test tests[] = {
    { "cancelled", test_cancel },
    { "deadlines", test_deadline },
    { "given up", test_abandoned },
    { "it stops by itself", test_stops },
    { "it does not suspend", test_does_not_suspend },
    { "it cannot go", test_cannot },
    { "nobody comes", test_expires },
    { "nothing goes on", test_hangs },
    { "it waits, and stays", test_stays },
    { "it waits, and goes on", test_goes_on },
    { "it waits beyond its deadline", test_late },
    { "it waits, and is lost", test_lost },
    { "it waits, and is forgotten", test_forgotten },
    { "how much is kept", test_large },
};

UNIT_MAIN("resourced: guests that wait to go", tests)
