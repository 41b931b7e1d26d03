/*
 * Memory of channels, between the messages and libvdc/chan/link.
 */
#include "channeld/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/ring.h"

void memory_init(struct memory *memory)
{
    *memory = (struct memory){ .n_fds = 0 };
    wire_init(&wire_struct_channel_memory, &memory->wire);
    for (unsigned i = 0; i < LINK_FDS_MAX; i++)
        memory->fds[i] = -1;
}

void memory_clear(struct memory *memory)
{
    for (unsigned i = 0; i < memory->n_fds; i++)
        if (memory->fds[i] >= 0)
            close(memory->fds[i]);
    free((void *)(uintptr_t)memory->wire.refs);
    memory_init(memory);
}

/* ---- ends, for programs of this domain ---- */

static void from_end(struct link_end *end, bool maker, struct memory *ret)
{
    memory_init(ret);
    ret->wire.grant = end->kind == LINK_GRANT;
    ret->wire.maker = maker;
    ret->wire.port = end->port;
    for (unsigned i = 0; i < LINK_FDS; i++) {
        ret->fds[i] = end->fds[i];
        end->fds[i] = -1;
    }
    ret->n_fds = LINK_FDS;
}

/* ---- offers, for other domains ---- */

static void from_offer(struct link_offer *offer, struct memory *ret)
{
    memory_init(ret);
    ret->wire.grant = offer->kind == LINK_GRANT;
    ret->wire.port = offer->port;
    if (offer->kind == LINK_GRANT) {
        uint8_t *refs = xzalloc((size_t)offer->n_pages * 4);
        for (uint32_t i = 0; i < offer->n_pages; i++)
            for (unsigned j = 0; j < 4; j++)
                refs[i * 4 + j] = (uint8_t)(offer->refs[i] >> (8 * j));
        ret->wire.refs = refs;
        ret->wire.n_refs = offer->n_pages * 4;
    }
    for (unsigned i = 0; i < offer->n_fds; i++) {
        ret->fds[i] = offer->fds[i];
        offer->fds[i] = -1;
    }
    ret->n_fds = offer->n_fds;
}

/* Empties the memory. */
static void to_offer(struct memory *memory, uint32_t n_pages,
                     struct link_offer *ret)
{
    const uint8_t *refs = memory->wire.refs;

    *ret = (struct link_offer){ .kind = refs ? LINK_GRANT : LINK_MEMORY,
                                .n_pages = n_pages,
                                .domid = memory->wire.domid,
                                .port = memory->wire.port };
    if (refs)
        ret->refs = xzalloc((size_t)n_pages * sizeof(*ret->refs));
    for (uint32_t i = 0; refs && i < n_pages; i++)
        ret->refs[i] = (uint32_t)refs[i * 4] | (uint32_t)refs[i * 4 + 1] << 8 |
                       (uint32_t)refs[i * 4 + 2] << 16 |
                       (uint32_t)refs[i * 4 + 3] << 24;
    for (unsigned i = 0; i < LINK_FDS_MAX; i++)
        ret->fds[i] = i < memory->n_fds ? memory->fds[i] : -1;
    ret->n_fds = memory->n_fds;
    memory->n_fds = 0;
    memory_clear(memory);
}

/* ---- */

int memory_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
                struct memory *own, struct memory *other,
                struct vdc_error *err)
{
    struct link_offer offer;
    struct link_end end;

    memory_init(own);
    memory_init(other);
    int rc = link_give_end(kind, domid, n_pages, ring_life_offset(RING_MAKER),
                           &end, &offer, err);
    if (rc)
        return rc;
    from_end(&end, true, own);
    from_offer(&offer, other);
    link_end_clear(&end);
    link_offer_clear(&offer);
    return 0;
}

int memory_join(struct memory *other, uint32_t n_pages, struct memory *own,
                struct vdc_error *err)
{
    struct link_offer offer;
    struct link_end end;

    memory_init(own);
    to_offer(other, n_pages, &offer);
    int rc = link_join_end(&offer, ring_life_offset(RING_TAKER), &end, err);
    if (rc)
        return rc;
    from_end(&end, false, own);
    link_end_clear(&end);
    return 0;
}

int memory_take(const struct wire_channel_memory *wire, enum link_kind kind,
                uint32_t n_pages, int *fds, unsigned n_fds, struct memory *ret,
                struct vdc_error *err)
{
    unsigned want = kind == LINK_MEMORY ? LINK_FDS : 0;
    uint32_t refs = kind == LINK_MEMORY ? 0 : n_pages * 4;

    memory_init(ret);
    if (n_fds != want || wire->n_refs != refs)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "%u descriptors and %u bytes of references are "
                             "no memory of %u pages",
                             n_fds, wire->n_refs, n_pages);
    ret->wire = *wire;
    ret->wire.refs = NULL;
    if (refs) {
        uint8_t *copy = xzalloc(refs);
        memcpy(copy, wire->refs, refs);
        ret->wire.refs = copy;
    }
    for (unsigned i = 0; i < n_fds; i++) {
        ret->fds[i] = fds[i];
        fds[i] = -1;
    }
    ret->n_fds = n_fds;
    return 0;
}
