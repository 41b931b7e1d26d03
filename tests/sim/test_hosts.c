/*
 * One policyd and several hosts: guests spread, requests go to the right host,
 * hosts that die, drain, come back and are removed.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/hosts_bed.h"
#include "tests/sim/test_hosts.h"

static struct hosts_bed hosts;

static void start(size_t n)
{
    memset(&hosts, 0, sizeof(hosts));
    hosts_bed_start(&hosts, n);
    bed_customers(&hosts.bed);
}

/* Creates acme's guest of so many MiB; its host, or "". */
static const char *make(const char *name, unsigned mib)
{
    struct wire_partition_create order = guest(&hosts.bed, name);

    order.customer = "acme";
    order.definition.memory = MEM_MIB(mib);
    const struct wire_partition_reply *made =
        create(&hosts.bed, OPERATOR, &order);
    return made ? made->partition.host : "";
}

static const struct wire_partition *show(const char *name)
{
    struct wire_partition_ref r = ref("acme", name);
    const struct wire_partition_reply *reply =
        act(&hosts.bed, OPERATOR, WIRE_MSG_partition_show, &r);

    return reply ? &reply->partition : NULL;
}

static bool drop(const char *name)
{
    struct wire_partition_ref r = ref("acme", name);

    return act(&hosts.bed, OPERATOR, WIRE_MSG_partition_destroy, &r) != NULL;
}

static size_t index_of(const char *host)
{
    for (size_t i = 0; i < hosts.n; i++)
        if (strcmp(hosts_bed_name(i), host) == 0)
            return i;
    return 0;
}

static void spread(void)
{
    const char *on[6];
    unsigned each[3] = { 0 };

    start(3);
    for (size_t i = 0; i < 6; i++) {
        on[i] = make(arena_printf(answers, "g%zu", i), 128);
        CHECK_CODE(0);
        each[index_of(on[i])]++;
    }
    CHECK(each[0] == 2 && each[1] == 2 && each[2] == 2);
    const struct wire_partition_list *all = hosts_bed_list(&hosts);
    CHECK(all->n_partitions == 6);
    for (size_t i = 0; i < 6; i++) {
        const char *name = arena_printf(answers, "g%zu", i);
        const struct wire_partition *p = find(all, "acme", name);
        CHECK(p && strcmp(p->host, on[i]) == 0 && p->state == WIRE_RUNNING);
        p = show(name);
        CHECK(p && strcmp(p->host, on[i]) == 0);
        CHECK(hosts_bed_show(&hosts, on[i])->running == 2);
    }
    /* each host knows its own alone */
    CHECK(drop("g0"));
    CHECK(hosts_bed_show(&hosts, on[0])->partitions == 1);
    CHECK(hosts_bed_list(&hosts)->n_partitions == 5);
    CHECK(usage(&hosts.bed, "acme")->guests == 5);
    hosts_bed_close(&hosts);
}

static const char *another(const char *const *names, const char *host)
{
    for (; *names; names++) {
        const struct wire_partition *p = show(*names);
        if (p && strcmp(p->host, host) != 0)
            return *names;
    }
    return "";
}

static void one_host_each(void)
{
    static const char *const names[] = { "a", "b", NULL };
    struct wire_operation ops[2];

    start(2);
    const char *host = make("a", 64);
    make("b", 64);
    const char *other = another(names, host);
    CHECK(*other);
    ops[0] = operation(WIRE_OP_PAUSE, "acme", "a");
    ops[1] = operation(WIRE_OP_PAUSE, "acme", other);
    CHECK(!transact(&hosts.bed, OPERATOR, ops, 2));
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("a transaction is about guests of one host: 'a' is on host");
    CHECK(show("a")->state == WIRE_RUNNING);
    /* what is made together is placed together, with what is there already */
    ops[0] = creation(&hosts.bed, "acme", "c");
    ops[1] = creation(&hosts.bed, "acme", "d");
    CHECK(transact(&hosts.bed, OPERATOR, ops, 2));
    CHECK_CODE(0);
    CHECK(strcmp(show("c")->host, show("d")->host) == 0);
    ops[0] = operation(WIRE_OP_PAUSE, "acme", other);
    ops[1] = creation(&hosts.bed, "acme", "e");
    CHECK(transact(&hosts.bed, OPERATOR, ops, 2));
    CHECK(strcmp(show("e")->host, show(other)->host) == 0);
    hosts_bed_close(&hosts);
}

