/*
 * A change: operations on guests that happen wholly or not at all, from what
 * a client asked to its answer.  A single request (create, start, rename ...)
 * is a change of one operation.
 *
 *   change.c         the road, step by step
 *   change_recall.c  what came of it before, when nobody has noted that
 *   change_find.c    which guests it is about
 *   change_consult.c what programs say that place guests
 *   change_decide.c  what is decided in one go, when all is known
 *   change_place.c   on which host what is created comes
 *   change_send.c    the order to the host, and its answer
 *   change_host.c    what the host says besides doing it
 *   change_images.c  images that guests are made from
 *   change_record.c  what is recorded before and after
 */
#ifndef POLICYD_CHANGE_CHANGE_H
#define POLICYD_CHANGE_CHANGE_H

#include "policyd/api/keys.h"
#include "policyd/api/operations.h"
#include "policyd/change/effect.h"
#include "policyd/placement/place.h"

#define CHANGE_OPERATIONS_MAX 16
/* So many hosts are asked for room, one after the other. */
#define CHANGE_PLACES_MAX 3

/* What becomes of a guest's assignment. */
enum change_book {
    CHANGE_KEEPS,
    CHANGE_CREATES,
    CHANGE_FORGETS,
    CHANGE_RENAMES
};

/* A guest that operations are about.  The texts are in the request's arena,
 * because the assignment may be gone when they are needed. */
struct change_guest {
    struct vdc_uuid uuid;
    const char *customer;
    const char *name;
    const char *host;
    enum change_book book;
    const char *new_name; /* CHANGE_RENAMES */
    bool counts;          /* an operation changes what it counts for */
    bool starts;   /* an operation starts what is there */
    bool will_run; /* an operation starts it, or makes and starts it */
    bool starting; /* counted in the assignment's n_starting */
    bool grown;    /* its disks are larger than when they were attached */
    bool changing; /* counted in the assignment's n_changing */
    bool ordered;  /* counted in the assignment's n_orders */
    bool recorded; /* its assignment says what is being done */
    bool refused;  /* whatever is asked for it */
    bool placed;   /* it is in the inventory, before it is in the book */
    const char *images; /* digests, separated by spaces; NULL: none */
    struct effect effect;
    struct wire_usage growth; /* what it counts for more, when it is done */
};

struct change {
    struct request *request;       /* its arena holds this */
    struct wire_transaction order; /* as the host gets it */
    struct change_guest *guests; /* room for one of each operation */
    uint32_t n_guests;
    struct change_guest *guest_of[CHANGE_OPERATIONS_MAX]; /* NULL: none */
    void (*found)(struct change *change);
    uint32_t at;       /* the operation or guest whose turn it is */
    const char *owner; /* of keys */
    struct keyed *keyed;
    void (*recalled)(struct change *change);
    bool known; /* done before: `reply` is what the host answered then */
    struct change_advice *advice; /* of a program; NULL: none was asked */
    struct reasons *reasons;              /* why it cannot be */
    bool refused[CHANGE_OPERATIONS_MAX];  /* this operation by itself */
    bool unplaced[CHANGE_OPERATIONS_MAX]; /* no host has room for it */
    bool lease_refused;
    void (*asked)(struct change *change);
    bool as_transaction; /* a single request may be sent as one */
    void (*sent)(struct change *change);
    const char *host;    /* the one that it is about: that of its guests, of
                            its lease, or else which looks at its files and,
                            decided, the one that was chosen */
    bool pinned;         /* it can be no other */
    bool away;           /* placement chose it before its files were looked at,
                            as it looks at them itself */
    bool not_away;       /* that one said no: one whose files are here */
    bool nowhere;        /* placement finds no host, whatever its files are */
    const char *refusers[CHANGE_PLACES_MAX]; /* had no room after all */
    uint32_t n_refusers;
    char place_reason[PLACEMENT_REASON_MAX + 1]; /* why on this host */
    char place_brief[PLACEMENT_REASON_MAX + 1];  /* the same for a customer */
    struct wire_usage lease; /* of its lease, as far as it needs it */
    bool leased;             /* the lease is put aside for it */
    bool lent;               /* its memory is in the inventory */
    struct bringing *bringing; /* change_images.c: under way */
    void (*brought)(struct change *change);

    /* what came of it */
    void (*settled)(struct change *change);
    struct vdc_error why; /* code 0: success */
    struct wire_transaction_reply reply;
    struct wire_partition_reply single; /* of a single request */
    bool audited[CHANGE_OPERATIONS_MAX];
};

/* Whether a single request, as opposed to `transaction`. */
bool change_is_single(const struct change *change);

/* Adds to the reasons. */
void change_refuse(struct change *change, const struct vdc_error *err);

/* The same of one operation, by itself. */
/* Whether the groups of a new guest are among the most that the guests of a
 * customer or project may be in.  Errors: VDC_E_QUOTA. */
#define CHANGE_GROUPS_MAX 256
int change_check_groups(const struct customer *customer,
                        const struct wire_definition *definition,
                        struct arena *arena, struct vdc_error *err);
/* Operators, and whom it belongs to, are told which guest has it already. */
void change_hint_whose(const struct change *change, const struct assignment *a,
                       struct vdc_error *err);
void change_refuse_operation(struct change *change, uint32_t i,
                             const struct vdc_error *err);

