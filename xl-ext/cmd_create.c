/*
 * create and config-check: a domain file in xl's syntax becomes a guest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/change.h"
#include "xl-ext/console.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"
#include "xl-ext/xlcfg.h"

struct source {
    const char *path; /* NULL: settings only */
    const char **settings;
    size_t n_settings;
};

/* As xl: what has a '=' is a setting, the other is the file. */
static int take_source(const struct command_args *args, struct source *ret,
                       struct vdc_error *err)
{
    ret->path = command_value(args, "defconfig");
    ret->settings =
        ARENA_ARRAY(args->arena, args->n_arguments + 1, const char *);
    ret->n_settings = 0;
    for (size_t i = 0; i < args->n_arguments; i++) {
        const char *word = args->arguments[i];
        /* an empty or absolute path with a '=' is still a path */
        if (strchr(word, '=') && word[0] != '/' && word[0] != '.') {
            ret->settings[ret->n_settings++] = word;
        } else if (!ret->path) {
            ret->path = word;
        } else {
            int rc = vdc_error_set(err, VDC_E_USAGE,
                                   "two domain files: '%s' and '%s'",
                                   ret->path, word);
            vdc_error_hint(err, "a setting has the form KEY=VALUE");
            return rc;
        }
    }
    if (ret->path || ret->n_settings)
        return 0;
    int rc = vdc_error_set(err, VDC_E_USAGE, "a domain file is missing");
    vdc_error_hint(err, "usage: xl-vdc %s %s", args->command->name,
                   args->command->arguments);
    return rc;
}

int guest_definition(const struct command_args *args,
                     struct wire_definition *ret, struct vdc_error *err)
{
    struct source source;
    int rc = take_source(args, &source, err);
    if (rc)
        return rc;
    const char *const *notes;
    size_t n_notes;
    rc = xlcfg_read(source.path, source.settings, source.n_settings,
                    args->arena, ret, &notes, &n_notes, err);
    if (rc == VDC_E_NO_FILE)
        vdc_error_hint(err, "the domain file is read on the machine on which "
                            "xl-vdc runs");
    for (size_t i = 0; rc == 0 && i < n_notes; i++)
        output_note(args, "%s", notes[i]);
    return rc;
}

static int send_create(const struct command_args *args,
                       const struct wire_partition_create *create,
                       const struct wire_partition_reply **ret,
                       struct vdc_error *err)
{
    struct client *client;
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    const void *body = NULL;
    rc = client_request(client, WIRE_MSG_partition_create, create, &body, err);
    client_close(client);
    *ret = body;
    return rc;
}

/* What the options ask for, and whether they go together. */
static int take_options(const struct command_args *args,
                        struct wire_partition_create *create,
                        struct vdc_error *err)
{
    struct change_options options;
    bool console = command_given(args, "console");
    create->start = !command_given(args, "no-start");
    create->paused = command_given(args, "paused");
    create->dry_run = args->dry_run;
    if (!create->start && (create->paused || console))
        return vdc_error_set(err, VDC_E_USAGE,
                             "--no-start leaves nothing to pause or to show a "
                             "console of");
    if (console && (args->dry_run || args->format == FORMAT_JSON))
        return vdc_error_set(err, VDC_E_USAGE,
                             "a console goes together neither with --dry-run "
                             "nor with -o json");
    int rc = guest_customer(args, &create->customer, err);
    if (rc == 0)
        rc = change_options(args, 0, &options, err);
    if (rc)
        return rc;
    create->key = options.key;
    create->timeout_ms = options.deadline_ms;
    create->lease = options.lease;
    return 0;
}

static void print_created(const struct command_args *args,
                          const struct wire_partition_create *create,
                          const struct wire_partition_reply *reply)
{
    if (args->format == FORMAT_JSON) {
        struct json_out *out = json_out_new(true);
        guest_to_json(reply, out);
        output_json(out);
    } else {
        guest_print_state(args, create->definition.name, reply);
    }
    guest_note_again(args, reply->again);
}

