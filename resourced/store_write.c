/*
 * Group commit: all changes that wait become one SQLite transaction and share
 * its fsync.  First without savepoints, which are dear; when one of several
 * fails by itself, all are done again, each in a savepoint of its own, so
 * that it fails alone.
 */
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "resourced/store_impl.h"

/* Old events are dropped when so many more than wanted are kept. */
#define KEEP_SLACK 64
/* No more changes are waited for when a batch has so many. */
#define BATCH_MOST 512
/* The log is moved into the file when it has so many pages, busy or not
 * (16 MiB). */
#define WAL_FRAMES_MOST 4096

/* What a batch makes of the numbers, until it is durable. */
struct batch {
    struct store_numbers numbers;
    uint64_t first_event;
    uint64_t event_keep; /* of the last change that says; 0: all */
};

static int pass_journal(struct store *store, const struct store_op *op,
                        struct vdc_error *err)
{
    sqlite3_stmt *stmt = store_statement(store, STORE_JOURNAL_ONE);
    struct store_row_taken taken;

    sqlite3_bind_int64(stmt, 1, op->row.values[0].number);
    int r = sqlite3_step(stmt);
    if (r != SQLITE_ROW) {
        int rc = r == SQLITE_DONE ? 0 : store_fail(store, r, "reading", err);
        sqlite3_reset(stmt);
        return rc;
    }
    int rc = store_row_take(store, stmt, STORE_TABLE_JOURNAL, &taken, err);
    if (!rc) {
        taken.values[1].number =
            op->kind == STORE_OP_PREPARE ? STORE_PREPARED : 1;
        store_row_seal(&taken.row);
        store_row_bind(store_statement(store, STORE_JOURNAL_SET), &taken.row);
        rc = store_run(store, STORE_JOURNAL_SET, err);
    }
    sqlite3_reset(stmt);
    return rc;
}

/* A partition of other names, or a new one. */
static int set_partition(struct store *store, struct store_op *op,
                         struct vdc_error *err)
{
    store_row_bind(store_statement(store, STORE_PARTITION_SET), &op->row);
    int rc = store_run(store, STORE_PARTITION_SET, err);
    op->absent = !rc && sqlite3_changes(store->db) == 0;
    if (!op->absent)
        return rc;
    const struct store_value *uuid = &op->row.values[1];
    sqlite3_bind_blob(store_statement(store, STORE_PARTITION_FORGET), 1,
                      uuid->data, (int)uuid->size, SQLITE_STATIC);
    return store_run(store, STORE_PARTITION_FORGET, err);
}

static int run_op(struct store *store, struct store_op *op,
                  struct batch *batch, struct vdc_error *err)
{
    switch (op->kind) {
    case STORE_OP_PASS:
    case STORE_OP_PREPARE:
        return pass_journal(store, op, err);
    case STORE_OP_PARTITION:
        return set_partition(store, op, err);
    case STORE_OP_EVENT:
        op->row.values[0].number = (int64_t)++batch->numbers.last_event;
        if (!batch->first_event)
            batch->first_event = batch->numbers.last_event;
        break;
    case STORE_OP_RUN:
        break;
    case STORE_OP_KEY: {
        sqlite3_stmt *stmt = store_statement(store, op->statement);
        const struct store_value *key = &op->row.values[0];
        if (key->type == SQLITE_INTEGER)
            sqlite3_bind_int64(stmt, 1, key->number);
        else
            sqlite3_bind_blob(stmt, 1, key->data, (int)key->size,
                              SQLITE_STATIC);
        return store_run(store, op->statement, err);
    }
    }
    store_row_bind(store_statement(store, op->statement), &op->row);
    return store_run(store, op->statement, err);
}

static void raise_to(uint64_t *highest, uint64_t n)
{
    if (n > *highest)
        *highest = n;
}

static int write_change(struct store *store, struct store_item *item,
                        struct batch *batch, struct vdc_error *err)
{
    struct store_op *op;
    bool absent = false;
    int rc = 0;

    item->first_event = item->n_events ? batch->numbers.last_event + 1 : 0;
    STAILQ_FOREACH (op, &item->ops, link) {
        rc = run_op(store, op, batch, err);
        if (rc)
            return rc;
        absent = absent || op->absent;
    }
    /* When all have given up their old names. */
    if (absent) {
        STAILQ_FOREACH (op, &item->ops, link) {
            if (!op->absent)
                continue;
            store_row_bind(store_statement(store, STORE_PARTITION_ADD),
                           &op->row);
            rc = store_run(store, STORE_PARTITION_ADD, err);
            if (rc)
                return rc;
        }
    }
    raise_to(&batch->numbers.last_partition, item->highest.last_partition);
    raise_to(&batch->numbers.last_resource, item->highest.last_resource);
    raise_to(&batch->numbers.last_transaction,
             item->highest.last_transaction);
    batch->numbers.changes++;
    if (item->event_keep)
        batch->event_keep = item->event_keep;
    return 0;
}

/* Whether it is the change's own failure, and the others can go on. */
static bool fails_alone(const struct store *store, int rc)
{
    return !sqlite3_get_autocommit(store->db) &&
           (rc == VDC_E_STORE || rc == VDC_E_STORE_CORRUPT);
}

static void fail_item(struct store_item *item, int rc,
                      const struct vdc_error *err)
{
    item->rc = rc;
    item->err = arena_memdup(item->arena, err, sizeof(*err));
}

