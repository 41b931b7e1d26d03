/* Who may do what, and that customers do not learn of each other. */
#include <string.h>
#include <unistd.h>

#include "tests/sim/test_policyd_bed.h"

static void nobody(void)
{
    struct bed bed = { 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    list(&bed, NOBODY_UID, "", false);
    CHECK_CODE(VDC_E_DENIED);
    CHECK_TEXT("(uid 54003) is neither an operator nor a login of a customer");
    CHECK(strstr(last_error.hint, "xl-vdc customer-create NAME --user 54003"));
    bed_close(&bed);
}

static void operators_only(void)
{
    struct bed bed = { 0 };
    struct wire_customer_create c;
    struct wire_customer_ref r = { "acme", false, 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    wire_init(&wire_struct_customer_create, &c);
    c.name = "mine";
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_customer_create, &c));
    CHECK_CODE(VDC_E_DENIED);
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_customer_delete, &r));
    CHECK_CODE(VDC_E_DENIED);
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_customer_set, &c));
    CHECK_CODE(VDC_E_NOT_FOUND);
    c.name = "acme"; /* and all of its limits lifted */
    c.whole = true;
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_customer_set, &c));
    CHECK_CODE(VDC_E_DENIED);
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_host_list, NULL));
    CHECK_CODE(VDC_E_DENIED);
    struct wire_verify v;
    wire_init(&wire_struct_verify, &v);
    v.rebuild = true;
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_host_verify, &v));
    CHECK_CODE(VDC_E_DENIED);
    CHECK(ask(&bed, ACME_UID, WIRE_MSG_version, NULL));
    const struct wire_customer_list *l =
        ask(&bed, ACME_UID, WIRE_MSG_customer_list, &r);
    CHECK(l && l->n_customers == 1);
    r.name = "";
    l = ask(&bed, ACME_UID, WIRE_MSG_customer_list, &r);
    CHECK(l && l->n_customers == 1 &&
          strcmp(l->customers[0].name, "acme") == 0);
    bed_close(&bed);
}

/* Two answers must be the same but for the name that was asked for. */
static void check_same(const char *text, const char *name,
                       const char *other_name)
{
    const char *at = strstr(last_error.text, other_name);
    char expected[1024];
    const char *in = strstr(text, name);

    CHECK(at && in);
    if (!at || !in)
        return;
    snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(in - text), text,
             other_name, in + strlen(name));
    if (strcmp(expected, last_error.text) != 0) {
        printf("    '%s' differs from '%s'\n", last_error.text, expected);
        checks_failed++;
    }
}

static const enum wire_message_number on_guests[] = {
    WIRE_MSG_partition_start,  WIRE_MSG_partition_shutdown,
    WIRE_MSG_partition_reboot, WIRE_MSG_partition_destroy,
    WIRE_MSG_partition_rename, WIRE_MSG_partition_show,
    WIRE_MSG_console_attach,   WIRE_MSG_device_list,
};

static void try_name(const struct bed *bed, const char *customer,
                     const char *name, const struct vdc_uuid *uuid)
{
    for (size_t i = 0; i < sizeof(on_guests) / sizeof(on_guests[0]); i++) {
        struct wire_partition_ref r = ref(customer, "absent");
        struct vdc_error absent;
        r.new_name = "x";
        act(bed, GLOBEX_UID, on_guests[i], &r);
        CHECK_CODE(VDC_E_NOT_FOUND);
        absent = last_error;
        r.name = name;
        if (uuid) {
            r.name = "";
            r.uuid = *uuid;
        }
        act(bed, GLOBEX_UID, on_guests[i], &r);
        CHECK_CODE(VDC_E_NOT_FOUND);
        CHECK(strcmp(absent.hint, last_error.hint) == 0);
        if (!uuid)
            check_same(absent.text, "absent", name);
    }
}

