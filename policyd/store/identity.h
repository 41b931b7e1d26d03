/*
 * What must be unique in the data center: UUIDs and MAC addresses.
 */
#ifndef POLICYD_STORE_IDENTITY_H
#define POLICYD_STORE_IDENTITY_H

#include "base/arena.h"
#include "policyd/store/book.h"

/*
 * The UUID that the guest made by operation `index` of a request with this
 * key has: the same each time, so that the request, repeated after a crash,
 * is the same for its host, too.
 */
void identity_of_key(const char *owner, const char *key, uint32_t index,
                     struct vdc_uuid *ret);

/* Fills in a UUID that is zero.  Errors: VDC_E_EXISTS. */
int identity_uuid(const struct book *book, struct vdc_uuid *uuid,
                  struct vdc_error *err);

/* MAC addresses of one transaction, so that no two are the same. */
struct identity_macs {
    const struct book *book;
    struct arena *arena;
    const char *taken; /* separated by spaces; begins as "" */
};

/* One that was asked for, by the guest of this UUID, which may have it
 * already.  Errors: VDC_E_EXISTS. */
int identity_take_mac(struct identity_macs *macs, const struct vdc_uuid *uuid,
                      const char *mac, struct vdc_error *err);
/* One for it, in the arena; to be called after all that were asked for have
 * been taken.  The same each time as long as none is in use.  `again`: it may
 * be one that the guest has. */
const char *identity_draw_mac(struct identity_macs *macs,
                              const struct vdc_uuid *uuid, bool again);

#endif
