/*
 * dc-init, dc-token, dc-join: machines become hosts of one data center.
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
                    "there, as root, xl-vdc dc-join %s TOKEN",
                    time_text(args->arena, ticket->expires_ms),
                    output_clean(args->arena, ticket->address));
    }
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
    { NULL, NULL }
};
static const struct command_example join_examples[] = {
    { "xl-vdc dc-join 192.0.2.1:8445 TOKEN",
      "This machine is a host of that data center." },
    { "xl-vdc dc-join 192.0.2.1:8445 - <token",
      "The token is in no list of processes." },
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
      join_examples, join_run },
};

const struct command_family family_dc = {
    "Hosts of one data center", dc_commands,
    sizeof(dc_commands) / sizeof(dc_commands[0])
};