/* It cannot be; answers the request. */
void change_fail(struct change *change, const struct vdc_error *err);

/* change_recall.c: asks the host what came of a key that is open (keys.h);
 * change->known and change->reply; then calls `fn`, unless it failed. */
void change_recall(struct change *change, void (*fn)(struct change *change));

/* change_find.c: fills in the guests, and adds reasons; then calls `fn`,
 * unless it failed. */
void change_find(struct change *change, void (*fn)(struct change *change));

/* change_consult.c: the program of an external placement policy is asked
 * where to put what is created; then calls `fn`, unless it failed.
 * change_consulted forgets what was said, when it is decided. */
void change_consult(struct change *change, void (*fn)(struct change *change));
void change_consulted(struct change *change);
/* Chooses by what the program said, or by the policy of the record, which
 * says then what was decided; `reason` (PLACEMENT_REASON_MAX + 1): why there.
 * Errors: those of placement_choose; *ret_decided false: VDC_E_NO_HOST as
 * nobody has decided. */
struct placement_record;
int change_choose(struct change *change, struct placement_record *record,
                  bool *ret_decided, char *reason, struct vdc_error *err);

/* change_decide.c: everything was found out, and may have changed meanwhile.
 * Fills in what is chosen (UUIDs, MACs, names); adds reasons. */
void change_decide(struct change *change);

/* change_place.c: of change_decide.  Guests that get a host are in the
 * inventory from now on.  Those that the book does not have are taken out of
 * it again when nothing comes of the change. */
/* All that is created, as if it was one guest; false: there is nothing. */
bool change_sum(const struct change *change, struct placement_request *ret);
/* Whether something is created by it, and so has to be placed. */
bool change_creates(const struct change *change);
/* What a guest that is created wants of its place, as it is stored. */
const char *change_placing(const struct change *change,
                           const struct change_guest *guest);
/* The service of its host.  Errors: those of hosts_service. */
int change_service(const struct change *change, struct service **ret,
                   struct vdc_error *err);

/* change_place.c: the host that it is about, before anything is known of its
 * files.  Adds a reason when there is more than one. */
void change_route(struct change *change);
/* change_place.c: the host that change_route gave it, elsewhere, has not the
 * files (`refused`): true when another is to look, which change_route gives
 * it then. */
bool change_turns_back(struct change *change, bool refused);
/* change_place.c: whether there is a host, as far as hosts have reported. */
bool change_has_place(struct change *change);
/* change_place.c: chooses the host of what is created: change->host, or
 * reasons. */
void change_place(struct change *change);
/* change_place.c: the host had no room after all (change->why): chooses
 * another, and records that.  False when there is none, or it cannot be
 * another; nothing is changed then. */
bool change_place_again(struct change *change);
/* change_place.c: nothing comes of it: guests that the book does not have are
 * no more in the inventory. */
void change_unplace(struct change *change);
/* change_want.c: what a guest of such a definition wants of its place, as it
 * is stored (stored_partition.placing); in the arena. */
const char *place_text(const char *customer,
                       const struct wire_definition *definition,
                       struct arena *arena);
/* change_want.c: what placement is asked for a guest, and by which policy. */
void place_request(struct operations *ops, const char *customer,
                   const struct wire_definition *definition, bool start,
                   struct placement_request *ret);
const struct placement_policy *place_policy(const struct operations *ops,
                                            const char *customer);
/* What one wants of the host is wanted for all. */
void place_join(struct placement_request *sum,
                const struct placement_request *one);
/* False: there is no room for it. */
bool place_add_once(uint32_t *names, uint32_t *n, uint32_t most,
                    uint32_t name);

/* change_send.c: has the host do it, then calls `fn`: later, or during this
 * call when it cannot be asked.  change->why; when that is none the answer, in
 * change->reply if it went as a transaction, otherwise in change->single. */
void change_send(struct change *change, void (*fn)(struct change *change));

/* change_host.c: it is refused; adds the reasons that its host has, then
 * calls `fn`: during this call, or later; a host that does not answer is
 * waited for 3 s at most, and one that is known to hang is not asked. */
void change_ask_reasons(struct change *change,
                        void (*fn)(struct change *change));
/* change_host.c: the host has answered VDC_E_NOT_FOUND; when that is because
 * it does not know one of the guests, change->why says so.  Then calls
 * `fn`. */
void change_explain_missing(struct change *change,
                            void (*fn)(struct change *change));

/* change_images.c: images that a created guest is named, by their digests.
 * Errors: those of images_resolve. */
int change_resolve_images(struct change *change, struct customer *customer,
                          struct wire_definition *definition,
                          struct change_guest *guest, struct vdc_error *err);
/* change_images.c: whether they are still there; adds reasons. */
void change_check_images(struct change *change);
/* change_images.c: has the host have the images that it needs for the change,
 * and then calls `fn`, with change->why; false: it needs none. */
bool change_bring(struct change *change, void (*fn)(struct change *change));

/* change_record.c: before the host is asked.  After an error, too,
 * change_settle is to be called. */
int change_record(struct change *change, struct vdc_error *err);
/* The store has refused some or all of that, and it was taken back. */
void change_unrecord(struct change *change);
/* When it has answered: change->why.  `fn` is called when all is recorded. */
void change_settle(struct change *change, void (*fn)(struct change *change));

#endif
