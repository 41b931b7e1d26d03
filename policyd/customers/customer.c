/*
 * Customers and their projects: made, shown, changed and deleted.
 *
 * An operator may all of it.  A customer's admin makes and changes projects
 * of its customer, within what that may have, and says who its users are.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/operations.h"
#include "policyd/customers/bounds.h"
#include "policyd/customers/channel_quotas.h"
#include "policyd/customers/customer_login.h"
#include "policyd/customers/quota.h"
#include "policyd/hosts/lease.h"
#include "wire/page.h"

#define PROJECTS_MAX 1024 /* of a customer */

static void describe(const struct request *request, const struct customer *c,
                     struct wire_customer *ret)
{
    const struct operations *ops = request->ops;

    book_describe_customer(c, ret);
    operations_usage(ops, c, &ret->usage);
    bounds_of(ops->book, c, request->arena, &ret->bounds, &ret->n_bounds);
}

/* ---- what may be asked ---- */

/* What a client that knows nothing of them cannot have meant to change. */
static void keep_unknown(struct wire_customer_create *order,
                         const struct customer *now)
{
    struct wire_quota quota = order->quota;

    if (order->whole)
        return;
    wire_init(&wire_struct_quota, &order->quota);
    if (now)
        order->quota = now->quota;
    order->quota.memory_kib = quota.memory_kib;
    order->quota.vcpus = quota.vcpus;
    order->quota.disk_kib = quota.disk_kib;
    order->quota.guests = quota.guests;
    order->bounds = now ? now->bounds : NULL;
    order->n_bounds = now ? now->n_bounds : 0;
}

/* Limits and bounds, and those of the customer around a project. */
static int check_limits(struct request *request,
                        const struct wire_customer_create *order,
                        const struct customer *parent, struct vdc_error *err)
{
    struct wire_bound *outer = NULL;
    uint32_t n_outer = 0;
    int rc = quota_check_values(&order->quota, err);

    if (!rc && parent) {
        rc = quota_check_within(order->name, &order->quota, parent->name,
                                &parent->quota, err);
        bounds_of(request->ops->book, parent, request->arena, &outer,
                  &n_outer);
    }
    return rc ? rc
              : bounds_check_values(order->bounds, order->n_bounds, outer,
                                    n_outer, err);
}

static int refuse_command(const struct request *request, const char *command,
                          struct vdc_error *err)
{
    const char *own = request->auth.customer;

    vdc_error_set(err, VDC_E_DENIED, "'%s' is for operators", command);
    if (strchr(own, NAMES_PROJECT_MARK))
        vdc_error_hint(err, "ask the provider; a project has no projects");
    else
        vdc_error_hint(err,
                       "ask the provider; you may do that to projects, which "
                       "are called %s%cPROJECT",
                       own, NAMES_PROJECT_MARK);
    return VDC_E_DENIED;
}

/* Whether it is a project of the customer who asks, by its name. */
static bool is_own_project(const struct request *request, const char *name)
{
    char parent[NAMES_CUSTOMER_MAX + 1];

    return names_parent(name, parent) &&
           strcmp(parent, request->auth.customer) == 0;
}

/* The Xen name "NAME.x" must mean one thing only. */
static int check_provider_names(const struct request *request,
                                const char *name, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    const struct customer *provider = book_customer(book, NAMES_PROVIDER);
    const struct assignment *a;
    char prefix[NAMES_CUSTOMER_MAX + 1];
    const char *rest;

    TAILQ_FOREACH(a, &provider->assignments, link)
    if (names_split(a->name, prefix, &rest) && strcmp(prefix, name) == 0)
        break;
    if (!a)
        return 0;
    if (request->auth.role != W_OPERATOR)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "the name %s is in use otherwise", name);
    return vdc_error_set(err, VDC_E_EXISTS,
                         "the provider's guest '%s' has a name like those of "
                         "customer %s would be",
                         a->name, name);
}

/* Whose project a new one of this name is; NULL: a customer. */
static int find_parent(const struct book *book, const char *name,
                       const struct customer **ret, struct vdc_error *err)
{
    char parent[NAMES_CUSTOMER_MAX + 1];

    *ret = NULL;
    if (!names_parent(name, parent))
        return 0;
    *ret = book_customer(book, parent);
    if (!*ret) {
        vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %s", parent);
        vdc_error_hint(err, "%s is a project of %s, which has to be there "
                            "first", name, parent);
        return VDC_E_NOT_FOUND;
    }
    return (*ret)->builtin
               ? vdc_error_set(err, VDC_E_BAD_VALUE,
                               "customer %s has no projects", parent)
               : 0;
}

