/*
 * What watchdogd and policyd must both know of fencing; doc/design/016.
 */
#ifndef VDC_WIRE_FENCE_H
#define VDC_WIRE_FENCE_H

/* A member counts as heard for so long after the ping was sent that it has
 * answered; policyd counts it as not heard by another when that one's
 * fence_heard.age_ms is more. */
#define FENCE_HEARD_MS 10000
/* With fewer members nobody is fenced by itself. */
#define FENCE_MEMBERS_MIN 3
/* Where watchdogd usually listens, on the address of its resourced. */
#define FENCE_PORT 8448
/* A majority of n members. */
#define FENCE_MAJORITY(n) ((n) / 2 + 1)

#endif
