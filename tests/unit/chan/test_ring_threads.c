/*
 * Two threads at full speed: every message arrives, whole and in order, and
 * nobody sleeps for ever.  Also built with ThreadSanitizer, which sees
 * whether the memory orders are enough.
 *
 * VDC_MESSAGES=N sends so many in each run.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/chan/ring_wait.h"
#include "tests/unit/unit.h"

#ifdef VDC_TSAN
#define N_MESSAGES 4000u
#else
#define N_MESSAGES 30000u
#endif

static uint32_t n_messages = N_MESSAGES;

static void __attribute__((constructor)) set_number(void)
{
    const char *text = getenv("VDC_MESSAGES");

    if (text)
        n_messages = (uint32_t)strtoul(text, NULL, 10);
}

/* How a run behaves. */
struct manner {
    uint32_t size; /* of the rings */
    uint32_t most; /* bytes of a message */
    unsigned batch;
    unsigned lazy; /* the receiver gives room back after this many */
};

struct run {
    struct ring_pair pair;
    const struct manner *manner;
    struct end from, to;
    unsigned long n_good, n_bad;
};

static uint32_t size_of(const struct manner *manner, uint32_t i)
{
    return i * 2654435761u % (manner->most + 1);
}

static void *send_them(void *arg)
{
    struct run *run = arg;
    struct end *end = &run->from;
    uint8_t *to;

    for (uint32_t i = 0; i < n_messages; i++) {
        uint32_t size = size_of(run->manner, i);
        int rc = ring_reserve(end->ring, size, &to);
        if (rc == VDC_E_BUSY) {
            if (ring_publish(end->ring))
                end_notify(end);
            rc = end_reserve(end, size, &to);
        }
        if (rc)
            break;
        seed_fill(to, size, i);
        ring_commit(end->ring, size, (uint16_t)i, i & 1);
        if (i % run->manner->batch == 0 && ring_publish(end->ring))
            end_notify(end);
    }
    ring_finish(end->ring);
    end_notify(end);
    return NULL;
}

static void *receive_them(void *arg)
{
    struct run *run = arg;
    struct end *end = &run->to;
    struct ring_message message;

    for (uint32_t i = 0; !end_peek(end, &message); i++) {
        uint32_t size = size_of(run->manner, i);
        if (message.size == size && message.type == (uint16_t)i &&
            message.more == (i & 1) && seed_matches(message.data, size, i))
            run->n_good++;
        else
            run->n_bad++;
        ring_release(end->ring);
        if (i % run->manner->lazy == 0 && ring_give_back(end->ring))
            end_notify(end);
    }
    return NULL;
}

static void run_one(const struct manner *manner, bool to_maker)
{
    int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
    struct run run = { .manner = manner };
    pthread_t sender, receiver;

    pair_make(&run.pair, manner->size, manner->size, (uint32_t)-16384);
    run.from.ring = to_maker ? &run.pair.taker : &run.pair.maker;
    run.to.ring = to_maker ? &run.pair.maker : &run.pair.taker;
    run.from.wake_fd = run.to.notify_fd = a;
    run.from.notify_fd = run.to.wake_fd = b;
    CU_ASSERT_EQUAL(pthread_create(&sender, NULL, send_them, &run), 0);
    CU_ASSERT_EQUAL(pthread_create(&receiver, NULL, receive_them, &run), 0);
    pthread_join(sender, NULL);
    pthread_join(receiver, NULL);
    CU_ASSERT_EQUAL(run.n_good, n_messages);
    CU_ASSERT_EQUAL(run.n_bad, 0);
    printf("\n  ring %u, messages to %u: slept %lu and %lu, notified %lu and "
           "%lu times",
           manner->size, manner->most, run.from.n_sleeps, run.to.n_sleeps,
           run.from.n_notified, run.to.n_notified);
    /* Each asking brings one notification at most; the first message and the
     * end bring one that was not asked for. */
    CU_ASSERT_TRUE(run.from.n_notified <= run.to.n_asked + 2);
    CU_ASSERT_TRUE(run.to.n_notified <= run.from.n_asked + 1);
    pair_free(&run.pair);
    close(a);
    close(b);
}

static void test_manners(void)
{
    static const struct manner manners[] = {
        { 4096, 64, 1, 1 },     { 4096, 2040, 1, 1 },   { 4096, 500, 7, 3 },
        { 65536, 64, 32, 100 }, { 65536, 3000, 4, 16 },
    };

    for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
        run_one(&manners[i], false);
        run_one(&manners[i], true);
    }
}

/* Both directions at once, each end with a thread a direction: four. */
static void test_both_directions(void)
{
    static const struct manner manner = { 8192, 200, 3, 5 };
    int fds[4];
    struct run runs[2] = { { .manner = &manner }, { .manner = &manner } };
    pthread_t threads[4];
    struct ring_pair *pair = &runs[0].pair;

    for (int i = 0; i < 4; i++)
        fds[i] = eventfd(0, EFD_NONBLOCK);
    pair_make(pair, manner.size, manner.size, 0);
    for (int i = 0; i < 2; i++) {
        runs[i].from.ring = i ? &pair->taker : &pair->maker;
        runs[i].to.ring = i ? &pair->maker : &pair->taker;
        runs[i].from.wake_fd = runs[i].to.notify_fd = fds[2 * i];
        runs[i].from.notify_fd = runs[i].to.wake_fd = fds[2 * i + 1];
        pthread_create(&threads[2 * i], NULL, send_them, &runs[i]);
        pthread_create(&threads[2 * i + 1], NULL, receive_them, &runs[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(runs[0].n_good, n_messages);
    CU_ASSERT_EQUAL(runs[1].n_good, n_messages);
    pair_free(pair);
}

static const struct unit_test tests[] = {
    { "manners of sending", test_manners },
    { "both directions at once", test_both_directions },
};

UNIT_MAIN("ring threads", tests)
