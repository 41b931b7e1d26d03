/*
 * This machine joins a data center; see join.h.
 *
 * In the directory, host.key is there while it is not known whether policyd
 * has let this key in: joining again with the same token then gets the same
 * answer.  host.pem, which has all that resourced needs, is there wholly once
 * it has joined, and from then on host.key is not needed.
 */
#include "xl-ext/join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/textfile.h"
#include "base/tls_issue.h"
#include "xl-ext/client.h"
#include "xl-ext/output.h"
#include "xl-ext/road.h"

#define TOKEN_MOST 255
#define FILE_MOST 32768

struct join {
    const struct command_args *args;
    const char *address, *token;
    const char *fingerprint; /* of the authority, from the token */
    const char *directory;
    const char *key_path, *pem_path;
    char *key;
    bool key_is_new;
};

/* ---- what is given ---- */

static int bad_token(struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "this is not a token to join with, or a part is missing");
    vdc_error_hint(err, "it is HOST:SECRET:FINGERPRINT in one line, as "
                        "`xl-vdc dc-token HOST` printed it");
    return VDC_E_BAD_VALUE;
}

int join_read_token(const struct command_args *args, const char *word,
                    const char **ret_token, const char **ret_fingerprint,
                    struct vdc_error *err)
{
    char *line = arena_alloc(args->arena, TOKEN_MOST + 2);
    uint8_t fingerprint[TLS_FINGERPRINT_SIZE];

    if (strcmp(word, "-") == 0) {
        if (!fgets(line, TOKEN_MOST + 2, stdin))
            return bad_token(err);
        line[strcspn(line, " \t\r\n")] = '\0';
        word = line;
    }
    const char *last = strrchr(word, ':');
    const char *first = strchr(word, ':');
    if (!last || first == last || first == word ||
        strlen(word) > TOKEN_MOST ||
        !tls_fingerprint_parse(last + 1, fingerprint))
        return bad_token(err);
    *ret_token = word;
    *ret_fingerprint = last + 1;
    return 0;
}

/* A run that was killed after it had joined has left it: it is in host.pem,
 * too.  One of another key is that of a run that may be completed. */
static void tidy(const struct join *join, const char *pem)
{
    static const char begin[] = "-----BEGIN PRIVATE KEY-----";
    const char *own = strstr(pem, begin);
    char *key = NULL;

    if (own && !textfile_read(join->key_path, FILE_MOST, &key, NULL) &&
        strcmp(key, own) == 0)
        unlink(join->key_path);
    tls_issue_free(key);
}

static int check_not_joined(const struct join *join, struct vdc_error *err)
{
    struct tls_certificate own;
    char *text = NULL, buf[32];

    if (command_given(join->args, "again") || access(join->pem_path, F_OK))
        return 0;
    vdc_error_set(err, VDC_E_EXISTS,
                  "this machine has joined already: nothing was done");
    if (!textfile_read(join->pem_path, FILE_MOST, &text, NULL) &&
        !tls_certificate_read(text, strlen(text), &own, NULL))
        vdc_error_set(err, VDC_E_EXISTS,
                      "this machine has joined already: %s has the "
                      "certificate of '%s', good until %s; nothing was done",
                      join->pem_path, own.subject,
                      clock_wall_format((struct wall){ own.valid_to_ms }, buf,
                                        sizeof(buf)));
    vdc_error_hint(err, "--again gets it a new certificate, with a token from "
                        "`xl-vdc dc-token HOST --again`, or of another data "
                        "center");
    if (text)
        tidy(join, text);
    tls_issue_free(text);
    return VDC_E_EXISTS;
}

/* ---- the key ---- */

static int need_key(struct join *join, char **ret_request,
                    struct vdc_error *err)
{
    /* one that a run before has left, which policyd may know */
    if (!textfile_read(join->key_path, FILE_MOST, &join->key, NULL) &&
        !tls_issue_request(join->key, ret_request, NULL))
        return 0;
    tls_issue_free(join->key);
    join->key = NULL;
    int rc = tls_issue_key(&join->key, err);
    if (!rc)
        rc = textfile_write(join->key_path, 0600, join->key, err);
    if (rc)
        return rc;
    join->key_is_new = true;
    return tls_issue_request(join->key, ret_request, err);
}

