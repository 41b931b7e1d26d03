/* Two ends of a channel; see port_pair.h. */
#include "tests/unit/chan/port_pair.h"

#include "tests/unit/unit.h"

void port_pair_make(struct port **maker, struct port **taker,
                    const struct port_options *options)
{
    struct link_offer offer;
    struct link *a, *b;
    struct vdc_error err;
    uint32_t pages = (uint32_t)(ring_memory(PAIR_OUT, PAIR_IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(link_give(LINK_MEMORY, 0, pages,
                                    ring_life_offset(RING_MAKER), &a, &offer,
                                    &err),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        link_join(&offer, ring_life_offset(RING_TAKER), &b, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(a, RING_MAKER, PAIR_OUT, PAIR_IN, options, maker, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(b, RING_TAKER, PAIR_OUT, PAIR_IN, options, taker, &err), 0);
}

void port_pair_raw(struct ring **ring, struct link **link, struct port **port,
                   const struct port_options *options)
{
    static struct ring the_ring;
    struct link_offer offer;
    struct link *b;
    uint32_t pages = (uint32_t)(ring_memory(PAIR_OUT, PAIR_IN) / RING_PAGE);

    CU_ASSERT_EQUAL_FATAL(
        link_give(LINK_MEMORY, 0, pages, 0, link, &offer, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(link_join(&offer, 0, &b, NULL), 0);
    *ring = &the_ring;
    CU_ASSERT_EQUAL_FATAL(ring_make(*ring, (*link)->memory, (*link)->size,
                                    PAIR_OUT, PAIR_IN, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(
        port_new(b, RING_TAKER, PAIR_OUT, PAIR_IN, options, port, NULL), 0);
}
