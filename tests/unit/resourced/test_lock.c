/* resourced/lock.c: who waits for whom. */
#include "resourced/lock.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static unsigned n_late;
static struct locks *last_late;

static void late(struct locks *locks)
{
    n_late++;
    last_late = locks;
}

static struct arena *arena;
static struct lock_table table;

static void begin(void)
{
    arena = arena_new();
    lock_table_init(&table);
    n_late = 0;
    last_late = NULL;
}

static struct locks *locks_of(const char *words)
{
    struct locks *locks = ARENA_NEW(arena, struct locks);
    char *copy = arena_strdup(arena, words), *save = NULL;

    locks->granted_late = late;
    for (char *w = strtok_r(copy, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        locks_add(locks, arena, "%s", w);
    return locks;
}

static void test_share(void)
{
    begin();
    struct locks *a = locks_of("x y"), *b = locks_of("z"), *c = locks_of("y");
    CU_ASSERT(lock_request(&table, a));
    CU_ASSERT(lock_request(&table, b));
    CU_ASSERT(!lock_request(&table, c));
    CU_ASSERT(lock_is_wanted(&table, "y"));
    CU_ASSERT(!lock_is_wanted(&table, "w"));
    lock_release(&table, b);
    CU_ASSERT_EQUAL(n_late, 0);
    lock_release(&table, a);
    CU_ASSERT_EQUAL(n_late, 1);
    CU_ASSERT_PTR_EQUAL(last_late, c);
    CU_ASSERT(c->granted);
    lock_release(&table, c);
    CU_ASSERT(!lock_is_wanted(&table, "y"));
    lock_release(&table, c); /* not there: nothing */
    arena_free(arena);
}

/* One that waits for two keys keeps later ones from both. */
static void test_order(void)
{
    begin();
    struct locks *a = locks_of("x"), *b = locks_of("x y"), *c = locks_of("y");
    CU_ASSERT(lock_request(&table, a));
    CU_ASSERT(!lock_request(&table, b));
    CU_ASSERT(!lock_request(&table, c));
    lock_release(&table, a);
    CU_ASSERT(b->granted && !c->granted);
    lock_release(&table, b);
    CU_ASSERT(c->granted);
    lock_release(&table, c);
    arena_free(arena);
}

/* One that gives up waiting lets others pass. */
static void test_give_up(void)
{
    begin();
    struct locks *a = locks_of("x"), *b = locks_of("x y"), *c = locks_of("y");
    lock_request(&table, a);
    lock_request(&table, b);
    lock_request(&table, c);
    lock_release(&table, b);
    CU_ASSERT(c->granted);
    CU_ASSERT_EQUAL(n_late, 1);
    arena_free(arena);
}

static void test_same_key_twice(void)
{
    begin();
    struct locks *a = locks_of("x x x");
    CU_ASSERT_EQUAL(a->n_keys, 1);
    CU_ASSERT(lock_request(&table, a));
    arena_free(arena);
}

static void test_cover(void)
{
    begin();
    CU_ASSERT(locks_cover(locks_of("x y"), locks_of("y")));
    CU_ASSERT(!locks_cover(locks_of("x y"), locks_of("y z")));
    CU_ASSERT(locks_cover(locks_of("x"), locks_of("")));
    arena_free(arena);
}

/* More keys than there is room for: it goes alone, and nobody is harmed. */
static void test_too_many(void)
{
    begin();
    struct locks *a = locks_of("x"), *b = locks_of("y"), *c = locks_of("z");
    for (unsigned i = 0; i < LOCKS_MAX + 5; i++)
        locks_add(b, arena, "key %u", i);
    CU_ASSERT_EQUAL(b->n_keys, LOCKS_MAX);
    CU_ASSERT(b->everything);
    CU_ASSERT(lock_request(&table, a));
    CU_ASSERT(!lock_request(&table, b));
    CU_ASSERT(!lock_request(&table, c));
    lock_release(&table, a);
    CU_ASSERT(b->granted && !c->granted);
    lock_release(&table, b);
    CU_ASSERT(c->granted);
    CU_ASSERT(locks_cover(b, locks_of("anything")));
    CU_ASSERT(!locks_cover(a, b));
    arena_free(arena);
}

/* One that needs more keeps its place, and waits for who has that. */
static void test_extend(void)
{
    begin();
    struct locks *a = locks_of("x"), *b = locks_of("y"), *c = locks_of("y");
    CU_ASSERT(lock_request(&table, a));
    CU_ASSERT(lock_request(&table, b));
    CU_ASSERT(!lock_request(&table, c));
    locks_add(a, arena, "z");
    CU_ASSERT(lock_extend(&table, a));
    locks_add(a, arena, "y");
    CU_ASSERT(!lock_extend(&table, a));
    lock_release(&table, b);
    CU_ASSERT(a->granted && !c->granted);
    lock_release(&table, a);
    CU_ASSERT(c->granted);
    arena_free(arena);
}

/* ---- at random ---- */

#define N_SETS 400
#define N_KEYS 12

static unsigned order_granted[N_SETS];
static struct locks *sets[N_SETS];
static unsigned n_granted;

static unsigned number_of(const struct locks *locks)
{
    for (unsigned i = 0; i < N_SETS; i++)
        if (sets[i] == locks)
            return i;
    return N_SETS;
}

static void note_grant(struct locks *locks)
{
    order_granted[number_of(locks)] = ++n_granted;
}

static bool share(const struct locks *a, const struct locks *b)
{
    for (size_t i = 0; i < a->n_keys; i++)
        for (size_t j = 0; j < b->n_keys; j++)
            if (strcmp(a->keys[i], b->keys[j]) == 0)
                return true;
    return false;
}

/* Nobody has what another has; who waits, waits for somebody before it, or
 * who was granted before it asked for more. */
static bool is_sound(unsigned n_asked)
{
    for (unsigned i = 0; i < n_asked; i++) {
        bool waits_for = false;
        if (!sets[i]->queued)
            continue;
        for (unsigned j = 0; j < n_asked; j++) {
            if (j == i || !sets[j]->queued || !share(sets[i], sets[j]) ||
                (j > i && !sets[j]->granted))
                continue;
            waits_for = true;
            if (sets[i]->granted && sets[j]->granted)
                return false;
        }
        if (!sets[i]->granted && !waits_for)
            return false; /* a lost wake-up */
    }
    return true;
}

/* One that has its keys needs another. */
static void extend_one(unsigned n_asked)
{
    unsigned k = (unsigned)rand() % N_SETS;

    if (k >= n_asked || !sets[k]->granted)
        return;
    locks_add(sets[k], arena, "k%d", rand() % N_KEYS);
    lock_extend(&table, sets[k]);
}

static void release_one(unsigned n_asked)
{
    unsigned at = (unsigned)rand() % N_SETS;

    for (unsigned i = 0; i < N_SETS; i++) {
        unsigned k = (at + i) % N_SETS;
        /* Now and then one that still waits gives up. */
        if (k < n_asked && sets[k]->queued &&
            (sets[k]->granted || rand() % 50 == 0)) {
            lock_release(&table, sets[k]);
            return;
        }
    }
}

static void run_at_random(unsigned seed, bool extend)
{
    unsigned n_asked = 0, n_left = 0;

    begin();
    srand(seed);
    n_granted = 0;
    for (unsigned i = 0; i < N_SETS; i++) {
        sets[i] = ARENA_NEW(arena, struct locks);
        sets[i]->granted_late = note_grant;
        for (unsigned k = 1 + (unsigned)rand() % 4; k > 0; k--)
            locks_add(sets[i], arena, "k%d", rand() % N_KEYS);
        order_granted[i] = 0;
    }
    bool sound = true;
    while (n_asked < N_SETS || !TAILQ_EMPTY(&table.all)) {
        if (n_asked < N_SETS && rand() % 2) {
            if (lock_request(&table, sets[n_asked]))
                order_granted[n_asked] = ++n_granted;
            n_asked++;
        } else {
            release_one(n_asked);
        }
        if (extend && rand() % 4 == 0)
            extend_one(n_asked);
        sound = sound && is_sound(n_asked);
    }
    CU_ASSERT(sound);
    /* First come, first served, for all that share a key. */
    bool in_order = true;
    for (unsigned i = 0; i < N_SETS; i++) {
        n_left += order_granted[i] == 0;
        for (unsigned j = 0; !extend && order_granted[i] && j < i; j++)
            if (order_granted[j] > order_granted[i] &&
                share(sets[i], sets[j]))
                in_order = false;
    }
    CU_ASSERT(in_order);
    CU_ASSERT(n_left < N_SETS / 2); /* those that gave up */
    arena_free(arena);
}

static void test_random(void)
{
    for (unsigned seed = 1; seed <= 50; seed++)
        run_at_random(seed, false);
}

static void test_random_extended(void)
{
    for (unsigned seed = 51; seed <= 100; seed++)
        run_at_random(seed, true);
}

static const struct unit_test tests[] = {
    { "those that share nothing go together", test_share },
    { "first come, first served", test_order },
    { "one gives up", test_give_up },
    { "a key twice", test_same_key_twice },
    { "cover", test_cover },
    { "too many keys", test_too_many },
    { "more keys", test_extend },
    { "at random", test_random },
    { "at random, with more keys", test_random_extended },
};

UNIT_MAIN("lock", tests)
