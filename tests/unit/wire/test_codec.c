/*
 * Every message of the table: there and back, cut at every byte, each byte
 * changed; and the rules that decoding holds to.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "tests/unit/wire/fill.h"
#include "wire/layout.h"
#include "wire/wire.h"

static char *json_of(const struct wire_struct *s, const void *body)
{
    struct json_out *out = json_out_new(false);
    size_t len;

    wire_to_json(s, body, out);
    char *text = strdup(json_out_text(out, &len));
    json_out_free(out);
    return text;
}

static void round_trip(const struct wire_message *m, uint64_t seed, bool empty)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_frame frame;
    uint8_t *bytes, *again;
    size_t size, size_again;
    void *body = arena_alloc(arena, m->body->size);

    wire_init(m->body, body);
    if (!empty)
        fill_struct(m->body, body, arena, &seed);
    CU_ASSERT_EQUAL_FATAL(
        wire_encode(m->number, 77, body, arena, &bytes, &size, &err), 0);
    CU_ASSERT_EQUAL_FATAL(wire_decode(bytes, size, arena, &frame, &err), 0);
    CU_ASSERT_PTR_EQUAL(frame.message, m);
    CU_ASSERT_EQUAL(frame.id, 77);
    char *before = json_of(m->body, body);
    char *after = json_of(m->body, frame.body);
    CU_ASSERT_STRING_EQUAL(before, after);
    CU_ASSERT_EQUAL_FATAL(wire_encode(m->number, 77, frame.body, arena, &again,
                                      &size_again, &err),
                          0);
    CU_ASSERT_EQUAL_FATAL(size, size_again);
    CU_ASSERT_EQUAL(memcmp(bytes, again, size), 0);
    free(before);
    free(after);
    arena_free(arena);
}

static void test_round_trip(void)
{
    size_t n;
    const struct wire_message *messages = wire_messages(&n);

    CU_ASSERT_FATAL(n > 20);
    for (size_t i = 0; i < n; i++) {
        round_trip(&messages[i], 1, true);
        for (uint64_t seed = 1; seed <= 20; seed++)
            round_trip(&messages[i], seed * 7919, false);
    }
}

/* A copy of exactly `size` bytes, so that a read past the end is seen by a
 * sanitizer. */
static int decode_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct arena *arena = arena_new();
    struct wire_frame frame;
    struct vdc_error err = { 0 };

    memcpy(copy, bytes, size);
    int rc = wire_decode(copy, size, arena, &frame, &err);
    CU_ASSERT(rc == 0 || rc == VDC_E_PROTOCOL || rc == VDC_E_UNSUPPORTED);
    CU_ASSERT(rc == 0 || err.text[0] != '\0');
    arena_free(arena);
    free(copy);
    return rc;
}

static size_t cut_everywhere(const struct wire_message *m, uint64_t seed)
{
    struct arena *arena = arena_new();
    uint8_t *bytes;
    size_t size;
    void *body = arena_alloc(arena, m->body->size);

    fill_struct(m->body, body, arena, &seed);
    CU_ASSERT_EQUAL_FATAL(
        wire_encode(m->number, 1, body, arena, &bytes, &size, NULL), 0);
    /* All cuts of a short message; of a long one the first 3,000 and then
     * every 97th. */
    size_t tried = 0;
    for (size_t cut = 0; cut < size; cut += cut < 3000 ? 1 : 97) {
        CU_ASSERT_EQUAL(decode_copy(bytes, cut), VDC_E_PROTOCOL);
        /* The same with a head that admits the cut: it must not be read past
         * the end; a cut between two fields is a shorter message. */
        if (cut >= LAYOUT_HEAD_SIZE) {
            layout_put(bytes + LAYOUT_SIZE_OFFSET, cut - LAYOUT_HEAD_SIZE, 4);
            decode_copy(bytes, cut);
            layout_put(bytes + LAYOUT_SIZE_OFFSET, size - LAYOUT_HEAD_SIZE, 4);
        }
        tried++;
    }
    arena_free(arena);
    return tried;
}

static void test_truncated(void)
{
    size_t n, tried = 0;
    const struct wire_message *messages = wire_messages(&n);

    for (size_t i = 0; i < n; i++)
        tried += cut_everywhere(&messages[i], i * 31 + 5);
    printf("\n    %zu messages cut at %zu places ", n, tried);
    CU_ASSERT(tried > 1000);
}

