/*
 * A transaction: operations on partitions of this host that happen wholly or
 * not at all, whatever crashes when.  An operation (struct operation) is what
 * a client asks for one partition; it consists of steps (step.h), each of
 * which can be checked, applied and undone.
 *
 *   begun --> queued --> checked --> journalling --> applying -> committing
 *     |         |           |            |              |         |       |
 *     |         |           |            | no           |         |       |
 *     v         v           v            v journal      |         |       v
 *   failed    failed      failed       failed           |         |  committed
 *   bad       cancelled,  dry run                       v         |
 *   request   deadline,           a step failed,      undoing <---+
 *             a check,            cancelled,            |    cannot be written
 *             the key has         deadline              v
 *             an answer                               undone
 *
 * One that a crash left in the journal goes from checked to applying (it had
 * passed) or to undoing.  From the journal on it ends as committed or undone:
 * what it takes is tried again for as long as it fails, and nobody else works
 * on its partitions until then; whoever asked is told before.
 *
 * Locks.  A transaction has the locks (lock.h) of all partitions, names and
 * devices that it is about before its first check, and gives them back when
 * it has ended.  It gets all of them at once or waits in the queue, so there
 * is no deadlock; those that share nothing run at the same time.
 *
 * Checks.  All steps of all operations are checked before anything is
 * touched, each against the rows as the operations before it will leave them
 * (operation.row); all reasons for a refusal are given at once.
 *
 * Durability.  The journal is on disk before the first effect, and its row
 * goes away in the same write that changes the partitions' rows.  An undo
 * makes Xen be as the partition's row in the database says (partition.row),
 * so that it needs no other record, and may be done twice, or without the
 * step ever having been applied: that is what recovery (recovery.h) does.
 *
 * Steps that cannot be undone (step.final: a destroyed domain stays
 * destroyed) come after all others.  Before the first of them the journal
 * says `passed` on disk; from there on recovery goes forward, and neither
 * cancel nor deadline do anything.
 *
 * One that starts a guest which comes from another host (migrate.h) is, before
 * that, `prepared` on disk: the guest is built and stands still, and whether
 * it is to run here is decided elsewhere.  Nothing but that decision ends it:
 * no cancel, no deadline, no restart.
 */
#ifndef RESOURCED_TRANSACTION_H
#define RESOURCED_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/reasons.h"
#include "resourced/event_log.h"
#include "resourced/lock.h"
#include "resourced/partition.h"

struct event;
struct host;
struct lease;
struct migrate_in;
struct migrate_out;
struct outcome;
struct step;
struct transaction;

enum transaction_state {
    TRANSACTION_BEGUN,
    TRANSACTION_QUEUED,
    TRANSACTION_CHECKED,
    TRANSACTION_JOURNALLING,
    TRANSACTION_APPLYING,
    TRANSACTION_COMMITTING,
    TRANSACTION_COMMITTED,
    TRANSACTION_UNDOING,
    TRANSACTION_UNDONE,
    TRANSACTION_FAILED
};

/* What apply and undo of a step answer besides an error. */
enum { STEP_DONE = 0, STEP_LATER = 1 };

/* row.domid of a domain that a step before will build: it is known when that
 * step was applied. */
#define DOMID_TO_COME (HV_DOMID_NONE - 1u)

/* What becomes of one that is prepared. */
enum transaction_decision {
    DECISION_NONE,
    DECISION_RELEASED, /* the guest is nowhere else: go on */
    DECISION_ABANDONED /* it runs on where it was: undo */
};

/* One operation of a transaction, and what its steps share. */
struct operation {
    struct transaction *t;
    struct host *host;
    struct partition *partition; /* set by create, too */
    enum wire_operation_kind kind;
    struct wire_operation request; /* as in the journal; in t->arena */
    /*
     * The partition's row as it will be after this transaction: shared by the
     * operations on the same partition, changed by the steps' checks (see
     * step.record) and, as far as Xen has a say, by apply.  Strings are in
     * t->arena or the partition's.  partition->row is as it was before.
     */
    struct partition_row *row;
    bool forgets; /* the partition is to be no more */

    /* For the answer. */
    bool partial;      /* less than asked for was reached, and kept */
    char text[256];    /* partial: what was reached */
    char hint[512];    /* partial: what to do about it */
    char device[64];   /* the name of what was attached */

