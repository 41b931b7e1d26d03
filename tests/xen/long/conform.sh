#!/bin/bash
# All of the suite that every implementation of the hypervisor interface must
# pass, on real Xen, and guests that are sent; a quarter of an hour or more
# under emulation.
PARTS=. SENDS="send: receive:" exec "$(dirname "$0")/../test-0-hv.sh"
