/* Text from outside (Xen, xenstore, files) made fit for the protocol. */
#ifndef RESOURCED_TEXT_H
#define RESOURCED_TEXT_H

#include <stddef.h>

/*
 * Copies at most size - 1 bytes of text: control characters and what is not
 * UTF-8 become '?', a character that does not fit wholly is left out.
 * Returns buf.
 */
const char *text_tidy(char *buf, size_t size, const char *text);

#endif
