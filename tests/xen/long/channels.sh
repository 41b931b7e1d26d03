#!/bin/bash
# The test of channels on real Xen, with channeld: pipes between all pairs of
# domains, its restart, quotas, silence, and the end of guests.
WITH_CHANNELD=1 exec "$(dirname "$0")/../test-6-channels.sh"
