/*
 * token-create, -list, -revoke: for programs that act for a customer.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/credential.h"
#include "xl-ext/each.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* ---- create ---- */

static int take_create(const struct command_args *args,
                       struct wire_token_create *ret, struct vdc_error *err)
{
    int rc = guest_customer(args, &ret->customer, err);
    if (rc == 0)
        rc = credential_take(args, &ret->expires_ms, &ret->role, &ret->note,
                             err);
    ret->dry_run = args->dry_run;
    return rc;
}

static int run_create(const struct command_args *args, struct vdc_error *err)
{
    struct wire_token_create create;
    const void *body;
    wire_init(&wire_struct_token_create, &create);
    int rc = take_create(args, &create, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_token_create, &create, &body, err);
    if (rc)
        return rc;
    const struct wire_token_list *list = body;
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_token_list, list);
    } else if (args->dry_run) {
        printf("nothing was done; the token could be made\n");
    } else {
        printf("%s\n", list->secret);
        output_note(args, "this is shown once: keep it; token-revoke %s ends "
                          "it", list->n_tokens ? list->tokens[0].id : "ID");
    }
    return 0;
}

/* ---- list ---- */

static void print_table(struct arena *arena,
                        const struct wire_token_list *list)
{
    static const struct output_column columns[] = {
        { "ID", ALIGN_LEFT },      { "Customer", ALIGN_LEFT },
        { "Role", ALIGN_LEFT },    { "Made", ALIGN_LEFT },
        { "Expires", ALIGN_LEFT }, { "By", ALIGN_LEFT },
        { "Note", ALIGN_LEFT },
    };
    struct output_table *table = output_table_new(columns, 7);
    char buf[32];
    for (uint32_t i = 0; i < list->n_tokens; i++) {
        const struct wire_token *t = &list->tokens[i];
        output_table_cell(table, t->id);
        output_table_cell(table, t->customer);
        output_table_cell(table, wire_enum_word(&wire_enum_role,
                                                (int)t->role));
        output_table_cell(table,
                          clock_wall_format((struct wall){ t->created_ms },
                                            buf, sizeof(buf)));
        if (!t->expires_ms)
            output_table_cell(table, "never");
        else if (t->expires_ms <= clock_wall().ms)
            output_table_cell(table, "has expired");
        else
            output_table_cell(
                table, clock_wall_format((struct wall){ t->expires_ms }, buf,
                                         sizeof(buf)));
        output_table_cell(table, output_clean(arena, t->issuer));
        output_table_cell(table, output_clean(arena, t->note));
    }
    output_table_finish(table);
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct wire_token_ref ref;
    const void *body;
    wire_init(&wire_struct_token_ref, &ref);
    int rc = guest_customer(args, &ref.customer, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_token_list, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_token_list *list = body;
    switch (args->format) {
    case FORMAT_TEXT:
        print_table(args->arena, list);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_tokens; i++)
            printf("%s\n", list->tokens[i].id);
        break;
    case FORMAT_JSON:
        output_json_list(&wire_struct_token_list, list);
        break;
    }
    return 0;
}

/* ---- revoke ---- */

/* As certificate-list, or openssl, prints it: 32 bytes in hex. */
static bool is_fingerprint(const char *word)
{
    size_t n = strlen(word);
    return (n == 64 || n == 95) &&
        strspn(word, "0123456789abcdefABCDEF:") == n;
}

static int revoke_one(const struct command_args *args, struct client *client,
                      const char *word, struct vdc_error *err)
{
    struct wire_token_ref ref;
    wire_init(&wire_struct_token_ref, &ref);
    ref.id = word;
    ref.dry_run = args->dry_run;
    if (is_fingerprint(word)) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "'%.40s...' is the fingerprint of a certificate, not "
                      "the ID of a token", word);
        vdc_error_hint(err, "'xl-vdc certificate-remove %s' ends it", word);
        return VDC_E_BAD_VALUE;
    }
    if (!*word || strlen(word) > 31) {
        vdc_error_set(err, VDC_E_BAD_VALUE, "'%.40s' is not the ID of a token",
                      word);
        vdc_error_hint(err, "'xl-vdc token-list' shows them");
        return VDC_E_BAD_VALUE;
    }
    return client_request(client, WIRE_MSG_token_revoke, &ref, NULL, err);
}

static int run_revoke(const struct command_args *args, struct vdc_error *err)
{
    static const struct each each = { revoke_one, "revoked", "revoked" };
    static const struct each would = { revoke_one, "would_revoke",
                                       "would be revoked; nothing was done" };
    return each_run(args, args->dry_run ? &would : &each, err);
}

/* ---- the table ---- */

static const struct command_option create_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "For this customer (operators) or this project" },
    { 'r', "role", "ROLE", COMPLETE_NOTHING,
      "customer-admin, customer-user (which is usual) or read-only; for the "
      "provider operator or read-only (which is usual then)" },
    { 'e', "expires", "TIME", COMPLETE_NOTHING,
      "It is good for so long: 12h, 30d; for ever when nothing is said" },
    { 0, "note", "TEXT", COMPLETE_NOTHING, "What it is for" },
    { 0 }
};

static const struct command_option list_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Of this customer and its projects alone" },
    { 0 }
};

static const struct command_example create_examples[] = {
    { "xl-vdc token-create --role read-only --expires 30d --note monitoring",
      "A token that sees everything of yours for 30 days." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc token-list", "Whose tokens there are, and until when." },
    { NULL, NULL }
};
static const struct command_example revoke_examples[] = {
    { "xl-vdc token-revoke 0123456789abcdef",
      "It is good for nothing from now on." },
    { NULL, NULL }
};

static const struct command token_commands[] = {
    { "token-create", NULL, "", 0, 0, COMMAND_CHANGES, COMPLETE_NOTHING,
      create_options, "Make a token for a program",
      "Who shows the token is the customer, or the operator, for whom it was "
      "made, in its role, whatever account it has: xl-vdc does so with "
      "$XEN_VDC_TOKEN, or with the file $XEN_VDC_TOKEN_FILE. It is printed "
      "once; policyd keeps only a hash of it.\n\n"
      "A token may never more than who made it may at the moment.",
      create_examples, run_create },
    { "token-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, list_options, "List tokens",
      "Those that have expired are shown, too, until they are revoked.",
      list_examples, run_list },
    { "token-revoke", NULL, "ID...", 1, -1,
      COMMAND_CHANGES | COMMAND_DESTROYS, COMPLETE_NOTHING, NULL,
      "End tokens",
      "They and those made with them are good for nothing at once, also on "
      "connections that are open.",
      revoke_examples, run_revoke },
};

const struct command_family family_token = {
    "Tokens", token_commands,
    sizeof(token_commands) / sizeof(token_commands[0])
};
