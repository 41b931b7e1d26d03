/*
 * Our channels beside Xen's libxenvchan, between two domains: one program at
 * each end, with both kinds of channels.  The domain that serves gives the
 * memory of all; the one that joins asks, measures, and prints ratios.  Times
 * by themselves say nothing in an emulated machine.
 *
 *      bench_chan_bed serve DOMID
 *      bench_chan_bed join DOMID [MILLISECONDS [PAIRS]]
 *
 * They meet by libxenvchan's nodes, and tell each other by that channel what
 * the next round is.  Static, for a guest's initramfs.
 */
#include <errno.h>
#include <libxenvchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenevtchn.h>

#include "tests/bench/bench_chan.h"

#define NODE "data/vchan-bench"
#define RING_SIZE 65536u
#define N_PAGES (1 + 2 * RING_SIZE / LINK_PAGE)
#define PAIRS_MOST 101

enum task { SEND, ASK };

struct comparison {
    const char *what;
    enum task task;
    bool spin;
    uint32_t size;
    unsigned theirs, ours; /* numbers of ways */
};

static const struct way *const ways[] = {
    &vchan_messages, &vchan_batches,   &ring_one_by_one,
    &ring_batches,   &port_one_by_one, &port_batches,
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

static const struct comparison comparisons[] = {
    { "64 bytes one way in batches, both sleep", SEND, false, 64, 0, 3 },
    { "", SEND, false, 64, 0, 5 },
    { "", SEND, false, 64, 1, 5 },
    { "64 bytes one way one by one, both sleep", SEND, false, 64, 0, 2 },
    { "", SEND, false, 64, 0, 4 },
    { "64 bytes there and back, both sleep", ASK, false, 64, 0, 4 },
    { "64 bytes there and back, both spin", ASK, true, 64, 0, 2 },
    { "64 KiB one way, both sleep", SEND, false, 65536, 0, 4 },
};
#define N_COMPARISONS (sizeof(comparisons) / sizeof(comparisons[0]))

/* This end of all three channels. */
static struct lane vchan, ring, port;
static uint64_t n_events; /* notifications that libxenvchan sent */

int __real_xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t number);
int __wrap_xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t number);

int __wrap_xenevtchn_notify(xenevtchn_handle *handle, evtchn_port_t number)
{
    n_events++;
    return __real_xenevtchn_notify(handle, number);
}

