/* Asks Xen about domains and the host, and translates the answers. */
#include "hv/xen/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xen/cpu.h"
#include "hv/xen/domain.h"
#include "hv/xen/reserve.h"
#include "hv/xen/self.h"
#include "hv/xen/store.h"

/* Xen knows PVH as HVM; which of the two it is, is in libxl's records. */
static enum hv_domain_type type_of(struct hv_xen *self,
                                   const libxl_dominfo *info)
{
    char path[64], type[16];

    if (info->domain_type == LIBXL_DOMAIN_TYPE_PV)
        return HV_DOMAIN_PV;
    snprintf(path, sizeof(path), "/libxl/%u/type", info->domid);
    if (store_read_short(self->store, path, type, sizeof(type)) &&
        strcmp(type, "pvh") == 0)
        return HV_DOMAIN_PVH;
    return HV_DOMAIN_HVM;
}

static enum hv_shutdown_reason reason_of(const libxl_dominfo *info)
{
    if (!info->shutdown)
        return HV_SHUTDOWN_NONE;
    switch (info->shutdown_reason) {
    case LIBXL_SHUTDOWN_REASON_POWEROFF:
        return HV_SHUTDOWN_POWEROFF;
    case LIBXL_SHUTDOWN_REASON_REBOOT:
        return HV_SHUTDOWN_REBOOT;
    case LIBXL_SHUTDOWN_REASON_SUSPEND:
        return HV_SHUTDOWN_SUSPEND;
    case LIBXL_SHUTDOWN_REASON_WATCHDOG:
        return HV_SHUTDOWN_WATCHDOG;
    case LIBXL_SHUTDOWN_REASON_SOFT_RESET:
        return HV_SHUTDOWN_SOFT_RESET;
    case LIBXL_SHUTDOWN_REASON_CRASH:
    case LIBXL_SHUTDOWN_REASON_UNKNOWN:
    default: /* a guest may give any number: it did not end well */
        return HV_SHUTDOWN_CRASH;
    }
}

/* dom0's limit can be "none" (all ones). */
static struct mem clamp(uint64_t kib)
{
    return MEM_KIB(kib > MEM_MAX_KIB ? MEM_MAX_KIB : kib);
}

/*
 * What its targets may rise to is what libxl keeps in xenstore (memory.c says
 * how the two limits differ); a domain that libxl did not make has Xen's
 * alone.
 */
static struct mem max_memory(struct hv_xen *self, const libxl_dominfo *info)
{
    char path[64], text[32], *end;

    snprintf(path, sizeof(path), "/local/domain/%u/memory/static-max",
             info->domid);
    if (!store_read_short(self->store, path, text, sizeof(text)))
        return clamp(info->max_memkb);
    uint64_t kib = strtoull(text, &end, 10);
    return *text && !*end ? clamp(kib) : clamp(info->max_memkb);
}

static void translate(struct hv_xen *self, const libxl_dominfo *info,
                      struct arena *arena, struct hv_domain_info *ret)
{
    char path[64], name[512];

    memset(ret, 0, sizeof(*ret));
    ret->domid = info->domid;
    memcpy(ret->uuid.bytes, libxl_uuid_bytearray_const(&info->uuid),
           sizeof(ret->uuid.bytes));
    snprintf(path, sizeof(path), "/local/domain/%u/name", info->domid);
    if (!store_read_short(self->store, path, name, sizeof(name)))
        name[0] = '\0';
    ret->name = arena_strdup(arena, name);
    ret->type = type_of(self, info);
    ret->running = info->running;
    ret->blocked = info->blocked;
    ret->paused = info->paused;
    ret->shutdown = info->shutdown;
    ret->dying = info->dying;
    ret->shutdown_reason = reason_of(info);
    ret->current_memory = clamp(info->current_memkb);
    ret->max_memory = max_memory(self, info);
    ret->vcpus_online = info->vcpu_online;
    ret->vcpus_max = info->vcpu_max_id + 1;
    ret->cpu_time_ns = info->cpu_time;
}

int query_list(struct hv *hv, struct arena *arena, struct hv_domain_info **ret,
               size_t *ret_n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint64_t mark = xtl_mark(&self->xl.log);
    int n = 0, rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    libxl_dominfo *infos = libxl_list_domain(self->xl.ctx, &n);
    if (!infos)
        return xl_error(err, &self->xl, ERROR_FAIL, mark, HV_DOMID_NONE,
                        "cannot list the domains");
    struct hv_domain_info *list = ARENA_ARRAY(arena, n, struct hv_domain_info);
    size_t n_listed = 0;
    for (int i = 0; i < n; i++) /* the holder of a reservation is no domain */
        if (!reserve_is_holder(libxl_uuid_bytearray_const(&infos[i].uuid)))
            translate(self, &infos[i], arena, &list[n_listed++]);
    libxl_dominfo_list_free(infos, n);
    *ret = list;
    *ret_n = n_listed;
    return 0;
}

