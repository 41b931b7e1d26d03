/*
 * kv.h in a file of SQLite: the default, for one policyd, with nothing to
 * install.  Write-ahead log with synchronous=FULL: a commit survives the loss
 * of power.
 *
 * Commits that were asked for in one turn of the loop share one transaction
 * of SQLite, and so one wait for the disk; each of them is still there wholly
 * or not.  One process has the file open at a time.  So the changes that a
 * watch may ask for are kept in memory, the last KV_SQLITE_HISTORY revisions:
 * a watch from before the file was opened is lost.  And a lease lives as long
 * as the process that took it: what was put with one is gone when the file is
 * opened next.
 */
#ifndef POLICYD_KV_KV_SQLITE_H
#define POLICYD_KV_KV_SQLITE_H

#include <stdint.h>

#include "base/error.h"
#include "policyd/kv/kv.h"

#define KV_SQLITE_HISTORY 1000
#define KV_SQLITE_HISTORY_BYTES (4 * 1024 * 1024)

/* PRAGMA user_version of the file. */
#define KV_SQLITE_VERSION 10
/* "XVPD", so that another program's database is not taken for ours */
#define KV_SQLITE_APPLICATION_ID 0x58565044

struct sqlite3;

/*
 * What the file's owner does with one of an earlier format, before it is used:
 * inside the transaction that makes it one of this format, so that it happens
 * wholly or not at all.
 */
struct kv_sqlite_upgrade {
    /* Reads what is there through `db`, passes it to kv_sqlite_put and drops
     * the tables it knows. */
    int (*run)(void *arg, struct kv *kv, struct sqlite3 *db, int version,
               struct vdc_error *err);
    void *arg;
};

/*
 * Makes the file if it is not there.  `upgrade` may be NULL: a file of an
 * earlier format is refused then.
 * Errors: VDC_E_STORE, VDC_E_STORE_NEWER (made by a newer version),
 * VDC_E_STORE_CORRUPT, VDC_E_DISK_FULL, VDC_E_DENIED, VDC_E_BUSY (another
 * process has it open); the hint says what the operator can do.
 */
int kv_sqlite_open(struct event_base *base, const char *path,
                   const struct kv_sqlite_upgrade *upgrade, struct kv **ret,
                   struct vdc_error *err);

/* For kv_sqlite_upgrade.run alone: one pair of the new format. */
int kv_sqlite_put(struct kv *kv, const char *key, const uint8_t *value,
                  size_t size, struct vdc_error *err);

/* For it, too: turns the connection's last failure into our error, and
 * returns that. */
int kv_sqlite_failed(struct kv *kv, const char *what, struct vdc_error *err);

#endif
