/*
 * Start and stop of a daemon: each test runs one in a child process and looks
 * at its exit status, its output, and what it told systemd.
 */
#include "base/daemon.h"

#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/stream.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/vdc-daemon.XXXXXX";
static char output[16384];

/* ---- the daemon ---- */

static struct {
    uint64_t count;
} settings;

static const struct setting rows[] = {
    { "count", SETTING_U64, 0, "4", 1, 64, "How many." },
};

static const char *mode;
static struct event *timer;
static struct stream *stream;
static int stream_other;

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
}

static void on_close(void *arg, const struct vdc_error *err)
{
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    if (strcmp(mode, "quit") == 0)
        daemon_quit(7);
    else if (strcmp(mode, "term") == 0)
        raise(SIGTERM);
    else if (strcmp(mode, "int") == 0)
        raise(SIGINT);
    else if (strcmp(mode, "hup") == 0)
        raise(SIGHUP);
    else if (strcmp(mode, "pipe") == 0)
        raise(SIGPIPE);
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    static const struct stream_ops ops = { on_frame, on_close, NULL };
    printf("start %s %d\n", arena_strdup(arena, mode ? mode : "?"),
           (int)settings.count);
    if (!mode || strcmp(mode, "bare") == 0)
        return VDC_E_NO_XEN;
    if (strcmp(mode, "fail") == 0) {
        vdc_error_set(err, VDC_E_STORE, "the store is not there");
        vdc_error_hint(err, "make one");
        return err->code;
    }
    if (strcmp(mode, "early") == 0)
        daemon_quit(9);
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
        return VDC_E_IO;
    stream_other = fds[1];
    stream = stream_new(base, fds[0], &ops, NULL);
    timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
    event_add(timer, &(struct timeval){ .tv_usec = 10000 });
    return 0;
}

static void reload(void)
{
    printf("reload\n");
    mode = "quit";
}

/* The last answer is sent here and must have left when the loop is over. */
static void stop(void)
{
    printf("stop\n");
    event_free(timer);
    stream_send(stream, "bye", 3);
    stream_finish(stream);
    daemon_quit(99); /* only the first counts */
}

static const struct daemon_option options[] = {
    { "mode", "MODE", "what the test does", &mode },
};

static struct daemon sample = {
    .name = "sampled",
    .text = "A daemon for a test.",
    .settings = rows,
    .n_settings = 1,
    .settings_base = &settings,
    .options = options,
    .n_options = 1,
    .start = start,
    .reload = reload,
    .stop = stop,
};

/* ---- the test's side ---- */

static void child(const char *const *argv, int fd)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    setvbuf(stdout, NULL, _IONBF, 0);
    stream_other = -1;
    int status = daemon_main(&sample, argc, (char **)(uintptr_t)argv);
    char buf[16];
    if (stream_other >= 0 && (read(stream_other, buf, sizeof(buf)) != 7 ||
                              read(stream_other, buf, sizeof(buf)) != 0))
        printf("the last answer is lost\n");
    if (stream_other >= 0)
        close(stream_other);
    exit(status);
}

/* Runs the daemon; returns its exit status, or -1 when it did not exit. */
static int run(const char *first, const char *second)
{
    const char *const argv[] = { "sampled", first, second, NULL };
    int fds[2];
    if (pipe(fds) < 0)
        abort();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child(argv, fds[1]);
    }
    close(fds[1]);
    size_t len = 0;
    for (;;) {
        ssize_t r = read(fds[0], output + len, sizeof(output) - 1 - len);
        if (r <= 0)
            break;
        len += (size_t)r;
    }
    output[len] = 0;
    close(fds[0]);
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool printed(const char *text)
{
    bool found = strstr(output, text) != NULL;
    if (!found)
        printf("\n'%s' is not in:\n%s\n", text, output);
    return found;
}

static void test_options(void)
{
    CU_ASSERT_EQUAL(run("--help", NULL), 0);
    CU_ASSERT_TRUE(printed("Usage: sampled"));
    CU_ASSERT_TRUE(printed("--mode=MODE"));
    CU_ASSERT_TRUE(printed("--check-config"));
    CU_ASSERT_EQUAL(run("--version", NULL), 0);
    CU_ASSERT_TRUE(printed("sampled (xen-vdc) "));
    CU_ASSERT_EQUAL(run("--show-settings", NULL), 0);
    CU_ASSERT_TRUE(printed("count = 4\n"));
    CU_ASSERT_EQUAL(run("--check-config", NULL), 0);
    CU_ASSERT_TRUE(printed("valid"));
}

static void test_bad_options(void)
{
    CU_ASSERT_EQUAL(run("--hlep", NULL), 2);
    CU_ASSERT_TRUE(printed("sampled: --hlep: no such option"));
    CU_ASSERT_TRUE(printed("Did you mean --help?"));
    CU_ASSERT_EQUAL(run("--mdoe=x", NULL), 2);
    CU_ASSERT_TRUE(printed("Did you mean --mode?"));
    CU_ASSERT_EQUAL(run("-x", NULL), 2);
    CU_ASSERT_EQUAL(run("--mode", NULL), 2);
    CU_ASSERT_TRUE(printed("--mode: needs a value"));
    CU_ASSERT_EQUAL(run("--help=x", NULL), 2);
    CU_ASSERT_EQUAL(run("word", NULL), 2);
    CU_ASSERT_TRUE(printed("'word': only options"));
    CU_ASSERT_EQUAL(run("--log-level=loud", NULL), 2);
    CU_ASSERT_TRUE(printed("'loud' is none of"));
}

