/* TLS: both ends of a socket pair in one event loop. */
#include "base/tls.h"

#include <event2/event.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/stream.h"
#include "base/tcp.h"
#include "tests/unit/base/tls_files.h"
#include "tests/unit/unit.h"

struct end {
    struct tls_handshake *handshake;
    struct stream *stream;
    unsigned n_done;
    struct vdc_error failure; /* of the handshake */
    bool has_peer;
    struct tls_certificate peer;
    /* what came, and in which order it has to */
    unsigned n_frames, n_wrong, n_closed, n_drained;
    size_t n_bytes;
    bool pause; /* after each frame */
    struct vdc_error err;
};

static struct event_base *base;
static struct end server, client;
static int fds[2]; /* other descriptors of the same sockets */

/* ---- frames that tell which they are ---- */

static size_t size_of(unsigned i)
{
    static const size_t sizes[] = { 1,     7,     16384, 100000,
                                    16383, 16385, 3,     STREAM_FRAME_MAX };

    return i % 50 == 49 ? sizes[7] : sizes[i % 7];
}

static uint8_t byte_of(unsigned i, size_t at)
{
    return (uint8_t)(i * 31 + at * 7 + (at >> 8));
}

static void send_numbered(struct stream *stream, unsigned i)
{
    size_t size = size_of(i);
    uint8_t *frame = xzalloc(size);

    for (size_t at = 0; at < size; at++)
        frame[at] = byte_of(i, at);
    CU_ASSERT_EQUAL(stream_send(stream, frame, size), 0);
    free(frame);
}

static void on_frame(void *arg, const uint8_t *frame, size_t size)
{
    struct end *end = arg;
    unsigned i = end->n_frames++;

    end->n_bytes += size;
    end->n_wrong += size != size_of(i);
    for (size_t at = 0; at < size; at++)
        if (frame[at] != byte_of(i, at)) {
            end->n_wrong++;
            break;
        }
    if (end->pause)
        stream_pause(end->stream);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct end *end = arg;

    end->n_closed++;
    end->err = *err;
    CU_ASSERT_EQUAL(stream_send(end->stream, "x", 1), VDC_E_CLOSED);
}

static void on_drained(void *arg)
{
    struct end *end = arg;

    end->n_drained++;
}

static const struct stream_ops ops = { on_frame, on_close, on_drained };

static void on_done(void *arg, struct stream *stream,
                    const struct tls_certificate *peer,
                    const struct vdc_error *err)
{
    struct end *end = arg;

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

static struct tls *make_server(const char *name, const char *ca,
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

static struct tls *make_client(const char *name, const char *ca)
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

static void begin(void)
{
    base = event_base_new();
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   fds) < 0)
        abort();
}

static void turn(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Until both handshakes have ended.  Takes the contexts over. */
static void shake(struct tls *s, struct tls *c, const char *name)
{
    begin();
    int other[2] = { dup(fds[0]), dup(fds[1]) };
    server.handshake =
        tls_accept(s, base, other[0], 5000, on_done, &server);
    client.handshake =
        tls_connect(c, base, other[1], name, 5000, on_done, &client);
    tls_free(s); /* what it began goes on */
    tls_free(c);
    while (!server.n_done || !client.n_done)
        event_base_loop(base, EVLOOP_ONCE);
    turn(4);
}

static void shake_well(void)
{
    shake(make_server("server", NULL, TLS_ASK), make_client("alice", "ca.crt"),
          "host.example");
    CU_ASSERT_PTR_NOT_NULL_FATAL(server.stream);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.stream);
}

static void end(void)
{
    stream_destroy(server.stream);
    stream_destroy(client.stream);
    turn(4);
    stream_finish_drop(base);
    event_base_free(base);
    close(fds[0]);
    close(fds[1]);
}

/* Bytes that nobody has read. */
static int waiting(int fd)
{
    int n = 0;

    ioctl(fd, FIONREAD, &n);
    return n;
}

/* ---- who it is ---- */