static void test_changed_bytes(void)
{
    size_t n;
    const struct wire_message *messages = wire_messages(&n);

    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_new();
        uint64_t seed = i + 99;
        uint8_t *bytes;
        size_t size;
        void *body = arena_alloc(arena, messages[i].body->size);
        fill_struct(messages[i].body, body, arena, &seed);
        CU_ASSERT_EQUAL_FATAL(wire_encode(messages[i].number, 1, body, arena,
                                          &bytes, &size, NULL),
                              0);
        for (size_t at = 0; at < size && at < 600; at++) {
            uint8_t old = bytes[at];
            bytes[at] = 0xFF;
            decode_copy(bytes, size);
            bytes[at] = old ^ 1;
            decode_copy(bytes, size);
            bytes[at] = old;
        }
        arena_free(arena);
    }
}

static void test_table_rules(void)
{
    size_t n_messages, n_structs;
    const struct wire_message *messages = wire_messages(&n_messages);
    const struct wire_struct *const *structs = wire_structs(&n_structs);

    for (size_t i = 0; i < n_messages; i++) {
        for (size_t k = i + 1; k < n_messages; k++)
            CU_ASSERT_NOT_EQUAL(messages[i].number, messages[k].number);
        CU_ASSERT(messages[i].who != 0);
        CU_ASSERT(strcmp(messages[i].reply, "-") == 0 ||
                  wire_message_by_name(messages[i].reply) != NULL);
        /* Answers are not answered, requests are. */
        if (messages[i].who == W_ANSWER)
            CU_ASSERT_STRING_EQUAL(messages[i].reply, "-");
    }
    for (size_t i = 0; i < n_structs; i++) {
        const struct wire_struct *s = structs[i];
        for (size_t k = 0; k < s->n_fields; k++) {
            CU_ASSERT(k == 0 ? s->fields[k].number > 0
                             : s->fields[k].number > s->fields[k - 1].number);
            CU_ASSERT(s->fields[k].text[0] != '\0');
        }
    }
}

static int decode_hello(const uint8_t *fields, size_t size,
                        struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct wire_hello hello;
    int rc = wire_struct_decode(&wire_struct_hello, fields, size, arena,
                                &hello, err);
    arena_free(arena);
    return rc;
}

#define HELLO(...)                                 \
    decode_hello((const uint8_t[]){ __VA_ARGS__ }, \
                 sizeof((const uint8_t[]){ __VA_ARGS__ }), &err)

static void test_rules(void)
{
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(HELLO(1, 0, 1, 0, 0, 0, 'x'), 0);
    /* unknown field; one that may be ignored */
    CU_ASSERT_EQUAL(HELLO(9, 0, 1, 0, 0, 0, 'x'), VDC_E_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "does not know"));
    CU_ASSERT_EQUAL(HELLO(9, 0x80, 1, 0, 0, 0, 'x'), 0);
    /* twice; out of order */
    CU_ASSERT_EQUAL(HELLO(1, 0, 1, 0, 0, 0, 'x', 1, 0, 1, 0, 0, 0, 'x'),
                    VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(2, 0, 1, 0, 0, 0, 'x', 1, 0, 1, 0, 0, 0, 'x'),
                    VDC_E_PROTOCOL);
    /* a number of the wrong size, too short and too long */
    CU_ASSERT_EQUAL(HELLO(3, 0, 3, 0, 0, 0, 1, 2, 3), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(3, 0, 5, 0, 0, 0, 1, 2, 3, 4, 5), VDC_E_PROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "protocol of hello"));
    /* text: control character, NUL, not UTF-8, surrogate, overlong */
    CU_ASSERT_EQUAL(HELLO(1, 0, 1, 0, 0, 0, 27), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(1, 0, 1, 0, 0, 0, 0), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(1, 0, 1, 0, 0, 0, 0xFF), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(1, 0, 3, 0, 0, 0, 0xED, 0xA0, 0x80), VDC_E_PROTOCOL);
    CU_ASSERT_EQUAL(HELLO(1, 0, 2, 0, 0, 0, 0xC0, 0x80), VDC_E_PROTOCOL);
    /* a size that says more than there is */
    CU_ASSERT_EQUAL(HELLO(1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 'x'), VDC_E_PROTOCOL);
}

