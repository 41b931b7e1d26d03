/* What the files of images.h share; only they include it. */
#ifndef POLICYD_IMAGES_IMAGES_IMPL_H
#define POLICYD_IMAGES_IMAGES_IMPL_H

#include <sys/queue.h>

#include "base/image_ref.h"
#include "policyd/api/operations.h"
#include "policyd/images/images.h"

/* Of an image, in bytes; resourced has the same. */
#define IMAGES_SIZE_MAX (UINT64_C(1) << 42)

struct images {
    struct operations *ops;
    bool stopped;
    struct event *timer; /* uploads that nobody goes on with */
    LIST_HEAD(, bringing) bringings;
    LIST_HEAD(, transfer) transfers;
    LIST_HEAD(, orphan) orphans;
    LIST_HEAD(, later) later; /* image_keep.c: hosts to be told again */
};

/* Any that is whole and has this digest; NULL: there is none. */
const struct wire_image *images_of_digest(const struct book *book,
                                          const char *digest);
bool images_has(const struct wire_image *image, const char *host);
/* It was found that a host has it, or has not: of each image with this
 * digest. */
void images_note(struct images *images, const char *digest, const char *host,
                 bool has);
void images_note_one(struct images *images, const struct wire_image *image,
                     const char *host, bool has);
/* A copy that may be changed and stored; texts are its own. */
struct wire_image *images_copy(const struct wire_image *image,
                               struct arena *arena);
/* Takes away what hosts have of one that the book has not any more, when that
 * is durable. */
void images_drop(struct images *images, const struct wire_image *image);

/* ---- image_data.c ---- */

/* Where more of it comes to: when not all has come, or it is restored. */
const char *image_part_host(const struct wire_image *image);
/* Answers with the image, of which `done` bytes are there. */
void image_reply(struct request *request, const struct wire_image *image,
                 uint64_t done);
/* Gives n bytes to its part's host, and answers with what is there then; with
 * n 0 only with that. */
void image_put_piece(struct request *request, const struct wire_image *image,
                     uint64_t offset, const uint8_t *bytes, uint32_t n);

/* ---- image_keep.c ---- */

/* Now and then: hosts that must be told again which images there are. */
void images_keep_again(struct images *images);
void images_keep_free(struct images *images);

#endif
