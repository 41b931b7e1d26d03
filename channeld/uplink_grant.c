/*
 * The control channel of a guest of Xen.
 */
#include <unistd.h>

#include "channeld/uplink.h"

static int grant_connect(struct uplink *uplink, void **ret,
                         struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_UNSUPPORTED, "no grants here");
}

static void grant_close(void *state)
{
}

static int grant_send(void *state, const void *data, size_t size,
                      const int *fds, unsigned n_fds)
{
    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    return VDC_E_CLOSED;
}

const struct uplink_kind_ops uplink_grant_ops = { grant_connect, grant_close,
                                                  grant_send };
