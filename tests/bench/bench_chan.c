/*
 * Our channels beside Xen's libxenvchan, natively: both in one run, in turns,
 * and what counts is the median of the ratios of neighbouring rounds, as each
 * round alone depends on what else the machine does, and where a virtual
 * machine's processors are just then.  Two threads on a processor each, at
 * real-time priority where that is allowed, so that a round is not
 * interrupted; with one processor nothing is shown.
 *
 * Each message gets a number and is looked at as a whole at the other end, and
 * the order is checked.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench_chan.h"
#include "tests/unit/chan/standin.h"

#define PAIRS_MOST 101
#define PAUSE_US 2000
#define BUFFER (2 * MESSAGE_MOST)

enum task { ONE_WAY, ROUND_TRIP };

struct comparison {
    const char *what;
    enum task task;
    bool spin;
    uint32_t size, ring_size;
    const struct way *theirs, *ours;
    double aim; /* at least; 0: none */
};

#define SMALL 64, 65536
#define LARGE 65536, 262144

static const struct comparison comparisons[] = {
    { "64 bytes one way in batches, both spin", ONE_WAY, true, SMALL,
      &vchan_messages, &ring_batches, 12 },
    { "", ONE_WAY, true, SMALL, &vchan_messages, &port_batches, 0 },
    { "", ONE_WAY, true, SMALL, &vchan_records, &ring_batches, 0 },
    { "", ONE_WAY, true, SMALL, &vchan_records, &port_batches, 0 },
    { "", ONE_WAY, true, SMALL, &vchan_batches, &ring_batches, 0 },
    { "64 bytes one way in batches, both sleep", ONE_WAY, false, SMALL,
      &vchan_messages, &ring_batches, 12 },
    { "", ONE_WAY, false, SMALL, &vchan_messages, &port_batches, 0 },
    { "", ONE_WAY, false, SMALL, &vchan_records, &ring_batches, 0 },
    { "", ONE_WAY, false, SMALL, &vchan_records, &port_batches, 0 },
    { "", ONE_WAY, false, SMALL, &vchan_batches, &ring_batches, 0 },
    { "64 bytes one way one by one, both spin", ONE_WAY, true, SMALL,
      &vchan_messages, &ring_one_by_one, 5 },
    { "", ONE_WAY, true, SMALL, &vchan_messages, &port_one_by_one, 5 },
    { "", ONE_WAY, true, SMALL, &vchan_records, &ring_one_by_one, 0 },
    { "", ONE_WAY, true, SMALL, &vchan_records, &port_one_by_one, 0 },
    { "64 bytes one way one by one, both sleep", ONE_WAY, false, SMALL,
      &vchan_messages, &ring_one_by_one, 5 },
    { "", ONE_WAY, false, SMALL, &vchan_messages, &port_one_by_one, 5 },
    { "", ONE_WAY, false, SMALL, &vchan_records, &ring_one_by_one, 0 },
    { "64 bytes there and back, both spin", ROUND_TRIP, true, SMALL,
      &vchan_messages, &ring_one_by_one, 2.5 },
    { "", ROUND_TRIP, true, SMALL, &vchan_messages, &port_one_by_one, 2.5 },
    { "", ROUND_TRIP, true, SMALL, &vchan_records, &port_one_by_one, 0 },
    { "64 bytes there and back, both sleep", ROUND_TRIP, false, SMALL,
      &vchan_messages, &port_one_by_one, 0 },
    { "64 KiB one way, both spin", ONE_WAY, true, LARGE, &vchan_messages,
      &ring_one_by_one, 1 },
    { "", ONE_WAY, true, LARGE, &vchan_messages, &port_one_by_one, 1 },
    { "", ONE_WAY, true, LARGE, &vchan_records, &port_one_by_one, 0 },
    { "64 KiB one way, both sleep", ONE_WAY, false, LARGE, &vchan_messages,
      &ring_one_by_one, 1 },
    { "", ONE_WAY, false, LARGE, &vchan_messages, &port_one_by_one, 1 },
    { "", ONE_WAY, false, LARGE, &vchan_records, &port_one_by_one, 0 },
};
#define N_COMPARISONS (sizeof(comparisons) / sizeof(comparisons[0]))

static int processors[2];
static bool real_time;
static pthread_barrier_t barrier;

void die(const char *what)
{
    fprintf(stderr, "bench_chan: %s: %s\n", what, strerror(errno));
    exit(1);
}

uint64_t vchan_notified(const struct lane *ends)
{
    struct standin_use use;

    standin_use(&use);
    return use.n_notified;
}

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool find_processors(void)
{
    cpu_set_t set;
    int n = 0;

    if (sched_getaffinity(0, sizeof(set), &set))
        die("sched_getaffinity");
    for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &set))
            processors[n++] = i;
    return n == 2;
}

/* ---- two threads ---- */

struct worker {
    struct lane *lane;
    lane_fn *fn;
    uint64_t n;
    int processor;
    pthread_t thread;
    double began, ended, cpu;
};

