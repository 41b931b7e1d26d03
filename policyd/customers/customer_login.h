/*
 * Who may act for a customer: the unix accounts that a request names.
 */
#ifndef POLICYD_CUSTOMERS_CUSTOMER_LOGIN_H
#define POLICYD_CUSTOMERS_CUSTOMER_LOGIN_H

#include "policyd/api/operations.h"

/*
 * From `USER[:ROLE]` of order->users to ret->logins, in the request's arena.
 * Without a role an account keeps the one that it has for `now` (NULL: the
 * customer is new), or becomes a customer-admin.
 * Errors: VDC_E_NOT_FOUND, VDC_E_BAD_VALUE, VDC_E_EXISTS: it is another
 * customer's; of which one operators alone are told.
 */
int customer_find_logins(const struct request *request,
                         const struct wire_customer_create *order,
                         const struct customer *now, struct wire_customer *ret,
                         struct vdc_error *err);

/* A role that a customer may give: by its word, or that without "customer-".
 * Errors: VDC_E_BAD_VALUE. */
int customer_parse_role(const char *word, enum wire_role *ret,
                        struct vdc_error *err);

#endif