static int run_bare(struct store *store, enum store_statement which,
                    struct vdc_error *err)
{
    store_statement(store, which);
    return store_run(store, which, err);
}

/* In a savepoint; *ret_n counts those that are written.  An error is that of
 * the whole batch. */
static int write_alone(struct store *store, struct store_item *item,
                       struct batch *batch, size_t *ret_n,
                       struct vdc_error *err)
{
    struct batch before = *batch;
    int rc = run_bare(store, STORE_SAVEPOINT, err);

    if (rc)
        return rc;
    rc = write_change(store, item, batch, err);
    if (rc && !fails_alone(store, rc))
        return rc;
    if (rc) {
        *batch = before;
        fail_item(item, rc, err);
        rc = run_bare(store, STORE_ROLLBACK_TO, err);
    } else {
        ++*ret_n;
    }
    return rc ? rc : run_bare(store, STORE_RELEASE, err);
}

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* With what the disk takes, which decides who writes next. */
static int commit(struct store *store, struct vdc_error *err)
{
    uint64_t begun_us = now_us();
    int rc = run_bare(store, STORE_COMMIT, err);

    if (!rc && now_us() - begun_us < store->loop_commit_us)
        store->n_calm++;
    else
        store->n_calm = store->n_calm >= STORE_LONG_CALM
                            ? STORE_CALM - STORE_CALM_AGAIN
                            : 0;
    return rc;
}

static int end_batch(struct store *store, struct batch *batch,
                     struct vdc_error *err)
{
    uint64_t kept = batch->numbers.last_event + 1 - batch->first_event;

    if (batch->event_keep && batch->first_event &&
        kept > batch->event_keep + KEEP_SLACK) {
        uint64_t drop = batch->numbers.last_event - batch->event_keep;
        sqlite3_bind_int64(store_statement(store, STORE_EVENT_DROP), 1,
                           (int64_t)drop);
        int rc = store_run(store, STORE_EVENT_DROP, err);
        if (rc)
            return rc;
        batch->first_event = drop + 1;
    }
    int rc = store_write_numbers(store, &batch->numbers, err);
    return rc ? rc : commit(store, err);
}

static void roll_back(struct store *store)
{
    /* After some errors SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(store->db))
        run_bare(store, STORE_ROLLBACK, NULL);
}

static void count_batch(struct store *store, size_t n)
{
    size_t at = 0;

    while (n >>= 1)
        at++;
    store->n_batches[at < STORE_SIZES ? at : STORE_SIZES - 1]++;
}

/* One transaction.  *ret_alone: a change failed by itself, nothing is
 * written, and the batch is to be tried with savepoints. */
static int write_batch(struct store *store, struct store_item_list *items,
                       bool savepoints, bool *ret_alone,
                       struct vdc_error *err)
{
    struct batch batch = { .numbers = store->numbers,
                           .first_event = store->first_event };
    struct store_item *item = STAILQ_FIRST(items);
    size_t n = 0;
    int rc = run_bare(store, STORE_BEGIN, err);

    *ret_alone = false;
    while (!rc && item) {
        if (item->kind != STORE_ITEM_CHANGE || item->rc) {
            /* a question, or it was refused */
        } else if (savepoints) {
            rc = write_alone(store, item, &batch, &n, err);
        } else {
            rc = write_change(store, item, &batch, err);
            *ret_alone = rc && fails_alone(store, rc);
            n++;
        }
        if (!rc && !savepoints && !STAILQ_NEXT(item, link) && n < BATCH_MOST)
            store_more(store, items);
        item = STAILQ_NEXT(item, link);
    }
    if (!rc && n)
        rc = end_batch(store, &batch, err);
    if (rc || !n) {
        roll_back(store);
        if (rc && !*ret_alone)
            store_log_cut(store);
        return rc;
    }
    store_log_note(store, store->wal_frames);
    count_batch(store, n);
    store->n_written++;
    store->numbers = batch.numbers;
    store->first_event = batch.first_event;
    store_sequence_write(store);
    return 0;
}

void store_write(struct store *store, struct store_item_list *items)
{
    struct store_item *item;
    struct vdc_error err = { 0 };
    bool alone, changes = false;
    int rc = 0;

    STAILQ_FOREACH (item, items, link)
        changes = changes || (item->kind == STORE_ITEM_CHANGE && !item->rc);
    if (changes)
        rc = write_batch(store, items, false, &alone, &err);
    if (changes && rc && alone)
        rc = write_batch(store, items, true, &alone, &err);
    STAILQ_FOREACH (item, items, link) {
        if (item->kind != STORE_ITEM_CHANGE)
            store_find(store, item);
        else if (rc && !item->rc)
            fail_item(item, rc, &err);
        item->finished = true;
    }
}

bool store_log_is_long(const struct store *store)
{
    return store->wal_frames >= WAL_FRAMES_MOST;
}

int store_checkpoint(struct store *store)
{
    int n_log = -1, n_done;

    store->log_may_restart = true;
    int r = sqlite3_wal_checkpoint_v2(store->db, NULL,
                                      SQLITE_CHECKPOINT_PASSIVE, &n_log,
                                      &n_done);

    if (r == SQLITE_OK && n_log == n_done)
        store->wal_frames = 0;
    else
        log_debug("the log of %s was not moved into it: %s", store->path,
                  sqlite3_errmsg(store->db));
    return r == SQLITE_OK ? n_log : -1;
}
