/*
 * What the files of the store share.  Only store*.c include it.
 *
 * Threads: the queue is under queue_lock, all else that the writer touches
 * (the database, `numbers`, `batch`) under db_lock, which is held while a
 * batch is written.  next_* and what is named loop_* belong to the loop's
 * thread.
 */
#ifndef RESOURCED_STORE_IMPL_H
#define RESOURCED_STORE_IMPL_H

#include <pthread.h>
#include <sys/queue.h>

#include "resourced/store.h"
#include "resourced/store_row.h"

struct event;

/* What each batch changes, see store_sql.h. */
struct store_numbers {
    uint64_t changes;
    uint64_t last_partition, last_resource, last_transaction, last_event;
};

enum store_op_kind {
    STORE_OP_RUN,       /* statement with the row, sum included */
    STORE_OP_PARTITION, /* set it; where that finds none, add it */
    STORE_OP_EVENT,     /* add it with the next number */
    STORE_OP_PASS,      /* journal: set passed of the row with this id ... */
    STORE_OP_PREPARE,   /* ... or that it is prepared */
    STORE_OP_KEY        /* statement with one value and no sum */
};

/* One statement of a change, ready to run. */
struct store_op {
    STAILQ_ENTRY(store_op) link;
    enum store_op_kind kind;
    enum store_statement statement;
    bool absent; /* STORE_OP_PARTITION: it is to be added */
    struct store_row row;
};

STAILQ_HEAD(store_op_list, store_op);

enum store_item_kind {
    STORE_ITEM_CHANGE,
    STORE_ITEM_ANSWER,
    STORE_ITEM_EVENTS
};

/* What waits for the thread, and then for the loop; in its own arena. */
struct store_item {
    STAILQ_ENTRY(store_item) link;
    enum store_item_kind kind;
    struct arena *arena;
    bool waited;   /* by store_apply, which frees it */
    bool finished; /* under db_lock */
    int rc;
    struct vdc_error *err; /* when rc */

    /* a change */
    struct store_op_list ops;
    size_t n_ops;
    struct store_numbers highest; /* of the rows in it; `changes` unused */
    size_t n_events;
    uint64_t event_keep;
    uint64_t first_event;
    store_done_fn *done;

    /* a question, and what was found */
    const char *owner, *key;
    struct stored_answer *answer;
    store_answer_fn *answer_fn;
    uint64_t since;
    size_t most;
    struct wire_event *events;
    size_t n_found;
    uint64_t first, last;
    store_events_fn *events_fn;

    void *arg;
};

STAILQ_HEAD(store_item_list, store_item);

/* How many batches had 1, 2 to 3, 4 to 7, ... changes; for the benchmark. */
#define STORE_SIZES 12

/* The disk is calm after so many commits in a row that took little; where one
 * took long after many that did not, after a few, unless one does again. */
#define STORE_CALM 16
#define STORE_LONG_CALM 64
#define STORE_CALM_AGAIN 2

/* Of the file of the number of changes. */
#define STORE_SEQUENCE_SIZE 66

struct store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];

    pthread_mutex_t db_lock;
    struct vdc_uuid id;           /* of this database */
    bool is_old;                  /* of schema 2, 3: store_upgrade is due */
    struct store_numbers numbers; /* as they are on disk */
    uint64_t first_event;         /* that is kept; 0: none */
    bool may_wait;                /* the one who writes, for more */
    int wal_frames;               /* in the log since the last checkpoint */
    unsigned n_calm;              /* commits in a row, see STORE_CALM */
    uint64_t n_written;           /* batches */
    uint64_t n_written_in_loop;   /* of them; for tests and the benchmark */
    int log_frames;               /* in the log, all durable; -1: unknown */
    bool log_may_restart;         /* from the front: all is in the file */
    uint8_t log_salts[8];
    int sequence_fd;              /* -1: none */
    char *sequence_path;
    char sequence_text[STORE_SEQUENCE_SIZE + 1]; /* what is in it */
    volatile char *sequence_map;  /* of the file; NULL: it is written */
    bool sequence_failed; /* and that was logged */
    uint64_t n_batches[STORE_SIZES];

    pthread_mutex_t queue_lock;
    pthread_cond_t wake;
    struct store_item_list queue; /* to be written */
    size_t n_queued;
    size_t n_queued_ops;          /* statements of them */
    bool is_calm;                 /* the disk, by what was written last */
    struct store_item_list done;  /* to be told from the loop */
    bool waits;   /* the thread, on `wake` ... */
    bool idle;    /* ... for anything, and it does not hold db_lock */
    bool may_checkpoint; /* when nothing is asked for a while */
    uint64_t n_asked;    /* ever */
    bool telling; /* the loop, and more is likely to come from it */
    bool hurry;   /* somebody waits for db_lock */
    bool stop, has_thread;
    pthread_t thread;
    int done_fd; /* an eventfd */
    struct event *done_event;
    struct event *loop_event; /* what is queued is written, or handed over */
    uint64_t loop_commit_us;  /* see store_options; 0: never */

    uint32_t next_partition;
    uint64_t next_resource, next_transaction;
};