/* Who may make projects cannot fill the store with them. */
static int check_count(const struct customer *parent, struct vdc_error *err)
{
    if (!parent || parent->n_projects < PROJECTS_MAX)
        return 0;
    vdc_error_set(err, VDC_E_QUOTA, "customer %s has %d projects already",
                  parent->name, PROJECTS_MAX);
    vdc_error_hint(err, "`xl-vdc customer-delete` makes room");
    return VDC_E_QUOTA;
}

static int check_new(struct request *request,
                     const struct wire_customer_create *order,
                     struct wire_customer *ret, struct vdc_error *err)
{
    const struct book *book = request->ops->book;
    const struct customer *parent = NULL;
    int rc = names_check_customer(order->name, err);

    if (!rc && request->auth.role != W_OPERATOR &&
        !is_own_project(request, order->name))
        rc = refuse_command(request, "customer-create", err);
    if (!rc)
        rc = find_parent(book, order->name, &parent, err);
    if (!rc && book_customer(book, order->name))
        rc = vdc_error_set(err, VDC_E_EXISTS, "customer %s exists already",
                           order->name);
    if (!rc)
        rc = check_count(parent, err);
    if (!rc)
        rc = check_provider_names(request, order->name, err);
    if (!rc)
        rc = check_limits(request, order, parent, err);
    if (!rc)
        rc = customer_find_logins(request, order, NULL, ret, err);
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
    struct wire_customer_create *order = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    struct wire_customer customer;

    keep_unknown(order, NULL);
    wire_init(&wire_struct_customer, &customer);
    customer.name = order->name;
    customer.quota = order->quota;
    customer.bounds = order->bounds;
    customer.n_bounds = order->n_bounds;
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
    if (!order->dry_run) {
        log_info("customer %s was made by %s", order->name,
                 operations_who(request));
        /* its partitions may be there already, after a lost database */
        hosts_reconcile_soon(ops->hosts, NULL, 0);
        if (order->quota.channels >= 0)
            channel_quotas_changed(ops->channel_quotas);
    }
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
    if (*ref->name || request->auth.role == W_GUEST) {
        struct wire_customer one;
        if (operations_customer(request, ref->name, &c, &err)) {
            request_fail(request, &err);
            return;
        }
        describe(request, c, &one);
        reply_one(request, &one);
        return;
    }
    TAILQ_FOREACH(c, book_customers(ops->book), link)
    list.n_customers++;
    list.customers =
        ARENA_ARRAY(request->arena, list.n_customers, struct wire_customer);
    list.n_customers = 0;
    TAILQ_FOREACH(c, book_customers(ops->book), link)
    if (strcmp(c->name, ref->from) > 0 &&
        (request->auth.role == W_OPERATOR ||
         names_covers(request->auth.customer, c->name)))
        describe(request, c, &list.customers[list.n_customers++]);
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

/* What a customer may have is for who is above it to say. */
static int check_may_limit(const struct request *request,
                           const struct wire_customer_create *order,
                           const struct customer *c, struct vdc_error *err)
{
    if (request->auth.role == W_OPERATOR || is_own_project(request, c->name) ||
        (quota_same(&order->quota, &c->quota) &&
         bounds_same(order->bounds, order->n_bounds, c->bounds, c->n_bounds)))
        return 0;
    vdc_error_set(err, VDC_E_DENIED,
                  "what %s may have is not for its own users to change",
                  c->name);
    if (c->parent)
        vdc_error_hint(err, "ask a customer-admin of %s", c->parent->name);
    else
        vdc_error_hint(err, "ask the provider");
    return VDC_E_DENIED;
}

static int check_set(struct request *request,
                     struct wire_customer_create *order,
                     struct customer **ret_customer, struct wire_customer *ret,
                     struct vdc_error *err)
{
    const struct customer *c;
    int rc = 0;

    if (!*order->name)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "which customer?");
    if (!rc)
        rc = operations_customer(request, order->name, ret_customer, err);
    if (rc)
        return rc;
    c = *ret_customer;
    keep_unknown(order, c);
    if (c->builtin &&
        (order->n_users || !quota_same(&order->quota, &c->quota)))
        rc = vdc_error_set(err, VDC_E_DENIED,
                           "customer %s is the operators' own: it has no "
                           "quota and no logins",
                           order->name);
    if (!rc)
        rc = check_may_limit(request, order, c, err);
    if (!rc)
        rc = check_limits(request, order, c->parent, err);
    if (!rc)
        rc = customer_find_logins(request, order, c, ret, err);
    return rc;
}

