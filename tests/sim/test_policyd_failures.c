/* Daemons that are away or killed, and databases that are not as they should
 * be: what is recorded and what is there agree afterwards. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/test_policyd_etcd.h"

static void resourced_away(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, false));
    bed_customers(&bed); /* needs no host */
    struct wire_partition_create order = guest(&bed, "web");
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_NO_DAEMON);
    CHECK_TEXT("resourced does not answer at memory:");
    CHECK(strstr(last_error.hint, "systemctl status xen-vdc-resourced"));
    list(&bed, OPERATOR, "", false);
    CHECK_CODE(VDC_E_NO_DAEMON);
    const struct wire_host_list *hosts =
        ask(&bed, OPERATOR, WIRE_MSG_host_list, NULL);
    CHECK(hosts &&
          strcmp(hosts->hosts[0].state, "resourced does not answer") == 0);
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(create(&bed, OPERATOR, &order));
    struct wire_partition_ref r = ref("", "web");
    bed_kill(&bed.resourced, SIGTERM);
    CHECK(bed_wait_joined(&bed, false));
    for (enum wire_message_number n = WIRE_MSG_partition_start;
         n <= WIRE_MSG_partition_show; n++) {
        if (n == WIRE_MSG_partition_list)
            continue;
        r.new_name = "other";
        act(&bed, OPERATOR, n, &r);
        CHECK_CODE(VDC_E_NO_DAEMON);
    }
    act(&bed, OPERATOR, WIRE_MSG_console_attach, &r);
    CHECK_CODE(VDC_E_NO_DAEMON);
    struct wire_events_query query;
    wire_init(&wire_struct_events_query, &query);
    ask(&bed, OPERATOR, WIRE_MSG_events, &query);
    CHECK_CODE(VDC_E_NO_DAEMON);
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(find(list(&bed, OPERATOR, "", false), "provider", "web"));
    bed_close(&bed);
}

/* What is recorded and what is there: the same, in every way of asking. */
static bool agree(const struct bed *bed, const char *customer,
                  const char *name, bool *ret_there)
{
    const struct wire_partition *p =
        find(list(bed, OPERATOR, "", false), customer, name);
    bool counted = usage(bed, customer)->guests == 1;
    struct wire_partition_ref r = ref(customer, name);

    r.dry_run = true;
    if (p && *p->last_stop && strstr(p->last_stop, "does not know"))
        return false;
    *ret_there = p != NULL;
    if (counted != *ret_there)
        return false;
    if (!p)
        return true;
    act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
    return last_error.code == 0; /* it is idle */
}

static void wait_agree(const struct bed *bed, const char *customer,
                       const char *name, const char *when)
{
    bool there = false, ok = false;

    for (int i = 0; i < 100 && !ok; i++) {
        ok = agree(bed, customer, name, &there);
        if (!ok)
            sleep_ms(50);
    }
    CHECK(ok);
    if (!ok)
        printf("    %s: recorded %d, there %d\n", when,
               (int)usage(bed, customer)->guests, there);
    /* and it can be gone on with either way */
    struct wire_partition_ref r = ref(customer, name);
    if (there) {
        act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
        CHECK_CODE(0);
    }
    struct wire_partition_create order = guest(bed, name);
    order.customer = customer;
    create(bed, OPERATOR, &order);
    CHECK_CODE(0);
    act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
    CHECK_CODE(0);
    if (checks_failed)
        printf("    %s\n", when);
}

/* policyd is killed so long after a create, rename or destroy was sent. */
static void policyd_killed(void)
{
    static const unsigned delays[] = { 0, 1, 2, 3, 5, 8, 15, 40, 90, 160 };
    struct bed bed = { .sim = "create_ms=80,destroy_ms=30" };
    char when[64];

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    for (int what = 0; what < 3; what++) {
        for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
            struct wire_partition_create order = guest(&bed, "web");
            struct wire_partition_ref r = ref("acme", "web");
            struct client c;
            const char *name = "web";
            order.customer = "acme";
            r.new_name = "www";
            if (what > 0)
                CHECK(create(&bed, OPERATOR, &order));
            CHECK(client_open(&bed, &c, OPERATOR));
            if (what == 0)
                client_send(&c, WIRE_MSG_partition_create, &order);
            else if (what == 1)
                client_send(&c, WIRE_MSG_partition_rename, &r);
            else
                client_send(&c, WIRE_MSG_partition_destroy, &r);
            sleep_ms(delays[i]);
            bed_kill(&bed.policyd, SIGKILL);
            client_close(&c);
            bed_start_policyd(&bed);
            CHECK(bed_wait_joined(&bed, true));
            if (what == 1 &&
                find(list(&bed, OPERATOR, "", false), "acme", "www"))
                name = "www";
            snprintf(when, sizeof(when), "request %d, %u ms", what, delays[i]);
            wait_agree(&bed, "acme", name, when);
            if (checks_failed)
                goto out;
        }
    }