/* A domain's number is one host's: the same is on both. */
static void numbers(void)
{
    struct wire_partition_ref r;

    start(2);
    CHECK(*make("a", 64) && *make("b", 64));
    unsigned domid = show("a")->domid;
    r = ref("", arena_printf(answers, "%u", domid));
    CHECK(show("b")->domid == domid);
    CHECK(!act(&hosts.bed, OPERATOR, WIRE_MSG_partition_show, &r));
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK_TEXT("is a guest on host h1, and another on host h2");
    CHECK(drop("b"));
    CHECK(act(&hosts.bed, OPERATOR, WIRE_MSG_partition_show, &r));
    hosts_bed_close(&hosts);
}

static void set_state(const char *host, enum wire_host_state state,
                      const char *reason)
{
    const char *fields[] = { "state", "reason" };
    struct wire_host_record record;

    wire_init(&wire_struct_host_record, &record);
    record.name = host;
    record.state = state;
    record.reason = reason;
    CHECK(hosts_bed_set(&hosts, &record, fields, 2));
    CHECK_CODE(0);
}

static void death(void)
{
    start(2);
    const char *first = make("a", 64);
    const char *second = make("b", 64);
    CHECK(strcmp(first, second) != 0);
    hosts_bed_kill(&hosts, 1, SIGKILL);
    CHECK(hosts_bed_wait(&hosts, 1, "resourced does not answer"));
    const char *lost = strcmp(first, "h2") == 0 ? "a" : "b";
    const struct wire_partition *p =
        find(hosts_bed_list(&hosts), "acme", lost);
    CHECK(p && p->state == WIRE_UNKNOWN && strcmp(p->host, "h2") == 0);
    /* the customer sees it, too */
    p = find(list(&hosts.bed, OPERATOR, "acme", false), "acme", lost);
    CHECK(p && p->state == WIRE_UNKNOWN);
    CHECK(!show(lost));
    CHECK_CODE(VDC_E_NO_DAEMON);
    CHECK_TEXT("host h2: resourced does not answer at");
    CHECK(strcmp(make("c", 64), "h1") == 0);
    CHECK(strcmp(make("d", 64), "h1") == 0);
    CHECK(!drop(lost));
    hosts_bed_start_one(&hosts, 1);
    CHECK(hosts_bed_wait(&hosts, 2, "up"));
    CHECK(show(lost) && show(lost)->state == WIRE_RUNNING);
    CHECK(strcmp(make("e", 64), "h2") == 0);
    CHECK(drop(lost));
    hosts_bed_close(&hosts);
}

/* Protected guests on the host which go where room is kept, if it dies. */
static unsigned n_kept(const char *host)
{
    struct wire_what_if w;
    unsigned n = 0;

    wire_init(&wire_struct_what_if, &w);
    w.kind = WIRE_IF_DIES;
    w.host = host;
    const struct wire_what_if_reply *reply =
        ask(&hosts.bed, OPERATOR, WIRE_MSG_placement_what_if, &w);
    for (uint32_t i = 0; reply && i < reply->n_guests; i++)
        n += reply->guests[i].protected && reply->guests[i].kept;
    return n;
}

/* Waits until so many of all are protected by a backup, and so many are said
 * to have none. */
