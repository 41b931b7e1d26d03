/*
 * One end of a channel against an enemy that owns the other: a thread that
 * sends like an honest end for a while, and writes anything anywhere in the
 * memory at any time.  Our end works on; when its channel is broken it gets a
 * new one, in the same memory and under the same fire.
 *
 * Guard pages end the program on an access out of bounds.  Asserted besides:
 * a message lies in the ring that it came from, room in the other; between
 * two looks at the other's position there are no more messages than fit into
 * a ring; what is broken stays so.  What hangs is ended by its CPU time.
 *
 * Usage: attack_ring [OPERATIONS [SEED]]; long/ring.sh does many.
 *
 * Built as it is, with AddressSanitizer and UBSan, and with ThreadSanitizer.
 * For the last, the bytes of messages and the lies are not instrumented: that
 * they race is what an enemy is for.  All that ring.c does is instrumented, at
 * both ends.
 */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/chan/ring_pair.h"

#define SIZE 4096u

#if defined(VDC_TSAN)
#define OPERATIONS 100000ul
#elif defined(__SANITIZE_ADDRESS__) || defined(VDC_ASAN)
#define OPERATIONS 300000ul
#else
#define OPERATIONS 10000000ul
#endif

/* For what may race: gcc would inline it into what is instrumented. */
#if defined(VDC_TSAN)
#define RACES __attribute__((no_sanitize("thread"), noinline))
#else
#define RACES __attribute__((noinline))
#endif

struct fight {
    uint8_t *memory;
    size_t size;
    bool over;
    uint64_t enemy_random, random;
    struct ring enemy, ring;
    unsigned long n_done; /* operations by which something moved */
    unsigned long n_messages, n_sent, n_broken, n_refused, n_closed;
    unsigned long n_bytes, n_lies;
    uint32_t seen, n_since; /* head last seen, messages since */
};

RACES static void write_bytes(uint8_t *at, uint64_t value, uint32_t size)
{
    volatile uint8_t *to = at;

    if (size == 4 && (uintptr_t)at % 4 == 0)
        *(volatile uint32_t *)(void *)at = (uint32_t)value;
    else if (size == 8 && (uintptr_t)at % 8 == 0)
        *(volatile uint64_t *)(void *)at = value;
    else
        for (uint32_t i = 0; i < size; i++)
            to[i] = (uint8_t)(value >> 8 * (i % 8));
}

RACES static uint8_t read_bytes(const uint8_t *at, uint32_t size)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < size; i++)
        sum += ((const volatile uint8_t *)at)[i];
    return sum;
}

/* ---- the enemy ---- */

/* What an enemy would try: small, large, or near what is there. */
static uint64_t lying_value(uint64_t *random, uint64_t now)
{
    uint32_t kind = next_random(random) % 6, number = next_random(random);

    if (kind == 0)
        return (uint64_t)number << 32 | next_random(random);
    if (kind == 1)
        return 1ull << number % 64;
    if (kind == 2)
        return number % 4;
    if (kind == 3)
        return now + 8 * (number % 64);
    return kind == 4 ? now - 8 * (number % 16) : now + SIZE - number % 16;
}

static void lie(struct fight *fight)
{
    static const size_t fields[] = { 0, 1, 4, 8, 0x80, 0x80, 0x100, 0x100 };
    uint64_t *random = &fight->enemy_random;
    uint32_t head = fight->enemy.out.head, number = next_random(random);
    uint32_t kind = next_random(random) % 8;

    fight->n_lies++;
    if (kind < 3) { /* a field of its own side */
        size_t at = 0x100 + fields[number % 8];
        uint64_t now = number % 8 >= 6 ? fight->enemy.in.tail : head;
        write_bytes(fight->memory + at, lying_value(random, now),
                    at < 0x104 ? 1 : 4);
    } else if (kind < 6) { /* a header, or what could be taken for one */
        uint32_t at = (head - 8 * (number % 40)) % SIZE;
        write_bytes(fight->memory + RING_PAGE + at, lying_value(random, 64),
                    kind == 3 ? 8 : 4);
    } else if (kind == 6) { /* a field of our side */
        write_bytes(fight->memory + 0x300 + number % 0x180,
                    lying_value(random, head), 4);
    } else {
        write_bytes(fight->memory + number % (fight->size - 8),
                    lying_value(random, head), 1 + number % 8);
    }
}

