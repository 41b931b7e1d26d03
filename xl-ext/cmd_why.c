/*
 * why, why-not, place, capacity, what-if: what placement decided, would decide
 * and could.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/forecast.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* Terms and scores of these parts of one. */
#define TERM_ONE 65536.0
#define WEIGHT_ONE 1000.0

/* ---- a decision ---- */

static double score_of(const struct wire_placement_verdict *v)
{
    return (double)v->score / (TERM_ONE * WEIGHT_ONE);
}

/* "load 0.250 x 1": what its score is made of. */
static const char *terms_text(struct arena *arena,
                              const struct wire_placement_verdict *v)
{
    const char *text = "";
    for (uint32_t i = 0; i < v->n_terms; i++) {
        const struct wire_placement_term *term = &v->terms[i];
        if (term->value)
            text = arena_printf(arena, "%s%s%s %.3f x %.3g", text,
                                *text ? ", " : "",
                                output_clean(arena, term->name),
                                (double)term->value / TERM_ONE,
                                term->weight / WEIGHT_ONE);
    }
    return text;
}

static void print_hosts(struct arena *arena,
                        const struct wire_placement_decision *d)
{
    static const struct output_column columns[] = {
        { "Host", ALIGN_LEFT },
        { "Score", ALIGN_RIGHT },
        { "Why", ALIGN_LEFT },
    };
    if (!d->n_hosts)
        return;
    printf("\n");
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < d->n_hosts; i++) {
        const struct wire_placement_verdict *v = &d->hosts[i];
        output_table_cell(table, output_clean(arena, v->host));
        if (v->fits) {
            output_table_printf(table, "%.3f", score_of(v));
            output_table_cell(table, terms_text(arena, v));
        } else {
            output_table_cell(table, "-");
            output_table_printf(table, "%s: %s",
                                output_clean(arena, v->constraint),
                                output_clean(arena, v->text));
        }
    }
    output_table_finish(table);
    if (d->n_hosts < d->of_hosts && d->n_hosts > 3)
        printf("%" PRIu32 " of %" PRIu32 " hosts\n", d->n_hosts, d->of_hosts);
}

static void print_excluded(struct arena *arena,
                           const struct wire_placement_decision *d)
{
    for (uint32_t i = 0; i < d->n_excluded; i++) {
        const struct wire_placement_exclusion *e = &d->excluded[i];
        printf("    %s: %" PRIu32 " of %" PRIu32 " hosts",
               output_clean(arena, e->constraint), e->hosts, d->of_hosts);
        if (*e->change)
            printf("; %s", output_clean(arena, e->change));
        printf("\n");
    }
}

static void print_when(const struct wire_placement_decision *d)
{
    char buf[64];
    struct wall wall = { d->time_ms };
    if (d->time_ms)
        printf("%-12s %s\n", "decided",
               clock_wall_format(wall, buf, sizeof(buf)));
}

static void print_field(const char *name, const char *text)
{
    if (*text)
        printf("%-12s %s\n", name, text);
}

/* `would`: it is not there. */
static void print_decision(const struct command_args *args,
                           const struct wire_placement_decision *d, bool would)
{
    struct arena *arena = args->arena;
    const char *name = output_clean(arena, d->guest);
    const char *host = output_clean(arena, d->host);
    if (*d->host)
        printf("%s: %s host %s\n", name,
               would ? "would be placed on" : "was placed on", host);
    else
        printf("%s: no host %s\n", name,
               would ? "can take it" : "could take it");
    print_field("because", output_clean(arena, d->reason));
    print_field("because", output_clean(arena, d->error.text));
    print_field("hint", output_clean(arena, d->error.hint));
    print_when(d);
    print_field("asked", forecast_spec_text(arena, &d->spec));
    print_field("policy", output_clean(arena, d->policy));
    print_field("next best", output_clean(arena, d->runner_up));
    print_field("backup", output_clean(arena, d->backup));
    if (d->n_excluded)
        printf("excluded\n");
    print_excluded(arena, d);
    print_hosts(arena, d);
}

