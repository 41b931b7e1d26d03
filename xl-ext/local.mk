# Files of xl-ext.
