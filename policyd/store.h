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

#include "base/arena.h"
#include "base/error.h"
#include "wire/wire.h"

/* The numbers are in databases: never changed. */
enum assignment_state {
    ASSIGNMENT_CREATING = 1, /* recorded; its host is being asked */
    ASSIGNMENT_ACTIVE = 2,
    ASSIGNMENT_DELETING = 3, /* its host is being asked to forget it */
    ASSIGNMENT_RENAMING = 4, /* its host is being asked for new_name */
    ASSIGNMENT_CHANGING = 5  /* its host is being asked for what counts in
                                quotas; `counts` is the most it may be */
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
    const char *who;    /* user, token or guest, for a person; NULL: "" */
    const char *origin; /* from where: a process, a domain; NULL: "" */
    const char *detail; /* of a failure, why; NULL: "" */
    uint64_t number;    /* rises; the store sets it */
};
#define STORE_UID_NONE UINT32_MAX

/* The answer to a request that had a key. */
struct store_answer {
    const char *owner; /* whose key */
    const char *key;
    uint64_t digest;  /* of the request, to tell another with the same key */
    uint32_t message; /* number of the answer's message */
    uint64_t keep_ms; /* those older go when it is put; not stored */
    uint64_t time_ms; /* since 1970 */
    const uint8_t *body; /* as wire_struct_encode made it */
    size_t size;
};
/* Instead of a message: there is no answer yet. */
#define STORE_ANSWER_OPEN 0
/* So many of each owner are kept. */
#define STORE_ANSWERS_MAX 1000

/* Records are structs of the protocol under keys of printable ASCII, ordered
 * by key. */
struct store_record {
    const char *key;
    const uint8_t *body;
    size_t size;
};
/* The whole struct customer, also when it is added or set; removed with it. */
#define STORE_CUSTOMER_KEY "customer/"
#define STORE_TOKEN_KEY "token/" /* struct stored_token */

enum store_change_kind {
    STORE_CUSTOMER_ADD,      /* customer; usage is not stored */
    STORE_CUSTOMER_SET,      /* customer: its quota, and its logins if any */
    STORE_CUSTOMER_REMOVE,   /* name; with the answers to its keys */
    STORE_ASSIGNMENT_PUT,    /* assignment: added or replaced by uuid */
    STORE_ASSIGNMENT_REMOVE, /* uuid */
    STORE_ANSWER_PUT,        /* answer; those kept too long are dropped */
    STORE_AUDIT,             /* audit */
    STORE_RECORD_PUT,        /* record: added or replaced by key */
    STORE_RECORD_REMOVE      /* name: its key */
};

struct store_change {
    enum store_change_kind kind;
    const struct wire_customer *customer;
    const char *name;
    const struct store_assignment *assignment;
    const struct vdc_uuid *uuid;
    const struct store_answer *answer;
    const struct store_audit *audit;
    const struct store_record *record;
};

/* Records whose key begins with `prefix`, after the key `after` ("": from the
 * first), at most so many. */
struct store_query {
    const char *prefix;
    const char *after;
    uint32_t most;
};
typedef int store_record_fn(void *arg, const char *key, const uint8_t *body,
                            size_t size, struct vdc_error *err);

/* Of a customer and its projects ("": all), from a time on, of an object ("":
 * any), after a number, at most so many. */
struct store_audit_query {
    const char *customer;
    const char *object;
    uint64_t since_ms;
    uint64_t after;
    uint32_t most;
};
typedef int store_audit_fn(void *arg, const struct store_audit *audit,
                           struct vdc_error *err);

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
    /* In the arena.  Errors: VDC_E_NOT_FOUND, VDC_E_STORE,
     * VDC_E_STORE_CORRUPT. */
    int (*find_answer)(struct store *store, const char *owner, const char *key,
                       struct arena *arena, struct store_answer *ret,
                       struct vdc_error *err);
    /* Calls `fn` for each, in order; what is passed is valid during the call.
     * Errors: VDC_E_STORE, VDC_E_STORE_CORRUPT, and those of `fn`, which end
     * it. */
    int (*read_records)(struct store *store, const struct store_query *query,
                        store_record_fn *fn, void *arg,
                        struct vdc_error *err);
    int (*read_audits)(struct store *store,
                       const struct store_audit_query *query,
                       store_audit_fn *fn, void *arg, struct vdc_error *err);
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
