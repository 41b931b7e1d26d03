/* What lasts: events and consoles; and clients that behave badly. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stream.h"
#include "tests/sim/test_policyd_bed.h"

static char seen[4096];

static void note(const struct wire_event *event)
{
    char one[256];

    snprintf(one, sizeof(one), "%s:%s:%s ", event->customer, event->name,
             wire_enum_word(&wire_enum_event_kind, event->kind));
    strncat(seen, one, sizeof(seen) - strlen(seen) - 1);
}

static void kept_events(const struct bed *bed, uid_t uid, const char *customer)
{
    struct wire_events_query query;
    struct client c;

    seen[0] = '\0';
    wire_init(&wire_struct_events_query, &query);
    query.customer = customer;
    CHECK(client_open(bed, &c, uid));
    c.on_event = note;
    client_call(&c, WIRE_MSG_events, &query);
    client_close(&c);
}

static void make(const struct bed *bed, const char *customer, const char *name)
{
    struct wire_partition_create order = guest(bed, name);

    order.customer = customer;
    CHECK(create(bed, OPERATOR, &order));
}

static void end(const struct bed *bed, const char *customer, const char *name)
{
    struct wire_partition_ref r = ref(customer, name);

    CHECK(act(bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
}

static void events(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    make(&bed, "acme", "web");
    make(&bed, "globex", "db");
    kept_events(&bed, OPERATOR, "");
    CHECK(strstr(seen, "acme:web:created") &&
          strstr(seen, "acme:web:started"));
    CHECK(strstr(seen, "globex:db:created"));
    kept_events(&bed, OPERATOR, "acme");
    CHECK(strstr(seen, "acme:web:created") && !strstr(seen, "globex"));
    kept_events(&bed, OPERATOR, "nobody");
    CHECK_CODE(VDC_E_NOT_FOUND);
    if (geteuid() == 0) {
        kept_events(&bed, ACME_UID, "");
        CHECK(strstr(seen, "acme:web:started") && !strstr(seen, "globex"));
        kept_events(&bed, ACME_UID, "globex");
        CHECK_CODE(VDC_E_NOT_FOUND);
        /* a customer of the same name is another customer */
        end(&bed, "acme", "web");
        struct wire_customer_ref r = { "acme", false, 0 };
        CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_delete, &r));
        sleep_ms(5);
        struct wire_customer_create again;
        const char *user = "54001";
        wire_init(&wire_struct_customer_create, &again);
        again.name = "acme";
        again.users = &user;
        again.n_users = 1;
        CHECK(ask(&bed, OPERATOR, WIRE_MSG_customer_create, &again));
        kept_events(&bed, ACME_UID, "");
        CHECK_CODE(0);
        CHECK(*seen == '\0');
    }
    bed_close(&bed);
}

static bool wait_event(struct client *c, const char *text)
{
    struct wire_frame frame;

    while (!strstr(seen, text)) {
        if (!client_receive(c, &frame, 5000))
            return false;
        if (frame.message->number == WIRE_MSG_event)
            note(frame.body);
    }
    return true;
}

