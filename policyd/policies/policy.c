/*
 * What definitions may say; see policy.h.  Each thing that a customer may not
 * set is a row with the reason that the customer is told.
 */
#include "policyd/policies/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "policyd/policies/policies.h"

#define BRIDGE_MAX 15 /* IFNAMSIZ of <linux/if.h>, without its end */

#define SET(text) ((text) && *(text))

struct rule {
    const char *key; /* as in xl.cfg */
    const char *why;
    bool (*broken)(const struct wire_definition *d);
};

#define RULE(name, expression)                        \
    static bool name(const struct wire_definition *d) \
    {                                                 \
        return expression;                            \
    }

RULE(has_bootloader, SET(d->bootloader) || d->n_bootloader_args)
RULE(has_pool, SET(d->pool))
RULE(has_driver_domain, d->driver_domain)
RULE(has_cpus, d->n_cpus != 0)
RULE(has_cpus_soft, d->n_cpus_soft != 0)
RULE(has_weight, d->cpu_weight != 0)
RULE(has_event_channels, d->event_channels != 0)
RULE(has_grant_frames, d->max_grant_frames != -1)
RULE(has_maptrack_frames, d->max_maptrack_frames != -1)
RULE(has_grant_version, d->max_grant_version != -1)
RULE(has_tsc, SET(d->tsc_mode) && strcmp(d->tsc_mode, "default") != 0)
RULE(has_nested, d->nestedhvm == WIRE_YES)
RULE(has_shim_path, SET(d->pvshim_path))
RULE(has_shim_cmdline, SET(d->pvshim_cmdline) || SET(d->pvshim_extra))
RULE(has_nomigrate, d->nomigrate)
RULE(has_pci, d->n_pci != 0)
RULE(has_pools, d->n_pools != 0)
RULE(has_host_tags, d->n_host_tags != 0)
RULE(has_dedication, d->dedication != WIRE_SHARED)
RULE(has_protected, d->protected)
RULE(has_priority, d->restart_priority)
RULE(has_host, SET(d->host))
RULE(has_domain, SET(d->domain))

static bool dumps(enum wire_action action)
{
    return action == WIRE_COREDUMP_DESTROY || action == WIRE_COREDUMP_RESTART;
}
RULE(has_dump, dumps(d->on_crash) || dumps(d->on_watchdog) ||
                   dumps(d->on_reboot) || dumps(d->on_poweroff))

static const struct rule rules[] = {
    { "bootloader", "it runs a program on the host", has_bootloader },
    { "pool", "CPU pools are divided by the provider", has_pool },
    { "driver_domain", "it would serve other guests", has_driver_domain },
    { "cpus", "it takes chosen CPUs from others", has_cpus },
    { "cpus_soft", "it takes chosen CPUs from others", has_cpus_soft },
    { "cpu_weight", "it takes CPU time from others", has_weight },
    { "max_event_channels", "it is a limit that protects the host",
      has_event_channels },
    { "max_grant_frames", "it is a limit that protects the host",
      has_grant_frames },
    { "max_maptrack_frames", "it is a limit that protects the host",
      has_maptrack_frames },
    { "max_grant_version", "it is a limit that protects the host",
      has_grant_version },
    { "tsc_mode", "it depends on the host that the guest is on", has_tsc },
    { "nestedhvm", "nested virtualisation is not safe between customers",
      has_nested },
    { "pvshim_path", "it is a file of the host", has_shim_path },
    { "pvshim_cmdline", "it is for the provider", has_shim_cmdline },
    { "nomigrate", "the provider must be able to empty a host",
      has_nomigrate },
    { "pci", "devices of the host are given by the provider", has_pci },
    { "pools", "named pools are divided by the provider", has_pools },
    { "vdc_host_tags", "which hosts are for whom is the provider's to say",
      has_host_tags },
    { "vdc_dedicated", "it keeps others from a host", has_dedication },
    { "vdc_protected", "it keeps memory free on another host",
      has_protected },
    { "vdc_restart_priority", "it comes before others when a host dies",
      has_priority },
    { "vdc_host", "the provider chooses the host", has_host },
    { "vdc_domain", "the provider chooses the host", has_domain },
    { "on_crash=coredump-...", "dumps fill the host's disk", has_dump },
};

