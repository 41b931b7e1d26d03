/*
 * Fuzz target: any text as an answer of etcd's, whole or a line of a stream;
 * any bytes as a page by gRPC; and any value in a commit, which comes back
 * from its JSON as it was.
 *
 * The first byte says as what the rest is taken.
 */
#include <assert.h>
#include <string.h>

#include "base/base64.h"
#include "policyd/kv/kv_etcd_grpc.h"
#include "policyd/kv/kv_etcd_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_verdict(enum etcd_verdict verdict,
                          const struct json_value *json,
                          const struct vdc_error *err)
{
    if (verdict == ETCD_OK) {
        assert(json && json->type == JSON_OBJECT && err->code == 0);
        return;
    }
    assert(err->text[0]);
    assert(err->code == VDC_E_STORE || err->code == VDC_E_CLOSED ||
           err->code == VDC_E_CONFLICT || err->code == VDC_E_BAD_VALUE ||
           err->code == VDC_E_DENIED || err->code == VDC_E_DISK_FULL ||
           err->code == VDC_E_STORE_CORRUPT);
    /* Of what perhaps was done nothing else may be said. */
    assert((verdict != ETCD_UNKNOWN && verdict != ETCD_NONSENSE) ||
           err->code == VDC_E_CLOSED);
}

static void take_apart(const struct json_value *json, struct arena *arena)
{
    const struct json_value *kvs = json_get(json, "kvs");
    uint64_t revision = 0;
    struct kv_pair pair;

    assert(!etcd_get_revision(json, &revision) || revision > 0);
    for (size_t i = 0; kvs && i < kvs->n_items; i++)
        if (etcd_get_pair(&kvs->items[i], "/t/", arena, &pair)) {
            assert(pair.key && pair.value && pair.modified > 0);
            assert(pair.value[pair.size] == 0);
        }
}

static void as_answer(uint8_t status, const char *text, size_t len,
                      struct arena *arena)
{
    static const int statuses[] = { 200, 200, 400, 503 };
    struct http_answer answer = {
        .status = statuses[status % 4], .sent = true, .body = text, .size = len
    };
    struct vdc_error none = { 0 }, err = { 0 };
    const struct json_value *json = NULL;
    enum etcd_verdict verdict = etcd_judge(&answer, &none, arena, &json, &err);

    check_verdict(verdict, json, &err);
    assert(verdict != ETCD_OK || answer.status == 200);
    if (verdict == ETCD_OK)
        take_apart(json, arena);
}

static void as_line(const char *text, size_t len, struct arena *arena)
{
    struct vdc_error err = { 0 };
    const struct json_value *json = NULL;
    enum etcd_verdict verdict = etcd_judge_line(text, len, arena, &json, &err);

    check_verdict(verdict, json, &err);
    if (verdict == ETCD_OK)
        take_apart(json, arena);
}

static void as_value(const uint8_t *data, size_t size, struct arena *arena)
{
    struct kv_compare compare = {
        .kind = KV_VALUE_IS, .key = "k", .value = data, .size = size
    };
    struct kv_change change = {
        .kind = KV_PUT, .key = "k", .value = data, .size = size
    };
    struct json_out *out = json_out_new(false);
    const struct json_value *json, *value;
    size_t len, got;

    etcd_put_commit(out, "/t/", &compare, 1, &change, 1);
    const char *text = json_out_text(out, &len);
    assert(json_parse(text, len, arena, &json, NULL) == 0);
    json = json_get(json, "success");
    assert(json && json->n_items == 1);
    value = json_get(json_get(&json->items[0], "request_put"), "value");
    assert(value && base64_size(value->text, strlen(value->text), &got));
    assert(got == size);
    uint8_t *back = arena_alloc(arena, size);
    assert(base64_decode(value->text, strlen(value->text), back));
    assert(memcmp(back, data, size) == 0);
    json_out_free(out);
}

/* With a head that is right, as most others would be thrown away by it. */
static void as_page(const uint8_t *data, size_t size, struct arena *arena)
{
    const uint8_t head[] = { 0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
                             (uint8_t)(size >> 8), (uint8_t)size };
    uint8_t *body = arena_alloc(arena, sizeof(head) + size);
    struct etcd_page page;

    memcpy(body, head, sizeof(head));
    memcpy(body + sizeof(head), data, size);
    if (!etcd_grpc_page((const char *)body, sizeof(head) + size, "/t/", arena,
                        &page))
        return;
    assert(page.revision > 0);
    for (size_t i = 0; i < page.n_pairs; i++) {
        const struct kv_pair *pair = &page.pairs[i];
        assert(pair->key && pair->value && pair->modified > 0);
        assert(pair->size == 0 ||
               (pair->value >= body &&
                pair->value + pair->size <= body + sizeof(head) + size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct arena *arena = arena_new();
    char *text = arena_strndup(arena, (const char *)data + 2, size - 2);
    if (data[0] % 4 == 0)
        as_answer(data[1], text, size - 2, arena);
    else if (data[0] % 4 == 1)
        as_line(text, size - 2, arena);
    else if (data[0] % 4 == 2)
        as_page(data + 1, size - 1, arena);
    else
        as_value(data + 1, size - 1, arena);
    arena_free(arena);
    return 0;
}