static void followed(void)
{
    struct bed bed = { 0 };
    struct wire_events_query query;
    struct client op, globex = { .fd = -1 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    make(&bed, "acme", "before");
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    seen[0] = '\0';
    CHECK(client_open(&bed, &op, OPERATOR));
    CHECK(client_send(&op, WIRE_MSG_events, &query));
    CHECK(wait_event(&op, "acme:before:created"));
    make(&bed, "acme", "after");
    CHECK(wait_event(&op, "acme:after:started"));
    /* resourced away and back: nothing is missed, nothing comes twice */
    bed_kill(&bed.resourced, SIGKILL);
    CHECK(bed_wait_joined(&bed, false));
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    make(&bed, "globex", "third");
    CHECK(wait_event(&op, "globex:third:started"));
    const char *first = strstr(seen, "acme:after:created");
    CHECK(first && !strstr(first + 1, "acme:after:created"));
    if (geteuid() == 0) {
        seen[0] = '\0';
        CHECK(client_open(&bed, &globex, GLOBEX_UID));
        CHECK(client_send(&globex, WIRE_MSG_events, &query));
        end(&bed, "acme", "after");
        end(&bed, "globex", "third");
        CHECK(wait_event(&globex, "globex:third:destroyed"));
        CHECK(!strstr(seen, "acme"));
    }
    client_close(&op);
    client_close(&globex);
    bed_close(&bed);
}

static void swap_database(const struct bed *bed, const char *from,
                          const char *to)
{
    CHECK(system(arena_printf(answers,
                              "cd %s && cp %s.db %s.db && rm -f %s.db-* "
                              "resourced.sequence",
                              bed->dir, from, to, to)) == 0);
}

static void stop_resourced(struct bed *bed)
{
    bed_kill(&bed->resourced, SIGTERM);
    CHECK(bed_wait_joined(bed, false));
}

/* The host's database is an older copy: numbers of events go back. */
static void numbers_go_back(void)
{
    struct bed bed = { 0 };
    struct wire_events_query query;
    struct client op, late;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    make(&bed, "acme", "first");
    stop_resourced(&bed);
    swap_database(&bed, "resourced", "older");
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    wire_init(&wire_struct_events_query, &query);
    query.follow = true;
    seen[0] = '\0';
    CHECK(client_open(&bed, &op, OPERATOR));
    CHECK(client_send(&op, WIRE_MSG_events, &query));
    make(&bed, "acme", "second");
    make(&bed, "acme", "third");
    CHECK(wait_event(&op, "acme:third:started"));
    CHECK(!strstr(seen, "missed"));
    stop_resourced(&bed);
    swap_database(&bed, "older", "resourced");
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    seen[0] = '\0';
    CHECK(wait_event(&op, ":missed"));
    make(&bed, "globex", "fourth");
    CHECK(wait_event(&op, "globex:fourth:started"));
    /* told once, and each event once */
    const char *missed = strstr(seen, ":missed");
    CHECK(missed && !strstr(missed + 1, ":missed"));
    const char *first = strstr(seen, "acme:first:created");
    CHECK(first && !strstr(first + 1, "acme:first:created"));
    const char *fourth = strstr(seen, "globex:fourth:created");
    CHECK(fourth && !strstr(fourth + 1, "globex:fourth:created"));
    /* and once more, with policyd's own numbers now right */
    bed_kill(&bed.resourced, SIGKILL);
    CHECK(bed_wait_joined(&bed, false));
    bed_start_resourced(&bed);
    CHECK(bed_wait_joined(&bed, true));
    seen[0] = '\0';
    make(&bed, "globex", "fifth");
    CHECK(wait_event(&op, "globex:fifth:started"));
    CHECK(!strstr(seen, "missed") && !strstr(seen, "fourth"));
    /* one who asks from a number that never was */
    query.since = 5000;
    query.follow = false;
    seen[0] = '\0';
    CHECK(client_open(&bed, &late, OPERATOR));
    late.on_event = note;
    client_call(&late, WIRE_MSG_events, &query);
    CHECK_CODE(0);
    CHECK(strstr(seen, ":missed") && strstr(seen, "globex:fifth:started"));
    client_close(&late);
    client_close(&op);
    bed_close(&bed);
}

static bool read_console(struct client *c, const char *text)
{
    struct wire_frame frame;
    char all[8192] = "";

    while (!strstr(all, text)) {
        if (!client_receive(c, &frame, 5000) ||
            frame.message->number != WIRE_MSG_console_data)
            return false;
        const struct wire_console_data *d = frame.body;
        size_t len = strlen(all);
        for (uint32_t i = 0; i < d->n_data && len < sizeof(all) - 1; i++)
            if (d->data[i])
                all[len++] = (char)d->data[i];
        all[len] = '\0';
    }
    return true;
}

static void consoles(void)
{
    struct bed bed = { 0 };
    struct client c, second;
    const struct wire_console_data typed = { (const uint8_t *)"hello\r", 6,
                                             0 };
    struct wire_frame frame;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    make(&bed, "acme", "web");
    struct wire_partition_ref web = ref("acme", "web");
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_call(&c, WIRE_MSG_console_attach, &web));
    CHECK(client_send(&c, WIRE_MSG_console_data, &typed));
    CHECK(read_console(&c, "hello"));
    CHECK(client_open(&bed, &second, OPERATOR));
    CHECK(!client_call(&second, WIRE_MSG_console_attach, &web));
    CHECK_CODE(VDC_E_BUSY);
    /* the client goes, and another comes */
    client_close(&c);
    for (int i = 0; i < 100; i++) {
        if (client_call(&second, WIRE_MSG_console_attach, &web))
            break;
        sleep_ms(20);
    }
    CHECK_CODE(0);
    CHECK(client_send(&second, WIRE_MSG_console_data, &typed));
    CHECK(read_console(&second, "hello"));
    /* the guest goes */
    end(&bed, "acme", "web");
    while (client_receive(&second, &frame, 5000))
        ;
    CHECK_CODE(VDC_E_CLOSED);
    client_close(&second);
    make(&bed, "acme", "off");
    struct wire_partition_ref off = ref("acme", "off");
    off.keep = true;
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &off));
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(!client_call(&c, WIRE_MSG_console_attach, &off));
    CHECK_CODE(VDC_E_WRONG_STATE);
    client_close(&c);
    bed_close(&bed);
}

/* A client that types and does not read holds up nobody, and its console goes
 * on when it reads at last. */
