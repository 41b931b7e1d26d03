/* What ring.h promises to ends that keep to it. */
#include "chan/ring.h"

#include <stdlib.h>
#include <string.h>

#include "chan/ring_copy.h"
#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/unit.h"

static void test_sizes(void)
{
    static const uint32_t bad[] = { 0,    1,       2048,    4095, 4097,
                                    6144, 8388608, 1u << 31 };
    struct vdc_error err;
    struct ring ring;
    uint64_t memory[512] = { 0 };

    CU_ASSERT_EQUAL(ring_memory(4096, 4096), 3 * 4096);
    CU_ASSERT_EQUAL(ring_memory(4194304, 4194304), 2049 * 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(ring_memory(bad[i], 4096), 0);
        CU_ASSERT_EQUAL(ring_memory(4096, bad[i]), 0);
        int rc = ring_make(&ring, memory, 1u << 30, 4096, bad[i], &err);
        CU_ASSERT_EQUAL(rc, VDC_E_BAD_VALUE);
    }
    int rc = ring_make(&ring, memory, 3 * 4096 - 1, 4096, 4096, &err);
    CU_ASSERT_EQUAL(rc, VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "12288"));
    CU_ASSERT_NOT_EQUAL(ring_life_offset(RING_MAKER),
                        ring_life_offset(RING_TAKER));
}

static void test_take(void)
{
    struct vdc_error err;
    struct ring_pair pair;
    struct ring ring;

    pair_make(&pair, 4096, 8192, 0);
    CU_ASSERT_EQUAL(pair.memory[ring_life_offset(RING_MAKER)], 1);
    CU_ASSERT_EQUAL(pair.memory[ring_life_offset(RING_TAKER)], 1);
    CU_ASSERT_EQUAL(ring_take(&ring, pair.memory, pair.size, 8192, 4096, &err),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(ring_take(&ring, pair.memory, pair.size, 4096, 4096, &err),
                    VDC_E_PROTOCOL);
    memset(pair.memory, 0, pair.size);
    CU_ASSERT_EQUAL(ring_take(&ring, pair.memory, pair.size, 4096, 8192, &err),
                    VDC_E_PROTOCOL);
    /* A closed side is not taken again. */
    pair_remake(&pair, 0);
    ring_close(&pair.taker);
    CU_ASSERT_EQUAL(ring_take(&ring, pair.memory, pair.size, 4096, 8192, &err),
                    VDC_E_PROTOCOL);
    pair_free(&pair);
}

/* An end that goes on from another process's sees what was on its way. */
static void test_attach(void)
{
    struct vdc_error err;
    struct ring_pair pair;

    pair_make(&pair, 4096, 4096, 4294967288u);
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 10, 1, false, NULL), 0);
    CU_ASSERT_EQUAL(pair_send(&pair.taker, 20, 2, false, NULL), 0);
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 30, 3, false, NULL), 0);
    CU_ASSERT_TRUE(pair_receive(&pair.taker, 10, 1, false, NULL));
    for (enum ring_side side = RING_MAKER; side <= RING_TAKER; side++) {
        struct ring *end = side == RING_MAKER ? &pair.maker : &pair.taker;
        memset(end, 0xff, sizeof(*end));
        CU_ASSERT_EQUAL(ring_attach(end, side, pair.memory, pair.size, 4096,
                                    4096, &err),
                        0);
    }
    CU_ASSERT_TRUE(pair_receive(&pair.taker, 30, 3, false, NULL));
    CU_ASSERT_TRUE(pair_receive(&pair.maker, 20, 2, false, NULL));
    ring_finish(&pair.maker);
    CU_ASSERT_EQUAL(ring_attach(&pair.maker, RING_MAKER, pair.memory,
                                pair.size, 4096, 4096, &err),
                    0);
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 1, 1, false, NULL), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(ring_other(&pair.taker), RING_OTHER_FINISHED);
    pair_free(&pair);
}

/* Every size of message, at every position in the ring, over the wrap of the
 * counters. */
