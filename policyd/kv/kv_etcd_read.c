/*
 * Reading, in pages of one revision.
 *
 * The first page is short, and asked for by the JSON gateway, as everything
 * else is.  What comes after it is long, and comes by gRPC, which costs etcd a
 * fifth and us two thirds of the work; when that does not succeed, for
 * whatever reason, the same page is asked for by the gateway, whose answer
 * says why and is judged.  Then gRPC is left alone until the link has been
 * down, as it may be a proxy's fault, or libcurl's, which may have been built
 * without HTTP/2.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_grpc.h"
#include "policyd/kv/kv_etcd_impl.h"

/* After the first, a page is of about this size; by the gateway of at most
 * so many pairs.  etcd looks at all keys that are left for each page. */
#define GRPC_BYTES (4 * 1024 * 1024)
#define JSON_BYTES (2 * 1024 * 1024)
#define JSON_MAX 2000

/* ---- asking ---- */

static void on_page(void *arg, const struct http_answer *answer,
                    const struct vdc_error *transport);
static void on_grpc_page(void *arg, const struct http_answer *answer,
                         const struct vdc_error *transport);

static void begin_json(struct etcd_request *r)
{
    struct kv_etcd *kv = r->kv;
    struct json_out *out = json_out_new(false);
    struct http_notify notify = { .done = on_page, .arg = r };

    json_out_object(out);
    etcd_put_rest(out, kv->prefix, r->prefix, r->after);
    etcd_put_u64(out, "limit", r->page < JSON_MAX ? r->page : JSON_MAX);
    if (r->revision)
        etcd_put_u64(out, "revision", r->revision);
    json_out_object_end(out);
    r->call = etcd_post(kv, "kv/range", out, etcd_request_left(r),
                        ETCD_ANSWER_MAX, &notify);
}

static void begin_grpc(struct etcd_request *r)
{
    const struct etcd_rest rest = { r->kv->prefix, r->prefix, r->after,
                                    r->page, r->revision };
    const struct http_notify notify = { .done = on_grpc_page, .arg = r };
    struct arena *arena = arena_new();
    size_t size;
    const uint8_t *body = etcd_grpc_range(&rest, arena, &size);

    r->call = etcd_post_grpc(r->kv, ETCD_GRPC_RANGE, body, size,
                             etcd_request_left(r), ETCD_ANSWER_MAX, &notify);
    arena_free(arena);
}

void etcd_page_begin(struct etcd_request *r)
{
    r->kv->n_reading++;
    r->grpc = r->after && !r->kv->no_grpc;
    if (r->grpc)
        begin_grpc(r);
    else
        begin_json(r);
}

/* The next page, or the same in another way: with time of its own. */
static void go_on(struct etcd_request *r)
{
    r->n_tries = 0;
    r->deadline.ms = clock_mono().ms + r->kv->request_ms;
    etcd_request_wait(r);
    etcd_requests_run(r->kv);
}

/* ---- answers ---- */

static bool is_in_order(const struct etcd_request *r,
                        const struct etcd_page *page)
{
    const char *before = r->after;

    for (size_t i = 0; i < page->n_pairs; i++) {
        if (before && strcmp(before, page->pairs[i].key) >= 0)
            return false;
        before = page->pairs[i].key;
    }
    return page->n_pairs || !page->more;
}

/* What is to be asked for next; `size` bytes came with this one. */
static void note_page(struct etcd_request *r, const struct etcd_page *page,
                      size_t size)
{
    size_t n = page->n_pairs;

    if (r->revision == 0)
        r->revision = page->revision;
    etcd_saw(r->kv, page->revision);
    if (n == 0)
        return;
    r->page = (r->kv->no_grpc ? JSON_BYTES : GRPC_BYTES) / (size / n + 1);
    if (r->page == 0)
        r->page = 1;
    free(r->after);
    r->after = xstrdup(page->pairs[n - 1].key);
}

/* Between etcd_enter and etcd_leave. */
static void take_page(struct etcd_request *r, const struct etcd_page *page,
                      size_t size)
{
    struct kv_etcd *kv = r->kv;

    note_page(r, page, size);
    for (size_t i = 0; i < page->n_pairs && !kv->closed; i++)
        if (r->pair)
            r->pair(r->arg, &page->pairs[i]);
    if (kv->closed)
        return;
    if (page->more)
        go_on(r);
    else
        etcd_request_finish(r, r->revision, NULL);
}

/* Than one that was too large at once; values are at most 1 MiB. */
static size_t smaller(size_t page)
{
    return (page < JSON_MAX ? page : JSON_MAX) / 2;
}

static void page_failed(struct etcd_request *r, enum etcd_verdict verdict,
                        int transport, struct vdc_error *err)
{
    if (transport == VDC_E_BAD_VALUE && r->page > 1) {
        r->page = smaller(r->page);
        go_on(r);
        return;
    }
    if (err->code == VDC_E_CLOSED || err->code == VDC_E_CONFLICT)
        err->code = VDC_E_STORE;
    if (verdict == ETCD_REFUSED || verdict == ETCD_NONSENSE)
        etcd_request_finish(r, 0, err);
    else
        etcd_request_again(r, verdict, err);
}

static void on_page(void *arg, const struct http_answer *answer,
                    const struct vdc_error *transport)
{
    struct etcd_request *r = arg;
    struct kv_etcd *kv = r->kv;
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct etcd_page page;
    struct vdc_error err = { 0 };

    r->call = NULL;
    kv->n_reading--;
    enum etcd_verdict verdict =
        etcd_judge(answer, transport, arena, &json, &err);
    etcd_enter(kv);
    if (verdict != ETCD_OK) {
        page_failed(r, verdict, transport->code, &err);
    } else {
        kv->answered = clock_mono();
        if (etcd_get_page(json, kv->prefix, arena, &page) &&
            is_in_order(r, &page)) {
            take_page(r, &page, answer->size);
        } else {
            vdc_error_set(&err, VDC_E_STORE,
                          "the answer to a read is not etcd's");
            etcd_request_finish(r, 0, &err);
        }
    }
    etcd_leave(kv);
    arena_free(arena);
}

static void on_grpc_page(void *arg, const struct http_answer *answer,
                         const struct vdc_error *transport)
{
    struct etcd_request *r = arg;
    struct kv_etcd *kv = r->kv;
    struct arena *arena = arena_new();
    struct etcd_page page;

    r->call = NULL;
    kv->n_reading--;
    etcd_enter(kv);
    if (!transport->code && answer->status == 200 &&
        answer->grpc_status == 0 &&
        etcd_grpc_page(answer->body, answer->size, kv->prefix, arena, &page) &&
        is_in_order(r, &page)) {
        kv->answered = clock_mono();
        take_page(r, &page, answer->size);
    } else {
        if (transport->code == VDC_E_BAD_VALUE && r->page > 1)
            r->page = smaller(r->page); /* not gRPC's fault */
        else
            kv->no_grpc = true;
        go_on(r);
    }
    etcd_leave(kv);
    arena_free(arena);
}
