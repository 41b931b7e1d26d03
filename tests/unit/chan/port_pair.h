/*
 * Two ends of a channel in one process: two ports, or a port and, at its other
 * end, whoever wants to break the rules.
 */
#ifndef TESTS_UNIT_CHAN_PORT_PAIR_H
#define TESTS_UNIT_CHAN_PORT_PAIR_H

#include "chan/port.h"

#define PAIR_OUT 16384u /* bytes, maker to taker */
#define PAIR_IN 8192u

void port_pair_make(struct port **maker, struct port **taker,
                    const struct port_options *options);
/* The port is the taker; the ring is valid until the next call. */
void port_pair_raw(struct ring **ring, struct link **link, struct port **port,
                   const struct port_options *options);

#endif
