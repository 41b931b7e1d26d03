/*
 * From a user's number, as the kernel says it, or a guest, as Xen says it, to
 * a role.  Looked up for each request: a customer that was just made or
 * deleted counts at once.
 */
#include "policyd/api/auth.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "policyd/customers/certificate.h"
#include "policyd/customers/token.h"

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

int auth_refuse_stranger(struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_DENIED,
                  "neither a certificate nor a token was shown");
    vdc_error_hint(err, "set XEN_VDC_CERTIFICATE and XEN_VDC_KEY, or "
                        "XEN_VDC_TOKEN_FILE; an operator registers "
                        "certificates with 'xl-vdc certificate-add' and makes "
                        "tokens with 'xl-vdc token-create'");
    return VDC_E_DENIED;
}

/* Of a program that channeld tells of: the same account, if the customer has
 * it still.  A channel may be older than a namesake of its customer. */
static int find_level(const struct customer *customer, uid_t uid,
                      enum wire_role *ret, struct vdc_error *err)
{
    for (uint32_t i = 0; i < customer->n_logins; i++) {
        if (customer->logins[i].uid != uid)
            continue;
        *ret = customer->logins[i].role;
        return 0;
    }
    return vdc_error_set(err, VDC_E_DENIED,
                         "uid %u is no login of customer %s any more",
                         (unsigned)uid, customer->name);
}

static int identify_token(const struct setup *setup, const struct book *book,
                          const struct auth_peer *peer, struct auth *auth,
                          const struct customer **ret, struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    struct token_holder holder;
    int rc = peer->by_certificate
        ? certificate_holder(setup, book, peer->token, now_ms, &holder, err)
        : token_holder(setup, book, peer->token, now_ms, &holder, err);

    if (rc)
        return rc;
    memcpy(auth->token, peer->token, sizeof(auth->token));
    auth->by_certificate = peer->by_certificate;
    auth->level = holder.role;
    auth->role = holder.customer->builtin ? W_OPERATOR : W_CUSTOMER;
    *ret = holder.customer->builtin ? NULL : holder.customer;
    return 0;
}

/* Who may everything may also less. */
static int become_guest(const struct book *book,
                        const struct vdc_uuid *guest, struct auth *auth,
                        const struct customer **ret, struct vdc_error *err)
{
    const struct assignment *a = book_assignment(book, guest);

    if (auth->role != W_OPERATOR || auth->level != WIRE_ROLE_OPERATOR) {
        vdc_error_set(err, VDC_E_DENIED,
                      "only operators ask as one of the guests");
        vdc_error_hint(err, "unset XEN_VDC_GUEST to ask as yourself");
        return VDC_E_DENIED;
    }
    if (!a)
        return vdc_error_set(err, VDC_E_DENIED,
                             "this guest is assigned to nobody");
    auth->role = W_GUEST;
    auth->level = WIRE_ROLE_USER;
    auth->guest = *guest;
    auth->by_certificate = false;
    memset(auth->token, 0, sizeof(auth->token));
    *ret = a->customer;
    return 0;
}

int auth_identify(const struct setup *setup, const struct book *book,
                  const struct auth_peer *peer, struct auth *ret,
                  struct vdc_error *err)
{
    struct auth auth = { .uid = peer->uid,
                         .level = WIRE_ROLE_OPERATOR,
                         .by_channeld = peer->by_channeld };
    const struct customer *customer = NULL;
    const struct wire_login *login;

    if (peer->joins) {
        auth.role = W_JOINER;
        auth.level = WIRE_ROLE_READ;
    } else if (*peer->token) {
        int rc =
            identify_token(setup, book, peer, &auth, &customer, err);
        if (rc)
            return rc;
    } else if (peer->remote) {
        return auth_refuse_stranger(err);
    } else if (!uuid_is_zero(&peer->guest)) {
        const struct assignment *a = book_assignment(book, &peer->guest);
        if (!a)
            return vdc_error_set(err, VDC_E_DENIED,
                                 "this guest is assigned to nobody");
        auth.role = W_GUEST;
        auth.level = WIRE_ROLE_USER;
        auth.guest = peer->guest;
        customer = a->customer;
    } else if (peer->by_channeld && *peer->customer) {
        customer = book_customer(book, peer->customer);
        if (!customer)
            return vdc_error_set(err, VDC_E_DENIED,
                                 "there is no customer '%s' any more",
                                 peer->customer);
        auth.role = W_CUSTOMER;
        int rc = find_level(customer, peer->uid, &auth.level, err);
        if (rc)
            return rc;
    } else if (peer->by_channeld) {
        auth.role = W_OPERATOR;
    } else if (auth_is_operator(setup, peer->uid)) {
        auth.role = W_OPERATOR;
    } else if ((customer = book_customer_by_uid(book, peer->uid, &login))) {
        auth.role = W_CUSTOMER;
        auth.level = login->role;
    } else {
        return refuse_user(peer->uid, err);
    }
    if (!uuid_is_zero(&peer->as_guest)) {
        int rc = become_guest(book, &peer->as_guest, &auth, &customer, err);
        if (rc)
            return rc;
    }
    if (customer)
        memcpy(auth.customer, customer->name, sizeof(auth.customer));
    *ret = auth;
    return 0;
}

/* Who may only look may send what only looks, whatever is in it; a customer's
 * user what is about guests.  All that is not here is for those who may
 * everything that their side (`who` of the message) may. */
