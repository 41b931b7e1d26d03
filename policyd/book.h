/*
 * The working set: what the store holds, in memory.  Each change is made
 * durable first and then seen here; a failed change is seen nowhere.
 */
#ifndef POLICYD_BOOK_H
#define POLICYD_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "policyd/names.h"
#include "policyd/store.h"
#include "wire/wire.h"

struct assignment {
    TAILQ_ENTRY(assignment) link; /* of its customer */
    struct customer *customer;
    struct vdc_uuid uuid;
    char name[NAMES_GUEST_MAX + 1];
    char new_name[NAMES_GUEST_MAX + 1]; /* while RENAMING */
    char *host;
    int state; /* enum assignment_state */
    struct wire_usage counts;
    char *macs;
    char *reason;
    uint64_t created_ms;
    /* not stored: */
    bool in_flight; /* a request of ours is changing it */
    bool missing;   /* its host does not know it */
    bool settling;  /* found on its host; if it goes again, it is forgotten */
    bool seen;      /* scratch of the comparison with the host */
};

struct customer {
    TAILQ_ENTRY(customer) link; /* by name */
    char name[NAMES_CUSTOMER_MAX + 1];
    struct wire_login *logins;
    uint32_t n_logins;
    struct wire_quota quota;
    uint64_t created_ms;
    bool builtin;                         /* the provider */
    TAILQ_HEAD(, assignment) assignments; /* by time of creation */
    size_t n_assignments;
};

TAILQ_HEAD(customer_list, customer);

struct book;

/* Takes over the store, also on failure.  Errors: those of loading. */
int book_open(struct store *store, struct book **ret, struct vdc_error *err);
void book_close(struct book *book); /* NULL allowed */

const struct customer_list *book_customers(const struct book *book);
/* NULL when there is none. */
struct customer *book_customer(const struct book *book, const char *name);
struct customer *book_customer_by_uid(const struct book *book, uint32_t uid);
struct assignment *book_assignment(const struct book *book,
                                   const struct vdc_uuid *uuid);
/* By name, or by the name that it is about to have. */
struct assignment *book_assignment_by_name(const struct customer *customer,
                                           const char *name);
struct assignment *book_assignment_by_mac(const struct book *book,
                                          const char *mac);

/* What the customer has, assignments on their way in included. */
void book_usage(const struct customer *customer, struct wire_usage *ret);

/* For all of these: `audit` may be NULL; errors are those of a commit. */
int book_customer_add(struct book *book, const struct wire_customer *customer,
                      const struct store_audit *audit, struct vdc_error *err);
/* The customer must have no assignments. */
int book_customer_remove(struct book *book, struct customer *customer,
                         const struct store_audit *audit,
                         struct vdc_error *err);
/* The customer named must exist. */
int book_assignment_add(struct book *book, const struct store_assignment *a,
                        const struct store_audit *audit,
                        struct assignment **ret, struct vdc_error *err);
/* Another state, and with it another name or new name (NULL: as it is). */
int book_assignment_move(struct book *book, struct assignment *a,
                         enum assignment_state state, const char *name,
                         const char *new_name, const struct store_audit *audit,
                         struct vdc_error *err);
int book_assignment_remove(struct book *book, struct assignment *a,
                           const struct store_audit *audit,
                           struct vdc_error *err);
int book_audit(struct book *book, const struct store_audit *audit,
               struct vdc_error *err);

#endif