static void answer_decision(const struct command_args *args,
                            const struct wire_placement_decision *d,
                            bool would)
{
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_placement_decision, d);
    else
        print_decision(args, d, would);
}

/* ---- why ---- */

static int run_why(const struct command_args *args, struct vdc_error *err)
{
    struct wire_why why;
    const void *body;
    wire_init(&wire_struct_why, &why);
    why.replay = command_given(args, "replay");
    int rc = guest_ref(args, args->arguments[0], &why.guest, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_placement_why, &why, &body, err);
    if (rc)
        return rc;
    const struct wire_placement_decision *d = body;
    answer_decision(args, d, false);
    if (args->format == FORMAT_TEXT && d->replayed && d->same)
        printf("\ndecided again with what was known then: the same\n");
    if (d->replayed && !d->same)
        return vdc_error_set(err, VDC_E_INTERNAL,
                             "decided again with what was known then, it "
                             "comes out otherwise");
    return 0;
}

static int run_why_not(const struct command_args *args, struct vdc_error *err)
{
    struct wire_why why;
    const void *body;
    wire_init(&wire_struct_why, &why);
    why.host = args->arguments[1];
    int rc = guest_ref(args, args->arguments[0], &why.guest, err);
    if (rc == 0 && (!*why.host || strlen(why.host) > 63))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a host", why.host);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_placement_why_not, &why, &body, err);
    if (rc)
        return rc;
    const struct wire_placement_decision *d = body;
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_placement_decision, d);
        return 0;
    }
    printf("%s: %s\n", output_clean(args->arena, d->guest),
           output_clean(args->arena, d->reason));
    if (d->n_hosts && *d->hosts[0].change)
        print_field("hint", output_clean(args->arena, d->hosts[0].change));
    print_hosts(args->arena, d);
    return 0;
}

/* ---- place ---- */

static int run_place(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_create create;
    const void *body;
    wire_init(&wire_struct_partition_create, &create);
    create.start = !command_given(args, "no-start");
    create.dry_run = true;
    create.brief = command_given(args, "brief");
    int rc = guest_customer(args, &create.customer, err);
    if (rc == 0)
        rc = guest_definition(args, &create.definition, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_placement_try, &create, &body, err);
    if (rc)
        return rc;
    const struct wire_placement_decision *d = body;
    answer_decision(args, d, true);
    /* why is printed already; a script has the status, as create's */
    if (*d->host)
        return 0;
    return d->error.code ? -(int)d->error.code : VDC_E_NO_HOST;
}

/* ---- the table ---- */

static const struct command_option why_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 0, "replay", NULL, COMPLETE_NOTHING,
      "Decide again with what was known then, and say whether it comes out "
      "the same" },
    { 0 }
};
static const struct command_option place_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'f', "defconfig", "FILE", COMPLETE_FILES,
      "The domain file, instead of as an argument" },
    { 0, "no-start", NULL, COMPLETE_NOTHING,
      "As for a guest that is only defined" },
    { 'n', "dry-run", NULL, COMPLETE_NOTHING,
      "Nothing is changed in any case" },
    { 'b', "brief", NULL, COMPLETE_NOTHING,
      "Only the host and the next best, by what policyd knows now, and how "
      "many were excluded by what" },
    { 0 }
};
#define SPEC_OPTION                                                           \
    {                                                                         \
        's', "spec", "SPEC", COMPLETE_NOTHING,                                \
            "What each guest has: CPUs and memory, as 4cpu,16G; and what "    \
            "its host's CPUs can do, as features=avx2+aes"                    \
    }
static const struct command_option capacity_options[] = {
    SPEC_OPTION,
    { 't', "tiered", NULL, COMPLETE_NOTHING,
      "When no other fits, go on with smaller ones" },
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "By this customer's policy" },
    { 0, "most", "N", COMPLETE_NOTHING,
      "Stop looking after so many; 100000 when nothing is said" },
    { 0 }
};
static const struct command_option what_if_options[] = {
    SPEC_OPTION,
    { 0 }
};

