/*
 * resourced on a simulated host, for each kind of operation and for several
 * in one transaction: killed before and after every change that it makes to
 * the host, and again while it recovers; with every call failing, refused or
 * never answered; cancelled at every step.  In the end all is wholly as
 * before or wholly as after, and when the partitions are gone, nothing is
 * left over.
 *
 * As it is, a part of the points is tried, spread evenly; with
 * VDC_SWEEP=full all are; VDC_SWEEP=N takes one in N of the scenarios alone,
 * VDC_SCENARIO=TEXT those with that in their name.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/crash_scenarios.h"
#include "tests/sim/rd_state.h"
#include "tests/unit/unit.h"

#define HOST_OPTIONS                                                          \
    "create_ms=1,destroy_ms=1,op_ms=1,shutdown_ms=1,save_ms=1,detach_ms=40,"  \
    "suspend_ms=40,balloon=64G,pci=0000:03:00.0+0000:03:00.1"
#define MOST_POINTS 400

/* What is compared with. */
struct baseline {
    const struct scenario *scenario;
    struct rd *rd;
    struct mem dom0;
    uint64_t idle_kib;  /* free, or dom0's */
    const char *store;  /* xenstore without partitions */
    const char *before, *after, *also;
};

static struct {
    unsigned crashes, recovery_crashes, failures, hangs, cancels, leaks;
} sum;

static bool is_full(void)
{
    const char *sweep = getenv("VDC_SWEEP");

    return sweep && strcmp(sweep, "full") == 0;
}

static bool is_wanted(size_t i)
{
    const char *text = getenv("VDC_SCENARIO"), *sweep = getenv("VDC_SWEEP");
    int one_in = sweep ? atoi(sweep) : 0;

    return (!text || strstr(crash_scenarios[i].name, text)) &&
           (one_in < 2 || i % (unsigned)one_in == 0);
}

/* Of many points every n-th, another n-th for each kind. */
static bool is_chosen(unsigned k, unsigned offset, unsigned every)
{
    return is_full() || (k + offset) % every == 0;
}

/* ---- before and after ---- */

static int run(const struct baseline *base, struct vdc_error *err)
{
    struct rd_transaction t;

    if (base->scenario->run) {
        base->scenario->run(base->rd);
        return 0;
    }
    rd_begin(&t);
    base->scenario->fill(base->rd, &t);
    return rd_transact(base->rd, &t, NULL, err);
}

static bool wait_for_state(struct rd *rd, const char *const *wanted,
                           unsigned n_wanted, unsigned ms,
                           const char **ret_state)
{
    uint64_t until = clock_mono().ms + ms;

    do {
        const char *state = rd_state(rd);
        for (unsigned i = 0; state && i < n_wanted; i++)
            if (wanted[i] && strcmp(state, wanted[i]) == 0)
                return true;
        *ret_state = state;
        rd_sleep(2);
    } while (clock_mono().ms < until);
    return false;
}

/* The state when it has come to rest. */
static const char *resting_state(struct rd *rd)
{
    const char *state = rd_state(rd), *again;

    for (unsigned i = 0; i < 100; i++) {
        rd_sleep(10);
        again = rd_state(rd);
        if (state && again && strcmp(state, again) == 0)
            break;
        state = again;
    }
    return state ? state : "";
}

static uint64_t idle_kib(struct rd *rd)
{
    struct hv_host_info info = { 0 };
    struct hv *hv = rd_host(rd);

    CU_ASSERT_EQUAL(hv->domain->host_info(hv, rd->arena, &info, NULL), 0);
    return info.free_memory.kib + info.dom0_memory.kib;
}

static struct baseline *baseline_new(const struct scenario *scenario)
{
    struct baseline *base = XNEW(struct baseline);
    struct vdc_error err = { 0 };
    struct rd *rd = rd_new(HOST_OPTIONS);

