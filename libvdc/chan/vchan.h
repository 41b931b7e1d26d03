/*
 * A byte stream in the layout of Xen's libxenvchan, for talking to programs
 * that use it.  Where things are in the memory is from Xen's public header
 * xen/io/libxenvchan.h; how positions and bits are used, from what the library
 * does.  The left ring goes from client to server, the right one back.
 *
 * THE OTHER END IS HOSTILE, as in ring.h, and the same rules hold: what it may
 * write is read once and checked, what this end wrote is remembered here; each
 * call on a broken stream returns VDC_E_PROTOCOL.  No system calls, no
 * allocation, no locks; one thread a direction and end.
 *
 * How the two ends learn of the memory is between them: the server's first
 * grant reference and its event channel are in xenstore, as "ring-ref" and
 * "event-channel" below a path that both know.  channeld makes no channels of
 * this layout.
 *
 * This layout keeps all positions in one cache line, and each message that is
 * awaited or read costs a locked instruction: for new programs use ring.h.
 */
#ifndef VDC_CHAN_VCHAN_H
#define VDC_CHAN_VCHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VCHAN_PAGE 4096u
#define VCHAN_SIZE_MAX (1u << 20) /* bytes, of one ring */
#define VCHAN_REFS_MAX 512        /* of both rings */

enum vchan_side {
    VCHAN_SERVER, /* who made the memory */
    VCHAN_CLIENT
};

/* Where the rings are: an order is the logarithm of a size.  10 and 11 are at
 * 1024 and 2048 in the first page, 12 to 20 in pages of their own. */
struct vchan_layout {
    uint16_t left_order, right_order;
    uint32_t n_left, n_right; /* pages of their own; 0: in the first page */
};

struct vchan_out {
    uint8_t *data;
    uint32_t size;
    uint32_t prod;      /* ours */
    uint32_t cons_seen; /* of the other end, last read */
};

struct vchan_in {
    uint8_t *data;
    uint32_t size;
    uint32_t cons;      /* ours */
    uint32_t prod_seen; /* of the other end, last read */
};

struct vchan_shared;

struct vchan {
    struct vchan_shared *shared;
    enum vchan_side side;
    bool broken;
    bool closed;
    struct vchan_out out;
    struct vchan_in in;
};

/* The layout that libxenvchan's server chooses for rings of at least these
 * bytes.  VDC_E_BAD_VALUE: more than VCHAN_SIZE_MAX. */
int vchan_plan(size_t left_min, size_t right_min, struct vchan_layout *ret,
               struct vdc_error *err);

/*
 * What a server's first page says, read once: the layout, and the grant
 * references of the pages of the left ring, then of the right one (n_left +
 * n_right of at most VCHAN_REFS_MAX).  VDC_E_PROTOCOL: no server of
 * libxenvchan could have made it.
 */
int vchan_look(const void *page, struct vchan_layout *ret, uint32_t *ret_refs,
               struct vdc_error *err);

/* Offset in the first page of the byte that the kernel clears when the mapping
 * of this side goes. */
size_t vchan_life_offset(enum vchan_side side);

/* A new stream in a first page of zeroes, as the server: writes the layout and
 * `refs`.  left and right are the pages of their own, else not looked at. */
void vchan_serve(struct vchan *vchan, void *page, void *left, void *right,
                 const struct vchan_layout *layout, const uint32_t *refs);
/* The client's end, with a layout from vchan_look; the server is to be
 * notified.  VDC_E_PROTOCOL: the positions do not fit together; VDC_E_CLOSED:
 * the server is gone. */
int vchan_join(struct vchan *vchan, void *page, void *left, void *right,
               const struct vchan_layout *layout, struct vdc_error *err);

/*
 * Writes as many of the `size` bytes as there is room for, at least one.
 * *ret_notify: the other end wants to be notified.
 * VDC_E_BUSY: no room now; VDC_E_CLOSED: the other end is gone;
 * VDC_E_PROTOCOL.
 */
int vchan_write(struct vchan *vchan, const void *data, size_t size,
                size_t *ret_size, bool *ret_notify);
/* Reads up to `size` bytes, at least one; errors as above, VDC_E_CLOSED after
 * all that was written has been read. */
int vchan_read(struct vchan *vchan, void *data, size_t size, size_t *ret_size,
               bool *ret_notify);

/* Asks to be notified when the other end has written, or has read.  true:
 * there is something already (bytes, room for `size` bytes, an end), do not
 * sleep. */
bool vchan_want_data(struct vchan *vchan);
bool vchan_want_room(struct vchan *vchan, size_t size);

/* What the other end is, as far as this memory tells. */
enum vchan_other { VCHAN_OTHER_ABSENT, VCHAN_OTHER_OPEN, VCHAN_OTHER_GONE };
enum vchan_other vchan_other(const struct vchan *vchan);

/* This end is gone: notify the other. */
void vchan_close(struct vchan *vchan);

#ifdef __cplusplus
}
#endif

#endif
