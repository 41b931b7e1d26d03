/*
 * Bytes to structs and messages.  Nothing that arrives is trusted: every size
 * is checked against what is left, exactly all bytes must be used, fields come
 * in rising order, and memory taken is bounded by the size of the input.
 */
#include "wire/wire.h"

#include <string.h>

#include "wire/layout.h"

struct in {
    const uint8_t *at;
    size_t left;
    const struct wire_struct *s; /* for messages */
    const struct wire_field *f;
    struct arena *arena;
    struct vdc_error *err;
    unsigned depth;
    bool greets; /* hello, or an error: of any version, it can be read */
};

static int fault(const struct in *in, const char *why)
{
    if (!in->s)
        vdc_error_set(in->err, VDC_E_PROTOCOL, "a message %s", why);
    else
        vdc_error_set(in->err, VDC_E_PROTOCOL, "%s%s%s %s",
                      in->f ? in->f->name : "", in->f ? " of " : "",
                      in->s->name, why);
    return VDC_E_PROTOCOL;
}

/* Well made, by a version that has more.  Nothing after it is in doubt. */
static int fault_newer(const struct in *in, const char *why)
{
    fault(in, why);
    if (in->err)
        in->err->code = VDC_E_UNSUPPORTED;
    vdc_error_hint(in->err, "the other end is of a newer version: install the "
                            "same version of xen-vdc on both");
    return VDC_E_UNSUPPORTED;
}

static int take(struct in *in, size_t size, const uint8_t **ret)
{
    if (size > in->left)
        return fault(in, "is cut short");
    *ret = in->at;
    in->at += size;
    in->left -= size;
    return 0;
}

static int take_number(struct in *in, size_t size, uint64_t *ret)
{
    const uint8_t *at = NULL;
    int rc = take(in, size, &at);

    if (!rc)
        *ret = layout_get(at, size);
    return rc;
}

static int take_text(struct in *in, size_t len, const char **ret)
{
    const uint8_t *at = NULL;
    int rc = take(in, len, &at);
    if (rc)
        return rc;
    const char *why =
        layout_text_fault((const char *)at, len, in->f->most_chars);
    if (why)
        return fault(in, why);
    *ret = arena_strndup(in->arena, (const char *)at, len);
    return 0;
}

static int get_struct(struct in *in, char *body);

static int get_strs(struct in *in, char *body)
{
    const char **items = NULL;
    uint32_t n = 0, room = 0;

    while (in->left) {
        uint64_t len;
        if (n == in->f->most_items)
            return fault(in, "has too many items");
        if (n == room) {
            room = room ? room * 2 : 8;
            const char **more = ARENA_ARRAY(in->arena, room, const char *);
            if (n)
                memcpy(more, items, n * sizeof(*items));
            items = more;
        }
        int rc = take_number(in, 4, &len);
        if (!rc)
            rc = take_text(in, (size_t)len, &items[n]);
        if (rc)
            return rc;
        n++;
    }
    if (n == 0)
        return fault(in, "is an empty list, which is not sent");
    *(const char ***)(body + in->f->offset) = items;
    *(uint32_t *)(body + in->f->n_offset) = n;
    return 0;
}

static int get_sub(struct in *in, const struct wire_struct *s, size_t size,
                   char *body)
{
    const uint8_t *at = NULL;
    int rc = take(in, size, &at);
    if (rc)
        return rc;
    if (in->depth + 1 > WIRE_DEPTH_MAX)
        return fault(in, "is nested too deep");
    struct in sub = { .at = at,
                      .left = size,
                      .s = s,
                      .arena = in->arena,
                      .err = in->err,
                      .depth = in->depth + 1 };
    return get_struct(&sub, body);
}

static int count_subs(struct in *in, uint32_t *ret)
{
    struct in ahead = *in;
    const uint8_t *at = NULL;
    uint64_t size;
    uint32_t n = 0;

    while (ahead.left) {
        int rc = take_number(&ahead, 4, &size);
        if (!rc)
            rc = take(&ahead, (size_t)size, &at);
        if (rc)
            return rc;
        if (++n > in->f->most_items)
            return fault(in, "has too many items");
    }
    *ret = n;
    return n ? 0 : fault(in, "is an empty list, which is not sent");
}

static int get_subs(struct in *in, char *body)
{
    const struct wire_struct *s = in->f->sub;
    uint32_t n;
    int rc = count_subs(in, &n);
    if (rc)
        return rc;

    char *items = arena_array(in->arena, n, s->size);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t size;
        rc = take_number(in, 4, &size);
        if (!rc)
            rc = get_sub(in, s, (size_t)size, items + i * s->size);
        if (rc)
            return rc;
    }
    *(char **)(body + in->f->offset) = items;
    *(uint32_t *)(body + in->f->n_offset) = n;
    return 0;
}

static int get_bytes(struct in *in, char *body)
{
    const uint8_t *at = NULL;
    size_t size = in->left;

    if (size == 0)
        return fault(in, "is empty, which is not sent");
    if (size > in->f->most_items)
        return fault(in, "has too many bytes");
    int rc = take(in, size, &at);
    if (rc)
        return rc;
    *(uint8_t **)(body + in->f->offset) = arena_memdup(in->arena, at, size);
    *(uint32_t *)(body + in->f->n_offset) = (uint32_t)size;
    return 0;
}

