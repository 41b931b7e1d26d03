/* policy-list, policy-show, policy-check and policy-reload: how hosts are
 * chosen. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

#define FILE_MAX 1000000 /* bytes: what policy_file takes */

static int ask(const struct command_args *args,
               enum wire_message_number number,
               const struct wire_policies **ret, struct vdc_error *err)
{
    struct wire_empty empty;
    const void *body;

    wire_init(&wire_struct_empty, &empty);
    int rc = client_ask(args, number, &empty, &body, err);
    if (!rc)
        *ret = body;
    return rc;
}

/* ---- text ---- */

static const char *strategy_text(enum wire_policy_strategy strategy)
{
    switch (strategy) {
    case WIRE_POLICY_PACK:
        return "pack";
    case WIRE_POLICY_SPREAD:
        return "spread";
    case WIRE_POLICY_WEIGHTED:
        return "weighted";
    case WIRE_POLICY_EXTERNAL:
        return "external";
    }
    return "?";
}

static const char *weights_text(struct arena *arena,
                                const struct wire_policy *policy)
{
    const char *text = "";

    for (uint32_t i = 0; i < policy->n_weights; i++) {
        const struct wire_policy_weight *w = &policy->weights[i];
        text = arena_printf(arena, "%s%s%s %g", text, i ? ", " : "",
                            output_clean(arena, w->term), w->milli / 1000.0);
    }
    return text;
}

/* What there is to say of how it chooses. */
static const char *how_text(struct arena *arena,
                            const struct wire_policy *policy)
{
    char timeout[32];

    if (policy->strategy != WIRE_POLICY_EXTERNAL)
        return weights_text(arena, policy);
    const char *text = output_clean(arena, policy->program);
    for (uint32_t i = 0; i < policy->n_arguments; i++)
        text = arena_printf(arena, "%s %s", text,
                            output_clean(arena, policy->arguments[i]));
    return arena_printf(
        arena, "%s; at most %s, then %s", text,
        units_duration_format(policy->timeout_ms, timeout, sizeof(timeout)),
        *policy->fallback ? output_clean(arena, policy->fallback) : "refused");
}

/* "3", or "-" of what is built in. */
static void add_line(struct output_table *table, uint32_t line)
{
    if (line)
        output_table_printf(table, "%" PRIu32, line);
    else
        output_table_cell(table, "-");
}

static const char *whose_text(struct arena *arena,
                              const struct wire_policies *all,
                              const char *policy)
{
    const char *text =
        strcmp(all->default_policy, policy) == 0 ? "all others" : "";

    for (uint32_t i = all->n_customers; i-- > 0;)
        if (strcmp(all->customers[i].policy, policy) == 0)
            text = arena_printf(arena, "%s%s%s",
                                output_clean(arena,
                                             all->customers[i].customer),
                                *text ? ", " : "", text);
    return *text ? text : "-";
}

