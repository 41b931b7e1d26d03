/*
 * The data center's store: records of the kinds in store_records.def, in a kv
 * (policyd/kv/kv.h), for one policyd at a time.
 *
 * A commit is queued by store_commit and made durable from the event loop, in
 * the order of the calls, many at a time.  Each is there wholly or not at all,
 * and happens once.  One that fails takes all queued behind it along, as they
 * may rest on it: whoever keeps the records in memory is told and takes all
 * of them back.  So whatever leaves policyd because of a commit waits for it
 * (store_wait).
 *
 * A commit whose outcome is not known, because the connection was lost, is
 * made again until it is.
 */
#ifndef POLICYD_STORE_STORE_H
#define POLICYD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "wire/wire.h"

enum store_record {
#define STORE_RECORD(constant, prefix, body, loaded, text) STORE_##constant,
#include "policyd/store/store_records.def"
    STORE_N_RECORDS
};

struct store_kind {
    const char *prefix;
    const struct wire_struct *body;
    bool loaded;
    const char *text;
};
extern const struct store_kind store_kinds[STORE_N_RECORDS];

enum store_change_kind {
    STORE_PUT,       /* added or replaced */
    STORE_REMOVE,    /* nothing happens when it is not there */
    STORE_REMOVE_ALL /* those whose id begins with it */
};

struct store_change {
    enum store_change_kind kind;
    enum store_record record;
    const char *id;
    const void *body; /* STORE_PUT: of its kind's struct */
};

/* Of one commit; 1 is left for the store itself. */
#define STORE_CHANGES_MAX 127

struct store;
struct event_base;
struct metrics_timing;

struct store_notify {
    /* Commits up to this number are durable. */
    void (*durable)(void *arg, uint64_t number);
    /* All others are refused: nothing of them was changed. */
    void (*refused)(void *arg, const struct vdc_error *why);
    /* Another policyd has taken the store over: nothing can be changed any
     * more, and what is in memory is out of date. */
    void (*lost)(void *arg, const struct vdc_error *why);
    void *arg;
};

/* Where it is.  All but the address is for etcd and may be "" or NULL. */
struct store_settings {
    const char *address; /* "/PATH", "sqlite:/PATH", "etcd:URL[,URL...]" */
    const char *prefix;  /* before each key */
    const char *ca, *certificate, *key; /* files */
    const char *user;
    const char *password_file;
};

/*
 * A file of SQLite that an earlier version made is converted, wholly or not at
 * all; as it was it stays as PATH.version-N.  Does not wait for etcd.
 * Errors: VDC_E_BAD_CONFIG (the settings), VDC_E_NO_FILE and VDC_E_DENIED
 * (their files), and those of kv_sqlite_open.
 */
int store_open(struct event_base *base, const struct store_settings *settings,
               struct store **ret, struct vdc_error *err);

/* The same; VDC_E_NO_FILE when there is none. */
int store_open_existing(struct event_base *base,
                        const struct store_settings *settings,
                        struct store **ret, struct vdc_error *err);

/* Called for each record in the order of the table; an error ends the loading
 * with that error. */
typedef int store_load_fn(void *arg, enum store_record record, const char *id,
                          const void *body, struct vdc_error *err);

/*
 * Takes the store over and loads it: once, before anything else.  Runs the
 * loop until that is done.  Errors: VDC_E_STORE, VDC_E_STORE_CORRUPT, and the
 * loader's.
 */
int store_load(struct store *store, store_load_fn *load, void *arg,
               struct vdc_error *err);
void store_set_notify(struct store *store, const struct store_notify *notify);
/* Whether this policyd surely leads: only then may it have hosts do anything.
 * While etcd does not answer, and its lease may have ended, it does not know.
 * Errors: VDC_E_NO_DAEMON, as if the host could not be reached. */
int store_check_leads(const struct store *store, struct vdc_error *err);

