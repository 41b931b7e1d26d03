/*
 * One image that comes to one host (image_transfer.c), from a host that has
 * it: directly (image_direct.c), or by way of policyd (image_relay.c).  Only
 * these and who wants it (image_bring.c) include this.
 */
#ifndef POLICYD_IMAGES_IMAGE_TRANSFER_H
#define POLICYD_IMAGES_IMAGE_TRANSFER_H

#include "policyd/images/images_impl.h"

/* Who goes without an answer waits so long before it looks why. */
#define TRANSFER_PATIENCE_MS 30000
#define TRANSFER_TICKET_SIZE 32
#define TRANSFER_SOURCES_MAX 64

/* Who waits for it: is part of something larger, of whoever set the
 * functions. */
struct transfer_user {
    LIST_ENTRY(transfer_user) link;
    struct transfer *transfer; /* NULL: it waits for none */
    /* It has ended, and `transfer` is NULL; err NULL: the host has it. */
    void (*ended)(struct transfer_user *user, const struct vdc_error *err);
    void (*progress)(struct transfer_user *user,
                     const struct wire_progress *progress);
};

struct transfer {
    LIST_ENTRY(transfer) link;
    struct images *images;
    char digest[IMAGE_DIGEST_LEN + 1];
    char digest_text[13]; /* its beginning */
    char *host;
    uint64_t size, done;
    uint64_t most; /* of it that was ever there: more is progress */
    LIST_HEAD(, transfer_user) wanted;
    struct event *timer;
    bool reads; /* and it is for the next piece */
    struct service_call call;
    bool asked;       /* a host is; it answers, whatever becomes of this */
    const char *whom; /* `host` or `source`; while it is asked */
    bool over;        /* and nobody waits */
    char *source;
    /* in the arena, since the last look */
    const char *tried[TRANSFER_SOURCES_MAX];
    uint32_t n_tried;
    struct arena *arena;
    uint8_t ticket[TRANSFER_TICKET_SIZE];
    uint64_t moved_ms;
    struct vdc_error why; /* of the last source */
};

/* ---- for who wants it ---- */

/* The user waits for the one transfer of this image, of `size` bytes, to this
 * host, which begins when there is none; it is told from the loop, never from
 * within this call. */
void transfer_join(struct images *images, const char *digest, const char *host,
                   uint64_t size, struct transfer_user *user);
/* It waits no more, and is not told; NULL `transfer` allowed.  The transfer
 * ends when nobody waits; what has come stays on the host. */
void transfer_leave(struct transfer_user *user);

/* ---- for the two ways ---- */

/* Asks the host or the source; `done` and `more` have the transfer as their
 * argument.  Errors: why it cannot be asked, in t->why too, and `done` is not
 * called then. */
int transfer_ask(struct transfer *t, const char *host,
                 enum wire_message_number number, const void *body,
                 service_done_fn *done, service_more_fn *more);
/* First in each answer: whether nobody waits for it, and it is freed. */
bool transfer_is_over(struct transfer *t);
/* What became of it: each of these goes on by itself, and may free it. */
void transfer_has_it(struct transfer *t);
void transfer_failed(struct transfer *t, const struct vdc_error *err);
void transfer_look(struct transfer *t);        /* from the beginning */
void transfer_next_source(struct transfer *t); /* t->why: of the last */
/* More of it has come: t->done says how much. */
void transfer_note_progress(struct transfer *t);
void transfer_tell(struct transfer *t, uint64_t done_kib);

/* The source has it, and both have joined. */
void transfer_serve(struct transfer *t, const struct host *target);
/* The source has it, and one of both has not. */
void transfer_relay(struct transfer *t);
/* The timer of the next piece. */
void transfer_read_now(struct transfer *t);

#endif
