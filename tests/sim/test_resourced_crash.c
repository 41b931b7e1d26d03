/*
 * resourced on a simulated host, killed before and after every change that it
 * makes to the host, and with every call failing, for each operation: after a
 * restart the operation has happened wholly or not at all, the host and the
 * database agree, and nothing is left over.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/rd.h"
#include "tests/unit/unit.h"

/* What a partition named web may be afterwards. */
enum { GONE = 1, STOPPED = 2, RUNNING = 4 };

struct operation {
    const char *name;
    void (*prepare)(struct rd *rd);
    void (*run)(struct rd *rd);
    unsigned allowed;
};

static unsigned n_points, n_recovery_points, n_failures;

static struct rd *new_host(void)
{
    struct rd *rd = rd_new("create_ms=1,destroy_ms=1,op_ms=1,shutdown_ms=1");

    rd->settings = "restart_min_interval = 0\nmemory_wait = 2\n";
    return rd;
}

static void prepare_nothing(struct rd *rd)
{
}

static void prepare_stopped(struct rd *rd)
{
    struct wire_definition definition;

    rd_definition(&definition, "web", "");
    CU_ASSERT_EQUAL(rd_create(rd, &definition, false, NULL), 0);
}

static void prepare_running(struct rd *rd)
{
    CU_ASSERT_EQUAL(rd_create_simple(rd, "web", ""), 0);
}

static void run_create(struct rd *rd)
{
    rd_create_simple(rd, "web", "");
}

static void run_start(struct rd *rd)
{
    rd_do(rd, WIRE_MSG_partition_start, "web", NULL);
}

static void run_destroy(struct rd *rd)
{
    rd_destroy(rd, "web", false);
}

static void run_destroy_keep(struct rd *rd)
{
    rd_destroy(rd, "web", true);
}

static void run_shutdown(struct rd *rd)
{
    rd_shutdown_wait(rd, WIRE_MSG_partition_shutdown, "web", 4000, NULL);
}

static void run_reboot(struct rd *rd)
{
    rd_shutdown_wait(rd, WIRE_MSG_partition_reboot, "web", 4000, NULL);
}

static void run_rename(struct rd *rd)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = "web";
    ref.new_name = "www";
    ref.new_xen_name = "acme.www";
    rd_call(rd, WIRE_MSG_partition_rename, &ref, NULL, NULL);
}

static const struct operation operations[] = {
    { "create", prepare_nothing, run_create, GONE | RUNNING },
    { "start", prepare_stopped, run_start, STOPPED | RUNNING },
    { "destroy", prepare_running, run_destroy, RUNNING | GONE },
    { "destroy --keep", prepare_running, run_destroy_keep,
      RUNNING | STOPPED },
    { "shutdown", prepare_running, run_shutdown, RUNNING | STOPPED },
    { "reboot", prepare_running, run_reboot, RUNNING },
    { "rename", prepare_running, run_rename, RUNNING },
};

static const struct wire_partition *either_name(struct rd *rd)
{
    const struct wire_partition *p = rd_show(rd, "web");

    return p ? p : rd_show(rd, "www");
}

static void settle(struct rd *rd)
{
    for (unsigned i = 0; i < 2500; i++) {
        const struct wire_partition *p = either_name(rd);
        if (!p || p->state == WIRE_STOPPED || p->state == WIRE_RUNNING)
            return;
        rd_sleep(1);
    }
    CU_FAIL("it does not come to rest");
}

static bool complain(const char *what, const char *label)
{
    printf("\n%s: %s", label, what);
    CU_FAIL("see above");
    return false;
}

/* Xen and the daemon say the same. */
static bool agrees(struct rd *rd, unsigned allowed, const char *label)
{
    const struct wire_partition_list *list;

    settle(rd);
    list = rd_list(rd, true);
    if (!list)
        return complain("no list", label);
    unsigned state = GONE;
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        if (!p->managed && p->domid)
            return complain("a domain is nobody's", label);
        if (p->managed)
            state = p->domid ? RUNNING : STOPPED;
        if (p->managed && p->domid && p->flags[0] == '\0')
            return complain("a domain is not there", label);
    }
    if (rd_domains(rd) != (state == RUNNING))
        return complain("domains are wrong", label);
    if (!(state & allowed))
        return complain("neither before nor after", label);
    const struct wire_partition *p = either_name(rd);
    if (state == RUNNING &&
        !strstr(rd_store_dump(rd), arena_printf(rd->arena, "\"%s\"",
                                                p->xen_name)))
        return complain("the name in Xen is another", label);
    return true;
}

/* After the end of all partitions the host is as it was made. */
static void check_nothing_left(struct rd *rd, uint64_t free_kib,
                               const char *store, const char *label)
{
    const struct wire_partition *p = either_name(rd);

    if (p && rd_destroy(rd, p->name, false))
        complain("it cannot be destroyed", label);
    if (rd_domains(rd) != 0)
        complain("a domain is left", label);
    if (rd_free_kib(rd) != free_kib)
        complain("memory is left", label);
    if (strcmp(rd_store_dump(rd), store) != 0)
        complain("nodes are left in xenstore", label);
    rd_kill(rd);
    if (rd_sql(rd, "SELECT count(*) FROM journal") != 0)
        complain("the journal has a row", label);
    if (rd_sql(rd, "SELECT count(*) FROM partition") != 0)
        complain("the database has a partition", label);
}