    /* Of those that build or end a domain. */
    bool automatic;              /* nobody asked for it */
    enum hv_shutdown_reason why; /* STOP, RESTART */
    bool gave_up;                /* STOP: it was to be a RESTART */
    bool core_dump;              /* STOP, RESTART: save its memory first */
    uint32_t domid;              /* that it has built; HV_DOMID_NONE: none */
    uint32_t old_domid;          /* the partition's when it began */
    bool ended_domain;           /* it has ended the old one: no way back */
    uint64_t built_ms;

    /* Of a guest that comes from another host, or goes to one. */
    struct migrate_in *comes;  /* NULL: the connection has ended, or this
                                  process has never had it */
    struct migrate_out *goes;  /* the same */
    struct mem stream_memory;  /* that it had there; 0: not known yet */

    /* Of those that take memory (memory.h). */
    struct mem need;      /* it takes so much more from the host */
    struct mem had;       /* what its domain had before it began to */
    struct mem from_dom0; /* of it, asked from dom0 */
    bool promised;        /* need is reserved, and not all taken yet */
    struct mem gives;     /* its guest is to give so much ... */
    struct mem kept;      /* ... and has given this: it is free, but not for
                             other transactions before the commit */

    /* Of the step under way, for its own use; zero when a step begins. */
    uint64_t waits_until_ms; /* monotonic */
    int fd;                  /* -1 for none */
    struct mem got;
    int state;
};

#define TRANSACTION_OPERATIONS_MAX 16
#define TRANSACTION_OPERATION_STEPS 6
#define TRANSACTION_STEPS_MAX                                                 \
    (TRANSACTION_OPERATIONS_MAX * TRANSACTION_OPERATION_STEPS)

struct transaction_ops {
    /* May be NULL. */
    void (*on_progress)(void *arg, unsigned step, unsigned n_steps,
                        const char *text);
    /* How much of a guest's memory has been sent; may be NULL. */
    void (*on_sent)(void *arg, const struct transaction *t,
                    const struct wire_progress *progress);
    /* Called exactly once, from the loop, never from inside
     * transaction_begin.  The partitions of t's operations are there; one
     * that is no more (or never came to be) is `pending` and goes away after
     * the call.  rc 0 with t->answer: see there. */
    void (*on_done)(void *arg, struct transaction *t, int rc,
                    const struct vdc_error *err);
};

/* A step of an operation of the transaction. */
struct step_run {
    const struct step *step;
    struct operation *op;
};

struct transaction {
    TAILQ_ENTRY(transaction) link; /* of host->transactions */
    struct host *host;
    struct arena *arena;
    uint64_t id; /* rises, never used again; 0: a dry run */
    int state;   /* enum transaction_state */
    struct wire_transaction request; /* in the journal */
    struct locks locks;

    struct operation operations[TRANSACTION_OPERATIONS_MAX];
    size_t n_operations;
    struct step_run steps[TRANSACTION_STEPS_MAX];
    size_t n_steps;
    size_t at; /* the step under way; undoing: one more than the step */
    bool step_is_late; /* it answered STEP_LATER and has not ended */
    bool passed;       /* a final step has begun: no way back */
    bool prepared;     /* the journal says so, or is about to */
    bool waits;        /* prepared, and for nothing but the decision */
    enum transaction_decision decision;
    bool recovered;    /* made from the journal */
    unsigned n_tries;  /* of what fails and is tried again */
    struct event *timer;    /* for steps that wait */
    struct event *deadline; /* of request.timeout_ms */
    struct event *soon;     /* what is done next, from the loop */
    void (*soon_fn)(struct transaction *t);
    uint64_t begun_us;      /* monotonic */
    uint64_t deadline_ms;   /* monotonic; 0: none.  Steps that can end with
                               less (partial) end a little before it */
    struct lease *lease;    /* it uses up; NULL: none */
    int stop;               /* VDC_E_CANCELLED or VDC_E_TIMEOUT: to be undone
                               as soon as the step under way has ended */