void customer_set(struct request *request)
{
    struct wire_customer_create *order = request->body;
    struct operations *ops = request->ops;
    struct vdc_error err = { 0 };
    struct wire_customer to, now;
    struct customer *c = NULL;

    wire_init(&wire_struct_customer, &to);
    int rc = check_set(request, order, &c, &to, &err);
    if (!rc) {
        to.quota = order->quota;
        to.bounds = order->bounds;
        to.n_bounds = order->n_bounds;
        describe(request, c, &now);
    }
    if (!rc && !order->dry_run) {
        struct store_audit audit =
            operations_audit(request, c->name, c->name, 0);
        int64_t channels = c->quota.channels;
        rc = book_customer_set(ops->book, c, &to, &audit, &err);
        if (!rc && c->quota.channels != channels)
            channel_quotas_changed(ops->channel_quotas);
        if (!rc) {
            log_info("customer %s was changed by %s", c->name,
                     operations_who(request));
            note_excess(ops, c);
            describe(request, c, &now);
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

/* It would be kept for nobody, and then for a namesake. */
static int check_dedicated(const struct request *request,
                           const struct customer *c, struct vdc_error *err)
{
    const struct host *host, *first = NULL;
    char names[256] = "";
    size_t n = 0, n_named = 0;

    for (host = hosts_first(request->ops->hosts); host;
         host = hosts_next(host)) {
        if (strcmp(host->record.dedicated, c->name) != 0)
            continue;
        n++;
        first = first ? first : host;
        if (strlen(names) + strlen(host->name) + 3 > sizeof(names))
            continue;
        strcat(strcat(names, *names ? ", " : ""), host->name);
        n_named++;
    }
    if (!n)
        return 0;
    /* which ones is not for customers to know */
    bool tell = request->auth.role == W_OPERATOR;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "%zu host%s dedicated to customer %s%s%s%s", n,
                  n == 1 ? " is" : "s are", c->name, tell ? ": " : "",
                  tell ? names : "",
                  tell && n > n_named ? ", and more" : "");
    if (tell)
        vdc_error_hint(err, "let all customers use %s first: `xl-vdc host-set "
                            "%s --dedicated \"\"`%s",
                       n == 1 ? "it" : "them", first->name,
                       n == 1 ? "" : ", and so on");
    else
        vdc_error_hint(err, "ask an operator");
    return VDC_E_WRONG_STATE;
}

static int check_delete(const struct request *request,
                        const struct customer *c, struct vdc_error *err)
{
    const struct operations *ops = request->ops;
    size_t n_leases = leases_count(ops->leases, c->name);

    if (c->builtin)
        return vdc_error_set(err, VDC_E_DENIED,
                             "customer %s is the operators' own and cannot be "
                             "deleted",
                             c->name);
    if (c->n_projects) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "customer %s still has %zu "
                      "project%s",
                      c->name, c->n_projects, c->n_projects == 1 ? "" : "s");
        vdc_error_hint(err, "`xl-vdc customer-list` shows them; delete them "
                            "first");
        return VDC_E_WRONG_STATE;
    }
    /* a namesake would have them */
    if (c->n_assignments == 0 && n_leases) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "customer %s still has %zu lease%s", c->name, n_leases,
                      n_leases == 1 ? "" : "s");
        vdc_error_hint(err, "drop them first, or wait until they expire");
        return VDC_E_WRONG_STATE;
    }
    if (c->n_assignments == 0 && c->n_images) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "customer %s still has %zu image%s", c->name,
                      c->n_images, c->n_images == 1 ? "" : "s");
        vdc_error_hint(err, "`xl-vdc image-list --customer %s` shows them; "
                            "remove them first", c->name);
        return VDC_E_WRONG_STATE;
    }
    if (c->n_assignments == 0)
        return check_dedicated(request, c, err);
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
    if (!rc && request->auth.role != W_OPERATOR &&
        !is_own_project(request, c->name))
        rc = refuse_command(request, "customer-delete", &err);
    if (!rc)
        rc = check_delete(request, c, &err);
    if (!rc && !ref->dry_run) {
        struct store_audit audit =
            operations_audit(request, ref->name, ref->name, 0);
        if (c->quota.channels >= 0)
            channel_quotas_changed(request->ops->channel_quotas);
        rc = book_customer_remove(request->ops->book, c, &audit, &err);
    }
    if (rc)
        request_fail(request, &err);
    else
        request_ok(request);
}
