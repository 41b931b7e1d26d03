/*
 * What the other end may write is read once.  ring.c is compiled here with its
 * loads in the test's hands: each is counted, and right after it an enemy, as
 * fast as any can be, changes what was read.  Nothing may come of that.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/chan/reads.h"
#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/unit.h"

#include "chan/ring.c"

#define SIZE 4096u
#define LOADS_MOST 9 /* of one call, in shared memory: ring_take */

/* ---- states of the taker's end ---- */

enum state {
    EMPTY,
    ONE_MESSAGE,
    AFTER_PADDING,
    PEEKED,
    NOT_GIVEN_BACK,
    FINISHED,
    CLOSED_WITH_MESSAGE,
    NO_ROOM,
    ROOM_AGAIN,
    NOT_PUBLISHED,
    ABSENT,
    N_STATES
};

static void fill(struct ring_pair *pair)
{
    while (pair_send(&pair->taker, 400, 1, false, NULL) == 0)
        ;
}

static void bring_to(struct ring_pair *pair, enum state state)
{
    struct ring_message message;
    uint8_t *to;

    pair_remake(pair, state == AFTER_PADDING ? SIZE - 64 : 80);
    switch (state) {
    case EMPTY:
        break;
    case ONE_MESSAGE:
    case AFTER_PADDING:
        pair_send(&pair->maker, 100, 7, true, NULL);
        break;
    case PEEKED:
        pair_send(&pair->maker, 100, 7, true, NULL);
        ring_peek(&pair->taker, &message);
        break;
    case NOT_GIVEN_BACK:
        pair_send(&pair->maker, 100, 7, true, NULL);
        pair_send(&pair->maker, 50, 8, false, NULL);
        ring_peek(&pair->taker, &message);
        ring_release(&pair->taker);
        break;
    case FINISHED:
        ring_finish(&pair->maker);
        break;
    case CLOSED_WITH_MESSAGE:
        pair_send(&pair->maker, 100, 7, true, NULL);
        ring_close(&pair->maker);
        break;
    case NO_ROOM:
        fill(pair);
        break;
    case ROOM_AGAIN:
        fill(pair);
        pair_receive(&pair->maker, 400, 1, false, NULL);
        break;
    case NOT_PUBLISHED:
        ring_reserve(&pair->taker, 100, &to);
        ring_commit(&pair->taker, 100, 1, false);
        break;
    case ABSENT:
        pair_shared(pair)->side[RING_MAKER].state = RING_STATE_ABSENT;
        break;
    case N_STATES:
        abort();
    }
}

/* ---- calls ---- */

struct outcome {
    int rc;
    struct ring_message message;
    uint8_t *to;
    struct ring ring; /* all that this end knows */
};

static void peek(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_peek(&pair->taker, &ret->message);
}
static void reserve(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_reserve(&pair->taker, 400, &ret->to);
}
static void publish(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_publish(&pair->taker);
}
static void give_back(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_give_back(&pair->taker);
}
static void want_message(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_want_message(&pair->taker);
}
static void want_room(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_want_room(&pair->taker, 400);
}
static void other(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = (int)ring_other(&pair->taker);
}
static void finish(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc = ring_finish(&pair->taker);
}
static void take(struct ring_pair *pair, struct outcome *ret)
{
    ret->rc =
        ring_take(&pair->taker, pair->memory, pair->size, SIZE, SIZE, NULL);
}
/* What ring.c must not do: the check of this. */
static void twice(struct ring_pair *pair, struct outcome *ret)
{
    uint32_t *head = &pair->taker.theirs->head;

    if (LOAD(head) - pair->taker.in.tail <= SIZE)
        ret->rc = (int)LOAD(head);
}

static const struct call {
    const char *name;
    void (*run)(struct ring_pair *pair, struct outcome *ret);
    unsigned not_in; /* states, as bits, in which it is not called */
} calls[] = {
    { "peek", peek, 0 },
    { "reserve", reserve, 1u << NOT_PUBLISHED },
    { "publish", publish, 0 },
    { "give back", give_back, 0 },
    { "want message", want_message, 0 },
    { "want room", want_room, 1u << NOT_PUBLISHED },
    { "other", other, 0 },
    { "finish", finish, 0 },
    { "take", take, 0 },
};

static void run(struct ring_pair *pair, const struct call *call,
                enum state state, bool lies, struct outcome *ret)
{
    memset(ret, 0, sizeof(*ret));
    bring_to(pair, state);
    reads_begin(pair->memory, pair->size, lies);
    call->run(pair, ret);
    reads_end();
    ret->ring = pair->taker;
}

/* ---- the tests ---- */

/* Who finds nothing and then an end looks at head again: that is another
 * value, and checked as the first. */
static bool may_look_again(const struct call *call, enum state state,
                           size_t offset)
{
    return call->run == peek && state == FINISHED &&
           offset == offsetof(struct ring_shared, side[RING_MAKER].head);
}

static void test_once(void)
{
    struct ring_pair pair;
    struct outcome quiet, lied;
    unsigned n_loads = 0, n_again = 0;

    pair_make(&pair, SIZE, SIZE, 0);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (enum state s = EMPTY; s < N_STATES; s++) {
            size_t offset = 0;
            if (calls[i].not_in & 1u << s)
                continue;
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
    CU_ASSERT(n_loads > 100);
    CU_ASSERT_EQUAL(n_again, 1);
    pair_free(&pair);
}

/* Else nothing would be seen. */
static void test_control(void)
{
    static const struct call bad = { "twice", twice, 0 };
    struct ring_pair pair;
    struct outcome quiet, lied;
    size_t offset = 0;

    pair_make(&pair, SIZE, SIZE, 0);
    run(&pair, &bad, ONE_MESSAGE, false, &quiet);
    CU_ASSERT_EQUAL(reads_most(&offset), 2);
    CU_ASSERT_EQUAL(offset,
                    offsetof(struct ring_shared, side[RING_MAKER].head));
    run(&pair, &bad, ONE_MESSAGE, true, &lied);
    CU_ASSERT_NOT_EQUAL(quiet.rc, lied.rc);
    pair_free(&pair);
}

static const struct unit_test tests[] = {
    { "each place is read once", test_once },
    { "who reads twice is found", test_control },
};

UNIT_MAIN("ring reads", tests)
