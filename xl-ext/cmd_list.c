/*
 * list and show: which guests there are, with xl list's columns, and all
 * about one of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* ---- list ---- */

struct list {
    const struct command_args *args;
    struct client *client;
    const struct wire_partition *partitions;
    uint32_t n_partitions;
    bool show_customer;
    bool verbose;
};

/* Domains by their number, then what has none, by name: pages are in another
 * order. */
static int compare(const void *a, const void *b)
{
    const struct wire_partition *p = a, *q = b;
    bool p_stopped = p->managed && !p->domid;
    bool q_stopped = q->managed && !q->domid;
    if (p_stopped != q_stopped)
        return p_stopped ? 1 : -1;
    if (p->domid != q->domid)
        return p->domid < q->domid ? -1 : 1;
    int order = strcmp(p->name, q->name);
    return order ? order : strcmp(p->customer, q->customer);
}

/* One guest of that name, or all that may be seen. */
static int get_list(struct list *list, struct vdc_error *err)
{
    const struct command_args *args = list->args;
    const void *body;
    int rc;
    if (args->n_arguments) {
        struct wire_partition_ref ref;
        rc = guest_ref(args, args->arguments[0], &ref, err);
        if (rc == 0)
            rc = client_request(list->client, WIRE_MSG_partition_show, &ref,
                                &body, err);
        if (rc == 0) {
            const struct wire_partition_reply *reply = body;
            list->partitions = &reply->partition;
            list->n_partitions = 1;
        }
        return rc;
    }
    struct wire_partition_query query;
    wire_init(&wire_struct_partition_query, &query);
    const char *customer = command_value(args, "customer");
    query.customer = customer ? customer : "";
    query.foreign = command_given(args, "all");
    rc = client_list(list->client, WIRE_MSG_partition_list, &query, &body,
                     err);
    if (rc == 0) {
        const struct wire_partition_list *reply = body;
        if (reply->n_partitions)
            qsort(reply->partitions, reply->n_partitions,
                  sizeof(*reply->partitions), compare);
        list->partitions = reply->partitions;
        list->n_partitions = reply->n_partitions;
    }
    return rc;
}

/* Whose a guest is matters to those who see more than one customer, that is,
 * to operators; a customer sees its own guests alone. */
static int wants_customer(struct list *list, struct vdc_error *err)
{
    if (command_given(list->args, "all")) {
        list->show_customer = true;
        return 0;
    }
    if (list->args->in_guest)
        return 0;
    struct wire_customer_ref all;
    wire_init(&wire_struct_customer_ref, &all);
    const void *body;
    int rc = client_request(list->client, WIRE_MSG_customer_list, &all, &body,
                            err);
    if (rc == 0) {
        const struct wire_customer_list *customers = body;
        list->show_customer = customers->n_customers > 1;
    }
    return rc;
}

static const char *shown_name(const struct list *list,
                              const struct wire_partition *p)
{
    return output_clean(list->args->arena, p->managed ? p->name : p->xen_name);
}

/* xl's letters while it lives as a domain; else the word for where it is,
 * which says more than they would. */
static const char *shown_state(const struct wire_partition *p)
{
    bool lives = !p->managed || p->state == WIRE_RUNNING ||
        p->state == WIRE_PAUSED || p->state == WIRE_STOPPING;
    return lives && *p->flags
        ? p->flags
        : wire_enum_word(&wire_enum_partition_state, (int)p->state);
}

static void add_row(struct output_table *table, const struct list *list,
                    const struct wire_partition *p)
{
    char uuid[UUID_TEXT_SIZE];
    output_table_cell(table, shown_name(list, p));
    if (p->domid || !p->managed)
        output_table_printf(table, "%" PRIu32, p->domid);
    else
        output_table_cell(table, "-");
    output_table_printf(table, "%" PRIu64, p->memory.kib / 1024);
    output_table_printf(table, "%" PRIu32, p->vcpus);
    output_table_cell(table, shown_state(p));
    output_table_printf(table, "%.1f", (double)p->cpu_time_ns / 1e9);
    if (list->show_customer)
        output_table_cell(table, p->managed ? p->customer : "(not ours)");
    if (!list->verbose)
        return;
    output_table_cell(table, wire_enum_word(&wire_enum_domain_type,
                                            (int)p->type));
    output_table_cell(table, output_clean(list->args->arena, p->host));
    output_table_cell(table, uuid_format(&p->uuid, uuid));
    output_table_cell(table, *p->last_stop
                      ? output_clean(list->args->arena, p->last_stop) : "-");
}

