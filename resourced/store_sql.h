/* What the files of the store share: statements and errors of SQLite.  Only
 * store*.c include it. */
#ifndef RESOURCED_STORE_SQL_H
#define RESOURCED_STORE_SQL_H

#include <sqlite3.h>

#include <sys/queue.h>

#include "base/error.h"
#include "resourced/store.h"

#define STORE_STATEMENTS(X)                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                               \
    X(COMMIT, "COMMIT")                                                       \
    X(JOURNAL_ADD,                                                            \
      "INSERT OR REPLACE INTO journal (id, passed, payload, begun_ms)"        \
      " VALUES (?1, ?2, ?3, ?4)")                                             \
    X(JOURNAL_REMOVE, "DELETE FROM journal WHERE id = ?1")                    \
    X(JOURNAL_PASS, "UPDATE journal SET passed = 1 WHERE id = ?1")            \
    X(JOURNAL_ALL,                                                            \
      "SELECT id, passed, payload, begun_ms FROM journal ORDER BY id")        \
    X(JOURNAL_LAST,                                                           \
      "SELECT coalesce(max(seq), 0) FROM sqlite_sequence"                     \
      " WHERE name = 'journal'")                                              \
    X(PARTITION_LAST,                                                         \
      "SELECT coalesce(max(seq), 0) FROM sqlite_sequence"                     \
      " WHERE name = 'partition'")                                            \
    X(PARTITION_ADD,                                                          \
      "INSERT OR REPLACE INTO partition (uuid, owner, name, xen_name,"        \
      " definition,"                                                          \
      " wanted_running, preserved, domid, boot_id, created_ms, started_ms,"   \
      " stopped_ms, last_stop, restarts, host_reserve_kib, dom0_keep_kib,"    \
      " idx)"                                                                 \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14," \
      " ?15, ?16, ?17)")                                                      \
    X(PARTITION_FORGET, "DELETE FROM partition WHERE uuid = ?1")              \
    X(PARTITION_ALL,                                                          \
      "SELECT idx, uuid, owner, name, xen_name, definition, wanted_running,"  \
      " preserved, domid, boot_id, created_ms, started_ms, stopped_ms,"       \
      " last_stop, restarts, host_reserve_kib, dom0_keep_kib"                 \
      " FROM partition ORDER BY idx")                                         \
    X(EVENT_ADD,                                                              \
      "INSERT INTO event (number, time_ms, kind, uuid, owner, name, host,"    \
      " domid, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")            \
    X(EVENT_DROP, "DELETE FROM event WHERE number < ?1")                      \
    X(EVENT_SINCE,                                                            \
      "SELECT number, time_ms, kind, uuid, owner, name, host, domid, text"    \
      " FROM event WHERE number > ?1 AND (?2 = '' OR owner = ?2)"             \
      " ORDER BY number LIMIT ?3")                                            \
    X(EVENT_FIRST, "SELECT coalesce(min(number), 0) FROM event")              \
    X(EVENT_LAST,                                                             \
      "SELECT coalesce(max(seq), 0) FROM sqlite_sequence"                     \
      " WHERE name = 'event'")

enum store_statement {
#define X(name, sql) STORE_##name,
    STORE_STATEMENTS(X)
#undef X
        STORE_N_STATEMENTS
};

struct store_later {
    TAILQ_ENTRY(store_later) link;
    store_done_fn *done;
    store_answer_fn *answer_fn;
    void *arg;
    int rc;
    struct vdc_error err;
    uint64_t first_event;
    char owner[64], key[64];
};

struct kept_answer {
    TAILQ_ENTRY(kept_answer) link;
    struct arena *arena;
    struct stored_answer answer;
};

struct store {
    sqlite3 *db;
    char *path;
    struct event_base *base;
    struct event *soon;
    TAILQ_HEAD(, store_later) done;
    TAILQ_HEAD(, kept_answer) answers;
    uint64_t last_event, last_transaction, last_partition,
        last_resource;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
};

/* What SQLite said, as an error of ours; returns its code.  `what` is what
 * was being done: "reading". */
int store_fail(const struct store *store, int r, const char *what,
               struct vdc_error *err);

int store_begin(struct store *store, struct vdc_error *err);
void store_end(struct store *store);

/* The statement, reset, without values. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement which);
/* Runs a statement that gives no rows. */
int store_run(struct store *store, enum store_statement which,
              struct vdc_error *err);

void store_bind_uuid(sqlite3_stmt *stmt, int at, const void *uuid);
void store_bind_text(sqlite3_stmt *stmt, int at, const char *text);

#endif
