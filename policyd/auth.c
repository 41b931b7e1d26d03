/*
 * From a user's number, as the kernel says it, to a role.  Looked up for each
 * request: a customer that was just made or deleted counts at once.
 */
#include "policyd/auth.h"

#include <pwd.h>
#include <string.h>

bool auth_is_operator(const struct setup *setup, uid_t uid)
{
    if (uid == 0)
        return true;
    for (size_t i = 0; i < setup->n_operator_uids; i++)
        if (setup->operator_uids[i] == uid)
            return true;
    return false;
}

int auth_identify(const struct setup *setup, const struct book *book,
                  uid_t uid, struct auth *ret, struct vdc_error *err)
{
    struct auth auth = { .uid = uid };
    const struct customer *customer;

    if (auth_is_operator(setup, uid)) {
        auth.role = W_OPERATOR;
    } else if ((customer = book_customer_by_uid(book, uid))) {
        auth.role = W_CUSTOMER;
        memcpy(auth.customer, customer->name, sizeof(auth.customer));
    } else {
        const struct passwd *pw = getpwuid(uid);
        const char *user = pw ? pw->pw_name : "?";
        vdc_error_set(err, VDC_E_DENIED,
                      "user %s (uid %u) is neither an operator nor a login "
                      "of a customer",
                      user, (unsigned)uid);
        if (pw)
            vdc_error_hint(err,
                           "xl-vdc customer-create NAME --user %s, as "
                           "root",
                           user);
        else
            vdc_error_hint(err,
                           "xl-vdc customer-create NAME --user %u, as "
                           "root",
                           (unsigned)uid);
        return VDC_E_DENIED;
    }
    *ret = auth;
    return 0;
}
