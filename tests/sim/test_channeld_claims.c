/*
 * channeld and what ends tell of channels from before it: those that are, and
 * those of guests that lie, of an end's own customer and of another.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chan/broker_impl.h"
#include "chan/packet.h"
#include "tests/sim/channel_bed.h"

static const char rules[] = "echo @any @any allow\n";

enum { WEB, DB, OWN, APP, GUESTS };
#define REAL 2 /* WEB and DB; the others lie */
#define ENDS 5
#define CLAIMS_MOST 64

struct scene {
    struct bed *bed;
    struct bed_program *host, *guest[REAL];
    struct bed_end *ends[ENDS];
    struct arena *arena;
};

static void open_all(struct scene *s)
{
    s->ends[0] = bed_connect(s->host, "echo", "");
    s->ends[1] = bed_connect(s->host, "echo", "acme.web");
    s->ends[2] = bed_connect(s->guest[WEB], "echo", "");
    s->ends[3] = bed_connect(s->guest[WEB], "echo", "db");
    s->ends[4] = bed_connect(s->guest[WEB], "echo", "web");
    for (unsigned i = 0; i < ENDS; i++)
        CHECK(s->ends[i] != NULL);
}

static struct scene begin(const char *conf)
{
    struct scene s = { .bed = bed_new(rules, conf), .arena = arena_new() };

    bed_add_guest(s.bed, "acme", "web");
    bed_add_guest(s.bed, "acme", "db");
    bed_add_guest(s.bed, "acme", "own");
    bed_add_guest(s.bed, "globex", "app");
    bed_start(s.bed);
    s.host = bed_program(s.bed, s.bed->socket);
    CHECK(bed_offer(s.host, "echo"));
    for (unsigned i = 0; i < REAL; i++) {
        bed_start_guest(s.bed, i);
        s.guest[i] = bed_program(s.bed, s.bed->guests[i].socket);
        CHECK(bed_offer(s.guest[i], "echo"));
    }
    open_all(&s);
    return s;
}

static void end(struct scene *s)
{
    for (unsigned i = 0; i < REAL; i++)
        bed_program_free(s->guest[i]);
    bed_program_free(s->host);
    arena_free(s->arena);
    bed_free(s->bed);
}

/* ---- what is listed ---- */

static const struct wire_channel_list *list(struct scene *s)
{
    static const struct wire_channel_list none;
    struct wire_channel_query query;
    const void *body;

    wire_init(&wire_struct_channel_query, &query);
    if (!s->host->ready ||
        bed_ask(s->host, WIRE_MSG_channel_list, &query, s->arena, &body))
        return &none;
    return body;
}

struct wanted {
    struct scene *s;
    unsigned open;
};

static bool has_open(void *arg)
{
    struct wanted *wanted = arg;
    const struct wire_channel_list *l = list(wanted->s);
    unsigned open = 0;

    for (uint32_t i = 0; i < l->n_channels; i++)
        open += l->channels[i].state == WIRE_CHANNEL_OPEN;
    return open == wanted->open && l->n_channels == open;
}

static bool wait_open(struct scene *s, unsigned open)
{
    struct wanted wanted = { s, open };

    return bed_until(s->bed, has_open, &wanted, 10000);
}

static void check_alive(struct scene *s)
{
    CHECK(wait_open(s, ENDS));
    for (unsigned i = 0; i < ENDS; i++)
        CHECK(s->ends[i]->channel != NULL);
    CHECK(bed_is_joined(s->ends[1], bed_find(s->guest[WEB], s->ends[1]->id)));
    CHECK(bed_is_joined(s->ends[3], bed_find(s->guest[DB], s->ends[3]->id)));
}

/* ---- a guest that speaks for itself ---- */

static int open_liar(struct scene *s, unsigned guest)
{
    char name[32];

    snprintf(name, sizeof(name), "domain %u", s->bed->guests[guest].domid);
    int fd = raw_open(s->bed->guests_socket, name);
    CHECK(fd >= 0);
    return fd;
}

static void say_claims(int fd, uint32_t id,
                       const struct wire_channel_claim *claims, unsigned n)
{
    struct wire_channel_hello hello;

    wire_init(&wire_struct_channel_hello, &hello);
    hello.claims = (struct wire_channel_claim *)(uintptr_t)claims;
    hello.n_claims = n;
    raw_say(fd, WIRE_MSG_channel_hello, id, &hello);
}