static void console_pressure(void)
{
    struct bed bed = { 0 };
    struct client c;
    uint8_t block[4096];
    const struct wire_console_data typed = { block, sizeof(block), 0 };
    const struct wire_console_data last = { (const uint8_t *)"end", 3, 0 };
    struct wire_frame frame;
    size_t got = 0;
    const size_t n = 100;

    bed_open(&bed);
    bed_start(&bed);
    make(&bed, "", "web");
    memset(block, 'x', sizeof(block));
    struct wire_partition_ref web = ref("", "web");
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_call(&c, WIRE_MSG_console_attach, &web));
    for (size_t i = 0; i < n; i++)
        CHECK(client_send(&c, WIRE_MSG_console_data, &typed));
    sleep_ms(200);
    CHECK(list(&bed, OPERATOR, "", false)->n_partitions == 1);
    while (client_receive(&c, &frame, 500)) {
        const struct wire_console_data *d = frame.body;
        for (uint32_t i = 0; i < d->n_data; i++)
            got += d->data[i] == 'x';
    }
    /* a console loses what is not read in time; but it goes on */
    CHECK(got > 0 && got <= n * sizeof(block));
    CHECK(client_send(&c, WIRE_MSG_console_data, &last));
    CHECK(read_console(&c, "end"));
    client_close(&c);
    bed_close(&bed);
}

static void too_many(void)
{
    struct bed bed = { 0 };
    static struct client all[70];
    struct wire_frame frame;
    unsigned n_refused = 0;

    bed_open(&bed);
    bed_start(&bed);
    for (int i = 0; i < 70; i++) {
        CHECK(client_open_raw(&bed, &all[i], OPERATOR));
        if (i < 64)
            continue;
        if (client_receive(&all[i], &frame, 2000) &&
            frame.message->number == WIRE_MSG_error) {
            wire_error_take(frame.body, &last_error);
            CHECK_CODE(VDC_E_BUSY);
            n_refused++;
        }
    }
    CHECK(n_refused == 6);
    if (geteuid() == 0) {
        /* others are not concerned */
        list(&bed, NOBODY_UID, "", false);
        CHECK_CODE(VDC_E_DENIED);
    }
    for (int i = 0; i < 70; i++)
        client_close(&all[i]);
    CHECK(bed_wait_joined(&bed, true));
    bed_close(&bed);
}

static void rubbish(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_frame frame;

    bed_open(&bed);
    bed_start(&bed);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t bytes[64];
        for (size_t j = 0; j < sizeof(bytes); j++)
            bytes[j] = (uint8_t)(i * 31 + j * 17 * (i % 7 + 1));
        CHECK(i % 2 ? client_open(&bed, &c, OPERATOR)
                    : client_open_raw(&bed, &c, OPERATOR));
        if (i % 3)
            stream_blocking_send(c.fd, bytes, 1 + i % 64, NULL);
        else
            CHECK(write(c.fd, bytes, sizeof(bytes)) > 0);
        if (i % 5 == 0)
            client_receive(&c, &frame, 50);
        client_close(&c);
    }
    CHECK(bed_wait_joined(&bed, true));
    bed_close(&bed);
}

/* Asks and asks and reads nothing: is dropped, and others are served. */
static void deaf(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_partition_query query;
    uint8_t *frame;
    size_t size;
    bool dropped = false;

    bed_open(&bed);
    bed_start(&bed);
    wire_init(&wire_struct_partition_query, &query);
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(wire_encode(WIRE_MSG_partition_list, 7, &query, answers, &frame,
                      &size, NULL) == 0);
    for (unsigned i = 0; i < 400000 && !dropped; i++)
        dropped = stream_blocking_send(c.fd, frame, size, &last_error) != 0;
    CHECK(dropped);
    CHECK(bed_logged(&bed, "does not read"));
    client_close(&c);
    CHECK(bed_wait_joined(&bed, true));
    bed_close(&bed);
}

static void silent(void)
{
    struct bed bed = { 0 };
    struct client c;
    struct wire_frame frame;

    bed_open(&bed);
    bed_start(&bed);
    CHECK(client_open_raw(&bed, &c, OPERATOR));
    CHECK(!client_receive(&c, &frame, 9000));
    CHECK_CODE(VDC_E_TIMEOUT);
    CHECK(!client_receive(&c, &frame, 2500));
    CHECK_CODE(VDC_E_CLOSED);
    client_close(&c);
    bed_close(&bed);
}

const struct sim_test tests_streams[] = {
    { "events", events },
    { "events as they happen", followed },
    { "numbers of events go back", numbers_go_back },
    { "consoles", consoles },
    { "a console not read for a while", console_pressure },
    { "too many connections", too_many },
    { "rubbish", rubbish },
    { "a client that does not read", deaf },
    { "a client that does not say hello", silent },
    { NULL, NULL },
};
