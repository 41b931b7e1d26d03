/*
 * The resource database on disk (SQLite): partitions, resources, leases, the
 * journal of open transactions, answers that are kept for keys, events.
 *
 * Writing.  store_submit takes a change, which is wholly there or wholly not,
 * and says from the loop when it is durable.  A thread of its own writes:
 * all changes that have come while it waited for the disk go into one SQLite
 * transaction and share one fsync; one that fails takes no other with it.
 * Changes are done in the order of their submission, and `done` comes in that
 * order.  What comes while nothing else is under way, and the disk is fast,
 * is written in the loop itself; see store_options.loop_commit_us.
 *
 * Never silently wrong.  Every row has a checksum over all that it holds;
 * the file as a whole is checked by SQLite at open; and the number of changes
 * ever made is in the database and, outside of it, in a small file on a file
 * system that does not outlive the host's boot (store_options.sequence_path),
 * so that a log cut short or damaged, which SQLite takes for its end, is
 * noticed, and a database that is gone is not taken for a new host's.
 *
 * Errors of every function: VDC_E_DISK_FULL, VDC_E_STORE, VDC_E_STORE_CORRUPT;
 * nothing was changed then.
 */
#ifndef RESOURCED_STORE_H
#define RESOURCED_STORE_H

#include <stdint.h>

#include "resourced/partition.h"
#include "wire/wire.h"

struct event_base;
struct store;

/* A transaction that has begun and not ended. */
struct journal_entry {
    uint64_t id;
    bool passed; /* it has begun what cannot be undone */
    bool prepared; /* it waits for a decision (transaction.h); not passed */
    struct wire_transaction request; /* operations with their uuids */
    uint64_t begun_ms;
};

/* The first answer to a request with a key. */
struct stored_answer {
    const char *owner;
    const char *key;
    uint64_t digest;  /* of the request, to tell another with the same key */
    uint64_t time_ms; /* since 1970 */
    struct wire_transaction_reply reply; /* when code is 0 */
    int code;                            /* or the error */
    const char *text, *hint;
};

/* The epoch of the last move of a partition that this host had a part in: it
 * came here, left, or was to leave.  It stays when the partition is gone. */
struct stored_epoch {
    struct vdc_uuid uuid;
    uint64_t epoch;
    bool gone; /* that move has taken it to another host */
};

/* What somebody has; see struct wire_resource for the members. */
struct resource_row {
    uint64_t index;
    enum wire_resource_kind kind;
    const char *name;
    struct vdc_uuid uuid; /* of the partition or lease */
    const char *owner;
    bool leased;
    uint64_t amount;
    const char *backend;
    const char *detail;
    uint64_t generation;
    uint64_t since_ms;
};

/* What is written together; members that are NULL or 0 write nothing. */
struct store_change {
    const struct journal_entry *journal_add;
    uint64_t journal_pass;   /* id: it is `passed` now */
    uint64_t journal_prepare; /* id: it is `prepared` now */
    uint64_t journal_remove; /* id */
    const struct partition_row *const *put; /* by uuid; with their indexes */
    size_t n_put;
    const struct vdc_uuid *forget;
    size_t n_forget;
    const struct resource_row *resources_put; /* by index */
    size_t n_resources_put;
    const uint64_t *resources_remove; /* indexes */
    size_t n_resources_remove;
    const struct wire_lease *lease_put; /* by id; expires_ms is since 1970 */
    const struct vdc_uuid *lease_remove;
    const struct stored_epoch *epochs; /* by uuid */
    size_t n_epochs;
    const struct stored_answer *answer;
    uint64_t answers_before_ms; /* older ones are dropped */
    /* Their numbers are given when they are written, without gaps. */
    const struct wire_event *events;
    size_t n_events;
    uint64_t event_keep; /* so many are kept; 0: all */
};

struct store_options {
    const char *path;          /* of the database */
    const char *sequence_path; /* see above; NULL or "": none */
    /*
     * A few small changes at a time may be written in the loop, without the
     * thread, as long as each of the last commits took less than this: then
     * it costs more to be handed over than to wait.  A commit that takes
     * longer is the last one in the loop until the thread has seen some in a
     * row that did not; so a disk that stalls stops the loop once.
     * 0: STORE_LOOP_COMMIT_US; STORE_LOOP_NEVER: all go to the thread.
     */
    uint64_t loop_commit_us;
};

