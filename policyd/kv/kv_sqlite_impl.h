/*
 * What the files of the store in SQLite share.  Only kv_sqlite*.c include it.
 */
#ifndef POLICYD_KV_KV_SQLITE_IMPL_H
#define POLICYD_KV_KV_SQLITE_IMPL_H

#include <sqlite3.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "policyd/kv/kv_sqlite.h"

struct event;

enum kv_sqlite_kind {
    KV_SQLITE_READ,
    KV_SQLITE_COMMIT,
    KV_SQLITE_LEASE_END /* the keys of a lease go */
};

struct kv_sqlite_change {
    STAILQ_ENTRY(kv_sqlite_change) link;
    struct kv_pair pair; /* value NULL: deleted */
};

/* One request; afterwards, if it changed something, a piece of history. */
struct kv_sqlite_request {
    TAILQ_ENTRY(kv_sqlite_request) link;
    struct arena *arena; /* holds all of it */
    enum kv_sqlite_kind kind;
    const char *prefix;
    struct kv_compare *compares;
    size_t n_compares;
    struct kv_change *changes;
    size_t n_changes;
    uint64_t lease;
    kv_pair_fn *pair;
    kv_done_fn *done; /* NULL: nobody waits */
    void *arg;
    /* what came of it */
    struct vdc_error err; /* set before: it is not even tried */
    uint64_t revision;
    STAILQ_HEAD(, kv_sqlite_change) changed;
    size_t n_bytes;
};
TAILQ_HEAD(kv_sqlite_requests, kv_sqlite_request);

struct kv_sqlite_watch {
    struct kv_watch head;
    TAILQ_ENTRY(kv_sqlite_watch) link;
    struct kv_watcher watcher;
    char *prefix;
    uint64_t seen; /* up to this revision */
    bool over;     /* lost, and said so */
    bool dead;     /* freed while changes are being told */
};

struct kv_sqlite_lease {
    struct kv_lease head;
    TAILQ_ENTRY(kv_sqlite_lease) link;
    struct kv_lease_notify notify;
    struct event *timer;
    uint64_t id;
    uint64_t ttl_ms;
    uint64_t renewed_ms; /* clock_mono */
    bool granted, over;
};

enum kv_sqlite_statement {
    KV_SQLITE_GET,
    KV_SQLITE_PUT,
    KV_SQLITE_DELETE,
    KV_SQLITE_LIST,
    KV_SQLITE_LIST_LEASE,
    KV_SQLITE_REVISION,
    KV_SQLITE_N_STATEMENTS
};

struct kv_sqlite {
    struct kv kv;
    struct event_base *base;
    struct event *turn; /* something waits for the loop */
    sqlite3 *db;
    sqlite3_stmt *statements[KV_SQLITE_N_STATEMENTS];
    char *path;
    char *name;
    int lock_fd; /* as long as it is open */
    uint64_t revision;
    struct kv_sqlite_requests queue;
    /* all changes after history_after, oldest first */
    struct kv_sqlite_requests history;
    uint64_t history_after;
    size_t n_history, n_history_bytes;
    TAILQ_HEAD(, kv_sqlite_watch) watches;
    TAILQ_HEAD(, kv_sqlite_lease) leases;
    uint64_t last_lease;
    bool in_turn; /* a callback may be running */
    bool closed;  /* by one */
};

/* ---- kv_sqlite_file.c: the file ---- */

int kv_sqlite_file_open(struct kv_sqlite *s,
                        const struct kv_sqlite_upgrade *upgrade,
                        struct vdc_error *err);
void kv_sqlite_file_close(struct kv_sqlite *s);
int kv_sqlite_run(struct kv_sqlite *s, const char *sql, struct vdc_error *err);

/* ---- kv_sqlite_change.c: what a request does in it ---- */

/* Commits all of them, and sets what came of each: err, revision, changed. */
void kv_sqlite_commit_all(struct kv_sqlite *s,
                          struct kv_sqlite_requests *group);
/* Calls `pair`, until the store is closed. */
int kv_sqlite_list(struct kv_sqlite *s, const struct kv_sqlite_request *r,
                   struct vdc_error *err);

/* ---- kv_sqlite_watch.c ---- */

/* Takes the request over; those too old go. */
void kv_sqlite_history_add(struct kv_sqlite *s, struct kv_sqlite_request *r);
void kv_sqlite_history_free(struct kv_sqlite *s);
/* Tells every watch what it does not know yet. */
void kv_sqlite_tell(struct kv_sqlite *s);
struct kv_watch *kv_sqlite_watch_new(struct kv *kv, const char *prefix,
                                     uint64_t after,
                                     const struct kv_watcher *watcher);
void kv_sqlite_watch_free(struct kv_watch *watch);

/* ---- kv_sqlite_lease.c ---- */

struct kv_lease *kv_sqlite_lease_new(struct kv *kv, uint64_t ttl_ms,
                                     const struct kv_lease_notify *notify);
void kv_sqlite_lease_free(struct kv_lease *lease);
bool kv_sqlite_lease_is_good(const struct kv_sqlite *s, uint64_t id);

/* ---- kv_sqlite.c ---- */

/* A turn of ours soon, from the loop. */
void kv_sqlite_wake(struct kv_sqlite *s);
/* Queues the end of a lease's keys. */
void kv_sqlite_end_lease(struct kv_sqlite *s, uint64_t id);

#endif
