/* Lists of channels, and how they change. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "xl-ext/channel_list.h"
#include "xl-ext/client.h"
#include "xl-ext/output.h"

/* ---- lists ---- */

const char *channel_end_text(struct arena *arena,
                             const struct wire_channel_end *end)
{
    if (end->domid == 0)
        return *end->owner ? arena_printf(arena, "host (%s)",
                                          output_clean(arena, end->owner))
                           : "host";
    return arena_printf(arena, "%s%s%s", output_clean(arena, end->owner),
                        *end->owner ? "." : "",
                        output_clean(arena, end->name));
}

const char *channel_bytes(struct arena *arena, uint64_t n)
{
    static const char units[] = "KMGTPE";
    double shown = (double)n;
    size_t unit = 0;

    if (n < 10000)
        return arena_printf(arena, "%" PRIu64, n);
    for (shown /= 1024; shown >= 1000 && unit + 1 < sizeof(units) - 1;
         shown /= 1024)
        unit++;
    return arena_printf(arena, "%.1f%c", shown, units[unit]);
}

/* An option's value, or "", as long as it may be. */
static int take_word(const struct command_args *args, const char *option,
                     size_t most, const char **ret, struct vdc_error *err)
{
    const char *value = command_value(args, option);

    if (value && strlen(value) > most)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--%s: '%.40s...' is too "
                             "long",
                             option, value);
    *ret = value ? value : "";
    return 0;
}

/* As channeld has them; no other can be one that nobody uses now. */
static int check_service(const char *service, struct vdc_error *err)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
                                     "0123456789._-/";

    if (service[strspn(service, characters)] == '\0')
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%s' cannot be a service's name",
                  service);
    vdc_error_hint(err, "a word of a-z, 0-9, '.', '_' and '-', or "
                        "CUSTOMER/WORD");
    return VDC_E_BAD_VALUE;
}

/* channeld knows customers by their channels alone: whether there is one
 * without any policyd says, where it can be asked. */
static int check_customer(const struct command_args *args, const char *name,
                          struct vdc_error *err)
{
    struct vdc_error answer = { 0 };
    struct wire_customer_ref ref;
    const void *body;

    if (strcmp(name, "provider") == 0)
        return 0;
    wire_init(&wire_struct_customer_ref, &ref);
    ref.name = name;
    int rc = client_ask(args, WIRE_MSG_customer_list, &ref, &body, &answer);
    if (rc != VDC_E_NOT_FOUND && rc != VDC_E_BAD_VALUE)
        return 0;
    if (err)
        *err = answer;
    return rc;
}

static void append(struct arena *arena, struct wire_channel_list *to,
                   const struct wire_channel_list *more)
{
    struct wire_channel *all = ARENA_ARRAY(
        arena, to->n_channels + more->n_channels, struct wire_channel);

    if (to->n_channels)
        memcpy(all, to->channels, to->n_channels * sizeof(*all));
    if (more->n_channels)
        memcpy(all + to->n_channels, more->channels,
               more->n_channels * sizeof(*all));
    to->channels = all;
    to->n_channels += more->n_channels;
}

int channel_list_all(struct channel_session *session,
                     struct wire_channel_list *ret, struct vdc_error *err)
{
    const struct command_args *args = session->args;
    const struct wire_channel_list *piece;
    struct wire_channel_query query;
    const void *body;

    wire_init(&wire_struct_channel_list, ret);
    wire_init(&wire_struct_channel_query, &query);
    int rc = take_word(args, "customer", 31, &query.customer, err);
    if (rc == 0)
        rc = take_word(args, "partition", 255, &query.partition, err);
    if (rc == 0)
        rc = take_word(args, "service", 63, &query.service, err);
    if (rc == 0)
        rc = check_service(query.service, err);
    do {
        if (rc == 0)
            rc = channel_ask(session, WIRE_MSG_channel_list, &query, &body,
                             err);
        if (rc)
            return rc;
        piece = body;
        append(session->arena, ret, piece);
        if (ret->n_channels)
            query.after = ret->channels[ret->n_channels - 1].id;
    } while (piece->more && piece->n_channels);
    if (*query.customer && !ret->n_channels)
        return check_customer(args, query.customer, err);
    return 0;
}

/* ---- top ---- */

struct rates {
    uint64_t sent, received, messages, notifications, stalls;
};

static const struct wire_channel *find(const struct wire_channel_list *list,
                                       uint64_t id)
{
    for (uint32_t i = 0; i < list->n_channels; i++)
        if (list->channels[i].id == id)
            return &list->channels[i];
    return NULL;
}

/* Counts begin anew when an end tells of itself again. */
static uint64_t rate(uint64_t now, uint64_t before, uint64_t ms)
{
    return now < before || ms == 0 ? 0 : (now - before) * 1000 / ms;
}

