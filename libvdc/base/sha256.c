/* SHA-256; see sha256.h. */
#include "base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"

#define PIECE (256 * 1024)

struct sha256 {
    EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = XNEW(struct sha256);

    sha->ctx = EVP_MD_CTX_new();
    if (!sha->ctx || !EVP_DigestInit_ex(sha->ctx, EVP_sha256(), NULL))
        abort(); /* out of memory, or an OpenSSL without SHA-256 */
    return sha;
}

void sha256_free(struct sha256 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->ctx);
    free(sha);
}

void sha256_add(struct sha256 *sha, const void *data, size_t size)
{
    if (!EVP_DigestUpdate(sha->ctx, data, size))
        abort();
}

void sha256_hex(const struct sha256 *sha, char ret[SHA256_HEX_SIZE])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (!copy || !EVP_MD_CTX_copy_ex(copy, sha->ctx) ||
        !EVP_DigestFinal_ex(copy, hash, &size) || size != 32)
        abort();
    EVP_MD_CTX_free(copy);
    for (unsigned i = 0; i < size; i++)
        sprintf(ret + 2 * i, "%02x", hash[i]);
}

int sha256_add_file(struct sha256 *sha, int fd, const volatile int *stop,
                    uint64_t *ret_size, struct vdc_error *err)
{
    unsigned char *piece = malloc(PIECE);
    uint64_t size = 0;
    ssize_t n = 0;
    int rc = 0;

    if (!piece)
        abort();
    while (!rc && (n = read(fd, piece, PIECE)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = vdc_error_errno(err, VDC_E_IO, errno, "cannot be read");
        } else if (stop && *stop) {
            rc = vdc_error_set(err, VDC_E_CANCELLED, "interrupted");
        } else {
            sha256_add(sha, piece, (size_t)n);
            size += (uint64_t)n;
        }
    }
    free(piece);
    if (!rc && ret_size)
        *ret_size = size;
    return rc;
}
