#!/bin/sh
# The model of a guest's way to another host, with more going wrong in a run,
# and all that each mutation violates.  Two minutes.
# shellcheck source=tests/check.sh
. "$(dirname "$0")/../../check.sh"
check "the model, with each thing taken away" \
    env VDC_SWEEP=full "$(dirname "$0")/../../model/test-handover.sh"
printf '%s\n' "$output" | grep 'states, stored'
closing_line 0
