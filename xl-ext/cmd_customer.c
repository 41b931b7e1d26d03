/*
 * customer-create, -set, -list, -show, -delete: who may have guests here, and
 * how much.  Customers see themselves and their projects alone.
 */
#include <stdio.h>
#include <string.h>

#include "xl-ext/client.h"
#include "xl-ext/customer.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

#define MAX_USERS 64

/* ---- create and set ---- */

static int take_users(const struct command_args *args,
                      struct wire_customer_create *create,
                      struct vdc_error *err)
{
    size_t n = command_values(args, "user", &create->users);
    if (n > MAX_USERS)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%zu users are too many; the most is %d", n,
                             MAX_USERS);
    for (size_t i = 0; i < n; i++)
        if (!*create->users[i] || strlen(create->users[i]) > 63)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "'%.40s' cannot be the name of a user",
                                 create->users[i]);
    create->n_users = (uint32_t)n;
    return 0;
}

static int check_name(const char *name, struct vdc_error *err)
{
    if (*name && strlen(name) <= 31)
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.40s' cannot be the name of a customer", name);
    vdc_error_hint(err, "1 to 31 characters: a-z, 0-9 and '-', a letter "
                        "first; a project is called CUSTOMER_PROJECT");
    return rc;
}

static int take_create(const struct command_args *args,
                       struct wire_customer_create *create,
                       struct vdc_error *err)
{
    create->name = args->arguments[0];
    create->dry_run = args->dry_run;
    create->whole = true;
    int rc = check_name(create->name, err);
    if (rc == 0)
        rc = take_users(args, create, err);
    if (rc == 0)
        rc = customer_take_limits(args, &create->quota, err);
    if (rc == 0)
        rc = customer_take_bounds(args, create, err);
    return rc;
}

static int run_create(const struct command_args *args, struct vdc_error *err)
{
    struct wire_customer_create create;
    const void *body;
    wire_init(&wire_struct_customer_create, &create);
    int rc = take_create(args, &create, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_customer_create, &create, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_customer_list, body);
    else if (args->dry_run)
        printf("customer %s: nothing was done; it could be made\n",
               create.name);
    else if (!args->quiet)
        printf("customer %s is there\n", create.name);
    return 0;
}

/* ---- list and show ---- */

static int get_customers(const struct command_args *args, const char *name,
                         const struct wire_customer_list **ret,
                         struct vdc_error *err)
{
    struct wire_customer_ref ref;
    wire_init(&wire_struct_customer_ref, &ref);
    ref.name = name;
    int rc = *name ? check_name(name, err) : 0;
    const void *body;
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_customer_list, &ref, &body, err);
    if (rc == 0)
        *ret = body;
    return rc;
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_customer_list *list;
    int rc = get_customers(args, "", &list, err);
    if (rc)
        return rc;
    switch (args->format) {
    case FORMAT_TEXT:
        customer_print_list(args->arena, list);
        break;
    case FORMAT_NAME:
        for (uint32_t i = 0; i < list->n_customers; i++)
            printf("%s\n", list->customers[i].name);
        break;
    case FORMAT_JSON:
        output_json_list(&wire_struct_customer_list, list);
        break;
    }
    return 0;
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_customer_list *list;
    const char *name = args->n_arguments ? args->arguments[0] : "";
    int rc = get_customers(args, name, &list, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        output_json_list(&wire_struct_customer_list, list);
        return 0;
    }
    for (uint32_t i = 0; i < list->n_customers; i++) {
        if (i)
            putchar('\n');
        customer_print(args->arena, &list->customers[i]);
    }
    return 0;
}

/* ---- set ---- */

/* The message has all limits and bounds; those that are not named stay as they
 * are, so they are asked for first. */
