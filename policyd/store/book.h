/*
 * The working set: what the store holds, in memory.
 *
 * A change is seen here at once and is on its way to the store then; it is
 * durable later, from the loop.  Until that what it promises must not leave
 * policyd: book_wait.  If the store refuses it, it is taken back, with all
 * that came after it, and is seen nowhere any more.
 */
#ifndef POLICYD_STORE_BOOK_H
#define POLICYD_STORE_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/error.h"
#include "policyd/names.h"
#include "policyd/store/record.h"
#include "policyd/store/store.h"
#include "wire/wire.h"

/* What a guest counts for, of a struct wire_usage: there are very many. */
struct book_counts {
    struct mem memory;
    uint64_t vcpus;
    struct mem disk;
    uint64_t guests;
    uint64_t networks;
};

/* Its members are in an order that leaves no holes. */
struct assignment {
    TAILQ_ENTRY(assignment) link;       /* of its customer */
    TAILQ_ENTRY(assignment) link_there; /* of its host */
    struct customer *customer;
    struct book_host *there;
    struct vdc_uuid uuid;
    char *name;
    char *new_name; /* while RENAMING; otherwise "" */
    const char *host;
    struct book_counts counts;
    char *macs;
    char *reason;
    char *placing; /* as stored */
    char *images;  /* the same */
    uint64_t host_busy_ms; /* the same */
    uint64_t moved_ms;     /* when it came from another host, or 0 */
    uint64_t created_ms;
    uint64_t since_ms; /* it has had `counts`, and has run or not */
    int state; /* enum assignment_state */
    bool runs; /* as far as its host has told */
    /* not stored: */
    bool in_flight; /* a request of ours is making, ending or renaming it */
    bool touched;   /* that has ended since the last look at the host began */
    bool uncounted; /* a request that changed what it counts for has ended
                     * while it could not be counted */
    unsigned n_changing; /* requests of ours that change what it counts for */
    unsigned n_starting; /* requests of ours that are starting it: changed by
                          * book_starting and book_started alone */
    unsigned n_orders;   /* requests of ours that may change it in any way */
    bool missing;   /* its host does not know it */
    bool settling;  /* found on its host; if it goes until it is found at rest
                     * by the next look, it is forgotten */
    bool loose;     /* its domain has more than its next start will give it */
    bool seen;      /* scratch of the comparison with the host */
    bool listed;    /* scratch of lists */
    bool keep_queued; /* scratch of fence/keep.c */
    const struct wire_stored_move *move; /* that has not ended; NULL: none */
};

/* A customer, or a project of one. */
struct customer {
    const struct book *book;
    TAILQ_ENTRY(customer) link; /* by name; a project is after its customer */
    char name[NAMES_CUSTOMER_MAX + 1];
    struct customer *parent; /* whose project it is; NULL: it is none */
    size_t n_projects;
    struct wire_login *logins;
    uint32_t n_logins;
    struct wire_quota quota;
    struct wire_bound *bounds; /* its own (bounds.h) */
    uint32_t n_bounds;
    uint64_t created_ms;
    bool builtin;                         /* the provider */
    struct wire_usage used;               /* book_usage.c's */
    uint64_t image_kib; /* book_image.c's: of its images, each rounded up */
    size_t n_images;
    TAILQ_HEAD(, assignment) assignments; /* by time of creation */
    size_t n_assignments;
};

TAILQ_HEAD(customer_list, customer);

/* A host that there is a record of, or that something is assigned to. */
struct book_host {
    TAILQ_ENTRY(book_host) link;
    char *name;
    const struct wire_host_record *record; /* NULL: there is none */
    TAILQ_HEAD(, assignment) assignments;
    size_t n_assignments;
    struct wire_host_record stored;
    struct arena *arena; /* of the record */
};

struct book;
struct decisions;

/* Takes over the store, unless it fails.  Errors: those of loading. */
int book_open(struct store *store, struct book **ret, struct vdc_error *err);
void book_close(struct book *book); /* NULL allowed */

/*
 * One without a store, to see whether records would be loaded: they are given
 * in the order of the table.  For book_try and book_close alone.
 * Errors: VDC_E_STORE_CORRUPT, VDC_E_BAD_VALUE (the id is not the body's).
 */
struct book *book_new_trial(void);
int book_try(struct book *book, enum store_record record, const char *id,
             const void *body, struct vdc_error *err);

struct book_notify {
    /* So many changes were taken back, and what is above says so now. */
    void (*refused)(void *arg, size_t n, const struct vdc_error *why);
    /* As in store_notify. */
    void (*lost)(void *arg, const struct vdc_error *why);
    void *arg;
};
void book_set_notify(struct book *book, const struct book_notify *notify);

/* Those that are stored; what is added to them is, too. */
struct decisions *book_decisions(const struct book *book);

