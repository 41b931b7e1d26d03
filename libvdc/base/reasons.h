/*
 * Why something is refused: all the reasons at once, not only the first.
 *
 *     struct reasons reasons = { 0 };
 *     check_this(&err) ? reasons_add(&reasons, &err) : 0; ...
 *     return reasons_error(&reasons, err);
 */
#ifndef VDC_BASE_REASONS_H
#define VDC_BASE_REASONS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

#define REASONS_MAX 16

struct reasons {
    struct vdc_error errors[REASONS_MAX]; /* no two of the same text */
    size_t n_errors;
    size_t n_more; /* that found no room */
};

/* As `{ 0 }`, without clearing what nobody looks at: it is some 28 KiB. */
void reasons_init(struct reasons *reasons);
/* None, in the arena. */
struct reasons *reasons_new(struct arena *arena);

/* Adds a copy; one whose text is there already is left out.  Of what is
 * several reasons itself (reasons_error) each is added. */
void reasons_add(struct reasons *reasons, const struct vdc_error *err);

/*
 * As one error: 0 when there is no reason.  One reason is as it was; of
 * several the code is that of the first which no retry can mend (or else the
 * first), the text is "N reasons: first; second; ..." and the hint that of
 * the first that has one.  Returns the code.
 */
int reasons_error(const struct reasons *reasons, struct vdc_error *err);

#endif
