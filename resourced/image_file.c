/* Files of images: where they are, whether they are as they should be, and
 * which of them go; see image.h. */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "resourced/host.h"
#include "resourced/image_impl.h"
#include "resourced/server.h"

/* How often old files are looked for. */
#define TEND_S 600
/* What a guest still uses may be asked about again after so long. */
#define USED_S 3600

char *image_file_path(const struct images *images, const char *digest,
                      const char *end)
{
    return xasprintf("%s/%s%s", images->dir, digest, end);
}

int image_check_digest(const char *digest, struct vdc_error *err)
{
    if (image_digest_is(digest))
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE, "'%.80s' is no digest", digest);
}

const char *image_path(const struct host *host, const char *text,
                       struct arena *arena)
{
    struct image_ref ref;

    if (!image_ref_is(text) || image_ref_parse(text, &ref, NULL) ||
        !*ref.digest)
        return text;
    return arena_printf(arena, "%s/%s", host->settings->image_dir, ref.digest);
}

/* ---- those that were read ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct image_seen *find_seen(const struct images *images,
                                    const char *digest)
{
    struct image_seen *seen;

    LIST_FOREACH (seen, &images->seen, link)
        if (strcmp(seen->digest, digest) == 0)
            break;
    return seen;
}

void image_saw(struct images *images, const char *digest,
               const struct stat *st)
{
    struct image_seen *seen = find_seen(images, digest);

    if (!seen) {
        seen = XNEW(struct image_seen);
        snprintf(seen->digest, sizeof(seen->digest), "%s", digest);
        LIST_INSERT_HEAD(&images->seen, seen, link);
    }
    seen->st = *st;
}

static void drop_seen(struct image_seen *seen)
{
    LIST_REMOVE(seen, link);
    free(seen);
}

void image_unsee(struct images *images, const char *digest)
{
    struct image_seen *seen = find_seen(images, digest);

    if (seen)
        drop_seen(seen);
}

void images_unsee_all(struct images *images)
{
    while (!LIST_EMPTY(&images->seen))
        drop_seen(LIST_FIRST(&images->seen));
}

/* ---- looking ---- */

struct look {
    struct images *images;
    image_looked_fn *fn;
    void *arg;
    char digest[IMAGE_DIGEST_LEN + 1];
    char path[1024], aside[1024];
    bool verify;
    bool has_seen;
    struct stat seen; /* as it was when it was read */
    /* by the thread: */
    struct image_looked looked;
    struct stat st;
    struct vdc_error err;
};

static void read_all(struct look *look, int fd)
{
    struct sha256 *sha = sha256_new();
    char hex[SHA256_HEX_SIZE];

    if (!sha256_add_file(sha, fd, jobs_stop(look->images->jobs), NULL,
                         &look->err)) {
        sha256_hex(sha, hex);
        look->looked.whole = strcmp(hex, look->digest) == 0;
        look->looked.damaged = !look->looked.whole;
    } else if (look->err.code == VDC_E_IO) {
        /* a disk that cannot read it any more */
        look->looked.damaged = true;
        memset(&look->err, 0, sizeof(look->err));
    }
    sha256_free(sha);
}

static void look_work(void *arg)
{
    struct look *look = arg;
    int fd = open(look->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        if (errno != ENOENT)
            vdc_error_errno(&look->err, VDC_E_IO, errno, "%s", look->path);
        return;
    }
    if (fstat(fd, &look->st))
        vdc_error_errno(&look->err, VDC_E_IO, errno, "%s", look->path);
    else if (!look->verify && look->has_seen &&
             is_same(&look->st, &look->seen))
        look->looked.whole = true;
    else
        read_all(look, fd);
    close(fd);
    if (look->looked.damaged && rename(look->path, look->aside))
        vdc_error_errno(&look->err, VDC_E_IO, errno,
                        "%s is damaged, and cannot be put aside", look->path);
}

static void look_done(void *arg)
{
    struct look *look = arg;

    if (look->looked.whole)
        image_saw(look->images, look->digest, &look->st);
    else
        image_unsee(look->images, look->digest);
    if (look->looked.damaged)
        log_error("image %s is damaged, and is not used; it was put aside as "
                  "%s", look->digest, look->aside);
    look->fn(look->arg, &look->looked, look->err.code ? &look->err : NULL);
    free(look);
}

