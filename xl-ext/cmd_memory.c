/* mem-set and mem-max: memory of guests while they run. */
#include "xl-ext/change.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"

/* A guest gives memory back when its balloon driver gets to it; most do in
 * seconds. */
#define MEM_SET_DEADLINE_MS 60000

static int run_mem_set(const struct command_args *args, struct vdc_error *err)
{
    struct operations *ops = ARENA_NEW(args->arena, struct operations);
    int rc = operation_build(args, ops, err);
    return rc ? rc : change_do(args, ops, MEM_SET_DEADLINE_MS, err);
}

static const struct command_option mem_set_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 't', "deadline", "TIME", COMPLETE_NOTHING,
      "Give the guest so long: 90, 90s, 5m; 60s when nothing is said, 0 for "
      "no end" },
    { 0, "timeout", "TIME", COMPLETE_NOTHING, NULL },
    CHANGE_KEY_OPTION,
    CHANGE_GENERATION_OPTION,
    CHANGE_LIVE_OPTION,
    { 0 }
};

static const struct command_example mem_set_examples[] = {
    { "xl-vdc mem-set web 512", "512 MiB for web." },
    { "xl-vdc mem-set --deadline 5m web 2g",
      "A guest that needs its time to free so much." },
    { NULL, NULL }
};

static const struct command_example mem_max_examples[] = {
    { "xl-vdc mem-max web 4g", "web may grow to 4 GiB." },
    { NULL, NULL }
};

static const struct command memory_commands[] = {
    { "mem-set", NULL, "GUEST MEM", 2, 2, COMMAND_CHANGES, COMPLETE_GUESTS,
      mem_set_options, "Give a guest memory, or take some back",
      "MEM is in MiB, or has a suffix: 512m, 2g, 1t, 65536k, 1048576b. It is "
      "at most what mem-max says.\n"
      "\n"
      "Memory is taken back by the guest's balloon, so it is the guest who "
      "decides when. When the deadline comes, what was got is kept and "
      "printed, what is missing is said with what can be done, and the exit "
      "status is 8. Asking again goes on from there. Within 1 MiB (of more "
      "than 1 GiB: a thousandth) is as good as what was asked: Xen counts "
      "pages that no balloon knows of. As one of the steps of "
      "'transaction' it is all or nothing.",
      mem_set_examples, run_mem_set },
    { "mem-max", NULL, "GUEST MEM", 2, 2, COMMAND_CHANGES, COMPLETE_GUESTS,
      change_live_options, "Say how much memory a guest may grow to",
      "MEM as with mem-set. It counts against the quota, whether the guest "
      "has it at the moment or not. Many guests see more than they were "
      "started with only after the next start.",
      mem_max_examples, change_run },
};

const struct command_family family_memory = {
    "Memory", memory_commands,
    sizeof(memory_commands) / sizeof(memory_commands[0])
};
