/* Names of images in definitions; see image_ref.h. */
#include "base/image_ref.h"

#include <stdio.h>
#include <string.h>

#define LETTERS \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool image_ref_is(const char *text)
{
    return strncmp(text, IMAGE_PREFIX, strlen(IMAGE_PREFIX)) == 0;
}

bool image_digest_is(const char *text)
{
    return strlen(text) == IMAGE_DIGEST_LEN &&
           strspn(text, "0123456789abcdef") == IMAGE_DIGEST_LEN;
}

int image_name_check(const char *name, struct vdc_error *err)
{
    size_t len = strlen(name);

    if (len && len <= IMAGE_NAME_MAX && strspn(name, LETTERS "-_.") == len &&
        strchr(LETTERS, name[0]))
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%.80s' cannot be an image's name",
                  name);
    vdc_error_hint(err, "letters, digits, '-', '_' and '.', at most %d; the "
                        "first is a letter or digit", IMAGE_NAME_MAX);
    return VDC_E_BAD_VALUE;
}

int image_ref_parse(const char *text, struct image_ref *ret,
                    struct vdc_error *err)
{
    const char *name = text + strlen(IMAGE_PREFIX);
    const char *at;

    if (!image_ref_is(text))
        return vdc_error_set(err, VDC_E_BAD_VALUE, "'%.80s' names no image",
                             text);
    at = strchr(name, '@');
    if (at && !image_digest_is(at + 1))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.80s': what follows the '@' is no digest",
                             text);
    struct image_ref ref = { .digest = "" };
    snprintf(ref.name, sizeof(ref.name), "%.*s",
             at ? (int)(at - name) : (int)strlen(name), name);
    if ((at ? (size_t)(at - name) : strlen(name)) > IMAGE_NAME_MAX)
        return image_name_check(name, err);
    int rc = image_name_check(ref.name, err);
    if (rc)
        return rc;
    if (at)
        snprintf(ref.digest, sizeof(ref.digest), "%s", at + 1);
    *ret = ref;
    return 0;
}
