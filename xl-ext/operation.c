/*
 * Commands that operations can be made of, and how.
 */
#include "xl-ext/operation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/savefile.h"
#include "xl-ext/guest.h"
#include "xl-ext/operation_impl.h"
#include "xl-ext/xlcfg.h"

/* ---- operations without amounts or devices ---- */

static int fill_start(const struct command_args *args,
                      struct wire_operation *op, struct vdc_error *err)
{
    (void)err;
    op->kind = WIRE_OP_START;
    op->paused = command_given(args, "paused");
    return 0;
}

/* shutdown and reboot: the answer comes when the guest was asked. */
static int refuse_wait(const struct command_args *args, struct vdc_error *err)
{
    if (!command_given(args, "wait") && !command_given(args, "timeout"))
        return 0;
    return vdc_error_set(err, VDC_E_USAGE,
                         "a transaction does not wait for what a guest does "
                         "itself: leave --wait and --timeout out");
}

static int fill_shutdown(const struct command_args *args,
                         struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_SHUTDOWN;
    return refuse_wait(args, err);
}

static int fill_reboot(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_REBOOT;
    return refuse_wait(args, err);
}

static int fill_destroy(const struct command_args *args,
                        struct wire_operation *op, struct vdc_error *err)
{
    (void)err;
    op->kind = WIRE_OP_DESTROY;
    op->keep = command_given(args, "keep");
    return 0;
}

static int fill_rename(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_RENAME;
    return guest_new_name(args->arguments[1], &op->new_name, err);
}

static int fill_pause(const struct command_args *args,
                      struct wire_operation *op, struct vdc_error *err)
{
    (void)args;
    (void)err;
    op->kind = WIRE_OP_PAUSE;
    return 0;
}

static int fill_unpause(const struct command_args *args,
                        struct wire_operation *op, struct vdc_error *err)
{
    (void)args;
    (void)err;
    op->kind = WIRE_OP_UNPAUSE;
    return 0;
}

/* ---- files of save ---- */

static int take_file(const struct command_args *args, const char *word,
                     const char **ret, struct vdc_error *err)
{
    const char *path = xlcfg_path(args->arena, word);
    if (!*path || strlen(path) > 1023)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.70s' cannot be the path of a file", word);
    *ret = path;
    return 0;
}

static int fill_save(const struct command_args *args,
                     struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_SAVE;
    op->resume = command_given(args, "checkpoint");
    return take_file(args, args->arguments[1], &op->file, err);
}

/* Whose file it is, when that can be read from here; files of save are often
 * root's alone. */