struct baseline {
    uint64_t free_kib;
    const char *store;
};

static struct rd *prepared(const struct operation *op, struct baseline *ret)
{
    struct rd *rd = new_host();

    CU_ASSERT_FATAL(rd_start(rd));
    ret->free_kib = rd_free_kib(rd);
    ret->store = rd_store_dump(rd);
    op->prepare(rd);
    rd_kill(rd);
    return rd;
}

static const char *fault_at(struct rd *rd, const char *kind, unsigned k)
{
    return arena_printf(rd->arena, "%s:*:%llu", kind,
                        (unsigned long long)hv_sim_effects(rd_host(rd)) + k);
}

/* Dies at the k-th effect of the operation, and at the j-th of the recovery
 * (j 0: it does not).  Whether the two faults happened. */
static void crash_at(const struct operation *op, const char *kind, unsigned k,
                     unsigned j, bool *ret_died, bool *ret_died_again)
{
    char label[96];
    struct baseline base;
    struct rd *rd = prepared(op, &base);

    snprintf(label, sizeof(label), "%s, %s effect %u, recovery %u", op->name,
             kind, k, j);
    rd->fault = fault_at(rd, kind, k);
    if (rd_start(rd))
        op->run(rd);
    settle(rd);
    *ret_died = !rd_connect(rd);
    if (*ret_died) {
        CU_ASSERT_EQUAL(rd_wait(rd), 128 + SIGKILL);
    } else {
        rd_kill(rd); /* the fault is still to come */
    }
    *ret_died_again = false;
    if (*ret_died && j) {
        rd->fault = fault_at(rd, kind, j);
        if (rd_start(rd)) {
            settle(rd);
            rd_kill(rd);
        } else {
            CU_ASSERT_EQUAL(rd_wait(rd), 128 + SIGKILL);
            *ret_died_again = true;
        }
    }
    if (rd_start(rd)) {
        if (agrees(rd, op->allowed, label))
            check_nothing_left(rd, base.free_kib, base.store, label);
    } else {
        complain("resourced does not start again", label);
    }
    rd_free(rd);
}

static void sweep(const struct operation *op, const char *kind)
{
    bool died = true, again, died_again;

    for (unsigned k = 1; died && k < 200; k++) {
        crash_at(op, kind, k, 0, &died, &died_again);
        n_points += died;
        /* Between one effect and the next the recovery only reads. */
        died_again = died && strcmp(kind, "crash-after") == 0;
        for (unsigned j = 1; died_again && j < 200; j++) {
            crash_at(op, kind, k, j, &again, &died_again);
            n_recovery_points += died_again;
        }
    }
}

static void test_crash(void)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        unsigned points = n_points, recovery = n_recovery_points;
        sweep(&operations[i], "crash-before");
        sweep(&operations[i], "crash-after");
        printf("\n    %s: killed at %u points, and at %u of the recovery",
               operations[i].name, n_points - points,
               n_recovery_points - recovery);
        CU_ASSERT(n_points - points >= 2);
    }
    printf("\n    together %u points, ", n_points + n_recovery_points);
}

/* Each call fails once, while the operation runs: no crash, and it is wholly
 * done or not at all. */
static bool fail_at(const struct operation *op, const char *kind, unsigned k)
{
    char label[96];
    struct baseline base;
    struct rd *rd = prepared(op, &base);
    /* A restart that fails leaves a stopped guest: its domain was ended. */
    unsigned allowed = op->allowed | (op->run == run_reboot ? STOPPED : 0);

    snprintf(label, sizeof(label), "%s, %s call %u", op->name, kind, k);
    uint64_t before = hv_sim_calls(rd_host(rd));
    rd->fault = arena_printf(rd->arena, "%s:*:%llu", kind,
                             (unsigned long long)before + k);
    bool up = rd_start(rd);
    if (up)
        op->run(rd);
    uint64_t after = hv_sim_calls(rd_host(rd));
    bool happened = after >= before + k;
    if (!up)
        rd_wait(rd);
    else if (!happened)
        rd_kill(rd); /* the fault is still to come */
    /* One that cannot start without its host can when the host is back. */
    if (!rd->pid && !rd_start(rd))
        complain("resourced does not start again", label);
    else if (agrees(rd, allowed, label))
        check_nothing_left(rd, base.free_kib, base.store, label);
    rd_free(rd);
    return happened;
}

static void test_failures(void)
{
    static const char *const kinds[] = { "fail", "refuse" };

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        for (size_t j = 0; j < 2; j++)
            for (unsigned k = 1; k < 200; k++) {
                if (!fail_at(&operations[i], kinds[j], k))
                    break;
                n_failures++;
            }
    printf("\n    %u calls failed, one at a time, ", n_failures);
    CU_ASSERT(n_failures > 20);
}

static const struct unit_test tests[] = {
    { "killed at every change", test_crash },
    { "every call fails", test_failures },
};

UNIT_MAIN("resourced: crashes", tests)