static void deny(const char *customer, const char *device, const char *key,
                 const char *why, struct reasons *reasons)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_DENIED, "customer %s may not set '%s'%s%s: %s",
                  customer, key, *device ? " of " : "", device, why);
    vdc_error_hint(&err, "leave it out, or ask the provider");
    reasons_add(reasons, &err);
}

void policy_check_disk(const char *customer, bool restricted,
                       const struct wire_disk *disk, struct reasons *reasons)
{
    char device[48];

    if (!restricted)
        return;
    strcpy(device, "disk ");
    strncat(device, disk->vdev, 31);
    if (SET(disk->script))
        deny(customer, device, "script", "it runs a program on the host",
             reasons);
    if (SET(disk->backend))
        deny(customer, device, "backend",
             "backend domains are chosen by the provider", reasons);
    /* an image with a header can name other files of the host as its backing
     * file, which the host would open */
    if (SET(disk->format) && strcmp(disk->format, "raw") != 0 &&
        strcmp(disk->format, "empty") != 0)
        deny(customer, device, "format",
             "images other than raw can refer to others' files", reasons);
}

static void check_bridge(const struct policy *policy, const char *device,
                         const struct wire_nic *nic, struct reasons *reasons)
{
    struct vdc_error err = { 0 };

    for (size_t i = 0; i < policy->bridges->n_items; i++)
        if (strcmp(nic->bridge, policy->bridges->items[i]) == 0)
            return;
    vdc_error_set(&err, VDC_E_DENIED,
                  "%s: there is no bridge '%s' for "
                  "customers",
                  device, nic->bridge);
    vdc_error_hint(&err, "leave 'bridge' out, or name one that the provider "
                         "offers");
    reasons_add(reasons, &err);
}

static void check_restricted_nic(const struct policy *policy,
                                 const char *customer, const char *device,
                                 const struct wire_nic *nic,
                                 struct reasons *reasons)
{
    const struct {
        const char *key, *value, *why;
    } keys[] = {
        { "script", nic->script, "it runs a program on the host" },
        { "backend", nic->backend,
          "backend domains are chosen by the provider" },
        { "vifname", nic->vifname, "it could be taken for another device" },
        { "gatewaydev", nic->gatewaydev, "routes are the provider's" },
    };
    struct vdc_error err = { 0 };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (SET(keys[i].value))
            deny(customer, device, keys[i].key, keys[i].why, reasons);
    /* a Linux bridge takes the least of its ports'; 68 would end IPv6 on it */
    if (nic->mtu)
        deny(customer, device, "mtu",
             "it changes the bridge of all who are on it", reasons);
    if (strspn(nic->ip, "0123456789abcdefABCDEF.:/ ") != strlen(nic->ip)) {
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "%s: '%s' is not a list of addresses", device, nic->ip);
        reasons_add(reasons, &err);
    }
    /* with a script of its own there is no default to speak of */
    if (SET(nic->bridge) || !SET(nic->script))
        check_bridge(policy, device, nic, reasons);
}

bool policy_mac_valid(const char *mac)
{
    unsigned any = 0;

    if (strlen(mac) != 17)
        return false;
    for (int i = 0; i < 17; i++) {
        if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
            return false;
        if (i % 3 != 2 && mac[i] != '0')
            any = 1;
    }
    /* the low bit of the first byte marks a group */
    return any && strchr("02468aceACE", mac[1]);
}

bool policy_bridge_valid(const char *name, bool scripted)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *p = name; *p; p++)
        if (*p == '/' || isspace((unsigned char)*p) ||
            iscntrl((unsigned char)*p))
            return false;
    /* a script's own way to write it may have VLANs after the name */
    return scripted || (strlen(name) <= BRIDGE_MAX && !strchr(name, ':'));
}

void policy_check_nic(const struct policy *policy, const char *customer,
                      bool restricted, const char *device,
                      struct wire_nic *nic, struct reasons *reasons)
{
    struct vdc_error err = { 0 };

