/*
 * From a user's number, as the kernel says it, or a guest, as Xen says it, to
 * a role.  Looked up for each request: a customer that was just made or
 * deleted counts at once.
 */
#include "policyd/auth.h"

#include <pwd.h>
#include <stdio.h>
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

static int refuse_user(uid_t uid, struct vdc_error *err)
{
    const struct passwd *pw = getpwuid(uid);
    const char *user = pw ? pw->pw_name : "?";

    vdc_error_set(err, VDC_E_DENIED,
                  "user %s (uid %u) is neither an operator nor a login of a "
                  "customer",
                  user, (unsigned)uid);
    if (pw)
        vdc_error_hint(err, "xl-vdc customer-create NAME --user %s, as root",
                       user);
    else
        vdc_error_hint(err, "xl-vdc customer-create NAME --user %u, as root",
                       (unsigned)uid);
    return VDC_E_DENIED;
}

int auth_identify(const struct setup *setup, const struct book *book,
                  const struct auth_peer *peer, struct auth *ret,
                  struct vdc_error *err)
{
    struct auth auth = { .uid = peer->uid };
    const struct customer *customer = NULL;

    if (!uuid_is_zero(&peer->guest)) {
        const struct assignment *a = book_assignment(book, &peer->guest);
        if (!a)
            return vdc_error_set(err, VDC_E_DENIED,
                                 "this guest is assigned to nobody");
        auth.role = W_GUEST;
        auth.guest = peer->guest;
        customer = a->customer;
    } else if (peer->by_channeld && *peer->customer) {
        customer = book_customer(book, peer->customer);
        if (!customer)
            return vdc_error_set(err, VDC_E_DENIED,
                                 "there is no customer '%s' any more",
                                 peer->customer);
        auth.role = W_CUSTOMER;
    } else if (peer->by_channeld) {
        auth.role = W_OPERATOR;
    } else if (auth_is_operator(setup, peer->uid)) {
        auth.role = W_OPERATOR;
    } else if ((customer = book_customer_by_uid(book, peer->uid))) {
        auth.role = W_CUSTOMER;
    } else {
        return refuse_user(peer->uid, err);
    }
    if (customer)
        memcpy(auth.customer, customer->name, sizeof(auth.customer));
    *ret = auth;
    return 0;
}

/* A command is called as its message, but with a dash. */
int auth_check(const struct auth *auth, const struct wire_message *message,
               struct vdc_error *err)
{
    char name[48];

    if (message->who & auth->role)
        return 0;
    snprintf(name, sizeof(name), "%s", message->name);
    for (char *p = name; *p; p++)
        if (*p == '_')
            *p = '-';
    if (auth->role == W_GUEST) {
        vdc_error_set(err, VDC_E_DENIED, "'%s' is not for guests", name);
        vdc_error_hint(err, AUTH_GUEST_HINT);
    } else {
        vdc_error_set(err, VDC_E_DENIED, "'%s' is for operators", name);
        vdc_error_hint(err, "ask the provider");
    }
    return VDC_E_DENIED;
}
