/*
 * Durable transactions a second of the resource database, with many clients
 * and with one, beside SQLite alone with a commit for each write.
 *
 *   bench_store DIRECTORY [SECONDS [ROUNDS [CLIENTS [SLOWER]]]]
 *
 * DIRECTORY is where the databases are made; it decides what an fsync costs.
 * SLOWER: each fsync is made to take so many microseconds more, for figures
 * of a disk that is not here; what is printed says so.
 * A transaction is two writes, one after the other, as in resourced: the
 * journal; then a partition, two resources, two events, and the journal's row
 * away.  Each client waits for one before it asks for the next.  SQLite alone
 * runs the same statements on the same tables with the same pragmas, without
 * the thread, the number of changes and the file of it; one caller after the
 * other, which is the best that it can do with one database; its VFS is the
 * default one.  Rounds of each
 * kind follow one another; the median of the rounds is shown.  "own log" is
 * what could be instead, see bench_store_log.c.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench_store.h"

#define PARTITIONS 1000
#define ROUNDS_MOST 100
/* The same as in store_write.c. */
#define WAL_FRAMES "4096"

/* ---- what the disk costs ---- */

static double sync_s;
static unsigned n_syncs, slower_us;
/* CPU of the calls, in a round of its own: looking at it takes time, too. */
static bool splits;
static double sync_cpu_s, write_cpu_s;

double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int timed_sync(int call, int fd)
{
    double begun = seconds(CLOCK_MONOTONIC);
    double cpu = splits ? seconds(CLOCK_THREAD_CPUTIME_ID) : 0;
    int r = (int)syscall(call, fd);

    if (splits)
        sync_cpu_s += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    if (slower_us)
        usleep(slower_us);
    sync_s += seconds(CLOCK_MONOTONIC) - begun;
    n_syncs++;
    return r;
}

/* SQLite's calls come here: a program goes before a library. */
int fdatasync(int fd)
{
    return timed_sync(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return timed_sync(SYS_fsync, fd);
}

static ssize_t timed_write(int fd, const void *data, size_t size, off_t at)
{
    double cpu = splits ? seconds(CLOCK_THREAD_CPUTIME_ID) : 0;
    ssize_t n = (ssize_t)syscall(SYS_pwrite64, fd, data, size, at);

    if (splits)
        write_cpu_s += seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return timed_write(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return timed_write(fd, data, size, at);
}

/* ---- one transaction ---- */

void die(const char *what, const struct vdc_error *err)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, err ? err->text : "");
    exit(1);
}

void with_change(struct client *client, bool second,
                 void (*fn)(const struct store_change *change, void *arg),
                 void *arg)
{
    const struct partition_row *row = &client->row;
    struct store_change change = { .journal_add = &client->journal };

    if (!second) {
        client->journal.id = client->bench->next_id++;
    } else {
        client->row.generation++;
        client->row.live.memory.kib++;
        client->resources[0].amount++;
        client->resources[1].amount++;
        change = (struct store_change){
            .journal_remove = client->journal.id,
            .put = &row,
            .n_put = 1,
            .resources_put = client->resources,
            .n_resources_put = 2,
            .events = client->events,
            .n_events = 2,
            .event_keep = EVENT_KEEP,
        };
    }
    fn(&change, arg);
}

static void make_client(struct bench *bench, uint32_t n,
                        struct client *client)
{
    client->bench = bench;
    sample_journal(bench->arena, n, &client->journal);
    sample_partition(bench->arena, n, 1, &client->row);
    for (unsigned i = 0; i < 2; i++) {
        sample_resource(bench->arena, 2 * n + i, &client->resources[i]);
        sample_event(bench->arena, n, &client->events[i]);
    }
}

/* ---- with the store ---- */

static void submit_first(const struct store_change *change, void *arg);
static void submit_second(const struct store_change *change, void *arg);

static void first_done(void *arg, int rc, const struct vdc_error *err,
                       uint64_t first_event)
{
    if (rc)
        die("write", err);
    with_change(arg, true, submit_second, arg);
}

static void second_done(void *arg, int rc, const struct vdc_error *err,
                        uint64_t first_event)
{
    struct client *client = arg;
    struct bench *bench = client->bench;

    if (rc)
        die("write", err);
    bench->n_done++;
    if (seconds(CLOCK_MONOTONIC) < bench->until)
        with_change(client, false, submit_first, client);
    else
        bench->n_busy--;
}