/* A message, with a field of number 999 behind all others. */
static uint8_t *with_more(enum wire_message_number number, const void *body,
                          struct arena *arena, size_t *ret_size)
{
    uint8_t *bytes, *more;
    size_t size;

    CU_ASSERT_EQUAL_FATAL(
        wire_encode(number, 77, body, arena, &bytes, &size, NULL), 0);
    more = arena_alloc(arena, size + 7);
    memcpy(more, bytes, size);
    layout_put(more + size, 999, 2);
    layout_put(more + size + 2, 1, 4);
    more[size + 6] = 1;
    layout_put(more + LAYOUT_SIZE_OFFSET, size + 7 - LAYOUT_HEAD_SIZE, 4);
    *ret_size = size + 7;
    return more;
}

/* Of a newer version: a hello and an error can be read, all else is refused
 * with its id. */
static void test_newer(void)
{
    struct arena *arena = arena_new();
    struct wire_hello hello;
    struct wire_error error;
    struct wire_empty empty;
    struct wire_frame frame;
    struct vdc_error err = { 0 };
    uint8_t *bytes;
    size_t size;

    wire_init(&wire_struct_hello, &hello);
    hello.version = "99";
    bytes = with_more(WIRE_MSG_hello, &hello, arena, &size);
    CU_ASSERT_EQUAL_FATAL(wire_decode(bytes, size, arena, &frame, &err), 0);
    CU_ASSERT_STRING_EQUAL(((const struct wire_hello *)frame.body)->version,
                           "99");
    wire_init(&wire_struct_error, &error);
    error.text = "no";
    bytes = with_more(WIRE_MSG_error, &error, arena, &size);
    CU_ASSERT_EQUAL(wire_decode(bytes, size, arena, &frame, &err), 0);
    wire_init(&wire_struct_empty, &empty);
    bytes = with_more(WIRE_MSG_version, &empty, arena, &size);
    memset(&frame, 0, sizeof(frame));
    CU_ASSERT_EQUAL(wire_decode(bytes, size, arena, &frame, &err),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(frame.id, 77);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "same version"));
    layout_put(bytes + 4, 60000, 2);
    memset(&frame, 0, sizeof(frame));
    CU_ASSERT_EQUAL(wire_decode(bytes, size, arena, &frame, &err),
                    VDC_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(frame.id, 77);
    arena_free(arena);
}

