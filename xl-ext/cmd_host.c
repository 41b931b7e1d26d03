/* host-list and version: what the guests run on. */
#include <inttypes.h>
#include <stdio.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

static int request(const struct command_args *args,
                   enum wire_message_number number, const void **ret,
                   struct vdc_error *err)
{
    struct wire_empty empty;
    wire_init(&wire_struct_empty, &empty);
    return client_ask(args, number, &empty, ret, err);
}

/* ---- host-list ---- */

/* What a host that cannot be reached has is not known. */
static void add_mem(struct output_table *table, bool known, struct mem mem)
{
    char buf[32];
    output_table_cell(table, known ? units_mem_format(mem, buf, sizeof(buf))
                                   : "-");
}

static void add_count(struct output_table *table, bool known, uint64_t n)
{
    if (known)
        output_table_printf(table, "%" PRIu64, n);
    else
        output_table_cell(table, "-");
}

static void print_hosts(struct arena *arena,
                        const struct wire_host_list *list)
{
    static const struct output_column columns[] = {
        { "Host", ALIGN_LEFT },       { "State", ALIGN_LEFT },
        { "Hypervisor", ALIGN_LEFT }, { "CPUs", ALIGN_RIGHT },
        { "VCPUs", ALIGN_RIGHT },     { "Memory", ALIGN_RIGHT },
        { "Available", ALIGN_RIGHT }, { "Guests", ALIGN_RIGHT },
        { "Running", ALIGN_RIGHT },   { "Not ours", ALIGN_RIGHT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < list->n_hosts; i++) {
        const struct wire_host *h = &list->hosts[i];
        output_table_cell(table, output_clean(arena, h->name));
        output_table_cell(table, output_clean(arena, h->state));
        output_table_cell(table, *h->hypervisor
                          ? output_clean(arena, h->hypervisor) : "-");
        bool known = h->total_memory.kib != 0;
        add_count(table, known, h->pcpus);
        add_count(table, known, h->vcpus);
        add_mem(table, known, h->total_memory);
        add_mem(table, known, h->available_memory);
        add_count(table, known, h->partitions);
        add_count(table, known, h->running);
        add_count(table, known, h->foreign);
    }
    output_table_finish(table);
}

/* What to do about a host that is not well. */
static void note_hints(const struct command_args *args,
                       const struct wire_host_list *list)
{
    for (uint32_t i = 0; i < list->n_hosts; i++)
        if (*list->hosts[i].hint)
            output_note(args, "%s: %s",
                        output_clean(args->arena, list->hosts[i].name),
                        output_clean(args->arena, list->hosts[i].hint));
}

static int run_host_list(const struct command_args *args,
                         struct vdc_error *err)
{
    const void *body;
    int rc = request(args, WIRE_MSG_host_list, &body, err);
    if (rc)
        return rc;
    const struct wire_host_list *list = body;
    bool simulated = false;
    switch (args->format) {
    case FORMAT_TEXT:
        print_hosts(args->arena, list);
        note_hints(args, list);
        for (uint32_t i = 0; i < list->n_hosts; i++)
            simulated |= list->hosts[i].simulated;
        if (simulated)
            output_note(args, "a simulated host is among them: nothing on it "
                              "is real");
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_hosts; i++)
            printf("%s\n", output_clean(args->arena, list->hosts[i].name));
        break;
    case FORMAT_JSON:
        output_json_struct(&wire_struct_host_list, list);
        break;
    }
    return 0;
}

/* ---- version ---- */

static void print_version_json(const struct wire_version *daemons)
{
    struct json_out *out = json_out_new(true);
    json_out_object(out);
    json_out_key(out, "xl-vdc");
    json_out_string(out, PACKAGE_VERSION);
    json_out_key(out, "protocol");
    json_out_u64(out, WIRE_PROTOCOL);
    json_out_key(out, "daemons");
    if (daemons)
        wire_to_json(&wire_struct_version, daemons, out);
    else
        json_out_null(out);
    json_out_object_end(out);
    output_json(out);
}

static void print_version(const struct command_args *args,
                          const struct wire_version *daemons)
{
    if (args->format == FORMAT_JSON) {
        print_version_json(daemons);
        return;
    }
    printf("%-11s %s, protocol %d\n", "xl-vdc", PACKAGE_VERSION,
           WIRE_PROTOCOL);
    if (!daemons)
        return;
    printf("%-11s %s, protocol %" PRIu32 "\n", "policyd",
           output_clean(args->arena, daemons->policyd), daemons->protocol);
    printf("%-11s %s\n", "resourced", *daemons->resourced
           ? output_clean(args->arena, daemons->resourced) : "not reached");
    printf("%-11s %s\n", "hypervisor", *daemons->hypervisor
           ? output_clean(args->arena, daemons->hypervisor) : "not known");
}

/* Our own version is printed in every case; that the daemons could not be
 * asked is an error nevertheless, unless only --version was asked for. */
static int run_version(const struct command_args *args, struct vdc_error *err)
{
    if (args->version_only) {
        print_version(args, NULL);
        return 0;
    }
    const void *body = NULL;
    int rc = request(args, WIRE_MSG_version, &body, err);
    print_version(args, rc ? NULL : body);
    return rc;
}

/* ---- the table ---- */

static const struct command_example host_examples[] = {
    { "xl-vdc host-list", "How much is left on each host." },
    { NULL, NULL }
};
static const struct command_example version_examples[] = {
    { "xl-vdc version", "Versions of all that answers." },
    { "xl-vdc --version", "The version of xl-vdc, without asking a daemon." },
    { NULL, NULL }
};

static const struct command host_commands[] = {
    { "host-list", NULL, "", 0, 0,
      COMMAND_READS | COMMAND_OPERATOR | COMMAND_NAMES, COMPLETE_NOTHING,
      NULL, "List hosts and what they have",
      "Available is the memory that guests can still get by the host's "
      "policy. Not ours counts the domains that others made; they are never "
      "touched. What to do about a host that is not up is said below the "
      "table.",
      host_examples, run_host_list },
    { "version", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING, NULL,
      "Show which versions run",
      "Of xl-vdc, of the daemons and of the hypervisor.", version_examples,
      run_version },
};

const struct command_family family_host = {
    "Hosts", host_commands, sizeof(host_commands) / sizeof(host_commands[0])
};
