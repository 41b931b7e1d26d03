# Unit tests of xl-ext.
