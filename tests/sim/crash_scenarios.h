/* What the crash test does to guests: each kind of operation, and mixes. */
#ifndef TESTS_SIM_CRASH_SCENARIOS_H
#define TESTS_SIM_CRASH_SCENARIOS_H

#include <stddef.h>

#include "tests/sim/rd.h"

struct scenario {
    const char *name;
    void (*prepare)(struct rd *rd);
    /* One or the other. */
    void (*fill)(struct rd *rd, struct rd_transaction *t);
    void (*run)(struct rd *rd);
    /* Another end that is as good: of a restart that fails, a guest that is
     * stopped.  NULL: none. */
    void (*also)(struct rd *rd);
};

extern const struct scenario crash_scenarios[];
extern const size_t crash_n_scenarios;

/* All that there are; NULL when the daemon does not answer. */
const struct wire_lease_list *crash_leases(struct rd *rd);

#endif