static int run_create(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_create create;
    wire_init(&wire_struct_partition_create, &create);
    int rc = take_options(args, &create, err);
    if (rc == 0)
        rc = guest_definition(args, &create.definition, err);
    if (rc)
        return rc;
    const struct wire_partition_reply *reply;
    rc = send_create(args, &create, &reply, err);
    if (rc)
        return rc;
    print_created(args, &create, reply);
    if (!command_given(args, "console") || client_interrupted())
        return 0;
    fflush(stdout);
    struct wire_partition_ref ref;
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = create.customer;
    ref.uuid = reply->partition.uuid;
    return console_run(args, &ref, create.definition.name, false,
                       err);
}

static int run_config_check(const struct command_args *args,
                            struct vdc_error *err)
{
    struct wire_definition definition;
    int rc = guest_definition(args, &definition, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_definition, &definition);
    else if (!args->quiet)
        output_text_struct(&wire_struct_definition, &definition, "",
                           args->arena);
    return 0;
}

/* ---- the table ---- */

static const struct command_option create_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'f', "defconfig", "FILE", COMPLETE_FILES,
      "The domain file, instead of as an argument" },
    { 'p', "paused", NULL, COMPLETE_NOTHING,
      "Leave its vCPUs standing still, until 'xl-vdc unpause'" },
    { 'c', "console", NULL, COMPLETE_NOTHING,
      "Connect to its console as soon as it runs" },
    { 0, "no-start", NULL, COMPLETE_NOTHING,
      "Only define it; 'xl-vdc start' starts it" },
    CHANGE_DEADLINE_OPTIONS,
    CHANGE_KEY_OPTION,
    CHANGE_LEASE_OPTION,
    { 0, "dryrun", NULL, COMPLETE_NOTHING, NULL },
    { 0 }
};

static const struct command_option check_options[] = {
    { 'f', "defconfig", "FILE", COMPLETE_FILES,
      "The domain file, instead of as an argument" },
    { 0 }
};

static const struct command_example create_examples[] = {
    { "xl-vdc create web.cfg", "Make a guest from a file, and start it." },
    { "xl-vdc create web.cfg name=web2 memory=256 "
      "'vif=[\"bridge=xenbr1\"]'",
      "The same, with other values for three keys." },
    { "xl-vdc create --dry-run -C acme web.cfg",
      "As operator, check whether acme's guest could be made." },
    { NULL, NULL }
};

static const struct command_example check_examples[] = {
    { "xl-vdc config-check web.cfg", "Read a file and show what it means." },
    { "xl-vdc config-check -q web.cfg", "Only show what is wrong in it." },
    { NULL, NULL }
};

static const struct command create_commands[] = {
    { "create", NULL, "[FILE] [KEY=VALUE]...", 0, -1, COMMAND_CHANGES,
      COMPLETE_FILES, create_options, "Make a guest from an xl.cfg file",
      "Reads the file, asks whether the customer's quota and the hosts have "
      "room for the guest, chooses a host, defines the guest there and starts "
      "it. When this fails, nothing is left behind.\n"
      "\n"
      "A KEY=VALUE replaces the file's line of that key, or is the whole "
      "definition when there is no file. It is written as in the file; a bare "
      "word may go without its quotes. xl-vdc.cfg(5) lists the keys.\n"
      "\n"
      "The guest is remembered until it is destroyed: after a shutdown, and "
      "after a restart of its host.",
      create_examples, run_create },
    { "config-check", NULL, "[FILE] [KEY=VALUE]...", 0, -1,
      COMMAND_READS | COMMAND_LOCAL, COMPLETE_FILES, check_options,
      "Check an xl.cfg file without making a guest",
      "Reads the file as create does, names everything that is wrong in it, "
      "and shows what it means. Asks no daemon, so it works anywhere, and "
      "says nothing about quota, memory, or files on the host.",
      check_examples, run_config_check },
};

const struct command_family family_create = {
    "New guests", create_commands,
    sizeof(create_commands) / sizeof(create_commands[0])
};
