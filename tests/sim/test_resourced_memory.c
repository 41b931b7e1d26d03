/* resourced on a simulated host: memory, vCPUs and share of a guest, running
 * and stopped; guests that do as they are told, late, partly or not at all. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/rd_change.h"
#include "tests/unit/unit.h"

static struct rd *with_web(const char *options, const char *cmdline)
{
    struct rd *rd = rd_started(options, "balloon_wait = 1\n", NULL);

    rd_create_web(rd, cmdline, true);
    return rd;
}

static int mem_set(struct rd_change *c, struct rd *rd, unsigned mib)
{
    rd_change(c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(mib);
    return rd_change_do(c);
}

static uint64_t has_mib(struct rd *rd)
{
    return rd_xen(rd, "web").current_memory.kib / 1024;
}

/* ---- pause ---- */

static void test_pause(void)
{
    struct rd *rd = with_web("", "");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "pause web"), 0);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(rd_xen(rd, "web").paused);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_PAUSED);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_PAUSED);
    rd_change(&c, rd, WIRE_OP_UNPAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CHANGED, "web", "paused"), 2);

    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_WRONG_STATE);
    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_WRONG_STATE);
    rd_change(&c, rd, WIRE_OP_START)->paused = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(rd_xen(rd, "web").paused);
    rd_change(&c, rd, WIRE_OP_UNPAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    rd_end(rd);
}

/* What was done before a step that fails is undone. */
static void test_pause_undone(void)
{
    struct rd *rd = rd_started("", NULL, "fail:set_sched:1;fail:set_sched:3");
    struct rd_change c;

    rd_create_web(rd, "", true);
    rd_change(&c, rd, WIRE_OP_PAUSE);
    rd_add(&c.t, WIRE_OP_SCHED, "web")->weight = 1;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT_FALSE(rd_xen(rd, "web").paused);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->generation, 1);

    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_UNPAUSE);
    rd_add(&c.t, WIRE_OP_SCHED, "web")->weight = 1;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT(rd_xen(rd, "web").paused);
    rd_end(rd);
}

/* ---- memory ---- */

static void test_memory(void)
{
    struct rd *rd = with_web("", "");
    struct rd_change c;
    uint64_t free_kib = rd_free_kib(rd);

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(512);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "take 256 MiB of the host's"), 0);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "memory of web to 512 MiB"), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 256);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_FALSE(c.result->partial);
    CU_ASSERT_EQUAL(has_mib(rd), 512);
    CU_ASSERT_EQUAL(c.result->partition.memory.kib, 512 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 512 * 1024);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib - 256 * 1024);

    CU_ASSERT_EQUAL(mem_set(&c, rd, 128), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 128);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib + 128 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 128 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.max_memory.kib, 512 * 1024);

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(200);
    c.op->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.memory.kib, 200 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 128 * 1024);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 128);
    rd_end(rd);
}

/* A step as small as what counts as near is waited for all the same; a guest
 * that does not move has been near all the time. */
static void test_memory_small(void)
{
    struct rd *rd = with_web("", "");
    struct rd_change c;

    CU_ASSERT_EQUAL(mem_set(&c, rd, 255), 0);
    CU_ASSERT_FALSE(c.result->partial);
    CU_ASSERT_EQUAL(c.result->partition.memory.kib, 255 * 1024);
    CU_ASSERT_EQUAL(has_mib(rd), 255);
    CU_ASSERT_EQUAL(mem_set(&c, rd, 256), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 256);
    rd_behave(rd, "web", "sim.balloon=none");
    CU_ASSERT_EQUAL(mem_set(&c, rd, 255), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 256);
    rd_end(rd);
}

static void test_memory_stopped(void)
{
    struct rd *rd = rd_started("", NULL, NULL);
    struct rd_change c;

    rd_create_web(rd, "", false);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(300);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "from its next start on"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(600);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 300 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.max_memory.kib, 600 * 1024);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    c.op->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_WRONG_STATE);
    CU_ASSERT(rd_change_says(&c, "web is not running"));
    CU_ASSERT(rd_change_says(&c, "--live-only"));
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(299);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "it is to start with 300 MiB"));
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 300);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").max_memory.kib, 600 * 1024);
    rd_end(rd);
}

