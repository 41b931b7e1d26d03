/*
 * The program for inside a guest is linked statically, and without OpenSSL.
 */
#include "xl-ext/digest.h"
#include "xl-ext/join.h"
#include "xl-ext/remote.h"

int remote_open(struct event_base *base, const char *address,
                struct stream **ret, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_UNSUPPORTED,
                  "this xl-vdc, made for inside a guest, has no TLS");
    vdc_error_hint(err, "without -H and XEN_VDC_HOST it asks over a channel");
    return VDC_E_UNSUPPORTED;
}

int remote_open_join(struct event_base *base, const char *address,
                     struct stream **ret, struct vdc_error *err)
{
    return remote_open(base, address, ret, err);
}

int join_run(const struct command_args *args, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "this xl-vdc was made for inside a guest: a host "
                         "joins by its own");
}

int digest_of(int fd, char ret[DIGEST_SIZE], uint64_t *ret_size,
              struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "this xl-vdc was made for inside a guest, from where "
                         "no images can be added");
}

int join_policyd_run(const struct command_args *args, struct vdc_error *err)
{
    return join_run(args, err);
}

int leave_run(const struct command_args *args, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "this xl-vdc was made for inside a guest: a host "
                         "leaves by its own");
}