static void others_guests(void)
{
    struct bed bed = { 0 };
    char text[UUID_TEXT_SIZE];

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    const struct wire_partition_reply *made = create(&bed, ACME_UID, &order);
    order.definition.name = "own";
    CHECK(made && create(&bed, OPERATOR, &order));
    if (!made)
        return;
    CHECK(strcmp(made->partition.customer, "acme") == 0);
    try_name(&bed, "", "web", NULL);
    try_name(&bed, "acme", "web", NULL);
    try_name(&bed, "nobody", "web", NULL);
    try_name(&bed, "globex", "web", NULL);
    try_name(&bed, "", "acme.web", NULL);
    try_name(&bed, "", "own", NULL);
    try_name(&bed, "provider", "own", NULL);
    try_name(&bed, "", uuid_format(&made->partition.uuid, text), NULL);
    try_name(&bed, "", arena_printf(answers, "%u", made->partition.domid),
             NULL);
    try_name(&bed, "", "", &made->partition.uuid);

    CHECK(list(&bed, GLOBEX_UID, "", true)->n_partitions == 0);
    list(&bed, GLOBEX_UID, "acme", false);
    CHECK_CODE(VDC_E_NOT_FOUND);
    struct vdc_error there = last_error;
    list(&bed, GLOBEX_UID, "nosuch", false);
    check_same(there.text, "acme", "nosuch");
    const struct wire_partition_list *l = list(&bed, ACME_UID, "", true);
    CHECK(l->n_partitions == 1 && find(l, "acme", "web"));

    /* create for another, by name of the customer */
    order.customer = "acme";
    order.definition.name = "trojan";
    create(&bed, GLOBEX_UID, &order);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("no such customer: acme");
    /* the same name for both */
    order.customer = "";
    order.definition.name = "web";
    CHECK(create(&bed, GLOBEX_UID, &order));
    l = list(&bed, GLOBEX_UID, "", false);
    CHECK(l->n_partitions == 1 && find(l, "globex", "web"));
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 3);
    CHECK(list(&bed, OPERATOR, "acme", false)->n_partitions == 1);
    bed_close(&bed);
}

static void files(void)
{
    struct bed bed = { 0 };
    struct vdc_error none;

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.definition.kernel = "/absent";
    create(&bed, ACME_UID, &order);
    CHECK_CODE(VDC_E_NO_FILE);
    none = last_error;
    CHECK(symlink(bed_path(&bed, "secret"),
                  bed_path(&bed, "customers/acme/link")) == 0);
    const char *const hidden[] = {
        "/etc/shadow",
        bed_path(&bed, "secret"),
        bed_path(&bed, "customers/globex/kernel"),
        bed_path(&bed, "customers/acme/../globex/kernel"),
        bed_path(&bed, "customers/acme/link"),
        bed_path(&bed, "resourced.db"),
    };
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        order.definition.kernel = hidden[i];
        create(&bed, ACME_UID, &order);
        CHECK_CODE(VDC_E_NO_FILE);
        CHECK(strcmp(none.hint, last_error.hint) == 0);
        check_same(none.text, "/absent", hidden[i]);
    }
    order = guest(&bed, "web");
    order.definition.bootloader = "pygrub";
    create(&bed, ACME_UID, &order);
    CHECK_CODE(VDC_E_DENIED);
    CHECK_TEXT("bootloader");
    struct wire_nic nic;
    wire_init(&wire_struct_nic, &nic);
    nic.bridge = "other";
    order = guest(&bed, "web");
    order.definition.nics = &nic;
    order.definition.n_nics = 1;
    create(&bed, ACME_UID, &order);
    CHECK_CODE(VDC_E_DENIED);
    CHECK_TEXT("bridge");
    order.definition.name = "op";
    CHECK(create(&bed, OPERATOR, &order)); /* operators may */
    CHECK(usage(&bed, "acme")->guests == 0);
    bed_close(&bed);
}

