/*
 * Customers as text; see customer.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "xl-ext/customer.h"
#include "xl-ext/output.h"

static const char *limit_mem(struct arena *arena, int64_t kib)
{
    char buf[32];

    return kib < 0 ? "-"
                   : arena_strdup(arena, units_mem_format(MEM_KIB(kib), buf,
                                                          sizeof(buf)));
}

static const char *limit_count(struct arena *arena, int64_t n)
{
    return n < 0 ? "-" : arena_printf(arena, "%" PRId64, n);
}

static const char *used_mem(struct arena *arena, struct mem mem)
{
    return mem.kib ? limit_mem(arena, (int64_t)mem.kib) : "0";
}

void customer_print_list(struct arena *arena,
                         const struct wire_customer_list *list)
{
    static const struct output_column columns[] = {
        { "Customer", ALIGN_LEFT }, { "Guests", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "Memory", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "VCPUs", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "Disk", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    for (uint32_t i = 0; i < list->n_customers; i++) {
        const struct wire_customer *c = &list->customers[i];
        output_table_cell(table, c->name);
        output_table_printf(table, "%" PRIu64, c->usage.guests);
        output_table_cell(table, limit_count(arena, c->quota.guests));
        output_table_cell(table, used_mem(arena, c->usage.memory));
        output_table_cell(table, limit_mem(arena, c->quota.memory_kib));
        output_table_printf(table, "%" PRIu64, c->usage.vcpus);
        output_table_cell(table, limit_count(arena, c->quota.vcpus));
        output_table_cell(table, used_mem(arena, c->usage.disk));
        output_table_cell(table, limit_mem(arena, c->quota.disk_kib));
    }
    output_table_finish(table);
}

/* ---- one ---- */

struct row {
    struct output_table *table;
    struct arena *arena;
};

static void row_mem(const struct row *row, const char *name, struct mem used,
                    int64_t limit, struct mem running, int64_t running_limit)
{
    output_table_cell(row->table, name);
    output_table_cell(row->table, used_mem(row->arena, used));
    output_table_cell(row->table, limit_mem(row->arena, limit));
    output_table_cell(row->table, used_mem(row->arena, running));
    output_table_cell(row->table, limit_mem(row->arena, running_limit));
}

static void row_count(const struct row *row, const char *name, uint64_t used,
                      int64_t limit, uint64_t running, int64_t running_limit)
{
    output_table_cell(row->table, name);
    output_table_printf(row->table, "%" PRIu64, used);
    output_table_cell(row->table, limit_count(row->arena, limit));
    output_table_printf(row->table, "%" PRIu64, running);
    output_table_cell(row->table, limit_count(row->arena, running_limit));
}

static void print_quota(struct arena *arena, const struct wire_customer *c)
{
    static const struct output_column columns[] = {
        { "quota", ALIGN_LEFT }, { "used", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },   { "running", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },
    };
    const struct wire_usage *u = &c->usage;
    const struct wire_quota *q = &c->quota;
    const struct row row = { output_table_new(columns, 5), arena };

    row_count(&row, "guests", u->guests, q->guests, u->running_guests,
              q->running_guests);
    row_mem(&row, "memory", u->memory, q->memory_kib, u->running_memory,
            q->running_memory_kib);
    row_count(&row, "vcpus", u->vcpus, q->vcpus, u->running_vcpus,
              q->running_vcpus);
    row_mem(&row, "disk", u->disk, q->disk_kib, u->running_disk,
            q->running_disk_kib);
    row_count(&row, "networks", u->networks, q->networks, u->running_networks,
              q->running_networks);
    output_table_cell(row.table, "channels"); /* of what runs alone */
    output_table_cell(row.table, "");
    output_table_cell(row.table, "");
    output_table_printf(row.table, "%" PRIu64, u->channels);
    output_table_cell(row.table, limit_count(arena, q->channels));
    output_table_finish(row.table);
}

static const char *bound(struct arena *arena, const struct wire_bound *b,
                         int64_t value)
{
    if (b->kind == WIRE_BOUND_MEMORY || b->kind == WIRE_BOUND_DISK)
        return limit_mem(arena, value);
    return limit_count(arena, value);
}

static void print_bounds(struct arena *arena, const struct wire_customer *c)
{
    static const struct output_column columns[] = {
        { "each guest", ALIGN_LEFT }, { "least", ALIGN_RIGHT },
        { "set for", ALIGN_LEFT },    { "most", ALIGN_RIGHT },
        { "set for", ALIGN_LEFT },
    };
    struct output_table *table;

    if (!c->n_bounds)
        return;
    table = output_table_new(columns, 5);
    for (uint32_t i = 0; i < c->n_bounds; i++) {
        const struct wire_bound *b = &c->bounds[i];
        output_table_cell(table,
                          wire_enum_word(&wire_enum_bound_kind, (int)b->kind));
        output_table_cell(table, bound(arena, b, b->min));
        output_table_cell(table, *b->min_by ? b->min_by : "-");
        output_table_cell(table, bound(arena, b, b->max));
        output_table_cell(table, *b->max_by ? b->max_by : "-");
    }
    output_table_finish(table);
}

void customer_print(struct arena *arena, const struct wire_customer *c)
{
    char buf[32];

    printf("%-12s %s\n", strchr(c->name, '_') ? "project" : "customer",
           c->name);
    if (c->created_ms) /* provider was never made */
        printf("%-12s %s\n", "since",
               clock_wall_format((struct wall){ c->created_ms }, buf,
                                 sizeof(buf)));
    for (uint32_t i = 0; i < c->n_logins; i++)
        printf("%-12s %s (uid %" PRIu32 "), %s\n", i ? "" : "users",
               output_clean(arena, c->logins[i].user), c->logins[i].uid,
               wire_enum_word(&wire_enum_role, (int)c->logins[i].role));
    print_quota(arena, c);
    print_bounds(arena, c);
}