out:
    bed_close(&bed);
}

/* resourced dies before its k-th change to the host. */
static void resourced_killed(void)
{
    struct bed bed = { 0 };
    char fault[64];
    unsigned n_unknown = 0;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    for (int k = 1; k <= 40; k++) {
        struct wire_partition_create order = guest(&bed, "web");
        order.customer = "acme";
        bed_kill(&bed.resourced, SIGTERM);
        /* a new host, so that its counters begin anew */
        unlink(bed_path(&bed, "host"));
        snprintf(fault, sizeof(fault), "crash-%s:*:%d",
                 k % 2 ? "before" : "after", (k + 1) / 2);
        bed.fault = fault;
        bed_start_resourced(&bed);
        /* it may die before it answers at all */
        do {
            create(&bed, OPERATOR, &order);
            sleep_ms(10);
        } while (last_error.code == VDC_E_NO_DAEMON &&
                 !bed_has_ended(bed.resourced));
        if (last_error.code != VDC_E_NO_DAEMON) {
            if (last_error.code) {
                CHECK_CODE(VDC_E_CLOSED);
                CHECK_TEXT("not known");
                CHECK(strstr(last_error.hint, "xl-vdc list"));
                n_unknown++;
            }
        }
        if (last_error.code) {
            CHECK(bed_wait(&bed.resourced) == 128 + SIGKILL);
        } else {
            bed_kill(&bed.resourced, SIGTERM); /* it had no more to do */
        }
        bed_start_resourced(&bed);
        CHECK(bed_wait_joined(&bed, true));
        wait_agree(&bed, "acme", "web", fault);
        if (checks_failed)
            break;
    }
    CHECK(n_unknown > 2); /* otherwise this tested something else */
    bed_close(&bed);
}

static void create_fails(void)
{
    struct bed bed = { .fault = "fail:create:1" };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_HYPERVISOR);
    CHECK(usage(&bed, "acme")->guests == 0);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 0);
    CHECK(create(&bed, OPERATOR, &order));
    bed_close(&bed);
}

static void other_answers_meanwhile(void)
{
    struct bed bed = { .sim = "create_ms=1500" };
    struct client c;

    bed_open(&bed);
    bed_start(&bed);
    struct wire_partition_create order = guest(&bed, "slow");
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_send(&c, WIRE_MSG_partition_create, &order));
    sleep_ms(200);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions <= 1);
    CHECK_CODE(0);
    struct wire_partition_ref r = ref("", "slow");
    act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
    CHECK_CODE(VDC_E_BUSY);
    CHECK_TEXT("being created");
    create(&bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_EXISTS);
    /* the client goes; the work goes on */
    client_close(&c);
    for (int i = 0; i < 100; i++) {
        act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
        if (last_error.code != VDC_E_BUSY)
            break;
        sleep_ms(50);
    }
    CHECK_CODE(0);
    bed_close(&bed);
}

static void lost_store(void)
{
    struct bed bed = { 0 };

    if (!need_sqlite())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    order.customer = "acme";
    CHECK(create(&bed, OPERATOR, &order));
    order = guest(&bed, "own");
    CHECK(create(&bed, OPERATOR, &order));
    bed_kill(&bed.policyd, SIGTERM);
    if (system(arena_printf(answers, "rm %s/policyd.db*", bed.dir)))
        CHECK(false);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    for (int i = 0; i < 100 && usage(&bed, "provider")->guests == 0; i++)
        sleep_ms(20);
    CHECK(usage(&bed, "provider")->guests == 1);
    /* nobody knows acme now; operators see its guest */
    CHECK(find(list(&bed, OPERATOR, "", false), "acme", "web"));
    bed_customers(&bed);
    for (int i = 0; i < 100 && usage(&bed, "acme")->guests == 0; i++)
        sleep_ms(20);
    CHECK(usage(&bed, "acme")->guests == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 64 * 1024);
    struct wire_partition_ref r = ref("acme", "web");
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    bed_close(&bed);
}

