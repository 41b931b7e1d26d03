/* What view*.c share of a view; for them, record.c and replay.c alone. */
#ifndef POLICYD_PLACEMENT_VIEW_IMPL_H
#define POLICYD_PLACEMENT_VIEW_IMPL_H

#include "policyd/placement/counts.h"
#include "policyd/placement/view.h"

/* Changed hosts that are remembered, a power of 2. */
#define PLACEMENT_CHANGES_MAX 4096

struct placement_view {
    struct placement_names *names;
    uint64_t version;
    uint64_t all_changed; /* the last version that concerned all hosts */
    uint64_t rules_changed; /* the last that changed rules or promises */
    uint32_t changes[PLACEMENT_CHANGES_MAX];

    struct placement_host *hosts;
    struct placement_use *uses;
    uint32_t n_hosts;
    uint32_t n_present; /* of them, that are not removed */
    uint32_t hosts_max;
    uint32_t *host_of_name; /* by name: index + 1 */
    uint32_t host_names_max;
    uint32_t overcommit_percent;

    struct placement_guest *guests; /* host PLACEMENT_NONE: not in use */
    uint32_t guests_end;
    uint32_t guests_max;
    uint32_t free_guest; /* linked by next */
    uint32_t n_guests;
    uint32_t n_grouped; /* of them, that are in groups */
    struct placement_counts counts;

    struct placement_rule **rules;
    uint32_t n_rules;
    struct placement_rule_side *sides; /* by group; of the same group by
                                          rule's name */
    uint32_t n_sides;

    struct placement_promise promises[PLACEMENT_PROMISES_MAX];
    uint32_t n_promises;
};

/* Around every change of a host or its use: promises' room, version. */
void placement_view_begin(struct placement_view *view, uint32_t host);
void placement_view_end(struct placement_view *view, uint32_t host);
/* All guests of a host into its use and the counters (sign 1), or out. */
void placement_view_count_all(struct placement_view *view, uint32_t host,
                              int sign);
/* The host has this name. */
void placement_view_name_host(struct placement_view *view, uint32_t name,
                              uint32_t host);
/* After the list of rules was changed. */
void placement_view_order_rules(struct placement_view *view);

#endif
