/* Operations on disks, network interfaces and PCI devices. */
#include <ctype.h>
#include <string.h>

#include "xl-ext/operation_impl.h"
#include "xl-ext/xlcfg.h"

/* ---- disks ---- */

/* In a specification `target=` takes all the rest. */
static bool has_target(const char *spec)
{
    for (const char *at = spec; (at = strstr(at, "target=")); at++)
        if (at == spec || at[-1] == ',')
            return true;
    return false;
}

/* Arguments from the second on as one specification.  As in xl each ends by
 * itself, so one with `target=` comes last. */
static int join_specs(const struct command_args *args, const char **ret,
                      struct vdc_error *err)
{
    const char *joined = "", *last = NULL;
    for (size_t i = 1; i < args->n_arguments; i++) {
        const char *spec = args->arguments[i];
        if (!has_target(spec))
            joined = arena_printf(args->arena, "%s%s%s", joined,
                                  *joined ? "," : "", spec);
        else if (!last)
            last = spec;
        else
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "the target is given twice: '%s' and '%s'",
                                 last, spec);
    }
    *ret = last ? arena_printf(args->arena, "%s%s%s", joined,
                               *joined ? "," : "", last) : joined;
    return 0;
}

int operation_block_attach(const struct command_args *args,
                           struct wire_operation *op, struct vdc_error *err)
{
    const char *spec;
    int rc = join_specs(args, &spec, err);
    op->kind = WIRE_OP_DISK_ATTACH;
    return rc ? rc : xlcfg_disk(spec, args->arena, &op->disk, err);
}

int operation_block_detach(const struct command_args *args,
                           struct wire_operation *op, struct vdc_error *err)
{
    const char *vdev = args->arguments[1];
    size_t good = strspn(vdev, "abcdefghijklmnopqrstuvwxyz0123456789");
    op->kind = WIRE_OP_DISK_DETACH;
    op->force = command_given(args, "force");
    op->device = vdev;
    if (*vdev && !vdev[good] && good <= 31)
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be a disk's name in the guest",
                           vdev);
    vdc_error_hint(err, "xvdb is one, and so is its number, 51728; 'xl-vdc "
                        "block-list' shows both");
    return rc;
}

/* ---- network interfaces ---- */

int operation_network_attach(const struct command_args *args,
                             struct wire_operation *op, struct vdc_error *err)
{
    const char *joined = "";
    for (size_t i = 1; i < args->n_arguments; i++)
        joined = arena_printf(args->arena, "%s%s%s", joined,
                              *joined ? "," : "", args->arguments[i]);
    op->kind = WIRE_OP_NIC_ATTACH;
    return xlcfg_vif(joined, args->arena, &op->nic, err);
}

/* "00-16-3E-..." is "00:16:3e:..." */
static bool take_mac(const char *text, struct arena *arena, const char **ret)
{
    if (strlen(text) != 17)
        return false;
    char *mac = arena_strdup(arena, text);
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2 ? !strchr(":-", mac[i])
                       : !isxdigit((unsigned char)mac[i]))
            return false;
        mac[i] = i % 3 == 2 ? ':' : (char)tolower((unsigned char)mac[i]);
    }
    *ret = mac;
    return true;
}

int operation_network_detach(const struct command_args *args,
                             struct wire_operation *op, struct vdc_error *err)
{
    const char *word = args->arguments[1];
    uint64_t devid;
    op->kind = WIRE_OP_NIC_DETACH;
    op->force = command_given(args, "force");
    op->device = word;
    if (take_mac(word, args->arena, &op->device) ||
        operation_number(word, "", 0, 65535, &devid, NULL) == 0)
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' is neither a MAC address nor the number "
                           "of an interface", word);
    vdc_error_hint(err, "'xl-vdc network-list' shows both");
    return rc;
}

/* ---- PCI devices ---- */

int operation_pci_attach(const struct command_args *args,
                         struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_PCI_ATTACH;
    return xlcfg_bdf(args->arguments[1], args->arena, &op->device, err);
}

int operation_pci_detach(const struct command_args *args,
                         struct wire_operation *op, struct vdc_error *err)
{
    op->kind = WIRE_OP_PCI_DETACH;
    op->force = command_given(args, "force");
    return xlcfg_bdf(args->arguments[1], args->arena, &op->device, err);
}
