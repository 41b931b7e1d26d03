/*
 * A hostile other end, one lie at a time: each field of the shared memory is
 * set to each of many values in each of several states, and this end, the
 * taker, goes on.  What it does is right, or VDC_E_PROTOCOL for ever; the
 * memory has guard pages.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/chan/ring_pair.h"
#include "tests/unit/unit.h"

#define SIZE 4096u
#define N_STATES 10

struct field {
    const char *name;
    size_t offset; /* SIZE_MAX: in the header of the next frame, at `at` */
    size_t at;
    unsigned size;
    bool ours; /* never read back: changing it changes nothing */
};

#define SIDE(i, member) offsetof(struct ring_shared, side[i].member)
#define FIELDS_OF(i, name, ours)                                              \
    { name " life", SIDE(i, life), 0, 1, ours },                              \
        { name " state", SIDE(i, state), 0, 1, ours },                        \
        { name " unused", SIDE(i, unused), 0, 2, true },                      \
        { name " want_message", SIDE(i, want_message), 0, 4, true },          \
        { name " want_room", SIDE(i, want_room), 0, 4, true },                \
        { name " head", SIDE(i, head), 0, 4, ours },                          \
        { name " tail", SIDE(i, tail), 0, 4, ours },                          \
        { name " padding", SIDE(i, pad4), 0, 4, true }

