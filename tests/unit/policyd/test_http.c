/* Tests of policyd/kv/http.c, on servers good and bad. */
#include "policyd/kv/http.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tests/unit/policyd/fake_http.h"
#include "tests/unit/unit.h"

static struct event_base *base;
static struct fake_http *fake;
static struct http *http;

/* What the server answers, and has been asked. */
static struct fake_reply next_reply;
static unsigned n_asked;
static char asked[256];

/* What came of calls. */
static struct {
    unsigned n_done, n_lines;
    int code, status;
    bool sent;
    char body[256], lines[256];
    size_t size;
} got;
static struct http_call *call;
static bool cancel_in_line, free_in_done;

static void on_asked(void *arg, const char *path, const char *body,
                     struct fake_reply *ret)
{
    n_asked++;
    snprintf(asked, sizeof(asked), "%s %.100s", path, body);
    *ret = next_reply;
    next_reply.bytes = NULL;
}

static void on_line(void *arg, const char *line, size_t size)
{
    got.n_lines++;
    CU_ASSERT_EQUAL(strlen(line), size);
    strncat(got.lines, line, sizeof(got.lines) - strlen(got.lines) - 1);
    strncat(got.lines, "|", sizeof(got.lines) - strlen(got.lines) - 1);
    if (cancel_in_line) {
        http_cancel(call);
        event_base_loopbreak(base);
    }
}

static void on_done(void *arg, const struct http_answer *answer,
                    const struct vdc_error *err)
{
    got.n_done++;
    got.code = err->code;
    got.status = answer->status;
    got.sent = answer->sent;
    got.size = answer->size;
    CU_ASSERT_EQUAL(strlen(answer->body), answer->size);
    snprintf(got.body, sizeof(got.body), "%.100s", answer->body);
    CU_ASSERT(!err->code || err->text[0]);
    if (free_in_done) {
        http_free(http);
        http = NULL;
    }
    event_base_loopbreak(base);
}

static void set_up(void)
{
    base = event_base_new();
    fake = fake_http_new(base, on_asked, NULL);
    CU_ASSERT_EQUAL_FATAL(http_new(base, NULL, &http, NULL), 0);
    n_asked = 0;
    cancel_in_line = free_in_done = false;
    next_reply = (struct fake_reply){ 0 };
}

static void tear_down(void)
{
    http_free(http);
    fake_http_free(fake);
    event_base_free(base);
    free(next_reply.bytes);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    event_base_loopbreak(base);
}

static void run_ms(int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
    struct event *timer = evtimer_new(base, on_time, NULL);

    event_add(timer, &tv);
    event_base_dispatch(base);
    event_free(timer);
}

static void post_to(const char *url, bool lines, unsigned timeout_ms)
{
    char *whole = xasprintf("%s/v3/x", url);
    struct http_request request = { .url = whole,
                                    .body = "{\"a\":1}",
                                    .size = 7,
                                    .timeout_ms = timeout_ms,
                                    .answer_max = 100 };
    struct http_notify notify = { lines ? on_line : NULL, on_done, NULL };

    memset(&got, 0, sizeof(got));
    call = http_post(http, &request, &notify);
    free(whole);
    CU_ASSERT_EQUAL(got.n_done, 0);
    run_ms(5000 * (int)unit_time_factor());
}

static void post(char *bytes, bool close)
{
    next_reply = (struct fake_reply){ .bytes = bytes, .close = close };
    post_to(fake_http_url(fake), false, 3000);
}

static void asks_and_gets(void)
{
    set_up();
    for (unsigned i = 1; i <= 3; i++) {
        post(fake_answer(200, "{\"b\":2}"), false);
        CU_ASSERT_EQUAL(got.n_done, 1);
        CU_ASSERT_EQUAL(got.code, 0);
        CU_ASSERT_EQUAL(got.status, 200);
        CU_ASSERT_STRING_EQUAL(got.body, "{\"b\":2}");
        CU_ASSERT_STRING_EQUAL(asked, "/v3/x {\"a\":1}");
        CU_ASSERT_EQUAL(n_asked, i);
    }
    CU_ASSERT_EQUAL(fake_http_connections(fake), 1); /* kept */
    post(fake_answer(503, "no"), false);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_EQUAL(got.status, 503);
    CU_ASSERT_STRING_EQUAL(got.body, "no");
    post(fake_answer(200, ""), false);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_EQUAL(got.size, 0);
    tear_down();
}

