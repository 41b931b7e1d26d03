# Files of examples.