static void submit_first(const struct store_change *change, void *arg)
{
    struct client *client = arg;

    store_submit(client->bench->store, change, first_done, client);
}

static void submit_second(const struct store_change *change, void *arg)
{
    struct client *client = arg;

    store_submit(client->bench->store, change, second_done, client);
}

static void first_store(struct client *client)
{
    with_change(client, false, submit_first, client);
}

/* n_clients that begin with `begin`, until `length` has gone by. */
static void run_clients(struct bench *bench, unsigned n_clients, double length,
                        void (*begin)(struct client *client), clockid_t clock,
                        struct result *ret)
{
    sync_s = n_syncs = 0;
    bench->n_done = 0;
    double begun = seconds(CLOCK_MONOTONIC);
    double loop = seconds(CLOCK_THREAD_CPUTIME_ID), writer = seconds(clock);
    bench->until = begun + length;
    bench->n_busy = n_clients;
    for (unsigned i = 0; i < n_clients; i++)
        begin(&bench->clients[i]);
    while (bench->n_busy)
        event_base_loop(bench->place.base, EVLOOP_ONCE);
    double n = (double)bench->n_done;
    ret->rate = n / (seconds(CLOCK_MONOTONIC) - begun);
    ret->loop_us = (seconds(CLOCK_THREAD_CPUTIME_ID) - loop) / n * 1e6;
    ret->writer_us = (seconds(clock) - writer) / n * 1e6;
    ret->sync_us = sync_s / n_syncs * 1e6;
    ret->syncs = n_syncs / n;
}

static void run_store(struct bench *bench, unsigned n_clients, double length,
                      struct result *ret)
{
    clockid_t clock;
    uint64_t sizes[STORE_SIZES], in_loop = bench->store->n_written_in_loop;

    pthread_getcpuclockid(bench->store->thread, &clock);
    memcpy(sizes, bench->store->n_batches, sizeof(sizes));
    run_clients(bench, n_clients, length, first_store, clock, ret);
    for (unsigned i = 0; i < STORE_SIZES; i++)
        ret->sizes[i] += bench->store->n_batches[i] - sizes[i];
    ret->n_in_loop = bench->store->n_written_in_loop - in_loop;
}

static void run_log(struct bench *bench, unsigned n_clients, double length,
                    struct result *ret)
{
    run_clients(bench, n_clients, length, log_begin, log_clock(), ret);
}

/* ---- SQLite alone ---- */

void run_ops(struct store *store, const struct store_item *item)
{
    struct vdc_error err;
    struct store_op *op;
    int rc = 0;

    STAILQ_FOREACH (op, &item->ops, link) {
        sqlite3_stmt *stmt = store_statement(store, op->statement);
        if (op->kind == STORE_OP_EVENT)
            op->row.values[0].number = (int64_t)++store->numbers.last_event;
        if (op->kind == STORE_OP_KEY)
            sqlite3_bind_int64(stmt, 1, op->row.values[0].number);
        else
            store_row_bind(stmt, &op->row);
        rc = rc ? rc : store_run(store, op->statement, &err);
    }
    if (item->event_keep &&
        store->numbers.last_event > store->first_event + EVENT_KEEP + 64) {
        store->first_event = store->numbers.last_event - EVENT_KEEP;
        sqlite3_bind_int64(store_statement(store, STORE_EVENT_DROP), 1,
                           (int64_t)store->first_event);
        rc = rc ? rc : store_run(store, STORE_EVENT_DROP, &err);
    }
    if (rc)
        die("SQLite", &err);
}

void run_bare(struct store *store, enum store_statement which)
{
    struct vdc_error err;

    store_statement(store, which);
    if (store_run(store, which, &err))
        die("SQLite", &err);
}

static void run_statements(const struct store_change *change, void *arg)
{
    struct client *client = arg;
    struct store *store = client->bench->store;
    struct store_item item = { .arena = arena_new() };
    struct vdc_error err;

    if (store_encode(&item, change, &err))
        die("encode", &err);
    run_bare(store, STORE_BEGIN);
    run_ops(store, &item);
    run_bare(store, STORE_COMMIT);
    arena_free(item.arena);
}

