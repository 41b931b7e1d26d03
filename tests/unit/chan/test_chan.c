/* chan/chan: the same over a unix socket and over memory. */
#include "chan/chan.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/stream.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static char dir[] = "/tmp/test_chan.XXXXXX";
static char address[128];

struct side {
    struct chan *chan;
    unsigned n_accepted, n_messages, n_closed, n_drained;
    size_t bytes;
    uint32_t next;
    int code;
    bool reject, pause_at_once;
};
static struct side server, client;

static void on_message(void *arg, const uint8_t *message, size_t size)
{
    struct side *s = arg;

    if (size >= 4) {
        CU_ASSERT_EQUAL(memcmp(message, &s->next, 4), 0);
        s->next++;
    }
    s->n_messages++;
    s->bytes += size;
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct side *s = arg;

    s->n_closed++;
    s->code = err->code;
}

static void on_drained(void *arg)
{
    struct side *s = arg;

    s->n_drained++;
}
static const struct chan_ops ops = { on_message, on_close, on_drained };

static void on_accept(void *arg, struct chan *chan)
{
    server.n_accepted++;
    if (server.reject) {
        chan_destroy(chan);
        return;
    }
    server.chan = chan;
    chan_set_ops(chan, &ops, &server);
    if (server.pause_at_once)
        chan_pause(chan);
}

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void turn(const unsigned *what, unsigned until)
{
    int64_t end = now_ms() + 20000;
    /* one pass: an other end that floods leaves no pass without events */
    while (*what < until && now_ms() < end)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void rest(void)
{
    for (unsigned i = 0; i < 50; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static struct chan_listener *begin(const char *kind)
{
    struct chan_listener *listener = NULL;

    server = client = (struct side){ 0 };
    base = event_base_new();
    snprintf(address, sizeof(address), "%s:%s/sock", kind, dir);
    CU_ASSERT_EQUAL_FATAL(
        chan_listen(base, address, NULL, on_accept, NULL, &listener, NULL), 0);
    return listener;
}

static void end(struct chan_listener *listener)
{
    chan_destroy(client.chan);
    chan_destroy(server.chan);
    chan_listener_destroy(listener);
    event_base_free(base);
}

static void both(void (*test)(const char *kind))
{
    test("unix");
    test("memory");
}

static void exchange(const char *kind)
{
    struct chan_listener *listener = begin(kind);
    struct chan_peer peer;
    char *large = malloc(CHAN_MESSAGE_MAX);

    CU_ASSERT_EQUAL_FATAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, NULL),
        0);
    CU_ASSERT_EQUAL(chan_send(client.chan, "abc", 3), 0);
    turn(&server.n_messages, 1);
    CU_ASSERT_EQUAL_FATAL(server.n_messages, 1);
    CU_ASSERT_EQUAL(server.bytes, 3);
    chan_peer(server.chan, &peer);
    CU_ASSERT(peer.domid == 0 && peer.uid == geteuid());
    CU_ASSERT_EQUAL(peer.pid, getpid());
    for (uint32_t i = 0; i < 5; i++) {
        memset(large, (int)i, CHAN_MESSAGE_MAX);
        memcpy(large, &i, 4);
        CU_ASSERT_EQUAL(chan_send(server.chan, large, CHAN_MESSAGE_MAX), 0);
    }
    CU_ASSERT(chan_pending(server.chan) > 0);
    turn(&client.n_messages, 5);
    CU_ASSERT_EQUAL(client.n_messages, 5);
    CU_ASSERT_EQUAL(client.bytes, 5u * CHAN_MESSAGE_MAX);
    rest();
    CU_ASSERT_EQUAL(chan_pending(server.chan), 0);
    CU_ASSERT_EQUAL(chan_send(client.chan, large, 0), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(chan_send(client.chan, large, CHAN_MESSAGE_MAX + 1),
                    VDC_E_PROTOCOL);
    free(large);
    /* What was sent before the end comes before it. */
    CU_ASSERT_EQUAL(chan_send(client.chan, "bye", 3), 0);
    rest();
    chan_destroy(client.chan);
    client.chan = NULL;
    turn(&server.n_closed, 1);
    CU_ASSERT_EQUAL(server.n_messages, 2);
    CU_ASSERT_EQUAL(server.n_closed, 1);
    CU_ASSERT_EQUAL(server.code, VDC_E_CLOSED);
    CU_ASSERT_EQUAL(chan_send(server.chan, "x", 1), VDC_E_CLOSED);
    end(listener);
}

static void test_exchange(void)
{
    both(exchange);
}

static void pressure(const char *kind)
{
    struct chan_listener *listener = begin(kind);
    uint8_t bytes[1000] = { 0 };

    server.pause_at_once = true;
    CU_ASSERT_EQUAL_FATAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, NULL),
        0);
    for (uint32_t i = 0; i < 3000; i++) {
        memcpy(bytes, &i, 4);
        CU_ASSERT_EQUAL(chan_send(client.chan, bytes, sizeof(bytes)), 0);
    }
    rest();
    CU_ASSERT_EQUAL(server.n_messages, 0);
    CU_ASSERT(chan_pending(client.chan) > 1000000);
    chan_resume(server.chan);
    turn(&server.n_messages, 3000);
    CU_ASSERT_EQUAL(server.n_messages, 3000);
    rest();
    CU_ASSERT_EQUAL(chan_pending(client.chan), 0);
    CU_ASSERT(client.n_drained > 0);
    /* What was sent before it is finished arrives. */
    memcpy(bytes, &(uint32_t){ 3000 }, 4);
    CU_ASSERT_EQUAL(chan_send(client.chan, bytes, sizeof(bytes)), 0);
    chan_finish(client.chan);
    client.chan = NULL;
    turn(&server.n_closed, 1);
    CU_ASSERT_EQUAL(server.n_messages, 3001);
    CU_ASSERT_EQUAL(server.n_closed, 1);
    end(listener);
}

