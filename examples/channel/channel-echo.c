/*
 * A channel between two domains, or two processes, with libvdc-chan alone:
 * one end gives memory and sends back what it hears; the other joins, sends,
 * and checks what comes back.
 *
 *      channel-echo give DOMID           in one domain; prints an offer
 *      channel-echo join DOMID OFFER [ROUND_TRIPS]
 *                                        in the other: the giver's domain
 *      channel-echo self                 both, in two processes of this one
 *
 * How an offer gets from one to the other is not for this example: channeld
 * does that.  Static and without libevent, for a guest's initramfs:
 *
 *      cc -static channel-echo.c $(pkg-config --cflags --libs vdc-chan)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chan/link.h>
#include <chan/port.h>
#include <chan/ring.h>

#define RING_SIZE 16384u /* of each direction */
#define TIMEOUT_MS 60000
#define ROUND_TRIPS 500 /* unless it is said */
#define LARGE 100000 /* longer than the ring: goes in pieces */

static int fail(const struct vdc_error *err)
{
    fprintf(stderr, "channel-echo: %s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return 1;
}

static uint32_t pages(void)
{
    return (uint32_t)(ring_memory(RING_SIZE, RING_SIZE) / LINK_PAGE);
}

static struct port *open_port(struct link *link, enum ring_side side)
{
    struct port *port;
    struct vdc_error err;

    if (port_new(link, side, RING_SIZE, RING_SIZE, NULL, &port, &err))
        exit(fail(&err));
    return port;
}

/* Sends back all that comes, until the other end goes. */
static int echo(struct port *port)
{
    struct port_message message;
    struct port_counts counts;
    int rc;

    while ((rc = port_receive(port, TIMEOUT_MS, &message)) == 0) {
        rc = port_send(port, TIMEOUT_MS, message.type, message.data,
                       message.size);
        if (rc)
            break;
    }
    port_count(port, &counts);
    printf("echoed %llu messages, %llu bytes; the end: %s\n",
           (unsigned long long)counts.messages_received,
           (unsigned long long)counts.received, vdc_error_text(rc));
    port_destroy(port);
    return rc == VDC_E_CLOSED ? 0 : 1;
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int round_trip(struct port *port, uint8_t *bytes, size_t size,
                      unsigned i)
{
    struct port_message message;

    memset(bytes, (int)i, size);
    memcpy(bytes, &i, sizeof(i) < size ? sizeof(i) : size);
    int rc = port_send(port, TIMEOUT_MS, (uint16_t)i, bytes, size);
    if (!rc)
        rc = port_receive(port, TIMEOUT_MS, &message);
    if (rc)
        return rc;
    return message.size == size && message.type == (uint16_t)i &&
                   memcmp(message.data, bytes, size) == 0
               ? 0
               : VDC_E_PROTOCOL;
}

static int ask(struct port *port, unsigned n)
{
    uint8_t *bytes = malloc(LARGE);
    struct port_counts counts;
    double begun = now();
    unsigned i = 0;
    int rc = 0;

    for (; i < n && !rc; i++)
        rc = round_trip(port, bytes, i % 50 == 49 ? LARGE : 64, i);
    port_count(port, &counts);
    printf("%u of %u round trips right, %.0f us each, %llu notifications: "
           "%s\n",
           rc ? i - 1 : i, n, (now() - begun) / (i ? i : 1) * 1e6,
           (unsigned long long)counts.notified,
           rc ? vdc_error_text(rc) : "ok");
    free(bytes);
    port_destroy(port);
    return rc ? 1 : 0;
}

static int give(uint32_t domid)
{
    struct link *link;
    struct link_offer offer;
    struct vdc_error err;

    if (link_give(LINK_GRANT, domid, pages(), ring_life_offset(RING_MAKER),
                  &link, &offer, &err))
        return fail(&err);
    struct port *port = open_port(link, RING_MAKER);
    printf("offer %u", offer.port);
    for (uint32_t i = 0; i < offer.n_pages; i++)
        printf(",%u", offer.refs[i]);
    printf("\n");
    fflush(stdout);
    link_offer_clear(&offer);
    return echo(port);
}

static int join(uint32_t domid, char *text, unsigned n)
{
    struct link_offer offer = { .kind = LINK_GRANT,
                                .n_pages = pages(),
                                .domid = domid,
                                .fds = { -1, -1, -1, -1 } };
    struct link *link;
    struct vdc_error err;

    offer.refs = calloc(offer.n_pages, sizeof(offer.refs[0]));
    offer.port = (uint32_t)strtoul(text, &text, 10);
    for (uint32_t i = 0; i < offer.n_pages && *text == ','; i++)
        offer.refs[i] = (uint32_t)strtoul(text + 1, &text, 10);
    if (link_join(&offer, ring_life_offset(RING_TAKER), &link, &err))
        return fail(&err);
    struct port *port = open_port(link, RING_TAKER);
    printf("joined\n");
    fflush(stdout);
    return ask(port, n);
}

static int self(void)
{
    struct link *link, *other;
    struct link_offer offer;
    struct vdc_error err;

    if (link_give(LINK_MEMORY, 0, pages(), 0, &link, &offer, &err))
        return fail(&err);
    struct port *port = open_port(link, RING_MAKER);
    fflush(stdout);
    if (fork() == 0) {
        if (link_join(&offer, 0, &other, &err))
            exit(fail(&err));
        exit(echo(open_port(other, RING_TAKER)));
    }
    link_offer_clear(&offer);
    int status, rc = ask(port, ROUND_TRIPS);
    return wait(&status) < 0 || status ? 1 : rc;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "give") == 0)
        return give((uint32_t)atoi(argv[2]));
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "join") == 0)
        return join((uint32_t)atoi(argv[2]), argv[3],
                    argc == 5 ? (unsigned)atoi(argv[4]) : ROUND_TRIPS);
    if (argc == 2 && strcmp(argv[1], "self") == 0)
        return self();
    fprintf(stderr, "usage: channel-echo give DOMID | "
                    "join DOMID OFFER [ROUND_TRIPS] | self\n");
    return 2;
}