static void test_handshake(void)
{
    struct tls_certificate file;
    struct vdc_error err = { 0 };
    char pem[8192];
    FILE *f = fopen(tls_file("alice.crt"), "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    size_t size = fread(pem, 1, sizeof(pem), f);
    fclose(f);
    CU_ASSERT_EQUAL(tls_certificate_read(pem, size, &file, &err), 0);
    CU_ASSERT_STRING_EQUAL(file.subject, "CN = alice");
    CU_ASSERT(file.valid_from_ms < file.valid_to_ms);
    shake_well();
    CU_ASSERT(server.n_done == 1 && client.n_done == 1);
    CU_ASSERT(server.has_peer && client.has_peer);
    CU_ASSERT_EQUAL(memcmp(server.peer.fingerprint, file.fingerprint,
                           sizeof(file.fingerprint)),
                    0);
    CU_ASSERT_EQUAL(server.peer.valid_to_ms, file.valid_to_ms);
    CU_ASSERT_STRING_EQUAL(server.peer.unproved, "");
    CU_ASSERT_STRING_EQUAL(client.peer.subject, "CN = server");
    end();
    CU_ASSERT_EQUAL(tls_certificate_read("hello", 5, &file, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(tls_certificate_read(pem, size / 2, &file, &err),
                    VDC_E_BAD_VALUE);
}

/* Nobody is asked for a passphrase, wherever it would be. */
static void test_encrypted(void)
{
    static const char pem[] =
        "-----BEGIN CERTIFICATE-----\n"
        "Proc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n"
        "\n"
        "AAAAAAAAAAAAAAAAAAAAAA==\n"
        "-----END CERTIFICATE-----\n";
    struct tls_certificate file;
    int line[2], status = 0;

    if (pipe2(line, O_CLOEXEC) < 0 || write(line[1], "secret\n", 7) != 7)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        setsid(); /* no terminal; then it would be the input */
        dup2(line[0], STDIN_FILENO);
        int rc = tls_certificate_read(pem, sizeof(pem) - 1, &file, NULL);
        _exit(rc == VDC_E_BAD_VALUE ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(waiting(line[0]), 7);
    close(line[0]);
    close(line[1]);
}

static void test_who_asks(void)
{
    shake(make_server("server", "ca.crt", TLS_ASK),
          make_client(NULL, "ca.crt"), "127.0.0.1");
    CU_ASSERT_PTR_NOT_NULL(server.stream);
    CU_ASSERT(!server.has_peer);
    end();
    /* of another CA: it comes through, and that is told */
    shake(make_server("server", "ca.crt", TLS_ASK),
          make_client("foreign", "ca.crt"), "host.example");
    CU_ASSERT_PTR_NOT_NULL(server.stream);
    CU_ASSERT(server.has_peer && *server.peer.unproved);
    end();
    shake(make_server("server", "ca.crt", TLS_ASK),
          make_client("alice", "ca.crt"), "host.example");
    CU_ASSERT(server.has_peer && !*server.peer.unproved);
    end();
    /* its dates are for the caller, too */
    shake(make_server("server", NULL, TLS_ASK), make_client("old", "ca.crt"),
          "host.example");
    CU_ASSERT(server.has_peer && !*server.peer.unproved);
    CU_ASSERT(server.peer.valid_to_ms < clock_wall().ms);
    end();
}

static void test_who_demands(void)
{
    shake(make_server("server", "ca.crt", TLS_DEMAND),
          make_client("alice", "ca.crt"), "host.example");
    CU_ASSERT(server.stream && client.stream && server.has_peer);
    end();
    static const char *const refused[] = { NULL, "foreign", "old" };
    for (size_t i = 0; i < 3; i++) {
        shake(make_server("server", "ca.crt", TLS_DEMAND),
              make_client(refused[i], "ca.crt"), "host.example");
        CU_ASSERT_PTR_NULL(server.stream);
        CU_ASSERT_NOT_EQUAL(server.failure.code, 0);
        /* a client of TLS 1.3 is through before it is refused */
        CU_ASSERT_PTR_NOT_NULL(client.stream);
        CU_ASSERT_EQUAL(client.n_closed, 1);
        CU_ASSERT_EQUAL(client.err.code, VDC_E_DENIED);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(client.err.text, "the other end refused"));
        end();
    }
}

/* Whatever is asked of it afterwards. */
static void test_costly_key(void)
{
    static const char *const ca[] = { NULL, "ca.crt" };

    for (size_t i = 0; i < 2; i++) {
        shake(make_server("server", ca[i], TLS_ASK),
              make_client("rsa", "ca.crt"), "host.example");
        CU_ASSERT_PTR_NOT_NULL(server.stream);
        CU_ASSERT(server.has_peer && !*server.peer.unproved);
        end();
        shake(make_server("server", ca[i], TLS_ASK),
              make_client("costly", "ca.crt"), "host.example");
        CU_ASSERT_PTR_NULL(server.stream);
        CU_ASSERT_EQUAL(client.err.code, VDC_E_DENIED);
        end();
    }
}

static void test_server_refused(void)
{
    static const struct {
        const char *server, *ca, *name, *text;
    } rows[] = {
        { "server", "ca.crt", "other.example", "is not for 'other.example'" },
        { "server", "ca.crt", "127.0.0.2", "is not for '127.0.0.2'" },
        { "server", "ca.crt", "::1", "is not for '::1'" },
        /* the CN is nobody's name */
        { "server", "ca.crt", "server", "is not for 'server'" },
        { "nameless.example", "ca.crt", "nameless.example",
          "is not for 'nameless.example'" },
        { "server", "other.crt", "host.example",
          "of a CA that is not trusted" },
        { "old", "ca.crt", "host.example", "expired" },
        { "early", "ca.crt", "host.example", "not valid yet" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        shake(make_server(rows[i].server, NULL, TLS_ASK),
              make_client(NULL, rows[i].ca), rows[i].name);
        CU_ASSERT(!server.stream && !client.stream);
        CU_ASSERT_EQUAL(client.failure.code, VDC_E_DENIED);
        CU_ASSERT_PTR_NOT_NULL(strstr(client.failure.text, rows[i].text));
        CU_ASSERT_EQUAL(server.failure.code, VDC_E_DENIED);
        end();
    }
}

/* ---- ends that are none ---- */

static void accept_alone(unsigned timeout_ms)
{
    struct tls *tls = make_server("server", NULL, TLS_ASK);

    begin();
    server.handshake =
        tls_accept(tls, base, dup(fds[0]), timeout_ms, on_done, &server);
    tls_free(tls);
}

static void test_no_tls(void)
{
    static const char garbage[] = "GET / HTTP/1.0\r\n\r\n";
    struct tls *tls;

    accept_alone(5000);
    CU_ASSERT(write(fds[1], garbage, sizeof(garbage)) > 0);
    while (!server.n_done)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.failure.code, VDC_E_PROTOCOL);
    end();
    /* silence, with half of a record */
    accept_alone(50);
    CU_ASSERT(write(fds[1], "\x16\x03\x01\x02", 4) == 4);
    while (!server.n_done)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.failure.code, VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.failure.text, "50 ms"));
    end();
    /* who leaves */
    accept_alone(5000);
    shutdown(fds[1], SHUT_RDWR);
    while (!server.n_done)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.failure.code, VDC_E_CLOSED);
    end();
    /* who is not wanted any more */
    accept_alone(5000);
    turn(2);
    tls_handshake_cancel(server.handshake);
    turn(2);
    CU_ASSERT_EQUAL(server.n_done, 0);
    end();
    /* a client of something else */
    tls = make_client(NULL, "ca.crt");
    begin();
    client.handshake = tls_connect(tls, base, dup(fds[1]), "host.example",
                                   5000, on_done, &client);
    tls_free(tls);
    CU_ASSERT(write(fds[0], garbage, sizeof(garbage)) > 0);
    while (!client.n_done)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(client.failure.code, VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(client.failure.text, "does not speak TLS 1.3"));
    end();
}

