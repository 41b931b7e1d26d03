/* chan/port: whole messages, waiting, death, and an other end that lies. */
#include "chan/port.h"

#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define OUT 16384u /* maker to taker */
#define IN 8192u

static void ends(struct port **maker, struct port **taker,
                 const struct port_options *options)
{
    struct link_offer offer;
    struct link *a, *b;
    struct vdc_error err;
    uint32_t pages = (uint32_t)(ring_memory(OUT, IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(link_give(LINK_MEMORY, 0, pages,
                                    ring_life_offset(RING_MAKER), &a, &offer,
                                    &err),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        link_join(&offer, ring_life_offset(RING_TAKER), &b, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(a, RING_MAKER, OUT, IN, options, maker, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(b, RING_TAKER, OUT, IN, options, taker, &err), 0);
}

static uint8_t *pattern(size_t size, unsigned seed)
{
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 + seed + i / 251);
    return bytes;
}

static void test_small(void)
{
    struct port *a, *b;
    struct port_message m;

    ends(&a, &b, NULL);
    CU_ASSERT_EQUAL(port_take(b, &m), VDC_E_BUSY);
    CU_ASSERT_EQUAL(port_queue(a, 7, "one", 3), 0);
    CU_ASSERT_EQUAL(port_queue(a, 8, NULL, 0), 0);
    CU_ASSERT_EQUAL(port_take(b, &m), VDC_E_BUSY); /* not shown yet */
    port_flush(a);
    CU_ASSERT_EQUAL_FATAL(port_take(b, &m), 0);
    CU_ASSERT_EQUAL(m.type, 7);
    CU_ASSERT(m.size == 3 && memcmp(m.data, "one", 3) == 0);
    CU_ASSERT_EQUAL_FATAL(port_take(b, &m), 0);
    CU_ASSERT(m.type == 8 && m.size == 0 && m.data);
    uint8_t *at;
    CU_ASSERT_EQUAL_FATAL(port_reserve(b, 100, &at), 0);
    memcpy(at, "back", 4);
    port_commit(b, 4, 9);
    port_flush(b);
    CU_ASSERT_EQUAL_FATAL(port_receive(a, 0, &m), 0);
    CU_ASSERT(m.type == 9 && m.size == 4 && memcmp(m.data, "back", 4) == 0);
    CU_ASSERT_EQUAL(port_queue(a, 0, "", PORT_MESSAGE_MAX + 1),
                    VDC_E_BAD_VALUE);
    struct port_counts counts;
    port_count(a, &counts);
    CU_ASSERT(counts.messages_sent == 2 && counts.sent == 3);
    CU_ASSERT(counts.messages_received == 1 && counts.received == 4);
    port_destroy(a);
    CU_ASSERT_EQUAL(port_receive(b, 1000, &m), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(port_queue(b, 0, "", 0), VDC_E_CLOSED);
    port_destroy(b);
    port_destroy(NULL);
}

/* Every size around what can go wrong, through rings much smaller. */
static void test_long(void)
{
    static const size_t sizes[] = { 1,    7,     8,      4079,
                                    4080, 4081,  8183,   8184,
                                    8185, 16384, 100000, PORT_MESSAGE_MAX };
    struct port *a, *b;
    struct port_message m;

    ends(&a, &b, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *bytes = pattern(sizes[i], (unsigned)i);
        CU_ASSERT_EQUAL_FATAL(port_queue(a, 3, bytes, sizes[i]), 0);
        port_flush(a);
        int rc = VDC_E_BUSY;
        for (unsigned n = 0; rc == VDC_E_BUSY && n < 10000; n++) {
            port_flush(a);
            rc = port_take(b, &m);
        }
        CU_ASSERT_EQUAL_FATAL(rc, 0);
        CU_ASSERT_EQUAL_FATAL(m.size, sizes[i]);
        CU_ASSERT(m.type == 3 && memcmp(m.data, bytes, m.size) == 0);
        CU_ASSERT_EQUAL(port_unsent(a), 0);
        free(bytes);
    }
    port_destroy(a);
    port_destroy(b);
}

static void test_full(void)
{
    struct port *a, *b;
    struct port_message m;
    unsigned n_sent = 0, n_taken = 0;

    ends(&a, &b, NULL);
    while (port_queue(a, 0, &n_sent, sizeof(n_sent)) == 0)
        n_sent++;
    CU_ASSERT_EQUAL(n_sent, OUT / 16);
    CU_ASSERT_EQUAL(port_send(a, 20, 0, "", 1), VDC_E_TIMEOUT);
    CU_ASSERT_EQUAL(port_unsent(a), 0);
    while (port_take(b, &m) == 0) {
        CU_ASSERT(m.size == 4 && memcmp(m.data, &n_taken, 4) == 0);
        n_taken++;
    }
    CU_ASSERT_EQUAL(n_taken, n_sent);
    CU_ASSERT_EQUAL(port_send(a, 0, 0, "", 1), 0);
    struct port_counts counts;
    port_count(a, &counts);
    CU_ASSERT(counts.stalls >= 2);
    port_destroy(a);
    CU_ASSERT_EQUAL(port_receive(b, -1, &m), 0);
    CU_ASSERT_EQUAL(port_receive(b, -1, &m), VDC_E_CLOSED);
    port_destroy(b);
}

static void test_finish(void)
{
    struct port *a, *b;
    struct port_message m;

    ends(&a, &b, NULL);
    CU_ASSERT_EQUAL(port_queue(a, 0, "bye", 3), 0);
    port_finish(a);
    CU_ASSERT_EQUAL(port_queue(a, 0, "", 1), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(port_receive(b, -1, &m), 0);
    CU_ASSERT_EQUAL(port_receive(b, -1, &m), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(port_send(b, 0, 0, "heard", 5), 0);
    CU_ASSERT_EQUAL(port_receive(a, -1, &m), 0);
    CU_ASSERT_EQUAL(m.size, 5);
    port_destroy(a);
    port_destroy(b);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void test_timeout(void)
{
    struct port_options options = { .spin_us = 100 };
    struct port *a, *b;
    struct port_message m;

    ends(&a, &b, &options);
    int64_t begun = now_ms();
    CU_ASSERT_EQUAL(port_receive(b, 50, &m), VDC_E_TIMEOUT);
    int64_t took = now_ms() - begun;
    CU_ASSERT(took >= 50 && took < 5000);
    CU_ASSERT_EQUAL(port_receive(b, 0, &m), VDC_E_TIMEOUT);
    CU_ASSERT_EQUAL(port_send(a, -1, 1, "x", 1), 0);
    CU_ASSERT_EQUAL(port_receive(b, 0, &m), 0);
    port_destroy(a);
    port_destroy(b);
}

/* ---- two processes ---- */

/* Runs child(port) at the other end, in a process of its own. */
static pid_t beside(void (*child)(struct port *port),
                    const struct port_options *options, struct port **ret)
{
    struct link_end end;
    struct link_offer offer;
    struct link *link;
    struct vdc_error err;
    uint32_t pages = (uint32_t)(ring_memory(OUT, IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(
        link_give_end(LINK_MEMORY, 0, pages, 0, &end, &offer, &err), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct port *port;
        link_offer_clear(&offer);
        if (link_import(&end, &link, NULL) ||
            port_new(link, RING_MAKER, OUT, IN, options, &port, NULL))
            _exit(99);
        child(port);
        _exit(0);
    }
    /* What is there tells that the maker has begun. */
    link_end_clear(&end);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 0, &link, &err), 0);
    for (unsigned i = 0; i < 5000 && *(volatile uint8_t *)link->memory == 0;
         i++)
        usleep(1000);
    usleep(1000);
    CU_ASSERT_EQUAL_FATAL(
        port_new(link, RING_TAKER, OUT, IN, options, ret, &err), 0);
    return pid;
}

static void echo(struct port *port)
{
    struct port_message m;
    while (port_receive(port, 10000, &m) == 0)
        if (port_send(port, 10000, m.type, m.data, m.size))
            _exit(1);
    port_destroy(port);
}

static void round_trips(unsigned spin_us)
{
    struct port_options options = { .spin_us = spin_us };
    struct port *port;
    struct port_message m;
    pid_t pid = beside(echo, &options, &port);
    unsigned n_right = 0;

    for (unsigned i = 0; i < 2000; i++) {
        size_t size = i % 100 == 99 ? 30000 : i % 700;
        uint8_t *bytes = pattern(size, i);
        int rc = port_send(port, 10000, (uint16_t)i, bytes, size);
        if (!rc)
            rc = port_receive(port, 10000, &m);
        if (!rc && m.size == size && m.type == (uint16_t)i &&
            memcmp(m.data, bytes, size) == 0)
            n_right++;
        free(bytes);
        if (rc)
            break;
    }
    CU_ASSERT_EQUAL(n_right, 2000);
    port_destroy(port);
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

static void test_processes(void)
{
    round_trips(0);
    round_trips(20);
}

static void flood(struct port *port)
{
    for (uint32_t i = 0;; i++)
        if (port_send(port, 10000, 0, &i, sizeof(i)))
            _exit(1);
}

static void test_killed(void)
{
    struct port *port;
    struct port_message m;
    pid_t pid = beside(flood, NULL, &port);
    uint32_t i = 0;
    int rc;

    for (; i < 5000 && port_receive(port, 10000, &m) == 0; i++)
        CU_ASSERT(m.size == 4 && memcmp(m.data, &i, 4) == 0);
    CU_ASSERT_EQUAL(i, 5000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    /* What it had sent can be taken; then the end, at once. */
    int64_t begun = now_ms();
    while ((rc = port_receive(port, 10000, &m)) == 0)
        CU_ASSERT(memcmp(m.data, &i, 4) == 0 && i++ < 10000000);
    CU_ASSERT_EQUAL(rc, VDC_E_CLOSED);
    CU_ASSERT(now_ms() - begun < 5000);
    CU_ASSERT_EQUAL(port_send(port, 0, 0, "", 1), VDC_E_CLOSED);
    port_destroy(port);
}

static void wait_for_kill(struct port *port)
{
    pause();
}

static void test_killed_while_waiting(void)
{
    struct port *port;
    struct port_message m;
    pid_t pid = beside(wait_for_kill, NULL, &port);
    pid_t killer = fork();

    if (killer == 0) {
        usleep(100000);
        kill(pid, SIGKILL);
        _exit(0);
    }
    CU_ASSERT_EQUAL(port_receive(port, 10000, &m), VDC_E_CLOSED);
    struct port_counts counts;
    port_count(port, &counts);
    CU_ASSERT(counts.woken <= 2);
    port_destroy(port);
    waitpid(killer, NULL, 0);
    waitpid(pid, NULL, 0);
}

/* ---- an other end that breaks the rules ---- */

static void raw(struct ring **ring, struct link **link, struct port **port,
                const struct port_options *options)
{
    static struct ring the_ring;
    struct link_offer offer;
    struct link *b;
    uint32_t pages = (uint32_t)(ring_memory(OUT, IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(
        link_give(LINK_MEMORY, 0, pages, 0, link, &offer, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 0, &b, NULL), 0);
    *ring = &the_ring;
    CU_ASSERT_EQUAL_FATAL(
        ring_make(*ring, (*link)->memory, (*link)->size, OUT, IN, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(b, RING_TAKER, OUT, IN, options, port, NULL), 0);
}

static void put(struct ring *ring, uint32_t size, uint16_t type, bool more)
{
    uint8_t *at;
    CU_ASSERT_EQUAL_FATAL(ring_reserve(ring, size, &at), 0);
    memset(at, 1, size);
    ring_commit(ring, size, type, more);
    ring_publish(ring);
}

static void test_rules(void)
{
    struct port_options small = { .message_max = 1000 };
    struct ring *ring;
    struct link *link;
    struct port *port;
    struct port_message m;

    for (unsigned i = 0; i < 4; i++) {
        raw(&ring, &link, &port, &small);
        put(ring, 600, 1, i != 3);
        if (i == 0)
            put(ring, 401, 1, false); /* too long together */
        else if (i == 1)
            put(ring, 0, 1, true); /* would have no end */
        else if (i == 2)
            put(ring, 10, 2, false); /* of another type */
        else
            CU_ASSERT_EQUAL(port_take(port, &m), 0);
        if (i == 3)
            put(ring, 1001, 1, false); /* too long alone */
        CU_ASSERT_EQUAL(port_take(port, &m), VDC_E_PROTOCOL);
        CU_ASSERT_EQUAL(port_take(port, &m), VDC_E_PROTOCOL);
        CU_ASSERT_EQUAL(port_queue(port, 0, "", 1), VDC_E_PROTOCOL);
        CU_ASSERT_EQUAL(port_receive(port, -1, &m), VDC_E_PROTOCOL);
        port_destroy(port);
        link_close(link);
    }
}

static void test_bounded(void)
{
    struct ring *ring;
    struct link *link;
    struct port *port;
    struct port_message m;

    raw(&ring, &link, &port, NULL);
    for (unsigned i = 0; i < 1000; i++)
        put(ring, 1, 0, true);
    struct port_counts counts;
    CU_ASSERT_EQUAL(port_take(port, &m), VDC_E_BUSY);
    port_count(port, &counts);
    CU_ASSERT_EQUAL(counts.received, PORT_PIECES_MAX);
    CU_ASSERT_TRUE(port_arm(port, false)); /* there is more */
    CU_ASSERT_EQUAL(port_receive(port, 30, &m), VDC_E_TIMEOUT);
    put(ring, 1, 0, false);
    CU_ASSERT_EQUAL(port_receive(port, 30, &m), 0);
    CU_ASSERT_EQUAL(m.size, 1001);
    memset(link->memory, 0xff, link->size);
    CU_ASSERT_EQUAL(port_take(port, &m), VDC_E_PROTOCOL);
    port_destroy(port);
    link_close(link);
}

/* ---- with libevent ---- */

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
    int64_t end = now_ms() + 20000;
    while (*what < until && now_ms() < end)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void test_event(void)
{
    struct event_base *base = event_base_new();
    struct side a = { .base = base, .n_out = 20000 }, b = { .base = base };

    ends(&a.port, &b.port, NULL);
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

    ends(&a.port, &b.port, NULL);
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

/* The other end dies while this one is paused and wants room: the loop rests,
 * and the end is told after port_resume. */
static void test_event_paused_death(void)
{
    struct event_base *base = event_base_new();
    struct side a = { .base = base, .n_out = 100000 };
    struct port *b;

    ends(&a.port, &b, NULL);
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
    { "small messages", test_small },
    { "long messages", test_long },
    { "a full ring", test_full },
    { "finishing", test_finish },
    { "time limits", test_timeout },
    { "two processes", test_processes },
    { "the other end is killed", test_killed },
    { "and while it is waited for", test_killed_while_waiting },
    { "rules of messages", test_rules },
    { "work and memory are bounded", test_bounded },
    { "libevent", test_event },
    { "destroyed in a callback", test_event_destroy },
    { "death while paused", test_event_paused_death },
};

UNIT_MAIN("chan/port", tests)