/* Those of this name; NULL: all. */
static void print_policies(struct arena *arena,
                           const struct wire_policies *all, const char *name)
{
    static const struct output_column columns[] = {
        { "Policy", ALIGN_LEFT },    { "Strategy", ALIGN_LEFT },
        { "Customers", ALIGN_LEFT }, { "Line", ALIGN_RIGHT },
        { "How", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    for (uint32_t i = 0; i < all->n_policies; i++) {
        const struct wire_policy *policy = &all->policies[i];
        if (name && strcmp(name, policy->name) != 0)
            continue;
        output_table_cell(table, output_clean(arena, policy->name));
        output_table_cell(table, strategy_text(policy->strategy));
        output_table_cell(table, whose_text(arena, all, policy->name));
        add_line(table, policy->line);
        output_table_cell(table, how_text(arena, policy));
    }
    output_table_finish(table);
}

static void print_rules(struct arena *arena, const struct wire_policies *all)
{
    static const struct output_column columns[] = {
        { "Rule", ALIGN_LEFT },     { "Kind", ALIGN_LEFT },
        { "Groups", ALIGN_LEFT },   { "Scope", ALIGN_LEFT },
        { "Strength", ALIGN_LEFT }, { "Line", ALIGN_RIGHT },
    };

    if (!all->n_rules)
        return;
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    printf("\n");
    for (uint32_t i = 0; i < all->n_rules; i++) {
        const struct wire_policy_rule *rule = &all->rules[i];
        bool same = strcmp(rule->group, rule->other) == 0;
        output_table_cell(table, output_clean(arena, rule->name));
        output_table_cell(table, rule->anti ? "anti-affinity" : "affinity");
        output_table_printf(table, "%s%s%s", output_clean(arena, rule->group),
                            same ? "" : ", ",
                            same ? "" : output_clean(arena, rule->other));
        output_table_cell(table, rule->domains ? "domains" : "hosts");
        output_table_cell(table, rule->hard ? "hard" : "soft");
        add_line(table, rule->line);
    }
    output_table_finish(table);
}

static void print_promises(struct arena *arena,
                           const struct wire_policies *all)
{
    static const struct output_column columns[] = {
        { "Promise", ALIGN_LEFT },   { "Customer", ALIGN_LEFT },
        { "Guests", ALIGN_RIGHT },   { "Memory", ALIGN_RIGHT },
        { "VCPUs", ALIGN_RIGHT },    { "Line", ALIGN_RIGHT },
    };
    char memory[32];

    if (!all->n_promises)
        return;
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    printf("\n");
    for (uint32_t i = 0; i < all->n_promises; i++) {
        const struct wire_policy_promise *promise = &all->promises[i];
        output_table_cell(table, output_clean(arena, promise->name));
        output_table_cell(table, *promise->customer
                          ? output_clean(arena, promise->customer) : "any");
        output_table_printf(table, "%" PRIu32, promise->guests);
        output_table_cell(table, units_mem_format(promise->memory, memory,
                                                  sizeof(memory)));
        output_table_printf(table, "%" PRIu32, promise->vcpus);
        add_line(table, promise->line);
    }
    output_table_finish(table);
}

static void print_all(const struct command_args *args,
                      const struct wire_policies *all)
{
    print_policies(args->arena, all, NULL);
    print_rules(args->arena, all);
    print_promises(args->arena, all);
    if (all->overcommit_percent)
        output_note(args, "at most %g vCPUs for each CPU of a host",
                    all->overcommit_percent / 100.0);
    if (all->missing)
        output_note(args, "there is no %s: all is as built in",
                    output_clean(args->arena, all->path));
}

static void print_names(const struct command_args *args,
                        const struct wire_policies *all)
{
    for (uint32_t i = 0; i < all->n_policies; i++)
        printf("%s\n", output_clean(args->arena, all->policies[i].name));
}

/* ---- the commands ---- */

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_policies *all;
    int rc = ask(args, WIRE_MSG_policy_show, &all, err);

    if (rc)
        return rc;
    switch (args->format) {
    case FORMAT_TEXT:
        print_policies(args->arena, all, NULL);
        break;
    case FORMAT_NAME:
        print_names(args, all);
        break;
    case FORMAT_JSON:
        output_json_struct(&wire_struct_policies, all);
        break;
    }
    return 0;
}

static const struct wire_policy *find(const struct command_args *args,
                                      const struct wire_policies *all,
                                      const char *name, struct vdc_error *err)
{
    const char **names =
        ARENA_ARRAY(args->arena, all->n_policies, const char *);

    for (uint32_t i = 0; i < all->n_policies; i++) {
        names[i] = all->policies[i].name;
        if (strcmp(names[i], name) == 0)
            return &all->policies[i];
    }
    vdc_error_set(err, VDC_E_NOT_FOUND, "there is no placement policy '%s'",
                  name);
    const char *near = suggest_nearest(name, names, all->n_policies);
    if (near)
        vdc_error_hint(err, "did you mean '%s'?", near);
    else
        vdc_error_hint(err, "'xl-vdc policy-list' shows them");
    return NULL;
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_policy *policy = NULL;
    const struct wire_policies *all;
    int rc = ask(args, WIRE_MSG_policy_show, &all, err);

    if (!rc && args->n_arguments) {
        policy = find(args, all, args->arguments[0], err);
        if (!policy)
            return VDC_E_NOT_FOUND;
    }
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON && policy)
        output_json_struct(&wire_struct_policy, policy);
    else if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_policies, all);
    else if (policy)
        print_policies(args->arena, all, policy->name);
    else
        print_all(args, all);
    return 0;
}