/* An operation on another's guest: the same as on none. */
static void try_operation(const struct bed *bed, const char *customer,
                          const char *name, const struct vdc_uuid *uuid)
{
    for (int kind = WIRE_OP_START; kind <= WIRE_OP_SAVE; kind++) {
        struct wire_operation op =
            operation((enum wire_operation_kind)kind, customer, "absent");
        struct vdc_error absent;
        if (!strcmp(wire_enum_word(&wire_enum_operation_kind, kind), "?"))
            continue;
        op.new_name = "x";
        op.device = "xvda";
        op.file = bed_path(bed, "customers/globex/f");
        op.disk.target = bed_path(bed, "images/kernel");
        op.disk.readonly = true;
        op.disk.vdev = "xvdz";
        op.memory = MEM_MIB(64);
        op.vcpus = 1;
        CHECK(!transact(bed, GLOBEX_UID, &op, 1));
        absent = last_error;
        op.name = name;
        if (uuid) {
            op.name = "";
            op.uuid = *uuid;
        }
        CHECK(!transact(bed, GLOBEX_UID, &op, 1));
        CHECK_CODE(absent.code);
        CHECK(strcmp(absent.hint, last_error.hint) == 0);
        CHECK_TEXT("no such guest: ");
        if (!uuid)
            check_same(absent.text, "absent", name);
    }
}

static void try_resources(const struct bed *bed, const struct vdc_uuid *uuid)
{
    const struct wire_resource_list *all, *mine;
    struct wire_resource_query q;

    wire_init(&wire_struct_resource_query, &q);
    all = ask(bed, OPERATOR, WIRE_MSG_resource_list, &q);
    CHECK(all && all->n_resources >= 2 && all->n_totals > 0);
    mine = ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
    CHECK(mine && mine->n_resources == 0 && mine->n_totals == 0);
    mine = ask(bed, ACME_UID, WIRE_MSG_resource_list, &q);
    CHECK(mine && mine->n_resources >= 2 && mine->n_totals == 0);
    for (uint32_t i = 0; mine && i < mine->n_resources; i++)
        CHECK(strcmp(mine->resources[i].customer, "acme") == 0);
    /* each row by its number */
    for (uint32_t i = 0; mine && i < mine->n_resources; i++) {
        char there[1024];
        q.index = mine->resources[i].index;
        ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
        CHECK_CODE(VDC_E_NOT_FOUND);
        strcpy(there, last_error.text);
        q.index = 987654321;
        ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
        CHECK_CODE(VDC_E_NOT_FOUND);
        check_same(
            there,
            arena_printf(answers, "%u", (unsigned)mine->resources[i].index),
            "987654321");
    }
    q.index = 0;
    q.customer = "acme";
    ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
    CHECK_CODE(VDC_E_NOT_FOUND);
    q.customer = "";
    q.name = "web";
    ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
    CHECK_CODE(VDC_E_NOT_FOUND);
    q.name = "";
    q.uuid = *uuid;
    ask(bed, GLOBEX_UID, WIRE_MSG_resource_list, &q);
    CHECK_CODE(VDC_E_NOT_FOUND);
    mine = ask(bed, ACME_UID, WIRE_MSG_resource_list, &q);
    CHECK(mine && mine->n_resources > 0 &&
          strcmp(mine->resources[0].partition, "web") == 0);
}

