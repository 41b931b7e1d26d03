/*
 * What carries a guest from one host to another: which orders the hosts get,
 * in which states of the move (move_state in wire.def), and where the guest is
 * assigned in each.  Pure: move.c records states, sends orders and hears the
 * answers, and what is known of a move is its record alone, so that another
 * policyd can go on with it.
 *
 * Every order is a transaction of one host, so it happens wholly or not at
 * all.  No two hosts are ever allowed to run a guest at the same time:
 * mover_suspend has it defined on one host at most, mover_live lets the other
 * host run it only after its own has let go of it for ever.
 */
#ifndef POLICYD_REBALANCE_MOVER_H
#define POLICYD_REBALANCE_MOVER_H

#include <stdbool.h>

#include "base/reasons.h"
#include "policyd/setup.h"
#include "wire/wire.h"

enum mover_answer {
    MOVER_NO,
    MOVER_YES,
    /* LEAVING: the host does not know the guest any more, and did not do what
     * was asked; DEFINING: yes, but its file is not there. */
    MOVER_LOST,
    /* PREPARING: yes, but it is not wanted any more. */
    MOVER_UNWANTED,
    /* ABANDONING: the other host has it, and it is nowhere else. */
    MOVER_HAS,
    /* What was done is not decided yet: to be asked again. */
    MOVER_LATER,
};

/* How it is made sure that a host which said no has not done it, and will
 * not. */
enum mover_doubt {
    MOVER_BELIEVE, /* it does no harm */
    MOVER_RECALL,  /* the key is asked for, and closed */
    MOVER_REPEAT,  /* the same order is sent again */
};

/* What a host that was asked for the guest says. */
enum mover_sight {
    MOVER_GONE,
    MOVER_BETWEEN, /* it begins, or ends */
    MOVER_THERE,
};

/* Who is to go where, for the beginning. */
struct mover_ask {
    const struct setup *setup;
    const struct wire_partition_reply *shown; /* by its host */
    /* Where policyd reaches both hosts, as in host_record. */
    const char *from_address, *to_address;
    /* Of hosts that have joined: SHA-256 in hexadecimal digits; else "". */
    const char *from_certificate, *to_certificate;
    uint64_t kib_per_s; /* at most; 0: as fast as it goes */
};

/* Hosts take less for this. */
#define MOVER_LEAST_KIB_PER_S 1024

struct mover {
    /* What it means for the guest, for a person, after its name; a static
     * text, or in the arena. */
    const char *(*what)(const struct wire_stored_move *move,
                        struct arena *arena);
    /* Whether the guest can be carried, as its host shows it: all that is in
     * its way (VDC_E_WRONG_STATE, VDC_E_BUSY, VDC_E_UNSUPPORTED). */
    void (*check)(const struct mover_ask *ask, struct reasons *reasons);
    /* Fills in what the record says beside the guest and the hosts, and the
     * first state.  Both hosts must see the directory of `file`, if any. */
    void (*plan)(const struct mover_ask *ask, struct arena *arena,
                 struct wire_stored_move *move);
    /* What is asked in the move's state, and of whom.  Texts are the move's,
     * or in the arena. */
    void (*order)(const struct wire_stored_move *move, struct arena *arena,
                  const char **ret_host, struct wire_transaction *ret);
    /* Whether an order that never left is a no; else it is sent until it is
     * answered. */
    bool (*gives_up)(const struct wire_stored_move *move);
    /* What is done about a no. */
    enum mover_doubt (*doubt)(const struct wire_stored_move *move);
    /* And, after that, whether the host is asked for the guest, as a refusal
     * with this code (0: a yes) does not say enough; and the answer which
     * that is. */
    bool (*looks)(const struct wire_stored_move *move, int code);
    enum mover_answer (*looked)(const struct wire_stored_move *move, int code,
                                enum mover_sight sight);
    /* The state after the answer; DONE, FAILED and KEPT are ends.  The same
     * state: it is asked again, later, with move->attempt one more. */
    enum wire_move_state (*next)(const struct wire_stored_move *move,
                                 enum mover_answer answer);
    /* The host that the guest is assigned to in a state. */
    const char *(*owner)(const struct wire_stored_move *move,
                         enum wire_move_state state);
    /* What is lost when the move ends by a yes in this state, in a sentence,
     * for who asked; NULL: nothing. */
    const char *(*loss)(const struct wire_stored_move *move);
};

/* Of guests that may stand still for a while: the source saves the guest to a
 * file that both hosts see and forgets it, in one transaction; then the target
 * defines it and starts it from the file.  If it cannot, the source does; if
 * that cannot either, the source defines it, stopped, and the file is kept,
 * if there is one.
 * One that does not run is forgotten, and defined. */
extern const struct mover mover_suspend;

/* Of guests that run, between hosts that have joined: the source sends the
 * guest to the target, over a connection of the two.  doc/design/015 has what
 * they say to each other. */
extern const struct mover mover_live;

/* Of guests whose host is off for sure: the target defines and starts it
 * anew.  The host that it was on is not asked, and the guest is the target's
 * from the beginning; if that refuses it, it is the other's again. */
extern const struct mover mover_restart;

/* The one for this guest and these hosts. */
const struct mover *mover_choose(const struct mover_ask *ask);
/* The one that a move was begun with. */
const struct mover *mover_of(const struct wire_stored_move *move);
/* Whether the guest runs on while it is carried.  VDC_E_UNSUPPORTED,
 * VDC_E_WRONG_STATE: why not. */
int mover_check_live(const struct mover_ask *ask, struct vdc_error *err);

/* Whether the host takes part in it, and has still to be known to the other by
 * the certificate that it had when the move began. */
bool mover_needs_certificate(const struct wire_stored_move *move,
                             const char *host);

/* ---- what movers share ---- */

/* What of a definition is bound to its host. */
void mover_check_definition(const struct setup *setup,
                            const struct wire_definition *definition,
                            struct reasons *reasons);
/* The guest's state and definition, whoever carries it. */
void mover_check_guest(const struct mover_ask *ask, struct reasons *reasons);
/* "UUID-NUMBER-WORD": that the same is asked twice, be it by one who does not
 * know yet that another leads, is no harm then. */
const char *mover_key(const struct wire_stored_move *move, const char *word,
                      struct arena *arena);
/* An operation of the guest; and one that defines it. */
void mover_operation(const struct wire_stored_move *move,
                     enum wire_operation_kind kind,
                     struct wire_operation *ret);
void mover_define(const struct wire_stored_move *move, const char *reason,
                  struct wire_operation *ret);
/* A certificate's SHA-256 as a host_record has it, in the arena; *ret_n 0: the
 * host has none. */
uint8_t *mover_fingerprint(const char *hex, struct arena *arena,
                           uint32_t *ret_n);

#endif
