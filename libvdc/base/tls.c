/*
 * TLS contexts from files, and what is in a certificate; see tls.h.
 */
#include "base/tls.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/tls_impl.h"

/* What a stranger may make us keep of its chain. */
#define PEER_CHAIN_MAX 32768
/* A stranger chooses its key, and need not sign with it to have us prove that
 * it did not: with OpenSSL's own limits that takes 15 ms. */
#define PEER_RSA_BITS_MAX 8192
#define PEER_RSA_EXPONENT_BITS_MAX 64

const char *tls_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return text ? text : "no reason is known";
}

/* OpenSSL would ask on a terminal for that of whatever has one, a certificate
 * that somebody sent, too, and the loop would wait for it. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    *(bool *)arg = true;
    return -1;
}

/* ---- what is in a certificate ---- */

/* From 1970; a time before counts as 0. */
static uint64_t time_ms(const ASN1_TIME *t)
{
    ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    uint64_t ms = 0;

    if (zero && ASN1_TIME_diff(&days, &seconds, zero, t) && days >= 0 &&
        seconds >= 0)
        ms = ((uint64_t)days * 86400 + (uint64_t)seconds) * 1000;
    ASN1_TIME_free(zero);
    return ms;
}

static void describe_subject(X509 *x, char *ret, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len = 0;

    snprintf(ret, size, "?");
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0,
                                  XN_FLAG_ONELINE) >= 0)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0 && (size_t)len < size)
        snprintf(ret, size, "%.*s", (int)len, text);
    else if (len > 0)
        snprintf(ret, size, "%.*s...", (int)size - 4, text);
    BIO_free(bio);
    /* XN_FLAG_ONELINE escapes what is not ASCII; nothing else is to be left */
    for (char *p = ret; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

/* One that is longer, or a second one, is none. */
static void describe_role(X509 *x, char *ret, size_t size)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    size_t prefix = strlen(TLS_ROLE_URI);
    int n_roles = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_STRING *uri = name->d.uniformResourceIdentifier;
        const char *text = (const char *)ASN1_STRING_get0_data(uri);
        size_t len = (size_t)ASN1_STRING_length(uri);
        if (len <= prefix || memcmp(text, TLS_ROLE_URI, prefix) != 0)
            continue;
        if (++n_roles == 1 && len - prefix < size &&
            !memchr(text, '\0', len))
            snprintf(ret, size, "%.*s", (int)(len - prefix), text + prefix);
        else
            *ret = '\0';
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
}

void tls_certificate_describe(X509 *x, struct tls_certificate *ret)
{
    unsigned size = 0;

    *ret = (struct tls_certificate){ .subject = "" };
    if (!X509_digest(x, EVP_sha256(), ret->fingerprint, &size) ||
        size != sizeof(ret->fingerprint))
        abort(); /* out of memory, or an OpenSSL without SHA-256 */
    describe_subject(x, ret->subject, sizeof(ret->subject));
    describe_role(x, ret->role, sizeof(ret->role));
    ret->valid_from_ms = time_ms(X509_get0_notBefore(x));
    ret->valid_to_ms = time_ms(X509_get0_notAfter(x));
}

int tls_certificate_read(const void *pem, size_t size,
                         struct tls_certificate *ret, struct vdc_error *err)
{
    bool asked = false;
    X509 *x = NULL;
    BIO *bio = NULL;

    ERR_clear_error();
    if (size <= TLS_CERTIFICATE_MAX)
        bio = BIO_new_mem_buf(pem, (int)size);
    if (bio)
        x = PEM_read_bio_X509(bio, NULL, no_passphrase, &asked);
    BIO_free(bio);
    ERR_clear_error();
    if (!x) {
        vdc_error_set(err, VDC_E_BAD_VALUE, "the certificate cannot be read");
        vdc_error_hint(err, "it is wanted in PEM and whole, as `openssl x509 "
                            "-in FILE` prints it");
        return VDC_E_BAD_VALUE;
    }
    tls_certificate_describe(x, ret);
    X509_free(x);
    return 0;
}

