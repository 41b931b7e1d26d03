/*
 * What could be instead of SQLite's log: each batch is appended to a file
 * that has its size and its blocks already, one fdatasync makes it durable,
 * and it is told; SQLite follows, in a transaction that is kept open for many
 * batches and never synced, as the log could do it again.
 *
 * For its figures only: nothing here reads the log, a change that SQLite
 * refuses was told before, and what is asked would have to wait for SQLite.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/bench/bench_store.h"

#define LOG_SIZE (32 * 1024 * 1024)
#define BATCH_SIZE (4 * 1024 * 1024)
/* Changes in one transaction of SQLite. */
#define OPEN_MOST 512

struct told {
    STAILQ_ENTRY(told) link;
    struct client *client;
    bool second;
};

STAILQ_HEAD(told_list, told);

static struct {
    struct bench *bench;
    char *path;
    int fd, done_fd;
    struct event *event;
    off_t at;
    uint8_t *buf;
    size_t size;
    unsigned n_open;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store_item_list queue;
    struct told_list done;
    bool stop, telling;
} own;

/* ---- the thread ---- */

static void put(const void *data, size_t size)
{
    if (own.size + size > BATCH_SIZE)
        die("a batch is too large", NULL);
    memcpy(own.buf + own.size, data, size);
    own.size += size;
}

static void put_item(const struct store_item *item)
{
    struct store_op *op;

    STAILQ_FOREACH (op, &item->ops, link) {
        put(&op->statement, sizeof(op->statement));
        put(&op->row.sum, sizeof(op->row.sum));
        for (size_t i = 0; i < op->row.n; i++) {
            const struct store_value *value = &op->row.values[i];
            put(&value->type, 1);
            put(&value->size, 4);
            if (value->type == SQLITE_INTEGER)
                put(&value->number, 8);
            else if (value->size)
                put(value->data, value->size);
        }
    }
}

static void write_batch(void)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325), word;

    for (size_t i = 0; i + 8 <= own.size; i += 8) {
        memcpy(&word, own.buf + i, 8);
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
    }
    put(&sum, sizeof(sum));
    if (own.at + (off_t)own.size > LOG_SIZE)
        own.at = 0;
    if (pwrite(own.fd, own.buf, own.size, own.at) != (ssize_t)own.size ||
        fdatasync(own.fd))
        die("log", NULL);
    own.at += (off_t)own.size;
    own.size = 0;
}

static void tell(const struct store_item_list *items)
{
    struct store_item *item;

    pthread_mutex_lock(&own.lock);
    STAILQ_FOREACH (item, items, link) {
        struct told *told = XNEW(struct told);
        told->client = item->arg;
        told->second = item->n_events > 0;
        STAILQ_INSERT_TAIL(&own.done, told, link);
    }
    pthread_mutex_unlock(&own.lock);
    (void)eventfd_write(own.done_fd, 1);
}

static void apply(struct store_item_list *items)
{
    struct store *store = own.bench->store;
    struct store_item *item;

    while ((item = STAILQ_FIRST(items))) {
        STAILQ_REMOVE_HEAD(items, link);
        if (own.n_open == 0)
            run_bare(store, STORE_BEGIN);
        run_ops(store, item);
        arena_free(item->arena);
        if (++own.n_open < OPEN_MOST)
            continue;
        run_bare(store, STORE_COMMIT);
        own.n_open = 0;
    }
}

static void *run_thread(void *arg)
{
    for (;;) {
        struct store_item_list items = STAILQ_HEAD_INITIALIZER(items);
        struct store_item *item;

        pthread_mutex_lock(&own.lock);
        while (STAILQ_EMPTY(&own.queue) && !own.stop)
            pthread_cond_wait(&own.wake, &own.lock);
        STAILQ_CONCAT(&items, &own.queue);
        pthread_mutex_unlock(&own.lock);
        if (STAILQ_EMPTY(&items))
            return NULL;
        STAILQ_FOREACH (item, &items, link)
            put_item(item);
        write_batch();
        tell(&items);
        apply(&items);
    }
}

/* ---- the loop ---- */

static void submit(const struct store_change *change, void *arg)
{
    struct arena *arena = arena_new();
    struct store_item *item = ARENA_NEW(arena, struct store_item);
    struct vdc_error err;

    item->arena = arena;
    item->arg = arg;
    if (store_encode(item, change, &err))
        die("encode", &err);
    pthread_mutex_lock(&own.lock);
    STAILQ_INSERT_TAIL(&own.queue, item, link);
    if (!own.telling)
        pthread_cond_signal(&own.wake);
    pthread_mutex_unlock(&own.lock);
}

void log_begin(struct client *client)
{
    with_change(client, false, submit, client);
}

static void one_told(const struct told *told)
{
    struct bench *bench = own.bench;

    if (!told->second) {
        with_change(told->client, true, submit, told->client);
        return;
    }
    bench->n_done++;
    if (seconds(CLOCK_MONOTONIC) < bench->until)
        log_begin(told->client);
    else
        bench->n_busy--;
}

static void take_told(evutil_socket_t fd, short what, void *arg)
{
    struct told_list list = STAILQ_HEAD_INITIALIZER(list);
    struct told *told;
    eventfd_t n;

    (void)eventfd_read(own.done_fd, &n);
    pthread_mutex_lock(&own.lock);
    STAILQ_CONCAT(&list, &own.done);
    own.telling = true;
    pthread_mutex_unlock(&own.lock);
    while ((told = STAILQ_FIRST(&list))) {
        STAILQ_REMOVE_HEAD(&list, link);
        one_told(told);
        free(told);
    }
    pthread_mutex_lock(&own.lock);
    own.telling = false;
    pthread_cond_signal(&own.wake);
    pthread_mutex_unlock(&own.lock);
}

clockid_t log_clock(void)
{
    clockid_t clock;

    pthread_getcpuclockid(own.thread, &clock);
    return clock;
}

void log_open(struct bench *bench, const char *folder)
{
    struct vdc_error err;

    own.bench = bench;
    own.path = xasprintf("%s/bench-own.log", folder);
    own.fd = open(own.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    own.buf = xzalloc(BATCH_SIZE);
    for (off_t at = 0; at < LOG_SIZE; at += BATCH_SIZE)
        if (pwrite(own.fd, own.buf, BATCH_SIZE, at) != BATCH_SIZE)
            die("log", NULL);
    own.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fsync(own.fd) || own.done_fd < 0)
        die("log", NULL);
    if (store_run_sql(bench->store, "PRAGMA synchronous = OFF", "setting",
                      &err))
        die("log", &err);
    own.event = event_new(bench->place.base, own.done_fd, EV_READ | EV_PERSIST,
                          take_told, NULL);
    event_add(own.event, NULL);
    STAILQ_INIT(&own.queue);
    STAILQ_INIT(&own.done);
    pthread_mutex_init(&own.lock, NULL);
    pthread_cond_init(&own.wake, NULL);
    if (pthread_create(&own.thread, NULL, run_thread, NULL))
        die("thread", NULL);
}

void log_close(void)
{
    pthread_mutex_lock(&own.lock);
    own.stop = true;
    pthread_cond_signal(&own.wake);
    pthread_mutex_unlock(&own.lock);
    pthread_join(own.thread, NULL);
    if (own.n_open)
        run_bare(own.bench->store, STORE_COMMIT);
    event_free(own.event);
    close(own.fd);
    close(own.done_fd);
    unlink(own.path);
    free(own.path);
    free(own.buf);
}