static int send_set(const struct command_args *args, struct client *client,
                    struct wire_customer_create *create, const void **ret,
                    struct vdc_error *err)
{
    struct wire_customer_ref ref;
    const void *body;
    wire_init(&wire_struct_customer_ref, &ref);
    ref.name = args->arguments[0];
    int rc = client_request(client, WIRE_MSG_customer_list, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_customer_list *list = body;
    if (list->n_customers != 1)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd named no customer, or several");
    create->quota = list->customers[0].quota;
    customer_own_bounds(&list->customers[0], args->arena, create);
    rc = take_create(args, create, err);
    if (rc)
        return rc;
    return client_request(client, WIRE_MSG_customer_set, create, ret, err);
}

static int run_set(const struct command_args *args, struct vdc_error *err)
{
    struct wire_customer_create create;
    struct client *client;
    const void *body;
    wire_init(&wire_struct_customer_create, &create);
    if (!customer_sets_something(args)) {
        vdc_error_set(err, VDC_E_USAGE,
                      "customer-set changes nothing without an option");
        vdc_error_hint(err, "as --memory 8G; 'xl-vdc help customer-set' lists "
                            "them");
        return VDC_E_USAGE;
    }
    int rc = take_create(args, &create, err);
    if (rc == 0)
        rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = send_set(args, client, &create, &body, err);
    client_close(client);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_list(&wire_struct_customer_list, body);
    else if (args->dry_run)
        printf("customer %s: nothing was done; it could be changed\n",
               create.name);
    else if (!args->quiet)
        printf("customer %s is changed\n", create.name);
    return 0;
}

/* ---- delete ---- */

static int run_delete(const struct command_args *args, struct vdc_error *err)
{
    struct wire_customer_ref ref;
    wire_init(&wire_struct_customer_ref, &ref);
    ref.name = args->arguments[0];
    ref.dry_run = args->dry_run;
    int rc = check_name(ref.name, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_customer_delete, &ref, NULL, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        struct json_out *out = json_out_new(true);
        json_out_object(out);
        json_out_key(out, "customer");
        json_out_string(out, ref.name);
        json_out_key(out, "deleted");
        json_out_bool(out, !args->dry_run);
        json_out_object_end(out);
        output_json(out);
    } else if (!args->quiet || args->dry_run) {
        printf("customer %s %s\n", ref.name,
               args->dry_run ? "would be forgotten; nothing was done"
                             : "is forgotten");
    }
    return 0;
}

/* ---- the table ---- */

static const struct command_option create_options[] = {
    { 'u', "user", "USER[:ROLE]", COMPLETE_NOTHING,
      "A unix account, by name or uid, that acts for the customer, and what "
      "it may do: customer-admin (which is usual), customer-user, read-only; "
      "may be given several times" },
    { 'm', "memory", "SIZE", COMPLETE_NOTHING,
      "The most memory of its guests together: 4096 (MiB), 4G" },
    { 0, "vcpus", "N", COMPLETE_NOTHING,
      "The most vCPUs of its guests together" },
    { 0, "disk", "SIZE", COMPLETE_NOTHING,
      "The most disk space of its guests together: 100G" },
    { 0, "guests", "N", COMPLETE_NOTHING, "The most guests" },
    { 0, "networks", "N", COMPLETE_NOTHING,
      "The most network interfaces of its guests together" },
    { 0, "channels", "N", COMPLETE_NOTHING,
      "The most memory channels that its guests and programs have open" },
    CUSTOMER_LIMIT_OPTIONS,
    { 0 }
};

static const struct command_option set_options[] = {
    { 'u', "user", "USER[:ROLE]", COMPLETE_NOTHING,
      "The unix accounts, by name or uid, that act for it from now on, "
      "instead of those before, and what each may do: customer-admin (which "
      "is usual), customer-user, read-only; may be given several times" },
    { 'm', "memory", "SIZE", COMPLETE_NOTHING,
      "The most memory of its guests together: 4096 (MiB), 4G, none" },
    { 0, "vcpus", "N", COMPLETE_NOTHING,
      "The most vCPUs of its guests together, or none" },
    { 0, "disk", "SIZE", COMPLETE_NOTHING,
      "The most disk space of its guests together: 100G, none" },
    { 0, "guests", "N", COMPLETE_NOTHING, "The most guests, or none" },
    { 0, "networks", "N", COMPLETE_NOTHING,
      "The most network interfaces of its guests together, or none" },
    { 0, "channels", "N", COMPLETE_NOTHING,
      "The most memory channels that its guests and programs have open, or "
      "none" },
    CUSTOMER_LIMIT_OPTIONS,
    { 0 }
};

static const struct command_example create_examples[] = {
    { "xl-vdc customer-create acme --user alice --memory 4G --vcpus 8",
      "alice may make guests with 4 GiB and 8 vCPUs together." },
    { "xl-vdc customer-create acme_shop --memory 1G --user bob:customer-user",
      "A project of acme, within acme's quota; bob handles its guests." },
    { NULL, NULL }
};
static const struct command_example set_examples[] = {
    { "xl-vdc customer-set acme --memory 8G", "Twice the memory." },
    { "xl-vdc customer-set acme --vcpus none --user alice --user bob",
      "No limit on vCPUs, and two accounts." },
    { "xl-vdc customer-set provider --max-vcpus 16 --min-disk 1G",
      "Bounds for the guests of all customers that have none of their own." },
    { NULL, NULL }
};
static const struct command_example list_examples[] = {
    { "xl-vdc customer-list", "All customers, what they have and may have." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc customer-show", "As customer: what is left of your quota." },
    { NULL, NULL }
};
static const struct command_example delete_examples[] = {
    { "xl-vdc customer-delete acme", "Forget acme, which has no guests." },
    { NULL, NULL }
};

static const struct command customer_commands[] = {
    { "customer-create", NULL, "NAME", 1, 1,
      COMMAND_CHANGES, COMPLETE_NOTHING, create_options,
      "Make a customer, or a project of one",
      "A quota that is not given has no limit. A unix account acts for one "
      "customer at most.\n\n"
      "CUSTOMER_PROJECT is a project of CUSTOMER, which a customer-admin may "
      "make, too. It has guests, users and limits of its own, which may not "
      "be above its customer's; and what it has counts for its customer. "
      "Guests of it are made with -C CUSTOMER_PROJECT.\n\n"
      "The role of a user says what it may: a customer-admin all that the "
      "customer may, projects, users and tokens included; a customer-user "
      "what is about guests; read-only only to look.\n\n"
      "--running-... limit what runs at a time, the others what is defined. "
      "--min-... and --max-... bound the size of each guest: the provider's "
      "are for all customers that have none of their own, and a project's "
      "make its customer's narrower. Only what is made or grows later is "
      "held against them.",
      create_examples, run_create },
    { "customer-set", NULL, "NAME", 1, 1,
      COMMAND_CHANGES, COMPLETE_CUSTOMERS, set_options,
      "Change a customer's quota, bounds or accounts",
      "What is not named stays as it is; 'none' lifts a limit. A quota may "
      "be less than what the customer has: its guests stay, and no more can "
      "be had. A customer-admin may change the users of its customer, and "
      "all of its projects.",
      set_examples, run_set },
    { "customer-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, NULL, "List customers with use and quota",
      "A customer sees itself and its projects. What is used is computed "
      "from the guests that are defined, stopped ones and those of its "
      "projects included.",
      list_examples, run_list },
    { "customer-show", NULL, "[NAME]", 0, 1, COMMAND_READS,
      COMPLETE_CUSTOMERS, NULL, "Show all about a customer",
      "Without a name, the one who asks; an operator sees all.",
      show_examples, run_show },
    { "customer-delete", NULL, "NAME", 1, 1,
      COMMAND_CHANGES | COMMAND_DESTROYS,
      COMPLETE_CUSTOMERS, NULL, "Forget a customer that has no guests",
      "Its guests must have been destroyed before, its projects deleted, and "
      "no host be dedicated to it; a customer-admin may delete projects.",
      delete_examples, run_delete },
};

const struct command_family family_customer = {
    "Customers", customer_commands,
    sizeof(customer_commands) / sizeof(customer_commands[0])
};
