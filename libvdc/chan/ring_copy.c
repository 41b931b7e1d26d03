/*
 * The store of a line that another processor has in its cache waits until that
 * one has given it up, and all later stores wait behind it.  Processors ask
 * for several such lines at once, but only for those whose stores are in the
 * queue, and that is short: few wide stores reach further than many narrow
 * ones, and one store to each line further still.  Stores that go past the
 * caches wait for nobody; what they cost is a flush at the end, which a few
 * messages are not worth.
 */
#include "chan/ring_copy.h"

#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "chan/ring.h"

/* Fewer bytes take no more than a few lines, which were claimed before. */
#define TOUCH_LEAST 256u
#define PAST_CACHES_LEAST 1024u

#if defined(__SANITIZE_THREAD__)
#define WORD_BY_WORD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WORD_BY_WORD 1
#endif
#endif

#if defined(WORD_BY_WORD)
void ring_fill_any(void *to, const void *from, uint32_t size)
{
    if (size)
        memcpy(to, from, size);
}

/* An end that was lied to reads where the other writes; that this is a race
 * is known. */
void ring_copy(void *to, const void *from, uint32_t size)
{
    for (uint32_t i = 0; i < size / 8; i++)
        __atomic_store_n((uint64_t *)to + i, ((const uint64_t *)from)[i],
                         __ATOMIC_RELAXED);
}
#else
#ifdef __SSE2__
/* Past the caches; `to` begins a line. */
static void copy_lines(void *to, const void *from, uint32_t n)
{
    const __m128i *next = from;

    for (__m128i *at = to; n; n--, at += 4, next += 4) {
        __m128i a = _mm_loadu_si128(next), b = _mm_loadu_si128(next + 1);
        __m128i c = _mm_loadu_si128(next + 2), d = _mm_loadu_si128(next + 3);
        _mm_stream_si128(at, a);
        _mm_stream_si128(at + 1, b);
        _mm_stream_si128(at + 2, c);
        _mm_stream_si128(at + 3, d);
    }
}

/* A release store does not order those. */
static void end_lines(void)
{
    _mm_sfence();
}
#else
static void copy_lines(void *to, const void *from, uint32_t n)
{
    memcpy(to, from, (size_t)n * CACHE_LINE);
}

static void end_lines(void)
{
}
#endif

/* No more than the words that `size` bytes begin. */
static void touch_lines(uint8_t *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i += CACHE_LINE)
        __atomic_store_n((uint64_t *)(void *)(to + i), 0, __ATOMIC_RELAXED);
}

/* By a call: gcc, when it knows how few they are, copies word by word. */
static inline void copy_few(void *to, const void *from, size_t size)
{
    __asm__("" : "+r"(size));
    memcpy(to, from, size);
}

static __attribute__((noinline)) void
copy_many(uint8_t *to, const uint8_t *from, uint32_t size)
{
    uint32_t before = -(uint32_t)(uintptr_t)to % CACHE_LINE;
    uint32_t n_lines = (size - before) / CACHE_LINE;
    uint32_t done = before + n_lines * CACHE_LINE;

    copy_lines(to + before, from + before, n_lines);
    memcpy(to, from, before);
    memcpy(to + done, from + done, size - done);
    end_lines();
}

void ring_copy(void *to, const void *from, uint32_t size)
{
    if (size >= PAST_CACHES_LEAST) {
        copy_many(to, from, size);
        return;
    }
    if (size > TOUCH_LEAST)
        touch_lines(to, size);
    copy_few(to, from, size);
}

void ring_fill_any(void *to, const void *from, uint32_t size)
{
    if (size > PAST_CACHES_LEAST)
        copy_many(to, from, size);
    else if (size) /* no memcpy from nowhere */
        copy_few(to, from, size);
}
#endif

#ifdef __SSE2__
bool ring_can_flush(void)
{
    unsigned a, b, c, d;

    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_CLFLUSHOPT);
}

__attribute__((target("clflushopt"))) void ring_flush(void *lines, uint32_t n)
{
    for (uint8_t *at = lines; n; n--, at += CACHE_LINE)
        _mm_clflushopt(at);
}
#else
bool ring_can_flush(void)
{
    return false;
}

void ring_flush(void *lines, uint32_t n)
{
}
#endif
