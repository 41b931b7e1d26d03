/* Files that are to be on the disk before they are said to be there; for
 * saved guests, which are large. */
#include "resourced/durable.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

struct work {
    int fd;
    char *from, *to;
    int rc; /* written by the thread, read when it has ended */
    struct vdc_error err;
    pthread_t thread;
    bool replace;
    int wake[2]; /* a pipe that the thread closes an end of */
    struct event *event;
    durable_fn *fn;
    void *arg;
};

static void work_free(struct work *work)
{
    if (work->event)
        event_free(work->event);
    for (int i = 0; i < 2; i++)
        if (work->wake[i] >= 0)
            close(work->wake[i]);
    free(work->from);
    free(work->to);
    free(work);
}

/* The folder, so that the name is on the disk, too. */
static int sync_folder(const char *path)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);
    int errnum = errno;

    if (fd >= 0)
        close(fd);
    free(copy);
    errno = errnum;
    return r;
}

/* A file system that cannot refuse by itself is asked before. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

static int do_work(struct work *work)
{
    if (fsync(work->fd))
        return vdc_error_errno(&work->err, VDC_E_IO, errno,
                               "%s cannot be written", work->from);
    if (!work->to)
        return 0;
    if ((work->replace ? rename(work->from, work->to)
                       : rename_new(work->from, work->to)) == 0)
        return sync_folder(work->to)
                   ? vdc_error_errno(&work->err, VDC_E_IO, errno,
                                     "the folder of %s cannot be written",
                                     work->to)
                   : 0;
    if (errno == EEXIST)
        return vdc_error_set(&work->err, VDC_E_EXISTS, "%s is there already",
                             work->to);
    return vdc_error_errno(&work->err, VDC_E_IO, errno, "%s cannot be made",
                           work->to);
}

static void *run(void *arg)
{
    struct work *work = arg;
    int end = work->wake[1];

    work->rc = do_work(work);
    /* What wakes the loop; from here on work is its. */
    close(end);
    return NULL;
}

static void ended(int fd, short what, void *arg)
{
    struct work *work = arg;

    pthread_join(work->thread, NULL);
    work->wake[1] = -1;
    work->fn(work->arg, work->rc, work->rc ? &work->err : NULL);
    work_free(work);
}

int durable_rename(struct event_base *base, int fd, const char *from,
                   const char *to, bool replace, durable_fn *fn, void *arg,
                   struct vdc_error *err)
{
    struct work *work = XNEW(struct work);

    work->fd = fd;
    work->from = xstrdup(from);
    work->to = to ? xstrdup(to) : NULL;
    work->replace = replace;
    work->fn = fn;
    work->arg = arg;
    work->wake[0] = work->wake[1] = -1;
    int r = pipe2(work->wake, O_CLOEXEC) ? errno : 0;
    if (!r) {
        work->event = event_new(base, work->wake[0], EV_READ, ended, work);
        event_add(work->event, NULL);
        r = pthread_create(&work->thread, NULL, run, work);
    }
    if (r) {
        work_free(work);
        return vdc_error_errno(err, VDC_E_IO, r, "%s cannot be written", from);
    }
    return 0;
}
