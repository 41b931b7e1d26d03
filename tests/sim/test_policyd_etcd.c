/*
 * The data center's store in etcd: what policyd says and does when that is
 * killed, stands still or comes back, and when policyd itself is killed.
 */
#include "tests/sim/test_policyd_etcd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/etcd_server.h"

static struct etcd_server *server; /* of all beds */

static void end(void)
{
    etcd_server_free(server);
}

void etcd_kill(void)
{
    etcd_server_kill(server, 0);
}

void etcd_restart(void)
{
    etcd_kill();
    etcd_server_start(server, 0, true);
}

void etcd_stop(void)
{
    etcd_server_stop(server, 0);
}

void etcd_continue(void)
{
    etcd_server_continue(server, 0);
}

/* ---- who uses it ---- */

static bool all_use_it(void)
{
    const char *store = getenv("VDC_STORE");

    return store && strcmp(store, "etcd") == 0;
}

bool etcd_is_used(const struct bed *bed)
{
    /* unless its settings say where */
    return bed->etcd ||
           (all_use_it() && !(bed->conf && strstr(bed->conf, "store = ")));
}

const char *etcd_conf(const struct bed *bed)
{
    if (!server) {
        server = etcd_server_new(1, NULL);
        atexit(end);
    }
    return arena_printf(answers,
                        "store = \"etcd:%s\"\n"
                        "store_prefix = \"%s/\"\n",
                        etcd_server_endpoints(server)[0], bed->dir + 1);
}

bool need_etcd(void)
{
    const char *missing = etcd_server_missing();

    if (missing)
        skipped = missing;
    return !missing;
}

bool need_sqlite(void)
{
    if (!all_use_it())
        return true;
    skipped = "it is about a store in a file";
    return false;
}

/* ---- the tests ---- */

/* What can be asked of policyd without changing anything. */
static void check_reads(const struct bed *bed)
{
    CHECK(find(list(bed, OPERATOR, "", false), "acme", "web"));
    CHECK_CODE(0);
    CHECK(usage(bed, "acme")->guests >= 1);
    struct wire_partition_ref r = ref("acme", "web");
    CHECK(act(bed, OPERATOR, WIRE_MSG_partition_show, &r));
}

static void check_refused(const struct bed *bed)
{
    struct wire_partition_create order = guest(bed, "refused");
    struct wire_customer_create c;

    order.customer = "acme";
    create(bed, OPERATOR, &order);
    CHECK_CODE(VDC_E_STORE);
    CHECK_TEXT("the data center's store cannot be reached");
    CHECK_TEXT("nothing was changed");
    CHECK(*last_error.hint);
    wire_init(&wire_struct_customer_create, &c);
    c.name = "refused";
    ask(bed, OPERATOR, WIRE_MSG_customer_create, &c);
    CHECK_CODE(VDC_E_STORE);
    struct wire_partition_ref r = ref("acme", "web");
    act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r);
    CHECK_CODE(VDC_E_STORE);
}

/* Until it takes changes again, by itself. */
static void wait_taken(const struct bed *bed, const char *name)
{
    struct wire_partition_create order = guest(bed, name);

    order.customer = "acme";
    for (int i = 0; i < 400; i++) {
        create(bed, OPERATOR, &order);
        if (last_error.code != VDC_E_STORE)
            break;
        sleep_ms(25);
    }
    CHECK_CODE(0);
}

static void make_web(struct bed *bed)
{
    bed->etcd = true;
    bed_with_web(bed);
}

static void etcd_killed(void)
{
    struct bed bed = { 0 };

    if (!need_etcd())
        return;
    make_web(&bed);
    for (int i = 0; i < 3; i++) {
        etcd_kill();
        /* the first change after that may wait for an answer */
        struct wire_partition_ref r = ref("acme", "web");
        struct wire_partition_create order = guest(&bed, "first");
        order.customer = "acme";
        create(&bed, OPERATOR, &order);
        CHECK_CODE(VDC_E_STORE);
        check_reads(&bed);
        check_refused(&bed);
        etcd_restart();
        wait_taken(&bed, "after");
        check_reads(&bed);
        CHECK(usage(&bed, "acme")->guests == 2);
        r.name = "after";
        CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    }
    /* and all that was promised is there for the next policyd */
    bed_kill(&bed.policyd, SIGKILL);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    check_reads(&bed);
    CHECK(usage(&bed, "acme")->guests == 1);
    CHECK(!find(list(&bed, OPERATOR, "", false), "acme", "refused"));
    bed_close(&bed);
}

