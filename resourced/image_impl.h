/* What the files of image.h share; only image*.c include it. */
#ifndef RESOURCED_IMAGE_IMPL_H
#define RESOURCED_IMAGE_IMPL_H

#include <sys/queue.h>
#include <sys/stat.h>

#include "base/image_ref.h"
#include "resourced/image.h"
#include "resourced/job.h"

struct event;

/* Of an image, in bytes: more than any file that is handed about. */
#define IMAGE_SIZE_MAX (UINT64_C(1) << 42)

/* A whole file as it was when it was read and had its digest. */
struct image_seen {
    LIST_ENTRY(image_seen) link;
    char digest[IMAGE_DIGEST_LEN + 1];
    struct stat st;
};

/* A whole file that no image names, as policyd has said. */
struct image_unnamed {
    LIST_ENTRY(image_unnamed) link;
    char digest[IMAGE_DIGEST_LEN + 1];
    uint64_t since_ms; /* monotonic: when this was heard first */
};

struct images {
    struct host *host;
    const char *dir;
    struct jobs *jobs;
    struct event *timer; /* looks for what is old */
    LIST_HEAD(, image_seen) seen;
    LIST_HEAD(, image_unnamed) unnamed;
    LIST_HEAD(, image_writer) writers;
    LIST_HEAD(, image_fetch) fetches;
    LIST_HEAD(, image_out) outs;
    LIST_HEAD(, image_ticket) tickets;
};

/* ---- image_file.c ---- */

/* DIR/DIGEST followed by `end`; malloc'd. */
char *image_file_path(const struct images *images, const char *digest,
                      const char *end);
int image_check_digest(const char *digest, struct vdc_error *err);
/* It is whole and as it should be: what st says is. */
void image_saw(struct images *images, const char *digest,
               const struct stat *st);
void image_unsee(struct images *images, const char *digest);
void images_unsee_all(struct images *images);

/* What became of looking at one. */
struct image_looked {
    bool whole, damaged;
};
typedef void image_looked_fn(void *arg, const struct image_looked *looked,
                             const struct vdc_error *err);
/* Whether it is there and as it should be; read when verify, or when nobody
 * has read it as it is.  One that is damaged is put aside.  `fn` is called
 * later, with an error when that cannot be found out. */
void image_look(struct images *images, const char *digest, bool verify,
                image_looked_fn *fn, void *arg);

/* ---- image_write.c: one that comes ---- */

struct image_writer;
/* done: so many bytes are there now; whole: all, with its name. */
typedef void image_written_fn(void *arg, uint64_t done, bool whole,
                              const struct vdc_error *err);
/* The one of this part; `part` NULL: of what comes from another host.  It
 * lives on until it is whole, or nobody has used it for a while. */
struct image_writer *image_writer(struct images *images, const char *digest,
                                  const struct vdc_uuid *part, uint64_t size);
/*
 * Writes n bytes that begin at `offset`, or with n 0 only says how many there
 * are.  The bytes are copied.  `fn` is called later.  To it: VDC_E_CONFLICT,
 * they do not begin where the file ends, or are more than the image has;
 * VDC_E_BAD_VALUE, all of it has another digest, and it has been removed;
 * VDC_E_DISK_FULL, VDC_E_IO, and what was there is still there.  Returned,
 * and `fn` is not called then: VDC_E_BUSY.
 */
int image_write(struct image_writer *writer, uint64_t offset,
                const void *bytes, size_t n, image_written_fn *fn, void *arg,
                struct vdc_error *err);
bool image_writer_is_busy(const struct image_writer *writer);
/* Whether one of these has the file at path open. */
bool images_writes(const struct images *images, const char *path);
/* Removes what has come of it; false: it is being written just now. */
bool image_writer_remove(struct images *images, const char *digest,
                         const struct vdc_uuid *part);
void image_writers_free(struct images *images);

/* ---- image_fetch.c, image_give.c ---- */

void image_fetches_free(struct images *images);
void image_outs_free(struct images *images);

#endif
