/*
 * JSON to structs, from the same descriptions as the other way (json.c): for
 * files that a person may have changed, so every fault says where it is.
 */
#include "wire/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_struct(const struct wire_struct *s,
                       const struct json_value *value, struct arena *arena,
                       char *body, struct vdc_error *err);

static int wrong(const struct wire_field *f, const char *expected,
                 struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE, "%s%s: %s expected", f->name,
                         f->kind == WIRE_KIND_MEM ? "_kib" : "", expected);
}

/* The digits as they stood, in a number or in text: not all fit into the
 * parser's own number. */
static bool read_u64(const struct json_value *v, enum json_type type,
                     uint64_t most, uint64_t *ret)
{
    char *end;

    if (v->type != type || v->text[0] < '0' || v->text[0] > '9')
        return false;
    errno = 0;
    unsigned long long n = strtoull(v->text, &end, 10);
    if (errno || *end || n > most)
        return false;
    *ret = n;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static int read_bytes(const struct wire_field *f, const struct json_value *v,
                      struct arena *arena, char *body, struct vdc_error *err)
{
    if (v->type != JSON_STRING || strlen(v->text) % 2)
        return wrong(f, "bytes in hex", err);
    size_t n = strlen(v->text) / 2;
    uint8_t *bytes = arena_alloc(arena, n);
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(v->text[2 * i]),
            low = hex_digit(v->text[2 * i + 1]);
        if (high < 0 || low < 0)
            return wrong(f, "bytes in hex", err);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *(const uint8_t **)(body + f->offset) = bytes;
    *(uint32_t *)(body + f->n_offset) = (uint32_t)n;
    return 0;
}

static int read_item(const struct wire_field *f, const struct json_value *v,
                     struct arena *arena, char *items, uint32_t i,
                     struct vdc_error *err)
{
    if (f->kind == WIRE_KIND_SUBS)
        return read_struct(f->sub, v, arena, items + i * f->sub->size, err);
    if (v->type != JSON_STRING)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "text expected");
    ((const char **)(void *)items)[i] = v->text;
    return 0;
}

static int read_list(const struct wire_field *f, const struct json_value *v,
                     struct arena *arena, char *body, struct vdc_error *err)
{
    size_t size =
        f->kind == WIRE_KIND_SUBS ? f->sub->size : sizeof(const char *);

    if (v->type != JSON_ARRAY || v->n_items > f->most_items)
        return wrong(f, "a list that is not too long", err);
    char *items = arena_array(arena, v->n_items, size);
    for (uint32_t i = 0; i < v->n_items; i++) {
        int rc = read_item(f, &v->items[i], arena, items, i, err);
        if (rc) {
            vdc_error_prefix(err, "%s[%u]", f->name, i);
            return rc;
        }
    }
    *(void **)(body + f->offset) = items;
    *(uint32_t *)(body + f->n_offset) = (uint32_t)v->n_items;
    return 0;
}

static int read_sub(const struct wire_field *f, const struct json_value *v,
                    struct arena *arena, char *at, struct vdc_error *err)
{
    int rc = read_struct(f->sub, v, arena, at, err);

    if (rc)
        vdc_error_prefix(err, "%s", f->name);
    return rc;
}

static int read_field(const struct wire_field *f, const struct json_value *v,
                      struct arena *arena, char *body, struct vdc_error *err)
{
    char *at = body + f->offset;
    uint64_t n;

    switch (f->kind) {
    case WIRE_KIND_BOOL:
        if (v->type != JSON_BOOL)
            return wrong(f, "true or false", err);
        *(bool *)at = v->boolean;
        return 0;
    case WIRE_KIND_U32:
        if (!read_u64(v, JSON_NUMBER, UINT32_MAX, &n))
            return wrong(f, "a whole number of 32 bits", err);
        *(uint32_t *)at = (uint32_t)n;
        return 0;
    case WIRE_KIND_U64:
    case WIRE_KIND_MEM:
        if (!read_u64(v, JSON_NUMBER, UINT64_MAX, &n))
            return wrong(f, "a whole number that is not negative", err);
        *(uint64_t *)at = n;
        return 0;
    case WIRE_KIND_ID64:
        if (!read_u64(v, JSON_STRING, UINT64_MAX, &n))
            return wrong(f, "a whole number as text", err);
        *(uint64_t *)at = n;
        return 0;
    case WIRE_KIND_I64:
        if (v->type != JSON_NUMBER || !v->is_integer)
            return wrong(f, "a whole number", err);
        *(int64_t *)at = v->integer;
        return 0;
    case WIRE_KIND_UUID:
        if (v->type != JSON_STRING ||
            !uuid_from_text(v->text, (struct vdc_uuid *)at))
            return wrong(f, "a UUID", err);
        return 0;
    case WIRE_KIND_CHOICE:
        if (v->type != JSON_STRING ||
            !wire_enum_number(f->choice, v->text, (int *)at))
            return wrong(f, "one of its words", err);
        return 0;
    case WIRE_KIND_STR:
        if (v->type != JSON_STRING)
            return wrong(f, "text", err);
        *(const char **)at = v->text;
        return 0;
    case WIRE_KIND_BYTES:
        return read_bytes(f, v, arena, body, err);
    case WIRE_KIND_SUB:
        return read_sub(f, v, arena, at, err);
    case WIRE_KIND_STRS:
    case WIRE_KIND_SUBS:
        return read_list(f, v, arena, body, err);
    }
    return VDC_E_INTERNAL;
}

/* The member's name is the field's, but for memory. */
static bool is_named(const struct wire_field *f, const char *key)
{
    size_t len = strlen(f->name);

    if (f->kind != WIRE_KIND_MEM)
        return strcmp(f->name, key) == 0;
    return strncmp(f->name, key, len) == 0 && strcmp(key + len, "_kib") == 0;
}

static int read_struct(const struct wire_struct *s,
                       const struct json_value *value, struct arena *arena,
                       char *body, struct vdc_error *err)
{
    wire_init(s, body);
    if (value->type != JSON_OBJECT)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "an object expected");
    for (size_t i = 0; i < value->n_items; i++) {
        size_t j = 0;
        while (j < s->n_fields && !is_named(&s->fields[j], value->keys[i]))
            j++;
        if (j == s->n_fields)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "%s: there is no such member",
                                 value->keys[i]);
        int rc = read_field(&s->fields[j], &value->items[i], arena, body, err);
        if (rc)
            return rc;
    }
    return 0;
}

int wire_from_json(const struct wire_struct *s, const struct json_value *value,
                   struct arena *arena, void *ret_body, struct vdc_error *err)
{
    return read_struct(s, value, arena, ret_body, err);
}
