/* State machines as tables: a move that the table does not have is a bug. */
#include "base/machine.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

static const struct machine_move *find(const struct machine *machine, int from,
                                       int to)
{
    for (size_t i = 0; i < machine->n_moves; i++)
        if (machine->moves[i].from == from && machine->moves[i].to == to)
            return &machine->moves[i];
    return NULL;
}

bool machine_allows(const struct machine *machine, int from, int to)
{
    return find(machine, from, to) != NULL;
}

void machine_move(const struct machine *machine, int *state, int to,
                  const char *what)
{
    const struct machine_move *move = find(machine, *state, to);
    if (!move) {
        log_error("%s %s: moves from %s to %s, which is not in its table",
                  machine->name, what, machine_state_name(machine, *state),
                  machine_state_name(machine, to));
        assert(!"a move that the table does not have");
        abort();
    }
    log_debug("%s %s: %s -> %s (%s)", machine->name, what,
              machine_state_name(machine, *state),
              machine_state_name(machine, to), move->why);
    *state = to;
}

const char *machine_state_name(const struct machine *machine, int state)
{
    if (state < 0 || (size_t)state >= machine->n_states)
        return "(no such state)";
    return machine->state_names[state];
}
