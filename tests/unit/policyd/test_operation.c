/* Tests of policyd/api/operation.c. */
#include "policyd/api/operation.h"

#include <string.h>

#include "tests/unit/unit.h"

static int check(enum wire_operation_kind kind, unsigned role,
                 struct vdc_error *err)
{
    struct reasons reasons = { 0 };
    struct wire_operation op;

    wire_init(&wire_struct_operation, &op);
    op.kind = kind;
    op.file = "/f";
    operation_check(&op, role, &reasons);
    return reasons_error(&reasons, err);
}

/* Every kind is either for customers too, or refused by its name. */
static void who_may_what(void)
{
    static const char *const for_operators[] = { "vcpu-pin", "sched-credit2",
                                                 "pci-attach", "pci-detach",
                                                 "pool-set" };
    static const char *const for_nobody[] = { "none", "stop", "restart",
                                              "send" };
    size_t n_operators = 0, n_nobody = 0, n_all = 0;

    for (size_t i = 0; i < wire_enum_operation_kind.n_values; i++) {
        const struct wire_value *value = &wire_enum_operation_kind.values[i];
        enum wire_operation_kind kind =
            (enum wire_operation_kind)value->number;
        struct vdc_error err = { 0 };
        bool listed = false, never = false;
        for (size_t j = 0; j < 5; j++)
            listed |= strcmp(for_operators[j], value->word) == 0;
        for (size_t j = 0; j < 4; j++)
            never |= strcmp(for_nobody[j], value->word) == 0;
        CU_ASSERT_EQUAL(check(kind, W_OPERATOR, NULL),
                        never ? VDC_E_BAD_VALUE : 0);
        CU_ASSERT_EQUAL(check(kind, W_CUSTOMER, &err),
                        never    ? VDC_E_BAD_VALUE
                        : listed ? VDC_E_DENIED
                                 : 0);
        if (never || listed)
            CU_ASSERT_PTR_NOT_NULL(strstr(err.text, value->word));
        n_operators += listed;
        n_nobody += never;
        n_all++;
    }
    CU_ASSERT_EQUAL(n_operators, 5);
    CU_ASSERT_EQUAL(n_nobody, 4);
    CU_ASSERT(n_all > 20);
}

/* A guest may do four things to itself. */
static void what_a_guest_may(void)
{
    static const char *const allowed[] = { "shutdown", "reboot", "mem-set",
                                           "vcpu-set" };
    size_t n_allowed = 0;

    for (size_t i = 0; i < wire_enum_operation_kind.n_values; i++) {
        const struct wire_value *value = &wire_enum_operation_kind.values[i];
        struct vdc_error err = { 0 };
        bool listed = false;
        for (size_t j = 0; j < 4; j++)
            listed |= strcmp(allowed[j], value->word) == 0;
        int rc = check((enum wire_operation_kind)value->number, W_GUEST, &err);
        n_allowed += listed;
        if (listed) {
            CU_ASSERT_EQUAL(rc, 0);
            continue;
        }
        CU_ASSERT(rc == VDC_E_DENIED || rc == VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, value->word));
    }
    CU_ASSERT_EQUAL(n_allowed, 4);
}

static void values(void)
{
    struct reasons reasons = { 0 };
    struct wire_operation op;

    wire_init(&wire_struct_operation, &op);
    op.kind = WIRE_OP_SAVE;
    operation_check(&op, W_OPERATOR, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 1);
    op.kind = WIRE_OP_MEMORY_MAX;
    op.memory = MEM_KIB(UINT64_MAX);
    operation_check(&op, W_OPERATOR, &reasons);
    CU_ASSERT_EQUAL(reasons.n_errors, 2);
}

static void cleaned(void)
{
    struct wire_operation op;

    wire_init(&wire_struct_operation, &op);
    op.owner = "acme";
    op.xen_name = op.new_xen_name = "Domain-0";
    op.reason = "x";
    op.name = "web";
    op.dom0_keep = MEM_KIB(1);
    op.forget = op.consume = op.stream = op.live = true;
    op.address = "192.0.2.1:1";
    op.host = "alpha";
    op.ticket = op.fingerprint = (uint8_t[]){ 1 };
    op.n_ticket = op.n_fingerprint = 1;
    op.epoch = op.kib_per_s = 1;
    operation_clean(&op);
    CU_ASSERT_STRING_EQUAL(op.owner, "");
    CU_ASSERT_STRING_EQUAL(op.xen_name, "");
    CU_ASSERT_STRING_EQUAL(op.new_xen_name, "");
    CU_ASSERT_STRING_EQUAL(op.reason, "");
    CU_ASSERT_EQUAL(op.dom0_keep.kib, 0);
    CU_ASSERT(!op.forget && !op.consume && !op.stream && !op.live);
    CU_ASSERT_STRING_EQUAL(op.address, "");
    CU_ASSERT_STRING_EQUAL(op.host, "");
    CU_ASSERT_EQUAL(op.n_ticket + op.n_fingerprint, 0);
    CU_ASSERT_EQUAL(op.epoch + op.kib_per_s, 0);
    CU_ASSERT_STRING_EQUAL(op.name, "web");
}

static const struct unit_test tests[] = {
    { "who may ask for what", who_may_what },
    { "what a guest may", what_a_guest_may },
    { "values", values },
    { "what clients may not set", cleaned },
};

UNIT_MAIN("policyd/operation", tests)
