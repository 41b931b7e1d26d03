/*
 * Structs and messages to bytes.  The layout is in doc/protocol.md: a field is
 * number (2 bytes), size (4 bytes) and value, fields in rising order of
 * number, a field with its default left out; little-endian throughout.
 */
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include "wire/layout.h"

struct out {
    uint8_t *bytes;
    size_t size;
    size_t room;
    uint8_t *more; /* from the heap: what was there has no more room */
    struct vdc_error *err;
};

/* Most messages are smaller, and then nothing is taken from the heap. */
#define FIRST_ROOM 2048

static int make_room(struct out *out, size_t size)
{
    if (out->size + size > WIRE_BODY_MAX + LAYOUT_HEAD_SIZE)
        return vdc_error_set(out->err, VDC_E_BAD_VALUE,
                             "the message would be larger than %d bytes",
                             WIRE_BODY_MAX);
    if (out->size + size <= out->room)
        return 0;
    while (out->room < out->size + size)
        out->room *= 2;
    bool is_first = !out->more;
    out->more = xrealloc(out->more, out->room);
    if (is_first)
        memcpy(out->more, out->bytes, out->size);
    out->bytes = out->more;
    return 0;
}

static int put(struct out *out, const void *data, size_t size)
{
    int rc = make_room(out, size);

    if (!rc && size)
        memcpy(out->bytes + out->size, data, size);
    if (!rc)
        out->size += size;
    return rc;
}

static int put_number(struct out *out, uint64_t n, size_t size)
{
    uint8_t bytes[8];

    layout_put(bytes, n, size);
    return put(out, bytes, size);
}

/* There is room for it. */
static void put_head(struct out *out, const struct wire_field *f, size_t size)
{
    layout_put(out->bytes + out->size, f->number, 2);
    layout_put(out->bytes + out->size + 2, size, 4);
    out->size += LAYOUT_FIELD_HEAD_SIZE;
}

/* Writes the head of a field whose size is not known yet. */
static int field_open(struct out *out, const struct wire_field *f,
                      size_t *ret_at)
{
    int rc = make_room(out, LAYOUT_FIELD_HEAD_SIZE);

    if (rc)
        return rc;
    put_head(out, f, 0);
    *ret_at = out->size - 4;
    return 0;
}

static void field_close(struct out *out, size_t at)
{
    layout_put(out->bytes + at, out->size - at - 4, 4);
}

static int put_field(struct out *out, const struct wire_field *f,
                     const void *data, size_t size)
{
    int rc = make_room(out, LAYOUT_FIELD_HEAD_SIZE + size);

    if (rc)
        return rc;
    put_head(out, f, size);
    memcpy(out->bytes + out->size, data, size);
    out->size += size;
    return 0;
}

static int put_field_number(struct out *out, const struct wire_field *f,
                            uint64_t n, size_t size)
{
    uint8_t bytes[8];

    layout_put(bytes, n, size);
    return put_field(out, f, bytes, size);
}

static int check_text(struct out *out, const struct wire_struct *s,
                      const struct wire_field *f, const char *text)
{
    const char *why = layout_text_fault(text, strlen(text), f->most_chars);

    if (!why)
        return 0;
    return vdc_error_set(out->err, VDC_E_BAD_VALUE, "%s of %s: %s", f->name,
                         s->name, why);
}

static int put_struct(struct out *out, const struct wire_struct *s,
                      const char *body);

static int put_str(struct out *out, const struct wire_struct *s,
                   const struct wire_field *f, const char *body)
{
    const char *text = *(const char *const *)(body + f->offset);
    if (!text || !text[0])
        return 0;
    int rc = check_text(out, s, f, text);

    return rc ? rc : put_field(out, f, text, strlen(text));
}

static int check_count(struct out *out, const struct wire_struct *s,
                       const struct wire_field *f, uint32_t n)
{
    if (n <= f->most_items)
        return 0;
    return vdc_error_set(out->err, VDC_E_BAD_VALUE,
                         "%s of %s: %u are too many, the most is %u", f->name,
                         s->name, n, f->most_items);
}

static int put_strs(struct out *out, const struct wire_struct *s,
                    const struct wire_field *f, const char *body)
{
    const char *const *items = *(const char *const *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);
    size_t at;
    int rc = check_count(out, s, f, n);

    if (rc || n == 0)
        return rc;
    rc = field_open(out, f, &at);
    for (uint32_t i = 0; !rc && i < n; i++) {
        rc = check_text(out, s, f, items[i]);
        if (!rc)
            rc = put_number(out, strlen(items[i]), 4);
        if (!rc)
            rc = put(out, items[i], strlen(items[i]));
    }
    if (!rc)
        field_close(out, at);
    return rc;
}

static int put_bytes(struct out *out, const struct wire_struct *s,
                     const struct wire_field *f, const char *body)
{
    const uint8_t *bytes = *(const uint8_t *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);
    int rc = check_count(out, s, f, n);

    return rc || n == 0 ? rc : put_field(out, f, bytes, n);
}

static int put_sub(struct out *out, const struct wire_field *f,
                   const char *body)
{
    size_t at;
    size_t before = out->size;
    int rc = field_open(out, f, &at);

    if (!rc)
        rc = put_struct(out, f->sub, body + f->offset);
    if (rc)
        return rc;
    if (out->size == at + 4)
        out->size = before; /* all defaults: left out */
    else
        field_close(out, at);
    return 0;
}