static void *work(void *arg)
{
    struct sched_param param = { .sched_priority = 1 };
    struct worker *worker = arg;
    cpu_set_t set;

    real_time = !pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
    CPU_ZERO(&set);
    CPU_SET(worker->processor, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        die("sched_setaffinity");
    pthread_barrier_wait(&barrier);
    double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
    worker->began = seconds(CLOCK_MONOTONIC);
    worker->fn(worker->lane, worker->n);
    worker->ended = seconds(CLOCK_MONOTONIC);
    worker->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    return NULL;
}

struct channel {
    const struct way *way;
    struct lane ends[2];
    uint64_t n; /* messages of a round */
};

/* Of each message; the processors' time is both ends'. */
struct result {
    double ns, cpu_ns, notified;
};

static struct result run(struct channel *channel, enum task task)
{
    const struct way *way = channel->way;
    struct worker workers[2] = {
        { &channel->ends[0], task == ONE_WAY ? way->send : way->ask },
        { &channel->ends[1], task == ONE_WAY ? way->receive : way->answer },
    };
    uint64_t notified = way->notified(channel->ends);
    double n = (double)channel->n;

    for (int i = 0; i < 2; i++) {
        workers[i].n = channel->n;
        workers[i].processor = processors[i];
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            die("pthread_create");
    }
    for (int i = 0; i < 2; i++)
        pthread_join(workers[i].thread, NULL);
    struct worker *a = &workers[0], *b = &workers[1];
    double began = a->began < b->began ? a->began : b->began;
    double ended = a->ended > b->ended ? a->ended : b->ended;
    return (struct result){
        .ns = (ended - began) / n * 1e9,
        .cpu_ns = (a->cpu + b->cpu) / n * 1e9,
        .notified = (double)(way->notified(channel->ends) - notified) / n,
    };
}

static void open_channel(struct channel *channel, const struct way *way,
                         const struct comparison *c)
{
    memset(channel, 0, sizeof(*channel));
    channel->way = way;
    for (int i = 0; i < 2; i++) {
        struct lane *lane = &channel->ends[i];
        lane->size = c->size;
        lane->spin = c->spin;
        lane->buffer = aligned_alloc(64, BUFFER);
        lane->message = aligned_alloc(64, MESSAGE_MOST);
        if (!lane->buffer || !lane->message)
            die("memory");
        memset(lane->buffer, 1, BUFFER);
        memset(lane->message, 1, MESSAGE_MOST);
    }
    way->open(channel->ends, c->ring_size);
}

static void close_channel(struct channel *channel)
{
    channel->way->close(channel->ends);
    for (int i = 0; i < 2; i++) {
        if (channel->ends[i].n_wrong)
            die("messages were lost or changed");
        free(channel->ends[i].buffer);
        free(channel->ends[i].message);
    }
}

/* So many messages as last `length` seconds, about. */
static void calibrate(struct channel *channel, enum task task, double length)
{
    for (channel->n = 64;; channel->n *= 4) {
        struct result r = run(channel, task);
        double took = r.ns * (double)channel->n / 1e9;
        if (took < length / 5)
            continue;
        channel->n = (uint64_t)((double)channel->n * length / took) + 1;
        return;
    }
}

/* ---- the machine ---- */

static struct {
    _Alignas(256) uint32_t value;
} lines[2];

static void pass_line(unsigned own, bool first, uint64_t n)
{
    for (uint32_t i = 1; i <= n; i++) {
        if (first)
            __atomic_store_n(&lines[own].value, i, __ATOMIC_RELEASE);
        while (__atomic_load_n(&lines[!own].value, __ATOMIC_ACQUIRE) != i)
            continue;
        if (!first)
            __atomic_store_n(&lines[own].value, i, __ATOMIC_RELEASE);
    }
}

static void ask_line(struct lane *lane, uint64_t n)
{
    pass_line(0, true, n);
}

static void answer_line(struct lane *lane, uint64_t n)
{
    pass_line(1, false, n);
}

static uint64_t none_notified(const struct lane *ends)
{
    return 0;
}

/* How long a line of the cache takes to the other processor and back, which
 * changes when a virtual machine's processors are moved: shown before and
 * after each comparison, as one during which it changed tells little. */
static double line_ns(void)
{
    static const struct way way = { .notified = none_notified,
                                    .ask = ask_line,
                                    .answer = answer_line };
    struct channel channel = { .way = &way, .n = 2000 };
    double least = 1e9;

    for (int i = 0; i < 5; i++) {
        lines[0].value = lines[1].value = 0;
        struct result r = run(&channel, ROUND_TRIP);
        least = r.ns < least ? r.ns : least;
    }
    return least;
}

/* ---- pairs ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static int by_ns(const void *a, const void *b)
{
    return by_value(&((const struct result *)a)->ns,
                    &((const struct result *)b)->ns);
}

static void print_result(const char *name, struct result *results, unsigned n)
{
    qsort(results, n, sizeof(results[0]), by_ns);
    const struct result *r = &results[n / 2];
    printf("    %-32s %9.1f ns  CPU %9.1f ns  %.5f notifications\n", name,
           r->ns, r->cpu_ns, r->notified);
}

static void compare(const struct comparison *c, double length, unsigned n)
{
    struct channel theirs, ours;
    struct result a[PAIRS_MOST], b[PAIRS_MOST];
    double ratios[PAIRS_MOST];

    if (c->what[0])
        printf("%s:\n", c->what);
    double line = line_ns();
    open_channel(&theirs, c->theirs, c);
    open_channel(&ours, c->ours, c);
    calibrate(&theirs, c->task, length);
    calibrate(&ours, c->task, length);
    for (unsigned i = 0; i < n; i++) {
        if (i % 2)
            b[i] = run(&ours, c->task);
        a[i] = run(&theirs, c->task);
        if (i % 2 == 0)
            b[i] = run(&ours, c->task);
        ratios[i] = a[i].ns / b[i].ns;
        /* Others have to run too, and the kernel sees to it otherwise. */
        usleep(PAUSE_US);
    }
    close_channel(&theirs);
    close_channel(&ours);
    qsort(ratios, n, sizeof(ratios[0]), by_value);
    print_result(c->theirs->name, a, n);
    print_result(c->ours->name, b, n);
    double line_after = line_ns();
    printf("    %36.2f times; quartiles %.2f to %.2f of %u pairs; "
           "line %.0f and %.0f ns",
           ratios[n / 2], ratios[n / 4], ratios[n - 1 - n / 4], n, line,
           line_after);
    if (c->task == ROUND_TRIP && c->spin)
        printf("; the line alone would be %.2f times",
               2 * a[n / 2].ns / (line + line_after));
    if (c->aim > 0)
        printf("; aim %g, got %.2f%s", c->aim, ratios[n / 2],
               ratios[n / 2] < c->aim ? ": MISSED" : "");
    printf("\n");
    fflush(stdout);
}