/* As store_wait, store_drain and store_read. */
bool book_wait(struct book *book, store_wait_fn *fn, void *arg);
void book_drain(struct book *book);
void book_read(struct book *book, enum store_record record,
               const char *prefix, store_read_fn *fn, store_wait_fn *done,
               void *arg);
/* For what is about the store as a whole. */
struct store *book_store(const struct book *book);

/* Told of each assignment that is there, and later is new or counts for
 * something else; `gone`: before it goes.  One watcher; NULL ends it. */
typedef void book_watch_fn(void *arg, const struct assignment *a, bool gone);
void book_watch(struct book *book, book_watch_fn *fn, void *arg);

const struct customer_list *book_customers(const struct book *book);
/* NULL when there is none. */
struct customer *book_customer(const struct book *book, const char *name);
/* `ret_login` may be NULL. */
struct customer *book_customer_by_uid(const struct book *book, uint32_t uid,
                                      const struct wire_login **ret_login);
struct assignment *book_assignment(const struct book *book,
                                   const struct vdc_uuid *uuid);
/* By name, or by the name that it is about to have. */
struct assignment *book_assignment_by_name(const struct customer *customer,
                                           const char *name);
struct assignment *book_assignment_by_mac(const struct book *book,
                                          const char *mac);

/* All, in no order: NULL when there is none (any more). */
const struct book_host *book_hosts(const struct book *book);
const struct book_host *book_host_next(const struct book_host *host);
/* NULL when nothing is known of it. */
const struct book_host *book_host(const struct book *book, const char *name);

/* What the customer or project has by itself, assignments on their way in
 * included.  Takes the same time however many there are. */
void book_usage(const struct customer *customer, struct wire_usage *ret);
/* What the guest counts for by itself; that it runs is not in it. */
struct wire_usage book_counted(const struct assignment *a);
/* As it is stored, without usage; texts and lists are its own. */
void book_describe_customer(const struct customer *customer,
                            struct wire_customer *ret);
/* Whether it runs, or will as far as is known. */
bool book_runs(const struct assignment *a);
/* A request of ours starts it, and no longer does: it counts as running in
 * between. */
void book_starting(struct assignment *a);
void book_started(struct assignment *a);

/* For all of these: `audit` may be NULL; errors are those of store_commit,
 * and nothing was changed then. */
int book_customer_add(struct book *book, const struct wire_customer *customer,
                      const struct store_audit *audit, struct vdc_error *err);
/* Another quota, other bounds; and other logins, if `from` has any. */
int book_customer_set(struct book *book, struct customer *customer,
                      const struct wire_customer *from,
                      const struct store_audit *audit, struct vdc_error *err);
/* With its tokens.  The customer must have no assignments and no projects. */
int book_customer_remove(struct book *book, struct customer *customer,
                         const struct store_audit *audit,
                         struct vdc_error *err);
/* Adds a host, or replaces what was entered of it. */
int book_host_put(struct book *book, const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err);
int book_host_remove(struct book *book, const char *name,
                     const struct store_audit *audit, struct vdc_error *err);
/* Whether it goes to another host just now: only its move asks hosts about
 * it. */
bool book_moves(const struct assignment *a);
/* Moves that have not ended, kept files included; and what is said of the
 * guest's assignment with each step: its host (NULL: as it is), why, since
 * when that has had guests, and when it came there.  `a` must have no other
 * move.  What is in `move` is copied. */
struct book_place {
    const char *host;
    const char *reason;
    uint64_t host_busy_ms;
    uint64_t moved_ms;
};
int book_move_put(struct book *book, struct assignment *a,
                  const struct wire_stored_move *move,
                  const struct book_place *place, struct vdc_error *err);
int book_move_remove(struct book *book, const struct vdc_uuid *uuid,
                     const struct book_place *place,
                     const struct store_audit *audit, struct vdc_error *err);
/*
 * What a protected guest is, as its host had it last; NULL: it was not said
 * yet.  It goes with the guest's assignment.
 */
const struct wire_stored_kept *book_kept(const struct book *book,
                                         const struct vdc_uuid *uuid);
int book_kept_put(struct book *book, const struct wire_stored_kept *kept,
                  struct vdc_error *err);
/* Whether a host still has in its database what was started elsewhere while
 * it was off: also after the guest has gone for good.  And it has forgotten
 * it. */
const struct wire_stored_taken *book_taken(const struct book *book,
                                           const struct vdc_uuid *uuid);
bool book_was_taken(const struct book *book, const struct vdc_uuid *uuid,
                    const char *host);
int book_taken_forgotten(struct book *book, const struct vdc_uuid *uuid,
                         const char *host, struct vdc_error *err);
/* Which hosts take part in fencing; NULL: none ever did. */
const struct wire_stored_fence *book_fence(const struct book *book);
int book_fence_put(struct book *book, const struct wire_stored_fence *fence,
                   struct vdc_error *err);
