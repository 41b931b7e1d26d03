/* The steps that transactions are made of; each in its step_*.c. */
#ifndef RESOURCED_STEP_H
#define RESOURCED_STEP_H

#include "resourced/transaction.h"

/* VDC_E_EXISTS when another partition, or a domain of Xen that is not this
 * partition's, has one of the names or its uuid. */
int step_check_names(struct transaction *t, const char *name,
                     const char *xen_name, struct vdc_error *err);

extern const struct step step_define;        /* step_row.c */
extern const struct step step_rename;        /* step_row.c */
extern const struct step step_forget;        /* step_row.c */
extern const struct step step_find_room;     /* step_memory.c */
extern const struct step step_build;         /* step_build.c */
extern const struct step step_publish;       /* step_build.c */
extern const struct step step_unpause;       /* step_build.c */
extern const struct step step_ask_shutdown;  /* step_end.c */
extern const struct step step_ask_reboot;    /* step_end.c */
extern const struct step step_core_dump;     /* step_end.c */
extern const struct step step_end_domain;    /* step_end.c */

#endif