static bool backups_are(unsigned n_with, unsigned n_without)
{
    unsigned with = 0, without = 0;

    for (int i = 0; i < 100; i++) {
        with = without = 0;
        for (size_t j = 0; j < hosts.n; j++) {
            const struct wire_host *host =
                hosts_bed_show(&hosts, hosts_bed_name(j));
            without += host ? host->without_backup : 0;
            with += n_kept(hosts_bed_name(j));
        }
        if (with == n_with && without == n_without)
            return true;
        sleep_ms(100);
    }
    printf("    %u with and %u without backup, not %u and %u\n", with, without,
           n_with, n_without);
    return false;
}

static const char *make_protected(const char *name, unsigned mib)
{
    struct wire_partition_create order = guest(&hosts.bed, name);

    order.customer = "acme";
    order.definition.memory = MEM_MIB(mib);
    order.definition.protected = true;
    const struct wire_partition_reply *made =
        create(&hosts.bed, OPERATOR, &order);
    return made ? made->partition.host : "";
}

/* Who is to come back when a host dies has a backup that is up, or is said to
 * have none. */
static void backups(void)
{
    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.conf = "host_report_interval = \"500ms\"\n";
    hosts_bed_start(&hosts, 3);
    bed_customers(&hosts.bed);
    for (int i = 0; i < 6; i++)
        CHECK(*make_protected(arena_printf(answers, "p%d", i), 128));
    CHECK(*make("u", 64));
    CHECK(backups_are(6, 0));
    bed_kill(&hosts.bed.policyd, SIGKILL);
    bed_start_policyd(&hosts.bed);
    CHECK(hosts_bed_wait(&hosts, 3, "up"));
    CHECK(backups_are(6, 0));
    /* it was a backup, as each was */
    hosts_bed_kill(&hosts, 1, SIGKILL);
    CHECK(hosts_bed_wait(&hosts, 1, "resourced does not answer"));
    CHECK(backups_are(6, 0));
    set_state("h3", WIRE_HOST_DRAINING, "");
    /* those of h1 have none; of the others h1 is it */
    unsigned on_h1 = hosts_bed_show(&hosts, "h1")->running;
    const struct wire_partition *u =
        find(hosts_bed_list(&hosts), "acme", "u");
    on_h1 -= u && strcmp(u->host, "h1") == 0;
    CHECK(on_h1 > 0);
    CHECK(backups_are(6 - on_h1, on_h1));
    CHECK(hosts_bed_show(&hosts, "h1")->without_backup == on_h1);
    hosts_bed_start_one(&hosts, 1);
    CHECK(backups_are(6, 0));
    hosts_bed_close(&hosts);
}

static const char *make_with(const char *name, const char *device)
{
    struct wire_partition_create order = guest(&hosts.bed, name);

    order.customer = "acme";
    order.definition.pci = &device;
    order.definition.n_pci = 1;
    const struct wire_partition_reply *made =
        create(&hosts.bed, OPERATOR, &order);
    return made ? made->partition.host : "";
}

/* A guest that wants a device comes to a host that has it free. */
static void devices(void)
{
    static const char shared[] = "0000:05:00.0", only[] = "0000:04:00.0";

    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.sim = "pci=none";
    hosts.sim = "pci=0000:04:00.0+0000:05:00.0";
    hosts_bed_start(&hosts, 3);
    bed_customers(&hosts.bed);
    char *first = strdup(make_with("a", shared));
    char *second = strdup(make_with("b", shared));
    CHECK(*first && strcmp(first, "h1") != 0);
    CHECK(*second && strcmp(second, "h1") != 0);
    CHECK(strcmp(first, second) != 0);
    CHECK(!*make_with("none", shared));
    CHECK_CODE(VDC_E_NO_HOST);
    CHECK_TEXT("devices");
    CHECK(!*make_with("none", "0000:03:00.0"));
    CHECK_CODE(VDC_E_NO_HOST);
    CHECK(*make_with("c", only));
    /* it is known of the hosts after a restart */
    bed_kill(&hosts.bed.policyd, SIGKILL);
    bed_start_policyd(&hosts.bed);
    CHECK(hosts_bed_wait(&hosts, 3, "up"));
    CHECK(!*make_with("none", shared));
    CHECK_CODE(VDC_E_NO_HOST);
    CHECK(drop("b"));
    CHECK(strcmp(make_with("d", shared), second) == 0);
    free(first);
    free(second);
    hosts_bed_close(&hosts);
}

