/*
 * A guest's channeld, and programs that answer it with something else than
 * they were asked for.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/channel_bed.h"

#define WAIT_MS 8000 /* less than channeld waits for an answer */
#define CONNECT 5 /* number of the client's request */

static const char rules[] = "echo @any @any allow\n"
                            "free @any @any allow\n";

static struct bed *bed;
static struct arena *arena;
static int server, client; /* of the guest, and of the host */

/* A client has asked for what the guest's program offers, which has heard of
 * it: number of that request, and of the channel. */
static uint32_t begin(uint64_t *ret_channel)
{
    struct wire_channel_connect connect;
    struct wire_channel_offer offer;
    struct vdc_error err = { 0 };
    struct wire_frame frame;

    bed = bed_new(rules, "");
    arena = arena_new();
    bed_add_guest(bed, "acme", "web");
    bed_start(bed);
    bed_start_guest(bed, 0);
    bed_program_free(bed_program(bed, bed->guests[0].socket));
    server = raw_open(bed->guests[0].socket, "server");
    client = raw_open(bed->socket, "client");
    wire_init(&wire_struct_channel_offer, &offer);
    offer.service = "echo";
    raw_say(server, WIRE_MSG_channel_offer, 2, &offer);
    CHECK(raw_hear(server, WAIT_MS, arena, &frame, &err) == 0);
    CHECK(frame.message->number == WIRE_MSG_ok);
    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = "echo";
    connect.to = "acme.web";
    raw_say(client, WIRE_MSG_channel_connect, CONNECT, &connect);
    /* the client gives the memory, and says that it has its own part */
    CHECK(raw_hear(server, WAIT_MS, arena, &frame, &err) == 0);
    CHECK(frame.message->number == WIRE_MSG_channel_incoming);
    *ret_channel =
        ((const struct wire_channel_opened *)frame.body)->channel.id;
    return frame.id;
}

static void end(void)
{
    struct bed_program *other = bed_program(bed, bed->guests[0].socket);

    bool taken = false;

    /* it goes on, and serves others */
    CHECK(bed->guests[0].pid && kill(bed->guests[0].pid, 0) == 0);
    for (unsigned i = 0; i < 40 && !taken; i++) {
        bed_pause(bed, i ? 500 : 0);
        taken = bed_offer(other, "free");
    }
    CHECK(taken);
    bed_program_free(other);
    arena_free(arena);
    bed_free(bed);
}

static void say_ref(int fd, enum wire_message_number number, uint32_t id,
                    uint64_t channel)
{
    struct wire_channel_ref ref;

    wire_init(&wire_struct_channel_ref, &ref);
    ref.id = channel;
    ref.reason = "no, thanks";
    raw_say(fd, number, id, &ref);
}

static void say_opened(uint32_t id, uint64_t channel)
{
    struct wire_channel_opened opened;

    wire_init(&wire_struct_channel_opened, &opened);
    opened.channel.id = channel;
    raw_say(server, WIRE_MSG_channel_opened, id, &opened);
}

/* The answer to a request, past what is said by itself. */
static int hear_answer(int fd, uint32_t id, struct wire_frame *ret,
                       struct vdc_error *err)
{
    int rc;

    do
        rc = raw_hear(fd, WAIT_MS, arena, ret, err);
    while (rc == 0 && ret->id != id);
    return rc;
}

/* It closes what it is asked about: that is a refusal. */
static void test_close(void)
{
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    uint64_t channel;
    uint32_t id = begin(&channel);

    say_ref(server, WIRE_MSG_channel_close, 3, channel);
    CHECK(raw_hear(server, WAIT_MS, arena, &frame, &err) == 0);
    CHECK(frame.id == 3 && frame.message->number == WIRE_MSG_ok);
    CHECK(hear_answer(client, CONNECT, &frame, &err) == VDC_E_CLOSED);
    CHECK_HAS(err.text, "the program has closed it");
    /* too late */
    say_opened(id, channel);
    close(server);
    close(client);
    end();
}

/* It tells of the channel as of one that it has, before it has taken it, in
 * more than one row, and answers then, or not at all. */
static void check_hello(bool answers)
{
    struct wire_channel_claim rows[3];
    struct wire_channel_hello hello;
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    uint64_t channel;
    uint32_t id = begin(&channel);

    wire_init(&wire_struct_channel_hello, &hello);
    for (unsigned i = 0; i < 3; i++) {
        wire_init(&wire_struct_channel_claim, &rows[i]);
        rows[i].channel.id = channel;
        rows[i].channel.service = "echo";
    }
    hello.claims = rows;
    hello.n_claims = 3;
    raw_say(server, WIRE_MSG_channel_hello, 3, &hello);
    CHECK(hear_answer(server, 3, &frame, &err) == 0);
    if (answers)
        say_opened(id, channel);
    else
        close(server);
    /* whatever becomes of it, the client is not left waiting */
    CHECK(hear_answer(client, CONNECT, &frame, &err) != VDC_E_TIMEOUT);
    if (answers)
        close(server);
    close(client);
    end();
}

static void test_hello(void)
{
    check_hello(true);
}

static void test_hello_and_end(void)
{
    check_hello(false);
}

/* The host's channeld goes while a program has not answered. */
static void test_host_goes(void)
{
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    uint64_t channel;
    uint32_t id = begin(&channel);

    say_ref(server, WIRE_MSG_channel_close, 3, channel);
    CHECK(raw_hear(server, WAIT_MS, arena, &frame, &err) == 0);
    bed_stop(&bed->pid, SIGKILL);
    bed_pause(bed, 300);
    say_opened(id, channel);
    bed_start(bed);
    close(server);
    close(client);
    end();
}

static const struct bed_test tests[] = {
    { "a program closes what it is asked about", test_close },
    { "a program tells of what it is asked about", test_hello },
    { "and ends", test_hello_and_end },
    { "and the host's channeld ends", test_host_goes },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
