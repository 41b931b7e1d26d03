/*
 * Certificates of hosts that have joined are renewed before they expire, over
 * the connection that there is; nobody needs to be there.  doc/design/013 says
 * how it goes on when anything dies in between.
 */
#ifndef POLICYD_HOSTS_RENEW_H
#define POLICYD_HOSTS_RENEW_H

#include <stdbool.h>
#include <stdint.h>

struct host;
struct operations;
struct renew;

/* When so much of its time is left, a certificate is renewed: a third, as of
 * policyd's own. */
#define RENEW_BEFORE_MS (UINT64_C(122) * 24 * 3600 * 1000)

/* Looks at all hosts now and then, renews one after the other.  A host waits
 * while a guest is being sent to it or from it, as long as its certificate is
 * good for some days. */
struct renew *renew_new(struct operations *ops);
/* A host is up that was not.  NULL allowed. */
void renew_soon(struct renew *renew);
/* Whether the host gets another certificate just now, or may have got it: then
 * no guest is sent to it or from it.  renew NULL: false. */
bool renew_is_under_way(const struct renew *renew, const struct host *host);
/* What is under way is left as it is, and goes on in the next process. */
void renew_stop(struct renew *renew); /* NULL allowed */
void renew_free(struct renew *renew); /* NULL allowed */

#endif