/* It is connected, and says nothing. */
static void hanging(void)
{
    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.conf = "host_report_interval = \"200ms\"\n";
    hosts_bed_start(&hosts, 2);
    bed_customers(&hosts.bed);
    kill(hosts.pids[1], SIGSTOP);
    sleep_ms(1000);
    for (int i = 0; i < 3; i++)
        CHECK(strcmp(make(arena_printf(answers, "g%d", i), 64), "h1") == 0);
    CHECK(strcmp(hosts_bed_show(&hosts, "h2")->state, "up") != 0);
    kill(hosts.pids[1], SIGCONT);
    CHECK(hosts_bed_wait(&hosts, 2, "up"));
    CHECK(strcmp(make("last", 64), "h2") == 0);
    hosts_bed_close(&hosts);
}

static void draining(void)
{
    start(2);
    set_state("h2", WIRE_HOST_DRAINING, "new memory");
    CHECK(strcmp(hosts_bed_show(&hosts, "h2")->state, "draining") == 0);
    CHECK(strstr(hosts_bed_show(&hosts, "h2")->hint, "new memory"));
    for (int i = 0; i < 3; i++)
        CHECK(strcmp(make(arena_printf(answers, "g%d", i), 64), "h1") == 0);
    set_state("h1", WIRE_HOST_MAINTENANCE, "");
    CHECK(!*make("none", 64));
    CHECK_CODE(VDC_E_NO_HOST);
    /* what is there can be changed */
    CHECK(drop("g0"));
    /* all of it is kept */
    bed_kill(&hosts.bed.policyd, SIGTERM);
    bed_start_policyd(&hosts.bed);
    CHECK(bed_wait_joined(&hosts.bed, true));
    CHECK(hosts_bed_wait(&hosts, 1, "draining"));
    CHECK(hosts_bed_wait(&hosts, 1, "maintenance"));
    CHECK(strcmp(hosts_bed_show(&hosts, "h2")->record.reason, "new memory") ==
          0);
    set_state("h2", WIRE_HOST_UP, "");
    CHECK(strcmp(make("new", 64), "h2") == 0);
    hosts_bed_close(&hosts);
}

static void removing(void)
{
    start(2);
    CHECK(!hosts_bed_remove(&hosts, "h1", false));
    CHECK_CODE(VDC_E_WRONG_STATE);
    CHECK(*make("a", 64) && *make("b", 64));
    CHECK(!hosts_bed_remove(&hosts, "h2", true));
    CHECK_CODE(VDC_E_WRONG_STATE);
    CHECK_TEXT("host 'h2' has 1 guests");
    CHECK(drop("a") && drop("b"));
    CHECK(hosts_bed_remove(&hosts, "h2", true));
    CHECK(hosts_bed_show(&hosts, "h2"));
    CHECK(hosts_bed_remove(&hosts, "h2", false));
    CHECK(!hosts_bed_show(&hosts, "h2"));
    CHECK(!hosts_bed_remove(&hosts, "h2", false));
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK(strcmp(make("c", 64), "h1") == 0);
    /* it comes back, by another way */
    CHECK(!hosts_bed_add(&hosts, "h2", "nowhere"));
    CHECK_CODE(VDC_E_BAD_VALUE);
    CHECK(!hosts_bed_add(&hosts, "h1", hosts_bed_address(&hosts, 1)));
    CHECK_CODE(VDC_E_EXISTS);
    CHECK(!hosts_bed_add(&hosts, "h9", hosts_bed_address(&hosts, 0)));
    CHECK_CODE(VDC_E_EXISTS);
    CHECK(hosts_bed_add(&hosts, "h2", hosts_bed_address(&hosts, 1)));
    CHECK(hosts_bed_wait(&hosts, 2, "up"));
    CHECK(strcmp(make("d", 64), "h2") == 0);
    hosts_bed_close(&hosts);
}