/*
 * Queues a commit; *ret_number (may be NULL) is one more than the last one's.
 * Errors: VDC_E_STORE (it cannot be reached; nothing is queued),
 * VDC_E_BAD_VALUE (a record that cannot be stored).
 */
int store_commit(struct store *store, const struct store_change *changes,
                 size_t n_changes, uint64_t *ret_number,
                 struct vdc_error *err);

/*
 * Calls `fn` when all that was queued so far is durable (why->code is 0) or
 * refused, from the loop; those who wait in the order of the calls.  False:
 * there is nothing to wait for, and fn is not called.
 */
typedef void store_wait_fn(void *arg, const struct vdc_error *why);
bool store_wait(struct store *store, store_wait_fn *fn, void *arg);

/*
 * The records of a kind whose ids begin with `prefix`, of those that are
 * durable: `fn` for each, in the order of ids, then `done`, from the loop.
 * Errors: those of kv_read, VDC_E_STORE_CORRUPT.
 */
typedef void store_read_fn(void *arg, const char *id, const void *body);
void store_read(struct store *store, enum store_record record,
                const char *prefix, store_read_fn *fn, store_wait_fn *done,
                void *arg);

/* The same, while there is nothing else on the loop, which runs until it is
 * done; without taking the store over.  Errors: the same. */
int store_read_now(struct store *store, enum store_record record,
                   const char *prefix, store_read_fn *fn, void *arg,
                   struct vdc_error *err);

/* Runs the loop until all that was queued is durable: for the beginning, when
 * there is nothing else on the loop.  Errors: why it was refused. */
int store_settle(struct store *store, struct vdc_error *err);

/* Makes durable what is queued, where that can be done at once; callbacks come
 * during the call.  Who waits for the rest gets VDC_E_CLOSED: its outcome is
 * not known.  For a program that ends. */
void store_drain(struct store *store);

/* Whether it takes changes, as far as is known; `why` says why not. */
bool store_up(const struct store *store, struct vdc_error *why);
/* Commits that became durable, and how long they took from store_commit on;
 * and how many were refused. */
void store_commits(const struct store *store, struct metrics_timing *ret,
                   uint64_t *ret_refused);

/* For people. */
const char *store_name(const struct store *store);

/* What is queued is lost; nobody is called.  NULL allowed. */
void store_close(struct store *store);

/* ---- whole stores (transfer.c) ---- */

/* Every record, encoded, by kind and key, of one moment, without taking the
 * store over.  Runs the loop until that is done.
 * Errors: VDC_E_STORE, VDC_E_STORE_CORRUPT (a key that is none of ours), and
 * those of `fn`. */
typedef int store_value_fn(void *arg, enum store_record record, const char *id,
                           const uint8_t *value, size_t size,
                           struct vdc_error *err);
int store_read_all(struct store *store, store_value_fn *fn, void *arg,
                   struct vdc_error *err);
/* The same while others use the loop: `done` is called from it.  What is
 * queued and not durable is not there. */
void store_read_all_later(struct store *store, store_value_fn *fn,
                          store_wait_fn *done, void *arg);

/*
 * Takes the store over, to be filled by store_commit.  Until store_end_import
 * has returned 0 nobody can load it.  Both run the loop.
 * Errors: VDC_E_EXISTS when it is not empty, unless `replace`, which removes
 * what there is; VDC_E_BUSY (a policyd works on it), VDC_E_STORE,
 * VDC_E_DISK_FULL.
 */
int store_begin_import(struct store *store, bool replace,
                       struct vdc_error *err);
int store_end_import(struct store *store, struct vdc_error *err);

/* ---- for store*.c ---- */

/* "customer/acme"; what a key cannot hold is written %XX. */
char *store_key(enum store_record record, const char *id, struct arena *arena);
/* The other way; false when it is none of ours. */
bool store_key_parse(const char *key, struct arena *arena,
                     enum store_record *ret_record, const char **ret_id);

#endif
