/*
 * What both kinds of links have in common: ends that are not mapped, and
 * mapping them.  For chan/port, and for channeld, which makes ends for others.
 */
#include "chan/link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/link_impl.h"

static void close_all(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static void init_end(struct link_end *end, enum link_kind kind,
                     uint32_t n_pages)
{
    *end = (struct link_end){ .kind = kind,
                              .n_pages = n_pages,
                              .fds = { -1, -1 } };
}

static void init_offer(struct link_offer *offer, enum link_kind kind,
                       uint32_t n_pages)
{
    *offer = (struct link_offer){ .kind = kind,
                                  .n_pages = n_pages,
                                  .fds = { -1, -1, -1, -1 } };
}

void link_offer_clear(struct link_offer *offer)
{
    close_all(offer->fds, LINK_FDS_MAX);
    offer->n_fds = 0;
    free(offer->refs);
    offer->refs = NULL;
}

void link_end_clear(struct link_end *end)
{
    close_all(end->fds, LINK_FDS);
}

static int check_pages(uint32_t n_pages, size_t life_offset, int code,
                       struct vdc_error *err)
{
    if (n_pages < 1 || n_pages > LINK_PAGES_MAX)
        return vdc_error_set(err, code,
                             "a channel of %u pages; 1 to %d are possible",
                             n_pages, LINK_PAGES_MAX);
    if (life_offset >= (size_t)n_pages * LINK_PAGE)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the byte at %zu is outside of %u pages",
                             life_offset, n_pages);
    return 0;
}

int link_give_end(enum link_kind kind, uint32_t domid, uint32_t n_pages,
                  size_t life_offset, struct link_end *ret,
                  struct link_offer *offer, struct vdc_error *err)
{
    struct link_end end;
    struct link_offer other;
    int rc = check_pages(n_pages, life_offset, VDC_E_BAD_VALUE, err);

    if (rc)
        return rc;
    init_end(&end, kind, n_pages);
    init_offer(&other, kind, n_pages);
    rc = kind == LINK_MEMORY
             ? link_memory_give(n_pages, &end, &other, err)
             : link_grant_give(domid, n_pages, life_offset, &end, &other, err);
    if (rc) {
        link_end_clear(&end);
        link_offer_clear(&other);
        return rc;
    }
    *ret = end;
    *offer = other;
    return 0;
}

int link_join_end(struct link_offer *offer, size_t life_offset,
                  struct link_end *ret, struct vdc_error *err)
{
    struct link_end end;
    int rc = check_pages(offer->n_pages, life_offset, VDC_E_PROTOCOL, err);

    init_end(&end, offer->kind, offer->n_pages);
    if (!rc)
        rc = offer->kind == LINK_MEMORY
                 ? link_memory_join(offer, &end, err)
                 : link_grant_join(offer, life_offset, &end, err);
    link_offer_clear(offer);
    if (rc) {
        link_end_clear(&end);
        return rc;
    }
    *ret = end;
    return 0;
}

static int map(struct link *link, struct vdc_error *err)
{
    void *memory = mmap(NULL, link->size, PROT_READ | PROT_WRITE, MAP_SHARED,
                        link->memory_fd, 0);

    if (memory == MAP_FAILED)
        return vdc_error_errno(err, VDC_E_PROTOCOL, errno,
                               "the memory of a channel, %zu bytes, cannot "
                               "be mapped",
                               link->size);
    link->memory = memory;
    /* A child must not keep this end alive, nor unmap grants when it ends. */
    madvise(memory, link->size, MADV_DONTFORK);
    return 0;
}

int link_import(struct link_end *end, struct link **ret, struct vdc_error *err)
{
    int rc = check_pages(end->n_pages, 0, VDC_E_PROTOCOL, err);

    if (!rc && end->kind == LINK_MEMORY)
        rc = link_memory_check(end, err);
    if (rc) {
        link_end_clear(end);
        return rc;
    }
    struct link *link = XNEW(struct link);
    link->kind = end->kind;
    link->size = (size_t)end->n_pages * LINK_PAGE;
    link->port = end->port;
    link->memory_fd = end->fds[0];
    link->wake_fd = end->fds[1];
    end->fds[0] = end->fds[1] = -1;
    rc = map(link, err);
    if (rc) {
        link_close(link);
        return rc;
    }
    *ret = link;
    return 0;
}

int link_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
              size_t life_offset, struct link **ret, struct link_offer *offer,
              struct vdc_error *err)
{
    struct link_end end;
    struct link_offer other;
    int rc =
        link_give_end(kind, domid, n_pages, life_offset, &end, &other, err);

    if (rc)
        return rc;
    rc = link_import(&end, ret, err);
    if (rc)
        link_offer_clear(&other);
    else
        *offer = other;
    return rc;
}

int link_join(struct link_offer *offer, size_t life_offset, struct link **ret,
              struct vdc_error *err)
{
    struct link_end end;
    int rc = link_join_end(offer, life_offset, &end, err);

    return rc ? rc : link_import(&end, ret, err);
}

void link_notify(struct link *link)
{
    if (link->kind == LINK_MEMORY)
        link_memory_notify(link);
    else
        link_grant_notify(link);
}

void link_acknowledge(struct link *link)
{
    if (link->kind == LINK_MEMORY)
        link_memory_acknowledge(link);
    else
        link_grant_acknowledge(link);
}

bool link_other_gone(const struct link *link)
{
    return link->other_gone;
}

void link_close(struct link *link)
{
    if (!link)
        return;
    if (link->memory)
        munmap(link->memory, link->size);
    /* Memory first: the byte is cleared, then the event channel goes. */
    if (link->memory_fd >= 0)
        close(link->memory_fd);
    if (link->wake_fd >= 0)
        close(link->wake_fd);
    free(link);
}
