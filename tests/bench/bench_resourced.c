/*
 * What resourced costs, on the simulator (nothing here is a result on Xen):
 * memory and reads with many domains, and durable transactions a second with
 * many clients, each waiting for its own answer, beside SQLite with one
 * commit for each write, on the same file system, in the same run.
 *
 *   bench_resourced DIRECTORY [N_DOMAINS [N_CLIENTS [SECONDS [N_ROUNDS]]]]
 *
 * DIRECTORY is where the databases are; it decides what an fsync costs.
 */
#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/sim/rd.h"
#include "tests/unit/unit.h"

#define LISTS 50

struct client {
    struct rd rd; /* its own connection, id and arena */
    unsigned n_done;
    uint32_t weight;
    char guest[32];
};

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_resourced: %s\n", what);
    exit(1);
}

/* KiB of a line of /proc/PID/status. */
static unsigned long status_kib(pid_t pid, const char *key)
{
    char path[64], line[256];
    unsigned long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtoul(line + strlen(key) + 1, NULL, 10);
    if (f)
        fclose(f);
    return kib;
}

/* CPU of its threads in seconds: the loop and the one that writes, each in
 * its own code and in the kernel. */
struct split {
    double loop[2], writer[2];
};

static void add_split(pid_t pid, double sign, struct split *ret)
{
    char path[300], name[32], state;
    unsigned long user, system;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid,
                 e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (!f)
            continue;
        if (fscanf(f, "%*d (%31[^)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u "
                      "%*u %lu %lu", name, &state, &user, &system) == 4) {
            double *to = strcmp(name, "store") == 0 ? ret->writer : ret->loop;
            double tick = sign / (double)sysconf(_SC_CLK_TCK);
            to[0] += (double)user * tick;
            to[1] += (double)system * tick;
        }
        fclose(f);
    }
    if (dir)
        closedir(dir);
}

static void print_split(const struct split *split, double clients_s, double n)
{
    double us = 1e6 / n;

    printf("CPU a transaction: the loop %.1f us (checks, rows, encoding, "
           "wire) and %.1f us in the kernel (sockets, the simulated host's "
           "locks); the writer %.1f us (SQLite) and %.1f us in the kernel "
           "(write, fsync); the clients, on the same CPUs, %.1f us\n",
           split->loop[0] * us, split->loop[1] * us, split->writer[0] * us,
           split->writer[1] * us, clients_s * us);
}

/* ---- clients ---- */

static void client_open(struct client *c, const struct rd *rd, unsigned number)
{
    memset(c, 0, sizeof(*c));
    c->rd = *rd;
    c->rd.fd = -1;
    c->rd.hv = NULL;
    c->rd.arena = arena_new();
    snprintf(c->guest, sizeof(c->guest), "g%u", number);
    if (!rd_connect(&c->rd))
        die("a client cannot connect");
}

static void client_close(struct client *c)
{
    rd_disconnect(&c->rd);
    arena_free(c->rd.arena);
}

/* A small transaction: another weight for its guest, remembered. */
static void client_send(struct client *c)
{
    struct wire_transaction transaction;
    struct wire_operation operation;

    wire_init(&wire_struct_operation, &operation);
    operation.kind = WIRE_OP_SCHED;
    operation.customer = "acme";
    operation.name = c->guest;
    operation.weight = 1 + (int64_t)(c->weight++ % 60000);
    wire_init(&wire_struct_transaction, &transaction);
    transaction.operations = &operation;
    transaction.n_operations = 1;
    if (!rd_send(&c->rd, WIRE_MSG_transaction, &transaction))
        die("a request cannot be sent");
}

static void client_receive(struct client *c)
{
    struct wire_frame frame;

    if (!rd_receive(&c->rd, &frame, 30000))
        die("no answer");
    if (frame.message->number != WIRE_MSG_transaction_reply) {
        const struct wire_error *error = frame.body;
        die(frame.message->number == WIRE_MSG_error ? error->text
                                                    : "another answer");
    }
    c->n_done++;
    if (arena_used(c->rd.arena) > 1 << 20) {
        arena_free(c->rd.arena);
        c->rd.arena = arena_new();
    }
}

