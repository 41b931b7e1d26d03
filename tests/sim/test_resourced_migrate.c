/* resourced on two simulated hosts: a guest goes from one to the other over a
 * connection of their own. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/rd_host.h"
#include "tests/sim/rd_pair.h"
#include "tests/unit/unit.h"

static struct rd_pair *new_pair(const char *options)
{
    struct rd_pair *pair = rd_pair_new(options, options);

    rd_pair_create(pair, "");
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

/* It runs on a as if nothing had been, and nothing of it is on b. */
static bool is_untouched(struct rd_pair *pair)
{
    return rd_pair_runs(pair, pair->a) &&
           rd_show(pair->a, "web")->state == WIRE_RUNNING &&
           rd_domains(pair->b) == 0 && rd_show(pair->b, "web") == NULL;
}

static void good_move(struct rd_pair *pair)
{
    rd_pair_next(pair);
    int rc = rd_pair_stage(pair, WIRE_STAGE_EXPECT);
    if (!rc)
        rc = rd_pair_send(pair);
    if (!rc)
        rc = rd_pair_stage(pair, WIRE_STAGE_RELEASED);
    if (rc)
        printf("\n  %s", pair->err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void test_good(void)
{
    struct rd_pair *pair = new_pair("send_ms=40");
    uint64_t free_a = rd_free_kib(pair->a), free_b = rd_free_kib(pair->b);
    unsigned fds_a = rd_descriptors(pair->a);
    unsigned fds_b = rd_descriptors(pair->b), looks;
    uint64_t cpu = rd_pair_domain(pair, pair->a).cpu_time_ns;
    struct rd_watch *watch = rd_watch_new(pair);

    for (int i = 0; i < 6; i++) {
        pair->live = i % 3 < 2;
        good_move(pair);
        CU_ASSERT(rd_pair_runs(pair, pair->b));
        CU_ASSERT(rd_pair_domain(pair, pair->b).cpu_time_ns >= cpu);
        CU_ASSERT_EQUAL(rd_domains(pair->a), 0);
        CU_ASSERT_PTR_NULL(rd_show(pair->a, "web"));
        CU_ASSERT_EQUAL(rd_show(pair->b, "web")->state, WIRE_RUNNING);
        rd_pair_swap(pair);
    }
    CU_ASSERT_EQUAL(rd_watch_end(watch, &looks), 0);
    CU_ASSERT(looks > 10);
    CU_ASSERT_EQUAL(rd_free_kib(pair->a), free_a);
    CU_ASSERT_EQUAL(rd_free_kib(pair->b), free_b);
    rd_check_agrees(pair->a);
    rd_check_agrees(pair->b);
    rd_sleep(200); /* the last word, and what is said after it */
    CU_ASSERT_EQUAL(rd_descriptors(pair->a), fds_a);
    CU_ASSERT_EQUAL(rd_descriptors(pair->b), fds_b);
    CU_ASSERT(rd_events(pair->a, WIRE_EVENT_STARTED, "web", "came from beta") >
              0);
    CU_ASSERT(rd_events(pair->b, WIRE_EVENT_STOPPED, "web", "moved to alpha") >
              0);
    rd_kill(pair->a);
    rd_kill(pair->b);
    CU_ASSERT_EQUAL(rd_journal_rows(pair->a), 0);
    CU_ASSERT_EQUAL(rd_journal_rows(pair->b), 0);
    rd_pair_free(pair);
}

/* ---- it is not even begun ---- */

/* All reasons at once, and nothing was touched. */
static void test_no_room(void)
{
    struct rd_pair *pair = rd_pair_new("", "memory=2G");
    struct rd_transaction t;

    rd_pair_create(pair, "");
    CU_ASSERT_EQUAL(rd_create_simple(pair->b, "web", ""), 0);
    pair->definition.memory = pair->definition.max_memory = MEM_MIB(900000);
    rd_pair_fill_target(pair, WIRE_STAGE_EXPECT, &t);
    t.operations[0].definition.kernel = "/no/such/kernel";
    CU_ASSERT(rd_transact(pair->b, &t, NULL, &pair->err) != 0);
    CU_ASSERT(says(pair, "2 reasons"));
    CU_ASSERT(says(pair, "there is a guest web already"));
    CU_ASSERT(says(pair, "/no/such/kernel"));
    rd_destroy(pair->b, "web", false);
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_NO_MEMORY);
    /* Nobody is expected: it does not go. */
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_DENIED);
    CU_ASSERT(says(pair, "web does not go to beta: no guest is expected"));
    CU_ASSERT(is_untouched(pair));
    rd_pair_free(pair);
}

/* An order that says too little, or is of an old move, or a stage of another
 * kind of transaction. */
