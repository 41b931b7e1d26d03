/*
 * Guests that come and go at random on many hosts, while hosts, and policyd,
 * are killed and drained; at the end it is checked, by what each host has in
 * its database and in its simulator, that every guest is in exactly one
 * place, that policyd's book says the same, and that nothing is left when all
 * are destroyed.
 *
 * How much is in the environment: HOSTS (10), GUESTS (250, at most at a time),
 * SECONDS (8), SEED.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "hv/sim/sim.h"
#include "tests/sim/hosts_bed.h"
#include "tests/sim/process.h"
#include "tests/sim/test_hosts.h"

#define WORKERS 6

static struct hosts_bed hosts;

/* xorshift: the same on every machine */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32) % below;
}

/* ---- those who come and go ---- */

struct report {
    unsigned created, destroyed, changed, refused, lost, wrong;
};

struct worker {
    char customer[16];
    uint64_t seed;
    uint32_t *guests; /* numbers of those that may be there */
    uint32_t n_guests, most, next;
    struct client client;
    bool open;
    struct report report;
};

/* One request over a connection that is made again when it was lost. */
static const void *request(struct worker *w, enum wire_message_number number,
                           const void *body)
{
    if (!w->open)
        w->open = client_open(&hosts.bed, &w->client, OPERATOR);
    if (!w->open) {
        client_close(&w->client);
        last_error.code = VDC_E_NO_DAEMON;
        return NULL;
    }
    memset(&last_error, 0, sizeof(last_error));
    const void *answer = client_call(&w->client, number, body);
    if (!answer &&
        (last_error.code == VDC_E_CLOSED || last_error.code == VDC_E_IO)) {
        client_close(&w->client);
        w->open = false;
    }
    return answer;
}

/* What may come of a request while hosts die. */
static void count_error(struct worker *w, const char *what)
{
    switch (last_error.code) {
    case VDC_E_NO_HOST:
    case VDC_E_NO_MEMORY:
    case VDC_E_BUSY:
    case VDC_E_NOT_FOUND:
    case VDC_E_EXISTS:
    case VDC_E_WRONG_STATE:
        w->report.refused++;
        break;
    case VDC_E_CLOSED:
    case VDC_E_IO:
    case VDC_E_NO_DAEMON:
        w->report.lost++;
        sleep_ms(20);
        break;
    default:
        printf("    %s: %s: %s\n", what, vdc_error_name(last_error.code),
               last_error.text);
        w->report.wrong++;
    }
}

static void come(struct worker *w)
{
    uint32_t number = w->next++;
    struct wire_partition_create order =
        guest(&hosts.bed, arena_printf(answers, "g%u", number));

    order.customer = w->customer;
    order.start = draw(&w->seed, 10) != 0;
    order.definition.memory = MEM_MIB(16 + draw(&w->seed, 8) * 16);
    bool ok = request(w, WIRE_MSG_partition_create, &order) != NULL;
    int code = last_error.code;
    w->report.created += ok;
    if (!ok)
        count_error(w, "create");
    /* it may be there, when nobody knows */
    if (ok || code == VDC_E_CLOSED || code == VDC_E_IO)
        w->guests[w->n_guests++] = number;
}

static struct wire_partition_ref any(struct worker *w, uint32_t *ret_index)
{
    *ret_index = draw(&w->seed, w->n_guests);
    return ref(w->customer,
               arena_printf(answers, "g%u", w->guests[*ret_index]));
}

static void go(struct worker *w)
{
    uint32_t i;
    struct wire_partition_ref r = any(w, &i);
    bool ok = request(w, WIRE_MSG_partition_destroy, &r) != NULL;

    w->report.destroyed += ok;
    if (ok || last_error.code == VDC_E_NOT_FOUND)
        w->guests[i] = w->guests[--w->n_guests];
    if (!ok)
        count_error(w, "destroy");
}

static void look(struct worker *w)
{
    static const enum wire_message_number numbers[] = {
        WIRE_MSG_partition_show, WIRE_MSG_partition_start, WIRE_MSG_device_list
    };
    uint32_t i;
    struct wire_partition_ref r = any(w, &i);

    if (request(w, numbers[draw(&w->seed, 3)], &r))
        w->report.changed++;
    else
        count_error(w, "look");
}

static void work(struct worker *w, uint64_t until_ms)
{
    while (clock_mono().ms < until_ms) {
        uint32_t what = draw(&w->seed, 100);
        answers = arena_new();
        if (w->n_guests == 0 || (w->n_guests < w->most && what < 60))
            come(w);
        else if (what < 85 || w->n_guests == w->most)
            go(w);
        else
            look(w);
        arena_free(answers);
    }
    client_close(&w->client);
}

static pid_t start_worker(unsigned number, unsigned most, uint64_t seed,
                          uint64_t until_ms, int fd)
{
    struct worker w = { .most = most, .seed = seed + 1000 * number };

    fflush(NULL);
    pid_t pid = fork();
    if (pid)
        return pid;
    snprintf(w.customer, sizeof(w.customer), "c%u", number);
    w.guests = calloc(most + 1, sizeof(*w.guests));
    work(&w, until_ms);
    fflush(stdout);
    _exit(write(fd, &w.report, sizeof(w.report)) != sizeof(w.report));
}

