/*
 * Keys, requests and certificates; see tls_issue.h.
 */
#include "base/tls_issue.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/tls_impl.h"

#define CURVE "prime256v1"
#define SERIAL_BYTES 16
#define NAME_MAX_LEN 63
#define ROLE_MAX_LEN 15

void tls_issue_free(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

static int cannot(const char *what, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_INTERNAL, "OpenSSL cannot make %s: %s",
                         what, tls_reason());
}

/* ---- text ---- */

static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    return -1;
}

static BIO *reader(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);

    if (!bio)
        abort(); /* out of memory */
    return bio;
}

static EVP_PKEY *read_key(const char *text)
{
    BIO *bio = reader(text);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return key;
}

static X509 *read_certificate(const char *text)
{
    BIO *bio = reader(text);
    X509 *x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return x;
}

/* What was written to it, as text; frees it. */
static char *take_text(BIO *bio)
{
    char *data, *text;
    long len = BIO_get_mem_data(bio, &data);

    text = xasprintf("%.*s", (int)len, data);
    OPENSSL_cleanse(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static BIO *writer(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        abort(); /* out of memory */
    return bio;
}

static int write_certificate(X509 *x, char **ret, struct vdc_error *err)
{
    BIO *bio = writer();

    if (!PEM_write_bio_X509(bio, x)) {
        BIO_free(bio);
        return cannot("text of a certificate", err);
    }
    *ret = take_text(bio);
    return 0;
}

/* ---- keys and requests ---- */

int tls_issue_key(char **ret, struct vdc_error *err)
{
    EVP_PKEY *key = EVP_EC_gen(CURVE);
    BIO *bio = writer();
    int rc = 0;

    ERR_clear_error();
    if (!key || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        rc = cannot("a key", err);
    EVP_PKEY_free(key);
    if (rc)
        BIO_free(bio);
    else
        *ret = take_text(bio);
    return rc;
}

static int no_key(struct vdc_error *err)
{
    ERR_clear_error();
    return vdc_error_set(err, VDC_E_BAD_VALUE, "there is no key that can be "
                                               "read");
}

int tls_issue_request(const char *key, char **ret, struct vdc_error *err)
{
    EVP_PKEY *own = read_key(key);
    X509_REQ *request = X509_REQ_new();
    BIO *bio = writer();
    int rc = 0;

    if (!own)
        rc = no_key(err);
    else if (!request || !X509_REQ_set_pubkey(request, own) ||
             !X509_REQ_sign(request, own, EVP_sha256()) ||
             !PEM_write_bio_X509_REQ(bio, request))
        rc = cannot("a request for a certificate", err);
    X509_REQ_free(request);
    EVP_PKEY_free(own);
    if (rc)
        BIO_free(bio);
    else
        *ret = take_text(bio);
    return rc;
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32] = "";
    size_t len;

    return EVP_PKEY_is_a(key, "EC") &&
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                       sizeof(group), &len) &&
        strcmp(group, CURVE) == 0;
}

/* The key of a request, by which it is signed. */
static int read_request(const char *text, EVP_PKEY **ret,
                        struct vdc_error *err)
{
    BIO *bio = reader(text);
    X509_REQ *request =
        PEM_read_bio_X509_REQ(bio, NULL, no_passphrase, NULL);
    EVP_PKEY *key = request ? X509_REQ_get_pubkey(request) : NULL;
    int rc = 0;

    BIO_free(bio);
    if (!request || !key)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the request for a certificate cannot be read");
    else if (!is_p256(key))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the key of the request for a certificate is not "
                           "on the curve P-256");
    else if (X509_REQ_verify(request, key) != 1)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the request for a certificate is not signed with "
                           "its key");
    ERR_clear_error();
    X509_REQ_free(request);
    if (rc)
        EVP_PKEY_free(key);
    else
        *ret = key;
    return rc;
}

int tls_issue_key_id(const char *request, char ret[TLS_FINGERPRINT_TEXT_SIZE],
                     struct vdc_error *err)
{
    uint8_t hash[TLS_FINGERPRINT_SIZE];
    unsigned char *der = NULL;
    EVP_PKEY *key;
    int rc = read_request(request, &key, err);

