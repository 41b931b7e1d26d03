/* lease-create, -renew, -drop, -list: resources kept for somebody. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/each.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/operation.h"
#include "xl-ext/output.h"
#include "xl-ext/when.h"
#include "xl-ext/xlcfg.h"

#define EXPIRES_DEFAULT_MS 600000
#define EXPIRES_MAX_MS UINT64_C(86400000) /* as wire.def has it */
#define MAX_POOLS 16
#define MAX_DEVICES 16

/* ---- what is asked for ---- */

static int take_expires(const struct command_args *args, uint64_t *ret_ms,
                        struct vdc_error *err)
{
    const char *text = command_value(args, "expires");
    uint64_t ms = EXPIRES_DEFAULT_MS;
    int rc = text ? when_expires(text, &ms, err) : 0;
    if (rc)
        return rc;
    if (ms > EXPIRES_MAX_MS)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--expires of a lease is at most a day (24h), "
                             "got '%.40s'", text);
    *ret_ms = ms;
    return 0;
}

static int take_pools(const struct command_args *args, struct wire_lease *ret,
                      struct vdc_error *err)
{
    const char **texts;
    size_t n = command_values(args, "pool", &texts);
    if (n > MAX_POOLS)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%zu pools are too many; the most is %d", n,
                             MAX_POOLS);
    ret->pools = ARENA_ARRAY(args->arena, n + 1, struct wire_pool_amount);
    for (size_t i = 0; i < n; i++) {
        int rc = xlcfg_pool(texts[i], args->arena, &ret->pools[i], err);
        if (rc)
            return rc;
    }
    ret->n_pools = (uint32_t)n;
    return 0;
}

static int take_devices(const struct command_args *args,
                        struct wire_lease *ret, struct vdc_error *err)
{
    const char **texts;
    size_t n = command_values(args, "pci", &texts);
    if (n > MAX_DEVICES)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%zu devices are too many; the most is %d", n,
                             MAX_DEVICES);
    for (size_t i = 0; i < n; i++) {
        int rc = xlcfg_bdf(texts[i], args->arena, &texts[i], err);
        if (rc)
            return rc;
    }
    ret->devices = texts;
    ret->n_devices = (uint32_t)n;
    return 0;
}

static int take_lease(const struct command_args *args, struct wire_lease *ret,
                      struct vdc_error *err)
{
    const char *memory = command_value(args, "memory");
    const char *vcpus = command_value(args, "vcpus");
    uint64_t n = 0;
    wire_init(&wire_struct_lease, ret);
    int rc = guest_customer(args, &ret->owner, err);
    if (rc == 0 && memory)
        rc = operation_memory(memory, &ret->memory, err);
    if (rc == 0 && vcpus)
        rc = operation_number(vcpus, "--vcpus", 1, 65535, &n, err);
    ret->vcpus = (uint32_t)n;
    if (rc == 0)
        rc = take_pools(args, ret, err);
    if (rc == 0)
        rc = take_devices(args, ret, err);
    if (rc == 0)
        rc = take_expires(args, &ret->expires_ms, err);
    const char *host = command_value(args, "host");
    if (rc == 0 && host && strlen(host) > 63)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "--host: no host has so long a name");
    ret->host = host ? host : "";
    if (rc == 0 && !memory && !vcpus && !ret->n_pools && !ret->n_devices) {
        rc = vdc_error_set(err, VDC_E_USAGE, "a lease of nothing");
        vdc_error_hint(err, "--memory, --vcpus, --pool and --pci say what to "
                            "reserve");
    }
    return rc;
}

/* The IDs that commands understand. */
static int take_id(const char *word, struct vdc_uuid *ret,
                   struct vdc_error *err)
{
    if (uuid_from_text(word, ret) && !uuid_is_zero(ret))
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' is not the ID of a lease", word);
    vdc_error_hint(err, "'xl-vdc lease-list' shows them");
    return rc;
}

/* ---- printing ---- */

static const char *shown_pools(struct arena *arena,
                               const struct wire_lease *lease)
{
    const char *text = "";
    for (uint32_t i = 0; i < lease->n_pools; i++)
        text = arena_printf(arena, "%s%s%s=%" PRIu64, text,
                            *text ? "," : "",
                            output_clean(arena, lease->pools[i].name),
                            lease->pools[i].amount);
    return *text ? text : "-";
}

static const char *shown_devices(struct arena *arena,
                                 const struct wire_lease *lease)
{
    const char *text = "";
    for (uint32_t i = 0; i < lease->n_devices; i++)
        text = arena_printf(arena, "%s%s%s", text, *text ? "," : "",
                            output_clean(arena, lease->devices[i]));
    return *text ? text : "-";
}

static void add_lease(struct output_table *table, struct arena *arena,
                      const struct wire_lease *lease)
{
    char buf[UUID_TEXT_SIZE];
    output_table_cell(table, uuid_format(&lease->id, buf));
    output_table_cell(table, *lease->owner
                      ? output_clean(arena, lease->owner) : "-");
    output_table_cell(table, lease->memory.kib
        ? units_mem_format(lease->memory, buf, sizeof(buf)) : "-");
    output_table_cell(table, lease->claimed ? "yes" : "no");
    output_table_printf(table, "%" PRIu32, lease->vcpus);
    output_table_cell(table, shown_pools(arena, lease));
    output_table_cell(table, shown_devices(arena, lease));
    output_table_cell(table, units_duration_format(lease->expires_ms, buf,
                                                   sizeof(buf)));
}

