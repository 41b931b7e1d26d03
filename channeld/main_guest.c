/*
 * channeld for guests alone: the same as channeld --guest, without what only
 * a host needs, so that it can be linked statically for an initramfs.
 */
#include "channeld/guest.h"

int main(int argc, char **argv)
{
    return guest_main(argc, argv);
}
