/* resource-list and resource-show: who has what of the host. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/change.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/operation.h"
#include "xl-ext/output.h"

/* ---- asking ---- */

/* By guest (leases come last), kind, name: pages are in another order. */
static int compare(const void *a, const void *b)
{
    const struct wire_resource *p = a, *q = b;
    int order = (int)p->leased - (int)q->leased;
    if (order == 0)
        order = strcmp(p->customer, q->customer);
    if (order == 0)
        order = strcmp(p->partition, q->partition);
    if (order == 0)
        order = memcmp(&p->uuid, &q->uuid, sizeof(p->uuid));
    if (order == 0)
        order = (int)p->kind - (int)q->kind;
    return order ? order : strverscmp(p->name, q->name);
}

/* The answers to several questions as one list; totals are the same in each
 * and are kept once. */
static int add_answer(struct client *client, struct arena *arena,
                      const struct wire_resource_query *query,
                      struct wire_resource_list *to, struct vdc_error *err)
{
    const void *body;
    int rc = client_list(client, WIRE_MSG_resource_list, query, &body, err);
    if (rc)
        return rc;
    const struct wire_resource_list *list = body;
    if (list->n_resources)
        qsort(list->resources, list->n_resources, sizeof(*list->resources),
              compare);
    struct wire_resource *all =
        ARENA_ARRAY(arena, to->n_resources + list->n_resources + 1,
                    struct wire_resource);
    for (uint32_t i = 0; i < to->n_resources; i++)
        all[i] = to->resources[i];
    for (uint32_t i = 0; i < list->n_resources; i++)
        all[to->n_resources + i] = list->resources[i];
    to->resources = all;
    to->n_resources += list->n_resources;
    if (!to->n_totals) {
        to->totals = list->totals;
        to->n_totals = list->n_totals;
    }
    return 0;
}

static int query_guest(const struct command_args *args, const char *word,
                       struct wire_resource_query *query,
                       struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = guest_ref(args, word, &ref, err);
    if (rc)
        return rc;
    query->name = ref.name;
    query->uuid = ref.uuid;
    return 0;
}

static int take_kind(const struct command_args *args,
                     struct wire_resource_query *query, struct vdc_error *err)
{
    const char *word = command_value(args, "kind");
    int number;
    if (!word)
        return 0;
    if (wire_enum_number(&wire_enum_resource_kind, word, &number) && number) {
        query->kind = (enum wire_resource_kind)number;
        return 0;
    }
    const char *known = "";
    for (size_t i = 0; i < wire_enum_resource_kind.n_values; i++) {
        const struct wire_value *v = &wire_enum_resource_kind.values[i];
        if (v->number)
            known = arena_printf(args->arena, "%s%s%s", known,
                                 *known ? ", " : "", v->word);
    }
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "there is no kind of resource '%s'", word);
    vdc_error_hint(err, "the kinds are %s", known);
    return rc;
}

/* One question, or one for each guest. */
static int ask_all(const struct command_args *args,
                   struct wire_resource_query *query,
                   struct wire_resource_list *ret, struct vdc_error *err)
{
    struct client *client;
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    if (args->n_arguments == 0)
        rc = add_answer(client, args->arena, query, ret, err);
    for (size_t i = 0; rc == 0 && i < args->n_arguments; i++) {
        rc = query_guest(args, args->arguments[i], query, err);
        if (rc == 0)
            rc = add_answer(client, args->arena, query, ret, err);
    }
    client_close(client);
    return rc;
}

/* ---- printing ---- */

static bool is_kib(enum wire_resource_kind kind)
{
    return kind == WIRE_RESOURCE_MEMORY || kind == WIRE_RESOURCE_DISK;
}

static const char *shown_amount(struct arena *arena, bool kib, uint64_t n)
{
    char buf[32];
    return kib ? arena_strdup(arena,
                              units_mem_format(MEM_KIB(n), buf, sizeof(buf)))
               : arena_printf(arena, "%" PRIu64, n);
}

