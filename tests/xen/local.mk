# tests/xen: on real Xen in the bed; run by ./quickstart test.
EXTRA_DIST += tests/xen/lib.sh \
	tests/xen/lib-hosts.sh \
	tests/xen/lib-ticks.sh \
	tests/xen/test-0-hv.sh \
	tests/xen/test-1-road.sh \
	tests/xen/test-2-errors.sh \
	tests/xen/test-3-rounds.sh \
	tests/xen/test-4-crash.sh \
	tests/xen/test-5-resources.sh \
	tests/xen/test-6-features.sh \
	tests/xen/channels-death.sh \
	tests/xen/channels-vchan.sh \
	tests/xen/channels-many.sh \
	tests/xen/channels-broker.sh \
	tests/xen/long/automation.sh \
	tests/xen/long/channels.sh \
	tests/xen/long/command-domain.sh \
	tests/xen/long/conform.sh \
	tests/xen/long/crash.sh \
	tests/xen/long/fencing.sh \
	tests/xen/long/guest.sh \
	tests/xen/long/migrate-hosts.sh \
	tests/xen/long/rounds.sh \
	tests/xen/long/two-hosts.sh
# For a guest's initramfs, as channeld/channeld-guest is; tests/xen/lib.sh
# makes it.
noinst_PROGRAMS += tests/xen/many-channels
tests_xen_many_channels_SOURCES = tests/xen/many_channels.c
tests_xen_many_channels_LDADD = libvdc/chan/libchan.a $(WIRE_LIBS) $(BASE_LIBS)
# For a guest's initramfs, too: tests/xen/lib-ticks.sh puts it there.
if !SANITIZE
noinst_PROGRAMS += tests/xen/ticks
endif
tests_xen_ticks_SOURCES = tests/xen/ticks.c
tests_xen_ticks_LDFLAGS = -static
include tests/xen/hv/local.mk
