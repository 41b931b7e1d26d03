/* resourced on a simulated host: the life of partitions, and what each kind
 * of bad input gets. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/rd.h"
#include "tests/unit/unit.h"

static void test_life(void)
{
    struct rd *rd = rd_new("");
    const struct wire_partition *p;

    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_before = rd_free_kib(rd);
    const char *store_before = rd_store_dump(rd);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    CU_ASSERT(rd->n_progress >= 4);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    p = rd_show(rd, "web");
    CU_ASSERT_FATAL(p != NULL);
    CU_ASSERT_EQUAL(p->state, WIRE_RUNNING);
    CU_ASSERT_STRING_EQUAL(p->customer, "acme");
    CU_ASSERT_STRING_EQUAL(p->xen_name, "acme.web");
    CU_ASSERT_STRING_EQUAL(p->host, "h1");
    CU_ASSERT(p->domid > 0 && p->started_ms > 0 && p->managed);
    CU_ASSERT_EQUAL(strlen(p->flags), 6);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL),
                    VDC_E_WRONG_STATE);

    CU_ASSERT_EQUAL(rd_shutdown_wait(rd, WIRE_MSG_partition_shutdown, "web", 0,
                                     NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    p = rd_show(rd, "web");
    CU_ASSERT_EQUAL(p->state, WIRE_STOPPED);
    CU_ASSERT_STRING_EQUAL(p->last_stop, "powered off");
    CU_ASSERT_EQUAL(p->domid, 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_before);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), store_before);

    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "web", NULL), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", true), VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_CREATED, "web", ""), 1);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STARTED, "web", ""), 2);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_STOPPED, "web", ""), 2);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_DESTROYED, "web", ""), 1);

    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    CU_ASSERT_EQUAL(rd_sql(rd, "SELECT count(*) FROM partition"), 0);
    rd_free(rd);
}

/* Twenty rounds leave the host exactly as it was. */
static void test_rounds(void)
{
    struct rd *rd = rd_new("");

    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_before = rd_free_kib(rd);
    const char *before = rd_store_dump(rd);
    for (unsigned i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
        CU_ASSERT_EQUAL(rd_domains(rd), 1);
        CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    }
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_before);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), before);
    rd_free(rd);
}

static void test_create_stopped(void)
{
    struct rd *rd = rd_new("");
    struct wire_definition definition;

    CU_ASSERT_FATAL(rd_start(rd));
    rd_definition(&definition, "db", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "db")->state, WIRE_STOPPED);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_shutdown, "db", NULL),
                    VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_console_where, "db", NULL),
                    VDC_E_WRONG_STATE);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_start, "db", NULL), 0);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_console_where, "db", NULL), 0);
    rd_free(rd);
}

static void test_paused(void)
{
    struct rd *rd = rd_new("");
    struct wire_partition_create create;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, "db", "");
    create.owner = "acme";
    create.start = create.paused = true;
    CU_ASSERT_EQUAL(
        rd_call(rd, WIRE_MSG_partition_create, &create, NULL, NULL), 0);
    CU_ASSERT_EQUAL(rd_show(rd, "db")->state, WIRE_PAUSED);
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "db")->flags, "--p---");
    rd_free(rd);
}

static void test_dry_run(void)
{
    struct rd *rd = rd_new("");
    struct wire_partition_create create;
    struct wire_partition_ref ref;
    const void *body;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, "web", "");
    create.owner = "acme";
    create.start = create.dry_run = true;
    CU_ASSERT_EQUAL(
        rd_call(rd, WIRE_MSG_partition_create, &create, &body, NULL), 0);
    const struct wire_partition_reply *reply = body;
    CU_ASSERT_EQUAL(reply->n_plan, 4);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    create.definition.kernel = "/no/such/kernel";
    CU_ASSERT_EQUAL(
        rd_call(rd, WIRE_MSG_partition_create, &create, &body, NULL),
        VDC_E_NO_FILE);

    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    ref.dry_run = true;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_partition_destroy, &ref, &body, NULL),
                    0);
    reply = body;
    CU_ASSERT_EQUAL(reply->n_plan, 2);
    CU_ASSERT_EQUAL(rd_show(rd, "web")->state, WIRE_RUNNING);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