/* In the order in which they were put; NULL after the last. */
const struct wire_stored_move *
book_move_after(const struct book *book, const struct wire_stored_move *move);
/* The plan that is carried out; NULL: there is none. */
const struct wire_stored_run *book_run(const struct book *book);
int book_run_put(struct book *book, const struct wire_stored_run *run,
                 const struct store_audit *audit, struct vdc_error *err);
int book_run_remove(struct book *book, struct vdc_error *err);

/* The customer named must exist. */
int book_assignment_add(struct book *book, const struct store_assignment *a,
                        const struct store_audit *audit,
                        struct assignment **ret, struct vdc_error *err);
/* Another state, and with it another name or new name (NULL: as it is). */
int book_assignment_move(struct book *book, struct assignment *a,
                         enum assignment_state state, const char *name,
                         const char *new_name, const struct store_audit *audit,
                         struct vdc_error *err);
/* What it counts for and its MACs (NULL: as they are), and with it another
 * state, which may be the one it has. */
int book_assignment_count(struct book *book, struct assignment *a,
                          enum assignment_state state,
                          const struct wire_usage *counts, const char *macs,
                          const struct store_audit *audit,
                          struct vdc_error *err);
/* It runs since then, or does not; nothing happens when that is known. */
int book_assignment_runs(struct book *book, struct assignment *a, bool runs,
                         uint64_t at_ms, struct vdc_error *err);
/* Another host, and why, while it is being created; and since when that has
 * had guests, or 0. */
int book_assignment_place(struct book *book, struct assignment *a,
                          const char *host, uint64_t host_busy_ms,
                          const char *reason, struct vdc_error *err);
int book_assignment_remove(struct book *book, struct assignment *a,
                           const struct store_audit *audit,
                           struct vdc_error *err);
int book_audits(struct book *book, const struct store_audit *audits, size_t n,
                struct vdc_error *err);

/* Tokens, as tokens.h has them. */
const struct wire_stored_token *book_token(const struct book *book,
                                           const char *id);
const struct wire_stored_token *book_token_after(const struct book *book,
                                                 const char *id);
int book_token_put(struct book *book, const struct wire_stored_token *token,
                   const struct store_audit *audit, struct vdc_error *err);
int book_token_remove(struct book *book, const char *id,
                      const struct store_audit *audit, struct vdc_error *err);

/* Images; see images/images.h.  NULL: there is none.  Each is valid until it
 * is put again or removed. */
const struct wire_image *book_image(const struct book *book,
                                    const char *customer, const char *name);
/* By CUSTOMER/NAME; and the next in that order, which need not be there, "":
 * the first. */
const struct wire_image *book_image_of_id(const struct book *book,
                                          const char *id);
const struct wire_image *book_image_after(const struct book *book,
                                          const char *id);
const struct wire_image *book_image_next(const struct book *book,
                                         const struct wire_image *image);
int book_image_put(struct book *book, const struct wire_image *image,
                   const struct store_audit *audit, struct vdc_error *err);
int book_image_remove(struct book *book, const struct wire_image *image,
                      const struct store_audit *audit, struct vdc_error *err);

/* Records that are not in memory, audits and use, whose ids begin with one of
 * these. */
int book_remove_times(struct book *book, enum store_record record,
                      const char *const *prefixes, size_t n,
                      struct vdc_error *err);

/* Those older than it says go, and the oldest of an owner that has too
 * many. */
int book_answer_put(struct book *book, const struct store_answer *answer,
                    struct vdc_error *err);
/* In the arena.  Errors: VDC_E_NOT_FOUND. */
int book_answer_find(const struct book *book, const char *owner,
                     const char *key, struct arena *arena,
                     struct store_answer *ret, struct vdc_error *err);

/* Hosts that are let in; see dc/dc.h.  NULL: there is none of this name. */
const struct wire_stored_join *book_join(const struct book *book,
                                         const char *host);
/* Puts one, in place of an earlier one of the same host; those that have
 * expired by then go. */
int book_join_put(struct book *book, const struct wire_stored_join *join,
                  uint64_t now_ms, const struct store_audit *audit,
                  struct vdc_error *err);
/* It has joined: the host and what it joined with, in one. */
int book_join_use(struct book *book, const struct wire_stored_join *join,
                  const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err);

/* Policyds that have, or had, the authority's key; see dc/dc.h.  NULL: none of
 * this name; after the last. */
const struct wire_dc_policyd *book_policyd(const struct book *book,
                                           const char *name);
const struct wire_dc_policyd *
book_policyd_after(const struct book *book,
                   const struct wire_dc_policyd *policyd);
/* Puts one, in place of an earlier one.  With it, in one: `join` (NULL: none)
 * was used, and, when it may lead no more, its own token ends.  Errors: those
 * of the store; then nothing is changed. */
int book_policyd_put(struct book *book, const struct wire_dc_policyd *policyd,
                     const struct wire_stored_join *join,
                     const struct store_audit *audit, struct vdc_error *err);
/* The name that the token of a policyd has among those of hosts, which no host
 * can have. */
#define BOOK_JOIN_POLICYD "policyd/"

#endif
