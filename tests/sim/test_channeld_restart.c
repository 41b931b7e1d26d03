/*
 * channeld and guests that die with channels open, and ends that are hostile.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chan/packet.h"
#include "tests/sim/channel_bed.h"

static const char rules[] = "echo @any @any allow\n"
                            "own @same-customer @same-customer allow\n";

enum { WEB, DB, APP };

struct scene {
    struct bed *bed;
    struct bed_program *host, *guest[3];
};

static struct scene begin(void)
{
    struct scene s = { .bed = bed_new(rules, "") };

    bed_add_guest(s.bed, "acme", "web");
    bed_add_guest(s.bed, "acme", "db");
    bed_add_guest(s.bed, "globex", "app");
    bed_start(s.bed);
    s.host = bed_program(s.bed, s.bed->socket);
    CHECK(bed_offer(s.host, "echo"));
    for (unsigned i = 0; i < 3; i++) {
        bed_start_guest(s.bed, i);
        s.guest[i] = bed_program(s.bed, s.bed->guests[i].socket);
        CHECK(bed_offer(s.guest[i], "echo"));
    }
    return s;
}

static void end(struct scene *s)
{
    for (unsigned i = 0; i < 3; i++)
        bed_program_free(s->guest[i]);
    bed_program_free(s->host);
    bed_free(s->bed);
}

struct wanted {
    struct scene *s;
    unsigned open, all;
};

/* How many are in the registry, and how many of them wholly. */
static bool has_channels(void *arg)
{
    struct wanted *wanted = arg;
    struct arena *arena = arena_new();
    struct wire_channel_query query;
    const struct wire_channel_list *list;
    const void *body;
    unsigned open = 0, all = 0;

    wire_init(&wire_struct_channel_query, &query);
    if (wanted->s->host->ready &&
        !bed_ask(wanted->s->host, WIRE_MSG_channel_list, &query, arena,
                 &body)) {
        list = body;
        all = list->n_channels;
        for (uint32_t i = 0; i < list->n_channels; i++)
            open += list->channels[i].state == WIRE_CHANNEL_OPEN;
    }
    arena_free(arena);
    return open == wanted->open && all == wanted->all;
}

static bool wait_channels(struct scene *s, unsigned open, unsigned all,
                          unsigned timeout_ms)
{
    struct wanted wanted = { s, open, all };

    return bed_until(s->bed, has_channels, &wanted, timeout_ms);
}

/* One of each kind. */
static void open_five(struct scene *s, struct bed_end *ends[5])
{
    ends[0] = bed_connect(s->host, "echo", "");
    ends[1] = bed_connect(s->host, "echo", "acme.web");
    ends[2] = bed_connect(s->guest[WEB], "echo", "");
    ends[3] = bed_connect(s->guest[WEB], "echo", "db");
    ends[4] = bed_connect(s->guest[WEB], "echo", "web");
    for (unsigned i = 0; i < 5; i++)
        CHECK(ends[i] != NULL);
}

static void check_served(struct scene *s)
{
    struct bed_end *client = bed_connect(s->guest[DB], "echo", "acme.web");
    struct bed_end *server =
        client ? bed_find(s->guest[WEB], client->id) : NULL;

    CHECK(bed_is_joined(client, server));
    if (client)
        bed_end(s->guest[DB], client);
}

static void test_kill(void)
{
    struct scene s = begin();
    struct bed_end *ends[5];
    uint64_t last;

    open_five(&s, ends);
    CHECK(wait_channels(&s, 5, 5, 5000));
    last = ends[4]->id;
    for (unsigned round = 0; round < 3; round++) {
        CHECK(bed_stop(&s.bed->pid, SIGKILL) == 128 + SIGKILL);
        bed_pause(s.bed, 100);
        /* the channels do not need it */
        CHECK(bed_is_joined(ends[1], bed_find(s.guest[WEB], ends[1]->id)));
        CHECK(bed_is_joined(ends[3], bed_find(s.guest[DB], ends[3]->id)));
        bed_start(s.bed);
        CHECK(wait_channels(&s, 5, 5, 8000));
    }
    check_served(&s);
    struct bed_end *next = bed_connect(s.host, "echo", "");
    CHECK(next && next->id > last); /* numbers are not used again */
    /* the end of one is told to the other, as if nothing had been */
    bed_end(s.guest[WEB], ends[3]);
    CHECK(wait_channels(&s, 5, 5, 5000));
    end(&s);
}

