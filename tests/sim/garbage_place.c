/* Where garbage is sent to; see garbage_place.h. */
#include "tests/sim/garbage_place.h"

#include <stdlib.h>
#include <string.h>

struct place place;

static void make_guest(const char *customer, const char *name)
{
    struct wire_partition_create order = guest(&place.hosts.bed, name);

    order.customer = customer;
    CHECK(create(&place.hosts.bed, OPERATOR, &order));
    CHECK_CODE(0);
}

/* Two customers with guests, a project, a token and a lease. */
static void make_things(void)
{
    const char *users[] = { "54001", "54004:read-only" };
    struct wire_customer_create c;
    struct wire_token_create t;
    struct wire_lease l = lease("globex", 64);

    bed_customers(&place.hosts.bed);
    wire_init(&wire_struct_customer_create, &c);
    c.name = "acme";
    c.users = users;
    c.n_users = 2;
    c.quota = (struct wire_quota){ 1024 * 1024, 64, 1024 * 1024, 64, 64 };
    CHECK(ask(&place.hosts.bed, OPERATOR, WIRE_MSG_customer_set, &c));
    c.name = "acme_dev";
    c.n_users = 0;
    CHECK(ask(&place.hosts.bed, OPERATOR, WIRE_MSG_customer_create, &c));
    make_guest("acme", "web");
    make_guest("acme", "db");
    make_guest("globex", "shop");
    make_guest("", "own");
    wire_init(&wire_struct_token_create, &t);
    t.customer = "globex";
    CHECK(ask(&place.hosts.bed, OPERATOR, WIRE_MSG_token_create, &t));
    CHECK(make_lease(&place.hosts.bed, OPERATOR, &l));
}

/* What an operator's garbage did to the hosts, so that there is more to be
 * done with them; others that were added go. */
void place_mend(void)
{
    const char *fields[] = { "address", "state",  "reason",
                             "tags",    "domain", "dedicated" };
    const struct wire_host_list *all =
        ask(&place.hosts.bed, OPERATOR, WIRE_MSG_host_list, NULL);

    for (uint32_t i = 0; all && i < all->n_hosts; i++)
        if (strcmp(all->hosts[i].name, "h1") &&
            strcmp(all->hosts[i].name, "h2"))
            hosts_bed_remove(&place.hosts, all->hosts[i].name, false);
    for (size_t i = 0; i < 2; i++) {
        struct wire_host_record record;
        wire_init(&wire_struct_host_record, &record);
        record.name = hosts_bed_name(i);
        record.address = hosts_bed_address(&place.hosts, i);
        hosts_bed_add(&place.hosts, record.name, record.address);
        /* that of h1 is policyd.conf's */
        CHECK(i == 0 ? hosts_bed_set(&place.hosts, &record, fields + 1, 5)
                     : hosts_bed_set(&place.hosts, &record, fields, 6));
        CHECK_CODE(0);
    }
    CHECK(hosts_bed_wait(&place.hosts, 2, "up"));
    struct wire_partition_create order = guest(&place.hosts.bed, "web");
    order.customer = "acme";
    create(&place.hosts.bed, OPERATOR, &order); /* it may be there */
}

