/* Projects, roles and tokens, by a client that sends what it likes. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/test_policyd_bed.h"

#define READER_UID 54011
#define USER_UID 54012
#define SHOP_UID 54013

static const struct wire_customer_list *
make_customer(const struct bed *bed, uid_t uid, const char *name,
              const char *const *users, uint32_t n_users,
              const struct wire_quota *quota)
{
    struct wire_customer_create c;

    wire_init(&wire_struct_customer_create, &c);
    c.name = name;
    c.users = (const char **)users;
    c.n_users = n_users;
    c.quota = *quota;
    c.whole = true;
    return ask(bed, uid, WIRE_MSG_customer_create, &c);
}

/* acme with logins of every role, and a project of 256 MiB. */
static void set_up(struct bed *bed)
{
    static const char *const users[] = { "54001", "54011:read-only",
                                         "54012:customer-user" };
    static const char *const shop[] = { "54013" };
    static const char *const globex[] = { "54002" };
    struct wire_quota quota;

    bed_open(bed);
    bed_start(bed);
    wire_init(&wire_struct_quota, &quota);
    quota.memory_kib = 512 * 1024;
    quota.running_guests = 4;
    CHECK(make_customer(bed, OPERATOR, "acme", users, 3, &quota));
    quota.memory_kib = 256 * 1024;
    quota.running_guests = -1;
    CHECK(make_customer(bed, ACME_UID, "acme_shop", shop, 1, &quota));
    wire_init(&wire_struct_quota, &quota);
    CHECK(make_customer(bed, OPERATOR, "globex", globex, 1, &quota));
}

static bool is_request(const struct wire_message *m)
{
    return (m->who & (W_CUSTOMER | W_OPERATOR)) &&
           m->number != WIRE_MSG_hello && m->number != WIRE_MSG_console_data &&
           m->number != WIRE_MSG_cancel;
}

/* Sends the message with nothing in it; the code of its answer. */
static int try_message(const struct bed *bed, uid_t uid,
                       const struct wire_message *m)
{
    void *body = calloc(1, m->body->size);

    wire_init(m->body, body);
    memset(&last_error, 0, sizeof(last_error));
    ask(bed, uid, (enum wire_message_number)m->number, body);
    free(body);
    return last_error.code;
}

/* What is not refused for its role, in the order of the table. */
static void check_allowed(const struct bed *bed, uid_t uid,
                          const char *const *expected, size_t n_expected)
{
    size_t n, at = 0;
    const struct wire_message *m = wire_messages(&n);

    for (size_t i = 0; i < n; i++) {
        if (!is_request(&m[i]) || try_message(bed, uid, &m[i]) == VDC_E_DENIED)
            continue;
        /* what channeld answers policyd does not know */
        if (last_error.code == VDC_E_UNSUPPORTED)
            continue;
        if (at < n_expected && strcmp(m[i].name, expected[at]) == 0) {
            at++;
        } else {
            printf("    uid %u: '%s' was not refused\n", (unsigned)uid,
                   m[i].name);
            checks_failed++;
        }
    }
    CHECK(at == n_expected);
    if (at < n_expected)
        printf("    '%s' was refused\n", expected[at]);
}

static void every_message(void)
{
    static const char *const reads[] = {
        "version",       "customer_list", "partition_list", "partition_show",
        "events",        "device_list",   "resource_list",  "lease_list",
        "placement_why", "audit_list",    "use_list",       "image_list",
    };
    struct bed bed = { 0 };
    struct wire_partition_create order;

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "web");
    CHECK(create(&bed, ACME_UID, &order));
    check_allowed(&bed, READER_UID, reads, sizeof(reads) / sizeof(reads[0]));
    CHECK(find(list(&bed, READER_UID, "", false), "acme", "web"));
    bed_close(&bed);
}

