/* For tests of the store: one database in a folder of its own, and what fails
 * the test. */
#ifndef TESTS_UNIT_RESOURCED_STORE_CASE_H
#define TESTS_UNIT_RESOURCED_STORE_CASE_H

#include "tests/unit/resourced/store_fixture.h"

extern struct place place;
extern struct arena *arena;         /* of the test */
extern struct vdc_error last_error; /* of these functions */

/* A new folder, and no database yet. */
void store_case_begin(void);
/* Closes the store (NULL allowed), removes all. */
void store_case_end(struct store *store);
/* Must be possible. */
struct store *store_case_open(void);
const char *store_case_dump(struct store *store);
/* Opening it says that it is damaged, with this word. */
void store_case_corrupt(const char *word);
/* Of the closed database. */
void store_case_sql(const char *sql);
/* Bytes of a file; 0: there is none. */
size_t store_case_size(const char *path);

#endif
