/*
 * A transaction: a list of steps on one partition that happens wholly or not
 * at all, whatever crashes when.
 *
 *   begun --checks pass--> checked --on disk--> journalled --> applying
 *   |                       |                                  |   |
 *   +------- failed <-------+                     all steps    |   | a step
 *                                                 done, on     |   | failed
 *                                                 disk         v   v
 *                                                      committed   undoing
 *                                                                   |   |
 *                                                             undone    failed
 *
 * All steps are checked before anything is touched.  The journal is on disk
 * before the first effect; its row goes away in the same write that changes
 * the partition's row.  Recovery (recovery.h) ends what a crash left open.
 *
 * Some steps cannot be undone (a destroyed domain stays destroyed).  When a
 * later step of such a transaction fails, the partition's row says what is
 * left: it is stopped.
 */
#ifndef RESOURCED_TRANSACTION_H
#define RESOURCED_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "resourced/event_log.h"
#include "resourced/partition.h"

struct event;
struct host;
struct transaction;

/* The numbers are in the journal: never changed, never reused. */
enum transaction_kind {
    TRANSACTION_CREATE = 1,
    TRANSACTION_START = 2,
    TRANSACTION_SHUTDOWN = 3, /* the request to the guest */
    TRANSACTION_REBOOT = 4,   /* the request to the guest */
    TRANSACTION_DESTROY = 5,
    TRANSACTION_RENAME = 6,
    TRANSACTION_STOP = 7,   /* after the guest has stopped by itself */
    TRANSACTION_RESTART = 8 /* the same, and it is to run again */
};

enum transaction_state {
    TRANSACTION_BEGUN,
    TRANSACTION_CHECKED,
    TRANSACTION_JOURNALLED,
    TRANSACTION_APPLYING,
    TRANSACTION_COMMITTED,
    TRANSACTION_UNDOING,
    TRANSACTION_UNDONE,
    TRANSACTION_FAILED
};

/* What apply and undo of a step answer besides an error. */
enum { STEP_DONE = 0, STEP_LATER = 1 };

struct step {
    const char *doing; /* "building the domain" */
    /* Whether it can be done; touches nothing.  May be NULL. */
    int (*check)(struct transaction *t, struct vdc_error *err);
    /* What would be done, for a dry run; false: nothing (not shown).  NULL:
     * `doing` is the text. */
    bool (*plan)(const struct transaction *t, char *buf, size_t size);
    /* STEP_DONE, STEP_LATER (then transaction_step_ended is called once from
     * the loop), or an error: it left nothing behind.  NULL: the commit does
     * it. */
    int (*apply)(struct transaction *t, struct vdc_error *err);
    /* The same, backwards; only after apply was done.  NULL: nothing to
     * undo, or it cannot be. */
    int (*undo)(struct transaction *t, struct vdc_error *err);
};

#define TRANSACTION_STEPS_MAX 8

struct transaction_ops {
    /* May be NULL. */
    void (*on_progress)(void *arg, unsigned step, unsigned n_steps,
                        const char *text);
    /* Called exactly once, perhaps before transaction_run returns.
     * t->partition is there; a partition that is no more (or never came to
     * be) is `pending` and goes away after the call. */
    void (*on_done)(void *arg, struct transaction *t, int rc,
                    const struct vdc_error *err);
};

struct transaction {
    TAILQ_ENTRY(transaction) link;
    struct host *host;
    struct arena *arena;
    enum transaction_kind kind;
    int state; /* enum transaction_state */
    struct partition *partition;
    struct wire_partition_ref request; /* what was asked; in the journal */
    const char *reason;                /* why; in the journal */
    bool dry_run;
    bool automatic; /* nobody asked for it */
    enum hv_shutdown_reason why; /* STOP, RESTART */
    bool gave_up;                /* STOP: it was to be a RESTART */

    const struct step *steps[TRANSACTION_STEPS_MAX];
    size_t n_steps;
    size_t at; /* the step under way; while undoing, of which one is undone */
    unsigned n_tries;      /* of an undo that fails */
    struct event *timer;   /* for steps that wait */
    uint64_t waits_until_ms; /* monotonic */

    struct mem need;       /* its domain takes so much from the host */
    struct mem from_dom0;  /* of it, asked from dom0 */
    bool promised;         /* need is reserved, its domain has not all yet */
    uint32_t domid;        /* that it has built; HV_DOMID_NONE: none */
    uint32_t old_domid;    /* the partition's when it began */
    bool ended_domain;     /* it has ended the old one: no way back */
    uint64_t built_ms;

    struct vdc_error err; /* why it is undone, or failed */
    const struct transaction_ops *ops;
    void *arg;
};

TAILQ_HEAD(transaction_list, transaction);

extern const struct machine transaction_machine;

const char *transaction_kind_name(enum transaction_kind kind);

/*
 * A new one on this partition.  Errors: VDC_E_BUSY when the partition has one
 * under way.  Steps are added before it runs.
 */
int transaction_new(struct host *host, struct partition *partition,
                    enum transaction_kind kind,
                    const struct wire_partition_ref *request,
                    const char *reason, struct transaction **ret,
                    struct vdc_error *err);
void transaction_add(struct transaction *t, const struct step *step);
/* Runs it to its end, which ops.on_done tells; frees it.  A dry run only
 * checks. */
void transaction_run(struct transaction *t, const struct transaction_ops *ops,
                     void *arg);

/* For steps: the step that answered STEP_LATER has ended. */
void transaction_step_ended(struct transaction *t, int rc,
                            const struct vdc_error *err);
/* For steps: calls fn from the loop after so long (t->timer). */
void transaction_wait(struct transaction *t, unsigned ms,
                      void (*fn)(int fd, short what, void *arg));

/* Frees those under way without a word, for the end of the process. */
void transactions_abandon(struct host *host);

#endif
