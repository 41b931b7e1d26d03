/*
 * What verify or rebuild found, when it is more than a message holds: it is
 * kept for who fetches the rest page by page (wire/page.h), until the next
 * verify or the end of the process.
 */
#ifndef RESOURCED_VERIFY_PAGES_H
#define RESOURCED_VERIFY_PAGES_H

#include "base/error.h"
#include "wire/wire.h"

struct host;

/* The reply as far as a page goes; what was kept before is forgotten. */
void verify_first_page(struct host *host,
                       const struct wire_verify_reply *reply,
                       struct arena *arena, struct wire_verify_reply *ret);
/* Errors: VDC_E_BAD_VALUE (no place), VDC_E_NOT_FOUND (not kept any more). */
int verify_next_page(const struct host *host, const char *from,
                     struct arena *arena, struct wire_verify_reply *ret,
                     struct vdc_error *err);
void verify_pages_free(struct host *host);

#endif
