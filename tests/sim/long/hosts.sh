#!/bin/sh
# 300 hosts, each a real resourced on the simulator, and thousands of guests
# that come and go: hosts.sh [HOSTS [SECONDS [SEED]]].
HOSTS=${1:-300}
SECONDS=${2:-300}
GUESTS=$((HOSTS * 10))
SEED=${3:-4711}
export HOSTS SECONDS GUESTS SEED
exec "${TOP_BUILDDIR:-.}/tests/sim/test_hosts" random
