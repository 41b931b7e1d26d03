/* What inventory*.c share. */
#ifndef POLICYD_HOSTS_INVENTORY_IMPL_H
#define POLICYD_HOSTS_INVENTORY_IMPL_H

#include "policyd/hosts/inventory.h"

/* What the view does not know of a guest; at its index. */
struct about {
    uint64_t changed_ms; /* monotonic */
};

struct inventory_fading;

struct inventory {
    struct book *book;
    struct placement_names *names;
    struct placement_view *view;
    struct placement_index *index;
    struct about *about;
    uint32_t about_max;
    /* by index of a host: its amounts are not all known */
    bool *vague;
    uint32_t vague_max;
    /* guests by UUID: index + 1, in a table of a power of 2 */
    uint32_t *slots;
    uint32_t n_slots;
    uint32_t n_used; /* slots that are, or were, in use */
    /* the look at backups */
    uint32_t next_guest;    /* 0: none is under way */
    uint64_t known_version; /* what it has seen, or made itself */
    struct inventory_backups backups;
    /* groups that may have to be forgotten, the oldest first */
    struct inventory_fading *fading;
    size_t n_fading, fading_max;
};

/* The group may have no guests any more. */
void inventory_fade(struct inventory *inv, uint32_t group);

/* Whether a report that was asked for then may have it or not. */
bool inventory_is_uncertain(const struct inventory *inv, uint32_t guest,
                            uint64_t asked_ms);

/* How much there is of something, by a report and what is known. */
struct inventory_bounds {
    uint64_t known; /* was worked out the last time */
    bool is_first;  /* it was not yet */
    uint64_t free;  /* as is reported */
    uint64_t used;  /* by guests in the view */
    uint64_t uncertain; /* of that, which the report may have or not */
};
uint64_t inventory_within(const struct inventory_bounds *bounds);
/* Whether that is the same whatever is uncertain. */
bool inventory_is_clear(const struct inventory_bounds *bounds);

/* What the host has for guests, if it says that so much is available. */
struct mem inventory_memory(const struct inventory *inv, uint32_t at,
                            struct mem available, uint64_t asked_ms);

/* The pools and devices of a report, into the row. */
void inventory_take_amounts(struct inventory *inv, uint32_t at,
                            const struct inventory_host *host,
                            struct placement_host *row);

#endif
