/*
 * Other policyds, which are to take over: who lets them have the authority's
 * key, which of them have it, and which may not lead any more.  doc/design/013
 * says why.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tls_issue.h"
#include "policyd/dc/dc_impl.h"

/* As wire.def has them. */
#define POLICYDS_MAX 256

static const char *own_fingerprint(const struct dc *dc, struct arena *arena)
{
    char text[TLS_FINGERPRINT_TEXT_SIZE];
    struct tls_certificate ca;

    if (!dc_authority(dc, &ca))
        return "";
    tls_fingerprint_text(ca.fingerprint, text);
    return arena_strdup(arena, text);
}

/* ---- tokens ---- */

const char *dc_policyd_of(const struct wire_stored_join *join)
{
    size_t len = strlen(BOOK_JOIN_POLICYD);

    return strncmp(join->host, BOOK_JOIN_POLICYD, len) == 0 ? join->host + len
                                                            : NULL;
}

int dc_check_policyd(const struct operations *ops,
                     const struct wire_dc_token *asked, struct vdc_error *err)
{
    const struct wire_dc_policyd *has = book_policyd(ops->book, asked->host);
    bool may = has && !has->removed_ms;
    int rc = names_check_guest(asked->host, err);

    if (rc) {
        vdc_error_prefix(err, "policyd");
    } else if (strcmp(asked->host, ops->setup->host_name) == 0) {
        rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "policyd of '%s' leads, and has the authority's "
                           "key",
                           asked->host);
    } else if (strlen(asked->host) > 63 - strlen(BOOK_JOIN_POLICYD)) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%s' is too long for a policyd that is let in",
                           asked->host);
    } else if (may && !asked->again) {
        rc = vdc_error_set(err, VDC_E_EXISTS,
                           "policyd of '%s' has the authority's key already",
                           asked->host);
        vdc_error_hint(err, "--again lets it have it once more, if its files "
                            "are lost");
    } else if (!may && asked->again) {
        rc = vdc_error_set(err, VDC_E_NOT_FOUND,
                           "no policyd of '%s' has the authority's key",
                           asked->host);
        vdc_error_hint(err, "without --again another policyd is let in");
    }
    return rc;
}

/* ---- the key ---- */

static void reply(struct request *request, const char *name)
{
    struct wire_dc_shared shared;

    wire_init(&wire_struct_dc_shared, &shared);
    shared.name = name;
    shared.authority = dc_authority_secret(request->ops->dc);
    request->changes = true; /* what it was let in by may be on its way */
    request_reply(request, WIRE_MSG_dc_share_reply, &shared);
}

static int check_share(struct request *request,
                       const struct wire_dc_share *asked,
                       const struct wire_stored_join **ret,
                       char key[TLS_FINGERPRINT_TEXT_SIZE],
                       struct vdc_error *err)
{
    int rc = dc_find_join(request, asked->token, ret, err);

    if (!rc && !dc_policyd_of(*ret)) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "this token is for a host, not for a policyd");
        vdc_error_hint(err, "on the machine of that host: xl-vdc dc-join, "
                            "without --policyd");
    }
    if (!rc)
        rc = dc_check_time(request->arena, *ret, asked->now_ms, err);
    if (!rc)
        rc = tls_issue_key_id(asked->request, key, err);
    if (!rc)
        rc = dc_check(request->ops->dc, err);
    if (!rc && *(*ret)->key && strcmp((*ret)->key, key) != 0) {
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "the token was used already: policyd of '%s' has "
                           "the authority's key by it", dc_policyd_of(*ret));
        vdc_error_hint(err, "if that was not this machine, whoever it was has "
                            "the data center: find out, and see `xl-vdc "
                            "dc-policyds`");
    }
    return rc;
}

static int let_in(struct request *request,
                  const struct wire_stored_join *found, const char *key,
                  struct vdc_error *err)
{
    struct operations *ops = request->ops;
    struct wire_stored_join join;
    struct wire_dc_policyd record;
    int rc = wire_struct_copy(&wire_struct_stored_join, found, request->arena,
                              &join, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_dc_policyd, &record);
    join.key = record.key = key;
    record.name = dc_policyd_of(&join);
    record.authority = own_fingerprint(ops->dc, request->arena);
    record.since_ms = clock_wall().ms;
    record.from = request->peer.text;
    const struct store_audit audit =
        operations_audit(request, "", record.name, 0);
    rc = book_policyd_put(ops->book, &record, &join, &audit, err);
    if (!rc)
        log_warning("policyd of %s, from %s, is given the key of the data "
                    "center's authority", record.name, record.from);
    return rc;
}