static void test_memory_refused(void)
{
    struct rd *rd = with_web("memory=2G,dom0_memory=1G", "");
    struct rd_change c;

    CU_ASSERT_EQUAL(mem_set(&c, rd, 513), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "web cannot have 513 MiB"));
    CU_ASSERT(rd_change_says(&c, "its maximum is 512 MiB"));
    CU_ASSERT(rd_change_says(&c, "mem-max"));
    CU_ASSERT_EQUAL(mem_set(&c, rd, 1), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "the least is 8 MiB"));
    /* All reasons at once. */
    rd_change(&c, rd, WIRE_OP_PAUSE);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(mem_set(&c, rd, 4096), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "3 reasons"));
    CU_ASSERT(rd_change_says(&c, "paused"));
    CU_ASSERT(rd_change_says(&c, "web needs 3.8 GiB"));
    CU_ASSERT(rd_change_says(&c, "its maximum is"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    /* Two operations, as the one leaves it for the other. */
    rd_change(&c, rd, WIRE_OP_UNPAUSE);
    rd_add(&c.t, WIRE_OP_MEMORY_MAX, "web")->memory = MEM_MIB(600);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(600);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 600);
    rd_end(rd);
}

/* Memory that is not the host's to give is not asked for. */
static void test_memory_reserved(void)
{
    struct rd *rd = with_web("memory=2G,dom0_memory=1G", "");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(512);
    c.op->host_reserve = MEM_MIB(700);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_NO_MEMORY);
    CU_ASSERT(rd_change_says(&c, "web needs 256 MiB"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    /* dom0 may give some. */
    c.op->dom0_keep = MEM_MIB(512);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 512);
    CU_ASSERT(rd_free_kib(rd) >= 700 * 1024);
    /* To give memory back needs none, reserve or not. */
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(256);
    c.op->host_reserve = MEM_MIB(2000);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 256);
    rd_end(rd);
}

/* What one guest gives, another gets in the same transaction. */
static void test_memory_moves(void)
{
    struct rd *rd = with_web("memory=2G,dom0_memory=1G", "");
    struct wire_definition definition;
    struct rd_change c;

    rd_definition(&definition, "db", "");
    definition.memory = MEM_MIB(500);
    definition.max_memory = MEM_MIB(700);
    CU_ASSERT_EQUAL_FATAL(rd_create(rd, &definition, true, NULL), 0);
    uint64_t free_mib = rd_free_kib(rd) / 1024;
    CU_ASSERT(free_mib > 20 && free_mib < 300);

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(512);
    CU_ASSERT_EQUAL(rd_change_do(&c),
                    free_mib < 256 ? VDC_E_NO_MEMORY : 0);
    CU_ASSERT_EQUAL(mem_set(&c, rd, 256), 0);
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "db")->memory = MEM_MIB(200);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(512);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(has_mib(rd), 512);
    CU_ASSERT_EQUAL(rd_xen(rd, "db").current_memory.kib, 200 * 1024);
    /* The second fails: the first has its memory again. */
    rd_begin(&c.t);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(64);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "db")->memory = MEM_MIB(650);
    rd_behave(rd, "db", "sim.balloon=none");
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_TIMEOUT);
    CU_ASSERT(rd_change_says(&c, "db took 0 KiB of 450 MiB and has 200 MiB"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 512);
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "db"), 200);
    for (unsigned i = 0; i < 100 && has_mib(rd) != 512; i++)
        rd_sleep(20);
    CU_ASSERT_EQUAL(has_mib(rd), 512);
    rd_end(rd);
}

/* What a guest gave for what is undone is its own again, before anybody else
 * can have it; when it does not take it back, that is said. */