static void run_sqlite(struct bench *bench, unsigned n_clients, double length,
                       struct result *ret)
{
    sync_s = n_syncs = 0;
    bench->n_done = 0;
    double begun = seconds(CLOCK_MONOTONIC);
    double loop = seconds(CLOCK_THREAD_CPUTIME_ID);
    while (seconds(CLOCK_MONOTONIC) < begun + length) {
        struct client *client = &bench->clients[bench->n_done % n_clients];
        with_change(client, false, run_statements, client);
        with_change(client, true, run_statements, client);
        bench->n_done++;
    }
    double n = (double)bench->n_done;
    ret->rate = n / (seconds(CLOCK_MONOTONIC) - begun);
    ret->loop_us = (seconds(CLOCK_THREAD_CPUTIME_ID) - loop) / n * 1e6;
    ret->sync_us = sync_s / n_syncs * 1e6;
    ret->syncs = n_syncs / n;
}

/* ---- rounds ---- */

static void remove_files(const struct bench *bench)
{
    char *log = xasprintf("%s-wal", bench->place.db);

    unlink(bench->place.db);
    unlink(log);
    free(log);
}

/* SQLite as it comes, instead of what the store makes of it; each write is a
 * commit of its own. */
static void open_plain(struct store *store)
{
    struct vdc_error err;

    store_close_file(store);
    if (sqlite3_open_v2(store->path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        store_run_sql(store,
                      "PRAGMA locking_mode = EXCLUSIVE;"
                      "PRAGMA cell_size_check = ON;"
                      "PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL;"
                      "PRAGMA wal_autocheckpoint = " WAL_FRAMES ";"
                      "PRAGMA temp_store = MEMORY;",
                      "opening", &err) ||
        store_prepare(store, &err))
        die("open", &err);
}

static void open_bench(struct bench *bench, const char *folder,
                       const char *name, bool loop)
{
    struct vdc_error err;
    char *path = xasprintf("%s/%s.db", folder, name);

    memset(bench, 0, sizeof(*bench));
    bench->arena = arena_new();
    place_make(&bench->place, true); /* for the file of the number */
    snprintf(bench->place.db, sizeof(bench->place.db), "%s", path);
    free(path);
    remove_files(bench);
    if (store_open(&bench->place.options, loop ? bench->place.base : NULL,
                   &bench->store, &err) ||
        sample_fill(bench->store, PARTITIONS, &err))
        die("open", &err);
    for (unsigned i = 0; i < CLIENTS_MOST; i++)
        make_client(bench, 1 + i % PARTITIONS, &bench->clients[i]);
    bench->next_id = PARTITIONS + 1;
    if (!loop)
        open_plain(bench->store);
}

static void close_bench(struct bench *bench)
{
    store_close(bench->store);
    remove_files(bench);
    place_remove(&bench->place);
    arena_free(bench->arena);
}

static void print_result(const char *what, struct result *rounds,
                         unsigned n_rounds, const double *ratios)
{
    const struct result *x = &rounds[n_rounds / 2];

    printf("  %-12s %6.0f transactions/s", what, x->rate);
    if (ratios)
        printf(", ratio %5.2f (%.2f to %.2f)", ratios[n_rounds / 2], ratios[0],
               ratios[n_rounds - 1]);
    printf("\n    each: %.1f us CPU to write, %.1f us in the loop, %.3f "
           "fsyncs of %.0f us\n",
           x->writer_us, x->loop_us, x->syncs, x->sync_us);
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct result *)a)->rate;
    double y = ((const struct result *)b)->rate;

    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) -
           (*(const double *)a < *(const double *)b);
}

static void print_sizes(const struct result *rounds, unsigned n_rounds)
{
    uint64_t sizes[STORE_SIZES] = { 0 }, sum = 0, n_in_loop = 0;

    for (unsigned i = 0; i < n_rounds; i++) {
        n_in_loop += rounds[i].n_in_loop;
        for (unsigned j = 0; j < STORE_SIZES; j++) {
            sizes[j] += rounds[i].sizes[j];
            sum += rounds[i].sizes[j];
        }
    }
    printf("    writes in a batch:");
    for (unsigned j = 0; j < STORE_SIZES; j++)
        if (sizes[j])
            printf("  %u-%u: %.0f%%", 1u << j, (2u << j) - 1,
                   100.0 * (double)sizes[j] / (double)sum);
    printf("; in the loop: %.0f%%\n",
           100.0 * (double)n_in_loop / (double)sum);
}

/* ---- where the time goes ---- */

static void only_encode(const struct store_change *change, void *arg)
{
    struct store_item item = { .arena = arena_new() };
    struct vdc_error err;

    if (store_encode(&item, change, &err))
        die("encode", &err);
    arena_free(item.arena);
}