void image_look(struct images *images, const char *digest, bool verify,
                image_looked_fn *fn, void *arg)
{
    const struct image_seen *seen = find_seen(images, digest);
    struct look *look = XNEW(struct look);

    look->images = images;
    look->fn = fn;
    look->arg = arg;
    look->verify = verify;
    snprintf(look->digest, sizeof(look->digest), "%s", digest);
    snprintf(look->path, sizeof(look->path), "%s/%s", images->dir, digest);
    snprintf(look->aside, sizeof(look->aside), "%s/%s.damaged", images->dir,
             digest);
    look->has_seen = seen != NULL;
    if (seen)
        look->seen = seen->st;
    job_run(images->jobs, look_work, look_done, look, true);
}

static void looked(void *arg, const struct image_looked *looked,
                   const struct vdc_error *err)
{
    struct request *request = arg;
    struct wire_image_found found;

    if (err) {
        request_fail(request, err);
        return;
    }
    wire_init(&wire_struct_image_found, &found);
    found.whole = looked->whole;
    found.damaged = looked->damaged;
    request_answer(request, WIRE_MSG_image_found, &found);
}

void image_handle_look(struct request *request)
{
    const struct wire_image_file *file = request->body;
    struct vdc_error err;

    if (image_check_digest(file->digest, &err))
        request_fail(request, &err);
    else
        image_look(request->host->images, file->digest, file->verify, looked,
                   request);
}

/* ---- which there are, and which go ---- */

static bool definition_names(const struct wire_definition *d,
                             const char *digest)
{
    const char *const texts[] = { d->kernel, d->ramdisk };
    struct image_ref ref;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i] && image_ref_is(texts[i]) &&
            !image_ref_parse(texts[i], &ref, NULL) &&
            strcmp(ref.digest, digest) == 0)
            return true;
    return false;
}

/* Whatever policyd says, a guest that is here is not left without it. */
static bool is_used(const struct host *host, const char *digest)
{
    struct partition *partition;

    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (definition_names(&partition->row.definition, digest) ||
            definition_names(&partition->row.live, digest))
            return true;
    return false;
}

static void remove_file(struct images *images, const char *name)
{
    char *path = image_file_path(images, name, "");

    if (unlink(path) == 0)
        log_info("%s is removed: it is needed no more", path);
    else if (errno != ENOENT)
        log_warning("%s cannot be removed: %s", path, strerror(errno));
    free(path);
}

/* In so many seconds it is old; 0: it is.  Nobody can say of one that is being
 * written, or has a time to come. */
static uint64_t old_in_s(const struct images *images, const char *name)
{
    char *path = image_file_path(images, name, "");
    uint64_t now_s = clock_wall().ms / 1000, then_s, in_s;
    uint64_t keep_s = images->host->settings->image_part_keep_ms / 1000;
    struct stat st;

    if (stat(path, &st) || st.st_mtim.tv_sec < 0 ||
        (uint64_t)st.st_mtim.tv_sec > now_s || images_writes(images, path)) {
        in_s = keep_s + 1;
    } else {
        then_s = (uint64_t)st.st_mtim.tv_sec + keep_s + 1;
        in_s = then_s > now_s ? then_s - now_s : 0;
    }
    free(path);
    return in_s;
}

static bool is_old(const struct images *images, const char *name)
{
    return old_in_s(images, name) == 0;
}

static void tend(int fd, short what, void *arg)
{
    const struct timeval later = { TEND_S, 0 };
    struct images *images = arg;
    const struct dirent *entry;
    DIR *dir = opendir(images->dir);

    while (dir && (entry = readdir(dir))) {
        const char *end = strrchr(entry->d_name, '.');
        if (end && (strcmp(end, ".part") == 0 || strcmp(end, ".came") == 0 ||
                    strcmp(end, ".damaged") == 0) &&
            is_old(images, entry->d_name))
            remove_file(images, entry->d_name);
    }
    if (dir)
        closedir(dir);
    evtimer_add(images->timer, &later);
}

static bool is_kept(const struct wire_image_keep *keep, const char *digest)
{
    for (uint32_t i = 0; i < keep->n_digests; i++)
        if (strcmp(keep->digests[i], digest) == 0)
            return true;
    return false;
}

static struct image_unnamed *find_unnamed(const struct images *images,
                                          const char *digest)
{
    struct image_unnamed *unnamed;

    LIST_FOREACH (unnamed, &images->unnamed, link)
        if (strcmp(unnamed->digest, digest) == 0)
            break;
    return unnamed;
}

