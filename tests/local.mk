# Tests: unit/ mirrors the tree, one program a file; hv/ holds for every
# implementation of the hypervisor's interface; sim/ runs the real daemons on
# a simulated host; xen/ runs in the bed and is not part of
# `make check`; fuzz/ and bench/ have their own commands.
#
# make runs them about in this order: what takes minutes comes before what
# takes seconds, so that all processors have work until the end.
include tests/sim/local.mk
include tests/unit/policyd.mk
include tests/sim/cli.mk
include tests/sim/channel.mk
include tests/fuzz/local.mk
include tests/model/local.mk
include tests/hv/local.mk
include tests/unit/base.mk
include tests/unit/wire.mk
include tests/unit/chan.mk
include tests/unit/chan_link.mk
include tests/unit/hv.mk
include tests/unit/resourced.mk
include tests/unit/channeld.mk
include tests/unit/watchdogd.mk
include tests/unit/automation.mk
include tests/unit/xl-ext.mk
include tests/xen/local.mk
include tests/bench/local.mk
EXTRA_DIST += tests/unit/unit.h
