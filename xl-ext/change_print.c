/* What was done, a line for each operation. */
#include <inttypes.h>
#include <stdio.h>

#include "xl-ext/change.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

struct line {
    const struct command_args *args;
    const struct wire_operation *op;
    const struct wire_operation_result *result;
    const char *name;
};

static void print_state(const struct line *line)
{
    struct wire_partition_reply reply;
    wire_init(&wire_struct_partition_reply, &reply);
    reply.partition = line->result->partition;
    guest_print_state(line->args, line->name, &reply);
}

static const char *shown_mem(const struct line *line, struct mem mem)
{
    char buf[32];
    return arena_strdup(line->args->arena,
                        units_mem_format(mem, buf, sizeof(buf)));
}

/* What the user wrote, or what the host chose. */
static const char *shown_device(const struct line *line)
{
    const char *device = line->result->device;
    if (!*device && line->op->kind == WIRE_OP_DISK_ATTACH)
        device = line->op->disk.vdev;
    else if (!*device)
        device = line->op->device;
    return output_clean(line->args->arena, device);
}

static void print_device(const struct line *line, const char *what,
                         const char *done)
{
    printf("%s: %s %s %s\n", line->name, what, shown_device(line), done);
}

static void print_disk(const struct line *line)
{
    print_device(line, "disk", line->op->kind == WIRE_OP_DISK_ATTACH
                 ? "attached" : "detached");
}

static void print_interface(const struct line *line)
{
    print_device(line, "interface", line->op->kind == WIRE_OP_NIC_ATTACH
                 ? "attached" : "detached");
}

static void print_pci(const struct line *line)
{
    print_device(line, "PCI device", line->op->kind == WIRE_OP_PCI_ATTACH
                 ? "attached" : "detached");
}

static void print_memory(const struct line *line)
{
    const struct wire_partition *p = &line->result->partition;
    printf("%s: %s %s of memory", line->name,
           p->state == WIRE_STOPPED ? "will have" : "has",
           shown_mem(line, p->memory));
    if (line->result->partial)
        printf(", was to have %s", shown_mem(line, line->op->memory));
    putchar('\n');
}

static void print_vcpus(const struct line *line)
{
    const struct wire_partition *p = &line->result->partition;
    printf("%s: %s%" PRIu32 " of %" PRIu32 " vCPUs online\n", line->name,
           p->state == WIRE_STOPPED ? "will have " : "", p->vcpus,
           p->max_vcpus);
}

static void print_pinned(const struct line *line)
{
    const struct wire_operation *op = line->op;
    if (op->vcpu < 0)
        printf("%s: all vCPUs", line->name);
    else
        printf("%s: vCPU %" PRId64, line->name, op->vcpu);
    if (*op->cpus)
        printf(" on CPUs %s", op->cpus);
    if (*op->cpus_soft)
        printf("%s rather on CPUs %s", *op->cpus ? "," : "", op->cpus_soft);
    putchar('\n');
}

static void print_sched(const struct line *line)
{
    const struct wire_operation *op = line->op;
    printf("%s:", line->name);
    if (op->weight >= 0)
        printf(" weight %" PRId64, op->weight);
    if (op->cap >= 0)
        printf("%s cap %" PRId64, op->weight >= 0 ? "," : "", op->cap);
    putchar('\n');
}

static void print_saved(const struct line *line)
{
    printf("%s: saved to %s%s\n", line->name, line->op->file,
           line->op->resume ? ", and runs on" : "");
}

static void print_destroyed(const struct line *line)
{
    if (line->op->keep)
        print_state(line);
    else
        printf("%s: destroyed and forgotten\n", line->name);
}

void change_print_result(const struct command_args *args,
                         const struct wire_operation *op, const char *name,
                         const struct wire_operation_result *result)
{
    const struct line line = { args, op, result, name };
    const struct wire_partition *p = &result->partition;
    switch (op->kind) {
    case WIRE_OP_NONE:
    case WIRE_OP_STOP:
    case WIRE_OP_RESTART:
    case WIRE_OP_SEND:
        break; /* not a user's */
    case WIRE_OP_CREATE:
    case WIRE_OP_START:
    case WIRE_OP_SHUTDOWN:
    case WIRE_OP_REBOOT:
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
        print_state(&line);
        break;
    case WIRE_OP_DESTROY:
        print_destroyed(&line);
        break;
    case WIRE_OP_RENAME:
        printf("%s: is %s now\n", name, op->new_name);
        break;
    case WIRE_OP_MEMORY_SET:
        print_memory(&line);
        break;
    case WIRE_OP_MEMORY_MAX:
        printf("%s: may grow to %s\n", name, shown_mem(&line, p->max_memory));
        break;
    case WIRE_OP_VCPUS:
        print_vcpus(&line);
        break;
    case WIRE_OP_PIN:
        print_pinned(&line);
        break;
    case WIRE_OP_SCHED:
        print_sched(&line);
        break;
    case WIRE_OP_DISK_ATTACH:
    case WIRE_OP_DISK_DETACH:
        print_disk(&line);
        break;
    case WIRE_OP_NIC_ATTACH:
    case WIRE_OP_NIC_DETACH:
        print_interface(&line);
        break;
    case WIRE_OP_PCI_ATTACH:
    case WIRE_OP_PCI_DETACH:
        print_pci(&line);
        break;
    case WIRE_OP_SAVE:
        print_saved(&line);
        break;
    case WIRE_OP_POOL_SET:
        printf("%s: has %" PRIu64 " of pool %s\n", name, op->amount, op->pool);
        break;
    }
}
