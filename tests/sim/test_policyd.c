/*
 * policyd with resourced on a simulated host: every answer that a client can
 * get, customers kept apart, crashes at any moment.  As root it takes other
 * identities; otherwise those tests are skipped.  `test_policyd WORD` runs the
 * tests whose names have the word.
 */
#include "tests/sim/test_policyd_bed.h"

int main(int argc, char **argv)
{
    const struct sim_test *const all[] = {
        tests_requests, tests_changes,   tests_deaths,   tests_keys,
        tests_leases,   tests_isolation, tests_streams,  tests_failures,
        tests_pages,    tests_etcd,      tests_transfer, tests_customers
    };

    return sim_tests_run(all, sizeof(all) / sizeof(all[0]), argc, argv);
}
