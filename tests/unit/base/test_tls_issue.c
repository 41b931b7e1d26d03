/* Keys and certificates that are made: what is in them, what is refused, and
 * that TLS takes them. */
#include "base/tls_issue.h"

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/stream.h"
#include "base/textfile.h"
#include "tests/unit/unit.h"

#define DAY_MS UINT64_C(86400000)

static char *key, *ca, *ca_certificate; /* ca: with its key */
static struct tls_certificate authority;

static char *make_ca(const char *name, char **ret_certificate)
{
    uint64_t now = clock_wall().ms;
    char *ca_key, *both;

    CU_ASSERT_EQUAL_FATAL(tls_issue_key(&ca_key, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_issue_authority(ca_key, name, now - DAY_MS,
                                              now + DAY_MS, ret_certificate,
                                              NULL),
                          0);
    both = xasprintf("%s%s", *ret_certificate, ca_key);
    tls_issue_free(ca_key);
    return both;
}

static void begin(void)
{
    ca = make_ca("test", &ca_certificate);
    CU_ASSERT_EQUAL(tls_certificate_read(ca_certificate,
                                         strlen(ca_certificate), &authority,
                                         NULL),
                    0);
    CU_ASSERT_EQUAL_FATAL(tls_issue_key(&key, NULL), 0);
}

static void end(void)
{
    tls_issue_free(ca);
    tls_issue_free(key);
    free(ca_certificate);
}

static int grant(const char *name, const char *role, char **ret,
                 struct vdc_error *err)
{
    uint64_t now = clock_wall().ms;
    const struct tls_issue_for whom = { name, role, now - DAY_MS,
                                        now + DAY_MS };
    char *request;

    CU_ASSERT_EQUAL_FATAL(tls_issue_request(key, &request, NULL), 0);
    int rc = tls_issue_grant(ca, request, &whom, ret, err);
    free(request);
    return rc;
}

static void test_what_is_in_it(void)
{
    uint64_t now = clock_wall().ms;
    struct tls_certificate x;
    char *text, *both;

    begin();
    CU_ASSERT_STRING_EQUAL(authority.subject, "CN = test");
    CU_ASSERT_STRING_EQUAL(authority.role, "");
    CU_ASSERT_EQUAL_FATAL(grant("beta", "host", &text, NULL), 0);
    CU_ASSERT_EQUAL(tls_certificate_read(text, strlen(text), &x, NULL), 0);
    CU_ASSERT_STRING_EQUAL(x.subject, "CN = beta");
    CU_ASSERT_STRING_EQUAL(x.role, "host");
    CU_ASSERT(x.valid_from_ms <= now && x.valid_to_ms > now);
    both = xasprintf("%s%s", text, key);
    CU_ASSERT_EQUAL(tls_issue_check_pair(both, NULL), 0);
    free(both);
    /* another's key, or none */
    both = xasprintf("%s%s", text, strstr(ca, "-----BEGIN PRIVATE"));
    CU_ASSERT_EQUAL(tls_issue_check_pair(both, NULL), VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(tls_issue_check_pair(text, NULL), VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(tls_issue_check_pair(key, NULL), VDC_E_BAD_CONFIG);
    free(both);
    free(text);
    end();
}

static void test_refused(void)
{
    static const char too_long[] = "01234567890123456789012345678901"
                                   "01234567890123456789012345678901";
    static const char *const names[] = { "", "a,URI:xen-vdc:role:policyd",
                                         "a b", "a\nb", "*", too_long };
    const struct tls_issue_for whom = { "beta", "host", 0, DAY_MS };
    struct vdc_error err;
    char *text = NULL, *request;

    begin();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CU_ASSERT_EQUAL(grant(names[i], "host", &text, &err),
                        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(grant("beta", "", &text, &err), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(grant("beta", "0123456789abcdef", &text, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(tls_issue_grant(ca, "none", &whom, &text, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(tls_issue_grant(ca, ca_certificate, &whom, &text, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(tls_issue_request(ca_certificate, &request, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL_FATAL(tls_issue_request(key, &request, NULL), 0);
    CU_ASSERT_EQUAL(tls_issue_grant("none", request, &whom, &text, &err),
                    VDC_E_BAD_CONFIG);
    /* each byte of it counts, but for those that PEM leaves open */
    size_t n_taken = 0, size = strlen(request);
    for (size_t at = 40; at < size - 40; at++) {
        char was = request[at];
        request[at] = was == 'A' ? 'B' : 'A';
        if (!tls_issue_grant(ca, request, &whom, &text, NULL)) {
            n_taken++;
            free(text);
        }
        request[at] = was;
    }
    CU_ASSERT_EQUAL(n_taken, 0);
    CU_ASSERT_EQUAL(tls_issue_grant(ca, request, &whom, &text, NULL), 0);
    free(text);
    free(request);
    end();
}

static void test_key_id(void)
{
    char a[TLS_FINGERPRINT_TEXT_SIZE], b[TLS_FINGERPRINT_TEXT_SIZE];
    char *one, *two, *other, *third;

    begin();
    CU_ASSERT_EQUAL(tls_issue_request(key, &one, NULL), 0);
    CU_ASSERT_EQUAL(tls_issue_request(key, &two, NULL), 0);
    CU_ASSERT_STRING_NOT_EQUAL(one, two);
    CU_ASSERT_EQUAL(tls_issue_key_id(one, a, NULL), 0);
    CU_ASSERT_EQUAL(tls_issue_key_id(two, b, NULL), 0);
    CU_ASSERT_STRING_EQUAL(a, b);
    CU_ASSERT_EQUAL(tls_issue_key(&other, NULL), 0);
    CU_ASSERT_EQUAL(tls_issue_request(other, &third, NULL), 0);
    CU_ASSERT_EQUAL(tls_issue_key_id(third, b, NULL), 0);
    CU_ASSERT_STRING_NOT_EQUAL(a, b);
    CU_ASSERT_EQUAL(tls_issue_key_id("none", b, NULL), VDC_E_BAD_VALUE);
    tls_issue_free(other);
    free(one);
    free(two);
    free(third);
    end();
}

static void test_fingerprint(void)
{
    uint8_t bytes[TLS_FINGERPRINT_SIZE] = { 0x5a };
    char text[TLS_FINGERPRINT_TEXT_SIZE];

    begin();
    tls_fingerprint_text(authority.fingerprint, text);
    CU_ASSERT(tls_fingerprint_parse(text, bytes));
    CU_ASSERT_EQUAL(memcmp(bytes, authority.fingerprint, sizeof(bytes)), 0);
    memset(bytes, 0x5a, sizeof(bytes));
    text[63] = 'g';
    CU_ASSERT(!tls_fingerprint_parse(text, bytes));
    text[63] = 'A';
    CU_ASSERT(!tls_fingerprint_parse(text, bytes));
    text[63] = '\0';
    CU_ASSERT(!tls_fingerprint_parse(text, bytes));
    CU_ASSERT_EQUAL(bytes[0], 0x5a);
    end();
}

/* ---- over TLS, where only the authority's fingerprint is known ---- */

struct side {
    bool done;
    struct stream *stream;
    struct tls_certificate peer;
    struct vdc_error err;
};

static void on_close(void *arg, const struct vdc_error *err)
{
    struct side *side = arg;

    side->err = *err;
}

static void on_done(void *arg, struct stream *stream,
                    const struct tls_certificate *peer,
                    const struct vdc_error *err)
{
    static const struct stream_ops ops = { .on_close = on_close };
    struct side *side = arg;

    side->done = true;
    if (stream)
        stream_set_ops(stream, &ops, side);
    side->stream = stream;
    if (peer)
        side->peer = *peer;
    if (err)
        side->err = *err;
}

static void shake(const char *pem, const uint8_t *fingerprint,
                  const char *name, struct side *ret)
{
    char directory[] = "/tmp/test_tls_issue.XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    char *path = xasprintf("%s/own.pem", directory);
    const struct tls_files files = { path, path, "" };
    struct event_base *base = event_base_new();
    struct side server = { .done = false };
    struct tls *ours, *theirs = tls_new_client_of(fingerprint);
    int fds[2];

    *ret = server;
    CU_ASSERT_EQUAL_FATAL(textfile_write(path, 0600, pem, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_new_server(&files, TLS_ASK, &ours, NULL), 0);
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
                    0);
    tls_accept(ours, base, fds[0], 5000, on_done, &server);
    tls_connect(theirs, base, fds[1], name, 5000, on_done, ret);
    while (!server.done || !ret->done)
        event_base_loop(base, EVLOOP_ONCE);
    stream_destroy(server.stream);
    stream_destroy(ret->stream);
    tls_free(ours);
    tls_free(theirs);
    event_base_free(base);
    unlink(path);
    rmdir(directory);
    free(path);
}

static void test_by_fingerprint(void)
{
    struct tls_certificate other;
    char *text, *all, *other_ca, *other_certificate;
    struct side side;

    begin();
    CU_ASSERT_EQUAL_FATAL(grant("policyd", "policyd", &text, NULL), 0);
    all = xasprintf("%s%s%s", text, ca_certificate, key);
    shake(all, authority.fingerprint, "policyd", &side);
    CU_ASSERT_PTR_NOT_NULL(side.stream);
    CU_ASSERT_STRING_EQUAL(side.peer.role, "policyd");
    shake(all, authority.fingerprint, "beta", &side);
    CU_ASSERT_PTR_NULL(side.stream);
    CU_ASSERT_PTR_NOT_NULL(strstr(side.err.text, "is not for 'beta'"));
    free(all);
    /* shown beside what it does not vouch for, it is of no use */
    other_ca = make_ca("other", &other_certificate);
    CU_ASSERT_EQUAL(tls_certificate_read(other_certificate,
                                         strlen(other_certificate), &other,
                                         NULL),
                    0);
    all = xasprintf("%s%s%s", text, other_certificate, key);
    shake(all, other.fingerprint, "policyd", &side);
    CU_ASSERT_PTR_NULL(side.stream);
    CU_ASSERT_EQUAL(side.err.code, VDC_E_DENIED);
    /* another's authority, and none */
    shake(all, authority.fingerprint, "policyd", &side);
    CU_ASSERT_PTR_NULL(side.stream);
    CU_ASSERT_PTR_NOT_NULL(strstr(side.err.text, "of another CA"));
    free(all);
    tls_issue_free(other_ca);
    free(other_certificate);
    free(text);
    end();
}

/* ---- a server that refuses, when the client has gone on ---- */

static void tcp_pair(int fds[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&at, size), 0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&at, &size);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(connect(fds[1], (struct sockaddr *)&at, size), 0);
    fds[0] = accept(listener, NULL, NULL);
    close(listener);
    for (int i = 0; i < 2; i++)
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
}

/* To the client TLS is there by then, and it sends: as long as it does, the
 * socket is not reset, which would take the alert away from it. */
static void test_last_word(void)
{
    char directory[] = "/tmp/test_tls_issue.XXXXXX";
    struct side server = { .done = false }, client = { .done = false };
    struct event_base *base = event_base_new();
    struct tls *ours, *theirs;
    char *text, *all, *path;
    int fds[2], same;

    begin();
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
    path = xasprintf("%s/own.pem", directory);
    const struct tls_files files = { path, path, path };
    CU_ASSERT_EQUAL_FATAL(grant("beta", "host", &text, NULL), 0);
    all = xasprintf("%s%s%s", text, ca_certificate, key);
    CU_ASSERT_EQUAL_FATAL(textfile_write(path, 0600, all, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_new_server(&files, TLS_DEMAND, &ours, NULL), 0);
    theirs = tls_new_client_of(authority.fingerprint);
    tcp_pair(fds);
    same = dup(fds[1]);
    tls_accept(ours, base, fds[0], 5000, on_done, &server);
    tls_connect(theirs, base, fds[1], "beta", 5000, on_done, &client);
    while (!server.done || !client.done)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_PTR_NOT_NULL(client.stream);
    CU_ASSERT_EQUAL(server.err.code, VDC_E_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(server.err.text, "no certificate"));
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(send(same, "more", 4, MSG_NOSIGNAL), 4);
        usleep(10000);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(client.err.text, "wants a certificate"));
    close(same);
    stream_destroy(client.stream);
    for (int i = 0; i < 5; i++) {
        usleep(10000);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT_EQUAL(event_base_get_num_events(base,
                                              EVENT_BASE_COUNT_ADDED), 0);
    tls_free(ours);
    tls_free(theirs);
    event_base_free(base);
    unlink(path);
    rmdir(directory);
    free(path);
    free(all);
    free(text);
    end();
}

static const struct unit_test tests[] = {
    { "what is in a certificate", test_what_is_in_it },
    { "what is refused", test_refused },
    { "keys are told apart", test_key_id },
    { "a fingerprint as text", test_fingerprint },
    { "an authority known by its fingerprint", test_by_fingerprint },
    { "the last word of a server", test_last_word },
};

UNIT_MAIN("tls_issue", tests)
