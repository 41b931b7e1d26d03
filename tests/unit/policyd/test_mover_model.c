/*
 * A model of a guest that is sent from host to host: everything that policyd
 * can ask (mover_live), hosts can answer, and that can be lost or die in
 * between, up to some disasters in one move.  In every state that can be
 * reached no two hosts run the guest and the target runs it only after the
 * source has let go of it; and from each the move can come to its end, where
 * one host has the guest and nothing is left on the other.
 *
 * Hosts are in mover_world.c.  What move_answer.c does with an answer is
 * written down once more in hear(), as it does it in pieces.
 */
#include "tests/unit/policyd/mover_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

#define STATES_MAX (1u << 18)
#define TABLE_SIZE (2 * STATES_MAX)

static struct arena *arena;
static const struct mover *mover = &mover_live;

/* ---- policyd ---- */

static struct wire_stored_move record_of(const struct world *w)
{
    struct wire_stored_move move;

    wire_init(&wire_struct_stored_move, &move);
    move.state = w->state;
    move.lost = w->lost;
    move.stream = move.runs = true;
    move.from = "a";
    move.to = "b";
    move.definition.name = "web";
    return move;
}

static enum mover_answer look(struct world *w,
                              const struct wire_stored_move *move, int code)
{
    struct wire_transaction order;
    const char *host;
    enum mover_sight sight = MOVER_GONE;

    world_happens(w);
    mover->order(move, arena, &host, &order);
    if (strcmp(host, "a") == 0)
        sight = w->s_row ? MOVER_THERE : MOVER_GONE;
    else if (w->t == T_COMMITTED)
        sight = MOVER_THERE;
    else if (w->t == T_PREPARED)
        sight = MOVER_BETWEEN;
    return mover->looked(move, code, sight);
}

static enum mover_answer yes(struct world *w,
                             const struct wire_stored_move *move)
{
    if (mover->looks(move, 0))
        return look(w, move, 0);
    return w->state == WIRE_MOVE_PREPARING && w->cancelled ? MOVER_UNWANTED
                                                           : MOVER_YES;
}

static enum mover_answer hear(struct world *w,
                              const struct wire_stored_move *move, int code)
{
    int again = code;

    if (!code)
        return yes(w, move);
    switch (mover->doubt(move)) {
    case MOVER_BELIEVE:
        break;
    case MOVER_RECALL:
        world_happens(w);
        again = w->state == WIRE_MOVE_LEAVING ? world_recall_leave(w) : code;
        break;
    case MOVER_REPEAT:
        world_happens(w);
        again = world_obey(w, w->state);
        break;
    }
    if (!again)
        return yes(w, move);
    if (again != code && again != VDC_E_NOT_FOUND)
        return MOVER_LATER;
    return mover->looks(move, code) ? look(w, move, code) : MOVER_NO;
}

static void ask(struct world *w)
{
    const struct wire_stored_move move = record_of(w);
    enum mover_answer said;

    if (!w->maybe_sent && mover->gives_up(&move) && world_pick(2)) {
        said = MOVER_NO; /* the host is not there */
    } else {
        int code = world_obey(w, w->state);
        w->maybe_sent = 1;
        if (world_pick(2))
            return; /* policyd dies, or the connection: asked again */
        said = hear(w, &move, code);
    }
    if (said == MOVER_LATER)
        return;
    w->lost |= said == MOVER_LOST;
    w->state = (uint8_t)mover->next(&move, said);
    if (w->state != move.state)
        w->maybe_sent = 0;
}

static bool is_end(const struct world *w)
{
    return w->state == WIRE_MOVE_DONE || w->state == WIRE_MOVE_FAILED ||
           w->state == WIRE_MOVE_KEPT;
}

/* ---- all states ---- */

static struct world *worlds;
static uint32_t n_worlds, *table;
/* Where a state may go to, without anything that happens by itself. */
struct edge {
    uint32_t from, to;
};
static struct edge *edges;
static size_t n_edges, edges_max;
static unsigned n_twice, n_early, n_wrong_ends;

static uint32_t add(const struct world *w)
{
    const uint8_t *bytes = (const uint8_t *)w;
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < sizeof(*w); i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    for (uint32_t i = hash % TABLE_SIZE;; i = (i + 1) % TABLE_SIZE) {
        if (!table[i]) {
            if (n_worlds == STATES_MAX)
                abort();
            worlds[n_worlds] = *w;
            table[i] = ++n_worlds;
            return n_worlds - 1;
        }
        if (memcmp(&worlds[table[i] - 1], w, sizeof(*w)) == 0)
            return table[i] - 1;
    }
}

static void add_edge(uint32_t from, uint32_t to)
{
    if (n_edges == edges_max) {
        edges_max = edges_max * 2 + 1024;
        edges = realloc(edges, edges_max * sizeof(*edges));
    }
    edges[n_edges++] = (struct edge){ from, to };
}

static void check(const struct world *w)
{
    n_twice += w->s_runs && w->t_runs;
    n_early += w->t_runs && !w->s_passed;
    if (w->state == WIRE_MOVE_DONE)
        n_wrong_ends += w->t != T_COMMITTED || w->s_runs ||
                        (w->s_row && !w->lost);
    if (w->state == WIRE_MOVE_FAILED)
        n_wrong_ends += (w->t != T_NONE && w->t != T_EXPECTED) ||
                        (!w->s_row && !w->s_emptied);
}

