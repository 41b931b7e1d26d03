/*
 * What the files of the working set share.  Only book*.c include it.
 */
#ifndef POLICYD_BOOK_IMPL_H
#define POLICYD_BOOK_IMPL_H

#include "policyd/answers.h"
#include "policyd/book.h"
#include "policyd/decision.h"
#include "policyd/tokens.h"
#include "policyd/undo.h"

struct book {
    struct store *store;
    struct customer_list customers;
    void *customers_by_name; /* this and the others: tsearch(3) trees */
    void *by_uuid;           /* assignments */
    void *by_mac;            /* book_find.c's */
    TAILQ_HEAD(, book_host) hosts;
    void *hosts_by_name;
    struct answers *answers;
    struct tokens *tokens;
    struct decisions *decisions;
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
void book_set_logins(struct customer *c, const struct wire_customer *from);
void book_set_bounds(struct customer *c, const struct wire_customer *from);
struct assignment *book_insert_assignment(struct book *book,
                                          struct customer *customer,
                                          const struct store_assignment *s);
void book_drop_assignment(struct book *book, struct assignment *a);

/* A copy of a text that mostly is "", which takes nothing. */
char *book_keep_text(const char *text);
void book_drop_text(char *text);

/* ---- book_find.c: what is looked for by names and MACs ---- */

void book_find_customer(struct book *book, struct customer *c);
void book_lose_customer(struct book *book, struct customer *c);
/* Before its names or MACs are others, and after that. */
void book_lose_assignment(struct book *book, struct assignment *a);
void book_find_assignment(struct book *book, struct assignment *a);

/* ---- book_host.c ---- */

/* NULL: there is no record of it. */
void book_set_host(struct book *book, const char *name,
                   const struct wire_host_record *record);
/* Where an assignment is; taken away from one host, it is put to another, or
 * ends. */
void book_put_there(struct book *book, struct assignment *a, const char *host);
void book_take_away(struct book *book, struct assignment *a);

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
