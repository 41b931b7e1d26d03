/*
 * Memory of channels, between the messages and libvdc/chan/link.
 */
#include "channeld/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

#define PAGE 4096

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

/* memfd, to be woken, to wake, life. */
static int make(uint32_t n_pages, int own[4], int other[4])
{
    int life[2];

    own[0] = memfd_create("channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (own[0] < 0 || ftruncate(own[0], (off_t)n_pages * PAGE) ||
        fcntl(own[0], F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -1;
    own[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    own[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (own[1] < 0 || own[2] < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   life))
        return -1;
    own[3] = life[0];
    other[3] = life[1];
    other[0] = fcntl(own[0], F_DUPFD_CLOEXEC, 0);
    other[1] = fcntl(own[2], F_DUPFD_CLOEXEC, 0);
    other[2] = fcntl(own[1], F_DUPFD_CLOEXEC, 0);
    return other[0] < 0 || other[1] < 0 || other[2] < 0 ? -1 : 0;
}

int memory_give(enum link_kind kind, uint32_t domid, uint32_t n_pages,
                struct memory *own, struct memory *other,
                struct vdc_error *err)
{
    memory_init(own);
    memory_init(other);
    if (kind == LINK_GRANT)
        return vdc_error_set(err, VDC_E_UNSUPPORTED, "no grants here");
    own->n_fds = other->n_fds = 4;
    if (make(n_pages, own->fds, other->fds)) {
        int errnum = errno;
        memory_clear(own);
        memory_clear(other);
        return vdc_error_errno(err, VDC_E_IO, errnum,
                               "no memory for a channel to be had");
    }
    own->wire.maker = true;
    return 0;
}

int memory_join(struct memory *other, uint32_t n_pages, struct memory *own,
                struct vdc_error *err)
{
    memory_init(own);
    if (other->wire.n_refs) {
        memory_clear(other);
        return vdc_error_set(err, VDC_E_UNSUPPORTED, "no grants here");
    }
    *own = *other;
    own->wire.grant = false;
    memory_init(other);
    return 0;
}

int memory_take(const struct wire_channel_memory *wire, enum link_kind kind,
                uint32_t n_pages, int *fds, unsigned n_fds,
                struct memory *ret, struct vdc_error *err)
{
    unsigned want = kind == LINK_MEMORY ? 4 : 0;
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
