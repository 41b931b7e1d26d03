/*
 * channeld in a guest: serves the programs of its domain, and decides
 * nothing.  What they want it passes on to the host's channeld; what it does
 * by itself is to give and to take memory.
 */
#ifndef CHANNELD_GUEST_H
#define CHANNELD_GUEST_H

/* The exit status of main. */
int guest_main(int argc, char **argv);

#endif
