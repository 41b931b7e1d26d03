/*
 * Commits a second of both implementations of policyd/kv/kv.h, in turn, in
 * one run: one at a time, many in flight, many changes in each; and how often
 * the same file system makes a write durable, which is what both wait for.
 * Usage: bench_kv FOLDER ENDPOINT PID-OF-ETCD [SECONDS [ROUNDS]]
 */
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd.h"
#include "policyd/kv/kv_sqlite.h"

#define KEYS 1000
#define VALUE_SIZE 300 /* about that of an assignment's record */
#define ROUNDS_MAX 15

/* What is measured: so many commits at once, of so many changes. */
static const struct kind {
    const char *name;
    unsigned n_flight, n_changes;
} kinds[] = {
    { "1 in flight, 1 change", 1, 1 },
    { "32 in flight, 1 change", 32, 1 },
    { "1 in flight, 100 changes", 1, 100 },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct event_base *base;
static double until;
static clockid_t etcd_clock;

struct client {
    struct kv *kv;
    const struct kind *kind;
    unsigned n_busy, n_done, next;
    uint8_t value[VALUE_SIZE];
};

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const struct vdc_error *err)
{
    fprintf(stderr, "bench_kv: %s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

static void begin(struct client *c);

static void on_done(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct client *c = arg;

    if (err->code)
        die(kv_name(c->kv), err);
    c->n_done++;
    c->n_busy--;
    if (seconds(CLOCK_MONOTONIC) < until)
        begin(c);
    else if (c->n_busy == 0)
        event_base_loopbreak(base);
}

static void begin(struct client *c)
{
    struct kv_change changes[KV_COMMIT_MAX];
    char keys[KV_COMMIT_MAX][24];

    for (unsigned i = 0; i < c->kind->n_changes; i++) {
        snprintf(keys[i], sizeof(keys[i]), "bench/%04u", c->next++ % KEYS);
        changes[i] = (struct kv_change){ .kind = KV_PUT,
                                         .key = keys[i],
                                         .value = c->value,
                                         .size = sizeof(c->value) };
    }
    c->n_busy++;
    kv_commit(c->kv, NULL, 0, changes, c->kind->n_changes, on_done, c);
}

/* Commits a second; *ret_cpu: of this process for each, in us, and of
 * etcd's. */
static double run(struct kv *kv, const struct kind *kind, double span,
                  double *ret_cpu, double *ret_etcd_cpu)
{
    struct client c = { .kv = kv, .kind = kind };
    double start = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    double etcd_cpu = seconds(etcd_clock);

    memset(c.value, 'x', sizeof(c.value));
    until = start + span;
    for (unsigned i = 0; i < kind->n_flight; i++)
        begin(&c);
    event_base_dispatch(base);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    *ret_cpu = cpu / c.n_done * 1e6;
    *ret_etcd_cpu = (seconds(etcd_clock) - etcd_cpu) / c.n_done * 1e6;
    return c.n_done / (seconds(CLOCK_MONOTONIC) - start);
}

/* Writes of 1 KiB into a file that has its size, each made durable. */
static double run_disk(const char *folder, double span)
{
    char *path = xasprintf("%s/disk", folder), block[1024] = "x";
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    unsigned n = 0;

    if (fd < 0)
        die(path, NULL);
    for (int i = 0; i < 1024; i++)
        if (write(fd, block, sizeof(block)) != sizeof(block))
            die(path, NULL);
    fsync(fd);
    double start = seconds(CLOCK_MONOTONIC), now;
    do {
        if (pwrite(fd, block, sizeof(block), n++ % 1024 * 1024) < 0 ||
            fdatasync(fd))
            die(path, NULL);
        now = seconds(CLOCK_MONOTONIC);
    } while (now < start + span);
    close(fd);
    free(path);
    return n / (now - start);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof(values[0]), compare);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    double span = argc > 4 ? atof(argv[4]) : 1;
    unsigned rounds = argc > 5 ? (unsigned)atoi(argv[5]) : 5;
    static double rate[2][N_KINDS][ROUNDS_MAX], cpu[2][N_KINDS][ROUNDS_MAX];
    static double etcd_cpu[2][N_KINDS][ROUNDS_MAX], disk[ROUNDS_MAX];
    struct kv *kv[2];
    struct vdc_error err;

    if (argc < 4 || rounds < 1 || rounds > ROUNDS_MAX)
        die("usage: bench_kv FOLDER ENDPOINT PID [SECONDS [ROUNDS]]", NULL);
    if (clock_getcpuclockid(atoi(argv[3]), &etcd_clock))
        die("no such process", NULL);
    const char *endpoint = argv[2];
    struct kv_etcd_settings settings = { .endpoints = &endpoint,
                                         .n_endpoints = 1 };
    char *path = xasprintf("%s/kv.db", argv[1]);
    base = event_base_new();
    if (kv_sqlite_open(base, path, NULL, &kv[0], &err) ||
        kv_etcd_open(base, &settings, &kv[1], &err))
        die("open", &err);
    for (unsigned r = 0; r < rounds; r++) {
        disk[r] = run_disk(argv[1], span);
        for (size_t k = 0; k < N_KINDS; k++)
            for (int i = 0; i < 2; i++)
                rate[i][k][r] = run(kv[i], &kinds[k], span, &cpu[i][k][r],
                                    &etcd_cpu[i][k][r]);
    }
    printf("durable writes of 1 KiB: %.0f a second\n", median(disk, rounds));
    printf("%-26s %8s %8s %7s   %s\n", "commits a second", "SQLite", "etcd",
           "ratio", "CPU of each: SQLite; etcd, ours + its own");
    for (size_t k = 0; k < N_KINDS; k++) {
        double a = median(rate[0][k], rounds), b = median(rate[1][k], rounds);
        printf("%-26s %8.0f %8.0f %7.1f   %.0f us; %.0f + %.0f us\n",
               kinds[k].name, a, b, a / b, median(cpu[0][k], rounds),
               median(cpu[1][k], rounds), median(etcd_cpu[1][k], rounds));
    }
    kv_close(kv[0]);
    kv_close(kv[1]);
    event_base_free(base);
    free(path);
    return 0;
}
