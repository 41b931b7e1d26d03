/* What replay*.c share; for them alone. */
#ifndef POLICYD_PLACEMENT_REPLAY_IMPL_H
#define POLICYD_PLACEMENT_REPLAY_IMPL_H

#include "policyd/placement/replay.h"

struct count {
    uint32_t number;
    uint64_t n;
};

enum company { GROUPS, ALONE, BACKS, COMPANIES };

/* What a host is, and what decisions see of who is there. */
struct fact {
    struct placement_host host;
    struct placement_use use;
    const struct count *company[COMPANIES];
    uint32_t n_company[COMPANIES];
};

struct placement_replay {
    struct arena *arena;
    uint64_t version; /* of the entry read last; 0: none was */
    uint32_t overcommit_percent;
    struct fact *facts;
    uint32_t n_facts;
    uint32_t facts_max;
    const char **texts; /* of names */
    uint32_t n_texts;
    struct placement_rule *rules;
    uint32_t n_rules;
    struct placement_promise promises[PLACEMENT_PROMISES_MAX];
    uint32_t n_promises;
    struct placement_record record;
    const char *hosts; /* what each host came to; NULL: not said */
    struct placement_names *names; /* of the view */
    struct placement_view *view;   /* made when it is asked for */
};

/* The view of the entry before does not hold any more. */
void placement_replay_forget_view(struct placement_replay *replay);

#endif
