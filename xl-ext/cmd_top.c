/*
 * top: what guests use, again and again, as xl top shows it of one host.
 *
 * CPU use is between two samples, by the host's own clock: hosts answer with
 * figures that may be a second old, each with its own age.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"
#include "xl-ext/screen.h"

#define DELAY_MOST 3600
#define COUNT_MOST 99999999
/* Above the guests. */
#define HEAD_LINES 3
/* Of the screen, without the name, which has what is left. */
#define REST_COLUMNS 66
#define NAME_LEAST 12

enum sort { SORT_CPU, SORT_MEMORY, SORT_VCPUS, SORT_TIME, SORT_NAME,
            SORT_HOST, N_SORTS };

static const struct {
    const char *word;
    char key;
} sorts[N_SORTS] = {
    [SORT_CPU] = { "cpu", 'c' },     [SORT_MEMORY] = { "memory", 'm' },
    [SORT_VCPUS] = { "vcpus", 'v' }, [SORT_TIME] = { "time", 't' },
    [SORT_NAME] = { "name", 'n' },   [SORT_HOST] = { "host", 'h' },
};

/* A guest, and what it used since the sample before. */
struct row {
    const struct wire_partition *p;
    const char *name;
    double cpu; /* per cent of one CPU; < 0: not known */
};

struct sample {
    struct arena *arena;
    struct row *rows;
    uint32_t n_rows;
};

struct top {
    struct command_args args; /* with the arena of the sample */
    struct client *client;
    const char *customer;
    enum sort sort;
    bool batch, all;
    uint64_t delay_s, count; /* count 0: no end */
    struct sample now, before;
};

/* ---- samples ---- */

static int compare_uuids(const void *a, const void *b)
{
    const struct row *p = a, *q = b;

    return memcmp(&p->p->uuid, &q->p->uuid, sizeof(p->p->uuid));
}

/* A domain that was built anew, or is on another host, begins again. */
static double cpu_of(const struct wire_partition *p,
                     const struct wire_partition *before)
{
    if (!before || !p->domid || before->domid != p->domid ||
        before->started_ms != p->started_ms ||
        strcmp(before->host, p->host) != 0 ||
        p->sampled_ms <= before->sampled_ms ||
        p->cpu_time_ns < before->cpu_time_ns)
        return -1;
    return (double)(p->cpu_time_ns - before->cpu_time_ns) / 1e4 /
           (double)(p->sampled_ms - before->sampled_ms);
}

/* Hosts take their figures once a second: one that had no new ones is said to
 * use what it did. */
static void fill_row(struct top *top, const struct wire_partition *p,
                     struct row *row)
{
    const struct row key = { .p = p };
    const struct row *before =
        top->before.n_rows ? bsearch(&key, top->before.rows,
                                     top->before.n_rows, sizeof(key),
                                     compare_uuids)
                           : NULL;

    row->p = p;
    row->name = arena_printf(top->now.arena, "%s%s%s", p->customer,
                             *p->customer ? "." : "", p->name);
    row->name = output_clean(top->now.arena, row->name);
    row->cpu = cpu_of(p, before ? before->p : NULL);
    if (before && row->cpu < 0 && p->domid == before->p->domid &&
        p->sampled_ms == before->p->sampled_ms)
        row->cpu = before->cpu;
}

static void forget(struct sample *sample)
{
    arena_free(sample->arena);
    *sample = (struct sample){ 0 };
}

/* What was `now` is `before`. */
static int take_sample(struct top *top, struct vdc_error *err)
{
    struct wire_partition_query query;
    const struct wire_partition_list *list;
    const void *body;

    forget(&top->before);
    top->before = top->now;
    if (top->before.n_rows)
        qsort(top->before.rows, top->before.n_rows, sizeof(struct row),
              compare_uuids);
    top->now = (struct sample){ .arena = arena_new() };
    top->args.arena = top->now.arena;
    wire_init(&wire_struct_partition_query, &query);
    query.customer = top->customer;
    int rc = client_list(top->client, WIRE_MSG_partition_list, &query, &body,
                         err);
    if (rc)
        return rc;
    list = body;
    top->now.rows =
        ARENA_ARRAY(top->now.arena, list->n_partitions + 1, struct row);
    for (uint32_t i = 0; i < list->n_partitions; i++)
        if (top->all || list->partitions[i].domid)
            fill_row(top, &list->partitions[i],
                     &top->now.rows[top->now.n_rows++]);
    return 0;
}

/* ---- order ---- */

static enum sort order;

static int falling(double a, double b)
{
    return a > b ? -1 : a < b;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *p = a, *q = b;
    int by = 0;

    switch (order) {
    case SORT_CPU:
        by = falling(p->cpu, q->cpu);
        break;
    case SORT_MEMORY:
        by = falling((double)p->p->memory.kib, (double)q->p->memory.kib);
        break;
    case SORT_VCPUS:
        by = falling(p->p->vcpus, q->p->vcpus);
        break;
    case SORT_TIME:
        by = falling((double)p->p->cpu_time_ns, (double)q->p->cpu_time_ns);
        break;
    case SORT_HOST:
        by = strcmp(p->p->host, q->p->host);
        break;
    case SORT_NAME:
    case N_SORTS:
        break;
    }
    return by ? by : strcmp(p->name, q->name);
}

