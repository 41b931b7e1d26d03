/* Definitions: whether they can be built here, and what the hypervisor is
 * told of them. */
#include "resourced/domain_config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/image_ref.h"
#include "resourced/host.h"
#include "resourced/image.h"

static enum hv_tristate tristate(enum wire_tristate value)
{
    switch (value) {
    case WIRE_DEFAULT:
        return HV_DEFAULT;
    case WIRE_NO:
        return HV_NO;
    case WIRE_YES:
        return HV_YES;
    }
    return HV_DEFAULT;
}

void domain_config_disk(const struct wire_disk *from, struct hv_disk *ret)
{
    *ret = (struct hv_disk){
        .target = from->target,
        .format = from->format,
        .vdev = from->vdev,
        .backend = from->backend,
        .backendtype = from->backendtype,
        .script = from->script,
        .readonly = from->readonly,
        .cdrom = from->cdrom,
        .discard = from->discard,
        .direct_io_safe = from->direct_io_safe,
    };
}

void domain_config_nic(const struct wire_nic *from, struct hv_nic *ret)
{
    *ret = (struct hv_nic){
        .mac = from->mac,
        .bridge = from->bridge,
        .model = from->model,
        .ip = from->ip,
        .script = from->script,
        .backend = from->backend,
        .vifname = from->vifname,
        .gatewaydev = from->gatewaydev,
        .rate_bytes = from->rate_bytes,
        .rate_interval_us = from->rate_interval_us,
        .mtu = from->mtu,
    };
}

static struct hv_disk *fill_disks(const struct wire_definition *definition,
                                  struct arena *arena)
{
    struct hv_disk *disks =
        ARENA_ARRAY(arena, definition->n_disks, struct hv_disk);

    for (uint32_t i = 0; i < definition->n_disks; i++)
        domain_config_disk(&definition->disks[i], &disks[i]);
    return disks;
}

static struct hv_nic *fill_nics(const struct wire_definition *definition,
                                struct arena *arena)
{
    struct hv_nic *nics =
        ARENA_ARRAY(arena, definition->n_nics, struct hv_nic);

    for (uint32_t i = 0; i < definition->n_nics; i++)
        domain_config_nic(&definition->nics[i], &nics[i]);
    return nics;
}

void domain_config_fill(const struct host *host,
                        const struct partition_row *row, struct arena *arena,
                        struct hv_domain_config *ret)
{
    const struct wire_definition *d = &row->definition;

    *ret = (struct hv_domain_config){
        .name = row->xen_name,
        .uuid = row->uuid,
        .type = d->type == WIRE_PV ? HV_DOMAIN_PV : HV_DOMAIN_PVH,
        .kernel = image_path(host, d->kernel, arena),
        .ramdisk = image_path(host, d->ramdisk, arena),
        .cmdline = d->cmdline,
        .bootloader = d->bootloader,
        .n_bootloader_args = d->n_bootloader_args,
        .bootloader_args = d->bootloader_args,
        .memory = d->memory,
        .max_memory = d->max_memory.kib ? d->max_memory : d->memory,
        .vcpus = d->vcpus ? d->vcpus : 1,
        .max_vcpus = d->max_vcpus ? d->max_vcpus : d->vcpus ? d->vcpus : 1,
        .n_hard_affinity = d->n_cpus,
        .hard_affinity = d->cpus,
        .n_soft_affinity = d->n_cpus_soft,
        .soft_affinity = d->cpus_soft,
        .cpu_weight = d->cpu_weight,
        .cpu_cap = d->cpu_cap,
        .cpupool = d->pool,
        .n_disks = d->n_disks,
        .disks = fill_disks(d, arena),
        .n_nics = d->n_nics,
        .nics = fill_nics(d, arena),
        .driver_domain = d->driver_domain,
        .nomigrate = d->nomigrate,
        .localtime = d->localtime,
        .rtc_timeoffset_s = (int32_t)d->rtc_timeoffset_s,
        .event_channels = d->event_channels,
        .max_grant_frames = (int32_t)d->max_grant_frames,
        .max_maptrack_frames = (int32_t)d->max_maptrack_frames,
        .max_grant_version = (int32_t)d->max_grant_version,
        .tsc_mode = d->tsc_mode,
        .nestedhvm = tristate(d->nestedhvm),
        .pvshim = tristate(d->pvshim),
        .pvshim_path = d->pvshim_path,
        .pvshim_cmdline = d->pvshim_cmdline,
        .pvshim_extra = d->pvshim_extra,
        .n_cpuid = d->n_cpuid,
        .cpuid = d->cpuid,
        .n_pci = d->n_pci,
        .pci = d->pci,
    };
}