/* Until the answer to this request, or for so long: how many channels it was
 * told to be over meanwhile. */
static unsigned count_closes(struct scene *s, int fd, uint32_t id, int ms)
{
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    unsigned closes = 0;
    int rc;

    do {
        rc = raw_hear(fd, ms, s->arena, &frame, &err);
        if (rc)
            break;
        closes += frame.message->number == WIRE_MSG_channel_close;
    } while (frame.id != id);
    if (id)
        CHECK(rc == 0);
    return closes;
}

/* Every number there may have been, as whatever the liar might be of it. */
static void claim_everything(struct scene *s, int fd, unsigned guest)
{
    struct wire_channel_claim claims[CLAIMS_MOST];
    uint32_t domid = s->bed->guests[guest].domid;
    unsigned n = 0;

    for (unsigned i = 0; i < ENDS; i++)
        for (unsigned how = 0; how < 6; how++) {
            struct wire_channel_claim *c = &claims[n++];
            struct wire_channel *row = &c->channel;
            wire_init(&wire_struct_channel_claim, c);
            *row = *s->ends[i]->channel->info;
            c->secret = how < 3 ? 0 : n * UINT64_C(0x9e3779b97f4a7c15);
            if (how % 3 != 1)
                row->client.domid = domid;
            if (how % 3 != 0)
                row->server.domid = domid;
            row->client.partition.bytes[0] ^= 1;
        }
    say_claims(fd, 5, claims, n);
    CHECK(count_closes(s, fd, 5, 5000) == n);
    say_claims(fd, 6, claims, n); /* again: nothing was kept */
    CHECK(count_closes(s, fd, 6, 5000) == n);
}

static void signal_real(struct scene *s, int signal_number)
{
    for (unsigned i = 0; i < REAL; i++)
        kill(s->bed->guests[i].pid, signal_number);
}

/* Liars are first after a restart. */
static void test_liars_first(void)
{
    struct scene s = begin("");
    int fds[GUESTS];

    CHECK(wait_open(&s, ENDS));
    signal_real(&s, SIGSTOP);
    CHECK(bed_stop(&s.bed->pid, SIGKILL) == 128 + SIGKILL);
    bed_start(s.bed);
    for (unsigned i = OWN; i <= APP; i++) {
        fds[i] = open_liar(&s, i);
        claim_everything(&s, fds[i], i);
    }
    /* only a channel within the host can have both its ends back */
    for (uint32_t i = 0; i < list(&s)->n_channels; i++)
        CHECK(list(&s)->channels[i].id == s.ends[0]->id);
    signal_real(&s, SIGCONT);
    check_alive(&s);
    /* and of channels that are open */
    for (unsigned i = OWN; i <= APP; i++)
        claim_everything(&s, fds[i], i);
    check_alive(&s);
    for (unsigned i = OWN; i <= APP; i++)
        close(fds[i]);
    end(&s);
}

/* One end's word is not shown, and costs the host nothing. */
static void test_alone(void)
{
    struct scene s = begin("host_channels = 6\n");

    CHECK(wait_open(&s, ENDS));
    kill(s.bed->guests[DB].pid, SIGSTOP);
    CHECK(bed_stop(&s.bed->pid, SIGKILL) == 128 + SIGKILL);
    bed_start(s.bed);
    CHECK(wait_open(&s, ENDS - 1));
    for (uint32_t i = 0; i < list(&s)->n_channels; i++)
        CHECK(list(&s)->channels[i].id != s.ends[3]->id);
    CHECK(bed_connect(s.host, "echo", "") != NULL);
    CHECK(bed_connect(s.host, "echo", "") != NULL);
    CHECK(bed_connect(s.host, "echo", "") == NULL);
    CHECK_HAS(s.host->error.text, "the host has 6 channels");
    kill(s.bed->guests[DB].pid, SIGCONT);
    /* it is there, whatever the limit is */
    CHECK(wait_open(&s, ENDS + 2));
    CHECK(bed_is_joined(s.ends[3], bed_find(s.guest[DB], s.ends[3]->id)));
    end(&s);
}

/* ---- channels that once were ---- */

