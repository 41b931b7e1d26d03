/* resourced on a simulated host: transactions of several operations. */
#include <string.h>

#include "tests/sim/rd_change.h"
#include "tests/unit/unit.h"

static struct rd *started(const char *options)
{
    return rd_started(options,
                      "restart_min_interval = 0\nmemory_wait = 2\n"
                      "undo_wait = 1\n",
                      NULL);
}

/* Killed; how many writes the database has seen in its life. */
static int64_t kill_and_count(struct rd *rd)
{
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    return rd_changes(rd);
}

/* What has no effect on Xen is one write, without a journal; it is there
 * after a crash, and its number is not given again. */
static void test_rows_alone(void)
{
    struct rd *rd = started("");
    const struct wire_transaction_reply *reply;
    struct rd_transaction t;

    rd_begin(&t);
    rd_add_create(rd, &t, "db", false);
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    uint64_t id = reply->id;
    int64_t n = kill_and_count(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    int64_t of_start = kill_and_count(rd) - n;
    CU_ASSERT_FATAL(rd_start(rd));
    rd_begin(&t);
    rd_add(&t, WIRE_OP_SCHED, "db")->weight = 77;
    rd_add_rename(rd, &t, "db", "db2");
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(reply->id > id);
    id = reply->id;
    CU_ASSERT_EQUAL(kill_and_count(rd) - n, 2 * of_start + 1);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_PTR_NULL(rd_show(rd, "db"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(rd_show(rd, "db2"));
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "db2");
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(reply->id > id);
    CU_ASSERT_EQUAL(kill_and_count(rd) - n, 3 * of_start + 2);
    rd_free(rd);
}

static void test_several(void)
{
    struct rd *rd = started("");
    const struct wire_transaction_reply *reply;
    struct rd_transaction t;

    rd_begin(&t);
    rd_add_create(rd, &t, "web", true);
    rd_add_create(rd, &t, "db", false);
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(reply->id > 0);
    CU_ASSERT_EQUAL_FATAL(reply->n_results, 2);
    CU_ASSERT_STRING_EQUAL(reply->results[0].partition.name, "web");
    CU_ASSERT_EQUAL(reply->results[0].partition.state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(reply->results[0].partition.generation, 1);
    CU_ASSERT_EQUAL(reply->results[1].partition.state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd->n_progress, 6);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);

    /* Destroys come last, wherever they stand. */
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "web");
    rd_add(&t, WIRE_OP_START, "db");
    rd_add_rename(rd, &t, "db", "web2");
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "db"));
    CU_ASSERT_EQUAL(rd_show(rd, "web2")->state, WIRE_RUNNING);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "web2")->xen_name, "acme.web2");
    CU_ASSERT(strstr(rd_store_dump(rd), "acme.web2") != NULL);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "web2")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_show(rd, "web2")->generation, 2);
    rd_free(rd);
}

/* After a boot the number of its domain is another's. */
static void test_rename_and_power_cut(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;
    uint32_t domid;

    rd->fault = "crash-after:rename:1";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    uint32_t before = rd_show(rd, "web")->domid;
    rd_begin(&t);
    rd_add_rename(rd, &t, "web", "www");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_CLOSED);
    rd_wait(rd);
    hv_sim_power_cut(rd_host(rd));
    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "theirs", MEM_MIB(64),
                                          "", &domid, NULL), 0);
    CU_ASSERT_EQUAL(domid, before);
    rd->fault = NULL;
    CU_ASSERT_FATAL(rd_start(rd));
    const struct wire_partition_list *list = rd_list(rd, true);
    bool kept = false;
    for (uint32_t i = 0; i < list->n_partitions; i++)
        kept |= strcmp(list->partitions[i].name, "theirs") == 0;
    CU_ASSERT(kept);
    CU_ASSERT_PTR_NOT_NULL(rd_show(rd, "web"));
    rd_free(rd);
}

/* One name goes to another guest within one transaction. */
static void test_swap(void)
{
    struct rd *rd = started("");
    struct rd_transaction t;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    uint32_t domid = rd_show(rd, "web")->domid;
    rd_begin(&t);
    rd_add_rename(rd, &t, "web", "old");
    rd_add_create(rd, &t, "web", true);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "old")->domid, domid);
    CU_ASSERT(rd_show(rd, "web")->domid != domid);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "old")->xen_name, "acme.old");
    /* And back, through a third. */
    rd_begin(&t);
    rd_add_rename(rd, &t, "web", "third");
    rd_add_rename(rd, &t, "old", "web");
    rd_add_rename(rd, &t, "third", "old");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->domid, domid);
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "web")->domid, domid);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 2);
    rd_free(rd);
}

/* The last of several fails: nothing of the others is left. */
static void test_undone(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd->fault = "fail:create:3";
    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_kib = rd_free_kib(rd);
    const char *store = rd_store_dump(rd);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    rd_begin(&t);
    rd_add_rename(rd, &t, "db", "base");
    rd_add_create(rd, &t, "a", true);
    rd_add_create(rd, &t, "b", true);
    rd_add(&t, WIRE_OP_DESTROY, "base");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 1);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_EQUAL(rd_show(rd, "db")->state, WIRE_RUNNING);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "db")->xen_name, "acme.db");
    CU_ASSERT(strstr(rd_store_dump(rd), "acme.base") == NULL);
    CU_ASSERT_EQUAL(rd_show(rd, "db")->generation, 1);
    CU_ASSERT_EQUAL(rd_destroy(rd, "db", false), 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), store);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

