/* Memory of a request, and the heap that does not fail. */
#include "base/arena.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static bool is_zero(const unsigned char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i])
            return false;
    return true;
}

static void test_alloc(void)
{
    static const size_t sizes[] = { 0,    1,    7,    16,   100,    999,
                                    1000, 1001, 4000, 4001, 100000, 3 };
    struct arena *arena = arena_new();
    CU_ASSERT_EQUAL(arena_used(arena), 0);
    size_t total = 0;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            unsigned char *p = arena_alloc(arena, sizes[i]);
            CU_ASSERT_PTR_NOT_NULL_FATAL(p);
            CU_ASSERT_EQUAL((uintptr_t)p % _Alignof(max_align_t), 0);
            CU_ASSERT_TRUE(is_zero(p, sizes[i]));
            memset(p, 0xff, sizes[i]);
            total += sizes[i];
        }
    }
    CU_ASSERT_TRUE(arena_used(arena) >= total);
    arena_free(arena);
    arena_free(NULL);
}

/* All that was asked for comes from one piece, and more is no error. */
static void test_sized(void)
{
    struct arena *arena = arena_new_sized(256);
    char *first = arena_alloc(arena, 64), *second = arena_alloc(arena, 192);

    CU_ASSERT_PTR_EQUAL(second, first + 64);
    memset(first, 1, 256);
    char *more = arena_alloc(arena, 5000);
    memset(more, 2, 5000);
    CU_ASSERT_EQUAL(first[255], 1);
    arena_free(arena);
    arena = arena_new_sized(arena_taken(3) + arena_taken(0) + arena_taken(40));
    first = arena_memdup(arena, "ab", 3);
    CU_ASSERT_PTR_EQUAL(arena_alloc(arena, 0), first + arena_taken(3));
    second = arena_alloc(arena, 40);
    CU_ASSERT_PTR_EQUAL(second, first + arena_taken(3) + arena_taken(0));
    CU_ASSERT_EQUAL(arena_used(arena), (size_t)(second - first) +
                                           arena_taken(40));
    arena_free(arena);
    arena_free(arena_new_sized(0));
}

/* What was there before is not seen, whoever filled it. */
static void test_cleared_anew(void)
{
    static const size_t sizes[] = { 24, 900, 2000, 30000 };
    const size_t n = sizeof(sizes) / sizeof(sizes[0]);

    for (int round = 0; round < 20; round++) {
        struct arena *arena = arena_new();
        for (size_t i = 0; i < 4 * n; i++) {
            size_t size = sizes[i % n];
            memset(arena_alloc_unset(arena, size), 0xee, size);
            unsigned char *p = arena_alloc(arena, size);
            CU_ASSERT_TRUE(is_zero(p, size));
            CU_ASSERT_EQUAL((uintptr_t)p % _Alignof(max_align_t), 0);
            memset(p, 0xee, size);
            char *text = arena_strndup(arena, "abcdef", 3);
            CU_ASSERT_STRING_EQUAL(text, "abc");
        }
        arena_free(arena);
    }
}

static void test_texts(void)
{
    struct arena *arena = arena_new();
    CU_ASSERT_STRING_EQUAL(arena_strdup(arena, "abc"), "abc");
    CU_ASSERT_STRING_EQUAL(arena_strdup(arena, NULL), "");
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, "abc", 2), "ab");
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, "abc", 9), "abc");
    CU_ASSERT_STRING_EQUAL(arena_strndup(arena, NULL, 0), "");
    CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%d-%s", 5, "x"), "5-x");
    CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%s", ""), "");
    char *big = arena_printf(arena, "%10000d", 1);
    CU_ASSERT_EQUAL(strlen(big), 10000);
    const int n = 42;
    const int *copy = arena_memdup(arena, &n, sizeof(n));
    CU_ASSERT_EQUAL(*copy, 42);
    CU_ASSERT_PTR_NOT_NULL(arena_memdup(arena, NULL, 0));
    long *numbers = ARENA_ARRAY(arena, 1000, long);
    CU_ASSERT_TRUE(is_zero((unsigned char *)numbers, 1000 * sizeof(long)));
    CU_ASSERT_PTR_NOT_NULL(ARENA_ARRAY(arena, 0, long));
    CU_ASSERT_PTR_NOT_NULL(ARENA_NEW(arena, struct unit_test));
    arena_free(arena);
}

static void test_heap(void)
{
    char *p = xzalloc(10);
    CU_ASSERT_TRUE(is_zero((unsigned char *)p, 10));
    p = xrealloc(p, 20000);
    memset(p, 1, 20000);
    p = xrealloc(p, 0);
    CU_ASSERT_PTR_NOT_NULL(p);
    free(p);
    p = xzalloc(0);
    CU_ASSERT_PTR_NOT_NULL(p);
    free(p);
    p = xstrdup("abc");
    CU_ASSERT_STRING_EQUAL(p, "abc");
    free(p);
    p = xstrdup(NULL);
    CU_ASSERT_STRING_EQUAL(p, "");
    free(p);
    p = xasprintf("%s%d", "n", 1);
    CU_ASSERT_STRING_EQUAL(p, "n1");
    free(p);
    int *number = XNEW(int);
    CU_ASSERT_EQUAL(*number, 0);
    free(number);
}

static void alloc_too_much(void)
{
    arena_alloc(arena_new(), SIZE_MAX - 8);
}

static void array_overflow(void)
{
    arena_array(arena_new(), SIZE_MAX / 2, 3);
}

/* Runs it in a child without a core dump; true when it aborts. */
static bool aborts(void (*run)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = dup(STDERR_FILENO);
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        run();
        _exit(fd < 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_aborts(void)
{
    CU_ASSERT_TRUE(aborts(alloc_too_much));
    CU_ASSERT_TRUE(aborts(array_overflow));
}

static const struct unit_test tests[] = {
    { "alignment, zeroes, many sizes", test_alloc },
    { "sized", test_sized },
    { "cleared, whatever was there", test_cleared_anew },
    { "texts and arrays", test_texts },
    { "the heap calls", test_heap },
    { "aborts instead of NULL", test_aborts },
};
UNIT_MAIN("base/arena", tests)