/* ---- what goes through ---- */

static void test_both_ways(void)
{
    const unsigned n = 300;

    shake_well();
    for (unsigned i = 0; i < n; i++) {
        send_numbered(client.stream, i);
        send_numbered(server.stream, i);
    }
    while (client.n_frames < n || server.n_frames < n)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT(client.n_wrong == 0 && server.n_wrong == 0);
    CU_ASSERT(client.n_bytes == server.n_bytes && client.n_bytes > 6 << 20);
    turn(4);
    CU_ASSERT(client.n_drained > 0 && server.n_drained > 0);
    CU_ASSERT_EQUAL(stream_pending(client.stream), 0);
    end();
}

/* Who does not read makes the other wait, and then has all of it. */
static void test_back_pressure(void)
{
    const unsigned n = 100;
    unsigned had;

    shake_well();
    stream_pause(server.stream);
    for (unsigned i = 0; i < n; i++)
        send_numbered(client.stream, i);
    turn(200);
    CU_ASSERT_EQUAL(server.n_frames, 0);
    size_t waiting = stream_pending(client.stream);
    CU_ASSERT(waiting > 1 << 20);
    turn(200);
    CU_ASSERT_EQUAL(stream_pending(client.stream), waiting);
    stream_resume(server.stream);
    CU_ASSERT_EQUAL(server.n_frames, 0); /* not from within */
    /* one at a time: what OpenSSL has decrypted already must not be
     * forgotten, however little more comes */
    server.pause = true;
    while (server.n_frames < n) {
        had = server.n_frames;
        for (int i = 0; i < 100000 && server.n_frames == had; i++)
            event_base_loop(base, EVLOOP_NONBLOCK);
        CU_ASSERT_EQUAL_FATAL(server.n_frames, had + 1);
        stream_resume(server.stream);
    }
    CU_ASSERT_EQUAL(server.n_wrong, 0);
    CU_ASSERT_EQUAL(stream_pending(client.stream), 0);
    end();
}

