/*
 * SHA-256 of what comes in pieces, and of files, by OpenSSL.
 */
#ifndef VDC_BASE_SHA256_H
#define VDC_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SHA256_HEX_SIZE 65 /* with the NUL */

struct sha256;

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *sha); /* NULL allowed */
void sha256_add(struct sha256 *sha, const void *data, size_t size);
/* Of all that was added; more can be added after it. */
void sha256_hex(const struct sha256 *sha, char ret[SHA256_HEX_SIZE]);

/* Adds what is in a file from where it is read; blocks as long as reading it
 * takes.  stop (may be NULL): read now and then, non-zero ends it with
 * VDC_E_CANCELLED.  Errors: VDC_E_IO. */
int sha256_add_file(struct sha256 *sha, int fd, const volatile int *stop,
                    uint64_t *ret_size, struct vdc_error *err);

#endif
