/*
 * Names as small numbers, so that comparing two is one instruction: of hosts,
 * customers, groups, pools, tags ...  One table serves a view and all copies
 * of it.  A number is never used again, so it means the same for ever, or
 * nothing when its name was forgotten; as many names are kept as there are
 * hosts, customers and groups, not guests.
 */
#ifndef POLICYD_PLACEMENT_NAMES_H
#define POLICYD_PLACEMENT_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct placement_names;

/* What find returns for a name that is not in the table. It is nobody's, so
 * what asks for it finds nothing. */
#define PLACEMENT_NO_NAME UINT32_C(0x3fffffff)

struct placement_names *placement_names_new(void);
/* After every view that uses it; NULL is allowed. */
void placement_names_free(struct placement_names *names);

/* The number of this name, from 1 on; 0 for NULL and "". */
uint32_t placement_names_add(struct placement_names *names, const char *text);
/* The same without adding: PLACEMENT_NO_NAME when it is not there. */
uint32_t placement_names_find(const struct placement_names *names,
                              const char *text);
/* Whoever has the number still has one of which nothing is known; the name,
 * when it is added again, gets another. */
void placement_names_forget(struct placement_names *names, uint32_t name);
/* "" for 0, "?" for PLACEMENT_NO_NAME and what was forgotten.  Valid until
 * that. */
const char *placement_names_text(const struct placement_names *names,
                                 uint32_t name);
/* Bytes of heap in use. */
size_t placement_names_size(const struct placement_names *names);

#endif
