/* Which function handles which message. */
#ifndef RESOURCED_HANDLERS_H
#define RESOURCED_HANDLERS_H

#include "resourced/server.h"

/* NULL when resourced does not handle it. */
request_fn *handler_of(unsigned message_number);

#endif
