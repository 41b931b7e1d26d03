/* What xl-vdc printed when a policyd of the test had answered, and what fails
 * the test. */
#ifndef TESTS_UNIT_XL_EXT_ANSWER_H
#define TESTS_UNIT_XL_EXT_ANSWER_H

#include "tests/unit/xl-ext/fake_policyd.h"

extern struct fake_result answer; /* of the last answer_ends */

/* The child ends now, with this status. */
void answer_ends(int status);
/* What was printed there has these words. */
void answer_has(const char *where, const char *text);
/* The value at the path of keys and numbers, "hosts.0.name", in the JSON that
 * was printed. */
void answer_json_is(const char *where, const char *wanted);

#endif