/* A proxy of the environment is for browsers. */
static void environment_does_not_count(void)
{
    CU_ASSERT_EQUAL(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    CU_ASSERT_EQUAL(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    set_up();
    post(fake_answer(200, "{}"), false);
    CU_ASSERT_EQUAL(got.code, 0);
    tear_down();
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void no_connection(void)
{
    set_up();
    post_to("http://127.0.0.1:1", false, 3000);
    CU_ASSERT_EQUAL(got.n_done, 1);
    CU_ASSERT_EQUAL(got.code, VDC_E_NO_DAEMON);
    CU_ASSERT_FALSE(got.sent);
    CU_ASSERT_EQUAL(got.status, 0);
    tear_down();
}

/* The server closes a connection that was kept after it has read a request:
 * it may have done it. */
static void is_not_sent_twice(void)
{
    set_up();
    post(fake_answer(200, "{}"), false);
    CU_ASSERT_EQUAL(got.code, 0);
    post(NULL, true);
    CU_ASSERT_EQUAL(got.n_done, 1);
    CU_ASSERT_EQUAL(got.code, VDC_E_CLOSED);
    CU_ASSERT(got.sent);
    run_ms(50);
    CU_ASSERT_EQUAL(n_asked, 2);
    /* One that was closed before is noticed, and another is made. */
    post(fake_answer(200, "{}"), false);
    CU_ASSERT_EQUAL(got.code, 0);
    fake_http_drop(fake);
    run_ms(20);
    post(fake_answer(200, "{}"), false);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_EQUAL(n_asked, 4);
    tear_down();
}

static void bad_answers(void)
{
    char large[300];

    set_up();
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    post(xstrdup("this is no HTTP at all\r\n\r\n"), true);
    CU_ASSERT_EQUAL(got.code, VDC_E_PROTOCOL);
    post(xstrdup("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"cut"), true);
    CU_ASSERT_EQUAL(got.code, VDC_E_CLOSED);
    post(xstrdup("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "zz\r\n"),
         true);
    CU_ASSERT_EQUAL(got.code, VDC_E_CLOSED);
    post(fake_answer(200, large), false);
    CU_ASSERT_EQUAL(got.code, VDC_E_BAD_VALUE);
    post(xstrdup("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), true);
    CU_ASSERT(got.n_done == 1);
    post(xstrdup("HTTP/1.1 302 Y\r\nLocation: http://127.0.0.1:1/\r\n"
                 "Content-Length: 0\r\n\r\n"),
         false);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_EQUAL(got.status, 302);
    tear_down();
}

static void hangs(void)
{
    set_up();
    uint64_t before = clock_mono().ms;
    next_reply = (struct fake_reply){ 0 };
    post_to(fake_http_url(fake), false, 200);
    CU_ASSERT_EQUAL(got.code, VDC_E_TIMEOUT);
    CU_ASSERT(got.sent);
    CU_ASSERT(clock_mono().ms - before < 1500 * unit_time_factor());
    tear_down();
}

static const char stream[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                             "\r\n\r\n6\r\nab\ncd\n\r\n3\r\n\nef\r\n"
                             "2\r\ng\n\r\n0\r\n\r\n";

static void lines_of_a_stream(void)
{
    set_up();
    next_reply = (struct fake_reply){ .bytes = xstrdup(stream) };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_STRING_EQUAL(got.lines, "ab|cd||efg|");
    CU_ASSERT_EQUAL(got.size, 0);
    next_reply =
        (struct fake_reply){ .bytes = xstrdup(stream), .byte_by_byte = true };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_STRING_EQUAL(got.lines, "ab|cd||efg|");
    /* An answer that is an error has no lines. */
    next_reply = (struct fake_reply){ .bytes = fake_answer(400, "a\nb\n") };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.n_lines, 0);
    CU_ASSERT_STRING_EQUAL(got.body, "a\nb\n");
    tear_down();
}

/* Many lines in all, none too long; then one that is. */
static void long_lines(void)
{
    char text[2000] = "", *line = xzalloc(102);

    set_up();
    memset(line, 'y', 99);
    for (int i = 0; i < 15; i++) {
        strcat(text, line);
        strcat(text, "\n");
    }
    next_reply = (struct fake_reply){ .bytes = fake_answer(200, text) };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.code, 0);
    CU_ASSERT_EQUAL(got.n_lines, 15);
    memset(line, 'y', 101);
    next_reply = (struct fake_reply){ .bytes = fake_stream(line) };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.code, VDC_E_BAD_VALUE);
    strcpy(text, "");
    for (int i = 0; i < 15; i++)
        strcat(text, line);
    next_reply = (struct fake_reply){ .bytes = fake_stream(text) };
    post_to(fake_http_url(fake), true, 0);
    CU_ASSERT_EQUAL(got.code, VDC_E_BAD_VALUE);
    free(line);
    tear_down();
}

static void cancelled_in_callbacks(void)
{
    set_up();
    cancel_in_line = true;
    next_reply = (struct fake_reply){ .bytes = xstrdup(stream) };
    post_to(fake_http_url(fake), true, 0);
    run_ms(50);
    CU_ASSERT_STRING_EQUAL(got.lines, "ab|");
    CU_ASSERT_EQUAL(got.n_done, 0);
    cancel_in_line = false;
    free_in_done = true;
    post(fake_answer(200, "{}"), false);
    CU_ASSERT_EQUAL(got.n_done, 1);
    CU_ASSERT_PTR_NULL(http);
    tear_down();
}

static void freed_under_way(void)
{
    set_up();
    struct http_request request = { .url = fake_http_url(fake),
                                    .body = "",
                                    .answer_max = 100 };
    struct http_notify notify = { .done = on_done };
    memset(&got, 0, sizeof(got));
    for (int i = 0; i < 5; i++)
        http_post(http, &request, &notify);
    run_ms(20);
    http_free(http);
    http = NULL;
    run_ms(20);
    CU_ASSERT_EQUAL(got.n_done, 0);
    CU_ASSERT_EQUAL(n_asked, 5);
    tear_down();
}

static const struct unit_test tests[] = {
    { "asks and gets", asks_and_gets },
    { "the environment does not count", environment_does_not_count },
    { "no connection", no_connection },
    { "is not sent twice", is_not_sent_twice },
    { "bad answers", bad_answers },
    { "hangs", hangs },
    { "lines of a stream", lines_of_a_stream },
    { "long lines", long_lines },
    { "cancelled in callbacks", cancelled_in_callbacks },
    { "freed under way", freed_under_way },
};

UNIT_MAIN("http", tests)