static struct rates rates_of(const struct wire_channel *now,
                             const struct wire_channel_list *list, uint64_t ms)
{
    const struct wire_channel *before = find(list, now->id);

    if (!before)
        return (struct rates){ 0 };
    return (struct rates){
        rate(now->sent, before->sent, ms),
        rate(now->received, before->received, ms),
        rate(now->messages, before->messages, ms),
        rate(now->notifications, before->notifications, ms),
        now->stalls < before->stalls ? 0 : now->stalls - before->stalls,
    };
}

static void print_json(const struct wire_channel *c, const struct rates *r,
                       struct json_out *out)
{
    json_out_object(out);
    json_out_key(out, "channel");
    wire_to_json(&wire_struct_channel, c, out);
    json_out_key(out, "sent_per_s");
    json_out_u64(out, r->sent);
    json_out_key(out, "received_per_s");
    json_out_u64(out, r->received);
    json_out_key(out, "messages_per_s");
    json_out_u64(out, r->messages);
    json_out_key(out, "notifications_per_s");
    json_out_u64(out, r->notifications);
    json_out_key(out, "new_stalls");
    json_out_u64(out, r->stalls);
    json_out_object_end(out);
}

static void print_row(struct arena *arena, struct output_table *table,
                      const struct wire_channel *c, const struct rates *r)
{
    output_table_printf(table, "%" PRIu64, c->id);
    output_table_cell(table, output_clean(arena, c->service));
    output_table_cell(table, channel_end_text(arena, &c->client));
    output_table_cell(table, channel_end_text(arena, &c->server));
    output_table_cell(table, channel_bytes(arena, r->sent));
    output_table_cell(table, channel_bytes(arena, r->received));
    output_table_printf(table, "%" PRIu64, r->messages);
    output_table_printf(table, "%" PRIu64, r->notifications);
    output_table_printf(table, "%" PRIu64, r->stalls);
}

/* One object a line with JSON, so that a reader need not wait for the end. */
static void print_rates(const struct command_args *args, struct arena *arena,
                        const struct wire_channel_list *now,
                        const struct wire_channel_list *before, uint64_t ms)
{
    static const struct output_column columns[] = {
        { "ID", ALIGN_RIGHT },     { "Service", ALIGN_LEFT },
        { "Client", ALIGN_LEFT },  { "Server", ALIGN_LEFT },
        { "Sent/s", ALIGN_RIGHT }, { "Received/s", ALIGN_RIGHT },
        { "Msgs/s", ALIGN_RIGHT }, { "Notif/s", ALIGN_RIGHT },
        { "Stalls", ALIGN_RIGHT },
    };
    bool json = args->format == FORMAT_JSON;
    struct json_out *out = json ? json_out_new(false) : NULL;
    struct output_table *table = json ? NULL : output_table_new(columns, 9);

    if (json)
        json_out_array(out);
    for (uint32_t i = 0; i < now->n_channels; i++) {
        struct rates r = rates_of(&now->channels[i], before, ms);
        if (json)
            print_json(&now->channels[i], &r, out);
        else
            print_row(arena, table, &now->channels[i], &r);
    }
    if (json) {
        json_out_array_end(out);
        output_json(out);
    } else {
        output_table_finish(table);
    }
}

static int take_number(const struct command_args *args, const char *option,
                       uint64_t fallback, uint64_t *ret, struct vdc_error *err)
{
    const char *value = command_value(args, option);
    size_t len = value ? strspn(value, "0123456789") : 0;

    *ret = fallback;
    if (!value)
        return 0;
    if (len == 0 || len > 5 || value[len] || atoi(value) == 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--%s wants a number from 1 to 99999, got '%s'",
                             option, value);
    *ret = strtoull(value, NULL, 10);
    return 0;
}

static int watch(struct channel_session *session, uint64_t interval_s,
                 uint64_t count, struct vdc_error *err)
{
    const struct command_args *args = session->args;
    struct arena *arena_before = arena_new();
    struct wire_channel_list before, now;
    uint64_t at = clock_mono().ms;

    session->arena = arena_before;
    int rc = channel_list_all(session, &before, err);
    for (uint64_t i = 0; rc == 0 && (!count || i < count); i++) {
        sleep((unsigned)interval_s);
        session->arena = arena_new();
        rc = channel_list_all(session, &now, err);
        if (rc) {
            arena_free(session->arena);
            break;
        }
        if (args->format == FORMAT_TEXT && isatty(STDOUT_FILENO))
            printf("\033[H\033[J");
        print_rates(args, session->arena, &now, &before, clock_mono().ms - at);
        arena_free(arena_before);
        arena_before = session->arena;
        before = now;
        at = clock_mono().ms;
        if (fflush(stdout))
            break;
    }
    arena_free(arena_before);
    session->arena = args->arena;
    return rc;
}

int channel_run_top(const struct command_args *args, struct vdc_error *err)
{
    struct channel_session session;
    uint64_t interval_s, count;
    int rc = take_number(args, "interval", 2, &interval_s, err);

    if (rc == 0)
        rc = take_number(args, "count", 0, &count, err);
    if (rc == 0)
        rc = channel_open(args, NULL, NULL, &session, err);
    if (rc)
        return rc;
    rc = watch(&session, interval_s, count, err);
    channel_close(&session);
    return rc;
}
