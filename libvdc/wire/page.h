/*
 * Pages of long lists.  A list may be larger than a message; the answer then
 * has the items of one page, and in `next` a place, from which the same
 * request with that place as its `from` goes on.
 *
 * A place is text that only its maker understands.  It names the last item of
 * the page by what that item keeps for ever (an index, a UUID), and a page
 * has the items after it in that order: so whatever comes and goes between
 * two pages, an item that stays is there once, and none is there twice.
 */
#ifndef VDC_WIRE_PAGE_H
#define VDC_WIRE_PAGE_H

#include "wire/wire.h"

/* A quarter of a message: who passes a page on may have longer names for what
 * is in it. */
#define WIRE_PAGE_BYTES (WIRE_BODY_MAX / 4)
#define WIRE_PLACE_MAX 63

/* How many of the items, from the first, a page holds: one at least, when
 * there is one. */
uint32_t wire_page_count(const struct wire_struct *s, const void *items,
                         uint32_t n);

/* The error of a `from` that is no place of such a list; returns
 * VDC_E_BAD_VALUE. */
int wire_page_refuse(const char *from, struct vdc_error *err);
/* A place that is a number (decimal); "": 0.  Errors: VDC_E_BAD_VALUE. */
int wire_page_number(const char *from, uint64_t *ret, struct vdc_error *err);

/* ---- for who asks ---- */

/* Whether this request is answered with a list in pages. */
bool wire_has_pages(const struct wire_message *message);

/* All pages as one list; in the arena. */
struct wire_pages {
    struct arena *arena;
    const struct wire_message *message; /* the request */
    void *query; /* the body to send next */
    void *list;  /* the body of its answer, with the items of all so far */
    uint32_t room;
    bool more;
};

/* `query` is the body of `number`, whose strings must stay. */
void wire_pages_init(struct wire_pages *pages,
                     enum wire_message_number number, const void *query,
                     struct arena *arena);
/*
 * Takes an answer's body, of which nothing is kept; lists are put together,
 * the other fields are those of the first.  `more` says whether pages->query
 * must be sent.
 * Errors: VDC_E_PROTOCOL when a page leads to itself.
 */
int wire_pages_add(struct wire_pages *pages, const void *answer,
                   struct vdc_error *err);

#endif
