/* For the tests of the xl.cfg reader: tries settings on top of a whole
 * guest. */
#ifndef TESTS_UNIT_XL_EXT_TRY_H
#define TESTS_UNIT_XL_EXT_TRY_H

#include "xl-ext/xlcfg.h"

/* What the last try gave. */
extern struct arena *arena;
extern struct wire_definition def;
extern struct vdc_error err;
extern const char *const *notes;
extern size_t n_notes;

/* Settings as on the command line, one a line. */
int try(const char *lines);
void expect_ok(const char *lines);
/* Fails, and the text has the words. */
void expect_bad(const char *lines, const char *words);
/* Frees what the last try left. */
void try_end(void);

#endif