/* Its report was older than what it had: another takes the guest. */
static void no_room_after_all(void)
{
    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.conf = "host_report_interval = \"1h\"\n";
    hosts_bed_start(&hosts, 2);
    bed_customers(&hosts.bed);
    /* somebody else takes h1's memory; nobody tells policyd */
    CHECK(system(arena_printf(answers,
                              "%s/tests/sim/sim-ctl %s/host create big 2900 "
                              ">/dev/null",
                              getenv("TOP_BUILDDIR"), hosts.bed.dir)) == 0);
    for (int i = 0; i < 2; i++) {
        struct wire_partition_create order =
            guest(&hosts.bed, arena_printf(answers, "g%d", i));
        order.customer = "acme";
        order.definition.memory = MEM_MIB(400);
        const struct wire_partition_reply *made =
            create(&hosts.bed, OPERATOR, &order);
        CHECK_CODE(0);
        CHECK(made && strcmp(made->partition.host, "h2") == 0);
        if (made && strstr(made->reason, "refused it"))
            CHECK(strstr(made->reason, "host h1 refused it"));
    }
    CHECK(hosts_bed_list(&hosts)->n_partitions == 2);
    CHECK(usage(&hosts.bed, "acme")->guests == 2);
    hosts_bed_close(&hosts);
}

/* ---- events, leases, resources ---- */

static unsigned n_of[3], n_missed;
static uint64_t newest[3];

static void count_event(const struct wire_event *event)
{
    size_t i = index_of(event->host);

    if (event->kind == WIRE_EVENT_MISSED) {
        n_missed++;
        return;
    }
    n_of[i]++;
    CHECK(event->number > newest[i]);
    newest[i] = event->number;
}

static bool ask_events(const struct wire_events_query *query)
{
    struct client c;

    memset(n_of, 0, sizeof(n_of));
    memset(newest, 0, sizeof(newest));
    n_missed = 0;
    CHECK(client_open(&hosts.bed, &c, OPERATOR));
    c.on_event = count_event;
    bool ok = client_call(&c, WIRE_MSG_events, query) != NULL;
    client_close(&c);
    return ok;
}

static void events(void)
{
    struct wire_event_position positions[2];
    struct wire_events_query query;

    start(2);
    CHECK(*make("a", 64) && *make("b", 64));
    wire_init(&wire_struct_events_query, &query);
    CHECK(ask_events(&query));
    CHECK(n_of[0] == 2 && n_of[1] == 2 && n_missed == 0);
    /* from a position of each host */
    for (size_t i = 0; i < 2; i++) {
        wire_init(&wire_struct_event_position, &positions[i]);
        positions[i].host = hosts_bed_name(i);
        positions[i].since = newest[i];
    }
    query.positions = positions;
    query.n_positions = 2;
    CHECK(ask_events(&query));
    CHECK(n_of[0] == 0 && n_of[1] == 0);
    CHECK(drop("a"));
    CHECK(ask_events(&query));
    CHECK(n_of[0] + n_of[1] >= 1);
    /* what cannot be had is said */
    hosts_bed_kill(&hosts, 1, SIGKILL);
    CHECK(hosts_bed_wait(&hosts, 1, "resourced does not answer"));
    query.n_positions = 0;
    CHECK(ask_events(&query));
    CHECK(n_of[0] >= 2 && n_of[1] == 0 && n_missed == 1);
    hosts_bed_close(&hosts);
}

