/*
 * A guest goes from host to host, and at every point something dies: either
 * resourced before or after each change that it makes to its host, and at
 * each record of TLS between the two; the connection alone; a host with its
 * memory.  Then both are there again, and are asked what policyd would ask.
 * The guest must be on one host, must never have run on both, and nothing may
 * be left over.
 *
 * As it is, a part of the points is tried; with VDC_SWEEP=full all are.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/rd_host.h"
#include "tests/sim/rd_pair.h"
#include "tests/sim/rd_proxy.h"
#include "tests/sim/rd_state.h"
#include "tests/unit/unit.h"

#define OPTIONS                                                               \
    "create_ms=1,destroy_ms=1,op_ms=1,shutdown_ms=1,save_ms=1,send_ms=8,"     \
    "detach_ms=40,suspend_ms=40"
#define MOST_POINTS 300
/* One of so many is tried; long/sweep.sh tries all. */
#define SPARSE 3

static struct rd_pair *pair;
static uint64_t idle_a, idle_b; /* free, with no guest */
static const char *store_a, *store_b;
static bool mend;
static struct {
    unsigned points, ends[4], looks, bad;
} sum;

static bool is_full(void)
{
    const char *sweep = getenv("VDC_SWEEP");

    return sweep && strcmp(sweep, "full") == 0;
}

static bool is_chosen(unsigned k, unsigned offset, unsigned every)
{
    return is_full() || (k + offset) % (SPARSE * every) == 0;
}

static void begin(void)
{
    pair = rd_pair_new(OPTIONS, OPTIONS);
    idle_a = rd_free_kib(pair->a);
    idle_b = rd_free_kib(pair->b);
    store_a = rd_store_dump(pair->a);
    store_b = rd_store_dump(pair->b);
    rd_pair_create(pair, "");
    rd_kill(pair->a);
    rd_kill(pair->b);
    rd_save(pair->a);
    rd_save(pair->b);
}

static void end(void)
{
    printf("\n    %u points: it stayed %u times, went %u, was started anew "
           "%u; looked %u times, %u were not as they must be, ", sum.points,
           sum.ends[RD_PAIR_STAYED], sum.ends[RD_PAIR_MOVED],
           sum.ends[RD_PAIR_RETURNED], sum.looks, sum.bad);
    CU_ASSERT(sum.points > 1);
    CU_ASSERT_EQUAL(sum.bad, 0);
    memset(&sum, 0, sizeof(sum));
    rd_pair_free(pair);
}

static void complain(const char *label, const char *what)
{
    printf("\n    %s: %s", label, what);
    if (getenv("VDC_KEEP")) {
        char *command = xasprintf(
            "mkdir -p /tmp/rd-migrate; cp %s/log '/tmp/rd-migrate/%s.a'; "
            "cp %s/log '/tmp/rd-migrate/%s.b'",
            pair->a->dir, label, pair->b->dir, label);
        if (system(command))
            perror("cp");
        free(command);
    }
    sum.bad++;
}

/* ---- afterwards ---- */

static bool wait_for_run(struct rd *rd)
{
    uint64_t until = clock_mono().ms + 4000 * unit_time_factor();

    while (clock_mono().ms < until) {
        const struct wire_partition *p = rd_show(rd, "web");
        if (p && p->state == WIRE_RUNNING && rd_pair_runs(pair, rd))
            return true;
        rd_sleep(2);
    }
    return false;
}

static void check_nothing(struct rd *rd, uint64_t idle, const char *store,
                          const char *label)
{
    uint64_t until = clock_mono().ms + 2000 * unit_time_factor();
    char what[400];

    if (rd_show(rd, "web"))
        complain(label, "the other host has a guest");
    if (rd_domains(rd) != 0)
        complain(label, "a domain is left");
    while (rd_free_kib(rd) != idle && clock_mono().ms < until)
        rd_sleep(5);
    if (rd_free_kib(rd) != idle)
        complain(label, "memory is left");
    const char *now = rd_store_dump(rd);
    while (strcmp(now, store) != 0 && clock_mono().ms < until) {
        rd_sleep(5);
        now = rd_store_dump(rd);
    }
    if (strcmp(now, store) != 0) {
        snprintf(what, sizeof(what), "%s",
                 rd_state_difference(rd, now, store));
        complain(label, what);
    }
    rd_kill(rd);
    if (rd_journal_rows(rd) != 0)
        complain(label, "the journal has a row");
    if (rd_sql(rd, "SELECT count(*) FROM partition") != 0 ||
        rd_sql(rd, "SELECT count(*) FROM resource") != 0)
        complain(label, "the database has a row of nobody");
}

static void check(enum rd_pair_end what, const char *label)
{
    struct rd *has = what == RD_PAIR_MOVED ? pair->b : pair->a;
    const struct wire_verify_reply *verify;

    if (what == RD_PAIR_UNKNOWN)
        complain(label, "no answer says where it is");
    else if (!wait_for_run(has))
        complain(label, "it does not run where it is to be");
    struct rd *other = has == pair->a ? pair->b : pair->a;
    if (what != RD_PAIR_UNKNOWN && rd_domains(other) != 0)
        complain(label, "it is on the other host, too");
    /* A value in xenstore that could not be written is mended by it. */
    if (mend)
        rd_verify(has, true);
    for (int i = 0; i < 2; i++) {
        verify = rd_verify(i ? pair->b : pair->a, false);
        if (!verify || verify->n_differences)
            complain(label, verify ? verify->differences[0].text
                                   : "verify fails");
    }
    if (rd_destroy(has, "web", false))
        complain(label, "it cannot be destroyed");
    check_nothing(pair->a, idle_a, store_a, label);
    check_nothing(pair->b, idle_b, store_b, label);
}

