/*
 * start, shutdown, reboot, destroy, rename: what is done to guests that are
 * there.  Several guests in one command are done one after the other; one
 * that fails does not keep the others from being done.
 */
#include <stdio.h>

#include "xl-ext/change.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* ---- one request for each guest ---- */

struct request {
    enum wire_message_number number;
    struct wire_partition_ref options;
};

static int request_one(struct guest_each *each, const char *word,
                       struct wire_partition_reply *ret,
                       struct vdc_error *err)
{
    const struct request *request = each->arg;
    struct wire_partition_ref ref;
    int rc = guest_ref(each->args, word, &ref, err);
    if (rc)
        return rc;
    ref.keep = request->options.keep;
    ref.wait = request->options.wait;
    ref.paused = request->options.paused;
    ref.timeout_ms = request->options.timeout_ms;
    ref.key = request->options.key;
    ref.if_generation = request->options.if_generation;
    ref.lease = request->options.lease;
    const void *body;
    rc = client_request(each->client, request->number, &ref, &body, err);
    if (rc == 0)
        *ret = *(const struct wire_partition_reply *)body;
    return rc;
}

static int do_each(const struct command_args *args, struct request *request,
                   const char *gone_word, struct vdc_error *err)
{
    struct change_options options;
    struct guest_each each = { .args = args, .one = request_one,
                               .gone_word = gone_word, .arg = request };
    int rc = change_options(args, 0, &options, err);
    if (rc)
        return rc;
    request->options.key = options.key;
    request->options.if_generation = options.if_generation;
    request->options.lease = options.lease;
    return guest_each_run(&each, err);
}

/* Only a transaction has a deadline. */
static int run_start(const struct command_args *args, struct vdc_error *err)
{
    struct request request = { .number = WIRE_MSG_partition_start };
    if (command_given(args, "deadline") || command_given(args, "timeout"))
        return change_run_each(args, err);
    request.options.paused = command_given(args, "paused");
    return do_each(args, &request, NULL, err);
}

/* --wait and --timeout */
static int take_wait(const struct command_args *args,
                     struct wire_partition_ref *options,
                     struct vdc_error *err)
{
    options->wait = command_given(args, "wait");
    const char *timeout = command_value(args, "timeout");
    if (!timeout)
        return 0;
    int rc = units_duration_parse(timeout, &options->timeout_ms, err);
    if (rc)
        vdc_error_prefix(err, "--timeout");
    else if (!options->wait)
        rc = vdc_error_set(err, VDC_E_USAGE, "--timeout needs --wait");
    else if (options->timeout_ms == 0)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "--timeout must be longer than 0");
    return rc;
}

static int run_shutdown(const struct command_args *args,
                        struct vdc_error *err)
{
    struct request request = { .number = WIRE_MSG_partition_shutdown };
    int rc = take_wait(args, &request.options, err);
    return rc ? rc : do_each(args, &request, NULL, err);
}

static int run_reboot(const struct command_args *args, struct vdc_error *err)
{
    struct request request = { .number = WIRE_MSG_partition_reboot };
    int rc = take_wait(args, &request.options, err);
    return rc ? rc : do_each(args, &request, NULL, err);
}

static int run_destroy(const struct command_args *args, struct vdc_error *err)
{
    struct request request = { .number = WIRE_MSG_partition_destroy };
    request.options.keep = command_given(args, "keep");
    return do_each(args, &request, request.options.keep
                   ? NULL : "destroyed and forgotten", err);
}

static int run_rename(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    struct change_options options;
    int rc = guest_ref(args, args->arguments[0], &ref, err);
    if (rc == 0)
        rc = guest_new_name(args->arguments[1], &ref.new_name, err);
    if (rc == 0)
        rc = change_options(args, 0, &options, err);
    if (rc)
        return rc;
    ref.key = options.key;
    ref.if_generation = options.if_generation;
    struct client *client;
    rc = client_open(args, &client, err);
    if (rc)
        return rc;
    const void *body;
    rc = client_request(client, WIRE_MSG_partition_rename, &ref, &body, err);
    client_close(client);
    if (rc)
        return rc;
    const struct wire_partition_reply *reply = body;
    if (args->format == FORMAT_JSON) {
        struct json_out *out = json_out_new(true);
        guest_to_json(reply, out);
        output_json(out);
    } else if (args->dry_run) {
        guest_print_plan(args->arguments[0], reply->plan, reply->n_plan);
    } else if (!args->quiet) {
        printf("%s: is %s now\n", args->arguments[0], ref.new_name);
    }
    guest_note_again(args, reply->again);
    return 0;
}