/* Has a channel made and gives it up: what it was told of it.  `server`: to
 * itself; what it was told as that. */
static struct wire_channel_claim once(struct scene *s, int fd, uint32_t id,
                                      const char *to,
                                      struct wire_channel_claim *server)
{
    struct wire_channel_connect connect;
    struct wire_channel_claim claim;
    const struct wire_channel_opened *opened = NULL;
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    struct wire_error no;
    int rc;

    wire_init(&wire_struct_channel_connect, &connect);
    wire_init(&wire_struct_channel_claim, &claim);
    connect.service = "echo";
    connect.to = to;
    connect.to_server = connect.to_client = MEM_KIB(4);
    raw_say(fd, WIRE_MSG_channel_connect, id, &connect);
    vdc_error_set(&err, VDC_E_BUSY, "not now");
    wire_error_fill(&no, &err);
    if (raw_hear(fd, 5000, s->arena, &frame, &err) == 0) {
        opened = frame.body;
        claim.channel = opened->channel;
        claim.secret = opened->secret;
        CHECK(opened->secret != 0);
    }
    CHECK(opened != NULL);
    if (opened && server) {
        struct wire_channel_opened taken;
        wire_init(&wire_struct_channel_opened, &taken);
        taken.channel.id = opened->channel.id;
        raw_say(fd, WIRE_MSG_channel_opened, id, &taken);
        CHECK(raw_hear(fd, 5000, s->arena, &frame, &err) == 0);
        opened = frame.body;
        wire_init(&wire_struct_channel_claim, server);
        server->channel = opened->channel;
        server->secret = opened->secret;
        CHECK(server->secret != claim.secret);
        raw_say(fd, WIRE_MSG_error, frame.id, &no);
    } else {
        raw_say(fd, WIRE_MSG_error, id, &no);
    }
    /* whatever is said to it of this before the next answer */
    say_claims(fd, id + 1000, NULL, 0);
    do
        rc = raw_hear(fd, 5000, s->arena, &frame, &err);
    while (rc == VDC_E_BUSY || (rc == 0 && frame.id != id + 1000));
    CHECK(rc == 0);
    return claim;
}

/* What it was given once it can claim for a while: to nobody's loss. */
static void test_once(void)
{
    enum { LIMIT = 16, MORE = 5 };
    struct scene s = begin("partition_channels = 16\nhost_channels = 7\n");
    struct wire_channel_claim claims[LIMIT + MORE];

    for (unsigned guest = OWN; guest <= APP; guest++) {
        int fd = open_liar(&s, guest);
        for (unsigned i = 0; i < LIMIT + MORE; i++)
            claims[i] = once(&s, fd, 10 + i, "host", NULL);
        CHECK(bed_stop(&s.bed->pid, SIGKILL) == 128 + SIGKILL);
        close(fd);
        bed_start(s.bed);
        fd = open_liar(&s, guest);
        say_claims(fd, 5, claims, LIMIT + MORE);
        CHECK(count_closes(&s, fd, 5, 5000) == MORE);
        check_alive(&s);
        struct bed_end *one = bed_connect(s.host, "echo", "acme.web");
        CHECK(one != NULL);
        if (one)
            bed_end(s.host, one);
        /* another cannot use what it was given */
        int other = open_liar(&s, guest == OWN ? APP : OWN);
        say_claims(other, 5, claims, LIMIT + MORE);
        CHECK(count_closes(&s, other, 5, 5000) == LIMIT + MORE);
        close(other);
        uint64_t start = clock_mono().ms;
        while (count_closes(&s, fd, 0, 1000) < LIMIT &&
               clock_mono().ms - start < 20000)
            ;
        CHECK(clock_mono().ms - start < 20000);
        close(fd);
        check_alive(&s);
    }
    end(&s);
}