static void test_pressure(void)
{
    both(pressure);
}

static void nobody(const char *kind)
{
    struct chan_listener *listener = begin(kind), *other;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(
        chan_listen(base, address, NULL, on_accept, NULL, &other, &err),
        VDC_E_BUSY);
    server.reject = true;
    CU_ASSERT_EQUAL_FATAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, NULL),
        0);
    turn(&client.n_closed, 1);
    CU_ASSERT_EQUAL(client.n_closed, 1);
    CU_ASSERT_EQUAL(client.code, VDC_E_CLOSED);
    chan_destroy(client.chan);
    client = (struct side){ 0 };
    /* The listener goes before it has accepted. */
    CU_ASSERT_EQUAL_FATAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, NULL),
        0);
    chan_listener_destroy(listener);
    turn(&client.n_closed, 1);
    CU_ASSERT_EQUAL(client.n_closed, 1);
    chan_destroy(client.chan);
    client.chan = NULL;
    CU_ASSERT_EQUAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, &err),
        VDC_E_NO_DAEMON);
    CU_ASSERT_EQUAL(chan_connect(base, "memory:relative", NULL, &ops, &client,
                                 &client.chan, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "memory:/"));
    end(NULL);
}

static void test_nobody(void)
{
    both(nobody);
}

/* Of addresses at channeld, before channeld is asked for anything. */
static void test_channel_addresses(void)
{
    static const struct {
        const char *address, *hint;
        bool connects, listens;
    } cases[] = {
        { "channel:resource@host", "", true, false },
        { "channel:resource", "", true, true },
        { "channel:acme/db@acme.web", "", true, false },
        { "channel:", "channel:SERVICE", false, false },
        { "channel:@host", "channel:SERVICE", false, false },
        { "channel:/run/x.sock/Y", "channel:SERVICE", false, false },
        { "channel:Two words", "channel:SERVICE", false, false },
        { "channel:resource@", "resource@host", false, false },
        { "channels:resource", "channel:SERVICE", false, false },
    };
    struct chan_listener *listener;
    struct vdc_error err = { 0 };

    base = event_base_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        client = (struct side){ 0 };
        int rc = chan_connect(base, cases[i].address, "/nonexistent", &ops,
                              &client, &client.chan, &err);
        CU_ASSERT_EQUAL(rc, cases[i].connects ? 0 : VDC_E_BAD_VALUE);
        if (rc) {
            CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, cases[i].hint));
        } else {
            chan_destroy(client.chan);
        }
        rc = chan_listen(base, cases[i].address, "/nonexistent", on_accept,
                         NULL, &listener, &err);
        CU_ASSERT_EQUAL(rc, cases[i].listens ? 0 : VDC_E_BAD_VALUE);
        if (!rc)
            chan_listener_destroy(listener);
    }
    CU_ASSERT_TRUE(chan_address_is_channel("channel:resource"));
    CU_ASSERT_FALSE(chan_address_is_channel("memory:/x"));
    event_base_free(base);
}

/* Messages may be sent before it is known that nobody is there; that is told
 * once, and the channel may be destroyed then. */
