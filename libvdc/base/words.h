/* Words of a command line inside one word of the shell. */
#ifndef VDC_BASE_WORDS_H
#define VDC_BASE_WORDS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/*
 * Splits at blanks, as a shell does: '...' and "..." keep what is in them
 * together, and a backslash takes the next character as it is (not inside
 * '...').  Nothing is replaced: a $ is a $.  The words live in the arena; a
 * NULL follows the last.  Errors: VDC_E_USAGE when a quote has no end.
 */
int words_split(const char *text, struct arena *arena, char ***ret,
                size_t *ret_n, struct vdc_error *err);

#endif
