/*
 * channeld: channels between programs of dom0 and of guests, on a simulated
 * host; what is refused, and with which words.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan/packet.h"
#include "tests/sim/channel_bed.h"

static const char rules[] = "echo  @any      @any   allow\n"
                            "few   @any      @any   allow channels=2\n"
                            "small @any      @any   allow size=8K\n"
                            "acme/db acme    acme   allow\n"
                            "own   @same-customer @same-customer allow\n"
                            "shut  @any      @host  deny\n"
                            "shut  @any      acme   allow\n";

/* acme.web, acme.db, globex.app */
enum { WEB, DB, APP };

static struct bed *bed_with_guests(const char *conf)
{
    struct bed *bed = bed_new(rules, conf);

    bed_add_guest(bed, "acme", "web");
    bed_add_guest(bed, "acme", "db");
    bed_add_guest(bed, "globex", "app");
    bed_start(bed);
    for (unsigned i = 0; i < 3; i++)
        bed_start_guest(bed, i);
    return bed;
}

/* The other program's end of a new channel, and that it is one. */
static void check_joined(struct bed_program *client,
                         struct bed_program *server, const char *service,
                         const char *to)
{
    struct bed_end *end = bed_connect(client, service, to), *other = NULL;

    CHECK(end != NULL);
    if (!end) {
        printf("    %s\n", client->error.text);
        return;
    }
    for (unsigned i = 0; i < server->n_ends; i++)
        if (server->ends[i]->id == end->id && server->ends[i] != end)
            other = server->ends[i];
    CHECK(bed_is_joined(end, other));
    bed_end(client, end);
    /* the other end is told */
    uint64_t until = clock_mono().ms + 5000;
    while (server->n_ends && clock_mono().ms < until)
        bed_pause(server->bed, 5);
    CHECK(server->n_ends == 0);
    CHECK_HAS(server->error.text, "the test is done with it");
}

static void test_everywhere(void)
{
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *host2 = bed_program(bed, bed->socket), *guest[3],
                       *web2;

    for (unsigned i = 0; i < 3; i++)
        guest[i] = bed_program(bed, bed->guests[i].socket);
    web2 = bed_program(bed, bed->guests[WEB].socket);
    CHECK(bed_offer(host, "echo"));
    for (unsigned i = 0; i < 3; i++)
        CHECK(bed_offer(guest[i], "echo"));
    check_joined(host2, host, "echo", "");
    check_joined(host, host, "echo", "@host");
    check_joined(host, guest[WEB], "echo", "acme.web");
    check_joined(host, guest[APP], "echo", "app");
    check_joined(guest[WEB], host, "echo", "");
    check_joined(guest[WEB], guest[DB], "echo", "db");
    check_joined(guest[WEB], guest[APP], "echo", "globex.app");
    check_joined(web2, guest[WEB], "echo", "web");
    check_joined(guest[WEB], guest[WEB], "echo", "web");
    CHECK(bed_count_channels(host) == 0);
    for (unsigned i = 0; i < 3; i++)
        bed_program_free(guest[i]);
    bed_program_free(web2);
    bed_program_free(host);
    bed_program_free(host2);
    bed_free(bed);
}

/* ---- what is refused ---- */

static void refused(struct bed_program *program, const char *service,
                    const char *to, int code, const char *text,
                    const char *hint)
{
    struct bed_end *end = bed_connect(program, service, to);

    CHECK(end == NULL);
    CHECK(program->error.code == code);
    CHECK_HAS(program->error.text, text);
    CHECK_HAS(program->error.hint, hint);
}

