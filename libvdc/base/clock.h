/*
 * Time.  Monotonic time for durations and deadlines, wall time for what a
 * person reads; different types, so that they are not mixed.  A test may
 * stop the clock and move it.
 */
#ifndef VDC_BASE_CLOCK_H
#define VDC_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct mono {
    uint64_t ms; /* since some moment before the process began */
};

struct wall {
    uint64_t ms; /* since 1970-01-01 UTC */
};

struct mono clock_mono(void);
struct wall clock_wall(void);

/* From now on both clocks stand at these values until moved or released. */
void clock_test_set(struct mono mono, struct wall wall);
void clock_test_advance(uint64_t ms);
void clock_test_release(void);

/* "2026-03-01 14:05:09" in local time, or RFC 3339 UTC with milliseconds
 * ("2026-03-01T13:05:09.123Z"); buf >= 32.  Return buf. */
const char *clock_wall_format(struct wall wall, char *buf, size_t size);
const char *clock_wall_rfc3339(struct wall wall, char *buf, size_t size);

#endif
