/* block-attach, block-detach, block-list: disks of guests. */
#include <inttypes.h>

#include "xl-ext/change.h"
#include "xl-ext/devices.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

static void add_disk(struct output_table *table, struct arena *arena,
                     const struct devices_guest *guest,
                     const struct wire_device *d)
{
    output_table_printf(table, "%" PRIu32, d->devid);
    output_table_printf(table, "%" PRIu32, d->backend_domid);
    output_table_printf(table, "%" PRIu32, guest->list->partition.domid);
    output_table_printf(table, "%" PRIu32, d->state);
    output_table_printf(table, "%" PRIu32, d->event_channel);
    output_table_cell(table, output_clean(arena, d->backend_path));
    output_table_cell(table, output_clean(arena, d->name));
    output_table_cell(table, d->readonly ? "r" : "w");
    output_table_cell(table, output_clean(arena, d->target));
    output_table_cell(table, output_clean(arena, guest->name));
}

static void print_disks(const struct command_args *args,
                        const struct devices *devices)
{
    static const struct output_column columns[] = {
        { "Vdev", ALIGN_LEFT },    { "BE", ALIGN_LEFT },
        { "handle", ALIGN_LEFT },  { "state", ALIGN_LEFT },
        { "evt-ch", ALIGN_LEFT },  { "BE-path", ALIGN_LEFT },
        { "Name", ALIGN_LEFT },    { "Mode", ALIGN_LEFT },
        { "Target", ALIGN_LEFT },  { "Guest", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct devices_guest *guest = &devices->guests[i];
        for (uint32_t k = 0; k < guest->list->n_devices; k++)
            if (guest->list->devices[k].kind == WIRE_RESOURCE_DISK)
                add_disk(table, args->arena, guest,
                         &guest->list->devices[k]);
    }
    output_table_finish(table);
}

static void disks_to_json(const struct wire_device_list *list,
                          struct json_out *out)
{
    devices_to_json(list, WIRE_RESOURCE_DISK, out);
}

static int run_block_list(const struct command_args *args,
                          struct vdc_error *err)
{
    struct devices devices;
    int rc = devices_get(args, args->arguments, args->n_arguments, &devices,
                         err);
    if (rc && !devices.n_guests)
        return rc;
    if (args->format == FORMAT_JSON)
        devices_print_json(&devices, disks_to_json);
    else
        print_disks(args, &devices);
    return rc;
}

/* ---- the table ---- */

static const struct command_option attach_options[] = {
    CHANGE_LIVE_OPTIONS,
    { 0 }
};

static const struct command_option detach_options[] = {
    CHANGE_FORCE_OPTION,
    CHANGE_LIVE_OPTIONS,
    { 0 }
};

static const struct command_option list_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 0 }
};

static const struct command_example attach_examples[] = {
    { "xl-vdc block-attach web phy:/dev/vg/data,xvdb,w",
      "The volume is the guest's xvdb from now on." },
    { "xl-vdc block-attach --live-only web /srv/install.iso raw xvdc r",
      "The same in words of their own, only until the guest stops." },
    { NULL, NULL }
};
static const struct command_example detach_examples[] = {
    { "xl-vdc block-detach web xvdb", "When the guest has unmounted it." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc block-list web", "The disks of web while it runs." },
    { NULL, NULL }
};

static const struct command block_commands[] = {
    { "block-attach", NULL, "GUEST DISK-SPEC...", 2, -1, COMMAND_CHANGES,
      COMPLETE_GUESTS, attach_options, "Give a guest another disk",
      "DISK-SPEC is as in the disk list of a domain file, see "
      "xl-disk-configuration(5): TARGET,FORMAT,VDEV,ACCESS or KEY=VALUE. "
      "Several of them together describe the one disk. The target is a file "
      "or device on the host.",
      attach_examples, change_run },
    { "block-detach", NULL, "GUEST VDEV|DEVID", 2, 2, COMMAND_CHANGES,
      COMPLETE_GUESTS, detach_options, "Take a disk away from a guest",
      "The guest must let go of it first; one that does not keeps it, unless "
      "--force is given. By number only while the guest runs.",
      detach_examples, change_run },
    { "block-list", NULL, "GUEST...", 1, -1, COMMAND_READS, COMPLETE_GUESTS,
      list_options, "List disks of guests that run",
      "With xl's columns: Vdev is the number of the device, BE the domain "
      "that serves it, and a state of 4 is connected.",
      list_examples, run_block_list },
};

const struct command_family family_block = {
    "Disks", block_commands,
    sizeof(block_commands) / sizeof(block_commands[0])
};
