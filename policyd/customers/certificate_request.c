/*
 * certificate-add, -list, -remove: see certificate.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/certificate.h"
#include "policyd/customers/secret.h"
#include "wire/page.h"

static void show(const struct wire_stored_token *t,
                 struct wire_certificate *ret)
{
    wire_init(&wire_struct_certificate, ret);
    ret->id = t->token.id;
    ret->fingerprint = t->fingerprint;
    ret->subject = t->subject;
    ret->customer = t->token.customer;
    ret->role = t->token.role;
    ret->note = t->token.note;
    ret->created_ms = t->token.created_ms;
    ret->valid_from_ms = t->valid_from_ms;
    ret->expires_ms = t->token.expires_ms;
    ret->issuer = t->token.issuer;
}

/* ---- adding ---- */

/* It is good no longer than it says itself. */
static int take_dates(const struct tls_certificate *shown,
                      struct wire_token *token, struct vdc_error *err)
{
    char buf[32];

    if (shown->valid_to_ms <= token->created_ms)
        return vdc_error_set(
            err, VDC_E_BAD_VALUE, "the certificate of '%s' expired at %s",
            shown->subject,
            clock_wall_format((struct wall){ shown->valid_to_ms }, buf,
                              sizeof(buf)));
    if (!token->expires_ms || token->expires_ms > shown->valid_to_ms)
        token->expires_ms = shown->valid_to_ms;
    return 0;
}

/* One that may be another customer's is refused without saying whose. */
static int check_new(const struct request *request, const char *id,
                     const char *subject, struct vdc_error *err)
{
    if (!book_token(request->ops->book, id))
        return 0;
    vdc_error_set(err, VDC_E_EXISTS,
                  "the certificate of '%s' is registered already", subject);
    vdc_error_hint(err, "if it is yours, `xl-vdc certificate-list` shows it, "
                        "and `xl-vdc certificate-remove %s` makes room", id);
    return VDC_E_EXISTS;
}

static int check_add(struct request *request,
                     const struct wire_certificate_add *order,
                     struct wire_stored_token *ret, struct vdc_error *err)
{
    struct wire_token_create like;
    struct tls_certificate shown;
    char text[TLS_FINGERPRINT_TEXT_SIZE];

    wire_init(&wire_struct_token_create, &like);
    like.customer = order->customer;
    like.role = order->role;
    like.expires_ms = order->expires_ms;
    like.note = order->note;
    int rc = token_prepare(request, &like, &ret->token, err);
    if (!rc)
        rc = tls_certificate_read(order->pem, order->n_pem, &shown, err);
    if (!rc)
        rc = take_dates(&shown, &ret->token, err);
    if (rc)
        return rc;
    tls_fingerprint_text(shown.fingerprint, text);
    ret->fingerprint = arena_strdup(request->arena, text);
    text[SECRET_ID_SIZE - 1] = '\0';
    ret->token.id = arena_strdup(request->arena, text);
    ret->subject = arena_strdup(request->arena, shown.subject);
    ret->valid_from_ms = shown.valid_from_ms;
    return check_new(request, ret->token.id, ret->subject, err);
}

void certificate_add(struct request *request)
{
    const struct wire_certificate_add *order = request->body;
    struct wire_certificate_list list = { .next = "" };
    struct wire_certificate shown;
    struct wire_stored_token token;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_stored_token, &token);
    int rc = check_add(request, order, &token, &err);
    if (!rc && !order->dry_run) {
        struct store_audit audit = operations_audit(
            request, token.token.customer, token.token.id, 0);
        rc = book_token_put(request->ops->book, &token, &audit, &err);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (!order->dry_run)
        log_info("certificate %s, '%s', of customer %s was registered by %s",
                 token.token.id, token.subject, token.token.customer,
                 operations_who(request));
    show(&token, &shown);
    list.certificates = &shown;
    list.n_certificates = 1;
    request_reply(request, WIRE_MSG_certificate_list_reply, &list);
}

/* ---- listing ---- */

void certificate_list(struct request *request)
{
    const struct wire_token_ref *ref = request->body;
    struct wire_certificate_list list = { .next = "" };
    const struct wire_stored_token **found;
    struct vdc_error err = { 0 };
    size_t n;

    if (token_find(request, ref, true, &found, &n, &err)) {
        request_fail(request, &err);
        return;
    }
    list.certificates = ARENA_ARRAY(request->arena, n + 1,
                                    struct wire_certificate);
    for (size_t i = 0; i < n; i++)
        show(found[i], &list.certificates[i]);
    list.n_certificates = wire_page_count(&wire_struct_certificate,
                                          list.certificates, (uint32_t)n);
    if (list.n_certificates < n)
        list.next = list.certificates[list.n_certificates - 1].id;
    request_reply(request, WIRE_MSG_certificate_list_reply, &list);
}

/* ---- removing ---- */

void certificate_remove(struct request *request)
{
    struct vdc_error err = { 0 };

    if (token_remove(request, true, &err))
        request_fail(request, &err);
    else
        request_ok(request);
}
