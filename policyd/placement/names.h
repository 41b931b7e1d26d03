/*
 * Names as small numbers, so that comparing two is one instruction: of hosts,
 * customers, groups, pools, tags ...  One table serves a view and all copies
 * of it.  Names are only added, so a number means the same for ever; as many
 * are kept as there are hosts, customers and groups, not guests.
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
/* "" for 0, "?" for PLACEMENT_NO_NAME. Valid as long as the table. */
const char *placement_names_text(const struct placement_names *names,
                                 uint32_t name);
/* Bytes of heap in use. */
size_t placement_names_size(const struct placement_names *names);

#endif