/* ---- keys that change ---- */

/* A client that is not ours, through the handshake with the server.  What it
 * writes from then on stays in its BIO. */
static SSL *shake_by_hand(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);

    SSL_CTX_free(ctx);
    accept_alone(5000);
    if (!SSL_set_fd(ssl, fds[1]))
        abort();
    while (SSL_connect(ssl) != 1 || !server.n_done)
        event_base_loop(base, EVLOOP_NONBLOCK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server.stream);
    SSL_set0_wbio(ssl, BIO_new(BIO_s_mem()));
    return ssl;
}

static void write_all(SSL *ssl)
{
    char *bytes;
    long size = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);

    CU_ASSERT_EQUAL_FATAL(write(fds[1], bytes, (size_t)size), size);
}

/* Each costs the server more than who sends it, and nothing is in them that a
 * stream has.  However many there are, the loop gets to others. */
static void test_key_updates(void)
{
    SSL *ssl = shake_by_hand();
    const uint8_t frame[5] = { 1, 0, 0, 0, byte_of(0, 0) };
    int n;

    for (int i = 0; i < 1000; i++)
        if (!SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) ||
            SSL_do_handshake(ssl) != 1)
            abort();
    CU_ASSERT_EQUAL(SSL_write(ssl, frame, sizeof(frame)), sizeof(frame));
    write_all(ssl);
    n = waiting(fds[0]);
    CU_ASSERT(n > 1000 * 20);
    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    CU_ASSERT(waiting(fds[0]) > n - 20000);
    turn(1);
    CU_ASSERT_EQUAL(server.n_frames, 1);
    CU_ASSERT_EQUAL(server.n_wrong, 0);
    CU_ASSERT_EQUAL(server.n_closed, 0);
    SSL_free(ssl);
    end();
}

/* ---- how it ends ---- */

static void test_close(void)
{
    shake_well();
    send_numbered(client.stream, 0);
    stream_finish(client.stream);
    client.stream = NULL;
    while (!server.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.n_frames, 1);
    CU_ASSERT_EQUAL(server.err.code, VDC_E_CLOSED);
    CU_ASSERT_STRING_EQUAL(server.err.text, "the connection was closed");
    end();
    /* at once, with nothing sent */
    shake_well();
    stream_destroy(client.stream);
    client.stream = NULL;
    while (!server.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_STRING_EQUAL(server.err.text, "the connection was closed");
    end();
}

/* Anybody on the way can end a connection of TCP; TLS says whether it was the
 * other end. */
static void test_cut(void)
{
    shake_well();
    send_numbered(client.stream, 0);
    turn(4);
    shutdown(fds[1], SHUT_RDWR);
    while (!server.n_closed || !client.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.n_frames, 1);
    CU_ASSERT_EQUAL(server.err.code, VDC_E_CLOSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.err.text, "was cut"));
    CU_ASSERT_PTR_NOT_NULL(strstr(client.err.text, "was cut"));
    end();
    /* while it is written to */
    shake_well();
    stream_pause(server.stream);
    for (unsigned i = 0; i < 50; i++)
        send_numbered(client.stream, i);
    turn(50);
    shutdown(fds[0], SHUT_RDWR);
    while (!client.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(client.n_closed, 1);
    stream_resume(server.stream);
    while (!server.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.n_wrong, 0);
    end();
}

/* Who is not known yet says little. */
static void test_limit(void)
{
    char frame[101] = "";

    shake_well();
    stream_limit(server.stream, 100);
    CU_ASSERT_EQUAL(stream_send(client.stream, frame, 100), 0);
    turn(4);
    CU_ASSERT_EQUAL(server.n_frames, 1);
    CU_ASSERT_EQUAL(stream_send(client.stream, frame, 101), 0);
    turn(4);
    CU_ASSERT_EQUAL(server.n_frames, 1);
    CU_ASSERT_EQUAL(server.err.code, VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.err.text, "1 to 100 are allowed"));
    end();
}

