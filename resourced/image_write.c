/* An image that comes, piece by piece, from a client or from another host. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/sha256.h"
#include "resourced/host.h"
#include "resourced/image_impl.h"
#include "resourced/server.h"

/* What nobody has used for so long is closed; its file stays. */
#define IDLE_S 60
/* The file is brought to the disk whenever so much has come, so that the end
 * of a large one does not take long, and a power cut costs little. */
#define SYNC_BYTES (16 * 1024 * 1024)

struct image_writer {
    LIST_ENTRY(image_writer) link;
    struct images *images;
    char digest[IMAGE_DIGEST_LEN + 1];
    char *part, *whole; /* paths */
    char *came;         /* of an upload: see image.h; NULL: of another host */
    uint64_t size;
    struct event *idle;
    /* while it is busy, the thread's: */
    bool busy;
    int fd; /* -1: not open */
    uint64_t done, synced;
    struct sha256 *sha;
    bool is_whole;
    uint64_t offset;
    uint8_t *bytes;
    size_t n;
    struct stat st; /* of the whole */
    struct vdc_error err;
    image_written_fn *fn;
    void *arg;
};

/* ---- in the thread ---- */

static int fail(struct image_writer *w, int code, const char *what)
{
    return vdc_error_errno(&w->err, code, errno, "%s %s", w->part, what);
}

static void close_it(struct image_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    sha256_free(w->sha);
    w->sha = NULL;
    w->done = w->synced = 0;
}

static int make_directory(struct image_writer *w)
{
    const char *dir = w->images->dir;
    struct stat st;

    if (mkdir(dir, 0700) && errno != EEXIST) {
        vdc_error_errno(&w->err, VDC_E_IO, errno,
                        "the directory %s cannot be made", dir);
        vdc_error_hint(&w->err, "image_dir of resourced.conf says where it "
                                "is; what it is in must be there");
        return w->err.code;
    }
    if (stat(dir, &st))
        return vdc_error_errno(&w->err, VDC_E_IO, errno, "%s", dir);
    if ((st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & 077))
        return 0;
    vdc_error_set(&w->err, VDC_E_DENIED, "others than root can use %s", dir);
    vdc_error_hint(&w->err, "chown root %s; chmod 700 %s", dir, dir);
    return VDC_E_DENIED;
}

static int mark_came(struct image_writer *w)
{
    int fd = w->came ? open(w->came, O_WRONLY | O_CREAT | O_NOFOLLOW |
                                         O_CLOEXEC, 0600)
                     : -1;

    if (fd >= 0)
        close(fd);
    return w->came && fd < 0 ? fail(w, VDC_E_IO, "cannot be marked") : 0;
}

/* All of this upload came before, and the answer to that was lost: it is read
 * again, as by now it may be damaged. */
