/*
 * "Did you mean": the known word nearest to one that is not known, for
 * settings, options, commands and names of a customer's own things.
 */
#ifndef VDC_BASE_SUGGEST_H
#define VDC_BASE_SUGGEST_H

#include <stddef.h>

/*
 * The name with the smallest edit distance (insert, delete, replace, swap of
 * two neighbours), or NULL when none is near: the distance must be at most a
 * third of the word, rounded up.  Of equals the first.  NULL entries are
 * skipped.
 */
const char *suggest_nearest(const char *word, const char *const *names,
                            size_t n_names);

#endif
