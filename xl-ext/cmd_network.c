/* network-attach, network-detach, network-list: interfaces of guests. */
#include <inttypes.h>

#include "xl-ext/change.h"
#include "xl-ext/devices.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

static void add_interface(struct output_table *table, struct arena *arena,
                          const struct devices_guest *guest,
                          const struct wire_device *d)
{
    output_table_printf(table, "%" PRIu32, d->devid);
    output_table_printf(table, "%" PRIu32, d->backend_domid);
    output_table_cell(table, output_clean(arena, d->name));
    output_table_printf(table, "%" PRIu32, d->devid);
    output_table_printf(table, "%" PRIu32, d->state);
    output_table_printf(table, "%" PRIu32, d->event_channel);
    output_table_cell(table, output_clean(arena, d->backend_path));
    output_table_cell(table, *d->target ? output_clean(arena, d->target)
                                        : "-");
    output_table_cell(table, output_clean(arena, guest->name));
}

static const struct output_column columns[] = {
    { "Idx", ALIGN_LEFT },       { "BE", ALIGN_LEFT },
    { "Mac Addr.", ALIGN_LEFT }, { "handle", ALIGN_LEFT },
    { "state", ALIGN_LEFT },     { "evt-ch", ALIGN_LEFT },
    { "BE-path", ALIGN_LEFT },   { "Bridge", ALIGN_LEFT },
    { "Guest", ALIGN_LEFT },
};

static int run_network_list(const struct command_args *args,
                            struct vdc_error *err)
{
    static const struct devices_table what = {
        WIRE_RESOURCE_VIF, columns, sizeof(columns) / sizeof(columns[0]),
        add_interface
    };
    return devices_list(args, &what, err);
}

/* ---- the table ---- */

static const struct command_example attach_examples[] = {
    { "xl-vdc network-attach web bridge=xenbr1", "Another interface." },
    { "xl-vdc network-attach web bridge=xenbr1 rate=10Mb/s "
      "mac=00:16:3e:00:00:07",
      "One with an address of your choice and a limit." },
    { NULL, NULL }
};
static const struct command_example detach_examples[] = {
    { "xl-vdc network-detach web 1", "The one of number 1." },
    { "xl-vdc network-detach web 00:16:3e:00:00:07",
      "The one of that address." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc network-list web", "The interfaces of web while it runs." },
    { NULL, NULL }
};

static const struct command network_commands[] = {
    { "network-attach", NULL, "GUEST [KEY=VALUE]...", 1, -1, COMMAND_CHANGES,
      COMPLETE_GUESTS, change_live_options,
      "Give a guest another network interface",
      "The keys are those of the vif list of a domain file, see "
      "xl-network-configuration(5). Without mac an address is chosen, and "
      "printed.",
      attach_examples, change_run },
    { "network-detach", NULL, "GUEST DEVID|MAC", 2, 2, COMMAND_CHANGES,
      COMPLETE_GUESTS, change_detach_options,
      "Take a network interface away from a guest",
      "By number only while the guest runs.", detach_examples, change_run },
    { "network-list", NULL, "GUEST...", 1, -1, COMMAND_READS,
      COMPLETE_GUESTS, guest_plain_options,
      "List network interfaces of guests that run",
      "With xl's columns: Idx is the number of the interface, BE the domain "
      "that serves it, and a state of 4 is connected.",
      list_examples, run_network_list },
};

const struct command_family family_network = {
    "Network interfaces", network_commands,
    sizeof(network_commands) / sizeof(network_commands[0])
};
