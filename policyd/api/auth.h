/*
 * Who is at the other end of a connection, and what it may do.
 */
#ifndef POLICYD_API_AUTH_H
#define POLICYD_API_AUTH_H

#include <sys/types.h>

#include "base/tls.h"
#include "policyd/setup.h"
#include "policyd/store/book.h"
#include "wire/wire.h"

#define AUTH_TOKEN_SIZE 17

/* Who is at the other end of a connection: a program of this host, as the
 * kernel says, or a guest, as Xen says; or, when policyd is in a domain of its
 * own, a program of the host as channeld says, which knows it from the kernel
 * there; or somebody elsewhere, over TLS, as a token or certificate says. */
struct auth_peer {
    uid_t uid;            /* of a program; otherwise AUTH_NO_UID */
    struct vdc_uuid guest; /* zero: a program */
    bool by_channeld;      /* a program of the host */
    /* of such a program: whose login it is; "": an operator's */
    char customer[NAMES_CUSTOMER_MAX + 1];
    char text[128];       /* for the log: "uid 1000", "guest acme.web" */
    pid_t pid;            /* of a program of this host; 0: not known */
    char token[AUTH_TOKEN_SIZE]; /* by which it acts; "": as itself */
    bool by_certificate; /* the same field says which certificate that is */
    bool remote; /* over TLS: without a token or certificate it is nobody */
    bool joins;  /* it came to dc_address: all it may is to join or leave */
    /* SHA-256 of the certificate that it has shown there, in hexadecimal
     * digits; "": none */
    char shown[TLS_FINGERPRINT_TEXT_SIZE];
    struct vdc_uuid as_guest; /* an operator asks as this guest; zero: not */
};
#define AUTH_NO_UID ((uid_t)-1)

struct auth {
    uid_t uid;
    unsigned role; /* W_OPERATOR, W_CUSTOMER, W_GUEST or W_JOINER */
    enum wire_role level; /* what of that it may; of a guest it says nothing */
    /* of a customer, or whose guest it is; otherwise "" */
    char customer[NAMES_CUSTOMER_MAX + 1];
    struct vdc_uuid guest; /* itself; zero: it is none */
    bool by_channeld;      /* as of its peer */
    char token[AUTH_TOKEN_SIZE]; /* by which it acts; "": as itself */
    bool by_certificate; /* the same field says which certificate that is */
};

/*
 * root and the users in `operators` are operators; the logins of customers
 * are those customers; a guest that is assigned to somebody is itself; of a
 * program that channeld tells of, channeld's word counts.  Who has shown a
 * token is who that says, whoever it is otherwise; so is who came over TLS
 * with a certificate that is registered.
 * An operator who asks as a guest is that guest and no more.
 * Errors: VDC_E_DENIED for anybody else.
 */
int auth_identify(const struct setup *setup, const struct book *book,
                  const struct auth_peer *peer, struct auth *ret,
                  struct vdc_error *err);

/* VDC_E_DENIED: who came over TLS has not said who it is. */
int auth_refuse_stranger(struct vdc_error *err);

/* What a level must be at least to send the message: of an operator, and of a
 * customer.  A message that is not in the table is for those who may all. */
enum wire_role auth_needs(const struct wire_message *message);
/* Whether one who may `has` may what needs `needs`. */
bool auth_level_covers(enum wire_role has, enum wire_role needs);

/* Whether the role and its level may ask for this; VDC_E_DENIED: it may not.
 */
int auth_check(const struct auth *auth, const struct wire_message *message,
               struct vdc_error *err);

/* What a guest that asks for itself is told of all else. */
#define AUTH_GUEST_HINT                                                   \
    "a guest may list its customer's guests, and show itself, set its "   \
    "memory and vCPUs within its limits, shut itself down, reboot, and "  \
    "see its events; all else is asked for on the host"

bool auth_is_operator(const struct setup *setup, uid_t uid);

#endif