static void sort_rows(struct top *top)
{
    order = top->sort;
    if (top->now.n_rows)
        qsort(top->now.rows, top->now.n_rows, sizeof(struct row),
              compare_rows);
}

/* ---- what is shown ---- */

static const char *state_of(const struct row *row)
{
    bool lives = row->p->state == WIRE_RUNNING ||
        row->p->state == WIRE_PAUSED || row->p->state == WIRE_STOPPING;

    return lives && *row->p->flags
        ? row->p->flags
        : wire_enum_word(&wire_enum_partition_state, (int)row->p->state);
}

static const char *cpu_text(const struct top *top, double cpu)
{
    return cpu < 0 ? "-" : arena_printf(top->now.arena, "%.1f", cpu);
}

static void print_sums(const struct top *top)
{
    char time[32], memory[32];
    struct mem mem = { 0 };
    double cpu = 0;
    bool known = false;

    for (uint32_t i = 0; i < top->now.n_rows; i++) {
        const struct row *row = &top->now.rows[i];
        if (row->p->domid)
            mem.kib += row->p->memory.kib;
        cpu += row->cpu > 0 ? row->cpu : 0;
        known |= row->cpu >= 0;
    }
    printf("%s  %" PRIu32 " guest%s, CPU %s%%, memory %s\n",
           clock_wall_format(clock_wall(), time, sizeof(time)),
           top->now.n_rows, top->now.n_rows == 1 ? "" : "s",
           cpu_text(top, known ? cpu : -1),
           units_mem_format(mem, memory, sizeof(memory)));
}