static void test_orders(void)
{
    struct rd_pair *pair = new_pair("send_ms=20");
    struct rd_transaction t;

    rd_pair_fill_target(pair, WIRE_STAGE_NOW, &t);
    CU_ASSERT_EQUAL(rd_transact(pair->b, &t, NULL, &pair->err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT(says(pair, "is expected first"));
    for (int i = 0; i < 5; i++) {
        rd_pair_fill_target(pair, WIRE_STAGE_EXPECT, &t);
        if (i == 0)
            t.t.key = "";
        if (i == 1)
            t.operations[1].n_ticket = 31;
        if (i == 2)
            t.operations[1].epoch = 0;
        if (i == 3)
            t.operations[1].n_fingerprint = 0;
        if (i == 4)
            t.operations[1].uuid.bytes[0]++;
        CU_ASSERT_EQUAL(rd_transact(pair->b, &t, NULL, &pair->err),
                        VDC_E_BAD_VALUE);
        rd_pair_fill_send(pair, &t);
        if (i == 0)
            t.operations[0].epoch = 0;
        if (i == 1)
            t.operations[0].n_ticket = 31;
        if (i == 2)
            t.operations[0].address = "";
        if (i == 3)
            t.operations[0].n_fingerprint = 0;
        if (i == 4)
            rd_add(&t, WIRE_OP_PAUSE, "web");
        CU_ASSERT_EQUAL(rd_transact(pair->a, &t, NULL, &pair->err),
                        VDC_E_BAD_VALUE);
    }
    CU_ASSERT(is_untouched(pair));

    good_move(pair);
    rd_pair_swap(pair);
    good_move(pair);
    rd_pair_swap(pair);
    /* Back on its first host, which knows of move 3. */
    pair->epoch = 2;
    strcpy(pair->key_a, "old");
    strcpy(pair->key_b, "old");
    CU_ASSERT_EQUAL(rd_pair_send(pair), VDC_E_CONFLICT);
    CU_ASSERT(says(pair, "of move 2, and move 3 of it was here"));
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), VDC_E_CONFLICT);
    CU_ASSERT(says(pair, "of move 2, and a later one of it was here"));
    CU_ASSERT(is_untouched(pair));
    rd_pair_free(pair);
}

static void refused(struct rd_pair *pair, int code, const char *words)
{
    CU_ASSERT_EQUAL(rd_pair_send(pair), code);
    CU_ASSERT(says(pair, words));
    CU_ASSERT(is_untouched(pair));
    /* A ticket is good once, even for who was not let in by it. */
    rd_pair_next(pair);
}

/* Who shows the wrong one of anything. */
static void test_wrong(void)
{
    struct rd_pair *pair = new_pair("send_ms=20");
    uint8_t print[TLS_FINGERPRINT_SIZE];

    rd_pair_next(pair);
    refused(pair, VDC_E_DENIED, "no guest is expected from this host now");

    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    pair->ticket[31] ^= 1;
    refused(pair, VDC_E_DENIED, "no guest is expected with this ticket");

    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    pair->epoch += 7;
    refused(pair, VDC_E_CONFLICT, "is expected, not");

    memcpy(print, pair->print_a, sizeof(print));
    pair->print_a[0] ^= 1;
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    refused(pair, VDC_E_DENIED, "from another certificate than that of");
    memcpy(pair->print_a, print, sizeof(print));

    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
    memcpy(print, pair->print_b, sizeof(print));
    pair->print_b[0] ^= 1;
    refused(pair, VDC_E_DENIED, "has another certificate than policyd has");
    memcpy(pair->print_b, print, sizeof(print));

    /* Nobody is there; and somebody who says nothing of the kind. */
    pair->send_to = 1;
    CU_ASSERT(rd_pair_send(pair) != 0);
    CU_ASSERT(is_untouched(pair));
    pair->send_to = 0;

    /* After all of that it goes. */
    good_move(pair);
    CU_ASSERT(rd_pair_runs(pair, pair->b));
    rd_pair_free(pair);
}

/* Of the authority, but not a host; and a host under another name. */
static void test_roles(void)
{
    struct rd_pair *pair = new_pair("send_ms=20");
    static const char *const names[] = { "policyd", "alpha", "gamma" };
    static const char *const roles[] = { "policyd", "customer", "host" };

    for (int i = 0; i < 3; i++) {
        rd_pair_next(pair);
        rd_pair_certify(pair, pair->a, names[i], roles[i], pair->print_a);
        rd_sleep(20);
        CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_EXPECT), 0);
        int rc = rd_pair_send(pair);
        if (i < 2) {
            CU_ASSERT(rc != 0);
            CU_ASSERT(is_untouched(pair));
            CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_ABANDONED), 0);
        } else { /* the fingerprint counts, not the name */
            CU_ASSERT_EQUAL(rc, 0);
        }
    }
    CU_ASSERT_EQUAL(rd_pair_stage(pair, WIRE_STAGE_RELEASED), 0);
    /* What answers is policyd, or is not called beta. */
    rd_pair_swap(pair);
    for (int i = 0; i < 2; i++) {
        rd_pair_next(pair);
        rd_pair_certify(pair, pair->b, i ? "other" : "gamma",
                        i ? "host" : "policyd", pair->print_b);
        rd_sleep(20);
        CU_ASSERT(rd_pair_send(pair) != 0);
        CU_ASSERT(rd_pair_runs(pair, pair->a));
    }
    rd_pair_free(pair);
}

static const struct unit_test tests[] = {
    { "it goes, and comes back", test_good },
    { "the other host has no room, or a guest of that name", test_no_room },
    { "orders", test_orders },
    { "wrong ticket, epoch, certificate", test_wrong },
    { "roles", test_roles },
};

UNIT_MAIN("resourced: guests that go to another host", tests)