/* What fields may well have here; of the last ones the folder is put in. */
static struct garbage_word words[] = {
    { "name", "web" },
    { "name", "db" },
    { "name", "shop" },
    { "name", "acme" },
    { "name", "acme_dev" },
    { "name", "globex" },
    { "name", "new" },
    { "name", "h2" },
    { "name", "acme.web" },
    { "new_name", "other" },
    { "new_name", "db" },
    { "customer", "" },
    { "customer", "acme" },
    { "customer", "acme_dev" },
    { "customer", "globex" },
    { "customer", "provider" },
    { "owner", "globex" },
    { "xen_name", "Domain-0" },
    { "host", "h1" },
    { "host", "h2" },
    { "host", "" },
    { "dedicated", "acme" },
    { "domain", "rack" },
    { "tags", "ssd" },
    { "host_tags", "!ssd" },
    { "groups", "acme/db" },
    { "fields", "state" },
    { "fields", "tags" },
    { "fields", "address" },
    { "users", "54001" },
    { "users", "54004:read-only" },
    { "users", "54009:customer-user" },
    { "role", "customer-user" },
    { "role", "read-only" },
    { "vdev", "xvda" },
    { "device", "xvda" },
    { "bridge", "xenbr0" },
    { "mac", "00:16:3e:00:00:01" },
    { "pci", "0000:03:00.0" },
    { "devices", "0000:03:00.0" },
    { "cpus", "0-1" },
    { "cpus_soft", "all" },
    { "pool", "disk" },
    { "key", "k" },
    { "from", "" },
    { "text", "default = \"pack\"\n" },
    { "text", "policies = [ \"name=a, strategy=weighted, fit=1\" ]\n" },
    { "kernel", "images/kernel" },
    { "target", "customers/acme/disk" },
    { "file", "customers/acme/saved" },
    { "address", "h2/command.sock" },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static void learn_place(uint64_t seed)
{
    const struct wire_partition_list *l =
        list(&place.hosts.bed, OPERATOR, "", false);
    struct vdc_uuid *uuids =
        ARENA_ARRAY(answers, l->n_partitions + 1, struct vdc_uuid);

    for (size_t i = N_WORDS - 4; i < N_WORDS; i++)
        words[i].text =
            arena_printf(answers, "%s%s/%s", i == N_WORDS - 1 ? "unix:" : "",
                         place.hosts.bed.dir, words[i].text);
    for (uint32_t i = 0; i < l->n_partitions; i++)
        uuids[i] = l->partitions[i].uuid;
    CHECK(l->n_partitions == 4);
    place.garbage = (struct garbage){ .seed = seed,
                                      .words = words,
                                      .n_words = N_WORDS,
                                      .uuids = uuids,
                                      .n_uuids = l->n_partitions };
}

void place_open(uint64_t seed)
{
    memset(&place, 0, sizeof(place));
    hosts_bed_start(&place.hosts, 2);
    make_things();
    learn_place(seed);
}

/* ---- what is in order ---- */

/* Names of guests that are there, or may be. */
static const char *draw_guest(void)
{
    static const char *const names[] = { "web", "db",  "n0", "n1",
                                         "n2",  "web", "db", "n3" };

    return names[garbage_draw(&place.garbage, 8)];
}

static void sane_ref(void *body)
{
    struct wire_partition_ref *r = body;

    r->customer = "acme";
    r->name = draw_guest();
    r->new_name = draw_guest();
}

static struct wire_definition sane_definition(void)
{
    return guest(&place.hosts.bed, draw_guest()).definition;
}

static void sane_create(void *body)
{
    struct wire_partition_create *order = body;

    order->customer = "acme";
    order->definition = sane_definition();
    order->start = true;
}

static void sane_operation(struct wire_operation *op)
{
    const struct wire_enum *kinds = &wire_enum_operation_kind;
    uint32_t kind = garbage_draw(&place.garbage, (uint32_t)kinds->n_values);

    wire_init(&wire_struct_operation, op);
    op->kind = (enum wire_operation_kind)kinds->values[kind].number;
    op->customer = "acme";
    if (op->kind == WIRE_OP_CREATE)
        op->definition = sane_definition();
    else
        op->name = draw_guest();
    op->new_name = draw_guest();
    op->memory = MEM_MIB(16 + garbage_draw(&place.garbage, 96));
    op->vcpus = 1;
    op->weight = 300;
    op->device = "xvda";
    op->disk.target = bed_path(&place.hosts.bed, "customers/acme/disk");
    op->disk.vdev = "xvda";
    op->file = bed_path(&place.hosts.bed, "customers/acme/saved");
}

static void sane_transaction(void *body)
{
    struct wire_transaction *t = body;

    t->n_operations = 1 + garbage_draw(&place.garbage, 3);
    t->operations =
        ARENA_ARRAY(answers, t->n_operations, struct wire_operation);
    for (uint32_t i = 0; i < t->n_operations; i++)
        sane_operation(&t->operations[i]);
}

static void sane_lease(void *body)
{
    *(struct wire_lease *)body = lease("acme", 1);
}

static void sane_customer(void *body)
{
    struct wire_customer_create *c = body;

    c->name = garbage_draw(&place.garbage, 2) ? "acme_dev" : "acme_test";
    c->quota.memory_kib = 1024;
}

static void sane_customer_ref(void *body)
{
    ((struct wire_customer_ref *)body)->name = "acme_test";
}

static void sane_host(void *body)
{
    static const char *fields[] = { "tags", "domain", "reason" };
    struct wire_host_change *change = body;

    change->record.name = "h2";
    change->record.domain = "rack";
    change->fields = fields;
    change->n_fields = 3;
}

static void sane_host_ref(void *body)
{
    ((struct wire_host_ref *)body)->name = "h2";
}

static void sane_spec(struct wire_placement_spec *spec)
{
    spec->memory = MEM_MIB(64);
    spec->vcpus = 1;
}

static void sane_what_if(void *body)
{
    struct wire_what_if *w = body;

    w->kind = (enum wire_what_if_kind)garbage_draw(&place.garbage, 7);
    w->host = "h2";
    w->customer = "acme";
    w->memory = MEM_MIB(2048);
    sane_spec(&w->spec);
}

static void sane_capacity(void *body)
{
    sane_spec(&((struct wire_capacity_query *)body)->spec);
}

static void sane_why(void *body)
{
    struct wire_why *why = body;

    sane_ref(&why->guest);
    why->host = "h2";
}

static void sane_moves(void *body)
{
    ((struct wire_move_query *)body)->host = "h2";
}

static const struct {
    const struct wire_struct *s;
    void (*make)(void *body);
} sane[] = {
    { &wire_struct_partition_ref, sane_ref },
    { &wire_struct_partition_create, sane_create },
    { &wire_struct_transaction, sane_transaction },
    { &wire_struct_lease, sane_lease },
    { &wire_struct_customer_create, sane_customer },
    { &wire_struct_customer_ref, sane_customer_ref },
    { &wire_struct_host_change, sane_host },
    { &wire_struct_host_ref, sane_host_ref },
    { &wire_struct_what_if, sane_what_if },
    { &wire_struct_capacity_query, sane_capacity },
    { &wire_struct_why, sane_why },
    { &wire_struct_move_query, sane_moves },
};

void place_sane(const struct wire_struct *s, void *ret_body)
{
    wire_init(s, ret_body);
    for (size_t i = 0; i < sizeof(sane) / sizeof(sane[0]); i++)
        if (sane[i].s == s)
            sane[i].make(ret_body);
}