/* etcd stands still in the middle of a change: the answer waits for it. */
static void etcd_stopped(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_frame frame;

    if (!need_etcd())
        return;
    make_web(&bed);
    struct wire_partition_create order = guest(&bed, "slow");
    order.customer = "acme";
    CHECK(client_open(&bed, &c, OPERATOR));
    etcd_stop();
    CHECK(client_send(&c, WIRE_MSG_partition_create, &order));
    CHECK(!client_receive(&c, &frame, 1000));
    check_reads(&bed);
    etcd_continue();
    CHECK(client_wait(&c));
    CHECK_CODE(0);
    client_close(&c);
    CHECK(usage(&bed, "acme")->guests == 2);
    /* killed while it waits: whoever asked has heard nothing, and the next
     * policyd and the host agree */
    order = guest(&bed, "lost");
    order.customer = "acme";
    CHECK(client_open(&bed, &c, OPERATOR));
    etcd_stop();
    CHECK(client_send(&c, WIRE_MSG_partition_create, &order));
    sleep_ms(100);
    bed_kill(&bed.policyd, SIGKILL);
    etcd_continue();
    client_close(&c);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    for (int i = 0; i < 200 && usage(&bed, "acme")->guests != 2; i++)
        sleep_ms(25);
    CHECK(usage(&bed, "acme")->guests == 2);
    CHECK(!find(list(&bed, OPERATOR, "", false), "acme", "lost"));
    bed_close(&bed);
}

/* Many at a time while etcd comes and goes: each is made once, or was refused
 * with that reason. */
static void etcd_comes_and_goes(void)
{
    enum { N = 30 };
    struct bed bed = { 0 };
    bool made[N] = { false };
    unsigned n = 1;

    if (!need_etcd())
        return;
    bed.conf = "store_lease = \"1m\"\n"; /* it leads all the time */
    make_web(&bed);
    for (int i = 0; i < N; i++) {
        struct wire_customer_create c;
        wire_init(&wire_struct_customer_create, &c);
        c.name = arena_printf(answers, "c%d", i);
        if (i % 6 == 2)
            etcd_kill();
        if (i % 6 == 4)
            etcd_restart();
        ask(&bed, OPERATOR, WIRE_MSG_customer_create, &c);
        made[i] = last_error.code == 0;
        if (last_error.code != 0)
            CHECK_CODE(VDC_E_STORE);
        n += made[i];
    }
    /* how many depends on how fast the machine is */
    CHECK(n > 2 && n < N);
    etcd_restart();
    wait_taken(&bed, "after");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            struct wire_customer_ref r;
            wire_init(&wire_struct_customer_ref, &r);
            r.name = arena_printf(answers, "c%d", i);
            ask(&bed, OPERATOR, WIRE_MSG_customer_list, &r);
            CHECK_CODE(made[i] ? 0 : VDC_E_NOT_FOUND);
        }
        bed_kill(&bed.policyd, SIGKILL);
        bed_start_policyd(&bed);
        CHECK(bed_wait_joined(&bed, true));
    }
    bed_close(&bed);
}

/* As systemd does. */
static void wait_and_restart(struct bed *bed)
{
    CHECK(bed_wait(&bed->policyd) == 0);
    bed_start_policyd(bed);
    CHECK(bed_wait_joined(bed, true));
}

/* Two of one data center, with a host each. */
static void open_two(struct bed *bed, struct bed *other)
{
    bed->conf = "store_lease = \"1s\"\n";
    make_web(bed);
    bed_open(other);
    other->conf = arena_printf(answers, "%s%s", etcd_conf(bed), bed->conf);
    bed_start_resourced(other);
    bed_start_policyd(other);
    for (int i = 0; i < 200 && !bed_logged(other, "standing by"); i++)
        sleep_ms(25);
}

