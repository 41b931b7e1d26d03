/* The text of metrics, and the server that gives it out. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/metrics_server.h"
#include "tests/unit/unit.h"

/* ---- the text ---- */

/* What was written, malloc'd. */
static char *take(struct evbuffer *out)
{
    size_t size = evbuffer_get_length(out);
    char *text = malloc(size + 1);

    evbuffer_remove(out, text, size);
    text[size] = '\0';
    evbuffer_free(out);
    return text;
}

static void check(struct evbuffer *out, const char *want)
{
    char *text = take(out);

    CU_ASSERT_STRING_EQUAL(text, want);
    if (strcmp(text, want) != 0)
        printf("%s", text);
    free(text);
}

static void test_family(void)
{
    struct evbuffer *out = evbuffer_new();

    metrics_family(out, "a_total", METRICS_COUNTER, "Things.");
    metrics_value(out, "a_total", 3, "kind", "b", "other", "c", NULL);
    metrics_one(out, "d_seconds", METRICS_GAUGE, "Time.", 0.25);
    check(out, "# HELP a_total Things.\n# TYPE a_total counter\n"
               "a_total{kind=\"b\",other=\"c\"} 3\n"
               "# HELP d_seconds Time.\n# TYPE d_seconds gauge\n"
               "d_seconds 0.25\n");
}

static void test_numbers(void)
{
    struct evbuffer *out = evbuffer_new();

    metrics_value(out, "a", 0, NULL);
    metrics_value(out, "a", -2, NULL);
    metrics_value(out, "a", 1125899906842624.0, NULL);
    metrics_value(out, "a", 1e20, NULL);
    check(out, "a 0\na -2\na 1125899906842624\na 1e+20\n");
}

/* What a name could have in it does not get out of its quotes. */
static void test_labels(void)
{
    struct evbuffer *out = evbuffer_new();

    metrics_value(out, "a", 1, "b", "x\"} 2\nc\\", "d", "gr\xc3\xbc\xff"
                  "\xc3", NULL);
    check(out, "a{b=\"x\\\"} 2\\nc\\\\\",d=\"gr\xc3\xbc??\"} 1\n");
}

/* Longer than the line's own room, by one label and by many. */
static void test_long(void)
{
    char label[2001], want[4200];
    struct evbuffer *out = evbuffer_new();

    memset(label, 'x', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    metrics_value(out, "a", 1, "b", label, "c", label, NULL);
    snprintf(want, sizeof(want), "a{b=\"%s\",c=\"%s\"} 1\n", label, label);
    check(out, want);
}

static void test_timing(void)
{
    struct metrics_timing timing = { .n = 2, .us = 1500000 };
    struct evbuffer *out = evbuffer_new();

    metrics_timing(out, "a_seconds", &timing, "r", "ok", NULL);
    check(out, "a_seconds_sum{r=\"ok\"} 1.5\na_seconds_count{r=\"ok\"} 2\n");
    metrics_timing_add(&timing, metrics_now_us() + 1000000);
    CU_ASSERT_EQUAL(timing.n, 3);
    CU_ASSERT_EQUAL(timing.us, 1500000);
}

/* A loop that is held up says so. */
static void test_lag(void)
{
    struct event_base *base = event_base_new();
    struct metrics_process *process = metrics_process_new(base, "test", "1");
    struct evbuffer *out = evbuffer_new();
    char *text, *lag;

    for (int i = 0; i < 3; i++) {
        event_base_loop(base, EVLOOP_ONCE);
        if (i == 1)
            usleep(600000);
    }
    metrics_process_write(process, out);
    text = take(out);
    CU_ASSERT(strstr(text, "xen_vdc_build_info{program=\"test\","
                           "version=\"1\"} 1\n") != NULL);
    lag = strstr(text, "\nxen_vdc_loop_lag_seconds ");
    CU_ASSERT_FATAL(lag != NULL);
    CU_ASSERT(atof(strchr(lag, ' ')) > 0.3);
    free(text);
    metrics_process_free(process);
    event_base_free(base);
}

/* ---- the server ---- */

static struct event_base *base;
static struct metrics_server *server;
static unsigned n_collected;
static bool fails, later;

static void answer(struct metrics_server *s)
{
    struct evbuffer *page = evbuffer_new();
    struct vdc_error err = { 0 };

    metrics_one(page, "up", METRICS_GAUGE, "Up.", n_collected);
    if (fails)
        vdc_error_set(&err, VDC_E_HYPERVISOR, "Xen is away");
    metrics_server_answer(s, page, fails ? &err : NULL);
    evbuffer_free(page);
}

static void collect(void *arg, struct metrics_server *s)
{
    n_collected++;
    if (!later)
        answer(s);
}

static unsigned port;

static void set_up(void)
{
    struct vdc_error err = { 0 };
    char text[16];
    int rc = VDC_E_BUSY;

    base = event_base_new();
    n_collected = 0;
    fails = later = false;
    for (port = 20000 + (unsigned)getpid() % 20000; rc == VDC_E_BUSY; port++) {
        snprintf(text, sizeof(text), "%u", port);
        rc = metrics_server_new(base, text, collect, NULL, &server, &err);
    }
    port--;
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void tear_down(void)
{
    metrics_server_free(server);
    event_base_free(base);
}

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (void *)&to, sizeof(to)), 0);
    return fd;
}

