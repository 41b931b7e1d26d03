/* host-verify: do database, Xen and xenstore agree? */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

static const char *shown_guest(struct arena *arena,
                               const struct wire_difference *d)
{
    char uuid[UUID_TEXT_SIZE];
    if (*d->name)
        return arena_printf(arena, "%s%s%s", output_clean(arena, d->customer),
                            *d->customer ? "." : "",
                            output_clean(arena, d->name));
    return uuid_is_zero(&d->uuid)
        ? "-" : arena_strdup(arena, uuid_format(&d->uuid, uuid));
}

static void print_differences(struct arena *arena,
                              const struct wire_verify_reply *reply)
{
    static const struct output_column columns[] = {
        { "Kind", ALIGN_LEFT },     { "Guest", ALIGN_LEFT },
        { "ID", ALIGN_RIGHT },      { "Repaired", ALIGN_LEFT },
        { "Difference", ALIGN_LEFT }, { "What to do", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < reply->n_differences; i++) {
        const struct wire_difference *d = &reply->differences[i];
        output_table_cell(table, output_clean(arena, d->kind));
        output_table_cell(table, shown_guest(arena, d));
        if (d->domid)
            output_table_printf(table, "%" PRIu32, d->domid);
        else
            output_table_cell(table, "-");
        output_table_cell(table, d->repaired ? "yes" : "no");
        output_table_cell(table, output_clean(arena, d->text));
        output_table_cell(table, *d->hint && !d->repaired
                          ? output_clean(arena, d->hint) : "-");
    }
    output_table_finish(table);
}

static void print_reply(const struct command_args *args,
                        const struct wire_verify_reply *reply)
{
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_verify_reply, reply);
        return;
    }
    if (*reply->kept)
        output_note(args, "the damaged database is kept as %s",
                    output_clean(args->arena, reply->kept));
    if (reply->n_differences)
        print_differences(args->arena, reply);
    else if (!args->quiet)
        printf("%s%s%" PRIu32 " guest%s and %" PRIu32 " domain%s looked at: "
               "all agrees\n", output_clean(args->arena, reply->host),
               *reply->host ? ": " : "", reply->partitions,
               reply->partitions == 1 ? "" : "s", reply->domains,
               reply->domains == 1 ? "" : "s");
}

static int check_left(const struct command_args *args,
                      const struct wire_verify_reply *reply,
                      struct vdc_error *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < reply->n_differences; i++)
        n += !reply->differences[i].repaired;
    if (n == 0)
        return 0;
    int rc = vdc_error_set(err, VDC_E_DIFFERS,
                           "%" PRIu32 " difference%s left", n,
                           n == 1 ? " is" : "s are");
    if (command_given(args, "rebuild"))
        vdc_error_hint(err, "'xl-vdc list' shows the guests that their host "
                            "does not know any more: 'xl-vdc destroy' forgets "
                            "one, then create it anew; the files of their "
                            "disks are as they were");
    else if (!command_given(args, "repair"))
        vdc_error_hint(err, "'xl-vdc host-verify --repair' mends what can be "
                            "mended");
    return rc;
}

static int run_verify(const struct command_args *args, struct vdc_error *err)
{
    struct wire_verify verify;
    const void *body;
    wire_init(&wire_struct_verify, &verify);
    verify.repair = command_given(args, "repair");
    verify.rebuild = command_given(args, "rebuild");
    if (args->n_arguments && strlen(args->arguments[0]) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "no host has so long a name");
    if (args->n_arguments)
        verify.host = args->arguments[0];
    int rc = client_ask(args, WIRE_MSG_host_verify, &verify, &body, err);
    if (rc)
        return rc;
    print_reply(args, body);
    return check_left(args, body, err);
}

static const struct command_option verify_options[] = {
    { 'r', "repair", NULL, COMPLETE_NOTHING, "Mend what can be mended" },
    { 0, "rebuild", NULL, COMPLETE_NOTHING,
      "The host's database is damaged: keep it aside, and make a new one of "
      "what can be read of it and of Xen" },
    { 0 }
};

static const struct command_example verify_examples[] = {
    { "xl-vdc host-verify", "Look, and change nothing." },
    { "xl-vdc host-verify --repair", "Mend what can be mended." },
    { "xl-vdc host-verify h2", "The same of another host." },
    { NULL, NULL }
};

static const struct command verify_commands[] = {
    { "host-verify", NULL, "[HOST]", 0, 1, COMMAND_ACTS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, verify_options,
      "Compare the host's database, Xen and xenstore",
      "Lists every difference. The exit status is 0 when there is none, or "
      "none is left after --repair, and 13 when some are left. Domains that "
      "are not ours are never touched. Without HOST it is the one that "
      "policyd is on.",
      verify_examples, run_verify },
};

const struct command_family family_verify = {
    "Trouble", verify_commands,
    sizeof(verify_commands) / sizeof(verify_commands[0])
};
