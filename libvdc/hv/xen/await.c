/* Waits for a value in xenstore, by a watch and a timer in the loop. */
#include "hv/xen/await.h"

#include <event2/event.h>
#include <stdlib.h>

#include "hv/xen/store.h"

struct await {
    struct hv_xen *self;
    char *path;
    struct hv_store_watch *watch;
    struct event *timer;
    await_enough_fn *enough;
    await_done_fn *done;
    void *arg;
};

void await_free(struct await *await)
{
    if (!await)
        return;
    if (await->watch)
        await->self->hv.store->unwatch(&await->self->hv, await->watch);
    if (await->timer)
        event_free(await->timer);
    free(await->path);
    free(await);
}

static bool is_enough(const struct await *await)
{
    char value[64];
    bool there = store_read_short(await->self->store, await->path, value,
                                  sizeof(value));

    return await->enough(there ? value : NULL);
}

static void end(struct await *await, bool reached)
{
    await_done_fn *done = await->done;
    void *arg = await->arg;

    await_free(await);
    done(arg, reached);
}

static void changed(void *arg, const char *path)
{
    struct await *await = arg;

    if (is_enough(await))
        end(await, true);
}

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
    struct await *await = arg;

    end(await, is_enough(await));
}

int await_new(struct hv_xen *self, const char *path, unsigned timeout_ms,
              await_enough_fn *enough, await_done_fn *done, void *arg,
              struct await **ret, struct vdc_error *err)
{
    struct timeval timeout = { timeout_ms / 1000,
                               (suseconds_t)(timeout_ms % 1000) * 1000 };
    struct await *await = XNEW(struct await);

    await->self = self;
    await->path = xstrdup(path);
    await->enough = enough;
    await->done = done;
    await->arg = arg;
    await->timer = event_new(self->base, -1, 0, timed_out, await);
    if (!await->timer || event_add(await->timer, &timeout) != 0) {
        await_free(await);
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "cannot add an event to the loop");
    }
    /* A watch fires once by itself: so the value is looked at at once. */
    int rc = self->hv.store->watch(&self->hv, path, changed, await,
                                   &await->watch, err);
    if (rc) {
        await_free(await);
        return rc;
    }
    *ret = await;
    return 0;
}