/* Like an honest end, as long as the channel lets it. */
static void behave(struct fight *fight)
{
    struct ring_message message;
    uint32_t size = next_random(&fight->enemy_random) % 200;
    uint8_t *to;
    int rc = ring_reserve(&fight->enemy, size, &to);

    if (rc == 0) {
        write_bytes(to, 0x0102030405060708u * size, size);
        ring_commit(&fight->enemy, size, (uint16_t)size, size & 1);
        ring_publish(&fight->enemy);
    }
    while (!ring_peek(&fight->enemy, &message))
        ring_release(&fight->enemy);
    ring_give_back(&fight->enemy);
    if (rc == VDC_E_BUSY)
        sched_yield();
    if (rc == VDC_E_PROTOCOL || rc == VDC_E_CLOSED)
        ring_attach(&fight->enemy, RING_MAKER, fight->memory, fight->size,
                    SIZE, SIZE, NULL);
}

static void *be_the_enemy(void *arg)
{
    struct fight *fight = arg;
    unsigned n = 0;

    ring_attach(&fight->enemy, RING_MAKER, fight->memory, fight->size, SIZE,
                SIZE, NULL);
    while (!__atomic_load_n(&fight->over, __ATOMIC_RELAXED)) {
        behave(fight);
        /* Bursts of lies, and times of peace in which rings fill. */
        uint32_t number = next_random(&fight->enemy_random);
        if (n++ % 4096 < 2048 && number % 8 == 0)
            lie(fight);
    }
    return NULL;
}

/* ---- our end ---- */

/* A new channel where the old one was. */
static void begin_again(struct fight *fight)
{
    uint64_t *words = (uint64_t *)(void *)fight->memory;
    struct ring ring;

    do {
        for (size_t i = 0; i < RING_PAGE / 8; i++)
            __atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
        ring_make(&ring, fight->memory, fight->size, SIZE, SIZE, NULL);
    } while (ring_take(&fight->ring, fight->memory, fight->size, SIZE, SIZE,
                       NULL) &&
             ++fight->n_refused);
    fight->n_since = 0;
}

static void be_bounded(struct fight *fight)
{
    if (fight->ring.in.head_seen != fight->seen)
        fight->n_since = 0;
    fight->seen = fight->ring.in.head_seen;
    assert(++fight->n_since <= SIZE / RING_HEADER);
    assert(fight->ring.in.head_seen - fight->ring.in.tail <= SIZE);
}

static int receive(struct fight *fight)
{
    const uint8_t *begin = fight->memory + RING_PAGE, *end = begin + SIZE;
    struct ring_message message;
    int rc = ring_peek(&fight->ring, &message);

    if (rc)
        return rc;
    assert(message.data >= begin && message.data <= end);
    assert(message.size <= (size_t)(end - message.data));
    assert(message.size <= SIZE / 2 - RING_HEADER);
    be_bounded(fight);
    read_bytes(message.data, message.size);
    fight->n_bytes += message.size;
    ring_release(&fight->ring);
    fight->n_messages++;
    fight->n_done += 2;
    return 0;
}

static bool is_within(const uint8_t *at, uint32_t n, const void *memory,
                      size_t size)
{
    const uint8_t *begin = memory;

    return at >= begin && at <= begin + size &&
           n <= (size_t)(begin + size - at);
}

