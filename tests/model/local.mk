# tests/model: what is shown by exploring all states, with spin.
MODEL_TESTS = tests/model/test-ring-model.sh tests/model/test-handover.sh
dist_check_SCRIPTS += $(MODEL_TESTS)
TESTS += $(MODEL_TESTS)
EXTRA_DIST += tests/model/ring.pml tests/model/handover.pml
EXTRA_DIST += tests/sim/long/handover.sh