/* ---- asking, and keeping what is answered ---- */

static int keep(const struct join *join, const struct wire_dc_joined *joined,
                struct vdc_error *err)
{
    char *all = xasprintf("%s%s%s", joined->certificate, joined->authority,
                          join->key);
    struct tls_certificate ca;
    char text[TLS_FINGERPRINT_TEXT_SIZE] = "";
    int rc = tls_issue_check_pair(all, NULL);

    if (!rc)
        rc = tls_certificate_read(joined->authority,
                                  strlen(joined->authority), &ca, NULL);
    if (!rc)
        tls_fingerprint_text(ca.fingerprint, text);
    if (rc || strcmp(text, join->fingerprint) != 0)
        rc = vdc_error_set(err, VDC_E_PROTOCOL,
                           "policyd answered with a certificate that is not "
                           "for this machine's key, or not of its authority");
    if (!rc)
        rc = textfile_write(join->pem_path, 0600, all, err);
    if (!rc)
        unlink(join->key_path);
    tls_issue_free(all);
    return rc;
}

/* Whether policyd may have let the key in all the same. */
static bool is_open(int rc)
{
    return rc == VDC_E_CLOSED || rc == VDC_E_TIMEOUT || rc == VDC_E_IO ||
        rc == VDC_E_STORE || rc == VDC_E_DISK_FULL;
}

static int ask(struct join *join, struct client *client,
               const struct wire_dc_joined **ret, struct vdc_error *err)
{
    const char *address = command_value(join->args, "address");
    struct wire_dc_join order;
    const void *body = NULL;
    char *request = NULL;
    int rc = need_key(join, &request, err);

    wire_init(&wire_struct_dc_join, &order);
    order.token = join->token;
    order.request = request;
    order.address = address ? address : "";
    order.now_ms = clock_wall().ms;
    if (!rc)
        rc = client_request(client, WIRE_MSG_dc_join, &order, &body, err);
    if (rc && join->key_is_new && !is_open(rc))
        unlink(join->key_path);
    else if (rc && is_open(rc))
        vdc_error_hint(err, "the same command, once more, finds out and "
                            "completes it");
    free(request);
    *ret = body;
    return rc;
}

static int join_locked(struct join *join, struct client *client,
                       struct vdc_error *err)
{
    const struct wire_dc_joined *joined;
    int rc = check_not_joined(join, err);

    if (!rc)
        rc = ask(join, client, &joined, err);
    if (!rc) {
        rc = keep(join, joined, err);
        if (rc)
            vdc_error_hint(err, "policyd has let this machine in; the same "
                                "command, once more, completes it here");
    }
    if (rc)
        return rc;
    if (join->args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_dc_joined, joined);
        return 0;
    }
    printf("%s\n", joined->host);
    output_note(join->args,
                "this machine is host %s; its policyd reaches it at %s, where "
                "resourced must listen: tls_address in resourced.conf",
                output_clean(join->args->arena, joined->host),
                output_clean(join->args->arena, joined->address));
    return 0;
}

int join_run(const struct command_args *args, struct vdc_error *err)
{
    const char *directory = command_value(args, "directory");
    struct join join = { .args = args,
                         .address = args->arguments[0],
                         .directory = directory ? directory : JOIN_DIRECTORY };
    struct command_args there = *args;
    struct client *client = NULL;
    int fd = -1, rc;

    join.key_path = arena_printf(args->arena, "%s/host.key", join.directory);
    join.pem_path = arena_printf(args->arena, "%s/host.pem", join.directory);
    rc = join_read_token(args, args->arguments[1], &join.token,
                         &join.fingerprint, err);
    if (!rc)
        rc = check_not_joined(&join, err);
    if (rc)
        return rc;
    there.socket = arena_printf(args->arena, ROAD_JOIN "%s@%s",
                                join.fingerprint, join.address);
    rc = client_open(&there, &client, err);
    if (!rc)
        rc = textfile_lock_directory(join.directory, &fd, err);
    if (!rc)
        rc = join_locked(&join, client, err);
    client_close(client);
    tls_issue_free(join.key);
    if (fd >= 0)
        close(fd);
    return rc;
}
