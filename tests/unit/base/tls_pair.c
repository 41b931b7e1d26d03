/* For tests of TLS: both ends of a socket pair; see tls_pair.h. */
#include "tests/unit/base/tls_pair.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/base/tls_files.h"

struct tls_pair pair;

/* ---- frames that tell which they are ---- */

static size_t size_of(unsigned i)
{
    static const size_t sizes[] = { 1,     7,     16384, 100000,
                                    16383, 16385, 3,     STREAM_FRAME_MAX };

    return i % 50 == 49 ? sizes[7] : sizes[i % 7];
}

uint8_t tls_pair_byte(unsigned i, size_t at)
{
    return (uint8_t)(i * 31 + at * 7 + (at >> 8));
}

void tls_pair_send(struct stream *stream, unsigned i)
{
    size_t size = size_of(i);
    uint8_t *frame = xzalloc(size);

    for (size_t at = 0; at < size; at++)
        frame[at] = tls_pair_byte(i, at);
    CU_ASSERT_EQUAL(stream_send(stream, frame, size), 0);
    free(frame);
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct tls_end *end = arg;
    unsigned i = end->n_frames++;

    end->n_bytes += size;
    end->n_wrong += size != size_of(i);
    for (size_t at = 0; at < size; at++)
        if (frame[at] != tls_pair_byte(i, at)) {
            end->n_wrong++;
            break;
        }
    if (end->pause)
        stream_pause(end->stream);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct tls_end *end = arg;

    end->n_closed++;
    end->err = *err;
    CU_ASSERT_EQUAL(stream_send(end->stream, "x", 1), VDC_E_CLOSED);
}

static void on_drained(void *arg)
{
    struct tls_end *end = arg;

    end->n_drained++;
}

static const struct stream_ops ops = { on_frame, on_close, on_drained };

void tls_pair_done(void *arg, struct stream *stream,
                   const struct tls_certificate *peer,
                   const struct vdc_error *err)
{
    struct tls_end *end = arg;

    end->n_done++;
    end->handshake = NULL;
    end->stream = stream;
    if (stream)
        stream_set_ops(stream, &ops, end);
    else
        end->failure = *err;
    end->has_peer = peer;
    if (peer)
        end->peer = *peer;
}

/* ---- both ends ---- */

struct tls *tls_pair_server(const char *name, const char *ca,
                            enum tls_proof proof)
{
    struct tls_files files = { "", "", ca ? tls_file(ca) : "" };
    struct vdc_error err = { 0 };
    struct tls *tls = NULL;
    char *crt = xasprintf("%s.crt", name), *key = xasprintf("%s.key", name);

    files.certificate = tls_file(crt);
    files.key = tls_file(key);
    CU_ASSERT_EQUAL_FATAL(tls_new_server(&files, proof, &tls, &err), 0);
    free(crt);
    free(key);
    return tls;
}

struct tls *tls_pair_client(const char *name, const char *ca)
{
    struct tls_files files = { "", "", tls_file(ca) };
    struct vdc_error err = { 0 };
    struct tls *tls = NULL;
    char *crt = xasprintf("%s.crt", name ? name : ""),
         *key = xasprintf("%s.key", name ? name : "");

    if (name) {
        files.certificate = tls_file(crt);
        files.key = tls_file(key);
    }
    CU_ASSERT_EQUAL_FATAL(tls_new_client(&files, &tls, &err), 0);
    free(crt);
    free(key);
    return tls;
}

void tls_pair_begin(void)
{
    memset(&pair, 0, sizeof(pair));
    pair.base = event_base_new();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   pair.fds) < 0)
        abort();
}

void tls_pair_turn(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        event_base_loop(pair.base, EVLOOP_NONBLOCK);
}

void tls_pair_shake(struct tls *s, struct tls *c, const char *name)
{
    tls_pair_begin();
    int other[2] = { dup(pair.fds[0]), dup(pair.fds[1]) };
    pair.server.handshake =
        tls_accept(s, pair.base, other[0], 5000, tls_pair_done, &pair.server);
    pair.client.handshake = tls_connect(c, pair.base, other[1], name, 5000,
                                        tls_pair_done, &pair.client);
    tls_free(s); /* what it began goes on */
    tls_free(c);
    while (!pair.server.n_done || !pair.client.n_done)
        event_base_loop(pair.base, EVLOOP_ONCE);
    tls_pair_turn(4);
}

void tls_pair_shake_well(void)
{
    tls_pair_shake(tls_pair_server("server", NULL, TLS_ASK),
                   tls_pair_client("alice", "ca.crt"), "host.example");
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair.server.stream);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair.client.stream);
}

void tls_pair_end(void)
{
    stream_destroy(pair.server.stream);
    stream_destroy(pair.client.stream);
    tls_pair_turn(4);
    stream_finish_drop(pair.base);
    event_base_free(pair.base);
    close(pair.fds[0]);
    close(pair.fds[1]);
}

int tls_pair_waiting(int fd)
{
    int n = 0;

    ioctl(fd, FIONREAD, &n);
    return n;
}

void tls_pair_accept(unsigned timeout_ms)
{
    struct tls *tls = tls_pair_server("server", NULL, TLS_ASK);

    tls_pair_begin();
    pair.server.handshake =
        tls_accept(tls, pair.base, dup(pair.fds[0]), timeout_ms, tls_pair_done,
                   &pair.server);
    tls_free(tls);
}

/* ---- the program ---- */

int tls_pair_main(const char *suite, const struct unit_test *tests, size_t n)
{
    static const struct tls_wanted wanted[] = {
        { "ca", NULL, NULL, -60, 86400 },
        { "other", NULL, NULL, -60, 86400 },
        { "server", "ca", "DNS:host.example,IP:127.0.0.1", -60, 86400 },
        { "alice", "ca", NULL, -60, 86400 },
        { "foreign", "other", NULL, -60, 86400 },
        { "old", "ca", "DNS:host.example", -7200, -3600 },
        { "early", "ca", "DNS:host.example", 3600, 86400 },
        { "nameless.example", "ca", NULL, -60, 86400 },
        { "rsa", "ca", NULL, -60, 86400, "10001" },
        { "costly", "ca", NULL, -60, 86400, "10000000000000001" },
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        tls_files_make(&wanted[i]);
    int status = unit_main(suite, tests, n);
    tls_files_remove();
    libevent_global_shutdown();
    return status;
}
