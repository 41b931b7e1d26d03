/*
 * The tables of the resource database, schema 4, and every statement that is
 * run on them.  Only store*.c include it.
 *
 * Each table has as its last column `sum`, over the table's name and all
 * other columns, see store_row.h.  Columns are listed in that order, and all
 * statements keep it.
 *
 * Schema 3 is schema 2 with the numbers of `meta` in a row of `journal`, the
 * one with the highest number that there is.  Each batch changes them, and
 * nearly each batch adds or removes at the journal's end: so they are in a
 * page that is written anyway.  `meta` keeps what never changes; its numbers
 * are those of when it was made.
 *
 * Schema 4 is schema 3 with the table `epoch`, and in `journal` 2 as `passed`:
 * prepared (transaction.h).  An older resourced would take that for 1.
 */
#ifndef RESOURCED_STORE_SQL_H
#define RESOURCED_STORE_SQL_H

#include <sqlite3.h>

/* "xvdr": says that a file is ours. */
#define STORE_APPLICATION_ID 0x78766472
/* Raised with each change of the tables, with the steps from the older.  It
 * is in the file's head (user_version) and in the row of `meta`. */
#define STORE_SCHEMA 4
/* The row of `journal` with the numbers; no transaction has this one. */
#define STORE_NUMBERS_ID INT64_C(9223372036854775807)
#define STORE_NUMBERS_ID_SQL "9223372036854775807"
/* `passed` of a row of `journal` that is prepared. */
#define STORE_PREPARED 2
#define STORE_PAGE_SIZE 4096

/* X(constant, name, columns without sum, their number) */
#define STORE_TABLES(X)                                                       \
    X(META, "meta",                                                           \
      "one, database, schema, changes, last_partition, last_resource,"        \
      " last_transaction, last_event", 8)                                     \
    X(PARTITION, "partition",                                                 \
      "idx, uuid, owner, name, xen_name, definition, live, paused,"           \
      " generation, wanted_running, preserved, domid, boot_id, created_ms,"   \
      " started_ms, stopped_ms, last_stop, restarts, host_reserve_kib,"       \
      " dom0_keep_kib", 20)                                                   \
    X(JOURNAL, "journal", "id, passed, request, begun_ms", 4)                 \
    X(EVENT, "event",                                                         \
      "number, time_ms, kind, uuid, owner, name, host, domid, text", 9)       \
    X(RESOURCE, "resource",                                                   \
      "idx, kind, name, uuid, owner, leased, amount, backend, detail,"        \
      " generation, since_ms", 11)                                            \
    X(LEASE, "lease", "uuid, body", 2)                                        \
    X(ANSWER, "answer",                                                       \
      "owner, key, digest, time_ms, code, text, hint, reply", 8)             \
    X(EPOCH, "epoch", "uuid, epoch, gone", 3)

enum store_table {
#define X(id, name, columns, n) STORE_TABLE_##id,
    STORE_TABLES(X)
#undef X
        STORE_N_TABLES
};

#define STORE_COLUMNS_MAX 20

/* What sqlite_master holds, word for word: an open compares it. */
#define STORE_CREATE(X)                                                       \
    X("CREATE TABLE meta (one INTEGER PRIMARY KEY, database BLOB NOT NULL,"   \
      " schema INTEGER NOT NULL, changes INTEGER NOT NULL,"                   \
      " last_partition INTEGER NOT NULL, last_resource INTEGER NOT NULL,"     \
      " last_transaction INTEGER NOT NULL, last_event INTEGER NOT NULL,"      \
      " sum INTEGER NOT NULL)")                                               \
    X("CREATE TABLE partition (idx INTEGER PRIMARY KEY,"                      \
      " uuid BLOB NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL,"  \
      " xen_name TEXT NOT NULL UNIQUE, definition BLOB NOT NULL,"             \
      " live BLOB NOT NULL, paused INTEGER NOT NULL,"                         \
      " generation INTEGER NOT NULL, wanted_running INTEGER NOT NULL,"        \
      " preserved INTEGER NOT NULL, domid INTEGER, boot_id INTEGER NOT NULL," \
      " created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL,"            \
      " stopped_ms INTEGER NOT NULL, last_stop TEXT NOT NULL,"                \
      " restarts INTEGER NOT NULL, host_reserve_kib INTEGER NOT NULL,"        \
      " dom0_keep_kib INTEGER NOT NULL, sum INTEGER NOT NULL,"                \
      " UNIQUE (owner, name))")                                               \
    X("CREATE TABLE journal (id INTEGER PRIMARY KEY,"                         \
      " passed INTEGER NOT NULL, request BLOB NOT NULL,"                      \
      " begun_ms INTEGER NOT NULL, sum INTEGER NOT NULL)")                    \
    X("CREATE TABLE event (number INTEGER PRIMARY KEY,"                       \
      " time_ms INTEGER NOT NULL, kind INTEGER NOT NULL, uuid BLOB NOT NULL," \
      " owner TEXT NOT NULL, name TEXT NOT NULL, host TEXT NOT NULL,"         \
      " domid INTEGER NOT NULL, text TEXT NOT NULL, sum INTEGER NOT NULL)")   \
    X("CREATE TABLE resource (idx INTEGER PRIMARY KEY,"                       \
      " kind INTEGER NOT NULL, name TEXT NOT NULL, uuid BLOB NOT NULL,"       \
      " owner TEXT NOT NULL, leased INTEGER NOT NULL,"                        \
      " amount INTEGER NOT NULL, backend TEXT NOT NULL,"                      \
      " detail TEXT NOT NULL, generation INTEGER NOT NULL,"                   \
      " since_ms INTEGER NOT NULL, sum INTEGER NOT NULL)")                    \
    X("CREATE TABLE lease (id INTEGER PRIMARY KEY,"                           \
      " uuid BLOB NOT NULL UNIQUE, body BLOB NOT NULL,"                       \
      " sum INTEGER NOT NULL)")                                               \
    X("CREATE TABLE answer (id INTEGER PRIMARY KEY, owner TEXT NOT NULL,"     \
      " key TEXT NOT NULL, digest INTEGER NOT NULL,"                          \
      " time_ms INTEGER NOT NULL, code INTEGER NOT NULL,"                     \
      " text TEXT NOT NULL, hint TEXT NOT NULL, reply BLOB NOT NULL,"         \
      " sum INTEGER NOT NULL, UNIQUE (owner, key))")                          \
    X("CREATE INDEX answer_time ON answer (time_ms)")
