# examples: each domain file is checked by tests/unit/xl-ext/test-examples.sh
# and run in the bed.
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/full.cfg \
	examples/web-pv.cfg \
	examples/web.cfg
EXTRA_DIST += \
	examples/guest/README.md \
	examples/guest/build \
	examples/guest/init \
	examples/guest/inittab \
	examples/guest/kernel.sh \
	examples/guest/power