/* Another's lease, renewed, dropped, listed, used: as one that is not. */
static void try_lease(const struct bed *bed, const struct vdc_uuid *id)
{
    static const enum wire_message_number numbers[] = { WIRE_MSG_lease_renew,
                                                        WIRE_MSG_lease_drop };
    char text[UUID_TEXT_SIZE], none[UUID_TEXT_SIZE], there[1024];
    struct wire_lease_ref r;
    struct vdc_uuid absent;

    uuid_random(&absent);
    uuid_format(id, text);
    uuid_format(&absent, none);
    for (size_t i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            wire_init(&wire_struct_lease_ref, &r);
            r.owner = j ? "acme" : "";
            r.expires_ms = 1000;
            r.id = *id;
            ask(bed, GLOBEX_UID, numbers[i], &r);
            CHECK_CODE(VDC_E_NOT_FOUND);
            strcpy(there, last_error.text);
            r.id = absent;
            ask(bed, GLOBEX_UID, numbers[i], &r);
            CHECK_CODE(VDC_E_NOT_FOUND);
            check_same(there, text, none);
        }
    }
    struct wire_operation make = creation(bed, "", "thief");
    struct wire_transaction t;
    wire_init(&wire_struct_transaction, &t);
    t.operations = &make;
    t.n_operations = 1;
    t.lease = *id;
    ask(bed, GLOBEX_UID, WIRE_MSG_transaction, &t);
    CHECK_CODE(VDC_E_NOT_FOUND);
    strcpy(there, last_error.text);
    t.lease = absent;
    ask(bed, GLOBEX_UID, WIRE_MSG_transaction, &t);
    check_same(there, text, none);
    struct wire_partition_create order = guest(bed, "thief");
    order.lease = *id;
    create(bed, GLOBEX_UID, &order);
    CHECK_CODE(VDC_E_NOT_FOUND);
    /* nor may an operator give it to another's guest */
    make.customer = "globex";
    t.lease = *id;
    ask(bed, OPERATOR, WIRE_MSG_transaction, &t);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK(lease_list(bed, GLOBEX_UID, "")->n_leases == 0);
    lease_list(bed, GLOBEX_UID, "acme");
    CHECK_CODE(VDC_E_NOT_FOUND);
    struct wire_lease l = lease("acme", 10);
    make_lease(bed, GLOBEX_UID, &l);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK(lease_list(bed, ACME_UID, "")->n_leases == 1);
}

/* What is asked for in one connection cannot be cancelled in another. */
static void try_cancel(const struct bed *bed)
{
    struct client a, g;
    struct wire_partition_ref r = ref("", "web");
    const struct wire_cancel cancel = { .request = 3 };

    CHECK(client_open(bed, &a, ACME_UID));
    CHECK(client_open(bed, &g, GLOBEX_UID));
    CHECK(client_send(&a, WIRE_MSG_partition_show, &r)); /* its id is 3 */
    CHECK(client_send(&g, WIRE_MSG_cancel, &cancel));
    CHECK(client_wait(&a));
    CHECK(client_call(&g, WIRE_MSG_version, NULL));
    client_close(&a);
    client_close(&g);
}

static void others_things(void)
{
    struct bed bed = { 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    const struct wire_partition_reply *made = create(&bed, ACME_UID, &order);
    struct wire_lease l = lease("", 100);
    const struct wire_lease *kept = make_lease(&bed, ACME_UID, &l);
    CHECK(made && kept);
    if (!made || !kept)
        return;
    try_operation(&bed, "", "web", NULL);
    try_operation(&bed, "acme", "web", NULL);
    try_operation(&bed, "", "acme.web", NULL);
    try_operation(&bed, "", "", &made->partition.uuid);
    /* a guest of one's own does not open the way to another's */
    struct wire_operation ops[2] = { creation(&bed, "", "own"),
                                     operation(WIRE_OP_PAUSE, "acme", "web") };
    transact(&bed, GLOBEX_UID, ops, 2);
    CHECK_CODE(VDC_E_NOT_FOUND);
    ops[1] = operation(WIRE_OP_PAUSE, "", "");
    ops[1].uuid = made->partition.uuid;
    transact(&bed, GLOBEX_UID, ops, 2);
    CHECK_CODE(VDC_E_NOT_FOUND);
    /* nor does what policyd alone may set */
    ops[0].owner = "acme";
    ops[0].xen_name = "Domain-0";
    const struct wire_transaction_reply *own =
        transact(&bed, GLOBEX_UID, ops, 1);
    CHECK(own && own->n_results == 1 &&
          strcmp(own->results[0].partition.customer, "globex") == 0 &&
          strcmp(own->results[0].partition.xen_name, "globex.own") == 0);
    struct wire_operation end = operation(WIRE_OP_DESTROY, "", "own");
    CHECK(transact(&bed, GLOBEX_UID, &end, 1));
    try_resources(&bed, &made->partition.uuid);
    try_lease(&bed, &kept->id);
    try_cancel(&bed);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 1);
    CHECK(usage(&bed, "globex")->guests == 0);
    bed_close(&bed);
}

