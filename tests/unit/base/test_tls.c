/* TLS: who is at the other end, and whether it speaks TLS at all. */
#include "base/tls.h"

#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tcp.h"
#include "tests/unit/base/tls_files.h"
#include "tests/unit/base/tls_pair.h"

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
    tls_pair_shake_well();
    CU_ASSERT(pair.server.n_done == 1 && pair.client.n_done == 1);
    CU_ASSERT(pair.server.has_peer && pair.client.has_peer);
    CU_ASSERT_EQUAL(memcmp(pair.server.peer.fingerprint, file.fingerprint,
                           sizeof(file.fingerprint)),
                    0);
    CU_ASSERT_EQUAL(pair.server.peer.valid_to_ms, file.valid_to_ms);
    CU_ASSERT_STRING_EQUAL(pair.server.peer.unproved, "");
    CU_ASSERT_STRING_EQUAL(pair.client.peer.subject, "CN = server");
    tls_pair_end();
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
    CU_ASSERT_EQUAL(tls_pair_waiting(line[0]), 7);
    close(line[0]);
    close(line[1]);
}

static void test_who_asks(void)
{
    tls_pair_shake(tls_pair_server("server", "ca.crt", TLS_ASK),
                   tls_pair_client(NULL, "ca.crt"), "127.0.0.1");
    CU_ASSERT_PTR_NOT_NULL(pair.server.stream);
    CU_ASSERT(!pair.server.has_peer);
    tls_pair_end();
    /* of another CA: it comes through, and that is told */
    tls_pair_shake(tls_pair_server("server", "ca.crt", TLS_ASK),
                   tls_pair_client("foreign", "ca.crt"), "host.example");
    CU_ASSERT_PTR_NOT_NULL(pair.server.stream);
    CU_ASSERT(pair.server.has_peer && *pair.server.peer.unproved);
    tls_pair_end();
    tls_pair_shake(tls_pair_server("server", "ca.crt", TLS_ASK),
                   tls_pair_client("alice", "ca.crt"), "host.example");
    CU_ASSERT(pair.server.has_peer && !*pair.server.peer.unproved);
    tls_pair_end();
    /* its dates are for the caller, too */
    tls_pair_shake(tls_pair_server("server", NULL, TLS_ASK),
                   tls_pair_client("old", "ca.crt"), "host.example");
    CU_ASSERT(pair.server.has_peer && !*pair.server.peer.unproved);
    CU_ASSERT(pair.server.peer.valid_to_ms < clock_wall().ms);
    tls_pair_end();
}

static void test_who_demands(void)
{
    tls_pair_shake(tls_pair_server("server", "ca.crt", TLS_DEMAND),
                   tls_pair_client("alice", "ca.crt"), "host.example");
    CU_ASSERT(pair.server.stream && pair.client.stream &&
              pair.server.has_peer);
    tls_pair_end();
    static const char *const refused[] = { NULL, "foreign", "old" };
    for (size_t i = 0; i < 3; i++) {
        tls_pair_shake(tls_pair_server("server", "ca.crt", TLS_DEMAND),
                       tls_pair_client(refused[i], "ca.crt"), "host.example");
        CU_ASSERT_PTR_NULL(pair.server.stream);
        CU_ASSERT_NOT_EQUAL(pair.server.failure.code, 0);
        /* a client of TLS 1.3 is through before it is refused */
        CU_ASSERT_PTR_NOT_NULL(pair.client.stream);
        CU_ASSERT_EQUAL(pair.client.n_closed, 1);
        CU_ASSERT_EQUAL(pair.client.err.code, VDC_E_DENIED);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(pair.client.err.text, "the other end refused"));
        tls_pair_end();
    }
}