static void test_every_size(void)
{
    struct ring_pair pair;
    uint32_t most, n_good = 0;

    pair_make(&pair, 4096, 4096, (uint32_t)-4096 * 300);
    most = ring_most(&pair.maker);
    CU_ASSERT_EQUAL(most, 2040);
    for (uint32_t size = 0; size <= most; size++) {
        n_good += !pair_send(&pair.maker, size, size, size & 1, NULL) &&
                  pair_receive(&pair.taker, size, size, size & 1, NULL);
        n_good += !pair_send(&pair.taker, size, size, false, NULL) &&
                  pair_receive(&pair.maker, size, size, false, NULL);
    }
    CU_ASSERT_EQUAL(n_good, 2 * (most + 1));
    CU_ASSERT_EQUAL(pair_send(&pair.maker, most + 1, 0, false, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(pair_send(&pair.maker, UINT32_MAX, 0, false, NULL),
                    VDC_E_BAD_VALUE);
    /* The counters have gone past zero. */
    CU_ASSERT_TRUE(pair_shared(&pair)->side[RING_MAKER].head < 1u << 31);
    n_good = 0;
    for (uint32_t at = 0; at < 4096; at += 8) {
        pair_remake(&pair, at);
        n_good += !pair_send(&pair.maker, most, at, false, NULL) &&
                  pair_receive(&pair.taker, most, at, false, NULL);
    }
    CU_ASSERT_EQUAL(n_good, 512);
    pair_free(&pair);
}

static void test_large_rings(void)
{
    struct ring_pair pair;

    for (uint32_t size = RING_SIZE_MIN; size <= RING_SIZE_MAX; size *= 2) {
        pair_make(&pair, size, RING_SIZE_MIN, (uint32_t)-8);
        uint32_t most = ring_most(&pair.maker);
        CU_ASSERT_EQUAL(most, size / 2 - 8);
        bool good = true;
        for (uint32_t i = 0; i < 5; i++)
            good = good &&
                   !pair_send(&pair.maker, most - i, i, false, NULL) &&
                   pair_receive(&pair.taker, most - i, i, false, NULL);
        CU_ASSERT_TRUE(good);
        pair_free(&pair);
    }
}

/* Fills and empties with random sizes; both ends agree on what fits. */
static void test_full(void)
{
    struct ring_pair pair;
    uint64_t random = 12345;
    uint32_t sizes[4096], first = 0, last = 0, n_busy = 0, n_good = 0;

    pair_make(&pair, 4096, 4096, (uint32_t)-100000 & ~7u);
    while (last < 30000) {
        uint32_t size = next_random(&random) % (random & 64 ? 2041 : 100);
        int rc = pair_send(&pair.maker, size, last, false, NULL);
        if (rc == 0) {
            sizes[last++ % 4096] = size;
        } else {
            CU_ASSERT_EQUAL(rc, VDC_E_BUSY);
            n_busy++;
        }
        uint32_t n_take = rc ? 1 + random % 3 : 0;
        for (; n_take && first < last; n_take--, first++)
            n_good += pair_receive(&pair.taker, sizes[first % 4096], first,
                                   false, NULL);
    }
    CU_ASSERT_EQUAL(n_good, first);
    CU_ASSERT_TRUE(n_busy > 1000);
    /* Empty, the largest fits, wherever it begins. */
    while (first < last) {
        CU_ASSERT_TRUE(pair_receive(&pair.taker, sizes[first % 4096], first,
                                    false, NULL));
        first++;
    }
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 2040, 1, false, NULL), 0);
    pair_free(&pair);
}

