/*
 * policyd with 10,000 hosts and 150,000 guests.
 *
 *   bench_policyd fill STORE DIR HOSTS GUESTS CUSTOMERS
 *   bench_policyd place STORE SECONDS
 *
 * `place` has policyd's code in this process, and the hosts are simulated
 * here, too: what each reports is put into the inventory, and no resourced is
 * asked for anything.  What the daemon does at its socket is in
 * bench_policyd_api.c, with hosts of bench_policyd_hosts.c.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "policyd/api/operations.h"
#include "policyd/change/change.h"
#include "policyd/explain/decision.h"
#include "policyd/hosts/inventory.h"
#include "policyd/placement/brief.h"
#include "policyd/policies/policies.h"
#include "policyd/store/store.h"
#include "tests/bench/bench_policyd.h"

#define BATCH 256 /* commits in flight; placements before they go again */

static struct event_base *base;

double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void die(const char *what, const struct vdc_error *err)
{
    fprintf(stderr, "bench_policyd: %s: %s\n", what, err ? err->text : "");
    exit(1);
}

/* ---- filling ---- */

static void told(void *arg, const struct vdc_error *why)
{
    if (why->code)
        die("the store", why);
    *(bool *)arg = true;
}

static void settle(struct book *book)
{
    bool done = false;

    if (!book_wait(book, told, &done))
        return;
    while (!done)
        event_base_loop(base, EVLOOP_ONCE);
}

static struct store *open_store(const char *path)
{
    const struct store_settings settings = { .address = path };
    struct vdc_error err = { 0 };
    struct store *store;

    if (store_open(base, &settings, &store, &err))
        die(path, &err);
    return store;
}

static void add_host(struct book *book, const char *dir, unsigned i)
{
    const char *tags[] = { "ssd", "x86-64-v3" };
    struct wire_host_record record;
    struct vdc_error err = { 0 };
    char name[16], address[128], domain[16];

    wire_init(&wire_struct_host_record, &record);
    snprintf(name, sizeof(name), "h%05u", i);
    snprintf(address, sizeof(address), "unix:%s/%s", dir, name);
    snprintf(domain, sizeof(domain), "rack%03u", i / 40);
    record.name = name;
    record.address = address;
    record.domain = domain;
    record.tags = tags;
    record.n_tags = i % 3;
    record.created_ms = 1;
    if (book_host_put(book, &record, NULL, &err))
        die(name, &err);
}

static void add_customer(struct book *book, unsigned i)
{
    struct wire_customer customer;
    struct wire_login login;
    struct vdc_error err = { 0 };
    char name[16];

    snprintf(name, sizeof(name), "c%04u", i);
    wire_init(&wire_struct_customer, &customer);
    wire_init(&wire_struct_login, &login);
    login.user = name;
    login.uid = 100000 + i;
    customer.name = name;
    customer.logins = &login;
    customer.n_logins = 1;
    customer.created_ms = 1;
    if (book_customer_add(book, &customer, NULL, &err))
        die(name, &err);
}

static struct assignment *add_guest(struct book *book, const char *customer,
                                    const char *host, unsigned i,
                                    const struct vdc_uuid *uuid,
                                    const char *reason)
{
    char name[24], mac[20];
    struct assignment *a;
    struct vdc_error err = { 0 };
    const struct store_assignment row = {
        .uuid = *uuid,
        .customer = customer,
        .name = name,
        .new_name = "",
        .host = host,
        .state = ASSIGNMENT_CREATING,
        .counts = { .memory = MEM_KIB(GUEST_KIB),
                    .vcpus = 2,
                    .disk = MEM_MIB(20480) },
        .macs = mac,
        .reason = reason,
        .created_ms = clock_wall().ms,
        .runs = true,
    };

    snprintf(name, sizeof(name), "guest%u", i);
    snprintf(mac, sizeof(mac), "00:16:3e:%02x:%02x:%02x", i >> 16 & 0xff,
             i >> 8 & 0xff, i & 0xff);
    if (book_assignment_add(book, &row, NULL, &a, &err))
        die(name, &err);
    return a;
}

