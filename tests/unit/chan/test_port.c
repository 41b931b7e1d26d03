/* chan/port: whole messages, waiting, death, and an other end that lies. */
#include "chan/port.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/chan/port_pair.h"
#include "tests/unit/unit.h"

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

    port_pair_make(&a, &b, NULL);
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

    port_pair_make(&a, &b, NULL);
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

    port_pair_make(&a, &b, NULL);
    while (port_queue(a, 0, &n_sent, sizeof(n_sent)) == 0)
        n_sent++;
    CU_ASSERT_EQUAL(n_sent, PAIR_OUT / 16);
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

    port_pair_make(&a, &b, NULL);
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

static void test_timeout(void)
{
    struct port_options options = { .spin_us = 100 };
    struct port *a, *b;
    struct port_message m;

    port_pair_make(&a, &b, &options);
    uint64_t begun = clock_mono().ms;
    CU_ASSERT_EQUAL(port_receive(b, 50, &m), VDC_E_TIMEOUT);
    uint64_t took = clock_mono().ms - begun;
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
    uint32_t pages = (uint32_t)(ring_memory(PAIR_OUT, PAIR_IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(
        link_give_end(LINK_MEMORY, 0, pages, 0, &end, &offer, &err), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct port *port;
        link_offer_clear(&offer);
        if (link_import(&end, &link, NULL) ||
            port_new(link, RING_MAKER, PAIR_OUT, PAIR_IN, options, &port,
                     NULL))
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
        port_new(link, RING_TAKER, PAIR_OUT, PAIR_IN, options, ret, &err), 0);
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
    uint64_t begun = clock_mono().ms;
    while ((rc = port_receive(port, 10000, &m)) == 0)
        CU_ASSERT(memcmp(m.data, &i, 4) == 0 && i++ < 10000000);
    CU_ASSERT_EQUAL(rc, VDC_E_CLOSED);
    CU_ASSERT(clock_mono().ms - begun < 5000);
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
        port_pair_raw(&ring, &link, &port, &small);
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

    port_pair_raw(&ring, &link, &port, NULL);
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
};

UNIT_MAIN("chan/port", tests)
