/* Messages over a stream. */
#ifndef WATCHDOGD_MESSAGE_H
#define WATCHDOGD_MESSAGE_H

#include "base/error.h"
#include "wire/wire.h"

struct stream;

/* What cannot be sent is logged; that the other end is gone is told by its
 * on_close. */
void message_send(struct stream *stream, enum wire_message_number number,
                  uint32_t id, const void *body);
void message_send_error(struct stream *stream, uint32_t id,
                        const struct vdc_error *err);
void message_send_hello(struct stream *stream, uint32_t id);

#endif