static const struct {
    enum wire_message_number number;
    enum wire_role needs;
} levels[] = {
    { WIRE_MSG_version, WIRE_ROLE_READ },
    { WIRE_MSG_customer_list, WIRE_ROLE_READ },
    { WIRE_MSG_partition_list, WIRE_ROLE_READ },
    { WIRE_MSG_partition_show, WIRE_ROLE_READ },
    { WIRE_MSG_device_list, WIRE_ROLE_READ },
    { WIRE_MSG_host_list, WIRE_ROLE_READ },
    { WIRE_MSG_events, WIRE_ROLE_READ },
    { WIRE_MSG_resource_list, WIRE_ROLE_READ },
    { WIRE_MSG_lease_list, WIRE_ROLE_READ },
    { WIRE_MSG_audit_list, WIRE_ROLE_READ },
    { WIRE_MSG_placement_why, WIRE_ROLE_READ },
    { WIRE_MSG_placement_why_not, WIRE_ROLE_READ },
    { WIRE_MSG_placement_try, WIRE_ROLE_READ },
    { WIRE_MSG_placement_what_if, WIRE_ROLE_READ },
    { WIRE_MSG_placement_capacity, WIRE_ROLE_READ },
    { WIRE_MSG_use_list, WIRE_ROLE_READ },
    { WIRE_MSG_moves_list, WIRE_ROLE_READ },
    { WIRE_MSG_dc_status, WIRE_ROLE_READ },
    { WIRE_MSG_dc_policyds, WIRE_ROLE_READ },
    { WIRE_MSG_policy_show, WIRE_ROLE_READ },
    { WIRE_MSG_policy_check, WIRE_ROLE_READ },
    { WIRE_MSG_image_list, WIRE_ROLE_READ },
    { WIRE_MSG_cancel, WIRE_ROLE_READ }, /* of its own connection */
    { WIRE_MSG_partition_create, WIRE_ROLE_USER },
    { WIRE_MSG_partition_start, WIRE_ROLE_USER },
    { WIRE_MSG_partition_shutdown, WIRE_ROLE_USER },
    { WIRE_MSG_partition_reboot, WIRE_ROLE_USER },
    { WIRE_MSG_partition_destroy, WIRE_ROLE_USER },
    { WIRE_MSG_partition_rename, WIRE_ROLE_USER },
    { WIRE_MSG_transaction, WIRE_ROLE_USER },
    { WIRE_MSG_console_attach, WIRE_ROLE_USER },
    { WIRE_MSG_lease_create, WIRE_ROLE_USER },
    { WIRE_MSG_lease_renew, WIRE_ROLE_USER },
    { WIRE_MSG_lease_drop, WIRE_ROLE_USER },
    { WIRE_MSG_image_add, WIRE_ROLE_USER },
    { WIRE_MSG_image_data, WIRE_ROLE_USER },
    { WIRE_MSG_image_remove, WIRE_ROLE_USER },
    { WIRE_MSG_image_verify, WIRE_ROLE_USER },
};

enum wire_role auth_needs(const struct wire_message *message)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (levels[i].number == message->number)
            return levels[i].needs;
    return WIRE_ROLE_ADMIN;
}

bool auth_level_covers(enum wire_role has, enum wire_role needs)
{
    switch (has) {
    case WIRE_ROLE_OPERATOR:
        return true;
    case WIRE_ROLE_ADMIN:
        return needs != WIRE_ROLE_OPERATOR;
    case WIRE_ROLE_USER:
        return needs == WIRE_ROLE_USER || needs == WIRE_ROLE_READ;
    case WIRE_ROLE_READ:
        return needs == WIRE_ROLE_READ;
    }
    return false;
}

static int check_level(const struct auth *auth, const char *name,
                       const struct wire_message *message,
                       struct vdc_error *err)
{
    enum wire_role needs = auth_needs(message);

    if (auth->role == W_GUEST || auth->role == W_JOINER ||
        auth_level_covers(auth->level, needs))
        return 0;
    vdc_error_set(err, VDC_E_DENIED, "'%s' is not for the role %s", name,
                  wire_enum_word(&wire_enum_role, (int)auth->level));
    vdc_error_hint(err, "it needs the role %s; %s gives roles",
                   auth->role == W_OPERATOR
                       ? "operator"
                       : wire_enum_word(&wire_enum_role, (int)needs),
                   auth->role == W_OPERATOR ? "an operator"
                                            : "who is a customer-admin");
    return VDC_E_DENIED;
}

/* A command is called as its message, but with a dash and without the word for
 * what most are about. */
static void name_command(const struct wire_message *message, char *ret,
                         size_t size)
{
    static const char *const left_out[] = { "partition_", "placement_" };
    const char *name = message->name;

    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        if (strncmp(name, left_out[i], strlen(left_out[i])) == 0)
            name += strlen(left_out[i]);
    if (message->number == WIRE_MSG_placement_try)
        name = "place";
    if (strncmp(name, "moves_", 6) == 0)
        name = "moves"; /* what of it is an option's */
    snprintf(ret, size, "%s", name);
    for (char *p = ret; *p; p++)
        if (*p == '_')
            *p = '-';
}

int auth_check(const struct auth *auth, const struct wire_message *message,
               struct vdc_error *err)
{
    char name[48];

    name_command(message, name, sizeof(name));
    if (message->who & auth->role)
        return check_level(auth, name, message, err);
    if (auth->role == W_JOINER) {
        vdc_error_set(err, VDC_E_DENIED,
                      "'%s' is not for who joins: at dc_address a machine can "
                      "join, and nothing else", name);
    } else if (auth->role == W_GUEST) {
        vdc_error_set(err, VDC_E_DENIED, "'%s' is not for guests", name);
        vdc_error_hint(err, AUTH_GUEST_HINT);
    } else {
        vdc_error_set(err, VDC_E_DENIED, "'%s' is for operators", name);
        vdc_error_hint(err, "ask the provider");
    }
    return VDC_E_DENIED;
}
