/* Framed messages: a stream on one end of a socket pair, raw bytes on the
 * other. */
#include "base/stream.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

/* What a stream told its owner, and what the owner is to do then. */
struct owner {
    struct stream *stream;
    size_t n_frames, n_bytes, n_closed, n_drained;
    uint8_t last[STREAM_FRAME_MAX];
    size_t last_size;
    struct vdc_error err;
    bool pause, destroy, finish, echo; /* in on_frame */
    bool destroy_in_close, destroy_in_drained;
};

static struct event_base *base;
static struct owner owner;
static int other; /* the raw end */

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct owner *o = arg;
    o->n_frames++;
    o->n_bytes += size;
    o->last_size = size;
    if (o->echo)
        CU_ASSERT_EQUAL(stream_send(o->stream, frame, size), 0);
    if (o->pause)
        stream_pause(o->stream);
    if (o->destroy)
        stream_destroy(o->stream);
    if (o->finish)
        stream_finish(o->stream);
    memcpy(o->last, frame, size); /* valid to the end of the call */
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct owner *o = arg;
    o->n_closed++;
    o->err = *err;
    CU_ASSERT_EQUAL(stream_send(o->stream, "x", 1), VDC_E_CLOSED);
    if (o->destroy_in_close)
        stream_destroy(o->stream);
}

static void on_drained(void *arg)
{
    struct owner *o = arg;
    o->n_drained++;
    if (o->destroy_in_drained)
        stream_destroy(o->stream);
}

static const struct stream_ops ops = { on_frame, on_close, on_drained };

static void begin(void)
{
    int fds[2];
    base = event_base_new();
    memset(&owner, 0, sizeof(owner));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   fds) < 0)
        abort();
    other = fds[1];
    owner.stream = stream_new(base, fds[0], &ops, &owner);
}

static void turn(void)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

/* The stream is the test's to destroy, or NULL. */
static void end(struct stream *stream)
{
    stream_destroy(stream);
    turn();
    stream_finish_drop(base);
    event_base_free(base);
    if (other >= 0)
        close(other);
}

static void put(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    while (size > 0) {
        ssize_t r = write(other, p, size);
        if (r > 0) {
            p += r;
            size -= (size_t)r;
        }
        turn();
    }
}

static void put_frame(const void *bytes, uint32_t size)
{
    uint8_t header[4] = { (uint8_t)size, (uint8_t)(size >> 8),
                          (uint8_t)(size >> 16), (uint8_t)(size >> 24) };
    put(header, 4);
    put(bytes, size);
}

static void close_other(void)
{
    close(other);
    other = -1;
}

static void test_frames(void)
{
    begin();
    put("\1\0\0\0a\3\0\0\0bcd", 12);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 2);
    CU_ASSERT_EQUAL(owner.last_size, 3);
    CU_ASSERT_EQUAL(memcmp(owner.last, "bcd", 3), 0);
    end(owner.stream);
}

static void test_byte_by_byte(void)
{
    static const char bytes[] = "\2\0\0\0xy\1\0\0\0z";
    begin();
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        CU_ASSERT_EQUAL(owner.n_frames, i < 6 ? 0 : 1);
        put(bytes + i, 1);
        turn();
    }
    CU_ASSERT_EQUAL(owner.n_frames, 2);
    CU_ASSERT_EQUAL(owner.last[0], 'z');
    end(owner.stream);
}

static void test_largest(void)
{
    begin();
    uint8_t *bytes = xzalloc(STREAM_FRAME_MAX);
    for (size_t i = 0; i < STREAM_FRAME_MAX; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (int i = 0; i < 3; i++)
        put_frame(bytes, STREAM_FRAME_MAX);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 3);
    CU_ASSERT_EQUAL(owner.last_size, STREAM_FRAME_MAX);
    CU_ASSERT_EQUAL(memcmp(owner.last, bytes, STREAM_FRAME_MAX), 0);
    free(bytes);
    end(owner.stream);
}

static void bad_header(const char *header)
{
    begin();
    put("\1\0\0\0a", 5);
    put(header, 4);
    put("more that must not matter", 20);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(owner.n_closed, 1);
    CU_ASSERT_EQUAL(owner.err.code, VDC_E_PROTOCOL);
    close_other();
    turn();
    CU_ASSERT_EQUAL(owner.n_closed, 1);
    CU_ASSERT_EQUAL(stream_send(owner.stream, "x", 1), VDC_E_CLOSED);
    end(owner.stream);
}

static void test_bad_sizes(void)
{
    bad_header("\0\0\0\0");
    bad_header("\1\0\20\0"); /* one over the limit */
    bad_header("\xff\xff\xff\xff");
}

static void test_close(void)
{
    begin();
    put("\1\0\0\0a", 5);
    close_other();
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(owner.n_closed, 1);
    CU_ASSERT_EQUAL(owner.err.code, VDC_E_CLOSED);
    end(owner.stream);
}

