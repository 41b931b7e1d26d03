/*
 * channeld and programs of dom0: places, time limits, and that each request
 * is answered.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chan/chan.h"
#include "chan/packet.h"
#include "tests/sim/channel_bed.h"

static const char rules[] = "echo @any @any allow\n";

/* ---- answers ---- */

static void test_refuses_itself(void)
{
    struct bed *bed = bed_new(rules, "");

    bed_start(bed);
    struct bed_program *host = bed_program(bed, bed->socket);
    CHECK(bed_offer(host, "echo"));
    host->refuse = true;
    CHECK(!bed_connect(host, "echo", ""));
    CHECK(host->done);
    CHECK_HAS(host->error.text,
              "'echo' was refused by its offerer: come back on Monday");
    CHECK(host->n_ends == 0 && bed_count_channels(host) == 0);
    host->refuse = false;
    CHECK(bed_connect(host, "echo", "") != NULL);
    bed_program_free(host);
    bed_free(bed);
}

/* The whole of what is answered is text, whatever the file was. */
static void test_answer_is_text(void)
{
    struct bed *bed = bed_new(rules, "");
    struct arena *arena = arena_new();
    struct wire_empty empty;

    wire_init(&wire_struct_empty, &empty);
    bed_start(bed);
    struct bed_program *host = bed_program(bed, bed->socket);
    bed_write(bed, "rules",
              "pip\xe9 @any @any allow\necho @\xff @any allow\n");
    CHECK(bed_ask(host, WIRE_MSG_channel_reload, &empty, arena, NULL) ==
          VDC_E_BAD_CONFIG);
    CHECK_HAS(host->error.text, "rules:1: a rule is UTF-8 text");
    bed_write(bed, "rules", "echo @any @any allow sch\xc3\xb6n\xc3\xb6=1\n");
    CHECK(bed_ask(host, WIRE_MSG_channel_reload, &empty, arena, NULL) ==
          VDC_E_BAD_CONFIG);
    CHECK_HAS(host->error.text, "sch\xc3\xb6n\xc3\xb6");
    arena_free(arena);
    bed_program_free(host);
    bed_free(bed);
}

/* ---- places ---- */

/* The next message is an error with these words. */
static bool is_told(int fd, int code, const char *words)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    bool ok = raw_hear(fd, 20000, arena, &frame, &err) == code &&
              strstr(err.text, words);

    if (!ok)
        printf("    wanted '%s' in '%s'\n", words, err.text);
    arena_free(arena);
    return ok;
}

static void test_silence(void)
{
    struct bed *bed = bed_new(rules, "");
    struct vdc_error err = { 0 };
    int silent;

    bed_start(bed);
    int greeted = raw_open(bed->socket, "quiet");
    unsigned fds = bed_fds_at_rest(bed);
    CHECK(!packet_connect(bed->socket, &silent, &err));
    uint64_t begun = clock_mono().ms;
    CHECK(is_told(silent, VDC_E_TIMEOUT, "no hello came in 10 s"));
    CHECK(clock_mono().ms - begun >= 9000);
    CHECK(is_told(silent, VDC_E_CLOSED, ""));
    CHECK(bed_fds_at_rest(bed) == fds);
    /* who has said hello stays */
    struct wire_empty empty;
    struct wire_frame frame;
    struct arena *arena = arena_new();
    wire_init(&wire_struct_empty, &empty);
    raw_say(greeted, WIRE_MSG_version, 2, &empty);
    CHECK(!raw_hear(greeted, 5000, arena, &frame, &err));
    arena_free(arena);
    close(silent);
    close(greeted);
    bed_free(bed);
}

/* A policyd that accepts, and says nothing. */
static int mute_policyd(struct bed *bed)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
             bed_path(bed, "policyd.sock"));
    CHECK(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
    CHECK(!listen(fd, 16));
    return fd;
}

/* In a process of its own: takes `n` places as this user, says so, and keeps
 * them until it is ended. */
static pid_t take_places(struct bed *bed, uid_t uid, unsigned n, int say)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid)
        return pid;
    int fd;
    char byte = 1;
    struct wire_hello hello;
    wire_init(&wire_struct_hello, &hello);
    hello.protocol = WIRE_PROTOCOL;
    if (setuid(uid))
        _exit(1);
    for (unsigned i = 0; i < n; i++) {
        if (packet_connect(bed->socket, &fd, NULL))
            _exit(2);
        raw_say(fd, WIRE_MSG_hello, 1, &hello);
    }
    if (write(say, &byte, 1) != 1)
        _exit(3);
    for (;;)
        pause();
}

