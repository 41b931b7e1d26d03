/*
 * The structs, enums and messages of the protocol, made from wire.def, and
 * their descriptions as data, which encoding, JSON and the document share.
 *
 * Strings in a struct are never NULL after wire_init or decoding ("" when
 * absent); a NULL string is encoded as absent.  Lists are a pointer and a
 * count n_<name>.
 */
#ifndef VDC_WIRE_WIRE_H
#define VDC_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/units.h"
#include "base/uuid.h"

/* Raised when a change is made that an older program cannot understand. */
#define WIRE_PROTOCOL 1

/* Who may send a message (see wire.def). */
#define W_CUSTOMER 1u
#define W_OPERATOR 2u
#define W_POLICYD 4u
#define W_ANSWER 8u
#define W_GUEST 16u
#define W_JOINER 32u
#define W_HOST 64u
#define W_ALL (W_CUSTOMER | W_OPERATOR | W_POLICYD)
#define W_ANY (W_ALL | W_ANSWER)

/* enums: enum wire_<name> */
#define WIRE_ENUM(name, text) enum wire_##name {
#define WIRE_VALUE(name, constant, number, word, text) constant = number,
#define WIRE_ENUM_END(name) };
#include "wire/wire.def"

/* structs: struct wire_<name> */
#define WIRE_STRUCT(name, text) struct wire_##name {
#define WIRE_BOOL(s, number, name, text) bool name;
#define WIRE_U32(s, number, name, text) uint32_t name;
#define WIRE_U64(s, number, name, text) uint64_t name;
#define WIRE_ID64(s, number, name, text) uint64_t name;
#define WIRE_I64(s, number, name, fallback, text) int64_t name;
#define WIRE_MEM(s, number, name, text) struct mem name;
#define WIRE_UUID(s, number, name, text) struct vdc_uuid name;
#define WIRE_CHOICE(s, number, name, type, text) enum wire_##type name;
#define WIRE_STR(s, number, name, most, text) const char *name;
#define WIRE_STRS(s, number, name, items, most, text)                         \
    const char **name;                                                        \
    uint32_t n_##name;
#define WIRE_BYTES(s, number, name, most, text)                               \
    const uint8_t *name;                                                      \
    uint32_t n_##name;
#define WIRE_SUB(s, number, name, type, text) struct wire_##type name;
#define WIRE_SUBS(s, number, name, type, items, text)                         \
    struct wire_##type *name;                                                 \
    uint32_t n_##name;
#define WIRE_STRUCT_END(name)                                                 \
    /* keeps a struct without fields from being an extension */               \
    uint8_t wire_end;                                                         \
    };
#include "wire/wire.def"

/* message numbers: WIRE_MSG_<name> */
enum wire_message_number {
#define WIRE_MESSAGE(number, name, body, who, reply, text)                    \
    WIRE_MSG_##name = number,
#include "wire/wire.def"
};

/* ---- the same as data ---- */

enum wire_kind {
    WIRE_KIND_BOOL,
    WIRE_KIND_U32,
    WIRE_KIND_U64,
    WIRE_KIND_ID64,
    WIRE_KIND_I64,
    WIRE_KIND_MEM,
    WIRE_KIND_UUID,
    WIRE_KIND_CHOICE,
    WIRE_KIND_STR,
    WIRE_KIND_STRS,
    WIRE_KIND_BYTES,
    WIRE_KIND_SUB,
    WIRE_KIND_SUBS
};

struct wire_value {
    int number;
    const char *word; /* as users write and read it */
    const char *text;
};

struct wire_enum {
    const char *name;
    const char *text;
    const struct wire_value *values;
    size_t n_values;
};

struct wire_struct;

struct wire_field {
    const char *name;
    uint16_t number;
    enum wire_kind kind;
    uint32_t most_items; /* STRS, SUBS: items; BYTES: bytes */
    uint32_t most_chars; /* STR, STRS */
    int64_t fallback;    /* I64 */
    size_t offset;
    size_t n_offset; /* of n_<name>, for lists */
    const struct wire_struct *sub;
    const struct wire_enum *choice;
    const char *text;
};

struct wire_struct {
    const char *name;
    const char *text;
    size_t size;
    const struct wire_field *fields;
    size_t n_fields;
};

struct wire_message {
    uint16_t number;
    const char *name;
    const struct wire_struct *body;
    unsigned who;      /* W_ bits */
    const char *reply; /* name of the message, or "-" */
    const char *text;
};