/* The first of two destroys fails before anything was ended: the rename
 * before it is undone, though the journal had passed. */
static void test_back_after_pass(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;

    rd->fault = "fail:destroy:1";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "b", ""), 0);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "a");
    rd_add_rename(rd, &t, "b", "c");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(rd_show(rd, "a")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_show(rd, "b")->state, WIRE_RUNNING);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "b")->xen_name, "acme.b");
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_PTR_NOT_NULL(rd_show(rd, "c"));
    rd_free(rd);
}

/* The second destroy fails after the first: it goes forward. */
static void test_forward(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;

    rd->fault = "fail:destroy:2;refuse:destroy:3";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "a", ""), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "b", ""), 0);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "a");
    rd_add(&t, WIRE_OP_DESTROY, "b");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    rd_free(rd);
}

static void test_reasons(void)
{
    struct rd *rd = started("");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_START, "web");
    rd_add(&t, WIRE_OP_START, "nobody");
    rd_add_create(rd, &t, "db", true)->definition.kernel = "/no/such/kernel";
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_WRONG_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "3 reasons: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "web is running already"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no such guest: nobody"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/kernel"));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 1);
    /* Nothing at all, and what is not for clients. */
    rd_begin(&t);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, NULL), VDC_E_BAD_VALUE);
    rd_add(&t, WIRE_OP_STOP, "web");
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "stop"));
    /* Nothing can come after a destroy. */
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "web")->keep = true;
    rd_add(&t, WIRE_OP_START, "web");
    CU_ASSERT_NOT_EQUAL(rd_transact(rd, &t, NULL, &err), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

static void test_dry_run(void)
{
    struct rd *rd = started("");
    const struct wire_transaction_reply *reply;
    struct rd_transaction t;

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    rd_begin(&t);
    t.t.dry_run = true;
    t.t.key = "k";
    rd_add_create(rd, &t, "db", true);
    rd_add(&t, WIRE_OP_DESTROY, "web");
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT_EQUAL(reply->id, 0);
    CU_ASSERT_EQUAL(reply->n_plan, 6);
    CU_ASSERT_PTR_NOT_NULL(strstr(reply->plan[0], "db"));
    CU_ASSERT_PTR_NOT_NULL(strstr(reply->plan[5], "forget web"));
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 1);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    /* The key is as good as new. */
    t.t.dry_run = false;
    CU_ASSERT_EQUAL_FATAL(rd_transact(rd, &t, &reply, NULL), 0);
    CU_ASSERT(!reply->again);
    rd_free(rd);
}

/* Xen never answers: whoever asked is told, what is about others goes on,
 * and after a restart it is undone. */
static void test_stuck(void)
{
    struct rd *rd = rd_new("");
    struct rd_transaction t;
    struct vdc_error err = { 0 };

    rd->fault = "hang-after:create:1";
    rd->settings = "undo_wait = \"200ms\"\n";
    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_kib = rd_free_kib(rd);
    rd_begin(&t);
    t.t.timeout_ms = 100;
    rd_add_create(rd, &t, "web", true);
    CU_ASSERT_EQUAL(rd_transact(rd, &t, NULL, &err), VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not undone yet"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not done within 0.1 s"));
    CU_ASSERT_PTR_NULL(strstr(err.text, "nothing is changed"));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 1);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_destroy(rd, "db", false), 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib);
    rd_free(rd);
}

static size_t published(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    const char **nodes;
    size_t n = 0;

    hv->store->list(hv, "/tool/xen-vdc/partition", rd->arena, &nodes, &n,
                    NULL);
    return n;
}

/* A destroy that a crash cut short and that takes longer than a start waits
 * for: what it took out of xenstore stays out. */
static void test_slow_end(void)
{
    struct rd *rd = rd_new("destroy_ms=700");
    struct rd_transaction t;

    rd->settings = "undo_wait = \"200ms\"\n";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    CU_ASSERT_EQUAL(published(rd), 1);
    rd_begin(&t);
    rd_add(&t, WIRE_OP_DESTROY, "web");
    rd_send_transaction(rd, &t);
    rd_sleep(150);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 1);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    for (unsigned i = 0; i < 50 && rd_show(rd, "web"); i++)
        rd_sleep(100);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(published(rd), 0);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "rows alone: one write, no journal", test_rows_alone },
    { "several operations", test_several },
    { "names change hands", test_swap },
    { "a rename, and a power cut", test_rename_and_power_cut },
    { "the last fails", test_undone },
    { "back though passed", test_back_after_pass },
    { "forward after the first destroy", test_forward },
    { "all reasons at once", test_reasons },
    { "dry run", test_dry_run },
    { "Xen never answers", test_stuck },
    { "an end that outlasts the start", test_slow_end },
};

UNIT_MAIN("resourced: transactions", tests)