static void test_not_tls_any_more(void)
{
    shake_well();
    CU_ASSERT(write(fds[1], "this is no record of TLS at all", 31) == 31);
    while (!server.n_closed)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(server.n_frames, 0);
    CU_ASSERT_EQUAL(server.err.code, VDC_E_IO);
    end();
}

/* ---- files ---- */

static void expect(const char *certificate, const char *key, const char *ca,
                   int code, const char *text)
{
    const struct tls_files files = { tls_file(certificate), tls_file(key),
                                     *ca ? tls_file(ca) : "" };
    struct vdc_error err = { 0 };
    struct tls *tls = NULL;

    CU_ASSERT_EQUAL(tls_new_server(&files, TLS_ASK, &tls, &err), code);
    CU_ASSERT_PTR_NULL(tls);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
}

static void test_files(void)
{
    struct vdc_error err = { 0 };
    struct tls *tls;

    expect("none.crt", "alice.key", "", VDC_E_NO_FILE, "/none.crt");
    expect("alice.crt", "none.key", "", VDC_E_NO_FILE, "/none.key");
    expect("alice.crt", "alice.key", "none.ca", VDC_E_NO_FILE, "/none.ca");
    expect("alice.key", "alice.key", "", VDC_E_BAD_CONFIG,
           "alice.key has no certificate");
    expect("alice.crt", "server.key", "", VDC_E_BAD_CONFIG,
           "is not that of the certificate in");
    expect("alice.crt", "alice.key", "alice.key", VDC_E_BAD_CONFIG,
           "has no certificates of a CA");
    CU_ASSERT_EQUAL(chmod(tls_file("foreign.key"), 0604), 0);
    expect("foreign.crt", "foreign.key", "", VDC_E_BAD_CONFIG,
           "everybody may read the key in");
    chmod(tls_file("foreign.key"), 0640);
    tls = make_server("foreign", NULL, TLS_ASK);
    CU_ASSERT_EQUAL(tls_check_dates(tls, &err), 0);
    tls_free(tls);
    tls = make_client("old", "ca.crt");
    CU_ASSERT_EQUAL(tls_check_dates(tls, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "old.crt expired at"));
    tls_free(tls);
    tls = make_client("early", "ca.crt");
    CU_ASSERT_EQUAL(tls_check_dates(tls, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "early.crt is not valid before"));
    tls_free(tls);
    tls_free(NULL);
}

static void test_addresses(void)
{
    static const struct {
        const char *address, *host, *port;
    } rows[] = {
        { "127.0.0.1:8443", "127.0.0.1", "8443" },
        { "[::1]:1", "::1", "1" },
        { "host.example:65535", "host.example", "65535" },
        { "host.example:008443", "host.example", "8443" },
    };
    static const char *const wrong[] = {
        "",        ":1",          "a",        "a:",        "a:0",
        "a:65536", "a:1x",        "::1",      "::1:8443",  "[::1]",
        "[::1]8",  "[]:1",        "a b:1",    "user@a:1",  "a:-1",
        "a: 1",    "[fe80::1%2]:1", "http://a:1", "[a:1", "a]:1",
    };
    char host[TCP_HOST_MAX + 1], port[6];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CU_ASSERT_EQUAL(tcp_split(rows[i].address, host, port, NULL), 0);
        CU_ASSERT_STRING_EQUAL(host, rows[i].host);
        CU_ASSERT_STRING_EQUAL(port, rows[i].port);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CU_ASSERT_EQUAL(tcp_split(wrong[i], host, port, NULL),
                        VDC_E_BAD_VALUE);
}

static const struct unit_test tests[] = {
    { "who is at the other end", test_handshake },
    { "a certificate with a passphrase", test_encrypted },
    { "a server that asks", test_who_asks },
    { "a server that demands", test_who_demands },
    { "a costly key", test_costly_key },
    { "a server that is refused", test_server_refused },
    { "no TLS", test_no_tls },
    { "much, both ways", test_both_ways },
    { "back-pressure", test_back_pressure },
    { "keys that change", test_key_updates },
    { "an end", test_close },
    { "a cut", test_cut },
    { "a limit", test_limit },
    { "no TLS any more", test_not_tls_any_more },
    { "files", test_files },
    { "addresses", test_addresses },
};

int main(void)
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
    int status =
        unit_main("base/tls", tests, sizeof(tests) / sizeof(tests[0]));
    tls_files_remove();
    libevent_global_shutdown();
    return status;
}
