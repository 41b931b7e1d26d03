#!/bin/sh
# Five minutes of channels opened and killed at random, with 50 simulated
# partitions: channels.sh [SECONDS [SEED]].
exec "${TOP_BUILDDIR:-.}/tests/sim/test_channeld_random" "${1:-300}" ${2:+"$2"}
