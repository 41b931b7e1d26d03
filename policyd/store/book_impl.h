/*
 * What the files of the working set share.  Only book*.c include it.
 */
#ifndef POLICYD_STORE_BOOK_IMPL_H
#define POLICYD_STORE_BOOK_IMPL_H

#include "policyd/api/answers.h"
#include "policyd/customers/tokens.h"
#include "policyd/explain/decision.h"
#include "policyd/store/book.h"
#include "policyd/store/table.h"
#include "policyd/store/undo.h"

struct book {
    struct store *store;
    struct customer_list customers;
    /* book_find.c's, of assignments but the first */
    struct table customers_by_name, by_uuid, by_name, by_new_name, by_mac;
    void *by_uid; /* book_find.c's: a tsearch(3) tree of logins */
    TAILQ_HEAD(, book_host) hosts;
    struct table hosts_by_name;
    struct answers *answers;
    struct tokens *tokens;
    TAILQ_HEAD(, book_join) joins;
    TAILQ_HEAD(book_images, book_image) images; /* by CUSTOMER/NAME */
    TAILQ_HEAD(, book_policyd) policyds; /* by name */
    struct decisions *decisions;
    TAILQ_HEAD(, book_move) moves; /* book_move.c's */
    struct book_run *run;
    struct table kept, taken; /* book_kept.c's */
    struct book_fence *fence;
    struct loading_decision *loading; /* one of which parts were read */
    struct undo *undo;
    struct book_notify notify;
    book_watch_fn *watch;
    void *watch_arg;
    uint64_t n_audits;
};

/* ---- book.c: in memory ---- */

/* The watcher: it is new or another, or goes. */
void book_tell(const struct book *book, const struct assignment *a, bool gone);

struct customer *book_insert_customer(struct book *book,
                                      const struct wire_customer *from);
/* With its assignments. */
void book_drop_customer(struct book *book, struct customer *c);
/* The old ones are freed. */
void book_set_logins(struct book *book, struct customer *c,
                     const struct wire_customer *from);
void book_set_bounds(struct customer *c, const struct wire_customer *from);
struct assignment *book_insert_assignment(struct book *book,
                                          struct customer *customer,
                                          const struct store_assignment *s);
void book_drop_assignment(struct book *book, struct assignment *a);

/* A copy of a text that mostly is "", which takes nothing. */
char *book_keep_text(const char *text);
void book_drop_text(char *text);

/* ---- book_commit.c: one commit ---- */

/* What it is made of, at most STORE_CHANGES_MAX. */
struct book_commit {
    struct arena *arena;
    struct store_change changes[STORE_CHANGES_MAX];
    size_t n;
    struct undo_entry *undo;
};

/* From here to its end; without one its arena and its undo entry are freed by
 * whoever began it. */
void book_commit_begin(struct book_commit *commit);
/* `id` is copied, `body` must live until the end: it may be of the commit's
 * arena. */
void book_commit_add(struct book *book, struct book_commit *commit,
                     enum store_change_kind kind, enum store_record record,
                     const char *id, const void *body);
/* `audit` NULL: nothing. */
void book_commit_audit(struct book *book, struct book_commit *commit,
                       const struct store_audit *audit);
/* Queues it, and has it seen here; frees what it was made of.  Errors: those
 * of store_commit, with nothing changed. */
int book_commit_end(struct book *book, struct book_commit *commit,
                    struct vdc_error *err);
/* The same of one change alone, and maybe an audit. */
int book_commit_one(struct book *book, enum store_change_kind kind,
                    enum store_record record, const char *id,
                    const void *body, const struct store_audit *audit,
                    struct vdc_error *err);

/* ---- book_token.c ---- */

/* As many of a customer's tokens as there is room for.  The others go after
 * the commit; they are good for nothing without the customer, and if policyd
 * ends before that, they go when it begins (book_drop_tokens). */
void book_commit_tokens(struct book *book, struct book_commit *commit,
                        const char *customer, size_t room);
/* Those of customers that are gone, or of namesakes of them. */
void book_drop_tokens(struct book *book);

/* ---- book_find.c: what is looked for by UUIDs, names and MACs ---- */