static void test_channel_without_broker(void)
{
    struct vdc_error err = { 0 };

    base = event_base_new();
    client = (struct side){ 0 };
    CU_ASSERT_EQUAL_FATAL(chan_connect(base, "channel:resource@host",
                                       "/nonexistent", &ops, &client,
                                       &client.chan, &err),
                          0);
    CU_ASSERT_EQUAL(chan_send(client.chan, "abc", 3), 0);
    CU_ASSERT_EQUAL(chan_pending(client.chan), 3);
    turn(&client.n_closed, 1);
    rest();
    CU_ASSERT_EQUAL(client.n_closed, 1);
    CU_ASSERT_EQUAL(client.code, VDC_E_NO_DAEMON);
    CU_ASSERT_EQUAL(chan_send(client.chan, "abc", 3), VDC_E_CLOSED);
    chan_destroy(client.chan);
    event_base_free(base);
}

/* The other end is another process, and is killed under load. */
static void killed(const char *kind)
{
    struct chan_listener *listener = begin(kind);
    fflush(stdout);
    pid_t pid = fork();

    if (pid == 0) {
        event_reinit(base);
        chan_listener_destroy(NULL);
        struct event_base *mine = event_base_new();
        struct side s = { 0 };
        if (chan_connect(mine, address, NULL, &ops, &s, &s.chan, NULL))
            _exit(1);
        for (uint32_t i = 0;; i++) {
            if (chan_pending(s.chan) < 100000)
                chan_send(s.chan, &i, 4);
            event_base_loop(mine, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        }
    }
    turn(&server.n_messages, 1000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    turn(&server.n_closed, 1);
    CU_ASSERT(server.n_messages >= 1000);
    CU_ASSERT_EQUAL(server.n_closed, 1);
    CU_ASSERT_EQUAL(server.code, VDC_E_CLOSED);
    end(listener);
}

static void test_killed(void)
{
    both(killed);
}

/* ---- what is handed over lies ---- */

static int n_open(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void hand_over(const void *bytes, size_t size, const int *fds, size_t n)
{
    int fd;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = { 0 };
    struct iovec iov = { (void *)(uintptr_t)bytes, size };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (n) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    }
    CU_ASSERT_EQUAL_FATAL(
        stream_blocking_connect(strchr(address, '/'), &fd, NULL), 0);
    if (size) {
        CU_ASSERT_EQUAL(sendmsg(fd, &message, 0), (ssize_t)size);
    }
    rest();
    close(fd);
    rest();
    CU_ASSERT_EQUAL(server.n_accepted, 0);
}

static void test_lies(void)
{
    struct chan_listener *listener = begin("memory");
    static const uint32_t good[] = { 0x6c636476, 1, 65536, 65536 };
    uint32_t bad[4];
    int pair[2], many[8], before = n_open();

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int memory = memfd_create("t", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(ftruncate(memory, 4096 + 131072), 0);
    int fds[2] = { memory, pair[0] };
    for (unsigned i = 0; i < 8; i++)
        many[i] = pair[0];
    hand_over("", 0, NULL, 0);
    hand_over("hello", 5, NULL, 0);
    hand_over(good, 16, NULL, 0);
    hand_over(good, 15, fds, 2);
    hand_over(good, 16, fds, 1);
    hand_over(good, 16, fds, 2); /* not sealed */
    hand_over(good, 16, many, 8);
    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    hand_over(good, 16, fds, 2); /* no ring in it */
    for (unsigned i = 0; i < 4; i++) {
        memcpy(bad, good, sizeof(bad));
        bad[i] = i < 2 ? 9 : 0xffffffff;
        hand_over(bad, 16, fds, 2);
    }
    memcpy(bad, good, sizeof(bad));
    bad[2] = bad[3] = 4096; /* other sizes than the memory's */
    hand_over(bad, 16, fds, 2);
    close(memory);
    close(pair[0]);
    close(pair[1]);
    CU_ASSERT_EQUAL(n_open(), before);
    CU_ASSERT_EQUAL_FATAL(
        chan_connect(base, address, NULL, &ops, &client, &client.chan, NULL),
        0);
    turn(&server.n_accepted, 1);
    CU_ASSERT_EQUAL(server.n_accepted, 1);
    end(listener);
}

static void test_clean(void)
{
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static const struct unit_test tests[] = {
    { "messages both ways", test_exchange },
    { "back-pressure", test_pressure },
    { "nobody there, or nobody wanted", test_nobody },
    { "addresses at channeld", test_channel_addresses },
    { "no channeld", test_channel_without_broker },
    { "killed under load", test_killed },
    { "what is handed over lies", test_lies },
    { "nothing is left", test_clean },
};

int main(void)
{
    if (!mkdtemp(dir))
        return 1;
    return unit_main("chan/chan", tests, sizeof(tests) / sizeof(tests[0]));
}
