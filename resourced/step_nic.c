/* Steps that give a guest a network interface more or less. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/step_device.h"

#define NICS_MAX 64 /* of a definition, in wire.def */
#define MAC_LEN 17
#define CHOICES 16 /* how often a MAC is chosen that somebody has */

static const struct wire_nic *find(const struct wire_definition *definition,
                                   const char *mac)
{
    for (uint32_t i = 0; definition && i < definition->n_nics; i++)
        if (strcasecmp(definition->nics[i].mac, mac) == 0)
            return &definition->nics[i];
    return NULL;
}

/* ---- attach: checks ---- */

static bool is_mac(const char *mac)
{
    for (unsigned i = 0; i < MAC_LEN; i++)
        if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
            return false;
    return mac[MAC_LEN] == '\0';
}

/* The lowest bit of the first byte makes an address that of a group. */
static bool is_group(const char *mac)
{
    char digit[] = { mac[1], '\0' };

    return strtoul(digit, NULL, 16) & 1;
}

static bool row_has(const struct partition_row *row, const char *mac)
{
    return row && (find(&row->definition, mac) ||
                   (row->domid != HV_DOMID_NONE && find(&row->live, mac)));
}

/* Whose address it is, or is about to be; NULL: nobody's. */
static const struct partition *holder_of(const struct operation *op,
                                         const char *mac)
{
    const struct partition *other;

    TAILQ_FOREACH (other, &op->host->partitions.all, in_all)
        if (other != op->partition &&
            (row_has(step_row_of(op, other), mac) ||
             row_has(step_row_to_come(op, other), mac)))
            return other;
    return NULL;
}

static const char *choose_mac(const struct operation *op)
{
    struct wire_nic nic = op->request.nic;
    struct wire_definition definition;

    wire_init(&wire_struct_definition, &definition);
    definition.nics = &nic;
    definition.n_nics = 1;
    for (unsigned i = 0; i < CHOICES; i++) {
        nic.mac = "";
        definition_choose_macs(&definition, op->t->arena);
        if (!holder_of(op, nic.mac) && !row_has(op->row, nic.mac))
            break;
    }
    return nic.mac;
}

static const char *lower(const struct operation *op, const char *text)
{
    char *copy = arena_strdup(op->t->arena, text);

    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static void check_mac(const struct operation *op, const char *mac,
                      struct reasons *reasons)
{
    if (!is_mac(mac) || is_group(mac)) {
        step_refuse(reasons, VDC_E_BAD_VALUE,
                    "leave it out, and one is chosen; Xen's begin with "
                    "00:16:3e",
                    "\"%s\" is no address of a network interface", mac);
        return;
    }
    const struct partition *holder = holder_of(op, mac);
    if (holder)
        step_refuse(reasons, VDC_E_EXISTS,
                    "leave it out, and one is chosen", "%s has the MAC %s",
                    strcmp(holder->row.owner, op->row->owner) == 0
                        ? holder->row.name
                        : "another guest", mac);
}

void step_check_nics(struct operation *op, struct reasons *reasons)
{
    const struct wire_definition *definition = &op->row->definition;

    for (uint32_t i = 0; i < definition->n_nics; i++) {
        const char *mac = definition->nics[i].mac;
        check_mac(op, mac, reasons);
        for (uint32_t j = 0; j < i; j++)
            if (strcasecmp(definition->nics[j].mac, mac) == 0)
                step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                            "%s has two interfaces %s", op->row->name, mac);
    }
}

static void check_place(const struct operation *op,
                        const struct wire_definition *definition,
                        struct reasons *reasons)
{
    if (find(definition, op->request.nic.mac))
        step_refuse(reasons, VDC_E_EXISTS, NULL,
                    "%s has an interface %s already", op->row->name,
                    op->request.nic.mac);
    if (definition && definition->n_nics >= NICS_MAX)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s has %u interfaces, and cannot have more",
                    op->row->name, definition->n_nics);
}

static void attach_check(struct operation *op, struct reasons *reasons)
{
    struct wire_nic *nic = &op->request.nic;

    if (!step_check_change(op, reasons))
        return;
    /* Chosen before it is journalled. */
    nic->mac = nic->mac[0] ? lower(op, nic->mac) : choose_mac(op);
    step_journalled(op)->nic.mac = nic->mac;
    check_mac(op, nic->mac, reasons);
    check_place(op, step_live(op), reasons);
    check_place(op, step_remembered(op), reasons);
}

/* ---- what changes ---- */

static void add(const struct operation *op, struct wire_definition *definition)
{
    if (!definition)
        return;
    uint32_t n = definition->n_nics;
    struct wire_nic *nics = ARENA_ARRAY(op->t->arena, n + 1, struct wire_nic);
    if (n)
        memcpy(nics, definition->nics, n * sizeof(*nics));
    nics[n] = op->request.nic;
    definition->nics = nics;
    definition->n_nics = n + 1;
}