void tls_fingerprint_text(const uint8_t *fingerprint,
                          char ret[TLS_FINGERPRINT_TEXT_SIZE])
{
    for (size_t i = 0; i < TLS_FINGERPRINT_SIZE; i++)
        snprintf(ret + i * 2, 3, "%02x", fingerprint[i]);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
        : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tls_fingerprint_parse(const char *text, uint8_t ret[TLS_FINGERPRINT_SIZE])
{
    uint8_t bytes[TLS_FINGERPRINT_SIZE];

    if (strlen(text) != TLS_FINGERPRINT_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < TLS_FINGERPRINT_SIZE; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    memcpy(ret, bytes, sizeof(bytes));
    return true;
}

/* ---- files ---- */

/* Whether it is there and can be read, so that OpenSSL's words are only about
 * what is in it. */
static int check_file(const char *path, bool secret, struct vdc_error *err)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    int r;

    if (!f)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "cannot read %s",
                               path);
    r = fstat(fileno(f), &st);
    fclose(f);
    if (r == 0 && S_ISDIR(st.st_mode))
        return vdc_error_set(err, VDC_E_BAD_CONFIG, "%s is a directory",
                             path);
    if (r == 0 && secret && (st.st_mode & (S_IROTH | S_IWOTH))) {
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "everybody may read the key in %s: it is not used",
                      path);
        vdc_error_hint(err, "chmod 600 %s, and make another if others were "
                            "there", path);
        return VDC_E_BAD_CONFIG;
    }
    return 0;
}

static int use_key(struct tls *tls, const struct tls_files *files,
                   struct vdc_error *err)
{
    bool asked = false;
    int rc = check_file(files->key, true, err);

    if (rc)
        return rc;
    SSL_CTX_set_default_passwd_cb(tls->ctx, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(tls->ctx, &asked);
    int ok = SSL_CTX_use_PrivateKey_file(tls->ctx, files->key,
                                         SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(tls->ctx, NULL);
    if (ok && SSL_CTX_check_private_key(tls->ctx) == 1)
        return 0;
    unsigned long code = ERR_peek_error();
    bool mismatch = ERR_GET_LIB(code) == ERR_LIB_X509 &&
        (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
         ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH);
    if (asked)
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG,
                           "the key in %s has a passphrase, for which nobody "
                           "can be asked",
                           files->key);
    else if (mismatch)
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG,
                           "the key in %s is not that of the certificate in "
                           "%s",
                           files->key, files->certificate);
    else
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG, "%s has no key: %s",
                           files->key, tls_reason());
    ERR_clear_error();
    return rc;
}

static int use_certificate(struct tls *tls, const struct tls_files *files,
                           struct vdc_error *err)
{
    const char *path = files->certificate;
    int rc = check_file(path, false, err);

    if (rc)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(tls->ctx, path) != 1)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "%s has no certificate that can be used: %s",
                             path, tls_reason());
    tls->certificate = xstrdup(path);
    return use_key(tls, files, err);
}

static int use_ca(struct tls *tls, const char *path, struct vdc_error *err)
{
    int rc = check_file(path, false, err);

    if (rc)
        return rc;
    if (SSL_CTX_load_verify_locations(tls->ctx, path, NULL) == 1)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_CONFIG,
                         "%s has no certificates of a CA: %s", path,
                         tls_reason());
}

/* ---- contexts ---- */

/* Whether the proof of its key costs too much. */
static bool is_costly(const X509_STORE_CTX *chain)
{
    EVP_PKEY *key = X509_get0_pubkey(X509_STORE_CTX_get0_cert(chain));
    BIGNUM *exponent = NULL;
    bool ret;

    if (!key || (!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "RSA-PSS")))
        return false;
    ret = EVP_PKEY_get_bits(key) > PEER_RSA_BITS_MAX ||
        !EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) ||
        BN_num_bits(exponent) > PEER_RSA_EXPONENT_BITS_MAX;
    BN_free(exponent);
    ERR_clear_error();
    return ret;
}

/* Nobody is trusted, so nothing is looked up: what a stranger sends gets no
 * work of ours but the proof of its key. */
