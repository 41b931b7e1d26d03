/*
 * The policyd of this machine gets the key of the data center's authority; see
 * join.h.
 *
 * In the directory, policyd.key is there while it is not known whether policyd
 * has answered this key: asking again with the same token then gets the same
 * answer.  ca.pem is there wholly once it has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/textfile.h"
#include "base/tls_issue.h"
#include "xl-ext/client.h"
#include "xl-ext/join.h"
#include "xl-ext/output.h"
#include "xl-ext/road.h"

#define FILE_MOST 32768

struct share {
    const struct command_args *args;
    const char *token, *fingerprint; /* of the authority, from the token */
    const char *directory, *ca_path, *key_path;
};

/* ---- what is there ---- */

static void fingerprint_of(const char *pem,
                           char ret[TLS_FINGERPRINT_TEXT_SIZE])
{
    struct tls_certificate ca;

    *ret = '\0';
    if (!tls_certificate_read(pem, strlen(pem), &ca, NULL))
        tls_fingerprint_text(ca.fingerprint, ret);
}

static int check_none(const struct share *share, struct vdc_error *err)
{
    char has[TLS_FINGERPRINT_TEXT_SIZE], *text = NULL;
    bool same;

    if (command_given(share->args, "again") || access(share->ca_path, F_OK))
        return 0;
    *has = '\0';
    if (!textfile_read(share->ca_path, FILE_MOST, &text, NULL))
        fingerprint_of(text, has);
    tls_issue_free(text);
    same = strcmp(has, share->fingerprint) == 0;
    vdc_error_set(err, VDC_E_EXISTS, "%s is there already, %s: nothing was "
                  "done", share->ca_path,
                  same ? "and is this authority's" : "of another authority");
    vdc_error_hint(err, same ? "`xl-vdc dc-policyds`, where policyd leads, "
                               "shows who has it"
                             : "--again puts that of the token in its place: "
                               "hosts that have joined under the other are "
                               "commanded from here no more");
    return VDC_E_EXISTS;
}

static int need_request(const struct share *share, char **ret,
                        struct vdc_error *err)
{
    char *key = NULL;
    int rc = textfile_read(share->key_path, FILE_MOST, &key, NULL);

    if (!rc)
        rc = tls_issue_request(key, ret, NULL);
    if (rc) {
        tls_issue_free(key);
        key = NULL;
        rc = tls_issue_key(&key, err);
        if (!rc)
            rc = textfile_write(share->key_path, 0600, key, err);
        if (!rc)
            rc = tls_issue_request(key, ret, err);
    }
    tls_issue_free(key);
    return rc;
}

/* ---- asking, and keeping what is answered ---- */

static int keep(const struct share *share, const struct wire_dc_shared *shared,
                struct vdc_error *err)
{
    char has[TLS_FINGERPRINT_TEXT_SIZE];
    int rc = tls_issue_check_pair(shared->authority, NULL);

    fingerprint_of(shared->authority, has);
    if (rc || strcmp(has, share->fingerprint) != 0)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd answered with a key that is not that of "
                             "the token's authority");
    rc = textfile_write(share->ca_path, 0600, shared->authority, err);
    if (!rc)
        unlink(share->key_path);
    return rc;
}

static int share_locked(const struct share *share, struct client *client,
                        const struct wire_dc_shared **ret,
                        struct vdc_error *err)
{
    struct wire_dc_share order;
    const void *body = NULL;
    char *request = NULL;
    int rc = check_none(share, err);

    if (!rc)
        rc = need_request(share, &request, err);
    wire_init(&wire_struct_dc_share, &order);
    order.token = share->token;
    order.request = request;
    order.now_ms = clock_wall().ms;
    if (!rc)
        rc = client_request(client, WIRE_MSG_dc_share, &order, &body, err);
    free(request);
    if (rc == VDC_E_DENIED || rc == VDC_E_BAD_VALUE)
        unlink(share->key_path); /* nobody knows this key */
    *ret = body;
    return rc ? rc : keep(share, body, err);
}

static void tell(const struct share *share,
                 const struct wire_dc_shared *shared)
{
    const struct command_args *args = share->args;

    if (args->format == FORMAT_JSON) {
        struct wire_dc_policyd policyd;
        wire_init(&wire_struct_dc_policyd, &policyd);
        policyd.name = shared->name;
        policyd.authority = share->fingerprint;
        output_json_struct(&wire_struct_dc_policyd, &policyd);
        return;
    }
    printf("%s\n", shared->name);
    output_note(args, "policyd of this machine, which must have host_name = "
                      "\"%s\", can take over: %s has the key of the "
                      "authority, and whoever reads it has the data center",
                output_clean(args->arena, shared->name), share->ca_path);
}

int join_policyd_run(const struct command_args *args, struct vdc_error *err)
{
    const char *directory = command_value(args, "directory");
    struct share share = { .args = args,
                           .directory = directory ? directory
                                                  : JOIN_DIRECTORY };
    const struct wire_dc_shared *shared = NULL;
    struct command_args there = *args;
    struct client *client = NULL;
    int fd = -1, rc;

    share.ca_path = arena_printf(args->arena, "%s/ca.pem", share.directory);
    share.key_path =
        arena_printf(args->arena, "%s/policyd.key", share.directory);
    rc = join_read_token(args, args->arguments[1], &share.token,
                         &share.fingerprint, err);
    if (!rc && strncmp(share.token, JOIN_POLICYD, strlen(JOIN_POLICYD)) != 0)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "this token is for a host, not for a policyd: "
                           "`xl-vdc dc-token --policyd NAME` makes one");
    if (!rc)
        rc = check_none(&share, err);
    if (rc)
        return rc;
    there.socket = arena_printf(args->arena, ROAD_JOIN "%s@%s",
                                share.fingerprint, args->arguments[0]);
    rc = client_open(&there, &client, err);
    if (!rc)
        rc = textfile_lock_directory(share.directory, &fd, err);
    if (!rc)
        rc = share_locked(&share, client, &shared, err);
    if (!rc)
        tell(&share, shared);
    client_close(client);
    if (fd >= 0)
        close(fd);
    return rc;
}
