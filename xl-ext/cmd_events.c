/* events: what has happened, and what happens. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

static void print_text(struct arena *arena, const struct wire_event *event)
{
    char buf[32];
    struct wall wall = { event->time_ms };
    printf("%" PRIu64 "  %s  %-9s  %s%s%s", event->number,
           clock_wall_format(wall, buf, sizeof(buf)),
           wire_enum_word(&wire_enum_event_kind, (int)event->kind),
           event->customer, *event->customer ? "." : "",
           *event->name ? output_clean(arena, event->name) : "-");
    if (event->domid)
        printf("  domain %" PRIu32, event->domid);
    if (*event->text)
        printf("  %s", output_clean(arena, event->text));
    if (*event->host)
        printf("  on %s", output_clean(arena, event->host));
    putchar('\n');
}

/* One object a line, so that a reader need not wait for the end. */
static void print_json(const struct wire_event *event)
{
    struct json_out *out = json_out_new(false);
    wire_to_json(&wire_struct_event, event, out);
    output_json(out);
}

/* Who reads a file of events later must not be the only one to notice. */
static void note_missed(const struct command_args *args,
                        const struct wire_event *event)
{
    if (event->kind == WIRE_EVENT_MISSED)
        output_note(args, "not all events are there that were asked for; "
                          "'xl-vdc list' shows how things are now");
}

/* Until policyd says that there are no more. */
static int print_events(const struct command_args *args,
                        struct client *client, struct vdc_error *err)
{
    int rc = 0;
    for (bool more = true; rc == 0 && more;) {
        struct arena *arena = arena_new();
        struct wire_frame frame;
        rc = client_receive(client, -1, arena, &frame, err);
        if (rc == 0 && frame.message->number == WIRE_MSG_event) {
            if (args->format == FORMAT_JSON)
                print_json(frame.body);
            else
                print_text(arena, frame.body);
            note_missed(args, frame.body);
            /* Who follows wants to see it now; a reader that has gone away
             * ends this. */
            more = fflush(stdout) == 0;
        } else if (rc == 0 && frame.message->number == WIRE_MSG_ok) {
            more = false;
        } else if (rc == 0) {
            rc = vdc_error_set(err, VDC_E_PROTOCOL,
                               "policyd sent %s instead of an event",
                               frame.message->name);
        }
        arena_free(arena);
    }
    return rc;
}

static int take_number(const char *text, size_t len, uint64_t *ret,
                       struct vdc_error *err)
{
    size_t digits = strspn(text, "0123456789");
    if (len == 0 || len > 18 || digits != len)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--since wants the number of an event, or "
                             "HOST=NUMBER, got '%.*s'", (int)len, text);
    *ret = strtoull(text, NULL, 10);
    return 0;
}

/* "41", "h1=41,h2=7", "0,h2=7". */
static int take_since(const struct command_args *args, const char *text,
                      struct wire_events_query *ret, struct vdc_error *err)
{
    ret->positions = ARENA_ARRAY(args->arena, strlen(text) + 1,
                                 struct wire_event_position);
    int rc = 0;
    for (size_t len; rc == 0 && *text; text += len + (text[len] == ',')) {
        struct wire_event_position *position =
            &ret->positions[ret->n_positions];
        len = strcspn(text, ",");
        const char *number = memchr(text, '=', len);
        if (!number) {
            rc = take_number(text, len, &ret->since, err);
            continue;
        }
        position->host = arena_printf(args->arena, "%.*s",
                                      (int)(number - text), text);
        number++;
        rc = take_number(number, len - (size_t)(number - text),
                         &position->since, err);
        ret->n_positions++;
    }
    return rc;
}

static int run_events(const struct command_args *args, struct vdc_error *err)
{
    struct wire_events_query query;
    wire_init(&wire_struct_events_query, &query);
    const char *since = command_value(args, "since");
    const char *customer = command_value(args, "customer");
    int rc = 0;
    if (since)
        rc = *since ? take_since(args, since, &query, err)
                    : take_number(since, 0, &query.since, err);
    if (rc)
        return rc;
    if (customer && strlen(customer) > 31)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.40s...' is too long for a customer's name",
                             customer);
    query.follow = command_given(args, "follow");
    query.customer = customer ? customer : "";
    struct client *client;
    rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = client_send(client, WIRE_MSG_events, &query, err);
    if (rc == 0)
        rc = print_events(args, client, err);
    client_close(client);
    return rc;
}

static const struct command_option events_options[] = {
    { 's', "since", "NUMBER", COMPLETE_NOTHING,
      "Only those after the event of this number; HOST=NUMBER,... when there "
      "are several hosts" },
    { 'f', "follow", NULL, COMPLETE_NOTHING,
      "Go on as they happen, until Ctrl-C" },
    { 'C', "customer", "NAME", COMPLETE_CUSTOMERS,
      "Only this customer's (operators)" },
    { 0 }
};

static const struct command_example events_examples[] = {
    { "xl-vdc events", "All that is still kept." },
    { "xl-vdc events --follow -o json --since 1041",
      "For a program that has seen all up to number 1041." },
    { NULL, NULL }
};

static const struct command events_commands[] = {
    { "events", NULL, "", 0, 0, COMMAND_READS, COMPLETE_NOTHING,
      events_options, "Show what has happened to guests",
      "Each event has a number, which rises by one on its host. With -o json "
      "each event is an object on a line of its own. The event 'missed' says "
      "that not all that were asked for are kept, or that numbers have begun "
      "again, with another database; what follows goes on from its number. "
      "Events of a host come in their order, those of several hosts as they "
      "arrive.",
      events_examples, run_events },
};

const struct command_family family_events = {
    "Events", events_commands,
    sizeof(events_commands) / sizeof(events_commands[0])
};