struct child {
    pid_t pid;
    int status;
};

static bool has_ended(void *arg)
{
    struct child *child = arg;

    return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

/* Told which words by an own process of that user, as its exit status. */
static bool user_is_told(struct bed *bed, uid_t uid, int code,
                         const char *words)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        if (setuid(uid) || packet_connect(bed->socket, &fd, NULL))
            _exit(1);
        _exit(is_told(fd, code, words) ? 42 : 2);
    }
    struct child child = { .pid = pid };
    bed_until(bed, has_ended, &child, 30000);
    return WIFEXITED(child.status) && WEXITSTATUS(child.status) == 42;
}

#define USERS 13
#define PLACES 256 /* of a user */
#define FIRST_UID 54100
#define LOGINS 4 /* of a customer */

/* Strangers take all that there is for others; the provider has its own. */
static void test_places(void)
{
    struct rlimit before, more = { 8192, 8192 };
    struct bed *bed = bed_new(rules, "");
    int say[2];
    pid_t pids[USERS];
    char byte;

    if (getuid() || getrlimit(RLIMIT_NOFILE, &before) ||
        setrlimit(RLIMIT_NOFILE, &more)) {
        printf("    skipped: needs root and descriptors\n");
        CHECK(true);
        bed_free(bed);
        return;
    }
    int policyd = mute_policyd(bed);
    bed_start(bed);
    CHECK(!pipe(say));
    for (unsigned i = 0; i < USERS; i++) {
        pids[i] = take_places(bed, FIRST_UID + i, PLACES, say[1]);
        CHECK(read(say[0], &byte, 1) == 1);
        if (i == 0)
            CHECK(user_is_told(bed, FIRST_UID, VDC_E_QUOTA,
                               "uid 54100 has too many connections, 256"));
    }
    CHECK(user_is_told(bed, FIRST_UID + USERS, VDC_E_BUSY,
                       "channeld has too many connections"));
    struct bed_program *host = bed_program(bed, bed->socket);
    CHECK(host->ready);
    CHECK(bed_offer(host, "echo"));
    CHECK(bed_connect(host, "echo", "") != NULL);
    for (unsigned i = 0; i < USERS; i++) {
        kill(pids[i], SIGTERM);
        CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
    }
    close(say[0]);
    close(say[1]);
    close(policyd);
    bed_program_free(host);
    bed_free(bed);
    setrlimit(RLIMIT_NOFILE, &before);
}

/* ---- a policyd that says what the test wants ---- */

struct policyd {
    struct chan_listener *listener;
    struct chan *chan; /* the last; channeld has one at a time */
    const char *customer;
    unsigned n_pages; /* empty of us before the one that names the logins */
    unsigned n_asked;
};

static void policyd_say(struct policyd *policyd, uint32_t id,
                        enum wire_message_number number, const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    CHECK(!wire_encode(number, id, body, arena, &data, &size, NULL));
    chan_send(policyd->chan, data, size);
    arena_free(arena);
}

/* Page after page: aa, ab, ac ..., and at last the customer that has all
 * logins of the test. */
static void policyd_list(struct policyd *policyd, uint32_t id,
                         const struct wire_customer_ref *ref)
{
    unsigned page = *ref->from ? (unsigned)(ref->from[1] - 'a') + 1 : 0;
    char name[] = { 'a', (char)('a' + page), '\0' };
    struct wire_login logins[LOGINS];
    struct wire_customer customer;
    struct wire_customer_list list;

    policyd->n_asked++;
    wire_init(&wire_struct_customer, &customer);
    wire_init(&wire_struct_customer_list, &list);
    for (unsigned i = 0; i < LOGINS; i++) {
        wire_init(&wire_struct_login, &logins[i]);
        logins[i].user = "somebody";
        logins[i].uid = page < policyd->n_pages ? 99 : FIRST_UID + i;
    }
    customer.name = page < policyd->n_pages ? name : policyd->customer;
    customer.logins = logins;
    customer.n_logins = LOGINS;
    list.customers = &customer;
    list.n_customers = 1;
    list.next = page < policyd->n_pages ? name : "";
    policyd_say(policyd, id, WIRE_MSG_customer_list_reply, &list);
}