void dc_serve_share(struct request *request)
{
    const struct wire_dc_share *asked = request->body;
    const struct wire_stored_join *found = NULL;
    char key[TLS_FINGERPRINT_TEXT_SIZE];
    const char *name = "";
    struct vdc_error err = { 0 };
    int rc = check_share(request, asked, &found, key, &err);

    request->audited = rc; /* anybody may come and try */
    if (!rc) {
        name = arena_strdup(request->arena, dc_policyd_of(found));
        if (!*found->key)
            rc = let_in(request, found, key, &err);
    }
    if (rc) {
        log_limited(VDC_LOG_WARNING, request->peer.text,
                    "a policyd that asks for the authority's key is refused: "
                    "%s", err.text);
        request_fail(request, &err);
        return;
    }
    reply(request, name);
}

/* ---- who has it ---- */

static void describe(const struct request *request,
                     const struct wire_dc_policyd *from,
                     struct wire_dc_policyd *ret)
{
    *ret = *from;
    ret->leads = strcmp(from->name, request->ops->setup->host_name) == 0;
}

void dc_serve_policyds(struct request *request)
{
    const struct wire_dc_policyd *policyd = NULL;
    struct wire_dc_policyd_list list;

    wire_init(&wire_struct_dc_policyd_list, &list);
    list.policyds =
        ARENA_ARRAY(request->arena, POLICYDS_MAX, struct wire_dc_policyd);
    while (list.n_policyds < POLICYDS_MAX &&
           (policyd = book_policyd_after(request->ops->book, policyd)))
        describe(request, policyd, &list.policyds[list.n_policyds++]);
    request_reply(request, WIRE_MSG_dc_policyds_reply, &list);
}

static int check_remove(const struct operations *ops, const char *name,
                        struct vdc_error *err)
{
    const struct wire_dc_policyd *has = book_policyd(ops->book, name);

    if (!has || has->removed_ms) {
        vdc_error_set(err, VDC_E_NOT_FOUND,
                      "no policyd of '%s' has the authority's key", name);
        vdc_error_hint(err, "`xl-vdc dc-policyds` shows them");
        return VDC_E_NOT_FOUND;
    }
    if (strcmp(name, ops->setup->host_name))
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE, "policyd of '%s' leads", name);
    vdc_error_hint(err, "stop it, and remove it when another leads");
    return VDC_E_WRONG_STATE;
}

void dc_serve_policyd_remove(struct request *request)
{
    const struct wire_host_ref *asked = request->body;
    const struct operations *ops = request->ops;
    struct wire_dc_policyd_list list = { .n_policyds = 1 };
    struct wire_dc_policyd record;
    struct vdc_error err = { 0 };
    int rc = check_remove(ops, asked->name, &err);

    if (!rc) /* the book's is replaced by it */
        rc = wire_struct_copy(&wire_struct_dc_policyd,
                              book_policyd(ops->book, asked->name),
                              request->arena, &record, &err);
    if (!rc && !asked->dry_run) {
        const struct store_audit audit =
            operations_audit(request, "", asked->name, 0);
        record.removed_ms = clock_wall().ms;
        rc = book_policyd_put(ops->book, &record, NULL, &audit, &err);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    list.policyds = &record;
    request_reply(request, WIRE_MSG_dc_policyds_reply, &list);
}

/* ---- this policyd ---- */

void dc_note_holder(struct operations *ops)
{
    const char *name = ops->setup->host_name;
    const struct wire_dc_policyd *has = book_policyd(ops->book, name);
    struct arena *arena = arena_new();
    struct wire_dc_policyd record;
    struct vdc_error err = { 0 };
    const struct store_audit audit = {
        .time_ms = clock_wall().ms,
        .customer = "",
        .message = "dc_share",
        .object = name,
        .who = "policyd",
        .origin = "",
        .detail = "it leads with the authority's key",
    };

    wire_init(&wire_struct_dc_policyd, &record);
    record.name = name;
    record.authority = own_fingerprint(ops->dc, arena);
    record.since_ms = audit.time_ms;
    if (*record.authority &&
        !(has && strcmp(has->authority, record.authority) == 0) &&
        book_policyd_put(ops->book, &record, NULL, &audit, &err))
        log_warning("that this policyd has the authority's key is not "
                    "recorded: %s", err.text);
    arena_free(arena);
}