static int find_came(struct image_writer *w)
{
    char hex[SHA256_HEX_SIZE];
    int rc = 0, fd;

    if (w->fd >= 0 || !w->came || access(w->came, F_OK))
        return 0;
    fd = open(w->whole, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return 0; /* it was removed meanwhile */
    w->sha = sha256_new();
    rc = sha256_add_file(w->sha, fd, jobs_stop(w->images->jobs), NULL,
                         &w->err);
    if (rc == VDC_E_IO) {
        rc = 0; /* then it is written anew */
        memset(&w->err, 0, sizeof(w->err));
    } else if (!rc) {
        sha256_hex(w->sha, hex);
        w->is_whole = strcmp(hex, w->digest) == 0 && !fstat(fd, &w->st);
    }
    close(fd);
    sha256_free(w->sha);
    w->sha = NULL;
    return rc;
}

/* What is there of it, from before, is read. */
static int open_it(struct image_writer *w)
{
    struct stat st;

    if (w->fd >= 0)
        return 0;
    int rc = make_directory(w);
    if (rc)
        return rc;
    w->fd = open(w->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return fail(w, VDC_E_IO, "cannot be made");
    if (fstat(w->fd, &st))
        return fail(w, VDC_E_IO, "cannot be looked at");
    if ((uint64_t)st.st_size > w->size && ftruncate(w->fd, 0))
        return fail(w, VDC_E_IO, "cannot be emptied");
    w->sha = sha256_new();
    rc = sha256_add_file(w->sha, w->fd, jobs_stop(w->images->jobs), &w->done,
                         &w->err);
    w->synced = w->done;
    if (rc)
        vdc_error_prefix(&w->err, "%s", w->part);
    return rc;
}

static int put_bytes(struct image_writer *w)
{
    size_t at = 0;

    while (at < w->n) {
        ssize_t n = pwrite(w->fd, w->bytes + at, w->n - at,
                           (off_t)(w->done + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int saved = errno;
            /* what was there before is whole; without this it is found out
             * by its digest at the end */
            if (ftruncate(w->fd, (off_t)w->done))
                log_warning("%s: %s", w->part, strerror(errno));
            errno = saved;
            return fail(w, VDC_E_IO, "cannot be written");
        }
        at += (size_t)n;
    }
    sha256_add(w->sha, w->bytes, w->n);
    w->done += w->n;
    if (w->done - w->synced < SYNC_BYTES)
        return 0;
    w->synced = w->done;
    return fdatasync(w->fd) ? fail(w, VDC_E_IO, "cannot be written") : 0;
}

static int sync_directory(struct image_writer *w)
{
    int fd = open(w->images->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0 || fsync(fd))
        rc = vdc_error_errno(&w->err, VDC_E_IO, errno, "%s", w->images->dir);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* All of it has come. */
static int finish(struct image_writer *w)
{
    char hex[SHA256_HEX_SIZE];

    sha256_hex(w->sha, hex);
    if (strcmp(hex, w->digest) != 0) {
        unlink(w->part);
        close_it(w);
        vdc_error_set(&w->err, VDC_E_BAD_VALUE,
                      "what has come has the digest %.12s..., not %.12s...: "
                      "it was thrown away", hex, w->digest);
        vdc_error_hint(&w->err, "has the file changed meanwhile? begin again");
        return VDC_E_BAD_VALUE;
    }
    if (fchmod(w->fd, 0444) || fsync(w->fd))
        return fail(w, VDC_E_IO, "cannot be written");
    int rc = mark_came(w);
    if (rc)
        return rc;
    if (rename(w->part, w->whole))
        return fail(w, VDC_E_IO, "cannot be given its name");
    rc = sync_directory(w);
    if (!rc && fstat(w->fd, &w->st))
        rc = fail(w, VDC_E_IO, "cannot be looked at");
    w->is_whole = !rc;
    return rc;
}

static void work(void *arg)
{
    struct image_writer *w = arg;
    int rc = find_came(w);

    if (rc || w->is_whole)
        return;
    rc = open_it(w);
    if (!rc && w->n && w->offset != w->done)
        rc = vdc_error_set(&w->err, VDC_E_CONFLICT,
                           "%llu bytes are there, and the piece begins at "
                           "%llu", (unsigned long long)w->done,
                           (unsigned long long)w->offset);
    if (!rc && w->n > w->size - w->done)
        rc = vdc_error_set(&w->err, VDC_E_CONFLICT,
                           "that is more than the image's %llu bytes",
                           (unsigned long long)w->size);
    if (!rc && w->n)
        rc = put_bytes(w);
    if (!rc && w->done == w->size)
        finish(w);
}

/* ---- in the loop ---- */

static void drop(struct image_writer *w)
{
    close_it(w);
    event_free(w->idle);
    LIST_REMOVE(w, link);
    free(w->bytes);
    free(w->part);
    free(w->whole);
    free(w->came);
    free(w);
}

static void is_idle(int fd, short what, void *arg)
{
    struct image_writer *w = arg;

    if (!w->busy)
        drop(w);
}

static void worked(void *arg)
{
    const struct timeval later = { IDLE_S, 0 };
    struct image_writer *w = arg;
    struct vdc_error err = w->err;
    uint64_t done = w->is_whole ? w->size : w->done;
    bool whole = w->is_whole;
    image_written_fn *fn = w->fn;
    void *fn_arg = w->arg;

    w->busy = false;
    free(w->bytes);
    w->bytes = NULL;
    memset(&w->err, 0, sizeof(w->err));
    if (whole) {
        image_saw(w->images, w->digest, &w->st);
        drop(w);
    } else if (err.code && err.code != VDC_E_CONFLICT) {
        close_it(w); /* what is there is read again */
        evtimer_add(w->idle, &later);
    } else {
        evtimer_add(w->idle, &later);
    }
    fn(fn_arg, done, whole, err.code ? &err : NULL);
}

static char *part_path(const struct images *images, const char *digest,
                       const struct vdc_uuid *part)
{
    char uuid[UUID_TEXT_SIZE];

    return part ? xasprintf("%s/%s.%s.part", images->dir, digest,
                            uuid_format(part, uuid))
                : xasprintf("%s/%s.part", images->dir, digest);
}

static char *came_path(const struct images *images, const char *digest,
                       const struct vdc_uuid *part)
{
    char uuid[UUID_TEXT_SIZE];

    return part ? xasprintf("%s/%s.%s.came", images->dir, digest,
                            uuid_format(part, uuid))
                : NULL;
}

static struct image_writer *find(const struct images *images,
                                 const char *path)
{
    struct image_writer *w;

    LIST_FOREACH (w, &images->writers, link)
        if (strcmp(w->part, path) == 0)
            break;
    return w;
}

bool images_writes(const struct images *images, const char *path)
{
    return find(images, path) != NULL;
}

struct image_writer *image_writer(struct images *images, const char *digest,
                                  const struct vdc_uuid *part, uint64_t size)
{
    char *path = part_path(images, digest, part);
    struct image_writer *w = find(images, path);

    if (w && !w->busy && w->size != size) {
        drop(w);
        w = NULL;
    }
    if (w) {
        free(path);
        return w;
    }
    w = XNEW(struct image_writer);
    w->images = images;
    snprintf(w->digest, sizeof(w->digest), "%s", digest);
    w->part = path;
    w->whole = image_file_path(images, digest, "");
    w->came = came_path(images, digest, part);
    w->size = size;
    w->fd = -1;
    w->idle = evtimer_new(images->host->base, is_idle, w);
    if (!w->idle)
        abort(); /* out of memory */
    LIST_INSERT_HEAD(&images->writers, w, link);
    return w;
}

bool image_writer_is_busy(const struct image_writer *writer)
{
    return writer->busy;
}

int image_write(struct image_writer *w, uint64_t offset, const void *bytes,
                size_t n, image_written_fn *fn, void *arg,
                struct vdc_error *err)
{
    if (w->busy) {
        vdc_error_set(err, VDC_E_BUSY, "the piece before is still written");
        vdc_error_hint(err, "is it being added by somebody else just now?");
        return VDC_E_BUSY;
    }
    evtimer_del(w->idle);
    w->busy = true;
    w->offset = offset;
    w->n = n;
    w->bytes = NULL;
    if (n) {
        w->bytes = malloc(n);
        if (!w->bytes)
            abort();
        memcpy(w->bytes, bytes, n);
    }
    w->fn = fn;
    w->arg = arg;
    job_run(w->images->jobs, work, worked, w, false);
    return 0;
}

bool image_writer_remove(struct images *images, const char *digest,
                         const struct vdc_uuid *part)
{
    char *path = part_path(images, digest, part);
    char *came = came_path(images, digest, part);
    struct image_writer *w = find(images, path);
    bool busy = w && w->busy;

    if (w && !busy)
        drop(w);
    if (!busy)
        unlink(path);
    if (!busy && came)
        unlink(came);
    free(path);
    free(came);
    return !busy;
}

void image_writers_free(struct images *images)
{
    while (!LIST_EMPTY(&images->writers))
        drop(LIST_FIRST(&images->writers));
}

/* ---- policyd's pieces ---- */

static void put(void *arg, uint64_t done, bool whole,
                const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_image_found found;

    /* where it goes on, it is asked with no bytes */
    if (err) {
        request_fail(request, err);
        return;
    }
    wire_init(&wire_struct_image_found, &found);
    found.done = done;
    found.whole = whole;
    request_answer(request, WIRE_MSG_image_found, &found);
}

void image_handle_put(struct request *request)
{
    const struct wire_image_put *asked = request->body;
    struct vdc_error err;
    int rc = image_check_digest(asked->digest, &err);

    if (!rc && (!asked->size || asked->size > IMAGE_SIZE_MAX))
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE,
                           "an image has between 1 and 2^42 bytes");
    if (!rc) {
        struct image_writer *w = image_writer(
            request->host->images, asked->digest,
            uuid_is_zero(&asked->part) ? NULL : &asked->part, asked->size);
        rc = image_write(w, asked->offset, asked->bytes, asked->n_bytes, put,
                         request, &err);
    }
    if (rc)
        request_fail(request, &err);
}
