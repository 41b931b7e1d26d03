/*
 * Which tokens are good, and for whom; see token.h.
 */
#include "policyd/customers/token.h"

#include <string.h>

#include "policyd/api/auth.h"
#include "policyd/customers/secret.h"

/* Tokens made with tokens made with ... */
#define DEPTH_MAX 8

static int refuse(struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_DENIED, "the token is good for nothing");
    vdc_error_hint(err, "it is not known, has expired or was revoked, or who "
                        "made it may not act for the customer any more; "
                        "`xl-vdc token-create` makes another");
    return VDC_E_DENIED;
}

static enum wire_role lesser(enum wire_role a, enum wire_role b)
{
    return auth_level_covers(a, b) ? b : a;
}

static bool holds(const struct setup *setup, const struct book *book,
                  const struct wire_token *t, uint64_t now_ms, int depth,
                  enum wire_role *ret);

/* What who made it may at the moment, for that customer; false: nothing. */
static bool issuer_may(const struct setup *setup, const struct book *book,
                       const struct wire_token *t, uint64_t now_ms, int depth,
                       enum wire_role *ret)
{
    const struct wire_login *login;
    const struct customer *c;

    if (*t->issuer_token) {
        const struct wire_stored_token *by = book_token(book, t->issuer_token);
        /* a certificate that was removed and registered anew is another */
        return by && depth < DEPTH_MAX &&
               by->token.created_ms <= t->created_ms &&
               (strcmp(by->token.customer, NAMES_PROVIDER) == 0 ||
                names_covers(by->token.customer, t->customer)) &&
               holds(setup, book, &by->token, now_ms, depth + 1, ret);
    }
    if (auth_is_operator(setup, t->issuer_uid)) {
        *ret = WIRE_ROLE_OPERATOR;
        return true;
    }
    c = book_customer_by_uid(book, t->issuer_uid, &login);
    if (!c || !names_covers(c->name, t->customer))
        return false;
    *ret = login->role;
    return true;
}

static bool holds(const struct setup *setup, const struct book *book,
                  const struct wire_token *t, uint64_t now_ms, int depth,
                  enum wire_role *ret)
{
    const struct customer *c = book_customer(book, t->customer);
    enum wire_role most;

    /* a namesake of a customer that was deleted is another */
    if (!c || t->created_ms < c->created_ms ||
        (t->expires_ms && t->expires_ms <= now_ms) ||
        !issuer_may(setup, book, t, now_ms, depth, &most))
        return false;
    *ret = lesser(t->role, most);
    return true;
}

int token_holder(const struct setup *setup, const struct book *book,
                 const char *id, uint64_t now_ms, struct token_holder *ret,
                 struct vdc_error *err)
{
    const struct wire_stored_token *t = book_token(book, id);
    enum wire_role role;

    if (!t || !holds(setup, book, &t->token, now_ms, 0, &role))
        return refuse(err);
    ret->customer = book_customer(book, t->token.customer);
    ret->role = role;
    return 0;
}

int token_check(const struct setup *setup, const struct book *book,
                const char *text, uint64_t now_ms, char *ret_id,
                struct vdc_error *err)
{
    static const uint8_t none[SECRET_HASH_SIZE];
    const struct wire_stored_token *t = NULL;
    uint8_t salt[SECRET_SALT_SIZE] = { 0 }, hash[SECRET_HASH_SIZE];
    const char *secret = strchr(text, '.');
    char id[SECRET_ID_SIZE] = "";
    struct token_holder holder;
    size_t prefix = strlen(TOKEN_PREFIX);

    if (secret && strncmp(text, TOKEN_PREFIX, prefix) == 0 &&
        (size_t)(secret - text) == prefix + sizeof(id) - 1) {
        memcpy(id, text + prefix, sizeof(id) - 1);
        t = book_token(book, id);
    }
    if (t && (t->n_salt != sizeof(salt) || t->n_hash != sizeof(hash)))
        t = NULL;
    if (t)
        memcpy(salt, t->salt, sizeof(salt));
    /* one that is not there takes as long */
    int rc =
        secret_hash(salt, sizeof(salt), secret ? secret + 1 : "", hash, err);
    if (rc)
        return rc;
    bool same = secret_same(hash, t ? t->hash : none, sizeof(hash));
    if (!t || !same || token_holder(setup, book, id, now_ms, &holder, err))
        return refuse(err);
    memcpy(ret_id, id, sizeof(id));
    return 0;
}