static void policyd_hears(void *arg, const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct policyd *policyd = arg;
    struct wire_frame frame;

    CHECK(!wire_decode(data, size, arena, &frame, NULL));
    if (frame.message->number == WIRE_MSG_hello)
        policyd_say(policyd, frame.id, WIRE_MSG_hello, frame.body);
    else
        policyd_list(policyd, frame.id, frame.body);
    arena_free(arena);
}

static void policyd_lost(void *arg, const struct vdc_error *err)
{
    struct policyd *policyd = arg;

    chan_destroy(policyd->chan);
    policyd->chan = NULL;
}

static const struct chan_ops policyd_ops = { .on_message = policyd_hears,
                                             .on_close = policyd_lost };

static void policyd_accepts(void *arg, struct chan *chan)
{
    struct policyd *policyd = arg;

    chan_destroy(policyd->chan);
    policyd->chan = chan;
    chan_set_ops(chan, &policyd_ops, policyd);
}

static bool policyd_begin(struct policyd *policyd, struct bed *bed)
{
    char address[160];
    struct vdc_error err = { 0 };

    snprintf(address, sizeof(address), "unix:%s",
             bed_path(bed, "policyd.sock"));
    int rc = chan_listen(bed->base, address, NULL, policyd_accepts, policyd,
                         &policyd->listener, &err);
    if (rc)
        printf("    %s\n", err.text);
    else
        chmod(bed_path(bed, "policyd.sock"), 0666);
    return rc == 0;
}

static void policyd_end(struct policyd *policyd)
{
    chan_destroy(policyd->chan);
    chan_listener_destroy(policyd->listener);
}

static bool has_said(void *arg)
{
    const int *fd = arg;
    struct pollfd poll_fd = { .fd = *fd, .events = POLLIN };

    return poll(&poll_fd, 1, 0) == 1;
}

/* Logins of one customer have so many places and no more, together. */
static void test_customer_places(void)
{
    struct policyd policyd = { .customer = "acme", .n_pages = 3 };
    struct bed *bed = bed_new(rules, "");
    pid_t pids[3];
    int say[2];
    char byte;

    if (getuid()) {
        printf("    skipped: needs root\n");
        CHECK(true);
        bed_free(bed);
        return;
    }
    CHECK(policyd_begin(&policyd, bed));
    bed_start(bed);
    CHECK(!pipe(say));
    for (unsigned i = 0; i < 3; i++) {
        pids[i] = take_places(bed, FIRST_UID + i, i < 2 ? PLACES - 4 : 8,
                              say[1]);
        CHECK(bed_until(bed, has_said, &say[0], 10000));
        CHECK(read(say[0], &byte, 1) == 1);
    }
    CHECK(user_is_told(bed, FIRST_UID + 3, VDC_E_QUOTA,
                       "the programs of acme have 512 connections"));
    CHECK(policyd.n_asked >= 4); /* to the last page */
    CHECK(user_is_told(bed, FIRST_UID + LOGINS, VDC_E_DENIED,
                       "uid 54104 is neither an operator nor a login"));
    for (unsigned i = 0; i < 3; i++) {
        kill(pids[i], SIGTERM);
        CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
    }
    close(say[0]);
    close(say[1]);
    policyd_end(&policyd);
    bed_free(bed);
}

/* As a user: what a request is answered after a while.  Exit status 42: that
 * its login is another's. */
static void ask_later(struct bed *bed, int say)
{
    struct arena *arena = arena_new();
    struct wire_channel_query query;
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_channel_query, &query);
    if (setuid(FIRST_UID))
        _exit(1);
    int fd = raw_open(bed->socket, "a program");
    raw_say(fd, WIRE_MSG_channel_list, 2, &query);
    if (raw_hear(fd, 20000, arena, &frame, &err) || write(say, "", 1) != 1)
        _exit(2);
    sleep(6);
    raw_say(fd, WIRE_MSG_channel_list, 3, &query);
    int rc = raw_hear(fd, 20000, arena, &frame, &err);
    _exit(rc == VDC_E_DENIED && frame.id == 3 &&
                  strstr(err.text, "uid 54100 is another customer's now")
              ? 42
              : 3);
}

