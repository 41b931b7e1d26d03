/*
 * Customers: made, shown, changed and deleted.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/lease.h"
#include "policyd/operations.h"
#include "policyd/quota.h"
#include "wire/page.h"

static void describe(const struct operations *ops, const struct customer *c,
                     struct wire_customer *ret)
{
    wire_init(&wire_struct_customer, ret);
    ret->name = c->name;
    ret->logins = c->logins;
    ret->n_logins = c->n_logins;
    ret->quota = c->quota;
    ret->created_ms = c->created_ms;
    operations_usage(ops, c, &ret->usage);
}

static int find_logins(const struct request *request,
                       const struct wire_customer_create *order,
                       struct wire_customer *ret, struct vdc_error *err)
{
    const struct operations *ops = request->ops;

    ret->logins =
        ARENA_ARRAY(request->arena, order->n_users, struct wire_login);
    for (uint32_t i = 0; i < order->n_users; i++) {
        const char *user = order->users[i];
        const struct customer *other;
        uid_t uid;
        if (!setup_find_user(user, &uid)) {
            vdc_error_set(err, VDC_E_NOT_FOUND, "there is no user '%s'", user);
            vdc_error_hint(err,
                           "make the account first (adduser %s), or "
                           "give its number",
                           user);
            return VDC_E_NOT_FOUND;
        }
        if (auth_is_operator(ops->setup, uid))
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "user %s is an operator and cannot be a "
                                 "customer's login",
                                 user);
        other = book_customer_by_uid(ops->book, uid);
        if (other && strcmp(other->name, order->name) != 0)
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "user %s (uid %u) is a login of customer %s "
                                 "already",
                                 user, (unsigned)uid, other->name);
        bool twice = false;
        for (uint32_t j = 0; j < ret->n_logins; j++)
            twice |= ret->logins[j].uid == uid;
        if (twice)
            continue;
        struct wire_login *login = &ret->logins[ret->n_logins++];
        wire_init(&wire_struct_login, login);
        login->user = user;
        login->uid = uid;
    }
    return 0;
}

/* The Xen name "NAME.x" must mean one thing only. */
static int check_provider_names(const struct book *book, const char *name,
                                struct vdc_error *err)
{
    const struct customer *provider = book_customer(book, NAMES_PROVIDER);
    const struct assignment *a;
    char prefix[NAMES_CUSTOMER_MAX + 1];
    const char *rest;

    TAILQ_FOREACH(a, &provider->assignments, link)
    if (names_split(a->name, prefix, &rest) && strcmp(prefix, name) == 0)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "the provider's guest '%s' has a name like "
                             "those of customer %s would be",
                             a->name, name);
    return 0;
}

static int check_quota(const struct wire_quota *quota, struct vdc_error *err)
{
    const int64_t values[] = { quota->memory_kib, quota->vcpus,
                               quota->disk_kib, quota->guests };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (values[i] < -1 || values[i] > (int64_t)MEM_MAX_KIB)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a quota of %lld is not possible",
                                 (long long)values[i]);
    return 0;
}

static int check_new(struct request *request,
                     const struct wire_customer_create *order,
                     struct wire_customer *ret, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    int rc = names_check_customer(order->name, err);

    if (!rc && book_customer(book, order->name))
        rc = vdc_error_set(err, VDC_E_EXISTS, "customer %s exists already",
                           order->name);
    if (!rc)
        rc = check_provider_names(book, order->name, err);
    if (!rc)
        rc = check_quota(&order->quota, err);
    if (!rc)
        rc = find_logins(request, order, ret, err);
    return rc;
}

static void reply_one(struct request *request, struct wire_customer *customer)
{
    struct wire_customer_list list = { .customers = customer,
                                       .n_customers = 1 };

    request_reply(request, WIRE_MSG_customer_list_reply, &list);
}