/* Until it is refused; how many there were. */
static unsigned make_many(const struct bed *bed, const struct wire_message *m,
                          void *body, const char **ret_name)
{
    struct client c;
    unsigned n = 0;
    bool ok = client_open(bed, &c, ACME_UID);

    CHECK(ok);
    while (ok && n < 5000) {
        if (ret_name)
            *ret_name = arena_printf(answers, "acme_p%u", n);
        ok = client_call(&c, (enum wire_message_number)m->number, body);
        n += ok;
    }
    CHECK_CODE(VDC_E_QUOTA);
    client_close(&c);
    return n;
}

/* What a customer makes of itself has an end, also by way of its projects. */
static void much_of_its_own(void)
{
    struct bed bed = { 0 };
    struct wire_customer_create project;
    struct wire_token_create token;

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    wire_init(&wire_struct_customer_create, &project);
    CHECK(make_many(&bed, wire_message_by_name("customer_create"), &project,
                    &project.name) == 1024);
    CHECK_TEXT("customer acme has 1024 projects already");
    wire_init(&wire_struct_token_create, &token);
    token.customer = "acme_p7";
    CHECK(ask(&bed, ACME_UID, WIRE_MSG_token_create, &token));
    token.customer = "acme_p8";
    CHECK(make_many(&bed, wire_message_by_name("token_create"), &token,
                    NULL) == 1023);
    CHECK_TEXT("customer acme has 1024 tokens and certificates already");
    token.customer = "acme";
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_token_create, &token));
    CHECK(ask(&bed, GLOBEX_UID, WIRE_MSG_customer_list,
              &(struct wire_customer_ref){ "", false, "" }));
    token.customer = "";
    CHECK(ask(&bed, GLOBEX_UID, WIRE_MSG_token_create, &token));
    bed_close(&bed);
}

/* One who is nobody here, and asks a lot, does not keep it from being recorded
 * what others were refused. */
static void much_refused(void)
{
    struct wire_customer_ref r = { "nosuch", false, "" };
    struct bed bed = { 0 };
    struct wire_audit_query query;
    struct client c;

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    CHECK(client_open(&bed, &c, NOBODY_UID));
    for (int i = 0; i < 200; i++) {
        client_call(&c, WIRE_MSG_customer_delete, &r);
        CHECK_CODE(VDC_E_DENIED);
    }
    client_close(&c);
    CHECK(!ask(&bed, OPERATOR, WIRE_MSG_customer_delete, &r));
    CHECK_CODE(VDC_E_NOT_FOUND);
    wire_init(&wire_struct_audit_query, &query);
    query.failed = true;
    const struct wire_audit_list *l =
        ask(&bed, OPERATOR, WIRE_MSG_audit_list, &query);
    CHECK(l && l->n_audits > 50 && l->n_audits < 200);
    CHECK(l && strcmp(l->audits[l->n_audits - 1].error, "NOT_FOUND") == 0);
    bed_close(&bed);
}

const struct sim_test tests_isolation[] = {
    { "one who is nobody here", nobody },
    { "what is for operators", operators_only },
    { "others' guests", others_guests },
    { "others' files", files },
    { "others' things in new messages", others_things },
    { "much of a customer's own", much_of_its_own },
    { "much that is refused", much_refused },
    { NULL, NULL },
};