static int look_into_file(const char *path, struct vdc_uuid *ret,
                          struct vdc_error *err)
{
    struct savefile_head head;
    /* A pipe that nobody writes to is no such file; it is not waited for. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "'%s'", path);
    int rc = savefile_read(fd, &head, err);
    close(fd);
    if (rc)
        vdc_error_prefix(err, "'%s'", path);
    else
        *ret = head.uuid;
    return rc;
}

/* [GUEST] FILE: the file says whose it is; a guest that is named must be that
 * one, which the host checks again. */
static int fill_restore(const struct command_args *args,
                        struct wire_operation *op, struct vdc_error *err)
{
    bool named = args->n_arguments == 2;
    struct vdc_uuid owner;
    op->kind = WIRE_OP_START;
    op->paused = command_given(args, "paused");
    int rc = take_file(args, args->arguments[named], &op->file, err);
    if (rc)
        return rc;
    rc = look_into_file(op->file, &owner, err);
    if (rc == VDC_E_DENIED) /* who may read it will find out */
        return 0;
    if (rc)
        return rc;
    if (!named)
        op->uuid = owner;
    else if (!uuid_is_zero(&op->uuid) && !uuid_equal(&op->uuid, &owner))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%s' is of another guest", op->file);
    return 0;
}

/* ---- the table ---- */

enum guest_words {
    GUEST_FIRST,  /* the first argument */
    GUEST_EACH,   /* each argument: an operation for each */
    GUEST_OPTION, /* --domain */
    GUEST_MAYBE,  /* the first of two arguments */
    GUEST_NEW     /* create: in the definition */
};

static int fill_create(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err);

static const struct builder {
    const char *command;
    enum guest_words words;
    operation_fill_fn *fill;
} builders[] = {
    { "create", GUEST_NEW, fill_create },
    { "start", GUEST_EACH, fill_start },
    { "shutdown", GUEST_EACH, fill_shutdown },
    { "reboot", GUEST_EACH, fill_reboot },
    { "destroy", GUEST_EACH, fill_destroy },
    { "rename", GUEST_FIRST, fill_rename },
    { "pause", GUEST_EACH, fill_pause },
    { "unpause", GUEST_EACH, fill_unpause },
    { "save", GUEST_FIRST, fill_save },
    { "restore", GUEST_MAYBE, fill_restore },
    { "mem-set", GUEST_FIRST, operation_mem_set },
    { "mem-max", GUEST_FIRST, operation_mem_max },
    { "vcpu-set", GUEST_FIRST, operation_vcpu_set },
    { "vcpu-pin", GUEST_FIRST, operation_vcpu_pin },
    { "sched-credit2", GUEST_OPTION, operation_sched },
    { "pool-set", GUEST_FIRST, operation_pool_set },
    { "block-attach", GUEST_FIRST, operation_block_attach },
    { "block-detach", GUEST_FIRST, operation_block_detach },
    { "network-attach", GUEST_FIRST, operation_network_attach },
    { "network-detach", GUEST_FIRST, operation_network_detach },
    { "pci-attach", GUEST_FIRST, operation_pci_attach },
    { "pci-detach", GUEST_FIRST, operation_pci_detach },
};

static const struct builder *find_builder(const struct command *command)
{
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
        if (!strcmp(builders[i].command, command->name))
            return &builders[i];
    return NULL;
}

bool operation_is_possible(const struct command *command)
{
    return find_builder(command) != NULL;
}

static int fill_create(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_CREATE;
    op->start = !command_given(args, "no-start");
    op->paused = command_given(args, "paused");
    if (command_given(args, "console"))
        return vdc_error_set(err, VDC_E_USAGE,
                             "a transaction shows no console");
    if (!op->start && op->paused)
        return vdc_error_set(err, VDC_E_USAGE,
                             "--no-start leaves nothing to pause");
    return guest_definition(args, &op->definition, err);
}

/* ---- one operation ---- */

static bool has_option(const struct command *command, const char *name)
{
    for (const struct command_option *o = command->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return true;
    return false;
}

static int take_common(const struct command_args *args,
                       struct wire_operation *op, struct vdc_error *err)
{
    if (has_option(args->command, "live-only"))
        op->live_only = command_given(args, "live-only");
    if (!has_option(args->command, "if-generation"))
        return 0;
    const char *generation = command_value(args, "if-generation");
    return generation ? operation_number(generation, "--if-generation", 1,
                                         INT64_MAX, &op->if_generation, err)
                      : 0;
}

static int add_one(const struct command_args *args, const struct builder *b,
                   const char *word, struct operations *to,
                   struct vdc_error *err)
{
    if (to->n == OPERATIONS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a transaction has at most %d operations",
                             OPERATIONS_MAX);
    struct wire_operation op;
    struct wire_partition_ref ref;
    wire_init(&wire_struct_operation, &op);
    wire_init(&wire_struct_partition_ref, &ref);
    int rc = word ? guest_ref(args, word, &ref, err)
                  : guest_customer(args, &ref.customer, err);
    op.customer = ref.customer;
    op.name = ref.name;
    op.uuid = ref.uuid;
    if (rc == 0)
        rc = take_common(args, &op, err);
    if (rc == 0)
        rc = b->fill(args, &op, err);
    if (rc)
        return rc;
    to->names[to->n] = word ? word
        : op.kind == WIRE_OP_CREATE ? op.definition.name : op.file;
    to->operations[to->n++] = op;
    return 0;
}

int operation_build(const struct command_args *args, struct operations *ret,
                    struct vdc_error *err)
{
    const struct builder *b = find_builder(args->command);
    const char *word = args->n_arguments ? args->arguments[0] : NULL;
    uint32_t n_before = ret->n;
    int rc = 0;
    switch (b->words) {
    case GUEST_FIRST:
        return add_one(args, b, word, ret, err);
    case GUEST_EACH:
        for (size_t i = 0; rc == 0 && i < args->n_arguments; i++)
            rc = add_one(args, b, args->arguments[i], ret, err);
        if (rc)
            ret->n = n_before;
        return rc;
    case GUEST_OPTION:
        word = command_value(args, "domain");
        if (!word)
            return vdc_error_set(err, VDC_E_USAGE,
                                 "%s wants --domain GUEST",
                                 args->command->name);
        return add_one(args, b, word, ret, err);
    case GUEST_MAYBE:
        return add_one(args, b, args->n_arguments == 2 ? word : NULL, ret,
                       err);
    case GUEST_NEW:
        return add_one(args, b, NULL, ret, err);
    }
    return 0;
}
