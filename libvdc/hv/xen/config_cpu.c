/* Maps vCPUs, affinities and CPUID policies to libxl's. */
#include "hv/xen/config_cpu.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cpulist.h"

static int map_online(struct xl *xl, const struct hv_domain_config *config,
                      libxl_domain_build_info *ret, struct vdc_error *err)
{
    ret->max_vcpus = (int)config->max_vcpus;
    if (libxl_cpu_bitmap_alloc(xl->ctx, &ret->avail_vcpus,
                               (int)config->max_vcpus) != 0)
        return vdc_error_set(err, VDC_E_NOMEM, "no memory for a vCPU map");
    libxl_bitmap_set_none(&ret->avail_vcpus);
    for (uint32_t i = 0; i < config->vcpus; i++)
        libxl_bitmap_set(&ret->avail_vcpus, (int)i);
    return 0;
}

int config_host_cpus(struct xl *xl, struct cpulist_host *ret,
                     struct vdc_error *err)
{
    int n = 0;
    uint64_t mark = xtl_mark(&xl->log);
    libxl_cputopology *topology = libxl_get_cpu_topology(xl->ctx, &n);

    if (!topology)
        return xl_error(err, xl, ERROR_FAIL, mark, HV_DOMID_NONE,
                        "cannot ask for the host's CPUs");
    uint32_t *nodes = xzalloc(((size_t)n + 1) * sizeof(*nodes));
    for (int i = 0; i < n; i++)
        nodes[i] = topology[i].node == LIBXL_CPUTOPOLOGY_INVALID_ENTRY
                       ? CPULIST_NO_NODE
                       : topology[i].node;
    libxl_cputopology_list_free(topology, n);
    ret->n_cpus = (size_t)n;
    ret->nodes = nodes;
    return 0;
}

int config_map_cpulist(struct xl *xl, const struct cpulist_host *host,
                       const char *list, libxl_bitmap *ret,
                       struct vdc_error *err)
{
    bool *cpus = xzalloc((host->n_cpus + 1) * sizeof(*cpus));
    int rc = cpulist_parse(list, host, cpus, err);

    if (rc == 0 && libxl_cpu_bitmap_alloc(xl->ctx, ret, 0) != 0)
        rc = vdc_error_set(err, VDC_E_NOMEM, "no memory for a CPU map");
    for (size_t i = 0; rc == 0 && i < host->n_cpus; i++)
        if (cpus[i])
            libxl_bitmap_set(ret, (int)i);
    free(cpus);
    return rc;
}

/* One list goes for all vCPUs; of several each for one, as in xl. */
static int map_affinity(struct xl *xl, const struct cpulist_host *host,
                        size_t n_lists, const char *const *lists, int n_vcpus,
                        libxl_bitmap **ret, int *ret_n, struct vdc_error *err)
{
    if (n_lists == 0)
        return 0;
    size_t n = (size_t)n_vcpus;
    if (n_lists > 1 && n_lists < n)
        n = n_lists;
    *ret = xzalloc(n * sizeof(**ret));
    for (size_t i = 0; i < n; i++)
        libxl_bitmap_init(&(*ret)[i]);
    *ret_n = (int)n;
    for (size_t i = 0; i < n; i++) {
        int rc = config_map_cpulist(xl, host, lists[n_lists == 1 ? 0 : i],
                                    &(*ret)[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int map_affinities(struct xl *xl, const struct hv_domain_config *config,
                          libxl_domain_build_info *ret, struct vdc_error *err)
{
    struct cpulist_host host = { 0, NULL };

    if (config->n_hard_affinity == 0 && config->n_soft_affinity == 0)
        return 0;
    int rc = config_host_cpus(xl, &host, err);
    if (rc)
        return rc;
    rc =
        map_affinity(xl, &host, config->n_hard_affinity, config->hard_affinity,
                     ret->max_vcpus, &ret->vcpu_hard_affinity,
                     &ret->num_vcpu_hard_affinity, err);
    if (rc == 0)
        rc = map_affinity(xl, &host, config->n_soft_affinity,
                          config->soft_affinity, ret->max_vcpus,
                          &ret->vcpu_soft_affinity,
                          &ret->num_vcpu_soft_affinity, err);
    free((void *)host.nodes);
    if (rc)
        return rc;
    /* libxl's own NUMA placement works through the soft affinity, and not at
     * all when vCPUs have different hard ones. */
    if (config->n_soft_affinity > 0 || config->n_hard_affinity > 1)
        libxl_defbool_set(&ret->numa_placement, false);
    return 0;
}

/* "host,tm=0,sse3=0": each name=value for itself. */
static int map_cpuid_flags(const char *policy, libxl_cpuid_policy_list *ret)
{
    char *copy = xstrdup(policy), *rest = NULL;
    int r = 0;

    for (char *word = strtok_r(copy, ",", &rest); word && r == 0;
         word = strtok_r(NULL, ",", &rest)) {
        if (strcmp(word, "host") == 0)
            continue;
        r = libxl_cpuid_parse_config(ret, word);
    }
    free(copy);
    return r;
}

static int map_cpuid(const struct hv_domain_config *config,
                     libxl_domain_build_info *ret, struct vdc_error *err)
{
    for (size_t i = 0; i < config->n_cpuid; i++) {
        const char *policy = config->cpuid[i];
        /* The older syntax begins with a leaf's number: "1:ecx=xx0x..." */
        int r = isdigit((unsigned char)policy[0])
                    ? libxl_cpuid_parse_config_xend(&ret->cpuid, policy)
                    : map_cpuid_flags(policy, &ret->cpuid);
        if (r != 0)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "domain '%s': CPUID policy \"%s\": %s",
                                 config->name, policy,
                                 r == 1   ? "\"=\" is missing"
                                 : r == 2 ? "no such CPU feature"
                                          : "the value cannot be read");
    }
    return 0;
}

int config_map_cpus(struct xl *xl, const struct hv_domain_config *config,
                    libxl_domain_build_info *ret, struct vdc_error *err)
{
    int rc = map_online(xl, config, ret, err);

    if (rc == 0)
        rc = map_affinities(xl, config, ret, err);
    if (rc == 0)
        rc = map_cpuid(config, ret, err);
    return rc;
}