static void name_again(struct image_unnamed *unnamed)
{
    if (!unnamed)
        return;
    LIST_REMOVE(unnamed, link);
    free(unnamed);
}

/* For so many ms more it may be named again, as when policyd was begun with
 * another database than it should. */
static uint64_t named_in_ms(struct images *images, const char *digest)
{
    uint64_t keep_ms = images->host->settings->image_part_keep_ms;
    uint64_t now = clock_mono().ms;
    struct image_unnamed *unnamed = find_unnamed(images, digest);

    if (!unnamed) {
        unnamed = XNEW(struct image_unnamed);
        memcpy(unnamed->digest, digest, sizeof(unnamed->digest));
        unnamed->since_ms = now;
        LIST_INSERT_HEAD(&images->unnamed, unnamed, link);
    }
    return now - unnamed->since_ms < keep_ms
               ? unnamed->since_ms + keep_ms - now
               : 0;
}

/* One that no image names: it goes, and 0 is returned, or stays for so many
 * ms more. */
static uint64_t let_go(struct images *images, const char *digest)
{
    uint64_t named_ms = named_in_ms(images, digest);
    uint64_t ms = 1000 * (is_used(images->host, digest)
                              ? USED_S
                              : old_in_s(images, digest));

    if (ms || named_ms)
        return ms > named_ms ? ms : named_ms;
    image_unsee(images, digest);
    name_again(find_unnamed(images, digest));
    remove_file(images, digest);
    return 0;
}

void image_handle_keep(struct request *request)
{
    const struct wire_image_keep *keep = request->body;
    struct images *images = request->host->images;
    const char **found = ARENA_ARRAY(request->arena, keep->n_digests + 1,
                                     const char *);
    const struct dirent *entry;
    struct wire_image_kept kept;
    DIR *dir = opendir(images->dir);

    wire_init(&wire_struct_image_kept, &kept);
    kept.digests = found;
    while (dir && (entry = readdir(dir))) {
        if (!image_digest_is(entry->d_name))
            continue;
        if (is_kept(keep, entry->d_name)) {
            name_again(find_unnamed(images, entry->d_name));
            found[kept.n_digests++] = arena_strdup(request->arena,
                                                   entry->d_name);
            continue;
        }
        uint64_t ms = let_go(images, entry->d_name);
        if (ms && (!kept.again_ms || ms < kept.again_ms))
            kept.again_ms = ms;
    }
    if (dir)
        closedir(dir);
    request_answer(request, WIRE_MSG_image_kept, &kept);
}

void image_handle_drop(struct request *request)
{
    const struct wire_image_file *file = request->body;
    struct images *images = request->host->images;
    struct wire_empty nothing;
    struct vdc_error err;

    wire_init(&wire_struct_empty, &nothing);
    if (image_check_digest(file->digest, &err)) {
        request_fail(request, &err);
        return;
    }
    if (!uuid_is_zero(&file->part)) {
        image_writer_remove(images, file->digest, &file->part);
    } else if (is_used(request->host, file->digest)) {
        vdc_error_set(&err, VDC_E_WRONG_STATE,
                      "a guest of host %s is made from this image",
                      request->host->name);
        request_fail(request, &err);
        return;
    } else {
        image_unsee(images, file->digest);
        name_again(find_unnamed(images, file->digest));
        remove_file(images, file->digest);
        image_writer_remove(images, file->digest, NULL);
    }
    request_answer(request, WIRE_MSG_ok, &nothing);
}

/* ---- begin and end ---- */

struct images *images_new(struct host *host)
{
    const struct timeval now = { 0, 0 };
    struct images *images = XNEW(struct images);

    images->host = host;
    images->dir = host->settings->image_dir;
    images->jobs = jobs_new(host->base);
    images->timer = evtimer_new(host->base, tend, images);
    if (!images->timer || evtimer_add(images->timer, &now))
        abort(); /* out of memory */
    return images;
}

void images_free(struct images *images)
{
    if (!images)
        return;
    jobs_free(images->jobs);
    image_fetches_free(images);
    image_outs_free(images);
    image_writers_free(images);
    images_unsee_all(images);
    while (!LIST_EMPTY(&images->unnamed))
        name_again(LIST_FIRST(&images->unnamed));
    event_free(images->timer);
    free(images);
}
