# Unit tests of policyd.