static void turn(void)
{
    for (int i = 0; i < 20; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        usleep(500);
    }
}

/* What comes back until the end; "": it was closed without a word. */
static char *hear(int fd)
{
    static char text[65536];
    size_t size = 0;
    ssize_t r = 1;

    for (int i = 0; i < 200 && r != 0 && size < sizeof(text) - 1; i++) {
        turn();
        r = recv(fd, text + size, sizeof(text) - 1 - size, MSG_DONTWAIT);
        size += r > 0 ? (size_t)r : 0;
        if (r < 0 && errno != EAGAIN)
            break;
    }
    text[size] = '\0';
    close(fd);
    turn();
    return text;
}

static char *ask(const char *text)
{
    int fd = dial();

    CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL),
                    (ssize_t)strlen(text));
    return hear(fd);
}

static bool says(const char *text, const char *begin, const char *part)
{
    bool ok = strncmp(text, begin, strlen(begin)) == 0 && strstr(text, part);

    if (!ok)
        printf("'%s'\n", text);
    return ok;
}

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_get(void)
{
    set_up();
    char *text = ask(GET);
    CU_ASSERT(says(text, "HTTP/1.1 200 OK\r\n",
                   "\r\nContent-Type: text/plain; version=0.0.4; "
                   "charset=utf-8\r\nContent-Length: 35\r\n"));
    CU_ASSERT(says(text, "HTTP/1.1 200", "\r\n\r\n# HELP up Up.\n"));
    CU_ASSERT(says(ask("GET /metrics?a=b HTTP/1.0\n\n"), "HTTP/1.1 200",
                   "up 1\n"));
    /* the second was answered from what had just been found */
    CU_ASSERT_EQUAL(n_collected, 1);
    tear_down();
}