static const struct command_example why_examples[] = {
    { "xl-vdc why web", "Why web is on its host." },
    { "xl-vdc why --replay acme.web -o json",
      "The same for a program, and whether it would be decided so again." },
    { NULL, NULL }
};
static const struct command_example why_not_examples[] = {
    { "xl-vdc why-not acme.web beta", "What keeps web from being on beta." },
    { NULL, NULL }
};
static const struct command_example place_examples[] = {
    { "xl-vdc place --dry-run -C acme web.cfg",
      "On which host the guest would be, and why." },
    { NULL, NULL }
};
static const struct command_example capacity_examples[] = {
    { "xl-vdc capacity --spec 4cpu,16G", "How many of these fit." },
    { "xl-vdc capacity --spec 4cpu,16G,features=avx2+aes",
      "On hosts that can do this." },
    { "xl-vdc capacity --spec 16cpu,64G --tiered",
      "And how many smaller ones beside them." },
    { NULL, NULL }
};
static const struct command_example what_if_examples[] = {
    { "xl-vdc what-if host alpha dies", "Where its guests would go." },
    { "xl-vdc what-if ratio 4 --spec 4cpu,16G",
      "With four vCPUs for each CPU, how many more fit." },
    { "xl-vdc what-if host delta comes memory=256G cpus=32",
      "What another host would bring." },
    { "xl-vdc what-if quota acme memory=8G running-guests=4",
      "What acme has of other limits." },
    { NULL, NULL }
};

static const struct command why_commands[] = {
    { "why", NULL, "GUEST", 1, 1, COMMAND_READS, COMPLETE_GUESTS, why_options,
      "Explain why a guest is on its host",
      "Shows the decision as it was made: what was asked for, by which policy "
      "the host was chosen, which constraint excluded how many others, and to "
      "operators what each host came to; also that of a guest that was "
      "refused. A score is a sum of terms, each with its weight, in steps; "
      "the lowest wins. Decisions are kept with all that they followed from, "
      "so that they can be made again.",
      why_examples, run_why },
    { "why-not", NULL, "GUEST HOST", 2, 2, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_GUESTS, guest_plain_options,
      "Explain why a guest is not on a host",
      "As it is now: which constraint fails there and what would help, or its "
      "score beside that of the host that is better.",
      why_not_examples, run_why_not, COMPLETE_HOSTS },
    { "place", NULL, "[FILE] [KEY=VALUE]...", 0, -1,
      COMMAND_READS | COMMAND_OPERATOR, COMPLETE_FILES, place_options,
      "Show on which host a guest would be placed",
      "Reads the file as create does, and says which host would be chosen now "
      "and what each comes to. Nothing is changed or reserved, and the "
      "customer's quota is not looked at: 'create --dry-run' does that. If no "
      "host can take it, the exit status is the one that create would have.",
      place_examples, run_place },
    { "capacity", NULL, "", 0, 0, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, capacity_options, "Count how many more guests fit",
      "Places guests on a copy of what is known, with all constraints, until "
      "one is refused, and says what ran out. With --tiered the guest is then "
      "made smaller, as little as lets one fit, and so on.",
      capacity_examples, forecast_capacity },
    { "what-if", NULL, "WHAT...", 1, -1, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, what_if_options,
      "Show what would follow if one thing were otherwise",
      "WHAT is one of\n"
      "\n"
      "host NAME dies, host NAME drains: where its running guests would go, "
      "and for which there is no room;\n"
      "\n"
      "host NAME comes [memory=SIZE cpus=N]: it is up again, or is a new "
      "one;\n"
      "\n"
      "host NAME memory=SIZE: it has so much for guests;\n"
      "\n"
      "ratio N: so many vCPUs for each CPU of a host;\n"
      "\n"
      "quota CUSTOMER KEY=VALUE...: other limits of a customer or project, by "
      "the names of customer-set's options: memory, vcpus, disk, guests, "
      "networks, channels, and, but for channels, what runs at a time, as "
      "running-memory.\n"
      "\n"
      "With --spec it counts how many more such guests fit, before and "
      "after. Nothing is changed.",
      what_if_examples, forecast_what_if },
};

const struct command_family family_why = {
    "Placement", why_commands, sizeof(why_commands) / sizeof(why_commands[0])
};
