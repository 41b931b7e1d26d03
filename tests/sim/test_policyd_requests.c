/* Requests and their answers, good and bad. */
#include <string.h>
#include <unistd.h>

#include "tests/sim/test_policyd_bed.h"

static void greetings(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_hello hello = { "test", "1", 99, 0 };
    struct wire_frame frame;

    bed_open(&bed);
    bed_start(&bed);
    CHECK(client_open_raw(&bed, &c, OPERATOR));
    CHECK(!client_call(&c, WIRE_MSG_version, NULL));
    CHECK_CODE(VDC_E_PROTOCOL);
    CHECK(!client_receive(&c, &frame, 2000));
    CHECK_CODE(VDC_E_CLOSED);
    client_close(&c);
    CHECK(client_open_raw(&bed, &c, OPERATOR));
    CHECK(!client_call(&c, WIRE_MSG_hello, &hello));
    CHECK_CODE(VDC_E_PROTOCOL);
    client_close(&c);
    /* an answer is no request; nor is what is resourced's only */
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(!client_call(&c, WIRE_MSG_ok, NULL));
    CHECK_CODE(VDC_E_PROTOCOL);
    client_close(&c);
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(!client_call(&c, WIRE_MSG_host_show, NULL));
    CHECK_CODE(VDC_E_PROTOCOL);
    client_close(&c);
    const struct wire_version *v = ask(&bed, OPERATOR, WIRE_MSG_version, NULL);
    CHECK(v && strcmp(v->hypervisor, "simulator") == 0);
    CHECK(v && *v->policyd && *v->resourced && v->protocol == WIRE_PROTOCOL);
    bed_close(&bed);
}

static const struct wire_customer_list *make_customer(const struct bed *bed,
                                                      const char *name,
                                                      const char *user,
                                                      bool dry_run)
{
    struct wire_customer_create c;

    wire_init(&wire_struct_customer_create, &c);
    c.name = name;
    c.users = &user;
    c.n_users = user ? 1 : 0;
    c.dry_run = dry_run;
    return ask(bed, OPERATOR, WIRE_MSG_customer_create, &c);
}

static void delete_customer(const struct bed *bed, const char *name,
                            bool dry_run)
{
    struct wire_customer_ref r = { name, dry_run, 0 };

    ask(bed, OPERATOR, WIRE_MSG_customer_delete, &r);
}

static void customers(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    CHECK(make_customer(&bed, "acme", "54001", true));
    CHECK(make_customer(&bed, "acme", "54001", false));
    make_customer(&bed, "acme", NULL, false);
    CHECK_CODE(VDC_E_EXISTS);
    make_customer(&bed, "Acme", NULL, false);
    CHECK_CODE(VDC_E_BAD_VALUE);
    make_customer(&bed, "provider", NULL, false);
    CHECK_CODE(VDC_E_EXISTS);
    make_customer(&bed, "globex", "54001", false);
    CHECK_CODE(VDC_E_EXISTS);
    CHECK_TEXT("login of customer acme");
    make_customer(&bed, "globex", "no-such-user", false);
    CHECK_CODE(VDC_E_NOT_FOUND);
    make_customer(&bed, "globex", "root", false);
    CHECK_CODE(VDC_E_BAD_VALUE);
    const struct wire_customer_ref all = { "", false, 0 };
    const struct wire_customer_list *l =
        ask(&bed, OPERATOR, WIRE_MSG_customer_list, &all);
    CHECK(l && l->n_customers == 2);
    CHECK(l && strcmp(l->customers[0].name, "acme") == 0);
    CHECK(l && l->customers[0].n_logins == 1 &&
          l->customers[0].logins[0].uid == 54001);

    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    CHECK(create(&bed, OPERATOR, &order));
    delete_customer(&bed, "acme", false);
    CHECK_CODE(VDC_E_WRONG_STATE);
    CHECK_TEXT("1 guest");
    struct wire_partition_ref r = ref("acme", "web");
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    delete_customer(&bed, "acme", true);
    CHECK_CODE(0);
    delete_customer(&bed, "acme", false);
    CHECK_CODE(0);
    delete_customer(&bed, "acme", false);
    CHECK_CODE(VDC_E_NOT_FOUND);
    delete_customer(&bed, "provider", false);
    CHECK_CODE(VDC_E_DENIED);
    /* a guest of the provider's must not look like a customer's */
    order = guest(&bed, "acme.web");
    CHECK(create(&bed, OPERATOR, &order));
    make_customer(&bed, "acme", NULL, false);
    CHECK_CODE(VDC_E_EXISTS);
    CHECK(make_customer(&bed, "globex", NULL, false));
    order = guest(&bed, "globex.web");
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_BAD_VALUE);
    bed_close(&bed);
}

