/*
 * Units that must not be mixed up, as types.
 *
 * Xen counts memory in bytes, 4 KiB pages, KiB and MiB, and xl.cfg in MiB; we
 * count in KiB only (as libxl's interface does) and say so in the type.
 */
#ifndef VDC_BASE_UNITS_H
#define VDC_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* An amount of memory or disk. */
struct mem {
    uint64_t kib;
};

#define MEM_KIB(n) ((struct mem){ (uint64_t)(n) })
#define MEM_MIB(n) ((struct mem){ (uint64_t)(n) * 1024 })
#define MEM_GIB(n) ((struct mem){ (uint64_t)(n) * 1024 * 1024 })

/* The largest amount we accept anywhere: 2^44 KiB = 16 PiB, far over the
 * 16 TiB that Xen 4.17 allows a host, and small enough that the sum of a
 * hundred thousand such amounts does not overflow 64 bits. */
#define MEM_MAX_KIB (UINT64_C(1) << 44)

/*
 * Reads "512", "512M", "4G", "4GiB", "1.5g", "100k", "2T"; without a suffix
 * the number is in `default_unit_kib` KiB (1024 for MiB, as in xl.cfg).  A
 * fraction is cut to whole KiB; spaces may stand before the suffix.
 * Errors: VDC_E_BAD_VALUE with a text that shows the input and the allowed
 * form.  *ret is untouched on failure.
 */
int units_mem_parse(const char *text, uint64_t default_unit_kib,
                    struct mem *ret, struct vdc_error *err);

/* "512 MiB", "1.5 GiB", "100 KiB" into buf (at least 32 characters); exact
 * when the amount is a whole number of the unit, otherwise one decimal.
 * Returns buf. */
const char *units_mem_format(struct mem mem, char *buf, size_t size);

/* "40 ms", "0.2 s", "41 s", "3 min 5 s", "2 h 4 min", "3 d 2 h" (buf >= 32).
 * Returns buf. */
const char *units_duration_format(uint64_t ms, char *buf, size_t size);

/* Reads "30", "30s", "5m", "2h", "3d", "500ms"; without suffix seconds.
 * Errors: VDC_E_BAD_VALUE. */
int units_duration_parse(const char *text, uint64_t *ret_ms,
                         struct vdc_error *err);

#endif
