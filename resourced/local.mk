# Files of resourced.
