/*
 * The data center's store: customers, where their partitions are assigned,
 * and the record of changes.  One interface; implementations are behind the
 * table.
 *
 * A commit is wholly there or not at all, and durable when it returns 0.
 * After an error nothing was changed.
 */
#ifndef POLICYD_STORE_H
#define POLICYD_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/wire.h"

/* The numbers are in databases: never changed. */
enum assignment_state {
    ASSIGNMENT_CREATING = 1, /* recorded; its host is being asked */
    ASSIGNMENT_ACTIVE = 2,
    ASSIGNMENT_DELETING = 3, /* its host is being asked to forget it */
    ASSIGNMENT_RENAMING = 4  /* its host is being asked for new_name */
};

/* A partition as operations know it. */
struct store_assignment {
    struct vdc_uuid uuid;
    const char *customer;
    const char *name;
    const char *new_name; /* RENAMING; otherwise "" */
    const char *host;
    enum assignment_state state;
    struct wire_usage counts; /* what it counts for in quotas */
    const char *macs;         /* separated by spaces */
    const char *reason;       /* why this host */
    uint64_t created_ms;      /* ms since 1970 */
};

/* Who changed what. */
struct store_audit {
    uint64_t time_ms;
    uint32_t uid; /* UINT32_MAX: policyd itself */
    const char *customer;
    const char *message; /* "partition_create" */
    const char *object;
    int result; /* 0 or a VDC_E_ code */
};
#define STORE_UID_NONE UINT32_MAX

enum store_change_kind {
    STORE_CUSTOMER_ADD,      /* customer; usage is not stored */
    STORE_CUSTOMER_REMOVE,   /* name */
    STORE_ASSIGNMENT_PUT,    /* assignment: added or replaced by uuid */
    STORE_ASSIGNMENT_REMOVE, /* uuid */
    STORE_AUDIT              /* audit */
};

struct store_change {
    enum store_change_kind kind;
    const struct wire_customer *customer;
    const char *name;
    const struct store_assignment *assignment;
    const struct vdc_uuid *uuid;
    const struct store_audit *audit;
};

/* Called for each row, customers first; what is passed is valid during the
 * call.  An error ends the loading with that error. */
struct store_loader {
    int (*customer)(void *arg, const struct wire_customer *customer,
                    struct vdc_error *err);
    int (*assignment)(void *arg, const struct store_assignment *assignment,
                      struct vdc_error *err);
    void *arg;
};

struct store;

struct store_ops {
    /* Errors: VDC_E_STORE, VDC_E_STORE_CORRUPT, and the loader's. */
    int (*load)(struct store *store, const struct store_loader *loader,
                struct vdc_error *err);
    /* Errors: VDC_E_DISK_FULL, VDC_E_STORE, VDC_E_STORE_CORRUPT. */
    int (*commit)(struct store *store, const struct store_change *changes,
                  size_t n_changes, struct vdc_error *err);
    void (*close)(struct store *store);
};

/* The head of every implementation's own struct. */
struct store {
    const struct store_ops *ops;
};

/*
 * SQLite in a file, made if it is not there; for one policyd only.
 * Errors: VDC_E_STORE, VDC_E_STORE_NEWER (made by a newer version),
 * VDC_E_STORE_CORRUPT, VDC_E_DISK_FULL, VDC_E_DENIED; the hint says what the
 * operator can do.
 */
int store_sqlite_open(const char *path, struct store **ret,
                      struct vdc_error *err);

#endif
