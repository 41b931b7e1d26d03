/*
 * Several simulated hosts, each a real resourced, under one real policyd; on
 * top of test_policyd_bed.h, whose own resourced is host "h1".
 */
#ifndef TESTS_SIM_HOSTS_BED_H
#define TESTS_SIM_HOSTS_BED_H

#include "tests/sim/test_policyd_bed.h"

#define HOSTS_BED_MAX 1000

struct hosts_bed {
    struct bed bed;
    size_t n;                  /* hosts, h1 included */
    pid_t pids[HOSTS_BED_MAX]; /* of the others; 0: does not run */
    const char *sim;           /* more options of their simulators */
};

/* Both daemons of h1, and `n` - 1 hosts more, which policyd knows and
 * reaches. */
void hosts_bed_start(struct hosts_bed *hosts, size_t n);
/* Stops all, and removes what is left. */
void hosts_bed_close(struct hosts_bed *hosts);

/* "h1" is of index 0. */
const char *hosts_bed_name(size_t index);
const char *hosts_bed_address(const struct hosts_bed *hosts, size_t index);
/* The process; h1's too. */
pid_t *hosts_bed_pid(struct hosts_bed *hosts, size_t index);
void hosts_bed_start_one(struct hosts_bed *hosts, size_t index);
void hosts_bed_kill(struct hosts_bed *hosts, size_t index, int sig);
/* The settings' folder of a host: resourced.db and host (of the simulator). */
const char *hosts_bed_folder(const struct hosts_bed *hosts, size_t index);

/* As policyd tells of it; NULL: it does not. */
const struct wire_host *hosts_bed_show(const struct hosts_bed *hosts,
                                       const char *name);
/* Waits until so many hosts are as `state` says. */
bool hosts_bed_wait(const struct hosts_bed *hosts, size_t n,
                    const char *state);
const struct wire_host_list *hosts_bed_add(const struct hosts_bed *hosts,
                                           const char *name,
                                           const char *address);
/* host_set of the fields; returns the answer or NULL. */
const struct wire_host_list *
hosts_bed_set(const struct hosts_bed *hosts,
              const struct wire_host_record *record, const char **fields,
              uint32_t n_fields);
const struct wire_host_list *hosts_bed_remove(const struct hosts_bed *hosts,
                                              const char *name, bool dry_run);
/* All pages of partition_list, as an operator. */
const struct wire_partition_list *
hosts_bed_list(const struct hosts_bed *hosts);

#endif
