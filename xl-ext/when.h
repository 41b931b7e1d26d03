/* Moments as people write them. */
#ifndef XL_EXT_WHEN_H
#define XL_EXT_WHEN_H

#include <stdint.h>

#include "base/error.h"

/*
 * "2026-03-01", "2026-03-01 14:05[:09]" or with a T (local time), with a Z at
 * the end UTC; "@1772373909" (seconds since 1970); or a duration: so long ago.
 * In ms since 1970.  Errors: VDC_E_BAD_VALUE.
 */
int when_parse(const char *text, uint64_t *ret_ms, struct vdc_error *err);

/*
 * The value of --expires: a duration from now, longer than 0, in ms.
 * Errors: VDC_E_BAD_VALUE, which says the forms there are.
 */
int when_expires(const char *text, uint64_t *ret_ms, struct vdc_error *err);

#endif
