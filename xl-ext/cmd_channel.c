/* channel-*: which channels there are, who may have them, and their ends. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/channel.h"
#include "xl-ext/channel_list.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

/* ---- list and show ---- */

static void print_list(const struct command_args *args,
                       const struct wire_channel_list *list)
{
    static const struct output_column columns[] = {
        { "ID", ALIGN_RIGHT },       { "Service", ALIGN_LEFT },
        { "Client", ALIGN_LEFT },    { "Server", ALIGN_LEFT },
        { "State", ALIGN_LEFT },     { "Sent", ALIGN_RIGHT },
        { "Received", ALIGN_RIGHT }, { "Rule", ALIGN_LEFT },
    };
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));

    for (uint32_t i = 0; i < list->n_channels; i++) {
        const struct wire_channel *c = &list->channels[i];
        output_table_printf(table, "%" PRIu64, c->id);
        output_table_cell(table, output_clean(args->arena, c->service));
        output_table_cell(table, channel_end_text(args->arena, &c->client));
        output_table_cell(table, channel_end_text(args->arena, &c->server));
        output_table_cell(
            table, wire_enum_word(&wire_enum_channel_state, (int)c->state));
        output_table_cell(table, channel_bytes(args->arena, c->sent));
        output_table_cell(table, channel_bytes(args->arena, c->received));
        output_table_cell(table,
                          *c->rule ? output_clean(args->arena, c->rule) : "-");
    }
    output_table_finish(table);
}

static int run_list(const struct command_args *args, struct vdc_error *err)
{
    struct wire_channel_list list;
    struct channel_session session;
    int rc = channel_open(args, NULL, NULL, &session, err);

    if (rc)
        return rc;
    rc = channel_list_all(&session, &list, err);
    channel_close(&session);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_channel_list, &list);
    else
        print_list(args, &list);
    return 0;
}

static int get_one(struct channel_session *session, const char *word,
                   const struct wire_channel **ret, struct vdc_error *err)
{
    const struct wire_channel_list *list;
    struct wire_channel_query query;
    const void *body;

    wire_init(&wire_struct_channel_query, &query);
    int rc = channel_id(word, &query.id, err);
    if (rc == 0)
        rc = channel_ask(session, WIRE_MSG_channel_list, &query, &body, err);
    if (rc)
        return rc;
    list = body;
    /* what is closed must be what was named, whatever is answered */
    if (list->n_channels != 1 || list->channels[0].id != query.id)
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "there is no channel %" PRIu64, query.id);
    *ret = &list->channels[0];
    return 0;
}

static int run_show(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_channel *channel;
    struct channel_session session;
    int rc = channel_open(args, NULL, NULL, &session, err);

    if (rc)
        return rc;
    rc = get_one(&session, args->arguments[0], &channel, err);
    channel_close(&session);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_channel, channel);
    else
        output_text_struct(&wire_struct_channel, channel, "", args->arena);
    return 0;
}

/* ---- close ---- */

static int close_one(struct channel_session *session, const char *word,
                     const char *reason, struct vdc_error *err)
{
    const struct command_args *args = session->args;
    const struct wire_channel *channel;
    struct wire_channel_ref ref;
    int rc = get_one(session, word, &channel, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = channel->id;
    ref.reason = reason;
    if (!args->dry_run)
        rc = channel_ask(session, WIRE_MSG_channel_close, &ref, NULL, err);
    if (rc == 0 && args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_channel, channel);
    else if (rc == 0 && !args->quiet)
        printf("%" PRIu64 ": '%s' from %s to %s %s\n", channel->id,
               output_clean(args->arena, channel->service),
               channel_end_text(args->arena, &channel->client),
               channel_end_text(args->arena, &channel->server),
               args->dry_run ? "would be closed" : "closed");
    return rc;
}

static int run_close(const struct command_args *args, struct vdc_error *err)
{
    const char *reason = command_value(args, "reason");
    struct channel_session session;
    int rc = channel_open(args, NULL, NULL, &session, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < args->n_arguments && !rc; i++)
        rc = close_one(&session, args->arguments[i],
                       reason ? reason : "closed by xl-vdc", err);
    channel_close(&session);
    return rc;
}

/* ---- rules ---- */

static int run_rule_check(const struct command_args *args,
                          struct vdc_error *err)
{
    const struct wire_channel_rule_reply *reply;
    struct wire_channel_rule_query query;
    struct channel_session session;
    const void *body;
    int rc = channel_open(args, NULL, NULL, &session, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_channel_rule_query, &query);
    query.service = args->arguments[0];
    query.from = args->arguments[1];
    query.to = args->arguments[2];
    rc =
        channel_ask(&session, WIRE_MSG_channel_rule_check, &query, &body, err);
    channel_close(&session);
    if (rc)
        return rc;
    reply = body;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_channel_rule_reply, reply);
    else if (*reply->rule)
        printf("%s: %s\n  %s\n", reply->allowed ? "allowed" : "denied",
               output_clean(args->arena, reply->rule),
               output_clean(args->arena, reply->text));
    else
        printf("denied: no rule matches\n");
    /* for scripts; the text is said already */
    return reply->allowed ? 0 : VDC_E_DENIED;
}

