# Unit tests of hv.