static int get_number(struct in *in, char *body)
{
    const struct wire_field *f = in->f;
    char *at = body + f->offset;
    size_t size = f->kind == WIRE_KIND_BOOL ? 1
                  : f->kind == WIRE_KIND_U32 || f->kind == WIRE_KIND_CHOICE
                      ? 4
                      : 8;
    uint64_t n;
    int rc = take_number(in, size, &n);

    if (rc)
        return rc;
    if (f->kind == WIRE_KIND_BOOL) {
        if (n != 1)
            return fault(in, "is neither true nor absent");
        *(bool *)at = true;
    } else if (f->kind == WIRE_KIND_CHOICE) {
        if (n > INT32_MAX ||
            strcmp(wire_enum_word(f->choice, (int)n), "?") == 0)
            return fault(in, "has a value that is not known");
        *(int *)at = (int)n;
    } else if (f->kind == WIRE_KIND_U32) {
        *(uint32_t *)at = (uint32_t)n;
    } else {
        *(uint64_t *)at = n; /* U64, I64 and MEM are 8 bytes each */
    }
    return 0;
}

static int get_member(struct in *in, char *body)
{
    const uint8_t *at = NULL;
    int rc;

    switch (in->f->kind) {
    case WIRE_KIND_BOOL:
    case WIRE_KIND_U32:
    case WIRE_KIND_U64:
    case WIRE_KIND_ID64:
    case WIRE_KIND_I64:
    case WIRE_KIND_MEM:
    case WIRE_KIND_CHOICE:
        return get_number(in, body);
    case WIRE_KIND_UUID:
        rc = take(in, 16, &at);
        if (!rc)
            memcpy(body + in->f->offset, at, 16);
        return rc;
    case WIRE_KIND_STR:
        return take_text(in, in->left, (const char **)(body + in->f->offset));
    case WIRE_KIND_STRS:
        return get_strs(in, body);
    case WIRE_KIND_BYTES:
        return get_bytes(in, body);
    case WIRE_KIND_SUB:
        return get_sub(in, in->f->sub, in->left, body + in->f->offset);
    case WIRE_KIND_SUBS:
        return get_subs(in, body);
    }
    return fault(in, "is of an unknown kind");
}

/* From `at` on, as both the table and what arrives are in rising order. */
static const struct wire_field *find_field(const struct wire_struct *s,
                                           uint64_t number, size_t *at)
{
    while (*at < s->n_fields && s->fields[*at].number < number)
        ++*at;
    return *at < s->n_fields && s->fields[*at].number == number
               ? &s->fields[*at]
               : NULL;
}

static int get_field(struct in *in, uint64_t number, size_t size, size_t *next,
                     char *body)
{
    const uint8_t *at = NULL;
    int rc = take(in, size, &at);
    if (rc)
        return rc;

    const struct wire_field *f = find_field(in->s, number, next);
    if (!f && (number >= LAYOUT_MAY_IGNORE || in->greets))
        return 0;
    if (!f)
        return fault_newer(in, "has a field that this version does not know");
    struct in value = *in;
    value.at = at;
    value.left = size;
    value.f = f;
    rc = get_member(&value, body);
    if (!rc && value.left)
        rc = fault(&value, "has bytes too many");
    return rc;
}

static int get_struct(struct in *in, char *body)
{
    uint64_t last = 0;
    size_t next = 0;

    wire_init(in->s, body);
    while (in->left) {
        uint64_t number, size;
        int rc = take_number(in, 2, &number);
        if (!rc)
            rc = take_number(in, 4, &size);
        if (!rc && number <= last)
            rc = fault(in, "has fields out of order");
        if (!rc)
            rc = get_field(in, number, (size_t)size, &next, body);
        if (rc)
            return rc;
        last = number;
    }
    return 0;
}

int wire_struct_decode(const struct wire_struct *s, const uint8_t *data,
                       size_t size, struct arena *arena, void *ret_body,
                       struct vdc_error *err)
{
    struct in in = {
        .at = data, .left = size, .s = s, .arena = arena, .err = err
    };

    return get_struct(&in, ret_body);
}

/* Everything that every version has in the same place. */
static int take_head(const struct in *in, const uint8_t *frame, size_t size)
{
    if (size < LAYOUT_HEAD_SIZE)
        return fault(in, "is shorter than its head");
    if (layout_get(frame, 4) != LAYOUT_MAGIC)
        return fault(in, "does not begin with VDC1");
    if (layout_get(frame + 6, 2) != 0)
        return fault(in, "has flags that this version does not know");
    if (layout_get(frame + LAYOUT_SIZE_OFFSET, 4) != size - LAYOUT_HEAD_SIZE)
        return fault(in, "is cut short or too long");
    return 0;
}

int wire_decode(const uint8_t *frame, size_t size, struct arena *arena,
                struct wire_frame *ret, struct vdc_error *err)
{
    struct in in = { .at = frame, .left = size, .arena = arena, .err = err };
    int rc = take_head(&in, frame, size);

    if (rc)
        return rc;
    const struct wire_message *m =
        wire_message_by_number((unsigned)layout_get(frame + 4, 2));
    *ret = (struct wire_frame){ .message = m,
                                .id = (uint32_t)layout_get(frame + 8, 4) };
    if (!m)
        return fault_newer(&in, "has a number that this version does not "
                                "know");
    void *body = arena_alloc(arena, m->body->size);
    in = (struct in){ .at = frame + LAYOUT_HEAD_SIZE,
                      .left = size - LAYOUT_HEAD_SIZE,
                      .s = m->body,
                      .arena = arena,
                      .err = err,
                      .greets = m->number == WIRE_MSG_hello ||
                                m->number == WIRE_MSG_error };
    ret->body = body;
    return get_struct(&in, body);
}
