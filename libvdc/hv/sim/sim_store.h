/* xenstore of a simulated host: the operations, and its watches. */
#ifndef VDC_HV_SIM_SIM_STORE_H
#define VDC_HV_SIM_SIM_STORE_H

#include "hv/hv.h"
#include "hv/sim/sim_host.h"

extern const struct hv_store_ops sim_store_ops;

/* Fires the watches that this change concerns; NULL when the changes are not
 * known: all fire, with their own path.  False when sim is gone. */
bool sim_store_tell(struct sim *sim, const struct sim_change *change);
/* Fires the watches on one of these. */
#define SIM_INTRODUCE "@introduceDomain"
#define SIM_RELEASE "@releaseDomain"
bool sim_store_tell_special(struct sim *sim, const char *path);
/* Fires those that were set since the last time. */
bool sim_store_tell_fresh(struct sim *sim);
void sim_store_close(struct sim *sim);

/* One node a line, sorted, "path = value", for comparing before and after;
 * of the simulated host as a whole, no operation of ours. */
const char *sim_store_dump(struct sim *sim, struct arena *arena);

#endif