/* ---- those who do harm ---- */

static void drain(size_t host, enum wire_host_state state)
{
    const char *fields[] = { "state" };
    struct wire_host_record record;

    wire_init(&wire_struct_host_record, &record);
    record.name = hosts_bed_name(host);
    record.state = state;
    hosts_bed_set(&hosts, &record, fields, 1);
}

static void harm(uint64_t *seed, unsigned round)
{
    size_t victim = draw(seed, (uint32_t)hosts.n);
    size_t drained = draw(seed, (uint32_t)hosts.n);

    drain(drained, WIRE_HOST_DRAINING);
    hosts_bed_kill(&hosts, victim, SIGKILL);
    if (round % 4 == 3) {
        bed_kill(&hosts.bed.policyd, SIGKILL);
        bed_start_policyd(&hosts.bed);
    }
    sleep_ms(300);
    hosts_bed_start_one(&hosts, victim);
    sleep_ms(300);
    drain(drained, WIRE_HOST_UP);
}

/* ---- the check ---- */

struct fact {
    struct vdc_uuid uuid;
    size_t host;
};

struct facts {
    struct fact *all;
    size_t n, room;
};

static int compare_facts(const void *a, const void *b)
{
    const struct fact *x = a, *y = b;

    return memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

static void add_fact(struct facts *facts, const void *uuid, size_t host)
{
    if (facts->n == facts->room) {
        facts->room = 2 * facts->room + 256;
        facts->all = realloc(facts->all, facts->room * sizeof(*facts->all));
    }
    memcpy(&facts->all[facts->n].uuid, uuid, sizeof(struct vdc_uuid));
    facts->all[facts->n++].host = host;
}

/* What a host's own database has. */
static void read_host(size_t host, struct facts *facts)
{
    const char *path = arena_printf(answers, "%s/resourced.db",
                                    hosts_bed_folder(&hosts, host));
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    CHECK(sqlite3_prepare_v2(db, "SELECT uuid FROM partition", -1, &stmt,
                             NULL) == SQLITE_OK);
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        CHECK(sqlite3_column_bytes(stmt, 0) == sizeof(struct vdc_uuid));
        add_fact(facts, sqlite3_column_blob(stmt, 0), host);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* Domains of its simulator, dom0 not counted. */
static size_t count_domains(size_t host)
{
    const char *options = arena_printf(answers, "state=%s/host,beside=yes",
                                       hosts_bed_folder(&hosts, host));
    struct hv_domain_info *infos;
    struct vdc_error err = { 0 };
    struct hv *hv;
    size_t n = 0, guests = 0;

    CHECK(hv_sim_open(options, NULL, &hv, &err) == 0);
    if (err.code)
        return 0;
    CHECK(hv->domain->list(hv, answers, &infos, &n, &err) == 0);
    for (size_t i = 0; i < n; i++)
        guests += infos[i].domid != 0;
    hv_close(hv);
    return guests;
}

static size_t index_of(const char *host)
{
    return (size_t)strtoul(host + 1, NULL, 10) - 1;
}

/* Whether policyd tells the same as the hosts have. */
static void compare(const struct wire_partition_list *list,
                    struct facts *facts)
{
    size_t *running = calloc(hosts.n, sizeof(*running));
    size_t n_found = 0;

    qsort(facts->all, facts->n, sizeof(*facts->all), compare_facts);
    for (size_t i = 1; i < facts->n; i++)
        CHECK(compare_facts(&facts->all[i - 1], &facts->all[i]) != 0);
    CHECK(list->n_partitions == facts->n);
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        struct fact key = { .uuid = p->uuid };
        const struct fact *fact =
            bsearch(&key, facts->all, facts->n, sizeof(key), compare_facts);
        n_found += fact && fact->host == index_of(p->host);
        CHECK(p->managed && *p->customer == 'c');
        running[index_of(p->host)] +=
            p->state == WIRE_RUNNING || p->state == WIRE_PAUSED;
    }
    CHECK(n_found == facts->n);
    for (size_t i = 0; i < hosts.n; i++)
        CHECK(count_domains(i) == running[i]);
    free(running);
}

/* What the book counts is what is there. */
static void compare_usage(const struct wire_partition_list *list)
{
    for (unsigned c = 0; c < WORKERS; c++) {
        const char *name = arena_printf(answers, "c%u", c);
        const struct wire_usage *used = usage(&hosts.bed, name);
        uint64_t guests = 0, kib = 0;
        for (uint32_t i = 0; i < list->n_partitions; i++) {
            if (strcmp(list->partitions[i].customer, name) != 0)
                continue;
            guests++;
            kib += list->partitions[i].max_memory.kib;
        }
        CHECK(used->guests == guests);
        CHECK(used->memory.kib == kib);
    }
}

/* Whether nothing is on its way any more. */
static bool is_quiet(const struct wire_partition_list *list)
{
    uint64_t guests = 0;

    for (unsigned c = 0; c < WORKERS; c++)
        guests += usage(&hosts.bed, arena_printf(answers, "c%u", c))->guests;
    for (uint32_t i = 0; i < list->n_partitions; i++)
        if (list->partitions[i].state == WIRE_STARTING ||
            list->partitions[i].state == WIRE_STOPPING ||
            list->partitions[i].state == WIRE_UNKNOWN)
            return false;
    return guests == list->n_partitions;
}

/* A database is its daemon's alone, so the hosts are stopped for a moment. */
static void check(size_t *ret_n)
{
    const struct wire_partition_list *list = NULL;
    struct facts facts = { .all = calloc(1, sizeof(*facts.all)), .room = 1 };

    for (int i = 0; i < 100; i++) {
        list = hosts_bed_list(&hosts);
        if (is_quiet(list))
            break;
        sleep_ms(200);
    }
    CHECK(is_quiet(list));
    compare_usage(list);
    for (size_t i = 0; i < hosts.n; i++)
        kill(*hosts_bed_pid(&hosts, i), SIGTERM);
    for (size_t i = 0; i < hosts.n; i++) {
        CHECK(bed_wait(hosts_bed_pid(&hosts, i)) == 0);
        read_host(i, &facts);
    }
    compare(list, &facts);
    for (size_t i = 0; i < hosts.n; i++)
        hosts_bed_start_one(&hosts, i);
    CHECK(hosts_bed_wait(&hosts, hosts.n, "up"));
    *ret_n = facts.n;
    free(facts.all);
}

static void destroy_all(void)
{
    const struct wire_partition_list *list = hosts_bed_list(&hosts);
    struct client c;

    CHECK(client_open(&hosts.bed, &c, OPERATOR));
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        struct wire_partition_ref r;
        wire_init(&wire_struct_partition_ref, &r);
        r.uuid = list->partitions[i].uuid;
        CHECK(client_call(&c, WIRE_MSG_partition_destroy, &r));
    }
    client_close(&c);
}

