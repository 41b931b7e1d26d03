/* A guest that goes to another host: doc/design/015-migration.md. */
#ifndef RESOURCED_STEP_SEND_H
#define RESOURCED_STEP_SEND_H

#include "resourced/step.h"

/* Why a partition is stopped that has gone to another host, in t->arena. */
const char *step_send_reason(const struct operation *op);

#endif
