/* domid, domname, uptime: small questions about guests that run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/operation.h"
#include "xl-ext/output.h"

static int get_guest(struct client *client, const struct command_args *args,
                     const char *word, const struct wire_partition **ret,
                     struct vdc_error *err)
{
    struct wire_partition_ref ref;
    const void *body;
    int rc = guest_ref(args, word, &ref, err);
    if (rc == 0)
        rc = client_request(client, WIRE_MSG_partition_show, &ref, &body, err);
    if (rc == 0)
        *ret = &((const struct wire_partition_reply *)body)->partition;
    return rc;
}

/* All that may be seen; `foreign` counts for operators alone. */
static int get_all(struct client *client, const char *customer, bool foreign,
                   const struct wire_partition_list **ret,
                   struct vdc_error *err)
{
    struct wire_partition_query query;
    const void *body;
    wire_init(&wire_struct_partition_query, &query);
    query.customer = customer;
    query.foreign = foreign;
    int rc =
        client_list(client, WIRE_MSG_partition_list, &query, &body, err);
    if (rc == 0)
        *ret = body;
    return rc;
}

static int not_running(const char *word, struct vdc_error *err)
{
    int rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "%s does not run and has no domain", word);
    vdc_error_hint(err, "'xl-vdc start' starts it");
    return rc;
}

/* A number or a name alone, or an object with both. */
static void print_both(const struct command_args *args,
                       const struct wire_partition *p, bool domid)
{
    const char *name = p->managed ? p->name : p->xen_name;
    if (args->format == FORMAT_JSON) {
        struct json_out *out = json_out_new(true);
        json_out_object(out);
        json_out_key(out, "domid");
        json_out_u64(out, p->domid);
        json_out_key(out, "name");
        json_out_string(out, name);
        json_out_key(out, "customer");
        json_out_string(out, p->customer);
        json_out_object_end(out);
        output_json(out);
    } else if (domid) {
        printf("%" PRIu32 "\n", p->domid);
    } else {
        printf("%s\n", output_clean(args->arena, name));
    }
}

static int run_domid(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_partition *p;
    struct client *client;
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = get_guest(client, args, args->arguments[0], &p, err);
    client_close(client);
    if (rc == 0 && p->domid == 0)
        rc = not_running(args->arguments[0], err);
    if (rc == 0)
        print_both(args, p, true);
    return rc;
}

/* Not by what policyd would make of the number: a name goes first there. */
static int run_domname(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_partition_list *list;
    struct client *client;
    uint64_t domid;
    int rc = operation_number(args->arguments[0], "domname", 0, 32751, &domid,
                              err);
    if (rc == 0)
        rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = get_all(client, "", true, &list, err);
    client_close(client);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < list->n_partitions; i++) {
        const struct wire_partition *p = &list->partitions[i];
        if (p->domid == domid && (p->domid || !p->managed)) {
            print_both(args, p, false);
            return 0;
        }
    }
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no domain %s that you may "
                         "see", args->arguments[0]);
}

/* ---- uptime ---- */

static const char *shown_uptime(struct arena *arena, uint64_t s, bool brief)
{
    uint64_t days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
    const char *before = days
        ? arena_printf(arena, "%" PRIu64 " day%s, ", days,
                       days == 1 ? "" : "s") : "";
    const char *after = brief ? "" : arena_printf(arena, ":%02" PRIu64,
                                                  s % 60);
    return arena_printf(arena, "%s%2" PRIu64 ":%02" PRIu64 "%s", before,
                        hours, minutes, after);
}

static uint64_t uptime_ms(const struct wire_partition *p)
{
    uint64_t now = clock_wall().ms;
    return now > p->started_ms ? now - p->started_ms : 0;
}

struct uptimes {
    const struct wire_partition **partitions;
    size_t n;
};

static void print_uptimes(const struct command_args *args,
                          const struct uptimes *uptimes)
{
    static const struct output_column columns[] = {
        { "Name", ALIGN_LEFT }, { "ID", ALIGN_RIGHT },
        { "Uptime", ALIGN_LEFT },
    };
    struct output_table *table = output_table_new(columns, 3);
    for (size_t i = 0; i < uptimes->n; i++) {
        const struct wire_partition *p = uptimes->partitions[i];
        output_table_cell(table, output_clean(args->arena, p->name));
        output_table_printf(table, "%" PRIu32, p->domid);
        output_table_cell(table, shown_uptime(args->arena,
                                              uptime_ms(p) / 1000, false));
    }
    output_table_finish(table);
}

