/* Those who wait until a guest has shut down or rebooted. */
#include "resourced/waiter.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "resourced/host.h"

struct waiter {
    TAILQ_ENTRY(waiter) link;
    struct waiters *waiters;
    struct vdc_uuid uuid;
    struct vdc_error timeout_err;
    struct event *timer;
    waiter_fn *fn;
    void *arg;
};

TAILQ_HEAD(waiter_list, waiter);

struct waiters {
    struct host *host;
    struct waiter_list all;
};

struct waiters *waiters_new(struct host *host)
{
    struct waiters *waiters = XNEW(struct waiters);

    waiters->host = host;
    TAILQ_INIT(&waiters->all);
    return waiters;
}

static void waiter_free(struct waiter *waiter)
{
    TAILQ_REMOVE(&waiter->waiters->all, waiter, link);
    event_free(waiter->timer);
    free(waiter);
}

void waiters_free(struct waiters *waiters)
{
    struct waiter *waiter;

    if (!waiters)
        return;
    while ((waiter = TAILQ_FIRST(&waiters->all)))
        waiter_free(waiter);
    free(waiters);
}

static void end(struct waiter *waiter, int rc, const struct vdc_error *err)
{
    waiter_fn *fn = waiter->fn;
    void *arg = waiter->arg;

    waiter_free(waiter);
    fn(arg, rc, err);
}

static void timed_out(int fd, short what, void *arg)
{
    struct waiter *waiter = arg;
    struct vdc_error err = waiter->timeout_err;

    end(waiter, err.code, &err);
}

void waiter_add(struct waiters *waiters, const struct vdc_uuid *uuid,
                uint64_t timeout_ms, const struct vdc_error *timeout_err,
                waiter_fn *fn, void *arg)
{
    struct waiter *waiter = XNEW(struct waiter);
    struct timeval tv = { (time_t)(timeout_ms / 1000),
                          (suseconds_t)(timeout_ms % 1000 * 1000) };

    waiter->waiters = waiters;
    waiter->uuid = *uuid;
    waiter->timeout_err = *timeout_err;
    waiter->fn = fn;
    waiter->arg = arg;
    waiter->timer =
        event_new(waiters->host->base, -1, 0, timed_out, waiter);
    event_add(waiter->timer, &tv);
    TAILQ_INSERT_TAIL(&waiters->all, waiter, link);
}

static struct waiter *next_of(struct waiter_list *list,
                              const struct vdc_uuid *uuid)
{
    struct waiter *waiter;

    TAILQ_FOREACH (waiter, list, link)
        if (uuid_equal(&waiter->uuid, uuid))
            return waiter;
    return NULL;
}

void waiters_tell(struct waiters *waiters, const struct vdc_uuid *uuid,
                  int rc, const struct vdc_error *err)
{
    struct waiter *waiter;

    while ((waiter = next_of(&waiters->all, uuid)))
        end(waiter, rc, err);
}

void waiter_cancel(struct waiters *waiters, const void *arg)
{
    struct waiter *waiter;
    struct vdc_error err;

    TAILQ_FOREACH (waiter, &waiters->all, link)
        if (waiter->arg == arg)
            break;
    if (!waiter)
        return;
    vdc_error_set(&err, VDC_E_CANCELLED,
                  "cancelled; the guest was asked already, and may still do "
                  "it");
    end(waiter, err.code, &err);
}