/* ---- a point ---- */

static void run(void)
{
    if (rd_pair_stage(pair, WIRE_STAGE_EXPECT) == 0 &&
        rd_pair_send(pair) == 0)
        rd_pair_stage(pair, WIRE_STAGE_RELEASED);
}

/* One that is dying answers no more. */
static bool has_died(struct rd *rd)
{
    return !rd->pid || !rd_connect(rd);
}

/* It is killed in any case: a fault that is still to come would hit what
 * checks. */
static bool bury(struct rd *rd, bool power)
{
    bool died = has_died(rd);

    if (died && rd->pid)
        rd_wait(rd);
    if (!died)
        rd_kill(rd);
    if (power && died)
        hv_sim_power_cut(rd_host(rd));
    return died;
}

static void finish(struct rd_watch *watch, const char *label)
{
    unsigned looks;
    enum rd_pair_end what = rd_pair_settle(pair);

    sum.ends[what]++;
    sum.points++;
    check(what, label);
    if (rd_watch_end(watch, &looks))
        complain(label, "it ran on both hosts");
    sum.looks += looks;
    rd_restore(pair->a);
    rd_restore(pair->b);
}

/* ---- killed at changes of the host ---- */

static bool at_effect(bool on_b, const char *kind, unsigned k, bool power)
{
    struct rd *victim = on_b ? pair->b : pair->a;
    char label[96];

    snprintf(label, sizeof(label), "%s %s effect %u%s",
             on_b ? "beta" : "alpha", kind, k, power ? ", power" : "");
    victim->fault = arena_printf(
        victim->arena, "%s:*:%llu", kind,
        (unsigned long long)hv_sim_effects(rd_host(victim)) + k);
    struct rd_watch *watch = rd_watch_new(pair);
    if (rd_start(pair->a) && rd_start(pair->b))
        run();
    bool died = bury(victim, power);
    finish(watch, label);
    return died;
}

static void sweep_effects(bool power)
{
    static const char *const kinds[] = { "crash-before", "crash-after" };

    begin();
    for (int on_b = 0; on_b < 2; on_b++)
        for (int i = power; i < 2; i++)
            for (unsigned k = 1; k < MOST_POINTS; k++)
                if (is_chosen(k, (unsigned)(on_b + i), 3) &&
                    !at_effect(on_b, kinds[i], k, power))
                    break;
    end();
}

static void test_effects(void)
{
    sweep_effects(false);
}

static void test_power(void)
{
    sweep_effects(true);
}

/* ---- at what is said ---- */

static bool at_record(bool on_b, enum rd_proxy_what what, unsigned k,
                      bool power)
{
    char label[96];

    snprintf(label, sizeof(label), "%s record %u what %d%s",
             on_b ? "beta" : "alpha", k, (int)what, power ? ", power" : "");
    struct rd_watch *watch = rd_watch_new(pair);
    CU_ASSERT_FATAL(rd_start(pair->a) && rd_start(pair->b));
    struct rd_proxy *proxy = rd_proxy_new(
        pair->port_b, k, what, on_b ? pair->b->pid : pair->a->pid);
    pair->send_to = (uint16_t)rd_proxy_port(proxy);
    run();
    bool hit = rd_proxy_end(proxy, NULL);
    pair->send_to = 0;
    if (what != RD_PROXY_CUT && hit)
        bury(on_b ? pair->b : pair->a, power);
    finish(watch, label);
    return hit;
}

static void sweep_records(enum rd_proxy_what what, bool on_b, bool power,
                          unsigned every)
{
    for (unsigned k = 1; k < MOST_POINTS; k++)
        if (is_chosen(k, on_b + power, every) &&
            !at_record(on_b, what, k, power))
            break;
}

static void test_cut(void)
{
    begin();
    sweep_records(RD_PROXY_CUT, false, false, 1);
    end();
}

static void test_killed(void)
{
    begin();
    for (int on_b = 0; on_b < 2; on_b++)
        for (int power = 0; power < 2; power++) {
            sweep_records(RD_PROXY_KILL, on_b, power, 3);
            sweep_records(RD_PROXY_KILL_AFTER, on_b, power, 3);
        }
    end();
}

/* ---- calls that fail ---- */

static bool at_call(bool on_b, const char *kind, unsigned k)
{
    struct rd *victim = on_b ? pair->b : pair->a;
    uint64_t before = hv_sim_calls(rd_host(victim));
    char label[96];

    snprintf(label, sizeof(label), "%s %s call %u", on_b ? "beta" : "alpha",
             kind, k);
    victim->fault = arena_printf(victim->arena, "%s:*:%llu", kind,
                                 (unsigned long long)before + k);
    struct rd_watch *watch = rd_watch_new(pair);
    bool up = rd_start(pair->a) && rd_start(pair->b);
    if (up)
        run();
    bool happened = hv_sim_calls(rd_host(victim)) >= before + k;
    if (!up || !happened)
        bury(victim, false);
    finish(watch, label);
    return happened;
}

static void test_failures(void)
{
    static const char *const kinds[] = { "fail", "refuse" };

    begin();
    mend = true;
    for (int on_b = 0; on_b < 2; on_b++)
        for (int i = 0; i < 2; i++)
            for (unsigned k = 1; k < MOST_POINTS; k++)
                if (is_chosen(k, (unsigned)(on_b + i), 7) &&
                    !at_call(on_b, kinds[i], k))
                    break;
    end();
}

static const struct unit_test tests[] = {
    { "the connection is cut", test_cut },
    { "killed at what is said", test_killed },
    { "killed at each change", test_effects },
    { "a host loses power", test_power },
    { "calls fail", test_failures },
};

UNIT_MAIN("resourced: what dies while a guest goes", tests)