static void test_refusals(void)
{
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *web = bed_program(bed, bed->guests[WEB].socket),
                       *db = bed_program(bed, bed->guests[DB].socket),
                       *db2 = bed_program(bed, bed->guests[DB].socket),
                       *app = bed_program(bed, bed->guests[APP].socket);

    CHECK(bed_offer(db, "shut"));
    CHECK(bed_offer(db, "acme/db"));
    CHECK(bed_offer(db, "own"));
    refused(web, "Echo!", "db", VDC_E_BAD_VALUE,
            "'Echo!' cannot be a service's name", "a word of a-z");
    refused(web, "echo", "db", VDC_E_NOT_FOUND, "acme.db offers no 'echo' now",
            "must run there");
    refused(web, "echo", "", VDC_E_NOT_FOUND, "the host offers no 'echo'",
            "must run there");
    refused(web, "shut", "", VDC_E_DENIED, "'shut' of the host is denied by ",
            "the operator decides in ");
    CHECK_HAS(web->error.text, "rules:6: shut  @any      @host  deny");
    refused(web, "other", "db", VDC_E_DENIED,
            "no rule allows 'other' of acme.db for you", "decides in ");
    refused(web, "echo", "nobody", VDC_E_NOT_FOUND,
            "there is no 'echo' at 'nobody' that you may connect to",
            "channel-rule-check echo FROM nobody");
    /* what one may not know of is as what is not there */
    refused(app, "acme/db", "acme.db", VDC_E_NOT_FOUND,
            "there is no 'acme/db' at 'acme.db' that you may connect to", "");
    refused(app, "own", "acme.db", VDC_E_NOT_FOUND,
            "there is no 'own' at 'acme.db' that you may connect to", "");
    refused(host, "own", "acme.db", VDC_E_DENIED,
            "no rule allows 'own' of acme.db for you", "");

    CHECK(!bed_offer(app, "acme/db"));
    CHECK_HAS(app->refusal.text,
              "no rule allows globex.app to offer 'acme/db'");
    CHECK_HAS(app->refusal.hint, "the operator decides in ");
    CHECK(!bed_offer(host, "shut"));
    CHECK(!bed_offer(web, "Echo!"));
    CHECK_HAS(web->refusal.text, "'Echo!' cannot be a service's name");
    CHECK(!bed_offer(db2, "own"));
    CHECK(db2->refusal.code == VDC_E_EXISTS);
    CHECK_HAS(db2->refusal.text, "'own' is offered by acme.db already");
    db->refuse = true;
    refused(web, "own", "db", VDC_E_BUSY,
            "'own' was refused by its offerer: come back on Monday", "");
    CHECK(web->n_ends == 0); /* not even the memory that it had given */
    CHECK(bed_count_channels(host) == 0);
    bed_program_free(web);
    bed_program_free(db);
    bed_program_free(db2);
    bed_program_free(app);
    bed_program_free(host);
    bed_free(bed);
}

static void test_sizes_and_limits(void)
{
    struct bed *bed = bed_with_guests("partition_channels = 3\n");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *web = bed_program(bed, bed->guests[WEB].socket);
    struct wire_channel_connect connect;

    CHECK(bed_offer(host, "echo"));
    CHECK(bed_offer(host, "few"));
    CHECK(bed_offer(host, "small"));
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = "small";
    connect.to_server = MEM_KIB(16);
    connect.to_client = MEM_KIB(4);
    bed_connect_begin(web, &connect);
    CHECK(bed_run(bed, &web->done, 5000) && !web->last);
    CHECK_HAS(web->error.text, "has rings of at most 8 KiB (small @any");
    connect.to_server = MEM_KIB(5);
    bed_connect_begin(web, &connect);
    CHECK(bed_run(bed, &web->done, 5000) && !web->last);
    CHECK_HAS(web->error.text, "a ring has 4 KiB to 4 MiB, a power of two");
    connect.layout = WIRE_LAYOUT_VCHAN;
    bed_connect_begin(web, &connect);
    CHECK(bed_run(bed, &web->done, 5000) && !web->last);
    CHECK(web->error.code == VDC_E_UNSUPPORTED);

    CHECK(bed_connect(web, "few", "") != NULL);
    struct bed_end *second = bed_connect(web, "few", "");
    CHECK(second != NULL);
    refused(web, "few", "", VDC_E_QUOTA,
            "acme.web has 2 channels (few 2), and 1 more would be over the "
            "limit of 2 (few   @any      @any   allow channels=2)",
            "the rule in line 2");
    CHECK(bed_connect(web, "echo", "") != NULL);
    refused(web, "echo", "", VDC_E_QUOTA,
            "acme.web has 3 channels (few 2, echo 1), and 1 more would be "
            "over the limit of 3 (partition_channels)",
            "raise partition_channels");
    bed_end(web, second);
    CHECK(bed_connect(web, "echo", "") != NULL);
    CHECK(bed_count_channels(host) == 3);
    bed_program_free(web);
    bed_program_free(host);
    bed_free(bed);
}

static bool has_a_channel(void *arg)
{
    return bed_count_channels(arg) == 1;
}

