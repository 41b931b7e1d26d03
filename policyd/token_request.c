/*
 * token-create, -list, -revoke: see token.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/customer_login.h"
#include "policyd/operations.h"
#include "policyd/secret.h"
#include "policyd/token.h"
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

static int check_count(const struct request *request, const char *customer,
                       struct vdc_error *err)
{
    const struct wire_stored_token *t;
    size_t n = 0;

    for (t = book_token_after(request->ops->book, ""); t;
         t = book_token_after(request->ops->book, t->token.id))
        n += names_covers(customer, t->token.customer);
    if (n < TOKENS_MAX)
        return 0;
    vdc_error_set(err, VDC_E_QUOTA, "customer %s has %d tokens already",
                  customer, TOKENS_MAX);
    vdc_error_hint(err, "`xl-vdc token-revoke` makes room");
    return VDC_E_QUOTA;
}

static int check_create(struct request *request,
                        const struct wire_token_create *order,
                        struct wire_token *ret, struct vdc_error *err)
{
    const struct auth *auth = &request->auth;
    struct customer *c;
    int rc = operations_customer(request, order->customer, &c, err);

    if (!rc)
        rc = take_role(request, order->role, c, &ret->role, err);
    if (!rc)
        rc = check_count(request, c->name, err);
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
    int rc = check_create(request, order, &token.token, &err);
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

void token_list(struct request *request)
{
    const struct wire_token_ref *ref = request->body;
    const struct book *book = request->ops->book;
    struct wire_token_list list = { .secret = "", .next = "" };
    const struct wire_stored_token *t;
    const char *only = "";
    struct customer *c;
    struct vdc_error err = { 0 };
    uint32_t n = 0;

    if (*ref->customer || request->auth.role != W_OPERATOR) {
        if (operations_customer(request, ref->customer, &c, &err)) {
            request_fail(request, &err);
            return;
        }
        only = c->name;
    }
    for (t = book_token_after(book, ref->from); t;
         t = book_token_after(book, t->token.id))
        n++;
    list.tokens = ARENA_ARRAY(request->arena, n + 1, struct wire_token);
    for (t = book_token_after(book, ref->from); t;
         t = book_token_after(book, t->token.id))
        if ((!*only || names_covers(only, t->token.customer)) &&
            (!*ref->id || strcmp(ref->id, t->token.id) == 0))
            list.tokens[list.n_tokens++] = t->token;
    n = wire_page_count(&wire_struct_token, list.tokens, list.n_tokens);
    if (n < list.n_tokens)
        list.next = list.tokens[n - 1].id;
    list.n_tokens = n;
    request_reply(request, WIRE_MSG_token_list_reply, &list);
}

/* ---- revoking ---- */

void token_revoke(struct request *request)
{
    const struct wire_token_ref *ref = request->body;
    struct book *book = request->ops->book;
    const struct wire_stored_token *t = book_token(book, ref->id);
    struct vdc_error err = { 0 };
    int rc = 0;

    if (!t || !may_see(request, &t->token)) {
        rc =
            vdc_error_set(&err, VDC_E_NOT_FOUND, "no such token: %s", ref->id);
        vdc_error_hint(&err, "`xl-vdc token-list` shows them by their ids");
    } else if (!ref->dry_run) {
        struct store_audit audit = operations_audit(
            request, arena_strdup(request->arena, t->token.customer), ref->id,
            0);
        rc = book_token_remove(book, ref->id, &audit, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        request_ok(request);
}

int token_revoke_all(struct request *request, const char *customer,
                     struct vdc_error *err)
{
    struct book *book = request->ops->book;
    const struct wire_stored_token *t, *next;
    int rc = 0;

    for (t = book_token_after(book, ""); t && !rc; t = next) {
        char id[SECRET_ID_SIZE];
        if (strcmp(t->token.customer, customer) != 0) {
            next = book_token_after(book, t->token.id);
            continue;
        }
        strncpy(id, t->token.id, sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        rc = book_token_remove(book, id, NULL, err);
        next = book_token_after(book, id);
    }
    return rc;
}