/* ---- the whole ---- */

static void print_sizes(void)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < hosts.n; i++)
        sum += process_rss_kib(*hosts_bed_pid(&hosts, i));
    printf("    policyd has %llu MiB, a resourced %llu KiB on average\n",
           (unsigned long long)process_rss_kib(hosts.bed.policyd) / 1024,
           (unsigned long long)sum / hosts.n);
}

static void make_customers(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct wire_customer_create c;
        wire_init(&wire_struct_customer_create, &c);
        c.name = arena_printf(answers, "c%u", i);
        CHECK(ask(&hosts.bed, OPERATOR, WIRE_MSG_customer_create, &c));
    }
}

static void collect(const pid_t *pids, const int *fds)
{
    struct report sum = { 0 };

    for (unsigned i = 0; i < WORKERS; i++) {
        struct report one = { 0 };
        int status = 1;
        CHECK(read(fds[0], &one, sizeof(one)) == sizeof(one));
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
        sum.created += one.created;
        sum.destroyed += one.destroyed;
        sum.changed += one.changed;
        sum.refused += one.refused;
        sum.lost += one.lost;
        sum.wrong += one.wrong;
    }
    printf("    %zu hosts: %u guests created, %u destroyed, %u looked at, %u "
           "refused, %u without an answer\n",
           hosts.n, sum.created, sum.destroyed, sum.changed, sum.refused,
           sum.lost);
    CHECK(sum.wrong == 0);
    CHECK(sum.created > 0 && sum.destroyed > 0);
}

static void come_and_go(void)
{
    unsigned n = bed_setting("HOSTS", 10), guests = bed_setting("GUESTS", 250);
    unsigned seconds = bed_setting("SECONDS", 8);
    uint64_t seed = bed_setting("SEED", 4711);
    pid_t pids[WORKERS];
    int fds[2];
    size_t n_left = 0;

    memset(&hosts, 0, sizeof(hosts));
    hosts.sim = "create_ms=3,destroy_ms=2";
    hosts.bed.sim = hosts.sim;
    hosts_bed_start(&hosts, n > HOSTS_BED_MAX ? HOSTS_BED_MAX : n);
    make_customers();
    CHECK(pipe(fds) == 0);
    uint64_t until_ms = clock_mono().ms + UINT64_C(1000) * seconds;
    for (unsigned i = 0; i < WORKERS; i++)
        pids[i] = start_worker(i, guests / WORKERS, seed, until_ms, fds[1]);
    for (unsigned round = 0; clock_mono().ms + 2000 < until_ms; round++)
        harm(&seed, round);
    collect(pids, fds);
    CHECK(hosts_bed_wait(&hosts, hosts.n, "up"));
    check(&n_left);
    printf("    %zu guests at the end\n", n_left);
    print_sizes();
    CHECK(n_left > 0);
    destroy_all();
    check(&n_left);
    CHECK(n_left == 0);
    close(fds[0]);
    close(fds[1]);
    hosts_bed_close(&hosts);
}

const struct sim_test tests_hosts_random[] = {
    { "many hosts at random", come_and_go },
    { NULL, NULL },
};
