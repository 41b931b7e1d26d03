/*
 * customer-create, -set, -list, -show, -delete: who may have guests here, and
 * how much.  Customers see themselves alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

#define MAX_USERS 64

/* ---- create and set ---- */

/* "none" lifts a limit that is there. */
static bool take_none(const char *text, int64_t *ret)
{
    if (!text || strcmp(text, "none"))
        return false;
    *ret = -1;
    return true;
}

static int take_amount(const struct command_args *args, const char *option,
                       int64_t *ret_kib, struct vdc_error *err)
{
    const char *text = command_value(args, option);
    struct mem mem;
    if (!text || take_none(text, ret_kib))
        return 0;
    int rc = units_mem_parse(text, 1024, &mem, err);
    if (rc)
        vdc_error_prefix(err, "--%s", option);
    else
        *ret_kib = (int64_t)mem.kib;
    return rc;
}

static int take_count(const struct command_args *args, const char *option,
                      int64_t *ret, struct vdc_error *err)
{
    const char *text = command_value(args, option);
    if (!text || take_none(text, ret))
        return 0;
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 9 || text[len])
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--%s wants a number from 0 to 999999999 or "
                             "none, got '%s'", option, text);
    *ret = atoll(text);
    return 0;
}

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
        if (!*create->users[i] || strlen(create->users[i]) > 31)
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
                        "first");
    return rc;
}