void book_find_customer(struct book *book, struct customer *c);
void book_lose_customer(struct book *book, struct customer *c);
void book_find_uuid(struct book *book, struct assignment *a);
void book_lose_uuid(struct book *book, struct assignment *a);
/* Before its logins are others, and after that. */
void book_lose_logins(struct book *book, struct customer *c);
void book_find_logins(struct book *book, struct customer *c);
/* Before its names or MACs are others, and after that. */
void book_lose_assignment(struct book *book, struct assignment *a);
void book_find_assignment(struct book *book, struct assignment *a);
/* Nothing is to be found any more. */
void book_find_end(struct book *book);

/* ---- book_usage.c ---- */

/* Before what it counts for is another, or it goes; and after that, or when it
 * is new. */
void book_uncount(struct assignment *a);
void book_count(struct assignment *a);
/* Between these; what runs is not taken. */
void book_set_counted(struct assignment *a, const struct wire_usage *from);

/* ---- book_join.c ---- */

/* `join` NULL: there is none any more.  Errors: those of wire_struct_copy. */
int book_set_join(struct book *book, const char *host,
                  const struct wire_stored_join *join, struct vdc_error *err);
void book_free_joins(struct book *book);
/* The same of policyds that have the authority's key. */
int book_set_policyd(struct book *book, const char *name,
                     const struct wire_dc_policyd *policyd,
                     struct vdc_error *err);
void book_free_policyds(struct book *book);
/* NULL: the first; after the last: NULL. */
const struct wire_stored_join *
book_join_after(const struct book *book, const struct wire_stored_join *join);

/* ---- book_image.c ---- */

/* `image` NULL: there is none any more.  Errors: VDC_E_STORE_CORRUPT. */
int book_set_image(struct book *book, const char *id,
                   const struct wire_image *image, struct vdc_error *err);
void book_free_images(struct book *book);

/* ---- book_host.c ---- */

/* NULL: there is no record of it. */
void book_set_host(struct book *book, const char *name,
                   const struct wire_host_record *record);
/* Where an assignment is; taken away from one host, it is put to another, or
 * ends. */
void book_put_there(struct book *book, struct assignment *a, const char *host);
void book_take_away(struct book *book, struct assignment *a);

/* ---- book_move.c ---- */

/* NULL: it has ended.  Of a guest that there is not, it is kept all the
 * same. */
void book_set_move(struct book *book, const struct vdc_uuid *uuid,
                   const struct wire_stored_move *move);
const struct wire_stored_move *book_find_move(const struct book *book,
                                              const struct vdc_uuid *uuid);
void book_set_run(struct book *book, uint64_t number,
                  const struct wire_stored_run *run);
void book_drop_moves(struct book *book);

/* ---- book_kept.c ---- */

/* NULL: there is none any more. */
void book_set_kept(struct book *book, const struct vdc_uuid *uuid,
                   const struct wire_stored_kept *kept);
void book_set_taken(struct book *book, const struct vdc_uuid *uuid,
                    const struct wire_stored_taken *taken);
void book_set_fence(struct book *book, const struct wire_stored_fence *fence);
void book_drop_kept(struct book *book);
/* The guest's move is in this commit, and it is assigned to `owner` by it:
 * one that is started anew was taken from its host, and where it comes it is
 * not to be forgotten. */
void book_commit_taken(struct book *book, struct book_commit *commit,
                       const struct wire_stored_move *move,
                       const char *owner);

/* ---- book_record.c: what is in memory, as records ---- */

/* For each kind of record that is in memory. */
struct book_kind {
    /* Has what was read, was changed, or was before a change that is taken
     * back; `body` NULL: there is none.  NULL: this kind is not in memory. */
    int (*apply)(struct book *book, const char *id, const void *body,
                 struct vdc_error *err);
    /* What there is now, in the arena; NULL: there is none. */
    const void *(*describe)(const struct book *book, const char *id,
                            struct arena *arena);
};
extern const struct book_kind book_kinds[STORE_N_RECORDS];

/* As it is stored. */
struct store_assignment book_row(const struct assignment *a);

/* ---- book_decision.c: decisions, which are never taken back ---- */

void book_keep_decisions(struct book *book);
/* A part that is read; NULL: what was read so far is all. */
int book_load_decision(struct book *book,
                       const struct wire_stored_decision *part,
                       struct vdc_error *err);

#endif
