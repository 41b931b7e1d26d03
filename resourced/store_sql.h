/* What the files of the store share: statements and errors of SQLite.  Only
 * store*.c include it. */
#ifndef RESOURCED_STORE_SQL_H
#define RESOURCED_STORE_SQL_H

#include <sqlite3.h>

#include "base/error.h"

#define STORE_STATEMENTS(X)                                                   \
    X(BEGIN, "BEGIN IMMEDIATE")                                               \
    X(COMMIT, "COMMIT")                                                       \
    X(JOURNAL_ADD,                                                            \
      "INSERT INTO journal (uuid, kind, step, payload, reason, begun_ms)"     \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                                     \
    X(JOURNAL_REMOVE, "DELETE FROM journal WHERE uuid = ?1")                  \
    X(JOURNAL_STEP, "UPDATE journal SET step = ?2 WHERE uuid = ?1")           \
    X(JOURNAL_ALL,                                                            \
      "SELECT uuid, kind, step, payload, reason, begun_ms FROM journal"       \
      " ORDER BY id")                                                         \
    X(PARTITION_ADD,                                                          \
      "INSERT INTO partition (uuid, owner, name, xen_name, definition,"       \
      " wanted_running, preserved, domid, boot_id, created_ms, started_ms,"   \
      " stopped_ms, last_stop, restarts, host_reserve_kib, dom0_keep_kib)"    \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14," \
      " ?15, ?16)")                                                           \
    X(PARTITION_UPDATE,                                                       \
      "UPDATE partition SET owner = ?2, name = ?3, xen_name = ?4,"            \
      " definition = ?5, wanted_running = ?6, preserved = ?7, domid = ?8,"    \
      " boot_id = ?9, created_ms = ?10, started_ms = ?11, stopped_ms = ?12,"  \
      " last_stop = ?13, restarts = ?14, host_reserve_kib = ?15,"             \
      " dom0_keep_kib = ?16 WHERE uuid = ?1")                                 \
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

struct store {
    sqlite3 *db;
    char *path;
    sqlite3_stmt *statements[STORE_N_STATEMENTS];
};

/* What SQLite said, as an error of ours; returns its code.  `what` is what
 * was being done: "reading". */
int store_fail(const struct store *store, int r, const char *what,
               struct vdc_error *err);

/* The statement, reset, without values. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement which);
/* Runs a statement that gives no rows. */
int store_run(struct store *store, enum store_statement which,
              struct vdc_error *err);

void store_bind_uuid(sqlite3_stmt *stmt, int at, const void *uuid);
void store_bind_text(sqlite3_stmt *stmt, int at, const char *text);

#endif