static void test_login_moves(void)
{
    struct policyd policyd = { .customer = "acme" };
    struct bed *bed = bed_new(rules, "");
    struct child child = { 0 };
    int say[2];

    if (getuid()) {
        printf("    skipped: needs root\n");
        CHECK(true);
        bed_free(bed);
        return;
    }
    CHECK(policyd_begin(&policyd, bed));
    bed_start(bed);
    CHECK(!pipe(say));
    fflush(stdout);
    child.pid = fork();
    if (child.pid == 0)
        ask_later(bed, say[1]);
    CHECK(bed_until(bed, has_said, &say[0], 20000));
    CHECK(policyd.n_asked == 1); /* not for each request */
    policyd.customer = "globex";
    CHECK(bed_until(bed, has_ended, &child, 30000));
    CHECK(WIFEXITED(child.status) && WEXITSTATUS(child.status) == 42);
    CHECK(policyd.n_asked == 2);
    close(say[0]);
    close(say[1]);
    policyd_end(&policyd);
    bed_free(bed);
}

/* ---- who sets quotas ---- */

static int set_quota(struct bed_program *program, int64_t limit,
                     struct arena *arena)
{
    struct wire_channel_limits body;
    struct wire_channel_limit told;

    wire_init(&wire_struct_channel_limits, &body);
    wire_init(&wire_struct_channel_limit, &told);
    told.customer = "acme";
    told.limit = told.quota = limit;
    body.limits = &told;
    body.n_limits = 1;
    return bed_ask(program, WIRE_MSG_channel_limits, &body, arena, NULL);
}

/* As a user of the customer: exit status 42, if it may not. */
static void set_own_quota(struct bed *bed)
{
    struct arena *arena = arena_new();
    struct wire_channel_limits body;
    struct wire_channel_limit told;
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_channel_limits, &body);
    wire_init(&wire_struct_channel_limit, &told);
    told.customer = "acme";
    body.limits = &told;
    body.n_limits = 1;
    if (setuid(FIRST_UID))
        _exit(1);
    int fd = raw_open(bed->socket, "a program");
    raw_say(fd, WIRE_MSG_channel_limits, 2, &body);
    int rc = raw_hear(fd, 20000, arena, &frame, &err);
    _exit(rc == VDC_E_DENIED && strstr(err.text, "policyd sets the quotas")
              ? 42
              : 3);
}

static bool customer_is_refused(struct bed *bed)
{
    struct child child = { 0 };

    fflush(stdout);
    child.pid = fork();
    if (child.pid == 0)
        set_own_quota(bed);
    return bed_until(bed, has_ended, &child, 30000) &&
           WIFEXITED(child.status) && WEXITSTATUS(child.status) == 42;
}

/* A quota is what the operators' programs say, and nobody else. */
static void test_quotas(void)
{
    struct policyd policyd = { .customer = "acme" };
    struct bed *bed = bed_new(rules, "");
    struct arena *arena = arena_new();

    CHECK(policyd_begin(&policyd, bed));
    bed_start(bed);
    unsigned web = bed_add_guest(bed, "acme", "web");
    bed_start_guest(bed, web);
    struct bed_program *host = bed_program(bed, bed->socket);
    struct bed_program *guest = bed_program(bed, bed->guests[web].socket);
    CHECK(bed_offer(host, "echo"));
    CHECK(set_quota(host, 1, arena) == 0);
    CHECK(bed_connect(guest, "echo", "host") != NULL);
    CHECK(!bed_connect(guest, "echo", "host"));
    CHECK(guest->error.code == VDC_E_QUOTA);
    CHECK_HAS(guest->error.text, "over its quota of 1 channels");
    CHECK(set_quota(guest, 100, arena) != 0);
    if (getuid() == 0)
        CHECK(customer_is_refused(bed));
    CHECK(!bed_connect(guest, "echo", "host"));
    CHECK(guest->error.code == VDC_E_QUOTA);
    CHECK(set_quota(host, 2, arena) == 0);
    CHECK(bed_connect(guest, "echo", "host") != NULL);
    CHECK(set_quota(host, -1, arena) == 0);
    CHECK(bed_connect(guest, "echo", "host") != NULL);
    arena_free(arena);
    bed_program_free(guest);
    bed_program_free(host);
    policyd_end(&policyd);
    bed_free(bed);
}

static const struct bed_test tests[] = {
    { "a channel to oneself that is refused", test_refuses_itself },
    { "every answer is text", test_answer_is_text },
    { "who says nothing", test_silence },
    { "places of the provider", test_places },
    { "places of a customer", test_customer_places },
    { "a login that is another's", test_login_moves },
    { "who sets quotas of channels", test_quotas },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
