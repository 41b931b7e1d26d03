# Unit tests of chan.
