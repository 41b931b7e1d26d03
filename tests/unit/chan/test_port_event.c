/* chan/port_event: ports in an event loop. */
#include "chan/port.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/chan/port_pair.h"
#include "tests/unit/unit.h"

struct side {
    struct event_base *base;
    struct port *port;
    uint32_t next_in, next_out, n_out;
    unsigned n_room, n_closed, code;
    bool destroy, stop_at_message;
};

static void fill(struct side *s)
{
    while (s->next_out < s->n_out) {
        uint8_t bytes[5000] = { 0 };
        memcpy(bytes, &s->next_out, 4);
        size_t size = s->next_out % 10 == 9 ? sizeof(bytes) : 4;
        if (s->next_out % 500 == 499) {
            uint8_t *large = calloc(1, 100000);
            memcpy(large, &s->next_out, 4);
            int rc = port_queue(s->port, 1, large, 100000);
            free(large);
            if (rc)
                break;
        } else if (port_queue(s->port, 1, bytes, size)) {
            break;
        }
        s->next_out++;
    }
    port_flush(s->port);
}

static void on_message(void *arg, uint16_t type, const uint8_t *data,
                       size_t size)
{
    struct side *s = arg;

    CU_ASSERT(size >= 4 && memcmp(data, &s->next_in, 4) == 0);
    s->next_in++;
    if (s->stop_at_message)
        port_pause(s->port);
    if (s->destroy) {
        port_destroy(s->port);
        s->port = NULL;
        CU_ASSERT_EQUAL(data[4 - 4], 0); /* still valid */
    }
}
static void on_room(void *arg)
{
    struct side *s = arg;
    s->n_room++;
    fill(s);
}
static void on_close(void *arg, const struct vdc_error *err)
{
    struct side *s = arg;
    s->n_closed++;
    s->code = (unsigned)-err->code;
}
static const struct port_ops ops = { on_message, on_room, on_close };

static void turn(struct event_base *base, const uint32_t *what, uint32_t until)
{
    uint64_t end = clock_mono().ms + 20000;
    while (*what < until && clock_mono().ms < end)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void test_event(void)
{
    struct event_base *base = event_base_new();
    struct side a = { .base = base, .n_out = 20000 }, b = { .base = base };

    port_pair_make(&a.port, &b.port, NULL);
    port_watch(a.port, base, &ops, &a);
    port_watch(b.port, base, &ops, &b);
    fill(&a);
    CU_ASSERT(a.next_out < a.n_out);
    turn(base, &b.next_in, a.n_out);
    CU_ASSERT_EQUAL(b.next_in, a.n_out);
    CU_ASSERT(a.n_room > 10);

    /* Paused: nothing is delivered, and nothing turns. */
    b.stop_at_message = true;
    a.n_out += 100;
    fill(&a);
    turn(base, &b.next_in, 20001);
    for (unsigned i = 0; i < 100; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(b.next_in, 20001);
    b.stop_at_message = false;
    port_resume(b.port);
    turn(base, &b.next_in, a.n_out);
    CU_ASSERT_EQUAL(b.next_in, a.n_out);

    /* Idle: no wake-ups. */
    struct port_counts before, after;
    for (unsigned i = 0; i < 10; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    port_count(b.port, &before);
    struct timeval tv = { 0, 200000 };
    event_base_loopexit(base, &tv);
    event_base_dispatch(base);
    port_count(b.port, &after);
    CU_ASSERT_EQUAL(before.woken, after.woken);

    /* What was sent before the end is delivered before it. */
    a.n_out += 5;
    fill(&a);
    port_destroy(a.port);
    turn(base, &b.n_closed, 1);
    CU_ASSERT_EQUAL(b.next_in, a.n_out);
    CU_ASSERT_EQUAL(b.n_closed, 1);
    CU_ASSERT_EQUAL(b.code, (unsigned)-VDC_E_CLOSED);
    for (unsigned i = 0; i < 10; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(b.n_closed, 1);
    port_destroy(b.port);
    event_base_free(base);
}

static void test_event_destroy(void)
{
    struct event_base *base = event_base_new();
    struct side a = { .base = base, .n_out = 50 }, b = { .base = base };

    port_pair_make(&a.port, &b.port, NULL);
    port_watch(a.port, base, &ops, &a);
    port_watch(b.port, base, &ops, &b);
    b.destroy = true;
    fill(&a);
    turn(base, &a.n_closed, 1);
    CU_ASSERT_EQUAL(b.next_in, 1);
    CU_ASSERT_EQUAL(a.n_closed, 1);
    port_destroy(a.port);
    event_base_free(base);
}

static void count_turn(evutil_socket_t fd, short what, void *arg)
{
    ++*(unsigned *)arg;
}

/* However much there is, others of the loop have their turn in between: also
 * when the other end goes on writing as fast as this one takes. */
static void test_event_bounded(void)
{
    struct event_base *base = event_base_new();
    struct side s = { .base = base };
    struct ring *ring;
    struct link *link;
    uint32_t n_sent = 0, most = 0;
    unsigned n_others = 0;

    port_pair_raw(&ring, &link, &s.port, NULL);
    port_watch(s.port, base, &ops, &s);
    struct event *other =
        event_new(base, -1, EV_PERSIST, count_turn, &n_others);
    for (unsigned i = 0; i < 50; i++) {
        uint8_t *to;
        while (ring_reserve(ring, 4, &to) == 0) {
            memcpy(to, &n_sent, 4);
            ring_commit(ring, 4, 0, false);
            n_sent++;
        }
        ring_publish(ring);
        uint32_t before = s.next_in;
        event_active(other, EV_TIMEOUT, 0);
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        if (s.next_in - before > most)
            most = s.next_in - before;
    }
    CU_ASSERT_EQUAL(n_others, 50);
    CU_ASSERT(n_sent > 50 * 64 && s.next_in > 50 * 64);
    /* of the 1024 that the ring holds */
    CU_ASSERT(most > 0 && most <= 256);
    event_free(other);
    port_destroy(s.port);
    link_close(link);
    event_base_free(base);
}

/* The other end dies while this one is paused and wants room: the loop rests,
 * and the end is told after port_resume. */
static void test_event_paused_death(void)
{
    struct event_base *base = event_base_new();
    struct side a = { .base = base, .n_out = 100000 };
    struct port *b;

    port_pair_make(&a.port, &b, NULL);
    port_watch(a.port, base, &ops, &a);
    port_pause(a.port);
    fill(&a);
    port_destroy(b);
    struct timeval tv = { 0, 200000 };
    event_base_loopexit(base, &tv);
    event_base_dispatch(base);
    struct port_counts counts;
    port_count(a.port, &counts);
    CU_ASSERT(counts.woken < 5);
    CU_ASSERT_EQUAL(a.n_closed, 0);
    port_resume(a.port);
    turn(base, &a.n_closed, 1);
    CU_ASSERT_EQUAL(a.n_closed, 1);
    port_destroy(a.port);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "messages, pauses, the end", test_event },
    { "a turn is bounded", test_event_bounded },
    { "destroyed in a callback", test_event_destroy },
    { "death while paused", test_event_paused_death },
};

UNIT_MAIN("chan/port_event", tests)
