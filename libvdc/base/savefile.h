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

/*
 * What is in such a file is taken apart by the hypervisor's tools, so nobody
 * else may have put it there: the file and its folder must belong to root or
 * to who runs this, and be writable by the owner only (a sticky bit does not
 * help).  The last name must not be a link.  May wait for the file system.
 */

/* Opens it for reading, at its head; what is checked is what is opened.  Not
 * whether it is such a file.  Errors: VDC_E_NO_FILE, VDC_E_DENIED,
 * VDC_E_BAD_VALUE (a link, or no regular file), VDC_E_IO. */
int savefile_open(const char *path, int *ret_fd, struct vdc_error *err);
/* Whether files of this folder are used: before one is written to it. */
int savefile_check_folder(const char *folder, struct vdc_error *err);

#endif
