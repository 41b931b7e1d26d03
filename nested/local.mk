# Files of nested.