    if (rc)
        return rc;
    int size = i2d_PUBKEY(key, &der);
    EVP_PKEY_free(key);
    if (size <= 0 ||
        !EVP_Digest(der, (size_t)size, hash, NULL, EVP_sha256(), NULL))
        rc = cannot("the hash of a key", err);
    OPENSSL_free(der);
    if (!rc)
        tls_fingerprint_text(hash, ret);
    return rc;
}

/* ---- certificates ---- */

static bool set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *n = NULL;
    bool ok = RAND_bytes(bytes, sizeof(bytes)) == 1;

    bytes[0] &= 0x7f; /* it is no negative number */
    if (ok)
        n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return ok;
}

static bool set_subject(X509 *x, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(x);

    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)name, -1, -1, 0);
}

static bool add(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = extension && X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/* All but what it may be used for, and the signature. */
static X509 *begin(const char *name, EVP_PKEY *key, uint64_t from_ms,
                   uint64_t to_ms)
{
    X509 *x = X509_new();

    ERR_clear_error();
    if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
        set_subject(x, name) && X509_set_pubkey(x, key) &&
        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from_ms / 1000)) &&
        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(to_ms / 1000)))
        return x;
    X509_free(x);
    return NULL;
}

int tls_issue_authority(const char *key, const char *name, uint64_t from_ms,
                        uint64_t to_ms, char **ret, struct vdc_error *err)
{
    EVP_PKEY *own = read_key(key);
    X509 *x;
    int rc;

    if (!own)
        return no_key(err);
    x = begin(name, own, from_ms, to_ms);
    if (x && X509_set_issuer_name(x, X509_get_subject_name(x)) &&
        add(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
        add(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        add(x, x, NID_subject_key_identifier, "hash") &&
        X509_sign(x, own, EVP_sha256()))
        rc = write_certificate(x, ret, err);
    else
        rc = cannot("the certificate of an authority", err);
    X509_free(x);
    EVP_PKEY_free(own);
    return rc;
}

static int check_whom(const struct tls_issue_for *whom, struct vdc_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t len = strlen(whom->name), role = strlen(whom->role);

    if (len >= 1 && len <= NAME_MAX_LEN &&
        strspn(whom->name, letters) == len && role >= 1 &&
        role <= ROLE_MAX_LEN && strspn(whom->role, letters) == role)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "'%s' cannot be in a certificate: 1 to %d letters, "
                         "digits and -_. can", whom->name, NAME_MAX_LEN);
}

static bool add_leaf(X509 *x, X509 *ca, const struct tls_issue_for *whom)
{
    char *names =
        xasprintf("DNS:%s,URI:" TLS_ROLE_URI "%s", whom->name, whom->role);
    bool ok =
        X509_set_issuer_name(x, X509_get_subject_name(ca)) &&
        add(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        add(x, ca, NID_key_usage, "critical,digitalSignature") &&
        add(x, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
        add(x, ca, NID_subject_key_identifier, "hash") &&
        add(x, ca, NID_authority_key_identifier, "keyid") &&
        add(x, ca, NID_subject_alt_name, names);

    free(names);
    return ok;
}

int tls_issue_grant(const char *authority, const char *request,
                    const struct tls_issue_for *whom, char **ret,
                    struct vdc_error *err)
{
    EVP_PKEY *key = NULL, *ca_key = NULL;
    X509 *ca = NULL, *x = NULL;
    int rc = check_whom(whom, err);

    if (!rc)
        rc = tls_issue_check_pair(authority, err);
    if (!rc)
        rc = read_request(request, &key, err);
    if (rc)
        return rc;
    ca = read_certificate(authority);
    ca_key = read_key(authority);
    x = begin(whom->name, key, whom->from_ms, whom->to_ms);
    if (x && add_leaf(x, ca, whom) && X509_sign(x, ca_key, EVP_sha256()))
        rc = write_certificate(x, ret, err);
    else
        rc = cannot("a certificate", err);
    X509_free(x);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return rc;
}

int tls_issue_check_pair(const char *text, struct vdc_error *err)
{
    X509 *x = read_certificate(text);
    EVP_PKEY *key = read_key(text);
    bool ok = x && key && X509_check_private_key(x, key) == 1;

    ERR_clear_error();
    X509_free(x);
    EVP_PKEY_free(key);
    return ok ? 0
              : vdc_error_set(err, VDC_E_BAD_CONFIG,
                              "there is no certificate with its key");
}
