/*
 * Images: files that guests are made from, stored on hosts by what is in them
 * (doc/design/017-images.md).  Here is what they are called, whose they are,
 * which hosts have them, and that a host has one before a guest needs it.
 */
#ifndef POLICYD_IMAGES_IMAGES_H
#define POLICYD_IMAGES_IMAGES_H

#include "base/error.h"
#include "policyd/api/session.h"
#include "policyd/store/book.h"
#include "wire/wire.h"

struct bringing;
struct host;
struct images;
struct operations;

struct images *images_new(struct operations *ops);
/* Ends what is under way with errors; before the hosts stop. */
void images_stop(struct images *images);
void images_free(struct images *images); /* after the hosts; NULL allowed */

/* The host answers: it is told which images there are, and says which it
 * has. */
void images_host_up(struct images *images, const struct host *host);

/* The image that a guest of the customer means by a name: its own, or of the
 * customer whose project it is, or of the provider.  Errors: VDC_E_NOT_FOUND;
 * VDC_E_WRONG_STATE, not all of it has come. */
int images_find(const struct book *book, const struct customer *customer,
                const char *name, const struct wire_image **ret,
                struct vdc_error *err);

/* The names of images in a definition become names with digests, in the
 * arena; *ret_digests: these, separated by spaces.  Errors: those of
 * images_find; VDC_E_BAD_VALUE: no name, or with another's digest. */
int images_resolve(const struct book *book, const struct customer *customer,
                   struct wire_definition *definition, struct arena *arena,
                   const char **ret_digests, struct vdc_error *err);

/* The same of one that was resolved before, in the arena. */
const char *images_of_definition(const struct wire_definition *definition,
                                 struct arena *arena);

/* Whether the digest is one of those, separated by spaces. */
bool images_names(const char *digests, const char *digest);

/*
 * Has a host have images (digests, separated by spaces, one at least).  `fn`
 * is called once, from the loop, never from within this call; `more` with
 * progress before it.  Errors: VDC_E_NOT_FOUND, no host that has it can be
 * asked; VDC_E_TIMEOUT, one that was asked hangs; VDC_E_CANCELLED; those of
 * the host.
 */
typedef void images_fn(void *arg, const struct vdc_error *err);
typedef void images_more_fn(void *arg, const struct wire_progress *progress);
struct bringing *images_bring(struct images *images, const char *digests,
                              const char *host, images_fn *fn,
                              images_more_fn *more, void *arg);
/* Not wanted any more: `fn` is called with VDC_E_CANCELLED.  What has come
 * stays for the next time. */
void images_bring_cancel(struct bringing *bringing);

request_fn image_add, image_data, image_list, image_remove, image_verify;

#endif