static void admins_only(void)
{
    static const enum wire_message_number numbers[] = {
        WIRE_MSG_customer_create, WIRE_MSG_customer_set,
        WIRE_MSG_customer_delete, WIRE_MSG_token_create,
        WIRE_MSG_token_list,      WIRE_MSG_token_revoke,
        WIRE_MSG_certificate_add, WIRE_MSG_certificate_list,
        WIRE_MSG_certificate_remove,
    };
    struct bed bed = { 0 };
    struct wire_partition_create order;

    if (!need_root())
        return;
    set_up(&bed);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const struct wire_message *m = wire_message_by_number(numbers[i]);
        CHECK(try_message(&bed, USER_UID, m) == VDC_E_DENIED);
        CHECK(strstr(last_error.text, "role customer-user"));
        CHECK(try_message(&bed, ACME_UID, m) != VDC_E_DENIED ||
              !strstr(last_error.text, "role"));
    }
    order = guest(&bed, "web");
    CHECK(create(&bed, USER_UID, &order));
    bed_close(&bed);
}

/* ---- tokens ---- */

static const char *make_token(const struct bed *bed, uid_t uid,
                              const char *customer, const char *role,
                              char *ret_id)
{
    struct wire_token_create c;
    const struct wire_token_list *l;

    wire_init(&wire_struct_token_create, &c);
    c.customer = customer;
    c.role = role;
    l = ask(bed, uid, WIRE_MSG_token_create, &c);
    CHECK(l && l->n_tokens == 1 && *l->secret);
    if (!l || l->n_tokens != 1)
        return "";
    strcpy(ret_id, l->tokens[0].id);
    return l->secret;
}

static bool open_with(const struct bed *bed, struct client *c, uid_t uid,
                      const char *token)
{
    const struct wire_hello hello = { .program = "test",
                                      .version = "1",
                                      .protocol = WIRE_PROTOCOL,
                                      .token = token };

    return client_open_raw(bed, c, uid) &&
           client_call(c, WIRE_MSG_hello, &hello);
}

static void tokens(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_partition_create order;
    struct wire_partition_ref r;
    struct wire_token_ref t, all;
    struct wire_partition_query q;
    char id[32] = "", globex_id[32] = "";
    const char *token;

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "web");
    CHECK(create(&bed, GLOBEX_UID, &order));
    token = make_token(&bed, ACME_UID, "", "customer-admin", id);
    make_token(&bed, GLOBEX_UID, "", "", globex_id);
    CHECK(open_with(&bed, &c, NOBODY_UID, token));
    /* another's guest, customer and tokens */
    r = ref("", "web");
    CHECK(!client_call(&c, WIRE_MSG_partition_destroy, &r));
    CHECK_CODE(VDC_E_NOT_FOUND);
    r = ref("globex", "web");
    CHECK(!client_call(&c, WIRE_MSG_partition_show, &r));
    CHECK_CODE(VDC_E_NOT_FOUND);
    wire_init(&wire_struct_token_ref, &t);
    t.id = globex_id;
    CHECK(!client_call(&c, WIRE_MSG_token_revoke, &t));
    CHECK_CODE(VDC_E_NOT_FOUND);
    wire_init(&wire_struct_token_ref, &all);
    const struct wire_token_list *l =
        client_call(&c, WIRE_MSG_token_list, &all);
    CHECK(l && l->n_tokens == 1 && strcmp(l->tokens[0].id, id) == 0);
    CHECK(!client_call(&c, WIRE_MSG_host_list, NULL));
    CHECK_CODE(VDC_E_DENIED);
    wire_init(&wire_struct_partition_query, &q);
    /* it ends on connections that are open */
    CHECK(client_call(&c, WIRE_MSG_partition_list, &q));
    t.id = id;
    CHECK(ask(&bed, ACME_UID, WIRE_MSG_token_revoke, &t));
    CHECK(!client_call(&c, WIRE_MSG_partition_list, &q));
    CHECK_CODE(VDC_E_DENIED);
    client_close(&c);
    CHECK(!open_with(&bed, &c, NOBODY_UID, token));
    CHECK_CODE(VDC_E_DENIED);
    client_close(&c);
    /* a login that is good for something does not help a bad token */
    CHECK(!open_with(&bed, &c, ACME_UID, "vdc_0123456789abcdef.ff"));
    CHECK_CODE(VDC_E_DENIED);
    client_close(&c);
    bed_close(&bed);
}

/* ---- quotas and projects at the same time ---- */

#define N_CLIENTS 12

/* Half of them for the project, half for its customer: as many are made as
 * both limits allow, however they come. */