static double encode_us(struct bench *bench)
{
    const unsigned n = 5000;
    double begun = seconds(CLOCK_THREAD_CPUTIME_ID);

    for (unsigned i = 0; i < n; i++) {
        struct client *client = &bench->clients[i % CLIENTS_MOST];
        with_change(client, false, only_encode, client);
        with_change(client, true, only_encode, client);
    }
    return (seconds(CLOCK_THREAD_CPUTIME_ID) - begun) / n * 1e6;
}

typedef void run_fn(struct bench *bench, unsigned n_clients, double length,
                    struct result *ret);

static void print_split(const char *what, run_fn *fn, struct bench *bench,
                        unsigned n_clients, double length)
{
    struct result r = { 0 };

    splits = true;
    sync_cpu_s = write_cpu_s = 0;
    fn(bench, n_clients, length, &r);
    splits = false;
    double n = (double)bench->n_done, encode = encode_us(bench);
    double sync = sync_cpu_s / n * 1e6, write = write_cpu_s / n * 1e6;
    double all = r.writer_us + r.loop_us;
    printf("  CPU of %s, a transaction: %.1f us; encode and checksums %.1f, "
           "writes %.1f, fsync %.1f, SQLite and the rest %.1f; waiting for "
           "the disk %.1f us\n",
           what, all, encode, write, sync, all - encode - write - sync,
           r.syncs * r.sync_us - sync);
}

static void run(struct bench *store, struct bench *sqlite, struct bench *log,
                unsigned n_clients, double length, unsigned n_rounds)
{
    struct result a[ROUNDS_MOST] = { { 0 } }, b[ROUNDS_MOST] = { { 0 } };
    struct result c[ROUNDS_MOST] = { { 0 } };
    double to_b[ROUNDS_MOST], c_to_b[ROUNDS_MOST];

    for (unsigned i = 0; i < n_rounds; i++) {
        run_store(store, n_clients, length, &a[i]);
        run_sqlite(sqlite, n_clients, length, &b[i]);
        run_log(log, n_clients, length, &c[i]);
        to_b[i] = a[i].rate / b[i].rate;
        c_to_b[i] = c[i].rate / b[i].rate;
    }
    qsort(a, n_rounds, sizeof(a[0]), by_rate);
    qsort(b, n_rounds, sizeof(b[0]), by_rate);
    qsort(c, n_rounds, sizeof(c[0]), by_rate);
    qsort(to_b, n_rounds, sizeof(to_b[0]), by_value);
    qsort(c_to_b, n_rounds, sizeof(c_to_b[0]), by_value);
    printf("%u clients, median of %u rounds:\n", n_clients, n_rounds);
    print_result("store", a, n_rounds, to_b);
    print_sizes(a, n_rounds);
    print_result("SQLite alone", b, n_rounds, NULL);
    print_result("own log", c, n_rounds, c_to_b);
    print_split("store", run_store, store, n_clients, length);
    print_split("SQLite alone", run_sqlite, sqlite, n_clients, length);
}

int main(int argc, char **argv)
{
    static struct bench store, sqlite, log;
    double length = argc > 2 ? strtod(argv[2], NULL) : 1;
    unsigned n_rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 5;
    unsigned n_clients = argc > 4 ? (unsigned)atoi(argv[4]) : 64;

    if (argc < 2 || length <= 0 || !n_rounds || n_rounds > ROUNDS_MOST ||
        !n_clients || n_clients > CLIENTS_MOST) {
        fprintf(stderr, "usage: bench_store DIRECTORY [SECONDS [ROUNDS "
                        "[CLIENTS [SLOWER]]]]\n");
        return 2;
    }
    open_bench(&store, argv[1], "bench-store", true);
    open_bench(&sqlite, argv[1], "bench-sqlite", false);
    open_bench(&log, argv[1], "bench-log", false);
    log_open(&log, argv[1]);
    slower_us = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
    printf("%u partitions in %s", PARTITIONS, argv[1]);
    if (slower_us)
        printf("; each fsync made slower by %u us", slower_us);
    printf("\n");
    run(&store, &sqlite, &log, n_clients, length, n_rounds);
    run(&store, &sqlite, &log, 1, length, n_rounds);
    log_close();
    close_bench(&log);
    close_bench(&store);
    close_bench(&sqlite);
    return 0;
}
