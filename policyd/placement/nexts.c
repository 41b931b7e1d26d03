/* The next best of a search; see nexts.h. */
#include "policyd/placement/nexts.h"

#include "base/arena.h"

void nexts_push(struct nexts *nexts, struct next next)
{
    if (nexts->n == nexts->max) {
        nexts->max = nexts->max ? nexts->max * 2 : 256;
        nexts->items =
            xrealloc(nexts->items, nexts->max * sizeof(*nexts->items));
    }
    uint32_t at = nexts->n++;
    while (at > 0 && placement_rank_before(&next.rank,
                                           &nexts->items[(at - 1) / 2].rank)) {
        nexts->items[at] = nexts->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    nexts->items[at] = next;
}

struct next nexts_pop(struct nexts *nexts)
{
    struct next first = nexts->items[0];
    struct next last = nexts->items[--nexts->n];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= nexts->n)
            break;
        if (child + 1 < nexts->n &&
            placement_rank_before(&nexts->items[child + 1].rank,
                                  &nexts->items[child].rank))
            child++;
        if (!placement_rank_before(&nexts->items[child].rank, &last.rank))
            break;
        nexts->items[at] = nexts->items[child];
        at = child;
    }
    nexts->items[at] = last;
    return first;
}
