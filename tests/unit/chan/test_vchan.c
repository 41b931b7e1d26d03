/*
 * The layout of libxenvchan between two ends of ours, and against another end
 * that lies: each field of the first page set to each of many values in each
 * of several states.  (Against libxenvchan itself: test_vchan_xen.c.)
 */
#include "chan/vchan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/unit.h"

struct two {
    void *maps[3];
    size_t map_sizes[3];
    uint8_t *page, *left, *right;
    struct vchan_layout layout;
    struct vchan server, client;
};

/* Positions, from xen/io/libxenvchan.h. */
#define LEFT_CONS 0
#define LEFT_PROD 4
#define RIGHT_CONS 8
#define RIGHT_PROD 12

static void put_u32(struct two *two, size_t at, uint32_t value)
{
    memcpy(two->page + at, &value, sizeof(value));
}

/* Begins anew, with all positions at `position`. */
static void remake(struct two *two, uint32_t position)
{
    uint32_t refs[VCHAN_REFS_MAX];

    for (uint32_t i = 0; i < VCHAN_REFS_MAX; i++)
        refs[i] = i + 7;
    memset(two->page, 0, VCHAN_PAGE);
    vchan_serve(&two->server, two->page, two->left, two->right, &two->layout,
                refs);
    for (size_t at = 0; at < 16; at += 4)
        put_u32(two, at, position);
    two->server.out.prod = two->server.out.cons_seen = position;
    two->server.in.cons = two->server.in.prod_seen = position;
    int rc = vchan_join(&two->client, two->page, two->left, two->right,
                        &two->layout, NULL);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void make(struct two *two, size_t left, size_t right, uint32_t position)
{
    CU_ASSERT_EQUAL_FATAL(vchan_plan(left, right, &two->layout, NULL), 0);
    const uint32_t n[3] = { 1, two->layout.n_left, two->layout.n_right };
    uint8_t *at[3];

    for (int i = 0; i < 3; i++)
        at[i] = guarded_memory((size_t)n[i] * VCHAN_PAGE, &two->maps[i],
                               &two->map_sizes[i]);
    two->page = at[0];
    two->left = at[1];
    two->right = at[2];
    remake(two, position);
}

static void unmake(struct two *two)
{
    for (int i = 0; i < 3; i++)
        munmap(two->maps[i], two->map_sizes[i]);
}

/* ---- honest ends ---- */

static bool pass_on(struct vchan *from, struct vchan *to, uint32_t size,
                    uint32_t seed)
{
    uint8_t data[5000];
    size_t n, n_read;
    bool notify;

    seed_fill(data, size, seed);
    if (vchan_write(from, data, size, &n, &notify) || n != size)
        return false;
    memset(data, 0, sizeof(data));
    return vchan_read(to, data, sizeof(data), &n_read, &notify) == 0 &&
           n_read == size && seed_matches(data, size, seed) &&
           vchan_read(to, data, 1, &n_read, &notify) == VDC_E_BUSY;
}

static void test_bytes(void)
{
    struct two two;
    unsigned n_good = 0;

    make(&two, 1024, 4096, (uint32_t)-5000);
    for (uint32_t size = 1; size <= 1024; size++) {
        n_good += pass_on(&two.server, &two.client, size * 4, size);
        n_good += pass_on(&two.client, &two.server, size, size);
    }
    CU_ASSERT_EQUAL(n_good, 2048);
    unmake(&two);
}

static void test_full(void)
{
    struct two two;
    uint8_t data[5000] = { 0 };
    size_t n;
    bool notify;

    make(&two, 4096, 4096, 0);
    CU_ASSERT_EQUAL(vchan_write(&two.client, data, 5000, &n, &notify), 0);
    CU_ASSERT_EQUAL(n, 4096);
    CU_ASSERT_TRUE(notify); /* a server asks from its first day */
    CU_ASSERT_EQUAL(vchan_write(&two.client, data, 1, &n, &notify),
                    VDC_E_BUSY);
    CU_ASSERT_FALSE(vchan_want_room(&two.client, 100));
    CU_ASSERT_TRUE(vchan_want_room(&two.client, 5000)); /* never */
    CU_ASSERT_TRUE(vchan_want_data(&two.server));
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 50, &n, &notify), 0);
    CU_ASSERT_TRUE(notify);
    CU_ASSERT_FALSE(vchan_want_room(&two.client, 100));
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 50, &n, &notify), 0);
    CU_ASSERT_TRUE(notify);
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 50, &n, &notify), 0);
    CU_ASSERT_FALSE(notify);
    CU_ASSERT_TRUE(vchan_want_room(&two.client, 100));
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 5000, &n, &notify), 0);
    CU_ASSERT_EQUAL(n, 4096 - 150);
    CU_ASSERT_FALSE(vchan_want_data(&two.server));
    CU_ASSERT_EQUAL(vchan_write(&two.client, data, 1, &n, &notify), 0);
    CU_ASSERT_TRUE(notify);
    unmake(&two);
}

