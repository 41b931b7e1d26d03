/* Epochs of moves, in memory; see epoch.h. */
#include "resourced/epoch.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "resourced/host.h"

#define BUCKETS 256

struct epoch {
    LIST_ENTRY(epoch) link;
    struct stored_epoch is;
};

struct epochs {
    LIST_HEAD(, epoch) buckets[BUCKETS];
};

static struct epoch *find(const struct epochs *epochs,
                          const struct vdc_uuid *uuid)
{
    struct epoch *epoch;

    LIST_FOREACH (epoch, &epochs->buckets[uuid->bytes[0]], link)
        if (uuid_equal(&epoch->is.uuid, uuid))
            return epoch;
    return NULL;
}

static void set(struct epochs *epochs, const struct stored_epoch *to)
{
    struct epoch *epoch = find(epochs, &to->uuid);

    if (!epoch) {
        epoch = XNEW(struct epoch);
        LIST_INSERT_HEAD(&epochs->buckets[to->uuid.bytes[0]], epoch, link);
    }
    epoch->is = *to;
}

int epochs_open(struct host *host, struct epochs **ret, struct vdc_error *err)
{
    struct epochs *epochs = XNEW(struct epochs);
    struct arena *arena = arena_new();
    struct stored_epoch *all;
    size_t n;
    int rc = store_epochs(host->store, arena, &all, &n, err);

    for (size_t i = 0; i < BUCKETS; i++)
        LIST_INIT(&epochs->buckets[i]);
    for (size_t i = 0; !rc && i < n; i++)
        set(epochs, &all[i]);
    arena_free(arena);
    if (rc) {
        free(epochs);
        return rc;
    }
    *ret = epochs;
    return 0;
}

void epochs_close(struct epochs *epochs)
{
    struct epoch *epoch;

    for (size_t i = 0; epochs && i < BUCKETS; i++)
        while ((epoch = LIST_FIRST(&epochs->buckets[i]))) {
            LIST_REMOVE(epoch, link);
            free(epoch);
        }
    free(epochs);
}

uint64_t epoch_of(const struct host *host, const struct vdc_uuid *uuid)
{
    const struct epoch *epoch = find(host->epochs, uuid);

    return epoch ? epoch->is.epoch : 0;
}

bool epoch_is_unknown(const struct host *host, const struct vdc_uuid *uuid)
{
    const struct epoch *epoch = find(host->epochs, uuid);

    return epoch && !epoch->is.epoch;
}

bool epoch_is_gone(const struct host *host, const struct vdc_uuid *uuid)
{
    const struct epoch *epoch = find(host->epochs, uuid);

    return epoch && epoch->is.gone;
}

void epoch_take(struct host *host, const struct stored_epoch *epoch)
{
    set(host->epochs, epoch);
}
