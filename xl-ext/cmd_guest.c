/*
 * start, shutdown, reboot, destroy, rename: what is done to guests that are
 * there.  Several guests in one command are done one after the other; one
 * that fails does not keep the others from being done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

int guest_ref(const struct command_args *args, const char *word,
              struct wire_partition_ref *ret, struct vdc_error *err)
{
    wire_init(&wire_struct_partition_ref, ret);
    const char *customer = command_value(args, "customer");
    if (customer && strlen(customer) > 31)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.40s...' is too long for a customer's name",
                             customer);
    ret->customer = customer ? customer : "";
    ret->dry_run = args->dry_run;
    if (uuid_from_text(word, &ret->uuid))
        return 0;
    if (!*word || strlen(word) > 63) {
        int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "'%.70s' cannot be the name of a guest", word);
        vdc_error_hint(err, "a name has 1 to 63 characters; 'xl-vdc list' "
                            "shows the guests");
        return rc;
    }
    ret->name = word;
    return 0;
}

static void print_plan(const char *word,
                       const struct wire_partition_reply *reply)
{
    printf("%s: nothing was done; this would be:\n", word);
    for (uint32_t i = 0; i < reply->n_plan; i++)
        printf("    %s\n", reply->plan[i]);
}

void guest_print_state(const struct command_args *args, const char *word,
                       const struct wire_partition_reply *reply)
{
    const struct wire_partition *p = &reply->partition;
    if (args->quiet)
        return;
    if (args->dry_run) {
        print_plan(word, reply);
        return;
    }
    printf("%s: %s", word, wire_enum_word(&wire_enum_partition_state,
                                          (int)p->state));
    if (p->domid)
        printf(" as domain %" PRIu32, p->domid);
    if (*p->host)
        printf(" on host %s", output_clean(args->arena, p->host));
    if (*reply->reason)
        printf(" (%s)", output_clean(args->arena, reply->reason));
    putchar('\n');
}

/* ---- one request for each guest ---- */

struct each {
    const struct command_args *args;
    struct client *client;
    enum wire_message_number number;
    const struct wire_partition_ref *options;
    const char *gone_word; /* what to say when the guest is forgotten */
    struct json_out *json; /* NULL: text */
};

static int do_one(struct each *each, const char *word, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = guest_ref(each->args, word, &ref, err);
    if (rc)
        return rc;
    ref.keep = each->options->keep;
    ref.wait = each->options->wait;
    ref.paused = each->options->paused;
    ref.timeout_ms = each->options->timeout_ms;
    const void *body;
    rc = client_request(each->client, each->number, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_partition_reply *reply = body;
    if (each->json)
        wire_to_json(&wire_struct_partition_reply, reply, each->json);
    else if (!each->gone_word || each->args->dry_run || ref.keep)
        guest_print_state(each->args, word, reply);
    else if (!each->args->quiet)
        printf("%s: %s\n", word, each->gone_word);
    return 0;
}

static void one_failed(struct each *each, const char *word,
                       const struct vdc_error *err)
{
    output_error(each->args, err);
    if (!each->json)
        return;
    json_out_object(each->json);
    json_out_key(each->json, "guest");
    json_out_string(each->json, word);
    json_out_key(each->json, "error");
    json_out_object(each->json);
    output_json_error(each->json, err);
    json_out_object_end(each->json);
    json_out_object_end(each->json);
}

/* The code of the first that failed; its error is already printed then. */
static int do_each(const struct command_args *args,
                   enum wire_message_number number,
                   const struct wire_partition_ref *options,
                   const char *gone_word, struct vdc_error *err)
{
    struct each each = { .args = args, .number = number, .options = options,
                         .gone_word = gone_word };
    int rc = client_open(args, &each.client, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        each.json = json_out_new(true);
        json_out_object(each.json);
        json_out_key(each.json, "results");
        json_out_array(each.json);
    }
    for (size_t i = 0; i < args->n_arguments; i++) {
        struct vdc_error one = { 0 };
        int r = do_one(&each, args->arguments[i], &one);
        if (r)
            one_failed(&each, args->arguments[i], &one);
        rc = rc ? rc : r;
        /* Without a connection the others can only fail the same way. */
        if (r == VDC_E_CLOSED || r == VDC_E_IO || r == VDC_E_PROTOCOL)
            break;
    }
    if (each.json) {
        json_out_array_end(each.json);
        json_out_object_end(each.json);
        output_json(each.json);
    }
    client_close(each.client);
    return rc;
}

static int run_start(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref options = { 0 };
    options.paused = command_given(args, "paused");
    return do_each(args, WIRE_MSG_partition_start, &options, NULL, err);
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
    struct wire_partition_ref options = { 0 };
    int rc = take_wait(args, &options, err);
    if (rc)
        return rc;
    return do_each(args, WIRE_MSG_partition_shutdown, &options, NULL, err);
}

static int run_reboot(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref options = { 0 };
    int rc = take_wait(args, &options, err);
    if (rc)
        return rc;
    return do_each(args, WIRE_MSG_partition_reboot, &options, NULL, err);
}

static int run_destroy(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref options = { 0 };
    options.keep = command_given(args, "keep");
    return do_each(args, WIRE_MSG_partition_destroy, &options,
                   "destroyed and forgotten", err);
}

static int run_rename(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = guest_ref(args, args->arguments[0], &ref, err);
    if (rc)
        return rc;
    const char *new_name = args->arguments[1];
    if (!*new_name || strlen(new_name) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the new name has %zu characters; 1 to 63 are "
                             "possible", strlen(new_name));
    ref.new_name = new_name;
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
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_partition_reply, reply);
    else if (args->dry_run)
        print_plan(args->arguments[0], reply);
    else if (!args->quiet)
        printf("%s: is %s now\n", args->arguments[0], new_name);
    return 0;
}

/* ---- the table ---- */

static const struct command_option start_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'p', "paused", NULL, COMPLETE_NOTHING,
      "Build the domain and leave its vCPUs standing still, until "
      "'xl unpause' as root" },
    { 0 }
};

static const struct command_option wait_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'w', "wait", NULL, COMPLETE_NOTHING, "Answer when it is done" },
    { 't', "timeout", "TIME", COMPLETE_NOTHING,
      "Wait at most so long: 90, 90s, 5m" },
    { 0 }
};

static const struct command_option destroy_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'k', "keep", NULL, COMPLETE_NOTHING,
      "End its domain, and keep it remembered, so that it can be started "
      "again" },
    { 0 }
};

static const struct command_option rename_options[] = {
    GUEST_CUSTOMER_OPTION,
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
