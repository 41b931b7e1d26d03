/* The host's certificate; see identity.h. */
#include "watchdogd/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/textfile.h"
#include "base/tls_issue.h"

#define FILE_MAX 65536
#define SUBJECT "CN = " /* as tls_issue_grant makes it */

void identity_init(struct identity *identity, const char *dc_directory)
{
    *identity = (struct identity){ .name = "" };
    identity->path = xasprintf("%s/host.pem", dc_directory);
    identity_look(identity);
    if (!identity->server)
        log_info("this host has not joined a data center yet: `xl-vdc "
                 "dc-join` does that");
}

void identity_fini(struct identity *identity)
{
    tls_free(identity->server);
    tls_free(identity->client);
    free(identity->path);
    *identity = (struct identity){ .name = "" };
}

void identity_host_name(const struct tls_certificate *peer,
                        char ret[VOTE_NAME_SIZE])
{
    const char *name = peer->subject + strlen(SUBJECT);

    ret[0] = '\0';
    if (strcmp(peer->role, "host") == 0 &&
        strncmp(peer->subject, SUBJECT, strlen(SUBJECT)) == 0 &&
        strlen(name) < VOTE_NAME_SIZE)
        snprintf(ret, VOTE_NAME_SIZE, "%s", name);
}

static int read_name(const char *path, char ret[VOTE_NAME_SIZE],
                     struct vdc_error *err)
{
    struct tls_certificate own;
    char *text;
    int rc = textfile_read(path, FILE_MAX, &text, err);

    if (rc)
        return rc;
    rc = tls_certificate_read(text, strlen(text), &own, err);
    tls_issue_free(text);
    if (rc)
        return rc;
    identity_host_name(&own, ret);
    return *ret ? 0 : vdc_error_set(err, VDC_E_BAD_CONFIG,
                                    "%s has no certificate of a host", path);
}

static void take(struct identity *identity)
{
    const struct tls_files files = { identity->path, identity->path,
                                     identity->path };
    struct tls *server = NULL, *client = NULL;
    char name[VOTE_NAME_SIZE];
    struct vdc_error err = { 0 };

    if (read_name(identity->path, name, &err) ||
        tls_new_server(&files, TLS_DEMAND, &server, &err) ||
        tls_new_client(&files, &client, &err)) {
        tls_free(server);
        log_error("the certificate of this host: %s%s%s", err.text,
                  err.hint[0] ? "; " : "", err.hint);
        return;
    }
    if (tls_check_dates(client, &err))
        log_warning("%s", err.text);
    tls_free(identity->server);
    tls_free(identity->client);
    identity->server = server;
    identity->client = client;
    memcpy(identity->name, name, sizeof(name));
    log_info("the certificate of this host, '%s', was read", name);
}

/* By the time of the change of anything, its mode too. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

void identity_look(struct identity *identity)
{
    struct stat st;

    if (stat(identity->path, &st)) {
        if (identity->server && !identity->told_gone)
            log_warning("the certificate of this host is gone; watchdogd goes "
                        "on with it until it ends");
        identity->told_gone = true;
        return;
    }
    identity->told_gone = false;
    if (is_same(&st, &identity->seen))
        return;
    identity->seen = st;
    take(identity);
}