static int run_reload(const struct command_args *args, struct vdc_error *err)
{
    struct channel_session session;
    struct wire_empty empty;
    int rc = channel_open(args, NULL, NULL, &session, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_empty, &empty);
    rc = channel_ask(&session, WIRE_MSG_channel_reload, &empty, NULL, err);
    channel_close(&session);
    if (rc == 0 && args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_empty, &empty);
    return rc;
}

/* ---- the table ---- */

static const struct command_option socket_options[] = { CHANNEL_SOCKET_OPTION,
                                                        { 0 } };

static const struct command_option list_options[] = { CHANNEL_LIST_OPTIONS,
                                                      { 0 } };

static const struct command_option top_options[] = {
    CHANNEL_LIST_OPTIONS,
    { 'i', "interval", "SECONDS", COMPLETE_NOTHING,
      "How often it is looked; 2 when it is not said" },
    { 'n', "count", "N", COMPLETE_NOTHING, "Stop after so many times" },
    { 0 }
};

static const struct command_option close_options[] = {
    CHANNEL_SOCKET_OPTION,
    { 0, "reason", "TEXT", COMPLETE_NOTHING, "What the two ends are told" },
    { 0 }
};

static const struct command_example list_examples[] = {
    { "xl-vdc channel-list", "All that you may see." },
    { "xl-vdc channel-list --service policy -o json", "Of one service." },
    { NULL, NULL }
};
static const struct command_example show_examples[] = {
    { "xl-vdc channel-show 17", "All that is known of it." }, { NULL, NULL }
};
static const struct command_example close_examples[] = {
    { "xl-vdc channel-close 17 --reason 'out of hours'",
      "Its two ends are told." },
    { NULL, NULL }
};
static const struct command_example top_examples[] = {
    { "xl-vdc channel-top --interval 1", "Once a second, until Ctrl-C." },
    { NULL, NULL }
};
static const struct command_example rule_examples[] = {
    { "xl-vdc channel-rule-check policy acme.web host",
      "May acme's guest web ask policyd?" },
    { NULL, NULL }
};
static const struct command_example reload_examples[] = {
    { "xl-vdc channel-reload", "After a change of the rules." }, { NULL, NULL }
};

static const struct command channel_commands[] = {
    { "channel-list", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING,
      list_options, "List memory channels",
      "Operators see those of all; a customer those that one of its "
      "partitions or programs is an end of.",
      list_examples, run_list },
    { "channel-show", NULL, "ID", 1, 1, COMMAND_READS, COMPLETE_NOTHING,
      socket_options, "Show one channel",
      "Its ends, the sizes of its rings, what has gone through it and the "
      "rule that allowed it.",
      show_examples, run_show },
    { "channel-close", NULL, "ID...", 1, -1,
      COMMAND_CHANGES | COMMAND_DESTROYS, COMPLETE_NOTHING, close_options,
      "End channels",
      "Both ends are told, and close it; what is in its rings can still be "
      "read. channel-send and channel-recv then end with status 7, also when "
      "their input ends at that moment.",
      close_examples, run_close },
    { "channel-top", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING,
      top_options, "Show how busy channels are",
      "Bytes, messages and notifications a second, and how often an end had "
      "to wait for room. Ends tell of it every two seconds.",
      top_examples, channel_run_top },
    { "channel-rule-check", NULL, "SERVICE FROM TO", 3, 3, COMMAND_READS,
      COMPLETE_NOTHING, socket_options,
      "Say which rule decides about a channel",
      "FROM and TO are 'host' or a partition. The exit status is 0 when the "
      "channel is allowed, and 6 when it is not.",
      rule_examples, run_rule_check },
    { "channel-reload", NULL, "", 0, 0, COMMAND_ACTS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, socket_options, "Have the rules of channels read anew",
      "Channels that are open stay. When the file has errors, they are all "
      "shown, and the rules stay as they were.",
      reload_examples, run_reload },
    { "channel-send", NULL, "SERVICE", 1, 1, COMMAND_ACTS, COMPLETE_NOTHING,
      channel_send_options, "Send standard input through a channel",
      "Connects to a service, sends what comes on standard input, and ends "
      "when that ends and the other end has taken it.",
      channel_send_examples, channel_run_send },
    { "channel-recv", NULL, "SERVICE", 1, 1, COMMAND_ACTS, COMPLETE_NOTHING,
      channel_recv_options, "Offer a service, and print what comes",
      "Offers a service, waits for one client, and writes what it sends to "
      "standard output until it ends. The exit status is 7 when the client "
      "died, or the channel was closed, before it was done.",
      channel_recv_examples, channel_run_recv },
};

const struct command_family family_channel = {
    "Channels", channel_commands,
    sizeof(channel_commands) / sizeof(channel_commands[0])
};
