/*
 * What a guest writes where control channels begin, and messages over one.
 */
#include "channeld/rendezvous.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "channeld/control.h"
#include "tests/unit/unit.h"

static void test_there_and_back(void)
{
    struct arena *arena = arena_new();
    struct rendezvous r = { .id = 0xfedcba9876543210u, .port = 4294967295u },
                      back;

    for (uint32_t i = 0; i < RENDEZVOUS_PAGES; i++)
        r.refs[i] = UINT32_MAX - i;
    const char *text = rendezvous_format(&r, arena);
    CU_ASSERT(strlen(text) < 2048); /* a node of xenstore */
    CU_ASSERT_EQUAL(rendezvous_parse(text, &back, NULL), 0);
    CU_ASSERT_EQUAL(back.id, r.id);
    CU_ASSERT_EQUAL(back.port, r.port);
    CU_ASSERT_EQUAL(memcmp(back.refs, r.refs, sizeof(r.refs)), 0);
    /* cut anywhere it is none: the last number may be another then */
    for (size_t i = 0; i < strlen(text) - 10; i++) {
        char *cut = arena_strndup(arena, text, i);
        CU_ASSERT_EQUAL(rendezvous_parse(cut, &back, NULL), VDC_E_PROTOCOL);
    }
    arena_free(arena);
}

static void test_wrong(void)
{
#define REFS " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"
    static const char *const texts[] = {
        "",
        " ",
        "x",
        "1",
        "1 0 1" REFS " 17",
        "1 a 1" REFS,
        "1 a 1" REFS " 17 18",
        "1 a 1" REFS " 17 ",
        "1 a -1" REFS " 17",
        "1 a 4294967296" REFS " 17",
        "1 a 1" REFS " 4294967296",
        "1  a 1" REFS " 17",
        "1 a 1" REFS " 0x17",
        "1 a 1" REFS " 17\n",
        "1 10000000000000000 1" REFS " 17",
        "+1 a 1" REFS " 17",
    };
    struct rendezvous r;
    struct vdc_error err;

    CU_ASSERT_EQUAL(rendezvous_parse("1 a 1" REFS " 17", &r, NULL), 0);
    CU_ASSERT_EQUAL(r.refs[16], 17);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT_EQUAL(rendezvous_parse(texts[i], &r, NULL), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(rendezvous_parse("2 a 1" REFS " 17", &r, &err),
                    VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "of version 2, and not 1"));
}

/* ---- messages ---- */

struct end {
    struct control *control;
    unsigned n, wrong;
    bool closed;
    int code;
};

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct end *end = arg;

    for (size_t i = 0; i < size; i++)
        end->wrong += data[i] != (uint8_t)(end->n + i);
    end->n++;
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct end *end = arg;

    end->closed = true;
    end->code = err->code;
}

static const struct control_ops ops = { on_message, on_close };

static void make_ends(struct event_base *base, struct end *a, struct end *b)
{
    struct vdc_error err = { 0 };
    struct link_offer offer;
    struct link *link, *other;

    CU_ASSERT_EQUAL_FATAL(link_give(LINK_MEMORY, 0, RENDEZVOUS_PAGES,
                                    ring_life_offset(RING_MAKER), &link,
                                    &offer, &err),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        control_new(base, link, RING_MAKER, &ops, a, &a->control, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        link_join(&offer, ring_life_offset(RING_TAKER), &other, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        control_new(base, other, RING_TAKER, &ops, b, &b->control, &err), 0);
}

static void turn(struct event_base *base, const unsigned *n, unsigned want)
{
    for (int i = 0; i < 1000 && *n < want; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* More than the rings hold, and one larger than a ring. */
static void test_messages(void)
{
    static uint8_t data[CONTROL_MESSAGE_MAX];
    struct event_base *base = event_base_new();
    struct end a = { 0 }, b = { 0 };

    make_ends(base, &a, &b);
    for (unsigned n = 0; n < 200; n++) {
        for (size_t i = 0; i < 1000; i++)
            data[i] = (uint8_t)(n + i);
        CU_ASSERT_EQUAL(control_send(a.control, data, 1000), 0);
    }
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(200 + i);
    CU_ASSERT_EQUAL(control_send(a.control, data, sizeof(data)), 0);
    CU_ASSERT_EQUAL(control_send(a.control, data, sizeof(data) + 1),
                    VDC_E_PROTOCOL);
    turn(base, &b.n, 201);
    CU_ASSERT_EQUAL(b.n, 201);
    CU_ASSERT_EQUAL(b.wrong, 0);
    control_destroy(a.control);
    for (int i = 0; i < 1000 && !b.closed; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    CU_ASSERT_TRUE(b.closed);
    CU_ASSERT_EQUAL(b.code, VDC_E_CLOSED);
    control_destroy(b.control);
    event_base_free(base);
}

/* An end that does not read costs no more than the queue. */
static void test_full(void)
{
    static uint8_t data[CONTROL_MESSAGE_MAX];
    struct event_base *base = event_base_new();
    struct end a = { 0 }, b = { 0 };
    unsigned n = 0;

    make_ends(base, &a, &b);
    while (n < 100 && control_send(a.control, data, sizeof(data)) == 0)
        n++;
    CU_ASSERT(n <= CONTROL_QUEUE_MAX / CONTROL_MESSAGE_MAX + 1);
    event_base_loop(base, EVLOOP_NONBLOCK);
    CU_ASSERT_TRUE(a.closed);
    CU_ASSERT_EQUAL(a.code, VDC_E_BUSY);
    control_destroy(a.control);
    control_destroy(b.control);
    event_base_free(base);
}

/* Who comes after a taker that died does not sit in its place: the maker has
 * to see that it died. */
static void test_used(void)
{
    struct event_base *base = event_base_new();
    struct vdc_error err = { 0 };
    struct link_offer offer;
    struct link_end end = { .n_pages = RENDEZVOUS_PAGES };
    struct link *link, *other, *again;
    struct end a = { 0 }, b = { 0 }, c = { 0 };

    CU_ASSERT_EQUAL_FATAL(link_give(LINK_MEMORY, 0, RENDEZVOUS_PAGES,
                                    ring_life_offset(RING_MAKER), &link,
                                    &offer, &err),
                          0);
    for (unsigned i = 0; i < LINK_FDS; i++)
        end.fds[i] = dup(offer.fds[i]);
    control_new(base, link, RING_MAKER, &ops, &a, &a.control, &err);
    CU_ASSERT_EQUAL_FATAL(
        link_join(&offer, ring_life_offset(RING_TAKER), &other, &err), 0);
    CU_ASSERT_EQUAL(
        control_new(base, other, RING_TAKER, &ops, &b, &b.control, &err), 0);
    CU_ASSERT_EQUAL_FATAL(link_import(&end, &again, &err), 0);
    CU_ASSERT_EQUAL(
        control_new(base, again, RING_TAKER, &ops, &c, &c.control, &err),
        VDC_E_CLOSED);
    CU_ASSERT_PTR_NULL(c.control);
    control_destroy(a.control);
    control_destroy(b.control);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "there and back", test_there_and_back },
    { "what is wrong", test_wrong },
    { "messages", test_messages },
    { "an end that does not read", test_full },
    { "a place that was another's", test_used },
};
UNIT_MAIN("rendezvous", tests)