    base->scenario = scenario;
    base->rd = rd;
    rd->settings = "restart_min_interval = 0\nmemory_wait = 2\n"
                   "undo_wait = \"100ms\"\npools = [ \"licences=10\" ]\n";
    CU_ASSERT_FATAL(rd_start(rd));
    base->idle_kib = idle_kib(rd);
    CU_ASSERT_EQUAL(rd_host(rd)->domain->memory_target(rd_host(rd), 0,
                                                       &base->dom0, NULL), 0);
    base->store = rd_store_dump(rd);
    scenario->prepare(rd);
    base->before = resting_state(rd);
    rd_kill(rd);
    rd_save(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    int rc = run(base, &err);
    if (rc)
        printf("\n%s: %s", scenario->name, err.text);
    CU_ASSERT_EQUAL(rc, 0);
    base->after = resting_state(rd);
    rd_kill(rd);
    rd_restore(rd);
    if (scenario->also) {
        CU_ASSERT_FATAL(rd_start(rd));
        scenario->also(rd);
        base->also = resting_state(rd);
        rd_kill(rd);
        rd_restore(rd);
    }
    return base;
}

#define MOST_SCENARIOS 64

static struct baseline *baselines[MOST_SCENARIOS];

/* Made once for all tests. */
static struct baseline *baseline_of(size_t i)
{
    CU_ASSERT_FATAL(i < MOST_SCENARIOS);
    if (!baselines[i])
        baselines[i] = baseline_new(&crash_scenarios[i]);
    return baselines[i];
}

static void baselines_free(void)
{
    for (size_t i = 0; i < MOST_SCENARIOS; i++) {
        if (baselines[i])
            rd_free(baselines[i]->rd);
        free(baselines[i]);
    }
}

static void complain(const char *label, const char *what)
{
    printf("\n    %s: %s", label, what);
    CU_FAIL("see above");
}

/* ---- afterwards ---- */

static void leak(const char *label, const char *what)
{
    sum.leaks++;
    complain(label, what);
}

static void drop_leases(struct rd *rd, const char *label)
{
    const struct wire_lease_list *list = crash_leases(rd);
    struct wire_lease_ref ref;

    wire_init(&wire_struct_lease_ref, &ref);
    for (uint32_t i = 0; list && i < list->n_leases; i++) {
        ref.id = list->leases[i].id;
        if (rd_call(rd, WIRE_MSG_lease_drop, &ref, NULL, NULL))
            complain(label, "a lease cannot be dropped");
    }
    /* That is written behind the answer; what comes after it is after it. */
    if (!uuid_is_zero(&ref.id) && rd_create_simple(rd, "last", ""))
        complain(label, "nothing can be created");
}

static void destroy_all(struct rd *rd, const char *label)
{
    drop_leases(rd, label);
    const struct wire_partition_list *list = rd_list(rd, false);

    for (uint32_t i = 0; list && i < list->n_partitions; i++)
        if (rd_destroy(rd, list->partitions[i].name, false))
            complain(label, "a partition cannot be destroyed");
}

/* What a guest had of dom0's memory stays free when it ends. */
static void give_dom0_back(const struct baseline *base)
{
    struct hv *hv = rd_host(base->rd);

    CU_ASSERT_EQUAL(hv->domain->set_memory_target(hv, 0, base->dom0, NULL), 0);
}

/* Some of it is written behind the answer. */
static void check_store(const struct baseline *base, const char *label)
{
    uint64_t until = clock_mono().ms + 4000 * unit_time_factor();
    const char *now = rd_store_dump(base->rd);

    while (strcmp(now, base->store) != 0 && clock_mono().ms < until) {
        rd_sleep(10);
        now = rd_store_dump(base->rd);
    }
    if (strcmp(now, base->store) != 0)
        leak(label, rd_state_difference(base->rd, now, base->store));
}

/* After the end of all partitions the host is as it was made. */
static void check_nothing_left(const struct baseline *base, const char *label)
{
    struct rd *rd = base->rd;

    destroy_all(rd, label);
    give_dom0_back(base);
    if (rd_domains(rd) != 0)
        leak(label, "a domain is left");
    if (idle_kib(rd) != base->idle_kib)
        leak(label, "memory is left");
    check_store(base, label);
    rd_kill(rd);
    if (rd_journal_rows(rd) != 0)
        leak(label, "the journal has a row");
    if (rd_sql(rd, "SELECT count(*) FROM partition") != 0)
        leak(label, "the database has a partition");
    if (rd_sql(rd, "SELECT count(*) FROM resource") != 0)
        leak(label, "the database has a resource of nobody");
}

/* allowed: 1 before, 2 after. */
static void check_whole(const struct baseline *base, unsigned allowed,
                        const char *label)
{
    struct rd *rd = base->rd;
    const char *state = NULL;
    const char *wanted[3] = { allowed & 1 ? base->before : NULL,
                              allowed & 2 ? base->after : NULL,
                              base->also };

    if (!wait_for_state(rd, wanted, 3, 4000 * unit_time_factor(),
                        &state)) {
        complain(label, "neither before nor after");
        if (getenv("VDC_KEEP") && system(arena_printf(
                rd->arena, "cp %s/log /tmp/rd-crash.log", rd->dir)))
            perror("cp");
        if (state && wanted[0])
            printf("\n  before: %s",
                   rd_state_difference(rd, state, wanted[0]));
        if (state && wanted[1])
            printf("\n  after: %s", rd_state_difference(rd, state, wanted[1]));
    }
}

static void check_end(const struct baseline *base, unsigned allowed,
                      const char *label)
{
    check_whole(base, allowed, label);
    check_nothing_left(base, label);
    rd_restore(base->rd);
}

/* happened: else the fault is still to come, and would hit what checks. */
static void restart(const struct baseline *base, bool happened,
                    const char *label)
{
    if (!happened)
        rd_kill(base->rd);
    if (!base->rd->pid && !rd_start(base->rd))
        complain(label, "resourced does not start again");
}

/* ---- killed ---- */

static const char *effect(struct rd *rd, const char *kind, unsigned k)
{
    return arena_printf(rd->arena, "%s:*:%llu", kind,
                        (unsigned long long)hv_sim_effects(rd_host(rd)) + k);
}

static bool has_died(struct rd *rd)
{
    if (rd_connect(rd))
        return false;
    CU_ASSERT_EQUAL(rd_wait(rd), 128 + SIGKILL);
    return true;
}

/* What follows by itself after an answer: a reboot, a balloon. */
static void let_settle(const struct baseline *base)
{
    const char *wanted[3] = { base->before, base->after, base->also };
    const char *state;

    if (rd_connect(base->rd))
        wait_for_state(base->rd, wanted + 1, 1, 200, &state);
}

/* Dies at the k-th effect of the transaction, and at the j-th of the recovery
 * (j 0: it does not).  Whether the two happened. */
static void crash_at(const struct baseline *base, const char *kind, unsigned k,
                     unsigned j, bool *ret_died, bool *ret_died_again)
{
    struct rd *rd = base->rd;
    char label[96];

    snprintf(label, sizeof(label), "%s, %s effect %u, recovery %u",
             base->scenario->name, kind, k, j);
    rd->fault = effect(rd, kind, k);
    if (rd_start(rd)) {
        run(base, NULL);
        if (base->scenario->run)
            let_settle(base);
    }
    *ret_died = has_died(rd);
    *ret_died_again = false;
    if (!*ret_died) {
        rd_kill(rd); /* the fault is still to come */
    } else if (j) {
        rd->fault = effect(rd, kind, j);
        if (rd_start(rd) && base->scenario->run)
            let_settle(base);
        *ret_died_again = has_died(rd);
        if (!*ret_died_again)
            rd_kill(rd);
    }
    restart(base, true, label);
    check_end(base, *ret_died ? 3 : 2, label);
}

static void sweep_crashes(const struct baseline *base, const char *kind,
                          unsigned every)
{
    bool died = true, again, died_again;

    for (unsigned k = 1; died && k < MOST_POINTS; k++) {
        if (!is_chosen(k, kind[6], 4))
            continue;
        crash_at(base, kind, k, 0, &died, &died_again);
        sum.crashes += died;
        /* Between one effect and the next the recovery only reads. */
        died_again = died && strcmp(kind, "crash-after") == 0;
        for (unsigned j = 1; died_again && j < MOST_POINTS; j++) {
            if (!is_chosen(5 * k + j, 0, every))
                continue;
            crash_at(base, kind, k, j, &again, &died_again);
            sum.recovery_crashes += died_again;
        }
    }
}

static void test_crash(void)
{
    for (size_t i = 0; i < crash_n_scenarios; i++) {
        if (!is_wanted(i))
            continue;
        struct baseline *base = baseline_of(i);
        unsigned points = sum.crashes, recovery = sum.recovery_crashes;
        sweep_crashes(base, "crash-before", 29);
        sweep_crashes(base, "crash-after", 29);
        printf("\n    %s: killed at %u points, and at %u of the recovery",
               crash_scenarios[i].name, sum.crashes - points,
               sum.recovery_crashes - recovery);
    }
    CU_ASSERT(sum.crashes > 2);
    printf("\n    together %u points, ", sum.crashes + sum.recovery_crashes);
}

/* ---- calls that fail ---- */

/* An answer says what is: an error, that nothing is changed. */
static unsigned allowed_after(const struct baseline *base, int rc)
{
    if (base->scenario->run || rc == VDC_E_CLOSED)
        return 3;
    return rc ? 1 : 2;
}

static bool fail_at(const struct baseline *base, const char *kind, unsigned k)
{
    struct rd *rd = base->rd;
    uint64_t before = hv_sim_calls(rd_host(rd));
    int rc = VDC_E_CLOSED;
    char label[96];

    snprintf(label, sizeof(label), "%s, %s call %u", base->scenario->name,
             kind, k);
    rd->fault = arena_printf(rd->arena, "%s:*:%llu", kind,
                             (unsigned long long)before + k);
    bool up = rd_start(rd);
    if (up)
        rc = run(base, NULL);
    else
        rd_wait(rd);
    bool happened = hv_sim_calls(rd_host(rd)) >= before + k;
    /* One that cannot start without its host can when the host is back. */
    restart(base, happened, label);
    check_end(base, up ? allowed_after(base, rc) : 3, label);
    return happened;
}

static void test_failures(void)
{
    static const char *const kinds[] = { "fail", "refuse" };

    for (size_t i = 0; i < crash_n_scenarios; i++) {
        if (!is_wanted(i))
            continue;
        struct baseline *base = baseline_of(i);
        for (size_t j = 0; j < 2; j++)
            for (unsigned k = 1; k < MOST_POINTS; k++) {
                if (!is_chosen(k, (unsigned)(i + j), 17))
                    continue;
                if (!fail_at(base, kinds[j], k))
                    break;
                sum.failures++;
            }
    }
    printf("\n    %u calls failed, one at a time, ", sum.failures);
    CU_ASSERT(sum.failures > 1);
}

/* ---- calls that never answer, and deadlines ---- */

static bool hang_at(const struct baseline *base, const char *kind, unsigned k)
{
    struct rd *rd = base->rd;
    uint64_t before = hv_sim_calls(rd_host(rd));
    struct rd_transaction t;
    char label[96];

    snprintf(label, sizeof(label), "%s, %s call %u", base->scenario->name,
             kind, k);
    rd->fault = arena_printf(rd->arena, "%s:*:%llu", kind,
                             (unsigned long long)before + k);
    int rc = VDC_E_CLOSED;
    if (rd_start(rd)) {
        rd_begin(&t);
        base->scenario->fill(rd, &t);
        t.t.timeout_ms = 40;
        rc = rd_transact(rd, &t, NULL, NULL);
        if (rc == VDC_E_CLOSED)
            complain(label, "no answer");
    }
    bool happened = hv_sim_calls(rd_host(rd)) >= before + k;
    rd_kill(rd);
    restart(base, true, label);
    /* One that was told "late" in the middle of what has no way back goes
     * forward. */
    check_end(base, rc ? 3 : 2, label);
    return happened;
}

static void test_hangs(void)
{
    static const char *const kinds[] = { "hang", "hang-after" };

    for (size_t i = 0; i < crash_n_scenarios; i++) {
        if (!crash_scenarios[i].fill || !is_wanted(i))
            continue;
        struct baseline *base = baseline_of(i);
        for (size_t j = 0; j < 2; j++)
            for (unsigned k = 1; k < MOST_POINTS; k++) {
                if (!is_chosen(k, (unsigned)(i + j), 17))
                    continue;
                if (!hang_at(base, kinds[j], k))
                    break;
                sum.hangs++;
            }
    }
    printf("\n    %u calls never answered, with a deadline, ", sum.hangs);
    CU_ASSERT(sum.hangs > 0);
}

/* ---- cancelled ---- */

/* At the n-th message of progress; whether there was one. */
static bool cancel_at(const struct baseline *base, unsigned n)
{
    struct rd *rd = base->rd;
    struct rd_transaction t;
    struct vdc_error err = { 0 };
    char label[96];

    snprintf(label, sizeof(label), "%s, cancelled at step %u",
             base->scenario->name, n);
    CU_ASSERT_FATAL(rd_start(rd));
    rd_begin(&t);
    base->scenario->fill(rd, &t);
    rd->cancel_at = n;
    int rc = rd_transact(rd, &t, NULL, &err);
    bool happened = rd->cancel_at == 0;
    rd->cancel_at = 0;
    if (rc && rc != VDC_E_CANCELLED)
        complain(label, err.text);
    check_end(base, rc ? 1 : 2, label);
    return happened;
}

static void test_cancels(void)
{
    for (size_t i = 0; i < crash_n_scenarios; i++) {
        if (!crash_scenarios[i].fill || !is_wanted(i))
            continue;
        struct baseline *base = baseline_of(i);
        for (unsigned n = 1; n < MOST_POINTS && cancel_at(base, n); n++)
            sum.cancels++;
    }
    printf("\n    cancelled at %u steps, ", sum.cancels);
    CU_ASSERT(sum.cancels > 0);
    printf("\n    of %u points together %u left something, ",
           sum.crashes + sum.recovery_crashes + sum.failures + sum.hangs +
               sum.cancels,
           sum.leaks);
    CU_ASSERT_EQUAL(sum.leaks, 0);
    baselines_free();
}

static const struct unit_test tests[] = {
    { "killed at every change", test_crash },
    { "every call fails", test_failures },
    { "every call hangs", test_hangs },
    { "cancelled at every step", test_cancels },
};

UNIT_MAIN("resourced: crashes", tests)
