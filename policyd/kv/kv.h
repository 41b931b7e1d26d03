/*
 * A store of keys and values with revisions, as etcd's v3 interface has it:
 * what the data center's store stands on.  One interface, two implementations:
 * SQLite in a file (kv_sqlite.h) and etcd (kv_etcd.h); the same tests are run
 * on both.
 *
 * Every commit that changes something makes a new revision of the whole
 * store, one more than the last.  A key remembers at which revision it was
 * created and modified last.
 *
 * All calls return at once.  Each has exactly one callback, from the event
 * loop, never from inside the call; except that kv_close calls none.  What is
 * passed to a callback is valid during it.  Requests of one kv take effect in
 * the order of the calls.
 *
 * Errors of all requests, besides those named:
 *   VDC_E_STORE     not reachable, or it refuses; nothing was changed
 *   VDC_E_CLOSED    the connection was lost meanwhile: a commit may have
 *                   happened or not.  A commit whose comparisons fail once it
 *                   has happened can simply be made again.
 *   VDC_E_STORE_CORRUPT, VDC_E_DISK_FULL, VDC_E_DENIED
 */
#ifndef POLICYD_KV_KV_H
#define POLICYD_KV_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Of keys (printable ASCII, no NUL); of values; of what one commit holds.
 * These are under etcd's own limits as it is installed. */
#define KV_KEY_MAX 1023
#define KV_VALUE_MAX (1024 * 1024)
#define KV_COMMIT_MAX 128          /* comparisons, and changes */
#define KV_COMMIT_BYTES_MAX (1024 * 1024)

struct kv;
struct event_base;

struct kv_pair {
    const char *key;
    const uint8_t *value; /* NULL: deleted (watches only) */
    size_t size;
    uint64_t created;     /* revisions */
    uint64_t modified;
    uint64_t lease;       /* 0: none */
};

/* What must be so for a commit to happen. */
enum kv_compare_kind {
    KV_MODIFIED_IS,  /* the key's last change; 0: there is no such key */
    KV_CREATED_IS,   /* its creation; 0: there is no such key */
    KV_VALUE_IS      /* its value, byte by byte */
};

struct kv_compare {
    enum kv_compare_kind kind;
    const char *key;
    uint64_t revision;
    const uint8_t *value; /* KV_VALUE_IS */
    size_t size;
};

enum kv_change_kind {
    KV_PUT,
    KV_DELETE,       /* one key; no error when it is not there */
    KV_DELETE_PREFIX /* all keys that begin with it */
};

/* One key at most once in a commit. */
struct kv_change {
    enum kv_change_kind kind;
    const char *key;
    const uint8_t *value;
    size_t size;
    uint64_t lease; /* KV_PUT: the key goes when this lease ends; 0: never */
};

/* The end of a request; err->code 0 is success. */
typedef void kv_done_fn(void *arg, uint64_t revision,
                        const struct vdc_error *err);
/* Before it, for each pair in the order of keys. */
typedef void kv_pair_fn(void *arg, const struct kv_pair *pair);

/*
 * All pairs whose key begins with `prefix` (or is it), as of one revision,
 * which `done` gets.  A long list is fetched in pages of that revision.
 */
void kv_read(struct kv *kv, const char *prefix, kv_pair_fn *pair,
             kv_done_fn *done, void *arg);

/*
 * Wholly or not at all, and durable when `done` says success, which gets its
 * revision.  VDC_E_CONFLICT: a comparison failed, nothing was changed.
 * VDC_E_BAD_VALUE: over the limits above, or a lease that has ended.
 */
void kv_commit(struct kv *kv, const struct kv_compare *compares,
               size_t n_compares, const struct kv_change *changes,
               size_t n_changes, kv_done_fn *done, void *arg);

