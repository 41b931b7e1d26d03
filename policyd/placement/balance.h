/*
 * How evenly guests are spread: one number, lower is better, the same as
 * Ganeti's hbal prints for the same cluster, so that the two can be compared.
 * hbal(1) lists its parts.  Of them there are here
 *
 *   the standard deviation over the hosts that are up of the free share of
 *   memory, of the free share of disk, of vCPUs for each CPU (each twice one
 *   half: hbal counts guests to come by themselves, and here are none);
 *   of the number of guests, four times (hbal takes a load of one of CPU,
 *   memory, disk and network for each); and of the share of memory that is
 *   reserved; a quarter of the sum of the latter;
 *
 *   one for each guest on or backed by a host that lacks the memory it is to
 *   reserve; twenty for each guest on a host that is not up; two for each
 *   guest that breaks a hard rule (hbal: exclusion tags), and one for a soft
 *   one, which hbal does not know.
 *
 * It is kept up to date move by move; what a move would do is told for many
 * hosts at once, without doing it.  Floating point: it is a measure, and
 * chooses among moves; whether one is allowed is not decided here.
 */
#ifndef POLICYD_PLACEMENT_BALANCE_H
#define POLICYD_PLACEMENT_BALANCE_H

#include "policyd/placement/view.h"

enum placement_balance_part {
    PLACEMENT_BALANCE_MEMORY,
    PLACEMENT_BALANCE_DISK,
    PLACEMENT_BALANCE_VCPUS,
    PLACEMENT_BALANCE_GUESTS,
    PLACEMENT_BALANCE_RESERVE,
    PLACEMENT_BALANCE_PARTS
};

/* What all of a host is, when the view knows only what is for guests. */
struct placement_whole {
    struct mem memory;
    uint64_t disk_kib;
    uint32_t own_vcpus; /* that the host itself uses */
};

struct placement_balance {
    const struct placement_view *view;
    const struct placement_whole *wholes; /* by host, or NULL */
    uint32_t n_hosts;                     /* the view's */
    uint32_t n_up;
    uint32_t *up; /* the hosts that count */
    double *shares[PLACEMENT_BALANCE_PARTS];
    double *units[PLACEMENT_BALANCE_PARTS]; /* a share's change by one KiB,
                                               vCPU, guest more */
    double *bad;                            /* what a host adds by itself */
    uint64_t *free_kib; /* memory, without what is reserved */
    uint64_t *free_vcpus;
    double sums[PLACEMENT_BALANCE_PARTS];
    double squares[PLACEMENT_BALANCE_PARTS];
    double bad_sum;
    double rules;
};

/* `view` and `wholes` are used, and must outlive it. Hosts must not come, go
 * or change their state meanwhile. */
void placement_balance_init(struct placement_balance *balance,
                            const struct placement_view *view,
                            const struct placement_whole *wholes);
void placement_balance_fini(struct placement_balance *balance);
/* All anew, without what rounding has added up. */
void placement_balance_recount(struct placement_balance *balance);
double placement_balance_score(const struct placement_balance *balance);

/* What the rules add less by a guest's move; before it is done in the view. */
double placement_balance_rules_gain(const struct placement_view *view,
                                    const struct placement_guest *guest,
                                    uint32_t to);
/* After a change in the view: a host's use; and what it gained by rules. */
void placement_balance_update(struct placement_balance *balance,
                              uint32_t host);
void placement_balance_gained(struct placement_balance *balance, double gain);

/*
 * The score if the guest were on each of these hosts: ret[i] for hosts[i];
 * INFINITY where it is, where there is no room, and of hosts that are not up.
 * Reserves are taken as they are, which is exact for a guest that is not
 * protected.
 */
void placement_balance_preview(const struct placement_balance *balance,
                               uint32_t guest, const uint32_t *hosts,
                               uint32_t n_hosts, double *ret);
/* The score if two guests on hosts that are up changed places; reserves, rules
 * and room are not looked at. */
double placement_balance_exchange(const struct placement_balance *balance,
                                  uint32_t a, uint32_t b);

#endif