static void test_encode_refuses(void)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_hello hello;
    struct wire_definition definition;
    uint8_t *bytes;
    size_t size;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "a program with a name that is far too long for it";
    CU_ASSERT_EQUAL(
        wire_encode(WIRE_MSG_hello, 1, &hello, arena, &bytes, &size, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(err.text, "program of hello: too long");
    hello.program = "bad\x1b[31m";
    CU_ASSERT_EQUAL(
        wire_encode(WIRE_MSG_hello, 1, &hello, arena, &bytes, &size, &err),
        VDC_E_BAD_VALUE);

    wire_init(&wire_struct_definition, &definition);
    definition.on_crash = (enum wire_action)99;
    CU_ASSERT_EQUAL(wire_struct_encode(&wire_struct_definition, &definition,
                                       arena, &bytes, &size, &err),
                    VDC_E_BAD_VALUE);
    definition.on_crash = WIRE_DESTROY;
    definition.n_disks = 65;
    CU_ASSERT_EQUAL(wire_struct_encode(&wire_struct_definition, &definition,
                                       arena, &bytes, &size, &err),
                    VDC_E_BAD_VALUE);
    arena_free(arena);
}

static void test_init_and_copy(void)
{
    struct arena *arena = arena_new(), *other = arena_new();
    struct wire_definition a, b;
    uint64_t seed = 4242;

    wire_init(&wire_struct_definition, &a);
    CU_ASSERT_STRING_EQUAL(a.name, "");
    CU_ASSERT_EQUAL(a.max_grant_frames, -1);
    fill_struct(&wire_struct_definition, &a, arena, &seed);
    CU_ASSERT_EQUAL(
        wire_struct_copy(&wire_struct_definition, &a, other, &b, NULL), 0);
    char *before = json_of(&wire_struct_definition, &a);
    arena_free(arena);
    char *after = json_of(&wire_struct_definition, &b);
    CU_ASSERT_STRING_EQUAL(before, after);
    free(before);
    free(after);
    arena_free(other);
}

/* Of every struct: what was copied can be encoded to the same bytes, when the
 * first is gone. */
static void test_copies(void)
{
    const struct wire_struct *const *structs;
    uint64_t seed = 7;
    size_t n;

    structs = wire_structs(&n);
    for (size_t i = 0; i < n; i++) {
        struct arena *first = arena_new(), *copies = arena_new(), *kept;
        struct arena *out = arena_new();
        const struct wire_struct *s = structs[i];
        void *body = arena_alloc(first, s->size);
        void *copy = arena_alloc(copies, s->size);
        void *own = arena_alloc(copies, s->size);
        uint8_t *was, *is;
        size_t was_size, is_size;
        wire_init(s, body);
        fill_struct(s, body, first, &seed);
        if (wire_struct_encode(s, body, out, &was, &was_size, NULL)) {
            arena_free(first); /* larger than a message */
            arena_free(copies);
            arena_free(out);
            continue;
        }
        CU_ASSERT_EQUAL(wire_struct_copy(s, body, copies, copy, NULL), 0);
        CU_ASSERT_EQUAL(wire_struct_keep(s, body, &kept, own, NULL), 0);
        memset(body, 0xff, s->size);
        arena_free(first);
        for (int j = 0; j < 2; j++) {
            CU_ASSERT_EQUAL_FATAL(wire_struct_encode(s, j ? own : copy, out,
                                                     &is, &is_size, NULL),
                                  0);
            CU_ASSERT(is_size == was_size && memcmp(is, was, is_size) == 0);
        }
        arena_free(kept);
        arena_free(copies);
        arena_free(out);
    }
    CU_ASSERT(n > 20);
}

static void test_copy_refuses(void)
{
    struct arena *arena = arena_new(), *kept = NULL;
    struct wire_definition from, to;
    struct vdc_error err;

    wire_init(&wire_struct_definition, &from);
    wire_init(&wire_struct_definition, &to);
    from.name = NULL;
    to.vcpus = 77;
    CU_ASSERT_EQUAL(wire_struct_copy(&wire_struct_definition, &from, arena,
                                     &from, &err),
                    0);
    CU_ASSERT_STRING_EQUAL(from.name, "");
    from.name = "bad\x1b[31m";
    CU_ASSERT_EQUAL(
        wire_struct_copy(&wire_struct_definition, &from, arena, &to, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(err.text,
                           "name of definition: has a control character");
    from.name = "web";
    from.on_crash = (enum wire_action)99;
    CU_ASSERT_EQUAL(
        wire_struct_keep(&wire_struct_definition, &from, &kept, &to, &err),
        VDC_E_BAD_VALUE);
    from.on_crash = WIRE_DESTROY;
    from.n_disks = 65;
    CU_ASSERT_EQUAL(
        wire_struct_copy(&wire_struct_definition, &from, arena, &to, &err),
        VDC_E_BAD_VALUE);
    CU_ASSERT_PTR_NULL(kept);
    CU_ASSERT_EQUAL(to.vcpus, 77);
    arena_free(arena);
}

static void test_errors(void)
{
    struct vdc_error err, back;
    struct wire_error wire;

    vdc_error_set(&err, VDC_E_QUOTA, "over");
    vdc_error_hint(&err, "ask for less");
    wire_error_fill(&wire, &err);
    CU_ASSERT_EQUAL(wire.code, 11);
    wire_error_take(&wire, &back);
    CU_ASSERT_EQUAL(back.code, VDC_E_QUOTA);
    CU_ASSERT_STRING_EQUAL(back.text, "over");
    CU_ASSERT_STRING_EQUAL(back.hint, "ask for less");
    wire.code = 0;
    wire_error_take(&wire, &back);
    CU_ASSERT_EQUAL(back.code, VDC_E_PROTOCOL);
}

static const struct unit_test tests[] = {
    { "every message there and back", test_round_trip },
    { "every message cut at every byte", test_truncated },
    { "bytes changed", test_changed_bytes },
    { "the table's own rules", test_table_rules },
    { "rules of decoding", test_rules },
    { "of a newer version", test_newer },
    { "encoding refuses what the table forbids", test_encode_refuses },
    { "defaults and deep copy", test_init_and_copy },
    { "copies of every struct", test_copies },
    { "copying refuses what encoding does", test_copy_refuses },
    { "errors there and back", test_errors },
};

UNIT_MAIN("wire codec", tests)
