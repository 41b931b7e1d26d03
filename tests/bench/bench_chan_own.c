/*
 * Our channels in memory of LINK_MEMORY: a sealed memfd, and notifications by
 * a pair of sockets, which cost more than the stand-in's eventfds.
 */
#include <poll.h>
#include <string.h>

#include "tests/bench/bench_chan.h"

#define GATHERS 4
#define GATHER_PAUSES 128
#define SPIN_US 10000000 /* longer than any wait here */

static void open_links(struct lane *ends, uint32_t ring_size)
{
    struct link_offer offer;
    uint32_t n_pages =
        (uint32_t)(ring_memory(ring_size, ring_size) / LINK_PAGE);

    if (link_give(LINK_MEMORY, 0, n_pages, 0, &ends[0].link, &offer, NULL) ||
        link_join(&offer, 0, &ends[1].link, NULL))
        die("link_give");
}

/* ---- the ring ---- */

static void open_rings(struct lane *ends, uint32_t ring_size)
{
    open_links(ends, ring_size);
    if (ring_make(&ends[0].ring, ends[0].link->memory, ends[0].link->size,
                  ring_size, ring_size, NULL) ||
        ring_take(&ends[1].ring, ends[1].link->memory, ends[1].link->size,
                  ring_size, ring_size, NULL))
        die("ring_make");
}

static void close_rings(struct lane *ends)
{
    for (int i = 0; i < 2; i++) {
        ring_close(&ends[i].ring);
        link_close(ends[i].link);
    }
}

static uint64_t rings_notified(const struct lane *ends)
{
    return ends[0].n_notified + ends[1].n_notified;
}

static void notify(struct lane *lane)
{
    lane->n_notified++;
    link_notify(lane->link);
}

static void ring_sleep(struct lane *lane)
{
    struct pollfd p = { .fd = lane->link->wake_fd, .events = POLLIN };

    if (poll(&p, 1, -1) < 0)
        die("poll");
    link_acknowledge(lane->link);
}

static void publish(struct lane *lane)
{
    if (ring_publish(&lane->ring))
        notify(lane);
}

static void give_back(struct lane *lane)
{
    lane->taken = 0;
    if (ring_give_back(&lane->ring))
        notify(lane);
}

static void wait_room(struct lane *lane)
{
    publish(lane);
    if (lane->spin)
        relax();
    else if (!ring_want_room(&lane->ring, lane->size))
        ring_sleep(lane);
}

/* After the k-th look that found nothing.  As a port does: what comes one by
 * one is let gather, so that the sender keeps the line of its position. */
static void wait_message(struct lane *lane, unsigned k)
{
    if (lane->taken)
        give_back(lane);
    if (k < GATHERS && !lane->sent_last) {
        for (int i = 0; i < GATHER_PAUSES; i++)
            relax();
        return;
    }
    if (lane->spin)
        relax();
    else if (!ring_want_message(&lane->ring))
        ring_sleep(lane);
}

static void commit_one(struct lane *lane)
{
    uint8_t *at;
    int rc;

    while ((rc = ring_reserve(&lane->ring, lane->size, &at)) == VDC_E_BUSY)
        wait_room(lane);
    if (rc)
        die("ring_reserve");
    ring_fill(at, lane->message, lane->size);
    number_message(lane, at);
    ring_commit(&lane->ring, lane->size, 1, false);
    lane->sent_last = true;
}

/* Room is given back by the quarter, as a port does. */
static void take_one(struct lane *lane)
{
    struct ring_message message;
    unsigned k = 0;
    int rc;

    while ((rc = ring_peek(&lane->ring, &message)) == VDC_E_BUSY)
        wait_message(lane, k++);
    lane->sent_last = false;
    if (rc)
        die("ring_peek");
    use_message(lane, message.data, message.size);
    ring_release(&lane->ring);
    lane->taken += message.size;
    if (lane->taken >= lane->ring.in.size / 4)
        give_back(lane);
}

static void ring_send_each(struct lane *lane, uint64_t n)
{
    while (n--) {
        commit_one(lane);
        publish(lane);
    }
}