static void life(void)
{
    struct bed bed = { 0 };
    struct client c;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    CHECK(client_open(&bed, &c, OPERATOR));
    const struct wire_partition_reply *r =
        client_call(&c, WIRE_MSG_partition_create, &order);
    CHECK(r && strstr(r->reason, "host h1: the only host; "));
    CHECK(r && strstr(r->reason, "64 MiB asked"));
    CHECK(r && strcmp(r->partition.xen_name, "acme.web") == 0);
    CHECK(r && strcmp(r->partition.customer, "acme") == 0);
    CHECK(r && r->partition.state == WIRE_RUNNING);
    CHECK(c.n_progress > 0);
    client_close(&c);
    CHECK(usage(&bed, "acme")->memory.kib == 64 * 1024);
    CHECK(usage(&bed, "acme")->guests == 1);

    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_EXISTS);
    struct wire_partition_ref web = ref("acme", "web");
    r = act(&bed, OPERATOR, WIRE_MSG_partition_show, &web);
    CHECK(r && strcmp(r->definition.name, "web") == 0);
    CHECK(r && strstr(r->definition.kernel, "images/kernel"));
    act(&bed, OPERATOR, WIRE_MSG_partition_start, &web);
    CHECK_CODE(VDC_E_WRONG_STATE);
    web.wait = true;
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_reboot, &web));
    r = act(&bed, OPERATOR, WIRE_MSG_partition_shutdown, &web);
    CHECK_CODE(0);
    CHECK(r && r->partition.state == WIRE_STOPPED);
    web.wait = false;
    CHECK(usage(&bed, "acme")->guests == 1); /* stopped ones count */
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_start, &web));
    web.keep = true;
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &web));
    CHECK(find(list(&bed, OPERATOR, "", false), "acme", "web"));
    web.keep = false;
    web.dry_run = true;
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &web));
    CHECK(usage(&bed, "acme")->guests == 1);
    web.dry_run = false;
    r = act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &web);
    CHECK(r && strcmp(r->partition.name, "web") == 0);
    CHECK(usage(&bed, "acme")->guests == 0);
    act(&bed, OPERATOR, WIRE_MSG_partition_show, &web);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("no such guest: web");
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 0);
    bed_close(&bed);
}

static void dry_run(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.dry_run = true;
    const struct wire_partition_reply *r = create(&bed, OPERATOR, &order);
    CHECK(r && *r->reason && r->n_plan > 0);
    CHECK(list(&bed, OPERATOR, "", true)->n_partitions == 0 ||
          !find(list(&bed, OPERATOR, "", true), "provider", "web"));
    CHECK(usage(&bed, "provider")->guests == 0);
    order.definition.kernel = bed_path(&bed, "none");
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_NO_FILE);
    bed_close(&bed);
}

static void renames(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "a");
    order.customer = "acme";
    CHECK(create(&bed, OPERATOR, &order));
    order.definition.name = "b";
    CHECK(create(&bed, OPERATOR, &order));
    struct wire_partition_ref r = ref("acme", "a");
    r.new_name = "b";
    act(&bed, OPERATOR, WIRE_MSG_partition_rename, &r);
    CHECK_CODE(VDC_E_EXISTS);
    r.new_name = "b/";
    act(&bed, OPERATOR, WIRE_MSG_partition_rename, &r);
    CHECK_CODE(VDC_E_BAD_VALUE);
    r.new_name = "c";
    r.dry_run = true;
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_rename, &r));
    CHECK(find(list(&bed, OPERATOR, "", false), "acme", "a"));
    r.dry_run = false;
    const struct wire_partition_reply *reply =
        act(&bed, OPERATOR, WIRE_MSG_partition_rename, &r);
    CHECK(reply && strcmp(reply->partition.name, "c") == 0);
    CHECK(reply && strcmp(reply->partition.xen_name, "acme.c") == 0);
    r = ref("acme", "a");
    act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    r = ref("acme", "c");
    reply = act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK(reply && strcmp(reply->definition.name, "c") == 0);
    bed_close(&bed);
}

static void references(void)
{
    struct bed bed = { 0 };
    char text[UUID_TEXT_SIZE];

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    const struct wire_partition_reply *made = create(&bed, OPERATOR, &order);
    order = guest(&bed, "own");
    CHECK(made && create(&bed, OPERATOR, &order));
    if (!made)
        return;
    const char *const names[] = {
        "acme.web", uuid_format(&made->partition.uuid, text),
        arena_printf(answers, "%u", made->partition.domid), "own"
    };
    for (size_t i = 0; i < 4; i++) {
        struct wire_partition_ref r = ref("", names[i]);
        const struct wire_partition_reply *reply =
            act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
        CHECK_CODE(0);
        CHECK(reply &&
              strcmp(reply->partition.name, i < 3 ? "web" : "own") == 0);
    }
    struct wire_partition_ref r = ref("", "web");
    act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK(strstr(last_error.hint, "acme.web"));
    r = ref("", "999");
    act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("no such guest: 999");
    r = ref("nobody", "web");
    act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    bed_close(&bed);
}

