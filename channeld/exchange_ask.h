/*
 * Whether a channel may be: who offers the service, the rules, the limits.
 */
#ifndef CHANNELD_EXCHANGE_ASK_H
#define CHANNELD_EXCHANGE_ASK_H

#include "channeld/peer.h"
#include "channeld/registry.h"
#include "channeld/setup.h"

/*
 * A row in state ASKED, and who serves.  Errors: VDC_E_NOT_FOUND (also for
 * what the client must not know of), VDC_E_DENIED (the text names the rule),
 * VDC_E_QUOTA, VDC_E_BAD_VALUE, VDC_E_BUSY (too many at once),
 * VDC_E_UNSUPPORTED.
 */
int exchange_admit(struct peer *client,
                   const struct wire_channel_connect *connect,
                   struct channel **ret, struct peer **ret_server,
                   struct vdc_error *err);
/* What the client asks for, within the settings. */
uint32_t exchange_timeout(const struct setup *setup,
                          const struct wire_channel_connect *connect);

/* Whom `word` means for this peer, as the party of a service.
 * VDC_E_NOT_FOUND: it is not there, or this peer may not know that it is. */
int exchange_find_party(const struct peer *peer, const char *word,
                        struct party *ret, struct vdc_error *err);

#endif
