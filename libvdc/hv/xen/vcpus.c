/*
 * The vCPUs of a domain that is there.
 *
 * Which of them a guest uses is its own doing: it is told in xenstore
 * (cpu/N/availability) and follows.  Where they run is Xen's.
 */
#include "hv/xen/vcpus.h"

#include <stdlib.h>

#include "hv/xen/config_cpu.h"
#include "hv/xen/domain.h"
#include "hv/xen/self.h"

static int n_vcpus(struct hv_xen *self, uint32_t domid, uint32_t *ret,
                   uint32_t *ret_cpupool, struct vdc_error *err)
{
    libxl_dominfo info;
    int rc = xl_domain_info(&self->xl, domid, &info, err);

    if (rc == 0) {
        *ret = info.vcpu_max_id + 1;
        *ret_cpupool = info.cpupool;
    }
    libxl_dominfo_dispose(&info);
    return rc;
}

int vcpus_set(struct hv *hv, uint32_t domid, uint32_t n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint32_t max, cpupool;
    libxl_bitmap map;
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = n_vcpus(self, domid, &max, &cpupool, err);
    if (rc)
        return rc;
    if (n == 0 || n > max)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "domain %u can have 1 to %u vCPUs, not %u", domid,
                             max, n);
    libxl_bitmap_init(&map);
    if (libxl_cpu_bitmap_alloc(self->xl.ctx, &map, (int)max) != 0)
        return vdc_error_set(err, VDC_E_NOMEM, "no memory for a vCPU map");
    for (uint32_t i = 0; i < n; i++)
        libxl_bitmap_set(&map, (int)i);
    uint64_t mark = xtl_mark(&self->xl.log);
    /* Only for HVM, which we do not have, would this wait. */
    rc = libxl_set_vcpuonline(self->xl.ctx, domid, &map, NULL);
    libxl_bitmap_dispose(&map);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot set the vCPUs of domain %u to %u", domid, n);
    return 0;
}

static const char *cpus_text(const libxl_bitmap *map,
                             const struct cpulist_host *host,
                             struct arena *arena)
{
    bool *cpus = ARENA_ARRAY(arena, host->n_cpus + 1, bool);

    for (size_t i = 0; i < host->n_cpus; i++)
        cpus[i] = host->nodes[i] != CPULIST_NO_NODE &&
                  libxl_bitmap_test(map, (int)i);
    return cpulist_format(cpus, host, arena);
}

int vcpus_list(struct hv *hv, uint32_t domid, struct arena *arena,
               struct hv_vcpu **ret, size_t *ret_n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct cpulist_host host = { 0, NULL };
    int n = 0, n_cpus = 0, rc = domain_check(self, domid, err);

    if (rc == 0)
        rc = config_host_cpus(&self->xl, &host, err);
    if (rc)
        return rc;
    uint64_t mark = xtl_mark(&self->xl.log);
    libxl_vcpuinfo *infos = libxl_list_vcpu(self->xl.ctx, domid, &n, &n_cpus);
    if (!infos) {
        free((void *)host.nodes);
        return xl_error(err, &self->xl, ERROR_FAIL, mark, domid,
                        "cannot list the vCPUs of domain %u", domid);
    }
    struct hv_vcpu *list = ARENA_ARRAY(arena, n, struct hv_vcpu);
    for (int i = 0; i < n; i++) {
        list[i].number = infos[i].vcpuid;
        list[i].online = infos[i].online;
        list[i].cpu = infos[i].cpu;
        list[i].time_ns = infos[i].vcpu_time;
        list[i].cpus = cpus_text(&infos[i].cpumap, &host, arena);
        list[i].cpus_soft = cpus_text(&infos[i].cpumap_soft, &host, arena);
    }
    libxl_vcpuinfo_list_free(infos, n);
    free((void *)host.nodes);
    *ret = list;
    *ret_n = (size_t)n;
    return 0;
}

/* Xen would take such a list, and then run the vCPU wherever it likes. */
static int check_cpupool(struct hv_xen *self, uint32_t domid, uint32_t cpupool,
                         const char *list, const libxl_bitmap *map,
                         struct vdc_error *err)
{
    uint64_t mark = xtl_mark(&self->xl.log);
    libxl_cpupoolinfo info;
    bool common = false;
    int rc;

    libxl_cpupoolinfo_init(&info);
    rc = libxl_cpupool_info(self->xl.ctx, &info, cpupool);
    if (rc) {
        libxl_cpupoolinfo_dispose(&info);
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot ask for the cpupool of domain %u", domid);
    }
    for (uint32_t i = 0; i < info.cpumap.size * 8; i++)
        if (libxl_bitmap_test(&info.cpumap, (int)i) &&
            libxl_bitmap_test(map, (int)i))
            common = true;
    if (!common)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "CPU list \"%s\" has no CPU of cpupool '%s', in "
                           "which domain %u is",
                           list, info.pool_name, domid);
    libxl_cpupoolinfo_dispose(&info);
    return rc;
}

/* map: to be disposed of by the caller; left empty without a list. */
static int read_list(struct hv_xen *self, uint32_t domid, uint32_t cpupool,
                     const struct cpulist_host *host, const char *list,
                     libxl_bitmap *map, struct vdc_error *err)
{
    if (!list)
        return 0;
    int rc = config_map_cpulist(&self->xl, host, list, map, err);
    if (rc)
        return rc;
    return check_cpupool(self, domid, cpupool, list, map, err);
}

static int set_affinity(struct hv_xen *self, uint32_t domid, uint32_t first,
                        uint32_t last, const libxl_bitmap *hard,
                        const libxl_bitmap *soft, struct vdc_error *err)
{
    for (uint32_t i = first; i <= last; i++) {
        uint64_t mark = xtl_mark(&self->xl.log);
        int rc = libxl_set_vcpuaffinity(self->xl.ctx, domid, i, hard, soft);
        if (rc)
            return xl_error(err, &self->xl, rc, mark, domid,
                            "cannot set the affinity of vCPU %u of domain %u",
                            i, domid);
    }
    return 0;
}

int vcpus_set_affinity(struct hv *hv, uint32_t domid, int32_t vcpu,
                       const char *hard, const char *soft,
                       struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct cpulist_host host = { 0, NULL };
    libxl_bitmap hard_map, soft_map;
    uint32_t n, cpupool;
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = n_vcpus(self, domid, &n, &cpupool, err);
    if (rc)
        return rc;
    if (vcpu < -1 || (vcpu >= 0 && (uint32_t)vcpu >= n))
        return vdc_error_set(err, VDC_E_BAD_VALUE, "domain %u has no vCPU %d",
                             domid, vcpu);
    if (!hard && !soft)
        return 0;
    rc = config_host_cpus(&self->xl, &host, err);
    if (rc)
        return rc;
    libxl_bitmap_init(&hard_map);
    libxl_bitmap_init(&soft_map);
    rc = read_list(self, domid, cpupool, &host, hard, &hard_map, err);
    if (rc == 0)
        rc = read_list(self, domid, cpupool, &host, soft, &soft_map, err);
    if (rc == 0)
        rc = set_affinity(self, domid, vcpu < 0 ? 0 : (uint32_t)vcpu,
                          vcpu < 0 ? n - 1 : (uint32_t)vcpu,
                          hard ? &hard_map : NULL, soft ? &soft_map : NULL,
                          err);
    libxl_bitmap_dispose(&hard_map);
    libxl_bitmap_dispose(&soft_map);
    free((void *)host.nodes);
    return rc;
}