static void print_brief(const struct command_args *args,
                        const struct uptimes *uptimes)
{
    time_t now = (time_t)(clock_wall().ms / 1000);
    struct tm tm;
    char clock[16] = "";
    if (localtime_r(&now, &tm))
        strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
    for (size_t i = 0; i < uptimes->n; i++) {
        const struct wire_partition *p = uptimes->partitions[i];
        printf(" %s up %s, %s (%" PRIu32 ")\n", clock,
               shown_uptime(args->arena, uptime_ms(p) / 1000, true),
               output_clean(args->arena, p->name), p->domid);
    }
}

static void print_uptimes_json(const struct uptimes *uptimes)
{
    struct json_out *out = json_out_new(true);
    json_out_object(out);
    json_out_key(out, "guests");
    json_out_array(out);
    for (size_t i = 0; i < uptimes->n; i++) {
        const struct wire_partition *p = uptimes->partitions[i];
        json_out_object(out);
        json_out_key(out, "name");
        json_out_string(out, p->name);
        json_out_key(out, "customer");
        json_out_string(out, p->customer);
        json_out_key(out, "domid");
        json_out_u64(out, p->domid);
        json_out_key(out, "started_ms");
        json_out_u64(out, p->started_ms);
        json_out_key(out, "uptime_ms");
        json_out_u64(out, uptime_ms(p));
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
    output_json(out);
}

/* The guests that were named; one that is not there does not hide others. */
static int named_uptimes(const struct command_args *args,
                         struct client *client, struct uptimes *ret)
{
    int rc = 0;
    ret->partitions = ARENA_ARRAY(args->arena, args->n_arguments,
                                  const struct wire_partition *);
    for (size_t i = 0; i < args->n_arguments; i++) {
        struct vdc_error one = { 0 };
        const struct wire_partition *p = NULL;
        int r = get_guest(client, args, args->arguments[i], &p, &one);
        if (r == 0 && p->domid == 0)
            r = not_running(args->arguments[i], &one);
        if (r)
            output_error(args, &one);
        else
            ret->partitions[ret->n++] = p;
        rc = rc ? rc : r;
    }
    return rc;
}

static int all_uptimes(const struct command_args *args, struct client *client,
                       struct uptimes *ret, struct vdc_error *err)
{
    const struct wire_partition_list *list;
    const char *customer;
    int rc = guest_customer(args, &customer, err);
    if (rc == 0)
        rc = get_all(client, customer, false, &list, err);
    if (rc)
        return rc;
    ret->partitions = ARENA_ARRAY(args->arena, list->n_partitions + 1,
                                  const struct wire_partition *);
    for (uint32_t i = 0; i < list->n_partitions; i++)
        if (list->partitions[i].managed && list->partitions[i].domid)
            ret->partitions[ret->n++] = &list->partitions[i];
    return 0;
}

static int run_uptime(const struct command_args *args, struct vdc_error *err)
{
    struct uptimes uptimes = { 0 };
    struct client *client;
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = args->n_arguments ? named_uptimes(args, client, &uptimes)
                           : all_uptimes(args, client, &uptimes, err);
    client_close(client);
    if (rc && !uptimes.n)
        return rc;
    if (args->format == FORMAT_JSON)
        print_uptimes_json(&uptimes);
    else if (command_given(args, "short"))
        print_brief(args, &uptimes);
    else
        print_uptimes(args, &uptimes);
    return rc;
}

/* ---- the table ---- */

static const struct command_option uptime_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 's', "short", NULL, COMPLETE_NOTHING, "A sentence for each, as xl's" },
    { 0 }
};

static const struct command_example domid_examples[] = {
    { "xl-vdc domid web", "The number of web's domain." },
    { NULL, NULL }
};
static const struct command_example domname_examples[] = {
    { "xl-vdc domname 7", "Who is domain 7?" },
    { NULL, NULL }
};
static const struct command_example uptime_examples[] = {
    { "xl-vdc uptime", "Since when each guest runs." },
    { NULL, NULL }
};

static const struct command identity_commands[] = {
    { "domid", NULL, "GUEST", 1, 1, COMMAND_READS, COMPLETE_GUESTS,
      guest_plain_options, "Print the number of a guest's domain",
      "It is another after each start.", domid_examples, run_domid },
    { "domname", NULL, "DOMID", 1, 1, COMMAND_READS, COMPLETE_NOTHING, NULL,
      "Print the name of the guest whose domain has a number",
      "For operators also that of a domain that is not ours.",
      domname_examples, run_domname },
    { "uptime", NULL, "[GUEST...]", 0, -1, COMMAND_READS, COMPLETE_GUESTS,
      uptime_options, "Print how long guests have been running",
      "Since their domain was built, which a reboot does anew.",
      uptime_examples, run_uptime },
};

const struct command_family family_identity = {
    "Numbers and times", identity_commands,
    sizeof(identity_commands) / sizeof(identity_commands[0])
};
