/*
 * Which certificates are good, and for whom; see certificate.h.
 */
#include "policyd/customers/certificate.h"

#include <string.h>

#include "base/clock.h"
#include "policyd/customers/secret.h"

bool certificate_is(const struct wire_stored_token *token)
{
    return *token->fingerprint != '\0';
}

static const struct wire_stored_token *find(const struct book *book,
                                            const char *id)
{
    const struct wire_stored_token *t = book_token(book, id);

    return t && certificate_is(t) ? t : NULL;
}

static int refuse_gone(const char *subject, const char *fingerprint,
                       struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_DENIED, "the certificate of '%s' is not "
                                     "registered", subject);
    vdc_error_hint(err, "ask your operator: xl-vdc certificate-add FILE "
                        "CUSTOMER; its fingerprint is %s", fingerprint);
    return VDC_E_DENIED;
}

/* It is registered, and good for nothing. */
static int refuse_held(const struct wire_stored_token *t, uint64_t now_ms,
                       struct vdc_error *err)
{
    if (t->token.expires_ms && t->token.expires_ms <= now_ms)
        vdc_error_set(err, VDC_E_DENIED,
                      "the certificate of '%s' was registered until now only: "
                      "it has expired", t->subject);
    else
        vdc_error_set(err, VDC_E_DENIED,
                      "who registered the certificate of '%s' may not act "
                      "for the customer any more", t->subject);
    vdc_error_hint(err, "`xl-vdc certificate-remove %s`, and certificate-add "
                        "registers it anew", t->token.id);
    return VDC_E_DENIED;
}

static int check_dates(const struct tls_certificate *shown, uint64_t now_ms,
                       struct vdc_error *err)
{
    char buf[32];

    if (shown->valid_to_ms <= now_ms)
        return vdc_error_set(
            err, VDC_E_DENIED, "the certificate of '%s' expired at %s",
            shown->subject,
            clock_wall_format((struct wall){ shown->valid_to_ms }, buf,
                              sizeof(buf)));
    if (shown->valid_from_ms > now_ms)
        return vdc_error_set(
            err, VDC_E_DENIED,
            "the certificate of '%s' is not valid before %s", shown->subject,
            clock_wall_format((struct wall){ shown->valid_from_ms }, buf,
                              sizeof(buf)));
    return 0;
}

int certificate_check(const struct setup *setup, const struct book *book,
                      const struct tls_certificate *shown, uint64_t now_ms,
                      char *ret_id, struct vdc_error *err)
{
    char text[TLS_FINGERPRINT_TEXT_SIZE], id[SECRET_ID_SIZE];
    const struct wire_stored_token *t;
    struct token_holder holder;
    int rc = check_dates(shown, now_ms, err);

    if (rc)
        return rc;
    if (*shown->unproved)
        return vdc_error_set(err, VDC_E_DENIED,
                             "no CA that policyd trusts vouches for the "
                             "certificate of '%s': %s",
                             shown->subject, shown->unproved);
    tls_fingerprint_text(shown->fingerprint, text);
    memcpy(id, text, sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    t = find(book, id);
    if (!t || strcmp(t->fingerprint, text) != 0)
        return refuse_gone(shown->subject, text, err);
    if (token_holder(setup, book, id, now_ms, &holder, NULL))
        return refuse_held(t, now_ms, err);
    memcpy(ret_id, id, sizeof(id));
    return 0;
}

int certificate_holder(const struct setup *setup, const struct book *book,
                       const char *id, uint64_t now_ms,
                       struct token_holder *ret, struct vdc_error *err)
{
    const struct wire_stored_token *t = find(book, id);

    if (!t) {
        vdc_error_set(err, VDC_E_DENIED,
                      "the certificate is not registered any more");
        vdc_error_hint(err, "ask your operator: xl-vdc certificate-add FILE "
                            "CUSTOMER; its fingerprint begins with %s", id);
        return VDC_E_DENIED;
    }
    if (token_holder(setup, book, id, now_ms, ret, NULL))
        return refuse_held(t, now_ms, err);
    return 0;
}

const char *certificate_name(const struct book *book, const char *id,
                             struct arena *arena)
{
    const struct wire_stored_token *t = find(book, id);

    /* it is kept in fields of 127 characters */
    return t ? arena_printf(arena, "certificate %.90s (%s)", t->subject, id)
             : arena_printf(arena, "certificate %s", id);
}
