/* Weight and cap of a domain, by the scheduler of its cpupool. */
#include "hv/xen/sched.h"

#include "hv/xen/domain.h"
#include "hv/xen/self.h"

/* Gets what the scheduler has; params is initialised here, and to be disposed
 * of on success. */
static int get_params(struct hv_xen *self, uint32_t domid,
                      libxl_domain_sched_params *params, struct vdc_error *err)
{
    uint64_t mark = xtl_mark(&self->xl.log);

    libxl_domain_sched_params_init(params);
    int rc = libxl_domain_sched_params_get(self->xl.ctx, domid, params);
    if (rc) {
        libxl_domain_sched_params_dispose(params);
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot ask for the CPU share of domain %u", domid);
    }
    /* rtds, arinc653 and null share CPUs out by other means. */
    if (params->sched == LIBXL_SCHEDULER_CREDIT ||
        params->sched == LIBXL_SCHEDULER_CREDIT2)
        return 0;
    rc = vdc_error_set(err, VDC_E_UNSUPPORTED,
                       "domain %u is in a cpupool with the scheduler '%s', "
                       "which knows neither weight nor cap",
                       domid, libxl_scheduler_to_string(params->sched));
    libxl_domain_sched_params_dispose(params);
    return rc;
}

int sched_get(struct hv *hv, uint32_t domid, struct hv_sched *ret,
              struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_domain_sched_params params;
    int rc = domain_check(self, domid, err);

    if (rc == 0)
        rc = get_params(self, domid, &params, err);
    if (rc)
        return rc;
    ret->weight = (uint32_t)params.weight;
    ret->cap = (uint32_t)params.cap;
    libxl_domain_sched_params_dispose(&params);
    return 0;
}

static int check_sched(struct hv_xen *self, uint32_t domid,
                       const struct hv_sched *sched, struct vdc_error *err)
{
    libxl_dominfo info;
    int rc = xl_domain_info(&self->xl, domid, &info, err);
    uint32_t n = info.vcpu_max_id + 1;

    libxl_dominfo_dispose(&info);
    if (rc)
        return rc;
    if (sched->weight < 1 || sched->weight > UINT16_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a CPU weight is 1 to %u, not %u", UINT16_MAX,
                             sched->weight);
    if (sched->cap > UINT16_MAX || sched->cap > n * 100)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the CPU cap of domain %u is 0 (none) to %u per "
                             "cent, as it has %u vCPUs, not %u",
                             domid, n * 100, n, sched->cap);
    return 0;
}

int sched_set(struct hv *hv, uint32_t domid, const struct hv_sched *sched,
              struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    libxl_domain_sched_params params;
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = check_sched(self, domid, sched, err);
    if (rc == 0)
        rc = get_params(self, domid, &params, err);
    if (rc)
        return rc;
    params.weight = (int)sched->weight;
    params.cap = (int)sched->cap;
    uint64_t mark = xtl_mark(&self->xl.log);
    rc = libxl_domain_sched_params_set(self->xl.ctx, domid, &params);
    libxl_domain_sched_params_dispose(&params);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot set the CPU share of domain %u", domid);
    return 0;
}

int sched_cpupools(struct hv *hv, struct arena *arena, struct hv_cpupool **ret,
                   size_t *ret_n, struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint64_t mark = xtl_mark(&self->xl.log);
    int n = 0, rc = hv_xen_check(self, err);

    if (rc)
        return rc;
    libxl_cpupoolinfo *infos = libxl_list_cpupool(self->xl.ctx, &n);
    if (!infos)
        return xl_error(err, &self->xl, ERROR_FAIL, mark, HV_DOMID_NONE,
                        "cannot list the cpupools");
    struct hv_cpupool *list = ARENA_ARRAY(arena, n, struct hv_cpupool);
    for (int i = 0; i < n; i++) {
        const char *scheduler = libxl_scheduler_to_string(infos[i].sched);
        list[i].name = arena_strdup(arena, infos[i].pool_name);
        list[i].scheduler = arena_strdup(arena, scheduler);
        list[i].n_cpus = (uint32_t)libxl_bitmap_count_set(&infos[i].cpumap);
        list[i].n_domains = infos[i].n_dom;
    }
    libxl_cpupoolinfo_list_free(infos, n);
    *ret = list;
    *ret_n = (size_t)n;
    return 0;
}
