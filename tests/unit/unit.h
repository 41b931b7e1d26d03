/*
 * What every unit test program has in common: its tests as a table, run by
 * CUnit, and the closing line that scripts add up.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct unit_test {
    const char *name;
    void (*run)(void);
};

/* Some things are otherwise under valgrind, whatever is tested. */
static inline bool unit_on_valgrind(void)
{
    return getenv("VDC_VALGRIND") != NULL;
}

/* How much slower than usual what is tested runs: VDC_TIME_FACTOR, as under
 * valgrind.  Limits of time are to be multiplied with it. */
static inline unsigned unit_time_factor(void)
{
    const char *text = getenv("VDC_TIME_FACTOR");
    int factor = text ? atoi(text) : 1;

    return factor > 1 ? (unsigned)factor : 1;
}

/* The test that CUnit runs next: it calls all by the same function, which sees
 * whether one asserted nothing. */
static const struct unit_test *unit_next;

static inline void unit_run_next(void)
{
    const struct unit_test *test = unit_next++;
    unsigned before = CU_get_number_of_asserts();

    test->run();
    if (CU_get_number_of_asserts() == before)
        CU_FAIL("it asserted nothing");
}

/* Returns the exit status of main(). A suite without tests is a failure, as
 * is a test that asserted nothing. */
static inline int unit_main(const char *suite_name,
                            const struct unit_test *tests, size_t n_tests)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; suite && i < n_tests; i++)
        if (!CU_add_test(suite, tests[i].name, unit_run_next))
            return 1;
    unit_next = tests;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned run = CU_get_number_of_tests_run();
    unsigned failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    if (run != n_tests || run == 0) {
        printf("%s: ran %u of %zu tests\n", suite_name, run, n_tests);
        failed++;
    }
    printf("%u passed, %u failed\n", run - (failed > run ? run : failed),
           failed);
    return failed ? 1 : 0;
}

#define UNIT_MAIN(suite, tests)                                               \
    int main(void)                                                            \
    {                                                                         \
        return unit_main(suite, tests, sizeof(tests) / sizeof((tests)[0]));   \
    }

#endif