static void ring_send_batches(struct lane *lane, uint64_t n)
{
    for (uint64_t i = 1; i <= n; i++) {
        commit_one(lane);
        if (i % BATCH == 0 || i == n)
            publish(lane);
    }
}

static void ring_receive(struct lane *lane, uint64_t n)
{
    while (n--)
        take_one(lane);
}

static void ring_ask(struct lane *lane, uint64_t n)
{
    while (n--) {
        commit_one(lane);
        publish(lane);
        take_one(lane);
    }
}

static void ring_answer(struct lane *lane, uint64_t n)
{
    while (n--) {
        take_one(lane);
        commit_one(lane);
        publish(lane);
    }
}

/* ---- the port ---- */

static void open_ports(struct lane *ends, uint32_t ring_size)
{
    struct port_options options = { .spin_us = ends[0].spin ? SPIN_US : 0 };

    open_links(ends, ring_size);
    if (port_new(ends[0].link, RING_MAKER, ring_size, ring_size, &options,
                 &ends[0].port, NULL) ||
        port_new(ends[1].link, RING_TAKER, ring_size, ring_size, &options,
                 &ends[1].port, NULL))
        die("port_new");
}

static void close_ports(struct lane *ends)
{
    port_destroy(ends[0].port);
    port_destroy(ends[1].port);
}

static uint64_t ports_notified(const struct lane *ends)
{
    struct port_counts counts[2];

    port_count(ends[0].port, &counts[0]);
    port_count(ends[1].port, &counts[1]);
    return counts[0].notified + counts[1].notified;
}

static void port_send_one(struct lane *lane)
{
    number_message(lane, lane->message);
    if (port_send(lane->port, -1, 1, lane->message, lane->size))
        die("port_send");
}

static void port_take_one(struct lane *lane)
{
    struct port_message message;

    if (port_receive(lane->port, -1, &message))
        die("port_receive");
    use_message(lane, message.data, (uint32_t)message.size);
}

static void port_send_each(struct lane *lane, uint64_t n)
{
    while (n--)
        port_send_one(lane);
}

static void port_send_batches(struct lane *lane, uint64_t n)
{
    for (uint64_t i = 1; i <= n; i++) {
        number_message(lane, lane->message);
        int rc = port_queue(lane->port, 1, lane->message, lane->size);
        if (rc == VDC_E_BUSY)
            rc = port_send(lane->port, -1, 1, lane->message, lane->size);
        if (rc)
            die("port_queue");
        if (i % BATCH == 0 || i == n)
            port_flush(lane->port);
    }
}

static void port_receive_each(struct lane *lane, uint64_t n)
{
    while (n--)
        port_take_one(lane);
}

static void port_ask(struct lane *lane, uint64_t n)
{
    while (n--) {
        port_send_one(lane);
        port_take_one(lane);
    }
}

static void port_answer(struct lane *lane, uint64_t n)
{
    while (n--) {
        port_take_one(lane);
        port_send_one(lane);
    }
}

const struct way ring_one_by_one = {
    .name = "ring, one by one",
    .open = open_rings,
    .close = close_rings,
    .notified = rings_notified,
    .send = ring_send_each,
    .receive = ring_receive,
    .ask = ring_ask,
    .answer = ring_answer,
};

const struct way ring_batches = {
    .name = "ring, batches of 32",
    .open = open_rings,
    .close = close_rings,
    .notified = rings_notified,
    .send = ring_send_batches,
    .receive = ring_receive,
};

const struct way port_one_by_one = {
    .name = "port, one by one",
    .open = open_ports,
    .close = close_ports,
    .notified = ports_notified,
    .send = port_send_each,
    .receive = port_receive_each,
    .ask = port_ask,
    .answer = port_answer,
};

const struct way port_batches = {
    .name = "port, batches of 32",
    .open = open_ports,
    .close = close_ports,
    .notified = ports_notified,
    .send = port_send_batches,
    .receive = port_receive_each,
};