static int judge_none(X509_STORE_CTX *chain, void *arg)
{
    bool refused = is_costly(chain);

    X509_STORE_CTX_set_error(chain,
                             refused ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
    return !refused;
}

/* What is wrong stays in the result, for who asks. */
static int judge_later(X509_STORE_CTX *chain, void *arg)
{
    if (is_costly(chain))
        return judge_none(chain, arg);
    if (X509_verify_cert(chain) <= 0 &&
        X509_STORE_CTX_get_error(chain) == X509_V_OK)
        X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

/* The one that vouches is not known, but for its fingerprint: it comes with
 * those that are shown. */
static int judge_by_fingerprint(X509_STORE_CTX *chain, void *arg)
{
    const struct tls *tls = arg;
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(chain);
    STACK_OF(X509) *trusted = sk_X509_new_null();
    struct tls_certificate one;
    int ok;

    if (!trusted)
        abort(); /* out of memory */
    for (int i = 0; i < sk_X509_num(shown); i++) {
        X509 *x = sk_X509_value(shown, i);
        tls_certificate_describe(x, &one);
        if (memcmp(one.fingerprint, tls->vouches, sizeof(tls->vouches)) == 0 &&
            !sk_X509_push(trusted, x))
            abort(); /* out of memory */
    }
    X509_STORE_CTX_set0_trusted_stack(chain, trusted);
    if (!sk_X509_num(trusted)) {
        X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_UNTRUSTED);
        ok = 0;
    } else {
        ok = !is_costly(chain) && X509_verify_cert(chain) > 0;
        if (!ok && X509_STORE_CTX_get_error(chain) == X509_V_OK)
            X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
    }
    sk_X509_free(trusted);
    return ok;
}

static struct tls *context_new(const SSL_METHOD *method)
{
    struct tls *tls = XNEW(struct tls);

    ERR_clear_error();
    tls->ctx = SSL_CTX_new(method);
    if (!tls->ctx || !SSL_CTX_set_min_proto_version(tls->ctx, TLS1_3_VERSION))
        abort(); /* out of memory, or an OpenSSL without TLS 1.3 */
    SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(tls->ctx, 0);
    SSL_CTX_set_options(tls->ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_max_cert_list(tls->ctx, PEER_CHAIN_MAX);
    /* evbuffers move what waits to be written, and grow behind it */
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                   SSL_MODE_RELEASE_BUFFERS);
    /* one record at a time: who sends many that have nothing for us, as
     * changes of keys, is not to keep the loop from others */
    SSL_CTX_clear_mode(tls->ctx, SSL_MODE_AUTO_RETRY);
    return tls;
}

static int finish(struct tls *tls, int rc, struct tls **ret)
{
    ERR_clear_error();
    if (rc)
        tls_free(tls);
    else
        *ret = tls;
    return rc;
}

int tls_new_server(const struct tls_files *files, enum tls_proof proof,
                   struct tls **ret, struct vdc_error *err)
{
    struct tls *tls = context_new(TLS_server_method());
    int mode = SSL_VERIFY_PEER;
    int rc = use_certificate(tls, files, err);

    if (!rc && *files->ca)
        rc = use_ca(tls, files->ca, err);
    switch (proof) {
    case TLS_ASK:
        SSL_CTX_set_cert_verify_callback(
            tls->ctx, *files->ca ? judge_later : judge_none, NULL);
        break;
    case TLS_DEMAND:
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        break;
    }
    SSL_CTX_set_verify(tls->ctx, mode, NULL);
    return finish(tls, rc, ret);
}

int tls_new_client(const struct tls_files *files, struct tls **ret,
                   struct vdc_error *err)
{
    struct tls *tls = context_new(TLS_client_method());
    int rc = 0;

    if (*files->certificate || *files->key)
        rc = use_certificate(tls, files, err);
    if (!rc && *files->ca)
        rc = use_ca(tls, files->ca, err);
    else if (!rc)
        SSL_CTX_set_default_verify_paths(tls->ctx);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    return finish(tls, rc, ret);
}

struct tls *tls_new_client_of(const uint8_t fingerprint[TLS_FINGERPRINT_SIZE])
{
    struct tls *tls = context_new(TLS_client_method());

    memcpy(tls->vouches, fingerprint, sizeof(tls->vouches));
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->ctx, judge_by_fingerprint, tls);
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls->certificate);
    free(tls);
}

int tls_check_dates(const struct tls *tls, struct vdc_error *err)
{
    struct wall now = clock_wall();
    struct tls_certificate own;
    char buf[32];

    if (!tls->certificate)
        return 0;
    tls_certificate_describe(SSL_CTX_get0_certificate(tls->ctx), &own);
    if (own.valid_to_ms <= now.ms)
        return vdc_error_set(
            err, VDC_E_BAD_CONFIG, "the certificate in %s expired at %s",
            tls->certificate,
            clock_wall_format((struct wall){ own.valid_to_ms }, buf,
                              sizeof(buf)));
    if (own.valid_from_ms > now.ms)
        return vdc_error_set(
            err, VDC_E_BAD_CONFIG,
            "the certificate in %s is not valid before %s", tls->certificate,
            clock_wall_format((struct wall){ own.valid_from_ms }, buf,
                              sizeof(buf)));
    return 0;
}
