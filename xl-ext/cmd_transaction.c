/* transaction: several changes that happen wholly or not at all. */
#include <string.h>

#include "base/reasons.h"
#include "base/words.h"
#include "xl-ext/change.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"

/* What belongs to the whole and not to one of its steps. */
static const char *const whole_options[] = {
    "key", "deadline", "timeout", "lease", "dry-run", "dryrun",
    "output", "quiet", "socket", "help",
};

static int check_step(const struct command_args *step, const char *text,
                      struct vdc_error *err)
{
    if (!operation_is_possible(step->command)) {
        int rc = vdc_error_set(err, VDC_E_USAGE,
                               "'%s' is nothing that a transaction can do",
                               text);
        vdc_error_hint(err, "'xl-vdc help transaction' lists what it can");
        return rc;
    }
    for (size_t i = 0; i < step->n_given; i++)
        for (size_t k = 0;
             k < sizeof(whole_options) / sizeof(whole_options[0]); k++)
            if (!strcmp(step->given[i].option->name, whole_options[k]))
                return vdc_error_set(err, VDC_E_USAGE,
                                     "--%s is for the transaction, not for "
                                     "its step '%s'", whole_options[k], text);
    return 0;
}

/* A step's guest is the transaction's customer's, and all is or nothing is. */
static void adapt(struct operations *ops, uint32_t from, const char *customer)
{
    for (uint32_t i = from; i < ops->n; i++) {
        struct wire_operation *op = &ops->operations[i];
        op->partial = false;
        if (!*op->customer)
            op->customer = customer;
    }
}

static int add_step(const struct command_args *args, const char *text,
                    struct operations *ops, struct vdc_error *err)
{
    struct command_args step;
    const char *customer;
    char **words;
    size_t n;
    uint32_t from = ops->n;
    int rc = guest_customer(args, &customer, err);
    if (rc == 0)
        rc = words_split(text, args->arena, &words, &n, err);
    if (rc)
        return rc;
    if (n && !strcmp(words[0], "xl-vdc")) {
        words++;
        n--;
    }
    rc = command_parse((int)n, words, args->arena, &step, err);
    if (rc == 0)
        rc = check_step(&step, text, err);
    /* remarks are printed as they are for the whole */
    step.format = args->format;
    step.quiet = args->quiet;
    if (rc == 0)
        rc = operation_build(&step, ops, err);
    if (rc)
        return rc;
    adapt(ops, from, customer);
    return 0;
}

/* Each step is looked at, so that all that is wrong is said at once. */
static int run_transaction(const struct command_args *args,
                           struct vdc_error *err)
{
    struct operations *ops = ARENA_NEW(args->arena, struct operations);
    struct reasons *reasons = ARENA_NEW(args->arena, struct reasons);
    for (size_t i = 0; i < args->n_arguments; i++) {
        struct vdc_error one = { 0 };
        if (add_step(args, args->arguments[i], ops, &one) == 0)
            continue;
        if (args->n_arguments > 1)
            vdc_error_prefix(&one, "step %zu", i + 1);
        reasons_add(reasons, &one);
    }
    int rc = reasons_error(reasons, err);
    return rc ? rc : change_do(args, ops, 0, err);
}

static const struct command_option transaction_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "The customer whose guests are meant (operators), where a step does "
      "not say it" },
    CHANGE_DEADLINE_OPTIONS,
    CHANGE_KEY_OPTION,
    CHANGE_LEASE_OPTION,
    { 0 }
};

static const struct command_example transaction_examples[] = {
    { "xl-vdc transaction 'mem-set web 512' 'vcpu-set db 2'",
      "Both, or neither." },
    { "xl-vdc transaction --key move-17 'block-detach web xvdb' "
      "'block-attach db phy:/dev/vg/data,xvdb,w'",
      "Move a disk from one guest to another, once, however often this is "
      "sent." },
    { NULL, NULL }
};

static const struct command transaction_commands[] = {
    { "transaction", NULL, "STEP...", 1, -1, COMMAND_CHANGES,
      COMPLETE_NOTHING, transaction_options,
      "Do several things wholly or not at all",
      "Each STEP is one word of the shell: a command with its arguments and "
      "its own options. All are checked before anything is done, then done "
      "in their order; when one fails, those before it are undone.\n"
      "\n"
      "Steps can be create, start, shutdown, reboot, destroy, rename, pause, "
      "unpause, save, restore, mem-set, mem-max, vcpu-set, vcpu-pin, "
      "sched-credit2 with --weight or --cap, pool-set, and -attach and "
      "-detach of block, network and pci; 16 guests or changes at most. For "
      "destroy and save there is no way back, so they come last.",
      transaction_examples, run_transaction },
};

const struct command_family family_transaction = {
    "Several changes as one", transaction_commands,
    sizeof(transaction_commands) / sizeof(transaction_commands[0])
};
