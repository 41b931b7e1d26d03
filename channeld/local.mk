# Files of channeld.
