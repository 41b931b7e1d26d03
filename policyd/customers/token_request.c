/*
 * token-create, -list, -revoke: see token.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/certificate.h"
#include "policyd/customers/customer_login.h"
#include "policyd/customers/secret.h"
#include "policyd/customers/token.h"
#include "wire/page.h"

/* Of a customer, with its projects. */
#define TOKENS_MAX 1024

/* Whether who asks may know of it. */
static bool may_see(const struct request *request, const struct wire_token *t)
{
    return request->auth.role == W_OPERATOR ||
           names_covers(request->auth.customer, t->customer);
}

/* ---- making ---- */

static int take_role(const struct request *request, const char *word,
                     const struct customer *c, enum wire_role *ret,
                     struct vdc_error *err)
{
    int number = WIRE_ROLE_READ;
    int rc = 0;

    if (c->builtin) {
        if (*word &&
            (!wire_enum_number(&wire_enum_role, word, &number) ||
             (number != WIRE_ROLE_READ && number != WIRE_ROLE_OPERATOR)))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a token of operators has the role operator "
                                 "or read-only, not '%s'",
                                 word);
        *ret = (enum wire_role)number;
    } else if (*word) {
        rc = customer_parse_role(word, ret, err);
    } else {
        *ret = WIRE_ROLE_USER;
    }
    if (rc || auth_level_covers(request->auth.level, *ret))
        return rc;
    vdc_error_set(err, VDC_E_DENIED,
                  "a token of the role %s may more than you may",
                  wire_enum_word(&wire_enum_role, (int)*ret));
    vdc_error_hint(err, "your role is %s",
                   wire_enum_word(&wire_enum_role, (int)request->auth.level));
    return VDC_E_DENIED;
}

static int check_count(const struct request *request, const struct customer *c,
                       struct vdc_error *err)
{
    const char *customer = c->parent ? c->parent->name : c->name;
    const struct wire_stored_token *t;
    size_t n = 0;

    for (t = book_token_after(request->ops->book, ""); t;
         t = book_token_after(request->ops->book, t->token.id))
        n += names_covers(customer, t->token.customer);
    if (n < TOKENS_MAX)
        return 0;
    vdc_error_set(err, VDC_E_QUOTA,
                  "customer %s has %d tokens and certificates already",
                  customer, TOKENS_MAX);
    vdc_error_hint(err, "`xl-vdc token-revoke` and `certificate-remove` make "
                        "room");
    return VDC_E_QUOTA;
}

int token_prepare(struct request *request,
                  const struct wire_token_create *order,
                  struct wire_token *ret, struct vdc_error *err)
{
    const struct auth *auth = &request->auth;
    struct customer *c;
    int rc = operations_customer(request, order->customer, &c, err);

    if (!rc)
        rc = take_role(request, order->role, c, &ret->role, err);
    if (!rc)
        rc = check_count(request, c, err);
    if (rc)
        return rc;
    ret->customer = c->name;
    ret->note = order->note;
    ret->created_ms = clock_wall().ms;
    if (order->expires_ms > UINT64_MAX / 2)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a token does not live that long");
    ret->expires_ms =
        order->expires_ms ? ret->created_ms + order->expires_ms : 0;
    /* whom channeld calls an operator is one of the host, not by its uid */
    ret->issuer_uid = auth->role == W_OPERATOR && auth->by_channeld
                          ? 0
                          : (uint32_t)auth->uid;
    ret->issuer_token = auth->token;
    ret->issuer = operations_who(request);
    return 0;
}

static int make(struct request *request, const struct wire_token_create *order,
                struct wire_stored_token *ret, const char **ret_secret,
                struct vdc_error *err)
{
    char id[SECRET_ID_SIZE], text[SECRET_TEXT_SIZE];
    uint8_t *salt = arena_alloc(request->arena, SECRET_SALT_SIZE);
    uint8_t *hash = arena_alloc(request->arena, SECRET_HASH_SIZE);
    int rc = secret_draw(id, text, salt, err);