/* Followers get what happens on all hosts, also on one that was away. */
static void following(void)
{
    struct wire_events_query query;
    struct wire_frame frame;
    struct client c;
    unsigned seen[2] = { 0 };

    start(2);
    CHECK(*make("a", 64) && *make("b", 64));
    hosts_bed_kill(&hosts, 1, SIGKILL);
    CHECK(hosts_bed_wait(&hosts, 1, "resourced does not answer"));
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    CHECK(client_open(&hosts.bed, &c, OPERATOR));
    CHECK(client_send(&c, WIRE_MSG_events, &query));
    hosts_bed_start_one(&hosts, 1);
    CHECK(hosts_bed_wait(&hosts, 2, "up"));
    CHECK(drop("a") && drop("b"));
    while (seen[0] + seen[1] < 8 && client_receive(&c, &frame, 5000)) {
        const struct wire_event *event = frame.body;
        if (frame.message->number == WIRE_MSG_event)
            seen[index_of(event->host)]++;
    }
    /* created, started, stopped, destroyed */
    CHECK(seen[0] >= 3 && seen[1] >= 3);
    client_close(&c);
    hosts_bed_close(&hosts);
}

static void leases(void)
{
    struct wire_lease l = lease("acme", 600);
    struct wire_operation op;
    struct wire_transaction t;

    start(2);
    l.host = "h2";
    const struct wire_lease *made = make_lease(&hosts.bed, OPERATOR, &l);
    CHECK(made && strcmp(made->host, "h2") == 0);
    struct vdc_uuid id = made ? made->id : (struct vdc_uuid){ { 0 } };
    l.host = "h7";
    l.memory = MEM_MIB(10);
    CHECK(!make_lease(&hosts.bed, OPERATOR, &l));
    CHECK_CODE(VDC_E_NOT_FOUND);
    /* where there is most room, and that is not h2 now */
    l.host = "";
    made = make_lease(&hosts.bed, OPERATOR, &l);
    CHECK(made && strcmp(made->host, "h1") == 0);
    CHECK(lease_list(&hosts.bed, OPERATOR, "acme")->n_leases == 2);
    /* a guest comes to where its lease is */
    wire_init(&wire_struct_transaction, &t);
    op = creation(&hosts.bed, "acme", "big");
    op.start = true;
    op.definition.memory = MEM_MIB(600);
    t.operations = &op;
    t.n_operations = 1;
    t.lease = id;
    CHECK(ask(&hosts.bed, OPERATOR, WIRE_MSG_transaction, &t));
    CHECK_CODE(0);
    CHECK(show("big") && strcmp(show("big")->host, "h2") == 0);
    CHECK(lease_list(&hosts.bed, OPERATOR, "acme")->n_leases == 1);
    hosts_bed_close(&hosts);
}

static const struct wire_resource_list *resources(const char *customer)
{
    struct wire_resource_query query;

    wire_init(&wire_struct_resource_query, &query);
    query.customer = customer;
    query.kind = WIRE_RESOURCE_MEMORY;
    return ask(&hosts.bed, OPERATOR, WIRE_MSG_resource_list, &query);
}

static void rows(void)
{
    start(3);
    CHECK(*make("a", 64) && *make("b", 64) && *make("c", 64));
    const struct wire_resource_list *l = resources("");
    CHECK(l && l->n_resources == 1 && l->n_totals == 1);
    CHECK(l && strcmp(l->next, "@h2") == 0);
    CHECK(l && strcmp(l->resources[0].host, "h1") == 0);
    CHECK(l && strcmp(l->totals[0].host, "h1") == 0);
    hosts_bed_close(&hosts);
}

static const struct sim_test tests_hosts[] = {
    { "guests spread over hosts", spread },
    { "a transaction is of one host", one_host_each },
    { "numbers of domains", numbers },
    { "a host that dies", death },
    { "backups of protected guests", backups },
    { "guests with devices", devices },
    { "a host that hangs", hanging },
    { "hosts that get no new guests", draining },
    { "hosts added and removed", removing },
    { "no room after all", no_room_after_all },
    { "events of several hosts", events },
    { "following several hosts", following },
    { "leases on several hosts", leases },
    { "resources of several hosts", rows },
    { NULL, NULL },
};

int main(int argc, char **argv)
{
    const struct sim_test *const all[] = { tests_hosts, tests_hosts_full,
                                           tests_hosts_random };

    return sim_tests_run(all, sizeof(all) / sizeof(all[0]), argc, argv);
}
