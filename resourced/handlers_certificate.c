/*
 * The certificate of a host that has joined is renewed by its policyd.
 *
 * host.key has the next key from the moment in which it is asked for, until
 * host.pem has it: asked again, the request is for the same key.  dc-join uses
 * the same two files, and the same lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/textfile.h"
#include "base/tls.h"
#include "base/tls_issue.h"
#include "resourced/handlers.h"
#include "resourced/host.h"

#define FILE_MOST 32768
#define CERTIFICATE_BEGIN "-----BEGIN CERTIFICATE-----"
#define KEY_BEGIN "-----BEGIN PRIVATE KEY-----"
#define ROLE "host"

struct files {
    int lock;
    char *pem_path, *key_path;
    char *pem; /* what is in it */
};

static void close_files(struct files *files)
{
    if (files->lock >= 0)
        close(files->lock);
    tls_issue_free(files->pem);
    free(files->pem_path);
    free(files->key_path);
}

static int open_files(const struct host *host, struct files *ret,
                      struct vdc_error *err)
{
    const char *directory = host->settings->dc_directory;

    *ret = (struct files){ .lock = -1 };
    ret->pem_path = xasprintf("%s/host.pem", directory);
    ret->key_path = xasprintf("%s/host.key", directory);
    if (access(ret->pem_path, F_OK))
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "host %s has not joined a data center: %s is "
                             "not there", host->name, ret->pem_path);
    int rc = textfile_lock_directory(directory, &ret->lock, err);
    if (!rc)
        rc = textfile_read(ret->pem_path, FILE_MOST, &ret->pem, err);
    if (rc)
        vdc_error_prefix(err, "%s", directory);
    return rc;
}

/* ---- the request ---- */

/* One that a request before has left, or a new one. */
static int next_key(const struct files *files, char **ret,
                    struct vdc_error *err)
{
    int rc = 0;

    if (!textfile_read(files->key_path, FILE_MOST, ret, NULL)) {
        /* what is in host.pem already was left by a crash */
        if (!strstr(files->pem, *ret) && strstr(*ret, KEY_BEGIN))
            return 0;
        tls_issue_free(*ret);
    }
    *ret = NULL;
    rc = tls_issue_key(ret, err);
    return rc ? rc : textfile_write(files->key_path, 0600, *ret, err);
}

static int make_request(const struct files *files, char **ret,
                        char ret_now[TLS_FINGERPRINT_TEXT_SIZE],
                        struct vdc_error *err)
{
    struct tls_certificate now;
    char *key = NULL;
    int rc = tls_certificate_read(files->pem, strlen(files->pem), &now, err);

    if (rc)
        return rc;
    tls_fingerprint_text(now.fingerprint, ret_now);
    rc = next_key(files, &key, err);
    if (!rc)
        rc = tls_issue_request(key, ret, err);
    tls_issue_free(key);
    return rc;
}

void handle_dc_renew(struct request *request)
{
    char now[TLS_FINGERPRINT_TEXT_SIZE], *text = NULL;
    struct wire_dc_renewal reply;
    struct vdc_error err = { 0 };
    struct files files;
    int rc = open_files(request->host, &files, &err);

    if (!rc)
        rc = make_request(&files, &text, now, &err);
    close_files(&files);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    wire_init(&wire_struct_dc_renewal, &reply);
    reply.request = arena_strdup(request->arena, text);
    reply.certificate = arena_strdup(request->arena, now);
    free(text);
    request_answer(request, WIRE_MSG_dc_renew_reply, &reply);
}

/* ---- the certificate ---- */

/* That of the authority, as it was. */
static char *authority_of(const char *pem)
{
    const char *begin = strstr(pem, CERTIFICATE_BEGIN);
    const char *end = strstr(pem, KEY_BEGIN);

    if (begin)
        begin = strstr(begin + 1, CERTIFICATE_BEGIN);
    if (!begin || !end || end < begin)
        return NULL;
    return xasprintf("%.*s", (int)(end - begin), begin);
}

static int check_certificate(const char *text, struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    struct tls_certificate x;
    int rc = tls_certificate_read(text, strlen(text), &x, err);

    if (rc)
        return rc;
    /* what follows it in host.pem is trusted */
    if (strncmp(text, CERTIFICATE_BEGIN, strlen(CERTIFICATE_BEGIN)) != 0 ||
        strstr(text + 1, "-----BEGIN"))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "one certificate is wanted, and nothing else");
    if (strcmp(x.role, ROLE) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a host's certificate has the role of a host, "
                             "this one '%s'", x.role);
    if (x.valid_from_ms <= now_ms && now_ms < x.valid_to_ms)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "the certificate is not good now, by the clock of "
                         "this host");
}

static int keep(const struct files *files, const char *certificate,
                struct vdc_error *err)
{
    char *key = NULL, *authority = authority_of(files->pem), *all;
    int rc = 0;

    /* the answer was lost, and it is told once more */
    if (strncmp(files->pem, certificate, strlen(certificate)) == 0) {
        free(authority);
        return 0;
    }
    rc = textfile_read(files->key_path, FILE_MOST, &key, err);
    if (!rc && !authority)
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG,
                           "%s has no certificate of an authority",
                           files->pem_path);
    if (!rc) {
        all = xasprintf("%s%s%s", certificate, authority, key);
        rc = tls_issue_check_pair(all, err);
        if (!rc)
            rc = textfile_write(files->pem_path, 0600, all, err);
        tls_issue_free(all);
    }
    if (!rc)
        unlink(files->key_path);
    tls_issue_free(key);
    free(authority);
    return rc;
}

void handle_dc_renewed(struct request *request)
{
    const struct wire_dc_renewed *order = request->body;
    struct wire_empty nothing;
    struct vdc_error err = { 0 };
    struct files files;
    int rc = open_files(request->host, &files, &err);

    if (!rc)
        rc = check_certificate(order->certificate, &err);
    if (!rc)
        rc = keep(&files, order->certificate, &err);
    close_files(&files);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    log_info("policyd has renewed this host's certificate");
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}

/* ---- the end ---- */

/* What is open over TLS ends when remote.c sees that the file is gone: the
 * answer is on its way by then. */
void handle_dc_forget(struct request *request)
{
    const struct wire_dc_forget *order = request->body;
    char now[TLS_FINGERPRINT_TEXT_SIZE] = "";
    struct tls_certificate own;
    struct wire_empty nothing;
    struct vdc_error err = { 0 };
    struct files files;
    int rc = open_files(request->host, &files, &err);

    if (!rc)
        rc = tls_certificate_read(files.pem, strlen(files.pem), &own, &err);
    if (!rc)
        tls_fingerprint_text(own.fingerprint, now);
    if (!rc && strcmp(now, order->certificate) != 0)
        rc = vdc_error_set(&err, VDC_E_CONFLICT,
                           "host %s has another certificate by now",
                           request->host->name);
    if (!rc && unlink(files.pem_path))
        rc = vdc_error_errno(&err, VDC_E_IO, errno, "%s", files.pem_path);
    if (!rc)
        unlink(files.key_path);
    close_files(&files);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    log_warning("this host was removed from its data center: its certificate "
                "is taken away");
    wire_init(&wire_struct_empty, &nothing);
    request_answer(request, WIRE_MSG_ok, &nothing);
}
