/* TLS: what goes through a connection, and how it ends. */
#include "base/tls.h"

#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/base/tls_pair.h"

/* ---- what goes through ---- */

static void test_both_ways(void)
{
    const unsigned n = 300;

    tls_pair_shake_well();
    for (unsigned i = 0; i < n; i++) {
        tls_pair_send(pair.client.stream, i);
        tls_pair_send(pair.server.stream, i);
    }
    while (pair.client.n_frames < n || pair.server.n_frames < n)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT(pair.client.n_wrong == 0 && pair.server.n_wrong == 0);
    CU_ASSERT(pair.client.n_bytes == pair.server.n_bytes &&
              pair.client.n_bytes > 6 << 20);
    tls_pair_turn(4);
    CU_ASSERT(pair.client.n_drained > 0 && pair.server.n_drained > 0);
    CU_ASSERT_EQUAL(stream_pending(pair.client.stream), 0);
    tls_pair_end();
}

/* Who does not read makes the other wait, and then has all of it. */
static void test_back_pressure(void)
{
    const unsigned n = 100;
    unsigned had;

    tls_pair_shake_well();
    stream_pause(pair.server.stream);
    for (unsigned i = 0; i < n; i++)
        tls_pair_send(pair.client.stream, i);
    tls_pair_turn(200);
    CU_ASSERT_EQUAL(pair.server.n_frames, 0);
    size_t waiting = stream_pending(pair.client.stream);
    CU_ASSERT(waiting > 1 << 20);
    tls_pair_turn(200);
    CU_ASSERT_EQUAL(stream_pending(pair.client.stream), waiting);
    stream_resume(pair.server.stream);
    CU_ASSERT_EQUAL(pair.server.n_frames, 0); /* not from within */
    /* one at a time: what OpenSSL has decrypted already must not be
     * forgotten, however little more comes */
    pair.server.pause = true;
    while (pair.server.n_frames < n) {
        had = pair.server.n_frames;
        for (int i = 0; i < 100000 && pair.server.n_frames == had; i++)
            event_base_loop(pair.base, EVLOOP_NONBLOCK);
        CU_ASSERT_EQUAL_FATAL(pair.server.n_frames, had + 1);
        stream_resume(pair.server.stream);
    }
    CU_ASSERT_EQUAL(pair.server.n_wrong, 0);
    CU_ASSERT_EQUAL(stream_pending(pair.client.stream), 0);
    tls_pair_end();
}

/* ---- keys that change ---- */

/* A client that is not ours, through the handshake with the server.  What it
 * writes from then on stays in its BIO. */
static SSL *shake_by_hand(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);

    SSL_CTX_free(ctx);
    tls_pair_accept(5000);
    if (!SSL_set_fd(ssl, pair.fds[1]))
        abort();
    while (SSL_connect(ssl) != 1 || !pair.server.n_done)
        event_base_loop(pair.base, EVLOOP_NONBLOCK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(pair.server.stream);
    SSL_set0_wbio(ssl, BIO_new(BIO_s_mem()));
    return ssl;
}

static void write_all(SSL *ssl)
{
    char *bytes;
    long size = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);

    CU_ASSERT_EQUAL_FATAL(write(pair.fds[1], bytes, (size_t)size), size);
}

/* Each costs the server more than who sends it, and nothing is in them that a
 * stream has.  However many there are, the loop gets to others. */
static void test_key_updates(void)
{
    SSL *ssl = shake_by_hand();
    const uint8_t frame[5] = { 1, 0, 0, 0, tls_pair_byte(0, 0) };
    int n;

    for (int i = 0; i < 1000; i++)
        if (!SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) ||
            SSL_do_handshake(ssl) != 1)
            abort();
    CU_ASSERT_EQUAL(SSL_write(ssl, frame, sizeof(frame)), sizeof(frame));
    write_all(ssl);
    n = tls_pair_waiting(pair.fds[0]);
    CU_ASSERT(n > 1000 * 20);
    event_base_loop(pair.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    CU_ASSERT(tls_pair_waiting(pair.fds[0]) > n - 20000);
    tls_pair_turn(1);
    CU_ASSERT_EQUAL(pair.server.n_frames, 1);
    CU_ASSERT_EQUAL(pair.server.n_wrong, 0);
    CU_ASSERT_EQUAL(pair.server.n_closed, 0);
    SSL_free(ssl);
    tls_pair_end();
}

