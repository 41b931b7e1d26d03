/*
 * A decision as text, with everything that it followed from: whoever has the
 * text can make the decision again (replay.h), on any machine, at any time.
 *
 * An entry is one JSON object with
 *   view      what decisions follow from: of each host what it is, what is
 *             taken of it and which groups and customers are on it; rules,
 *             promises, overcommit.  Not the guests themselves: nothing that
 *             is decided depends on more of them than these sums.
 *   names     of numbers that are in the entry
 *   request, policy, decision
 *   hosts     what each host came to, when there are few.  Where there are
 *             many it is found out again when somebody asks.
 *
 * The view is whole, or only what was changed since the entry before: a whole
 * one and those after it are a run, of which each entry can be replayed with
 * the ones before it.
 */
#ifndef POLICYD_PLACEMENT_RECORD_H
#define POLICYD_PLACEMENT_RECORD_H

#include "base/json.h"
#include "policyd/placement/place.h"

/* What each host came to is in the entries of views of at most so many. */
#define PLACEMENT_RECORD_HOSTS 64

/* What a decision is made of besides the view. */
struct placement_record {
    struct placement_request request;
    struct placement_policy policy;
    struct placement_decision decision;
};

/*
 * Writes a decision that was just made on `view`: on this version of it.
 * `since`: the version of the entry before, of the same view; 0: whole.  When
 * it is not known any more what was changed since then, or it would be longer
 * than `most_hosts`, the entry is whole, too.  *ret_n_hosts: hosts in it;
 * *ret_whole: whether it begins a run.  Returns the text, to be freed.
 */
char *placement_record_write(const struct placement_view *view, uint64_t since,
                             uint32_t most_hosts,
                             const struct placement_record *record,
                             uint32_t *ret_n_hosts, bool *ret_whole);

/*
 * A whole view as entries without a decision, written in parts while others
 * change it, so that none takes long: at most `most_hosts` hosts each, as they
 * are then.  An entry that follows the last of them with what was changed
 * since `version` makes it exact.
 */
struct placement_base {
    uint64_t version; /* of the view when the first was written; 0: none is */
    uint32_t n_hosts; /* there were then */
    uint32_t n_written;
};
char *placement_record_part(const struct placement_view *view,
                            uint32_t most_hosts, struct placement_base *base);

/* Whether both would be written byte by byte alike. */
bool placement_record_is_same(const struct placement_decision *a,
                              const struct placement_decision *b);

/* What each host of the view comes to, as an array: the first constraint that
 * fails and what is lacking, or the terms of its score. */
void placement_record_hosts(const struct placement_view *view,
                            const struct placement_request *request,
                            const struct placement_policy *policy,
                            struct json_out *out);

#endif