static void check_stands_by(const struct bed *bed, const struct bed *leader)
{
    struct wire_customer_create c;

    wire_init(&wire_struct_customer_create, &c);
    c.name = "wrong";
    ask(bed, OPERATOR, WIRE_MSG_customer_create, &c);
    CHECK_CODE(VDC_E_NO_DAEMON);
    CHECK_TEXT("stands by");
    CHECK_TEXT(leader->dir);
    CHECK(*last_error.hint);
}

/* The one that stands by takes over when the other is killed, or ends. */
static void standby_takes_over(void)
{
    struct bed one = { 0 }, two = { 0 };

    if (!need_etcd())
        return;
    open_two(&one, &two);
    check_stands_by(&two, &one);
    /* who is back at once leads on */
    bed_kill(&one.policyd, SIGKILL);
    bed_start_policyd(&one);
    CHECK(bed_wait_joined(&one, true));
    CHECK(usage(&one, "acme")->guests == 1);
    check_stands_by(&two, &one);
    bed_kill(&one.policyd, SIGKILL);
    wait_and_restart(&two);
    CHECK(usage(&two, "acme")->guests == 1);
    bed_start_policyd(&one);
    for (int i = 0; i < 200 && !bed_logged(&one, "standing by"); i++)
        sleep_ms(25);
    check_stands_by(&one, &two);
    bed_kill(&two.policyd, SIGTERM);
    wait_and_restart(&one);
    bed_close(&two);
    bed_close(&one);
}

/* A leader that did not run for a while, and does not know it: another leads
 * by then, and what the first sends comes to nothing. */
static void stale_leader(void)
{
    struct bed one = { 0 }, two = { 0 };
    struct wire_customer_create c;
    struct client late;

    if (!need_etcd())
        return;
    open_two(&one, &two);
    CHECK(client_open(&one, &late, OPERATOR));
    kill(one.policyd, SIGSTOP);
    /* it will find this when it runs again, before it looks at the time */
    wire_init(&wire_struct_customer_create, &c);
    c.name = "late";
    CHECK(client_send(&late, WIRE_MSG_customer_create, &c));
    wait_and_restart(&two);
    c.name = "new";
    CHECK(ask(&two, OPERATOR, WIRE_MSG_customer_create, &c));
    kill(one.policyd, SIGCONT);
    CHECK(!client_wait(&late));
    client_close(&late);
    CHECK(bed_wait(&one.policyd) == 9);
    struct wire_customer_ref r;
    wire_init(&wire_struct_customer_ref, &r);
    r.name = "late";
    ask(&two, OPERATOR, WIRE_MSG_customer_list, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    r.name = "new";
    CHECK(ask(&two, OPERATOR, WIRE_MSG_customer_list, &r));
    /* nor does it come later */
    bed_kill(&two.policyd, SIGKILL);
    bed_start_policyd(&two);
    CHECK(bed_wait_joined(&two, true));
    r.name = "late";
    ask(&two, OPERATOR, WIRE_MSG_customer_list, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    bed_close(&two);
    bed_close(&one);
}

static void no_etcd_at_start(void)
{
    struct bed bed = { .etcd = true };

    if (!need_etcd())
        return;
    bed_open(&bed);
    etcd_conf(&bed);
    etcd_kill();
    bed_start_resourced(&bed);
    bed_start_policyd(&bed);
    CHECK(bed_wait(&bed.policyd) == 9);
    CHECK(bed_logged(&bed, "127.0.0.1"));
    etcd_restart();
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    bed_close(&bed);
}

const struct sim_test tests_etcd[] = {
    { "etcd killed", etcd_killed },
    { "etcd stands still", etcd_stopped },
    { "etcd comes and goes", etcd_comes_and_goes },
    { "the one that stands by", standby_takes_over },
    { "a stale leader", stale_leader },
    { "no etcd at start", no_etcd_at_start },
    { NULL, NULL },
};
