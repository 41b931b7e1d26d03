/*
 * wire.def as data: a description of each enum, struct and message, which the
 * codec, the JSON output, the tests and the protocol document walk.
 */
#include "wire/wire.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- enums ---- */

#define WIRE_ENUM(name, text) \
    static const struct wire_value values_##name[] = {
#define WIRE_VALUE(e, constant, number, word, text) { number, word, text },
#define WIRE_ENUM_END(name) \
    }                       \
    ;
#include "wire/wire.def"

#define WIRE_ENUM(name, text)                                               \
    const struct wire_enum wire_enum_##name = { #name, text, values_##name, \
                                                COUNT(values_##name) };
#include "wire/wire.def"

static const struct wire_enum *const all_enums[] = {
#define WIRE_ENUM(name, text) &wire_enum_##name,
#include "wire/wire.def"
};

/* ---- structs; each list of fields ends in a row without a name, so that a
 * struct without fields has a list too ---- */

#define FIELD(s, number_, name_, kind_)               \
    .name = #name_, .number = number_, .kind = kind_, \
    .offset = offsetof(struct wire_##s, name_)
#define FIELD_N(s, name_) .n_offset = offsetof(struct wire_##s, n_##name_)

#define WIRE_STRUCT(name, text) \
    static const struct wire_field fields_##name[] = {
#define WIRE_BOOL(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_BOOL), .text = t },
#define WIRE_U32(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_U32), .text = t },
#define WIRE_U64(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_U64), .text = t },
#define WIRE_ID64(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_ID64), .text = t },
#define WIRE_I64(s, number, name, f, t) \
    { FIELD(s, number, name, WIRE_KIND_I64), .fallback = f, .text = t },
#define WIRE_MEM(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_MEM), .text = t },
#define WIRE_UUID(s, number, name, t) \
    { FIELD(s, number, name, WIRE_KIND_UUID), .text = t },
#define WIRE_CHOICE(s, number, name, type, t)                                \
    { FIELD(s, number, name, WIRE_KIND_CHOICE), .choice = &wire_enum_##type, \
      .text = t },
#define WIRE_STR(s, number, name, most, t) \
    { FIELD(s, number, name, WIRE_KIND_STR), .most_chars = most, .text = t },
#define WIRE_STRS(s, number, name, items, most, t)              \
    { FIELD(s, number, name, WIRE_KIND_STRS), FIELD_N(s, name), \
      .most_items = items, .most_chars = most, .text = t },
#define WIRE_BYTES(s, number, name, most, t)                     \
    { FIELD(s, number, name, WIRE_KIND_BYTES), FIELD_N(s, name), \
      .most_items = most, .text = t },
#define WIRE_SUB(s, number, name, type, t)                               \
    { FIELD(s, number, name, WIRE_KIND_SUB), .sub = &wire_struct_##type, \
      .text = t },
#define WIRE_SUBS(s, number, name, type, items, t)              \
    { FIELD(s, number, name, WIRE_KIND_SUBS), FIELD_N(s, name), \
      .sub = &wire_struct_##type, .most_items = items, .text = t },
#define WIRE_STRUCT_END(s) \
    {                      \
        .name = NULL       \
    }                      \
    }                      \
    ;
#include "wire/wire.def"

#define WIRE_STRUCT(name, text)                                 \
    const struct wire_struct wire_struct_##name = {             \
        #name, text, sizeof(struct wire_##name), fields_##name, \
        COUNT(fields_##name) - 1                                \
    };
#include "wire/wire.def"

static const struct wire_struct *const all_structs[] = {
#define WIRE_STRUCT(name, text) &wire_struct_##name,
#include "wire/wire.def"
};

/* ---- messages ---- */

static const struct wire_message all_messages[] = {
#define WIRE_MESSAGE(number, name, body, who, reply, text) \
    { number, #name, &wire_struct_##body, who, reply, text },
#include "wire/wire.def"
};

const struct wire_message *wire_messages(size_t *ret_n)
{
    *ret_n = COUNT(all_messages);
    return all_messages;
}

const struct wire_struct *const *wire_structs(size_t *ret_n)
{
    *ret_n = COUNT(all_structs);
    return all_structs;
}

const struct wire_enum *const *wire_enums(size_t *ret_n)
{
    *ret_n = COUNT(all_enums);
    return all_enums;
}

const struct wire_message *wire_message_by_number(unsigned number)
{
    for (size_t i = 0; i < COUNT(all_messages); i++)
        if (all_messages[i].number == number)
            return &all_messages[i];
    return NULL;
}

const struct wire_message *wire_message_by_name(const char *name)
{
    for (size_t i = 0; i < COUNT(all_messages); i++)
        if (strcmp(all_messages[i].name, name) == 0)
            return &all_messages[i];
    return NULL;
}

static const struct wire_value *enum_value(const struct wire_enum *e,
                                           int number)
{
    for (size_t i = 0; i < e->n_values; i++)
        if (e->values[i].number == number)
            return &e->values[i];
    return NULL;
}

const char *wire_enum_word(const struct wire_enum *e, int number)
{
    const struct wire_value *value = enum_value(e, number);

    return value ? value->word : "?";
}

bool wire_enum_number(const struct wire_enum *e, const char *word, int *ret)
{
    for (size_t i = 0; i < e->n_values; i++) {
        if (strcmp(e->values[i].word, word) == 0) {
            *ret = e->values[i].number;
            return true;
        }
    }
    return false;
}

/* What is not zero; all of it is. */
static void init_fields(const struct wire_struct *s, char *at)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        if (f->kind == WIRE_KIND_STR)
            *(const char **)(at + f->offset) = "";
        else if (f->kind == WIRE_KIND_I64)
            *(int64_t *)(at + f->offset) = f->fallback;
        else if (f->kind == WIRE_KIND_SUB)
            init_fields(f->sub, at + f->offset);
    }
}

void wire_init(const struct wire_struct *s, void *body)
{
    memset(body, 0, s->size);
    init_fields(s, body);
}
