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
    CHECK(!ask(&bed, ACME_UID, WIRE_MSG_host_list, NULL));
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
    WIRE_MSG_console_attach,
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

const struct sim_test tests_isolation[] = {
    { "one who is nobody here", nobody },
    { "what is for operators", operators_only },
    { "others' guests", others_guests },
    { "others' files", files },
    { NULL, NULL },
};