/* ---- the table ---- */

static const struct command_option start_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'p', "paused", NULL, COMPLETE_NOTHING,
      "Build the domain and leave its vCPUs standing still, until "
      "'xl-vdc unpause'" },
    CHANGE_DEADLINE_OPTIONS,
    CHANGE_KEY_OPTION,
    CHANGE_GENERATION_OPTION,
    CHANGE_LEASE_OPTION,
    { 0 }
};

static const struct command_option wait_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'w', "wait", NULL, COMPLETE_NOTHING, "Answer when it is done" },
    { 't', "timeout", "TIME", COMPLETE_NOTHING,
      "Wait at most so long: 90, 90s, 5m" },
    CHANGE_KEY_OPTION,
    { 0 }
};

static const struct command_option destroy_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'k', "keep", NULL, COMPLETE_NOTHING,
      "End its domain, and keep it remembered, so that it can be started "
      "again" },
    CHANGE_KEY_OPTION,
    CHANGE_GENERATION_OPTION,
    { 0 }
};

static const struct command_option rename_options[] = {
    GUEST_CUSTOMER_OPTION,
    CHANGE_KEY_OPTION,
    CHANGE_GENERATION_OPTION,
    { 0 }
};

static const struct command_example start_examples[] = {
    { "xl-vdc start web", "Start the guest web." },
    { NULL, NULL }
};
static const struct command_example shutdown_examples[] = {
    { "xl-vdc shutdown -w web db", "Shut two guests down and wait for each." },
    { "xl-vdc shutdown -w --timeout 2m web", "Give up after two minutes." },
    { NULL, NULL }
};
static const struct command_example reboot_examples[] = {
    { "xl-vdc reboot web", "Ask the guest web to reboot." },
    { NULL, NULL }
};
static const struct command_example destroy_examples[] = {
    { "xl-vdc destroy --dry-run web", "Say what would be destroyed." },
    { "xl-vdc destroy --keep web",
      "Pull the plug of a guest that does not answer." },
    { NULL, NULL }
};
static const struct command_example rename_examples[] = {
    { "xl-vdc rename web www", "The guest web is called www from now on." },
    { NULL, NULL }
};

static const struct command guest_commands[] = {
    { "start", NULL, "GUEST...", 1, -1, COMMAND_CHANGES, COMPLETE_GUESTS,
      start_options, "Start guests that are stopped",
      "Builds the domain of each guest anew from what was given with create, "
      "and lets it run.",
      start_examples, run_start },
    { "shutdown", NULL, "GUEST...", 1, -1, COMMAND_CHANGES, COMPLETE_GUESTS,
      wait_options, "Ask guests to power off",
      "The guest decides itself whether and when it does so. It stays "
      "remembered and can be started again. A guest that does not answer is "
      "ended with destroy --keep.",
      shutdown_examples, run_shutdown },
    { "reboot", NULL, "GUEST...", 1, -1, COMMAND_CHANGES, COMPLETE_GUESTS,
      wait_options, "Ask guests to reboot",
      "The guest decides itself whether and when it does so. Its domain is "
      "then built anew, unless its on_reboot says otherwise.",
      reboot_examples, run_reboot },
    { "destroy", NULL, "GUEST...", 1, -1, COMMAND_CHANGES | COMMAND_DESTROYS,
      COMPLETE_GUESTS, destroy_options, "End guests at once and forget them",
      "The guest gets no chance to write what it has in memory. Its disks' "
      "files stay. Without --keep it is forgotten: it no longer counts "
      "against the quota, and its name is free.",
      destroy_examples, run_destroy },
    { "rename", NULL, "GUEST NEW-NAME", 2, 2, COMMAND_CHANGES,
      COMPLETE_GUESTS, rename_options, "Give a guest another name",
      "Works while it runs.", rename_examples, run_rename },
};

const struct command_family family_guest = {
    "Guests that are there", guest_commands,
    sizeof(guest_commands) / sizeof(guest_commands[0])
};
