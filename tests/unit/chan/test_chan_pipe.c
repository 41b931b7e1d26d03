/* chan/chan_pipe: two pipes with a channel between them, so that what goes
 * into one descriptor comes out of the other. */
#include "chan/chan_pipe.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/stream.h"
#include "tests/unit/unit.h"

#define MUCH (1024 * 1024)
#define ENDLESS (64u * 1024 * 1024)

static struct event_base *base;
static char dir[] = "/tmp/test_chan_pipe.XXXXXX";
static struct chan_listener *listener;

struct side {
    int fd; /* the test's end of the descriptor */
    struct chan *chan;
    struct chan_pipe *pipe;
    unsigned n_ends;
    int code;
    size_t written, read;
    bool eof, wrong;
};
static struct side left, right;

static void on_end(void *arg, const struct vdc_error *why)
{
    struct side *s = arg;

    s->n_ends++;
    s->code = why->code;
    chan_pipe_free(s->pipe);
    s->pipe = NULL;
}

/* A client's channel is not looked at before it has its pipe. */
static void no_message(void *arg, const uint8_t *message, size_t size)
{
    CU_FAIL("a message before the pipe");
}
static void no_close(void *arg, const struct vdc_error *err)
{
    CU_FAIL("an end before the pipe");
}
static const struct chan_ops no_ops = { no_message, no_close, NULL };

static void join(struct side *s)
{
    int fds[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
                                     SOCK_STREAM | SOCK_CLOEXEC |
                                         SOCK_NONBLOCK,
                                     0, fds),
                          0);
    s->fd = fds[0];
    s->pipe = chan_pipe_new(base, fds[1], s->chan, on_end, s);
}

static void on_accept(void *arg, struct chan *chan)
{
    right.chan = chan;
    join(&right);
}

