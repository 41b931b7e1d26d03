# Files of policyd.