void customer_create(struct request *request)
{
    const struct wire_customer_create *order = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    struct wire_customer customer;

    wire_init(&wire_struct_customer, &customer);
    customer.name = order->name;
    customer.quota = order->quota;
    customer.created_ms = clock_wall().ms;
    int rc = check_new(request, order, &customer, &err);
    if (!rc && !order->dry_run) {
        struct store_audit audit =
            operations_audit(request, order->name, order->name, 0);
        rc = book_customer_add(ops->book, &customer, &audit, &err);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (!order->dry_run)
        log_info("customer %s was made by uid %u", order->name,
                 (unsigned)request->auth.uid);
    if (!order->dry_run)
        /* its partitions may be there already, after a lost database */
        hosts_reconcile_soon(ops->hosts, NULL, 0);
    reply_one(request, &customer);
}

/* They are ordered by name, which is the place of each. */
static void cut(struct wire_customer_list *list)
{
    uint32_t n = wire_page_count(&wire_struct_customer, list->customers,
                                 list->n_customers);

    list->next = n < list->n_customers ? list->customers[n - 1].name : "";
    list->n_customers = n;
}

void customer_list(struct request *request)
{
    const struct wire_customer_ref *ref = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    struct wire_customer_list list = { 0 };
    struct customer *c;

    if (*ref->from && names_check_customer(ref->from, NULL)) {
        wire_page_refuse(ref->from, &err);
        request_fail(request, &err);
        return;
    }
    if (*ref->name || request->auth.role != W_OPERATOR) {
        struct wire_customer one;
        if (operations_customer(request, ref->name, &c, &err)) {
            request_fail(request, &err);
            return;
        }
        describe(ops, c, &one);
        reply_one(request, &one);
        return;
    }
    TAILQ_FOREACH(c, book_customers(ops->book), link)
    list.n_customers++;
    list.customers =
        ARENA_ARRAY(request->arena, list.n_customers, struct wire_customer);
    list.n_customers = 0;
    TAILQ_FOREACH(c, book_customers(ops->book), link)
    if (strcmp(c->name, ref->from) > 0)
        describe(ops, c, &list.customers[list.n_customers++]);
    cut(&list);
    request_reply(request, WIRE_MSG_customer_list_reply, &list);
}

/* ---- another quota, other logins ---- */

/* Nothing is taken away from who has more than it may from now on. */
static void note_excess(const struct operations *ops, const struct customer *c)
{
    const struct wire_usage none = { 0 };
    struct wire_usage used;
    struct vdc_error err = { 0 };

    operations_usage(ops, c, &used);
    if (quota_check(c->name, &c->quota, &none, &used, &err))
        log_warning("%s: what it has it keeps", err.text);
}

static int check_set(struct request *request,
                     const struct wire_customer_create *order,
                     struct customer **ret_customer, struct wire_customer *ret,
                     struct vdc_error *err)
{
    int rc = 0;

    if (!*order->name)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "which customer?");
    if (!rc)
        rc = operations_customer(request, order->name, ret_customer, err);
    if (!rc && (*ret_customer)->builtin)
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "customer %s is the operators' own: it has no "
                           "quota and no logins",
                           order->name);
    if (!rc)
        rc = check_quota(&order->quota, err);
    if (!rc)
        rc = find_logins(request, order, ret, err);
    return rc;
}

void customer_set(struct request *request)
{
    const struct wire_customer_create *order = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    struct wire_customer to, now;
    struct customer *c = NULL;

    wire_init(&wire_struct_customer, &to);
    int rc = check_set(request, order, &c, &to, &err);
    if (!rc) {
        to.quota = order->quota;
        describe(ops, c, &now);
    }
    if (!rc && !order->dry_run) {
        struct store_audit audit =
            operations_audit(request, c->name, c->name, 0);
        rc = book_customer_set(ops->book, c, &to, &audit, &err);
        if (!rc) {
            log_info("customer %s was changed by uid %u", c->name,
                     (unsigned)request->auth.uid);
            note_excess(ops, c);
            describe(ops, c, &now);
        }
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (order->dry_run) { /* what it would be */
        now.quota = to.quota;
        if (to.n_logins) {
            now.logins = to.logins;
            now.n_logins = to.n_logins;
        }
    }
    reply_one(request, &now);
}

/* ---- deleting ---- */

static int check_delete(const struct operations *ops, const struct customer *c,
                        struct vdc_error *err)
{
    size_t n_leases = leases_count(ops->leases, c->name);

    if (c->builtin)
        return vdc_error_set(err, VDC_E_DENIED,
                             "customer %s is the operators' own and cannot be "
                             "deleted",
                             c->name);
    /* a namesake would have them */
    if (c->n_assignments == 0 && n_leases) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "customer %s still has %zu lease%s", c->name, n_leases,
                      n_leases == 1 ? "" : "s");
        vdc_error_hint(err, "drop them first, or wait until they expire");
        return VDC_E_WRONG_STATE;
    }
    if (c->n_assignments == 0)
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE, "customer %s still has %zu guest%s",
                  c->name, c->n_assignments, c->n_assignments == 1 ? "" : "s");
    vdc_error_hint(err,
                   "`xl-vdc list --customer %s` shows them; destroy them "
                   "first",
                   c->name);
    return VDC_E_WRONG_STATE;
}

void customer_delete(struct request *request)
{
    const struct wire_customer_ref *ref = request->body;
    struct vdc_error err = { 0 };
    struct customer *c = NULL;
    int rc;

    if (!*ref->name)
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE, "which customer?");
    else
        rc = operations_customer(request, ref->name, &c, &err);
    if (!rc)
        rc = check_delete(request->ops, c, &err);
    if (!rc && !ref->dry_run) {
        struct store_audit audit =
            operations_audit(request, ref->name, ref->name, 0);
        rc = book_customer_remove(request->ops->book, c, &audit, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        request_ok(request);
}
