/* pause, unpause, save, restore: guests that stand still. */
#include "xl-ext/change.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"

static const struct command_option save_options[] = {
    { 'c', "checkpoint", NULL, COMPLETE_NOTHING,
      "Let the guest run on afterwards" },
    CHANGE_OPTIONS,
    { 0 }
};

static const struct command_option restore_options[] = {
    { 'p', "paused", NULL, COMPLETE_NOTHING,
      "Leave its vCPUs standing still, until 'xl-vdc unpause'" },
    CHANGE_LEASE_OPTION,
    CHANGE_OPTIONS,
    { 0 }
};

static const struct command_example pause_examples[] = {
    { "xl-vdc pause web", "The vCPUs of web stand still." },
    { NULL, NULL }
};
static const struct command_example unpause_examples[] = {
    { "xl-vdc unpause web", "They go on." },
    { NULL, NULL }
};
static const struct command_example save_examples[] = {
    { "xl-vdc save web /var/lib/xen-vdc/save/web.save",
      "Write down what web has in memory, and stop it." },
    { NULL, NULL }
};
static const struct command_example restore_examples[] = {
    { "xl-vdc restore /var/lib/xen-vdc/save/web.save",
      "The guest that was saved goes on where it stood." },
    { NULL, NULL }
};

static const struct command state_commands[] = {
    { "pause", NULL, "GUEST...", 1, -1, COMMAND_CHANGES, COMPLETE_GUESTS,
      change_plain_options, "Let guests stand still",
      "They keep their memory and count against the quota.", pause_examples,
      change_run_each },
    { "unpause", NULL, "GUEST...", 1, -1, COMMAND_CHANGES, COMPLETE_GUESTS,
      change_plain_options, "Let guests go on that stand still",
      "After pause, or after create, start or restore with --paused. A guest "
      "goes on then, however often it was paused, and by whom.",
      unpause_examples, change_run_each },
    { "save", NULL, "GUEST FILE", 2, 2, COMMAND_CHANGES, COMPLETE_GUESTS,
      save_options, "Write a guest's memory to a file and stop it",
      "The file is on the host, and says whose it is. The guest stays "
      "remembered and goes on with restore. Its disks are not saved: do not "
      "start it by other means before.\n"
      "\n"
      "As with destroy there is no way back once the guest's memory has been "
      "let go.",
      save_examples, change_run },
    { "restore", NULL, "[GUEST] FILE", 1, 2, COMMAND_CHANGES, COMPLETE_FILES,
      restore_options, "Let a guest go on from a file of save",
      "The file says which guest it is; one that is named must be the same. "
      "It must still be remembered, and be stopped. The file and its folder "
      "must belong to root and be writable by root only; so save writes to no "
      "other folder.",
      restore_examples, change_run },
};

const struct command_family family_state = {
    "Guests that stand still", state_commands,
    sizeof(state_commands) / sizeof(state_commands[0])
};
