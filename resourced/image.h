/*
 * Images of this host: files by their SHA-256, that guests are made from.
 * doc/design/017-images.md.
 *
 * In image_dir, which only root can look into: DIGEST, a whole one, that
 * nobody writes to; DIGEST.part and DIGEST.UUID.part, what has come of one
 * from another host, or by an upload; DIGEST.UUID.came, empty: all of this
 * upload came, and became DIGEST; DIGEST.damaged, one that was found to be
 * otherwise.  All but DIGEST go when they are old.
 *
 * A file gets its name only when all of it is on the disk and has its digest.
 * It is used only when it has been read, and had its digest, since it was
 * changed last, as far as the file system tells.
 */
#ifndef RESOURCED_IMAGE_H
#define RESOURCED_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/tls.h"
#include "base/uuid.h"
#include "wire/wire.h"

struct chan;
struct host;
struct images;
struct request;
struct stream;

struct images *images_new(struct host *host);
/* Waits for what a thread does; nobody is told.  NULL allowed. */
void images_free(struct images *images);

/* What the hypervisor is told for a kernel or ramdisk: "image:NAME@DIGEST"
 * becomes a path in image_dir, in the arena; what is a path stays it. */
const char *image_path(const struct host *host, const char *text,
                       struct arena *arena);

/* Handlers of messages of policyd. */
void image_handle_look(struct request *request);
void image_handle_put(struct request *request);
void image_handle_fetch(struct request *request);
void image_handle_serve(struct request *request);
void image_handle_drop(struct request *request);
void image_handle_read(struct request *request);
void image_handle_keep(struct request *request);

/* For migrate_in.c, where hosts come: whether one with this certificate may
 * ask for an image now. */
bool images_allow(const struct images *images,
                  const uint8_t fingerprint[TLS_FINGERPRINT_SIZE]);
/* It asks: takes over the channel, unless it fails: VDC_E_DENIED, VDC_E_IO. */
int images_give(struct images *images, struct chan *chan, const char *name,
                const uint8_t fingerprint[TLS_FINGERPRINT_SIZE],
                const struct wire_image_get *get, struct vdc_error *err);

#endif
