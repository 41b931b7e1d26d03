/*
 * What the files about explanations share (explain.c: decisions; try.c:
 * where a guest would be; forecast.c: what would be).
 */
#ifndef POLICYD_EXPLAIN_EXPLAIN_H
#define POLICYD_EXPLAIN_EXPLAIN_H

#include "policyd/api/operations.h"
#include "policyd/placement/record.h"

/* Has the hosts say what they have, as far as they can be reached, and calls
 * `fn`, unless the request is not wanted any more. */
void explain_when_known(struct request *request, request_fn *fn);

/* From and to what is sent.  Errors: VDC_E_BAD_VALUE. */
int explain_spec(struct operations *ops,
                 const struct wire_placement_spec *from,
                 struct placement_spec *ret, struct vdc_error *err);
void explain_spec_out(const struct placement_view *view,
                      const struct placement_spec *spec, struct arena *arena,
                      struct wire_placement_spec *ret);
/* Everything that view and record say, as far as the request's sender may
 * know it.  Errors: VDC_E_BAD_VALUE. */
int explain_decision(const struct request *request,
                     const struct placement_view *view,
                     const struct placement_record *record,
                     struct wire_placement_decision *ret,
                     struct vdc_error *err);
/* What is asked of CPUs, into a spec that has none of it yet. */
void explain_cpu_out(const struct cpu_set *cpu, struct arena *arena,
                     struct wire_placement_spec *ret);
/* Nothing when there is no error. */
void explain_error(const struct vdc_error *err, struct arena *arena,
                   struct wire_error *ret);

/* forecast.c: what is being counted ends with an error. */
void forecast_stop(struct operations *ops);

#endif
