/* vcpu-set, vcpu-pin, vcpu-list, sched-credit2: CPUs of guests. */
#include <inttypes.h>
#include <string.h>

#include "xl-ext/change.h"
#include "xl-ext/devices.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* ---- vcpu-list ---- */

static void add_vcpu(struct output_table *table, struct arena *arena,
                     const struct devices_guest *guest,
                     const struct wire_vcpu *v)
{
    output_table_cell(table, output_clean(arena, guest->name));
    output_table_printf(table, "%" PRIu32, guest->list->partition.domid);
    output_table_printf(table, "%" PRIu32, v->number);
    if (v->online)
        output_table_printf(table, "%" PRIu32, v->cpu);
    else
        output_table_cell(table, "-");
    output_table_cell(table, v->online ? "online" : "offline");
    output_table_printf(table, "%.1f", (double)v->time_ns / 1e9);
    output_table_cell(table, arena_printf(
        arena, "%s / %s", *v->cpus ? v->cpus : "all",
        *v->cpus_soft ? v->cpus_soft : "all"));
}

static void print_vcpus(const struct command_args *args,
                        const struct devices *devices, const void *arg)
{
    static const struct output_column columns[] = {
        { "Name", ALIGN_LEFT },     { "ID", ALIGN_RIGHT },
        { "VCPU", ALIGN_RIGHT },    { "CPU", ALIGN_RIGHT },
        { "State", ALIGN_LEFT },    { "Time(s)", ALIGN_RIGHT },
        { "Affinity (Hard / Soft)", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct devices_guest *guest = &devices->guests[i];
        for (uint32_t k = 0; k < guest->list->n_vcpus; k++)
            add_vcpu(table, args->arena, guest, &guest->list->vcpus[k]);
    }
    output_table_finish(table);
}

static void vcpus_to_json(const struct wire_device_list *list,
                          const void *arg, struct json_out *out)
{
    json_out_key(out, "vcpus");
    json_out_array(out);
    for (uint32_t i = 0; i < list->n_vcpus; i++)
        wire_to_json(&wire_struct_vcpu, &list->vcpus[i], out);
    json_out_array_end(out);
}

static int run_vcpu_list(const struct command_args *args,
                         struct vdc_error *err)
{
    static const struct devices_view view = { print_vcpus, vcpus_to_json };
    return devices_show(args, &view, NULL, err);
}

/* ---- sched-credit2 ---- */

static void sched_to_json(const struct wire_device_list *list,
                          const void *arg, struct json_out *out)
{
    json_out_key(out, "weight");
    json_out_u64(out, list->weight);
    json_out_key(out, "cap");
    json_out_u64(out, list->cap);
    json_out_key(out, "cpupool");
    json_out_string(out, list->pool);
}

static void print_sched(const struct command_args *args,
                        const struct devices *devices)
{
    static const struct output_column columns[] = {
        { "Name", ALIGN_LEFT },    { "ID", ALIGN_RIGHT },
        { "Weight", ALIGN_RIGHT }, { "Cap", ALIGN_RIGHT },
        { "Cpupool", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct wire_device_list *list = devices->guests[i].list;
        output_table_cell(table, output_clean(args->arena,
                                              devices->guests[i].name));
        output_table_printf(table, "%" PRIu32, list->partition.domid);
        output_table_printf(table, "%" PRIu32, list->weight);
        output_table_printf(table, "%" PRIu32, list->cap);
        output_table_cell(table, output_clean(args->arena, list->pool));
    }
    output_table_finish(table);
}

/* Only the guests in that cpupool stay. */
static void keep_pool(struct devices *devices, const char *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < devices->n_guests; i++)
        if (!strcmp(devices->guests[i].list->pool, pool))
            devices->guests[n++] = devices->guests[i];
    devices->n_guests = n;
}

static int show_sched(const struct command_args *args, struct vdc_error *err)
{
    const char *guest = command_value(args, "domain");
    const char *pool = command_value(args, "cpupool");
    struct devices devices;
    if (guest && pool)
        return vdc_error_set(err, VDC_E_USAGE,
                             "--cpupool and --domain do not go together");
    int rc = devices_get(args, &guest, guest != NULL, &devices, err);
    if (rc)
        return rc;
    if (pool)
        keep_pool(&devices, pool);
    if (args->format == FORMAT_JSON)
        devices_print_json(&devices, sched_to_json, NULL);
    else
        print_sched(args, &devices);
    return 0;
}

static int run_sched(const struct command_args *args, struct vdc_error *err)
{
    if (command_given(args, "weight") || command_given(args, "cap"))
        return change_run(args, err);
    return show_sched(args, err);
}

/* ---- the table ---- */

static const struct command_option sched_options[] = {
    { 'd', "domain", "GUEST", COMPLETE_GUESTS, "Of this guest alone" },
    { 'w', "weight", "N", COMPLETE_NOTHING,
      "Its share when CPUs are scarce: 1 to 65535, 256 is usual" },
    { 'c', "cap", "PERCENT", COMPLETE_NOTHING,
      "The most it gets, per cent of one CPU: 50, 200; 0 for no limit" },
    { 'p', "cpupool", "POOL", COMPLETE_NOTHING,
      "Show those in this cpupool alone" },
    CHANGE_LIVE_OPTIONS,
    { 0 }
};

static const struct command_example set_examples[] = {
    { "xl-vdc vcpu-set web 2", "web uses two vCPUs." },
    { NULL, NULL }
};
static const struct command_example pin_examples[] = {
    { "xl-vdc vcpu-pin web 0 2-3", "vCPU 0 of web runs on CPUs 2 and 3." },
    { "xl-vdc vcpu-pin web all - 0-7",
      "All of its vCPUs run rather on CPUs 0 to 7, where they may." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc vcpu-list", "The vCPUs of all guests that run." },
    { "xl-vdc vcpu-list -o json web", "Those of web, for a program." },
    { NULL, NULL }
};
static const struct command_example sched_examples[] = {
    { "xl-vdc sched-credit2", "Weight and cap of all guests that run." },
    { "xl-vdc sched-credit2 -d web -w 512 -c 150",
      "Twice the usual share, and at most one CPU and a half." },
    { NULL, NULL }
};

static const struct command vcpu_commands[] = {
    { "vcpu-set", NULL, "GUEST N", 2, 2, COMMAND_CHANGES, COMPLETE_GUESTS,
      change_live_options, "Say how many vCPUs of a guest are online",
      "At most as many as its maxvcpus. The guest takes them in or gives "
      "them up by itself. When it has not done so in time, what it was told "
      "stands, for it may follow later; how many it uses is printed, and the "
      "exit status is 8.",
      set_examples, change_run },
    { "vcpu-pin", NULL, "GUEST VCPU|all CPUS-HARD [CPUS-SOFT]", 3, 4,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS,
      change_live_options, "Say on which CPUs the vCPUs of a guest run",
      "On the hard ones only; on the soft ones if that can be. CPUs are "
      "written as in xl.cfg(5): 0-3,5,^1, all, nodes:0-1; and '-' leaves "
      "what is.",
      pin_examples, change_run },
    { "vcpu-list", NULL, "[GUEST...]", 0, -1, COMMAND_READS, COMPLETE_GUESTS,
      guest_plain_options, "List vCPUs of guests that run",
      "With xl's columns. CPU is where it ran last.", list_examples,
      run_vcpu_list },
    { "sched-credit2", NULL, "", 0, 0, COMMAND_CHANGES, COMPLETE_NOTHING,
      sched_options, "Show or set weight and cap of guests",
      "Without --weight and --cap, shows them: of all guests that run, or "
      "of one. Setting is for operators.",
      sched_examples, run_sched },
};

const struct command_family family_vcpu = {
    "CPUs", vcpu_commands, sizeof(vcpu_commands) / sizeof(vcpu_commands[0])
};
