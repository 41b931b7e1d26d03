/*
 * Balloon targets and limits of memory.
 *
 * Two numbers limit a domain.  xenstore's memory/static-max, kept by libxl, is
 * what its targets may rise to: our "max memory".  Xen's own limit is what it
 * may populate at this moment: libxl keeps it at the target and 1 MiB (for
 * what is allocated beside the guest's RAM), so that a guest cannot take more
 * than it was given, whatever its kernel does.
 */
#include "hv/xen/memory.h"

#include "hv/xen/domain.h"
#include "hv/xen/self.h"

/* LIBXL_MAXMEM_CONSTANT, which libxl does not tell: the 1 MiB above. */
#define BESIDE_RAM_KIB 1024

static int set_target(struct hv_xen *self, uint32_t domid, struct mem target,
                      struct vdc_error *err)
{
    uint64_t mark = xtl_mark(&self->xl.log);
    int rc = libxl_set_memory_target(self->xl.ctx, domid, (int64_t)target.kib,
                                     0, 1);
    char text[32];

    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot set the memory of domain %u to %s", domid,
                        units_mem_format(target, text, sizeof(text)));
    return 0;
}

int memory_set_target(struct hv *hv, uint32_t domid, struct mem target,
                      struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    char text[32];
    int rc = domain_check(self, domid, err);

    if (rc)
        return rc;
    if (target.kib == 0 || target.kib > MEM_MAX_KIB)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "%s is not a memory target",
                             units_mem_format(target, text, sizeof(text)));
    return set_target(self, domid, target, err);
}

int memory_target(struct hv *hv, uint32_t domid, struct mem *ret,
                  struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    uint64_t kib, mark = xtl_mark(&self->xl.log);
    int rc = domain_check(self, domid, err);

    if (rc)
        return rc;
    rc = libxl_get_memory_target(self->xl.ctx, domid, &kib);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot read the memory target of domain %u", domid);
    *ret = MEM_KIB(kib > MEM_MAX_KIB ? MEM_MAX_KIB : kib);
    return 0;
}

static int check_max(struct hv_xen *self, uint32_t domid, struct mem max,
                     struct mem target, struct vdc_error *err)
{
    libxl_dominfo info;
    char text[32], has[32];
    int rc = xl_domain_info(&self->xl, domid, &info, err);
    struct mem now = MEM_KIB(info.current_memkb);

    libxl_dominfo_dispose(&info);
    if (rc)
        return rc;
    if (max.kib == 0 || max.kib > MEM_MAX_KIB)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s is not a limit of memory",
                             units_mem_format(max, text, sizeof(text)));
    if (now.kib <= max.kib + BESIDE_RAM_KIB)
        now = target;
    if (now.kib <= max.kib)
        return 0;
    rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                       "domain %u has %s, more than the new limit of %s",
                       domid, units_mem_format(now, has, sizeof(has)),
                       units_mem_format(max, text, sizeof(text)));
    vdc_error_hint(err, "let it give memory back first");
    return rc;
}

int memory_set_max(struct hv *hv, uint32_t domid, struct mem max,
                   struct vdc_error *err)
{
    struct hv_xen *self = hv_xen_of(hv);
    struct mem target;
    char text[32];
    int rc = domain_check_guest(self, domid, err);

    if (rc == 0)
        rc = memory_target(hv, domid, &target, err);
    if (rc == 0)
        rc = check_max(self, domid, max, target, err);
    if (rc)
        return rc;
    uint64_t mark = xtl_mark(&self->xl.log);
    rc = libxl_domain_setmaxmem(self->xl.ctx, domid, max.kib);
    if (rc)
        return xl_error(err, &self->xl, rc, mark, domid,
                        "cannot set the memory limit of domain %u to %s",
                        domid, units_mem_format(max, text, sizeof(text)));
    /* That raised Xen's limit to the new one too; the target brings it back to
     * what the guest was given. */
    return set_target(self, domid, target, err);
}
