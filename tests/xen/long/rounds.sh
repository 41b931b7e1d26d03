#!/bin/bash
# As ../test-3-rounds.sh, with many more rounds.  Takes about 15 s a round
# under emulation; run by ./quickstart long.
export ROUNDS=${ROUNDS:-50}
exec "$(dirname "$0")/../test-3-rounds.sh"
