/* The digest of a file; see digest.h. */
#include "xl-ext/digest.h"

#include "base/sha256.h"

int digest_of(int fd, char ret[DIGEST_SIZE], uint64_t *ret_size,
              struct vdc_error *err)
{
    struct sha256 *sha = sha256_new();
    int rc = sha256_add_file(sha, fd, NULL, ret_size, err);

    if (!rc)
        sha256_hex(sha, ret);
    sha256_free(sha);
    return rc;
}