static const struct field fields[] = {
    { "magic", offsetof(struct ring_shared, magic), 0, 4, true },
    { "version", offsetof(struct ring_shared, version), 0, 4, true },
    { "M", offsetof(struct ring_shared, maker_to_taker), 0, 4, true },
    { "T", offsetof(struct ring_shared, taker_to_maker), 0, 4, true },
    FIELDS_OF(RING_MAKER, "maker's", false),
    FIELDS_OF(RING_TAKER, "taker's", true),
    { "size", SIZE_MAX, 0, 4, false },
    { "type", SIZE_MAX, 4, 2, false },
    { "flags", SIZE_MAX, 6, 2, false },
    { "header", SIZE_MAX, 0, 8, false },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* What an end did, as far as its caller can tell. */
struct outcome {
    int last; /* of ring_peek */
    int sent; /* of ring_reserve */
    unsigned n_taken, n_sent;
    uint64_t bytes; /* of all messages taken, mixed */
    bool in_bounds;
    bool lasting; /* VDC_E_PROTOCOL stays */
};

/* Brings both ends into a state, the same each time. */
static void bring_to(struct ring_pair *pair, int state)
{
    static const uint32_t positions[] = { 0, (uint32_t)-8, 3000 };
    uint8_t *to;

    pair_remake(pair, positions[state % 3]);
    for (uint32_t i = 0; i < (uint32_t)state; i++)
        pair_send(&pair->maker, 300 * i % 1024, i, i & 1, NULL);
    if (state >= 3)
        pair_receive(&pair->taker, 0, 0, false, NULL);
    for (uint32_t i = 0; i < (uint32_t)state * 2; i++)
        pair_send(&pair->taker, 200, i, false, NULL);
    if (state == 4 || state == 7) /* one is peeked */
        ring_peek(&pair->taker, &(struct ring_message){ 0 });
    if (state == 5) /* one is not published */
        CU_ASSERT_EQUAL(ring_reserve(&pair->taker, 100, &to), 0);
    if (state == 9)
        ring_finish(&pair->maker);
}

static void take_all(struct ring_pair *pair, struct outcome *ret)
{
    const uint8_t *begin = pair->memory + RING_PAGE, *end = begin + SIZE;
    struct ring_message message = { 0 };

    /* Each message moves on by 8 bytes at least. */
    while (ret->n_taken <= SIZE / RING_HEADER) {
        ret->last = ring_peek(&pair->taker, &message);
        if (ret->last)
            return;
        if (message.data < begin || message.data > end ||
            message.size > (size_t)(end - message.data))
            ret->in_bounds = false;
        for (uint32_t i = 0; i < message.size; i++)
            ret->bytes = ret->bytes * 31 + message.data[i];
        ret->bytes = ret->bytes * 31 + message.type * 2 + message.more;
        ring_release(&pair->taker);
        ret->n_taken++;
    }
    ret->in_bounds = false;
}

static bool is_within(const uint8_t *at, uint32_t n, const void *memory,
                      size_t size)
{
    const uint8_t *begin = memory;

    return at >= begin && at <= begin + size &&
           n <= (size_t)(begin + size - at);
}

static void send_all(struct ring_pair *pair, struct outcome *ret)
{
    const struct ring_out *out = &pair->taker.out;
    uint8_t *begin = pair->memory + RING_PAGE + SIZE, *to;

    while (ret->n_sent <= SIZE / 40) {
        ret->sent = ring_reserve(&pair->taker, 32, &to);
        if (ret->sent)
            return;
        if (!is_within(to, 32, begin, SIZE) &&
            !is_within(to, 32, out->stage, sizeof(out->stage)))
            ret->in_bounds = false;
        else
            memset(to, 0x55, 32);
        ring_commit(&pair->taker, 32, 1, false);
        ret->n_sent++;
    }
    ret->in_bounds = false;
}

static void go_on(struct ring_pair *pair, struct outcome *ret)
{
    struct ring *ring = &pair->taker;
    struct ring_message message;
    uint8_t *to;

    *ret = (struct outcome){ .in_bounds = true, .lasting = true };
    take_all(pair, ret);
    ring_give_back(ring);
    ring_want_message(ring);
    send_all(pair, ret);
    ring_publish(ring);
    ring_want_room(ring, 1000);
    ring_other(ring);
    if (ret->last == VDC_E_PROTOCOL || ret->sent == VDC_E_PROTOCOL) {
        ret->lasting = ring_peek(ring, &message) == VDC_E_PROTOCOL &&
                       ring_reserve(ring, 1, &to) == VDC_E_PROTOCOL &&
                       !ring_publish(ring) && !ring_give_back(ring) &&
                       ring_want_message(ring) && ring_want_room(ring, 1);
    }
}

static bool is_expected(int rc)
{
    return rc == VDC_E_BUSY || rc == VDC_E_CLOSED || rc == VDC_E_PROTOCOL;
}

static void *field_address(struct ring_pair *pair, const struct field *field)
{
    if (field->offset != SIZE_MAX)
        return pair->memory + field->offset;
    return pair->memory + RING_PAGE + pair->taker.in.tail % SIZE + field->at;
}

/* Many values for a field that now holds `now`. */
static unsigned make_values(uint64_t now, uint64_t *ret)
{
    static const int64_t steps[] = { 0,    1,     2,     4,    7,    8,
                                     16,   2032,  2040,  2047, 2048, 4080,
                                     4087, 4088,  4089,  4095, 4096, 4097,
                                     4104, 65535, 65536, 1 << 20 };
    unsigned n = 0;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        ret[n++] = (uint64_t)steps[i];
        ret[n++] = (uint64_t)-steps[i];
        ret[n++] = now + (uint64_t)steps[i];
        ret[n++] = now - (uint64_t)steps[i];
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        ret[n++] = now ^ (uint64_t)1 << bit;
        ret[n++] = (uint64_t)1 << bit;
        ret[n++] = ((uint64_t)1 << bit) - 1;
    }
    return n;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    return a->last == b->last && a->sent == b->sent &&
           a->n_taken == b->n_taken && a->n_sent == b->n_sent &&
           a->bytes == b->bytes;
}

/* One field, one state, all values; counts what came of it. */
static void try_field(struct ring_pair *pair, const struct field *field,
                      int state, unsigned *n_tried, unsigned *n_refused)
{
    struct outcome usual, got;
    uint64_t values[400], now = 0;
    unsigned n_bad = 0;

    bring_to(pair, state);
    memcpy(&now, field_address(pair, field), field->size);
    go_on(pair, &usual);
    unsigned n = make_values(now, values);
    for (unsigned i = 0; i < n; i++) {
        bring_to(pair, state);
        memcpy(field_address(pair, field), &values[i], field->size);
        go_on(pair, &got);
        bool good = got.in_bounds && got.lasting && is_expected(got.last) &&
                    is_expected(got.sent) &&
                    (!field->ours || same(&usual, &got));
        if (!good)
            printf("%s = %#llx in state %d\n", field->name,
                   (unsigned long long)values[i], state);
        n_bad += !good;
        *n_refused += got.last == VDC_E_PROTOCOL ||
                      got.sent == VDC_E_PROTOCOL;
    }
    CU_ASSERT_EQUAL(n_bad, 0);
    *n_tried += n;
}

