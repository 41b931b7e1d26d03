/*
 * Small files that are there wholly or not at all: keys, certificates.
 * Blocks for as long as the disk takes.
 */
#ifndef VDC_BASE_TEXTFILE_H
#define VDC_BASE_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The whole of a file of at most `most` bytes without NUL; malloc'd, the
 * caller's.  Errors: VDC_E_NO_FILE (none of this name), VDC_E_DENIED,
 * VDC_E_BAD_CONFIG (too long, or has NUL), VDC_E_IO. */
int textfile_read(const char *path, size_t most, char **ret,
                  struct vdc_error *err);

/*
 * Puts a file there, with this mode, in place of one that is there: at any
 * moment, also after a crash, all of the old one or all of the new one is
 * there.  A file PATH.new that another left half-written is overwritten.
 * Errors: VDC_E_DENIED, VDC_E_DISK_FULL, VDC_E_IO; the old one stays.
 */
int textfile_write(const char *path, mode_t mode, const char *text,
                   struct vdc_error *err);

/*
 * A directory for keys: makes it, for its owner alone, if it is not there, and
 * takes its lock, which ends with the descriptor, the caller's to close.
 * Errors: VDC_E_DENIED: somebody else's, or others may write to it;
 * VDC_E_BUSY: another has the lock; VDC_E_NO_FILE: nor is the one above it
 * there; VDC_E_IO.
 */
int textfile_lock_directory(const char *path, int *ret_fd,
                            struct vdc_error *err);

#endif