static bool fits_int32(int64_t value)
{
    return value >= INT32_MIN && value <= INT32_MAX;
}

static void refuse(const struct wire_definition *definition, bool is_wrong,
                   const char *what, struct reasons *reasons)
{
    struct vdc_error err;

    if (!is_wrong)
        return;
    vdc_error_set(&err, VDC_E_BAD_VALUE,
                  "the definition of %s is wrong: %s", definition->name, what);
    reasons_add(reasons, &err);
}

void definition_check_values(const struct wire_definition *definition,
                             struct reasons *reasons)
{
    const struct wire_definition *d = definition;

    refuse(d, !d->name[0], "it has no name", reasons);
    refuse(d, !d->memory.kib || d->memory.kib > MEM_MAX_KIB ||
                  d->max_memory.kib > MEM_MAX_KIB,
           "its memory must be between 1 KiB and 16 PiB", reasons);
    refuse(d, d->max_memory.kib && d->max_memory.kib < d->memory.kib,
           "its max_memory is less than its memory", reasons);
    refuse(d, d->max_vcpus && d->max_vcpus < d->vcpus,
           "its max_vcpus is less than its vcpus", reasons);
    refuse(d, !d->kernel[0] && !d->bootloader[0],
           "it has neither a kernel nor a bootloader", reasons);
    refuse(d, !fits_int32(d->rtc_timeoffset_s) ||
                  !fits_int32(d->max_grant_frames) ||
                  !fits_int32(d->max_maptrack_frames) ||
                  !fits_int32(d->max_grant_version),
           "a number is out of range", reasons);
}

static void check_file(const struct wire_definition *definition,
                       const char *role, const char *path,
                       struct reasons *reasons)
{
    struct vdc_error err;

    if (!path[0] || access(path, R_OK) == 0)
        return;
    vdc_error_set(&err, VDC_E_NO_FILE, "%s: the %s %s cannot be read: %s",
                  definition->name, role, path, strerror(errno));
    vdc_error_hint(&err, "the file must be on the host, for dom0 to read");
    reasons_add(reasons, &err);
}

static void check_image(const struct host *host,
                        const struct wire_definition *definition,
                        const char *role, const char *text,
                        struct reasons *reasons)
{
    struct arena *arena = arena_new();
    const char *path = image_path(host, text, arena);
    struct vdc_error err;

    if (!image_ref_is(text)) {
        check_file(definition, role, text, reasons);
    } else if (path == text) {
        vdc_error_set(&err, VDC_E_BAD_VALUE,
                      "%s: the %s %s is named without its digest",
                      definition->name, role, text);
        reasons_add(reasons, &err);
    } else if (access(path, R_OK)) {
        vdc_error_set(&err, VDC_E_NO_FILE,
                      "%s: the %s %.*s is not on host %s", definition->name,
                      role, (int)strcspn(text, "@"), text, host->name);
        vdc_error_hint(&err, "`xl-vdc start` has it brought there");
        reasons_add(reasons, &err);
    }
    arena_free(arena);
}

void definition_check_files(const struct host *host,
                            const struct wire_definition *definition,
                            bool images, struct reasons *reasons)
{
    if (images || !image_ref_is(definition->kernel))
        check_image(host, definition, "kernel", definition->kernel, reasons);
    if (images || !image_ref_is(definition->ramdisk))
        check_image(host, definition, "ramdisk", definition->ramdisk,
                    reasons);
    /* A program without a path is looked for by libxl. */
    if (definition->bootloader[0] == '/')
        check_file(definition, "bootloader", definition->bootloader, reasons);
    for (uint32_t i = 0; i < definition->n_disks; i++) {
        const struct wire_disk *disk = &definition->disks[i];
        bool in_dom0 = !disk->backend[0] ||
                       strcmp(disk->backend, "Domain-0") == 0 ||
                       strcmp(disk->backend, "0") == 0;
        /* What a script makes of its target only the script knows. */
        if (in_dom0 && !disk->script[0] && disk->target[0] == '/')
            check_file(definition, "disk", disk->target, reasons);
    }
}

void definition_choose_macs(struct wire_definition *definition,
                            struct arena *arena)
{
    for (uint32_t i = 0; i < definition->n_nics; i++) {
        struct vdc_uuid random;
        if (definition->nics[i].mac[0])
            continue;
        uuid_random(&random);
        /* 00:16:3e is Xen's; libxl too takes the rest at random. */
        definition->nics[i].mac = arena_printf(
            arena, "00:16:3e:%02x:%02x:%02x", random.bytes[0] & 0x7f,
            random.bytes[1], random.bytes[2]);
    }
}