/* From schema 4 on. */
#define STORE_CREATE_EPOCH                                                    \
    "CREATE TABLE epoch (id INTEGER PRIMARY KEY,"                             \
    " uuid BLOB NOT NULL UNIQUE, epoch INTEGER NOT NULL,"                     \
    " gone INTEGER NOT NULL, sum INTEGER NOT NULL)"

/*
 * X(constant, SQL)
 * ADD(constant, table, verb): all values of a row into the table
 * ALL(constant, table, rest): SELECT of all columns
 */
#define STORE_STATEMENTS(X, ADD, ALL)                                         \
    X(BEGIN, "BEGIN IMMEDIATE")                                               \
    X(COMMIT, "COMMIT")                                                       \
    X(ROLLBACK, "ROLLBACK")                                                   \
    X(SAVEPOINT, "SAVEPOINT one")                                             \
    X(ROLLBACK_TO, "ROLLBACK TO one")                                         \
    X(RELEASE, "RELEASE one")                                                 \
    ADD(META_PUT, META, "INSERT OR REPLACE INTO ")                            \
    ALL(META_ALL, META, "")                                                   \
    ADD(JOURNAL_ADD, JOURNAL, "INSERT OR REPLACE INTO ")                      \
    ALL(JOURNAL_ALL, JOURNAL,                                                 \
        " WHERE id < " STORE_NUMBERS_ID_SQL " ORDER BY id")                   \
    ALL(JOURNAL_ONE, JOURNAL, " WHERE id = ?1")                               \
    X(JOURNAL_SET,                                                            \
      "UPDATE journal SET passed = ?2, request = ?3, begun_ms = ?4,"          \
      " sum = ?5 WHERE id = ?1")                                              \
    X(JOURNAL_REMOVE, "DELETE FROM journal WHERE id = ?1")                    \
    ADD(PARTITION_ADD, PARTITION, "INSERT INTO ")                             \
    ALL(PARTITION_ALL, PARTITION, " ORDER BY idx")                            \
    /* the usual change: names stay, and with them the indexes */             \
    X(PARTITION_SET,                                                          \
      "UPDATE partition SET definition = ?6, live = ?7, paused = ?8,"         \
      " generation = ?9, wanted_running = ?10, preserved = ?11, domid = ?12," \
      " boot_id = ?13, created_ms = ?14, started_ms = ?15, stopped_ms = ?16," \
      " last_stop = ?17, restarts = ?18, host_reserve_kib = ?19,"             \
      " dom0_keep_kib = ?20, sum = ?21 WHERE idx = ?1 AND uuid = ?2"          \
      " AND owner = ?3 AND name = ?4 AND xen_name = ?5")                      \
    X(PARTITION_FORGET, "DELETE FROM partition WHERE uuid = ?1")              \
    ADD(RESOURCE_PUT, RESOURCE, "INSERT OR REPLACE INTO ")                    \
    ALL(RESOURCE_ALL, RESOURCE, " ORDER BY idx")                              \
    X(RESOURCE_REMOVE, "DELETE FROM resource WHERE idx = ?1")                 \
    ADD(LEASE_PUT, LEASE, "INSERT OR REPLACE INTO ")                          \
    ALL(LEASE_ALL, LEASE, " ORDER BY id")                                     \
    X(LEASE_REMOVE, "DELETE FROM lease WHERE uuid = ?1")                      \
    ADD(ANSWER_ADD, ANSWER, "INSERT INTO ")                                   \
    ALL(ANSWER_ALL, ANSWER, " ORDER BY id")                                   \
    ALL(ANSWER_ONE, ANSWER, " WHERE owner = ?1 AND key = ?2")                 \
    X(ANSWER_DROP, "DELETE FROM answer WHERE time_ms < ?1")                   \
    ADD(EPOCH_PUT, EPOCH, "INSERT OR REPLACE INTO ")                          \
    ALL(EPOCH_ALL, EPOCH, " ORDER BY id")                                     \
    ADD(EVENT_ADD, EVENT, "INSERT INTO ")                                     \
    ALL(EVENT_SINCE, EVENT, " WHERE number > ?1 ORDER BY number LIMIT ?2")    \
    X(EVENT_DROP, "DELETE FROM event WHERE number <= ?1")                     \
    X(EVENT_FIRST, "SELECT coalesce(min(number), 0) FROM event")

enum store_statement {
#define X(name, ...) STORE_##name,
    STORE_STATEMENTS(X, X, X)
#undef X
        STORE_N_STATEMENTS
};

#endif