static void print_table(const struct list *list)
{
    struct output_column columns[12] = {
        { "Name", ALIGN_LEFT },   { "ID", ALIGN_RIGHT },
        { "Mem", ALIGN_RIGHT },   { "VCPUs", ALIGN_RIGHT },
        { "State", ALIGN_LEFT },  { "Time(s)", ALIGN_RIGHT },
    };
    size_t n = 6;
    if (list->show_customer)
        columns[n++] = (struct output_column){ "Customer", ALIGN_LEFT };
    if (list->verbose) {
        columns[n++] = (struct output_column){ "Type", ALIGN_LEFT };
        columns[n++] = (struct output_column){ "Host", ALIGN_LEFT };
        columns[n++] = (struct output_column){ "UUID", ALIGN_LEFT };
        columns[n++] = (struct output_column){ "Last stop", ALIGN_LEFT };
    }
    struct output_table *table = output_table_new(columns, n);
    for (uint32_t i = 0; i < list->n_partitions; i++)
        add_row(table, list, &list->partitions[i]);
    output_table_finish(table);
}

/* Names as the same user can give them back to a command. */
static void print_names(const struct list *list)
{
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        if (list->show_customer && p->managed && *p->customer)
            printf("%s.%s\n", p->customer, shown_name(list, p));
        else
            printf("%s\n", shown_name(list, p));
    }
}

/* As xl list -l: an array with the domid and all that defines each. */
static int print_long(const struct list *list, struct vdc_error *err)
{
    struct json_out *out = json_out_new(true);
    json_out_array(out);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        struct wire_partition_ref ref;
        wire_init(&wire_struct_partition_ref, &ref);
        ref.uuid = p->uuid;
        const void *body = NULL;
        if (p->managed)
            rc = client_request(list->client, WIRE_MSG_partition_show, &ref,
                                &body, err);
        const struct wire_partition_reply *reply = body;
        if (rc == VDC_E_NOT_FOUND) { /* gone since the list was made */
            rc = 0;
            continue;
        }
        if (rc)
            break;
        json_out_object(out);
        json_out_key(out, "domid");
        if (p->domid || !p->managed)
            json_out_u64(out, p->domid);
        else
            json_out_null(out);
        json_out_key(out, "partition");
        wire_to_json(&wire_struct_partition, reply ? &reply->partition : p,
                     out);
        json_out_key(out, "config");
        if (reply)
            wire_to_json(&wire_struct_definition, &reply->definition, out);
        else
            json_out_null(out);
        json_out_object_end(out);
    }
    if (rc) {
        json_out_free(out);
        return rc;
    }
    json_out_array_end(out);
    output_json(out);
    return 0;
}

static int print_list(struct list *list, struct vdc_error *err)
{
    const struct command_args *args = list->args;
    list->verbose = command_given(args, "verbose");
    if (command_given(args, "long"))
        return print_long(list, err);
    int rc = args->format == FORMAT_JSON ? 0 : wants_customer(list, err);
    if (rc)
        return rc;
    switch (args->format) {
    case FORMAT_TEXT:
        print_table(list);
        break;
    case FORMAT_NAME:
        print_names(list);
        break;
    case FORMAT_JSON: {
        struct wire_partition_list all;
        wire_init(&wire_struct_partition_list, &all);
        all.partitions = (struct wire_partition *)list->partitions;
        all.n_partitions = list->n_partitions;
        output_json_list(&wire_struct_partition_list, &all);
        break;
    }
    }
    return 0;
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct list list = { .args = args };
    int rc = client_open(args, &list.client, err);
    if (rc)
        return rc;
    rc = get_list(&list, err);
    if (rc == 0)
        rc = print_list(&list, err);
    client_close(list.client);
    return rc;
}

/* ---- show ---- */

static void print_time(const char *name, uint64_t ms)
{
    char buf[32];
    struct wall wall = { ms };
    if (ms)
        printf("%-20s %s\n", name, clock_wall_format(wall, buf, sizeof(buf)));
}

static void print_mem(const char *name, struct mem mem)
{
    char buf[32];
    printf("%-20s %s\n", name, units_mem_format(mem, buf, sizeof(buf)));
}

static void print_word(struct arena *arena, const char *name,
                       const char *word)
{
    if (*word)
        printf("%-20s %s\n", name, output_clean(arena, word));
}

