/*
 * When a host is off for sure: each condition by itself, breaks, and all small
 * data centers in all states.
 */
#include "policyd/fence/decide.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/fence.h"

#define N_MAX 5
#define W_MS 30000
#define BEAT_MS 2000
#define WAIT_MS (W_MS + FENCE_HEARD_MS + 2 * BEAT_MS)

static struct fence_seen seen[N_MAX];
static bool heard[N_MAX * N_MAX];
static struct fence_view view;
static struct fence_count count;

/* All well but the first, which nobody hears. */
static void begin(uint32_t n)
{
    memset(seen, 0, sizeof(seen));
    memset(heard, 0, sizeof(heard));
    memset(&count, 0, sizeof(count));
    view = (struct fence_view){ .n = n,
                                .members = seen,
                                .heard = heard,
                                .settled = true,
                                .now_ms = 1000000,
                                .beat_ms = BEAT_MS };
    for (uint32_t i = 0; i < n; i++) {
        seen[i] = (struct fence_seen){ .answers = i > 0,
                                       .armed = true,
                                       .watchdog_ms = W_MS,
                                       .tells = i > 0 };
        for (uint32_t j = 1; i && j < n; j++)
            heard[i * n + j] = i != j;
    }
}

static enum fence_verdict judge(void)
{
    return fence_judge(&view, 0, &count);
}

/* Beat by beat; the last verdict. */
static enum fence_verdict go_on(uint64_t ms)
{
    enum fence_verdict last = judge();

    for (uint64_t t = 0; t < ms; t += BEAT_MS / 2) {
        view.now_ms += BEAT_MS / 2;
        last = judge();
    }
    return last;
}

static void test_time(void)
{
    begin(3);
    CU_ASSERT_EQUAL(fence_wait_ms(&view, 0), WAIT_MS);
    CU_ASSERT_EQUAL(go_on(WAIT_MS - BEAT_MS / 2), FENCE_WAITING);
    CU_ASSERT_EQUAL(go_on(BEAT_MS / 2), FENCE_OFF);
    CU_ASSERT_EQUAL(go_on(BEAT_MS), FENCE_OFF);
    /* by its own watchdog time */
    begin(3);
    seen[0].watchdog_ms = 2 * W_MS;
    CU_ASSERT_EQUAL(go_on(WAIT_MS), FENCE_WAITING);
    CU_ASSERT_EQUAL(go_on(W_MS), FENCE_OFF);
}

static void test_conditions(void)
{
    begin(3);
    seen[0].answers = true;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_ANSWERS);
    begin(3);
    seen[0].tells = true;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_ANSWERS);
    begin(3);
    view.settled = false;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_UNSETTLED);
    begin(3);
    seen[0].armed = false;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_UNARMED);
    begin(3);
    seen[0].watchdog_ms = 0;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_UNARMED);
    begin(3);
    heard[1 * 3 + 0] = true;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_HEARD);
    begin(3);
    seen[1].tells = false;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_NO_MAJORITY);
    begin(2);
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_FEW);
    begin(5);
    seen[1].tells = false;
    CU_ASSERT_EQUAL(go_on(WAIT_MS), FENCE_OFF);
    begin(5);
    seen[1].tells = seen[2].tells = false;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_NO_MAJORITY);
    /* even numbers: half is no majority */
    begin(4);
    CU_ASSERT_EQUAL(go_on(WAIT_MS), FENCE_OFF);
    begin(4);
    seen[1].tells = false;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_NO_MAJORITY);
}

/* One that goes by another list is none of the majority, but what it hears
 * counts. */
static void test_other_list(void)
{
    begin(5);
    seen[1].tells = false;
    heard[1 * 5 + 0] = true;
    CU_ASSERT_EQUAL(go_on(2 * WAIT_MS), FENCE_HEARD);
}

/* Whatever breaks it for a moment, all of the time has to pass again. */
static void test_breaks(void)
{
    for (int what = 0; what < 6; what++) {
        begin(3);
        CU_ASSERT_EQUAL(go_on(WAIT_MS - BEAT_MS), FENCE_WAITING);
        if (what == 0)
            seen[0].answers = true;
        if (what == 1)
            heard[2 * 3 + 0] = true;
        if (what == 2)
            seen[1].tells = false;
        if (what == 3)
            view.settled = false;
        if (what == 4)
            seen[0].armed = false;
        view.now_ms += what == 5 ? 2 * BEAT_MS + 1 : BEAT_MS / 2;
        enum fence_verdict verdict = judge();
        CU_ASSERT_NOT_EQUAL(verdict, FENCE_OFF);
        seen[0].answers = heard[2 * 3 + 0] = false;
        seen[0].armed = seen[1].tells = view.settled = true;
        CU_ASSERT_EQUAL(go_on(WAIT_MS - BEAT_MS), FENCE_WAITING);
        CU_ASSERT_EQUAL(go_on(2 * BEAT_MS), FENCE_OFF);
    }
}

/* A clock that goes back is a break, too. */
static void test_clock(void)
{
    begin(3);
    go_on(WAIT_MS - BEAT_MS);
    view.now_ms -= BEAT_MS;
    CU_ASSERT_EQUAL(judge(), FENCE_WAITING);
    CU_ASSERT_EQUAL(go_on(WAIT_MS - BEAT_MS), FENCE_WAITING);
    CU_ASSERT_EQUAL(go_on(BEAT_MS), FENCE_OFF);
}

/* Of each state of up to five members, counted long enough: off only when all
 * three conditions hold; and then nobody has a majority that the host could
 * be in. */
static void test_all_states(void)
{
    unsigned n_states = 0, n_off = 0;

    for (uint32_t n = 1; n <= N_MAX; n++)
        for (uint32_t bits = 0; bits < 1u << (2 * n + 2); bits++) {
            uint32_t n_tell = 0, n_heard = 0;
            begin(n);
            for (uint32_t i = 0; i < n; i++) {
                seen[i].tells = bits >> i & 1;
                heard[i * n + 0] = i && bits >> (n + i) & 1;
                n_heard += heard[i * n + 0];
                n_tell += i && seen[i].tells;
            }
            seen[0].answers = bits >> n & 1;
            seen[0].armed = bits >> (2 * n) & 1;
            view.settled = bits >> (2 * n + 1) & 1;
            judge();
            count.since_ms = view.now_ms - WAIT_MS;
            bool is_off = judge() == FENCE_OFF;
            bool should = n >= FENCE_MEMBERS_MIN && !seen[0].answers &&
                          !seen[0].tells && seen[0].armed && view.settled &&
                          !n_heard && n_tell >= n / 2 + 1;
            n_states++;
            n_off += is_off;
            if (is_off != should)
                CU_FAIL("a state is judged otherwise");
            /* those that do not tell and itself */
            if (is_off && n - n_tell >= n / 2 + 1)
                CU_FAIL("it could have heard a majority");
        }
    CU_ASSERT(n_states > 5000);
    CU_ASSERT(n_off > 0);
}

static void test_texts(void)
{
    for (int v = FENCE_ANSWERS; v <= FENCE_OFF; v++)
        CU_ASSERT(strlen(fence_verdict_text((enum fence_verdict)v)) > 5);
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "time", test_time },
        { "conditions", test_conditions },
        { "other list", test_other_list },
        { "breaks", test_breaks },
        { "clock", test_clock },
        { "all states", test_all_states },
        { "texts", test_texts },
    };
    return unit_main("fence_decide", tests, sizeof(tests) / sizeof(tests[0]));
}
