/* Messages that nobody sends; see garbage.h. */
#include "tests/sim/garbage.h"

#include <string.h>

#include "wire/layout.h"

#define WAIT_MOST_MS 2000

/* xorshift: the same on every machine */
static uint64_t next(struct garbage *g)
{
    g->seed ^= g->seed << 13;
    g->seed ^= g->seed >> 7;
    g->seed ^= g->seed << 17;
    return g->seed;
}

uint32_t garbage_draw(struct garbage *g, uint32_t below)
{
    return (uint32_t)(next(g) >> 32) % below;
}

static bool one_in(struct garbage *g, uint32_t n)
{
    return garbage_draw(g, n) == 0;
}

/* ---- values ---- */

static const char *random_text(struct garbage *g, size_t most,
                               struct arena *arena)
{
    static const char *const pieces[] = {
        "a",  "Z",    "0", "-1", " ", "\xc3\xa9", "\xe2\x82\xac",
        "\n", "\"",   "%", "..", "/", ".",        "_",
        ":",  "%s%n", "{", "[",  ",", "\\",       "18446744073709551616"
    };
    static const size_t n_pieces = sizeof(pieces) / sizeof(pieces[0]);
    size_t longest = one_in(g, 4) ? most : most < 24 ? most : 24;
    size_t want = one_in(g, 4) ? longest : next(g) % (longest + 1);
    char *text = arena_alloc(arena, most + 1);
    size_t len = 0;

    while (len < want) {
        const char *piece = pieces[garbage_draw(g, n_pieces)];
        size_t n = strlen(piece);
        if (len + n > most)
            piece = "x", n = 1;
        memcpy(text + len, piece, n);
        len += n;
    }
    text[len] = '\0';
    return text;
}

/* A word for the field, or, rarely or if there is none, for another. */
static const char *known_text(struct garbage *g, const char *field)
{
    bool any = one_in(g, 8);
    size_t at = garbage_draw(g, (uint32_t)g->n_words);

    for (size_t i = 0; i < g->n_words; i++) {
        const struct garbage_word *word = &g->words[(at + i) % g->n_words];
        if (any || strcmp(word->field, field) == 0)
            return word->text;
    }
    return g->words[at].text;
}

static const char *fill_text(struct garbage *g, const struct wire_field *f,
                             struct arena *arena)
{
    const char *text = known_text(g, f->name);

    return one_in(g, 4) || strlen(text) > f->most_chars
               ? random_text(g, f->most_chars, arena)
               : text;
}

static uint64_t fill_number(struct garbage *g, const struct wire_field *f)
{
    static const uint64_t edges[] = { 0,
                                      1,
                                      2,
                                      8,
                                      100,
                                      1000,
                                      65536,
                                      65537,
                                      1 << 20,
                                      INT32_MAX,
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      UINT64_MAX - 1,
                                      UINT64_MAX };

    if (strcmp(f->name, "request") == 0) /* one before this */
        return g->id - garbage_draw(g, 16);
    return one_in(g, 4) ? next(g) : edges[garbage_draw(g, 16)];
}

static void fill_uuid(struct garbage *g, struct vdc_uuid *ret)
{
    if (g->n_uuids && !one_in(g, 4)) {
        *ret = g->uuids[garbage_draw(g, (uint32_t)g->n_uuids)];
        return;
    }
    for (size_t i = 0; i < sizeof(*ret); i++)
        ((uint8_t *)ret)[i] = (uint8_t)next(g);
}

/* ---- structs ---- */

static void fill_some(struct garbage *g, const struct wire_struct *s,
                      uint32_t percent, struct arena *arena, void *ret_body);

static uint32_t draw_items(struct garbage *g, uint32_t most)
{
    uint32_t n = one_in(g, 16) ? garbage_draw(g, 100) : 1 + garbage_draw(g, 3);

    return n < most ? n : most;
}

static void *fill_bytes(struct garbage *g, const struct wire_field *f,
                        struct arena *arena, uint32_t *ret_n)
{
    const char *text = known_text(g, f->name);
    size_t n = one_in(g, 2) ? strlen(text) : next(g) % 2000;
    uint8_t *bytes;

    if (n > f->most_items)
        n = f->most_items;
    bytes = arena_alloc(arena, n + 1);
    if (n == strlen(text))
        memcpy(bytes, text, n);
    else
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)next(g);
    *ret_n = (uint32_t)n;
    return bytes;
}

static void fill_list(struct garbage *g, const struct wire_field *f,
                      uint32_t percent, struct arena *arena, char *body)
{
    uint32_t n = draw_items(g, f->most_items);
    void *items;

    if (f->kind == WIRE_KIND_SUBS) {
        items = arena_array(arena, n, f->sub->size);
        for (uint32_t i = 0; i < n; i++)
            fill_some(g, f->sub, percent, arena,
                      (char *)items + i * f->sub->size);
    } else if (f->kind == WIRE_KIND_STRS) {
        const char **texts = ARENA_ARRAY(arena, n, const char *);
        for (uint32_t i = 0; i < n; i++)
            texts[i] = fill_text(g, f, arena);
        items = texts;
    } else {
        items = fill_bytes(g, f, arena, &n);
    }
    *(void **)(body + f->offset) = items;
    *(uint32_t *)(body + f->n_offset) = n;
}

