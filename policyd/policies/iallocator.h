/*
 * Ganeti's iallocator protocol: a view and a request as its JSON input, its
 * answers, and its input as a view and a request.  Pure: no I/O.
 *
 * Ganeti has nodes, instances, MiB and one kind of disk space; what else a
 * request has (tags, groups, promises ...) is not told, but which hosts it
 * leaves ("restrict-to-nodes").
 *
 *   iallocator.c        what is asked of a program, and its answer
 *   iallocator_input.c  what Ganeti asks, and the answer to it
 */
#ifndef POLICYD_POLICIES_IALLOCATOR_H
#define POLICYD_POLICIES_IALLOCATOR_H

#include "base/arena.h"
#include "base/json.h"
#include "policyd/placement/place.h"

/* The most of an answer that is looked at; hail's are below 1 KiB. */
#define IALLOCATOR_ANSWER_MAX 65536

/*
 * The input of an "allocate" for the request; `name` is the guest's.  The
 * hosts that meet all constraints are what it is restricted to.
 * Errors: those of placement_choose, when there is none; then nothing is
 * written.
 */
int iallocator_write(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy, const char *name,
                     struct json_out *out, struct vdc_error *err);

struct iallocator_answer {
    bool success;
    const char *host; /* of a success */
    const char *info; /* what is said with it */
};

/* Errors: VDC_E_BAD_VALUE: not such an answer, for one guest on one host. */
int iallocator_read_answer(const char *text, size_t len, struct arena *arena,
                           struct iallocator_answer *ret,
                           struct vdc_error *err);

/* What Ganeti asks. */
struct iallocator_input {
    struct placement_names *names;
    struct placement_view *view;
    struct placement_request request;
};

/*
 * Reads the input of an "allocate" of one instance on one node: capacity of a
 * node is its free memory and disk and what running instances have of it;
 * exclusion tags (htools:iextags) become groups that are kept apart.  What
 * htools says of policies for sizes and of node groups is not looked at.
 * Errors: VDC_E_BAD_VALUE (what is missing or of another kind),
 * VDC_E_UNSUPPORTED (another type of request, mirrored disks).
 */
int iallocator_read_input(const char *text, size_t len,
                          struct iallocator_input *ret, struct vdc_error *err);
void iallocator_fini_input(struct iallocator_input *input);

/* The answer: `host` NULL means that there is none. */
void iallocator_write_answer(const char *host, const char *info,
                             struct json_out *out);

#endif