static const char *or_dash(struct arena *arena, const char *text)
{
    return *text ? output_clean(arena, text) : "-";
}

static void add_resource(struct output_table *table, struct arena *arena,
                         const struct wire_resource *r)
{
    bool kib = is_kib(r->kind);
    output_table_printf(table, "%" PRIu64, r->index);
    output_table_cell(table, wire_enum_word(&wire_enum_resource_kind,
                                            (int)r->kind));
    output_table_cell(table, or_dash(arena, r->name));
    output_table_cell(table, shown_amount(arena, kib, r->amount));
    output_table_cell(table, r->used < 0
        ? "-" : shown_amount(arena, kib, (uint64_t)r->used));
    output_table_cell(table, r->leased ? "(lease)"
                                       : or_dash(arena, r->partition));
    output_table_cell(table, or_dash(arena, r->customer));
    output_table_cell(table, or_dash(arena, r->detail));
}

static void print_resources(struct arena *arena,
                            const struct wire_resource_list *list)
{
    static const struct output_column columns[] = {
        { "Index", ALIGN_RIGHT }, { "Kind", ALIGN_LEFT },
        { "Name", ALIGN_LEFT },   { "Amount", ALIGN_RIGHT },
        { "Used", ALIGN_RIGHT },  { "Guest", ALIGN_LEFT },
        { "Customer", ALIGN_LEFT }, { "Detail", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < list->n_resources; i++)
        add_resource(table, arena, &list->resources[i]);
    output_table_finish(table);
}

static void add_total(struct output_table *table, struct arena *arena,
                      const struct wire_resource_total *t)
{
    bool kib = !strcmp(t->unit, "KiB");
    bool memory = t->kind == WIRE_RESOURCE_MEMORY;
    output_table_cell(table, wire_enum_word(&wire_enum_resource_kind,
                                            (int)t->kind));
    output_table_cell(table, or_dash(arena, t->name));
    output_table_cell(table, t->total ? shown_amount(arena, kib, t->total)
                                      : "-");
    output_table_cell(table, shown_amount(arena, kib, t->assigned));
    output_table_cell(table, shown_amount(arena, kib, t->leased));
    output_table_cell(table, memory ? shown_amount(arena, kib, t->ballooned)
                                    : "-");
    output_table_cell(table, memory ? shown_amount(arena, kib, t->claimed)
                                    : "-");
    output_table_cell(table, shown_amount(arena, kib, t->foreign));
    output_table_cell(table, t->total ? shown_amount(arena, kib, t->free)
                                      : "-");
    output_table_cell(table, or_dash(arena, t->host));
}

static void print_totals(struct arena *arena,
                         const struct wire_resource_list *list)
{
    static const struct output_column columns[] = {
        { "Kind", ALIGN_LEFT },       { "Name", ALIGN_LEFT },
        { "Total", ALIGN_RIGHT },     { "Assigned", ALIGN_RIGHT },
        { "Leased", ALIGN_RIGHT },    { "Ballooned", ALIGN_RIGHT },
        { "Claimed", ALIGN_RIGHT },   { "Not ours", ALIGN_RIGHT },
        { "Free", ALIGN_RIGHT },      { "Host", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < list->n_totals; i++)
        add_total(table, arena, &list->totals[i]);
    output_table_finish(table);
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct wire_resource_query query;
    struct wire_resource_list list;
    wire_init(&wire_struct_resource_query, &query);
    wire_init(&wire_struct_resource_list, &list);
    query.live = command_given(args, "live");
    int rc = guest_customer(args, &query.customer, err);
    if (rc == 0)
        rc = take_kind(args, &query, err);
    if (rc == 0)
        rc = ask_all(args, &query, &list, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_resource_list, &list);
    else if (command_given(args, "totals"))
        print_totals(args->arena, &list);
    else
        print_resources(args->arena, &list);
    return 0;
}

/* ---- show ---- */

static void print_resource(struct arena *arena, const struct wire_resource *r)
{
    char buf[32];
    bool kib = is_kib(r->kind);
    struct wire_resource rest = *r;
    /* amounts and times as people read them follow the others */
    rest.since_ms = rest.amount = 0;
    rest.used = -1;
    output_text_struct(&wire_struct_resource, &rest, "", arena);
    printf("%-20s %s\n", "amount", shown_amount(arena, kib, r->amount));
    if (r->used >= 0)
        printf("%-20s %s\n", "used",
               shown_amount(arena, kib, (uint64_t)r->used));
    if (r->since_ms)
        printf("%-20s %s\n", "since",
               clock_wall_format((struct wall){ r->since_ms }, buf,
                                 sizeof(buf)));
}

static bool is_index(const char *word)
{
    return *word && !word[strspn(word, "0123456789")];
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    struct wire_resource_query query;
    struct wire_resource_list list;
    const char *word = args->arguments[0];
    wire_init(&wire_struct_resource_query, &query);
    wire_init(&wire_struct_resource_list, &list);
    query.live = true;
    int rc = guest_customer(args, &query.customer, err);
    if (rc == 0)
        rc = is_index(word)
            ? operation_number(word, "the index", 1, INT64_MAX, &query.index,
                               err)
            : query_guest(args, word, &query, err);
    struct client *client;
    if (rc == 0)
        rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = add_answer(client, args->arena, &query, &list, err);
    client_close(client);
    if (rc == 0 && query.index && !list.n_resources)
        rc = vdc_error_set(err, VDC_E_NOT_FOUND, "no such resource: %s", word);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_resource_list, &list);
        return 0;
    }
    for (uint32_t i = 0; i < list.n_resources; i++) {
        if (i)
            putchar('\n');
        print_resource(args->arena, &list.resources[i]);
    }
    return 0;
}