    bool asks_store; /* it waits for the answer to its key */
    bool was_answered; /* recall: `err` or `answer` is what was kept */
    bool was_closed;   /* recall: there was none, and none will be */
    bool told;       /* on_done was called */
    bool own;        /* nobody asked for it: transaction_begin_own */
    uint64_t digest; /* of a request with a key */
    struct outcome *outcome; /* that is being written; in try_arena */
    struct arena *try_arena; /* NULL: not yet; see transaction_end.c */

    struct vdc_error err; /* why it is undone, or failed */
    char name[160];       /* for the log; see transaction_name */
    /* The same key was used before: the first answer, as it was; nothing was
     * done now.  NULL otherwise. */
    const struct wire_transaction_reply *answer;
    const struct transaction_ops *ops;
    void *arg;
};

TAILQ_HEAD(transaction_list, transaction);

extern const struct machine transaction_machine;

/*
 * Begins a transaction; what comes of it is told by ops->on_done.  The
 * request is copied.  Errors: none are returned; all come through on_done:
 * VDC_E_NOT_FOUND (no such partition), VDC_E_BAD_VALUE (no operations, a kind
 * that is not a client's), VDC_E_CONFLICT (if_generation; or the key was used
 * for another request), those of the checks, VDC_E_CANCELLED, VDC_E_TIMEOUT.
 * Returns it for transaction_cancel; valid until on_done.
 */
struct transaction *transaction_begin(struct host *host,
                                      const struct wire_transaction *request,
                                      const struct transaction_ops *ops,
                                      void *arg);
/* The same with one operation that nobody asked for: STOP, RESTART, an
 * automatic START.  `like` gives partition, kind, request, automatic, why,
 * gave_up, core_dump, and as old_domid the domain that it is about: when that
 * is no longer the partition's, it fails with VDC_E_WRONG_STATE. */
struct transaction *transaction_begin_own(struct host *host,
                                          const struct operation *like,
                                          const struct transaction_ops *ops,
                                          void *arg);
/* Undo it, if it is not too late: on_done tells (VDC_E_CANCELLED, or success
 * as if nothing had been said). */
void transaction_cancel(struct transaction *t);
/* For steps: from now on only a decision ends it, and the journal is to say
 * so; fn(t, 0) when it does, or with an error: it is not prepared then. */
void transaction_prepare(struct transaction *t,
                         void (*fn)(struct transaction *t, int rc,
                                    const struct vdc_error *err));
/* The decision, which may come before it is prepared: one that is abandoned
 * then is cancelled.  The first counts. */
void transaction_decide(struct transaction *t,
                        enum transaction_decision decision);
/* For steps: it is prepared; the decision is acted on as soon as it is there,
 * by transaction_step_ended.  After a crash whoever waits for the end is told
 * that there is none yet. */
void transaction_await(struct transaction *t);
/* The one under way with this key; NULL: none. */
struct transaction *transaction_of_key(const struct host *host,
                                       const char *owner, const char *key);

/* One that a crash left in the journal, to be ended: forward when `passed`,
 * not before its decision when `prepared` (and its domain is there), else
 * back.  The journal has it until then. */
struct transaction *transaction_recover(struct host *host,
                                        const struct journal_entry *entry,
                                        const struct transaction_ops *ops,
                                        void *arg);

/* What it comes to, in the arena; after on_done came with 0 (dry run: the
 * plan), or from inside. */
void transaction_reply(const struct transaction *t, struct arena *arena,
                       struct wire_transaction_reply *ret);

/* For steps: the step that answered STEP_LATER has ended. */
void transaction_step_ended(struct transaction *t, int rc,
                            const struct vdc_error *err);
/* For steps: calls fn(op) from the loop after so long. */
void transaction_wait(struct operation *op, unsigned ms,
                      void (*fn)(int fd, short what, void *arg));

/* Whether a transaction on this partition is queued or under way. */
bool transaction_concerns(const struct host *host,
                          const struct partition *partition);
/* The last of its operations on this partition; NULL when there is none. */
const struct operation *
transaction_operation_on(const struct transaction *t,
                         const struct partition *partition);

/* All is written; its end is being told. */
static inline bool transaction_has_ended(const struct transaction *t)
{
    return t->state == TRANSACTION_COMMITTED ||
           t->state == TRANSACTION_UNDONE || t->state == TRANSACTION_FAILED;
}

/* Frees those under way without a word, for the end of the process. */
void transactions_abandon(struct host *host);

#endif
