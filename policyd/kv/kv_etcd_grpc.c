/* A range of etcd's in protobuf: see kv_etcd_grpc.h. */
#include "policyd/kv/kv_etcd_grpc.h"

#include <string.h>

/* How a field's value is written. */
#define VARINT 0
#define FIXED_64 1
#define BYTES 2
#define FIXED_32 5

#define TAG(field, type) ((field) << 3 | (type))
#define VARINT_MAX 10 /* bytes */
#define HEAD_SIZE 5   /* before a message */

/* The fields' numbers: etcd's rpc.proto and kv.proto, of 3.0 and later. */
enum { RANGE_KEY = 1, RANGE_END = 2, RANGE_LIMIT = 3, RANGE_REVISION = 4 };
enum { PAGE_HEADER = 1, PAGE_KVS = 2, PAGE_MORE = 3 };
enum { HEADER_REVISION = 3 };
enum { KV_KEY = 1, KV_CREATED = 2, KV_MODIFIED = 3, KV_VALUE = 5, KV_LEASE };

/* ---- requests ---- */

static uint8_t *put_varint(uint8_t *to, uint64_t n)
{
    for (; n > 0x7f; n >>= 7)
        *to++ = (uint8_t)(n | 0x80);
    *to++ = (uint8_t)n;
    return to;
}

static uint8_t *put_u64(uint8_t *to, unsigned field, uint64_t n)
{
    return n ? put_varint(put_varint(to, TAG(field, VARINT)), n) : to;
}

static uint8_t *put_bytes(uint8_t *to, unsigned field, const char *data,
                          size_t size)
{
    to = put_varint(put_varint(to, TAG(field, BYTES)), size);
    memcpy(to, data, size);
    return to + size;
}

const uint8_t *etcd_grpc_range(const struct etcd_rest *rest,
                               struct arena *arena, size_t *ret_size)
{
    char *key = arena_printf(arena, "%s%s", rest->prefix, rest->after);
    char *end = arena_printf(arena, "%s%s", rest->prefix, rest->key);
    size_t key_size = strlen(key) + 1; /* with the 0: the next */
    size_t end_size = etcd_range_end(end, strlen(end));
    uint8_t *body =
        arena_alloc(arena, HEAD_SIZE + key_size + end_size + 8 * VARINT_MAX);
    uint8_t *to = body + HEAD_SIZE;

    to = put_bytes(to, RANGE_KEY, key, key_size);
    to = put_bytes(to, RANGE_END, end, end_size);
    to = put_u64(to, RANGE_LIMIT, rest->limit);
    to = put_u64(to, RANGE_REVISION, rest->revision);
    size_t size = (size_t)(to - body) - HEAD_SIZE;
    for (int i = 0; i < 4; i++)
        body[1 + i] = (uint8_t)(size >> (24 - 8 * i));
    *ret_size = HEAD_SIZE + size;
    return body;
}

/* ---- answers ---- */

struct text {
    const uint8_t *at, *end;
};

struct field {
    uint64_t tag;
    uint64_t n;       /* VARINT */
    struct text data; /* BYTES */
};

static bool get_varint(struct text *from, uint64_t *ret)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint64_t byte = *from->at++;
        if (shift == 63 && byte > 1)
            return false;
        n |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = n;
            return true;
        }
    }
    return false;
}

static bool skip(struct text *from, uint64_t size)
{
    if (size > (uint64_t)(from->end - from->at))
        return false;
    from->at += size;
    return true;
}

/* There is something left.  False: it is no field. */
static bool get_field(struct text *from, struct field *ret)
{
    if (!get_varint(from, &ret->tag))
        return false;
    switch (ret->tag & 7) {
    case VARINT:
        return get_varint(from, &ret->n);
    case FIXED_64:
        return skip(from, 8);
    case FIXED_32:
        return skip(from, 4);
    case BYTES:
        if (!get_varint(from, &ret->n))
            return false;
        ret->data.at = from->at;
        if (!skip(from, ret->n))
            return false;
        ret->data.end = from->at;
        return true;
    default: /* of a newer protobuf, or nonsense */
        return false;
    }
}

static bool get_header(struct text from, uint64_t *ret_revision)
{
    struct field field;

    while (from.at < from.end) {
        if (!get_field(&from, &field))
            return false;
        if (field.tag == TAG(HEADER_REVISION, VARINT))
            *ret_revision = field.n;
    }
    return true;
}

static bool get_pair(struct text from, const char *prefix, struct arena *arena,
                     struct kv_pair *ret)
{
    struct kv_pair pair = { .value = (const uint8_t *)"" };
    struct text key = { 0 };
    struct field field;

    while (from.at < from.end) {
        if (!get_field(&from, &field))
            return false;
        switch (field.tag) {
        case TAG(KV_KEY, BYTES):
            key = field.data;
            break;
        case TAG(KV_CREATED, VARINT):
            pair.created = field.n;
            break;
        case TAG(KV_MODIFIED, VARINT):
            pair.modified = field.n;
            break;
        case TAG(KV_VALUE, BYTES):
            pair.value = field.data.at;
            pair.size = (size_t)(field.data.end - field.data.at);
            break;
        case TAG(KV_LEASE, VARINT):
            pair.lease = field.n;
            break;
        default: /* its version, and what is newer */
            break;
        }
    }
    size_t size = (size_t)(key.end - key.at), skipped = strlen(prefix);
    if (!key.at || !etcd_is_key(key.at, size, prefix) || pair.modified == 0)
        return false;
    pair.key =
        arena_strndup(arena, (const char *)key.at + skipped, size - skipped);
    *ret = pair;
    return true;
}

/* All but the pairs, which are counted. */
static bool get_rest(struct text from, struct etcd_page *ret)
{
    struct field field;

    while (from.at < from.end) {
        if (!get_field(&from, &field))
            return false;
        if (field.tag == TAG(PAGE_HEADER, BYTES) &&
            !get_header(field.data, &ret->revision))
            return false;
        if (field.tag == TAG(PAGE_MORE, VARINT))
            ret->more = field.n != 0;
        if (field.tag == TAG(PAGE_KVS, BYTES))
            ret->n_pairs++;
    }
    return ret->revision != 0;
}

bool etcd_grpc_page(const char *body, size_t size, const char *prefix,
                    struct arena *arena, struct etcd_page *ret)
{
    const uint8_t *head = (const uint8_t *)body;
    struct text message = { head + HEAD_SIZE, head + size };
    struct etcd_page page = { 0 };
    struct field field;
    uint64_t said = 0;
    size_t i = 0;

    if (size < HEAD_SIZE || head[0] != 0)
        return false;
    for (int k = 1; k < HEAD_SIZE; k++)
        said = said << 8 | head[k];
    if (said != size - HEAD_SIZE || !get_rest(message, &page))
        return false;
    page.pairs = ARENA_ARRAY(arena, page.n_pairs, struct kv_pair);
    while (message.at < message.end) {
        if (!get_field(&message, &field))
            return false;
        if (field.tag == TAG(PAGE_KVS, BYTES) &&
            !get_pair(field.data, prefix, arena, &page.pairs[i++]))
            return false;
    }
    *ret = page;
    return true;
}