static void print_table(struct arena *arena,
                        const struct wire_lease_list *list)
{
    static const struct output_column columns[] = {
        { "ID", ALIGN_LEFT },       { "Owner", ALIGN_LEFT },
        { "Memory", ALIGN_RIGHT },  { "Claimed", ALIGN_LEFT },
        { "VCPUs", ALIGN_RIGHT },   { "Pools", ALIGN_LEFT },
        { "PCI", ALIGN_LEFT },      { "Expires in", ALIGN_RIGHT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < list->n_leases; i++)
        add_lease(table, arena, &list->leases[i]);
    output_table_finish(table);
}

static void print_leases(const struct command_args *args,
                         const struct wire_lease_list *list)
{
    char id[UUID_TEXT_SIZE];
    switch (args->format) {
    case FORMAT_TEXT:
        print_table(args->arena, list);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_leases; i++)
            printf("%s\n", uuid_format(&list->leases[i].id, id));
        break;
    case FORMAT_JSON:
        output_json_list(&wire_struct_lease_list, list);
        break;
    }
}

/* ---- commands ---- */

static int run_create(const struct command_args *args, struct vdc_error *err)
{
    struct wire_lease lease;
    const void *body;
    int rc = take_lease(args, &lease, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_lease_create, &lease, &body, err);
    if (rc == 0)
        print_leases(args, body);
    return rc;
}

static int run_renew(const struct command_args *args, struct vdc_error *err)
{
    struct wire_lease_ref ref;
    const void *body;
    wire_init(&wire_struct_lease_ref, &ref);
    int rc = take_id(args->arguments[0], &ref.id, err);
    if (rc == 0)
        rc = take_expires(args, &ref.expires_ms, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_lease_renew, &ref, &body, err);
    if (rc == 0 && (!args->quiet || args->format != FORMAT_TEXT))
        print_leases(args, body);
    return rc;
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct wire_lease_ref ref;
    const void *body;
    wire_init(&wire_struct_lease_ref, &ref);
    int rc = guest_customer(args, &ref.owner, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_lease_list, &ref, &body, err);
    if (rc == 0)
        print_leases(args, body);
    return rc;
}

static int drop_one(const struct command_args *args, struct client *client,
                    const char *word, struct vdc_error *err)
{
    struct wire_lease_ref ref;
    wire_init(&wire_struct_lease_ref, &ref);
    int rc = take_id(word, &ref.id, err);
    return rc ? rc
              : client_request(client, WIRE_MSG_lease_drop, &ref, NULL, err);
}

static int run_drop(const struct command_args *args, struct vdc_error *err)
{
    static const struct each each = { drop_one, "dropped", "dropped" };
    return each_run(args, &each, err);
}

/* ---- the table ---- */

static const struct command_option create_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "For this customer (operators)" },
    { 0, "host", "NAME", COMPLETE_HOSTS,
      "On this host, not where there is most room (operators)" },
    { 'm', "memory", "SIZE", COMPLETE_NOTHING,
      "Reserve so much memory: 4096 (MiB), 4G" },
    { 0, "vcpus", "N", COMPLETE_NOTHING, "Reserve so many vCPUs" },
    { 0, "pool", "NAME=AMOUNT", COMPLETE_NOTHING,
      "Reserve so much of a named pool, such as disk space; may be given "
      "several times" },
    { 0, "pci", "BDF", COMPLETE_NOTHING,
      "Reserve a PCI device of the host; may be given several times" },
    { 'e', "expires", "TIME", COMPLETE_NOTHING,
      "For so long: 30s, 10m, 2h; 10m when nothing is said" },
    { 0 }
};

static const struct command_option renew_options[] = {
    { 'e', "expires", "TIME", COMPLETE_NOTHING,
      "For so long from now; 10m when nothing is said" },
    { 0 }
};

static const struct command_option list_options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Of this customer alone (operators)" },
    { 0 }
};

static const struct command_example create_examples[] = {
    { "xl-vdc lease-create --memory 2G --vcpus 2 --expires 5m -o name",
      "Reserve, and print the ID for create --lease." },
    { NULL, NULL }
};
static const struct command_example renew_examples[] = {
    { "xl-vdc lease-renew 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11 --expires 1h",
      "Keep it for an hour from now." },
    { NULL, NULL }
};
static const struct command_example drop_examples[] = {
    { "xl-vdc lease-drop 4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11",
      "It is not needed any more." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc lease-list", "What is reserved, and for how long." },
    { NULL, NULL }
};

static const struct command lease_commands[] = {
    { "lease-create", NULL, "", 0, 0, COMMAND_ACTS | COMMAND_NAMES,
      COMPLETE_NOTHING, create_options, "Reserve resources for a time",
      "What is reserved counts as taken until the lease expires, is dropped, "
      "or is used up by create, start or transaction with --lease. Claimed "
      "says that Xen itself keeps the memory, so that nobody else can take "
      "it.",
      create_examples, run_create },
    { "lease-renew", NULL, "ID", 1, 1, COMMAND_ACTS | COMMAND_NAMES,
      COMPLETE_NOTHING, renew_options, "Keep a lease longer",
      "One that has expired cannot be renewed.", renew_examples, run_renew },
    { "lease-drop", NULL, "ID...", 1, -1, COMMAND_ACTS, COMPLETE_NOTHING,
      NULL, "Give up leases", "What they reserved is free at once.",
      drop_examples, run_drop },
    { "lease-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, list_options, "List leases",
      "Those that have not expired.", list_examples, run_list },
};

const struct command_family family_lease = {
    "Leases", lease_commands,
    sizeof(lease_commands) / sizeof(lease_commands[0])
};