static void take_away(const struct operation *op,
                      struct wire_definition *definition)
{
    const struct wire_nic *gone = find(definition, op->request.device);

    if (!gone)
        return;
    struct wire_nic *nics =
        ARENA_ARRAY(op->t->arena, definition->n_nics, struct wire_nic);
    uint32_t n = 0;
    for (uint32_t i = 0; i < definition->n_nics; i++)
        if (&definition->nics[i] != gone)
            nics[n++] = definition->nics[i];
    definition->nics = nics;
    definition->n_nics = n;
}

static void attach_record(struct operation *op)
{
    add(op, step_live(op));
    add(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.nic.mac);
}

static bool attach_plan(const struct operation *op, char *buf, size_t size)
{
    const struct wire_nic *nic = &op->request.nic;

    snprintf(buf, size, "connect %s to %s by an interface %s%s", op->row->name,
             nic->bridge[0] ? nic->bridge : "the usual bridge", nic->mac,
             step_when(op));
    return true;
}

static int attach_to(struct operation *op, uint32_t domid,
                     const struct wire_nic *nic, hv_done_fn *done,
                     struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    struct hv_nic hv_nic;

    domain_config_nic(nic, &hv_nic);
    return hv->domain->nic_attach(hv, domid, &hv_nic, done, op, err);
}

static int attach_apply(struct operation *op, struct vdc_error *err)
{
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return step_later(attach_to(op, domid, &op->request.nic, step_ended, err));
}

static int attach_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_nic *new = &op->request.nic;
    const struct wire_nic *old = find(step_before(op), new->mac);

    return step_device_attach_undo(op, new->mac, new->bridge,
                                   old ? old->bridge : NULL, err);
}

const struct step step_nic_attach = {
    .name = "nic-attach",
    .doing = "attaching the network interface",
    .check = attach_check,
    .record = attach_record,
    .plan = attach_plan,
    .apply = attach_apply,
    .undo = attach_undo,
};

/* ---- detach ---- */

/* A number is Xen's of the interface; of a guest without a domain its place
 * in the definition, which is what Xen makes it. */
static const char *mac_by_number(struct operation *op, const char *device)
{
    uint32_t domid = op->row->domid;
    struct hv *hv = op->host->hv;
    struct hv_device *devices;
    size_t n = 0;
    char *end;

    if (!isdigit((unsigned char)device[0]))
        return NULL;
    unsigned long number = strtoul(device, &end, 10);
    if (*end)
        return NULL;
    if (domid == HV_DOMID_NONE || domid == DOMID_TO_COME) {
        const struct wire_definition *d = &op->row->definition;
        return number < d->n_nics ? d->nics[number].mac : NULL;
    }
    if (hv->domain->devices(hv, domid, op->t->arena, &devices, &n, NULL))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (devices[i].kind == HV_DEVICE_NIC && devices[i].devid == number)
            return devices[i].name;
    return NULL;
}

static void detach_check(struct operation *op, struct reasons *reasons)
{
    const char *device = op->request.device;

    if (!step_check_change(op, reasons))
        return;
    const char *mac = mac_by_number(op, device);
    if (!mac)
        mac = device;
    const struct wire_nic *nic = find(step_live(op), mac);
    if (!nic)
        nic = find(step_remembered(op), mac);
    if (!nic) {
        step_refuse(reasons, VDC_E_NOT_FOUND,
                    "its interfaces are shown by xl-vdc network-list",
                    "%s has no network interface %s", op->row->name,
                    device[0] ? device : "without a name");
        return;
    }
    /* By its address from now on. */
    op->request.device = lower(op, nic->mac);
    step_journalled(op)->device = op->request.device;
}

static void detach_record(struct operation *op)
{
    take_away(op, step_live(op));
    take_away(op, step_remembered(op));
    snprintf(op->device, sizeof(op->device), "%s", op->request.device);
}

static int attach_old(struct operation *op, uint32_t domid,
                      struct vdc_error *err)
{
    return attach_to(op, domid, find(step_before(op), op->request.device),
                     step_device_attached_again, err);
}

static int detach_undo(struct operation *op, struct vdc_error *err)
{
    const struct wire_nic *nic = find(step_before(op), op->request.device);

    return step_device_detach_undo(op, nic ? nic->mac : NULL, attach_old, err);
}

const struct step step_nic_detach = {
    .name = "nic-detach",
    .doing = "detaching the network interface",
    .check = detach_check,
    .record = detach_record,
    .plan = step_device_detach_plan,
    .apply = step_device_detach_apply,
    .undo = detach_undo,
};
