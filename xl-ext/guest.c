/*
 * What users call guests, and commands that do something to several of them.
 */
#include "xl-ext/guest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/output.h"

const struct command_option guest_plain_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 0 }
};

int guest_customer(const struct command_args *args, const char **ret,
                   struct vdc_error *err)
{
    const char *customer = command_value(args, "customer");
    if (customer && strlen(customer) > 31)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.40s...' is too long for a customer's name",
                             customer);
    *ret = customer ? customer : "";
    return 0;
}

int guest_ref(const struct command_args *args, const char *word,
              struct wire_partition_ref *ret, struct vdc_error *err)
{
    wire_init(&wire_struct_partition_ref, ret);
    int rc = guest_customer(args, &ret->customer, err);
    if (rc)
        return rc;
    ret->dry_run = args->dry_run;
    if (args->in_guest && !strcmp(word, COMMAND_THIS_GUEST))
        return 0;
    if (uuid_from_text(word, &ret->uuid))
        return 0;
    if (!*word || strlen(word) > 63) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a guest", word);
        vdc_error_hint(err, "a name has 1 to 63 characters; 'xl-vdc list' "
                            "shows the guests");
        return rc;
    }
    ret->name = word;
    return 0;
}

int guest_new_name(const char *word, const char **ret, struct vdc_error *err)
{
    if (!*word || strlen(word) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the new name has %zu characters; 1 to 63 are "
                             "possible", strlen(word));
    *ret = word;
    return 0;
}

/* ---- answers ---- */

void guest_print_plan(const char *word, const char *const *plan,
                      uint32_t n_plan)
{
    printf("%s: nothing was done; this would be:\n", word);
    for (uint32_t i = 0; i < n_plan; i++)
        printf("    %s\n", plan[i]);
}

void guest_print_state(const struct command_args *args, const char *word,
                       const struct wire_partition_reply *reply)
{
    const struct wire_partition *p = &reply->partition;
    if (args->quiet)
        return;
    if (args->dry_run) {
        guest_print_plan(word, reply->plan, reply->n_plan);
        return;
    }
    printf("%s: %s", word, wire_enum_word(&wire_enum_partition_state,
                                          (int)p->state));
    if (p->domid)
        printf(" as domain %" PRIu32, p->domid);
    if (*p->host)
        printf(" on host %s", output_clean(args->arena, p->host));
    if (*reply->reason)
        printf(" (%s)", output_clean(args->arena, reply->reason));
    putchar('\n');
}

void guest_note_again(const struct command_args *args, bool again)
{
    if (again)
        output_note(args, "it was done before with this key; this is what "
                          "was answered then");
}

void guest_to_json(const struct wire_partition_reply *reply,
                   struct json_out *out)
{
    const struct wire_struct *all = &wire_struct_partition_reply;
    struct wire_field fields[16];
    struct wire_struct some = *all;
    some.fields = fields;
    some.n_fields = 0;
    for (size_t i = 0; i < all->n_fields; i++) {
        const struct wire_field *f = &all->fields[i];
        const char *at = (const char *)reply + f->offset;
        if (f->sub == &wire_struct_definition &&
            !*((const struct wire_definition *)(const void *)at)->name)
            continue;
        fields[some.n_fields++] = *f;
    }
    wire_to_json(&some, reply, out);
}

/* ---- several guests ---- */

static int do_one(struct guest_each *each, const char *word,
                  struct json_out *json, struct vdc_error *err)
{
    const struct command_args *args = each->args;
    struct wire_partition_reply reply;
    wire_init(&wire_struct_partition_reply, &reply);
    int rc = each->one(each, word, &reply, err);
    if (rc)
        return rc;
    if (json)
        guest_to_json(&reply, json);
    else if (!each->gone_word || args->dry_run)
        guest_print_state(args, word, &reply);
    else if (!args->quiet)
        printf("%s: %s\n", word, each->gone_word);
    guest_note_again(args, reply.again);
    return 0;
}

static void one_failed(const struct guest_each *each, const char *word,
                       struct json_out *json, const struct vdc_error *err)
{
    output_error(each->args, err);
    if (!json)
        return;
    json_out_object(json);
    json_out_key(json, "guest");
    json_out_string(json, word);
    json_out_key(json, "error");
    json_out_object(json);
    output_json_error(json, err);
    json_out_object_end(json);
    json_out_object_end(json);
}

static int do_all(struct guest_each *each, struct json_out *json)
{
    const struct command_args *args = each->args;
    int rc = 0;
    for (size_t i = 0; i < args->n_arguments; i++) {
        struct vdc_error one = { 0 };
        int r = client_interrupted()
            ? vdc_error_set(&one, VDC_E_CANCELLED,
                            "%s: not begun, as you interrupted",
                            args->arguments[i])
            : do_one(each, args->arguments[i], json, &one);
        if (r)
            one_failed(each, args->arguments[i], json, &one);
        rc = rc ? rc : r;
        /* Without a connection the others can only fail the same way. */
        if (r == VDC_E_CLOSED || r == VDC_E_IO || r == VDC_E_PROTOCOL)
            break;
    }
    return rc;
}

int guest_each_run(struct guest_each *each, struct vdc_error *err)
{
    const struct command_args *args = each->args;
    struct json_out *json = NULL;
    int rc = client_open(args, &each->client, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON) {
        json = json_out_new(true);
        json_out_object(json);
        json_out_key(json, "results");
        json_out_array(json);
    }
    rc = do_all(each, json);
    if (json) {
        json_out_array_end(json);
        json_out_object_end(json);
        output_json(json);
    }
    client_close(each->client);
    return rc;
}
