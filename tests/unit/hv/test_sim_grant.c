/*
 * Grants and event channels of the simulated host, both ends in domain 0.
 */
#include "tests/unit/hv/sim_fixture.h"

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void test_pages(void)
{
    struct fixture f;
    struct hv_share share = { 0 }, second = { 0 };
    struct hv_mapping mapping = { 0 };

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(f.hv->grant->share(f.hv, 0, 3, &share, &f.err), 0);
    CU_ASSERT_EQUAL(f.hv->grant->share(f.hv, 0, 1, &second, &f.err), 0);
    char *ours = share.pages;
    for (size_t i = 0; i < 3 * 4096; i++)
        if (ours[i] != 0)
            CU_FAIL("not zeroed");
    uint32_t refs[] = { share.refs[2], second.refs[0], share.refs[0] };
    CU_ASSERT_EQUAL(f.hv->grant->map(f.hv, 0, refs, 3, &mapping, &f.err), 0);
    char *theirs = mapping.pages;
    ours[2 * 4096] = 'a';
    *(char *)second.pages = 'b';
    theirs[2 * 4096] = 'c';
    CU_ASSERT_EQUAL(theirs[0], 'a');
    CU_ASSERT_EQUAL(theirs[4096], 'b');
    CU_ASSERT_EQUAL(ours[0], 'c');
    f.hv->grant->unshare(f.hv, &share);
    CU_ASSERT_EQUAL(theirs[0], 'a'); /* stays until it is unmapped */
    f.hv->grant->unmap(f.hv, &mapping);
    CU_ASSERT_PTR_NULL(mapping.pages);
    CU_ASSERT_EQUAL(f.hv->grant->map(f.hv, 0, refs, 3, &mapping, &f.err),
                    VDC_E_HYPERVISOR);
    fixture_close(&f); /* with the second share */
    free(second.refs);
}

static void test_bad_pages(void)
{
    struct fixture f;
    struct hv_share share;
    struct hv_mapping mapping;
    uint32_t ref = 12345;

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(f.hv->grant->share(f.hv, 9, 1, &share, &f.err),
                    VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(f.hv->grant->share(f.hv, 0, 0, &share, &f.err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(f.hv->grant->map(f.hv, 0, &ref, 1, &mapping, &f.err),
                    VDC_E_HYPERVISOR);
    uint32_t domid = fixture_create(&f, "x", "");
    CU_ASSERT_EQUAL(f.hv->grant->share(f.hv, domid, 1, &share, &f.err), 0);
    /* Granted to another, not to us. */
    CU_ASSERT_EQUAL(f.hv->grant->map(f.hv, 0, share.refs, 1, &mapping, &f.err),
                    VDC_E_HYPERVISOR);
    f.hv->grant->unshare(f.hv, &share);
    fixture_close(&f);
}

static void test_ports(void)
{
    struct fixture f;
    struct hv_port *a, *b, *c;
    uint32_t port;
    int at_a = 0, at_b = 0;

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(
        f.hv->grant->port_offer(f.hv, 0, count, &at_a, &a, &port, &f.err), 0);
    CU_ASSERT_EQUAL(f.hv->grant->port_notify(f.hv, a, &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->grant->port_bind(f.hv, 0, port, count, &at_b, &b, &f.err), 0);
    CU_ASSERT_EQUAL(
        f.hv->grant->port_bind(f.hv, 0, port, count, &at_b, &c, &f.err),
        VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(
        f.hv->grant->port_bind(f.hv, 0, 99, count, &at_b, &c, &f.err),
        VDC_E_HYPERVISOR);
    CU_ASSERT_EQUAL(f.hv->grant->port_notify(f.hv, a, &f.err), 0);
    CU_ASSERT_EQUAL(f.hv->grant->port_notify(f.hv, a, &f.err), 0);
    CU_ASSERT_EQUAL(at_b, 0);
    CU_ASSERT(fixture_run(&f, &at_b, 1, 1000));
    CU_ASSERT_EQUAL(at_a, 0);
    CU_ASSERT_EQUAL(f.hv->grant->port_notify(f.hv, b, &f.err), 0);
    CU_ASSERT(fixture_run(&f, &at_a, 1, 1000));
    f.hv->grant->port_close(f.hv, a);
    CU_ASSERT_EQUAL(f.hv->grant->port_notify(f.hv, b, &f.err), 0);
    fixture_close(&f); /* with b */
}

static const struct unit_test tests[] = {
    { "pages", test_pages },
    { "what is not granted", test_bad_pages },
    { "event channels", test_ports },
};

UNIT_MAIN("hv/sim grant", tests)
