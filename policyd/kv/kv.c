/* The table of kv.h, called. */
#include "policyd/kv/kv.h"

void kv_read(struct kv *kv, const char *prefix, kv_pair_fn *pair,
             kv_done_fn *done, void *arg)
{
    kv->ops->read(kv, prefix, pair, done, arg);
}

void kv_commit(struct kv *kv, const struct kv_compare *compares,
               size_t n_compares, const struct kv_change *changes,
               size_t n_changes, kv_done_fn *done, void *arg)
{
    kv->ops->commit(kv, compares, n_compares, changes, n_changes, done, arg);
}

struct kv_watch *kv_watch_new(struct kv *kv, const char *prefix,
                              uint64_t after, const struct kv_watcher *w)
{
    return kv->ops->watch_new(kv, prefix, after, w);
}

void kv_watch_free(struct kv_watch *watch)
{
    if (watch)
        watch->kv->ops->watch_free(watch);
}

struct kv_lease *kv_lease_new(struct kv *kv, uint64_t ttl_ms,
                              const struct kv_lease_notify *notify)
{
    return kv->ops->lease_new(kv, ttl_ms, notify);
}

void kv_lease_free(struct kv_lease *lease)
{
    if (lease)
        lease->kv->ops->lease_free(lease);
}

bool kv_up(const struct kv *kv, struct vdc_error *why)
{
    return kv->ops->up(kv, why);
}

void kv_notify(struct kv *kv, void (*changed)(void *arg), void *arg)
{
    kv->changed = changed;
    kv->changed_arg = arg;
}

void kv_drain(struct kv *kv)
{
    if (kv->ops->drain)
        kv->ops->drain(kv);
}

const char *kv_name(const struct kv *kv)
{
    return kv->ops->name(kv);
}

void kv_close(struct kv *kv)
{
    if (kv)
        kv->ops->close(kv);
}