/*
 * A watch: every change of keys with this prefix after revision `after`, each
 * once, in the order of revisions, those of one revision together, followed
 * by `done` once for each revision.  It goes on by itself where it stopped
 * when the connection was lost; when what it would need is there no more
 * (compacted), `lost` is called, and it is over: read again and watch from
 * there.
 */
struct kv_watch;
struct kv_watcher {
    kv_pair_fn *pair;
    void (*done)(void *arg, uint64_t revision);
    void (*lost)(void *arg);
    void *arg;
};
struct kv_watch *kv_watch_new(struct kv *kv, const char *prefix,
                              uint64_t after, const struct kv_watcher *w);
void kv_watch_free(struct kv_watch *watch); /* NULL allowed */

/*
 * A lease lives `ttl_ms` (1 s to 1 h; rounded up to whole seconds) and, while
 * kept, goes on: it is renewed each third of that.  `ended` is called once
 * when it can no longer be relied on: by the clock of this machine it may have
 * ended, because no renewal was answered in time, or the store said so.  Keys
 * that were put with it are then gone, or soon will be.
 *
 * With `doubtful`, that a renewal was not answered in time does not end it:
 * `doubtful` is called, and it is tried on.  If the store renews it after all,
 * it never ended there, so its keys were there all the time, and `sure` is
 * called; if the store says that it has ended, `ended`.  So it may go on any
 * number of times.
 */
struct kv_lease;
struct kv_lease_notify {
    void (*granted)(void *arg, uint64_t id);
    void (*ended)(void *arg, const struct vdc_error *why);
    void *arg;
    void (*doubtful)(void *arg, const struct vdc_error *why); /* may be NULL */
    void (*sure)(void *arg); /* NULL: as doubtful is */
};
struct kv_lease *kv_lease_new(struct kv *kv, uint64_t ttl_ms,
                              const struct kv_lease_notify *notify);
/* Ends it, if the store can be reached.  NULL allowed. */
void kv_lease_free(struct kv_lease *lease);

/* Whether the store answers, as far as is known.  `why` says why not. */
bool kv_up(const struct kv *kv, struct vdc_error *why);
/* Called when that changes; NULL: nobody. */
void kv_notify(struct kv *kv, void (*changed)(void *arg), void *arg);

/* Does what is queued as far as it can be done without waiting for another
 * machine: the callbacks come during this call.  For a program that ends. */
void kv_drain(struct kv *kv);

/* What it is, for people: "SQLite /var/lib/xen-vdc/policyd.db",
 * "etcd http://127.0.0.1:2379". */
const char *kv_name(const struct kv *kv);

/* No callback comes any more; what is under way may happen or not.  Watches
 * and leases must have been freed.  NULL allowed. */
void kv_close(struct kv *kv);

/* For implementations: the head of each one's struct, and of its watches and
 * leases. */
struct kv_ops {
    void (*read)(struct kv *kv, const char *prefix, kv_pair_fn *pair,
                 kv_done_fn *done, void *arg);
    void (*commit)(struct kv *kv, const struct kv_compare *compares,
                   size_t n_compares, const struct kv_change *changes,
                   size_t n_changes, kv_done_fn *done, void *arg);
    struct kv_watch *(*watch_new)(struct kv *kv, const char *prefix,
                                  uint64_t after,
                                  const struct kv_watcher *watcher);
    void (*watch_free)(struct kv_watch *watch);
    struct kv_lease *(*lease_new)(struct kv *kv, uint64_t ttl_ms,
                                  const struct kv_lease_notify *notify);
    void (*lease_free)(struct kv_lease *lease);
    bool (*up)(const struct kv *kv, struct vdc_error *why);
    const char *(*name)(const struct kv *kv);
    void (*drain)(struct kv *kv); /* NULL: nothing can be done */
    void (*close)(struct kv *kv);
};

struct kv {
    const struct kv_ops *ops;
    void (*changed)(void *arg);
    void *changed_arg;
};
struct kv_watch {
    struct kv *kv;
};
struct kv_lease {
    struct kv *kv;
};

#endif