static void pass(void)
{
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t in_a_while(void)
{
    return now_ms() + 20000 * (int64_t)unit_time_factor();
}

static void begin(const char *kind)
{
    char address[128];
    int64_t end = in_a_while();

    left = right = (struct side){ .fd = -1 };
    base = event_base_new();
    snprintf(address, sizeof(address), "%s:%s/sock", kind, dir);
    CU_ASSERT_EQUAL_FATAL(
        chan_listen(base, address, NULL, on_accept, NULL, &listener, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(chan_connect(base, address, NULL, &no_ops, NULL,
                                       &left.chan, NULL),
                          0);
    join(&left);
    while (!right.pipe && now_ms() < end)
        pass();
    CU_ASSERT_PTR_NOT_NULL_FATAL(right.pipe);
}

static void end(void)
{
    chan_pipe_free(left.pipe);
    chan_pipe_free(right.pipe);
    if (left.fd >= 0)
        close(left.fd);
    if (right.fd >= 0)
        close(right.fd);
    chan_listener_destroy(listener);
    stream_finish_drop(base);
    event_base_free(base);
}

static void both(void (*test)(void))
{
    static const char *const kinds[] = { "unix", "memory" };

    for (size_t i = 0; i < 2; i++) {
        begin(kinds[i]);
        test();
        end();
    }
}

/* ---- bytes ---- */

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 2654435761u >> 13);
}

static void put(struct side *s, size_t until)
{
    uint8_t data[3000]; /* of no size that anything else has */
    size_t size = sizeof(data);

    if (until - s->written < size)
        size = until - s->written;
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(s->written + i);
    ssize_t n = size ? write(s->fd, data, size) : 0;
    if (n > 0)
        s->written += (size_t)n;
}

static void get(struct side *s)
{
    uint8_t data[7000];
    ssize_t n = read(s->fd, data, sizeof(data));

    for (ssize_t i = 0; i < n; i++)
        s->wrong |= data[i] != byte_at(s->read + (size_t)i);
    if (n > 0)
        s->read += (size_t)n;
    if (n == 0)
        s->eof = true;
}

static void exchange(void)
{
    int64_t end = in_a_while();

    while ((left.read < MUCH || right.read < MUCH) && now_ms() < end) {
        put(&left, MUCH);
        put(&right, MUCH);
        pass();
        get(&left);
        get(&right);
    }
    CU_ASSERT_EQUAL(left.read, MUCH);
    CU_ASSERT_EQUAL(right.read, MUCH);
    CU_ASSERT(!left.wrong && !right.wrong);
    CU_ASSERT_EQUAL(left.n_ends + right.n_ends, 0);
}

/* Puts until nothing more is taken. */
static void fill(struct side *s)
{
    unsigned n_idle = 0;

    while (n_idle < 200 && s->written < ENDLESS) {
        size_t before = s->written;
        put(s, ENDLESS);
        pass();
        n_idle = s->written == before ? n_idle + 1 : 0;
    }
}

static size_t drain(struct side *from, struct side *to)
{
    int64_t end = in_a_while();

    while (to->read < from->written && now_ms() < end) {
        pass();
        get(to);
    }
    return to->read;
}

/* Besides both pipes, the three sockets' buffers and the channel's rings are
 * filled. */
#define CARRIED_MAX (3 * 1024 * 1024)

static void pressure(void)
{
    fill(&left);
    CU_ASSERT(left.written > 2 * CHAN_PIPE_MAX);
    CU_ASSERT(left.written < CARRIED_MAX);
    fill(&right);
    CU_ASSERT(right.written < CARRIED_MAX);
    CU_ASSERT_EQUAL(drain(&left, &right), left.written);
    CU_ASSERT_EQUAL(drain(&right, &left), right.written);
    CU_ASSERT(!left.wrong && !right.wrong);
    /* and it goes on as before */
    size_t before = left.written;
    fill(&left);
    CU_ASSERT(left.written > before);
    CU_ASSERT_EQUAL(drain(&left, &right), left.written);
    CU_ASSERT(!right.wrong);
    CU_ASSERT_EQUAL(left.n_ends + right.n_ends, 0);
}

/* ---- ends ---- */

static void await_ends(void)
{
    int64_t end = in_a_while();

    while ((left.pipe || right.pipe) && now_ms() < end)
        pass();
    CU_ASSERT_EQUAL(left.n_ends, 1);
    CU_ASSERT_EQUAL(right.n_ends, 1);
    CU_ASSERT_EQUAL(left.code, VDC_E_CLOSED);
    CU_ASSERT_EQUAL(right.code, VDC_E_CLOSED);
}

/* What was written before the end comes out before the end. */
static void closed(void)
{
    int64_t end = in_a_while();

    put(&left, 3000);
    close(left.fd);
    left.fd = -1;
    while (!right.eof && now_ms() < end) {
        pass();
        get(&right);
    }
    CU_ASSERT(right.eof && !right.wrong);
    CU_ASSERT_EQUAL(right.read, 3000);
    await_ends();
}

static void closed_at_the_other(void)
{
    close(right.fd);
    right.fd = -1;
    await_ends();
    get(&left);
    CU_ASSERT(left.eof);
}

/* An end is noticed though what came before it is not read; and is told when
 * it is. */
static void closed_when_full(void)
{
    size_t size = 2 * CHAN_PIPE_MAX;
    int64_t end = in_a_while();

    while (left.written < size && now_ms() < end) {
        put(&left, size);
        pass();
    }
    CU_ASSERT_EQUAL(left.written, size);
    close(left.fd);
    left.fd = -1;
    for (unsigned i = 0; i < 200; i++)
        pass();
    CU_ASSERT_PTR_NOT_NULL(right.pipe);
    end = in_a_while();
    while (!right.eof && now_ms() < end) {
        pass();
        get(&right);
    }
    CU_ASSERT_EQUAL(right.read, size);
    CU_ASSERT(!right.wrong);
    await_ends();
}

/* Somebody frees one pipe: the other ends. */
static void freed(void)
{
    int64_t end = in_a_while();

    put(&left, 100);
    pass();
    chan_pipe_free(left.pipe);
    left.pipe = NULL;
    get(&left);
    CU_ASSERT(left.eof);
    while (right.pipe && now_ms() < end)
        pass();
    CU_ASSERT_EQUAL(right.n_ends, 1);
    CU_ASSERT_EQUAL(right.code, VDC_E_CLOSED);
    CU_ASSERT_EQUAL(left.n_ends, 0);
}

static void test_exchange(void)
{
    both(exchange);
}

static void test_pressure(void)
{
    both(pressure);
}

static void test_ends(void)
{
    both(closed);
    both(closed_at_the_other);
    both(closed_when_full);
    both(freed);
}

static const struct unit_test tests[] = {
    { "bytes both ways", test_exchange },
    { "what nobody reads is bounded", test_pressure },
    { "either side ends", test_ends },
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir))
        return 1;
    int status =
        unit_main("chan/chan_pipe", tests, sizeof(tests) / sizeof(tests[0]));
    rmdir(dir);
    return status;
}
