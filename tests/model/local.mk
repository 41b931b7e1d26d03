# tests/model: what is shown by exploring all states, with spin.
MODEL_TESTS = tests/model/test-ring-model.sh tests/model/test-handover.sh \
	tests/model/test-fence.sh
dist_check_SCRIPTS += $(MODEL_TESTS)
TESTS += $(MODEL_TESTS)
EXTRA_DIST += tests/model/ring.pml tests/model/handover.pml \
	tests/model/fence.pml
EXTRA_DIST += tests/sim/long/handover.sh