    if (!rc)
        rc = secret_hash(salt, SECRET_SALT_SIZE, text, hash, err);
    if (rc)
        return rc;
    ret->token.id = arena_strdup(request->arena, id);
    ret->salt = salt;
    ret->n_salt = SECRET_SALT_SIZE;
    ret->hash = hash;
    ret->n_hash = SECRET_HASH_SIZE;
    struct store_audit audit =
        operations_audit(request, ret->token.customer, ret->token.id, 0);
    rc = book_token_put(request->ops->book, ret, &audit, err);
    if (!rc)
        *ret_secret =
            arena_printf(request->arena, TOKEN_PREFIX "%s.%s", id, text);
    return rc;
}

void token_create(struct request *request)
{
    const struct wire_token_create *order = request->body;
    struct wire_stored_token token;
    struct wire_token_list list = { .secret = "", .next = "" };
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_stored_token, &token);
    int rc = token_prepare(request, order, &token.token, &err);
    if (!rc && !order->dry_run)
        rc = make(request, order, &token, &list.secret, &err);
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (!order->dry_run)
        log_info("token %s of customer %s was made by %s", token.token.id,
                 token.token.customer, operations_who(request));
    list.tokens = &token.token;
    list.n_tokens = 1;
    request_reply(request, WIRE_MSG_token_list_reply, &list);
}

/* ---- listing ---- */

int token_find(struct request *request, const struct wire_token_ref *ref,
               bool certificates, const struct wire_stored_token ***ret,
               size_t *ret_n, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    const struct wire_stored_token *t, **found;
    const char *only = "";
    struct customer *c;
    size_t n = 0;

    if (*ref->customer || request->auth.role != W_OPERATOR) {
        int rc = operations_customer(request, ref->customer, &c, err);
        if (rc)
            return rc;
        only = c->name;
    }
    for (t = book_token_after(book, ref->from); t;
         t = book_token_after(book, t->token.id))
        n++;
    found = ARENA_ARRAY(request->arena, n + 1,
                        const struct wire_stored_token *);
    n = 0;
    for (t = book_token_after(book, ref->from); t;
         t = book_token_after(book, t->token.id))
        if (certificate_is(t) == certificates &&
            (!*only || names_covers(only, t->token.customer)) &&
            (!*ref->id || strcmp(ref->id, t->token.id) == 0))
            found[n++] = t;
    *ret = found;
    *ret_n = n;
    return 0;
}

void token_list(struct request *request)
{
    struct wire_token_list list = { .secret = "", .next = "" };
    const struct wire_stored_token **found;
    struct vdc_error err = { 0 };
    size_t n;

    if (token_find(request, request->body, false, &found, &n, &err)) {
        request_fail(request, &err);
        return;
    }
    list.tokens = ARENA_ARRAY(request->arena, n + 1, struct wire_token);
    for (size_t i = 0; i < n; i++)
        list.tokens[i] = found[i]->token;
    list.n_tokens =
        wire_page_count(&wire_struct_token, list.tokens, (uint32_t)n);
    if (list.n_tokens < n)
        list.next = list.tokens[list.n_tokens - 1].id;
    request_reply(request, WIRE_MSG_token_list_reply, &list);
}

/* ---- revoking ---- */

int token_remove(struct request *request, bool certificate,
                 struct vdc_error *err)
{
    const struct wire_token_ref *ref = request->body;
    struct book *book = request->ops->book;
    const struct wire_stored_token *t = book_token(book, ref->id);
    const char *what = certificate ? "certificate" : "token";

    if (!t || !may_see(request, &t->token)) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such %s: %s", what, ref->id);
        vdc_error_hint(err, "`xl-vdc %s-list` shows them by their ids", what);
        return VDC_E_NOT_FOUND;
    }
    if (certificate_is(t) != certificate) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such %s: %s is a %s", what,
                      ref->id, certificate ? "token" : "certificate");
        vdc_error_hint(err, "`xl-vdc %s %s` ends it",
                       certificate ? "token-revoke" : "certificate-remove",
                       ref->id);
        return VDC_E_NOT_FOUND;
    }
    if (ref->dry_run)
        return 0;
    struct store_audit audit = operations_audit(
        request, arena_strdup(request->arena, t->token.customer), ref->id, 0);
    return book_token_remove(book, ref->id, &audit, err);
}

void token_revoke(struct request *request)
{
    struct vdc_error err = { 0 };

    if (token_remove(request, false, &err))
        request_fail(request, &err);
    else
        request_ok(request);
}
