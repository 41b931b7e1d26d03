/*
 * Scores, in fixed point; see score.h.
 */
#include "policyd/placement/score.h"

#include <string.h>

/*
 * pack: on the Azure-like mix of tests/bench/placement.sh; what was tried is
 * in doc/design/006-placement.md.  A host in use for long is likely to have
 * guests that stay, so it is filled first, and young hosts become empty.
 * That an empty host is taken last is more than all else.
 */
static const struct placement_policy policies[] = {
    { "pack",
      { [PLACEMENT_TERM_FIT] = 1000,
        [PLACEMENT_TERM_AGE] = 1000,
        [PLACEMENT_TERM_EMPTY] = 100000,
        [PLACEMENT_TERM_SOFT] = 20000,
        [PLACEMENT_TERM_SHARED] = 50000 } },
    { "spread",
      { [PLACEMENT_TERM_LOAD] = 1000,
        [PLACEMENT_TERM_SOFT] = 20000,
        [PLACEMENT_TERM_SHARED] = 50000 } },
};

static const struct {
    const char *name;
    const char *text;
} terms[] = {
#define PLACEMENT_TERM(id, name, text) { name, text },
#include "policyd/placement/score.def"
#undef PLACEMENT_TERM
};

const struct placement_policy *placement_policy_find(const char *name)
{
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        if (strcmp(policies[i].name, name) == 0)
            return &policies[i];
    return NULL;
}

const char *placement_term_name(enum placement_term term)
{
    return terms[term].name;
}

const char *placement_term_text(enum placement_term term)
{
    return terms[term].text;
}

/* ---- age ---- */

#define LOG_BITS 24

/* log2(1 + i/64), in 2^-24. */
static const uint32_t log2_table[65] = {
    0,        375270,   744810,   1108793,  1467383,  1820738,  2169009,
    2512340,  2850868,  3184728,  3514044,  3838941,  4159533,  4475935,
    4788255,  5096595,  5401057,  5701737,  5998727,  6292118,  6581994,
    6868440,  7151536,  7431359,  7707984,  7981483,  8251926,  8519380,
    8783912,  9045584,  9304457,  9560591,  9814042,  10064867, 10313120,
    10558852, 10802114, 11042956, 11281425, 11517568, 11751428, 11983051,
    12212479, 12439752, 12664911, 12887994, 13109041, 13328087, 13545168,
    13760320, 13973576, 14184969, 14394532, 14602297, 14808293, 15012551,
    15215099, 15415967, 15615181, 15812769, 16008758, 16203172, 16396036,
    16587377, 16777216,
};

/* log2 in 2^-24, between the table's points by a straight line; n > 0. */
static int64_t log2_of(uint64_t n)
{
    unsigned whole = 63 - (unsigned)__builtin_clzll(n);
    /* what follows the first bit, as 32 bits */
    uint64_t rest = (n << (63 - whole)) << 1 >> 32;
    unsigned i = (unsigned)(rest >> 26);
    uint64_t part = rest & ((1u << 26) - 1);

    return ((int64_t)whole << LOG_BITS) + log2_table[i] +
           (int64_t)((log2_table[i + 1] - log2_table[i]) * part >> 26);
}

int64_t placement_score_age(int64_t ms)
{
    const uint64_t hour_ms = 3600 * 1000;
    const int64_t ln2 = 11629080; /* ln(2) in 2^-24 */

    if (ms <= 0)
        return 0;
    int64_t log2 = log2_of(hour_ms + (uint64_t)ms) - log2_of(hour_ms);
    return log2 * ln2 >> (2 * LOG_BITS - 16);
}

/* ---- levels ---- */

static uint64_t part_left(uint64_t most, uint64_t used, uint64_t ask)
{
    if (most == UINT64_MAX)
        return PLACEMENT_ONE;
    if (used >= most || most - used <= ask)
        return 0;
    /* most is at most 2^44, so this is within 64 bits */
    return (most - used - ask) * PLACEMENT_ONE / most;
}

/* The terms of the first kind, of score.def. */
static void work_out_level(const struct placement_attempt *attempt,
                           uint32_t host, uint64_t *ret)
{
    const struct placement_use *use = placement_view_use(attempt->view, host);
    uint64_t memory =
        part_left(placement_view_host(attempt->view, host)->memory.kib,
                  use->memory.kib, attempt->memory.kib);
    uint64_t vcpus = part_left(use->vcpus_most, use->vcpus, attempt->vcpus);

    ret[PLACEMENT_TERM_FIT] = memory < vcpus ? memory : vcpus;
    ret[PLACEMENT_TERM_LOAD] = PLACEMENT_ONE - ret[PLACEMENT_TERM_FIT];
    ret[PLACEMENT_TERM_MEMORY] = memory;
    ret[PLACEMENT_TERM_VCPUS] = vcpus;
}

