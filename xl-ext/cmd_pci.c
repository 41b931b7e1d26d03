/* pci-attach, pci-detach, pci-list: devices of the host that guests have. */
#include <inttypes.h>

#include "xl-ext/change.h"
#include "xl-ext/devices.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

static void print_devices(const struct command_args *args,
                          const struct devices *devices)
{
    static const struct output_column columns[] = {
        { "Device", ALIGN_LEFT },
        { "state", ALIGN_LEFT },
        { "Guest", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct devices_guest *guest = &devices->guests[i];
        for (uint32_t k = 0; k < guest->list->n_devices; k++) {
            const struct wire_device *d = &guest->list->devices[k];
            if (d->kind != WIRE_RESOURCE_PCI)
                continue;
            output_table_cell(table, output_clean(args->arena, d->name));
            output_table_printf(table, "%" PRIu32, d->state);
            output_table_cell(table, output_clean(args->arena, guest->name));
        }
    }
    output_table_finish(table);
}

static void devices_of_list_to_json(const struct wire_device_list *list,
                                    struct json_out *out)
{
    devices_to_json(list, WIRE_RESOURCE_PCI, out);
}

static int run_pci_list(const struct command_args *args,
                        struct vdc_error *err)
{
    struct devices devices;
    int rc = devices_get(args, args->arguments, args->n_arguments, &devices,
                         err);
    if (rc && !devices.n_guests)
        return rc;
    if (args->format == FORMAT_JSON)
        devices_print_json(&devices, devices_of_list_to_json);
    else
        print_devices(args, &devices);
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
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS, attach_options,
      "Give a guest a PCI device of the host",
      "BDF is what lspci prints, with or without the domain. The device must "
      "have been made assignable with 'xl pci-assignable-add'.",
      attach_examples, change_run },
    { "pci-detach", NULL, "GUEST BDF", 2, 2,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS, detach_options,
      "Take a PCI device away from a guest",
      "The guest must let go of it first, unless --force is given.",
      detach_examples, change_run },
    { "pci-list", NULL, "GUEST...", 1, -1, COMMAND_READS, COMPLETE_GUESTS,
      list_options, "List PCI devices that guests have",
      "Of guests that run. A state of 4 is connected.", list_examples,
      run_pci_list },
};

const struct command_family family_pci = {
    "PCI devices", pci_commands,
    sizeof(pci_commands) / sizeof(pci_commands[0])
};
