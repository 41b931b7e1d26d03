/*
 * An end that sleeps: a ring with two eventfds.  A sleep that nobody ends in
 * 20 s is a lost notification, and ends the test.
 */
#ifndef TESTS_UNIT_CHAN_RING_WAIT_H
#define TESTS_UNIT_CHAN_RING_WAIT_H

#include "chan/ring.h"

struct end {
    struct ring *ring;
    int wake_fd;   /* read by us */
    int notify_fd; /* written to wake the other end */
    unsigned long n_asked, n_sleeps, n_notified;
};

void end_notify(struct end *end);
/* Waits for notice, for up to 20 s. */
void end_sleep(struct end *end);
/* As ring_reserve and ring_peek, but wait instead of VDC_E_BUSY.  Whoever
 * calls them has published what was committed. */
int end_reserve(struct end *end, uint32_t size, uint8_t **ret);
int end_peek(struct end *end, struct ring_message *ret);

#endif
