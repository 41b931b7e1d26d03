/*
 * The queue of changes and questions, the thread that writes them, and the
 * way back into the loop.  Whoever has db_lock writes all that waits: the
 * thread; one who calls store_apply; or the loop, when it is little, the
 * thread has nothing to do, and the disk was fast of late.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "resourced/store_impl.h"

/* The log is moved into the file when nothing was asked for so long and it
 * has so many pages. */
#define IDLE_MS 100
#define IDLE_FRAMES 256
/* While the loop tells what is done, more is about to come: the thread is
 * woken when so many wait, or all is told. */
#define WAKE_QUEUED 8
/* At other times it is woken when the loop has done what it has to do now, as
 * that may bring more, or so many wait. */
#define WAKE_SOON_QUEUED 64
/* The loop writes no more statements than this at once. */
#define LOOP_OPS_MOST 128

static struct store_item *new_item(enum store_item_kind kind, void *arg)
{
    struct arena *arena = arena_new();
    struct store_item *item = ARENA_NEW(arena, struct store_item);

    item->arena = arena;
    item->kind = kind;
    item->arg = arg;
    return item;
}

/* The numbers in it are not given again, wherever they came from. */
static void note_numbers(struct store *store, const struct store_numbers *n)
{
    if (n->last_partition >= store->next_partition)
        store->next_partition = (uint32_t)n->last_partition + 1;
    if (n->last_resource >= store->next_resource)
        store->next_resource = n->last_resource + 1;
    if (n->last_transaction >= store->next_transaction)
        store->next_transaction = n->last_transaction + 1;
}

static struct store_item *new_change(struct store *store,
                                     const struct store_change *change,
                                     void *arg)
{
    struct store_item *item = new_item(STORE_ITEM_CHANGE, arg);
    struct vdc_error err = { 0 };

    item->rc = store_encode(item, change, &err);
    if (item->rc)
        item->err = arena_memdup(item->arena, &err, sizeof(err));
    else
        note_numbers(store, &item->highest);
    return item;
}

/* Whether what is queued can be written in the loop; queue_lock is held. */
static bool fits_loop(const struct store *store)
{
    return store->idle && store->is_calm && store->n_queued < WAKE_QUEUED &&
           store->n_queued_ops <= LOOP_OPS_MOST;
}

/* What is queued is not forgotten; queue_lock is held.  true: wake the
 * thread.  Else it is busy, or the loop looks at the queue when it has done
 * what it has to do now. */
static bool go_on(struct store *store)
{
    static const struct timeval now = { 0, 0 };

    if (!store->idle)
        return store->waits;
    if (STAILQ_EMPTY(&store->queue))
        return false;
    if (store->n_queued >= WAKE_SOON_QUEUED)
        return true;
    event_add(store->loop_event, &now);
    return false;
}

static void enqueue(struct store *store, struct store_item *item)
{
    pthread_mutex_lock(&store->queue_lock);
    STAILQ_INSERT_TAIL(&store->queue, item, link);
    store->n_queued++;
    store->n_asked++;
    /* Events are many rows to read. */
    store->n_queued_ops +=
        item->kind == STORE_ITEM_EVENTS ? LOOP_OPS_MOST + 1 : item->n_ops;
    bool wake = store->telling
                    ? store->waits && store->n_queued >= WAKE_QUEUED
                    : go_on(store);
    pthread_mutex_unlock(&store->queue_lock);
    if (wake)
        pthread_cond_signal(&store->wake);
}

/* For the loop's thread: the writer does not wait for more then. */
void store_lock(struct store *store)
{
    pthread_mutex_lock(&store->queue_lock);
    store->hurry = true;
    pthread_mutex_unlock(&store->queue_lock);
    pthread_cond_signal(&store->wake);
    pthread_mutex_lock(&store->db_lock);
    pthread_mutex_lock(&store->queue_lock);
    store->hurry = false;
    pthread_mutex_unlock(&store->queue_lock);
}

void store_unlock(struct store *store)
{
    pthread_mutex_unlock(&store->db_lock);
}

/* ---- writing ---- */

/* queue_lock is held. */
static void wait_on(struct store *store)
{
    store->waits = true;
    pthread_cond_wait(&store->wake, &store->queue_lock);
    store->waits = false;
}

/* Gives what is finished to the loop; queue_lock and db_lock are held. */
static void hand_back(struct store *store, struct store_item_list *items)
{
    struct store_item *item;

    while ((item = STAILQ_FIRST(items))) {
        STAILQ_REMOVE_HEAD(items, link);
        if (!item->waited)
            STAILQ_INSERT_TAIL(&store->done, item, link);
    }
    store->is_calm =
        store->n_calm >= STORE_CALM && !store_log_is_long(store);
    store->may_checkpoint = store->wal_frames >= IDLE_FRAMES;
}

