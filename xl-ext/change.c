/*
 * From operations to the message `transaction` and its answer.
 */
#include "xl-ext/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl-ext/guest.h"
#include "xl-ext/output.h"

/* ---- options ---- */

const struct command_option change_plain_options[] = {
    CHANGE_OPTIONS,
    { 0 }
};
const struct command_option change_live_options[] = {
    CHANGE_LIVE_OPTIONS,
    { 0 }
};
const struct command_option change_detach_options[] = {
    CHANGE_FORCE_OPTION,
    CHANGE_LIVE_OPTIONS,
    { 0 }
};

static bool has_option(const struct command_args *args, const char *name)
{
    const struct command_option *o = args->command->options;
    while (o && o->name && strcmp(o->name, name))
        o++;
    return o && o->name;
}

static const char *value_if_any(const struct command_args *args,
                                const char *name)
{
    return has_option(args, name) ? command_value(args, name) : NULL;
}

static int take_deadline(const struct command_args *args, uint64_t *ret_ms,
                         struct vdc_error *err)
{
    const char *name = "deadline";
    const char *text = value_if_any(args, name);
    if (!has_option(args, name))
        return 0;
    if (!text)
        text = value_if_any(args, name = "timeout");
    int rc = text ? units_duration_parse(text, ret_ms, err) : 0;
    if (rc)
        vdc_error_prefix(err, "--%s", name);
    return rc;
}

static int take_lease(const struct command_args *args, struct vdc_uuid *ret,
                      struct vdc_error *err)
{
    const char *text = value_if_any(args, "lease");
    if (!text || (uuid_from_text(text, ret) && !uuid_is_zero(ret)))
        return 0;
    int rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "--lease wants the ID of a lease, got '%s'", text);
    vdc_error_hint(err, "'xl-vdc lease-list' shows them");
    return rc;
}

static int take_key(const struct command_args *args, const char **ret,
                    struct vdc_error *err)
{
    const char *key = value_if_any(args, "key");
    if (!key)
        return 0;
    if (!*key || strlen(key) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--key wants 1 to 63 characters, got %zu",
                             strlen(key));
    *ret = key;
    return 0;
}

/* Each guest of a command is a request of its own. */
static int check_several(const struct command_args *args,
                         struct vdc_error *err)
{
    static const char *const for_one[] = { "key", "if-generation", "lease" };
    if (strcmp(args->command->arguments, "GUEST...") ||
        args->n_arguments < 2)
        return 0;
    for (size_t i = 0; i < sizeof(for_one) / sizeof(for_one[0]); i++) {
        if (!value_if_any(args, for_one[i]))
            continue;
        int rc = vdc_error_set(err, VDC_E_USAGE, "--%s is for one guest",
                               for_one[i]);
        vdc_error_hint(err, "'xl-vdc transaction' does several things as "
                            "one");
        return rc;
    }
    return 0;
}

int change_options(const struct command_args *args, uint64_t deadline_ms,
                   struct change_options *ret, struct vdc_error *err)
{
    struct change_options options = { .key = "", .deadline_ms = deadline_ms };
    const char *generation = value_if_any(args, "if-generation");
    int rc = take_deadline(args, &options.deadline_ms, err);
    if (rc == 0)
        rc = take_lease(args, &options.lease, err);
    if (rc == 0)
        rc = take_key(args, &options.key, err);
    if (rc == 0 && generation)
        rc = operation_number(generation, "--if-generation", 1, INT64_MAX,
                              &options.if_generation, err);
    if (rc == 0)
        rc = check_several(args, err);
    if (rc == 0)
        *ret = options;
    return rc;
}

/* ---- devices by number ---- */

/* The kind of device that the operation takes away by name; NONE: nothing, or
 * it has the name already. */
static enum wire_resource_kind numbered_kind(const struct wire_operation *op)
{
    size_t digits = strspn(op->device, "0123456789");
    if (!digits || op->device[digits])
        return WIRE_RESOURCE_NONE;
    if (op->kind == WIRE_OP_DISK_DETACH)
        return WIRE_RESOURCE_DISK;
    return op->kind == WIRE_OP_NIC_DETACH ? WIRE_RESOURCE_VIF
                                          : WIRE_RESOURCE_NONE;
}

static int no_device(const char *guest, const struct wire_operation *op,
                     struct vdc_error *err)
{
    bool disk = op->kind == WIRE_OP_DISK_DETACH;
    int rc = vdc_error_set(err, VDC_E_NOT_FOUND, "%s has no %s of number %s",
                           guest, disk ? "disk" : "interface", op->device);
    vdc_error_hint(err, "'xl-vdc %s %s' shows what it has",
                   disk ? "block-list" : "network-list", guest);
    return rc;
}

