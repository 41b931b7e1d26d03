/*
 * Fills any struct of the table with values, for tests and the fuzz corpus:
 * the same seed gives the same values.
 */
#ifndef TESTS_UNIT_WIRE_FILL_H
#define TESTS_UNIT_WIRE_FILL_H

#include "wire/wire.h"

/* Every field gets a value that is not its default; strings and lists up to
 * the most that the table allows, lists of structs up to 3. */
void fill_struct(const struct wire_struct *s, void *body, struct arena *arena,
                 uint64_t *seed);

#endif