static void together(void)
{
    struct bed bed = { .sim = "memory=8G" };
    struct client c[N_CLIENTS];
    struct wire_partition_create order[N_CLIENTS];
    char names[N_CLIENTS][8];
    unsigned made[2] = { 0 }, running = 0;

    if (!need_root())
        return;
    set_up(&bed);
    for (int i = 0; i < N_CLIENTS; i++) {
        snprintf(names[i], sizeof(names[i]), "g%d", i);
        order[i] = guest(&bed, names[i]);
        order[i].start = false;
        order[i].definition.memory = order[i].definition.max_memory =
            MEM_MIB(64);
        CHECK(client_open(&bed, &c[i], i % 2 ? SHOP_UID : ACME_UID));
    }
    for (int i = 0; i < N_CLIENTS; i++)
        CHECK(client_send(&c[i], WIRE_MSG_partition_create, &order[i]));
    for (int i = 0; i < N_CLIENTS; i++) {
        if (client_wait(&c[i]))
            made[i % 2]++;
        else
            CHECK_CODE(VDC_E_QUOTA);
    }
    /* 512 MiB of both, 256 MiB of the project */
    CHECK(made[0] + made[1] == 8);
    CHECK(made[1] <= 4);
    CHECK(usage(&bed, "acme")->memory.kib == 512 * 1024);
    /* 4 of them may run */
    for (int i = 0; i < N_CLIENTS; i++) {
        struct wire_partition_ref r = ref("", names[i]);
        CHECK(client_send(&c[i], WIRE_MSG_partition_start, &r));
    }
    for (int i = 0; i < N_CLIENTS; i++)
        running += client_wait(&c[i]) != NULL;
    CHECK(running == 4);
    CHECK(usage(&bed, "acme")->running_guests == 4);
    for (int i = 0; i < N_CLIENTS; i++)
        client_close(&c[i]);
    bed_close(&bed);
}

/* A client that knows nothing of what is new leaves it as it is. */
static void older_clients(void)
{
    struct bed bed = { 0 };
    struct wire_customer_create c;
    struct wire_customer_ref r;
    const struct wire_customer_list *l;

    if (!need_root())
        return;
    set_up(&bed);
    wire_init(&wire_struct_customer_create, &c);
    c.name = "acme";
    c.quota.memory_kib = 1024;
    l = ask(&bed, OPERATOR, WIRE_MSG_customer_set, &c);
    CHECK(l && l->n_customers == 1);
    wire_init(&wire_struct_customer_ref, &r);
    r.name = "acme";
    l = ask(&bed, OPERATOR, WIRE_MSG_customer_list, &r);
    CHECK(l && l->customers[0].quota.memory_kib == 1024);
    CHECK(l && l->customers[0].quota.running_guests == 4);
    CHECK(l && l->customers[0].n_logins == 3);
    CHECK(l && l->customers[0].logins[1].role == WIRE_ROLE_READ);
    bed_close(&bed);
}

/* ---- what is taken away while it is used ---- */

static void revoke(const struct bed *bed, uid_t uid, const char *id)
{
    struct wire_token_ref t;

    wire_init(&wire_struct_token_ref, &t);
    t.id = id;
    CHECK(ask(bed, uid, WIRE_MSG_token_revoke, &t));
}

static unsigned n_of_later;

static void note_later(const struct wire_event *event)
{
    n_of_later += strcmp(event->name, "later") == 0;
}

/* Whoever follows, or types, by a token does so until it is revoked. */
static void goes_on(void)
{
    const struct wire_console_data typed = { (const uint8_t *)"x", 1, 0 };
    struct bed bed = { 0 };
    struct client follower, typist;
    struct wire_events_query query;
    struct wire_partition_create order;
    struct wire_partition_ref web = ref("", "web");
    struct wire_frame frame;
    char id[32] = "";
    const char *token;

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "web");
    CHECK(create(&bed, ACME_UID, &order));
    token = make_token(&bed, ACME_UID, "", "customer-user", id);
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    CHECK(open_with(&bed, &follower, NOBODY_UID, token));
    CHECK(client_send(&follower, WIRE_MSG_events, &query));
    CHECK(client_receive(&follower, &frame, 5000));
    CHECK(open_with(&bed, &typist, NOBODY_UID, token));
    CHECK(client_call(&typist, WIRE_MSG_console_attach, &web));
    /* what it printed before */
    while (client_receive(&typist, &frame, 300))
        ;
    revoke(&bed, ACME_UID, id);
    CHECK(client_send(&typist, WIRE_MSG_console_data, &typed));
    while (client_receive(&typist, &frame, 5000))
        CHECK(frame.message->number != WIRE_MSG_console_data);
    CHECK_CODE(VDC_E_CLOSED);
    order = guest(&bed, "later");
    CHECK(create(&bed, ACME_UID, &order));
    n_of_later = 0;
    follower.on_event = note_later;
    CHECK(!client_wait(&follower));
    CHECK_CODE(VDC_E_DENIED);
    CHECK(n_of_later == 0);
    client_close(&follower);
    client_close(&typist);
    bed_close(&bed);
}

