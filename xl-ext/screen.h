/*
 * A terminal that is drawn anew now and then, and gives single keys meanwhile.
 * However the program ends, by a signal too, the terminal is as before.
 */
#ifndef XL_EXT_SCREEN_H
#define XL_EXT_SCREEN_H

#include <stdbool.h>

/* Keys come one by one and unseen from now on.  False: standard input and
 * output are not both a terminal; then nothing is changed. */
bool screen_begin(void);
void screen_end(void);
/* So many lines and columns, 24 and 80 when it does not say. */
void screen_size(unsigned *ret_lines, unsigned *ret_columns);
/* What is printed next begins at its top left corner, on nothing. */
void screen_clear(void);
/* Waits for a key for so long: the key; -1: none came, or the window has
 * another size; 0: there will be none any more. */
int screen_key(unsigned ms);

#endif
