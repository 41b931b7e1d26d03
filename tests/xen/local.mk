# tests/xen: on real Xen in the bed; run by ./quickstart test.
EXTRA_DIST += tests/xen/lib.sh \
	tests/xen/test-0-hv.sh \
	tests/xen/test-1-road.sh \
	tests/xen/test-2-errors.sh \
	tests/xen/test-3-rounds.sh \
	tests/xen/test-4-crash.sh \
	tests/xen/test-5-resources.sh \
	tests/xen/channels-death.sh \
	tests/xen/channels-vchan.sh \
	tests/xen/channels-broker.sh \
	tests/xen/long/channels.sh \
	tests/xen/long/command-domain.sh \
	tests/xen/long/conform.sh \
	tests/xen/long/crash.sh \
	tests/xen/long/guest.sh
include tests/xen/hv/local.mk
