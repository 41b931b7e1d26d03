/*
 * channeld and programs of dom0: places, time limits, and that each request
 * is answered.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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
    bed_write(bed, "rules", "pip\xe9 @any @any allow\necho @\xff @any allow\n");
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
    if (setuid(uid))
        _exit(1);
    for (unsigned i = 0; i < n; i++)
        if (packet_connect(bed->socket, &fd, NULL))
            _exit(2);
    if (write(say, &byte, 1) != 1)
        _exit(3);
    for (;;)
        pause();
}

/* Told which words by an own process of that user, as its exit status. */
static bool user_is_told(struct bed *bed, uid_t uid, int code,
                         const char *words)
{
    int status = 0;

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        if (setuid(uid) || packet_connect(bed->socket, &fd, NULL))
            _exit(1);
        _exit(is_told(fd, code, words) ? 42 : 2);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

#define USERS 13
#define PLACES 256 /* of a user */
#define FIRST_UID 54100

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

static const struct bed_test tests[] = {
    { "a channel to oneself that is refused", test_refuses_itself },
    { "every answer is text", test_answer_is_text },
    { "who says nothing", test_silence },
    { "places of the provider", test_places },
};

int main(int argc, char **argv)
{
    return bed_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
