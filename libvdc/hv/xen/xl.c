/* Opening and closing libxl contexts, and turning its answers into errors. */
#include "hv/xen/xl.h"

#include <stdarg.h>
#include <stdio.h>

#include "hv/hv.h"

/*
 * libxl catches SIGCHLD and reaps the children that it started, and no
 * others.  This mode, unlike the default one, allows several contexts in one
 * process, which the workers need, and leaves alone a child that some library
 * starts and waits for by itself.
 */
static const libxl_childproc_hooks childproc = {
    .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
};

int xl_open(struct xl *xl, struct event_base *base, struct vdc_error *err)
{
    xtl_init(&xl->log);
    xl->osevent = NULL;
    xl->ctx = NULL;
    int rc = libxl_ctx_alloc(&xl->ctx, LIBXL_VERSION, 0, &xl->log.logger);
    if (rc) {
        xl->ctx = NULL;
        return xl_error(err, xl, rc, 0, HV_DOMID_NONE, "cannot open libxl");
    }
    if (base)
        xl->osevent = osevent_new(base, xl->ctx);
    libxl_childproc_setmode(xl->ctx, &childproc, NULL);
    return 0;
}

void xl_close(struct xl *xl, bool operations_under_way)
{
    static libxl_ctx *left_behind; /* reachable: not a leak, but meant */

    if (xl->ctx && operations_under_way)
        left_behind = xl->ctx;
    else if (xl->ctx)
        libxl_ctx_free(xl->ctx);
    (void)left_behind;
    xl->ctx = NULL;
    osevent_destroy(xl->osevent);
    xl->osevent = NULL;
}

static int code_of(int rc)
{
    switch (rc) {
    case ERROR_NOMEM:
        return VDC_E_NOMEM;
    case ERROR_DOMAIN_NOTFOUND:
    case ERROR_DOMAIN_DESTROYED:
        return VDC_E_NOT_FOUND;
    case ERROR_DEVICE_EXISTS:
        return VDC_E_EXISTS;
    case ERROR_ABORTED:
        return VDC_E_CANCELLED;
    case ERROR_TIMEDOUT:
    case ERROR_GUEST_TIMEDOUT:
        return VDC_E_TIMEOUT;
    default: /* libxl's enum, which grows with its versions */
        return VDC_E_HYPERVISOR;
    }
}

int xl_error(struct vdc_error *err, const struct xl *xl, int rc, uint64_t mark,
             uint32_t domid, const char *format, ...)
{
    char tried[256], words[768];
    va_list args;

    va_start(args, format);
    vsnprintf(tried, sizeof(tried), format, args);
    va_end(args);
    if (xtl_words(&xl->log, mark, domid, words, sizeof(words)) == 0) {
        const char *name = libxl_error_to_string(rc);
        snprintf(words, sizeof(words), "libxl answered \"%s\" (%d)",
                 name ? name : "unknown error", rc);
    }
    return vdc_error_set(err, code_of(rc), "%s: %s", tried, words);
}

int xl_domain_info(struct xl *xl, uint32_t domid, libxl_dominfo *ret,
                   struct vdc_error *err)
{
    uint64_t mark = xtl_mark(&xl->log);

    if (ret)
        libxl_dominfo_init(ret);
    int rc = libxl_domain_info(xl->ctx, ret, domid);
    if (rc == ERROR_DOMAIN_NOTFOUND)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no domain %u", domid);
    if (rc)
        return xl_error(err, xl, rc, mark, domid, "cannot ask for domain %u",
                        domid);
    return 0;
}
