# Files of build-aux.