/* wire_struct_<name>, wire_enum_<name> */
#define WIRE_ENUM(name, text) extern const struct wire_enum wire_enum_##name;
#include "wire/wire.def"
#define WIRE_STRUCT(name, text)                                               \
    extern const struct wire_struct wire_struct_##name;
#include "wire/wire.def"

/* All of them in the order of the table. */
const struct wire_message *wire_messages(size_t *ret_n);
const struct wire_struct *const *wire_structs(size_t *ret_n);
const struct wire_enum *const *wire_enums(size_t *ret_n);

/* NULL when there is none. */
const struct wire_message *wire_message_by_number(unsigned number);
const struct wire_message *wire_message_by_name(const char *name);

/* The word of a value; "?" for a number that is not in the enum. */
const char *wire_enum_word(const struct wire_enum *e, int number);
/* The number of a word; false when there is none. */
bool wire_enum_number(const struct wire_enum *e, const char *word, int *ret);

/* Sets every field to its default ("" for strings); `body` is of s->size. */
void wire_init(const struct wire_struct *s, void *body);

/* ---- encoding (layout in doc/protocol.md) ---- */

#define WIRE_BODY_MAX (1024 * 1024 - 16)
#define WIRE_DEPTH_MAX 8

struct wire_frame {
    const struct wire_message *message;
    uint32_t id;    /* of the request; an answer carries its request's */
    void *body;     /* struct wire_<body> in the arena */
};

/*
 * Encodes a struct.  Errors: VDC_E_BAD_VALUE when a string or list is longer
 * than the table allows, a number is no member of its enum or a string is not
 * UTF-8 text without control characters other than tab and newline.
 */
int wire_struct_encode(const struct wire_struct *s, const void *body,
                       struct arena *arena, uint8_t **ret, size_t *ret_size,
                       struct vdc_error *err);
/* Decodes exactly all the bytes, into an initialised struct in the arena.
 * Errors: VDC_E_PROTOCOL, saying which field; VDC_E_UNSUPPORTED: a field that
 * is of a newer version. */
int wire_struct_decode(const struct wire_struct *s, const uint8_t *data,
                       size_t size, struct arena *arena, void *ret_body,
                       struct vdc_error *err);

/* A whole message: header and body, as one frame of a stream or channel. */
int wire_encode(enum wire_message_number number, uint32_t id,
                const void *body, struct arena *arena, uint8_t **ret,
                size_t *ret_size, struct vdc_error *err);
/* Of hello and error fields that are not known are left out: those of any
 * version can be read.  Errors: as wire_struct_decode's; VDC_E_UNSUPPORTED is
 * also of a message whose number is not known; with it the frame is whole,
 * ret->id is set, and what comes after it can be read. */
int wire_decode(const uint8_t *frame, size_t size, struct arena *arena,
                struct wire_frame *ret, struct vdc_error *err);

/* A deep copy into another arena; `ret_body` may be `body`.  Errors: those of
 * wire_struct_encode but the size of the whole; nothing was changed then. */
int wire_struct_copy(const struct wire_struct *s, const void *body,
                     struct arena *arena, void *ret_body,
                     struct vdc_error *err);
/* The same in an arena of its own, which is as large as it must be: for what
 * there are many of, and which live long. */
int wire_struct_keep(const struct wire_struct *s, const void *body,
                     struct arena **ret_arena, void *ret_body,
                     struct vdc_error *err);

/* The struct as one JSON object: field names as in the table, choices as
 * words, memory in KiB under <name>_kib, UUIDs as text, bytes in hex. */
void wire_to_json(const struct wire_struct *s, const void *body,
                  struct json_out *out);
/* The same without the field of that name. */
void wire_to_json_but(const struct wire_struct *s, const void *body,
                      const char *but, struct json_out *out);

/*
 * The other way; what is absent has its default.  Texts are those of `value`,
 * so it must live as long.  Whether numbers of lists and lengths of texts are
 * allowed is found out by encoding.
 * Errors: VDC_E_BAD_VALUE, which names the member.
 */
int wire_from_json(const struct wire_struct *s, const struct json_value *value,
                   struct arena *arena, void *ret_body, struct vdc_error *err);

/* struct vdc_error <-> its message */
void wire_error_fill(struct wire_error *ret, const struct vdc_error *err);
void wire_error_take(const struct wire_error *wire, struct vdc_error *ret);

#endif
