/*
 * Placement without looking at every host: the same answers as
 * placement_choose, in a time that hardly depends on how many hosts there
 * are.
 *
 * For each class of requests (the same spec, constraints on what the host is,
 * and policy) it keeps which hosts have room, by level of their score and
 * then in use longest first.  Classes are brought up to date from the view's
 * list of changed hosts.  What depends on who is where is checked on the best
 * hosts first, until one can take it.
 *
 * It is a cache: made empty, filled as requests come, and worth nothing to
 * anybody else.  It holds at most PLACEMENT_CLASSES_MAX classes; the first
 * request of a class looks at every host, as does one that no host can take.
 */
#ifndef POLICYD_PLACEMENT_INDEX_H
#define POLICYD_PLACEMENT_INDEX_H

#include "policyd/placement/place.h"

#define PLACEMENT_CLASSES_MAX 64

struct placement_index;

/* Of this view, which must outlive it, and no other. */
struct placement_index *placement_index_new(const struct placement_view *view);
/* NULL is allowed. */
void placement_index_free(struct placement_index *index);

/* As placement_choose; index NULL is that. `view` is the index's. */
int placement_index_choose(struct placement_index *index,
                           const struct placement_view *view,
                           const struct placement_request *request,
                           const struct placement_policy *policy,
                           struct placement_decision *ret,
                           struct vdc_error *err);

/*
 * As placement_index_choose, for who wants to know little of why:
 * ret->excluded counts hosts (n_hosts) also when there is a winner, and
 * nothing else is looked for of those that were excluded, nor said in err of
 * a refusal.  The index has the counts, so no host is looked at for them,
 * unless the request asks for what depends on who is where.
 */
int placement_index_count(struct placement_index *index,
                          const struct placement_request *request,
                          const struct placement_policy *policy,
                          struct placement_decision *ret,
                          struct vdc_error *err);

/* Bytes of heap in use. */
size_t placement_index_size(const struct placement_index *index);

#endif