void guest_uuid(unsigned i, struct vdc_uuid *ret)
{
    for (size_t k = 0; k < sizeof(ret->bytes); k += 8) {
        uint64_t z =
            (i * UINT64_C(2) + k / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy(ret->bytes + k, &z, 8);
    }
}

static void fill(char **argv)
{
    unsigned n_hosts = (unsigned)atoi(argv[2]);
    unsigned n_guests = (unsigned)atoi(argv[3]);
    unsigned n_customers = (unsigned)atoi(argv[4]);
    struct vdc_error err = { 0 };
    struct book *book;

    if (book_open(open_store(argv[0]), &book, &err))
        die(argv[0], &err);
    for (unsigned i = 0; i < n_hosts; i++)
        add_host(book, argv[1], i);
    for (unsigned i = 0; i < n_customers; i++)
        add_customer(book, i);
    settle(book);
    for (unsigned i = 0; i < n_guests; i++) {
        char customer[16], host[16];
        struct vdc_uuid uuid;
        guest_uuid(i, &uuid);
        snprintf(customer, sizeof(customer), "c%04u", i % n_customers);
        snprintf(host, sizeof(host), "h%05u", i % n_hosts);
        struct assignment *a = add_guest(
            book, customer, host, i, &uuid,
            "pack: 9000 of 10000 hosts could take it; least left over");
        if (book_assignment_move(book, a, ASSIGNMENT_ACTIVE, NULL, NULL, NULL,
                                 &err))
            die(a->name, &err);
        if (i % 2000 == 0)
            settle(book);
    }
    settle(book);
    book_close(book);
}

void define(struct wire_partition_create *ret)
{
    wire_init(&wire_struct_partition_create, ret);
    ret->customer = "c0007";
    ret->definition.name = "new";
    ret->definition.memory = MEM_KIB(GUEST_KIB);
    ret->definition.vcpus = 2;
    ret->definition.kernel = "/bin/sh"; /* any file that is there */
    ret->start = true;
    uuid_random(&ret->definition.uuid);
}

/* ---- placements ---- */

static struct setup setup;
static struct operations *ops;
static double length;

static void report_hosts(void)
{
    const struct host *host;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host)) {
        const struct inventory_host known = {
            .name = host->name,
            .state = PLACEMENT_UP,
            .why = "",
            .domain = host->record.domain,
            .dedicated = "",
            .tags = host->record.tags,
            .n_tags = host->record.n_tags,
            .reported = true,
            .pcpus = 64,
            .available = MEM_KIB(HOST_KIB / 2),
            .asked_ms = clock_mono().ms + 1,
        };
        inventory_put_host(ops->inventory, &known);
    }
}

/* What a placement is made of, besides what the others before it are. */
enum kind { CHOOSE, DECODE, REMEMBER, STORE, N_KINDS };

static const char *const kind_names[N_KINDS] = {
    [CHOOSE] = "chosen, and put into the view",
    [DECODE] = "with its message read, and the reason written",
    [REMEMBER] = "with the record of the decision, in memory",
    [STORE] = "with records of guest, audit and decision, durable",
};

static struct decisions *apart;
static unsigned n_made;

static const struct wire_partition_create *
message(enum kind kind, const struct wire_partition_create *create,
        struct arena *arena)
{
    struct wire_frame got;
    uint8_t *frame;
    size_t size;

    if (kind == CHOOSE)
        return create;
    if (wire_encode(WIRE_MSG_partition_create, 1, create, arena, &frame, &size,
                    NULL) ||
        wire_decode(frame, size, arena, &got, NULL))
        die("a request", NULL);
    return got.body;
}

static void keep(const struct placement_record *record, const char *customer,
                 const char *reason)
{
    const struct placement_view *view = inventory_view(ops->inventory);
    const char *host = placement_view_text(
        view, placement_view_host(view, record->decision.winner.host)->name);
    const struct store_audit audit = { clock_wall().ms,    0,     customer,
                                       "partition_create", "new", 0 };
    struct vdc_error err = { 0 };

    decisions_add(ops->decisions, view, record, customer, "new",
                  clock_wall().ms);
    add_guest(ops->book, customer, host, 1000000 + n_made,
              &record->request.uuid, reason);
    if (book_audits(ops->book, &audit, 1, &err))
        die("an audit record", &err);
}

static void place(enum kind kind, struct vdc_uuid *ret)
{
    struct placement_view *view = inventory_view(ops->inventory);
    struct arena *arena = arena_new();
    struct wire_partition_create create;
    struct placement_record record;
    struct vdc_error err = { 0 };
    char reason[PLACEMENT_REASON_MAX + 1] = "";

    define(&create);
    const struct wire_partition_create *m = message(kind, &create, arena);
    if (!book_customer(ops->book, m->customer))
        die("customer", NULL);
    place_request(ops, m->customer, &m->definition, m->start, &record.request);
    record.policy = *place_policy(ops, m->customer);
    if (placement_index_choose(inventory_index(ops->inventory), view,
                               &record.request, &record.policy,
                               &record.decision, &err))
        die("placement", &err);
    if (kind >= DECODE)
        placement_reason(view, &record.request, &record.policy,
                         &record.decision, reason, sizeof(reason));
    if (kind == REMEMBER)
        decisions_add(apart, view, &record, m->customer, "new", 1);
    if (inventory_put(ops->inventory, &record.request, &record.decision, &err))
        die("the view", &err);
    if (kind == STORE)
        keep(&record, m->customer, reason);
    *ret = record.request.uuid;
    n_made++;
    arena_free(arena);
}