static void print_partition(struct arena *arena,
                            const struct wire_partition *p)
{
    char buf[UUID_TEXT_SIZE];
    print_word(arena, "name", p->name);
    print_word(arena, "customer", p->customer);
    print_word(arena, "uuid", uuid_format(&p->uuid, buf));
    print_word(arena, "state", wire_enum_word(&wire_enum_partition_state,
                                              (int)p->state));
    if (p->domid)
        printf("%-20s %" PRIu32 "\n", "domid", p->domid);
    print_word(arena, "name in Xen", p->xen_name);
    print_word(arena, "host", p->host);
    print_mem("memory", p->memory);
    if (p->memory_target.kib && p->memory_target.kib != p->memory.kib)
        print_mem("it is to have", p->memory_target);
    print_mem("most memory", p->max_memory);
    printf("%-20s %" PRIu32 " of %" PRIu32 "\n", "vcpus", p->vcpus,
           p->max_vcpus);
    if (p->cpu_time_ns)
        printf("%-20s %.1f s\n", "CPU time", (double)p->cpu_time_ns / 1e9);
    print_time("created", p->created_ms);
    print_time("started", p->started_ms);
    print_time("stopped", p->stopped_ms);
    print_word(arena, "why it stopped", p->last_stop);
    if (p->generation)
        printf("%-20s %" PRIu64 "\n", "generation", p->generation);
    if (p->restarts)
        printf("%-20s %" PRIu32 " times by itself\n", "built anew",
               p->restarts);
}

/* What was changed with --live-only, and what changed by itself. */
static bool same_definition(const struct wire_definition *a,
                            const struct wire_definition *b)
{
    struct json_out *x = json_out_new(false), *y = json_out_new(false);
    wire_to_json(&wire_struct_definition, a, x);
    wire_to_json(&wire_struct_definition, b, y);
    bool same = !strcmp(json_out_text(x, NULL), json_out_text(y, NULL));
    json_out_free(x);
    json_out_free(y);
    return same;
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = guest_ref(args, args->arguments[0], &ref, err);
    if (rc)
        return rc;
    struct client *client;
    rc = client_open(args, &client, err);
    if (rc)
        return rc;
    const void *body;
    rc = client_request(client, WIRE_MSG_partition_show, &ref, &body, err);
    client_close(client);
    if (rc)
        return rc;
    const struct wire_partition_reply *reply = body;
    if (args->format == FORMAT_JSON) {
        struct json_out *out = json_out_new(true);
        guest_to_json(reply, out);
        output_json(out);
        return 0;
    }
    print_partition(args->arena, &reply->partition);
    if (*reply->definition.name) {
        printf("\ndefined as\n");
        output_text_struct(&wire_struct_definition, &reply->definition,
                           "    ", args->arena);
    }
    if (*reply->live.name && !same_definition(&reply->live,
                                              &reply->definition)) {
        printf("\nwhile it runs, it has\n");
        output_text_struct(&wire_struct_definition, &reply->live, "    ",
                           args->arena);
    }
    return 0;
}

/* ---- the table ---- */

static const struct command_option list_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'a', "all", NULL, COMPLETE_NOTHING,
      "Domains that are not ours too (operators)" },
    { 'l', "long", NULL, COMPLETE_NOTHING,
      "All about each, as a JSON array" },
    { 'v', "verbose", NULL, COMPLETE_NOTHING,
      "Type, host, UUID and why it stopped last" },
    { 0 }
};

static const struct command_example list_examples[] = {
    { "xl-vdc list", "All guests that you may see." },
    { "xl-vdc list --all -v", "As operator, all domains of the host." },
    { "xl-vdc list -o name", "Names alone, for scripts." },
    { NULL, NULL }
};

static const struct command_example show_examples[] = {
    { "xl-vdc show web", "All about the guest web." },
    { "xl-vdc show -o json acme.web", "As operator, for a program." },
    { NULL, NULL }
};

static const struct command list_commands[] = {
    { "list", "ls", "[GUEST]", 0, 1, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_GUESTS, list_options, "List guests, with xl's columns",
      "Mem is in MiB. State has xl's letters while the guest lives (r "
      "running, b blocked, p paused, s shut down, c crashed, d dying), and "
      "else a word such as stopped. Stopped guests are listed: they are "
      "remembered and count against the quota.",
      list_examples, run_list },
    { "show", NULL, "GUEST", 1, 1, COMMAND_READS, COMPLETE_GUESTS,
      guest_plain_options, "Show all about a guest",
      "What it is now, how it was defined, and what its domain has instead "
      "of that for as long as it runs.",
      show_examples, run_show },
};

const struct command_family family_list = {
    "What there is", list_commands,
    sizeof(list_commands) / sizeof(list_commands[0])
};
