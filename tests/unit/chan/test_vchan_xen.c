/*
 * Our end of a vchan and the libxenvchan of this Debian at the other, each in
 * both roles, on the stand-in for Xen: bytes in both directions at once, at
 * all kinds of sizes, and each sees the other close.
 */
#include <libxenvchan.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/chan/standin.h"
#include "tests/unit/chan/vchan_own.h"
#include "tests/unit/unit.h"

#define PATH "data/vchan/test"
#define TOTAL (3u * 1024 * 1024)

/* Rings: left and right, at least. */
static const size_t sizes[][2] = {
    { 1024, 2048 },    { 2048, 1024 },      { 0, 0 },
    { 2048, 2048 },    { 4096, 4096 },      { 5000, 100 },
    { 100, 300000 },   { 65536, 65536 },    { 1 << 20, 1 << 20 },
};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct both {
    struct vchan_own own;
    struct libxenvchan *theirs;
    uint32_t chunk;
    unsigned n_failed[4];
};

static void fill(uint8_t *to, uint32_t position, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] = (uint8_t)((position + i) * 167 >> 3);
}

static bool is_filled(const uint8_t *data, uint32_t position, uint32_t n)
{
    uint8_t wanted[9000];

    fill(wanted, position, n);
    return !memcmp(wanted, data, n);
}

/* Another size for each piece, up to chunk. */
static uint32_t piece(const struct both *both, uint32_t position)
{
    uint32_t n = 1 + position * 2654435761u % both->chunk;

    return n < TOTAL - position ? n : TOTAL - position;
}

static void *own_writes(void *arg)
{
    struct both *both = arg;
    uint8_t data[9000];

    for (uint32_t at = 0, n; at < TOTAL; at += n) {
        n = piece(both, at);
        fill(data, at, n);
        both->n_failed[0] += own_write(&both->own, data, n) != 0;
    }
    return NULL;
}

static void *own_reads(void *arg)
{
    struct both *both = arg;
    uint8_t data[9000];

    for (uint32_t at = 0, n; at < TOTAL; at += n) {
        n = piece(both, at);
        both->n_failed[1] += own_read(&both->own, data, n) ||
                             !is_filled(data, at, n);
    }
    return NULL;
}

static void *theirs_writes(void *arg)
{
    struct both *both = arg;
    uint8_t data[9000];

    for (uint32_t at = 0, n; at < TOTAL; at += n) {
        n = piece(both, at);
        fill(data, at, n);
        both->n_failed[2] +=
            libxenvchan_write(both->theirs, data, n) != (int)n;
    }
    return NULL;
}

static void *theirs_reads(void *arg)
{
    struct both *both = arg;
    uint8_t data[9000];
    int n;

    for (uint32_t at = 0; at < TOTAL; at += (uint32_t)n) {
        n = libxenvchan_read(both->theirs, data, piece(both, at));
        if (n <= 0) {
            both->n_failed[3]++;
            break;
        }
        both->n_failed[3] += !is_filled(data, at, (uint32_t)n);
    }
    return NULL;
}