static void test_close_in_the_middle(void)
{
    static const char bytes[] = "\5\0\0\0abcd";
    for (size_t size = 1; size < sizeof(bytes); size++) {
        begin();
        put(bytes, size);
        close_other();
        owner.destroy_in_close = true;
        turn();
        CU_ASSERT_EQUAL(owner.n_frames, 0);
        CU_ASSERT_EQUAL(owner.n_closed, 1);
        CU_ASSERT_EQUAL(owner.err.code, VDC_E_CLOSED);
        CU_ASSERT_PTR_NOT_NULL(strstr(owner.err.text, "middle"));
        end(NULL);
    }
}

static void test_send(void)
{
    begin();
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 0);
    CU_ASSERT_EQUAL(stream_send(owner.stream, "ab", 2), 0);
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 6);
    turn();
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 0);
    CU_ASSERT_EQUAL(owner.n_drained, 1);
    char buf[16];
    CU_ASSERT_EQUAL(read(other, buf, sizeof(buf)), 6);
    CU_ASSERT_EQUAL(memcmp(buf, "\2\0\0\0ab", 6), 0);
    CU_ASSERT_EQUAL(stream_send(owner.stream, "", 0), VDC_E_PROTOCOL);
    uint8_t *big = xzalloc(STREAM_FRAME_MAX + 1);
    CU_ASSERT_EQUAL(stream_send(owner.stream, big, STREAM_FRAME_MAX + 1),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 0);
    free(big);
    end(owner.stream);
}

/* Reads all that comes until `size` bytes are here. */
static size_t take(size_t size)
{
    static uint8_t buf[65536];
    size_t done = 0;
    for (int idle = 0; done < size && idle < 100;) {
        ssize_t r = read(other, buf, sizeof(buf));
        idle = r > 0 ? 0 : idle + 1;
        done += r > 0 ? (size_t)r : 0;
        turn();
    }
    return done;
}

/* An other end that does not read: bytes are kept, nothing blocks, and the
 * drained callback comes when all has left. */
static void test_slow_reader(void)
{
    begin();
    uint8_t *frame = xzalloc(STREAM_FRAME_MAX);
    const size_t total = 4 * ((size_t)STREAM_FRAME_MAX + 4);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(stream_send(owner.stream, frame, STREAM_FRAME_MAX), 0);
    turn();
    CU_ASSERT_TRUE(stream_pending(owner.stream) > STREAM_FRAME_MAX);
    CU_ASSERT_TRUE(stream_pending(owner.stream) < total);
    CU_ASSERT_EQUAL(owner.n_drained, 0);
    CU_ASSERT_EQUAL(take(total), total);
    CU_ASSERT_EQUAL(owner.n_drained, 1);
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 0);
    free(frame);
    end(owner.stream);
}

/* A paused stream takes a bounded amount from the kernel. */
static void test_back_pressure(void)
{
    begin();
    uint8_t frame[1004] = { 0xe8, 3 };
    owner.pause = true;
    size_t sent = 0;
    for (int i = 0; i < 100; i++) {
        while (write(other, frame, sizeof(frame)) == sizeof(frame))
            sent++;
        turn();
    }
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_TRUE(sent > 10 && sent < 3000);
    owner.pause = false;
    stream_resume(owner.stream);
    CU_ASSERT_EQUAL(owner.n_frames, 1); /* not from within the call */
    for (int i = 0; i < 100; i++)
        turn();
    CU_ASSERT_TRUE(owner.n_frames >= sent);
    end(owner.stream);
}

static void test_pause_before_close(void)
{
    begin();
    owner.pause = true;
    put("\1\0\0\0a\1\0\0\0b\1\0\0\0c", 15);
    close_other();
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(owner.n_closed, 0);
    stream_resume(owner.stream);
    stream_resume(owner.stream);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 2);
    CU_ASSERT_EQUAL(owner.n_closed, 0);
    owner.pause = false;
    stream_resume(owner.stream);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 3);
    CU_ASSERT_EQUAL(owner.n_closed, 1);
    end(owner.stream);
}

static void test_destroy_in_frame(void)
{
    begin();
    owner.destroy = true;
    put("\1\0\0\0a\1\0\0\0b", 10);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(owner.last[0], 'a');
    CU_ASSERT_EQUAL(owner.n_closed, 0);
    char c;
    CU_ASSERT_EQUAL(recv(other, &c, 1, 0), 0);
    end(NULL);
}

static void test_destroy_in_drained(void)
{
    begin();
    owner.destroy_in_drained = true;
    stream_send(owner.stream, "a", 1);
    turn();
    CU_ASSERT_EQUAL(owner.n_drained, 1);
    end(NULL);
}

static void test_destroy_after_resume(void)
{
    begin();
    stream_pause(owner.stream);
    put("\1\0\0\0a", 5);
    stream_resume(owner.stream);
    stream_destroy(owner.stream);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 0);
    end(NULL);
    stream_destroy(NULL);
    stream_finish(NULL);
}