static void test_end(void)
{
    struct two two;
    uint8_t data[8] = { 0 };
    size_t n;
    bool notify;

    for (int i = 0; i < 2; i++) {
        make(&two, 2048, 1024, 0);
        struct vchan *gone = i ? &two.client : &two.server;
        struct vchan *left = i ? &two.server : &two.client;
        CU_ASSERT_FALSE(vchan_want_data(left));
        CU_ASSERT_EQUAL(vchan_write(gone, data, 3, &n, &notify), 0);
        two.page[vchan_life_offset(i ? VCHAN_CLIENT : VCHAN_SERVER)] = 0;
        CU_ASSERT_EQUAL(vchan_other(left), VCHAN_OTHER_GONE);
        CU_ASSERT_EQUAL(vchan_write(left, data, 1, &n, &notify),
                        VDC_E_CLOSED);
        CU_ASSERT_EQUAL(vchan_read(left, data, 8, &n, &notify), 0);
        CU_ASSERT_EQUAL(n, 3);
        CU_ASSERT_EQUAL(vchan_read(left, data, 8, &n, &notify), VDC_E_CLOSED);
        CU_ASSERT_TRUE(vchan_want_data(left));
        CU_ASSERT_EQUAL(vchan_join(&two.client, two.page, two.left, two.right,
                                   &two.layout, NULL),
                        i ? 0 : VDC_E_CLOSED);
        unmake(&two);
    }
}

static void test_look(void)
{
    static const uint16_t bad[][2] = {
        { 9, 12 },  { 12, 9 },  { 10, 10 }, { 11, 11 }, { 21, 12 },
        { 12, 21 }, { 0, 0 },   { 65535, 12 }, { 10, 20 }, { 20, 10 },
    };
    struct vchan_layout layout;
    uint32_t refs[VCHAN_REFS_MAX];
    struct two two;

    CU_ASSERT_EQUAL(vchan_plan((1 << 20) + 1, 0, &layout, NULL),
                    VDC_E_BAD_VALUE);
    make(&two, 1 << 20, 1 << 20, 0);
    CU_ASSERT_EQUAL(vchan_look(two.page, &layout, refs, NULL), 0);
    CU_ASSERT_EQUAL(memcmp(&layout, &two.layout, sizeof(layout)), 0);
    CU_ASSERT_EQUAL(refs[0], 7);
    CU_ASSERT_EQUAL(refs[511], 518);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memcpy(two.page + 16, bad[i], 4);
        CU_ASSERT_EQUAL(vchan_look(two.page, &layout, refs, NULL),
                        VDC_E_PROTOCOL);
    }
    unmake(&two);
}

/* ---- ends that lie ---- */

/* Brings both into a state, the same each time. */
static void bring_to(struct two *two, int state)
{
    static const uint32_t positions[] = { 0, (uint32_t)-100, 3000 };
    uint8_t data[300] = { 0 };
    size_t n;
    bool notify;

    remake(two, positions[state % 3]);
    for (int i = 0; i < state; i++) {
        vchan_write(&two->client, data, 300, &n, &notify);
        vchan_write(&two->server, data, 250, &n, &notify);
    }
    if (state > 3) /* some is read, and more was seen */
        vchan_read(&two->server, data, 7, &n, &notify);
    if (state > 5)
        vchan_want_room(&two->server, 2048);
}

