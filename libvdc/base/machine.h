/*
 * State machines as tables: which moves are allowed, each move asserted and
 * traced.
 */
#ifndef VDC_BASE_MACHINE_H
#define VDC_BASE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

struct machine_move {
    int from, to;
    const char *why; /* what makes the move happen */
};

struct machine {
    const char *name;
    const char *const *state_names; /* indexed by state */
    size_t n_states;
    const struct machine_move *moves;
    size_t n_moves;
};

bool machine_allows(const struct machine *machine, int from, int to);
/* Asserts that the move is allowed, traces it at debug level with `what`
 * (which object), and sets *state. */
void machine_move(const struct machine *machine, int *state, int to,
                  const char *what);
const char *machine_state_name(const struct machine *machine, int state);

#endif