static int take_create(const struct command_args *args,
                       struct wire_customer_create *create,
                       struct vdc_error *err)
{
    create->name = args->arguments[0];
    create->dry_run = args->dry_run;
    int rc = check_name(create->name, err);
    if (rc == 0)
        rc = take_users(args, create, err);
    if (rc == 0)
        rc = take_amount(args, "memory", &create->quota.memory_kib, err);
    if (rc == 0)
        rc = take_amount(args, "disk", &create->quota.disk_kib, err);
    if (rc == 0)
        rc = take_count(args, "vcpus", &create->quota.vcpus, err);
    if (rc == 0)
        rc = take_count(args, "guests", &create->quota.guests, err);
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

static const char *limit_mem(struct arena *arena, int64_t kib)
{
    char buf[32];
    return kib < 0 ? "-" : arena_strdup(
        arena, units_mem_format(MEM_KIB(kib), buf, sizeof(buf)));
}

static const char *limit_count(struct arena *arena, int64_t n)
{
    return n < 0 ? "-" : arena_printf(arena, "%" PRId64, n);
}

static const char *used_mem(struct arena *arena, struct mem mem)
{
    char buf[32];
    return mem.kib ? arena_strdup(
        arena, units_mem_format(mem, buf, sizeof(buf))) : "0";
}

static void print_table(struct arena *arena,
                        const struct wire_customer_list *list)
{
    static const struct output_column columns[] = {
        { "Customer", ALIGN_LEFT }, { "Guests", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "Memory", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "VCPUs", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },      { "Disk", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < list->n_customers; i++) {
        const struct wire_customer *c = &list->customers[i];
        output_table_cell(table, c->name);
        output_table_printf(table, "%" PRIu64, c->usage.guests);
        output_table_cell(table, limit_count(arena, c->quota.guests));
        output_table_cell(table, used_mem(arena, c->usage.memory));
        output_table_cell(table, limit_mem(arena, c->quota.memory_kib));
        output_table_printf(table, "%" PRIu64, c->usage.vcpus);
        output_table_cell(table, limit_count(arena, c->quota.vcpus));
        output_table_cell(table, used_mem(arena, c->usage.disk));
        output_table_cell(table, limit_mem(arena, c->quota.disk_kib));
    }
    output_table_finish(table);
}

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
        print_table(args->arena, list);
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

static void print_customer(struct arena *arena, const struct wire_customer *c)
{
    char buf[32];
    printf("%-12s %s\n", "customer", c->name);
    if (c->created_ms) /* provider was never made */
        printf("%-12s %s\n", "since",
               clock_wall_format((struct wall){ c->created_ms }, buf,
                                 sizeof(buf)));
    for (uint32_t i = 0; i < c->n_logins; i++)
        printf("%-12s %s (uid %" PRIu32 ")\n", i ? "" : "users",
               output_clean(arena, c->logins[i].user), c->logins[i].uid);
    static const struct output_column columns[] = {
        { "quota", ALIGN_LEFT }, { "used", ALIGN_RIGHT },
        { "of", ALIGN_RIGHT },
    };
    struct output_table *t = output_table_new(columns, 3);
    output_table_cell(t, "guests");
    output_table_printf(t, "%" PRIu64, c->usage.guests);
    output_table_cell(t, limit_count(arena, c->quota.guests));
    output_table_cell(t, "memory");
    output_table_cell(t, used_mem(arena, c->usage.memory));
    output_table_cell(t, limit_mem(arena, c->quota.memory_kib));
    output_table_cell(t, "vcpus");
    output_table_printf(t, "%" PRIu64, c->usage.vcpus);
    output_table_cell(t, limit_count(arena, c->quota.vcpus));
    output_table_cell(t, "disk");
    output_table_cell(t, used_mem(arena, c->usage.disk));
    output_table_cell(t, limit_mem(arena, c->quota.disk_kib));
    output_table_finish(t);
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
        print_customer(args->arena, &list->customers[i]);
    }
    return 0;
}

/* ---- set ---- */

static bool sets_something(const struct command_args *args)
{
    static const char *const options[] = { "user", "memory", "vcpus", "disk",
                                           "guests" };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (command_given(args, options[i]))
            return true;
    return false;
}

/* The message has the whole quota; limits that are not named stay as they
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
    if (!sets_something(args))
        return vdc_error_set(err, VDC_E_USAGE,
                             "customer-set changes nothing without an option");
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
    { 'u', "user", "USER", COMPLETE_NOTHING,
      "A unix account, by name or uid, that acts for the customer; may be "
      "given several times" },
    { 'm', "memory", "SIZE", COMPLETE_NOTHING,
      "The most memory of its guests together: 4096 (MiB), 4G" },
    { 0, "vcpus", "N", COMPLETE_NOTHING,
      "The most vCPUs of its guests together" },
    { 0, "disk", "SIZE", COMPLETE_NOTHING,
      "The most disk space of its guests together: 100G" },
    { 0, "guests", "N", COMPLETE_NOTHING, "The most guests" },
    { 0 }
};

static const struct command_option set_options[] = {
    { 'u', "user", "USER", COMPLETE_NOTHING,
      "The unix accounts, by name or uid, that act for it from now on, "
      "instead of those before; may be given several times" },
    { 'm', "memory", "SIZE", COMPLETE_NOTHING,
      "The most memory of its guests together: 4096 (MiB), 4G, none" },
    { 0, "vcpus", "N", COMPLETE_NOTHING,
      "The most vCPUs of its guests together, or none" },
    { 0, "disk", "SIZE", COMPLETE_NOTHING,
      "The most disk space of its guests together: 100G, none" },
    { 0, "guests", "N", COMPLETE_NOTHING, "The most guests, or none" },
    { 0 }
};

static const struct command_example create_examples[] = {
    { "xl-vdc customer-create acme --user alice --memory 4G --vcpus 8",
      "alice may make guests with 4 GiB and 8 vCPUs together." },
    { NULL, NULL }
};
static const struct command_example set_examples[] = {
    { "xl-vdc customer-set acme --memory 8G", "Twice the memory." },
    { "xl-vdc customer-set acme --vcpus none --user alice --user bob",
      "No limit on vCPUs, and two accounts." },
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
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_NOTHING, create_options,
      "Make a customer",
      "A quota that is not given has no limit. A unix account acts for one "
      "customer at most.",
      create_examples, run_create },
    { "customer-set", NULL, "NAME", 1, 1,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_CUSTOMERS, set_options,
      "Change a customer's quota or accounts",
      "What is not named stays as it is; 'none' lifts a limit. A quota may "
      "be less than what the customer has: its guests stay, and no more can "
      "be had.",
      set_examples, run_set },
    { "customer-list", NULL, "", 0, 0, COMMAND_READS | COMMAND_NAMES,
      COMPLETE_NOTHING, NULL, "List customers with use and quota",
      "A customer sees itself alone. What is used is computed from the "
      "guests that are defined, stopped ones included.",
      list_examples, run_list },
    { "customer-show", NULL, "[NAME]", 0, 1, COMMAND_READS,
      COMPLETE_CUSTOMERS, NULL, "Show all about a customer",
      "Without a name, the one who asks; an operator sees all.",
      show_examples, run_show },
    { "customer-delete", NULL, "NAME", 1, 1,
      COMMAND_CHANGES | COMMAND_DESTROYS | COMMAND_OPERATOR,
      COMPLETE_CUSTOMERS, NULL, "Forget a customer that has no guests",
      "Its guests must have been destroyed before.", delete_examples,
      run_delete },
};

const struct command_family family_customer = {
    "Customers", customer_commands,
    sizeof(customer_commands) / sizeof(customer_commands[0])
};
