# Files of libvdc/chan.
