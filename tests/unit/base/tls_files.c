/*
 * Makes certificates with OpenSSL itself; see tls_files.h.
 */
#include "tests/unit/base/tls_files.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static char folder[] = "/tmp/xen-vdc-tls-XXXXXX";
static bool made;
static char *files[64];
static size_t n_files;

const char *tls_file(const char *name)
{
    if (!made && !mkdtemp(folder))
        abort();
    made = true;
    char *path = xasprintf("%s/%s", folder, name);
    for (size_t i = 0; i < n_files; i++) {
        if (strcmp(files[i], path) == 0) {
            free(path);
            return files[i];
        }
    }
    if (n_files == sizeof(files) / sizeof(files[0]))
        abort();
    files[n_files] = path;
    return files[n_files++];
}

void tls_files_remove(void)
{
    for (size_t i = 0; i < n_files; i++) {
        unlink(files[i]);
        free(files[i]);
    }
    n_files = 0;
    if (made)
        rmdir(folder);
}

static const char *path_of(const char *name, const char *suffix)
{
    char *file = xasprintf("%s.%s", name, suffix);
    const char *path = tls_file(file);

    free(file);
    return path;
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);

    if (!f)
        abort();
    return f;
}

static void add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

    if (!e || !X509_add_ext(x, e, -1))
        abort();
    X509_EXTENSION_free(e);
}

static void sign(X509 *x, EVP_PKEY *key, const struct tls_wanted *wanted)
{
    X509 *issuer = x;
    EVP_PKEY *issuer_key = key;
    X509V3_CTX ctx;

    if (wanted->issuer) {
        FILE *f = open_file(path_of(wanted->issuer, "crt"), "r");
        issuer = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
        f = open_file(path_of(wanted->issuer, "key"), "r");
        issuer_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        fclose(f);
        if (!issuer || !issuer_key)
            abort();
    }
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    add_extension(x, &ctx, NID_basic_constraints,
                  wanted->issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (wanted->names)
        add_extension(x, &ctx, NID_subject_alt_name, wanted->names);
    if (!X509_set_issuer_name(x, X509_get_subject_name(issuer)) ||
        !X509_sign(x, issuer_key, EVP_sha256()))
        abort();
    if (issuer != x) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
    }
}

static EVP_PKEY *make_rsa(const char *exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    EVP_PKEY *key = NULL;
    BIGNUM *e = NULL;

    if (!ctx || !BN_hex2bn(&e, exponent) || EVP_PKEY_keygen_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) != 1 ||
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) != 1 ||
        EVP_PKEY_keygen(ctx, &key) != 1)
        abort();
    BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

void tls_files_make(const struct tls_wanted *wanted)
{
    static long serial;
    EVP_PKEY *key = wanted->rsa ? make_rsa(wanted->rsa) : EVP_EC_gen("P-256");
    X509 *x = X509_new();

    if (!key || !x || !X509_set_version(x, 2) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial) ||
        !X509_gmtime_adj(X509_getm_notBefore(x), wanted->from_s) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), wanted->to_s) ||
        !X509_set_pubkey(x, key) ||
        !X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
                                    MBSTRING_UTF8,
                                    (const unsigned char *)wanted->name, -1,
                                    -1, 0))
        abort();
    sign(x, key, wanted);
    FILE *f = open_file(path_of(wanted->name, "crt"), "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = open_file(path_of(wanted->name, "key"), "w");
    fchmod(fileno(f), 0600);
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}
