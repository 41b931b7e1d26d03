#!/bin/bash
# All of the suite that every implementation of the hypervisor interface must
# pass, on real Xen; about 6 minutes under emulation.
PARTS=. exec "$(dirname "$0")/../test-0-hv.sh"