static void test_memory_back(void)
{
    struct rd *rd = rd_started("", "balloon_wait = 1\nundo_wait = 9\n",
                               "fail:set_sched:1;fail:set_sched:3");
    struct rd_change c;

    rd_create_web(rd, "sim.balloon=slow", true);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(240);
    rd_add(&c.t, WIRE_OP_SCHED, "web")->weight = 1;
    c.t.t.timeout_ms = 8000;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_HYPERVISOR);
    CU_ASSERT_FALSE(rd_change_says(&c, "lacks"));
    CU_ASSERT(has_mib(rd) >= 255);
    rd_behave(rd, "web", "sim.balloon=willing");
    uint32_t id = rd_send_transaction(rd, &c.t);
    for (unsigned i = 0; i < 200 && has_mib(rd) > 240; i++)
        rd_sleep(1);
    rd_behave(rd, "web", "sim.balloon=none");
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &c.err), VDC_E_HYPERVISOR);
    CU_ASSERT(rd_change_says(&c, "web lacks 16 MiB of its 256 MiB still"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    rd_end(rd);
}

/* A guest that gives half of what it is asked for. */
static void test_memory_partly(void)
{
    struct rd *rd = with_web("", "sim.balloon=partly");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(64);
    c.t.t.timeout_ms = 600;
    uint64_t before = clock_mono().ms;
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_TIMEOUT);
    CU_ASSERT(clock_mono().ms - before < 3000 * unit_time_factor());
    CU_ASSERT(rd_change_says(&c, "web gave 96 MiB of 192 MiB and has 160 "
                                 "MiB"));
    CU_ASSERT(rd_change_says(&c, "--deadline"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 256 * 1024);
    rd_behave(rd, "web", "sim.balloon=willing");
    for (unsigned i = 0; i < 100 && has_mib(rd) != 256; i++)
        rd_sleep(20);
    CU_ASSERT_EQUAL(has_mib(rd), 256);

    rd_behave(rd, "web", "sim.balloon=partly");
    c.op->partial = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(c.result->partial);
    CU_ASSERT_STRING_EQUAL(c.result->text,
                           "web gave 96 MiB of 192 MiB and has 160 MiB");
    CU_ASSERT(c.result->hint[0]);
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 160);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 160 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.memory.kib, 160 * 1024);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CHANGED, "web", "has 160 MiB"),
                    1);
    rd_end(rd);
}

static void test_memory_never(void)
{
    struct rd *rd = with_web("", "sim.balloon=none");
    struct rd_change c;

    CU_ASSERT_EQUAL(mem_set(&c, rd, 512), VDC_E_TIMEOUT);
    CU_ASSERT(rd_change_says(&c, "web took 0 KiB of 256 MiB and has 256 "
                                 "MiB"));
    CU_ASSERT(rd_change_says(&c, "balloon driver"));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    c.op->partial = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(c.result->partial);
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 256 * 1024);
    /* What it was promised and did not take is free again. */
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    rd_end(rd);
}

/* 16 MiB a second: the deadline comes in the middle, or far off. */
static void test_memory_slow(void)
{
    struct rd *rd = with_web("", "sim.balloon=slow");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(128);
    c.op->partial = true;
    c.t.t.timeout_ms = 1500;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(c.result->partial);
    uint64_t has = has_mib(rd);
    CU_ASSERT(has < 250 && has > 200);
    CU_ASSERT(rd_xen_target_mib(rd, "web") <= has + 1);
    CU_ASSERT_EQUAL(c.result->partition.memory_target.kib / 1024,
                    rd_see(rd, "web")->definition.memory.kib / 1024);
    /* A deadline of its own is longer than the usual wait. */
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(has - 28);
    c.t.t.timeout_ms = 10000;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT(!c.result->partial);
    CU_ASSERT(has_mib(rd) <= has - 27);
    rd_end(rd);
}