#define STORE_LOOP_COMMIT_US 500
#define STORE_LOOP_NEVER UINT64_MAX

/*
 * Opens or makes the database, and starts the thread.  base NULL: for tools
 * and tests without a loop, which use store_apply alone.
 * Errors besides those above: VDC_E_STORE_NEWER (made by a newer version),
 * VDC_E_BUSY (another process has it open), VDC_E_DENIED, VDC_E_NO_FILE.
 * After VDC_E_STORE_CORRUPT see store_salvage.
 */
int store_open(const struct store_options *options, struct event_base *base,
               struct store **ret, struct vdc_error *err);
/* What was submitted is written first; no `done` comes.  NULL is allowed. */
void store_close(struct store *store);

/* first_event: number of the first of its events. */
typedef void store_done_fn(void *arg, int rc, const struct vdc_error *err,
                           uint64_t first_event);
/* Copies the change; done may be NULL.  A change that cannot be encoded ends
 * with VDC_E_BAD_VALUE, through done as well. */
void store_submit(struct store *store, const struct store_change *change,
                  store_done_fn *done, void *arg);
/* Waits until it is durable, for the start and for tests; what was submitted
 * before is durable then too, and its `done` still comes from the loop. */
int store_apply(struct store *store, const struct store_change *change,
                uint64_t *ret_first_event, struct vdc_error *err);

/* Numbers that were never given before on this host, durable with the row
 * that bears them; answered from memory. */
uint32_t store_next_partition(struct store *store);
uint64_t store_next_resource(struct store *store);
uint64_t store_next_transaction(struct store *store);

/* ---- for the start: everything, in the arena ---- */

int store_partitions(struct store *store, struct arena *arena,
                     struct partition_row **ret, size_t *ret_n,
                     struct vdc_error *err);
int store_journal(struct store *store, struct arena *arena,
                  struct journal_entry **ret, size_t *ret_n,
                  struct vdc_error *err);
int store_resources(struct store *store, struct arena *arena,
                    struct resource_row **ret, size_t *ret_n,
                    struct vdc_error *err);
int store_epochs(struct store *store, struct arena *arena,
                 struct stored_epoch **ret, size_t *ret_n,
                 struct vdc_error *err);
/* expires_ms is since 1970. */
int store_leases(struct store *store, struct arena *arena,
                 struct wire_lease **ret, size_t *ret_n,
                 struct vdc_error *err);

/* ---- at any time: asked of the thread, answered from the loop ---- */

/* answer NULL: there is none.  Valid during the call. */
typedef void store_answer_fn(void *arg, int rc, const struct vdc_error *err,
                             const struct stored_answer *answer);
void store_find_answer(struct store *store, const char *owner,
                       const char *key, store_answer_fn *fn, void *arg);
/*
 * At most `most` events with a number above `since`, of this owner when owner
 * is not ""; first and last: the numbers of the first that is kept and of the
 * last that ever was, 0 when there was none.  Valid during the call.
 */
typedef void store_events_fn(void *arg, int rc, const struct vdc_error *err,
                             const struct wire_event *events, size_t n,
                             uint64_t first, uint64_t last);
void store_find_events(struct store *store, uint64_t since, const char *owner,
                       size_t most, store_events_fn *fn, void *arg);

/* ---- a damaged database ---- */

struct store_salvaged {
    struct partition_row *partitions; /* whole ones, by their checksums */
    size_t n_partitions;
    size_t n_damaged; /* rows that were there and could not be read whole */
};

/* Reads of a damaged database what is whole, without changing it. */
int store_salvage(const char *path, struct arena *arena,
                  struct store_salvaged *ret, struct vdc_error *err);
/* Renames it, and what belongs to it, to "PATH.damaged-TIME"; *ret_kept, in
 * the arena, is that name, or that of the log when it is all there is.
 * store_open then makes a new one. */
int store_set_aside(const struct store_options *options, struct arena *arena,
                    const char **ret_kept, struct vdc_error *err);

#endif