static uint64_t level_weights(const struct placement_policy *policy)
{
    uint64_t sum = 0;

    for (int i = 0; i < PLACEMENT_TERM_EMPTY; i++)
        sum += policy->weights[i];
    return sum;
}

uint32_t placement_score_bucket(const struct placement_attempt *attempt,
                                const struct placement_policy *policy,
                                uint32_t host)
{
    uint64_t part[PLACEMENT_TERM_EMPTY], sum = 0;
    uint64_t weights = level_weights(policy);
    uint32_t level = 0;

    work_out_level(attempt, host, part);
    for (int i = 0; i < PLACEMENT_TERM_EMPTY; i++)
        sum += policy->weights[i] * part[i];
    if (weights)
        level = (uint32_t)(sum * PLACEMENT_LEVELS / (weights * PLACEMENT_ONE));
    if (level >= PLACEMENT_LEVELS)
        level = PLACEMENT_LEVELS - 1;
    if (placement_view_use(attempt->view, host)->n_guests == 0)
        level += PLACEMENT_LEVELS;
    return level;
}

int64_t placement_score_since(const struct placement_view *view,
                              const struct placement_policy *policy,
                              uint32_t host)
{
    const struct placement_use *use = placement_view_use(view, host);

    if (!policy->weights[PLACEMENT_TERM_AGE] || use->n_guests == 0)
        return INT64_MAX;
    return use->busy_since_ms;
}

int64_t placement_score_base(const struct placement_policy *policy,
                             uint32_t bucket, int64_t since_ms, int64_t now_ms)
{
    int64_t level = bucket % PLACEMENT_LEVELS;
    int64_t score = level * (int64_t)level_weights(policy) *
                    (PLACEMENT_ONE / PLACEMENT_LEVELS);

    if (bucket >= PLACEMENT_LEVELS)
        score +=
            (int64_t)policy->weights[PLACEMENT_TERM_EMPTY] * PLACEMENT_ONE;
    if (since_ms < now_ms)
        score -= policy->weights[PLACEMENT_TERM_AGE] *
                 placement_score_age(now_ms - since_ms);
    return score;
}

int64_t placement_score_extra(const struct placement_attempt *attempt,
                              const struct placement_policy *policy,
                              uint32_t host)
{
    int64_t extra = 0;

    if (attempt->request->n_groups)
        extra = (int64_t)policy->weights[PLACEMENT_TERM_SOFT] *
                placement_constraint_n_soft(attempt, host);
    if (attempt->request->dedication == PLACEMENT_PREFERRED &&
        placement_constraint_shares(attempt, host))
        extra += policy->weights[PLACEMENT_TERM_SHARED];
    return extra * PLACEMENT_ONE;
}

/* ---- order ---- */

struct placement_rank
placement_score_rank(const struct placement_attempt *attempt,
                     const struct placement_policy *policy, uint32_t host)
{
    int64_t since_ms = placement_score_since(attempt->view, policy, host);
    uint32_t bucket = placement_score_bucket(attempt, policy, host);

    return (struct placement_rank){
        .score = placement_score_base(policy, bucket, since_ms,
                                      attempt->request->now_ms) +
                 placement_score_extra(attempt, policy, host),
        .since_ms = since_ms,
        .host = host,
    };
}

bool placement_rank_before(const struct placement_rank *a,
                           const struct placement_rank *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms;
    return a->host < b->host;
}

struct placement_candidate
placement_score_candidate(const struct placement_attempt *attempt,
                          const struct placement_policy *policy, uint32_t host)
{
    struct placement_candidate candidate = { .host = host };
    uint64_t part[PLACEMENT_TERM_EMPTY];

    if (host == PLACEMENT_NONE)
        return candidate;
    const struct placement_use *use = placement_view_use(attempt->view, host);
    int64_t now_ms = attempt->request->now_ms;
    candidate.score = placement_score_rank(attempt, policy, host).score;
    work_out_level(attempt, host, part);
    for (int i = 0; i < PLACEMENT_TERM_EMPTY; i++)
        candidate.terms[i] = (int64_t)part[i];
    candidate.terms[PLACEMENT_TERM_EMPTY] = use->n_guests ? 0 : PLACEMENT_ONE;
    if (use->n_guests && use->busy_since_ms < now_ms)
        candidate.terms[PLACEMENT_TERM_AGE] =
            placement_score_age(now_ms - use->busy_since_ms);
    candidate.terms[PLACEMENT_TERM_SOFT] =
        (int64_t)placement_constraint_n_soft(attempt, host) * PLACEMENT_ONE;
    candidate.terms[PLACEMENT_TERM_SHARED] =
        attempt->request->dedication == PLACEMENT_PREFERRED &&
                placement_constraint_shares(attempt, host)
            ? PLACEMENT_ONE
            : 0;
    return candidate;
}
