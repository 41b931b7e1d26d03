/*
 * Changes: options that they share, the message `transaction`, and what is
 * printed of its answer.
 */
#ifndef XL_EXT_CHANGE_H
#define XL_EXT_CHANGE_H

#include "xl-ext/client.h"
#include "xl-ext/command.h"
#include "xl-ext/operation.h"

/* Rows for tables of options. */
#define CHANGE_KEY_OPTION                                                     \
    {                                                                         \
        0, "key", "KEY", COMPLETE_NOTHING,                                    \
            "A word of your choice: the same request again with the same "    \
            "key is not done again, but gets the first answer"                \
    }
#define CHANGE_GENERATION_OPTION                                              \
    {                                                                         \
        0, "if-generation", "N", COMPLETE_NOTHING,                            \
            "Only if the guest still has this generation, which rises with "  \
            "each change and is in 'show'"                                    \
    }
/* --timeout is another name of it. */
#define CHANGE_DEADLINE_OPTIONS                                               \
    { 't', "deadline", "TIME", COMPLETE_NOTHING,                              \
      "Undo it when it is not done in so long: 90, 90s, 5m" },                \
    {                                                                         \
        0, "timeout", "TIME", COMPLETE_NOTHING, NULL                          \
    }
#define CHANGE_LEASE_OPTION                                                   \
    {                                                                         \
        0, "lease", "ID", COMPLETE_NOTHING,                                   \
            "Take what this lease has reserved"                               \
    }
#define CHANGE_LIVE_OPTION                                                    \
    {                                                                         \
        0, "live-only", NULL, COMPLETE_NOTHING,                               \
            "Change the running domain alone; the next start is as before"    \
    }
#define CHANGE_FORCE_OPTION                                                   \
    {                                                                         \
        'f', "force", NULL, COMPLETE_NOTHING,                                 \
            "Take it away though the guest does not let go of it; what it "   \
            "was doing there fails"                                           \
    }
/* What every change of a guest has. */
#define CHANGE_OPTIONS                                                        \
    GUEST_CUSTOMER_OPTION, CHANGE_DEADLINE_OPTIONS, CHANGE_KEY_OPTION,        \
        CHANGE_GENERATION_OPTION
#define CHANGE_LIVE_OPTIONS CHANGE_LIVE_OPTION, CHANGE_OPTIONS

/* Tables of them for commands that have no others; change_detach_options has
 * --force too. */
extern const struct command_option change_plain_options[],
    change_live_options[], change_detach_options[];

struct change_options {
    const char *key;       /* or "" */
    uint64_t deadline_ms;  /* 0: none */
    struct vdc_uuid lease; /* or zero */
    uint64_t if_generation;
};

/*
 * The options above, as far as the command has them; without --deadline it is
 * `deadline_ms`.  Errors: VDC_E_BAD_VALUE; VDC_E_USAGE for what makes no sense
 * with several guests in one command.
 */
int change_options(const struct command_args *args, uint64_t deadline_ms,
                   struct change_options *ret, struct vdc_error *err);

/* Sends the operations as one transaction, after finding out the names of
 * devices that the user gave by number. */
int change_request(struct client *client, const struct command_args *args,
                   struct operations *ops,
                   const struct change_options *options,
                   const struct wire_transaction_reply **ret,
                   struct vdc_error *err);

/*
 * The whole of it for operations that are built: sends, and prints the
 * answer.  When less was reached than was asked for, what was reached is on
 * stdout and the code is VDC_E_TIMEOUT.
 */
int change_do(const struct command_args *args, struct operations *ops,
              uint64_t deadline_ms, struct vdc_error *err);

/* For `run`: the command is one transaction; or one for each guest. */
int change_run(const struct command_args *args, struct vdc_error *err);
int change_run_each(const struct command_args *args, struct vdc_error *err);

/* change_print.c: a line of text for one operation that was done. */
void change_print_result(const struct command_args *args,
                         const struct wire_operation *op, const char *name,
                         const struct wire_operation_result *result);

#endif