/* ---- idle ---- */

struct sleeper {
    struct lane *lane;
    const struct way *way;
    pthread_t thread;
    double cpu;
    long n_switches;
};

/* One message, which comes late. */
static void *await(void *arg)
{
    struct sleeper *sleeper = arg;
    struct rusage before, after;
    double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);

    getrusage(RUSAGE_THREAD, &before);
    sleeper->way->receive(sleeper->lane, 1);
    getrusage(RUSAGE_THREAD, &after);
    sleeper->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    sleeper->n_switches = after.ru_nvcsw - before.ru_nvcsw;
    return NULL;
}

static void idle(const struct way *way, unsigned length_s)
{
    struct comparison c = { "", ONE_WAY, false, SMALL };
    struct channel channel;
    struct sleeper sleeper = { &channel.ends[1], way };

    open_channel(&channel, way, &c);
    channel.n = 1;
    run(&channel, ONE_WAY);
    if (pthread_create(&sleeper.thread, NULL, await, &sleeper))
        die("pthread_create");
    sleep(length_s);
    way->send(&channel.ends[0], 1);
    pthread_join(sleeper.thread, NULL);
    printf("    %-32s %ld wake-ups in %u s, but for the last; CPU %.0f us\n",
           way->name, sleeper.n_switches - 1, length_s, sleeper.cpu * 1e6);
    close_channel(&channel);
}

int main(int argc, char **argv)
{
    double length_ms = argc > 1 ? strtod(argv[1], NULL) : 5;
    unsigned n_pairs = argc > 2 ? (unsigned)atoi(argv[2]) : 31;
    const char *words = argc > 3 ? argv[3] : "";

    if (argc > 4 || length_ms <= 0 || !n_pairs || n_pairs > PAIRS_MOST) {
        fprintf(stderr, "usage: bench_chan [MILLISECONDS [PAIRS [WORDS]]]\n");
        return 2;
    }
    if (!find_processors()) {
        printf("skipped: needs two processors\n");
        return 0;
    }
    pthread_barrier_init(&barrier, NULL, 2);
    printf("libxenvchan on the stand-in for Xen, our channels on a memfd and "
           "sockets;\neach of a message, in the median round; rounds of %g "
           "ms, in pairs; processors %d and %d\n",
           length_ms, processors[0], processors[1]);
    const char *heading = "";
    for (size_t i = 0; i < N_COMPARISONS; i++) {
        if (comparisons[i].what[0])
            heading = comparisons[i].what;
        if (strstr(heading, words))
            compare(&comparisons[i], length_ms / 1000, n_pairs);
    }
    printf("at %s priority\n", real_time ? "real-time" : "usual");
    printf("an end that waits for a message that does not come:\n");
    idle(&vchan_messages, 3);
    idle(&ring_one_by_one, 3);
    idle(&port_one_by_one, 3);
    return 0;
}
