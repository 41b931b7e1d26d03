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

static const struct output_column columns[] = {
    { "Vdev", ALIGN_LEFT },    { "BE", ALIGN_LEFT },
    { "handle", ALIGN_LEFT },  { "state", ALIGN_LEFT },
    { "evt-ch", ALIGN_LEFT },  { "BE-path", ALIGN_LEFT },
    { "Name", ALIGN_LEFT },    { "Mode", ALIGN_LEFT },
    { "Target", ALIGN_LEFT },  { "Guest", ALIGN_LEFT },
};

static int run_block_list(const struct command_args *args,
                          struct vdc_error *err)
{
    static const struct devices_table what = {
        WIRE_RESOURCE_DISK, columns, sizeof(columns) / sizeof(columns[0]),
        add_disk
    };
    return devices_list(args, &what, err);
}

/* ---- the table ---- */

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
      COMPLETE_GUESTS, change_live_options, "Give a guest another disk",
      "DISK-SPEC is as in the disk list of a domain file, see "
      "xl-disk-configuration(5): TARGET,FORMAT,VDEV,ACCESS or KEY=VALUE. "
      "Several of them together describe the one disk. The target is a file "
      "or device on the host.",
      attach_examples, change_run },
    { "block-detach", NULL, "GUEST VDEV|DEVID", 2, 2, COMMAND_CHANGES,
      COMPLETE_GUESTS, change_detach_options, "Take a disk away from a guest",
      "The guest must let go of it first; one that does not keeps it, unless "
      "--force is given. By number only while the guest runs.",
      detach_examples, change_run },
    { "block-list", NULL, "GUEST...", 1, -1, COMMAND_READS, COMPLETE_GUESTS,
      guest_plain_options, "List disks of guests that run",
      "With xl's columns: Vdev is the number of the device, BE the domain "
      "that serves it, and a state of 4 is connected.",
      list_examples, run_block_list },
};

const struct command_family family_block = {
    "Disks", block_commands,
    sizeof(block_commands) / sizeof(block_commands[0])
};