/* The answer leaves whole although its sender has finished. */
static void test_finish(void)
{
    begin();
    uint8_t *frame = xzalloc(STREAM_FRAME_MAX);
    stream_send(owner.stream, frame, STREAM_FRAME_MAX);
    turn();
    stream_finish(owner.stream);
    CU_ASSERT_EQUAL(take(STREAM_FRAME_MAX + 4), STREAM_FRAME_MAX + 4);
    char c;
    CU_ASSERT_EQUAL(recv(other, &c, 1, 0), 0);
    CU_ASSERT_EQUAL(owner.n_drained, 0);
    CU_ASSERT_EQUAL(owner.n_closed, 0);
    free(frame);
    end(NULL);
}

static void test_finish_in_frame(void)
{
    begin();
    owner.echo = owner.finish = true;
    put("\1\0\0\0a\1\0\0\0b", 10);
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    char buf[16];
    CU_ASSERT_EQUAL(recv(other, buf, sizeof(buf), 0), 5);
    CU_ASSERT_EQUAL(memcmp(buf, "\1\0\0\0a", 5), 0);
    end(NULL);

    begin();
    owner.finish = true; /* with nothing to send it closes at once */
    put("\1\0\0\0a\1\0\0\0b", 10);
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(owner.last[0], 'a');
    end(NULL);
}

/* The other end goes away, or never reads and the base ends. */
static void test_finish_never_done(void)
{
    uint8_t *frame = xzalloc(STREAM_FRAME_MAX);
    for (int closes = 0; closes < 2; closes++) {
        begin();
        stream_send(owner.stream, frame, STREAM_FRAME_MAX);
        turn();
        stream_finish(owner.stream);
        if (closes)
            close_other();
        turn();
        CU_ASSERT_EQUAL(owner.n_closed, 0);
        end(NULL);
    }
    free(frame);
}

/* What the other end said before it closed is not lost when a write fails
 * first. */
static void test_last_words(void)
{
    begin();
    stream_pause(owner.stream);
    put("\3\0\0\0bye", 7);
    close_other();
    CU_ASSERT_EQUAL(stream_send(owner.stream, "x", 1), 0);
    turn();
    CU_ASSERT_EQUAL(stream_send(owner.stream, "x", 1), VDC_E_CLOSED);
    CU_ASSERT_EQUAL(stream_pending(owner.stream), 0);
    stream_resume(owner.stream);
    turn();
    CU_ASSERT_EQUAL(owner.n_frames, 1);
    CU_ASSERT_EQUAL(memcmp(owner.last, "bye", 3), 0);
    CU_ASSERT_EQUAL(owner.n_closed, 1);
    CU_ASSERT_EQUAL(owner.err.code, VDC_E_CLOSED);
    end(owner.stream);
}

static void test_peer(void)
{
    struct stream_peer peer;
    begin();
    stream_peer(owner.stream, &peer);
    CU_ASSERT_EQUAL(peer.uid, getuid());
    CU_ASSERT_EQUAL(peer.gid, getgid());
    CU_ASSERT_EQUAL(peer.pid, getpid());
    end(owner.stream);
}

static void test_connect_fails(void)
{
    struct vdc_error err;
    struct stream *stream = NULL;
    char longer[200];
    base = event_base_new();
    CU_ASSERT_EQUAL(stream_connect_unix(base, "/nonexistent/socket", &ops,
                                        NULL, &stream, &err),
                    VDC_E_NO_DAEMON);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/socket"));
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    CU_ASSERT_EQUAL(
        stream_connect_unix(base, longer, &ops, NULL, &stream, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(stream_connect_unix(base, "", &ops, NULL, &stream, NULL),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NULL(stream);
    event_base_free(base);
}

static const struct unit_test tests[] = {
    { "frames", test_frames },
    { "frames byte by byte", test_byte_by_byte },
    { "the largest frame", test_largest },
    { "sizes that are not allowed", test_bad_sizes },
    { "close", test_close },
    { "close in the middle", test_close_in_the_middle },
    { "send", test_send },
    { "a slow reader", test_slow_reader },
    { "back-pressure", test_back_pressure },
    { "pause before a close", test_pause_before_close },
    { "destroy in the frame callback", test_destroy_in_frame },
    { "destroy in the drained callback", test_destroy_in_drained },
    { "destroy after resume", test_destroy_after_resume },
    { "finish", test_finish },
    { "finish in the frame callback", test_finish_in_frame },
    { "a finish that never ends", test_finish_never_done },
    { "last words of the other end", test_last_words },
    { "who is at the other end", test_peer },
    { "connecting to nobody", test_connect_fails },
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    int status =
        unit_main("base/stream", tests, sizeof(tests) / sizeof(tests[0]));
    libevent_global_shutdown();
    return status;
}
