/* Structs to JSON, from the same descriptions as their encoding, so that what
 * a machine reads cannot lag behind what a person sees. */
#include "wire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void member_to_json(const struct wire_field *f, const char *body,
                           struct json_out *out);

static void key(const struct wire_field *f, struct json_out *out)
{
    if (f->kind == WIRE_KIND_MEM) {
        char *name = xasprintf("%s_kib", f->name);
        json_out_key(out, name);
        free(name);
    } else {
        json_out_key(out, f->name);
    }
}

void wire_to_json(const struct wire_struct *s, const void *body,
                  struct json_out *out)
{
    wire_to_json_but(s, body, "", out);
}

void wire_to_json_but(const struct wire_struct *s, const void *body,
                      const char *but, struct json_out *out)
{
    json_out_object(out);
    for (size_t i = 0; i < s->n_fields; i++) {
        if (strcmp(s->fields[i].name, but) == 0)
            continue;
        key(&s->fields[i], out);
        member_to_json(&s->fields[i], body, out);
    }
    json_out_object_end(out);
}

static void bytes_to_json(const uint8_t *bytes, uint32_t n,
                          struct json_out *out)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = xzalloc(2 * (size_t)n + 1);

    for (uint32_t i = 0; i < n; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    json_out_string(out, hex);
    free(hex);
}

static void list_to_json(const struct wire_field *f, const char *body,
                         struct json_out *out)
{
    const char *items = *(const char *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);

    json_out_array(out);
    for (uint32_t i = 0; i < n; i++) {
        if (f->kind == WIRE_KIND_SUBS)
            wire_to_json(f->sub, items + i * f->sub->size, out);
        else
            json_out_string(out, ((const char *const *)items)[i]);
    }
    json_out_array_end(out);
}

static void member_to_json(const struct wire_field *f, const char *body,
                           struct json_out *out)
{
    const char *at = body + f->offset;
    char uuid[UUID_TEXT_SIZE], text[24];

    switch (f->kind) {
    case WIRE_KIND_BOOL:
        json_out_bool(out, *(const bool *)at);
        break;
    case WIRE_KIND_U32:
        json_out_u64(out, *(const uint32_t *)at);
        break;
    case WIRE_KIND_U64:
    case WIRE_KIND_MEM:
        json_out_u64(out, *(const uint64_t *)at);
        break;
    case WIRE_KIND_ID64:
        snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)at);
        json_out_string(out, text);
        break;
    case WIRE_KIND_I64:
        json_out_i64(out, *(const int64_t *)at);
        break;
    case WIRE_KIND_UUID:
        json_out_string(out, uuid_format((const struct vdc_uuid *)at, uuid));
        break;
    case WIRE_KIND_CHOICE:
        json_out_string(out, wire_enum_word(f->choice, *(const int *)at));
        break;
    case WIRE_KIND_STR:
        json_out_string(out, *(const char *const *)at);
        break;
    case WIRE_KIND_BYTES:
        bytes_to_json(*(const uint8_t *const *)at,
                      *(const uint32_t *)(body + f->n_offset), out);
        break;
    case WIRE_KIND_SUB:
        wire_to_json(f->sub, at, out);
        break;
    case WIRE_KIND_STRS:
    case WIRE_KIND_SUBS:
        list_to_json(f, body, out);
        break;
    }
}