/* Each client sends when its last is answered; transactions a second. */
static double run_clients(struct client *clients, unsigned n, double for_s)
{
    struct pollfd fds[256];
    double began = seconds(CLOCK_MONOTONIC), now = began;
    unsigned n_done = 0, n_waiting = n;

    for (unsigned i = 0; i < n; i++) {
        fds[i] = (struct pollfd){ .fd = clients[i].rd.fd, .events = POLLIN };
        client_send(&clients[i]);
    }
    while (n_waiting) {
        poll(fds, n, 30000);
        now = seconds(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < n; i++) {
            if (!(fds[i].revents & POLLIN))
                continue;
            client_receive(&clients[i]);
            n_done++;
            if (now - began < for_s)
                client_send(&clients[i]);
            else
                n_waiting--;
        }
    }
    return n_done / (now - began);
}

/* ---- SQLite alone ---- */

static void sql(sqlite3 *db, const char *text)
{
    char *said = NULL;

    if (sqlite3_exec(db, text, NULL, NULL, &said) != SQLITE_OK)
        die(said ? said : "SQLite");
}

static sqlite3 *open_sqlite(const char *dir)
{
    char path[512];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/alone.db", dir);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die("SQLite cannot open its file");
    sql(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = FULL;"
            "CREATE TABLE journal (id INTEGER PRIMARY KEY, payload BLOB);"
            "CREATE TABLE partition (id INTEGER PRIMARY KEY, payload BLOB);"
            "CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB);");
    return db;
}

