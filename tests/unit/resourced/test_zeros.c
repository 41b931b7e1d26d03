/* Zeros in a stream: what is put together again is what was split. */
#include "resourced/zeros.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SIZE (64 * 1024)

static uint8_t bytes[SIZE], again[SIZE];

/* How many bytes are sent as they are; or SIZE + 1 when all is not as it was.
 */
static size_t sent(size_t size)
{
    size_t at = 0, n_literal = 0;

    memset(again, 0xee, sizeof(again));
    while (at < size) {
        size_t literal, zeros;
        zeros_split(bytes + at, size - at, &literal, &zeros);
        if (literal + zeros == 0 || at + literal + zeros > size)
            return SIZE + 1;
        memcpy(again + at, bytes + at, literal);
        memset(again + at + literal, 0, zeros);
        at += literal + zeros;
        n_literal += literal;
    }
    return memcmp(bytes, again, size) == 0 ? n_literal : SIZE + 1;
}

static void test_all_of_one_kind(void)
{
    memset(bytes, 0, sizeof(bytes));
    CU_ASSERT_EQUAL(sent(SIZE), 0);
    CU_ASSERT_EQUAL(sent(1), 0);
    CU_ASSERT_EQUAL(sent(ZEROS_BLOCK + 1), 0);
    memset(bytes, 1, sizeof(bytes));
    CU_ASSERT_EQUAL(sent(SIZE), SIZE);
    CU_ASSERT_EQUAL(sent(1), 1);
    CU_ASSERT_EQUAL(sent(ZEROS_BLOCK + 1), ZEROS_BLOCK + 1);
}

/* One byte that is not 0 costs its block, wherever it is. */
static void test_one_byte(void)
{
    const size_t places[] = { 0, 1, ZEROS_BLOCK - 1, ZEROS_BLOCK, SIZE / 2 + 7,
                              SIZE - 1 };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memset(bytes, 0, sizeof(bytes));
        bytes[places[i]] = 1;
        CU_ASSERT_EQUAL(sent(SIZE), ZEROS_BLOCK);
    }
    memset(bytes, 0, sizeof(bytes));
    bytes[ZEROS_BLOCK + 2] = 1;
    CU_ASSERT_EQUAL(sent(ZEROS_BLOCK + 3), 3);
}

/* A page that is not at a block's begin. */
static void test_pages(void)
{
    memset(bytes, 1, sizeof(bytes));
    memset(bytes + 100, 0, 4096);
    CU_ASSERT_EQUAL(sent(SIZE), SIZE - 3 * ZEROS_BLOCK);
    memset(bytes + 100, 0, ZEROS_BLOCK);
    memset(bytes + 100 + ZEROS_BLOCK, 1, 4096);
    CU_ASSERT_EQUAL(sent(SIZE), SIZE);
}

static void test_random(void)
{
    srand(7);
    for (int round = 0; round < 2000; round++) {
        size_t size = 1 + (size_t)rand() % SIZE;
        for (size_t at = 0; at < SIZE;) {
            size_t run = 1 + (size_t)rand() % 5000;
            if (run > SIZE - at)
                run = SIZE - at;
            memset(bytes + at, rand() % 2 ? 0 : 1 + rand() % 255, run);
            at += run;
        }
        CU_ASSERT(sent(size) <= size);
    }
}

static const struct unit_test tests[] = {
    { "all of one kind", test_all_of_one_kind },
    { "one byte", test_one_byte },
    { "pages", test_pages },
    { "random", test_random },
};

UNIT_MAIN("resourced/zeros", tests)