/* Nothing is seen before it is published; a batch is one notification. */
static void test_batch(void)
{
    struct ring_pair pair;
    struct ring_message message;
    uint8_t *to;

    pair_make(&pair, 4096, 4096, 0);
    for (uint16_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 100, &to), 0);
        to[0] = (uint8_t)i;
        ring_commit(&pair.maker, 1u + i, i, false);
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_BUSY);
    }
    /* A reservation that was given up leaves nothing. */
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 2000, &to), 0);
    CU_ASSERT_TRUE(ring_publish(&pair.maker));
    CU_ASSERT_FALSE(ring_publish(&pair.maker));
    for (uint16_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), 0);
        CU_ASSERT_EQUAL(message.size, 1u + i);
        CU_ASSERT_EQUAL(message.type, i);
        CU_ASSERT_EQUAL(message.data[0], i);
        /* Looked at twice it is the same. */
        struct ring_message again;
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &again), 0);
        CU_ASSERT_EQUAL(memcmp(&again.data, &message.data, sizeof(again.data)),
                        0);
        ring_release(&pair.taker);
        CU_ASSERT_EQUAL(pair_shared(&pair)->side[RING_TAKER].tail, 0);
    }
    CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_BUSY);
    ring_give_back(&pair.taker);
    CU_ASSERT_EQUAL(pair_shared(&pair)->side[RING_TAKER].tail, 5 * 16);
    CU_ASSERT_FALSE(ring_give_back(&pair.taker));
    pair_free(&pair);
}

/* Batches of every size up to what is staged, and beyond, from every place in
 * a line: however they are copied, they come whole, and nothing else does. */
static void test_batches(void)
{
    struct ring_pair pair;
    struct ring_message message;
    uint32_t n_good = 0, n_all = 0;

    pair_make(&pair, 16384, 4096, (uint32_t)-40000 & ~7u);
    for (uint32_t n = 1; n <= 80; n++)
        for (uint32_t size = 40; size < 104; size += 7) {
            uint8_t *to;
            for (uint32_t i = 0; i < n; i++) {
                CU_ASSERT_EQUAL(ring_reserve(&pair.maker, size, &to), 0);
                seed_fill(to, size, n + i);
                ring_commit(&pair.maker, size, (uint16_t)(n + i), false);
            }
            CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_BUSY);
            ring_publish(&pair.maker);
            for (uint32_t i = 0; i < n; i++, n_all++)
                n_good += pair_receive(&pair.taker, size, n + i, false, NULL);
            CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_BUSY);
        }
    CU_ASSERT_EQUAL(n_good, n_all);
    pair_free(&pair);
}

/* As memcpy, at every place in a line and of every length; no byte behind is
 * touched but what belongs to the last word. */
static void test_fill(void)
{
    static uint8_t from[8192];
    static _Alignas(64) uint8_t to[8192];
    uint32_t n_wrong = 0;

    seed_fill(from, sizeof(from), 5);
    for (uint32_t size = 0; size < 2300; size += size < 300 ? 1 : 61)
        for (uint32_t at = 64; at < 128; at += 8) {
            uint32_t end = at + ((size + 7) & ~7u);
            memset(to, 0xee, sizeof(to));
            ring_fill(to + at, from + size % 16, size);
            n_wrong += memcmp(to + at, from + size % 16, size) != 0;
            for (uint32_t i = 0; i < 64; i++)
                n_wrong += to[at - 1 - i] != 0xee || to[end + i] != 0xee;
        }
    CU_ASSERT_EQUAL(n_wrong, 0);
}

/* Lines that are flushed keep what is in them, wherever they begin, and so do
 * their neighbours. */
static void test_flush(void)
{
    static uint8_t lines[8192], copy[8192];

    seed_fill(lines, sizeof(lines), 6);
    memcpy(copy, lines, sizeof(copy));
    for (uint32_t n = 0; ring_can_flush() && n < 64; n++)
        ring_flush(lines + 128 + n, n);
    CU_ASSERT_EQUAL(memcmp(lines, copy, sizeof(copy)), 0);
}

/* What needs no look at the other end is never for long: the first message
 * after each publish sees that it is gone, and no reservation outlives the end
 * of this side. */
