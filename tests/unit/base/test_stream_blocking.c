/* The blocking client side, over a socket pair. */
#include "base/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

static int a, b;

static void begin(void)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    a = fds[0];
    b = fds[1];
}

static void end(void)
{
    close(a);
    if (b >= 0)
        close(b);
}

static void test_there_and_back(void)
{
    begin();
    uint8_t *frame = NULL;
    size_t size = 0;
    CU_ASSERT_EQUAL(stream_blocking_send(a, "abc", 3, NULL), 0);
    CU_ASSERT_EQUAL(stream_blocking_send(a, "d", 1, NULL), 0);
    CU_ASSERT_EQUAL(stream_blocking_receive(b, -1, &frame, &size, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(size, 3);
    CU_ASSERT_EQUAL(memcmp(frame, "abc", 3), 0);
    free(frame);
    CU_ASSERT_EQUAL(stream_blocking_receive(b, 0, &frame, &size, NULL), 0);
    CU_ASSERT_EQUAL(size, 1);
    free(frame);
    end();
}

/* More than the kernel holds, to a reader in another process; the sender's
 * end once blocking and once not. */
static void test_large(void)
{
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        begin();
        if (nonblocking)
            fcntl(a, F_SETFL, O_NONBLOCK);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            uint8_t *frame;
            size_t size;
            int rc = stream_blocking_receive(b, 10000, &frame, &size, NULL);
            _exit(rc || size != STREAM_FRAME_MAX || frame[size - 1] != 7);
        }
        uint8_t *frame = xzalloc(STREAM_FRAME_MAX);
        frame[STREAM_FRAME_MAX - 1] = 7;
        CU_ASSERT_EQUAL(stream_blocking_send(a, frame, STREAM_FRAME_MAX, NULL),
                        0);
        int status = -1;
        waitpid(pid, &status, 0);
        CU_ASSERT_EQUAL(status, 0);
        free(frame);
        end();
    }
}

static int receive_of(const char *bytes, size_t size, int timeout_ms,
                      bool closes, struct vdc_error *err)
{
    begin();
    CU_ASSERT_EQUAL(write(b, bytes, size), (ssize_t)size);
    if (closes) {
        close(b);
        b = -1;
    }
    uint8_t *frame = NULL;
    size_t ret_size = 99;
    int rc = stream_blocking_receive(a, timeout_ms, &frame, &ret_size, err);
    CU_ASSERT_PTR_NULL(frame);
    CU_ASSERT_EQUAL(ret_size, 99);
    end();
    return rc;
}

static void test_bad_input(void)
{
    static const char bytes[] = "\5\0\0\0abcd";
    struct vdc_error err;
    for (size_t size = 0; size < sizeof(bytes); size++) {
        CU_ASSERT_EQUAL(receive_of(bytes, size, -1, true, &err), VDC_E_CLOSED);
        CU_ASSERT_EQUAL(strstr(err.text, "middle") != NULL, size > 0);
        CU_ASSERT_EQUAL(receive_of(bytes, size, 5, false, &err),
                        VDC_E_TIMEOUT);
    }
    CU_ASSERT_EQUAL(receive_of("\0\0\0\0", 4, 100, false, &err),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(receive_of("\1\0\20\0", 4, 100, false, &err),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(receive_of("\xff\xff\xff\xff", 4, 100, false, NULL),
                    VDC_E_PROTOCOL);
}

static long elapsed_ms(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 +
           (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* One deadline for the whole frame: bytes that trickle in do not move it. */
static void test_deadline(void)
{
    begin();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (write(b, "\377\0\0\0", 4) != 4)
            _exit(1);
        for (int i = 0; i < 100; i++) {
            poll(NULL, 0, 20);
            if (send(b, "x", 1, MSG_NOSIGNAL) != 1)
                _exit(0);
        }
        _exit(0);
    }
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint8_t *frame;
    size_t size;
    CU_ASSERT_EQUAL(stream_blocking_receive(a, 150, &frame, &size, NULL),
                    VDC_E_TIMEOUT);
    long ms = elapsed_ms(&start);
    CU_ASSERT_TRUE(ms >= 149 && ms < 1500); /* whole ms, cut */
    end();
    waitpid(pid, NULL, 0);
}

static void test_send_errors(void)
{
    struct vdc_error err;
    begin();
    CU_ASSERT_EQUAL(stream_blocking_send(a, "", 0, &err), VDC_E_PROTOCOL);
    uint8_t *big = xzalloc(STREAM_FRAME_MAX + 1);
    CU_ASSERT_EQUAL(stream_blocking_send(a, big, STREAM_FRAME_MAX + 1, &err),
                    VDC_E_PROTOCOL);
    free(big);
    close(b);
    b = -1;
    CU_ASSERT_EQUAL(stream_blocking_send(a, "x", 1, &err), VDC_E_CLOSED);
    end();
    CU_ASSERT_EQUAL(stream_blocking_send(-1, "x", 1, &err), VDC_E_IO);
}

static void test_connect(void)
{
    char dir[] = "/tmp/vdc-blocking.XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
    struct vdc_error err;
    int fd = -1;
    CU_ASSERT_EQUAL(stream_blocking_connect(address.sun_path, &fd, &err),
                    VDC_E_NO_DAEMON);
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(l, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL(stream_blocking_connect(address.sun_path, &fd, &err),
                    VDC_E_NO_DAEMON);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nobody listens"));
    CU_ASSERT_EQUAL(listen(l, 1), 0);
    CU_ASSERT_EQUAL(stream_blocking_connect(address.sun_path, &fd, &err), 0);
    CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CU_ASSERT_FALSE(fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    close(l);
    unlink(address.sun_path);
    rmdir(dir);
}

static const struct unit_test tests[] = {
    { "there and back", test_there_and_back },
    { "a large frame", test_large },
    { "bad input", test_bad_input },
    { "the deadline", test_deadline },
    { "errors of sending", test_send_errors },
    { "connect", test_connect },
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    return unit_main("base/stream_blocking", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