/* queue_lock is held. */
static void take_queue(struct store *store, struct store_item_list *items)
{
    STAILQ_CONCAT(items, &store->queue);
    store->n_queued = store->n_queued_ops = 0;
}

void store_more(struct store *store, struct store_item_list *items)
{
    pthread_mutex_lock(&store->queue_lock);
    while (store->may_wait && store->n_queued < WAKE_QUEUED &&
           store->telling && !store->hurry && !store->stop)
        wait_on(store);
    take_queue(store, items);
    pthread_mutex_unlock(&store->queue_lock);
}

/* db_lock is held.  may_wait: for more; the loop cannot wait for itself. */
static void write_queue(struct store *store, bool may_wait)
{
    struct store_item_list items = STAILQ_HEAD_INITIALIZER(items);

    store->may_wait = may_wait;
    pthread_mutex_lock(&store->queue_lock);
    take_queue(store, &items);
    pthread_mutex_unlock(&store->queue_lock);
    if (STAILQ_EMPTY(&items))
        return;
    store_write(store, &items);
    pthread_mutex_lock(&store->queue_lock);
    bool was_empty = STAILQ_EMPTY(&store->done);
    hand_back(store, &items);
    if (was_empty && !STAILQ_EMPTY(&store->done) && store->done_fd >= 0)
        (void)eventfd_write(store->done_fd, 1);
    pthread_mutex_unlock(&store->queue_lock);
    if (store_log_is_long(store))
        store_checkpoint(store);
}

/* queue_lock is held; false: nothing came for IDLE_MS. */
static bool wait_idle(struct store *store)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    store->waits = true;
    int r = pthread_cond_timedwait(&store->wake, &store->queue_lock, &until);
    store->waits = false;
    return r != ETIMEDOUT;
}

/* Until there is something to do.  true: move the log into the file. */
static bool wait_for_work(struct store *store)
{
    bool checkpoint = false;

    store->idle = true;
    while (STAILQ_EMPTY(&store->queue) && !store->stop && !checkpoint) {
        uint64_t n_asked = store->n_asked;
        if (!store->may_checkpoint)
            wait_on(store);
        else if (!wait_idle(store))
            checkpoint = n_asked == store->n_asked;
    }
    store->idle = false;
    return checkpoint;
}

static void *run_thread(void *arg)
{
    struct store *store = arg;

    for (;;) {
        pthread_mutex_lock(&store->queue_lock);
        bool checkpoint = wait_for_work(store);
        bool end = STAILQ_EMPTY(&store->queue) && store->stop;
        if (checkpoint)
            store->may_checkpoint = false; /* until more was written */
        pthread_mutex_unlock(&store->queue_lock);
        if (end)
            return NULL;
        pthread_mutex_lock(&store->db_lock);
        write_queue(store, true);
        if (checkpoint && store->wal_frames >= IDLE_FRAMES)
            store_checkpoint(store);
        pthread_mutex_unlock(&store->db_lock);
    }
}

/* ---- in the loop ---- */

static void tell(struct store_item *item)
{
    switch (item->kind) {
    case STORE_ITEM_CHANGE:
        if (item->done)
            item->done(item->arg, item->rc, item->err, item->first_event);
        break;
    case STORE_ITEM_ANSWER:
        item->answer_fn(item->arg, item->rc, item->err,
                        item->rc ? NULL : item->answer);
        break;
    case STORE_ITEM_EVENTS:
        item->events_fn(item->arg, item->rc, item->err, item->events,
                        item->rc ? 0 : item->n_found, item->first, item->last);
        break;
    }
}

static void tell_done(evutil_socket_t fd, short what, void *arg)
{
    struct store *store = arg;
    struct store_item_list items = STAILQ_HEAD_INITIALIZER(items);
    struct store_item *item;
    eventfd_t n;

    pthread_mutex_lock(&store->queue_lock);
    if (fd >= 0)
        (void)eventfd_read(fd, &n);
    STAILQ_CONCAT(&items, &store->done);
    store->telling = true;
    pthread_mutex_unlock(&store->queue_lock);
    while ((item = STAILQ_FIRST(&items))) {
        STAILQ_REMOVE_HEAD(&items, link);
        tell(item);
        arena_free(item->arena);
    }
    pthread_mutex_lock(&store->queue_lock);
    store->telling = false;
    bool wake = go_on(store);
    pthread_mutex_unlock(&store->queue_lock);
    if (wake)
        pthread_cond_signal(&store->wake);
}