/* ---- what others were told ---- */

/* Why an operator was refused is not for the customer that it was about. */
static void told_operators(void)
{
    struct bed bed = { 0 };
    struct wire_partition_create order;
    struct wire_audit_query query;
    const struct wire_audit_list *l;

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "big");
    order.definition.memory = order.definition.max_memory = MEM_MIB(900000);
    order.customer = "globex";
    CHECK(!create(&bed, OPERATOR, &order));
    CHECK_TEXT("host h1");
    order.customer = "";
    CHECK(!create(&bed, GLOBEX_UID, &order));
    wire_init(&wire_struct_audit_query, &query);
    query.failed = true;
    l = ask(&bed, GLOBEX_UID, WIRE_MSG_audit_list, &query);
    CHECK(l && l->n_audits == 2);
    if (l && l->n_audits == 2) {
        CHECK(*l->audits[0].error && !*l->audits[0].detail);
        CHECK(*l->audits[1].error && *l->audits[1].detail);
    }
    l = ask(&bed, OPERATOR, WIRE_MSG_audit_list, &query);
    CHECK(l && l->n_audits == 2 && strstr(l->audits[0].detail, "host h1"));
    bed_close(&bed);
}

/* What a namesake was refused is not this customer's to know. */
static void namesake(void)
{
    static const char *const other[] = { "54003" };
    struct bed bed = { 0 };
    struct wire_partition_create order;
    struct wire_quota quota;
    struct wire_why why;
    struct wire_customer_ref r = { "globex", false, 0 };

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "big");
    order.definition.memory = order.definition.max_memory = MEM_MIB(900000);
    CHECK(!create(&bed, GLOBEX_UID, &order));
    wire_init(&wire_struct_why, &why);
    why.guest.customer = "";
    why.guest.name = "big";
    CHECK(ask(&bed, GLOBEX_UID, WIRE_MSG_placement_why, &why));
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_delete, &r));
    sleep_ms(5);
    wire_init(&wire_struct_quota, &quota);
    CHECK(make_customer(&bed, OPERATOR, "globex", other, 1, &quota));
    CHECK(!ask(&bed, NOBODY_UID, WIRE_MSG_placement_why, &why));
    CHECK_CODE(VDC_E_NOT_FOUND);
    bed_close(&bed);
}

/* Names of the provider's guests are not told to those who make projects. */
static void names_in_use(void)
{
    struct bed bed = { 0 };
    struct wire_partition_create order;
    struct wire_quota quota;

    if (!need_root())
        return;
    set_up(&bed);
    order = guest(&bed, "acme_lab.secret");
    CHECK(create(&bed, OPERATOR, &order));
    wire_init(&wire_struct_quota, &quota);
    quota.memory_kib = 1024;
    quota.running_guests = 1;
    CHECK(!make_customer(&bed, ACME_UID, "acme_lab", NULL, 0, &quota));
    CHECK_CODE(VDC_E_EXISTS);
    CHECK(!strstr(last_error.text, "secret"));
    CHECK(!make_customer(&bed, OPERATOR, "acme_lab", NULL, 0, &quota));
    CHECK_TEXT("acme_lab.secret");
    bed_close(&bed);
}

const struct sim_test tests_customers[] = {
    { "who only looks, with every message", every_message },
    { "what is for admins", admins_only },
    { "tokens and others' things", tokens },
    { "projects and their customer at the same time", together },
    { "older clients leave new limits", older_clients },
    { "a token that is revoked while it is used", goes_on },
    { "what operators were told", told_operators },
    { "what a namesake was told", namesake },
    { "names of the provider's guests", names_in_use },
    { NULL, NULL },
};
