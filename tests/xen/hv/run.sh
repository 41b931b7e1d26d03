#!/bin/sh
# Runs the tests of hv/xen in this dom0: run.sh [PART OF A TEST'S NAME].
# The program is beside this script, or wherever $TEST_HV_XEN says.
exec "${TEST_HV_XEN:-$(dirname "$0")/test_hv_xen}" "$@"