/* Whatever is asked of it afterwards. */
static void test_costly_key(void)
{
    static const char *const ca[] = { NULL, "ca.crt" };

    for (size_t i = 0; i < 2; i++) {
        tls_pair_shake(tls_pair_server("server", ca[i], TLS_ASK),
                       tls_pair_client("rsa", "ca.crt"), "host.example");
        CU_ASSERT_PTR_NOT_NULL(pair.server.stream);
        CU_ASSERT(pair.server.has_peer && !*pair.server.peer.unproved);
        tls_pair_end();
        tls_pair_shake(tls_pair_server("server", ca[i], TLS_ASK),
                       tls_pair_client("costly", "ca.crt"), "host.example");
        CU_ASSERT_PTR_NULL(pair.server.stream);
        CU_ASSERT_EQUAL(pair.client.err.code, VDC_E_DENIED);
        tls_pair_end();
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
        tls_pair_shake(tls_pair_server(rows[i].server, NULL, TLS_ASK),
                       tls_pair_client(NULL, rows[i].ca), rows[i].name);
        CU_ASSERT(!pair.server.stream && !pair.client.stream);
        CU_ASSERT_EQUAL(pair.client.failure.code, VDC_E_DENIED);
        CU_ASSERT_PTR_NOT_NULL(strstr(pair.client.failure.text, rows[i].text));
        CU_ASSERT_EQUAL(pair.server.failure.code, VDC_E_DENIED);
        tls_pair_end();
    }
}

/* ---- ends that are none ---- */

static void test_no_tls(void)
{
    static const char garbage[] = "GET / HTTP/1.0\r\n\r\n";
    struct tls *tls;

    tls_pair_accept(5000);
    CU_ASSERT(write(pair.fds[1], garbage, sizeof(garbage)) > 0);
    while (!pair.server.n_done)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.failure.code, VDC_E_PROTOCOL);
    tls_pair_end();
    /* silence, with half of a record */
    tls_pair_accept(50);
    CU_ASSERT(write(pair.fds[1], "\x16\x03\x01\x02", 4) == 4);
    while (!pair.server.n_done)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.failure.code, VDC_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(pair.server.failure.text, "50 ms"));
    tls_pair_end();
    /* who leaves */
    tls_pair_accept(5000);
    shutdown(pair.fds[1], SHUT_RDWR);
    while (!pair.server.n_done)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.server.failure.code, VDC_E_CLOSED);
    tls_pair_end();
    /* who is not wanted any more */
    tls_pair_accept(5000);
    tls_pair_turn(2);
    tls_handshake_cancel(pair.server.handshake);
    tls_pair_turn(2);
    CU_ASSERT_EQUAL(pair.server.n_done, 0);
    tls_pair_end();
    /* a client of something else */
    tls = tls_pair_client(NULL, "ca.crt");
    tls_pair_begin();
    pair.client.handshake =
        tls_connect(tls, pair.base, dup(pair.fds[1]), "host.example", 5000,
                    tls_pair_done, &pair.client);
    tls_free(tls);
    CU_ASSERT(write(pair.fds[0], garbage, sizeof(garbage)) > 0);
    while (!pair.client.n_done)
        event_base_loop(pair.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(pair.client.failure.code, VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(pair.client.failure.text, "does not speak TLS 1.3"));
    tls_pair_end();
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
    tls = tls_pair_server("foreign", NULL, TLS_ASK);
    CU_ASSERT_EQUAL(tls_check_dates(tls, &err), 0);
    tls_free(tls);
    tls = tls_pair_client("old", "ca.crt");
    CU_ASSERT_EQUAL(tls_check_dates(tls, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "old.crt expired at"));
    tls_free(tls);
    tls = tls_pair_client("early", "ca.crt");
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
        "",
        ":1",
        "a",
        "a:",
        "a:0",
        "a:65536",
        "a:1x",
        "::1",
        "::1:8443",
        "[::1]",
        "[::1]8",
        "[]:1",
        "a b:1",
        "user@a:1",
        "a:-1",
        "a: 1",
        "[fe80::1%2]:1",
        "http://a:1",
        "[a:1",
        "a]:1",
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
    { "files", test_files },
    { "addresses", test_addresses },
};

int main(void)
{
    return tls_pair_main("base/tls", tests, sizeof(tests) / sizeof(tests[0]));
}
