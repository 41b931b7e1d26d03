/* Maps a domain's description to libxl_domain_config, field by field. */
#include "hv/xen/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xen/config_cpu.h"
#include "hv/xen/config_device.h"

/* libxl frees what it is given; NULL means "not said" to it. */
static char *given(const char *text)
{
    return text && *text ? xstrdup(text) : NULL;
}

/* Xen's own limit for a PV domain (MAX_VIRT_CPUS); others have less, which
 * libxl checks. */
#define VCPUS_MAX 8192

static bool has_shim(const struct hv_domain_config *config)
{
    return config->pvshim == HV_YES;
}

static int check_shape(const struct hv_domain_config *config,
                       struct vdc_error *err)
{
    if (!config->name || !*config->name)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "the domain has no name");
    if (config->type == HV_DOMAIN_HVM)
        return vdc_error_set(err, VDC_E_UNSUPPORTED,
                             "domain '%s': HVM is not supported, only PV and "
                             "PVH",
                             config->name);
    if (config->vcpus < 1 || config->max_vcpus < config->vcpus ||
        config->max_vcpus > VCPUS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain '%s': %u vCPUs of at most %u",
                             config->name, config->vcpus, config->max_vcpus);
    if (config->memory.kib < 1 ||
        config->max_memory.kib < config->memory.kib ||
        config->max_memory.kib > MEM_MAX_KIB)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain '%s': %llu KiB of memory of at most %llu",
                             config->name,
                             (unsigned long long)config->memory.kib,
                             (unsigned long long)config->max_memory.kib);
    return 0;
}

static void map_create_info(const struct hv_domain_config *config,
                            libxl_domain_create_info *info)
{
    info->type = config->type == HV_DOMAIN_PV && !has_shim(config)
                     ? LIBXL_DOMAIN_TYPE_PV
                     : LIBXL_DOMAIN_TYPE_PVH;
    info->name = xstrdup(config->name);
    memcpy(libxl_uuid_bytearray(&info->uuid), config->uuid.bytes,
           sizeof(config->uuid.bytes));
    info->pool_name = given(config->cpupool);
    libxl_defbool_set(&info->run_hotplug_scripts, true);
    libxl_defbool_set(&info->driver_domain, config->driver_domain);
}

static libxl_string_list list_of(size_t n, const char *const *items)
{
    if (n == 0)
        return NULL;
    libxl_string_list list = xzalloc((n + 1) * sizeof(*list));
    for (size_t i = 0; i < n; i++)
        list[i] = xstrdup(items[i]);
    return list;
}

static void map_tristate(libxl_defbool *to, enum hv_tristate from)
{
    if (from != HV_DEFAULT)
        libxl_defbool_set(to, from == HV_YES);
}

static void map_boot(const struct hv_domain_config *config,
                     libxl_domain_build_info *info)
{
    info->kernel = given(config->kernel);
    info->ramdisk = given(config->ramdisk);
    info->cmdline = given(config->cmdline);
    info->bootloader = given(config->bootloader);
    info->bootloader_args =
        list_of(config->n_bootloader_args, config->bootloader_args);
    if (info->type != LIBXL_DOMAIN_TYPE_PVH)
        return;
    map_tristate(&info->u.pvh.pvshim, config->pvshim);
    info->u.pvh.pvshim_path = given(config->pvshim_path);
    info->u.pvh.pvshim_cmdline = given(config->pvshim_cmdline);
    info->u.pvh.pvshim_extra = given(config->pvshim_extra);
}

static int map_clock(const struct hv_domain_config *config,
                     libxl_domain_build_info *info, struct vdc_error *err)
{
    libxl_defbool_set(&info->localtime, config->localtime);
    /* libxl's type is unsigned: it would take a negative offset, but then
     * cannot read its own record of the domain any more. */
    if (config->rtc_timeoffset_s < 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain '%s': rtc_timeoffset %d is negative",
                             config->name, config->rtc_timeoffset_s);
    info->rtc_timeoffset = (uint32_t)config->rtc_timeoffset_s;
    if (config->tsc_mode && *config->tsc_mode &&
        libxl_tsc_mode_from_string(config->tsc_mode, &info->tsc_mode) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain '%s': tsc_mode \"%s\" is none of "
                             "default, always_emulate, native, "
                             "native_paravirt",
                             config->name, config->tsc_mode);
    return 0;
}

static int map_limits(const struct hv_domain_config *config,
                      libxl_domain_build_info *info, struct vdc_error *err)
{
    if (config->event_channels)
        info->event_channels = config->event_channels;
    if (config->max_grant_frames >= 0)
        info->max_grant_frames = (uint32_t)config->max_grant_frames;
    if (config->max_maptrack_frames >= 0)
        info->max_maptrack_frames = (uint32_t)config->max_maptrack_frames;
    if (config->max_grant_version >= 0)
        info->max_grant_version = config->max_grant_version;
    if (config->cpu_weight > UINT16_MAX || config->cpu_cap > UINT16_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain '%s': CPU weight %u or cap %u is over "
                             "%u",
                             config->name, config->cpu_weight, config->cpu_cap,
                             UINT16_MAX);
    if (config->cpu_weight)
        info->sched_params.weight = (int)config->cpu_weight;
    if (config->cpu_cap)
        info->sched_params.cap = (int)config->cpu_cap;
    return 0;
}

static int map_build_info(struct xl *xl, const struct hv_domain_config *config,
                          libxl_domain_type type,
                          libxl_domain_build_info *info, struct vdc_error *err)
{
    libxl_domain_build_info_init_type(info, type);
    info->target_memkb = config->memory.kib;
    info->max_memkb = config->max_memory.kib;
    /* Taken from the host before the domain is built, so that too little
     * memory fails at once and two creates cannot both count on the same. */
    libxl_defbool_set(&info->claim_mode, true);
    libxl_defbool_set(&info->disable_migrate, config->nomigrate);
    map_tristate(&info->nested_hvm, config->nestedhvm);
    map_boot(config, info);
    int rc = map_clock(config, info, err);
    if (rc == 0)
        rc = map_limits(config, info, err);
    if (rc == 0)
        rc = config_map_cpus(xl, config, info, err);
    return rc;
}

/* What libxl's file about the domain says for xl; we act on it ourselves. */
static void map_actions(libxl_domain_config *to)
{
    to->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    to->on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
    to->on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    to->on_crash = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
    to->on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
}

int config_map(struct xl *xl, const struct hv_domain_config *config,
               libxl_domain_config *ret, struct vdc_error *err)
{
    int rc = check_shape(config, err);

    if (rc)
        return rc;
    libxl_domain_config_init(ret);
    map_create_info(config, &ret->c_info);
    map_actions(ret);
    rc = map_build_info(xl, config, ret->c_info.type, &ret->b_info, err);
    if (rc == 0)
        rc = config_map_disks(config, ret, err);
    if (rc == 0)
        rc = config_map_nics(config, ret, err);
    if (rc == 0)
        rc = config_map_pcis(config, ret, err);
    /* As xl does it: a PV domain sees holes where the host's devices are. */
    if (rc == 0 && config->n_pci > 0 &&
        ret->c_info.type == LIBXL_DOMAIN_TYPE_PV)
        libxl_defbool_set(&ret->b_info.u.pv.e820_host, true);
    if (rc)
        libxl_domain_config_dispose(ret);
    return rc;
}
