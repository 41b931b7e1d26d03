/* kv.h on etcd: opening, closing, and what its parts share. */
#include "policyd/kv/kv_etcd.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_impl.h"

static void free_now(struct kv_etcd *kv)
{
    etcd_compact_fini(kv);
    etcd_link_fini(kv);
    etcd_requests_fini(kv);
    http_free(kv->http);
    for (size_t i = 0; i < kv->n_endpoints; i++)
        free(kv->endpoints[i]);
    free(kv->endpoints);
    free(kv->name);
    free(kv->prefix);
    free(kv->user);
    free(kv->password);
    free(kv->token);
    free(kv);
}

void etcd_enter(struct kv_etcd *kv)
{
    kv->n_busy++;
}

void etcd_leave(struct kv_etcd *kv)
{
    assert(kv->n_busy > 0);
    if (--kv->n_busy == 0 && kv->closed)
        free_now(kv);
}

static void etcd_close(struct kv *base)
{
    struct kv_etcd *kv = (struct kv_etcd *)base;

    assert(TAILQ_EMPTY(&kv->watches) && TAILQ_EMPTY(&kv->leases));
    etcd_enter(kv);
    kv->closed = true;
    etcd_leave(kv);
}

static const char *etcd_name(const struct kv *kv)
{
    return ((const struct kv_etcd *)kv)->name;
}

/* To PATH of the endpoint of now. */
static struct http_call *post(struct kv_etcd *kv, const char *path,
                              struct http_request *request,
                              const struct http_notify *notify)
{
    char *url = xasprintf("%s/%s", kv->endpoints[kv->at], path);

    request->url = url;
    request->authorization = kv->token;
    struct http_call *call = http_post(kv->http, request, notify);
    free(url);
    return call;
}

struct http_call *etcd_post_grpc(struct kv_etcd *kv, const char *method,
                                 const uint8_t *body, size_t size,
                                 unsigned timeout_ms, size_t answer_max,
                                 const struct http_notify *notify)
{
    struct http_request request = {
        .body = (const char *)body,
        .size = size,
        .grpc = true,
        .timeout_ms = timeout_ms,
        .answer_max = answer_max,
    };

    return post(kv, method, &request, notify);
}

struct http_call *etcd_post_text(struct kv_etcd *kv, const char *path,
                                 const char *text, size_t len,
                                 unsigned timeout_ms, size_t answer_max,
                                 const struct http_notify *notify)
{
    char *gateway = xasprintf("v3/%s", path);
    struct http_request request = {
        .body = text,
        .size = len,
        .timeout_ms = timeout_ms,
        .answer_max = answer_max,
    };
    struct http_call *call = post(kv, gateway, &request, notify);

    free(gateway);
    return call;
}

struct http_call *etcd_post(struct kv_etcd *kv, const char *path,
                            struct json_out *out, unsigned timeout_ms,
                            size_t answer_max,
                            const struct http_notify *notify)
{
    size_t len;
    const char *text = json_out_text(out, &len);
    struct http_call *call =
        etcd_post_text(kv, path, text, len, timeout_ms, answer_max, notify);

    json_out_free(out);
    return call;
}

void etcd_saw(struct kv_etcd *kv, uint64_t revision)
{
    if (revision > kv->revision)
        kv->revision = revision;
}

void etcd_set_timer(struct event *timer, uint64_t ms)
{
    struct timeval tv = { (time_t)(ms / 1000),
                          (suseconds_t)(ms % 1000 * 1000) };

    event_add(timer, &tv);
}

static const struct kv_ops ops = {
    .read = etcd_read,
    .commit = etcd_commit,
    .watch_new = etcd_watch_new,
    .watch_free = etcd_watch_free,
    .lease_new = etcd_lease_new,
    .lease_free = etcd_lease_free,
    .up = etcd_up,
    .name = etcd_name,
    .close = etcd_close,
};

/* ---- settings ---- */

static int check_endpoint(const char *url, struct vdc_error *err)
{
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : "";

    if (host[0] && strcspn(host, "/?#@ \t\r\n") == strlen(host))
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "%s is not an endpoint of etcd", url);
    vdc_error_hint(err, "as http://10.0.0.1:2379 or https://etcd1:2379");
    return VDC_E_BAD_VALUE;
}

static int check(const struct kv_etcd_settings *settings,
                 struct vdc_error *err)
{
    const char *prefix = settings->prefix ? settings->prefix : "";

    if (settings->n_endpoints == 0 ||
        settings->n_endpoints > KV_ETCD_ENDPOINTS_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%zu endpoints of etcd; it must be 1 to %d",
                             settings->n_endpoints, KV_ETCD_ENDPOINTS_MAX);
    for (size_t i = 0; i < settings->n_endpoints; i++) {
        int rc = check_endpoint(settings->endpoints[i], err);
        if (rc)
            return rc;
    }
    if (strlen(prefix) > KV_ETCD_PREFIX_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a prefix of %zu characters; the limit is %d",
                             strlen(prefix), KV_ETCD_PREFIX_MAX);
    for (const char *p = prefix; *p; p++)
        if (*p < 0x21 || *p > 0x7e)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "the prefix of etcd's keys must be printable "
                                 "ASCII: %s",
                                 prefix);
    return 0;
}

/* "etcd http://a:2379,http://b:2379" */
static char *make_name(const struct kv_etcd *kv)
{
    char *name = xasprintf("etcd %s", kv->endpoints[0]);

    for (size_t i = 1; i < kv->n_endpoints; i++) {
        char *longer = xasprintf("%s,%s", name, kv->endpoints[i]);
        free(name);
        name = longer;
    }
    return name;
}

int kv_etcd_open(struct event_base *base,
                 const struct kv_etcd_settings *settings, struct kv **ret,
                 struct vdc_error *err)
{
    struct http *http;
    int rc = check(settings, err);

    if (!rc)
        rc = http_new(base, &settings->tls, &http, err);
    if (rc)
        return rc;
    struct kv_etcd *kv = XNEW(struct kv_etcd);
    kv->kv.ops = &ops;
    kv->base = base;
    kv->http = http;
    kv->n_endpoints = settings->n_endpoints;
    kv->endpoints = xzalloc(settings->n_endpoints * sizeof(kv->endpoints[0]));
    for (size_t i = 0; i < settings->n_endpoints; i++)
        kv->endpoints[i] = xstrdup(settings->endpoints[i]);
    kv->name = make_name(kv);
    kv->prefix = xstrdup(settings->prefix ? settings->prefix : "");
    if (settings->user && settings->user[0]) {
        kv->user = xstrdup(settings->user);
        kv->password = xstrdup(settings->password ? settings->password : "");
    }
    kv->request_ms =
        settings->request_ms ? settings->request_ms : KV_ETCD_REQUEST_MS;
    TAILQ_INIT(&kv->watches);
    TAILQ_INIT(&kv->leases);
    etcd_compact_init(kv, settings->compact_ms ? settings->compact_ms
                                               : KV_ETCD_COMPACT_MS);
    etcd_requests_init(kv);
    etcd_link_start(kv);
    *ret = &kv->kv;
    return 0;
}