static void test_fields(void)
{
    struct ring_pair pair;

    pair_make(&pair, SIZE, SIZE, 0);
    for (size_t i = 0; i < N_FIELDS; i++) {
        unsigned n_tried = 0, n_refused = 0;
        for (int state = 0; state < N_STATES; state++)
            try_field(&pair, &fields[i], state, &n_tried, &n_refused);
        CU_ASSERT_TRUE(n_tried > 1000);
        if (fields[i].ours)
            CU_ASSERT_EQUAL(n_refused, 0);
    }
    pair_free(&pair);
}

/* Lies that must be noticed, by what is wrong with them. */
static void test_lies(void)
{
    static const struct {
        uint32_t size;
        uint16_t flags;
    } headers[] = {
        { 2041, 0 },       { UINT32_MAX, 0 }, { UINT32_MAX - 7, 0 },
        { 101 + 3, 0 },    { 0, 4 },          { 0, 0x8000 },
        { SIZE - 8, 2 },   { 0, 2 },          { 96, 2 },
        { 96, 3 },         { SIZE - 16, 2 },  { SIZE / 2 - 8, 2 },
    };
    struct ring_pair pair;
    struct ring_message message;
    uint8_t *to;

    pair_make(&pair, SIZE, SIZE, 0);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        uint64_t header =
            headers[i].size | (uint64_t)headers[i].flags << 48;
        pair_remake(&pair, 0);
        pair_send(&pair.maker, 96, 1, false, NULL);
        memcpy(pair.memory + RING_PAGE, &header, 8);
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_PROTOCOL);
        CU_ASSERT_EQUAL(ring_reserve(&pair.taker, 1, &to), VDC_E_PROTOCOL);
    }
    static const uint32_t heads[] = { 1, 4, SIZE + 8, (uint32_t)-8, 1u << 31 };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        pair_remake(&pair, 80);
        pair_shared(&pair)->side[RING_MAKER].head = 80 + heads[i];
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_PROTOCOL);
        pair_remake(&pair, 80);
        pair_shared(&pair)->side[RING_MAKER].head = 80 + heads[i];
        CU_ASSERT_TRUE(ring_want_message(&pair.taker));
        CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), VDC_E_PROTOCOL);
    }
    static const uint32_t tails[] = { 1, 4, SIZE - 8, (uint32_t)-8, 1u << 31 };
    for (size_t i = 0; i < 2 * sizeof(tails) / sizeof(tails[0]); i++) {
        pair_remake(&pair, 80);
        for (int n = 0; n < 9; n++) /* 4032 of 4096 */
            pair_send(&pair.taker, 440, 1, false, NULL);
        pair_shared(&pair)->side[RING_MAKER].tail = 80 + tails[i / 2];
        if (i % 2)
            CU_ASSERT_TRUE(ring_want_room(&pair.taker, 440));
        CU_ASSERT_EQUAL(ring_reserve(&pair.taker, 440, &to), VDC_E_PROTOCOL);
        CU_ASSERT_TRUE(pair.taker.broken);
    }
    pair_free(&pair);
}

/* What was checked stays: a header changed after the peek changes nothing. */
static void test_changed_after_check(void)
{
    struct ring_pair pair;
    struct ring_message message;

    pair_make(&pair, SIZE, SIZE, 0);
    pair_send(&pair.maker, 96, 5, true, NULL);
    pair_send(&pair.maker, 16, 6, false, NULL);
    CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), 0);
    memset(pair.memory + RING_PAGE, 0xff, 8);
    CU_ASSERT_EQUAL(ring_peek(&pair.taker, &message), 0);
    CU_ASSERT_EQUAL(message.size, 96);
    CU_ASSERT_EQUAL(message.type, 5);
    CU_ASSERT_TRUE(message.more);
    ring_release(&pair.taker);
    CU_ASSERT_TRUE(pair_receive(&pair.taker, 16, 6, false, NULL));
    pair_free(&pair);
}

static const struct unit_test tests[] = {
    { "each field, each state, many values", test_fields },
    { "lies that must be noticed", test_lies },
    { "changed after the check", test_changed_after_check },
};

UNIT_MAIN("ring fields", tests)
