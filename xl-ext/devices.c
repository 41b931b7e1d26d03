/* Asks policyd what running guests have. */
#include "xl-ext/devices.h"

#include <string.h>

#include "xl-ext/guest.h"

static int ask(struct client *client, const struct wire_partition_ref *ref,
               const struct wire_device_list **ret, struct vdc_error *err)
{
    const void *body;
    int rc = client_request(client, WIRE_MSG_device_list, ref, &body, err);
    if (rc == 0)
        *ret = body;
    return rc;
}

static int get_named(const struct command_args *args, struct client *client,
                     const char *const *words, size_t n_words,
                     struct devices *ret)
{
    int rc = 0;
    for (size_t i = 0; i < n_words; i++) {
        struct wire_partition_ref ref;
        struct vdc_error one = { 0 };
        struct devices_guest *guest = &ret->guests[ret->n_guests];
        int r = guest_ref(args, words[i], &ref, &one);
        if (r == 0)
            r = ask(client, &ref, &guest->list, &one);
        guest->name = words[i];
        ret->n_guests += r == 0;
        if (r)
            output_error(args, &one);
        rc = rc ? rc : r;
        if (r == VDC_E_CLOSED || r == VDC_E_IO || r == VDC_E_PROTOCOL)
            break;
    }
    return rc;
}

static const char *called(struct arena *arena, const struct wire_partition *p,
                          bool several_customers)
{
    return several_customers
        ? arena_printf(arena, "%s.%s", p->customer, p->name) : p->name;
}

static int get_all(const struct command_args *args, struct client *client,
                   struct devices *ret, struct vdc_error *err)
{
    struct wire_partition_query query;
    wire_init(&wire_struct_partition_query, &query);
    const void *body;
    int rc = guest_customer(args, &query.customer, err);
    if (rc == 0)
        rc = client_list(client, WIRE_MSG_partition_list, &query, &body, err);
    if (rc)
        return rc;
    const struct wire_partition_list *all = body;
    bool several = false;
    for (uint32_t i = 1; i < all->n_partitions; i++)
        several |= strcmp(all->partitions[i].customer,
                          all->partitions[0].customer) != 0;
    ret->guests = ARENA_ARRAY(args->arena, all->n_partitions + 1,
                              struct devices_guest);
    for (uint32_t i = 0; i < all->n_partitions; i++) {
        const struct wire_partition *p = &all->partitions[i];
        struct devices_guest *guest = &ret->guests[ret->n_guests];
        struct wire_partition_ref ref;
        if (!p->managed || !p->domid)
            continue;
        wire_init(&wire_struct_partition_ref, &ref);
        ref.uuid = p->uuid;
        rc = ask(client, &ref, &guest->list, err);
        if (rc == VDC_E_NOT_FOUND || rc == VDC_E_WRONG_STATE)
            continue; /* gone or stopped since the list was made */
        if (rc)
            return rc;
        guest->name = called(args->arena, p, several);
        ret->n_guests++;
    }
    return 0;
}

int devices_get(const struct command_args *args, const char *const *words,
                size_t n_words, struct devices *ret, struct vdc_error *err)
{
    static const char *const this_guest[] = { COMMAND_THIS_GUEST };
    struct client *client;
    *ret = (struct devices){ 0 };
    if (args->in_guest && n_words == 0) {
        words = this_guest; /* of the others it may not know so much */
        n_words = 1;
    }
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    if (n_words) {
        ret->guests =
            ARENA_ARRAY(args->arena, n_words, struct devices_guest);
        rc = get_named(args, client, words, n_words, ret);
    } else {
        rc = get_all(args, client, ret, err);
        if (rc)
            ret->n_guests = 0;
    }
    client_close(client);
    return rc;
}

/* ---- JSON ---- */

void devices_print_json(const struct devices *devices,
                        devices_members_fn *members, const void *arg)
{
    struct json_out *out = json_out_new(true);
    json_out_object(out);
    json_out_key(out, "guests");
    json_out_array(out);
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct wire_partition *p = &devices->guests[i].list->partition;
        char uuid[UUID_TEXT_SIZE];
        json_out_object(out);
        json_out_key(out, "name");
        json_out_string(out, p->name);
        json_out_key(out, "customer");
        json_out_string(out, p->customer);
        json_out_key(out, "uuid");
        json_out_string(out, uuid_format(&p->uuid, uuid));
        json_out_key(out, "domid");
        json_out_u64(out, p->domid);
        members(devices->guests[i].list, arg, out);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    output_json(out);
}

int devices_show(const struct command_args *args,
                 const struct devices_view *view, const void *arg,
                 struct vdc_error *err)
{
    struct devices devices;
    int rc = devices_get(args, args->arguments, args->n_arguments, &devices,
                         err);
    if (rc && !devices.n_guests)
        return rc;
    if (args->format == FORMAT_JSON)
        devices_print_json(&devices, view->members, arg);
    else
        view->print(args, &devices, arg);
    return rc;
}

/* ---- devices of a kind ---- */

static void print_table(const struct command_args *args,
                        const struct devices *devices, const void *arg)
{
    const struct devices_table *what = arg;
    struct output_table *table =
        output_table_new(what->columns, what->n_columns);
    for (size_t i = 0; i < devices->n_guests; i++) {
        const struct devices_guest *guest = &devices->guests[i];
        for (uint32_t k = 0; k < guest->list->n_devices; k++)
            if (guest->list->devices[k].kind == what->kind)
                what->add(table, args->arena, guest,
                          &guest->list->devices[k]);
    }
    output_table_finish(table);
}

static void devices_to_json(const struct wire_device_list *list,
                            const void *arg, struct json_out *out)
{
    const struct devices_table *what = arg;
    json_out_key(out, "devices");
    json_out_array(out);
    for (uint32_t i = 0; i < list->n_devices; i++)
        if (list->devices[i].kind == what->kind)
            wire_to_json(&wire_struct_device, &list->devices[i], out);
    json_out_array_end(out);
}

int devices_list(const struct command_args *args,
                 const struct devices_table *what, struct vdc_error *err)
{
    static const struct devices_view view = { print_table, devices_to_json };
    return devices_show(args, &view, what, err);
}
