/*
 * dc-init, dc-token, dc-join, dc-leave: machines become hosts of one data
 * center, and none; dc-policyds, dc-policyd-remove: who commands them.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/join.h"
#include "xl-ext/output.h"

static const char *time_text(struct arena *arena, uint64_t ms)
{
    char *buf = arena_alloc(arena, 32);

    return clock_wall_format((struct wall){ ms }, buf, 32);
}

/* ---- dc-init ---- */

static void tell_authority(const struct command_args *args,
                           const struct wire_dc_authority *a)
{
    if (args->dry_run && !a->existed) {
        printf("nothing was done; an authority would be made\n");
        return;
    }
    printf("%s\n", a->fingerprint);
    output_note(args, "%s '%s', good until %s, is the data center's "
                      "certificate authority%s",
                args->dry_run || a->existed ? "as before," : "made:",
                output_clean(args->arena, a->subject),
                time_text(args->arena, a->valid_to_ms),
                args->dry_run ? "; nothing was done" : "");
    if (*a->address)
        output_note(args, "hosts join at %s; `xl-vdc dc-token HOST` lets one "
                          "in", output_clean(args->arena, a->address));
    else
        output_note(args, "no host can join yet: policyd.conf has no "
                          "dc_address");
}

static int run_init(const struct command_args *args, struct vdc_error *err)
{
    struct wire_dc_init order;
    const void *body;
    wire_init(&wire_struct_dc_init, &order);
    order.dry_run = args->dry_run;
    order.again = command_given(args, "again");
    int rc = client_ask(args, WIRE_MSG_dc_init, &order, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_dc_authority, body);
    else
        tell_authority(args, body);
    return 0;
}

/* ---- dc-token ---- */

static int take_token(const struct command_args *args,
                      struct wire_dc_token *ret, struct vdc_error *err)
{
    const char *expires = command_value(args, "expires");
    int rc = 0;

    wire_init(&wire_struct_dc_token, ret);
    ret->host = args->arguments[0];
    ret->again = command_given(args, "again");
    ret->policyd = command_given(args, "policyd");
    ret->dry_run = args->dry_run;
    if (strlen(ret->host) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.70s' is too long for a host's name",
                             ret->host);
    if (expires) {
        rc = units_duration_parse(expires, &ret->expires_ms, err);
        if (rc)
            vdc_error_prefix(err, "--expires");
        else if (ret->expires_ms == 0)
            rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "--expires is longer than 0");
    }
    return rc;
}

static int run_token(const struct command_args *args, struct vdc_error *err)
{
    struct wire_dc_token order;
    const void *body;
    int rc = take_token(args, &order, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_dc_token, &order, &body, err);
    if (rc)
        return rc;
    const struct wire_dc_ticket *ticket = body;
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_dc_ticket, ticket);
    } else if (args->dry_run) {
        printf("nothing was done; the token could be made\n");
    } else {
        printf("%s\n", ticket->token);
        output_note(args,
                    "this is shown once, and good until %s, for one machine: "
                    "there, as root, xl-vdc dc-join %s%s TOKEN",
                    time_text(args->arena, ticket->expires_ms),
                    order.policyd ? "--policyd " : "",
                    output_clean(args->arena, ticket->address));
    }
    return 0;
}

/* ---- dc-join ---- */

static int run_join(const struct command_args *args, struct vdc_error *err)
{
    return command_given(args, "policyd") ? join_policyd_run(args, err)
                                          : join_run(args, err);
}

/* ---- dc-policyds, dc-policyd-remove ---- */

