/*
 * usage: what customers used, period by period, for bills.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"
#include "xl-ext/when.h"

#define FROM_DEFAULT "24h"
#define HOUR_MS 3600000.0

static int take_when(const struct command_args *args, const char *option,
                     const char *fallback, uint64_t *ret,
                     struct vdc_error *err)
{
    const char *text = command_value(args, option);
    if (!text && !fallback)
        return 0;
    int rc = when_parse(text ? text : fallback, ret, err);
    if (rc)
        vdc_error_prefix(err, "--%s", option);
    return rc;
}

/* Amounts of what counts in bills, in hours. */
static void print_hours(char *buf, size_t size, uint64_t amount_ms,
                        double unit)
{
    snprintf(buf, size, "%.4f", (double)amount_ms / HOUR_MS / unit);
}

static void print_csv(const struct wire_use_list *list)
{
    char start[32];
    printf("customer,start,length_s,guest_hours,running_hours,"
           "running_memory_mib_hours,running_vcpu_hours,disk_gib_hours,"
           "memory_mib_hours,vcpu_hours,network_hours,complete\n");
    for (uint32_t i = 0; i < list->n_uses; i++) {
        const struct wire_use *u = &list->uses[i];
        clock_wall_rfc3339((struct wall){ u->start_ms }, start,
                           sizeof(start));
        printf("%s,%s,%" PRIu64 ",%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,"
               "%s\n", u->customer, start, u->length_ms / 1000,
               (double)u->guest_ms / HOUR_MS,
               (double)u->running_ms / HOUR_MS,
               (double)u->running_memory_mib_ms / HOUR_MS,
               (double)u->running_vcpu_ms / HOUR_MS,
               (double)u->disk_mib_ms / HOUR_MS / 1024,
               (double)u->memory_mib_ms / HOUR_MS,
               (double)u->vcpu_ms / HOUR_MS,
               (double)u->network_ms / HOUR_MS, u->open ? "no" : "yes");
    }
}

static void print_table(const struct wire_use_list *list)
{
    static const struct output_column columns[] = {
        { "Period", ALIGN_LEFT },         { "Customer", ALIGN_LEFT },
        { "Guests h", ALIGN_RIGHT },      { "Running h", ALIGN_RIGHT },
        { "Memory MiB h", ALIGN_RIGHT },  { "VCPUs h", ALIGN_RIGHT },
        { "Disk GiB h", ALIGN_RIGHT },
    };
    struct output_table *table = output_table_new(columns, 7);
    char buf[32];
    for (uint32_t i = 0; i < list->n_uses; i++) {
        const struct wire_use *u = &list->uses[i];
        output_table_cell(table,
                          clock_wall_format((struct wall){ u->start_ms }, buf,
                                            sizeof(buf)));
        output_table_cell(table, u->customer);
        print_hours(buf, sizeof(buf), u->guest_ms, 1);
        output_table_cell(table, buf);
        print_hours(buf, sizeof(buf), u->running_ms, 1);
        output_table_cell(table, buf);
        print_hours(buf, sizeof(buf), u->running_memory_mib_ms, 1);
        output_table_cell(table, buf);
        print_hours(buf, sizeof(buf), u->running_vcpu_ms, 1);
        output_table_cell(table, buf);
        print_hours(buf, sizeof(buf), u->disk_mib_ms, 1024);
        output_table_cell(table, buf);
    }
    output_table_finish(table);
}

static int run_usage(const struct command_args *args, struct vdc_error *err)
{
    struct wire_use_query query;
    const void *body;
    wire_init(&wire_struct_use_query, &query);
    int rc = guest_customer(args, &query.customer, err);
    if (rc == 0)
        rc = take_when(args, "from", FROM_DEFAULT, &query.from_ms, err);
    if (rc == 0)
        rc = take_when(args, "to", NULL, &query.to_ms, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_use_list, &query, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_use_list, body);
    else if (command_given(args, "csv"))
        print_csv(body);
    else
        print_table(body);
    return 0;
}

static const struct command_option options[] = {
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Of this customer and its projects alone" },
    { 0, "from", "WHEN", COMPLETE_NOTHING,
      "From then on: a date (2026-03-01, 2026-03-01T14:05Z) or how long ago "
      "(30m, 7d); 24h when nothing is said" },
    { 0, "to", "WHEN", COMPLETE_NOTHING, "Until then; now when nothing is "
      "said" },
    { 0, "csv", NULL, COMPLETE_NOTHING,
      "As comma-separated values, with all that is known" },
    { 0 }
};

static const struct command_example examples[] = {
    { "xl-vdc usage --from 2026-03-01 --to 2026-04-01 --csv",
      "What every customer used in March, hour by hour." },
    { NULL, NULL }
};

static const struct command usage_commands[] = {
    { "usage", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING, options,
      "Show what customers used",
      "For each customer and project, and each hour (policyd's setting "
      "usage_period): hours of guests that there were and of those that ran, "
      "and what they had, times hours; memory and vCPUs of those that ran, "
      "disks of all. It is the sum over the times that are recorded with "
      "each change, so it does not matter whether policyd ran all the time. "
      "A project counts by itself, not for its customer. JSON has amounts "
      "times milliseconds.",
      examples, run_usage },
};

const struct command_family family_usage = {
    "Usage", usage_commands,
    sizeof(usage_commands) / sizeof(usage_commands[0])
};