/* ---- the table ---- */

static const struct command_option list_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Of this customer alone (operators)" },
    { 'k', "kind", "KIND", COMPLETE_NOTHING,
      "Of this kind alone: memory, vcpu, cpu, disk, vif, pci, domid, "
      "event-channels, grant-frames, channel, pool" },
    { 0, "totals", NULL, COMPLETE_NOTHING,
      "What the host has of each kind, and how it is divided (operators)" },
    { 'l', "live", NULL, COMPLETE_NOTHING,
      "Ask Xen too how much of it is in use" },
    { 0 }
};

static const struct command_example pool_examples[] = {
    { "xl-vdc pool-set web licences 2", "web has two of the pool licences." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc resource-list web", "Everything that web has of its host." },
    { "xl-vdc resource-list --kind memory", "Who has how much memory." },
    { "xl-vdc resource-list --totals", "What is left of the host." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc resource-show 117", "All about the resource of index 117." },
    { NULL, NULL }
};

static const struct command resource_commands[] = {
    { "resource-list", NULL, "[GUEST...]", 0, -1, COMMAND_READS,
      COMPLETE_GUESTS, list_options, "List resources and who has them",
      "Each resource that somebody has is a row with an index that is never "
      "used again. Sums are computed from the rows.",
      list_examples, run_list },
    { "resource-show", NULL, "GUEST|INDEX", 1, 1, COMMAND_READS,
      COMPLETE_GUESTS, guest_plain_options, "Show all about resources",
      "A number is an index; anything else is a guest, all of whose "
      "resources are shown.",
      show_examples, run_show },
    { "pool-set", NULL, "GUEST POOL AMOUNT", 3, 3,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS,
      change_plain_options,
      "Say how much of a named pool a guest has",
      "In the unit of the pool, which the host's settings name; 0 for none.",
      pool_examples, change_run },
};

const struct command_family family_resource = {
    "Resources", resource_commands,
    sizeof(resource_commands) / sizeof(resource_commands[0])
};