/* ---- store.c ---- */

/* What SQLite said, as an error of ours; returns its code.  `what` is what
 * was being done: "reading". */
int store_fail(const struct store *store, int r, const char *what,
               struct vdc_error *err);
int store_fail_corrupt(const struct store *store, struct vdc_error *err,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The statement, reset. */
sqlite3_stmt *store_statement(const struct store *store,
                              enum store_statement which);
/* Runs a statement that gives no rows. */
int store_run(const struct store *store, enum store_statement which,
              struct vdc_error *err);
int store_run_sql(const struct store *store, const char *sql,
                  const char *what, struct vdc_error *err);
int store_prepare(struct store *store, struct vdc_error *err);
/* Closes the file and what belongs to it; not the thread. */
void store_close_file(struct store *store);

/* ---- store_schema.c ---- */

/* Makes a database where there is none. */
int store_create(const char *path, struct vdc_error *err);
/* Whether the open one is ours, whole, and of our version; one of an older
 * version is remade (*ret_remade: it must be opened again). */
int store_check(struct store *store, bool *ret_remade, struct vdc_error *err);
int store_write_numbers(const struct store *store,
                        const struct store_numbers *numbers,
                        struct vdc_error *err);
/* Both, of a new database. */
int store_write_meta(const struct store *store,
                     const struct store_numbers *numbers,
                     struct vdc_error *err);
/* Makes schema 4 of an open one of schema 2 or 3. */
int store_upgrade(struct store *store, struct vdc_error *err);

/* ---- store_log.c ---- */

/* Whether the log was damaged, as far as SQLite would not say so. */
int store_log_check(const struct store *store, struct vdc_error *err);
/* The log has so many frames, all of them durable; -1: it is not known. */
void store_log_note(struct store *store, int n_frames);
/* A batch failed: what it may have left in the log is cut off. */
void store_log_cut(struct store *store);

/* ---- store_vfs.c ---- */

/* The name of a VFS that writes the log in large pieces. */
const char *store_vfs(void);

/* ---- store_migrate.c ---- */

/* Rows of partitions in schema 1. */
#define STORE_PARTITION_1                                                     \
    "SELECT idx, uuid, owner, name, xen_name, definition, wanted_running,"    \
    " preserved, domid, boot_id, created_ms, started_ms, stopped_ms,"         \
    " last_stop, restarts, host_reserve_kib, dom0_keep_kib FROM partition"    \
    " ORDER BY idx"
int store_migrate_partition_1(const struct store *from, sqlite3_stmt *stmt,
                              struct arena *arena, struct partition_row *ret,
                              struct vdc_error *err);
/* Fills a new database from an open one of schema 1. */
int store_migrate_1(struct store *from, struct store *to,
                    struct vdc_error *err);

/* ---- store_encode.c ---- */

/* The change as statements, in item->arena.  Errors: VDC_E_BAD_VALUE. */
int store_encode(struct store_item *item, const struct store_change *change,
                 struct vdc_error *err);

/* ---- store_write.c ---- */

/* Writes the changes of the list as one SQLite transaction, and then finds
 * what is asked in it; fills rc and what was found.  db_lock is held. */
void store_write(struct store *store, struct store_item_list *items);
/* The log has so many frames that the next write is followed by a
 * checkpoint, which may take long.  db_lock is held. */
bool store_log_is_long(const struct store *store);
/* Moves the log into the file.  Returns the number of its frames, or -1. */
int store_checkpoint(struct store *store);

/* ---- store_read.c ---- */

void store_find(struct store *store, struct store_item *item);
/* A row of `partition` or `event`. */
int store_read_partition(const struct store *store,
                         const struct store_row *row, struct arena *arena,
                         struct partition_row *ret, struct vdc_error *err);

/* ---- store_thread.c ---- */

/* db_lock, for any but the thread. */
void store_lock(struct store *store);
void store_unlock(struct store *store);
/* Adds to the list what has come meanwhile; waits for it while the loop is
 * likely to bring more.  For the one who holds db_lock and writes. */
void store_more(struct store *store, struct store_item_list *items);
int store_start(struct store *store, struct event_base *base,
                struct vdc_error *err);
void store_stop(struct store *store);

/* ---- store_sequence.c ---- */

/* Before the database is opened: VDC_E_STORE_CORRUPT when it is not there
 * and the file has the number of changes of one that was. */
int store_sequence_check_gone(const struct store *store, const char *path,
                              struct vdc_error *err);
/* Opens the file and compares.  Errors: VDC_E_STORE_CORRUPT. */
int store_sequence_open(struct store *store, const char *path,
                        struct vdc_error *err);
/* numbers.changes is durable. */
void store_sequence_write(struct store *store);
void store_sequence_close(struct store *store);

#endif