static void test_names(void)
{
    struct rd *rd = rd_new("");
    struct wire_definition definition;
    struct vdc_error err = { 0 };
    uint32_t domid;

    CU_ASSERT_FATAL(rd_start(rd));
    rd_definition(&definition, "web", "");
    uuid_random(&definition.uuid);
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, NULL), 0);
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "uuid"));
    uuid_random(&definition.uuid);
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "web"));
    /* A domain that somebody else made has the name. */
    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "acme.db", MEM_MIB(32),
                                          "", &domid, NULL), 0);
    definition.name = "db";
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "acme.db"));
    CU_ASSERT_EQUAL(rd_domains(rd), 2);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 1);
    rd_free(rd);
}

static int rename_to(struct rd *rd, const char *name, const char *new_name)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    ref.new_name = new_name;
    ref.new_xen_name = arena_printf(rd->arena, "acme.%s", new_name);
    return rd_call(rd, WIRE_MSG_partition_rename, &ref, NULL, NULL);
}

static void test_rename(void)
{
    struct rd *rd = rd_new("");

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "db", ""), 0);
    CU_ASSERT_EQUAL(rename_to(rd, "web", "db"), VDC_E_EXISTS);
    CU_ASSERT_EQUAL(rename_to(rd, "web", "www"), 0);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_STRING_EQUAL(rd_show(rd, "www")->xen_name, "acme.www");
    CU_ASSERT(strstr(rd_store_dump(rd), "acme.www") != NULL);
    CU_ASSERT(strstr(rd_store_dump(rd), "acme.web") == NULL);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_show(rd, "www")->state, WIRE_RUNNING);
    CU_ASSERT_EQUAL(rd_events(rd, WIRE_EVENT_RENAMED, "www", "was web"), 1);
    rd_free(rd);
}

static void test_bad_definitions(void)
{
    struct rd *rd = rd_new("");
    struct wire_definition definition;
    struct wire_disk disk;
    struct vdc_error err = { 0 };

    CU_ASSERT_FATAL(rd_start(rd));
    rd_definition(&definition, "web", "");
    definition.kernel = "/no/such/kernel";
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/kernel"));
    rd_definition(&definition, "web", "");
    definition.ramdisk = "/no/such/ramdisk";
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, &err), VDC_E_NO_FILE);
    rd_definition(&definition, "web", "");
    wire_init(&wire_struct_disk, &disk);
    disk.target = "/no/such/disk";
    disk.format = "raw";
    disk.vdev = "xvda";
    definition.disks = &disk;
    definition.n_disks = 1;
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/disk"));
    rd_definition(&definition, "web", "");
    definition.memory = MEM_KIB(0);
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_BAD_VALUE);
    rd_definition(&definition, "web", "");
    definition.max_vcpus = 1;
    definition.vcpus = 2;
    CU_ASSERT_EQUAL(rd_create(rd, &definition, true, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_free(rd);
}

static int create_big(struct rd *rd, const char *name, struct mem memory,
                      struct mem reserve, struct mem dom0_keep,
                      struct vdc_error *err)
{
    struct wire_partition_create create;

    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, name, "");
    create.definition.memory = create.definition.max_memory = memory;
    create.owner = "acme";
    create.start = true;
    create.host_reserve = reserve;
    create.dom0_keep = dom0_keep;
    return rd_call(rd, WIRE_MSG_partition_create, &create, NULL, err);
}

static void test_memory(void)
{
    struct rd *rd = rd_new("memory=2G,dom0_memory=1G");
    struct vdc_error err = { 0 };
    struct mem none = { 0 };

    rd->settings = "memory_wait = 2\n";
    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_before = rd_free_kib(rd);
    CU_ASSERT_EQUAL(create_big(rd, "web", MEM_GIB(3), none, none, &err),
                    VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "web needs 3"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "host h1 has"));
    CU_ASSERT(err.hint[0] != '\0');
    CU_ASSERT_EQUAL(create_big(rd, "web", MEM_MIB(800), MEM_MIB(512), none,
                               &err), VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "512 MiB stay free"));
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_before);
    /* dom0 gives what is missing, and no more than it may. */
    CU_ASSERT_EQUAL(create_big(rd, "web", MEM_MIB(1700), none, MEM_MIB(512),
                               &err), VDC_E_NO_MEMORY);
    CU_ASSERT_EQUAL(create_big(rd, "web", MEM_MIB(1200), none, MEM_MIB(512),
                               &err), 0);
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