static void test_guest_channeld_killed(void)
{
    struct scene s = begin();
    struct bed_end *ends[5];

    open_five(&s, ends);
    CHECK(bed_stop(&s.bed->guests[WEB].pid, SIGKILL) == 128 + SIGKILL);
    CHECK(wait_channels(&s, 1, 5, 5000)); /* the others are half there */
    bed_start_guest(s.bed, WEB);
    CHECK(wait_channels(&s, 5, 5, 8000));
    check_served(&s);
    end(&s);
}

struct told {
    const struct bed_program *program;
    const char *text;
};

static bool was_told(void *arg)
{
    struct told *told = arg;

    return strstr(told->program->error.text, told->text) != NULL;
}

/* A channel is out of the registry a moment before its ends are told. */
static void check_told(struct scene *s, unsigned guest, const char *text)
{
    struct told told = { s->guest[guest], text };

    if (!bed_until(s->bed, was_told, &told, 5000))
        CHECK_HAS(s->guest[guest]->error.text, text);
}

/* A guest's channeld that does not come back: after ten seconds its channels
 * are over, and the other ends are told. */
static void test_half(void)
{
    struct scene s = begin();
    struct bed_end *ends[5];

    open_five(&s, ends);
    unsigned had = s.guest[DB]->n_ends;
    bed_stop(&s.bed->guests[WEB].pid, SIGKILL);
    CHECK(wait_channels(&s, 1, 5, 5000));
    CHECK(wait_channels(&s, 1, 1, 15000));
    check_told(&s, DB, "the other end is not there");
    CHECK(s.guest[DB]->n_ends == had - 1);
    bed_start_guest(s.bed, WEB);
    bed_run(s.bed, &s.guest[WEB]->ready, 10000);
    /* what is over stays over, but for the channel within this guest: of
     * that both ends tell again */
    CHECK(wait_channels(&s, 2, 2, 15000));
    end(&s);
}

static void test_domain_ends(void)
{
    struct scene s = begin();
    struct bed_end *ends[5];
    struct arena *arena = arena_new();

    const char *before = bed_store(s.bed, arena);
    open_five(&s, ends);
    /* channels cost xenstore nothing */
    CHECK(strcmp(before, bed_store(s.bed, arena)) == 0);
    bed_destroy_guest(s.bed, WEB);
    CHECK(wait_channels(&s, 1, 1, 5000));
    check_told(&s, DB, "the domain has ended");
    /* the same number for another partition is another */
    CHECK(bed_connect(s.host, "echo", "acme.web") == NULL);
    arena_free(arena);
    end(&s);
}

/* ---- both ends of one program ---- */

static void open_to_itself(struct scene *s)
{
    CHECK(s->guest[WEB]->n_ends == 0);
    CHECK(bed_connect(s->guest[WEB], "echo", "web") != NULL);
    CHECK(s->guest[WEB]->n_ends == 2);
    CHECK(wait_channels(s, 1, 1, 5000));
}

static void guest_again(struct scene *s)
{
    bed_stop(&s->bed->guests[WEB].pid, SIGKILL);
    CHECK(wait_channels(s, 0, 1, 5000));
    bed_start_guest(s->bed, WEB);
    CHECK(wait_channels(s, 1, 1, 8000));
}

static void host_again(struct scene *s)
{
    bed_stop(&s->bed->pid, SIGKILL);
    bed_start(s->bed);
    CHECK(wait_channels(s, 1, 1, 8000));
}

#define COUNTED 77 /* bytes that the client says it has sent */

static bool is_counted(void *arg)
{
    struct scene *s = arg;
    struct arena *arena = arena_new();
    struct wire_channel_query query;
    const struct wire_channel_list *list;
    const void *body;
    bool yes = false;

    wire_init(&wire_struct_channel_query, &query);
    if (!bed_ask(s->host, WIRE_MSG_channel_list, &query, arena, &body)) {
        list = body;
        yes = list->n_channels && list->channels[0].sent == COUNTED;
    }
    arena_free(arena);
    return yes;
}

static bool has_none(void *arg)
{
    const struct bed_program *program = arg;

    return program->n_ends == 0;
}