static void test_memory_cancel(void)
{
    struct rd *rd = rd_started("", NULL, NULL);
    struct rd_change c;

    rd_create_web(rd, "sim.balloon=none", true);
    rd_change(&c, rd, WIRE_OP_MEMORY_SET)->memory = MEM_MIB(128);
    c.op->partial = true;
    uint32_t id = rd_send_transaction(rd, &c.t);
    for (unsigned i = 0; i < 100; i++) {
        struct hv *hv = rd_host(rd);
        struct mem target = { 0 };
        hv->domain->memory_target(hv, 1, &target, NULL);
        if (target.kib == 128 * 1024)
            break;
        rd_sleep(10);
    }
    uint64_t before = clock_mono().ms;
    rd_cancel(rd, id);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &c.err), VDC_E_CANCELLED);
    CU_ASSERT(clock_mono().ms - before < 2000 * unit_time_factor());
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    /* A guest that dies meanwhile ends it, too. */
    id = rd_send_transaction(rd, &c.t);
    rd_sleep(200);
    hv_sim_guest_stop(rd_host(rd), 1, HV_SHUTDOWN_POWEROFF, NULL);
    CU_ASSERT_EQUAL(rd_answer(rd, id, NULL, &c.err), VDC_E_WRONG_STATE);
    CU_ASSERT(rd_change_says(&c, "web has stopped meanwhile"));
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_STOPPED, 3000));
    rd_end(rd);
}

static void test_memory_killed(void)
{
    struct rd *rd = rd_started("", NULL, "crash-after:set_memory_target:1");
    struct rd_change c;

    rd_create_web(rd, "", true);
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(600);
    rd_add(&c.t, WIRE_OP_MEMORY_SET, "web")->memory = MEM_MIB(600);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_CLOSED);
    rd_wait(rd);
    rd_sleep(300);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_xen_target_mib(rd, "web"), 256);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").max_memory.kib, 512 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.memory.kib, 256 * 1024);
    rd_end(rd);
}

static void test_memory_max(void)
{
    struct rd *rd = with_web("", "");
    struct rd_change c;

    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(1024);
    CU_ASSERT_EQUAL(rd_change_plan(&c, "grow to 1 GiB"), 0);
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_xen(rd, "web").max_memory.kib, 1024 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.max_memory.kib, 1024 * 1024);
    rd_change(&c, rd, WIRE_OP_MEMORY_MAX)->memory = MEM_MIB(255);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    CU_ASSERT(rd_change_says(&c, "it is to have 256 MiB"));
    CU_ASSERT(rd_change_says(&c, "mem-set"));
    c.op->memory = MEM_KIB(MEM_MAX_KIB + 1);
    CU_ASSERT_EQUAL(rd_change_do(&c), VDC_E_BAD_VALUE);
    c.op->memory = MEM_MIB(300);
    c.op->live_only = true;
    CU_ASSERT_EQUAL(rd_change_do(&c), 0);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->definition.max_memory.kib, 1024 * 1024);
    CU_ASSERT_EQUAL(rd_see(rd, "web")->live.max_memory.kib, 300 * 1024);
    /* Until the next start it is this one that counts. */
    CU_ASSERT_EQUAL(mem_set(&c, rd, 301), VDC_E_BAD_VALUE);
    rd_end(rd);
}

static const struct unit_test tests[] = {
    { "pause", test_pause },
    { "pause undone", test_pause_undone },
    { "memory", test_memory },
    { "memory, a little", test_memory_small },
    { "memory of a stopped guest", test_memory_stopped },
    { "memory refused", test_memory_refused },
    { "memory that the host keeps", test_memory_reserved },
    { "memory moves between guests", test_memory_moves },
    { "memory given back is back", test_memory_back },
    { "a guest that gives half", test_memory_partly },
    { "a guest that gives nothing", test_memory_never },
    { "a guest that is slow", test_memory_slow },
    { "cancelled, and a guest that dies", test_memory_cancel },
    { "killed in the middle", test_memory_killed },
    { "the limit", test_memory_max },
};

UNIT_MAIN("resourced: memory of guests", tests)
