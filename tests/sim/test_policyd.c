/*
 * policyd with resourced on a simulated host: every answer that a client can
 * get, customers kept apart, crashes at any moment.  As root it takes other
 * identities; otherwise those tests are skipped.  `test_policyd WORD` runs the
 * tests whose names have the word.
 */
#include <signal.h>
#include <string.h>

#include "tests/sim/test_policyd_bed.h"

int main(int argc, char **argv)
{
    const struct sim_test *const all[] = { tests_requests,  tests_changes,
                                           tests_keys,      tests_leases,
                                           tests_isolation, tests_streams,
                                           tests_failures,  tests_pages };
    unsigned n_passed = 0, n_failed = 0, n_skipped = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (const struct sim_test *t = all[i]; t->name; t++) {
            if (argc > 1 && !strstr(t->name, argv[1]))
                continue;
            answers = arena_new();
            checks_failed = 0;
            skipped = NULL;
            t->run();
            arena_free(answers);
            printf("%s: %s%s%s\n", t->name,
                   checks_failed ? "FAILED"
                   : skipped     ? "skipped"
                                 : "passed",
                   skipped ? ": " : "", skipped ? skipped : "");
            fflush(stdout);
            if (checks_failed)
                n_failed++;
            else if (skipped)
                n_skipped++;
            else
                n_passed++;
        }
    }
    printf("%u passed, %u failed", n_passed, n_failed);
    if (n_skipped)
        printf(", %u skipped", n_skipped);
    printf("\n");
    return n_failed || n_passed + n_skipped == 0;
}
