/*
 * Secrets of tokens; see secret.h.  The only file that uses OpenSSL here.
 */
#include "policyd/customers/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void to_hex(const uint8_t *bytes, size_t size, char *ret)
{
    for (size_t i = 0; i < size; i++)
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

int secret_draw(char *ret_id, char *ret_text, uint8_t *ret_salt,
                struct vdc_error *err)
{
    uint8_t bytes[(SECRET_ID_SIZE - 1) / 2 + (SECRET_TEXT_SIZE - 1) / 2 +
                  SECRET_SALT_SIZE];
    const uint8_t *at = bytes;

    /* so few bytes come at once */
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return vdc_error_set(err, VDC_E_INTERNAL,
                             "the kernel gives no random bytes");
    to_hex(at, (SECRET_ID_SIZE - 1) / 2, ret_id);
    at += (SECRET_ID_SIZE - 1) / 2;
    to_hex(at, (SECRET_TEXT_SIZE - 1) / 2, ret_text);
    at += (SECRET_TEXT_SIZE - 1) / 2;
    memcpy(ret_salt, at, SECRET_SALT_SIZE);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return 0;
}

int secret_hash(const uint8_t *salt, size_t salt_size, const char *text,
                uint8_t *ret, struct vdc_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(ctx, salt, salt_size) &&
              EVP_DigestUpdate(ctx, text, strlen(text)) &&
              EVP_DigestFinal_ex(ctx, ret, NULL);

    EVP_MD_CTX_free(ctx);
    return ok ? 0
              : vdc_error_set(err, VDC_E_INTERNAL,
                              "a secret cannot be hashed");
}

bool secret_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
