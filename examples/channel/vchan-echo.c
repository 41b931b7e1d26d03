/*
 * One end of a channel whose other end is a program with Xen's libxenvchan:
 * sends back all that it hears.
 *
 *      vchan-echo serve DOMID [SIZE]       prints a grant reference and a port
 *      vchan-echo join DOMID REF PORT      the server is in that domain
 *
 * libxenvchan's programs look for the two numbers in xenstore, below a path of
 * their own, as "ring-ref" and "event-channel"; putting them there, or looking
 * them up, is left to whoever starts this.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <chan/link.h>
#include <chan/vchan.h>

#define TIMEOUT_MS 60000
#define CHUNK 3000

struct end {
    struct vchan vchan;
    struct link *link;
};

static int fail(const struct vdc_error *err)
{
    fprintf(stderr, "vchan-echo: %s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return 1;
}

static int sleep_until_woken(struct end *end)
{
    struct pollfd p = { .fd = end->link->wake_fd, .events = POLLIN };

    if (poll(&p, 1, TIMEOUT_MS) <= 0)
        return VDC_E_TIMEOUT;
    link_acknowledge(end->link);
    return 0;
}

/* At least one byte. */
static int hear(struct end *end, uint8_t *data, size_t size, size_t *ret)
{
    bool notify;
    int rc;

    while ((rc = vchan_read(&end->vchan, data, size, ret, &notify)) ==
           VDC_E_BUSY)
        if (!vchan_want_data(&end->vchan) && (rc = sleep_until_woken(end)))
            return rc;
    if (!rc && notify)
        link_notify(end->link);
    return rc;
}

static int say(struct end *end, const uint8_t *data, size_t size)
{
    while (size) {
        size_t n;
        bool notify;
        int rc = vchan_write(&end->vchan, data, size, &n, &notify);
        if (rc == VDC_E_BUSY) {
            if (!vchan_want_room(&end->vchan, 1) &&
                (rc = sleep_until_woken(end)))
                return rc;
            continue;
        }
        if (rc)
            return rc;
        if (notify)
            link_notify(end->link);
        data += n;
        size -= n;
    }
    return 0;
}

static int echo(struct end *end)
{
    uint8_t data[CHUNK];
    unsigned long long total = 0;
    size_t n;
    int rc;

    while (!(rc = hear(end, data, sizeof(data), &n)) &&
           !(rc = say(end, data, n)))
        total += n;
    printf("echoed %llu bytes; the end: %s\n", total, vdc_error_text(rc));
    vchan_close(&end->vchan);
    link_notify(end->link);
    link_close(end->link);
    return rc == VDC_E_CLOSED ? 0 : 1;
}

static void *page(const struct end *end, uint32_t n)
{
    return (uint8_t *)end->link->memory + (size_t)n * LINK_PAGE;
}

static int serve(uint32_t domid, size_t size)
{
    struct vchan_layout layout;
    struct link_offer offer;
    struct vdc_error err;
    struct end end;

    if (vchan_plan(size, size, &layout, &err) ||
        link_give(LINK_GRANT, domid, 1 + layout.n_left + layout.n_right,
                  vchan_life_offset(VCHAN_SERVER), &end.link, &offer, &err))
        return fail(&err);
    vchan_serve(&end.vchan, page(&end, 0), page(&end, 1),
                page(&end, 1 + layout.n_left), &layout, offer.refs + 1);
    printf("vchan %u %u\n", offer.refs[0], offer.port);
    fflush(stdout);
    link_offer_clear(&offer);
    return echo(&end);
}

static int join(uint32_t domid, uint32_t ref, uint32_t port)
{
    struct link_offer offer = { .kind = LINK_GRANT,
                                .domid = domid,
                                .port = port,
                                .fds = { -1, -1, -1, -1 } };
    static uint32_t first[LINK_PAGE / sizeof(uint32_t)];
    struct vchan_layout layout;
    struct vdc_error err;
    struct end end;

    offer.refs = calloc(1 + VCHAN_REFS_MAX, sizeof(offer.refs[0]));
    offer.refs[0] = ref;
    /* What is looked at is a copy: the server cannot change it any more. */
    if (link_look(domid, ref, first, &err) ||
        vchan_look(first, &layout, offer.refs + 1, &err))
        return fail(&err);
    offer.n_pages = 1 + layout.n_left + layout.n_right;
    if (link_join(&offer, vchan_life_offset(VCHAN_CLIENT), &end.link, &err) ||
        vchan_join(&end.vchan, page(&end, 0), page(&end, 1),
                   page(&end, 1 + layout.n_left), &layout, &err))
        return fail(&err);
    link_notify(end.link);
    printf("joined\n");
    fflush(stdout);
    return echo(&end);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "serve") == 0)
        return serve(number(argv[2]), argc == 4 ? number(argv[3]) : 0);
    if (argc == 5 && strcmp(argv[1], "join") == 0)
        return join(number(argv[2]), number(argv[3]), number(argv[4]));
    fprintf(stderr, "usage: vchan-echo serve DOMID [SIZE] | "
                    "join DOMID REF PORT\n");
    return 2;
}