static int put_subs(struct out *out, const struct wire_struct *s,
                    const struct wire_field *f, const char *body)
{
    const char *items = *(const char *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);
    size_t at;
    int rc = check_count(out, s, f, n);

    if (rc || n == 0)
        return rc;
    rc = field_open(out, f, &at);
    for (uint32_t i = 0; !rc && i < n; i++) {
        size_t item = out->size;
        rc = put_number(out, 0, 4);
        if (!rc)
            rc = put_struct(out, f->sub, items + i * f->sub->size);
        if (!rc)
            field_close(out, item);
    }
    if (!rc)
        field_close(out, at);
    return rc;
}

static int put_choice(struct out *out, const struct wire_struct *s,
                      const struct wire_field *f, const char *body)
{
    int number = *(const int *)(body + f->offset);

    if (number == 0)
        return 0;
    if (strcmp(wire_enum_word(f->choice, number), "?") == 0)
        return vdc_error_set(out->err, VDC_E_BAD_VALUE,
                             "%s of %s: %d is no %s", f->name, s->name, number,
                             f->choice->name);
    return put_field_number(out, f, (uint32_t)number, 4);
}

static int put_member(struct out *out, const struct wire_struct *s,
                      const struct wire_field *f, const char *body)
{
    const char *at = body + f->offset;

    switch (f->kind) {
    case WIRE_KIND_BOOL:
        return *(const bool *)at ? put_field_number(out, f, 1, 1) : 0;
    case WIRE_KIND_U32: {
        uint32_t n = *(const uint32_t *)at;
        return n ? put_field_number(out, f, n, 4) : 0;
    }
    case WIRE_KIND_U64:
    case WIRE_KIND_ID64:
    case WIRE_KIND_MEM: {
        uint64_t n = *(const uint64_t *)at;
        return n ? put_field_number(out, f, n, 8) : 0;
    }
    case WIRE_KIND_I64: {
        int64_t n = *(const int64_t *)at;
        return n != f->fallback ? put_field_number(out, f, (uint64_t)n, 8) : 0;
    }
    case WIRE_KIND_UUID:
        return uuid_is_zero((const struct vdc_uuid *)at)
                   ? 0
                   : put_field(out, f, at, 16);
    case WIRE_KIND_CHOICE:
        return put_choice(out, s, f, body);
    case WIRE_KIND_STR:
        return put_str(out, s, f, body);
    case WIRE_KIND_STRS:
        return put_strs(out, s, f, body);
    case WIRE_KIND_BYTES:
        return put_bytes(out, s, f, body);
    case WIRE_KIND_SUB:
        return put_sub(out, f, body);
    case WIRE_KIND_SUBS:
        return put_subs(out, s, f, body);
    }
    return vdc_error_set(out->err, VDC_E_INTERNAL, "unknown kind of field");
}

static int put_struct(struct out *out, const struct wire_struct *s,
                      const char *body)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        int rc = put_member(out, s, &s->fields[i], body);
        if (rc)
            return rc;
    }
    return 0;
}

static int finish(struct out *out, int rc, struct arena *arena, uint8_t **ret,
                  size_t *ret_size)
{
    if (!rc) {
        *ret = arena_memdup(arena, out->bytes, out->size);
        *ret_size = out->size;
    }
    free(out->more);
    return rc;
}

int wire_struct_encode(const struct wire_struct *s, const void *body,
                       struct arena *arena, uint8_t **ret, size_t *ret_size,
                       struct vdc_error *err)
{
    uint8_t first[FIRST_ROOM];
    struct out out = { .bytes = first, .room = sizeof(first), .err = err };
    int rc = put_struct(&out, s, body);

    return finish(&out, rc, arena, ret, ret_size);
}

int wire_encode(enum wire_message_number number, uint32_t id, const void *body,
                struct arena *arena, uint8_t **ret, size_t *ret_size,
                struct vdc_error *err)
{
    const struct wire_message *m = wire_message_by_number(number);
    uint8_t first[FIRST_ROOM];
    struct out out = { .bytes = first, .room = sizeof(first), .err = err };
    int rc;

    if (!m)
        return vdc_error_set(err, VDC_E_INTERNAL, "no message %d", number);
    rc = put_number(&out, LAYOUT_MAGIC, 4);
    if (!rc)
        rc = put_number(&out, m->number, 2);
    if (!rc)
        rc = put_number(&out, 0, 2);
    if (!rc)
        rc = put_number(&out, id, 4);
    if (!rc)
        rc = put_number(&out, 0, 4);
    if (!rc)
        rc = put_struct(&out, m->body, body);
    if (!rc)
        layout_put(out.bytes + LAYOUT_SIZE_OFFSET,
                   out.size - LAYOUT_HEAD_SIZE, 4);
    return finish(&out, rc, arena, ret, ret_size);
}

void wire_error_fill(struct wire_error *ret, const struct vdc_error *err)
{
    wire_init(&wire_struct_error, ret);
    ret->code = (uint32_t)-err->code;
    ret->text = err->text;
    ret->hint = err->hint;
}

void wire_error_take(const struct wire_error *wire, struct vdc_error *ret)
{
    int code = wire->code > 0 && wire->code < 10000 ? -(int)wire->code
                                                    : VDC_E_PROTOCOL;
    vdc_error_set(ret, code, "%s", wire->text);
    if (wire->hint[0])
        vdc_error_hint(ret, "%s", wire->hint);
}