static int send_one(struct fight *fight)
{
    const struct ring_out *out = &fight->ring.out;
    uint8_t *to;
    uint32_t number = next_random(&fight->random);
    uint32_t size = number % (number & 1u << 20 ? 2041 : 64);
    int rc = ring_reserve(&fight->ring, size, &to);

    if (rc)
        return rc;
    assert(is_within(to, size, out->stage, sizeof(out->stage)) ||
           is_within(to, size, fight->memory + RING_PAGE + SIZE, SIZE));
    write_bytes(to, number, size);
    ring_commit(&fight->ring, size, (uint16_t)number, false);
    fight->n_sent++;
    fight->n_done += 2;
    return 0;
}

/* What a program does when it is woken. */
static int wake_up(struct fight *fight)
{
    struct ring *ring = &fight->ring;
    unsigned n = 0;
    int rc, rc2 = 0;

    do
        rc = receive(fight);
    while (!rc && ++n < SIZE / RING_HEADER);
    for (n = next_random(&fight->random) % 8; n && !rc2; n--)
        rc2 = send_one(fight);
    fight->n_done += (ring->out.head != ring->out.told) +
                     (ring->in.tail != ring->in.told);
    ring_publish(ring);
    ring_give_back(ring);
    ring_want_message(ring);
    ring_want_room(ring, n * 200);
    ring_other(ring);
    if (rc == VDC_E_PROTOCOL || rc2 == VDC_E_PROTOCOL)
        return VDC_E_PROTOCOL;
    return rc == VDC_E_CLOSED || rc2 == VDC_E_CLOSED ? VDC_E_CLOSED : 0;
}

static void stay_broken(struct fight *fight)
{
    struct ring_message message;
    uint8_t *to;

    assert(ring_peek(&fight->ring, &message) == VDC_E_PROTOCOL);
    assert(ring_reserve(&fight->ring, 0, &to) == VDC_E_PROTOCOL);
    assert(!ring_publish(&fight->ring) && !ring_give_back(&fight->ring));
    assert(ring_want_message(&fight->ring) && ring_want_room(&fight->ring, 1));
}

static void defend(struct fight *fight, unsigned long n_operations)
{
    begin_again(fight);
    while (fight->n_done < n_operations) {
        unsigned long n_before = fight->n_done;
        int rc = wake_up(fight);
        if (fight->n_done == n_before)
            sched_yield(); /* the enemy's turn, where CPUs are few */
        if (rc == VDC_E_PROTOCOL) {
            fight->n_broken++;
            stay_broken(fight);
        } else if (rc == VDC_E_CLOSED) {
            fight->n_closed++;
        }
        if (rc)
            begin_again(fight);
    }
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : OPERATIONS;
    struct fight fight = { .size = ring_memory(SIZE, SIZE) };
    pthread_t enemy;
    void *map;
    size_t map_size;

    /* Far above what is needed: 20 s for each 10^7. */
    const struct itimerval most = { { 0 }, { (time_t)(60 + n / 500000), 0 } };
    setitimer(ITIMER_PROF, &most, NULL);
    fight.random = argc > 2 ? strtoul(argv[2], NULL, 10) : 88172645463325252u;
    fight.enemy_random = fight.random * 3 + 1;
    fight.memory = guarded_memory(fight.size, &map, &map_size);
    double began = now_s();
    int r = pthread_create(&enemy, NULL, be_the_enemy, &fight);
    assert(r == 0);
    defend(&fight, n);
    __atomic_store_n(&fight.over, true, __ATOMIC_RELAXED);
    r = pthread_join(enemy, NULL);
    assert(r == 0);
    printf("%lu operations in %.1f s: %lu messages in (%lu bytes), %lu out; "
           "%lu lies; %lu channels broken, %lu closed, %lu refused\n",
           fight.n_done, now_s() - began, fight.n_messages, fight.n_bytes,
           fight.n_sent, fight.n_lies, fight.n_broken, fight.n_closed,
           fight.n_refused);
    /* Else nothing was tried. */
    bool tried = fight.n_messages > n / 10 && fight.n_sent > n / 1000 &&
                 fight.n_lies > n / 10000 && fight.n_broken > n / 10000;
    printf("%d passed, %d failed\n", tried, !tried);
    return !tried;
}