static void test_others(void)
{
    set_up();
    CU_ASSERT(says(ask("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ",
                   "/metrics"));
    CU_ASSERT(says(ask("GET /metrics/x HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 ",
                   "/metrics"));
    CU_ASSERT(says(ask("POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 ",
                   "\r\nAllow: GET\r\n"));
    CU_ASSERT(says(ask("\r\n\r\n"), "HTTP/1.1 400 ", "no HTTP"));
    CU_ASSERT(says(ask("GET /metrics\r\n\r\n"), "HTTP/1.1 400 ", "no HTTP"));
    CU_ASSERT(says(ask("GET /metrics HTTP/1.1 x\r\n\r\n"), "HTTP/1.1 400 ",
                   "no HTTP"));
    CU_ASSERT(says(ask("\x16\x03\x01\x02\r\n\r\n"), "HTTP/1.1 400 ",
                   "no HTTP"));
    CU_ASSERT_EQUAL(n_collected, 0);
    tear_down();
}

/* In pieces of a byte; and one that says at once that it sends no more. */
static void test_pieces(void)
{
    set_up();
    int fd = dial();
    for (const char *p = GET; *p; p++) {
        CU_ASSERT_EQUAL(send(fd, p, 1, MSG_NOSIGNAL), 1);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT(says(hear(fd), "HTTP/1.1 200", "up 1\n"));
    fd = dial();
    CU_ASSERT_EQUAL(send(fd, GET, strlen(GET), MSG_NOSIGNAL),
                    (ssize_t)strlen(GET));
    shutdown(fd, SHUT_WR);
    CU_ASSERT(says(hear(fd), "HTTP/1.1 200", "up 1\n"));
    tear_down();
}

static void test_large(void)
{
    char *text = malloc(3000000);

    set_up();
    memset(text, 'x', 3000000);
    memcpy(text, "GET /metrics HTTP/1.1\r\nA: ", 26);
    int fd = dial();
    for (size_t sent = 0; sent < 100000;) {
        ssize_t r = send(fd, text + sent, 100000 - sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += r > 0 ? (size_t)r : 0;
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT(says(hear(fd), "HTTP/1.1 431 ", "too large"));
    /* who goes on and on is dropped */
    fd = dial();
    bool dropped = false;
    for (int i = 0; i < 3000 && !dropped; i++) {
        ssize_t r = send(fd, text + 30, 10000, MSG_NOSIGNAL | MSG_DONTWAIT);
        event_base_loop(base, EVLOOP_NONBLOCK);
        dropped = r < 0 && errno != EAGAIN;
    }
    CU_ASSERT(dropped);
    close(fd);
    turn();
    CU_ASSERT(says(ask(GET), "HTTP/1.1 200", "up 1\n"));
    tear_down();
    free(text);
}

static void test_many(void)
{
    int fds[METRICS_CLIENTS_MAX * 3];
    char byte;

    set_up();
    for (int i = 0; i < METRICS_CLIENTS_MAX * 3; i++) {
        fds[i] = dial();
        turn();
    }
    for (int i = 0; i < METRICS_CLIENTS_MAX * 3; i++) {
        ssize_t r = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        bool old = i < METRICS_CLIENTS_MAX * 2;
        CU_ASSERT(old ? r == 0 : r < 0 && errno == EAGAIN);
    }
    CU_ASSERT(says(ask(GET), "HTTP/1.1 200", "up 1\n"));
    for (int i = 0; i < METRICS_CLIENTS_MAX * 3; i++)
        close(fds[i]);
    tear_down();
}

/* It has its time for all it does, however little it sends now and then. */
static void test_slow(void)
{
    bool dropped = false;

    set_up();
    int fd = dial();
    uint64_t begun_us = metrics_now_us();
    while (!dropped && metrics_now_us() - begun_us < 20000000) {
        ssize_t r = send(fd, "x", 1, MSG_NOSIGNAL);
        turn();
        usleep(50000);
        dropped = r < 0;
    }
    uint64_t took_us = metrics_now_us() - begun_us;
    CU_ASSERT(dropped);
    CU_ASSERT(took_us > 9000000 && took_us < 15000000);
    close(fd);
    tear_down();
}

/* Those who wait share one look; a failed one is told, also to those who come
 * just after it, and not for long. */
static void test_later(void)
{
    set_up();
    later = true;
    int one = dial(), two = dial(), gone = dial();
    send(one, GET, strlen(GET), MSG_NOSIGNAL);
    send(two, GET, strlen(GET), MSG_NOSIGNAL);
    send(gone, GET, strlen(GET), MSG_NOSIGNAL);
    turn();
    CU_ASSERT_EQUAL(n_collected, 1);
    close(gone);
    turn();
    fails = true;
    answer(server);
    CU_ASSERT(says(hear(one), "HTTP/1.1 503 ", "Xen is away"));
    CU_ASSERT(says(hear(two), "HTTP/1.1 503 ", "Xen is away"));
    uint64_t told_us = metrics_now_us();
    later = false;
    for (int i = 0; i < 5; i++)
        CU_ASSERT(says(ask(GET), "HTTP/1.1 503 ", "Xen is away"));
    uint64_t took_us = metrics_now_us() - told_us;
    CU_ASSERT(n_collected <= 2 + took_us / (METRICS_FRESH_MS * 1000));
    fails = false;
    n_collected = 1;
    usleep((METRICS_FRESH_MS + 50) * 1000);
    CU_ASSERT(says(ask(GET), "HTTP/1.1 200", "up 2\n"));
    tear_down();
}

static void test_address(void)
{
    struct event_base *other = event_base_new();
    struct metrics_server *second;
    struct vdc_error err = { 0 };

    set_up();
    char text[40];
    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    CU_ASSERT_EQUAL(
        metrics_server_new(other, text, collect, NULL, &second, &err),
        VDC_E_BUSY);
    CU_ASSERT(strstr(err.text, "metrics_address: ") == err.text);
    CU_ASSERT_EQUAL(
        metrics_server_new(other, "localhost", collect, NULL, &second, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(
        metrics_server_new(other, "99999", collect, NULL, &second, &err),
        VDC_E_BAD_VALUE);
    tear_down();
    event_base_free(other);
}

static const struct unit_test tests[] = {
    { "family", test_family },   { "numbers", test_numbers },
    { "labels", test_labels },   { "long", test_long },
    { "timing", test_timing },   { "lag", test_lag },
    { "get", test_get },         { "others", test_others },
    { "pieces", test_pieces },   { "large", test_large },
    { "many", test_many },       { "slow", test_slow },
    { "later", test_later },     { "address", test_address },
};

UNIT_MAIN("metrics", tests)
