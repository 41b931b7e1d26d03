/*
 * The head of a file that `save` wrote: says whose it is, before the
 * hypervisor's own stream.  64 bytes: "xen-vdc save" and zeros to 16, version
 * (u32, little-endian, 1), zero (u32), uuid of the partition (16 bytes), time
 * (u64, ms since 1970), memory that it had (u64, KiB; 0 in older files),
 * zeros.
 */
#ifndef VDC_BASE_SAVEFILE_H
#define VDC_BASE_SAVEFILE_H

#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"

#define SAVEFILE_HEAD_SIZE 64

struct savefile_head {
    struct vdc_uuid uuid;
    uint64_t saved_ms;
    uint64_t memory_kib; /* 0: not known */
};

/* At where fd stands.  Errors: those of vdc_error_errno. */
int savefile_write(int fd, const struct savefile_head *head,
                   struct vdc_error *err);
/* fd stands behind the head then.  Errors: VDC_E_BAD_VALUE (not such a file),
 * VDC_E_STORE_NEWER (of a newer version), VDC_E_IO. */
int savefile_read(int fd, struct savefile_head *ret, struct vdc_error *err);

#endif
