/*
 * Logins of customers; see customer_login.h.
 */
#include "policyd/customers/customer_login.h"

#include <string.h>

int customer_parse_role(const char *word, enum wire_role *ret,
                        struct vdc_error *err)
{
    int number = WIRE_ROLE_OPERATOR;

    if (strcmp(word, "admin") == 0)
        number = WIRE_ROLE_ADMIN;
    else if (strcmp(word, "user") == 0)
        number = WIRE_ROLE_USER;
    else if (!wire_enum_number(&wire_enum_role, word, &number))
        number = WIRE_ROLE_OPERATOR;
    if (number != WIRE_ROLE_OPERATOR) {
        *ret = (enum wire_role)number;
        return 0;
    }
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' is no role of a customer", word);
    vdc_error_hint(err, "customer-admin, customer-user or read-only");
    return VDC_E_BAD_VALUE;
}

static int refuse_other(const struct request *request, const char *user,
                        uid_t uid, const struct customer *other,
                        struct vdc_error *err)
{
    if (request->auth.role != W_OPERATOR)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "user %s cannot be a login: the account is in "
                             "use otherwise",
                             user);
    return vdc_error_set(err, VDC_E_EXISTS,
                         "user %s (uid %u) is a login of customer %s already",
                         user, (unsigned)uid, other->name);
}

static int find_user(const struct request *request,
                     const struct wire_customer_create *order,
                     const char *user, uid_t *ret, struct vdc_error *err)
{
    const struct operations *ops = request->ops;
    const struct customer *other;

    if (!setup_find_user(user, ret)) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "there is no user '%s'", user);
        vdc_error_hint(err,
                       "make the account first (adduser %s), or give its "
                       "number",
                       user);
        return VDC_E_NOT_FOUND;
    }
    if (auth_is_operator(ops->setup, *ret))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "user %s is an operator and cannot be a "
                             "customer's login",
                             user);
    other = book_customer_by_uid(ops->book, *ret, NULL);
    return other && strcmp(other->name, order->name) != 0
               ? refuse_other(request, user, *ret, other, err)
               : 0;
}

static enum wire_role role_before(const struct customer *now, uid_t uid)
{
    for (uint32_t i = 0; now && i < now->n_logins; i++)
        if (now->logins[i].uid == uid)
            return now->logins[i].role;
    return WIRE_ROLE_ADMIN;
}

int customer_find_logins(const struct request *request,
                         const struct wire_customer_create *order,
                         const struct customer *now, struct wire_customer *ret,
                         struct vdc_error *err)
{
    ret->logins =
        ARENA_ARRAY(request->arena, order->n_users, struct wire_login);
    for (uint32_t i = 0; i < order->n_users; i++) {
        char *user = arena_strdup(request->arena, order->users[i]);
        char *colon = strrchr(user, ':');
        enum wire_role role;
        uid_t uid;
        if (colon)
            *colon = '\0';
        int rc = find_user(request, order, user, &uid, err);
        if (rc)
            return rc;
        if (!colon)
            role = role_before(now, uid);
        else if ((rc = customer_parse_role(colon + 1, &role, err)))
            return rc;
        bool twice = false;
        for (uint32_t j = 0; j < ret->n_logins; j++)
            twice |= ret->logins[j].uid == uid;
        if (twice)
            continue;
        struct wire_login *login = &ret->logins[ret->n_logins++];
        wire_init(&wire_struct_login, login);
        login->user = user;
        login->uid = uid;
        login->role = role;
    }
    return 0;
}