/* ---- how it ends ---- */

static void test_close(void)
{
    tls_pair_shake_well();
    tls_pair_send(pair.client.stream, 0);
    stream_finish(pair.client.stream);
    pair.client.stream = NULL;
    while (!pair.server.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.n_frames, 1);
    CU_ASSERT_EQUAL(pair.server.err.code, VDC_E_CLOSED);
    CU_ASSERT_STRING_EQUAL(pair.server.err.text, "the connection was closed");
    tls_pair_end();
    /* at once, with nothing sent */
    tls_pair_shake_well();
    stream_destroy(pair.client.stream);
    pair.client.stream = NULL;
    while (!pair.server.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_STRING_EQUAL(pair.server.err.text, "the connection was closed");
    tls_pair_end();
}

/* Anybody on the way can end a connection of TCP; TLS says whether it was the
 * other end. */
static void test_cut(void)
{
    tls_pair_shake_well();
    tls_pair_send(pair.client.stream, 0);
    tls_pair_turn(4);
    shutdown(pair.fds[1], SHUT_RDWR);
    while (!pair.server.n_closed || !pair.client.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.n_frames, 1);
    CU_ASSERT_EQUAL(pair.server.err.code, VDC_E_CLOSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(pair.server.err.text, "was cut"));
    CU_ASSERT_PTR_NOT_NULL(strstr(pair.client.err.text, "was cut"));
    tls_pair_end();
    /* while it is written to */
    tls_pair_shake_well();
    stream_pause(pair.server.stream);
    for (unsigned i = 0; i < 50; i++)
        tls_pair_send(pair.client.stream, i);
    tls_pair_turn(50);
    shutdown(pair.fds[0], SHUT_RDWR);
    while (!pair.client.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.client.n_closed, 1);
    stream_resume(pair.server.stream);
    while (!pair.server.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.n_wrong, 0);
    tls_pair_end();
}

/* Who is not known yet says little. */
static void test_limit(void)
{
    char frame[101] = "";

    tls_pair_shake_well();
    stream_limit(pair.server.stream, 100);
    CU_ASSERT_EQUAL(stream_send(pair.client.stream, frame, 100), 0);
    tls_pair_turn(4);
    CU_ASSERT_EQUAL(pair.server.n_frames, 1);
    CU_ASSERT_EQUAL(stream_send(pair.client.stream, frame, 101), 0);
    tls_pair_turn(4);
    CU_ASSERT_EQUAL(pair.server.n_frames, 1);
    CU_ASSERT_EQUAL(pair.server.err.code, VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(pair.server.err.text, "1 to 100 are allowed"));
    tls_pair_end();
}

static void test_not_tls_any_more(void)
{
    tls_pair_shake_well();
    CU_ASSERT(write(pair.fds[1], "this is no record of TLS at all", 31) == 31);
    while (!pair.server.n_closed)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.n_frames, 0);
    CU_ASSERT_EQUAL(pair.server.err.code, VDC_E_IO);
    tls_pair_end();
}

static const struct unit_test tests[] = {
    { "much, both ways", test_both_ways },
    { "back-pressure", test_back_pressure },
    { "keys that change", test_key_updates },
    { "an end", test_close },
    { "a cut", test_cut },
    { "a limit", test_limit },
    { "no TLS any more", test_not_tls_any_more },
};

int main(void)
{
    return tls_pair_main("base/tls: connections", tests,
                         sizeof(tests) / sizeof(tests[0]));
}
