/*
 * Who is at the other end of a connection, and what it may do.
 */
#ifndef POLICYD_AUTH_H
#define POLICYD_AUTH_H

#include <sys/types.h>

#include "policyd/book.h"
#include "policyd/setup.h"

struct auth {
    uid_t uid;
    unsigned role;                         /* W_OPERATOR or W_CUSTOMER */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* of a customer; otherwise "" */
};

/*
 * root and the users in `operators` are operators; the logins of customers
 * are those customers.  Errors: VDC_E_DENIED for anybody else.
 */
int auth_identify(const struct setup *setup, const struct book *book,
                  uid_t uid, struct auth *ret, struct vdc_error *err);

bool auth_is_operator(const struct setup *setup, uid_t uid);

#endif
