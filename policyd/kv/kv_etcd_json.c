/* Requests to etcd as JSON, and its answers. */
#include "policyd/kv/kv_etcd_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

/* ---- what came of it ---- */

/*
 * Errors that etcd gives before anything has happened.  Any other, and above
 * all its "request timed out", leaves open whether it will happen.
 */
static const struct {
    const char *words; /* in etcd's message */
    enum etcd_verdict verdict;
    int code;
} known[] = {
    { "requested lease not found", ETCD_REFUSED, VDC_E_BAD_VALUE },
    { "required revision has been compacted", ETCD_REFUSED, VDC_E_CONFLICT },
    { "too many operations in txn", ETCD_REFUSED, VDC_E_BAD_VALUE },
    { "request is too large", ETCD_REFUSED, VDC_E_BAD_VALUE },
    { "duplicate key given", ETCD_REFUSED, VDC_E_BAD_VALUE },
    { "too large lease TTL", ETCD_REFUSED, VDC_E_BAD_VALUE },
    { "database space exceeded", ETCD_REFUSED, VDC_E_DISK_FULL },
    { "no space", ETCD_REFUSED, VDC_E_DISK_FULL },
    { "corrupt cluster", ETCD_REFUSED, VDC_E_STORE_CORRUPT },
    { "permission denied", ETCD_REFUSED, VDC_E_DENIED },
    { "user name is empty", ETCD_LOGIN, VDC_E_DENIED },
    { "user name not found", ETCD_REFUSED, VDC_E_DENIED },
    { "authentication failed", ETCD_REFUSED, VDC_E_DENIED },
    { "authentication is not enabled", ETCD_REFUSED, VDC_E_DENIED },
    { "invalid auth token", ETCD_LOGIN, VDC_E_DENIED },
    { "revision of auth store is old", ETCD_LOGIN, VDC_E_DENIED },
    { "too many requests", ETCD_UNAVAILABLE, VDC_E_STORE },
    { "no leader", ETCD_UNAVAILABLE, VDC_E_STORE },
    { "not leader", ETCD_UNAVAILABLE, VDC_E_STORE },
    { "raft proposal dropped", ETCD_UNAVAILABLE, VDC_E_STORE },
    { "rpc not supported for learner", ETCD_UNAVAILABLE, VDC_E_STORE },
};

enum etcd_verdict etcd_judge_words(const char *words, struct vdc_error *err)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strstr(words, known[i].words)) {
            vdc_error_set(err, known[i].code, "%s", words);
            return known[i].verdict;
        }
    vdc_error_set(err, VDC_E_CLOSED, "%s",
                  words[0] ? words : "an error without words");
    return ETCD_UNKNOWN;
}

static enum etcd_verdict nonsense(struct vdc_error *err, const char *what)
{
    vdc_error_set(err, VDC_E_CLOSED, "the answer is not etcd's: %s", what);
    return ETCD_NONSENSE;
}

static const char *words_of(const struct json_value *answer)
{
    const struct json_value *words = json_get(answer, "message");

    if (!words)
        words = json_get(answer, "error");
    return words && words->type == JSON_STRING ? words->text : NULL;
}

/* `transport` is not success. */
static enum etcd_verdict judge_transport(const struct http_answer *answer,
                                         const struct vdc_error *transport,
                                         struct vdc_error *err)
{
    if (transport->code == VDC_E_BAD_VALUE ||
        transport->code == VDC_E_PROTOCOL)
        return nonsense(err, transport->text);
    vdc_error_set(err, answer->sent ? VDC_E_CLOSED : VDC_E_STORE, "%s",
                  transport->text);
    return answer->sent ? ETCD_UNKNOWN : ETCD_UNAVAILABLE;
}

static bool has_code(const struct json_value *object, const char *name,
                     int64_t code)
{
    const struct json_value *value = json_get(object, name);

    return value && value->is_integer && value->integer == code;
}

enum etcd_verdict etcd_judge(const struct http_answer *answer,
                             const struct vdc_error *transport,
                             struct arena *arena,
                             const struct json_value **ret,
                             struct vdc_error *err)
{
    const struct json_value *json;
    struct vdc_error bad;
    char what[64];

