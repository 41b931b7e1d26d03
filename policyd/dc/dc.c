/*
 * The authority and its files; see dc.h.
 */
#include "policyd/dc/dc_impl.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/textfile.h"
#include "base/tls_issue.h"
#include "policyd/setup.h"

#define DAY_MS UINT64_C(86400000)
/* A machine whose clock is a little behind takes it, too. */
#define EARLY_MS UINT64_C(3600000)
/* policyd's certificate is made anew when so much of its time is left. */
#define RENEW_MS (DC_POLICYD_DAYS / 3 * DAY_MS)
#define LOOK_S 3600
#define FILE_MOST 32768

struct dc {
    const struct setup *setup;
    char *ca_path, *own_path;
    char *ca;   /* the text of ca.pem; NULL: there is none */
    char *text; /* of it, the certificate */
    struct tls_certificate authority;
    struct tls_certificate own;
    struct tls *client; /* NULL: `why` says why */
    struct vdc_error why;
    struct event *timer;
    dc_changed_fn *changed;
    void *arg;
};

/* ---- policyd's own certificate ---- */

static const char begin_mark[] = "-----BEGIN CERTIFICATE-----";
static const char end_mark[] = "-----END CERTIFICATE-----\n";

/* The n-th certificate of a text, from 0; malloc'd; NULL: there are fewer. */
static char *certificate_of(const char *text, int n)
{
    const char *begin = strstr(text, begin_mark);

    while (begin && n--)
        begin = strstr(begin + 1, begin_mark);
    const char *end = begin ? strstr(begin, end_mark) : NULL;
    return end ? xasprintf("%.*s%s", (int)(end - begin), begin, end_mark)
               : NULL;
}

/* Whether that of the file is of this authority, and good for long enough. */
static bool is_good(const struct dc *dc, const char *text)
{
    uint64_t now_ms = clock_wall().ms;
    char *issuer = certificate_of(text, 1);
    struct tls_certificate own;
    bool ok = issuer && strcmp(issuer, dc->text) == 0 &&
        !tls_issue_check_pair(text, NULL) &&
        !tls_certificate_read(text, strlen(text), &own, NULL) &&
        own.valid_from_ms <= now_ms && own.valid_to_ms > now_ms + RENEW_MS;

    free(issuer);
    return ok;
}

static int make_own(const struct dc *dc, struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    const struct tls_issue_for whom = {
        .name = DC_NAME_POLICYD,
        .role = DC_ROLE_POLICYD,
        .from_ms = now_ms - EARLY_MS,
        .to_ms = now_ms + DC_POLICYD_DAYS * DAY_MS,
    };
    char *key = NULL, *request = NULL, *certificate = NULL;
    int rc = tls_issue_key(&key, err);

    if (!rc)
        rc = tls_issue_request(key, &request, err);
    if (!rc)
        rc = tls_issue_grant(dc->ca, request, &whom, &certificate, err);
    if (!rc) {
        char *all = xasprintf("%s%s%s", certificate, dc->text, key);
        rc = textfile_write(dc->own_path, 0600, all, err);
        tls_issue_free(all);
    }
    tls_issue_free(key);
    free(request);
    free(certificate);
    return rc;
}

/* *ret_new: it was made just now. */
static int need_own(const struct dc *dc, bool *ret_new, struct vdc_error *err)
{
    char *text = NULL;
    bool good = !textfile_read(dc->own_path, FILE_MOST, &text, NULL) &&
        is_good(dc, text);

    tls_issue_free(text);
    *ret_new = !good;
    return good ? 0 : make_own(dc, err);
}

/* ---- what is there ---- */

static int read_own(struct dc *dc, struct vdc_error *err)
{
    char *text = NULL;
    int rc = textfile_read(dc->own_path, FILE_MOST, &text, err);

    if (!rc)
        rc = tls_certificate_read(text, strlen(text), &dc->own, err);
    tls_issue_free(text);
    return rc;
}

static int use_own(struct dc *dc, bool *ret_new, struct vdc_error *err)
{
    const struct tls_files files = { dc->own_path, dc->own_path,
                                     dc->own_path };
    struct tls *client;
    int rc = need_own(dc, ret_new, err);

    if (!rc)
        rc = tls_new_client(&files, &client, err);
    if (!rc)
        rc = read_own(dc, err);
    if (rc)
        return rc;
    tls_free(dc->client);
    dc->client = client;
    return 0;
}

static int no_authority(const struct dc *dc, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "this data center has no certificate authority yet");
    vdc_error_hint(err, "`xl-vdc dc-init` makes it, in %s",
                   dc->setup->dc_directory);
    return VDC_E_WRONG_STATE;
}

/* A copy that was brought back may be for everybody. */
static int check_alone(const struct dc *dc, struct vdc_error *err)
{
    struct stat st;

    if (stat(dc->ca_path, &st) || !(st.st_mode & 077))
        return 0; /* what cannot be looked at cannot be read */
    vdc_error_set(err, VDC_E_BAD_CONFIG,
                  "others may use %s, the key of the data center's authority: "
                  "it is not used", dc->ca_path);
    vdc_error_hint(err, "chmod 600 it, then `xl-vdc dc-init`; whoever read it "
                        "may be any host and policyd");
    return VDC_E_BAD_CONFIG;
}