/* Either end is ended: the program is told of the other. */
static void check_end(struct scene *s, bool is_client)
{
    struct bed_program *web = s->guest[WEB];
    struct bed_end *end = NULL;

    CHECK(web->n_ends == 2);
    for (unsigned i = 0; i < web->n_ends; i++)
        if (web->ends[i]->is_client == is_client)
            end = web->ends[i];
    CHECK(end != NULL);
    if (end)
        bed_end(web, end);
    CHECK(bed_until(s->bed, has_none, web, 2000));
}

static void count_client(struct scene *s)
{
    const struct broker_counts counts = { .sent = COUNTED };
    struct bed_program *web = s->guest[WEB];

    for (unsigned i = 0; i < web->n_ends; i++)
        if (web->ends[i]->is_client)
            broker_count(web->broker, web->ends[i]->channel, &counts);
    CHECK(bed_until(s->bed, is_counted, s, 8000));
}

/* A guest's channeld that came anew knows of both, and so does a channeld of
 * the host that comes after it. */
static void test_both_ends(void)
{
    struct scene s = begin();

    open_to_itself(&s);
    guest_again(&s);
    check_end(&s, true);
    CHECK(wait_channels(&s, 0, 0, 5000));
    open_to_itself(&s);
    guest_again(&s);
    host_again(&s);
    check_end(&s, false);
    CHECK(wait_channels(&s, 0, 0, 5000));
    end(&s);
}

/* The one tells how much went through it, alone; the other stays known. */
static void test_both_ends_counted(void)
{
    struct scene s = begin();

    open_to_itself(&s);
    count_client(&s);
    host_again(&s);
    CHECK(bed_until(s.bed, is_counted, &s, 8000));
    /* there is nobody but the guest's channeld to tell of an end */
    bed_stop(&s.bed->pid, SIGKILL);
    check_end(&s, true);
    bed_start(s.bed);
    CHECK(wait_channels(&s, 0, 0, 8000));
    end(&s);
}

/* ---- hostile ends ---- */

static int answer_to(int fd, uint32_t id, struct arena *arena,
                     struct vdc_error *err)
{
    struct wire_frame frame;
    int rc;

    do
        rc = raw_hear(fd, 5000, arena, &frame, err);
    while (rc != VDC_E_TIMEOUT && rc != VDC_E_CLOSED && frame.id != id);
    return rc;
}

static void say_channel(int fd, enum wire_message_number number, uint32_t id,
                        const struct wire_channel *channel)
{
    struct wire_channel_hello hello;
    struct wire_channel_opened opened;
    struct wire_channel_claim claim;

    wire_init(&wire_struct_channel_hello, &hello);
    wire_init(&wire_struct_channel_opened, &opened);
    wire_init(&wire_struct_channel_claim, &claim);
    claim.channel = *channel;
    hello.n_claims = 1;
    hello.claims = &claim;
    opened.channel = *channel;
    raw_say(fd, number, id,
            number == WIRE_MSG_channel_hello ? (void *)&hello
                                             : (void *)&opened);
}

/* A guest that speaks for itself, and lies. */
static void test_liar(void)
{
    struct scene s = begin();
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    char name[32];
    struct bed_end *ends[5];
    struct wire_channel_ref ref;

    open_five(&s, ends);
    struct wire_channel theirs = *ends[3]->channel->info;
    bed_stop(&s.bed->guests[APP].pid, SIGKILL);
    CHECK(raw_open(s.bed->guests_socket, "domain 999") < 0);
    snprintf(name, sizeof(name), "domain %u", s.bed->guests[APP].domid);
    int fd = raw_open(s.bed->guests_socket, name);
    CHECK(fd >= 0);
    /* it ends nobody's channel, and cannot tell it from none */
    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = ends[3]->id;
    raw_say(fd, WIRE_MSG_channel_close, 5, &ref);
    CHECK(answer_to(fd, 5, arena, &err) == VDC_E_NOT_FOUND);
    char told[1024];
    snprintf(told, sizeof(told), "there is no channel %llu",
             (unsigned long long)ref.id);
    CHECK_HAS(err.text, told);
    ref.id = 4711;
    raw_say(fd, WIRE_MSG_channel_close, 6, &ref);
    CHECK(answer_to(fd, 6, arena, &err) == VDC_E_NOT_FOUND);
    CHECK_HAS(err.text, "there is no channel 4711");
    /* it claims one of others, one to come, and one that was never */
    say_channel(fd, WIRE_MSG_channel_hello, 7, &theirs);
    CHECK(answer_to(fd, 7, arena, &err) == 0);
    theirs.client.domid = s.bed->guests[APP].domid;
    say_channel(fd, WIRE_MSG_channel_hello, 8, &theirs);
    CHECK(answer_to(fd, 8, arena, &err) == 0);
    theirs.id = UINT64_MAX;
    say_channel(fd, WIRE_MSG_channel_hello, 9, &theirs);
    CHECK(answer_to(fd, 9, arena, &err) == 0);
    /* it answers what it was not asked */
    theirs.id = ends[3]->id;
    say_channel(fd, WIRE_MSG_channel_opened, 10, &theirs);
    say_channel(fd, WIRE_MSG_channel_opened, 0x80000001u, &theirs);
    say_channel(fd, WIRE_MSG_channel_incoming, 11, &theirs);
    CHECK(answer_to(fd, 11, arena, &err) == VDC_E_UNSUPPORTED);
    CHECK(wait_channels(&s, 5, 5, 5000));
    for (unsigned i = 0; i < 5; i++)
        CHECK(ends[i]->channel != NULL);
    close(fd);
    arena_free(arena);
    end(&s);
}

