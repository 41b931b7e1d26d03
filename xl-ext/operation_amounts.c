/* Operations that set amounts: memory, vCPUs, affinity, weight, pools. */
#include <string.h>
#include <strings.h>

#include "xl-ext/operation_impl.h"
#include "xl-ext/xlcfg.h"

#define MAX_VCPUS 512 /* as for vcpus in a domain file */

int operation_number(const char *text, const char *what, uint64_t min,
                     uint64_t max, uint64_t *ret, struct vdc_error *err)
{
    uint64_t n = 0;
    const char *p = text;
    bool ok = *p != 0;
    for (; ok && *p; p++)
        ok = *p >= '0' && *p <= '9' &&
            !__builtin_mul_overflow(n, UINT64_C(10), &n) &&
            !__builtin_add_overflow(n, (uint64_t)(*p - '0'), &n);
    if (!ok || n < min || n > max)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s wants a number from %llu to %llu, got '%s'",
                             what, (unsigned long long)min,
                             (unsigned long long)max, text);
    *ret = n;
    return 0;
}

/* xl's "1048576b": bytes, which no other amount of ours has. */
static bool take_bytes(const char *text, struct mem *ret)
{
    size_t len = strspn(text, "0123456789");
    char digits[24];
    uint64_t bytes;
    if (len == 0 || len >= sizeof(digits) || strcasecmp(text + len, "b"))
        return false;
    memcpy(digits, text, len);
    digits[len] = 0;
    if (operation_number(digits, "", 0, UINT64_MAX, &bytes, NULL))
        return false;
    *ret = MEM_KIB(bytes / 1024);
    return true;
}

int operation_memory(const char *text, struct mem *ret, struct vdc_error *err)
{
    struct mem mem;
    int rc = take_bytes(text, &mem) ? 0
                                    : units_mem_parse(text, 1024, &mem, err);
    if (rc) {
        vdc_error_hint(err, "a number without a suffix is in MiB, as with "
                            "xl");
        return rc;
    }
    if (mem.kib == 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is no memory at all", text);
    *ret = mem;
    return 0;
}

int operation_mem_set(const struct command_args *args,
                      struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_MEMORY_SET;
    op->partial = true;
    return operation_memory(args->arguments[1], &op->memory, err);
}

int operation_mem_max(const struct command_args *args,
                      struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_MEMORY_MAX;
    return operation_memory(args->arguments[1], &op->memory, err);
}

int operation_vcpu_set(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    uint64_t n = 0;
    int rc = operation_number(args->arguments[1], "vcpu-set", 1, MAX_VCPUS,
                              &n, err);
    op->kind = WIRE_OP_VCPUS;
    op->vcpus = (uint32_t)n;
    return rc;
}

/* "-" leaves it as it is. */
static int take_cpus(const struct command_args *args, size_t at,
                     const char **ret, struct vdc_error *err)
{
    const char *text = at < args->n_arguments ? args->arguments[at] : "-";
    if (!strcmp(text, "-"))
        return 0;
    if (strlen(text) > 255 || !xlcfg_is_cpu_list(args->arena, text)) {
        int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "'%.80s' is no list of CPUs", text);
        vdc_error_hint(err, "0-3,5,^1, all and nodes:0-1 are; '-' leaves it "
                            "as it is");
        return rc;
    }
    *ret = text;
    return 0;
}

int operation_vcpu_pin(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    uint64_t vcpu;
    int rc = 0;
    op->kind = WIRE_OP_PIN;
    if (!strcmp(args->arguments[1], "all")) {
        op->vcpu = -1;
    } else {
        rc = operation_number(args->arguments[1], "the vCPU", 0,
                              MAX_VCPUS - 1, &vcpu, err);
        if (rc)
            vdc_error_hint(err, "or 'all'");
        else
            op->vcpu = (int64_t)vcpu;
    }
    if (rc == 0)
        rc = take_cpus(args, 2, &op->cpus, err);
    if (rc == 0)
        rc = take_cpus(args, 3, &op->cpus_soft, err);
    if (rc == 0 && !*op->cpus && !*op->cpus_soft)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'-' leaves everything as it is");
    return rc;
}

int operation_sched(const struct command_args *args,
                    struct wire_operation *op, struct vdc_error *err)
{
    const char *weight = command_value(args, "weight");
    const char *cap = command_value(args, "cap");
    uint64_t n;
    int rc = 0;
    op->kind = WIRE_OP_SCHED;
    if (!weight && !cap)
        return vdc_error_set(err, VDC_E_USAGE,
                             "neither --weight nor --cap is given");
    if (command_value(args, "cpupool"))
        return vdc_error_set(err, VDC_E_USAGE,
                             "--cpupool is for showing, not for setting");
    if (weight) {
        rc = operation_number(weight, "--weight", 1, 65535, &n, err);
        if (rc == 0)
            op->weight = (int64_t)n;
    }
    if (rc == 0 && cap) {
        /* 100 for each vCPU */
        rc = operation_number(cap, "--cap", 0, 100 * MAX_VCPUS, &n, err);
        if (rc == 0)
            op->cap = (int64_t)n;
    }
    return rc;
}

int operation_pool_set(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    const char *pool = args->arguments[1];
    op->kind = WIRE_OP_POOL_SET;
    if (!*pool || strlen(pool) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.70s' cannot be the name of a pool", pool);
    op->pool = pool;
    return operation_number(args->arguments[2], "the amount", 0, INT64_MAX,
                            &op->amount, err);
}