/* db_lock is held; false: there is too much by now. */
static bool write_here(struct store *store)
{
    struct store_item_list items = STAILQ_HEAD_INITIALIZER(items);

    pthread_mutex_lock(&store->queue_lock);
    bool fits = fits_loop(store);
    if (fits)
        take_queue(store, &items);
    pthread_mutex_unlock(&store->queue_lock);
    if (!fits || STAILQ_EMPTY(&items))
        return fits;
    store->may_wait = false;
    store_write(store, &items);
    store->n_written_in_loop++;
    pthread_mutex_lock(&store->queue_lock);
    bool had_nothing = !store->may_checkpoint;
    hand_back(store, &items);
    /* The thread looks after the log. */
    bool wake = had_nothing && store->may_checkpoint;
    pthread_mutex_unlock(&store->queue_lock);
    if (wake)
        pthread_cond_signal(&store->wake);
    return true;
}

static void write_in_loop(evutil_socket_t fd, short what, void *arg)
{
    struct store *store = arg;
    bool done = false;

    /* Who holds it is about to look at the queue, or is busy for long. */
    if (pthread_mutex_trylock(&store->db_lock) == 0) {
        done = write_here(store);
        pthread_mutex_unlock(&store->db_lock);
    }
    if (done)
        tell_done(-1, 0, store);
    else
        pthread_cond_signal(&store->wake);
}

static int start_thread(struct store *store, struct vdc_error *err)
{
    sigset_t all, old;

    /* Signals are for the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&store->thread, NULL, run_thread, store);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r)
        return vdc_error_errno(err, VDC_E_STORE, r,
                               "no thread for the resource database %s",
                               store->path);
    pthread_setname_np(store->thread, "store");
    store->has_thread = true;
    return 0;
}

int store_start(struct store *store, struct event_base *base,
                struct vdc_error *err)
{
    if (!base)
        return 0;
    store->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (store->done_fd < 0)
        return vdc_error_errno(err, VDC_E_STORE, errno, "no eventfd");
    store->done_event = event_new(base, store->done_fd, EV_READ | EV_PERSIST,
                                  tell_done, store);
    event_add(store->done_event, NULL);
    store->loop_event = event_new(base, -1, 0, write_in_loop, store);
    return start_thread(store, err);
}

static void free_items(struct store_item_list *items)
{
    struct store_item *item;

    while ((item = STAILQ_FIRST(items))) {
        STAILQ_REMOVE_HEAD(items, link);
        arena_free(item->arena);
    }
}

void store_stop(struct store *store)
{
    if (store->has_thread) {
        pthread_mutex_lock(&store->queue_lock);
        store->stop = true;
        pthread_cond_signal(&store->wake);
        pthread_mutex_unlock(&store->queue_lock);
        pthread_join(store->thread, NULL);
        store->has_thread = false;
    }
    write_queue(store, false); /* without a thread, what nobody waited for */
    if (store->done_event)
        event_free(store->done_event);
    store->done_event = NULL;
    if (store->loop_event)
        event_free(store->loop_event);
    store->loop_event = NULL;
    if (store->done_fd >= 0)
        close(store->done_fd);
    store->done_fd = -1;
    free_items(&store->queue);
    free_items(&store->done);
}

/* ---- asking ---- */

void store_submit(struct store *store, const struct store_change *change,
                  store_done_fn *done, void *arg)
{
    struct store_item *item = new_change(store, change, arg);

    item->done = done;
    enqueue(store, item);
}

int store_apply(struct store *store, const struct store_change *change,
                uint64_t *ret_first_event, struct vdc_error *err)
{
    struct store_item *item = new_change(store, change, NULL);

    item->waited = true;
    enqueue(store, item);
    store_lock(store);
    if (!item->finished)
        write_queue(store, false);
    store_unlock(store);
    int rc = item->rc;
    if (rc && err)
        *err = *item->err;
    if (!rc && ret_first_event)
        *ret_first_event = item->first_event;
    arena_free(item->arena);
    return rc;
}

void store_find_answer(struct store *store, const char *owner, const char *key,
                       store_answer_fn *fn, void *arg)
{
    struct store_item *item = new_item(STORE_ITEM_ANSWER, arg);

    item->owner = arena_strdup(item->arena, owner);
    item->key = arena_strdup(item->arena, key);
    item->answer_fn = fn;
    enqueue(store, item);
}

void store_find_events(struct store *store, uint64_t since, const char *owner,
                       size_t most, store_events_fn *fn, void *arg)
{
    struct store_item *item = new_item(STORE_ITEM_EVENTS, arg);

    item->since = since;
    item->owner = arena_strdup(item->arena, owner);
    item->most = most;
    item->events_fn = fn;
    enqueue(store, item);
}
