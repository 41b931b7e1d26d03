/*
 * How much may be sent now of what has a limit.  Pure: the time is told.
 */
#ifndef RESOURCED_RATE_H
#define RESOURCED_RATE_H

#include <stddef.h>
#include <stdint.h>

/* With less a guest would stand still for hours for its last pages; with
 * more, no network goes, and no sum here is too large. */
#define RATE_LEAST_KIB UINT64_C(1024)
#define RATE_MOST_KIB (UINT64_C(1) << 30)

struct rate {
    uint64_t kib_per_s; /* 0: no limit */
    uint64_t looked_ms; /* monotonic; up to then ... */
    uint64_t credit;    /* ... it has earned, and not sent, so much, in
                           thousandths of a byte */
};

/* kib_per_s 0: no limit; else it is brought between the two above. */
void rate_begin(struct rate *rate, uint64_t kib_per_s, uint64_t now_ms);
/* Bytes, at most `most`.  What is earned in a pause is at most that of a tenth
 * of a second. */
size_t rate_allows(struct rate *rate, uint64_t now_ms, size_t most);
/* At most as much as was allowed. */
void rate_sent(struct rate *rate, size_t size);

#endif