void die(const char *what)
{
    fprintf(stderr, "bench_chan_bed: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void fail(const char *what, const struct vdc_error *err)
{
    fprintf(stderr, "bench_chan_bed: %s: %s\n", what, err->text);
    exit(1);
}

uint64_t vchan_notified(const struct lane *ends)
{
    return n_events;
}

static double seconds(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- meeting ---- */

static void tell(const void *data, size_t size)
{
    vchan.vchan->blocking = true;
    if (libxenvchan_send(vchan.vchan, data, size) != (int)size)
        die("libxenvchan_send");
}

/* false: the other end is gone. */
static bool hear(void *data, size_t size)
{
    vchan.vchan->blocking = true;
    return libxenvchan_recv(vchan.vchan, data, size) == (int)size;
}

static struct link *give(uint32_t domid)
{
    struct link_offer offer;
    struct link *link;
    struct vdc_error err;

    if (link_give(LINK_GRANT, domid, N_PAGES, ring_life_offset(RING_MAKER),
                  &link, &offer, &err))
        fail("link_give", &err);
    tell(&offer.port, sizeof(offer.port));
    tell(offer.refs, N_PAGES * sizeof(offer.refs[0]));
    link_offer_clear(&offer);
    return link;
}

static struct link *join(uint32_t domid)
{
    uint32_t *refs = malloc(N_PAGES * sizeof(*refs)), number = 0;
    struct link *link;
    struct vdc_error err;

    if (!refs || !hear(&number, sizeof(number)) ||
        !hear(refs, N_PAGES * sizeof(*refs)))
        die("the offer");
    struct link_offer offer = { .kind = LINK_GRANT,
                                .n_pages = N_PAGES,
                                .domid = domid,
                                .port = number,
                                .refs = refs,
                                .fds = { -1, -1, -1, -1 } };
    if (link_join(&offer, ring_life_offset(RING_TAKER), &link, &err))
        fail("link_join", &err);
    return link;
}

static void open_vchan(bool serve, uint32_t domid)
{
    char node[64];

    if (serve) {
        vchan.vchan = libxenvchan_server_init(NULL, (int)domid, NODE,
                                              RING_SIZE, RING_SIZE);
        printf("served\n");
        fflush(stdout);
    } else {
        snprintf(node, sizeof(node), "/local/domain/%u/" NODE, domid);
        vchan.vchan = libxenvchan_client_init(NULL, (int)domid, node);
    }
    if (!vchan.vchan)
        die("libxenvchan");
    while (libxenvchan_is_open(vchan.vchan) == 2)
        libxenvchan_wait(vchan.vchan);
}

static void open_all(bool serve, uint32_t domid)
{
    enum ring_side side = serve ? RING_MAKER : RING_TAKER;
    struct vdc_error err;
    char ready = 0;
    int rc;

    open_vchan(serve, domid);
    ring.link = serve ? give(domid) : join(domid);
    port.link = serve ? give(domid) : join(domid);
    if (!serve && !hear(&ready, 1)) /* the rings are made */
        die("the other end");
    rc = serve ? ring_make(&ring.ring, ring.link->memory, ring.link->size,
                           RING_SIZE, RING_SIZE, &err)
               : ring_take(&ring.ring, ring.link->memory, ring.link->size,
                           RING_SIZE, RING_SIZE, &err);
    if (!rc)
        rc = port_new(port.link, side, RING_SIZE, RING_SIZE, NULL, &port.port,
                      &err);
    if (rc)
        fail("ring", &err);
    if (serve)
        tell(&ready, 1);
}

/* ---- rounds ---- */

struct order {
    uint32_t way, task, spin, size;
    uint64_t n;
};

static struct lane *lane_of(const struct way *way)
{
    if (way == &vchan_messages || way == &vchan_batches)
        return &vchan;
    return way == &ring_one_by_one || way == &ring_batches ? &ring : &port;
}

static uint64_t count_notified(const struct way *way)
{
    const struct lane *lane = lane_of(way);
    struct port_counts counts;

    if (lane != &port)
        return lane == &vchan ? vchan_notified(lane) : lane->n_notified;
    port_count(port.port, &counts);
    return counts.notified;
}

/* What one end's part of a round took, in seconds. */
struct part {
    double time, cpu;
    uint64_t notified;
};

static struct part take_part(const struct order *order, lane_fn *fn)
{
    const struct way *way = ways[order->way];
    struct lane *lane = lane_of(way);
    uint64_t notified = count_notified(way);
    double time = seconds(CLOCK_MONOTONIC);
    double cpu = seconds(CLOCK_THREAD_CPUTIME_ID);

    lane->size = order->size;
    lane->spin = order->spin;
    lane->sent_last = false;
    if (lane == &vchan)
        lane->vchan->blocking = !order->spin;
    fn(lane, order->n);
    return (struct part){
        .time = seconds(CLOCK_MONOTONIC) - time,
        .cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu,
        .notified = count_notified(way) - notified,
    };
}

static void serve_rounds(void)
{
    struct order order;
    char ready = 0;

    while (hear(&order, sizeof(order))) {
        if (order.way >= N_WAYS || order.size > MESSAGE_MOST || order.size < 8)
            die("an order");
        const struct way *way = ways[order.way];
        tell(&ready, 1);
        struct part part =
            take_part(&order, order.task == SEND ? way->receive : way->answer);
        tell(&part, sizeof(part));
    }
    printf("%s\n", vchan.n_wrong + ring.n_wrong + port.n_wrong
                       ? "messages were lost or changed"
                       : "all messages were right");
}

struct result {
    double us, cpu_us, notified; /* of a message */
};

/* The time is that of the end that is done last, as it sees it: how long it
 * takes until both know of it is not counted. */
static struct result run(const struct order *order)
{
    const struct way *way = ways[order->way];
    struct part own, theirs;
    char ready;

    tell(order, sizeof(*order));
    if (!hear(&ready, 1))
        die("the other end");
    own = take_part(order, order->task == SEND ? way->send : way->ask);
    if (!hear(&theirs, sizeof(theirs)))
        die("the other end");
    double n = (double)order->n;
    double time = order->task == SEND ? theirs.time : own.time;
    return (struct result){
        .us = time / n * 1e6,
        .cpu_us = (own.cpu + theirs.cpu) / n * 1e6,
        .notified = (double)(own.notified + theirs.notified) / n,
    };
}

/* So many messages as last `length` seconds with the faster of both, and more
 * than a ring holds: else one wake-up would be the whole round. */
static uint64_t calibrate(const struct order *first, double length)
{
    struct order order = *first;

    order.n = order.task == ASK ? 32 : 4 * RING_SIZE / order.size;
    double took = run(&order).us * (double)order.n / 1e6;
    if (took < length)
        order.n = (uint64_t)((double)order.n * length / took) + 1;
    return order.n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void print_result(unsigned way, struct result *results, unsigned n)
{
    double cpu_us = 0, notified = 0;

    qsort(results, n, sizeof(results[0]), by_value);
    for (unsigned i = 0; i < n; i++) {
        cpu_us += results[i].cpu_us / n;
        notified += results[i].notified / n;
    }
    printf("    %-32s %9.1f us  CPU %9.1f us  %.4f notifications\n",
           ways[way]->name, results[n / 2].us, cpu_us, notified);
}

static void print_ratio(const char *what, double *ratios, unsigned n)
{
    qsort(ratios, n, sizeof(ratios[0]), by_value);
    printf("    %31s: %7.2f times; quartiles %.2f to %.2f of %u pairs\n", what,
           ratios[n / 2], ratios[n / 4], ratios[n - 1 - n / 4], n);
}

static void compare(const struct comparison *c, double length, unsigned n)
{
    struct order theirs = { c->theirs, c->task, c->spin, c->size, 0 };
    struct order ours = { c->ours, c->task, c->spin, c->size, 0 };
    struct result a[PAIRS_MOST], b[PAIRS_MOST];
    double ratios[PAIRS_MOST], cpu_ratios[PAIRS_MOST];

    if (c->what[0])
        printf("%s:\n", c->what);
    uint64_t n_theirs = calibrate(&theirs, length);
    uint64_t n_ours = calibrate(&ours, length);
    theirs.n = ours.n = n_theirs > n_ours ? n_theirs : n_ours;
    for (unsigned i = 0; i < n; i++) {
        if (i % 2)
            b[i] = run(&ours);
        a[i] = run(&theirs);
        if (i % 2 == 0)
            b[i] = run(&ours);
        ratios[i] = a[i].us / b[i].us;
        cpu_ratios[i] = a[i].cpu_us / b[i].cpu_us;
    }
    print_result(c->theirs, a, n);
    print_result(c->ours, b, n);
    print_ratio("faster", ratios, n);
    print_ratio("less CPU", cpu_ratios, n);
    fflush(stdout);
}

static void allocate(struct lane *lane)
{
    lane->buffer = calloc(2, MESSAGE_MOST);
    lane->message = calloc(1, MESSAGE_MOST);
    if (!lane->buffer || !lane->message)
        die("memory");
}

int main(int argc, char **argv)
{
    double length_ms = argc > 3 ? strtod(argv[3], NULL) : 200;
    unsigned n_pairs = argc > 4 ? (unsigned)atoi(argv[4]) : 7;
    bool serve = argc > 2 && !strcmp(argv[1], "serve");

    if (argc < 3 || argc > 5 || (!serve && strcmp(argv[1], "join")) ||
        length_ms <= 0 || !n_pairs || n_pairs > PAIRS_MOST) {
        fprintf(stderr, "usage: bench_chan_bed serve DOMID\n"
                        "       bench_chan_bed join DOMID [MILLISECONDS "
                        "[PAIRS]]\n");
        return 2;
    }
    allocate(&vchan);
    allocate(&ring);
    allocate(&port);
    open_all(serve, (uint32_t)atoi(argv[2]));
    if (serve) {
        serve_rounds();
    } else {
        for (size_t i = 0; i < N_COMPARISONS; i++)
            compare(&comparisons[i], length_ms / 1000, n_pairs);
        printf("%s\n", vchan.n_wrong + ring.n_wrong + port.n_wrong
                           ? "messages were lost or changed"
                           : "all messages were right");
    }
    libxenvchan_close(vchan.vchan);
    return 0;
}
