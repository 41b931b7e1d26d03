/* Tests of policyd/api/auth.c: which role may send what. */
#include "policyd/api/auth.h"

#include <string.h>

#include "tests/unit/unit.h"

/* What who may only look may send: a list apart from the table, so that a
 * message gets into it twice or not at all. */
static const char *const looks[] = {
    "version",     "customer_list", "partition_list", "partition_show",
    "device_list", "host_list",     "events",         "resource_list",
    "placement_why", "placement_why_not", "placement_try",
    "placement_what_if", "placement_capacity",
    "audit_list",  "use_list",      "lease_list",     "cancel",
    "policy_show",     "policy_check",  "moves_list",
    "dc_status",       "image_list",    "dc_policyds",
};

static bool is_look(const char *name)
{
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
        if (strcmp(looks[i], name) == 0)
            return true;
    return false;
}

static int check(unsigned role, enum wire_role level,
                 const struct wire_message *m, struct vdc_error *err)
{
    const struct auth auth = { .uid = 1, .role = role, .level = level };

    return auth_check(&auth, m, err);
}

static void every_message(void)
{
    size_t n, n_looks = 0;
    const struct wire_message *m = wire_messages(&n);

    for (size_t i = 0; i < n; i++) {
        bool customers = m[i].who & W_CUSTOMER,
             operators = m[i].who & W_OPERATOR;
        if (!customers && !operators)
            continue;
        /* nobody gets more by a role than the table of messages gives */
        CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_ADMIN, &m[i], NULL) == 0,
                        customers);
        CU_ASSERT_EQUAL(check(W_OPERATOR, WIRE_ROLE_OPERATOR, &m[i], NULL) ==
                            0,
                        operators);
        bool look = auth_needs(&m[i]) == WIRE_ROLE_READ;
        CU_ASSERT_EQUAL(look, is_look(m[i].name));
        n_looks += look;
        CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_READ, &m[i], NULL) == 0,
                        customers && look);
        CU_ASSERT_EQUAL(check(W_OPERATOR, WIRE_ROLE_READ, &m[i], NULL) == 0,
                        operators && look);
        if (check(W_CUSTOMER, WIRE_ROLE_USER, &m[i], NULL) == 0)
            CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_ADMIN, &m[i], NULL),
                            0);
    }
    CU_ASSERT_EQUAL(n_looks, sizeof(looks) / sizeof(looks[0]));
}

static void what_is_said(void)
{
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_READ,
                          wire_message_by_number(WIRE_MSG_partition_create),
                          &err),
                    VDC_E_DENIED);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "'create' is not for the role read-only");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "customer-user"));
    CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_USER,
                          wire_message_by_number(WIRE_MSG_customer_set), &err),
                    VDC_E_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "customer-admin"));
    CU_ASSERT_EQUAL(check(W_CUSTOMER, WIRE_ROLE_READ,
                          wire_message_by_number(WIRE_MSG_host_list), &err),
                    VDC_E_DENIED);
    CU_ASSERT_STRING_EQUAL(err.text, "'host-list' is for operators");
}

static void levels(void)
{
    static const enum wire_role order[] = { WIRE_ROLE_READ, WIRE_ROLE_USER,
                                            WIRE_ROLE_ADMIN,
                                            WIRE_ROLE_OPERATOR };

    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            CU_ASSERT_EQUAL(auth_level_covers(order[i], order[j]), i >= j);
}

static const struct unit_test tests[] = {
    { "every message with every role", every_message },
    { "what is said", what_is_said },
    { "roles cover each other", levels },
};

UNIT_MAIN("policyd/auth", tests)
