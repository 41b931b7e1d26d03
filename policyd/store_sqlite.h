/*
 * What the files of the store in SQLite share.  Only store_sqlite*.c include
 * it.
 */
#ifndef POLICYD_STORE_SQLITE_H
#define POLICYD_STORE_SQLITE_H

#include <sqlite3.h>

#include "policyd/store.h"

struct sqlite_store {
    struct store store;
    sqlite3 *db;
    char *path;
    int lock_fd; /* as long as it is open */
};

static inline struct sqlite_store *store_sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* Turns the connection's last failure into our error, and returns that. */
int store_sqlite_failed(struct sqlite_store *s, const char *what,
                        struct vdc_error *err);
int store_sqlite_run(struct sqlite_store *s, const char *sql,
                     struct vdc_error *err);
/*
 * Prepares a statement and binds: t text, i int64, b bytes and their size_t.
 * Texts and bytes must live until the statement is finished.
 */
int store_sqlite_prepare(struct sqlite_store *s, sqlite3_stmt **ret,
                         struct vdc_error *err, const char *sql,
                         const char *types, ...);
/* Runs a statement that gives no rows, and finishes it. */
int store_sqlite_finish(struct sqlite_store *s, sqlite3_stmt *stmt,
                        struct vdc_error *err);

/* store_ops.commit */
int store_sqlite_commit(struct store *store,
                        const struct store_change *changes, size_t n_changes,
                        struct vdc_error *err);

#endif