static void step(sqlite3_stmt *stmt, int64_t id)
{
    static const char payload[300];

    sqlite3_bind_int64(stmt, 1, id);
    if (sqlite3_bind_parameter_count(stmt) > 1)
        sqlite3_bind_blob(stmt, 2, payload, sizeof(payload), SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        die("SQLite cannot write");
    sqlite3_reset(stmt);
}

/* What a transaction must have on disk: its journal, then its outcome; each
 * a commit of its own. */
static double run_sqlite(sqlite3 *db, double for_s)
{
    static const char *const texts[] = {
        "BEGIN IMMEDIATE", "COMMIT",
        "INSERT OR REPLACE INTO journal VALUES (?1, ?2)",
        "INSERT OR REPLACE INTO partition VALUES (?1 % 1000, ?2)",
        "INSERT OR REPLACE INTO event VALUES (?1, ?2)",
        "DELETE FROM journal WHERE id = ?1"
    };
    sqlite3_stmt *s[6];
    static int64_t id;
    unsigned n = 0;

    for (int i = 0; i < 6; i++)
        if (sqlite3_prepare_v2(db, texts[i], -1, &s[i], NULL) != SQLITE_OK)
            die(sqlite3_errmsg(db));
    double began = seconds(CLOCK_MONOTONIC), now;
    do {
        id++;
        sqlite3_step(s[0]), sqlite3_reset(s[0]);
        step(s[2], id);
        sqlite3_step(s[1]), sqlite3_reset(s[1]);
        sqlite3_step(s[0]), sqlite3_reset(s[0]);
        step(s[3], id);
        step(s[4], id);
        step(s[5], id);
        sqlite3_step(s[1]), sqlite3_reset(s[1]);
        n++;
        now = seconds(CLOCK_MONOTONIC);
    } while (now - began < for_s);
    for (int i = 0; i < 6; i++)
        sqlite3_finalize(s[i]);
    return n / (now - began);
}

/* ---- the benchmark ---- */

static void make_domains(struct rd *rd, unsigned n)
{
    struct vdc_error err;

    for (unsigned i = 0; i < n; i++) {
        struct wire_definition definition;
        struct arena *arena = rd->arena;
        rd->arena = arena_new();
        rd_definition(&definition, arena_printf(rd->arena, "g%u", i), "");
        if (rd_create(rd, &definition, true, &err))
            die(err.text);
        arena_free(rd->arena);
        rd->arena = arena;
    }
}

static void bench_reads(struct rd *rd, unsigned n_domains)
{
    clockid_t cpu;

    clock_getcpuclockid(rd->pid, &cpu);
    double began = seconds(cpu);
    for (int i = 0; i < LISTS; i++) {
        struct arena *arena = rd->arena;
        rd->arena = arena_new();
        const struct wire_partition_list *list = rd_list(rd, true);
        if (!list || list->n_partitions < n_domains)
            die("the list is not whole");
        arena_free(rd->arena);
        rd->arena = arena;
    }
    double ms = (seconds(cpu) - began) * 1000 / LISTS;
    printf("list of %u domains: %.2f ms of CPU (limit 10 ms: %.2f of it)\n",
           n_domains, ms, ms / 10);
}

static void bench_writes(struct rd *rd, const char *dir, unsigned n_clients,
                         double for_s, unsigned n_rounds)
{
    struct client *clients = xzalloc(n_clients * sizeof(*clients));
    double many = 0, one = 0, alone = 0;
    unsigned n_done = 0;
    clockid_t cpu;

    for (unsigned i = 0; i < n_clients; i++)
        client_open(&clients[i], rd, i);
    sqlite3 *db = open_sqlite(dir);
    clock_getcpuclockid(rd->pid, &cpu);
    unsigned before = rd_descriptors(rd);
    double cpu_s = 0, clients_s = 0;
    struct split split = { .loop = { 0 } };
    for (unsigned i = 0; i < n_rounds; i++) {
        double began = seconds(cpu);
        clients_s -= seconds(CLOCK_PROCESS_CPUTIME_ID);
        add_split(rd->pid, -1, &split);
        many += run_clients(clients, n_clients, for_s) / n_rounds;
        add_split(rd->pid, 1, &split);
        clients_s += seconds(CLOCK_PROCESS_CPUTIME_ID);
        cpu_s += seconds(cpu) - began;
        alone += run_sqlite(db, for_s) / n_rounds;
        one += run_clients(clients, 1, for_s) / n_rounds;
    }
    for (unsigned i = 0; i < n_clients; i++) {
        n_done += clients[i].n_done;
    }
    unsigned after = rd_descriptors(rd);
    printf("%u clients: %.0f transactions/s; SQLite, one commit a write: "
           "%.0f/s; ratio %.1f\n",
           n_clients, many, alone, many / alone);
    printf("1 client: %.0f transactions/s; SQLite: %.0f/s; ratio %.2f\n", one,
           alone, one / alone);
    printf("CPU of resourced with %u clients: %.0f us a transaction\n",
           n_clients, cpu_s * 1e6 / (many * for_s * n_rounds));
    print_split(&split, clients_s, many * for_s * n_rounds);
    printf("descriptors before and after %u transactions: %u, %u\n", n_done,
           before, after);
    for (unsigned i = 0; i < n_clients; i++)
        client_close(&clients[i]);
    free(clients);
    sqlite3_close(db);
    if (after > before)
        die("descriptors leak");
}

static struct {
    const char *dir;
    unsigned n_domains, n_clients, n_rounds;
    double for_s;
} asked = { NULL, 1000, 64, 3, 2 };

static void bench(void)
{
    setenv("TMPDIR", asked.dir, 1);
    /* The host itself is not what is measured: it lives in memory. */
    struct rd *rd = rd_new("create_ms=0,destroy_ms=0,op_ms=0,memory=200G,"
                           "cpus=64");
    rd->log_level = "warning";
    if (!rd_start(rd))
        die("resourced does not start");
    printf("\non the simulator\n");
    make_domains(rd, asked.n_domains);
    bench_reads(rd, asked.n_domains);
    unsigned long rss = status_kib(rd->pid, "VmRSS:");
    unsigned long shared = status_kib(rd->pid, "RssShmem:") +
                           status_kib(rd->pid, "RssFile:");
    printf("memory of resourced with %u domains: %lu KiB resident, of them "
           "%lu KiB its own, %lu KiB files and the simulated host (limit "
           "20480 KiB: %.2f of it)\n",
           asked.n_domains, rss, rss - shared, shared, (double)rss / 20480);
    CU_ASSERT(rss < 20480);
    bench_writes(rd, rd->dir, asked.n_clients, asked.for_s, asked.n_rounds);
    rd_free(rd);
}

/* Within CUnit, as what it is built on asserts. */
int main(int argc, char **argv)
{
    static const struct unit_test tests[] = { { "costs", bench } };

    if (argc < 2)
        die("which directory?");
    asked.dir = argv[1];
    if (argc > 2)
        asked.n_domains = (unsigned)atoi(argv[2]);
    if (argc > 3)
        asked.n_clients = (unsigned)atoi(argv[3]);
    if (argc > 4)
        asked.for_s = atof(argv[4]);
    if (argc > 5)
        asked.n_rounds = (unsigned)atoi(argv[5]);
    if (asked.n_clients < 1 || asked.n_clients > 256 ||
        asked.n_domains < asked.n_clients)
        die("1 to 256 clients, and a domain for each");
    return unit_main("what resourced costs", tests, 1);
}