/* They go again, so that there always is room. */
static void remove_all(enum kind kind, const struct vdc_uuid *uuids, int n)
{
    for (int i = 0; i < n; i++) {
        struct assignment *a = book_assignment(ops->book, &uuids[i]);
        if (kind != STORE)
            inventory_drop(ops->inventory, &uuids[i]);
        else if (book_assignment_move(ops->book, a, ASSIGNMENT_ACTIVE, NULL,
                                      NULL, NULL, NULL) ||
                 book_assignment_remove(ops->book, a, NULL, NULL))
            die("removing", NULL);
    }
    settle(ops->book);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double measure_kind(enum kind kind)
{
    static double each[1 << 20];
    struct vdc_uuid uuids[BATCH];
    double wall = 0, cpu = 0, most = 0;
    unsigned n = 0;

    while (wall < length && n + BATCH <= sizeof(each) / sizeof(*each)) {
        double w = seconds(CLOCK_MONOTONIC);
        double c = seconds(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < BATCH; i++) {
            double at = seconds(CLOCK_THREAD_CPUTIME_ID);
            place(kind, &uuids[i]);
            each[n] = seconds(CLOCK_THREAD_CPUTIME_ID) - at;
            most = each[n] > most ? each[n] : most;
            n++;
        }
        settle(ops->book);
        wall += seconds(CLOCK_MONOTONIC) - w;
        cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - c;
        remove_all(kind, uuids, BATCH);
    }
    qsort(each, n, sizeof(*each), compare_double);
    printf("    %-52s %8.0f/s %8.0f/s of CPU; p50 %.1f us, p99 %.1f us, "
           "most %.0f us (aim: 5000)\n",
           kind_names[kind], n / wall, n / cpu, each[n / 2] * 1e6,
           each[n / 100 * 99] * 1e6, most * 1e6);
    return n / wall;
}

/* What the store does by itself, with as many commits in flight. */
static double measure_store(void)
{
    const struct store_audit audit = { 1,     0, "c0007", "partition_create",
                                       "new", 0 };
    struct vdc_error err = { 0 };
    double begin = seconds(CLOCK_MONOTONIC);
    unsigned n = 0;

    while (seconds(CLOCK_MONOTONIC) - begin < length) {
        for (int i = 0; i < BATCH; i++, n++)
            if (book_audits(ops->book, &audit, 1, &err))
                die("an audit record", &err);
        settle(ops->book);
    }
    return n / (seconds(CLOCK_MONOTONIC) - begin);
}

/* ---- all ---- */

static void start(char **argv)
{
    struct vdc_error err = { 0 };

    setup.socket = "";
    setup.placement = "/nonexistent";
    setup.command_address = setup.channel_socket = setup.host_name = "";
    setup.host_report_ms = 5000;
    setup.answer_keep_ms = setup.usage_period_ms = 3600000;
    setup.decisions_kept = 10000;
    double begin = seconds(CLOCK_MONOTONIC);
    if (operations_new(base, &setup, open_store(argv[0]), &ops, &err))
        die(argv[0], &err);
    printf("many in one process: loaded in %.2f s; ",
           seconds(CLOCK_MONOTONIC) - begin);
    begin = seconds(CLOCK_MONOTONIC);
    report_hosts();
    printf("all %zu hosts reported in %.3f s; %.0f MiB\n",
           hosts_count(ops->hosts), seconds(CLOCK_MONOTONIC) - begin,
           (double)memory_of(getpid(), "VmRSS:") / 1024);
}

/* What the loop does while nobody asks; returns the CPU time of the longest
 * piece. */
static double prepare(struct decisions *decisions)
{
    double most = 0;
    bool more = true;

    while (more) {
        double at = seconds(CLOCK_THREAD_CPUTIME_ID);
        more = decisions_prepare(decisions, inventory_view(ops->inventory));
        at = seconds(CLOCK_THREAD_CPUTIME_ID) - at;
        most = at > most ? at : most;
    }
    return most;
}

static void place_all(char **argv)
{
    length = atof(argv[1]);
    start(argv);
    apart = decisions_new(10000);
    printf("placements, one after the other in the process (aim: 20000/s):\n");
    measure_kind(CHOOSE);
    measure_kind(DECODE);
    double longest = prepare(apart);
    measure_kind(REMEMBER);
    printf("    a part of the whole view, written before that from the loop: "
           "at most %.0f us (aim: 5000)\n",
           longest * 1e6);
    prepare(ops->decisions);
    printf("with the store, %d in flight:\n", BATCH);
    double with = measure_kind(STORE);
    double alone = measure_store();
    printf("    commits of one small record each %27.0f/s; "
           "creates / commits: %.2f\n",
           alone, with / alone);
    printf("at the end: %.0f MiB, at most %.0f (aim: 200)\n",
           (double)memory_of(getpid(), "VmRSS:") / 1024,
           (double)memory_of(getpid(), "VmHWM:") / 1024);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int n_arguments;
        void (*run)(char **argv);
    } modes[] = {
        { "fill", 5, fill },       { "restart", 3, run_restart },
        { "place", 2, place_all }, { "hosts", 5, run_hosts },
        { "api", 4, run_api },     { "serve", 2, run_serve },
    };

    signal(SIGPIPE, SIG_IGN); /* clients that have gone */
    base = event_base_new();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (argc == modes[i].n_arguments + 2 &&
            strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run(argv + 2);
            return 0;
        }
    fprintf(stderr, "bench_policyd: see the heads of its sources\n");
    return 1;
}
