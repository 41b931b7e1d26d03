/*
 * Work that would block the event loop, in threads.
 *
 * libxl builds a domain (reads and unpacks the kernel, fills guest memory) and
 * dumps a core within one call, asynchronous or not; only what comes after is
 * event-driven.  That takes seconds for a large guest, so those operations run
 * in a thread each, with a libxl context of their own.  A piece of work owns
 * all that it uses: it shares nothing with the loop while it runs.
 */
#ifndef VDC_HV_XEN_WORK_H
#define VDC_HV_XEN_WORK_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/error.h"

struct event_base;
struct work_pool;

/* Embedded in what is to be worked on. */
struct work {
    void (*run)(struct work *work);  /* in a thread */
    void (*done)(struct work *work); /* in the loop, after run; frees it */
    /* Frees it without further ado: the pool was destroyed.  In the loop's
     * thread when it had not begun, else in its own. */
    void (*drop)(struct work *work);
    /* It waits for another host, for as long as that takes: so it begins at
     * once, and others do not wait for it. */
    bool waits;
    struct work_pool *pool;
    STAILQ_ENTRY(work) link;
};

/* Errors: VDC_E_HYPERVISOR (no descriptors left). */
int work_pool_new(struct event_base *base, struct work_pool **ret,
                  struct vdc_error *err);

/* Work under way is abandoned: its `done` does not come.  NULL is allowed. */
void work_pool_destroy(struct work_pool *pool);

/*
 * For `run` of what waits for the loop's own thread: VDC_E_NOMEM when it is
 * that thread, because the system refused another.
 */
int work_check_thread(const struct work *work, struct vdc_error *err);

/* Begins it, or queues it when many run already. */
void work_start(struct work_pool *pool, struct work *work);

#endif