int query_info(struct hv *hv, uint32_t domid, struct arena *arena,
               struct hv_domain_info *ret, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_dominfo info;
    int rc = domain_check(self, domid, err);

    if (rc)
        return rc;
    rc = xl_domain_info(&self->xl, domid, &info, err);
    if (rc == 0)
        translate(self, &info, arena, ret);
    libxl_dominfo_dispose(&info);
    return rc;
}

int query_console_path(struct hv *hv, uint32_t domid, struct arena *arena,
                       const char **ret, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint64_t mark = xtl_mark(&self->xl.log);
    char *path = NULL;
    int rc = domain_check(self, domid, err);

    if (rc)
        return rc;
    rc = libxl_primary_console_get_tty(self->xl.ctx, domid, &path);
    if (rc == 0 && path && *path)
        *ret = arena_strdup(arena, path);
    else if (rc == 0)
        rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "domain %u has no console yet", domid);
    else
        rc = xl_error(err, &self->xl, rc, mark, domid,
                      "cannot find the console of domain %u", domid);
    free(path);
    return rc;
}

/*
 * dom0's kernel boots when Xen boots, and no daemon restart changes its boot
 * id: 64 bits of it tell one boot of the host from another.  (FNV-1a.)
 */
static uint64_t boot_id(void)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    int c;

    if (f) {
        while ((c = getc(f)) != EOF)
            hash = (hash ^ (uint64_t)c) * UINT64_C(1099511628211);
        fclose(f);
    }
    return hash ? hash : 1;
}

static const char *capabilities(const libxl_physinfo *info,
                                struct arena *arena)
{
    return arena_printf(arena, "%s%s%s%s%s", info->cap_pv ? "pv" : "",
                        info->cap_hvm ? " hvm" : "",
                        info->cap_hvm_directio ? " hvm_directio" : "",
                        info->cap_hap ? " hap" : "",
                        info->cap_shadow ? " shadow" : "");
}

static void translate_physinfo(const libxl_physinfo *info, uint64_t page_kib,
                               struct arena *arena, struct hv_host_info *ret)
{
    uint64_t pages = info->free_pages;

    /* What a domain has claimed and not yet taken is not free. */
    pages -= info->outstanding_pages < pages ? info->outstanding_pages : pages;
    ret->total_memory = MEM_KIB(info->total_pages * page_kib);
    ret->free_memory = MEM_KIB(pages * page_kib);
    ret->pcpus = info->nr_cpus;
    ret->cores_per_socket = info->cores_per_socket;
    ret->threads_per_core = info->threads_per_core;
    ret->numa_nodes = info->nr_nodes;
    const char *text = capabilities(info, arena);
    ret->capabilities = text[0] == ' ' ? text + 1 : text;
}

int query_host_info(struct hv *hv, struct arena *arena,
                    struct hv_host_info *ret, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct hv_host_info host = { 0 };
    uint64_t mark = xtl_mark(&self->xl.log);
    libxl_physinfo physinfo;
    libxl_dominfo dom0;
    int rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    const libxl_version_info *version = libxl_get_version_info(self->xl.ctx);
    libxl_physinfo_init(&physinfo);
    if (!version || libxl_get_physinfo(self->xl.ctx, &physinfo) != 0) {
        libxl_physinfo_dispose(&physinfo);
        return xl_error(err, &self->xl, ERROR_FAIL, mark, HV_DOMID_NONE,
                        "cannot ask Xen about the host");
    }
    host.hypervisor =
        arena_printf(arena, "Xen %d.%d%s", version->xen_version_major,
                     version->xen_version_minor, version->xen_version_extra);
    translate_physinfo(&physinfo, (uint64_t)version->pagesize / 1024, arena,
                       &host);
    host.cpu = cpu_of_host(self, physinfo.hw_cap);
    libxl_physinfo_dispose(&physinfo);
    rc = xl_domain_info(&self->xl, 0, &dom0, err);
    host.dom0_memory = MEM_KIB(rc ? 0 : dom0.current_memkb);
    libxl_dominfo_dispose(&dom0);
    if (rc)
        return rc;
    int scheduler = libxl_get_scheduler(self->xl.ctx);
    const char *name =
        scheduler < 0 ? NULL
                      : libxl_scheduler_to_string((libxl_scheduler)scheduler);
    host.scheduler = arena_strdup(arena, name ? name : "unknown");
    host.boot_id = boot_id();
    host.reserved_memory = reserve_claimed(self);
    *ret = host;
    return 0;
}
