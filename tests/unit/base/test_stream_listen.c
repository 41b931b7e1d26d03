/* Listening: stale and live socket files, who connects, want of
 * descriptors. */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/vdc-listen.XXXXXX";
static char path[64], lock_path[80];

struct seen {
    int fds[64];
    size_t n;
    struct stream_peer peer;
};

static void on_accept(void *arg, int fd, const struct stream_peer *peer)
{
    struct seen *seen = arg;
    seen->fds[seen->n++] = fd;
    seen->peer = *peer;
}

static void forget(struct seen *seen)
{
    while (seen->n > 0)
        close(seen->fds[--seen->n]);
}

static void turn(struct event_base *base)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

static bool exists(const char *file)
{
    struct stat st;
    return lstat(file, &st) == 0;
}

static void test_accept(void)
{
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL;
    struct seen seen = { .n = 0 };
    CU_ASSERT_EQUAL_FATAL(stream_listen_unix(base, path, 0620, on_accept,
                                             &seen, &listener, NULL),
                          0);
    struct stat st;
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0620);
    CU_ASSERT_FALSE(exists(lock_path));
    int fd = -1;
    CU_ASSERT_EQUAL(stream_blocking_connect(path, &fd, NULL), 0);
    turn(base);
    CU_ASSERT_EQUAL_FATAL(seen.n, 1);
    CU_ASSERT_EQUAL(seen.peer.uid, getuid());
    CU_ASSERT_EQUAL(seen.peer.pid, getpid());
    CU_ASSERT_TRUE(fcntl(seen.fds[0], F_GETFL) & O_NONBLOCK);
    CU_ASSERT_TRUE(fcntl(seen.fds[0], F_GETFD) & FD_CLOEXEC);
    close(fd);
    forget(&seen);
    stream_listener_destroy(listener);
    stream_listener_destroy(NULL);
    CU_ASSERT_FALSE(exists(path));
    event_base_free(base);
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    *(size_t *)arg += size;
}

static void on_close(void *arg, const struct vdc_error *err)
{
}

/* A stream to a listener, and one made of what it accepted. */
static void test_stream_over_listener(void)
{
    static const struct stream_ops ops = { on_frame, on_close, NULL };
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL;
    struct stream *client = NULL;
    struct seen seen = { .n = 0 };
    size_t got = 0, unused = 0;
    CU_ASSERT_EQUAL_FATAL(stream_listen_unix(base, path, 0600, on_accept,
                                             &seen, &listener, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        stream_connect_unix(base, path, &ops, &unused, &client, NULL), 0);
    turn(base);
    CU_ASSERT_EQUAL_FATAL(seen.n, 1);
    struct stream *server = stream_new(base, seen.fds[0], &ops, &got);
    stream_send(client, "abc", 3);
    turn(base);
    CU_ASSERT_EQUAL(got, 3);
    stream_destroy(client);
    stream_destroy(server);
    stream_listener_destroy(listener);
    event_base_free(base);
}

static void test_live(void)
{
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL, *second = NULL;
    struct seen seen = { .n = 0 };
    struct vdc_error err;
    CU_ASSERT_EQUAL_FATAL(stream_listen_unix(base, path, 0600, on_accept,
                                             &seen, &listener, NULL),
                          0);
    CU_ASSERT_EQUAL(
        stream_listen_unix(base, path, 0600, on_accept, &seen, &second, &err),
        VDC_E_BUSY);
    CU_ASSERT_PTR_NULL(second);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    CU_ASSERT_TRUE(exists(path));
    CU_ASSERT_FALSE(exists(lock_path));
    turn(base);
    forget(&seen);
    stream_listener_destroy(listener);
    event_base_free(base);
}

/* A socket that is bound; listening if `backlog` is not negative. */
static int raw_socket(int backlog)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (backlog >= 0 && listen(fd, backlog) < 0))
        abort();
    return fd;
}

static int try_listen(void)
{
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL;
    int rc =
        stream_listen_unix(base, path, 0600, on_accept, NULL, &listener, NULL);
    stream_listener_destroy(listener);
    event_base_free(base);
    return rc;
}

