/*
 * Two hosts, as doc/design/015 says, between which a guest is sent: what they
 * answer and what becomes of them, for test_mover_model.c.  Where something
 * may be one way or another a choice is made, and all of them are tried.
 */
#ifndef TESTS_UNIT_POLICYD_MOVER_WORLD_H
#define TESTS_UNIT_POLICYD_MOVER_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/rebalance/mover.h"

/* In one move, of those that cost something: machines and databases. */
#define DISASTERS_MAX 2

enum { KEY_NONE, KEY_YES, KEY_NO, KEY_CLOSED };
enum { T_NONE, T_EXPECTED, T_PREPARED, T_COMMITTED };

struct world {
    /* the record */
    uint8_t state;
    uint8_t lost;
    uint8_t cancelled;
    uint8_t maybe_sent;
    /* the source: what it knows, and what runs there */
    uint8_t s_row, s_runs, s_passed;
    uint8_t s_key, return_key;
    uint8_t s_emptied; /* its database was lost at some time */
    /* the target */
    uint8_t t, t_key, t_domain, t_runs;
    uint8_t orders; /* that were sent, a bit a kind: late ones may come */
    uint8_t disasters;
};

/* What they are broken by, to see that it is noticed. */
enum world_broken {
    SOUND,
    RELEASES_EARLY,    /* the target runs it when it has it */
    FORGETS_PREPARED,  /* a target that dies undoes what was prepared */
    RESUMES_RELEASED,  /* the source lets it run again */
    ABANDONS_RELEASED, /* the target gives up what runs */
};
extern enum world_broken world_broken;

/* One of n: each run of what picks is one path through its choices. */
unsigned world_pick(unsigned n);
/* From the beginning, the first path; then the next; false: that was the
 * last. */
void world_first_path(void);
bool world_next_path(void);

/* What is answered to the order of a state: 0, or a code; and to a recall of
 * that of LEAVING, which closes its key. */
int world_obey(struct world *w, enum wire_move_state state);
int world_recall_leave(struct world *w);
/* Something, or nothing, that nobody asked for. */
void world_happens(struct world *w);

#endif
