/*
 * The digest of a file, by which images are known.  The program for inside a
 * guest has none (remote_none.c).
 */
#ifndef XL_EXT_DIGEST_H
#define XL_EXT_DIGEST_H

#include <stdint.h>

#include "base/error.h"

#define DIGEST_SIZE 65 /* hexadecimal digits, and a NUL */

/* SHA-256 of what is read from fd, from where it is to its end.  Errors:
 * VDC_E_IO; VDC_E_UNSUPPORTED inside a guest. */
int digest_of(int fd, char ret[DIGEST_SIZE], uint64_t *ret_size,
              struct vdc_error *err);

#endif
