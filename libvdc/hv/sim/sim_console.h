/*
 * Consoles of simulated guests: pseudo-terminals of this process, which say
 * who they are and give back what is typed.
 */
#ifndef VDC_HV_SIM_SIM_CONSOLE_H
#define VDC_HV_SIM_SIM_CONSOLE_H

#include "hv/sim/sim_host.h"

/* Opens it, or finds it open; *ret_path is valid until it is closed.
 * Errors: VDC_E_HYPERVISOR. */
int sim_console_open(struct sim *sim, uint32_t domid, const char *name,
                     const char **ret_path, struct vdc_error *err);
/* Nothing when it is not open. */
void sim_console_close(struct sim *sim, uint32_t domid);
void sim_console_close_all(struct sim *sim);

#endif
