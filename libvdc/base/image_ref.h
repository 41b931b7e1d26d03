/*
 * How definitions name images: "image:NAME" as a person writes it, and
 * "image:NAME@DIGEST" when policyd has found out which one that is.  What is
 * in a file counts, and so its digest, not its name.
 */
#ifndef VDC_BASE_IMAGE_REF_H
#define VDC_BASE_IMAGE_REF_H

#include <stdbool.h>

#include "base/error.h"

#define IMAGE_PREFIX "image:"
#define IMAGE_NAME_MAX 63
#define IMAGE_DIGEST_LEN 64 /* SHA-256, in hexadecimal digits, small letters */

struct image_ref {
    char name[IMAGE_NAME_MAX + 1];
    char digest[IMAGE_DIGEST_LEN + 1]; /* "": none was given */
};

/* Whether a kernel or ramdisk is named so, and is no path. */
bool image_ref_is(const char *text);
/* Errors: VDC_E_BAD_VALUE. */
int image_ref_parse(const char *text, struct image_ref *ret,
                    struct vdc_error *err);
bool image_digest_is(const char *text);
/* a-z, A-Z, 0-9 and -_. , beginning with a letter or digit.  Errors:
 * VDC_E_BAD_VALUE. */
int image_name_check(const char *name, struct vdc_error *err);

#endif