static void test_stale(void)
{
    close(raw_socket(5));
    CU_ASSERT_TRUE(exists(path));
    CU_ASSERT_EQUAL(try_listen(), 0);
    CU_ASSERT_FALSE(exists(path));
}

/* A listener with a full queue answers EAGAIN: it is alive. */
static void test_live_and_full(void)
{
    int fd = raw_socket(0), clients[8];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, path);
    int errnum = 0;
    for (int i = 0; i < 8; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(clients[i], (struct sockaddr *)&address, sizeof(address)) <
            0)
            errnum = errno;
    }
    CU_ASSERT_EQUAL(errnum, EAGAIN);
    CU_ASSERT_EQUAL(try_listen(), VDC_E_BUSY);
    struct event_base *base = event_base_new();
    struct stream *stream = NULL;
    CU_ASSERT_EQUAL(stream_connect_unix(base, path, NULL, NULL, &stream, NULL),
                    VDC_E_NO_DAEMON);
    event_base_free(base);
    for (int i = 0; i < 8; i++)
        close(clients[i]);
    close(fd);
    unlink(path);
}

/* The daemon is dead, but a helper of it holds the socket. */
static void test_inherited(void)
{
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    fflush(NULL);
    pid_t daemon_pid = fork();
    if (daemon_pid == 0) {
        raw_socket(5);
        pid_t helper = fork();
        if (helper == 0) {
            char c;
            close(fds[1]);
            ssize_t r = read(fds[0], &c, 1); /* until the test is done */
            _exit(r != 0);
        }
        _exit(helper < 0);
    }
    waitpid(daemon_pid, NULL, 0);
    int fd = -1;
    CU_ASSERT_EQUAL(stream_blocking_connect(path, &fd, NULL), 0);
    close(fd);
    CU_ASSERT_EQUAL(try_listen(), 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_other_file(void)
{
    close(open(path, O_CREAT | O_WRONLY, 0600));
    CU_ASSERT_EQUAL(try_listen(), VDC_E_EXISTS);
    CU_ASSERT_TRUE(exists(path));
    unlink(path);
    CU_ASSERT_EQUAL(symlink("/nonexistent", path), 0);
    CU_ASSERT_EQUAL(try_listen(), VDC_E_EXISTS);
    unlink(path);
}

static void test_bad_path(void)
{
    struct stream_listener *listener = NULL;
    struct vdc_error err;
    struct event_base *base = event_base_new();
    char longer[200];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    CU_ASSERT_EQUAL(stream_listen_unix(base, longer, 0600, on_accept, NULL,
                                       &listener, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(stream_listen_unix(base, "/nonexistent/s", 0600, on_accept,
                                       NULL, &listener, &err),
                    VDC_E_NO_FILE);
    CU_ASSERT_PTR_NULL(listener);
    event_base_free(base);
}

/* Another process is between its look at the file and its bind. */
static void test_lock_held(void)
{
    int ready[2], done[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(done), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(lock_path, O_RDWR | O_CREAT, 0600);
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        char c = fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
        close(done[1]);
        ssize_t r = write(ready[1], &c, 1);
        r = read(done[0], &c, 1);
        unlink(lock_path);
        _exit(r != 0);
    }
    char c = 0;
    CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
    CU_ASSERT_EQUAL(c, 'y');
    CU_ASSERT_EQUAL(try_listen(), VDC_E_BUSY);
    close(done[1]);
    waitpid(pid, NULL, 0);
    CU_ASSERT_EQUAL(try_listen(), 0);
    close(ready[0]);
    close(ready[1]);
    close(done[0]);
}

/* Many start at once on one path with a stale file: exactly one listens. */
static void test_race(void)
{
    enum { N = 12 };
    for (int round = 0; round < 20; round++) {
        int go[2], done[2], result[2];
        if (!exists(path)) /* else the last round's is stale */
            close(raw_socket(5));
        if (pipe(go) < 0 || pipe(done) < 0 || pipe(result) < 0)
            abort();
        fflush(NULL);
        for (int i = 0; i < N; i++) {
            if (fork() > 0)
                continue;
            char c;
            close(go[1]);
            close(done[1]);
            ssize_t r = read(go[0], &c, 1);
            struct event_base *base = event_base_new();
            struct stream_listener *listener = NULL;
            int rc = stream_listen_unix(base, path, 0600, on_accept, NULL,
                                        &listener, NULL);
            c = rc == 0 ? 'l' : rc == VDC_E_BUSY ? 'b' : 'x';
            r = write(result[1], &c, 1);
            r = read(done[0], &c, 1);
            _exit(r != 0);
        }
        close(go[1]);
        char answers[N + 1] = "";
        for (size_t n = 0; n < N;) {
            ssize_t r = read(result[0], answers + n, N - n);
            n += r > 0 ? (size_t)r : 0;
        }
        size_t n_listening = 0;
        for (int i = 0; i < N; i++)
            n_listening += answers[i] == 'l';
        CU_ASSERT_EQUAL(n_listening, 1);
        CU_ASSERT_PTR_NULL(strchr(answers, 'x'));
        int fd = -1;
        CU_ASSERT_EQUAL(stream_blocking_connect(path, &fd, NULL), 0);
        close(fd);
        close(done[1]);
        while (wait(NULL) > 0)
            ;
        close(go[0]);
        close(done[0]);
        close(result[0]);
        close(result[1]);
    }
    unlink(path);
}

/* What is not our file any more is not removed. */
static void test_successor(void)
{
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL;
    CU_ASSERT_EQUAL_FATAL(
        stream_listen_unix(base, path, 0600, on_accept, NULL, &listener, NULL),
        0);
    char aside[80];
    snprintf(aside, sizeof(aside), "%s.aside", path);
    CU_ASSERT_EQUAL(rename(path, aside), 0);
    int fd = raw_socket(5);
    stream_listener_destroy(listener);
    CU_ASSERT_TRUE(exists(path));
    close(fd);
    unlink(path);
    unlink(aside);
    event_base_free(base);
}

/* Out of descriptors: the loop does not spin, and goes on when there are
 * some again. */
static void test_no_descriptors(void)
{
    if (unit_on_valgrind()) {
        CU_PASS("valgrind takes the connection itself, and closes it");
        return;
    }
    struct event_base *base = event_base_new();
    struct stream_listener *listener = NULL;
    struct seen seen = { .n = 0 };
    CU_ASSERT_EQUAL_FATAL(stream_listen_unix(base, path, 0600, on_accept,
                                             &seen, &listener, NULL),
                          0);
    int fd = -1;
    CU_ASSERT_EQUAL(stream_blocking_connect(path, &fd, NULL), 0);
    struct rlimit before, now;
    getrlimit(RLIMIT_NOFILE, &before);
    now = before;
    now.rlim_cur = (rlim_t)fd + 1;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &now), 0);
    turn(base);
    CU_ASSERT_EQUAL(seen.n, 0);
    /* Paused: nothing is ready, so one turn waits for the timer. */
    struct mono start = clock_mono();
    event_base_loopexit(base, &(struct timeval){ .tv_sec = 2 });
    CU_ASSERT_EQUAL(event_base_loop(base, EVLOOP_ONCE), 0);
    uint64_t waited_ms = clock_mono().ms - start.ms;
    CU_ASSERT_TRUE(waited_ms >= 50 && waited_ms < 1500);
    CU_ASSERT_EQUAL(seen.n, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 200 && seen.n == 0; i++) {
        poll(NULL, 0, 10);
        turn(base);
    }
    CU_ASSERT_EQUAL(seen.n, 1);
    close(fd);
    forget(&seen);
    stream_listener_destroy(listener);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "accept", test_accept },
    { "streams at both ends", test_stream_over_listener },
    { "a live socket", test_live },
    { "a stale socket", test_stale },
    { "a live socket with a full queue", test_live_and_full },
    { "a socket held by a helper of a dead daemon", test_inherited },
    { "another file", test_other_file },
    { "a bad path", test_bad_path },
    { "another one is starting", test_lock_held },
    { "many start at once", test_race },
    { "a successor's file", test_successor },
    { "out of descriptors", test_no_descriptors },
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof(path), "%s/s", dir);
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    int status = unit_main("base/stream_listen", tests,
                           sizeof(tests) / sizeof(tests[0]));
    rmdir(dir);
    libevent_global_shutdown();
    return status;
}
