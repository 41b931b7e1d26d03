# Files of libvdc/hv.
