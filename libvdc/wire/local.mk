# Files of libvdc/wire.
