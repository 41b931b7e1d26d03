/* A server that answers as it is told; see etcd_fake.h. */
#include "tests/unit/policyd/etcd_fake.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd.h"
#include "tests/unit/policyd/fake_http.h"
#include "tests/unit/unit.h"

struct etcd_fake etcd_fake;

static struct event_base *base;
static struct fake_http *fake;
static const struct etcd_script *script;
static size_t n_script, at;

static const char *good_answer(const char *path)
{
    if (strcmp(path, "/v3/kv/range") == 0)
        return ETCD_HEAD
            ",\"kvs\":[{\"key\":\"L3Qvaw==\",\"create_revision\":\"2\","
            "\"mod_revision\":\"3\",\"value\":\"dg==\"}]}";
    if (strcmp(path, "/v3/lease/grant") == 0)
        return ETCD_HEAD ",\"ID\":\"77\",\"TTL\":\"2\"}";
    if (strcmp(path, "/v3/lease/keepalive") == 0)
        return "{\"result\":" ETCD_HEAD ",\"ID\":\"77\",\"TTL\":\"2\"}}\n";
    return ETCD_HEAD ",\"succeeded\":true}";
}

static void count(const char *path, const char *body)
{
    etcd_fake.n_txn += strcmp(path, "/v3/kv/txn") == 0;
    etcd_fake.n_range += strstr(body, "count_only") == NULL &&
                         strcmp(path, "/v3/kv/range") == 0;
    etcd_fake.n_grant += strcmp(path, "/v3/lease/grant") == 0;
    etcd_fake.n_keepalive += strcmp(path, "/v3/lease/keepalive") == 0;
    if (strcmp(path, "/v3/watch") == 0) {
        etcd_fake.n_watch++;
        snprintf(etcd_fake.last_watch, sizeof(etcd_fake.last_watch), "%s",
                 body);
    }
}

static void on_grpc(struct fake_reply *ret)
{
    etcd_fake.n_grpc++;
    if (at < n_script && strcmp(script[at].path, ETCD_GRPC) == 0) {
        const struct etcd_script *s = &script[at++];
        ret->close = s->close;
        ret->size = s->size ? s->size : s->body ? strlen(s->body) : 0;
        if (ret->size) {
            ret->bytes = xzalloc(ret->size);
            memcpy(ret->bytes, s->body, ret->size);
        }
    } else {
        ret->close = true;
    }
}

static void on_asked(void *arg, const char *path, const char *body,
                     struct fake_reply *ret)
{
    bool probe = strstr(body, "count_only") != NULL;

    if (strcmp(path, FAKE_HTTP2) == 0) {
        on_grpc(ret);
        return;
    }
    count(path, body);
    if (!probe && at < n_script && strcmp(path + 4, script[at].path) == 0) {
        const struct etcd_script *s = &script[at++];
        ret->close = s->close;
        if (s->body)
            ret->bytes = s->stream   ? fake_stream(s->body)
                         : s->status ? fake_answer(s->status, s->body)
                                     : xstrdup(s->body);
    } else if (probe) {
        ret->bytes = fake_answer(200, "{\"header\":{\"revision\":\"90\"}}");
    } else if (strcmp(path, "/v3/watch") == 0) {
        ret->bytes =
            fake_stream("{\"result\":" ETCD_HEAD ",\"created\":true}}");
    } else {
        ret->bytes = fake_answer(200, good_answer(path));
    }
}

static void open_kv(const char *url)
{
    const struct kv_etcd_settings settings = {
        .endpoints = &url,
        .n_endpoints = 1,
        .prefix = "/t/",
        .request_ms = etcd_fake.request_ms * unit_time_factor()
    };

    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(base, &settings, &etcd_fake.kv, NULL),
                          0);
}

void etcd_fake_begin(const struct etcd_script *scripts, size_t n)
{
    unsigned request_ms = etcd_fake.request_ms;

    memset(&etcd_fake, 0, sizeof(etcd_fake));
    etcd_fake.request_ms = request_ms ? request_ms : 400;
    script = scripts;
    n_script = n;
    at = 0;
    base = event_base_new();
    fake = fake_http_new(base, on_asked, NULL);
    open_kv(fake_http_url(fake));
}

void etcd_fake_open_other(const char *url)
{
    kv_close(etcd_fake.kv);
    open_kv(url);
}

void etcd_fake_end(void)
{
    kv_close(etcd_fake.kv);
    fake_http_free(fake);
    event_base_free(base);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

bool etcd_fake_wait(const unsigned *n, unsigned least, int ms)
{
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
    bool over = false;
    struct event *timer = evtimer_new(base, on_time, &over);

    event_add(timer, &tv);
    while (*n < least && !over)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(timer);
    return *n >= least;
}

void etcd_fake_run_ms(int ms)
{
    unsigned never = 0;

    etcd_fake_wait(&never, 1, ms);
}

static unsigned n_done;

static void on_done(void *arg, uint64_t revision, const struct vdc_error *err)
{
    n_done++;
    etcd_fake.err = *err;
}

static void on_pair(void *arg, const struct kv_pair *pair)
{
    etcd_fake.n_pairs++;
}

int etcd_fake_commit(void)
{
    struct kv_change change = {
        .kind = KV_PUT, .key = "k", .value = (const uint8_t *)"v", .size = 1
    };

    n_done = etcd_fake.n_pairs = 0;
    kv_commit(etcd_fake.kv, NULL, 0, &change, 1, on_done, NULL);
    CU_ASSERT(etcd_fake_wait(&n_done, 1, 8000 * (int)unit_time_factor()));
    CU_ASSERT_EQUAL(n_done, 1);
    CU_ASSERT(!etcd_fake.err.code || etcd_fake.err.text[0]);
    return etcd_fake.err.code;
}

int etcd_fake_read(void)
{
    n_done = etcd_fake.n_pairs = 0;
    kv_read(etcd_fake.kv, "", on_pair, on_done, NULL);
    CU_ASSERT(etcd_fake_wait(&n_done, 1, 8000 * (int)unit_time_factor()));
    CU_ASSERT_EQUAL(n_done, 1);
    CU_ASSERT(!etcd_fake.err.code || etcd_fake.err.text[0]);
    return etcd_fake.err.code;
}