    if (transport->code)
        return judge_transport(answer, transport, err);
    snprintf(what, sizeof(what), "HTTP status %d", answer->status);
    if (json_parse(answer->body, answer->size, arena, &json, &bad))
        return nonsense(err, answer->status == 200 ? bad.text : what);
    if (json->type != JSON_OBJECT)
        return nonsense(err, what);
    if (answer->status == 200) {
        *ret = json;
        return ETCD_OK;
    }
    const char *words = words_of(json);
    if (!words)
        return nonsense(err, what);
    enum etcd_verdict verdict = etcd_judge_words(words, err);
    /* gRPC's INVALID_ARGUMENT: by what is asked, not by what is there. */
    if (verdict == ETCD_UNKNOWN && has_code(json, "code", 3)) {
        err->code = VDC_E_BAD_VALUE;
        return ETCD_REFUSED;
    }
    return verdict;
}

enum etcd_verdict etcd_judge_line(const char *line, size_t size,
                                  struct arena *arena,
                                  const struct json_value **ret,
                                  struct vdc_error *err)
{
    const struct json_value *json, *error;
    struct vdc_error bad;

    if (json_parse(line, size, arena, &json, &bad))
        return nonsense(err, bad.text);
    error = json_get(json, "error");
    if (error) {
        const char *words = words_of(error);
        return etcd_judge_words(words ? words : "", err);
    }
    *ret = json_get(json, "result");
    if (!*ret || (*ret)->type != JSON_OBJECT)
        return nonsense(err, "no result in a line");
    return ETCD_OK;
}

/* ---- answers ---- */

bool etcd_get_u64(const struct json_value *object, const char *name,
                  uint64_t *ret)
{
    const struct json_value *value = json_get(object, name);
    char *end;

    if (!value) {
        *ret = 0;
        return true;
    }
    if (value->type != JSON_STRING && value->type != JSON_NUMBER)
        return false;
    if (!value->text[0] ||
        strspn(value->text, "0123456789") != strlen(value->text))
        return false;
    errno = 0;
    uint64_t n = strtoull(value->text, &end, 10);
    if (errno)
        return false;
    *ret = n;
    return true;
}

bool etcd_get_bool(const struct json_value *object, const char *name)
{
    const struct json_value *value = json_get(object, name);

    return value && value->type == JSON_BOOL && value->boolean;
}

bool etcd_get_revision(const struct json_value *answer, uint64_t *ret)
{
    uint64_t revision;

    if (!etcd_get_u64(json_get(answer, "header"), "revision", &revision) ||
        revision == 0)
        return false;
    *ret = revision;
    return true;
}

static bool get_bytes(const struct json_value *object, const char *name,
                      struct arena *arena, uint8_t **ret, size_t *ret_size)
{
    const struct json_value *value = json_get(object, name);
    const char *text = value ? value->text : "";
    size_t size;

    if (value && value->type != JSON_STRING)
        return false;
    size_t len = strlen(text);
    if (!base64_size(text, len, &size))
        return false;
    uint8_t *data = arena_alloc(arena, size + 1);
    if (!base64_decode(text, len, data))
        return false;
    *ret = data;
    *ret_size = size;
    return true;
}

bool etcd_is_key(const void *key, size_t size, const char *prefix)
{
    size_t len = strlen(prefix);

    return size >= len && !memchr(key, 0, size) && !memcmp(key, prefix, len);
}

bool etcd_get_pair(const struct json_value *kv, const char *prefix,
                   struct arena *arena, struct kv_pair *ret)
{
    uint8_t *key, *value;
    size_t key_size, size;

    if (!kv || kv->type != JSON_OBJECT ||
        !get_bytes(kv, "key", arena, &key, &key_size) ||
        !get_bytes(kv, "value", arena, &value, &size) ||
        !etcd_get_u64(kv, "create_revision", &ret->created) ||
        !etcd_get_u64(kv, "mod_revision", &ret->modified) ||
        !etcd_get_u64(kv, "lease", &ret->lease))
        return false;
    if (!etcd_is_key(key, key_size, prefix) || ret->modified == 0)
        return false;
    ret->key = (const char *)key + strlen(prefix);
    ret->value = value;
    ret->size = size;
    return true;
}

bool etcd_get_page(const struct json_value *answer, const char *prefix,
                   struct arena *arena, struct etcd_page *ret)
{
    const struct json_value *kvs = json_get(answer, "kvs");
    struct etcd_page page = { .more = etcd_get_bool(answer, "more") };

