/*
 * The same as test_ring_reads.c for streams in libxenvchan's layout: what the
 * other end may write is read once.  But the bits that ask for notices, which
 * both ends change: these are looked at and then cleared, and decide of
 * nothing but a notice.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/chan/reads.h"
#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/unit.h"

#include "chan/vchan.c"

#define LEFT 1024u
#define RIGHT 2048u
#define LOADS_MOST 4 /* of one call */

struct pair {
    void *map;
    size_t map_size;
    uint8_t *page;
    struct vchan server, client;
};

/* ---- states of the server's end ---- */

enum state {
    EMPTY,
    SOME_BYTES,
    CLOSED_WITH_BYTES,
    CLOSED,
    NO_ROOM,
    ROOM_AGAIN,
    NO_CLIENT,
    N_STATES
};

static void fill(struct vchan *vchan)
{
    static const uint8_t bytes[RIGHT];
    size_t n;
    bool notify;

    while (vchan_write(vchan, bytes, sizeof(bytes), &n, &notify) == 0)
        ;
}

static void some(struct vchan *from, size_t size)
{
    uint8_t bytes[100];
    size_t n;
    bool notify;

    seed_fill(bytes, 100, 1);
    CU_ASSERT_EQUAL(vchan_write(from, bytes, size, &n, &notify), 0);
}

static void bring_to(struct pair *pair, enum state state)
{
    struct vchan_layout layout;
    uint8_t bytes[500];
    size_t n;
    bool notify;

    memset(pair->page, 0, VCHAN_PAGE);
    CU_ASSERT_EQUAL_FATAL(vchan_plan(LEFT, RIGHT, &layout, NULL), 0);
    vchan_serve(&pair->server, pair->page, NULL, NULL, &layout, NULL);
    if (state == NO_CLIENT)
        return;
    CU_ASSERT_EQUAL_FATAL(
        vchan_join(&pair->client, pair->page, NULL, NULL, &layout, NULL), 0);
    if (state == SOME_BYTES || state == CLOSED_WITH_BYTES)
        some(&pair->client, 100);
    if (state == CLOSED_WITH_BYTES || state == CLOSED)
        vchan_close(&pair->client);
    if (state == NO_ROOM || state == ROOM_AGAIN)
        fill(&pair->server);
    if (state == ROOM_AGAIN)
        vchan_read(&pair->client, bytes, sizeof(bytes), &n, &notify);
}

/* ---- calls ---- */

struct outcome {
    int rc;
    size_t n;
    uint8_t bytes[200];
    struct vchan_layout layout;
    struct vchan vchan; /* all that this end knows */
};

static void read_some(struct pair *pair, struct outcome *ret)
{
    bool notify;
    ret->rc = vchan_read(&pair->server, ret->bytes, 200, &ret->n, &notify);
}
static void write_some(struct pair *pair, struct outcome *ret)
{
    uint8_t bytes[200] = { 1 };
    bool notify;
    ret->rc = vchan_write(&pair->server, bytes, 200, &ret->n, &notify);
}
static void want_data(struct pair *pair, struct outcome *ret)
{
    ret->rc = vchan_want_data(&pair->server);
}
static void want_room(struct pair *pair, struct outcome *ret)
{
    ret->rc = vchan_want_room(&pair->server, 200);
}
static void other(struct pair *pair, struct outcome *ret)
{
    ret->rc = (int)vchan_other(&pair->server);
}
static void look(struct pair *pair, struct outcome *ret)
{
    uint32_t refs[VCHAN_REFS_MAX];
    ret->rc = vchan_look(pair->page, &ret->layout, refs, NULL);
}

static const struct call {
    const char *name;
    void (*run)(struct pair *pair, struct outcome *ret);
} calls[] = {
    { "read", read_some },      { "write", write_some },
    { "want data", want_data }, { "want room", want_room },
    { "other", other },         { "look", look },
};

static void run(struct pair *pair, const struct call *call, enum state state,
                bool lies, struct outcome *ret)
{
    memset(ret, 0, sizeof(*ret));
    bring_to(pair, state);
    reads_begin(pair->page, VCHAN_PAGE, lies);
    call->run(pair, ret);
    reads_end();
    ret->vchan = pair->server;
}

/* Who finds nothing and then an end looks once more; see vchan.c. */
static bool may_look_again(const struct call *call, enum state state,
                           size_t offset)
{
    return call->run == read_some && state == CLOSED &&
           offset == offsetof(struct vchan_shared, left.prod);
}

static void test_once(void)
{
    struct pair pair;
    struct outcome quiet, lied;
    unsigned n_loads = 0, n_again = 0;

    pair.page = guarded_memory(VCHAN_PAGE, &pair.map, &pair.map_size);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (enum state s = EMPTY; s < N_STATES; s++) {
            size_t offset = 0;
            run(&pair, &calls[i], s, false, &quiet);
            unsigned most = reads_most(&offset);
            bool again = may_look_again(&calls[i], s, offset);
            n_loads += reads.n;
            n_again += again;
            CU_ASSERT(reads.n <= LOADS_MOST);
            CU_ASSERT(most <= (again ? 2u : 1u));
            run(&pair, &calls[i], s, true, &lied);
            bool same = memcmp(&quiet, &lied, sizeof(quiet)) == 0;
            if (!again && (most > 1 || !same))
                printf("\n  %s, state %d: %u reads at 0x%zx, %s",
                       calls[i].name, (int)s, most, offset,
                       same ? "the same" : "other");
            CU_ASSERT(again ? lied.rc == VDC_E_PROTOCOL : same);
        }
    printf("\n  %u loads ", n_loads);
    CU_ASSERT(n_loads > 50);
    CU_ASSERT_EQUAL(n_again, 1);
    munmap(pair.map, pair.map_size);
}

static const struct unit_test tests[] = {
    { "each place is read once", test_once },
};

UNIT_MAIN("vchan reads", tests)