static void identities(void)
{
    struct bed bed = { 0 };
    struct wire_nic nics[2];

    bed_open(&bed);
    bed_start(&bed);
    wire_init(&wire_struct_nic, &nics[0]);
    wire_init(&wire_struct_nic, &nics[1]);
    struct wire_partition_create order = guest(&bed, "a");
    order.definition.nics = nics;
    order.definition.n_nics = 2;
    CHECK(create(&bed, OPERATOR, &order));
    struct wire_partition_ref r = ref("", "a");
    const struct wire_partition_reply *a =
        act(&bed, OPERATOR, WIRE_MSG_partition_show, &r);
    CHECK(a && a->definition.n_nics == 2);
    if (!a)
        return;
    CHECK(strncmp(a->definition.nics[0].mac, "00:16:3e:", 9) == 0);
    CHECK(strcmp(a->definition.nics[0].mac, a->definition.nics[1].mac));
    CHECK(strcmp(a->definition.nics[0].bridge, "xenbr0") == 0);
    order.definition.name = "b";
    nics[1].mac = a->definition.nics[1].mac;
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_EXISTS);
    CHECK_TEXT("MAC");
    nics[0].mac = nics[1].mac = "00:16:3e:00:00:01";
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_EXISTS);
    nics[1].mac = "00:16:3e:00:00:0x";
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_BAD_VALUE);
    order.definition.n_nics = 0;
    order.definition.uuid = a->partition.uuid;
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_EXISTS);
    CHECK_TEXT("UUID");
    bed_close(&bed);
}

static void quotas(void)
{
    struct bed bed = { .sim = "create_ms=300" };
    struct client c[4];
    unsigned n_made = 0, n_refused = 0;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "big");
    order.customer = "acme";
    order.definition.max_memory = MEM_MIB(1500);
    order.definition.vcpus = 9;
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_QUOTA);
    CHECK_TEXT("customer acme: memory quota: 0 MiB used + 1500 MiB asked > "
               "1024 MiB limit; customer acme: vcpus quota: 0 used + 9 asked "
               "> 8 limit");
    /* disks by their size on the host, writable ones only */
    struct wire_disk disk;
    wire_init(&wire_struct_disk, &disk);
    bed_file(&bed, "customers/acme/disk", 2048l * 1024 * 1024);
    disk.target = bed_path(&bed, "customers/acme/disk");
    disk.format = "raw";
    disk.vdev = "xvda";
    order = guest(&bed, "disk");
    order.customer = "acme";
    order.definition.disks = &disk;
    order.definition.n_disks = 1;
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_QUOTA);
    CHECK_TEXT("disk quota: 0 MiB used + 2048 MiB asked > 1024 MiB limit");
    disk.readonly = true;
    CHECK(create(&bed, OPERATOR, &order));
    /* at once: 64 MiB used, so three of 300 fit */
    for (int i = 0; i < 4; i++) {
        order = guest(&bed, arena_printf(answers, "q%d", i));
        order.customer = "acme";
        order.definition.memory = MEM_MIB(300);
        CHECK(client_open(&bed, &c[i], OPERATOR));
        CHECK(client_send(&c[i], WIRE_MSG_partition_create, &order));
    }
    for (int i = 0; i < 4; i++) {
        if (client_wait(&c[i]))
            n_made++;
        else if (last_error.code == VDC_E_QUOTA)
            n_refused++;
        client_close(&c[i]);
    }
    CHECK(n_made == 3);
    CHECK(n_refused == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 964 * 1024);
    /* the provider has none */
    order = guest(&bed, "own");
    order.definition.max_memory = MEM_MIB(3000);
    CHECK(create(&bed, OPERATOR, &order));
    bed_close(&bed);
}

static void memory(void)
{
    struct bed bed = { .conf = "host_memory_reserve = \"256M\"\n" };

    bed_open(&bed);
    bed_start(&bed);
    struct wire_partition_create order = guest(&bed, "big");
    order.definition.memory = MEM_MIB(4000);
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_NO_MEMORY);
    CHECK_TEXT("4000 MiB asked");
    CHECK_TEXT("free");
    CHECK(usage(&bed, "provider")->guests == 0);
    const struct wire_host_list *hosts =
        ask(&bed, OPERATOR, WIRE_MSG_host_list, NULL);
    CHECK(hosts && hosts->n_hosts == 1);
    CHECK(hosts && hosts->hosts[0].simulated);
    CHECK(hosts && strcmp(hosts->hosts[0].state, "up") == 0);
    CHECK(hosts && hosts->hosts[0].free_memory.kib -
                           hosts->hosts[0].available_memory.kib ==
                       256 * 1024);
    /* not started, it needs none yet */
    order.start = false;
    CHECK(create(&bed, OPERATOR, &order));
    struct wire_partition_ref r = ref("", "big");
    act(&bed, OPERATOR, WIRE_MSG_partition_start, &r);
    CHECK_CODE(VDC_E_NO_MEMORY);
    bed_close(&bed);
}

const struct sim_test tests_requests[] = {
    { "greetings", greetings },
    { "customers", customers },
    { "a guest's life", life },
    { "dry run", dry_run },
    { "rename", renames },
    { "what operators call guests", references },
    { "UUIDs and MACs", identities },
    { "quotas", quotas },
    { "memory of the host", memory },
    { NULL, NULL },
};
