/*
 * Events: numbered without gaps, kept in the database, sent to those who
 * follow.  A follower that reads slowly is fed from the database at its own
 * pace and costs no memory.  One who asks from a number that is not kept any
 * more, or that never was (the database was made anew), is first given an
 * event `missed`, whose number is that before the first that is kept.
 */
#ifndef RESOURCED_EVENT_LOG_H
#define RESOURCED_EVENT_LOG_H

#include <stdarg.h>
#include <stddef.h>

#include "resourced/partition.h"
#include "resourced/store.h"

struct host;
struct event_log;
struct event_follower;

/* Events that are written with one change: made, numbered, published. */
#define EVENT_BATCH_MAX 48

struct event_batch {
    struct wire_event events[EVENT_BATCH_MAX];
    char texts[EVENT_BATCH_MAX][256];
    size_t n_events;
};

int event_log_open(struct host *host, struct event_log **ret,
                   struct vdc_error *err);
void event_log_close(struct event_log *log); /* NULL is allowed */

/* Adds an event about a partition; the row must outlive the batch. */
void event_batch_add(struct event_batch *batch, const struct host *host,
                     enum wire_event_kind kind,
                     const struct partition_row *row, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts the events into the change; they get their numbers when it is
 * written. */
void event_log_into(struct event_log *log, const struct event_batch *batch,
                    struct store_change *change);
/* The change was written: followers are told.  first_event as in store.h. */
void event_log_publish(struct event_log *log, struct event_batch *batch,
                       uint64_t first_event);

struct event_follower_ops {
    /* One event.  false: no more now (the other end is slow); it is offered
     * again later. */
    bool (*on_event)(void *arg, const struct wire_event *event);
    /* All that is kept was given (not called when following). */
    void (*on_end)(void *arg, const struct vdc_error *err);
};

/* From the loop, never from inside the call. */
struct event_follower *event_follow(struct event_log *log,
                                    const struct wire_events_query *query,
                                    const struct event_follower_ops *ops,
                                    void *arg);
void event_unfollow(struct event_follower *follower); /* NULL is allowed */

#endif