/* dom0 that does not give what it should: undone, nothing is left. */
static void test_balloon_timeout(void)
{
    struct rd *rd = rd_new("memory=2G,dom0_memory=1G,balloon=1M");
    struct vdc_error err = { 0 };
    struct mem none = { 0 };

    rd->settings = "memory_wait = 1\n";
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(create_big(rd, "web", MEM_MIB(1200), none, MEM_MIB(512),
                               &err), VDC_E_NO_MEMORY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "dom0 did not give"));
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}

static void test_foreign(void)
{
    struct rd *rd = rd_new("");
    uint32_t domid;

    CU_ASSERT_EQUAL(hv_sim_foreign_create(rd_host(rd), "theirs", MEM_MIB(64),
                                          "", &domid, NULL), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    CU_ASSERT_EQUAL(rd_list(rd, false)->n_partitions, 1);
    const struct wire_partition_list *list = rd_list(rd, true);
    CU_ASSERT_EQUAL_FATAL(list->n_partitions, 3);
    CU_ASSERT_EQUAL(list->partitions[0].domid, 0);
    CU_ASSERT(!list->partitions[0].managed);
    CU_ASSERT_STRING_EQUAL(list->partitions[1].name, "theirs");
    CU_ASSERT(!list->partitions[1].managed);
    CU_ASSERT(list->partitions[2].managed);
    CU_ASSERT_EQUAL(rd_do(rd, WIRE_MSG_partition_destroy, "theirs", NULL),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    rd_kill(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

static void test_host(void)
{
    struct rd *rd = rd_new("memory=4G");
    struct wire_empty nothing;
    const void *body;

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    wire_init(&wire_struct_empty, &nothing);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_show, &nothing, &body, NULL), 0);
    const struct wire_host_list *list = body;
    CU_ASSERT_EQUAL_FATAL(list->n_hosts, 1);
    const struct wire_host *host = &list->hosts[0];
    CU_ASSERT_STRING_EQUAL(host->name, "h1");
    CU_ASSERT(host->simulated);
    CU_ASSERT_EQUAL(host->total_memory.kib, MEM_GIB(4).kib);
    CU_ASSERT_EQUAL(host->partitions, 1);
    CU_ASSERT_EQUAL(host->running, 1);
    CU_ASSERT_EQUAL(host->foreign, 0);
    CU_ASSERT_EQUAL(host->vcpus, 1);
    rd_free(rd);
}

static void test_queue(void)
{
    struct rd *rd = rd_new("create_ms=1000");
    struct wire_partition_create create;
    struct wire_partition_ref ref;
    struct wire_frame frame;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, "web", "");
    create.owner = "acme";
    create.start = true;
    uint32_t first = rd_send(rd, WIRE_MSG_partition_create, &create);
    create.definition.name = "db";
    uint32_t second = rd_send(rd, WIRE_MSG_partition_create, &create);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    uint32_t third = rd_send(rd, WIRE_MSG_partition_destroy, &ref);
    uint64_t begun = clock_mono().ms;
    /* Those that share nothing go on at the same time. */
    CU_ASSERT(rd_receive(rd, &frame, 5000) && frame.id == first);
    CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_partition_reply);
    CU_ASSERT(rd_receive(rd, &frame, 5000) && frame.id == second);
    CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_partition_reply);
    CU_ASSERT(clock_mono().ms - begun < 1900 * unit_time_factor());
    /* What is about the same guest waits until that is there. */
    CU_ASSERT_FATAL(rd_receive(rd, &frame, 5000) && frame.id == third);
    CU_ASSERT_EQUAL(frame.message->number, WIRE_MSG_partition_reply);
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_domains(rd), 1);
    rd_free(rd);
}

/* A request goes on when its connection is gone. */
static void test_disconnect(void)
{
    struct rd *rd = rd_new("");
    struct wire_partition_create create;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, "web", "");
    create.owner = "acme";
    create.start = true;
    rd_send(rd, WIRE_MSG_partition_create, &create);
    rd_disconnect(rd);
    CU_ASSERT_FATAL(rd_connect(rd));
    CU_ASSERT(rd_wait_state(rd, "web", WIRE_RUNNING, 3000));
    rd_free(rd);
}