    if (!SET(nic->bridge) && policy->bridges->n_items > 0 && !SET(nic->script))
        nic->bridge = policy->bridges->items[0];
    if (!policy_bridge_valid(nic->bridge, SET(nic->script))) {
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "%s: '%s' is not the name of a bridge", device,
                      nic->bridge);
        vdc_error_hint(&err, "1 to %d characters, without '/', ':' and "
                             "spaces", BRIDGE_MAX);
        reasons_add(reasons, &err);
    }
    if (SET(nic->mac) && !policy_mac_valid(nic->mac)) {
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "%s: '%s' is not the MAC address of an interface",
                      device, nic->mac);
        vdc_error_hint(&err, "write 00:16:3e:xx:xx:xx, or leave it out");
        reasons_add(reasons, &err);
    }
    if (restricted)
        check_restricted_nic(policy, customer, device, nic, reasons);
}

static void check_groups(const char *customer, bool restricted,
                         const struct wire_definition *d,
                         struct reasons *reasons)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    const char *full;

    for (uint32_t i = 0; i < d->n_groups; i++)
        if (policies_group(customer, d->groups[i], restricted, arena, &full,
                           &err)) {
            vdc_error_prefix(&err, "'vdc_groups'");
            reasons_add(reasons, &err);
        }
    arena_free(arena);
}

static void check_cpu(const struct wire_definition *d, struct reasons *reasons)
{
    struct cpu_set cpu = { { 0 } };
    struct vdc_error err = { 0 };

    for (uint32_t i = 0; i < d->n_cpu_features; i++)
        if (cpu_set_add_name(&cpu, d->cpu_features[i], &err)) {
            vdc_error_prefix(&err, "'vdc_cpu_features'");
            reasons_add(reasons, &err);
        }
}

static void bad(struct reasons *reasons, const char *text)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_BAD_VALUE, "%s", text);
    reasons_add(reasons, &err);
}

static void check_sizes(struct wire_definition *d, struct reasons *reasons)
{
    char text[64];

    if (d->memory.kib == 0)
        bad(reasons, "'memory' is missing");
    if (d->max_memory.kib == 0)
        d->max_memory = d->memory;
    if (d->vcpus == 0)
        d->vcpus = 1;
    if (d->max_vcpus == 0)
        d->max_vcpus = d->vcpus;
    if (d->memory.kib > MEM_MAX_KIB || d->max_memory.kib > MEM_MAX_KIB)
        bad(reasons, "'memory' is more than any host can have");
    if (d->max_memory.kib < d->memory.kib)
        bad(reasons, "'maxmem' is less than 'memory'");
    if (d->max_vcpus < d->vcpus)
        bad(reasons, "'maxvcpus' is less than 'vcpus'");
    /* Xen: XEN_LEGACY_MAX_VCPUS is 32, an HVM container has up to 512 */
    if (d->max_vcpus > 512) {
        snprintf(text, sizeof(text), "'maxvcpus' is %u; Xen allows 512",
                 d->max_vcpus);
        bad(reasons, text);
    }
    if (!SET(d->kernel) && !SET(d->bootloader))
        bad(reasons, "'kernel' is missing");
}

void policy_check(const struct policy *policy, const char *customer,
                  bool restricted, struct wire_definition *definition,
                  struct reasons *reasons)
{
    for (size_t i = 0; restricted && i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].broken(definition))
            deny(customer, "", rules[i].key, rules[i].why, reasons);
    for (uint32_t i = 0; i < definition->n_disks; i++)
        policy_check_disk(customer, restricted, &definition->disks[i],
                          reasons);
    for (uint32_t i = 0; i < definition->n_nics; i++) {
        char device[] = "vif 00";
        device[4] = (char)('0' + i / 10 % 10);
        device[5] = (char)('0' + i % 10);
        policy_check_nic(policy, customer, restricted, device,
                         &definition->nics[i], reasons);
    }
    check_groups(customer, restricted, definition, reasons);
    check_cpu(definition, reasons);
    check_sizes(definition, reasons);
}
