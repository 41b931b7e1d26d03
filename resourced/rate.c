/* A limit of what is sent, as a bucket that fills; see rate.h. */
#include "resourced/rate.h"

#define BURST_MS 100

void rate_begin(struct rate *rate, uint64_t kib_per_s, uint64_t now_ms)
{
    if (kib_per_s && kib_per_s < RATE_LEAST_KIB)
        kib_per_s = RATE_LEAST_KIB;
    if (kib_per_s > RATE_MOST_KIB)
        kib_per_s = RATE_MOST_KIB;
    *rate = (struct rate){ .kib_per_s = kib_per_s, .looked_ms = now_ms };
}

size_t rate_allows(struct rate *rate, uint64_t now_ms, size_t most)
{
    uint64_t ms = now_ms - rate->looked_ms;
    uint64_t per_ms = rate->kib_per_s * 1024; /* thousandths of a byte */

    if (!rate->kib_per_s)
        return most;
    rate->looked_ms = now_ms;
    rate->credit += per_ms * (ms < BURST_MS ? ms : BURST_MS);
    if (rate->credit > per_ms * BURST_MS)
        rate->credit = per_ms * BURST_MS;
    return rate->credit / 1000 < most ? (size_t)(rate->credit / 1000) : most;
}

void rate_sent(struct rate *rate, size_t size)
{
    if (rate->kib_per_s)
        rate->credit -= (uint64_t)size * 1000;
}