static void test_easy(void)
{
    struct ring_pair pair;
    uint8_t *to;

    pair_make(&pair, 4096, 4096, 0);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), 0);
        ring_commit(&pair.maker, 10, 1, false);
    }
    pair.memory[ring_life_offset(RING_TAKER)] = 0;
    ring_publish(&pair.maker);
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), VDC_E_CLOSED);
    pair_remake(&pair, 0);
    for (int alone = 0; alone < 20; alone++) /* lines are claimed, or not */
        pair_send(&pair.maker, 10, 1, false, NULL);
    pair.memory[ring_life_offset(RING_TAKER)] = 0;
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), VDC_E_CLOSED);
    /* Finished. */
    for (int n_sent = 0; n_sent < 3; n_sent++) {
        pair_remake(&pair, 0);
        for (int i = 0; i < n_sent; i++)
            pair_send(&pair.maker, 10, 1, false, NULL);
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), 0);
        ring_finish(&pair.maker);
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), VDC_E_CLOSED);
    }
    /* Broken by the thread of the other direction. */
    pair_remake(&pair, 0);
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), 0);
    ring_commit(&pair.maker, 10, 1, false);
    pair_shared(&pair)->side[RING_TAKER].head = 4;
    CU_ASSERT_EQUAL(ring_peek(&pair.maker, &(struct ring_message){ 0 }),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 10, &to), VDC_E_PROTOCOL);
    pair_free(&pair);
}

/* Notified is who asked, once. */
static void test_want_message(void)
{
    struct ring_pair pair;
    bool notify;

    for (uint32_t at = (uint32_t)-160; at < 160 || at > 1000; at += 8) {
        pair_make(&pair, 4096, 4096, at);
        CU_ASSERT_FALSE(ring_want_message(&pair.taker));
        CU_ASSERT_EQUAL(pair_send(&pair.maker, 8, 1, false, &notify), 0);
        CU_ASSERT_TRUE(notify);
        CU_ASSERT_EQUAL(pair_send(&pair.maker, 8, 2, false, &notify), 0);
        CU_ASSERT_FALSE(notify);
        /* There is something: it does not go to sleep. */
        CU_ASSERT_TRUE(ring_want_message(&pair.taker));
        CU_ASSERT_TRUE(pair_receive(&pair.taker, 8, 1, false, NULL));
        CU_ASSERT_TRUE(ring_want_message(&pair.taker));
        CU_ASSERT_TRUE(pair_receive(&pair.taker, 8, 2, false, NULL));
        /* Awake: not notified. */
        CU_ASSERT_EQUAL(pair_send(&pair.maker, 8, 3, false, &notify), 0);
        CU_ASSERT_FALSE(notify);
        CU_ASSERT_TRUE(pair_receive(&pair.taker, 8, 3, false, NULL));
        CU_ASSERT_FALSE(ring_want_message(&pair.taker));
        CU_ASSERT_FALSE(ring_want_message(&pair.taker));
        CU_ASSERT_EQUAL(pair_send(&pair.maker, 8, 4, false, &notify), 0);
        CU_ASSERT_TRUE(notify);
        pair_free(&pair);
    }
}

static void test_want_room(void)
{
    struct ring_pair pair;
    bool notify;
    uint32_t n;

    for (uint32_t at = (uint32_t)-4096; at < 160 || at > 1000; at += 504) {
        pair_make(&pair, 4096, 4096, at & ~7u);
        CU_ASSERT_TRUE(ring_want_room(&pair.maker, 504));
        for (n = 0; pair_send(&pair.maker, 120, n, false, NULL) == 0; n++)
            continue;
        CU_ASSERT_TRUE(n >= 31);
        CU_ASSERT_FALSE(ring_want_room(&pair.maker, 1000));
        uint32_t taken = 0;
        uint8_t *to;
        do {
            CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 1000, &to), VDC_E_BUSY);
            CU_ASSERT_TRUE(
                pair_receive(&pair.taker, 120, taken++, false, &notify));
        } while (!notify && taken < n);
        /* Notified when there is room for as much as was asked, not before,
         * and not again. */
        CU_ASSERT_TRUE(notify);
        CU_ASSERT_TRUE(taken >= 7);
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 1000, &to), 0);
        CU_ASSERT_TRUE(ring_want_room(&pair.maker, 1000));
        CU_ASSERT_TRUE(
            pair_receive(&pair.taker, 120, taken, false, &notify));
        CU_ASSERT_FALSE(notify);
        pair_free(&pair);
    }
}