/* An offerer that never answers: the client's time, and nothing left. */
static void test_time_out(void)
{
    const unsigned limit_ms = 300 * bed_time_factor();
    char words[80];
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket);
    struct wire_channel_offer offer;
    struct wire_channel_connect connect;
    int raw = raw_open(bed->socket, "a stone");
    unsigned fds = bed_fds_at_rest(bed);

    wire_init(&wire_struct_channel_offer, &offer);
    offer.service = "echo";
    raw_say(raw, WIRE_MSG_channel_offer, 2, &offer);
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = "echo";
    connect.timeout_ms = limit_ms;
    bed_pause(bed, limit_ms / 6);
    bed_connect_begin(host, &connect);
    CHECK(bed_until(bed, has_a_channel, host, limit_ms / 8)); /* asked */
    CHECK(bed_run(bed, &host->done, 5000) && !host->last);
    CHECK(host->error.code == VDC_E_TIMEOUT);
    snprintf(words, sizeof(words),
             "'echo' of the host did not answer in %u ms", limit_ms);
    CHECK_HAS(host->error.text, words);
    CHECK_HAS(host->error.hint, "may be stuck");
    CHECK(bed_count_channels(host) == 0);
    CHECK(bed_fds_at_rest(bed) == fds);
    /* it dies in the middle of another */
    bed_connect_begin(host, &connect);
    bed_pause(bed, limit_ms / 6);
    close(raw);
    CHECK(bed_run(bed, &host->done, 5000) && !host->last);
    CHECK(host->error.code == VDC_E_CLOSED);
    CHECK_HAS(host->error.text, "the other end of 'echo' has gone: its "
                                "program has ended");
    refused(host, "echo", "", VDC_E_NOT_FOUND, "the host offers no 'echo'",
            "");
    CHECK(bed_fds_at_rest(bed) == fds - 1);
    bed_program_free(host);
    bed_free(bed);
}

/* ---- what goes through them ---- */

struct counting {
    struct broker_counts counts;
    unsigned asked;
};

static void say_counts(void *arg, struct broker_counts *ret)
{
    struct counting *counting = arg;

    counting->asked++;
    *ret = counting->counts;
}

struct counted {
    struct bed_program *program;
    uint64_t id, sent, received; /* awaited */
    struct arena *arena;
    struct wire_channel row;
};

static bool is_counted(void *arg)
{
    struct counted *counted = arg;
    struct wire_channel_query query;
    const void *body;

    wire_init(&wire_struct_channel_query, &query);
    query.id = counted->id;
    if (bed_ask(counted->program, WIRE_MSG_channel_list, &query,
                counted->arena, &body))
        return false;
    counted->row = ((const struct wire_channel_list *)body)->channels[0];
    return counted->row.sent == counted->sent &&
           counted->row.received == counted->received;
}

/* One end tells by itself, the other is asked. */
static void test_counts(void)
{
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *web = bed_program(bed, bed->guests[WEB].socket);
    struct counting counting = { .counts = { .sent = 70, .received = 100,
                                             .messages = 3, .notifications = 2,
                                             .stalls = 1 } };
    const struct broker_counts own = { 101, 69, 4, 1, 5 };
    struct arena *arena = arena_new();

    CHECK(bed_offer(host, "echo"));
    struct bed_end *client = bed_connect(web, "echo", "");
    CHECK(client && host->n_ends == 1);
    struct counted row = { host, client->id, 100, 70, arena };
    struct broker_channel *server = host->ends[0]->channel;
    broker_count_by(host->broker, server, say_counts, &counting);
    CHECK(bed_until(bed, is_counted, &row, 5000));
    CHECK(row.row.messages == 3 && row.row.notifications == 2);
    CHECK(row.row.stalls == 1);
    /* each direction as its sender knows it */
    broker_count(web->broker, client->channel, &own);
    counting.counts.sent = 71;
    row.sent = 101;
    row.received = 71;
    CHECK(bed_until(bed, is_counted, &row, 5000));
    CHECK(row.row.messages == 4 && row.row.notifications == 3);
    CHECK(row.row.stalls == 6);
    bed_end(host, host->ends[0]);
    unsigned asked = counting.asked;
    CHECK(asked >= 2);
    bed_pause(bed, 2500);
    CHECK(counting.asked == asked); /* of no channel that has ended */
    arena_free(arena);
    bed_program_free(web);
    bed_program_free(host);
    bed_free(bed);
}

/* ---- rules that change ---- */

