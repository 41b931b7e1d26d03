/*
 * Messages that nobody in their senses sends, from a seed: structs filled at
 * random with what is known in the place, what is next to it, and anything
 * else that can be encoded; and bytes of messages, damaged.
 */
#ifndef TESTS_SIM_GARBAGE_H
#define TESTS_SIM_GARBAGE_H

#include "wire/wire.h"

/* What fields of this name may well have. */
struct garbage_word {
    const char *field, *text;
};

struct garbage {
    uint64_t seed; /* not 0 */
    const struct garbage_word *words;
    size_t n_words;
    const struct vdc_uuid *uuids; /* that are known in the place */
    size_t n_uuids;
    uint32_t id; /* of the message that is made */
};

/* 0 to `below` - 1. */
uint32_t garbage_draw(struct garbage *g, uint32_t below);

/* `ret_body` is of s->size; what it gets can be encoded, if it is not too
 * large as a whole.  What it refers to is in the arena. */
void garbage_fill(struct garbage *g, const struct wire_struct *s,
                  struct arena *arena, void *ret_body);

/* Few fields, or none, of one that is in order get other values. */
void garbage_change(struct garbage *g, const struct wire_struct *s,
                    struct arena *arena, void *body);

#define GARBAGE_MORE 64 /* bytes by which damage may lengthen a message */

/* Damages an encoded message; `bytes` has room for GARBAGE_MORE more. */
void garbage_damage(struct garbage *g, uint8_t *bytes, size_t *size);

#endif