static void test_settings_file(void)
{
    char path[64], argument[100];
    snprintf(path, sizeof(path), "%s/conf", dir);
    snprintf(argument, sizeof(argument), "--config=%s", path);
    CU_ASSERT_EQUAL(run(argument, "--mode=quit"), 2);
    CU_ASSERT_TRUE(printed(path));
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("cuont = 5\n", f);
    fclose(f);
    CU_ASSERT_EQUAL(run(argument, "--check-config"), 2);
    CU_ASSERT_TRUE(printed("conf:1: there is no setting 'cuont'"));
    CU_ASSERT_TRUE(printed("did you mean 'count'?"));
    sample.config_path = path; /* now as the daemon's own */
    CU_ASSERT_EQUAL(run("--mode=quit", NULL), 2);
    f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("count = 5\n", f);
    fclose(f);
    CU_ASSERT_EQUAL(run("--mode=quit", NULL), 7);
    CU_ASSERT_TRUE(printed("start quit 5\n"));
    unlink(path);
    CU_ASSERT_EQUAL(run("--mode=quit", NULL), 7);
    CU_ASSERT_TRUE(printed("start quit 4\n"));
    sample.config_path = NULL;
}

static void test_stops(void)
{
    CU_ASSERT_EQUAL(run("--mode=quit", "--foreground"), 7);
    CU_ASSERT_TRUE(printed("start quit 4\nstop\n"));
    CU_ASSERT_PTR_NULL(strstr(output, "lost"));
    CU_ASSERT_EQUAL(run("--mode=term", NULL), 0);
    CU_ASSERT_TRUE(printed("stop\n"));
    CU_ASSERT_PTR_NULL(strstr(output, "lost"));
    CU_ASSERT_EQUAL(run("--mode=int", "--log-level=error"), 0);
    CU_ASSERT_STRING_EQUAL(output, "start int 4\nstop\n");
    CU_ASSERT_EQUAL(run("--mode", "early"), 9);
    CU_ASSERT_TRUE(printed("stop\n"));
    CU_ASSERT_EQUAL(run("--mode=hup", NULL), 7);
    CU_ASSERT_TRUE(printed("reload\nstop\n"));
}

static void test_start_fails(void)
{
    CU_ASSERT_EQUAL(run("--mode=fail", NULL), 9);
    CU_ASSERT_TRUE(printed("the store is not there\n"));
    CU_ASSERT_TRUE(printed("make one\n"));
    CU_ASSERT_PTR_NULL(strstr(output, "stop"));
    CU_ASSERT_EQUAL(run("--mode=bare", NULL), 7);
    CU_ASSERT_TRUE(printed(vdc_error_text(VDC_E_NO_XEN)));
}

/* All datagrams that are there, a '|' after each. */
static void read_notes(int fd, char *ret, size_t size)
{
    size_t len = 0;
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (len + 2 < size && poll(&p, 1, 0) > 0) {
        ssize_t r = recv(fd, ret + len, size - len - 2, 0);
        len += r > 0 ? (size_t)r : 0;
        ret[len++] = '|';
    }
    ret[len] = 0;
}

static void notified(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, name);
    if (name[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(
        bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                         strlen(name))),
        0);
    setenv("NOTIFY_SOCKET", name, 1);
    char notes[500];
    CU_ASSERT_EQUAL(run("--mode=quit", NULL), 7);
    read_notes(fd, notes, sizeof(notes));
    CU_ASSERT_STRING_EQUAL(notes, "READY=1\nSTATUS=running|STOPPING=1|");
    CU_ASSERT_EQUAL(run("--mode=fail", NULL), 9);
    read_notes(fd, notes, sizeof(notes));
    CU_ASSERT_STRING_EQUAL(notes, "");
    close(fd);
}

static void test_systemd(void)
{
    char name[64];
    snprintf(name, sizeof(name), "%s/notify", dir);
    notified(name);
    unlink(name);
    snprintf(name, sizeof(name), "@vdc-test-daemon-%d", (int)getpid());
    notified(name);
    /* Nobody there, and names that are none. */
    static const char *const bad[] = { "/nonexistent", "relative", "", "@" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        CU_ASSERT_EQUAL(run("--mode=quit", NULL), 7);
    }
    unsetenv("NOTIFY_SOCKET");
}

static void test_sigpipe(void)
{
    sample.reload = NULL;
    fflush(NULL);
    int fds[2];
    if (pipe(fds) < 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        static const char *const argv[] = { "sampled", "--mode=pipe", NULL };
        close(fds[0]);
        child(argv, fds[1]);
    }
    close(fds[1]);
    poll(NULL, 0, 200);
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGHUP); /* without a reload: nothing happens */
    poll(NULL, 0, 50);
    CU_ASSERT_EQUAL(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(fds[0]);
    sample.reload = reload;
}

static const struct unit_test tests[] = {
    { "options", test_options },
    { "wrong options", test_bad_options },
    { "the settings file", test_settings_file },
    { "ways to stop", test_stops },
    { "a start that fails", test_start_fails },
    { "what systemd hears", test_systemd },
    { "SIGPIPE, and SIGHUP without reload", test_sigpipe },
};

int main(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("JOURNAL_STREAM");
    if (!mkdtemp(dir))
        return 1;
    int status =
        unit_main("base/daemon", tests, sizeof(tests) / sizeof(tests[0]));
    rmdir(dir);
    return status;
}