static void print_json(const struct top *top)
{
    struct json_out *out = json_out_new(false);

    json_out_object(out);
    json_out_key(out, "time_ms");
    json_out_u64(out, clock_wall().ms);
    json_out_key(out, "guests");
    json_out_array(out);
    for (uint32_t i = 0; i < top->now.n_rows; i++) {
        const struct row *row = &top->now.rows[i];
        json_out_object(out);
        json_out_key(out, "cpu_percent");
        if (row->cpu < 0)
            json_out_null(out);
        else
            json_out_double(out, row->cpu);
        json_out_key(out, "partition");
        wire_to_json(&wire_struct_partition, row->p, out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    output_json(out);
}

static void print_table(const struct top *top)
{
    static const struct output_column columns[] = {
        { "Name", ALIGN_LEFT },     { "Host", ALIGN_LEFT },
        { "State", ALIGN_LEFT },    { "CPU(%)", ALIGN_RIGHT },
        { "Time(s)", ALIGN_RIGHT }, { "Mem", ALIGN_RIGHT },
        { "VCPUs", ALIGN_RIGHT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    print_sums(top);
    for (uint32_t i = 0; i < top->now.n_rows; i++) {
        const struct row *row = &top->now.rows[i];
        output_table_cell(table, row->name);
        output_table_cell(table, output_clean(top->now.arena, row->p->host));
        output_table_cell(table, state_of(row));
        output_table_cell(table, cpu_text(top, row->cpu));
        output_table_printf(table, "%.1f", (double)row->p->cpu_time_ns / 1e9);
        output_table_printf(table, "%" PRIu64, row->p->memory.kib / 1024);
        output_table_printf(table, "%" PRIu32, row->p->vcpus);
    }
    output_table_finish(table);
}

/* As much as fits; names that are too long are cut. */
static void print_screen(const struct top *top)
{
    unsigned lines, columns;
    screen_size(&lines, &columns);
    int name = columns > REST_COLUMNS + NAME_LEAST
                   ? (int)(columns - REST_COLUMNS)
                   : NAME_LEAST;
    uint32_t room = lines > HEAD_LINES + 1 ? lines - HEAD_LINES - 1 : 1;

    screen_clear();
    print_sums(top);
    printf("q quits; order by (c)pu, (m)emory, (v)cpus, (t)ime, (n)ame, "
           "(h)ost\n%-*s %-16s %-10s %8s %10s %9s %6s\n",
           name, "Name", "Host", "State", "CPU(%)", "Time(s)", "Mem", "VCPUs");
    for (uint32_t i = 0; i < top->now.n_rows && i < room; i++) {
        const struct row *row = &top->now.rows[i];
        printf("%-*.*s %-16.16s %-10.10s %8s %10.1f %9" PRIu64 " %6" PRIu32
               "\n", name, name, row->name,
               output_clean(top->now.arena, row->p->host), state_of(row),
               cpu_text(top, row->cpu), (double)row->p->cpu_time_ns / 1e9,
               row->p->memory.kib / 1024, row->p->vcpus);
    }
    fflush(stdout);
}

/* ---- again and again ---- */

static int run_batch(struct top *top, struct vdc_error *err)
{
    int rc = take_sample(top, err);

    for (uint64_t i = 0; !rc && (!top->count || i < top->count); i++) {
        sleep((unsigned)top->delay_s);
        rc = take_sample(top, err);
        if (rc)
            break;
        sort_rows(top);
        if (top->args.format == FORMAT_JSON)
            print_json(top);
        else
            print_table(top);
        /* a reader that has gone away ends this */
        if (fflush(stdout))
            break;
    }
    return rc;
}

/* Until it is time for another sample; false: it is to end. */
static bool take_keys(struct top *top)
{
    uint64_t until_ms = clock_mono().ms + top->delay_s * 1000;
    uint64_t now_ms;

    while ((now_ms = clock_mono().ms) < until_ms) {
        int key = screen_key((unsigned)(until_ms - now_ms));
        if (key == 'q' || key == 'Q' || key == 0)
            return false;
        for (int i = 0; i < N_SORTS; i++)
            if (key == sorts[i].key)
                top->sort = (enum sort)i;
        sort_rows(top);
        print_screen(top);
    }
    return true;
}

static int run_screen(struct top *top, struct vdc_error *err)
{
    int rc = take_sample(top, err);

    if (rc)
        return rc;
    if (!screen_begin())
        return vdc_error_set(err, VDC_E_USAGE,
                             "this is no terminal: --batch prints one sample "
                             "after the other");
    for (uint64_t i = 1; !rc; i++) {
        sort_rows(top);
        print_screen(top);
        if ((top->count && i > top->count) || !take_keys(top))
            break;
        rc = take_sample(top, err);
    }
    screen_end();
    return rc;
}

/* ---- the command ---- */

static int take_number(const struct command_args *args, const char *option,
                       uint64_t most, uint64_t *ret, struct vdc_error *err)
{
    const char *value = command_value(args, option);
    size_t len = value ? strspn(value, "0123456789") : 0;

    if (!value)
        return 0;
    uint64_t n = len && len < 10 && !value[len] ? strtoull(value, NULL, 10)
                                                : 0;
    if (!n || n > most)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--%s wants a number from 1 to %" PRIu64
                             ", got '%.40s'", option, most, value);
    *ret = n;
    return 0;
}

static int take_sort(const struct command_args *args, enum sort *ret,
                     struct vdc_error *err)
{
    const char *value = command_value(args, "sort");

    for (int i = 0; value && i < N_SORTS; i++) {
        if (strcmp(value, sorts[i].word) != 0)
            continue;
        *ret = (enum sort)i;
        return 0;
    }
    return value ? vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "--sort wants cpu, memory, vcpus, time, name "
                                 "or host, got '%.40s'", value)
                 : 0;
}

static int run_top(const struct command_args *args, struct vdc_error *err)
{
    struct top top = { .args = *args, .delay_s = 3 };
    const char *customer = command_value(args, "customer");
    int rc = take_number(args, "delay", DELAY_MOST, &top.delay_s, err);

    if (!rc)
        rc = take_number(args, "iterations", COUNT_MOST, &top.count, err);
    if (!rc)
        rc = take_sort(args, &top.sort, err);
    if (!rc && customer && strlen(customer) > 31)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.40s...' is too long for a customer's name",
                           customer);
    if (!rc)
        rc = client_open(&top.args, &top.client, err);
    if (rc)
        return rc;
    top.customer = customer ? customer : "";
    top.all = command_given(args, "all");
    top.batch =
        command_given(args, "batch") || args->format == FORMAT_JSON;
    rc = top.batch ? run_batch(&top, err) : run_screen(&top, err);
    client_close(top.client);
    forget(&top.before);
    forget(&top.now);
    return rc;
}

static const struct command_option top_options[] = {
    { 'd', "delay", "SECONDS", COMPLETE_NOTHING,
      "Between two samples; 3 when nothing is said" },
    { 'b', "batch", NULL, COMPLETE_NOTHING,
      "Print one sample after the other, for a file or a program; so does "
      "-o json, an object a line" },
    { 'i', "iterations", "N", COMPLETE_NOTHING, "End after so many" },
    { 's', "sort", "KEY", COMPLETE_NOTHING,
      "cpu, memory, vcpus, time, name or host" },
    { 'a', "all", NULL, COMPLETE_NOTHING, "Also guests that do not run" },
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Only this customer's (operators)" },
    { 0 }
};

static const struct command_example top_examples[] = {
    { "xl-vdc top", "Until q or Ctrl-C." },
    { "xl-vdc top -b -i 1 -d 10 -s memory",
      "What they used in 10 seconds, by memory." },
    { NULL, NULL }
};

static const struct command top_commands[] = {
    { "top", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING, top_options,
      "Show what guests use, again and again",
      "Of all hosts; a customer sees its own guests. CPU is per cent of one "
      "CPU since the sample before, so that a guest of two vCPUs may have "
      "200, and - where there is none yet; Time is what it has used since its "
      "domain was built, Mem in MiB. The keys c, m, v, t, n and h change the "
      "order, q and Ctrl-C end it. A host takes its figures once a second; "
      "while it has no newer ones the last CPU stays.",
      top_examples, run_top },
};

const struct command_family family_top = {
    "Use", top_commands, sizeof(top_commands) / sizeof(top_commands[0])
};