static void test_finish(void)
{
    struct ring_pair pair;
    struct ring_message message;
    uint8_t *to;

    pair_make(&pair, 4096, 4096, 0);
    CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 5, &to), 0);
    seed_fill(to, 5, 7);
    ring_commit(&pair.maker, 5, 7, false);
    CU_ASSERT_TRUE(ring_finish(&pair.maker)); /* publishes what there is */
    CU_ASSERT_FALSE(ring_finish(&pair.maker));
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 5, 7, false, NULL), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(ring_other(&pair.taker), RING_OTHER_FINISHED);
    CU_ASSERT_TRUE(pair_receive(&pair.taker, 5, 7, false, NULL));
    CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_CLOSED);
    CU_ASSERT_TRUE(ring_want_message(&pair.taker));
    /* The other direction goes on. */
    CU_ASSERT_EQUAL(ring_peek(&pair.maker, &message), VDC_E_BUSY);
    CU_ASSERT_FALSE(ring_want_message(&pair.maker));
    CU_ASSERT_EQUAL(pair_send(&pair.taker, 50, 8, false, NULL), 0);
    CU_ASSERT_TRUE(pair_receive(&pair.maker, 50, 8, false, NULL));
    pair_free(&pair);
}

/* Closed or dead, at each of several fillings: what was published can be
 * read, what was not cannot; sending is over. */
static void test_gone(void)
{
    struct ring_pair pair;
    struct ring_message message;

    for (int i = 0; i < 6; i++) {
        bool dead = i & 1, finished = i >= 4;
        uint8_t *to;
        pair_make(&pair, 4096, 4096, 0);
        for (uint32_t n = 0; n < (uint32_t)i; n++)
            CU_ASSERT_EQUAL(pair_send(&pair.maker, 9, n, false, NULL), 0);
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, 9, &to), 0);
        ring_commit(&pair.maker, 9, 9, false);
        while (pair_send(&pair.taker, 2000, 1, false, NULL) == 0)
            continue;
        CU_ASSERT_FALSE(ring_want_room(&pair.taker, 2000));
        if (finished)
            ring_finish(&pair.maker);
        if (dead) /* as the kernel does */
            pair.memory[ring_life_offset(RING_MAKER)] = 0;
        else
            CU_ASSERT_TRUE(ring_close(&pair.maker));
        CU_ASSERT_EQUAL(ring_other(&pair.taker), RING_OTHER_GONE);
        CU_ASSERT_EQUAL(pair_send(&pair.taker, 1, 1, false, NULL),
                        VDC_E_CLOSED);
        CU_ASSERT_TRUE(ring_want_room(&pair.taker, 2000));
        for (uint32_t n = 0; n < (uint32_t)i; n++)
            CU_ASSERT_TRUE(pair_receive(&pair.taker, 9, n, false, NULL));
        if (finished) {
            CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), 0);
            ring_release(&pair.taker);
            ring_give_back(&pair.taker);
        }
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_CLOSED);
        CU_ASSERT_TRUE(ring_want_message(&pair.taker));
        pair_free(&pair);
    }
}