static void print_policyds(const struct command_args *args,
                           const struct wire_dc_policyd_list *list)
{
    static const struct output_column columns[] = {
        { "NAME", ALIGN_LEFT },      { "MAY LEAD", ALIGN_LEFT },
        { "SINCE", ALIGN_LEFT },     { "FROM", ALIGN_LEFT },
        { "AUTHORITY", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    for (uint32_t i = 0; i < list->n_policyds; i++) {
        const struct wire_dc_policyd *p = &list->policyds[i];
        output_table_cell(table, output_clean(args->arena, p->name));
        if (p->removed_ms)
            output_table_printf(table, "no, removed %s",
                                time_text(args->arena, p->removed_ms));
        else
            output_table_cell(table, p->leads ? "leads" : "yes");
        output_table_cell(table, time_text(args->arena, p->since_ms));
        output_table_cell(table, *p->from ? output_clean(args->arena, p->from)
                                         : "-");
        output_table_printf(table, "%.16s", p->authority);
    }
    output_table_finish(table);
}

static int run_policyds(const struct command_args *args,
                        struct vdc_error *err)
{
    struct wire_empty empty;
    const void *body;
    wire_init(&wire_struct_empty, &empty);
    int rc = client_ask(args, WIRE_MSG_dc_policyds, &empty, &body, err);
    if (rc)
        return rc;
    const struct wire_dc_policyd_list *list = body;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_dc_policyd_list, list);
    else if (args->format == FORMAT_TEXT)
        print_policyds(args, list);
    else
        for (uint32_t i = 0; i < list->n_policyds; i++)
            printf("%s\n", list->policyds[i].name);
    return 0;
}

static int run_policyd_remove(const struct command_args *args,
                              struct vdc_error *err)
{
    struct wire_host_ref ref;
    const void *body;
    wire_init(&wire_struct_host_ref, &ref);
    ref.name = args->arguments[0];
    ref.dry_run = args->dry_run;
    if (strlen(ref.name) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.70s' is too long for a policyd's name",
                             ref.name);
    int rc = client_ask(args, WIRE_MSG_dc_policyd_remove, &ref, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_dc_policyd_list, body);
    else if (!args->quiet)
        printf("%s: %s\n", output_clean(args->arena, ref.name),
               args->dry_run ? "would be removed; nothing was done"
                             : "removed: it leads no more; if somebody else "
                               "has its files, make another authority");
    return 0;
}

/* ---- the table ---- */

static const struct command_option init_options[] = {
    { 0, "again", NULL, COMPLETE_NOTHING,
      "Although hosts have joined under one whose files are lost: each must "
      "join again" },
    { 0 }
};

static const struct command_option token_options[] = {
    { 'e', "expires", "TIME", COMPLETE_NOTHING,
      "It is good for so long: 10m, 24h; an hour when nothing is said, 7 days "
      "at most" },
    { 0, "again", NULL, COMPLETE_NOTHING,
      "For a host that has joined already, to have a new certificate: the one "
      "that it has is good until then" },
    { 0, "policyd", NULL, COMPLETE_NOTHING,
      "HOST is the host_name of another policyd of this store, which is to be "
      "able to take over: it gets the key of the authority" },
    { 0 }
};

static const struct command_option join_options[] = {
    { 0, "address", "HOST:PORT", COMPLETE_NOTHING,
      "Where policyd will reach resourced of this machine, which says the "
      "same as tls_address; when nothing is said, port 8444 of where this "
      "machine comes from" },
    { 0, "directory", "DIR", COMPLETE_FILES,
      "Where the certificate and its key are put, dc_directory of "
      "resourced.conf; " JOIN_DIRECTORY " when nothing is said" },
    { 0, "again", NULL, COMPLETE_NOTHING,
      "This machine has joined already: what it joined with is replaced" },
    { 0, "policyd", NULL, COMPLETE_NOTHING,
      "It is not the host but the policyd of this machine that joins, to take "
      "over; by a token of `dc-token --policyd`" },
    { 0 }
};

static const struct command_option leave_options[] = {
    { 0, "evacuate", NULL, COMPLETE_NOTHING,
      "Have its guests moved away first, as host-evacuate does, and wait for "
      "that" },
    { 0, "directory", "DIR", COMPLETE_FILES,
      "Where the certificate and its key are, dc_directory of "
      "resourced.conf; " JOIN_DIRECTORY " when nothing is said" },
    { 0 }
};

static const struct command_example init_examples[] = {
    { "xl-vdc dc-init", "On the first host: hosts can join from now on." },
    { NULL, NULL }
};
static const struct command_example token_examples[] = {
    { "xl-vdc dc-token beta", "A machine may join as beta, within an hour." },
    { "xl-vdc dc-token beta --again",
      "beta gets a new certificate; its old one is good for nothing then." },
    { "xl-vdc dc-token --policyd beta",
      "The policyd of beta may get the authority's key, within an hour." },
    { NULL, NULL }
};
static const struct command_example join_examples[] = {
    { "xl-vdc dc-join 192.0.2.1:8445 TOKEN",
      "This machine is a host of that data center." },
    { "xl-vdc dc-join 192.0.2.1:8445 - <token",
      "The token is in no list of processes." },
    { "xl-vdc dc-join --policyd 192.0.2.1:8445 TOKEN",
      "The policyd of this machine can take over." },
    { NULL, NULL }
};
static const struct command_example leave_examples[] = {
    { "xl-vdc dc-leave --evacuate 192.0.2.1:8445",
      "This machine's guests go elsewhere, and it is a host no more." },
    { NULL, NULL }
};
static const struct command_example policyds_examples[] = {
    { "xl-vdc dc-policyds", "Who has the key of the authority." },
    { NULL, NULL }
};
static const struct command_example policyd_remove_examples[] = {
    { "xl-vdc dc-policyd-remove beta", "beta's policyd leads no more." },
    { NULL, NULL }
};

static const struct command dc_commands[] = {
    { "dc-init", NULL, "", 0, 0, COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_NOTHING, init_options,
      "Make the data center's certificate authority",
      "policyd makes a key and a certificate, in its dc_directory, by which "
      "hosts and policyd know each other. One that is there stays as it is: "
      "its fingerprint is printed once more. Who can read that directory has "
      "the data center; a copy of it belongs where the store's is.",
      init_examples, run_init },
    { "dc-token", NULL, "HOST", 1, 1, COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_HOSTS, token_options, "Let a machine join as a host",
      "Prints a token with which one machine can join under this name, once. "
      "It has the fingerprint of the authority, too, by which that machine "
      "knows policyd. Only its hash is kept; an earlier token for the same "
      "host is good for nothing from now on.",
      token_examples, run_token },
    { "dc-join", NULL, "ADDRESS TOKEN", 2, 2, COMMAND_ACTS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, join_options, "Make this machine a host of a data "
      "center",
      "ADDRESS is policyd's dc_address, TOKEN what `xl-vdc dc-token` printed, "
      "or - to have it read from standard input. A key is made here, which "
      "leaves this machine never; policyd signs a certificate for it, and has "
      "this machine among its hosts then. resourced listens with it, at its "
      "tls_address, within 2 seconds.\n\n"
      "When it is interrupted, or the answer is lost, the same command, once "
      "more, completes it. `xl-vdc host-remove`, by policyd, ends what the "
      "certificate is good for.",
      join_examples, run_join },
    { "dc-leave", NULL, "ADDRESS", 1, 1,
      COMMAND_DESTROYS | COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_NOTHING, leave_options, "Make this machine a host no more",
      "ADDRESS is policyd's dc_address. The host must have no guests, and "
      "its watchdogd, when that is armed, is stopped before. policyd "
      "takes it from its hosts, from which moment on its certificate is good "
      "for nothing, and its certificate and key are removed here. It may join "
      "again, with another token. When the answer is lost, the same command, "
      "once more, completes it.",
      leave_examples, leave_run },
    { "dc-policyds", NULL, "", 0, 0,
      COMMAND_READS | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_NOTHING,
      NULL, "List the policyds that have the authority's key",
      "Those that were let in by `dc-token --policyd`, and those that have "
      "led with it. A copy of the files that nobody has led with is not "
      "known here. FROM is the address that it was let in from.",
      policyds_examples, run_policyds },
    { "dc-policyd-remove", NULL, "NAME", 1, 1,
      COMMAND_DESTROYS | COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_NOTHING, NULL, "Let a policyd lead no more",
      "When it is started next it removes its files of the authority, and "
      "ends. What it has read it could have copied: if its machine is in "
      "other hands, another authority is needed, as dc-init tells.",
      policyd_remove_examples, run_policyd_remove },
};

const struct command_family family_dc = {
    "Hosts of one data center", dc_commands,
    sizeof(dc_commands) / sizeof(dc_commands[0])
};