/* xl knows devices by number, policyd by the name that a definition has. */
static int name_device(struct client *client, const char *guest,
                       struct wire_operation *op, struct vdc_error *err)
{
    enum wire_resource_kind kind = numbered_kind(op);
    struct wire_partition_ref ref;
    const void *body;
    if (kind == WIRE_RESOURCE_NONE)
        return 0;
    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = op->customer;
    ref.name = op->name;
    ref.uuid = op->uuid;
    int rc = client_request(client, WIRE_MSG_device_list, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_device_list *list = body;
    unsigned long devid = strtoul(op->device, NULL, 10);
    for (uint32_t i = 0; i < list->n_devices; i++) {
        const struct wire_device *d = &list->devices[i];
        if (d->kind == kind && d->devid == devid) {
            op->device = d->name;
            return 0;
        }
    }
    return no_device(guest, op, err);
}

/* ---- the request ---- */

int change_request(struct client *client, const struct command_args *args,
                   struct operations *ops,
                   const struct change_options *options,
                   const struct wire_transaction_reply **ret,
                   struct vdc_error *err)
{
    struct wire_transaction transaction;
    const void *body;
    for (uint32_t i = 0; i < ops->n; i++) {
        int rc = name_device(client, ops->names[i], &ops->operations[i], err);
        if (rc)
            return rc;
    }
    wire_init(&wire_struct_transaction, &transaction);
    transaction.key = options->key;
    transaction.operations = ops->operations;
    transaction.n_operations = ops->n;
    transaction.timeout_ms = options->deadline_ms;
    transaction.dry_run = args->dry_run;
    transaction.lease = options->lease;
    int rc = client_request(client, WIRE_MSG_transaction, &transaction, &body,
                            err);
    if (rc)
        return rc;
    const struct wire_transaction_reply *reply = body;
    if (!args->dry_run && reply->n_results != ops->n)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd answered %" PRIu32 " operations with "
                             "%" PRIu32 " results", ops->n, reply->n_results);
    *ret = reply;
    return 0;
}

/* ---- one transaction ---- */

static void print_reply(const struct command_args *args,
                        const struct operations *ops,
                        const struct wire_transaction_reply *reply)
{
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_transaction_reply, reply);
        return;
    }
    if (args->dry_run) {
        guest_print_plan(ops->n == 1 ? ops->names[0] : args->command->name,
                         reply->plan, reply->n_plan);
        return;
    }
    for (uint32_t i = 0; !args->quiet && i < ops->n; i++)
        change_print_result(args, &ops->operations[i], ops->names[i],
                            &reply->results[i]);
    guest_note_again(args, reply->again);
}

/* What was reached, without the guest's name, which is printed before it as
 * the user wrote it. */
static const char *reached(const struct wire_operation_result *result)
{
    const char *name = result->partition.name;
    size_t len = strlen(name);
    if (!*result->text)
        return "less was reached than asked for";
    return len && !strncmp(result->text, name, len) &&
            result->text[len] == ' '
        ? result->text + len + 1 : result->text;
}

/* Less than was asked for is no success, though it is kept. */
static int check_partial(const struct operations *ops,
                         const struct wire_transaction_reply *reply,
                         struct vdc_error *err)
{
    for (uint32_t i = 0; i < reply->n_results && i < ops->n; i++) {
        const struct wire_operation_result *result = &reply->results[i];
        if (!result->partial)
            continue;
        vdc_error_set(err, VDC_E_TIMEOUT, "%s: %s", ops->names[i],
                      reached(result));
        vdc_error_hint(err, "%s", result->hint);
        return VDC_E_TIMEOUT;
    }
    return 0;
}

int change_do(const struct command_args *args, struct operations *ops,
              uint64_t deadline_ms, struct vdc_error *err)
{
    struct change_options options;
    const struct wire_transaction_reply *reply;
    struct client *client;
    int rc = change_options(args, deadline_ms, &options, err);
    if (rc == 0)
        rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = change_request(client, args, ops, &options, &reply, err);
    if (rc == 0) {
        print_reply(args, ops, reply);
        rc = check_partial(ops, reply, err);
    }
    client_close(client);
    return rc;
}

int change_run(const struct command_args *args, struct vdc_error *err)
{
    struct operations *ops = ARENA_NEW(args->arena, struct operations);
    int rc = operation_build(args, ops, err);
    return rc ? rc : change_do(args, ops, 0, err);
}

/* ---- one transaction for each guest ---- */

static int change_one(struct guest_each *each, const char *word,
                      struct wire_partition_reply *ret, struct vdc_error *err)
{
    const struct change_options *options = each->arg;
    struct command_args args = *each->args;
    struct operations *ops = ARENA_NEW(args.arena, struct operations);
    const struct wire_transaction_reply *reply;
    args.arguments = &word;
    args.n_arguments = 1;
    int rc = operation_build(&args, ops, err);
    if (rc == 0)
        rc = change_request(each->client, &args, ops, options, &reply, err);
    if (rc)
        return rc;
    if (reply->n_results)
        ret->partition = reply->results[0].partition;
    ret->plan = reply->plan;
    ret->n_plan = reply->n_plan;
    ret->again = reply->again;
    return 0;
}

int change_run_each(const struct command_args *args, struct vdc_error *err)
{
    struct change_options options;
    struct guest_each each = { .args = args, .one = change_one,
                               .arg = &options };
    int rc = change_options(args, 0, &options, err);
    return rc ? rc : guest_each_run(&each, err);
}
