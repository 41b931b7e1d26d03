/* Tests of policyd/placement.c. */
#include "policyd/placement.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct placement_policy spread = { PLACEMENT_SPREAD };
static const struct placement_policy pack = { PLACEMENT_PACK };

static void only_host(void)
{
    const struct placement_host hosts[] = { { "h1", "up", MEM_MIB(700) } };
    const struct placement_view view = { hosts, 1 };
    const struct placement_request request = { MEM_MIB(128), true };
    struct placement_choice choice;

    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &choice, NULL),
                    0);
    CU_ASSERT_EQUAL(choice.host, 0);
    CU_ASSERT_STRING_EQUAL(
        choice.reason,
        "host h1: the only host; 700 MiB available, 128 MiB asked");
}

static void memory(void)
{
    const struct placement_host hosts[] = { { "h1", "up", MEM_MIB(700) } };
    const struct placement_view view = { hosts, 1 };
    struct placement_request request = { MEM_MIB(701), true };
    struct placement_choice choice = { 9, "" };
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &choice, &err),
                    VDC_E_NO_MEMORY);
    CU_ASSERT_STRING_EQUAL(
        err.text, "701 MiB asked: host h1 has 700 MiB free for guests");
    CU_ASSERT_EQUAL(choice.host, 9);
    /* what is not started needs none */
    request.start = false;
    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &choice, &err),
                    0);
    request = (struct placement_request){ MEM_MIB(700), true };
    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &choice, &err),
                    0);
}

static void several(void)
{
    const struct placement_host hosts[] = {
        { "h1", "up", MEM_MIB(100) },    { "h2", "up", MEM_MIB(900) },
        { "h3", "down", MEM_MIB(5000) }, { "h4", "up", MEM_MIB(900) },
        { "h5", "up", MEM_MIB(500) },
    };
    const struct placement_view view = { hosts, 5 };
    const struct placement_request request = { MEM_MIB(200), true };
    struct placement_choice choice, again;

    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &choice, NULL),
                    0);
    CU_ASSERT_EQUAL(choice.host, 1); /* the first of the equal ones */
    CU_ASSERT_PTR_NOT_NULL(strstr(choice.reason, "most memory"));
    CU_ASSERT_EQUAL(placement_choose(&view, &request, &spread, &again, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(choice.reason, again.reason);
    CU_ASSERT_EQUAL(placement_choose(&view, &request, &pack, &choice, NULL),
                    0);
    CU_ASSERT_EQUAL(choice.host, 4);
}

static void none_up(void)
{
    const struct placement_host hosts[] = { { "h1", "down", MEM_MIB(700) } };
    const struct placement_view none = { NULL, 0 }, down = { hosts, 1 };
    const struct placement_request request = { MEM_MIB(1), true };
    struct placement_choice choice;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(placement_choose(&none, &request, &spread, &choice, NULL),
                    VDC_E_NO_HOST);
    CU_ASSERT_EQUAL(placement_choose(&down, &request, &spread, &choice, &err),
                    VDC_E_NO_HOST);
    CU_ASSERT_STRING_EQUAL(err.text, "no host is up: host h1: down");
}

static const struct unit_test tests[] = {
    { "the only host", only_host },
    { "memory", memory },
    { "several hosts", several },
    { "no host is up", none_up },
};

UNIT_MAIN("policyd/placement", tests)