static void explore(void)
{
    const struct world first = { .state = WIRE_MOVE_PREPARING,
                                 .s_row = 1,
                                 .s_runs = 1 };

    n_worlds = 0;
    n_edges = 0;
    n_twice = n_early = n_wrong_ends = 0;
    memset(table, 0, TABLE_SIZE * sizeof(*table));
    add(&first);
    for (uint32_t i = 0; i < n_worlds; i++) {
        check(&worlds[i]);
        if (is_end(&worlds[i]))
            continue;
        world_first_path();
        do {
            struct world w = worlds[i];
            if (world_pick(2))
                world_happens(&w);
            else
                ask(&w);
            add_edge(i, add(&w));
        } while (world_next_path());
    }
}

/* States from which no end can be reached. */
static uint32_t count_stuck(void)
{
    bool *ends = calloc(n_worlds, sizeof(*ends));
    uint32_t n_stuck = n_worlds;
    bool more = true;

    for (uint32_t i = 0; i < n_worlds; i++)
        ends[i] = is_end(&worlds[i]);
    while (more) {
        more = false;
        for (size_t i = n_edges; i-- > 0;)
            if (ends[edges[i].to] && !ends[edges[i].from])
                more = ends[edges[i].from] = true;
    }
    for (uint32_t i = 0; i < n_worlds; i++)
        n_stuck -= ends[i];
    free(ends);
    return n_stuck;
}

static void show_first(bool (*is_wrong)(const struct world *))
{
    for (uint32_t i = 0; i < n_worlds; i++) {
        const struct world *w = &worlds[i];
        if (!is_wrong(w))
            continue;
        printf("    state %u lost %u s: row %u runs %u passed %u key %u "
               "return %u t: %u key %u domain %u runs %u disasters %u\n",
               w->state, w->lost, w->s_row, w->s_runs, w->s_passed, w->s_key,
               w->return_key, w->t, w->t_key, w->t_domain, w->t_runs,
               w->disasters);
        return;
    }
}

static bool is_twice(const struct world *w)
{
    return w->s_runs && w->t_runs;
}

static bool is_wrong_end(const struct world *w)
{
    unsigned n = n_wrong_ends;

    check(w);
    return n_wrong_ends != n;
}

static void sound(void)
{
    world_broken = SOUND;
    explore();
    printf("    %u states\n", n_worlds);
    CU_ASSERT(n_worlds > 500);
    CU_ASSERT_EQUAL(n_twice, 0);
    CU_ASSERT_EQUAL(n_early, 0);
    if (n_twice)
        show_first(is_twice);
    CU_ASSERT_EQUAL(n_wrong_ends, 0);
    if (n_wrong_ends)
        show_first(is_wrong_end);
    CU_ASSERT_EQUAL(count_stuck(), 0);
}

/* What it would come to if hosts did not keep to it is seen. */
static void noticed(void)
{
    world_broken = RELEASES_EARLY;
    explore();
    CU_ASSERT(n_twice > 0);
    world_broken = RESUMES_RELEASED;
    explore();
    CU_ASSERT(n_twice > 0);
    /* its memory is lost, and nothing worse */
    world_broken = FORGETS_PREPARED;
    explore();
    CU_ASSERT_EQUAL(n_twice, 0);
    world_broken = ABANDONS_RELEASED;
    explore();
    CU_ASSERT_EQUAL(n_twice, 0);
    world_broken = SOUND;
}

static bool gives_up_late(const struct wire_stored_move *move)
{
    return move->state == WIRE_MOVE_ARRIVING;
}

static enum wire_move_state believes_lost(const struct wire_stored_move *move,
                                          enum mover_answer answer)
{
    return mover_live.next(move, answer == MOVER_LOST ? MOVER_YES : answer);
}

static bool believes(const struct wire_stored_move *move, int code)
{
    return false;
}

/* That a host says no twice would be enough. */
static bool believes_source(const struct wire_stored_move *move, int code)
{
    return move->state == WIRE_MOVE_LEAVING
               ? code == VDC_E_NOT_FOUND || code == VDC_E_CONFLICT
               : mover_live.looks(move, code);
}

/* Nor would it do to take one of its answers away. */
static void protected(void)
{
    struct mover other = mover_live;

    mover = &other;
    other.gives_up = gives_up_late;
    explore();
    CU_ASSERT(n_twice > 0);
    other = mover_live;
    other.next = believes_lost;
    explore();
    CU_ASSERT(n_twice > 0);
    other = mover_live;
    other.looks = believes;
    explore();
    CU_ASSERT(n_twice > 0);
    other.looks = believes_source; /* it is lost */
    explore();
    CU_ASSERT(n_wrong_ends > 0);
    mover = &mover_live;
}

static const struct unit_test tests[] = {
    { "whatever happens, one host runs it, and it ends", sound },
    { "hosts that do not keep to it are noticed", noticed },
    { "a mover that believes more is noticed", protected },
};

int main(void)
{
    arena = arena_new();
    worlds = calloc(STATES_MAX, sizeof(*worlds));
    table = calloc(TABLE_SIZE, sizeof(*table));
    int status = unit_main("policyd/mover_model", tests,
                           sizeof(tests) / sizeof(tests[0]));
    free(worlds);
    free(table);
    free(edges);
    arena_free(arena);
    return status;
}
