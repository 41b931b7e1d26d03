/* Threads for what libxl cannot do asynchronously. */
#include "hv/xen/work.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"

/* More at once, but those that wait, would only wait for each other, in
 * xenstored and for dom0's CPUs; a core dump may hold one of them for minutes.
 */
#define THREADS_MAX 16

STAILQ_HEAD(work_list, work);

struct work_pool {
    pthread_mutex_t lock; /* for finished, closed, n_refs */
    struct work_list finished;
    bool closed;
    unsigned n_refs; /* the loop's and one of each thread */
    int wakeup;      /* eventfd, counted up by each thread that ends */
    /* of the loop alone: */
    struct event *event;
    struct work_list waiting;
    unsigned n_running; /* without those that wait */
    pthread_t thread;   /* the loop's */
};

static void unref_locked(struct work_pool *pool)
{
    bool last = --pool->n_refs == 0;

    pthread_mutex_unlock(&pool->lock);
    if (!last)
        return;
    close(pool->wakeup);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void *thread_main(void *arg)
{
    struct work *work = arg;
    struct work_pool *pool = work->pool;
    static const uint64_t one = 1;

    work->run(work);
    pthread_mutex_lock(&pool->lock);
    bool closed = pool->closed;
    if (!closed) {
        STAILQ_INSERT_TAIL(&pool->finished, work, link);
        /* Cannot fail: the counter would have to be at its maximum. */
        while (write(pool->wakeup, &one, sizeof(one)) < 0 && errno == EINTR)
            ;
    }
    unref_locked(pool);
    if (closed)
        work->drop(work);
    return NULL;
}

static bool thread_start(struct work_pool *pool, struct work *work)
{
    pthread_attr_t attr;
    pthread_t thread;

    pthread_mutex_lock(&pool->lock);
    pool->n_refs++;
    pthread_mutex_unlock(&pool->lock);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &attr, thread_main, work);
    pthread_attr_destroy(&attr);
    if (r == 0) {
        pool->n_running += !work->waits;
        return true;
    }
    pthread_mutex_lock(&pool->lock);
    unref_locked(pool);
    return false;
}

/* When the system refuses a thread, the work waits for one that runs to end;
 * when none runs there is nothing to wait for, and it is done right here: the
 * loop stands for that time, but nothing is lost. */
static void start_waiting(struct work_pool *pool)
{
    while (pool->n_running < THREADS_MAX) {
        struct work *work = STAILQ_FIRST(&pool->waiting);
        if (!work)
            return;
        if (thread_start(pool, work)) {
            STAILQ_REMOVE_HEAD(&pool->waiting, link);
            continue;
        }
        if (pool->n_running > 0)
            return;
        STAILQ_REMOVE_HEAD(&pool->waiting, link);
        work->run(work);
        pthread_mutex_lock(&pool->lock);
        STAILQ_INSERT_TAIL(&pool->finished, work, link);
        pthread_mutex_unlock(&pool->lock);
        pool->n_running += !work->waits;
        event_active(pool->event, EV_READ, 1);
    }
}

/* Takes one piece at a time, because its `done` may destroy the pool. */
static void woken(evutil_socket_t fd, short what, void *arg)
{
    struct work_pool *pool = arg;
    uint64_t n;

    while (read(fd, &n, sizeof(n)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&pool->lock);
    struct work *work = STAILQ_FIRST(&pool->finished);
    if (work)
        STAILQ_REMOVE_HEAD(&pool->finished, link);
    bool more = !STAILQ_EMPTY(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    if (!work)
        return;
    pool->n_running -= !work->waits;
    if (more)
        event_active(pool->event, EV_READ, 1);
    start_waiting(pool);
    work->done(work);
}

int work_pool_new(struct event_base *base, struct work_pool **ret,
                  struct vdc_error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot make an eventfd: %s", strerror(errno));
    struct work_pool *pool = XNEW(struct work_pool);
    pool->wakeup = fd;
    pool->n_refs = 1;
    pool->thread = pthread_self();
    pthread_mutex_init(&pool->lock, NULL);
    STAILQ_INIT(&pool->finished);
    STAILQ_INIT(&pool->waiting);
    pool->event = event_new(base, fd, EV_READ | EV_PERSIST, woken, pool);
    if (!pool->event || event_add(pool->event, NULL) != 0) {
        work_pool_destroy(pool);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot add an event to the loop");
    }
    *ret = pool;
    return 0;
}

static void drop_all(struct work_list *list)
{
    struct work *work;

    while ((work = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        work->drop(work);
    }
}

void work_pool_destroy(struct work_pool *pool)
{
    if (!pool)
        return;
    if (pool->event)
        event_free(pool->event);
    drop_all(&pool->waiting);
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    drop_all(&pool->finished);
    unref_locked(pool);
}

int work_check_thread(const struct work *work, struct vdc_error *err)
{
    if (!pthread_equal(work->pool->thread, pthread_self()))
        return 0;
    return vdc_error_set(err, VDC_E_NOMEM, "no thread can be started");
}

void work_start(struct work_pool *pool, struct work *work)
{
    work->pool = pool;
    if (work->waits && thread_start(pool, work))
        return;
    STAILQ_INSERT_TAIL(&pool->waiting, work, link);
    start_waiting(pool);
}
