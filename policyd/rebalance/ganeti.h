/*
 * Ganeti's text format (htools(1), option -t) as a placement view, and back:
 * to work on a cluster of Ganeti's, and to let its tools judge what came out.
 *
 * What is read of it:
 *   nodes      hosts; an offline one, or one with "?", is draining: its
 *              instances are to go and none may come, as hbal has it. Memory
 *              for guests is what is free and what instances have, at most
 *              what the node does not use itself.
 *   groups     failure domains: no instance leaves its group.
 *   instances  guests. On shared storage (ext, rbd, sharedfile, gluster,
 *              blockdev, diskless) they may move. On the node's own (plain,
 *              file) they have of its pool "disk" and are held; so are those
 *              on drbd, which are protected, with the secondary as backup.
 *              ADMIN_offline ones do not run; ADMIN_down ones count as if
 *              they did.
 *   tags       htools:iextags:X of the cluster: instances with the same tag
 *              X:... must not be on one host.
 *   ipolicy    the lowest ratio of vCPUs, less what nodes use themselves.
 *
 * Everything else is kept and written as it was; spindles, exclusive storage,
 * CPU speeds, location and migration tags, and the bounds of the ipolicy are
 * not looked at.
 */
#ifndef POLICYD_REBALANCE_GANETI_H
#define POLICYD_REBALANCE_GANETI_H

#include "base/arena.h"
#include "policyd/placement/balance.h"
#include "policyd/placement/step.h"

/* In the longest known line there are 15. */
#define GANETI_FIELDS_MAX 24

struct ganeti_line {
    char *fields[GANETI_FIELDS_MAX];
    uint32_t n;
};

struct ganeti {
    struct arena *arena;
    struct placement_names *names;
    struct placement_view *view;
    struct placement_whole *wholes; /* by host */
    struct ganeti_line *nodes;      /* by host */
    uint32_t *groups;               /* their names, by host */
    struct ganeti_line *instances;  /* by guest */
    const char *head;               /* the groups, as they were */
    const char *tail;               /* tags and policies */
    uint32_t line;                  /* while it is read */
};

/* Errors: VDC_E_BAD_VALUE; err names the line. */
int ganeti_read(const char *text, size_t size, struct ganeti **ret,
                struct vdc_error *err);
/* NULL is allowed. */
void ganeti_free(struct ganeti *ganeti);

/* The same cluster with instances where they are in `view`, a copy of its
 * view. To be freed. */
char *ganeti_write(const struct ganeti *ganeti,
                   const struct placement_view *view);

/* For placement_moving; arg is the struct ganeti. */
void ganeti_complete(void *arg, uint32_t guest,
                     struct placement_request *request);
bool ganeti_is_held(void *arg, uint32_t guest);

#endif
