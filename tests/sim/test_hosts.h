/* The tests of several hosts, by file. */
#ifndef TESTS_SIM_TEST_HOSTS_H
#define TESTS_SIM_TEST_HOSTS_H

#include "tests/sim/test_policyd_bed.h"

extern const struct sim_test tests_hosts_random[], tests_hosts_full[];

#endif