static void test_absent(void)
{
    struct vdc_error err;
    struct ring_pair pair;
    struct ring_message message;

    pair_make(&pair, 4096, 4096, 0);
    memset(pair.memory, 0, pair.size);
    CU_ASSERT_EQUAL(ring_make(&pair.maker, pair.memory, pair.size, 4096, 4096,
                              &err),
                    0);
    CU_ASSERT_EQUAL(ring_other(&pair.maker), RING_OTHER_ABSENT);
    CU_ASSERT_EQUAL(pair_send(&pair.maker, 3, 1, true, NULL), 0);
    CU_ASSERT_EQUAL(ring_peek(&pair.maker, &message), VDC_E_BUSY);
    CU_ASSERT_FALSE(ring_want_message(&pair.maker));
    CU_ASSERT_EQUAL(ring_take(&pair.taker, pair.memory, pair.size, 4096, 4096,
                              &err),
                    0);
    CU_ASSERT_EQUAL(ring_other(&pair.maker), RING_OTHER_OPEN);
    CU_ASSERT_EQUAL(ring_other(&pair.taker), RING_OTHER_OPEN);
    CU_ASSERT_TRUE(pair_receive(&pair.taker, 3, 1, true, NULL));
    pair_free(&pair);
}

/* A message that is being made stays as it is when others are published, and
 * what is made ready for later touches nothing that can be read; at all
 * positions, short and long. */
static void test_publish_while_making(void)
{
    static const uint32_t sizes[] = { 0, 60, 100, 264, 1016, 1017, 1500 };
    struct ring_pair pair;
    uint8_t *to;

    pair_make(&pair, 8192, 4096, 0);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t size = sizes[i % 7], before = i * 13 % 200, n = i % 3;
        for (uint32_t k = 0; k < n; k++) {
            CU_ASSERT_EQUAL(ring_reserve(&pair.maker, before, &to), 0);
            seed_fill(to, before, k);
            ring_commit(&pair.maker, before, (uint16_t)k, false);
        }
        CU_ASSERT_EQUAL(ring_reserve(&pair.maker, size, &to), 0);
        seed_fill(to, size, i);
        ring_publish(&pair.maker);
        ring_commit(&pair.maker, size, (uint16_t)i, false);
        ring_publish(&pair.maker);
        for (uint32_t k = 0; k < 3; k++) /* behind what is not read yet */
            CU_ASSERT_EQUAL(pair_send(&pair.maker, 24, k, true, NULL), 0);
        for (uint32_t k = 0; k < n; k++)
            CU_ASSERT_TRUE(pair_receive(&pair.taker, before, k, false, NULL));
        CU_ASSERT_TRUE(pair_receive(&pair.taker, size, i, false, NULL));
        for (uint32_t k = 0; k < 3; k++)
            CU_ASSERT_TRUE(pair_receive(&pair.taker, 24, k, true, NULL));
    }
    pair_free(&pair);
}

/* Sent one by one into a ring that fills up, nothing unread is touched. */
static void test_fill_one_by_one(void)
{
    struct ring_pair pair;
    uint32_t n_sent = 0, n_taken = 0;

    pair_make(&pair, 4096, 4096, 4294967000u);
    for (uint32_t round = 0; round < 200; round++) {
        while (!pair_send(&pair.maker, n_sent * 7 % 90, n_sent, false, NULL))
            n_sent++;
        CU_ASSERT_TRUE(n_sent - n_taken >= 4096 / 104 - 1);
        for (uint32_t n = n_sent - n_taken - round % 30; n; n--, n_taken++)
            CU_ASSERT_TRUE(pair_receive(&pair.taker, n_taken * 7 % 90,
                                        n_taken, false, NULL));
    }
    pair_free(&pair);
}

static const struct unit_test tests[] = {
    { "sizes", test_sizes },
    { "take", test_take },
    { "attach", test_attach },
    { "every size", test_every_size },
    { "large rings", test_large_rings },
    { "full", test_full },
    { "batch", test_batch },
    { "batches", test_batches },
    { "fill", test_fill },
    { "flush", test_flush },
    { "easy", test_easy },
    { "publish while making", test_publish_while_making },
    { "fill one by one", test_fill_one_by_one },
    { "want message", test_want_message },
    { "want room", test_want_room },
    { "finish", test_finish },
    { "gone", test_gone },
    { "absent", test_absent },
};

UNIT_MAIN("ring", tests)