/* Who is both ends makes channels of them, but no more than by asking. */
static void test_both_ends(void)
{
    enum { LIMIT = 4, PAIRS = 6 };
    struct scene s = begin("partition_channels = 4\n");
    struct wire_channel_claim claims[2 * PAIRS];
    struct wire_channel_offer offer;
    int fd = open_liar(&s, APP);

    wire_init(&wire_struct_channel_offer, &offer);
    offer.service = "echo";
    raw_say(fd, WIRE_MSG_channel_offer, 5, &offer);
    CHECK(count_closes(&s, fd, 5, 5000) == 0);
    for (unsigned i = 0; i < PAIRS; i++)
        claims[2 * i] = once(&s, fd, 10 + i, "app", &claims[2 * i + 1]);
    say_claims(fd, 6, claims, 2 * PAIRS);
    /* both ends of those that are too many, the one that told before twice */
    CHECK(count_closes(&s, fd, 6, 5000) == 2 * (PAIRS - LIMIT));
    CHECK(wait_open(&s, ENDS + LIMIT));
    for (unsigned i = 0; i < ENDS; i++)
        CHECK(s.ends[i]->channel != NULL);
    close(fd);
    end(&s);
}

/* ---- secrets ---- */

static bool has_bytes(const uint8_t *data, size_t size, uint64_t value)
{
    for (size_t i = 0; i + sizeof(value) <= size; i++)
        if (memcmp(data + i, &value, sizeof(value)) == 0)
            return true;
    return false;
}

static void test_secret(void)
{
    struct scene s = begin("");
    uint8_t *data;
    size_t size;

    CHECK(wait_open(&s, ENDS));
    CHECK(wire_encode(WIRE_MSG_channel_list_reply, 1, list(&s), s.arena, &data,
                      &size, NULL) == 0);
    for (unsigned i = 0; i < ENDS; i++) {
        struct broker_entry *entry = (struct broker_entry *)s.ends[i]->channel;
        CHECK(entry->opened.secret != 0);
        CHECK(!has_bytes(data, size, entry->opened.secret));
        CHECK(has_bytes(data, size, entry->channel.id)); /* it does find */
    }
    end(&s);
}

/* ---- much of it ---- */

/* As many messages as go through, of as many claims as may be. */
static void test_flood(void)
{
    struct scene s = begin("");
    struct wire_channel_claim claims[CLAIMS_MOST + 1];
    struct wire_channel_rule_query query;
    int fd = open_liar(&s, APP);
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    unsigned sent = 0;
    uint64_t slowest = 0;
    static char buf[65536];

    for (unsigned i = 0; i <= CLAIMS_MOST; i++) {
        claims[i] = once(&s, fd, 10 + i, "host", NULL);
        claims[i].channel.sent = i;
    }
    say_claims(fd, 5, claims, CLAIMS_MOST);
    CHECK(count_closes(&s, fd, 5, 5000) == 0);
    wire_init(&wire_struct_channel_rule_query, &query);
    query.service = "echo";
    query.from = "acme.web";
    query.to = "host";
    struct wire_channel_hello hello;
    uint8_t *data;
    size_t size;
    wire_init(&wire_struct_channel_hello, &hello);
    hello.claims = claims;
    hello.n_claims = CLAIMS_MOST;
    wire_encode(WIRE_MSG_channel_hello, 7, &hello, s.arena, &data, &size,
                NULL);
    for (uint64_t until = clock_mono().ms + 2000; clock_mono().ms < until;) {
        for (unsigned i = 0; i < 50; i++) {
            sent += send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
            while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
                ;
        }
        uint64_t before = clock_mono().ms;
        CHECK(bed_ask(s.host, WIRE_MSG_channel_rule_check, &query, s.arena,
                      NULL) == 0);
        if (clock_mono().ms - before > slowest)
            slowest = clock_mono().ms - before;
    }
    printf("    %u messages of %d claims; the slowest answer to another took "
           "%llu ms\n",
           sent, CLAIMS_MOST, (unsigned long long)slowest);
    CHECK(sent > 100);
    CHECK(slowest < 1000 * bed_time_factor());
    while (raw_hear(fd, 200, s.arena, &frame, &err) == 0)
        ;
    /* a message of more is none; the library does not write it either */
    hello.n_claims = CLAIMS_MOST + 1;
    CHECK(wire_encode(WIRE_MSG_channel_hello, 8, &hello, s.arena, &data, &size,
                      NULL) != 0);
    close(fd);
    check_alive(&s);
    end(&s);
}

static const struct bed_test tests[] = {
    { "liars are first after a restart", test_liars_first },
    { "one end alone", test_alone },
    { "channels that once were", test_once },
    { "both ends of channels that once were", test_both_ends },
    { "secrets are not listed", test_secret },
    { "a flood of claims", test_flood },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
