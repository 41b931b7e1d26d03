/*
 * Those who want images on a host: one after the other they wait for its
 * transfer, and are told when all are there, or what went wrong.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/images/image_transfer.h"

struct bringing {
    struct transfer_user user; /* first: it stands for the whole */
    LIST_ENTRY(bringing) link;
    struct images *images;
    char *digests;
    const char *at; /* the one whose turn it is */
    char *host;
    images_fn *fn;
    images_more_fn *more;
    void *arg;
    struct event *soon; /* what is to be told */
    struct vdc_error why;
};

static void bringing_free(struct bringing *b)
{
    LIST_REMOVE(b, link);
    event_free(b->soon);
    free(b->digests);
    free(b->host);
    free(b);
}

static void tell_end(evutil_socket_t fd, short what, void *arg)
{
    struct bringing *b = arg;
    struct vdc_error why = b->why;
    images_fn *fn = b->fn;
    void *fn_arg = b->arg;

    bringing_free(b);
    fn(fn_arg, why.code ? &why : NULL);
}

/* The next, or the end. */
static void go_on(struct bringing *b)
{
    const struct timeval now = { 0, 0 };
    char digest[IMAGE_DIGEST_LEN + 1];
    const struct wire_image *image;

    if (*b->at) {
        snprintf(digest, sizeof(digest), "%.*s", (int)strcspn(b->at, " "),
                 b->at);
        image = images_of_digest(b->images->ops->book, digest);
        if (image) {
            transfer_join(b->images, digest, b->host, image->size, &b->user);
            return;
        }
        vdc_error_set(&b->why, VDC_E_NOT_FOUND,
                      "there is no image with the digest %s any more", digest);
    }
    evtimer_add(b->soon, &now);
}

static void ended(struct transfer_user *user, const struct vdc_error *err)
{
    struct bringing *b = (struct bringing *)user;

    if (err) {
        b->why = *err;
        b->at = "";
    } else {
        b->at += strcspn(b->at, " ");
        b->at += *b->at == ' ';
    }
    go_on(b);
}

static void moves(struct transfer_user *user,
                  const struct wire_progress *progress)
{
    struct bringing *b = (struct bringing *)user;

    if (b->more)
        b->more(b->arg, progress);
}

struct bringing *images_bring(struct images *images, const char *digests,
                              const char *host, images_fn *fn,
                              images_more_fn *more, void *arg)
{
    struct bringing *b = XNEW(struct bringing);

    b->user.ended = ended;
    b->user.progress = moves;
    b->images = images;
    b->digests = xstrdup(digests);
    b->at = b->digests;
    b->host = xstrdup(host);
    b->fn = fn;
    b->more = more;
    b->arg = arg;
    b->soon = evtimer_new(images->ops->base, tell_end, b);
    if (!b->soon)
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&images->bringings, b, link);
    go_on(b);
    return b;
}

void images_bring_cancel(struct bringing *b)
{
    const struct timeval now = { 0, 0 };

    transfer_leave(&b->user);
    vdc_error_set(&b->why, VDC_E_CANCELLED, "cancelled: nothing is changed");
    evtimer_add(b->soon, &now);
}

void images_stop(struct images *images)
{
    struct bringing *b;

    if (!images)
        return;
    images->stopped = true;
    event_del(images->timer);
    while ((b = LIST_FIRST(&images->bringings))) {
        transfer_leave(&b->user);
        vdc_error_set(&b->why, VDC_E_CANCELLED, "policyd is stopping");
        tell_end(-1, 0, b);
    }
}