static void test_reload(void)
{
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *web = bed_program(bed, bed->guests[WEB].socket);
    struct arena *arena = arena_new();
    struct wire_empty empty;

    wire_init(&wire_struct_empty, &empty);
    CHECK(bed_offer(host, "echo"));
    struct bed_end *first = bed_connect(web, "echo", "");
    CHECK(first && host->n_ends == 1);
    bed_write(bed, "rules", "echo @any @any deny # no more\n");
    CHECK(bed_connect(web, "echo", "") != NULL); /* not read yet */
    CHECK(bed_ask(web, WIRE_MSG_channel_reload, &empty, arena, NULL) ==
          VDC_E_DENIED);
    CHECK(bed_ask(host, WIRE_MSG_channel_reload, &empty, arena, NULL) == 0);
    refused(web, "echo", "", VDC_E_DENIED, "denied by ", "");
    CHECK(bed_count_channels(host) == 2); /* what there was stays */
    CHECK(host->n_ends == 2 && web->n_ends == 2);
    CHECK(bed_is_joined(first, bed_find(host, first->id)));

    bed_write(bed, "rules", "echo @any @any maybe\n");
    CHECK(bed_ask(host, WIRE_MSG_channel_reload, &empty, arena, NULL) ==
          VDC_E_BAD_CONFIG);
    CHECK_HAS(host->error.text, "the rules stay as they were: ");
    CHECK_HAS(host->error.text, "rules:1: 'maybe' stands where allow or deny "
                                "must");
    refused(web, "echo", "", VDC_E_DENIED, "echo @any @any deny", "");

    bed_write(bed, "rules", "echo @any @any allow\n");
    kill(bed->pid, SIGHUP);
    bed_pause(bed, 200 * bed_time_factor());
    CHECK(bed_connect(web, "echo", "") != NULL);
    bed_write(bed, "rules", "broken\n");
    kill(bed->pid, SIGHUP);
    bed_pause(bed, 200 * bed_time_factor());
    CHECK(bed_connect(web, "echo", "") != NULL);
    CHECK(bed_logged(bed, "the rules stay as they were: "));
    arena_free(arena);
    bed_program_free(web);
    bed_program_free(host);
    bed_free(bed);
}

static void test_rule_check(void)
{
    struct bed *bed = bed_with_guests("");
    struct bed_program *host = bed_program(bed, bed->socket),
                       *web = bed_program(bed, bed->guests[WEB].socket);
    struct arena *arena = arena_new();
    struct wire_channel_rule_query query;
    const struct wire_channel_rule_reply *reply;
    const void *body = NULL;

    wire_init(&wire_struct_channel_rule_query, &query);
    query.service = "shut";
    query.from = "acme.web";
    query.to = "host";
    CHECK(!bed_ask(host, WIRE_MSG_channel_rule_check, &query, arena, &body));
    reply = body;
    CHECK(!reply->allowed);
    CHECK_HAS(reply->rule, "rules:6");
    CHECK(strcmp(reply->text, "shut  @any      @host  deny") == 0);
    query.to = "acme.not-running";
    CHECK(!bed_ask(host, WIRE_MSG_channel_rule_check, &query, arena, &body));
    reply = body;
    CHECK(reply->allowed);
    CHECK_HAS(reply->rule, "rules:7");
    query.service = "none";
    CHECK(!bed_ask(host, WIRE_MSG_channel_rule_check, &query, arena, &body));
    reply = body;
    CHECK(!reply->allowed && !*reply->rule);
    query.from = "nobody";
    CHECK(bed_ask(host, WIRE_MSG_channel_rule_check, &query, arena, &body) ==
          VDC_E_NOT_FOUND);
    CHECK_HAS(host->error.text, "no partition 'nobody' is running");
    /* a guest learns nothing of others' */
    query.from = "web";
    query.to = "globex.app";
    CHECK(bed_ask(web, WIRE_MSG_channel_rule_check, &query, arena, &body) ==
          VDC_E_NOT_FOUND);
    CHECK_HAS(web->error.text, "no partition 'globex.app' is running");
    query.to = "db";
    CHECK(!bed_ask(web, WIRE_MSG_channel_rule_check, &query, arena, &body));
    arena_free(arena);
    bed_program_free(web);
    bed_program_free(host);
    bed_free(bed);
}

/* ---- who a uid is ---- */

/* Somebody whom neither the settings nor policyd know, in a process of its
 * own: as the exit status, what it was told. */
static void test_stranger(void)
{
    struct bed *bed = bed_with_guests("");
    int status = 0;

    if (getuid()) {
        printf("    skipped: needs root\n");
        CHECK(true);
        bed_free(bed);
        return;
    }
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct arena *arena = arena_new();
        struct vdc_error err = { 0 };
        struct wire_frame frame;
        struct wire_hello hello;
        int fd;
        if (setuid(54003) || packet_connect(bed->socket, &fd, &err))
            _exit(1);
        wire_init(&wire_struct_hello, &hello);
        hello.protocol = WIRE_PROTOCOL;
        raw_say(fd, WIRE_MSG_hello, 1, &hello);
        int rc = raw_hear(fd, 10000, arena, &frame, &err);
        _exit(rc == VDC_E_NO_DAEMON &&
                      strstr(err.text, "policyd does not say whose login you "
                                       "are")
                  ? 42
                  : 2);
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    bed_free(bed);
}

static const struct bed_test tests[] = {
    { "channels between all kinds of ends", test_everywhere },
    { "what is refused", test_refusals },
    { "sizes and limits", test_sizes_and_limits },
    { "an offerer that does not answer", test_time_out },
    { "what goes through them", test_counts },
    { "rules are read again", test_reload },
    { "which rule decides", test_rule_check },
    { "somebody nobody knows", test_stranger },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
