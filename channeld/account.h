/*
 * Whose login a unix account is: policyd knows, and is asked for each
 * connection, so that a customer that was just made or deleted counts at
 * once.
 */
#ifndef CHANNELD_ACCOUNT_H
#define CHANNELD_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct accounts;
struct account_request;
struct event_base;

/* policyd: the path of its socket, or channel:SERVICE@PARTITION; broker: our
 * own socket, for a channel. */
struct accounts *accounts_new(struct event_base *base, const char *policyd,
                              const char *broker);
/* What is asked is forgotten: no callback comes. */
void accounts_free(struct accounts *accounts); /* NULL allowed */

/* rc VDC_E_DENIED: nobody's; VDC_E_NO_DAEMON, VDC_E_TIMEOUT (5 s) and others:
 * policyd did not say.  looks: the login is read-only. */
typedef void account_fn(void *arg, int rc, const char *customer, bool looks,
                        const struct vdc_error *err);

/* The answer comes once, from the loop, unless it is cancelled. */
struct account_request *account_ask(struct accounts *accounts, uid_t uid,
                                    account_fn *fn, void *arg);
void account_cancel(struct account_request *request);

#endif
