/*
 * audit: who did what, and what was refused.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"
#include "xl-ext/when.h"

#define SINCE_DEFAULT "24h"

static int take_query(const struct command_args *args,
                      struct wire_audit_query *ret, struct vdc_error *err)
{
    const char *since = command_value(args, "since");
    const char *object = command_value(args, "object");
    int rc = guest_customer(args, &ret->customer, err);
    if (rc == 0)
        rc = when_parse(since ? since : SINCE_DEFAULT, &ret->since_ms, err);
    if (rc && since)
        vdc_error_prefix(err, "--since");
    if (rc == 0 && object && strlen(object) > 63)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "nothing has a name of more than 63 characters");
    ret->object = object ? object : "";
    ret->failed = command_given(args, "failed");
    return rc;
}

static void print_table(struct arena *arena,
                        const struct wire_audit_list *list)
{
    static const struct output_column columns[] = {
        { "Time", ALIGN_LEFT },     { "Who", ALIGN_LEFT },
        { "From", ALIGN_LEFT },     { "Customer", ALIGN_LEFT },
        { "Action", ALIGN_LEFT },   { "Object", ALIGN_LEFT },
        { "Result", ALIGN_LEFT },
    };
    struct output_table *table = output_table_new(columns, 7);
    char buf[32];
    for (uint32_t i = 0; i < list->n_audits; i++) {
        const struct wire_audit *a = &list->audits[i];
        output_table_cell(table,
                          clock_wall_format((struct wall){ a->time_ms }, buf,
                                            sizeof(buf)));
        output_table_cell(table, output_clean(arena, a->who));
        output_table_cell(table, output_clean(arena, a->origin));
        output_table_cell(table, *a->customer ? a->customer : "-");
        output_table_cell(table, output_clean(arena, a->action));
        output_table_cell(table, output_clean(arena, a->object));
        if (!*a->error)
            output_table_cell(table, "done");
        else
            output_table_cell(
                table, arena_printf(arena, "%s: %s", a->error,
                                    output_clean(arena, a->detail)));
    }
    output_table_finish(table);
}

static int run_audit(const struct command_args *args, struct vdc_error *err)
{
    struct wire_audit_query query;
    const void *body;
    wire_init(&wire_struct_audit_query, &query);
    int rc = take_query(args, &query, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_audit_list, &query, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_audit_list, body);
    else
        print_table(args->arena, body);
    return 0;
}

static const struct command_option options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "What is about this customer and its projects alone" },
    { 's', "since", "WHEN", COMPLETE_NOTHING,
      "From then on: a date (2026-03-01, 2026-03-01T14:05Z) or how long ago "
      "(30m, 7d); 24h when nothing is said" },
    { 0, "object", "NAME", COMPLETE_NOTHING,
      "What is about the guest, customer or token of this name alone" },
    { 0, "failed", NULL, COMPLETE_NOTHING, "What was refused or failed" },
    { 0 }
};

static const struct command_example examples[] = {
    { "xl-vdc audit --since 7d --object web", "Who did what to web." },
    { "xl-vdc audit --failed -o json", "What was refused, for a machine." },
    { NULL, NULL }
};

static const struct command audit_commands[] = {
    { "audit", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING, options,
      "Show who did what",
      "Every change that was asked for: when, by which account, token or "
      "guest, from where, about what, and what came of it; what was refused, "
      "too (of an account that is refused again and again 60 a minute are "
      "recorded). A customer sees what is about itself and its projects.",
      examples, run_audit },
};

const struct command_family family_audit = {
    "Records", audit_commands,
    sizeof(audit_commands) / sizeof(audit_commands[0])
};
