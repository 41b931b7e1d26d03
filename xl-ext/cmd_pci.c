/* pci-attach, pci-detach, pci-list: devices of the host that guests have. */
#include <inttypes.h>

#include "xl-ext/change.h"
#include "xl-ext/devices.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

static void add_pci(struct output_table *table, struct arena *arena,
                    const struct devices_guest *guest,
                    const struct wire_device *d)
{
    output_table_cell(table, output_clean(arena, d->name));
    output_table_printf(table, "%" PRIu32, d->state);
    output_table_cell(table, output_clean(arena, guest->name));
}

static const struct output_column columns[] = {
    { "Device", ALIGN_LEFT },
    { "state", ALIGN_LEFT },
    { "Guest", ALIGN_LEFT },
};

static int run_pci_list(const struct command_args *args,
                        struct vdc_error *err)
{
    static const struct devices_table what = {
        WIRE_RESOURCE_PCI, columns, sizeof(columns) / sizeof(columns[0]),
        add_pci
    };
    return devices_list(args, &what, err);
}

/* ---- the table ---- */

static const struct command_example attach_examples[] = {
    { "xl-vdc pci-attach web 0000:03:00.0", "The device is web's." },
    { NULL, NULL }
};
static const struct command_example detach_examples[] = {
    { "xl-vdc pci-detach web 03:00.0", "It is the host's again." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc pci-list web", "The devices of the host that web has." },
    { NULL, NULL }
};

static const struct command pci_commands[] = {
    { "pci-attach", NULL, "GUEST BDF", 2, 2,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS, change_live_options,
      "Give a guest a PCI device of the host",
      "BDF is what lspci prints, with or without the domain. The device must "
      "have been made assignable with 'xl pci-assignable-add'.",
      attach_examples, change_run },
    { "pci-detach", NULL, "GUEST BDF", 2, 2,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS,
      change_detach_options,
      "Take a PCI device away from a guest",
      "The guest must let go of it first, unless --force is given.",
      detach_examples, change_run },
    { "pci-list", NULL, "GUEST...", 1, -1, COMMAND_READS, COMPLETE_GUESTS,
      guest_plain_options, "List PCI devices that guests have",
      "Of guests that run. A state of 4 is connected.", list_examples,
      run_pci_list },
};

const struct command_family family_pci = {
    "PCI devices", pci_commands,
    sizeof(pci_commands) / sizeof(pci_commands[0])
};