static void open_both(struct both *both, bool serve, size_t left, size_t right)
{
    memset(both, 0, sizeof(*both));
    if (serve) {
        own_serve(&both->own, PATH, left, right);
        CU_ASSERT_EQUAL(vchan_other(&both->own.vchan), VCHAN_OTHER_ABSENT);
        both->theirs = libxenvchan_client_init(NULL, 0, PATH);
    } else {
        both->theirs = libxenvchan_server_init(NULL, 0, PATH, left, right);
        CU_ASSERT_PTR_NOT_NULL_FATAL(both->theirs);
        CU_ASSERT_EQUAL(libxenvchan_is_open(both->theirs), 2);
        CU_ASSERT_EQUAL(own_join(&both->own, PATH, NULL), 0);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(both->theirs);
    both->theirs->blocking = 1;
    CU_ASSERT_EQUAL(libxenvchan_is_open(both->theirs), 1);
    CU_ASSERT_EQUAL(vchan_other(&both->own.vchan), VCHAN_OTHER_OPEN);
}

static void check_nothing_left(void)
{
    struct standin_use use;

    standin_use(&use);
    CU_ASSERT_EQUAL(use.n_handles, 0);
    CU_ASSERT_EQUAL(use.n_maps, 0);
    CU_ASSERT_EQUAL(use.n_nodes, 0);
}

/* One direction at a time: two threads of one end would take each other's
 * notifications, at theirs as at ours. */
static void run_pair(struct both *both, void *(*write)(void *),
                     void *(*read)(void *))
{
    pthread_t writer, reader;

    CU_ASSERT_EQUAL(pthread_create(&writer, NULL, write, both), 0);
    CU_ASSERT_EQUAL(pthread_create(&reader, NULL, read, both), 0);
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
}

static void run_all_sizes(bool serve)
{
    struct both both;

    for (size_t i = 0; i < N_SIZES; i++) {
        open_both(&both, serve, sizes[i][0], sizes[i][1]);
        both.chunk = i % 2 ? 300 : 8900;
        run_pair(&both, own_writes, theirs_reads);
        run_pair(&both, theirs_writes, own_reads);
        for (int k = 0; k < 4; k++)
            CU_ASSERT_EQUAL(both.n_failed[k], 0);
        own_close(&both.own);
        CU_ASSERT_EQUAL(libxenvchan_is_open(both.theirs), 0);
        libxenvchan_close(both.theirs);
        check_nothing_left();
    }
}

static void test_own_serves(void)
{
    run_all_sizes(true);
}

static void test_own_joins(void)
{
    run_all_sizes(false);
}

/* Ours plans the layout that theirs chooses. */
static void test_same_plan(void)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        struct vchan_layout layout;
        CU_ASSERT_EQUAL(
            vchan_plan(sizes[i][0], sizes[i][1], &layout, NULL), 0);
        struct libxenvchan *theirs =
            libxenvchan_server_init(NULL, 0, PATH, sizes[i][0], sizes[i][1]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(theirs);
        CU_ASSERT_EQUAL(theirs->read.order, layout.left_order);
        CU_ASSERT_EQUAL(theirs->write.order, layout.right_order);
        libxenvchan_close(theirs);
    }
    check_nothing_left();
}

/* What was written before the close can be read; then there is an end. */
static void test_close(void)
{
    struct both both;
    char data[8];
    size_t n;
    bool notify;

    for (int serve = 0; serve < 2; serve++) {
        open_both(&both, serve, 4096, 4096);
        CU_ASSERT_EQUAL(libxenvchan_send(both.theirs, "last", 4), 4);
        CU_ASSERT_EQUAL(own_write(&both.own, "words", 5), 0);
        libxenvchan_close(both.theirs);
        CU_ASSERT_EQUAL(vchan_other(&both.own.vchan), VCHAN_OTHER_GONE);
        CU_ASSERT_EQUAL(
            vchan_write(&both.own.vchan, "x", 1, &n, &notify), VDC_E_CLOSED);
        CU_ASSERT_EQUAL(own_read(&both.own, data, 4), 0);
        CU_ASSERT_EQUAL(memcmp(data, "last", 4), 0);
        CU_ASSERT_EQUAL(own_read(&both.own, data, 1), VDC_E_CLOSED);
        own_close(&both.own);
        check_nothing_left();

        open_both(&both, serve, 4096, 4096);
        CU_ASSERT_EQUAL(own_write(&both.own, "words", 5), 0);
        own_close(&both.own);
        CU_ASSERT_EQUAL(libxenvchan_is_open(both.theirs), 0);
        CU_ASSERT_EQUAL(libxenvchan_recv(both.theirs, data, 5), 5);
        CU_ASSERT_EQUAL(memcmp(data, "words", 5), 0);
        CU_ASSERT_EQUAL(libxenvchan_recv(both.theirs, data, 1), -1);
        CU_ASSERT_EQUAL(libxenvchan_send(both.theirs, data, 1), -1);
        libxenvchan_close(both.theirs);
        check_nothing_left();
    }
}

static const struct unit_test tests[] = {
    { "ours serves", test_own_serves },
    { "ours joins", test_own_joins },
    { "the same plan", test_same_plan },
    { "close", test_close },
};

UNIT_MAIN("vchan and libxenvchan", tests)
