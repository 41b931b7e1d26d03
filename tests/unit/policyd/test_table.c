/* Tests of policyd/store/table.c: against an array. */
#include "policyd/store/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define ITEMS 500

struct item {
    char name[16];
    unsigned n_in; /* times that it is in the table */
};

static struct item items[ITEMS];

static bool is_item(const void *item, const void *key)
{
    return strcmp(((const struct item *)item)->name, key) == 0;
}

/* Few different sums, so that many meet, or as they come. */
static uint32_t hash_of(const struct item *item, bool poor)
{
    uint32_t hash = table_hash_text(item->name, 7);

    return poor ? hash % 5 * 1000003 : hash;
}

static bool agrees(const struct table *table, bool poor)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < ITEMS; i++) {
        const struct item *found = table_find(table, hash_of(&items[i], poor),
                                              is_item, items[i].name);
        if (found != (items[i].n_in ? &items[i] : NULL))
            return false;
        n += items[i].n_in;
    }
    return n == table->n;
}

static void come_and_go(bool poor)
{
    struct table table = { 0 };
    bool ok = agrees(&table, poor);

    for (unsigned i = 0; i < 20000 && ok; i++) {
        struct item *item = &items[rand() % ITEMS];
        bool more = i / 2000 % 2 ? rand() % 4 == 0 : rand() % 4 != 0;
        if (more && item->n_in < 3) {
            table_add(&table, hash_of(item, poor), item);
            item->n_in++;
        } else if (!more) {
            table_remove(&table, hash_of(item, poor), item);
            item->n_in -= item->n_in > 0;
        }
        if (i % 500 == 0)
            ok = agrees(&table, poor);
    }
    CU_ASSERT(ok);
    for (unsigned i = 0; i < ITEMS; i++)
        for (; items[i].n_in; items[i].n_in--)
            table_remove(&table, hash_of(&items[i], poor), &items[i]);
    CU_ASSERT_EQUAL(table.n, 0);
    CU_ASSERT(agrees(&table, poor));
    table_fini(&table);
    CU_ASSERT_PTR_NULL(table.items);
}

static void all(void)
{
    for (unsigned i = 0; i < ITEMS; i++)
        snprintf(items[i].name, sizeof(items[i].name), "item%u", i);
    srand(1);
    come_and_go(false);
    come_and_go(true);
}

/* What it goes by besides, and each byte, makes another sum. */
static void hashes(void)
{
    char text[40] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint32_t hash = table_hash_text(text, 0);
    unsigned n_same = 0;

    CU_ASSERT_EQUAL(table_hash_text(text, 0), hash);
    CU_ASSERT_NOT_EQUAL(table_hash_text(text, 1), hash);
    CU_ASSERT_NOT_EQUAL(table_hash(text, 7, 0), table_hash(text, 8, 0));
    for (size_t i = 0; i < strlen(text); i++) {
        text[i]++;
        n_same += table_hash_text(text, 0) == hash;
        text[i]--;
    }
    CU_ASSERT_EQUAL(n_same, 0);
}

static const struct unit_test tests[] = {
    { "things come and go", all },
    { "sums", hashes },
};

UNIT_MAIN("policyd: things by what they are called", tests)
