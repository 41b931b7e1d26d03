# Unit tests of resourced.
