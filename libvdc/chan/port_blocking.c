/*
 * A port for a program without an event loop.  Deadlines use the real clock,
 * never the stopped clock of a test, as the wait is real.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "chan/port.h"
#include "chan/port_impl.h"

#define SPINS_A_LOOK 32 /* between two looks at the clock */
/* Messages that come in a row are let gather: so many times, so long. */
#define GATHERS 4
#define GATHER_PAUSES 128

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

struct wait {
    int timeout_ms;
    int64_t end_us;  /* of the time limit */
    int64_t spin_us; /* look without sleeping until then; 0: not begun */
    unsigned spins, gathers;
    bool slept;
};

static struct wait wait_begin(int timeout_ms)
{
    struct wait wait = { .timeout_ms = timeout_ms };

    if (timeout_ms > 0)
        wait.end_us = now_us() + (int64_t)timeout_ms * 1000;
    return wait;
}

/* Whether it is still time to look again at once. */
static bool spin(struct port *port, struct wait *wait)
{
    if (!port->options.spin_us)
        return false;
    relax();
    if (++wait->spins % SPINS_A_LOOK && wait->spin_us)
        return true;
    int64_t now = now_us();
    if (!wait->spin_us)
        wait->spin_us = now + port->options.spin_us;
    return now < wait->spin_us && (wait->timeout_ms < 0 || now < wait->end_us);
}

/*
 * Whether it waited a little because more may come at once.  A look at each
 * message as soon as it is there takes the line of its position out of the
 * sender's cache each time, and a sleep costs both ends more than this wait.
 * For messages only in the middle of a row, so that who waits for an answer,
 * or idles, does not pay.
 */
static bool gather(struct wait *wait)
{
    if (wait->gathers == GATHERS)
        return false;
    wait->gathers++;
    for (unsigned i = 0; i < GATHER_PAUSES; i++)
        relax();
    return true;
}

/* Rounded up, so that a last look is never before the end. */
static int left_ms(const struct wait *wait)
{
    if (wait->timeout_ms < 0)
        return -1;
    int64_t left = wait->end_us - now_us();

    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

static int poll_port(const struct port *port, int timeout_ms)
{
    struct pollfd p = { .fd = port_fd(port), .events = POLLIN };
    int r = poll(&p, 1, timeout_ms);

    if (r < 0)
        return errno == EINTR ? 0 : VDC_E_IO;
    return r == 0 ? VDC_E_TIMEOUT : 0;
}

static int sleep_for(struct port *port, struct wait *wait)
{
    int rc = port->sleep ? port->sleep(port->owner, left_ms(wait))
                         : poll_port(port, left_ms(wait));

    if (rc)
        return rc;
    port_wake(port);
    wait->spin_us = 0;
    wait->slept = true;
    return 0;
}

/* After a look that found nothing: until it is worth another. */
static int wait_more(struct port *port, bool for_room, struct wait *wait)
{
    if (wait->timeout_ms == 0)
        return VDC_E_TIMEOUT;
    if ((port->in_row && gather(wait)) || spin(port, wait))
        return 0;
    /* A hostile end can make it look for ever as if there were something. */
    if (port_arm(port, for_room))
        return left_ms(wait) ? 0 : VDC_E_TIMEOUT;
    return sleep_for(port, wait);
}

static void received(struct port *port, bool slept)
{
    uint64_t sent = port->counts.messages_sent;

    port->in_row = !slept && sent == port->sent_then;
    port->sent_then = sent;
}

static int receive_waiting(struct port *port, int timeout_ms,
                           struct port_message *ret)
{
    struct wait wait = wait_begin(timeout_ms);

    for (;;) {
        int rc = wait_more(port, false, &wait);
        if (rc)
            return rc;
        rc = port_take(port, ret);
        if (!rc)
            received(port, wait.slept);
        if (rc != VDC_E_BUSY)
            return rc;
    }
}

int port_receive(struct port *port, int timeout_ms, struct port_message *ret)
{
    int rc = port_take(port, ret);

    if (rc == VDC_E_BUSY && timeout_ms == 0) {
        /* The last chance to see that the other end died. */
        port_flush(port);
        port_wake(port);
        rc = port_take(port, ret);
    }
    if (rc == VDC_E_BUSY)
        return receive_waiting(port, timeout_ms, ret);
    if (!rc)
        received(port, false);
    return rc;
}

/* Sends wait for room alone: a message that waits to be taken must not keep
 * them awake. */
static bool room_is_there(struct port *port)
{
    port_flush(port);
    return link_other_gone(port->link) ||
           ring_want_room(&port->ring, port->wanted);
}

static int wait_room(struct port *port, struct wait *wait)
{
    if (wait->timeout_ms == 0)
        return VDC_E_TIMEOUT;
    port_flush(port);
    /* Whoever fills a ring has sent in a row. */
    if (gather(wait) || spin(port, wait))
        return 0;
    if (room_is_there(port))
        return left_ms(wait) ? 0 : VDC_E_TIMEOUT;
    return sleep_for(port, wait);
}

/* queued: the message is, and its rest waits for room. */
static int send_waiting(struct port *port, int timeout_ms, uint16_t type,
                        const void *data, size_t size, bool queued)
{
    struct wait wait = wait_begin(timeout_ms);
    int rc = queued ? 0 : VDC_E_BUSY;

    while (rc == VDC_E_BUSY) {
        rc = wait_room(port, &wait);
        if (rc)
            return rc;
        rc = port_queue(port, type, data, size);
    }
    while (!rc && (rc = port_push_rest(port)) == VDC_E_BUSY)
        rc = wait_room(port, &wait);
    port_flush(port);
    return rc;
}

int port_send(struct port *port, int timeout_ms, uint16_t type,
              const void *data, size_t size)
{
    int rc = port_queue(port, type, data, size);

    if (rc == VDC_E_BUSY || port->rest)
        return send_waiting(port, timeout_ms, type, data, size,
                            rc != VDC_E_BUSY);
    port_flush(port);
    return rc;
}