static int run_reload(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_policies *all;
    int rc = ask(args, WIRE_MSG_policy_reload, &all, err);

    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_policies, all);
    else if (!args->quiet)
        print_all(args, all);
    if (args->format == FORMAT_TEXT && !all->missing)
        output_note(args, "this is in force, from %s",
                    output_clean(args->arena, all->path));
    return 0;
}

static int read_file(const struct command_args *args, const char *path,
                     struct wire_policy_file *ret, struct vdc_error *err)
{
    FILE *f = fopen(path, "re");
    uint8_t *text;

    if (!f)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "cannot read %s",
                               path);
    text = arena_alloc(args->arena, FILE_MAX + 1);
    size_t size = fread(text, 1, FILE_MAX + 1, f);
    int errnum = ferror(f) ? errno : 0;
    fclose(f);
    if (errnum)
        return vdc_error_errno(err, VDC_E_NO_FILE, errnum, "cannot read %s",
                               path);
    if (size > FILE_MAX)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s: larger than %d bytes", path, FILE_MAX);
    ret->path = path;
    ret->text = text;
    ret->n_text = (uint32_t)size;
    return 0;
}

static int run_check(const struct command_args *args, struct vdc_error *err)
{
    struct wire_policy_file file;
    const void *body;

    wire_init(&wire_struct_policy_file, &file);
    int rc = read_file(args, args->arguments[0], &file, err);
    if (!rc)
        rc = client_ask(args, WIRE_MSG_policy_check, &file, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_policies, body);
    else if (!args->quiet)
        print_all(args, body);
    if (args->format == FORMAT_TEXT)
        output_note(args, "%s would be taken; nothing was changed",
                    args->arguments[0]);
    return 0;
}

/* ---- the table ---- */

static const struct command_example list_examples[] = {
    { "xl-vdc policy-list", "Which policies there are, and whose." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc policy-show", "All that placement.conf says." },
    { "xl-vdc policy-show dense", "One policy." },
    { NULL, NULL }
};
static const struct command_example check_examples[] = {
    { "xl-vdc policy-check placement.conf.new", "Before it is put in place." },
    { NULL, NULL }
};
static const struct command_example reload_examples[] = {
    { "xl-vdc policy-reload", "After a change of placement.conf." },
    { NULL, NULL }
};

static const struct command policy_commands[] = {
    { "policy-list", NULL, "", 0, 0,
      COMMAND_READS | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_NOTHING, NULL,
      "List placement policies",
      "How hosts are chosen, and for whom: the policies of placement.conf(5) "
      "and those that are built in.",
      list_examples, run_list },
    { "policy-show", NULL, "[POLICY]", 0, 1, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, NULL, "Show placement policies, rules and promises",
      "One policy; or all that is in force, with the rules that keep guests "
      "together or apart and the room that is promised.",
      show_examples, run_show },
    { "policy-check", NULL, "FILE", 1, 1, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_FILES, NULL, "Say whether a file of policies would be taken",
      "Shows what would be in force, or the first error with its line. "
      "Nothing is changed.",
      check_examples, run_check },
    { "policy-reload", NULL, "", 0, 0, COMMAND_ACTS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, NULL, "Have the placement policies read anew",
      "Guests stay where they are. When the file has an error, it is shown "
      "with its line, and the policies stay as they were. policy-check says "
      "before whether a file would be taken.",
      reload_examples, run_reload },
};

const struct command_family family_policy = {
    "Placement policies", policy_commands,
    sizeof(policy_commands) / sizeof(policy_commands[0])
};