static void test_protocol(void)
{
    struct rd *rd = rd_new("");
    struct wire_hello hello;
    struct wire_empty nothing;
    struct wire_customer_ref customer;
    struct vdc_error err = { 0 };

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_customer_ref, &customer);
    CU_ASSERT_EQUAL(
        rd_call(rd, WIRE_MSG_customer_list, &customer, NULL, &err),
        VDC_E_DENIED);
    wire_init(&wire_struct_empty, &nothing);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_ok, &nothing, NULL, &err),
                    VDC_E_PROTOCOL);
    wire_init(&wire_struct_hello, &hello);
    hello.program = "policyd";
    hello.version = "99.9";
    hello.protocol = WIRE_PROTOCOL + 1;
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_hello, &hello, NULL, &err),
                    VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "policyd 99.9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "resourced "));
    /* Closed after that. */
    rd_sleep(200);
    CU_ASSERT_EQUAL(rd_call(rd, WIRE_MSG_host_show, &nothing, NULL, &err),
                    VDC_E_CLOSED);
    CU_ASSERT(rd_connect(rd));
    rd_free(rd);
}

static void test_events_follow(void)
{
    struct rd *rd = rd_new("");
    struct wire_events_query query;
    struct wire_frame frame;
    static const enum wire_event_kind kinds[] = {
        WIRE_EVENT_CREATED, WIRE_EVENT_STARTED, WIRE_EVENT_DESTROYED
    };

    CU_ASSERT_FATAL(rd_start(rd));
    struct rd follower = *rd;
    follower.fd = -1;
    CU_ASSERT_FATAL(rd_connect(&follower));
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    rd_send(&follower, WIRE_MSG_events, &query);
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
    CU_ASSERT_EQUAL(rd_destroy(rd, "web", false), 0);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_FATAL(rd_receive(&follower, &frame, 3000));
        CU_ASSERT_EQUAL_FATAL(frame.message->number, WIRE_MSG_event);
        const struct wire_event *event = frame.body;
        CU_ASSERT_EQUAL(event->number, i + 1);
        CU_ASSERT_EQUAL(event->kind, kinds[i]);
        CU_ASSERT_STRING_EQUAL(event->customer, "acme");
    }
    rd_disconnect(&follower);
    rd_free(rd);
}

/* Stopped with followers, waiters and a create under way: an orderly end. */
static void test_stop_busy(void)
{
    struct rd *rd = rd_new("create_ms=2000");
    struct wire_partition_create create;
    struct wire_events_query query;

    CU_ASSERT_FATAL(rd_start(rd));
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    rd_send(rd, WIRE_MSG_events, &query);
    wire_init(&wire_struct_partition_create, &create);
    rd_definition(&create.definition, "web", "");
    create.owner = "acme";
    create.start = true;
    rd_send(rd, WIRE_MSG_partition_create, &create);
    rd_sleep(100);
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_PTR_NULL(rd_show(rd, "web"));
    CU_ASSERT_EQUAL(rd_domains(rd), 0);
    rd_free(rd);
}

/* One who waits for a shutdown is told when the guest is destroyed. */
static void test_destroyed_meanwhile(void)
{
    struct rd *rd = rd_new("");
    struct wire_partition_ref ref;
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    CU_ASSERT_FATAL(rd_start(rd));
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", "sim.ignore_shutdown"), 0);
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    ref.wait = true;
    uint32_t shutdown = rd_send(rd, WIRE_MSG_partition_shutdown, &ref);
    rd_sleep(100);
    uint32_t destroy = rd_send(rd, WIRE_MSG_partition_destroy, &ref);
    CU_ASSERT(rd_receive(rd, &frame, 3000) && frame.id == destroy);
    CU_ASSERT_FATAL(rd_receive(rd, &frame, 3000) && frame.id == shutdown);
    CU_ASSERT_EQUAL_FATAL(frame.message->number, WIRE_MSG_error);
    wire_error_take(frame.body, &err);
    CU_ASSERT_EQUAL(err.code, VDC_E_CANCELLED);
    rd_free(rd);
}

static const struct unit_test tests[] = {
    { "life of a partition", test_life },
    { "20 rounds leave nothing", test_rounds },
    { "define, start later", test_create_stopped },
    { "paused", test_paused },
    { "dry run", test_dry_run },
    { "names and uuids are unique", test_names },
    { "rename", test_rename },
    { "bad definitions", test_bad_definitions },
    { "memory, dom0's help", test_memory },
    { "dom0 gives too little", test_balloon_timeout },
    { "foreign domains", test_foreign },
    { "host", test_host },
    { "one after the other", test_queue },
    { "closed connection", test_disconnect },
    { "protocol errors", test_protocol },
    { "events are followed", test_events_follow },
    { "stopped while busy", test_stop_busy },
    { "destroyed meanwhile", test_destroyed_meanwhile },
};

UNIT_MAIN("resourced", tests)