static void fill_field(struct garbage *g, const struct wire_field *f,
                       uint32_t percent, struct arena *arena, char *body)
{
    char *at = body + f->offset;

    switch (f->kind) {
    case WIRE_KIND_BOOL:
        *(bool *)at = one_in(g, 2);
        break;
    case WIRE_KIND_U32:
        *(uint32_t *)at = (uint32_t)fill_number(g, f);
        break;
    case WIRE_KIND_U64:
    case WIRE_KIND_ID64:
    case WIRE_KIND_MEM:
    case WIRE_KIND_I64:
        *(uint64_t *)at = fill_number(g, f);
        break;
    case WIRE_KIND_UUID:
        fill_uuid(g, (struct vdc_uuid *)at);
        break;
    case WIRE_KIND_CHOICE:
        *(int *)at =
            f->choice->values[garbage_draw(g, (uint32_t)f->choice->n_values)]
                .number;
        break;
    case WIRE_KIND_STR:
        *(const char **)at = fill_text(g, f, arena);
        break;
    case WIRE_KIND_SUB: /* change_some goes into these itself */
        break;
    case WIRE_KIND_STRS:
    case WIRE_KIND_BYTES:
    case WIRE_KIND_SUBS:
        fill_list(g, f, percent, arena, body);
        break;
    }
}

/* So many of a hundred fields. */
static void change_some(struct garbage *g, const struct wire_struct *s,
                        uint32_t percent, struct arena *arena, void *body)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        /* a guest that was paused may be waited for as long as is asked */
        if (f->kind == WIRE_KIND_U64 && strcmp(f->name, "timeout_ms") == 0)
            *(uint64_t *)((char *)body + f->offset) =
                1 + garbage_draw(g, WAIT_MOST_MS);
        else if (f->kind == WIRE_KIND_SUB)
            change_some(g, f->sub, percent, arena, (char *)body + f->offset);
        else if (garbage_draw(g, 100) < percent)
            fill_field(g, f, percent, arena, body);
    }
}

static void fill_some(struct garbage *g, const struct wire_struct *s,
                      uint32_t percent, struct arena *arena, void *ret_body)
{
    wire_init(s, ret_body);
    change_some(g, s, percent, arena, ret_body);
}

void garbage_fill(struct garbage *g, const struct wire_struct *s,
                  struct arena *arena, void *ret_body)
{
    static const uint32_t percents[] = { 7, 20, 50, 100 };

    fill_some(g, s, percents[garbage_draw(g, 4)], arena, ret_body);
}

void garbage_change(struct garbage *g, const struct wire_struct *s,
                    struct arena *arena, void *body)
{
    change_some(g, s, garbage_draw(g, 6), arena, body);
}

/* ---- damage ---- */

static void insert(struct garbage *g, uint8_t *bytes, size_t *size, size_t at)
{
    size_t n = 1 + garbage_draw(g, GARBAGE_MORE / 4);

    memmove(bytes + at + n, bytes + at, *size - at);
    for (size_t i = 0; i < n; i++)
        bytes[at + i] = (uint8_t)next(g);
    *size += n;
}

static void cut(struct garbage *g, uint8_t *bytes, size_t *size, size_t at)
{
    size_t n = garbage_draw(g, (uint32_t)(*size - at)) + 1;

    if (*size == n)
        n--; /* there is no empty frame */
    memmove(bytes + at, bytes + at + n, *size - at - n);
    *size -= n;
}

void garbage_damage(struct garbage *g, uint8_t *bytes, size_t *size)
{
    uint32_t n = 1 + garbage_draw(g, 4);

    for (uint32_t i = 0; i < n; i++) {
        bool head = one_in(g, 2) && *size > LAYOUT_HEAD_SIZE;
        size_t at = garbage_draw(g, head ? LAYOUT_HEAD_SIZE : (uint32_t)*size);
        switch (garbage_draw(g, 5)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << garbage_draw(g, 8));
            break;
        case 1:
            bytes[at] = one_in(g, 2) ? 0xff : 0;
            break;
        case 2:
            bytes[at] = (uint8_t)next(g);
            break;
        case 3:
            insert(g, bytes, size, at);
            break;
        case 4:
            cut(g, bytes, size, at);
            break;
        }
    }
    /* some are to come further than the head */
    if (*size > LAYOUT_HEAD_SIZE && one_in(g, 2)) {
        layout_put(bytes, LAYOUT_MAGIC, 4);
        layout_put(bytes + LAYOUT_SIZE_OFFSET, *size - LAYOUT_HEAD_SIZE, 4);
    }
}