/* How long others wait for a channel. */
static uint64_t time_channel(const struct scene *s)
{
    uint64_t before = clock_mono().ms;
    struct bed_end *one = bed_connect(s->guest[WEB], "echo", "db");

    CHECK(one != NULL);
    uint64_t after = clock_mono().ms;
    if (one)
        bed_end(s->guest[WEB], one);
    return after - before;
}

/* More than anybody can want, of everything. */
static void flood(bool reads)
{
    struct scene s = begin();
    struct arena *arena = arena_new();
    struct wire_channel_connect connect;
    struct wire_channel_query query;
    struct bed_end *ends[5];
    char name[32];
    unsigned sent = 0;

    open_five(&s, ends);
    bed_stop(&s.bed->guests[APP].pid, SIGKILL);
    snprintf(name, sizeof(name), "domain %u", s.bed->guests[APP].domid);
    int fd = raw_open(s.bed->guests_socket, name);
    unsigned long memory = bed_memory(s.bed->pid);
    unsigned fds = bed_count_fds(s.bed->pid);
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = "echo";
    connect.to = "acme.web"; /* whose memory it will never give */
    wire_init(&wire_struct_channel_query, &query);
    uint64_t alone = time_channel(&s);
    uint64_t slowest = 0, until = clock_mono().ms + 2000;
    uint8_t *data, *list;
    size_t size, list_size;
    wire_encode(WIRE_MSG_channel_connect, 3, &connect, arena, &data, &size,
                NULL);
    wire_encode(WIRE_MSG_channel_list, 4, &query, arena, &list, &list_size,
                NULL);
    while (clock_mono().ms < until) {
        for (unsigned i = 0; i < 200; i++) {
            static char buf[65536];
            while (reads && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
                ;
            sent += send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
            if (!reads) /* long answers, so that it is soon dropped */
                sent +=
                    send(fd, list, list_size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
        }
        uint64_t took = time_channel(&s);
        if (took > slowest)
            slowest = took;
    }
    unsigned long grown = bed_memory(s.bed->pid) - memory;
    printf("    a guest that %s answers: %u messages; the slowest channel of "
           "others took %llu ms; "
           "channeld grew by %lu KiB\n",
           reads ? "reads the" : "reads no", sent, (unsigned long long)slowest,
           grown);
    CHECK(sent > 100);
    /* on a machine that does much else a channel takes its time anyway */
    CHECK(slowest < 5000 + 20 * alone);
    /* valgrind's own memory grows with what goes through it */
    CHECK(grown < 8192 || getenv("VDC_VALGRIND"));
    close(fd);
    CHECK(wait_channels(&s, 5, 5, 5000));
    CHECK(bed_count_fds(s.bed->pid) <= fds);
    arena_free(arena);
    end(&s);
}

static void test_flood(void)
{
    flood(true);
    flood(false);
}

static const struct bed_test tests[] = {
    { "channeld is killed with channels open", test_kill },
    { "a guest's channeld is killed", test_guest_channeld_killed },
    { "a guest's channeld does not come back", test_half },
    { "a domain ends", test_domain_ends },
    { "both ends of one program", test_both_ends },
    { "and the one is counted", test_both_ends_counted },
    { "a guest that lies", test_liar },
    { "a guest that floods", test_flood },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