    if (!etcd_get_revision(answer, &page.revision) ||
        (kvs && kvs->type != JSON_ARRAY))
        return false;
    page.n_pairs = kvs ? kvs->n_items : 0;
    page.pairs = ARENA_ARRAY(arena, page.n_pairs, struct kv_pair);
    for (size_t i = 0; i < page.n_pairs; i++)
        if (!etcd_get_pair(&kvs->items[i], prefix, arena, &page.pairs[i]))
            return false;
    *ret = page;
    return true;
}

/* ---- requests ---- */

void etcd_put_bytes(struct json_out *out, const char *name, const void *data,
                    size_t size)
{
    char small[1024];
    char *text = small;

    if (base64_len(size) >= sizeof(small))
        text = xzalloc(base64_len(size) + 1);
    json_out_key(out, name);
    json_out_string(out, base64_encode(data, size, text));
    if (text != small)
        free(text);
}

void etcd_put_u64(struct json_out *out, const char *name, uint64_t n)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRIu64, n);
    json_out_key(out, name);
    json_out_string(out, digits);
}

/* Room for both, of which each was checked. */
#define WHOLE_MAX 2048

static size_t join(char *to, const char *prefix, const char *key)
{
    int len = snprintf(to, WHOLE_MAX, "%s%s", prefix, key);

    return len < 0 || len >= WHOLE_MAX ? 0 : (size_t)len;
}

void etcd_put_key(struct json_out *out, const char *prefix, const char *key)
{
    char whole[WHOLE_MAX];

    etcd_put_bytes(out, "key", whole, join(whole, prefix, key));
}

size_t etcd_range_end(char *text, size_t len)
{
    if (len)
        text[len - 1]++; /* printable ASCII ends before 0x7f */
    else
        text[0] = '\0';
    return len ? len : 1;
}

void etcd_put_rest(struct json_out *out, const char *prefix, const char *key,
                   const char *after)
{
    char whole[WHOLE_MAX];
    size_t len;

    if (after) {
        len = join(whole, prefix, after);
        etcd_put_bytes(out, "key", whole, len + 1); /* with the 0: the next */
    }
    len = join(whole, prefix, key);
    if (!after)
        etcd_put_bytes(out, "key", whole, len ? len : 1);
    etcd_put_bytes(out, "range_end", whole, etcd_range_end(whole, len));
}

void etcd_put_prefix(struct json_out *out, const char *prefix, const char *key)
{
    etcd_put_rest(out, prefix, key, NULL);
}

static void put_compare(struct json_out *out, const char *prefix,
                        const struct kv_compare *compare)
{
    json_out_object(out);
    json_out_key(out, "result");
    json_out_string(out, "EQUAL");
    etcd_put_key(out, prefix, compare->key);
    json_out_key(out, "target");
    switch (compare->kind) {
    case KV_MODIFIED_IS:
        json_out_string(out, "MOD");
        etcd_put_u64(out, "mod_revision", compare->revision);
        break;
    case KV_CREATED_IS:
        json_out_string(out, "CREATE");
        etcd_put_u64(out, "create_revision", compare->revision);
        break;
    case KV_VALUE_IS:
        json_out_string(out, "VALUE");
        etcd_put_bytes(out, "value", compare->value, compare->size);
        break;
    }
    json_out_object_end(out);
}

static void put_change(struct json_out *out, const char *prefix,
                       const struct kv_change *change)
{
    json_out_object(out);
    json_out_key(out, change->kind == KV_PUT ? "request_put"
                                             : "request_delete_range");
    json_out_object(out);
    switch (change->kind) {
    case KV_PUT:
        etcd_put_key(out, prefix, change->key);
        etcd_put_bytes(out, "value", change->value, change->size);
        if (change->lease)
            etcd_put_u64(out, "lease", change->lease);
        break;
    case KV_DELETE:
        etcd_put_key(out, prefix, change->key);
        break;
    case KV_DELETE_PREFIX:
        etcd_put_prefix(out, prefix, change->key);
        break;
    }
    json_out_object_end(out);
    json_out_object_end(out);
}

void etcd_put_commit(struct json_out *out, const char *prefix,
                     const struct kv_compare *compares, size_t n_compares,
                     const struct kv_change *changes, size_t n_changes)
{
    json_out_object(out);
    json_out_key(out, "compare");
    json_out_array(out);
    for (size_t i = 0; i < n_compares; i++)
        put_compare(out, prefix, &compares[i]);
    json_out_array_end(out);
    json_out_key(out, "success");
    json_out_array(out);
    for (size_t i = 0; i < n_changes; i++)
        put_change(out, prefix, &changes[i]);
    json_out_array_end(out);
    json_out_object_end(out);
}
