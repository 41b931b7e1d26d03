/* Values for every kind of field; see fill.h. */
#include "tests/unit/wire/fill.h"

#include <string.h>

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static const char *fill_text(struct arena *arena, size_t most, uint64_t *seed)
{
    static const char *const pieces[] = { "a",  "Z",        "0",
                                          " ",  "\xc3\xa9", "\xe2\x82\xac",
                                          "\n", "\"" };
    size_t want = 1 + next(seed) % most;
    char *text = arena_alloc(arena, most + 1);
    size_t len = 0;

    while (len < want) {
        const char *piece = pieces[next(seed) % 8];
        size_t n = strlen(piece);
        if (len + n > most)
            piece = "x", n = 1;
        memcpy(text + len, piece, n);
        len += n;
    }
    return text;
}

static void fill_list(const struct wire_field *f, char *body,
                      struct arena *arena, uint64_t *seed)
{
    uint32_t n = 1 + (uint32_t)(next(seed) % 3);
    if (n > f->most_items)
        n = f->most_items;
    void *items = NULL;

    if (f->kind == WIRE_KIND_SUBS) {
        items = arena_array(arena, n, f->sub->size);
        for (uint32_t i = 0; i < n; i++)
            fill_struct(f->sub, (char *)items + i * f->sub->size, arena, seed);
    } else if (f->kind == WIRE_KIND_STRS) {
        const char **texts = ARENA_ARRAY(arena, n, const char *);
        for (uint32_t i = 0; i < n; i++)
            texts[i] = fill_text(arena, f->most_chars, seed);
        items = texts;
    } else {
        n = 1 + (uint32_t)(next(seed) % f->most_items);
        uint8_t *bytes = arena_alloc(arena, n);
        for (uint32_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)next(seed);
        items = bytes;
    }
    *(void **)(body + f->offset) = items;
    *(uint32_t *)(body + f->n_offset) = n;
}

static int fill_choice(const struct wire_enum *e, uint64_t *seed)
{
    return e->values[next(seed) % e->n_values].number;
}

void fill_struct(const struct wire_struct *s, void *ret, struct arena *arena,
                 uint64_t *seed)
{
    char *body = ret;

    wire_init(s, body);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        char *at = body + f->offset;
        switch (f->kind) {
        case WIRE_KIND_BOOL:
            *(bool *)at = true;
            break;
        case WIRE_KIND_U32:
            *(uint32_t *)at = (uint32_t)next(seed) | 1;
            break;
        case WIRE_KIND_U64:
        case WIRE_KIND_ID64:
        case WIRE_KIND_MEM:
        case WIRE_KIND_I64:
            *(uint64_t *)at = next(seed) | 2;
            break;
        case WIRE_KIND_UUID:
            memset(at, (int)(next(seed) | 1), 16);
            break;
        case WIRE_KIND_CHOICE:
            *(int *)at = fill_choice(f->choice, seed);
            break;
        case WIRE_KIND_STR:
            *(const char **)at = fill_text(arena, f->most_chars, seed);
            break;
        case WIRE_KIND_SUB:
            fill_struct(f->sub, at, arena, seed);
            break;
        case WIRE_KIND_STRS:
        case WIRE_KIND_BYTES:
        case WIRE_KIND_SUBS:
            fill_list(f, body, arena, seed);
            break;
        }
    }
}