/* The server goes on; false: it did what it must not. */
static bool go_on(struct two *two)
{
    struct vchan *vchan = &two->server;
    uint8_t data[100] = { 0 };
    size_t n, total = 0;
    bool notify;
    int rc, rc2;

    while ((rc = vchan_read(vchan, data, 100, &n, &notify)) == 0)
        if (n < 1 || n > 100 || (total += n) > 1 << 16)
            return false;
    vchan_want_data(vchan);
    total = 0;
    while ((rc2 = vchan_write(vchan, data, 100, &n, &notify)) == 0)
        if (n < 1 || n > 100 || (total += n) > 1 << 16)
            return false;
    vchan_want_room(vchan, 1000);
    vchan_other(vchan);
    if (rc == VDC_E_PROTOCOL || rc2 == VDC_E_PROTOCOL)
        return vchan_read(vchan, data, 1, &n, &notify) == VDC_E_PROTOCOL &&
               vchan_write(vchan, data, 1, &n, &notify) == VDC_E_PROTOCOL &&
               vchan_want_data(vchan) && vchan_want_room(vchan, 1);
    return (rc == VDC_E_BUSY || rc == VDC_E_CLOSED) &&
           (rc2 == VDC_E_BUSY || rc2 == VDC_E_CLOSED);
}

static void try_value(struct two *two, size_t at, int state, uint32_t value)
{
    unsigned size = at < 16 ? 4 : at < 20 ? 2 : at < 24 ? 1 : 4;

    bring_to(two, state);
    memcpy(two->page + at, &value, size);
    if (!go_on(two)) {
        printf("%#x at %zu in state %d\n", value, at, state);
        CU_FAIL("a lie was believed");
    }
    /* And while it goes on, all at once. */
    bring_to(two, state);
    for (size_t i = 0; i < 24; i++)
        two->page[i] ^= (uint8_t)(value >> i % 25);
    CU_ASSERT_TRUE(go_on(two));
}

static void test_lies(void)
{
    static const size_t fields[] = { 0,  4,  8,  12, 16, 18,
                                     20, 21, 22, 23, 24 };
    static const uint32_t steps[] = { 0,    1,    7,    300,  1023,
                                      1024, 1025, 2047, 2048, 2049,
                                      4095, 4096, 4097, 1u << 31 };
    struct two two;

    make(&two, 4096, 2048, 0);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        for (int state = 0; state < 8; state++)
            for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
                uint32_t now;
                bring_to(&two, state);
                memcpy(&now, two.page + fields[i], sizeof(now));
                try_value(&two, fields[i], state, steps[k]);
                try_value(&two, fields[i], state, now + steps[k]);
                try_value(&two, fields[i], state, now - steps[k]);
            }
    unmake(&two);
}

/* Each position that cannot be is noticed. */
static void test_noticed(void)
{
    struct two two;
    uint8_t data[500] = { 0 };
    size_t n;
    bool notify;

    make(&two, 4096, 2048, 0);
    put_u32(&two, LEFT_PROD, 4097);
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 9, &n, &notify),
                    VDC_E_PROTOCOL);
    remake(&two, 0);
    put_u32(&two, LEFT_PROD, (uint32_t)-1);
    CU_ASSERT_TRUE(vchan_want_data(&two.server));
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 9, &n, &notify),
                    VDC_E_PROTOCOL);
    /* What was seen cannot be taken back. */
    remake(&two, 0);
    vchan_write(&two.client, data, 100, &n, &notify);
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 9, &n, &notify), 0);
    put_u32(&two, LEFT_PROD, 50);
    CU_ASSERT_EQUAL(vchan_read(&two.server, data, 500, &n, &notify),
                    VDC_E_PROTOCOL);
    for (int i = 0; i < 2; i++) {
        remake(&two, 100);
        for (int k = 0; k < 5; k++)
            vchan_write(&two.server, data, 500, &n, &notify);
        put_u32(&two, RIGHT_CONS, i ? 99 : 100 + 2049);
        CU_ASSERT_EQUAL(vchan_write(&two.server, data, 1, &n, &notify),
                        VDC_E_PROTOCOL);
    }
    /* This end's own are not read back. */
    remake(&two, 100);
    put_u32(&two, RIGHT_PROD, 7777);
    put_u32(&two, LEFT_CONS, 7777);
    put_u32(&two, 16, 0);
    CU_ASSERT_EQUAL(vchan_write(&two.server, data, 500, &n, &notify), 0);
    CU_ASSERT_EQUAL(vchan_read(&two.client, data, 500, &n, &notify), 0);
    CU_ASSERT_EQUAL(n, 500);
    unmake(&two);
}

static const struct unit_test tests[] = {
    { "bytes", test_bytes },     { "full", test_full },
    { "end", test_end },         { "look", test_look },
    { "lies", test_lies },       { "noticed", test_noticed },
};

UNIT_MAIN("vchan", tests)
