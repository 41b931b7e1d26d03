# tests/model: what is shown by exploring all states, with spin.
dist_check_SCRIPTS += tests/model/test-ring-model.sh
TESTS += tests/model/test-ring-model.sh
EXTRA_DIST += tests/model/ring.pml
