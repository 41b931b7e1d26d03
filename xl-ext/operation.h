/*
 * From a command and its arguments to the operations of a transaction; the
 * same for the command itself and for a step of `transaction`.  No daemon is
 * asked here.
 */
#ifndef XL_EXT_OPERATION_H
#define XL_EXT_OPERATION_H

#include "wire/wire.h"
#include "xl-ext/command.h"

#define OPERATIONS_MAX 16

struct operations {
    struct wire_operation operations[OPERATIONS_MAX];
    /* what the user calls the guest of each */
    const char *names[OPERATIONS_MAX];
    uint32_t n;
};

/* Whether the command is one that operations can be made of. */
bool operation_is_possible(const struct command *command);

/*
 * Adds the operations of a command line that was understood.  Strings point
 * into args and its arena.  Errors: VDC_E_BAD_VALUE, VDC_E_USAGE,
 * VDC_E_BAD_CONFIG and VDC_E_NO_FILE (create), and what reading the file of
 * restore gives; *ret is as it was then.
 */
int operation_build(const struct command_args *args, struct operations *ret,
                    struct vdc_error *err);

/* An amount of memory as xl writes it: a number of MiB, or one with b, k, m,
 * g or t.  Errors: VDC_E_BAD_VALUE, also for 0. */
int operation_memory(const char *text, struct mem *ret, struct vdc_error *err);

/* A whole number from min to max.  Errors: VDC_E_BAD_VALUE, which says that
 * `what` wants one. */
int operation_number(const char *text, const char *what, uint64_t min,
                     uint64_t max, uint64_t *ret, struct vdc_error *err);

#endif