static void lost_host(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    struct wire_partition_create order = guest(&bed, "web");
    CHECK(create(&bed, OPERATOR, &order));
    bed_kill(&bed.resourced, SIGKILL);
    if (system(arena_printf(answers,
                            "cd %s && rm resourced.db* resourced.sequence "
                            "host", bed.dir)))
        CHECK(false);
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    const struct wire_partition *p = NULL;
    for (int i = 0; i < 100 && !p; i++) {
        p = find(list(&bed, OPERATOR, "", false), "provider", "web");
        sleep_ms(20);
    }
    CHECK(p && strstr(p->last_stop, "does not know it"));
    struct wire_partition_ref r = ref("", "web");
    act(&bed, OPERATOR, WIRE_MSG_partition_start, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("does not know it any more");
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    CHECK(usage(&bed, "provider")->guests == 0);
    bed_close(&bed);
}

/* policyd does not start; how it ended, and what it said. */
static void refuses(struct bed *bed, int status, const char *words)
{
    bed_start_policyd(bed);
    CHECK(bed_wait(&bed->policyd) == status);
    CHECK(bed_logged(bed, words));
}

static void bad_stores(void)
{
    struct bed bed = { 0 };
    const char *sql;

    if (!need_sqlite())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    /* a second one */
    pid_t first = bed.policyd;
    refuses(&bed, 4, "policyd.db is in use by another process");
    bed.policyd = first;
    bed_kill(&bed.policyd, SIGTERM);
    sql = arena_printf(answers,
                       "sqlite3 %s/policyd.db 'PRAGMA user_version=", bed.dir);
    if (system(arena_printf(answers, "%s99'", sql)) == 0) {
        refuses(&bed, 9, "made by a newer version");
        CHECK(bed_logged(&bed, "install the newer version"));
        CHECK(system(arena_printf(answers, "%s10'", sql)) == 0);
    } else {
        skipped = "no sqlite3 program, so no database of a newer version";
    }
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(usage(&bed, "acme") && last_error.code == 0);
    bed_kill(&bed.policyd, SIGTERM);
    CHECK(
        system(arena_printf(
            answers, "yes rubbish 2>/dev/null | head -c 20000 > %s/policyd.db",
            bed.dir)) == 0);
    refuses(&bed, 9, "is damaged");
    CHECK(bed_logged(&bed, "backup"));
    bed_close(&bed);
}

static void full_disk(void)
{
    struct bed bed = { 0 };
    struct wire_customer_create c;
    int n = 0;

    if (!need_sqlite())
        return;
    bed_open(&bed);
    bed.file_limit = 300 * 1024;
    bed_start(&bed);
    wire_init(&wire_struct_customer_create, &c);
    do {
        c.name = arena_printf(answers, "c%d", n++);
        ask(&bed, OPERATOR, WIRE_MSG_customer_create, &c);
    } while (last_error.code == 0 && n < 2000);
    CHECK_CODE(VDC_E_DISK_FULL);
    CHECK_TEXT("disk is full; nothing was changed");
    CHECK(*last_error.hint);
    unsigned n_guests = 0;
    struct wire_partition_create order = guest(&bed, "");
    for (; n_guests < 50; n_guests++) {
        order.definition.name = arena_printf(answers, "g%u", n_guests);
        order.definition.memory = MEM_MIB(8);
        if (!create(&bed, OPERATOR, &order))
            break;
    }
    CHECK_CODE(VDC_E_DISK_FULL);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == n_guests);
    const struct wire_customer_ref all = { "", false, 0 };
    const struct wire_customer_list *l =
        ask(&bed, OPERATOR, WIRE_MSG_customer_list, &all);
    CHECK(l && l->n_customers == (uint32_t)n); /* one less, and provider */
    /* with room again all that was promised is there */
    bed_kill(&bed.policyd, SIGKILL);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    l = ask(&bed, OPERATOR, WIRE_MSG_customer_list, &all);
    CHECK(l && l->n_customers == (uint32_t)n);
    CHECK(create(&bed, OPERATOR, &order));
    CHECK(usage(&bed, "provider")->guests == n_guests + 1);
    bed_close(&bed);
}

const struct sim_test tests_failures[] = {
    { "resourced is away", resourced_away },
    { "a create that fails", create_fails },
    { "a slow create holds up nobody", other_answers_meanwhile },
    { "policyd killed", policyd_killed },
    { "resourced killed", resourced_killed },
    { "a lost store", lost_store },
    { "a host that forgot", lost_host },
    { "stores that cannot be used", bad_stores },
    { "a full disk", full_disk },
    { NULL, NULL },
};
