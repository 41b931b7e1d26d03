/*
 * The workload of bench_placement; see bench_workload.h.
 */
#include "tests/bench/bench_workload.h"

#include <stddef.h>

static const struct {
    struct workload_type type;
    uint32_t weight; /* in tenths of a per cent */
} catalogue[] = {
    { { 1, 1 }, 20 },    { { 1, 2 }, 100 },  { { 1, 4 }, 140 },
    { { 2, 4 }, 26 },    { { 2, 8 }, 270 },  { { 2, 16 }, 24 },
    { { 4, 8 }, 57 },    { { 4, 16 }, 120 }, { { 4, 32 }, 53 },
    { { 8, 16 }, 50 },   { { 8, 32 }, 40 },  { { 8, 64 }, 25 },
    { { 8, 112 }, 9 },   { { 12, 24 }, 5 },  { { 16, 64 }, 40 },
    { { 16, 128 }, 13 }, { { 32, 128 }, 5 }, { { 32, 256 }, 3 },
};

struct step {
    double until; /* the part of guests */
    double value; /* hours, or guests */
};

static const struct step stays[] = {
    { 0, 1 / 60.0 }, { .25, 5 / 60.0 }, { .45, .25 }, { .67, 1 },
    { .717, 2 },     { .763, 3 },       { .798, 5 },  { .837, 10 },
    { .869, 15 },    { .894, 24 },      { .91, 48 },  { .92, 99 },
    { .95, 240 },    { .98, 720 },      { 1, 2160 },
};

static const struct step groups[] = {
    { .48, 1 },   { .639, 2 },  { .715, 3 },  { .793, 5 },
    { .883, 10 }, { .938, 20 }, { .975, 50 }, { 1, 100 },
};

uint64_t workload_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double workload_part(uint64_t *seed)
{
    return (double)(workload_random(seed) >> 11) * 0x1p-53;
}

const struct workload_type *workload_type(uint64_t *seed)
{
    uint32_t sum = 0, at;
    size_t i = 0;

    for (size_t j = 0; j < sizeof(catalogue) / sizeof(catalogue[0]); j++)
        sum += catalogue[j].weight;
    at = (uint32_t)(workload_part(seed) * sum);
    while (at >= catalogue[i].weight)
        at -= catalogue[i++].weight;
    return &catalogue[i].type;
}

/* ---- without a library of mathematics ---- */

/* ln(x) for 0 < x. */
static double ln(double x)
{
    double sum = 0, power, y;

    for (; x > 1.5; x /= 2)
        sum += 0.69314718055994531;
    for (; x < 0.75; x *= 2)
        sum -= 0.69314718055994531;
    y = (x - 1) / (x + 1);
    power = y;
    for (int i = 1; i < 20; i += 2) {
        sum += 2 * power / i;
        power *= y * y;
    }
    return sum;
}

static double exp_of(double x)
{
    double sum = 1, term = 1;

    if (x > 1) {
        double root = exp_of(x / 2);
        return root * root;
    }
    for (int i = 1; i < 20; i++)
        sum += term *= x / i;
    return sum;
}

int64_t workload_stay_ms(uint64_t *seed)
{
    double part = workload_part(seed);
    size_t i = 1;

    while (stays[i].until < part)
        i++;
    const struct step *from = &stays[i - 1], *to = &stays[i];
    double along = (part - from->until) / (to->until - from->until);
    double hours = from->value * exp_of(along * ln(to->value / from->value));
    return 1 + (int64_t)(hours * 3600 * 1000);
}

uint32_t workload_together(uint64_t *seed)
{
    double part = workload_part(seed);
    size_t i = 0;

    while (groups[i].until < part)
        i++;
    if (i == 0)
        return 1;
    double from = groups[i - 1].value, to = groups[i].value;
    double along =
        (part - groups[i - 1].until) / (groups[i].until - groups[i - 1].until);
    uint32_t n = (uint32_t)from + 1 + (uint32_t)(along * (to - from));
    return n > (uint32_t)to ? (uint32_t)to : n;
}

int64_t workload_gap_ms(uint64_t *seed, double per_hour)
{
    return (int64_t)(-ln(1 - workload_part(seed)) / per_hour * 3600 * 1000);
}