static int take_authority(struct dc *dc, struct vdc_error *err)
{
    char *text = NULL, *certificate = NULL;
    int rc;

    if (access(dc->ca_path, F_OK) && errno == ENOENT)
        return no_authority(dc, err);
    rc = check_alone(dc, err);
    if (!rc)
        rc = textfile_read(dc->ca_path, FILE_MOST, &text, err);
    if (!rc) {
        rc = tls_issue_check_pair(text, err);
        if (rc)
            vdc_error_prefix(err, "%s", dc->ca_path);
    }
    if (!rc)
        certificate = certificate_of(text, 0);
    if (!rc && !certificate)
        rc = vdc_error_set(err, VDC_E_BAD_CONFIG, "%s has no certificate",
                           dc->ca_path);
    if (!rc)
        rc = tls_certificate_read(certificate, strlen(certificate),
                                  &dc->authority, err);
    if (rc) {
        tls_issue_free(text);
        free(certificate);
        return rc;
    }
    dc->ca = text;
    dc->text = certificate;
    return 0;
}

static int load(struct dc *dc, bool *ret_new, struct vdc_error *err)
{
    int rc = dc->ca ? 0 : take_authority(dc, err);

    *ret_new = false;
    return rc ? rc : use_own(dc, ret_new, err);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval later = { LOOK_S, 0 };
    struct dc *dc = arg;
    struct vdc_error err = { 0 };
    bool is_new, had_client = dc->client;

    evtimer_add(dc->timer, &later);
    if (!dc->ca)
        return;
    if (load(dc, &is_new, &err)) {
        log_error("policyd's certificate for hosts: %s", err.text);
        return;
    }
    if (is_new)
        log_info("policyd has a new certificate for hosts");
    if ((is_new || !had_client) && dc->changed)
        dc->changed(dc->arg);
}

struct dc *dc_new(struct event_base *base, const struct setup *setup)
{
    const struct timeval later = { LOOK_S, 0 };
    struct dc *dc = XNEW(struct dc);
    bool is_new;

    dc->setup = setup;
    dc->ca_path = xasprintf("%s/ca.pem", setup->dc_directory);
    dc->own_path = xasprintf("%s/policyd.pem", setup->dc_directory);
    dc->timer = evtimer_new(base, look, dc);
    if (!dc->timer)
        abort(); /* out of memory */
    evtimer_add(dc->timer, &later);
    int rc = load(dc, &is_new, &dc->why);
    if (rc && rc != VDC_E_WRONG_STATE)
        log_error("hosts elsewhere cannot be reached: %s", dc->why.text);
    return dc;
}

void dc_free(struct dc *dc)
{
    if (!dc)
        return;
    event_free(dc->timer);
    tls_free(dc->client);
    tls_issue_free(dc->ca);
    free(dc->text);
    free(dc->ca_path);
    free(dc->own_path);
    free(dc);
}

void dc_notify(struct dc *dc, dc_changed_fn *changed, void *arg)
{
    dc->changed = changed;
    dc->arg = arg;
}

/* ---- making it ---- */

static int make_authority(const struct dc *dc, struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    char *name = xasprintf("xen-vdc %.40s", dc->setup->host_name);
    char *key = NULL, *certificate = NULL;
    int rc = tls_issue_key(&key, err);

    if (!rc)
        rc = tls_issue_authority(key, name, now_ms - EARLY_MS,
                                 now_ms + DC_AUTHORITY_DAYS * DAY_MS,
                                 &certificate, err);
    if (!rc) {
        char *both = xasprintf("%s%s", certificate, key);
        rc = textfile_write(dc->ca_path, 0600, both, err);
        tls_issue_free(both);
    }
    tls_issue_free(key);
    free(certificate);
    free(name);
    return rc;
}

bool dc_would_make(const struct dc *dc)
{
    return !dc->ca && access(dc->ca_path, F_OK) && errno == ENOENT;
}

int dc_init(struct dc *dc, struct vdc_error *err)
{
    bool is_new;
    int fd, rc = textfile_lock_directory(dc->setup->dc_directory, &fd, err);

    if (rc)
        return rc;
    if (dc_would_make(dc))
        rc = make_authority(dc, err);
    if (!rc)
        rc = load(dc, &is_new, err);
    close(fd);
    if (!rc && dc->changed)
        dc->changed(dc->arg);
    return rc;
}

/* ---- using it ---- */

int dc_check(const struct dc *dc, struct vdc_error *err)
{
    if (dc->client)
        return 0;
    if (err)
        *err = dc->why;
    return dc->why.code;
}

bool dc_authority(const struct dc *dc, struct tls_certificate *ret)
{
    if (dc->ca)
        *ret = dc->authority;
    return dc->ca;
}

bool dc_own(const struct dc *dc, struct tls_certificate *ret)
{
    if (dc->client)
        *ret = dc->own;
    return dc->client;
}

const char *dc_authority_text(const struct dc *dc)
{
    return dc->text;
}

const char *dc_authority_secret(const struct dc *dc)
{
    return dc->ca;
}

int dc_grant_host(const struct dc *dc, const char *host, const char *request,
                  char **ret, struct tls_certificate *ret_certificate,
                  struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    const struct tls_issue_for whom = {
        .name = host,
        .role = DC_ROLE_HOST,
        .from_ms = now_ms - EARLY_MS,
        .to_ms = now_ms + DC_HOST_DAYS * DAY_MS,
    };
    int rc = dc_check(dc, err);

    if (!rc)
        rc = tls_issue_grant(dc->ca, request, &whom, ret, err);
    if (!rc)
        rc = tls_certificate_read(*ret, strlen(*ret), ret_certificate, err);
    return rc;
}

int dc_client(const struct dc *dc, struct tls **ret, struct vdc_error *err)
{
    int rc = dc_check(dc, err);

    if (!rc)
        *ret = dc->client;
    return rc;
}

int dc_new_server(const struct dc *dc, struct tls **ret,
                  struct vdc_error *err)
{
    const struct tls_files files = { dc->own_path, dc->own_path, "" };
    int rc = dc_check(dc, err);

    return rc ? rc : tls_new_server(&files, TLS_ASK, ret, err);
}
